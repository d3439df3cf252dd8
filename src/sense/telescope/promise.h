/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How --memory is shared out. Everything that the sense holds stands in this table; what does not fit its
 * share is sampled or counted, and said. What remains to the whole is for the program itself and its buffers.
 */
#ifndef NR_SENSE_TELESCOPE_PROMISE_H
#define NR_SENSE_TELESCOPE_PROMISE_H

#include "sense/telescope/tally.h"
#include "sense/telescope/telescope.h"

/* Of 64 parts. */
#define NR_PROMISE_SOURCES 20 /* lines of sources, of both open days */
#define NR_PROMISE_LOGS    8 /* pairs of open windows; without rows also NR_PROMISE_SORT: a window is a day */
#define NR_PROMISE_DAY     8 /* pairs of an open day's finished windows */
#define NR_PROMISE_SORT    8 /* pairs of the hour or day that is being told */
#define NR_PROMISE_RUN     4 /* pairs and members of finished days; without rows also NR_PROMISE_DAY */
#define NR_PROMISE_EARLY   4 /* early warning */
#define NR_PROMISE_VICTIMS 2
#define NR_PROMISE_OWN     2 /* own hosts, of both open days */
#define NR_PROMISE_SUSPECT 1 /* suspected tools, of both open days */
#define NR_PROMISE_LISTS   4 /* scanners, campaigns, attacks, findings */
#define NR_PROMISE_MEMBERS 1 /* sources of one slice, while categories are counted */

/* So many bytes of `parts` parts belong to each of `sharers`. */
NR_INLINE size_t nr_promise(const struct nr_telescope_conf *conf, unsigned parts, size_t sharers)
{
	return (size_t)(conf->memory_bytes / 64 * parts / sharers);
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
