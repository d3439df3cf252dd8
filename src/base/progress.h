/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A progress line on stderr for what lasts over a second, only when stderr is a terminal:
 *
 *	 42 % [========            ] 120.3 MB/s, 00:00:12 left
 *
 * One thread. Without a terminal every call is a test of one bool.
 */
#ifndef NR_BASE_PROGRESS_H
#define NR_BASE_PROGRESS_H

#include "base/time.h"

struct nr_progress {
	bool on;          /* stderr is a terminal */
	bool shown;       /* a line stands there */
	uint64_t total;   /* 0: not known; then only the amount and the rate are shown */
	const char *unit; /* "B" (with k, M, G), "packets"; not owned */
	nr_time start, next;
};

void nr_progress_init(struct nr_progress *progress, uint64_t total, const char *unit);
/* done counts as total does. Cheap enough for once per batch: looks at the clock, draws ten times a second at
 * most. */
void nr_progress_show(struct nr_progress *progress, uint64_t done);
/* Removes the line, so that what follows on stderr stands alone. */
void nr_progress_fini(struct nr_progress *progress);

/* The text of the line, for tests. */
#define NR_PROGRESS_TEXT 96
const char *nr_progress_write(
	const struct nr_progress *progress, uint64_t done, nr_time now, char text[static NR_PROGRESS_TEXT]);

#endif
