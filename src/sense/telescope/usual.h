/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usual groups: the up to 16 ports that get most packets, chosen anew for each day from its first
 * packets. A source counts what it sends there in a nibble of its own line; what it sends elsewhere waits in
 * one other place of the line. Both go into the window's tally when the window is left (drained), so most
 * packets cost no pair. Exact for every choice: the choice decides the speed, never the answer.
 */
#ifndef NR_SENSE_TELESCOPE_USUAL_H
#define NR_SENSE_TELESCOPE_USUAL_H

#include "sense/telescope/source.h"

#define NR_USUAL_GROUPS 16
#define NR_USUAL_MAX    15    /* packets that a nibble holds */
#define NR_USUAL_SAMPLE 32768 /* packets of a day from which its groups are chosen */
#define NR_USUAL_SHARE  256   /* a group is usual from one in so many of them */

struct nr_usual {
	uint8_t *number_of;                 /* nr_pages, [NR_GROUP_OTHER]: 0: none, else 1 + its nibble */
	uint32_t size[NR_USUAL_GROUPS + 1]; /* bytes of its packets, by number; [0]: no packet has it */
	uint32_t group[NR_USUAL_GROUPS + 1];
	unsigned count;
	uint64_t choose_at; /* packets of the worker at which they are chosen; UINT64_MAX: they are */
};

/* What all sources together sent to a usual group, where no pairs are wanted. */
struct nr_usual_sum {
	uint64_t packets, sources;
};

#define NR_USUAL_NO_SIZE UINT32_MAX

/* Counts one packet in the source's nibble; false: it is none of those. group is below NR_GROUP_OTHER. */
NR_INLINE bool nr_usual_add(const struct nr_usual *usual, const struct nr_source_table *table,
	struct nr_source *s, size_t entry, uint32_t group, uint32_t wire)
{
	unsigned number = usual->number_of[group];
	unsigned shift = number * 4 - 4;
	if (usual->size[number] != wire || (s->usual >> (shift & 63) & NR_USUAL_MAX) == NR_USUAL_MAX)
		return false;
	if (!s->usual)
		nr_source_mark_dirty(table, entry);
	s->usual += UINT64_C(1) << shift;
	return true;
}

#endif
