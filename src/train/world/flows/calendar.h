/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the flow caches, in order of when it is due: a ring of short slots, each a list. Entries of one
 * slot come in no particular order, always the same. One thread; owns its entries.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_CALENDAR_H
#define NR_TRAIN_WORLD_FLOWS_CALENDAR_H

#include "train/world/flows/record.h"

#define NR_CALENDAR_SLOT  (10 * INT64_C(1000)) /* us */
#define NR_CALENDAR_SLOTS (1u << 18)           /* 44 minutes; what is later waits at the far end */

enum nr_entry_kind {
	NR_ENTRY_FLOW,
	NR_ENTRY_NAT,     /* an event that is to be told */
	NR_ENTRY_RELEASE, /* the same, and a port block is free again */
};

struct nr_entry {
	nr_time due;
	uint32_t next;    /* in its slot, or among the free ones; + 1 */
	uint32_t subject; /* a flow: 1 on the way back; NR_ENTRY_RELEASE: the port block */
	uint8_t kind, exporter, generation;
	bool whole;           /* unsampled: the last packet is at `end` */
	bool syn, fin, fresh; /* whether those packets are among the sampled; no record yet */
	uint8_t flags;        /* of the packets in between */
	nr_time at, end;      /* when the next packet comes, when the flow ends */
	uint64_t left, bytes_left, reverse_left, reverse_bytes_left; /* behind the record that waits */
	struct nr_flow_record record;                                /* that waits */
};

struct nr_calendar {
	uint32_t *slots; /* entry number + 1 */
	struct nr_entry *entries;
	uint32_t room, used, free; /* free: a list, number + 1 */
	uint32_t waiting, most;
	nr_time now; /* begin of the slot that is next */
};

int nr_calendar_init(struct nr_calendar *calendar, nr_time start, struct nr_error *error);
void nr_calendar_fini(struct nr_calendar *calendar);
/* A new entry, zeroed; its pointer is good until the next call of this. NULL: out of memory. */
struct nr_entry *nr_calendar_new(struct nr_calendar *calendar);
/* Puts it where entry->due says; what is due already comes next. */
void nr_calendar_put(struct nr_calendar *calendar, struct nr_entry *entry);
void nr_calendar_drop(struct nr_calendar *calendar, struct nr_entry *entry);
/* Takes the slot that is next out and moves on: a list by nr_calendar_pop(). */
uint32_t nr_calendar_turn(struct nr_calendar *calendar);
/* The next of the list; NULL at its end. What was only waiting at the far end is put back on the way. */
struct nr_entry *nr_calendar_pop(struct nr_calendar *calendar, uint32_t *list);

#endif
