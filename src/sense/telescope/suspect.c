/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/suspect.h"
#include "base/pages.h"
#include "sense/telescope/tally.h"

#include <string.h>
#include <sys/random.h>

#define NR_SUSPECTS_START 256

static bool is_empty(const struct nr_suspect *s)
{
	return !s->count && !s->datagrams;
}

static size_t home_of(size_t capacity, uint64_t key, uint32_t address)
{
	uint64_t h = (address ^ key >> 32) * key;
	return (size_t)(((h >> 32) * capacity) >> 32);
}

static struct nr_suspect *slot_of(struct nr_suspect *slots, size_t capacity, uint64_t key, uint32_t address)
{
	for (size_t i = home_of(capacity, key, address);;) {
		struct nr_suspect *s = &slots[i];
		if (is_empty(s) || s->address == address)
			return s;
		if (++i == capacity)
			i = 0;
	}
}

void nr_suspects_fini(struct nr_suspects *suspects)
{
	nr_pages_unmap(suspects->area, suspects->slots, suspects->capacity * sizeof *suspects->slots);
	*suspects = (struct nr_suspects){0};
}

static bool grow(struct nr_suspects *suspects)
{
	if (suspects->capacity > (suspects->limit ? suspects->limit : NR_SUSPECTS_MAX))
		return false;
	if (!suspects->key && getrandom(&suspects->key, sizeof suspects->key, 0) != sizeof suspects->key)
		return false;
	suspects->key |= 1;
	size_t capacity = suspects->capacity ? suspects->capacity * 2 : NR_SUSPECTS_START;
	void *pages = NULL;
	if (nr_pages_resize(suspects->area, &pages, 0, capacity * sizeof(struct nr_suspect), NULL))
		return false;
	struct nr_suspect *slots = pages;
	for (size_t i = 0; i < suspects->capacity; i++)
		if (!is_empty(&suspects->slots[i]))
			*slot_of(slots, capacity, suspects->key, suspects->slots[i].address) =
				suspects->slots[i];
	void *old = suspects->slots;
	size_t old_bytes = suspects->capacity * sizeof *suspects->slots;
	suspects->slots = slots;
	suspects->capacity = capacity;
	nr_pages_unmap(suspects->area, old, old_bytes);
	return true;
}

/* Empties slot i; those behind it that would not be found any more move up (Knuth, volume 3, 6.4, algorithm
 * R). */
static void empty_slot(struct nr_suspects *suspects, size_t i)
{
	const size_t capacity = suspects->capacity;
	for (size_t k = i;;) {
		k = k + 1 == capacity ? 0 : k + 1;
		struct nr_suspect *next = &suspects->slots[k];
		if (is_empty(next))
			break;
		size_t home = home_of(capacity, suspects->key, next->address);
		bool stays = i <= k ? i < home && home <= k : i < home || home <= k;
		if (stays)
			continue;
		suspects->slots[i] = *next;
		i = k;
	}
	suspects->slots[i] = (struct nr_suspect){0};
	suspects->used--;
}

/* One of twice as many stays, and the busy ones. */
static void raise_level(struct nr_suspects *suspects)
{
	suspects->level++;
	for (size_t i = 0; i < suspects->capacity;) {
		const struct nr_suspect *s = &suspects->slots[i];
		if (is_empty(s) || s->busy || nr_member_is_sampled(s->address, suspects->level))
			i++;
		else
			empty_slot(suspects, i); /* another may stand here now */
	}
}

static bool make_room(struct nr_suspects *suspects)
{
	while (suspects->used * 2 >= suspects->capacity) {
		if (grow(suspects))
			continue;
		if (!suspects->capacity || suspects->level == NR_LEVEL_MAX)
			return false;
		raise_level(suspects);
	}
	return true;
}

/* The source's entry, made where there is none; NULL: left out by the sample, or no room. */
static struct nr_suspect *entry_of(struct nr_suspects *suspects, uint32_t address, bool busy)
{
	struct nr_suspect *s = NULL;
	if (suspects->capacity)
		s = slot_of(suspects->slots, suspects->capacity, suspects->key, address);
	if (!s || is_empty(s)) {
		if (!busy && !nr_member_is_sampled(address, suspects->level))
			return NULL;
		if (!make_room(suspects)) {
			suspects->beyond++;
			return NULL;
		}
		if (!busy && !nr_member_is_sampled(address, suspects->level))
			return NULL;
		s = slot_of(suspects->slots, suspects->capacity, suspects->key, address);
		s->address = address;
		suspects->used++;
	}
	s->busy |= busy;
	return s;
}

void nr_suspects_observe(
	struct nr_suspects *suspects, uint32_t address, bool busy, const struct nr_packet *packet)
{
	struct nr_suspect *s = entry_of(suspects, address, busy);
	uint32_t destination = nr_address_ipv4(&packet->destination);
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		if (s->targets[i].destination != destination ||
			s->targets[i].port != packet->destination_port)
			continue;
		if (s->targets[i].sequence != packet->sequence || s->targets[i].id != packet->id)
			s->contradiction = true;
		return;
	}
	if (s->count == NR_SUSPECT_TARGETS)
		return;
	s->targets[s->count].destination = destination;
	s->targets[s->count].sequence = packet->sequence;
	s->targets[s->count].port = packet->destination_port;
	s->targets[s->count].id = packet->id;
	s->count++;
}

void nr_suspects_count_datagram(struct nr_suspects *suspects, uint32_t address, bool busy)
{
	struct nr_suspect *s = entry_of(suspects, address, busy);
	if (s)
		s->datagrams += s->datagrams != UINT32_MAX;
}

const struct nr_suspect *nr_suspects_find(const struct nr_suspects *suspects, uint32_t address)
{
	if (!suspects->capacity)
		return NULL;
	const struct nr_suspect *s = slot_of(suspects->slots, suspects->capacity, suspects->key, address);
	return is_empty(s) ? NULL : s;
}

unsigned nr_suspect_destinations(const struct nr_suspect *suspect)
{
	unsigned distinct = 0;
	for (size_t i = 0; i < suspect->count; i++) {
		size_t k = 0;
		while (k < i && suspect->targets[k].destination != suspect->targets[i].destination)
			k++;
		distinct += k == i;
	}
	return distinct;
}
