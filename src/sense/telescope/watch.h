/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker notes about the few ports that early warning watches: which source was active in which slot
 * of 50 seconds. All other packets cost one look at a flag and, while something is watched, one bit. Private
 * to this room.
 */
#ifndef NR_SENSE_TELESCOPE_WATCH_H
#define NR_SENSE_TELESCOPE_WATCH_H

#include "base/time.h"
#include "sense/telescope/tally.h"

#define NR_WATCH_SLOT   (50 * NR_SECOND) /* Dark-TRACER's sample */
#define NR_WATCH_LOG    65536            /* records of a worker until the flush takes them */
#define NR_WATCH_RECENT 1024             /* a power of two */

/* Group 18 bits, IPv4 address 32, slot 14: time / NR_WATCH_SLOT modulo 2^14, more than 9 days. */
#define NR_WATCH_SLOT_BITS 14

struct nr_watch {
	bool any;                            /* a port is watched */
	uint64_t ports[NR_GROUP_OTHER / 64]; /* a bit per group */
	uint64_t recent[NR_WATCH_RECENT];    /* records noted already, by their hash */
	size_t count;
	uint64_t beyond; /* records that found the log full */
	uint64_t log[NR_WATCH_LOG];
};

NR_INLINE uint64_t nr_watch_record(uint32_t group, uint32_t address, nr_time time)
{
	uint64_t slot = (uint64_t)(time / NR_WATCH_SLOT) & ((1u << NR_WATCH_SLOT_BITS) - 1);
	return (uint64_t)group << (32 + NR_WATCH_SLOT_BITS) | (uint64_t)address << NR_WATCH_SLOT_BITS | slot;
}

NR_INLINE bool nr_watch_has(const struct nr_watch *watch, uint32_t group)
{
	return group < NR_GROUP_OTHER && (watch->ports[group / 64] >> (group % 64) & 1);
}

NR_INLINE void nr_watch_note(struct nr_watch *watch, uint32_t group, uint32_t address, nr_time time)
{
	uint64_t record = nr_watch_record(group, address, time);
	uint64_t *recent = &watch->recent[(record * 0x9e3779b97f4a7c15u) >> 54];
	if (*recent == record)
		return;
	*recent = record;
	if (NR_LIKELY(watch->count < NR_WATCH_LOG))
		watch->log[watch->count++] = record;
	else
		watch->beyond++;
}

#endif
