/* SPDX-License-Identifier: Apache-2.0 */
/* DER: what is taken whole can be read element by element, and what is written again is the same. */
#include "wire/oid.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every element by its own reader; answers whether all of it went. */
static bool walk(struct nr_cursor c, unsigned depth)
{
	assert(depth < NR_DER_DEPTH_MAX);
	while (!nr_der_done(&c)) {
		struct nr_cursor typed = c;
		struct nr_der element = nr_der_any(&c);
		if (c.failed)
			return false;
		assert(element.start < element.value && element.value + element.length == c.at);
		if (element.tag == NR_DER_INTEGER)
			nr_der_uint(&typed);
		else if (element.tag == NR_DER_UTC_TIME)
			nr_der_time(&typed);
		else if (element.tag == NR_DER_GENERALIZED_TIME)
			nr_der_generalized_time(&typed);
		else
			nr_der_take(&typed, element.tag);
		char text[128];
		if (element.tag == NR_DER_OID && nr_der_oid_write(&element, text, sizeof text))
			assert(text[0] >= '0' && text[0] <= '2');
		if (element.tag & 0x20 && !walk(nr_der_inside(&element), depth + 1))
			return false;
	}
	return true;
}

/* Header and contents as the writer makes them. */
static void write_again(const uint8_t *data, size_t size)
{
	uint8_t buffer[4096];
	struct nr_cursor c = nr_cursor_over(data, size);
	struct nr_der element = nr_der_any(&c);
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_value(&w, element.tag, element.value, element.length);
	assert(w.failed == (size > sizeof buffer));
	assert(w.failed || (nr_der_mark(&w) == size && memcmp(w.at, data, size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t offset = 0;
	if (nr_der_check_whole(data, size, &offset)) {
		assert(walk(nr_cursor_over(data, size), 0));
		write_again(data, size);
	} else {
		assert(offset <= size);
	}
	uint8_t rs[64], der[80];
	if (nr_der_to_rs(data, size, rs, 32)) {
		assert(nr_der_from_rs(rs, 32, der, sizeof der) == size);
		assert(memcmp(der, data, size) == 0);
	}
	return 0;
}
