/* SPDX-License-Identifier: Apache-2.0 */
/* Inside keep*.c: keep.c moves flows, keep_report.c says what is known. */
#ifndef NR_SENSE_FLOW_LIVE_KEEP_INSIDE_H
#define NR_SENSE_FLOW_LIVE_KEEP_INSIDE_H

#include "sense/flow/live/keep.h"

#include <pthread.h>

struct json_object;

struct nr_flow_keep_shown { /* what other threads may ask for */
	struct nr_flow_archive_state archive;
	bool paused;
	char reason[240];
	nr_time paused_since;
	uint64_t refused; /* flows that could not be kept, since the start */
	uint64_t taken;   /* flows out of the rings */
	uint64_t unsound; /* blocks that were none */
	uint64_t restarts;
	struct nr_flow_law_counts law;
};

struct nr_flow_keep {
	struct nr_flow_keep_conf conf;
	struct nr_flow_law *law;         /* NULL: no archive */
	struct nr_flow_archive *archive; /* NULL: nothing is kept */
	struct nr_flow_block *block;     /* the copy that is judged and used */
	nr_time law_at, memory_at;
	uint64_t memory_saved[NR_FLOW_WORKERS_MAX]; /* serial of the page that was saved */
	uint64_t refused_before;                    /* shown.refused when the pause began */
	pthread_mutex_t lock;                       /* of what follows */
	struct nr_flow_keep_shown shown;
	struct json_object *past; /* counts of processes that have ended; NULL: none */
};

/* ---- keep_report.c ---- */
void nr_flow_keep_add_past(struct nr_flow_keep *keep, unsigned worker);

#endif
