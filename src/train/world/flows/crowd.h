/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was there, and when: each address of each group once, in the order of arrival. Grows with what it
 * holds; one thread; owns its memory.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_CROWD_H
#define NR_TRAIN_WORLD_FLOWS_CROWD_H

#include "base/address.h"
#include "base/time.h"

struct nr_crowd_member {
	struct nr_address address;
	uint32_t group;
	nr_time first, last;
};

struct nr_crowd {
	struct nr_crowd_member *members;
	uint32_t *table; /* member number + 1, by hash */
	uint32_t count, room;
};

void nr_crowd_fini(struct nr_crowd *crowd);
/* Adds it where it is not there; its number stays. UINT32_MAX: out of memory. */
uint32_t nr_crowd_add(struct nr_crowd *crowd, uint32_t group, const struct nr_address *address, nr_time time);
/* It was there at that time, too. */
NR_INLINE void nr_crowd_touch(struct nr_crowd *crowd, uint32_t number, nr_time time)
{
	struct nr_crowd_member *m = &crowd->members[number];
	m->first = NR_MIN(m->first, time);
	m->last = NR_MAX(m->last, time);
}
/* By group, then address: numbers are no longer good. */
void nr_crowd_sort(struct nr_crowd *crowd);

#endif
