/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void reads_in_network_order(void **state)
{
	(void)state;
	struct nr_cursor c = nr_cursor_over(bytes, sizeof bytes);
	assert_int_equal(nr_cursor_u8(&c), 1);
	assert_int_equal(nr_cursor_u16(&c), 0x0203);
	assert_int_equal(nr_cursor_u32(&c), 0x04050607);
	assert_true(nr_cursor_u64(&c) == 0x08090a0b0c0d0e0full);
	assert_false(c.failed);
	assert_int_equal(nr_cursor_left(&c), 0);
}

static void reads_little_endian(void **state)
{
	(void)state;
	struct nr_cursor c = nr_cursor_over(bytes, sizeof bytes);
	nr_cursor_skip(&c, 1);
	assert_int_equal(nr_cursor_u16_le(&c), 0x0302);
	assert_int_equal(nr_cursor_u32_le(&c), 0x07060504);
	assert_true(nr_cursor_u64_le(&c) == 0x0f0e0d0c0b0a0908ull);
	assert_false(c.failed);
}

static void error_is_sticky(void **state)
{
	(void)state;
	struct nr_cursor c = nr_cursor_over(bytes, 3);
	assert_int_equal(nr_cursor_u16(&c), 0x0102);
	assert_int_equal(nr_cursor_u16(&c), 0);
	assert_true(c.failed);
	assert_int_equal(nr_cursor_left(&c), 1); /* nothing was taken */
	assert_int_equal(nr_cursor_u8(&c), 0);   /* although one byte is there */
	assert_null(nr_cursor_take(&c, 0));
	assert_true(c.failed);
}

static void take_is_bounded(void **state)
{
	(void)state;
	struct nr_cursor c = nr_cursor_over(bytes, sizeof bytes);
	assert_ptr_equal(nr_cursor_take(&c, 0), bytes);
	assert_ptr_equal(nr_cursor_take(&c, sizeof bytes), bytes);
	assert_ptr_equal(nr_cursor_take(&c, 0), bytes + sizeof bytes);
	assert_null(nr_cursor_take(&c, 1));
	c = nr_cursor_over(bytes, sizeof bytes);
	nr_cursor_skip(&c, SIZE_MAX);
	assert_true(c.failed);
	assert_ptr_equal(c.at, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_in_network_order),
		cmocka_unit_test(reads_little_endian),
		cmocka_unit_test(error_is_sticky),
		cmocka_unit_test(take_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
