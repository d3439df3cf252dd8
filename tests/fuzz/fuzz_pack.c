/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack and its sketches: refused, or every row can be read, and what is read and written again is a pack of
 * the same rows. Input: kind (1), where the sketches begin (3), then both.
 */
#include "store/pack.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct nr_pack *pack)
{
	uint64_t values[64], key[NR_PACK_LANES_MAX];
	for (uint32_t first = 0; first < pack->rows; first += NR_COUNT(values)) {
		uint32_t count = NR_MIN((uint32_t)NR_COUNT(values), pack->rows - first);
		for (size_t lane = 0; lane < pack->layout->lanes; lane++) {
			nr_pack_read(pack, lane, first, count, values);
			key[lane] = nr_pack_get(pack, lane, first);
		}
		assert(nr_pack_is(pack, first, key, pack->layout->keys));
		assert(nr_pack_find(pack, key, pack->layout->keys) <= pack->rows);
		assert(nr_pack_find_from(pack, key, pack->layout->keys, first) <= pack->rows);
	}
}

/* Rows as they were read, in their order. */
static void check_again(struct nr_packer *packer)
{
	struct nr_pack_bytes bytes;
	struct nr_pack pack;
	assert(nr_packer_sort(packer, NULL) == 0);
	assert(nr_packer_write(packer, 0, packer->count, &bytes, NULL) == 0);
	assert(nr_pack_open(&pack, packer->layout, bytes.numbers, bytes.numbers_length, NULL) == 0);
	assert(pack.rows == packer->count);
	for (uint32_t row = 0; row < pack.rows; row++) {
		const uint64_t *lanes = nr_packer_row(packer, row);
		for (size_t lane = 0; lane < pack.layout->lanes; lane++)
			assert(nr_pack_get(&pack, lane, row) == lanes[lane]);
		assert(nr_pack_find(&pack, lanes, pack.layout->identity) == row);
	}
	nr_pack_bytes_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_error error = {0};
	struct nr_pack pack;
	if (size < 4)
		return 0;
	const struct nr_layout *layout = &nr_layouts[data[0] % NR_PACK_KINDS];
	size_t length = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
	length = NR_MIN(length, size - 4);
	const uint8_t *numbers = data + 4, *sketches = numbers + length;
	int status = nr_pack_open(&pack, layout, numbers, length, &error);
	if (status) {
		assert(status < 0 && error.code == status && error.text[0]);
		return 0;
	}
	assert(pack.rows <= length); /* what is small is not made large */
	read_all(&pack);
	struct nr_packer packer = {.layout = layout};
	status = nr_packer_take(&packer, &pack, sketches, size - 4 - length, &error);
	assert(status == 0 || (error.code == status && error.text[0]));
	if (!status)
		check_again(&packer);
	nr_packer_fini(&packer);
	return 0;
}
