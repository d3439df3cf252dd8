/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/clock_table.h"

#include "base/pages.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#define ROOM_MIN  64
#define ROOM_MAX  (UINT32_C(1) << 31) /* entries: their number + 1 is 32 bits of a slot */
#define HAND_WALK 128                 /* entries that the hand passes for one place, at most */

int nr_flow_hash_key_new(struct nr_flow_hash_key *ret_key, struct nr_error *error)
{
	struct nr_flow_hash_key key;
	if (getrandom(&key, sizeof key, 0) != sizeof key)
		return nr_fail(error, -EIO, "the kernel gives no random numbers");
	key.words[2] |= 1;
	*ret_key = key;
	return 0;
}

/* A third more slots than entries: at three quarters a walk is 2.5 slots long, one line of the cache. */
static uint32_t slots_for(uint64_t room)
{
	return (uint32_t)NR_MIN(room + room / 3 + 1, (uint64_t)UINT32_MAX);
}

static size_t slot_bytes(const struct nr_flow_clock_table *table)
{
	return (size_t)table->slot_count * sizeof *table->slots;
}
static size_t door_bytes(const struct nr_flow_clock_table *table)
{
	return (size_t)(table->door_bits / 8);
}
static size_t entry_bytes(const struct nr_flow_clock_table *table)
{
	return (size_t)table->room * table->stride;
}

static int map(struct nr_flow_clock_table *table, struct nr_error *error)
{
	void *slots = NULL, *entries = NULL, *door = NULL;
	int e = nr_pages_resize(NULL, &slots, 0, slot_bytes(table), error);
	if (!e)
		e = nr_pages_resize(NULL, &entries, 0, entry_bytes(table), error);
	if (!e)
		e = nr_pages_resize(NULL, &door, 0, door_bytes(table), error);
	if (e) {
		nr_pages_unmap(NULL, slots, slot_bytes(table));
		nr_pages_unmap(NULL, entries, entry_bytes(table));
		return e;
	}
	table->door = door;
	table->door_set = 0;
	table->slots = slots;
	table->entries = entries;
	return 0;
}

int nr_flow_clock_table_init(
	struct nr_flow_clock_table *table, size_t stride, uint64_t bytes, struct nr_error *error)
{
	/* of an entry: itself, four thirds of a slot, 4 bits of the door */
	uint64_t room = bytes / (stride + 4 * sizeof(uint64_t) / 3 + 2);
	room = NR_MIN(NR_MAX(room, (uint64_t)ROOM_MIN), (uint64_t)ROOM_MAX);
	*table = (struct nr_flow_clock_table){.stride = (uint32_t)stride,
		.room = (uint32_t)room,
		.slot_count = slots_for(room),
		.door_bits = (room + 15) / 16 * 64};
	return map(table, error);
}

void nr_flow_clock_table_fini(struct nr_flow_clock_table *table)
{
	nr_pages_unmap(NULL, table->slots, slot_bytes(table));
	nr_pages_unmap(NULL, table->entries, entry_bytes(table));
	nr_pages_unmap(NULL, table->door, door_bytes(table));
	*table = (struct nr_flow_clock_table){0};
}

int nr_flow_clock_table_clear(struct nr_flow_clock_table *table, struct nr_error *error)
{
	struct nr_flow_clock_table old = *table;
	int e = map(table, error);
	if (e)
		return e;
	table->used = table->hand = 0;
	nr_flow_clock_table_fini(&old);
	return 0;
}

uint64_t nr_flow_clock_table_bytes(const struct nr_flow_clock_table *table)
{
	return slot_bytes(table) + entry_bytes(table) + door_bytes(table);
}

/* ---- the index ---- */

static void index_add(struct nr_flow_clock_table *table, uint32_t tag, uint32_t at)
{
	uint32_t slot = nr_flow_clock_table_home(table, (uint64_t)tag << 32);
	while (table->slots[slot])
		slot = nr_flow_clock_table_next(table, slot);
	table->slots[slot] = (uint64_t)tag << 32 | (at + 1);
}

/* How far slot is behind home, round the end. */
static uint32_t distance(const struct nr_flow_clock_table *table, uint32_t home, uint32_t slot)
{
	return slot >= home ? slot - home : slot + table->slot_count - home;
}

/* Closes the gap: what stands behind it moves up as far as its home lets it (Knuth, 6.4, algorithm R). */
static void index_remove(struct nr_flow_clock_table *table, uint32_t slot)
{
	for (uint32_t from = nr_flow_clock_table_next(table, slot); table->slots[from];
		from = nr_flow_clock_table_next(table, from)) {
		uint32_t home = nr_flow_clock_table_home(table, table->slots[from]);
		if (distance(table, home, from) < distance(table, slot, from))
			continue;
		table->slots[slot] = table->slots[from];
		slot = from;
	}
	table->slots[slot] = 0;
}

static void forget(struct nr_flow_clock_table *table, uint32_t at)
{
	struct nr_flow_entry *entry = nr_flow_clock_table_at(table, at);
	uint64_t wanted = (uint64_t)entry->tag << 32 | (at + 1);
	uint32_t slot = nr_flow_clock_table_home(table, wanted);
	while (table->slots[slot] != wanted) {
		assert(table->slots[slot]);
		slot = nr_flow_clock_table_next(table, slot);
	}
	index_remove(table, slot);
	entry->live = 0;
}

void nr_flow_clock_table_drop(struct nr_flow_clock_table *table, uint32_t at)
{
	forget(table, at);
}

/* ---- places ---- */

bool nr_flow_clock_table_admits(struct nr_flow_clock_table *table, uint64_t hash)
{
	if (table->used < table->room / 2)
		return true;
	/* other bits than those that chose the slot */
	uint64_t bit = (hash & UINT32_MAX) * table->door_bits >> 32;
	uint64_t *word = &table->door[bit / 64], mask = UINT64_C(1) << bit % 64;
	if (*word & mask)
		return true;
	if (++table->door_set > table->door_bits / 4) {
		memset(table->door, 0, door_bytes(table));
		table->door_set = 1;
	}
	*word |= mask;
	table->not_admitted++;
	return false;
}

/* The hand cools what it passes. If all that it meets is hot, the last one goes: the walk is bounded. */
static uint32_t turn_hand(struct nr_flow_clock_table *table)
{
	for (unsigned walked = 0;; walked++) {
		uint32_t at = table->hand;
		struct nr_flow_entry *entry = nr_flow_clock_table_at(table, at);
		table->hand = at + 1 == table->room ? 0 : at + 1;
		if (!entry->live)
			return at;
		if (entry->heat == 0 || walked == HAND_WALK) {
			forget(table, at);
			table->let_go++;
			return at;
		}
		entry->heat--;
	}
}

uint32_t nr_flow_clock_table_place(struct nr_flow_clock_table *table, uint64_t hash)
{
	uint32_t at = table->used < table->room ? table->used++ : turn_hand(table);
	struct nr_flow_entry *entry = nr_flow_clock_table_at(table, at);
	uint16_t generation = entry->generation;
	memset(entry, 0, table->stride);
	entry->tag = (uint32_t)(hash >> 32);
	entry->generation = (uint16_t)(generation + 1);
	entry->live = 1;
	index_add(table, entry->tag, at);
	return at;
}
