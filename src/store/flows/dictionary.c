/* SPDX-License-Identifier: Apache-2.0 */
#include "store/flows/dictionary.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SLOTS      (2 * NR_FLOW_PART_ROWS)
#define DIGIT_BITS 11
#define DIGITS     (1u << DIGIT_BITS)

int nr_flow_dictionary_init(struct nr_flow_dictionary *d)
{
	*d = (struct nr_flow_dictionary){.high = calloc(NR_FLOW_PART_ROWS, sizeof *d->high),
		.low = calloc(NR_FLOW_PART_ROWS, sizeof *d->low),
		.slots = calloc(SLOTS, sizeof *d->slots),
		.ranks = calloc(NR_FLOW_PART_ROWS, sizeof *d->ranks)};
	if (d->high && d->low && d->slots && d->ranks &&
		getrandom(&d->key, sizeof d->key, 0) == sizeof d->key)
		return 0;
	nr_flow_dictionary_fini(d);
	return -ENOMEM;
}

void nr_flow_dictionary_fini(struct nr_flow_dictionary *d)
{
	free(d->high);
	free(d->low);
	free(d->slots);
	free(d->ranks);
	*d = (struct nr_flow_dictionary){0};
}

void nr_flow_dictionary_clear(struct nr_flow_dictionary *d)
{
	if (d->count)
		memset(d->slots, 0, SLOTS * sizeof *d->slots);
	d->count = 0;
}

/* Both halves of a product of 64 x 64 bits, folded (as wyhash does). */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t nr_flow_dictionary_enter(struct nr_flow_dictionary *d, uint64_t high, uint64_t low)
{
	uint64_t hash = fold(low ^ d->key, UINT64_C(0x9e3779b97f4a7c15) ^ d->key << 1);
	if (high)
		hash = fold(hash ^ high, UINT64_C(0xd6e8feb86659fd93));
	for (uint32_t at = (uint32_t)(hash >> 40) % SLOTS;; at = (at + 1) % SLOTS) {
		uint32_t i = d->slots[at];
		if (!i) {
			i = d->count++;
			d->slots[at] = i + 1;
			d->high[i] = high;
			d->low[i] = low;
			return i;
		}
		if (d->low[i - 1] == low && d->high[i - 1] == high)
			return i - 1;
	}
}

/* One pass by a digit; false: all have the same, nothing was moved. */
static bool sort_by_digit(const uint64_t *from, uint64_t *to, uint32_t count, unsigned shift)
{
	uint32_t starts[DIGITS] = {0};
	for (uint32_t i = 0; i < count; i++)
		starts[from[i] >> shift & (DIGITS - 1)]++;
	if (starts[from[0] >> shift & (DIGITS - 1)] == count)
		return false;
	uint32_t sum = 0;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t n = starts[d];
		starts[d] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < count; i++)
		to[starts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

void nr_flow_sort(uint64_t *items, uint64_t *spare, uint32_t count, unsigned bits)
{
	uint64_t *from = items, *to = spare;
	for (unsigned done = 0; count && done < bits; done += DIGIT_BITS)
		if (sort_by_digit(from, to, count, NR_FLOW_INDEX_BITS + done)) {
			uint64_t *moved = to;
			to = from;
			from = moved;
		}
	if (from != items)
		memcpy(items, from, count * sizeof *items);
}

#define ROUND_BITS 48 /* of a half of an address that one sort can take */

/* Sorts what is in `items` by a half of its addresses, keeping the order of equal ones. */
static void sort_by_half(uint64_t *items, uint64_t *spare, const uint64_t *half, uint32_t count)
{
	for (unsigned shift = 0; shift < 64; shift += ROUND_BITS) {
		for (uint32_t i = 0; i < count; i++) {
			uint32_t index = nr_flow_sorted_index(items[i]);
			items[i] = half[index] >> shift << NR_FLOW_INDEX_BITS | index;
		}
		nr_flow_sort(items, spare, count, NR_MIN(ROUND_BITS, 64 - shift));
	}
}

void nr_flow_dictionary_sort(struct nr_flow_dictionary *d, uint64_t *items, uint64_t *spare)
{
	uint64_t any_high = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		items[i] = i;
		any_high |= d->high[i];
	}
	sort_by_half(items, spare, d->low, d->count);
	if (any_high)
		sort_by_half(items, spare, d->high, d->count);
	for (uint32_t i = 0; i < d->count; i++)
		d->ranks[nr_flow_sorted_index(items[i])] = i;
	memcpy(spare, d->low, d->count * sizeof *spare);
	for (uint32_t i = 0; i < d->count; i++)
		d->low[i] = spare[nr_flow_sorted_index(items[i])];
	memcpy(spare, d->high, d->count * sizeof *spare);
	for (uint32_t i = 0; i < d->count; i++)
		d->high[i] = spare[nr_flow_sorted_index(items[i])];
}
