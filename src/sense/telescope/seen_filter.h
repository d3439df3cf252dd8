/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who was seen at which port in the last days: two generations of a Bloom filter (Bloom 1970; blocked as in
 * Putze, Sanders, Singler 2009), so that memory is fixed. A pair that is seen is entered into the younger
 * one; the older one is forgotten when the younger is a week old or half full. A wrong "seen" costs
 * sensitivity (a new source is taken for a known one), never a false alarm. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_SEEN_FILTER_H
#define NR_SENSE_TELESCOPE_SEEN_FILTER_H

#include "base/area.h"
#include "base/hll.h"
#include "base/time.h"

#define NR_SEEN_AGE  (7 * NR_DAY)
#define NR_SEEN_BITS 4 /* set for each pair, all in one line of 512 */

struct nr_seen_filter {
	uint64_t *generations[2]; /* nr_pages; [young] is the younger */
	size_t lines;             /* of each, a power of two */
	unsigned young;
	uint64_t entered;  /* into the younger one */
	bool old_is_empty; /* until the first has aged: it need not be looked at */
	nr_time since[2];  /* when a generation began */
};

int nr_seen_filter_init(
	struct nr_seen_filter *filter, struct nr_area *area, size_t bytes, struct nr_error *error);
void nr_seen_filter_fini(struct nr_seen_filter *filter, struct nr_area *area);
/* Called before each window. */
void nr_seen_filter_age(struct nr_seen_filter *filter, nr_time now);
#define NR_SEEN_LINE 8 /* words */
NR_INLINE size_t nr_seen_filter_line(const struct nr_seen_filter *filter, uint64_t hash)
{
	return (size_t)(hash & (filter->lines - 1)) * NR_SEEN_LINE;
}
/* The pair will be added soon. */
NR_INLINE void nr_seen_filter_fetch(const struct nr_seen_filter *filter, uint64_t key)
{
	size_t line = nr_seen_filter_line(filter, nr_hll_hash(key));
	__builtin_prefetch(filter->generations[filter->young] + line, 1);
	if (!filter->old_is_empty)
		__builtin_prefetch(filter->generations[filter->young ^ 1] + line);
}
/* Was the pair there? It is now. */
bool nr_seen_filter_add(struct nr_seen_filter *filter, uint64_t key);
/* What is not in it was not seen since then. */
nr_time nr_seen_filter_since(const struct nr_seen_filter *filter);

#endif
