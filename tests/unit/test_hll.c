/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hll.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

static struct nr_hll hll_of(uint64_t first, uint64_t count)
{
	struct nr_hll hll = {{0}};
	for (uint64_t i = 0; i < count; i++)
		nr_hll_add(&hll, nr_hll_hash(first + i));
	return hll;
}

/* The hash is part of the written form's meaning: it must never change. */
static void test_hash(void **state)
{
	(void)state;
	assert_true(nr_hll_hash(0) ==
		    UINT64_C(0xe220a8397b1dcdaf)); /* the first output of SplitMix64 with seed 0 */
	assert_true(nr_hll_hash(1) == UINT64_C(0x910a2dec89025cc1)); /* with seed 1 */
}

/* Within four standard errors, small and large. */
static void test_count(void **state)
{
	static const uint64_t counts[] = {1, 2, 10, 100, 1000, 4096, 8000, 10240, 20000, 100000, 1000000};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(counts); i++) {
		for (uint64_t seed = 0; seed < 3; seed++) {
			struct nr_hll hll = hll_of(seed << 40, counts[i]);
			double estimate = nr_hll_count(&hll), wanted = (double)counts[i];
			if (fabs(estimate - wanted) > 4 * NR_HLL_ERROR * wanted)
				fail_msg("%ju counted as %f", (uintmax_t)counts[i], estimate);
		}
	}
	struct nr_hll empty = {{0}};
	assert_true(nr_hll_count(&empty) == 0);
}

static void test_extreme_hashes(void **state)
{
	struct nr_hll hll = {{0}};
	(void)state;
	nr_hll_add(&hll, 0); /* the longest run of zeros */
	assert_int_equal(hll.registers[0], 53);
	nr_hll_add(&hll, UINT64_MAX);
	assert_int_equal(hll.registers[NR_HLL_REGISTERS - 1], 1);
	memset(hll.registers, 53, sizeof hll.registers);
	assert_true(isfinite(nr_hll_count(&hll)));
}

static void test_merge(void **state)
{
	struct nr_hll a = hll_of(0, 30000), b = hll_of(20000, 30000), both = hll_of(0, 50000);
	(void)state;
	nr_hll_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof a);
	nr_hll_merge(&a, &b); /* a second time changes nothing */
	assert_memory_equal(&a, &both, sizeof a);
}

static void test_written(void **state)
{
	static const uint64_t counts[] = {0, 1, 50, 1000, 1600, 1700, 5000, 100000};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(counts); i++) {
		struct nr_hll hll = hll_of(7, counts[i]), back = {{0}};
		uint8_t bytes[NR_HLL_BYTES_MAX];
		size_t used = 0, length = nr_hll_write(&hll, bytes);
		for (size_t r = 0; r < NR_HLL_REGISTERS; r++)
			used += hll.registers[r] != 0;
		assert_int_equal(length, NR_MIN(1 + 3 * used, NR_HLL_BYTES_MAX));
		assert_int_equal(bytes[0], length == NR_HLL_BYTES_MAX ? 'D' : 'S');
		assert_int_equal(nr_hll_merge_bytes(&back, bytes, length, NULL), 0);
		assert_memory_equal(&back, &hll, sizeof back);
	}
}

static void test_written_form(void **state)
{
	struct nr_hll hll = {{0}};
	uint8_t bytes[NR_HLL_BYTES_MAX];
	static const uint8_t wanted[] = {'S', 0x00, 0x10, 0x05, 0xab, 0xc0, 0x35};
	(void)state;
	hll.registers[1] = 5;
	hll.registers[0xabc] = 53;
	assert_int_equal(nr_hll_write(&hll, bytes), sizeof wanted);
	assert_memory_equal(bytes, wanted, sizeof wanted);
}

/* From the hashes alone, in any order and repeated, the same bytes as by way of a sketch. */
static void test_written_from_hashes(void **state)
{
	(void)state;
	for (size_t count = 0; count <= NR_HLL_HASHES_MAX; count++) {
		uint64_t hashes[NR_HLL_HASHES_MAX];
		struct nr_hll hll = {{0}};
		uint8_t wanted[NR_HLL_BYTES_MAX], bytes[NR_HLL_BYTES_MAX];
		for (size_t i = 0; i < count; i++) {
			hashes[i] = nr_hll_hash(i % 37);
			if (i % 5 == 0) /* another rank in the same register */
				hashes[i] = (hashes[i] & ~(UINT64_MAX >> NR_HLL_BITS)) | i;
			nr_hll_add(&hll, hashes[i]);
		}
		size_t length = nr_hll_write(&hll, wanted);
		assert_int_equal(nr_hll_write_hashes(hashes, count, bytes), length);
		assert_memory_equal(bytes, wanted, length);
	}
}

static void test_bad(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t length;
	} cases[] = {
		{{0}, 0}, {{'X'}, 1}, {{'D', 1, 2, 3}, 4}, /* too short */
		{{'S', 1}, 2},                             /* no whole entry */
		{{'S', 0, 0x10, 0}, 4},                    /* rank 0 */
		{{'S', 0, 0x10, 54}, 4},                   /* rank over 53 */
		{{'S', 0, 0x10, 0x45}, 4},                 /* bits between index and rank */
		{{'S', 0, 0x20, 1, 0, 0x10, 1}, 7},        /* not ascending */
		{{'S', 0, 0x10, 1, 0, 0x10, 1}, 7},        /* twice */
	};
	struct nr_hll empty = {{0}};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_hll hll = {{0}};
		struct nr_error error = {0};
		if (nr_hll_merge_bytes(&hll, cases[i].bytes, cases[i].length, &error) != -EBADMSG)
			fail_msg("case %zu is accepted", i);
		assert_true(error.text[0] != '\0');
	}
	uint8_t dense[NR_HLL_BYTES_MAX + 1] = {'D'};
	struct nr_hll hll = {{0}};
	assert_int_equal(nr_hll_merge_bytes(&hll, dense, sizeof dense, NULL), -EBADMSG);
	assert_int_equal(nr_hll_merge_bytes(&hll, dense, NR_HLL_BYTES_MAX, NULL), 0);
	dense[77] = 54;
	assert_int_equal(nr_hll_merge_bytes(&hll, dense, NR_HLL_BYTES_MAX, NULL), -EBADMSG);
	assert_memory_equal(&hll, &empty, sizeof hll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_extreme_hashes),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_written_form),
		cmocka_unit_test(test_written_from_hashes),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
