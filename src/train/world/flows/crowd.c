/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/crowd.h"
#include "train/world/random.h"

#include <string.h>

#define FIRST_ROOM 1024 /* members; the table has twice as many places */

void nr_crowd_fini(struct nr_crowd *crowd)
{
	free(crowd->members);
	free(crowd->table);
	*crowd = (struct nr_crowd){0};
}

static uint64_t hash_of(uint32_t group, const struct nr_address *address)
{
	uint64_t halves[2];
	memcpy(halves, address->octets, sizeof halves);
	return nr_random_mix(halves[0] ^ nr_random_mix(halves[1] ^ nr_random_mix(group)));
}

/* Where it is, or the free place where it belongs. */
static uint32_t *find(const struct nr_crowd *crowd, uint32_t group, const struct nr_address *address)
{
	uint32_t mask = crowd->room * 2 - 1;
	for (uint32_t i = (uint32_t)hash_of(group, address) & mask;; i = (i + 1) & mask) {
		uint32_t *place = &crowd->table[i];
		const struct nr_crowd_member *m = &crowd->members[*place - 1];
		if (!*place || (m->group == group && nr_address_equal(&m->address, address)))
			return place;
	}
}

static bool grow(struct nr_crowd *crowd)
{
	uint32_t room = crowd->room ? crowd->room * 2 : FIRST_ROOM;
	uint32_t *table = room <= UINT32_MAX / 4 ? calloc((size_t)room * 2, sizeof *table) : NULL;
	struct nr_crowd_member *members = table ? realloc(crowd->members, room * sizeof *members) : NULL;
	if (!members) {
		free(table);
		return false;
	}
	free(crowd->table);
	crowd->table = table;
	crowd->members = members;
	crowd->room = room;
	for (uint32_t i = 0; i < crowd->count; i++)
		*find(crowd, members[i].group, &members[i].address) = i + 1;
	return true;
}

uint32_t nr_crowd_add(struct nr_crowd *crowd, uint32_t group, const struct nr_address *address, nr_time time)
{
	if (crowd->count == crowd->room && !grow(crowd))
		return UINT32_MAX;
	uint32_t *place = find(crowd, group, address);
	if (*place) {
		nr_crowd_touch(crowd, *place - 1, time);
		return *place - 1;
	}
	crowd->members[crowd->count] = (struct nr_crowd_member){*address, group, time, time};
	*place = ++crowd->count;
	return crowd->count - 1;
}

static int compare(const void *a, const void *b)
{
	const struct nr_crowd_member *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return memcmp(x->address.octets, y->address.octets, sizeof x->address.octets);
}

void nr_crowd_sort(struct nr_crowd *crowd)
{
	if (crowd->count)
		qsort(crowd->members, crowd->count, sizeof *crowd->members, compare);
}
