/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/radix.h"

#include <errno.h>
#include <string.h>

#define NR_DIGIT_BITS  11
#define NR_DIGITS      (1u << NR_DIGIT_BITS)
#define NR_SHORT_BITS  8    /* digits of short lists: fewer counters to clear */
#define NR_SHORT_SORT  4096 /* items */
#define NR_SMALL_SORT  48   /* insertion sort up to here */
#define NR_FETCH_BYTES 128  /* two lines ahead of where a bucket grows */
#define NR_LARGE_SORT                                                                                        \
	(512u << 10) /* bytes: with its copy it stays in the second-level cache; larger: split first */

struct digit {
	unsigned shift, bits;
};

NR_INLINE uint64_t key_at(const uint8_t *items, size_t index, size_t width)
{
	uint64_t key;
	memcpy(&key, items + index * width, sizeof key);
	return key;
}

NR_INLINE uint32_t digit_of(uint64_t key, struct digit d)
{
	return (uint32_t)(key >> d.shift) & ((1u << d.bits) - 1);
}

NR_INLINE void insertion_sort(uint8_t *items, size_t count, size_t width)
{
	for (size_t i = 1; i < count; i++) {
		uint8_t item[16];
		memcpy(item, items + i * width, width);
		uint64_t key = key_at(item, 0, width);
		size_t k = i;
		for (; k && key_at(items, k - 1, width) > key; k--)
			memcpy(items + k * width, items + (k - 1) * width, width);
		memcpy(items + k * width, item, width);
	}
}

NR_INLINE void scatter(const uint8_t *from, size_t count, uint8_t *to, struct digit digit,
	uint32_t starts[NR_DIGITS], size_t width)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = starts[digit_of(key_at(from, i, width), digit)]++;
		memcpy(to + at * width, from + i * width, width);
	}
}

NR_INLINE void count_digits(
	const uint8_t *items, size_t count, struct digit digit, uint32_t starts[NR_DIGITS], size_t width)
{
	memset(starts, 0, (sizeof *starts) << digit.bits);
	for (size_t i = 0; i < count; i++)
		starts[digit_of(key_at(items, i, width), digit)]++;
	uint32_t sum = 0;
	for (size_t d = 0; d < (size_t)1 << digit.bits; d++) {
		uint32_t n = starts[d];
		starts[d] = sum;
		sum += n;
	}
}

NR_INLINE uint64_t varying_bits(const uint8_t *items, size_t count, size_t width)
{
	uint64_t any = 0, all = ~UINT64_C(0);
	for (size_t i = 0; i < count; i++) {
		uint64_t key = key_at(items, i, width);
		any |= key;
		all &= key;
	}
	return any ^ all;
}

/* Short lists of ordinary keys: one scatter by the topmost bits leaves a few items a bucket, which insertion
 * finishes. False: a bucket is too full (keys may be chosen by strangers), nothing was done. */
NR_INLINE bool sort_by_buckets(
	const uint8_t *items, uint8_t *into, size_t count, uint64_t varying, size_t width)
{
	unsigned top = 63u - (unsigned)__builtin_clzll(varying);
	/* as many buckets as items: insertion finds most of them in their place */
	unsigned bits = NR_MIN(63u - (unsigned)__builtin_clzll(count), (unsigned)NR_DIGIT_BITS);
	struct digit digit = {top >= bits - 1 ? top - (bits - 1) : 0, bits};
	uint32_t starts[NR_DIGITS], fullest = 0;
	count_digits(items, count, digit, starts, width);
	for (size_t d = 1; d < (size_t)1 << bits; d++)
		fullest = NR_MAX(fullest, starts[d] - starts[d - 1]);
	fullest = NR_MAX(fullest, (uint32_t)count - starts[((size_t)1 << bits) - 1]);
	if (fullest > NR_SMALL_SORT)
		return false;
	scatter(items, count, into, digit, starts, width);
	insertion_sort(into, count, width);
	return true;
}

/* Least significant digit first. The result is in *into, the other buffer is scratch. */
NR_INLINE void sort_in_cache(uint8_t *items, uint8_t *into, size_t count, uint64_t varying, size_t width)
{
	uint8_t *from = items, *to = into;
	unsigned bits = count <= NR_SHORT_SORT ? NR_SHORT_BITS : NR_DIGIT_BITS;
	if (count <= NR_SMALL_SORT) {
		insertion_sort(items, count, width);
		varying = 0;
	} else if (varying && count <= NR_SHORT_SORT && sort_by_buckets(items, into, count, varying, width)) {
		return;
	}
	for (struct digit digit = {0, bits}; digit.shift < 64 && varying >> digit.shift;
		digit.shift += bits) {
		digit.shift += (unsigned)__builtin_ctzll(varying >> digit.shift);
		uint32_t starts[NR_DIGITS];
		count_digits(from, count, digit, starts, width);
		scatter(from, count, to, digit, starts, width);
		uint8_t *swap = from;
		from = to;
		to = swap;
	}
	if (from != into)
		memcpy(into, from, count * width);
}

NR_INLINE void swap_items(uint8_t *a, uint8_t *b, size_t width)
{
	uint8_t x[16], y[16];
	memcpy(x, a, width);
	memcpy(y, b, width);
	memcpy(a, y, width);
	memcpy(b, x, width);
}

/* Moves every item into the bucket of its digit, in place: large lists need no second buffer, whose pages
 * would cost more than the moves. Each pass sends every item that is not at home there once, whatever comes
 * in exchange (ska sort, Skarupke 2016), so that one swap need not wait for the other; the lines where
 * buckets grow are fetched ahead. */
NR_INLINE void permute(uint8_t *items, struct digit digit, const uint32_t starts[NR_DIGITS],
	uint32_t heads[NR_DIGITS], size_t count, size_t width)
{
	memcpy(heads, starts, NR_DIGITS * sizeof *heads);
	for (bool more = true; more;) {
		more = false;
		for (size_t bucket = 0; bucket < NR_DIGITS; bucket++) {
			size_t end = bucket + 1 < NR_DIGITS ? starts[bucket + 1] : count;
			for (size_t i = heads[bucket]; i < end; i++) {
				uint8_t *at = items + i * width;
				uint8_t *to = items + heads[digit_of(key_at(at, 0, width), digit)]++ * width;
				__builtin_prefetch(to + NR_FETCH_BYTES, 1);
				swap_items(at, to, width);
			}
			more = more || heads[bucket] < end;
		}
	}
}

/* scratch holds NR_LARGE_SORT bytes. Large lists are split by their topmost digit, then each part is sorted
 * in cache. */
NR_INLINE void sort(uint8_t *items, uint8_t *scratch, size_t count, uint64_t mask, size_t width,
	void (*deeper)(uint8_t *, uint8_t *, size_t, uint64_t))
{
	uint64_t varying = varying_bits(items, count, width) & mask;
	if (!varying)
		return;
	if (count * width <= NR_LARGE_SORT) {
		sort_in_cache(items, scratch, count, varying, width);
		memcpy(items, scratch, count * width);
		return;
	}
	unsigned top = 63u - (unsigned)__builtin_clzll(varying);
	struct digit digit = {top >= NR_DIGIT_BITS - 1 ? top - (NR_DIGIT_BITS - 1) : 0, NR_DIGIT_BITS};
	uint32_t starts[NR_DIGITS], heads[NR_DIGITS];
	count_digits(items, count, digit, starts, width);
	permute(items, digit, starts, heads, count, width);
	for (size_t d = 0; d < NR_DIGITS; d++)
		if (heads[d] - starts[d] > 1)
			deeper(items + starts[d] * width, scratch, heads[d] - starts[d], mask);
}

static void sort_8(uint8_t *items, uint8_t *scratch, size_t count, uint64_t mask)
{
	sort(items, scratch, count, mask, 8, sort_8);
}

static void sort_16(uint8_t *items, uint8_t *scratch, size_t count, uint64_t mask)
{
	sort(items, scratch, count, mask, 16, sort_16);
}

static int sort_with_scratch(void *items, size_t count, size_t width, uint64_t mask,
	void (*sorter)(uint8_t *, uint8_t *, size_t, uint64_t), struct nr_error *error)
{
	if (count < 2)
		return 0;
	if (count > UINT32_MAX)
		return nr_fail(error, -EOVERFLOW, "more than 2^32 tallies in one interval");
	NR_AUTO(nr_freep) uint8_t *scratch = malloc(NR_MIN(count * width, (size_t)NR_LARGE_SORT));
	if (!scratch)
		return nr_fail(error, -ENOMEM, "out of memory to sort");
	sorter(items, scratch, count, mask);
	return 0;
}

int nr_radix_sort_8(uint64_t *items, size_t count, unsigned low, struct nr_error *error)
{
	return sort_with_scratch(items, count, 8, ~UINT64_C(0) << low, sort_8, error);
}

int nr_radix_sort_16(void *items, size_t count, struct nr_error *error)
{
	return sort_with_scratch(items, count, 16, ~UINT64_C(0), sort_16, error);
}
