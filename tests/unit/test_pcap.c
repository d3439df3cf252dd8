/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pcap.h"

#include "bytes.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define SECONDS 1700000000u

static void put_header(struct bytes *b, uint32_t magic, uint32_t link)
{
	put_u32(b, magic);
	put_u16(b, 2);
	put_u16(b, 4);
	put_u64(b, 0);
	put_u32(b, 65535);
	put_u32(b, link);
}

static void put_record(struct bytes *b, uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t wire)
{
	put_u32(b, seconds);
	put_u32(b, fraction);
	put_u32(b, captured);
	put_u32(b, wire);
}

struct form {
	uint32_t magic;
	bool big;
	size_t extra; /* bytes of the modified record header */
	uint32_t fraction;
};

static const struct form forms[] = {
	{0xa1b2c3d4, false, 0, 123456},
	{0xa1b2c3d4, true, 0, 123456},
	{0xa1b23c4d, false, 0, 123456789},
	{0xa1b23c4d, true, 0, 123456789},
	{0xa1b2cd34, false, 8, 123456},
	{0xa1b2cd34, true, 8, 123456},
};

static void put_form(struct bytes *b, const struct form *form)
{
	b->big = form->big;
	put_header(b, form->magic, 0x28000071); /* FCS length in the upper bits */
	for (uint32_t i = 0; i < 3; i++) {
		put_record(b, SECONDS + i, form->fraction, 20 + i, i == 1 ? 10 : 1500);
		put_zeros(b, form->extra + 20 + i);
	}
}

static void check_frames(const struct nr_frame *frames)
{
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(frames[i].captured, 20 + i);
		assert_int_equal(frames[i].wire, i == 1 ? 21 : 1500); /* at least what was captured */
		assert_int_equal(frames[i].link, 113);
		assert_true(frames[i].time == (SECONDS + i) * NR_SECOND + 123456);
	}
}

static void reads_all_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(forms); i++) {
		struct bytes b = {0};
		put_form(&b, &forms[i]);
		assert_true(nr_pcap_is(b.data, b.length));
		struct nr_cursor c = nr_cursor_over(b.data, b.length);
		struct nr_pcap pcap;
		struct nr_frame frames[4];
		assert_int_equal(nr_pcap_parse_header(&c, &pcap, NULL), 0);
		struct nr_cursor one = c;
		enum nr_record_status status;
		assert_int_equal(nr_pcap_read(&pcap, &c, frames, 4, &status, NULL), 3);
		assert_int_equal(status, NR_RECORD_NEED_MORE);
		assert_int_equal(nr_cursor_left(&c), 0);
		check_frames(frames);
		memset(frames, 0, sizeof frames);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(nr_pcap_next(&pcap, &one, &frames[k], NULL), NR_RECORD_FRAME);
		assert_int_equal(nr_pcap_next(&pcap, &one, &frames[3], NULL), NR_RECORD_NEED_MORE);
		check_frames(frames);
	}
}

static void stops_at_max(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_form(&b, &forms[0]);
	struct nr_cursor c = nr_cursor_over(b.data, b.length);
	struct nr_pcap pcap;
	struct nr_frame frames[4];
	enum nr_record_status status;
	nr_pcap_parse_header(&c, &pcap, NULL);
	assert_int_equal(nr_pcap_read(&pcap, &c, frames, 2, &status, NULL), 2);
	assert_int_equal(status, NR_RECORD_FRAME);
	assert_int_equal(nr_pcap_read(&pcap, &c, frames, 2, &status, NULL), 1);
	assert_int_equal(status, NR_RECORD_NEED_MORE);
}

static void cut_anywhere(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_form(&b, &forms[0]);
	for (size_t cut = 0; cut < b.length; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);
		assert_non_null(copy);
		memcpy(copy, b.data, cut);
		struct nr_cursor c = nr_cursor_over(copy, cut);
		struct nr_pcap pcap;
		int code = nr_pcap_parse_header(&c, &pcap, NULL);
		assert_int_equal(code, cut < 24 ? -EAGAIN : 0);
		if (code == 0) {
			struct nr_frame frames[4];
			enum nr_record_status status;
			size_t whole = (cut >= 24 + 36) + (cut >= 24 + 36 + 37);
			assert_int_equal(nr_pcap_read(&pcap, &c, frames, 4, &status, NULL), whole);
			assert_int_equal(status, NR_RECORD_NEED_MORE);
			assert_ptr_equal(c.at, copy + 24 + (whole > 0 ? 36 : 0) + (whole > 1 ? 37 : 0));
		}
		free(copy);
	}
}

static void refuses_other_magic(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_header(&b, 0xa1b2c3d5, 1);
	assert_false(nr_pcap_is(b.data, b.length));
	assert_false(nr_pcap_is(b.data, 3));
	struct nr_cursor c = nr_cursor_over(b.data, b.length);
	struct nr_pcap pcap;
	assert_int_equal(nr_pcap_parse_header(&c, &pcap, NULL), -EBADMSG);
	assert_ptr_equal(c.at, b.data);
}

/* One good record, damage, then `count` good ones. Returns the offset of the first of these. */
static size_t put_damaged(struct bytes *b, size_t damage, uint32_t count)
{
	put_header(b, 0xa1b2c3d4, 1);
	put_record(b, SECONDS, 0, 60, 60);
	put_zeros(b, 60);
	put_record(b, SECONDS, 1, NR_RECORD_CAPTURED_MAX + 1, 60);
	for (size_t i = 0; i < damage; i++)
		put(b, &(uint8_t){(uint8_t)(i * 37)}, 1);
	size_t offset = b->length;
	for (uint32_t i = 0; i < count; i++) {
		put_record(b, SECONDS + 1 + i, 0, 60, 60);
		put_zeros(b, 60);
	}
	return offset;
}

static void finds_the_next_chain(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 6; count++) {
		struct bytes b = {0};
		size_t good = put_damaged(&b, 333, count);
		struct nr_cursor c = nr_cursor_over(b.data, b.length);
		struct nr_pcap pcap;
		struct nr_frame frames[8];
		struct nr_error error;
		enum nr_record_status status;
		nr_pcap_parse_header(&c, &pcap, NULL);
		assert_int_equal(nr_pcap_read(&pcap, &c, frames, 8, &status, &error), 1);
		assert_int_equal(status, NR_RECORD_DAMAGED);
		assert_string_equal(error.text, "record of 262145 bytes is longer than 262144");
		size_t at = (size_t)(c.at - b.data);
		assert_int_equal(nr_pcap_resync(&pcap, &c, 1000, true), good - at);
		assert_int_equal(nr_pcap_resync(&pcap, &c, good - at - 1, true), 0); /* too far */
		nr_cursor_skip(&c, good - at);
		assert_int_equal(nr_pcap_read(&pcap, &c, frames, 8, &status, NULL), count);
	}
}

static void finds_nothing_in_noise(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_damaged(&b, 7000, 0);
	struct nr_cursor c = nr_cursor_over(b.data, b.length);
	struct nr_pcap pcap;
	struct nr_frame frames[8];
	enum nr_record_status status;
	nr_pcap_parse_header(&c, &pcap, NULL);
	nr_pcap_read(&pcap, &c, frames, 8, &status, NULL);
	assert_int_equal(nr_pcap_resync(&pcap, &c, NR_RECORD_CAPTURED_MAX, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_forms),
		cmocka_unit_test(stops_at_max),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(refuses_other_magic),
		cmocka_unit_test(finds_the_next_chain),
		cmocka_unit_test(finds_nothing_in_noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
