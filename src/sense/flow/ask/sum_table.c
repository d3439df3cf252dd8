/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/sum_table.h"

#include <errno.h>
#include <string.h>

#define SLOTS_MIN 64
#define AHEAD     16 /* rows whose slots are fetched before they are needed */

const char *const nr_flow_orders[] = {
	"flows", "packets", "bytes", "estimated_packets", "estimated_bytes", NULL};

void sum_table_bound(struct sum_table *table, size_t memory)
{
	/* while it grows, the old half stands beside the new whole */
	while (table->slots_max * 3 * table->stride * sizeof(uint64_t) <= memory)
		table->slots_max *= 2;
}

int sum_table_init(struct sum_table *table, uint32_t words, enum nr_flow_order order, size_t memory,
	const uint64_t seed[static 2], struct nr_error *error)
{
	*table = (struct sum_table){.words = words,
		.stride = words + SUM_COUNTERS,
		.order = order,
		.slots = SLOTS_MIN,
		.slots_max = SLOTS_MIN,
		.seed = {seed[0], seed[1]}};
	sum_table_bound(table, memory);
	table->entries = calloc(table->slots * table->stride, sizeof *table->entries);
	return table->entries ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

void sum_table_fini(struct sum_table *table)
{
	free(table->entries);
	table->entries = NULL;
}

/* Folded multiplication (the step of wyhash) under a random seed: keys are chosen by strangers. */
NR_INLINE uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

NR_INLINE uint64_t hash_of(const struct sum_table *table, const uint64_t *key)
{
	uint64_t hash = table->seed[0];
	for (uint32_t i = 0; i < table->words; i++)
		hash = fold(hash ^ key[i], table->seed[1]) + key[i];
	return fold(hash, table->seed[1] ^ UINT64_C(0x9e3779b97f4a7c15));
}

/* Keys are of one or two words mostly: a call to compare them would cost more than the comparison. */
NR_INLINE bool same_key(const uint64_t *a, const uint64_t *b, uint32_t words)
{
	uint64_t difference = a[0] ^ b[0];
	for (uint32_t i = 1; i < words; i++)
		difference |= a[i] ^ b[i];
	return difference == 0;
}

/* The entry of the key, or the empty one where it belongs. */
NR_INLINE uint64_t *locate(const struct sum_table *table, const uint64_t *key, uint64_t hash)
{
	for (size_t slot = hash & (table->slots - 1);; slot = (slot + 1) & (table->slots - 1)) {
		uint64_t *entry = sum_table_entry(table, slot);
		if (!entry[NR_FLOW_ORDER_FLOWS] || same_key(entry + SUM_COUNTERS, key, table->words))
			return entry;
	}
}

const uint64_t *sum_table_find(const struct sum_table *table, const uint64_t *key)
{
	const uint64_t *entry = locate(table, key, hash_of(table, key));
	return entry[NR_FLOW_ORDER_FLOWS] ? entry : NULL;
}

static bool rebuild(struct sum_table *table, size_t slots, uint64_t above)
{
	struct sum_table fresh = *table;
	fresh.slots = slots;
	fresh.entries = calloc(slots * table->stride, sizeof *fresh.entries);
	if (!fresh.entries)
		return false;
	fresh.used = 0;
	for (size_t slot = 0; slot < table->slots; slot++) {
		const uint64_t *entry = sum_table_entry(table, slot);
		if (!entry[NR_FLOW_ORDER_FLOWS])
			continue;
		if (entry[table->order] < above) {
			fresh.forgotten++;
			fresh.forgotten_value += entry[table->order];
			continue;
		}
		const uint64_t *key = sum_table_key(entry);
		memcpy(locate(&fresh, key, hash_of(&fresh, key)), entry, table->stride * sizeof *entry);
		fresh.used++;
	}
	free(table->entries);
	*table = fresh;
	return true;
}

/* A value such that about half of the entries are below it, from a histogram of powers of two and their
 * quarters: what is let go must be less than what stays. */
static uint64_t middle_of(const struct sum_table *table)
{
	size_t buckets[256] = {0}, below = 0, bucket = 0;
	for (size_t slot = 0; slot < table->slots; slot++) {
		const uint64_t *entry = sum_table_entry(table, slot);
		if (!entry[NR_FLOW_ORDER_FLOWS])
			continue;
		uint64_t value = entry[table->order];
		unsigned power = value < 4 ? 0 : 61 - (unsigned)__builtin_clzll(value);
		buckets[value < 4 ? value : 4 * (power + 1) + (value >> power & 3)]++;
	}
	while (below < table->used / 2 && bucket < NR_COUNT(buckets))
		below += buckets[bucket++];
	if (bucket >= 4 * 61)
		return UINT64_MAX;
	return bucket < 4 ? bucket : (4 + (uint64_t)bucket % 4) << (bucket / 4 - 1);
}

static void make_room(struct sum_table *table)
{
	if (table->slots < table->slots_max) {
		table->failed = !rebuild(table, table->slots * 2, 0);
		return;
	}
	uint64_t above = middle_of(table);
	table->failed = !rebuild(table, table->slots, above);
	table->floor += above;
}

NR_INLINE void add_one(struct sum_table *table, const uint64_t *key, const uint64_t *values, uint64_t hash)
{
	uint64_t *entry = locate(table, key, hash);
	if (!entry[NR_FLOW_ORDER_FLOWS]) {
		table->used++;
		memcpy(entry + SUM_COUNTERS, key, table->words * sizeof *key);
	}
	for (unsigned i = 0; i < SUM_COUNTERS; i++)
		entry[i] += values[i];
}

void sum_table_add(struct sum_table *table, const uint64_t *keys, const uint64_t *values, size_t count)
{
	for (size_t from = 0; from < count && !table->failed; from += AHEAD) {
		uint64_t hashes[AHEAD];
		size_t n = NR_MIN(count - from, AHEAD);
		while (table->used + n > table->slots / 8 * 5 && !table->failed)
			make_room(table);
		if (table->failed)
			return;
		for (size_t i = 0; i < n; i++) {
			hashes[i] = hash_of(table, keys + (from + i) * table->words);
			__builtin_prefetch(sum_table_entry(table, hashes[i] & (table->slots - 1)), 1);
		}
		for (size_t i = 0; i < n; i++)
			add_one(table, keys + (from + i) * table->words, values + (from + i) * SUM_COUNTERS,
				hashes[i]);
	}
}

void sum_table_merge(struct sum_table *table, const struct sum_table *other)
{
	for (size_t slot = 0; slot < other->slots; slot++) {
		const uint64_t *entry = sum_table_entry(other, slot);
		if (entry[NR_FLOW_ORDER_FLOWS])
			sum_table_add(table, sum_table_key(entry), entry, 1);
	}
	table->forgotten += other->forgotten;
	table->forgotten_value += other->forgotten_value;
	table->floor += other->floor;
	table->failed |= other->failed;
}
