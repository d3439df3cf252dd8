/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How --memory is shared out. Everything that the process holds stands in this table; what does not fit its
 * share is sampled or counted, and said. First comes what does not grow with the promise; the rest of it is
 * shared in 64 parts.
 */
#ifndef NR_SENSE_TELESCOPE_PROMISE_H
#define NR_SENSE_TELESCOPE_PROMISE_H

#include "sense/telescope/tally.h"
#include "sense/telescope/telescope.h"

/* Where rows are wanted: the program with its libraries and buffers (10 MB), the rows of one step on their
 * way into the store (10 MB where all ports of TCP and UDP have one), early warning's series (9 MB), and what
 * samples left out of the hour and the day (2 MB each, twice while they are added up). */
#define NR_PROMISE_FIXED UINT64_C(30000000)
/* And for each worker beyond the first: its buffers, its part of early warning, and what samples left out of
 * its open windows. */
#define NR_PROMISE_WORKER UINT64_C(2500000)
#define NR_PROMISE_LEAST  UINT64_C(32000000) /* to be shared */

/* Of 64 parts. */
#define NR_PROMISE_SOURCES 17 /* lines of sources, of both open days; without rows also NR_PROMISE_UNUSED */
#define NR_PROMISE_LOGS    8 /* pairs of open windows; without rows also NR_PROMISE_SORT: a window is a day */
#define NR_PROMISE_DAY     7 /* pairs of an open day's finished windows */
#define NR_PROMISE_SORT    6 /* pairs of the hour or day that is being told */
#define NR_PROMISE_RUN     4 /* pairs and members of finished days; without rows also NR_PROMISE_DAY */
#define NR_PROMISE_EARLY   4 /* early warning */
#define NR_PROMISE_VICTIMS 2
#define NR_PROMISE_CARPETS 1 /* half for cells of the workers, half for networks */
#define NR_PROMISE_OWN     2 /* own hosts, of both open days */
#define NR_PROMISE_SUSPECT 1 /* suspected tools, of both open days */
#define NR_PROMISE_LISTS   4 /* scanners, campaigns, attacks, findings */
#define NR_PROMISE_MEMBERS 1 /* sources of one slice, while categories are counted */
#define NR_PROMISE_STORE   2 /* SQLite's pages, and rows that wait to be packed, half each */
#define NR_PROMISE_PORTS   2 /* rows of a day's sources and their ports, on their way into the store */
#define NR_PROMISE_ORIGINS 3 /* sketches of countries and networks */
#define NR_PROMISE_UNUSED  4 /* of these, where no rows are wanted */

NR_INLINE uint64_t nr_promise_fixed(const struct nr_telescope_refs *refs)
{
	return (refs->store ? NR_PROMISE_FIXED : 0) + (refs->workers - 1) * NR_PROMISE_WORKER;
}
/* What is shared. nr_telescope_prepare() has seen that it is enough. */
NR_INLINE uint64_t nr_promise_shared(const struct nr_telescope_conf *conf)
{
	return conf->memory_bytes - nr_promise_fixed(conf->refs);
}
/* So many bytes of `parts` parts belong to each of `sharers`. */
NR_INLINE size_t nr_promise(const struct nr_telescope_conf *conf, unsigned parts, size_t sharers)
{
	return (size_t)(nr_promise_shared(conf) / 64 * parts / sharers);
}
/* Of the lines of one worker's sources. */
NR_INLINE size_t nr_promise_sources(const struct nr_telescope_conf *conf)
{
	unsigned parts = NR_PROMISE_SOURCES + (conf->refs->store ? 0 : NR_PROMISE_UNUSED);
	return nr_promise(conf, parts, conf->refs->workers);
}
/* Bytes of the pairs of one worker's window: of those that are open, two may be full. In an area, growing and
 * sorting copy. */
NR_INLINE size_t nr_promise_log(const struct nr_telescope_conf *conf, bool in_area)
{
	unsigned parts = NR_PROMISE_LOGS + (conf->refs->store ? 0 : NR_PROMISE_SORT);
	return nr_promise(conf, parts, (size_t)(in_area ? 6 : 2) * conf->refs->workers);
}
/* Bytes of the pairs of finished days, and as many of their members. */
NR_INLINE size_t nr_promise_run(const struct nr_telescope_conf *conf)
{
	return nr_promise(conf, NR_PROMISE_RUN + (conf->refs->store ? 0 : NR_PROMISE_DAY), 2);
}
NR_INLINE size_t nr_promise_members(const struct nr_telescope_conf *conf)
{
	return nr_promise_run(conf) / sizeof(struct nr_wide);
}
/* Bytes of the promise for each entry of a table that is at most half full, and stands there twice while it
 * grows; victims also wait, ended, for the flush. */
#define NR_TABLE_SHARE(entry) (3 * sizeof(entry))
#define NR_VICTIM_SHARE       (4 * sizeof(struct nr_victim))

/* Sorting thins to so much of a share, so that something can be added before the next time. */
#define NR_PROMISE_THIN(bytes) ((bytes) / 4 * 3)

#endif
