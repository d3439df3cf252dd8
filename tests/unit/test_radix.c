/* SPDX-License-Identifier: Apache-2.0 */
/* The radix sort against the C library's sort, over the sizes at which it changes its way. */
#include "sense/telescope/radix.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <string.h>

static uint64_t state;

/* xorshift64*: the same numbers in every run. */
static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

struct wide {
	uint64_t key, value;
};

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int by_both(const void *a, const void *b)
{
	const struct wide *x = a, *y = b;
	return x->key != y->key ? (x->key > y->key) - (x->key < y->key)
				: (x->value > y->value) - (x->value < y->value);
}

/* Sizes around insertion sort, short digits, and lists that leave the cache (512 KiB) for either width. */
static const size_t sizes[] = {
	0, 1, 2, 3, 47, 48, 49, 255, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, 200000};

static const struct {
	const char *name;
	uint64_t keep, set; /* bits of random keys */
} shapes[] = {
	{"any bits", ~UINT64_C(0), 0},
	{"all equal", 0, 42},
	{"two values", 1, 0},
	{"top bit alone", UINT64_C(1) << 63, 0},
	{"lowest and topmost", UINT64_C(1) << 63 | 1, 0},
	{"few keys", 7 << 14, UINT64_C(5) << 46},
	{"like tallies", UINT64_C(0x00ffffffffff) << 14, UINT64_C(23) << 46},
	{"one low digit", 0x7ff, ~UINT64_C(0xfff)},
	{"split byte by byte", UINT64_C(0x0101010101010101), 0},
};

static void test_narrow(void **unused)
{
	(void)unused;
	static const unsigned lows[] = {0, 1, 14, 46, 63};
	for (size_t s = 0; s < NR_COUNT(shapes); s++)
		for (size_t n = 0; n < NR_COUNT(sizes); n++) {
			size_t count = sizes[n];
			unsigned low = lows[(s + n) % NR_COUNT(lows)];
			NR_AUTO(nr_freep) uint64_t *items = malloc((count + 1) * sizeof *items);
			NR_AUTO(nr_freep) uint64_t *sorted = malloc((count + 1) * sizeof *sorted);
			state = 1 + s * 1000 + n;
			for (size_t i = 0; i < count; i++)
				items[i] = (next_random() & shapes[s].keep) | shapes[s].set;
			memcpy(sorted, items, count * sizeof *items);
			assert_int_equal(nr_radix_sort_8(items, count, low, NULL), 0);
			for (size_t i = 1; i < count; i++)
				if (items[i - 1] >> low > items[i] >> low)
					fail_msg("%s, %zu items, bits from %u: item %zu is out of order",
						shapes[s].name, count, low, i);
			/* nothing lost, nothing invented */
			qsort(sorted, count, sizeof *sorted, by_key);
			qsort(items, count, sizeof *items, by_key);
			assert_memory_equal(items, sorted, count * sizeof *items);
		}
}

static void test_wide(void **unused)
{
	(void)unused;
	for (size_t s = 0; s < NR_COUNT(shapes); s++)
		for (size_t n = 0; n < NR_COUNT(sizes); n++) {
			size_t count = sizes[n];
			NR_AUTO(nr_freep) struct wide *items = malloc((count + 1) * sizeof *items);
			NR_AUTO(nr_freep) struct wide *sorted = malloc((count + 1) * sizeof *sorted);
			state = 77 + s * 1000 + n;
			for (size_t i = 0; i < count; i++)
				items[i] = (struct wide){(next_random() & shapes[s].keep) | shapes[s].set, i};
			memcpy(sorted, items, count * sizeof *items);
			qsort(sorted, count, sizeof *sorted, by_both);
			assert_int_equal(nr_radix_sort_16(items, count, NULL), 0);
			for (size_t i = 0; i < count; i++)
				if (items[i].key != sorted[i].key)
					fail_msg("%s, %zu items: item %zu has another key", shapes[s].name,
						count, i);
			/* every value is still behind its key */
			qsort(items, count, sizeof *items, by_both);
			assert_memory_equal(items, sorted, count * sizeof *items);
		}
}

/* Above 1 M items the parts of the first split are themselves too large for the cache. */
static void test_million(void **unused)
{
	(void)unused;
	const size_t count = 1500000;
	NR_AUTO(nr_freep) uint64_t *items = malloc(count * sizeof *items);
	uint64_t sum = 0, after = 0;
	state = 5;
	for (size_t i = 0; i < count; i++) {
		items[i] = i % 3 ? next_random() : next_random() >> 40; /* a third in one part */
		sum += items[i] * (items[i] | 1);
	}
	assert_int_equal(nr_radix_sort_8(items, count, 0, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		after += items[i] * (items[i] | 1);
		assert_true(i == 0 || items[i - 1] <= items[i]);
	}
	assert_true(sum == after);
}

static void test_too_many(void **unused)
{
	(void)unused;
	struct nr_error error = {0};
	uint64_t item = 1;
	assert_true(
		nr_radix_sort_8(&item, (size_t)1 << 33, 0, &error) < 0); /* refused before it is touched */
	assert_non_null(strstr(error.text, "2^32"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_million),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
