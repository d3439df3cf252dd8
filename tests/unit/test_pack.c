/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: what is written is read again, whatever the numbers; what is damaged is told, and read without harm.
 */
#include "store/pack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint64_t state = 1;

static uint64_t draw(void)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Mostly small, sometimes of any size: what lanes are made for. */
static uint64_t figure(void)
{
	uint64_t r = draw();
	return r % 50 == 0 ? draw() : r % 7 == 0 ? draw() & 0xffff : r >> 32 & 0x3f;
}

/* Rows in the order of their keys. */
static void fill(struct nr_packer *packer, const struct nr_layout *layout, size_t rows)
{
	*packer = (struct nr_packer){.layout = layout};
	for (size_t i = 0; i < rows; i++) {
		uint64_t lanes[NR_PACK_LANES_MAX];
		uint8_t sketch[64];
		for (size_t lane = 0; lane < layout->lanes; lane++)
			lanes[lane] = figure();
		lanes[0] = i / 3;
		lanes[1] = layout->keys > 1 ? i % 3 : lanes[1];
		if (layout->keys == 1)
			lanes[0] = i;
		memset(sketch, (int)i, sizeof sketch);
		assert_int_equal(nr_packer_add(packer, lanes, sketch,
					 layout->sketch ? draw() % sizeof sketch : 0, NULL),
			0);
	}
	assert_int_equal(nr_packer_sort(packer, NULL), 0);
	assert_int_equal(packer->count, rows);
}

static void check_rows(const struct nr_packer *packer, const struct nr_pack *pack)
{
	const struct nr_layout *layout = packer->layout;
	uint64_t *values = malloc((packer->count + 1) * sizeof *values);
	assert_int_equal(pack->rows, packer->count);
	for (size_t lane = 0; lane < layout->lanes; lane++) {
		nr_pack_read(pack, lane, 0, pack->rows, values);
		for (uint32_t row = 0; row < pack->rows; row++) {
			assert_int_equal(values[row], nr_packer_row(packer, row)[lane]);
			assert_int_equal(nr_pack_get(pack, lane, row), values[row]);
		}
		if (pack->rows > 5) { /* a piece of it */
			nr_pack_read(pack, lane, 3, 2, values);
			assert_int_equal(values[1], nr_packer_row(packer, 4)[lane]);
		}
	}
	free(values);
}

static void check_keys(const struct nr_packer *packer, const struct nr_pack *pack)
{
	size_t keys = NR_MIN(packer->layout->keys, (size_t)2);
	for (uint32_t row = 0; row < pack->rows; row++) {
		uint64_t key[2] = {nr_packer_row(packer, row)[0], nr_packer_row(packer, row)[1]};
		assert_int_equal(nr_pack_find(pack, key, keys), row);
		assert_true(nr_pack_is(pack, row, key, keys));
	}
	uint64_t beyond[2] = {UINT64_MAX, UINT64_MAX};
	assert_int_equal(nr_pack_find(pack, beyond, keys), pack->rows);
	assert_false(nr_pack_is(pack, pack->rows, beyond, keys));
}

static void check_sketches(const struct nr_packer *packer, const struct nr_packer *again)
{
	size_t stride = nr_packer_stride(packer);
	assert_int_equal(again->count, packer->count);
	for (size_t i = 0; i < packer->count; i++) {
		const uint64_t *a = nr_packer_row(packer, i), *b = nr_packer_row(again, i);
		assert_int_equal(a[stride - 1], b[stride - 1]);
		if (a[stride - 1])
			assert_memory_equal(
				packer->bytes + a[stride - 2], again->bytes + b[stride - 2], a[stride - 1]);
	}
}

static void test_round_trip(void **unused)
{
	static const size_t sizes[] = {0, 1, 2, 7, 300, 5000};
	(void)unused;
	for (size_t i = 0; i < NR_PACK_KINDS * NR_COUNT(sizes); i++) {
		struct nr_packer packer, again = {.layout = &nr_layouts[i / NR_COUNT(sizes)]};
		struct nr_pack_bytes bytes;
		struct nr_pack pack;
		fill(&packer, again.layout, sizes[i % NR_COUNT(sizes)]);
		assert_int_equal(nr_packer_write(&packer, 0, packer.count, &bytes, NULL), 0);
		assert_int_equal(
			nr_pack_open(&pack, packer.layout, bytes.numbers, bytes.numbers_length, NULL), 0);
		check_rows(&packer, &pack);
		check_keys(&packer, &pack);
		assert_int_equal(
			nr_packer_take(&again, &pack, bytes.sketches, bytes.sketches_length, NULL), 0);
		check_sketches(&packer, &again);
		nr_pack_bytes_fini(&bytes);
		nr_packer_fini(&packer);
		nr_packer_fini(&again);
	}
}

/* The longest lie first, in order of rows; of version 1 all are in order of rows, and still read. */
static void test_sketches_have_an_order(void **unused)
{
	static const char *const sketches[] = {"b", "", "aaa", "cc", "dd", "e"};
	struct nr_packer packer = {.layout = &nr_layouts[NR_PACK_COUNTRY]}, again = packer;
	struct nr_pack_bytes bytes;
	struct nr_pack pack;
	(void)unused;
	for (size_t i = 0; i < NR_COUNT(sketches); i++) {
		uint64_t lanes[NR_PACK_LANES_MAX] = {i};
		assert_int_equal(nr_packer_add(&packer, lanes, (const uint8_t *)sketches[i],
					 strlen(sketches[i]), NULL),
			0);
	}
	assert_int_equal(nr_packer_write(&packer, 0, packer.count, &bytes, NULL), 0);
	assert_int_equal(bytes.sketches_length, 9);
	assert_memory_equal(bytes.sketches, "aaaccddbe", 9);
	bytes.numbers[0] = 1;
	memcpy(bytes.sketches, "baaaccdde", 9);
	assert_int_equal(nr_pack_open(&pack, packer.layout, bytes.numbers, bytes.numbers_length, NULL), 0);
	assert_int_equal(nr_packer_take(&again, &pack, bytes.sketches, 9, NULL), 0);
	check_sketches(&packer, &again);
	nr_pack_bytes_fini(&bytes);
	nr_packer_fini(&again);
	nr_packer_fini(&packer);
}

static void test_too_long_a_sketch(void **unused)
{
	static const uint8_t sketch[NR_SKETCH_MAX + 1];
	uint64_t lanes[NR_PACK_LANES_MAX] = {0};
	struct nr_packer packer = {.layout = &nr_layouts[NR_PACK_COUNTRY]};
	struct nr_pack_bytes bytes;
	(void)unused;
	assert_int_equal(nr_packer_add(&packer, lanes, sketch, sizeof sketch, NULL), 0);
	assert_int_equal(nr_packer_write(&packer, 0, 1, &bytes, NULL), -E2BIG);
	nr_packer_fini(&packer);
}

static void test_widths(void **unused)
{
	(void)unused;
	static const uint64_t values[] = {0, 1, 0xfe, 0xff, 0x100, 0xfffe, 0xffff, 0x10000, 0xffffff,
		UINT32_MAX, UINT64_C(1) << 40, INT64_MAX, UINT64_MAX - 1, UINT64_MAX};
	for (size_t i = 0; i < NR_COUNT(values); i++) {
		for (size_t rows = 1; rows < 40; rows += 13) { /* alone, and among many small ones */
			struct nr_packer packer = {.layout = &nr_layouts[NR_PACK_PORT]};
			struct nr_pack_bytes bytes;
			struct nr_pack pack;
			for (size_t row = 0; row < rows; row++) {
				uint64_t lanes[NR_PACK_LANES_MAX] = {
					6, row, 0, row == rows / 2 ? values[i] : row};
				assert_int_equal(nr_packer_add(&packer, lanes, NULL, 0, NULL), 0);
			}
			assert_int_equal(nr_packer_write(&packer, 0, rows, &bytes, NULL), 0);
			assert_int_equal(
				nr_pack_open(&pack, packer.layout, bytes.numbers, bytes.numbers_length, NULL),
				0);
			check_rows(&packer, &pack);
			nr_pack_bytes_fini(&bytes);
			nr_packer_fini(&packer);
		}
	}
}

static void test_the_last_of_one_key_stays(void **unused)
{
	(void)unused;
	struct nr_packer packer = {.layout = &nr_layouts[NR_PACK_PORT]};
	static const uint64_t rows[][4] = {
		{6, 80, 0, 1}, {6, 23, 0, 2}, {17, 53, 0, 3}, {6, 23, 0, 4}, {6, 80, 0, 5}};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		uint64_t lanes[NR_PACK_LANES_MAX] = {0};
		memcpy(lanes, rows[i], sizeof rows[i]);
		assert_int_equal(nr_packer_add(&packer, lanes, NULL, 0, NULL), 0);
	}
	assert_int_equal(nr_packer_sort(&packer, NULL), 0);
	assert_int_equal(packer.count, 3);
	assert_int_equal(nr_packer_row(&packer, 0)[NR_PORT_PACKETS], 4);
	assert_int_equal(nr_packer_row(&packer, 1)[NR_PORT_PACKETS], 5);
	assert_int_equal(nr_packer_row(&packer, 2)[NR_PORT_PACKETS], 3);
	nr_packer_fini(&packer);
}

/* Cut anywhere: told. Changed anywhere: told, or read as other numbers; never outside the bytes. */
static void test_damage(void **unused)
{
	(void)unused;
	struct nr_packer packer;
	struct nr_pack_bytes bytes;
	struct nr_pack pack;
	fill(&packer, &nr_layouts[NR_PACK_ORIGIN], 200);
	assert_int_equal(nr_packer_write(&packer, 0, packer.count, &bytes, NULL), 0);
	for (size_t length = 0; length < bytes.numbers_length; length++) {
		uint8_t *cut = malloc(length + 1); /* so that a sanitizer sees a step too far */
		memcpy(cut, bytes.numbers, length);
		assert_int_equal(nr_pack_open(&pack, packer.layout, cut, length, NULL), -EBADMSG);
		free(cut);
	}
	for (size_t i = 0; i < bytes.numbers_length; i++) {
		struct nr_packer again = {.layout = packer.layout};
		uint8_t held = bytes.numbers[i];
		bytes.numbers[i] = (uint8_t)(held ^ (1 + i % 255));
		if (nr_pack_open(&pack, packer.layout, bytes.numbers, bytes.numbers_length, NULL) == 0) {
			uint64_t key[2] = {10, 1};
			(void)nr_pack_find(&pack, key, 2);
			(void)nr_packer_take(&again, &pack, bytes.sketches, bytes.sketches_length, NULL);
		}
		nr_packer_fini(&again);
		bytes.numbers[i] = held;
	}
	assert_int_equal(
		nr_pack_open(&pack, &nr_layouts[NR_PACK_PORT], bytes.numbers, bytes.numbers_length, NULL),
		-EBADMSG); /* another table's */
	nr_pack_bytes_fini(&bytes);
	nr_packer_fini(&packer);
}

/* Parts of packs by address are in the order of addresses. */
static void test_part_numbers(void **unused)
{
	(void)unused;
	static const char *const addresses[] = {"::1", "0.0.0.1", "198.51.100.7", "198.51.100.8",
		"255.255.255.255", "::1:0:0:1", "::ffff:0:0:0", "2001:db8::1", "2001:db8:1::", "ffff::"};
	int64_t before = -1;
	for (size_t i = 0; i < NR_COUNT(addresses); i++) {
		struct nr_address address;
		uint64_t high, low;
		assert_int_equal(nr_address_parse(addresses[i], &address, NULL), 0);
		nr_pack_address(&address, &high, &low);
		struct nr_address back = nr_pack_address_of(high, low);
		assert_true(nr_address_equal(&back, &address));
		int64_t part = nr_pack_part(&nr_layouts[NR_PACK_KNOCK], high, low);
		assert_true(part > before);
		before = part;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_sketches_have_an_order),
		cmocka_unit_test(test_too_long_a_sketch),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_the_last_of_one_key_stays),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_part_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
