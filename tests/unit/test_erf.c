/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/erf.h"
#include "wire/link.h"

#include "bytes.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define SECONDS 1700000000ull

/* body: bytes behind the 16-byte header */
static void put_record(struct bytes *b, uint8_t type, size_t body, uint16_t wire)
{
	b->big = false;
	put_u64(b, SECONDS << 32 | 0x80000000);
	put(b, (uint8_t[]){type, 4}, 2);
	b->big = true;
	put_u16(b, (uint16_t)(16 + body));
	put_u16(b, 0);
	put_u16(b, wire);
}

struct erf_case {
	const char *name;
	uint8_t type;
	const char *body;
	uint16_t wire;
	enum nr_record_status status;
	uint16_t link;
	uint32_t captured;
};

#define PAD     "ee ee "
#define FRAME_8 "01 02 03 04 05 06 07 08 "
#define MORE    "80 00 00 00 00 00 00 00 " /* extension header with another one behind it */
#define LAST    "05 00 00 00 00 00 00 00 "

static const struct erf_case cases[] = {
	{"Ethernet", 2, PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET, 8},
	{"Ethernet with colour", 11, PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET, 8},
	{"Ethernet with DSM colour", 16, PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET, 8},
	{"Ethernet with colour and hash", 20, PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET, 8},
	{"IPv4", 22, FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_IPV4, 8},
	{"IPv6", 23, FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_IPV6, 8},
	{"record padding is not captured", 2, PAD FRAME_8, 6, NR_RECORD_FRAME, NR_LINK_ETHERNET, 6},
	{"one extension header", 0x82, LAST PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET, 8},
	{"three extension headers", 0x82, MORE MORE LAST PAD FRAME_8, 60, NR_RECORD_FRAME, NR_LINK_ETHERNET,
		8},
	{"HDLC is counted as not understood", 1, FRAME_8, 60, NR_RECORD_FRAME, 197, 8},
	{"provenance", 0x9b, LAST FRAME_8, 0, NR_RECORD_METADATA, 0, 0},
	{"padding", 48, "", 0, NR_RECORD_METADATA, 0, 0},
	{"extension headers without an end", 0x82, MORE MORE, 60, NR_RECORD_BAD, 0, 0},
	{"no room for the pad", 2, "ee", 60, NR_RECORD_BAD, 0, 0},
};

static void reads_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		uint8_t body[128];
		size_t length = hex_parse(cases[i].body, body, sizeof body);
		struct bytes b = {0};
		put_record(&b, cases[i].type, length, cases[i].wire);
		put(&b, body, length);
		for (size_t cut = 0; cut < b.length; cut++) {
			struct nr_cursor part = nr_cursor_over(b.data, cut);
			struct nr_frame ignored;
			assert_int_equal(nr_erf_next(&part, &ignored, NULL), NR_RECORD_NEED_MORE);
			assert_ptr_equal(part.at, b.data);
		}
		struct nr_cursor c = nr_cursor_over(b.data, b.length);
		struct nr_frame frame;
		struct nr_error error = {0};
		enum nr_record_status status = nr_erf_next(&c, &frame, &error);
		if (status != cases[i].status)
			fail_msg("%s: status %d", cases[i].name, status);
		assert_int_equal(nr_cursor_left(&c), 0);
		assert_int_equal(!!error.text[0], status == NR_RECORD_BAD);
		if (status != NR_RECORD_FRAME)
			continue;
		assert_int_equal(frame.link, cases[i].link);
		assert_int_equal(frame.captured, cases[i].captured);
		assert_int_equal(frame.wire, cases[i].wire);
		assert_true(frame.time == (nr_time)SECONDS * NR_SECOND + 500000);
		assert_int_equal(frame.data[0], 1);
	}
}

static void short_record_loses_the_chain(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_record(&b, 2, 0, 60);
	b.data[11] = 15;
	struct nr_cursor c = nr_cursor_over(b.data, b.length);
	struct nr_frame frame;
	struct nr_error error;
	assert_int_equal(nr_erf_next(&c, &frame, &error), NR_RECORD_DAMAGED);
	assert_ptr_equal(c.at, b.data);
}

static void is_recognised_by_its_chain(void **state)
{
	(void)state;
	struct bytes b = {0};
	for (int i = 0; i < 10; i++) {
		put_record(&b, 2, 8, 6);
		put_zeros(&b, 8);
	}
	assert_true(nr_erf_is(b.data, b.length));
	assert_true(nr_erf_is(b.data, b.length - 5));
	assert_true(nr_erf_is(b.data, 24));
	assert_true(nr_erf_is(b.data, 30));
	assert_true(nr_erf_is(b.data, 45));
	assert_false(nr_erf_is(b.data, 20)); /* not one whole record */
	assert_false(nr_erf_is(b.data, 15));
	b.data[24 * 3 + 8] = 77; /* no such type */
	assert_false(nr_erf_is(b.data, b.length));
	b.data[24 * 3 + 8] = 2;
	b.data[24 * 5 + 7] ^= 0x80; /* 68 years apart */
	assert_false(nr_erf_is(b.data, b.length));
	const char *text =
		"12:00:00.000000 IP 198.51.100.7.40000 > 192.0.2.9.23: Flags [S], seq 1, win 65535\n";
	assert_false(nr_erf_is((const uint8_t *)text, strlen(text)));
	static const uint8_t zeros[64];
	assert_false(nr_erf_is(zeros, sizeof zeros));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_types),
		cmocka_unit_test(short_record_loses_the_chain),
		cmocka_unit_test(is_recognised_by_its_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
