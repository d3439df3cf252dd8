/* SPDX-License-Identifier: Apache-2.0 */
#include "base/space_saving.h"
#include "base/hll.h"

#include <string.h>

static struct nr_space_counter *counters(const struct nr_space_saving *s)
{
	return (struct nr_space_counter *)(void *)(uintptr_t)(s + 1);
}

/* Where the slot of heap position i stands. */
static uint32_t *places(const struct nr_space_saving *s)
{
	return (uint32_t *)(void *)(counters(s) + s->capacity);
}

static uint32_t *slots(const struct nr_space_saving *s)
{
	return places(s) + s->capacity;
}

static uint32_t slots_for(uint32_t capacity)
{
	uint32_t n = 16;
	while (n < capacity * 2)
		n *= 2;
	return n;
}

size_t nr_space_saving_bytes(uint32_t capacity)
{
	return sizeof(struct nr_space_saving) +
	       capacity * (sizeof(struct nr_space_counter) + sizeof(uint32_t)) +
	       slots_for(capacity) * sizeof(uint32_t);
}

void nr_space_saving_init(struct nr_space_saving *s, uint32_t capacity, uint64_t seed)
{
	memset(s, 0, nr_space_saving_bytes(capacity));
	s->capacity = capacity;
	s->slots = slots_for(capacity);
	s->seed = seed;
}

static uint32_t home_of(const struct nr_space_saving *s, uint64_t key)
{
	return (uint32_t)(nr_hll_hash(key ^ s->seed) >> 32) & (s->slots - 1);
}

/* The key's slot, or the empty one where it would stand. */
static uint32_t slot_of(const struct nr_space_saving *s, uint64_t key)
{
	const uint32_t *slot = slots(s);
	uint32_t i = home_of(s, key);
	while (slot[i] && counters(s)[slot[i] - 1].key != key)
		i = (i + 1) & (s->slots - 1);
	return i;
}

/* Closes the gap that an emptied slot leaves (Knuth 6.4, algorithm R). */
static void empty_slot(struct nr_space_saving *s, uint32_t gap)
{
	uint32_t *slot = slots(s), mask = s->slots - 1;
	for (uint32_t i = (gap + 1) & mask; slot[i]; i = (i + 1) & mask) {
		uint32_t home = home_of(s, counters(s)[slot[i] - 1].key);
		if (((i - home) & mask) < ((i - gap) & mask))
			continue;
		slot[gap] = slot[i];
		places(s)[slot[gap] - 1] = gap;
		gap = i;
	}
	slot[gap] = 0;
}

static void place(
	struct nr_space_saving *s, uint32_t at, const struct nr_space_counter *counter, uint32_t slot)
{
	counters(s)[at] = *counter;
	places(s)[at] = slot;
	slots(s)[slot] = at + 1;
}

/* Moves a counter that has grown to where it belongs; answers where that is. */
static uint32_t sink_down(struct nr_space_saving *s, uint32_t at)
{
	const struct nr_space_counter *c = counters(s), moved = c[at];
	uint32_t slot = places(s)[at];
	for (;;) {
		uint32_t child = at * 2 + 1;
		if (child >= s->used)
			break;
		if (child + 1 < s->used && c[child + 1].count < c[child].count)
			child++;
		if (c[child].count >= moved.count)
			break;
		place(s, at, &c[child], places(s)[child]);
		at = child;
	}
	place(s, at, &moved, slot);
	return at;
}

static uint32_t rise(struct nr_space_saving *s, uint32_t at)
{
	const struct nr_space_counter *c = counters(s), moved = c[at];
	uint32_t slot = places(s)[at];
	for (; at && c[(at - 1) / 2].count > moved.count; at = (at - 1) / 2)
		place(s, at, &c[(at - 1) / 2], places(s)[(at - 1) / 2]);
	place(s, at, &moved, slot);
	return at;
}

void nr_space_saving_resume(struct nr_space_saving *s, uint32_t capacity)
{
	s->capacity = capacity;
	s->slots = slots_for(capacity);
	s->used = NR_MIN(s->used, capacity);
	memset(slots(s), 0, s->slots * sizeof(uint32_t));
	for (uint32_t i = 0; i < s->used; i++) {
		uint32_t slot = home_of(s, counters(s)[i].key);
		while (slots(s)[slot])
			slot = (slot + 1) & (s->slots - 1);
		slots(s)[slot] = i + 1;
		places(s)[i] = slot;
	}
	for (uint32_t i = s->used / 2; i-- > 0;)
		sink_down(s, i);
}

const struct nr_space_counter *nr_space_saving_add(struct nr_space_saving *s, uint64_t key, uint64_t count)
{
	uint32_t slot = slot_of(s, key), at;
	s->added += count;
	if (slots(s)[slot]) {
		at = slots(s)[slot] - 1;
		counters(s)[at].count += count;
		return &counters(s)[sink_down(s, at)];
	}
	if (s->used < s->capacity) {
		at = s->used++;
		place(s, at, &(struct nr_space_counter){key, count, 0}, slot);
		return &counters(s)[rise(s, at)];
	}
	uint64_t least = counters(s)[0].count;
	empty_slot(s, places(s)[0]);
	slot = slot_of(s, key);
	place(s, 0, &(struct nr_space_counter){key, least + count, least}, slot);
	return &counters(s)[sink_down(s, 0)];
}

const struct nr_space_counter *nr_space_saving_find(const struct nr_space_saving *s, uint64_t key)
{
	uint32_t slot = slots(s)[slot_of(s, key)];
	return slot ? &counters(s)[slot - 1] : NULL;
}

const struct nr_space_counter *nr_space_saving_at(const struct nr_space_saving *s, uint32_t index)
{
	return &counters(s)[index];
}
