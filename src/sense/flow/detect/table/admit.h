/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pairs are worth an entry: those that were seen in two different hours. What meets once (scanners and
 * their targets, one visit of a page) is most of all pairs, and stays out. A Bloom filter in lines of the
 * cache (Putze, Sanders, Singler 2007): of each line 192 bits are this hour's and 192 an earlier one's. A
 * line ages when it is touched; one whose earlier bits are half full keeps those of the last hour alone. So
 * it never fills, whatever comes. Locks are the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_ADMIT_H
#define NR_SENSE_FLOW_DETECT_TABLE_ADMIT_H

#include "base/error.h"

#define NR_FLOW_ADMIT_WORDS 3

struct nr_flow_admit_line {
	uint64_t now[NR_FLOW_ADMIT_WORDS], earlier[NR_FLOW_ADMIT_WORDS];
	uint32_t hour; /* of `now`, since 1970 */
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct nr_flow_admit_line) == 64, "one line of the cache");

struct nr_flow_admit {
	struct nr_flow_admit_line *lines; /* owned */
	uint32_t count;
	size_t bytes;
};

int nr_flow_admit_init(struct nr_flow_admit *admit, uint64_t bytes, struct nr_error *error);
void nr_flow_admit_fini(struct nr_flow_admit *admit);
void nr_flow_admit_clear(struct nr_flow_admit *admit);

NR_INLINE struct nr_flow_admit_line *nr_flow_admit_line(const struct nr_flow_admit *admit, uint64_t hash)
{
	return &admit->lines[(hash >> 32) * admit->count >> 32];
}
/* True: it was seen in another hour already. */
bool nr_flow_admit_pair(struct nr_flow_admit *admit, uint64_t hash, uint32_t hour);

#endif
