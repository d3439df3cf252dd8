/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the scans of a sorted tally some at a time, so that a detector can fetch what it will look up for
 * each from a large table before it looks: a look-up that waits for memory costs as much as twenty that do
 * not. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_EARLY_WALK_H
#define NR_SENSE_TELESCOPE_EARLY_WALK_H

#include "sense/telescope/tally.h"

#define NR_WALK_AHEAD 32

/* The next sums of ports; 0: that was all. */
NR_INLINE size_t nr_scans_next(struct nr_tally_walk *walk, struct nr_tally_sum sums[static NR_WALK_AHEAD])
{
	size_t count = 0;
	while (count < NR_WALK_AHEAD && nr_tally_next(walk, &sums[count]) &&
		nr_sum_group(&sums[count]) < NR_GROUP_OTHER)
		count++;
	return count;
}

#endif
