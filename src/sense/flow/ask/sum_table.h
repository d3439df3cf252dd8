/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums by key: open addressing, key and counters of an entry side by side (one or two cache lines), grown by
 * doubling up to a bound. At the bound the lesser half is let go and counted (lossy counting, Manku and
 * Motwani 2002): from then on a sum may be too low by `floor` at most, and a key whose sum is above that is
 * in the table. One thread.
 */
#ifndef NR_SENSE_FLOW_ASK_SUM_TABLE_H
#define NR_SENSE_FLOW_ASK_SUM_TABLE_H

#include "base/error.h"

enum nr_flow_order {
	NR_FLOW_ORDER_FLOWS,
	NR_FLOW_ORDER_PACKETS,
	NR_FLOW_ORDER_BYTES,
	NR_FLOW_ORDER_ESTIMATED_PACKETS,
	NR_FLOW_ORDER_ESTIMATED_BYTES,
	NR_FLOW_ORDERS
};
extern const char *const nr_flow_orders[]; /* "flows" "packets" ... NULL */

/* Indices are those of enum nr_flow_order; then flows whose sampling is not known, counted as 1 in 1. */
#define SUM_UNKNOWN  NR_FLOW_ORDERS
#define SUM_COUNTERS (NR_FLOW_ORDERS + 1)

struct sum_table {
	uint64_t *entries; /* owned: slots * stride words: counters, then the key; flows 0: empty */
	size_t slots, used, slots_max;
	uint32_t words, stride; /* of a key, of an entry */
	enum nr_flow_order order;
	uint64_t seed[2];
	uint64_t forgotten, forgotten_value; /* keys, and their sum of `order` */
	uint64_t floor;
	bool failed; /* no memory: what came afterwards was not counted */
};

/* memory: bytes that the table may take, at least those of 64 slots. */
int sum_table_init(struct sum_table *table, uint32_t words, enum nr_flow_order order, size_t memory,
	const uint64_t seed[static 2], struct nr_error *error);
/* It may take more from now on. */
void sum_table_bound(struct sum_table *table, size_t memory);
void sum_table_fini(struct sum_table *table);

/* Adds `count` rows: keys[i * words], values[i * SUM_COUNTERS]. */
void sum_table_add(struct sum_table *table, const uint64_t *keys, const uint64_t *values, size_t count);
/* Adds all of another one, which has the same words and seed. */
void sum_table_merge(struct sum_table *table, const struct sum_table *other);

NR_INLINE uint64_t *sum_table_entry(const struct sum_table *table, size_t slot)
{
	return table->entries + slot * table->stride;
}
NR_INLINE const uint64_t *sum_table_key(const uint64_t *entry)
{
	return entry + SUM_COUNTERS;
}
/* NULL: it is not there. */
const uint64_t *sum_table_find(const struct sum_table *table, const uint64_t *key);

#endif
