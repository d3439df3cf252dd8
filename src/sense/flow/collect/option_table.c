/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/option_table.h"

#include <string.h>

#include "base/hash.h"

#define ROOM_FIRST 16

static struct nr_flow_key *key_of(const struct nr_flow_table *table, uint32_t index)
{
	return (struct nr_flow_key *)(void *)(table->entries + (size_t)index * table->size);
}

static uint64_t bytes_of(uint32_t room, uint32_t size)
{
	return (uint64_t)room * size + (uint64_t)room * 2 * sizeof(uint32_t);
}

static uint32_t home_of(
	const struct nr_flow_table *table, const struct nr_flow_memory *memory, uint32_t kind, uint64_t id)
{
	return (uint32_t)nr_siphash(&id, sizeof id, memory->seed, kind) & (table->room * 2 - 1);
}

void nr_flow_table_fini(struct nr_flow_table *table, struct nr_flow_memory *memory)
{
	nr_flow_memory_give(memory, bytes_of(table->room, table->size));
	free(table->entries);
	free(table->slots);
	*table = (struct nr_flow_table){0};
}

/* The slot that holds the key, or the empty one at which looking for it ends. */
static uint32_t slot_of(
	const struct nr_flow_table *table, const struct nr_flow_memory *memory, uint32_t kind, uint64_t id)
{
	uint32_t slot = home_of(table, memory, kind, id);
	while (table->slots[slot]) {
		const struct nr_flow_key *key = key_of(table, table->slots[slot] - 1);
		if (key->id == id && key->kind == kind)
			break;
		slot = (slot + 1) & (table->room * 2 - 1);
	}
	return slot;
}

void *nr_flow_table_find(
	const struct nr_flow_table *table, const struct nr_flow_memory *memory, uint32_t kind, uint64_t id)
{
	if (!table->count)
		return NULL;
	uint32_t index = table->slots[slot_of(table, memory, kind, id)];
	if (!index)
		return NULL;
	struct nr_flow_key *key = key_of(table, index - 1);
	key->recent = 1;
	return key;
}

static bool grow(struct nr_flow_table *table, struct nr_flow_memory *memory)
{
	uint32_t room = table->room ? table->room * 2 : ROOM_FIRST;
	uint64_t more = bytes_of(room, table->size) - bytes_of(table->room, table->size);
	if (room > NR_FLOW_OPTIONS_MAX || !nr_flow_memory_take(memory, more))
		return false;
	uint8_t *entries = realloc(table->entries, (size_t)room * table->size);
	if (entries)
		table->entries = entries;
	uint32_t *slots = entries ? calloc((size_t)room * 2, sizeof *slots) : NULL;
	if (!slots) {
		nr_flow_memory_give(memory, more);
		return false;
	}
	free(table->slots);
	table->slots = slots;
	table->room = room;
	for (uint32_t i = 0; i < table->count; i++) {
		const struct nr_flow_key *key = key_of(table, i);
		slots[slot_of(table, memory, key->kind, key->id)] = i + 1;
	}
	return true;
}

/* Empties the slot of a key; what stands behind it moves up where its search would stop before it. */
static void forget(struct nr_flow_table *table, const struct nr_flow_memory *memory, uint32_t index)
{
	uint32_t mask = table->room * 2 - 1;
	const struct nr_flow_key *key = key_of(table, index);
	uint32_t hole = slot_of(table, memory, key->kind, key->id), at = hole;
	for (;;) {
		at = (at + 1) & mask;
		if (!table->slots[at])
			break;
		key = key_of(table, table->slots[at] - 1);
		uint32_t home = home_of(table, memory, key->kind, key->id);
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			table->slots[hole] = table->slots[at];
			hole = at;
		}
	}
	table->slots[hole] = 0;
}

/* The index of an entry that has made room. */
static uint32_t evict(struct nr_flow_table *table, const struct nr_flow_memory *memory)
{
	for (;;) {
		uint32_t index = table->hand;
		table->hand = (table->hand + 1) % table->count;
		struct nr_flow_key *key = key_of(table, index);
		if (!key->recent) {
			forget(table, memory, index);
			table->evicted++;
			return index;
		}
		key->recent = 0;
	}
}

void *nr_flow_table_add(
	struct nr_flow_table *table, struct nr_flow_memory *memory, uint32_t size, uint32_t kind, uint64_t id)
{
	void *found = nr_flow_table_find(table, memory, kind, id);
	if (found)
		return found;
	table->size = size;
	bool has_room = table->count < table->room || grow(table, memory);
	if (!has_room && !table->count)
		return NULL;
	uint32_t index = has_room ? table->count : evict(table, memory);
	if (has_room)
		table->count++;
	struct nr_flow_key *key = key_of(table, index);
	memset(key, 0, size);
	*key = (struct nr_flow_key){.id = id, .kind = kind};
	table->slots[slot_of(table, memory, kind, id)] = index + 1;
	return key;
}
