/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Early warning: what is about to spread, who scans slowly, who scans hardest. Four detectors look at the
 * windows as the flush merges them and at the day when it ends:
 *
 *	change.h      ChangeFinder over packets and hosts of every busy port and country
 *	synchrony.h   many new sources that come to one port together and stay
 *	slow.h        few packets a day, many ports or addresses in seven days
 *	hitters.h     events and aggressive hitters as ORION defines them
 *
 * Memory: NR_PROMISE_EARLY of --memory (promise.h). Tables that grow with it take three quarters of that,
 * a third of them the filter of known sources; series, ports, aggressors and logs take 8.6 MB whatever its
 * size, and 0.5 MB for each further worker. Below 512M this is more than the share. Their state is bounded,
 * lies in the area of worker 0 and is used by the flush alone. What they find goes to the sink as rows of
 * telescope_warning and as findings (warning.h). Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_EARLY_H
#define NR_SENSE_TELESCOPE_EARLY_H

#include "sense/telescope/merged.h"

/* A merged window of 5 minutes. Windows come in the order of time; one without packets may be left out. */
struct nr_early_window {
	const struct nr_telescope_conf *conf;
	struct nr_merged *merged;
	struct nr_sink *sink;
	nr_time start;
	const struct nr_tally *tally;  /* sorted */
	const struct nr_tally *before; /* the window before it, sorted; NULL: not kept, or another day */
};
int nr_early_window(const struct nr_early_window *window, struct nr_error *error);

/* The day's research scanners are judged: merged->scanners from scanner_first on. tally: of the day, sorted.
 */
int nr_early_day(const struct nr_day_end *end, const struct nr_tally *tally, size_t scanner_first,
	struct nr_error *error);

/* Left by a predecessor in an area: its pages have a fixed size; -EBADMSG: they are not there. */
int nr_early_resume(struct nr_early *early, struct nr_area *area);
void nr_early_free(struct nr_early *early); /* NULL allowed */

#endif
