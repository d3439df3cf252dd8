/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/suspect.h"
#include "base/pages.h"

#include <string.h>
#include <sys/random.h>

#define NR_SUSPECTS_START 256

static struct nr_suspect *slot_of(struct nr_suspect *slots, size_t capacity, uint64_t key, uint64_t member)
{
	uint64_t h = (member ^ key >> 32) * key;
	for (size_t i = (size_t)(((h >> 32) * capacity) >> 32);;) {
		struct nr_suspect *s = &slots[i];
		if (!s->count || s->member == member)
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

static bool make_room(struct nr_suspects *suspects)
{
	if (suspects->used * 2 < suspects->capacity)
		return true;
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
		if (suspects->slots[i].count)
			*slot_of(slots, capacity, suspects->key, suspects->slots[i].member) =
				suspects->slots[i];
	void *old = suspects->slots;
	size_t old_bytes = suspects->capacity * sizeof *suspects->slots;
	suspects->slots = slots;
	suspects->capacity = capacity;
	nr_pages_unmap(suspects->area, old, old_bytes);
	return true;
}

/* The member's entry, made where there is none; NULL: no room for a new one. */
static struct nr_suspect *entry_of(struct nr_suspects *suspects, uint64_t member)
{
	struct nr_suspect *s = NULL;
	if (suspects->capacity)
		s = slot_of(suspects->slots, suspects->capacity, suspects->key, member);
	if (s && s->count)
		return s;
	if (!make_room(suspects))
		return NULL;
	s = slot_of(suspects->slots, suspects->capacity, suspects->key, member);
	s->member = member;
	suspects->used++;
	return s;
}

void nr_suspects_observe(struct nr_suspects *suspects, uint64_t member, const struct nr_packet *packet)
{
	struct nr_suspect *s = entry_of(suspects, member);
	uint32_t destination = nr_address_ipv4(&packet->destination);
	if (!s) {
		suspects->beyond++;
		return;
	}
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

const struct nr_suspect *nr_suspects_find(const struct nr_suspects *suspects, uint64_t member)
{
	if (!suspects->capacity)
		return NULL;
	const struct nr_suspect *s = slot_of(suspects->slots, suspects->capacity, suspects->key, member);
	return s->count ? s : NULL;
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
