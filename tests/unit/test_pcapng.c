/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pcapng.h"

#include "bytes.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define SECONDS 1700000000ull

static size_t begin_block(struct bytes *b, uint32_t type)
{
	put_u32(b, type);
	put_u32(b, 0);
	return b->length - 8;
}

/* Pads, and writes both lengths. */
static void end_block(struct bytes *b, size_t start)
{
	put_zeros(b, -b->length % 4);
	uint32_t length = (uint32_t)(b->length - start + 4);
	put_u32(b, length);
	memcpy(b->data + start + 4, b->data + b->length - 4, 4);
}

static void put_section(struct bytes *b)
{
	size_t start = begin_block(b, 0x0a0d0d0a);
	put_u32(b, 0x1a2b3c4d);
	put_u16(b, 1);
	put_u16(b, 0);
	put_u64(b, UINT64_MAX);
	end_block(b, start);
}

/* resolution 0xff: without the option */
static void put_interface(struct bytes *b, uint16_t link, uint32_t snap, uint8_t resolution, int64_t offset)
{
	size_t start = begin_block(b, 1);
	put_u16(b, link);
	put_u16(b, 0);
	put_u32(b, snap);
	put_u16(b, 2); /* if_name, of odd length */
	put_u16(b, 3);
	put(b, "em0", 4);
	if (resolution != 0xff) {
		put_u16(b, 9);
		put_u16(b, 1);
		put(b, &resolution, 1);
		put_zeros(b, 3);
	}
	if (offset) {
		put_u16(b, 14);
		put_u16(b, 8);
		put_u64(b, (uint64_t)offset);
	}
	put_u32(b, 0); /* end of options */
	end_block(b, start);
}

static void put_packet(struct bytes *b, uint32_t interface, uint64_t units, uint32_t captured, uint32_t wire)
{
	size_t start = begin_block(b, 6);
	put_u32(b, interface);
	put_u32(b, (uint32_t)(units >> 32));
	put_u32(b, (uint32_t)units);
	put_u32(b, captured);
	put_u32(b, wire);
	put_zeros(b, captured);
	end_block(b, start);
}

static struct nr_pcapng pcapng; /* large */

static struct nr_cursor start(const struct bytes *b)
{
	memset(&pcapng, 0, sizeof pcapng);
	return nr_cursor_over(b->data, b->length);
}

/* The next record that is not passed over. */
static enum nr_record_status next(struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error)
{
	enum nr_record_status status;
	do
		status = nr_pcapng_next(&pcapng, c, ret, error);
	while (status == NR_RECORD_SKIP);
	return status;
}

static void reads_times_of_all_resolutions(void **state)
{
	(void)state;
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t units;
		nr_time time;
	} cases[] = {
		{0xff, 0, SECONDS * 1000000 + 7, SECONDS * NR_SECOND + 7},
		{6, 0, SECONDS * 1000000 + 7, SECONDS * NR_SECOND + 7},
		{9, 0, SECONDS * 1000000000 + 7999, SECONDS * NR_SECOND + 7},
		{3, 0, SECONDS * 1000 + 7, SECONDS * NR_SECOND + 7000},
		{0, 0, SECONDS, SECONDS * NR_SECOND},
		{0x80 | 10, 0, SECONDS << 10 | 512, SECONDS * NR_SECOND + 500000},
		{0x80 | 32, 0, SECONDS << 32 | 0x80000000, SECONDS * NR_SECOND + 500000},
		{0x80, 0, SECONDS, SECONDS * NR_SECOND},
		{6, SECONDS, 7, SECONDS * NR_SECOND + 7},
		{6, -1, 7, 7 - NR_SECOND},
		{127, 0, UINT64_MAX, 0},
		{0xfe, 0, UINT64_MAX, 0},
		{0, 0, UINT64_MAX, NR_TIME_MIN}, /* beyond 64 bits of us: the packet counts without a time */
		{6, INT64_MAX, 7, NR_TIME_MIN},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		for (int big = 0; big < 2; big++) {
			struct bytes b = {.big = big};
			put_section(&b);
			put_interface(&b, 1, 0, cases[i].resolution, cases[i].offset);
			put_packet(&b, 0, cases[i].units, 5, 60);
			struct nr_cursor c = start(&b);
			struct nr_frame frame;
			assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
			if (frame.time != cases[i].time)
				fail_msg("resolution %02x: %lld", cases[i].resolution, (long long)frame.time);
			assert_int_equal(frame.captured, 5);
			assert_int_equal(frame.wire, 60);
			assert_int_equal(next(&c, &frame, NULL), NR_RECORD_NEED_MORE);
			assert_int_equal(nr_cursor_left(&c), 0);
		}
	}
}

static void keeps_interfaces_per_section(void **state)
{
	(void)state;
	struct bytes b = {0};
	struct nr_frame frame;
	struct nr_error error;
	put_section(&b);
	put_interface(&b, 1, 0, 6, 0);
	put_interface(&b, 101, 0, 3, 0);
	put_packet(&b, 1, 7, 4, 4);
	b.big = true;
	put_section(&b);
	put_interface(&b, 113, 0, 6, 0);
	put_packet(&b, 0, 7, 4, 4);
	put_packet(&b, 1, 7, 4, 4); /* the first section's interface is gone */
	put_packet(&b, 0, 8, 4, 4);
	struct nr_cursor c = start(&b);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_int_equal(frame.link, 101);
	assert_true(frame.time == 7000);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_int_equal(frame.link, 113);
	assert_int_equal(next(&c, &frame, &error), NR_RECORD_BAD);
	assert_non_null(strstr(error.text, "interface 1"));
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_true(frame.time == 8);
}

static void bounds_interfaces(void **state)
{
	(void)state;
	static struct nr_cursor c;
	struct nr_frame frame;
	struct bytes head = {0}, one = {0}, last = {0};
	put_section(&head);
	put_interface(&one, 1, 0, 0xff, 0);
	put_packet(&last, NR_PCAPNG_INTERFACES_MAX, 0, 4, 4);
	c = start(&head);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_NEED_MORE);
	for (unsigned i = 0; i < NR_PCAPNG_INTERFACES_MAX + 10; i++) {
		c = nr_cursor_over(one.data, one.length);
		assert_int_equal(next(&c, &frame, NULL), NR_RECORD_NEED_MORE);
	}
	assert_int_equal(pcapng.interface_count, NR_PCAPNG_INTERFACES_MAX + 10);
	c = nr_cursor_over(last.data, last.length);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_BAD);
}

static void reads_simple_and_obsolete_packets(void **state)
{
	(void)state;
	struct bytes b = {0};
	struct nr_frame frame;
	put_section(&b);
	put_interface(&b, 1, 8, 0xff, 0);
	size_t at = begin_block(&b, 3);
	put_u32(&b, 100);
	put_zeros(&b, 8);
	end_block(&b, at);
	at = begin_block(&b, 3); /* shorter than the snap length: the padding is not captured */
	put_u32(&b, 5);
	put_zeros(&b, 8);
	end_block(&b, at);
	at = begin_block(&b, 2);
	put_u16(&b, 0);
	put_u16(&b, 3); /* drop count */
	put_u64(&b, 0);
	put_u32(&b, 6);
	put_u32(&b, 70);
	put_zeros(&b, 6);
	end_block(&b, at);
	struct nr_cursor c = start(&b);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_true(frame.time == NR_TIME_MIN);
	assert_int_equal(frame.captured, 8);
	assert_int_equal(frame.wire, 100);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_int_equal(frame.captured, 5);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_int_equal(frame.captured, 6);
	assert_int_equal(frame.wire, 70);
	assert_true(frame.time == 0);
}

static void passes_over_other_blocks(void **state)
{
	(void)state;
	struct bytes b = {0};
	struct nr_frame frame;
	static const uint32_t types[] = {0, 4, 5, 10, 0xbad, 0x40000bad, 0xffffffff};
	put_section(&b);
	put_interface(&b, 1, 0, 0xff, 0);
	for (size_t i = 0; i < NR_COUNT(types); i++) {
		size_t at = begin_block(&b, types[i]);
		put_zeros(&b, i * 4);
		end_block(&b, at);
	}
	put_packet(&b, 0, 7, 4, 4);
	struct nr_cursor c = start(&b);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
	assert_true(frame.time == 7);
}

/* A block of 4 MiB is passed over piece by piece, and the block behind it is read. */
static void passes_over_long_blocks(void **state)
{
	(void)state;
	struct bytes b = {0}, tail = {0};
	struct nr_frame frame;
	put_section(&b);
	put_interface(&b, 1, 0, 0xff, 0);
	put_u32(&b, 0xbad);
	put_u32(&b, 4 << 20);
	put_packet(&tail, 0, 7, 4, 4);
	struct nr_cursor c = start(&b);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_NEED_MORE);
	uint64_t left = (4 << 20) - 8;
	assert_true(pcapng.skip == left);
	for (; left > 0; left -= NR_MIN(left, sizeof b.data)) {
		assert_true(pcapng.skip == left);
		c = nr_cursor_over(b.data, (size_t)NR_MIN(left, sizeof b.data));
		enum nr_record_status status = nr_pcapng_next(&pcapng, &c, &frame, NULL);
		assert_int_equal(status, left <= sizeof b.data ? NR_RECORD_SKIP : NR_RECORD_NEED_MORE);
		assert_int_equal(nr_cursor_left(&c), 0);
	}
	c = nr_cursor_over(tail.data, tail.length);
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
}

struct damage {
	const char *name;
	size_t offset; /* in the packet block */
	uint32_t value;
	enum nr_record_status status;
};

static void tells_damage(void **state)
{
	(void)state;
	static const struct damage cases[] = {
		{"length 0", 4, 0, NR_RECORD_DAMAGED},
		{"length 8", 4, 8, NR_RECORD_DAMAGED},
		{"length 41", 4, 41, NR_RECORD_DAMAGED},
		{"length differs at the end", 4, 32, NR_RECORD_DAMAGED},
		{"packet block of 1 GiB", 4, 1 << 30, NR_RECORD_DAMAGED},
		{"section with another magic", 0, 0x0a0d0d0a, NR_RECORD_DAMAGED},
		{"captured beyond the block", 20, 9, NR_RECORD_BAD},
		{"captured 4 GiB", 20, UINT32_MAX, NR_RECORD_BAD},
		{"unknown interface", 8, 1, NR_RECORD_BAD},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct bytes b = {0};
		put_section(&b);
		put_interface(&b, 1, 0, 0xff, 0);
		size_t block = b.length;
		put_packet(&b, 0, 7, 8, 8);
		size_t good = b.length;
		put_packet(&b, 0, 9, 8, 8);
		memcpy(b.data + block + cases[i].offset, &cases[i].value, 4);
		struct nr_cursor c = start(&b);
		struct nr_frame frame;
		struct nr_error error = {0};
		enum nr_record_status status = next(&c, &frame, &error);
		if (status != cases[i].status)
			fail_msg("%s: status %d", cases[i].name, status);
		assert_true(error.text[0]);
		if (status == NR_RECORD_DAMAGED) {
			assert_ptr_equal(c.at, b.data + block);
			assert_int_equal(nr_pcapng_resync(&pcapng, &c, 4096), good - block);
			c.at = b.data + good;
		}
		assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
		assert_true(frame.time == 9);
	}
}

static void wants_a_section_first(void **state)
{
	(void)state;
	struct bytes b = {0};
	struct nr_frame frame;
	put_packet(&b, 0, 7, 8, 8);
	struct nr_cursor c = start(&b);
	assert_false(nr_pcapng_is(b.data, b.length));
	assert_int_equal(next(&c, &frame, NULL), NR_RECORD_DAMAGED);
}

static void cut_anywhere(void **state)
{
	(void)state;
	struct bytes b = {0};
	put_section(&b);
	put_interface(&b, 1, 0, 0xff, 0);
	put_packet(&b, 0, 7, 8, 8);
	size_t block = b.length;
	put_packet(&b, 0, 9, 8, 8);
	for (size_t cut = block; cut < b.length; cut++) {
		uint8_t *copy = malloc(cut);
		assert_non_null(copy);
		memcpy(copy, b.data, cut);
		memset(&pcapng, 0, sizeof pcapng);
		struct nr_cursor c = nr_cursor_over(copy, cut);
		struct nr_frame frame;
		assert_int_equal(next(&c, &frame, NULL), NR_RECORD_FRAME);
		assert_int_equal(next(&c, &frame, NULL), NR_RECORD_NEED_MORE);
		assert_ptr_equal(c.at, copy + block);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_times_of_all_resolutions),
		cmocka_unit_test(keeps_interfaces_per_section),
		cmocka_unit_test(bounds_interfaces),
		cmocka_unit_test(reads_simple_and_obsolete_packets),
		cmocka_unit_test(passes_over_other_blocks),
		cmocka_unit_test(passes_over_long_blocks),
		cmocka_unit_test(tells_damage),
		cmocka_unit_test(wants_a_section_first),
		cmocka_unit_test(cut_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
