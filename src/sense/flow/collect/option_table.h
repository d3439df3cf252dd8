/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded table of what an exporter said: entries of one fixed size, found by (kind, id). Full, it evicts
 * what was not asked for since the hand of the clock passed last, and counts it. All zero is an empty one.
 * No pointers in entries: they are written to files as they are.
 */
#ifndef NR_SENSE_FLOW_COLLECT_OPTION_TABLE_H
#define NR_SENSE_FLOW_COLLECT_OPTION_TABLE_H

#include "base/base.h"

#define NR_FLOW_OPTIONS_MAX 65536 /* entries of one table */

/* The memory of all exporters together, and what their keys are hashed with: strangers choose them. */
struct nr_flow_memory {
	uint64_t used, limit; /* bytes */
	uint64_t seed;
};
/* False where it would be too much: nothing is taken. */
NR_INLINE bool nr_flow_memory_take(struct nr_flow_memory *memory, uint64_t bytes)
{
	if (bytes > memory->limit || memory->used > memory->limit - bytes)
		return false;
	memory->used += bytes;
	return true;
}
NR_INLINE void nr_flow_memory_give(struct nr_flow_memory *memory, uint64_t bytes)
{
	memory->used -= bytes < memory->used ? bytes : memory->used;
}

struct nr_flow_key { /* every entry begins with one */
	uint64_t id;
	uint32_t kind;
	uint32_t recent; /* asked for since the hand passed */
};

struct nr_flow_table {
	uint8_t *entries; /* owned: room * size */
	uint32_t *slots;  /* owned: room * 2, entry + 1 */
	uint32_t size;    /* of an entry: set by the first _add */
	uint32_t count, room, hand;
	uint64_t evicted;
};

void nr_flow_table_fini(struct nr_flow_table *table, struct nr_flow_memory *memory);
/* NULL: it has none. Valid until the next _add. */
void *nr_flow_table_find(
	const struct nr_flow_table *table, const struct nr_flow_memory *memory, uint32_t kind, uint64_t id);
/* The entry, new ones all zero behind the key. Where there is no memory for more an older one makes room;
 * NULL: not even for the first. */
void *nr_flow_table_add(struct nr_flow_table *table, struct nr_flow_memory *memory, uint32_t size,
	uint32_t kind, uint64_t id);
/* Entry `index` of table->count, in no order. */
NR_INLINE void *nr_flow_table_at(const struct nr_flow_table *table, uint32_t index)
{
	return table->entries + (size_t)index * table->size;
}

#endif
