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
static bool sort_by_digit(
	const struct nr_flow_keyed *from, struct nr_flow_keyed *to, uint32_t count, unsigned shift)
{
	uint32_t starts[DIGITS] = {0};
	for (uint32_t i = 0; i < count; i++)
		starts[from[i].key >> shift & (DIGITS - 1)]++;
	if (starts[from[0].key >> shift & (DIGITS - 1)] == count)
		return false;
	uint32_t sum = 0;
	for (uint32_t d = 0; d < DIGITS; d++) {
		uint32_t n = starts[d];
		starts[d] = sum;
		sum += n;
	}
	for (uint32_t i = 0; i < count; i++)
		to[starts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

void nr_flow_sort(struct nr_flow_keyed *items, struct nr_flow_keyed *spare, uint32_t count, unsigned bits)
{
	struct nr_flow_keyed *from = items, *to = spare;
	for (unsigned shift = 0; count && shift < bits; shift += DIGIT_BITS)
		if (sort_by_digit(from, to, count, shift)) {
			struct nr_flow_keyed *moved = to;
			to = from;
			from = moved;
		}
	if (from != items)
		memcpy(items, from, count * sizeof *items);
}

void nr_flow_dictionary_sort(
	struct nr_flow_dictionary *d, struct nr_flow_keyed *items, struct nr_flow_keyed *spare)
{
	uint64_t any_high = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		items[i] = (struct nr_flow_keyed){d->low[i], i};
		any_high |= d->high[i];
	}
	nr_flow_sort(items, spare, d->count, 64);
	if (any_high) {
		for (uint32_t i = 0; i < d->count; i++)
			items[i].key = d->high[items[i].index];
		nr_flow_sort(items, spare, d->count, 64);
	}
	for (uint32_t i = 0; i < d->count; i++) {
		d->ranks[items[i].index] = i;
		spare[i] = (struct nr_flow_keyed){d->high[items[i].index], d->low[items[i].index]};
	}
	for (uint32_t i = 0; i < d->count; i++) {
		d->high[i] = spare[i].key;
		d->low[i] = spare[i].index;
	}
}
