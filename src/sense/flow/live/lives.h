/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lives and deaths of parsers, and the gaps that come of them: what a keeper of its own (flow collect) makes
 * of the nursery's news. One thread.
 */
#ifndef NR_SENSE_FLOW_LIVE_LIVES_H
#define NR_SENSE_FLOW_LIVE_LIVES_H

#include "sense/flow/live/keep.h"

#define NR_FLOW_LIVES_HANGS (60 * NR_SECOND) /* a parser that does not look around for so long is killed */

/* A time in which not everything was kept. */
struct nr_flow_gap {
	const char *cause;   /* "crashed", "archive-paused" */
	nr_time first, last; /* last: NR_TIME_MAX while it goes on */
	uint64_t lost;
	const char *unit; /* of lost: "datagrams", "flows" */
	char text_en[240], text_ja[320];
};
/* Of a pause that begins, or is over. */
void nr_flow_gap_of_pause(struct nr_flow_gap *ret_gap, const struct nr_flow_keep_event *event);
/* "gap": {...} of the open object. */
void nr_flow_gap_write(const struct nr_flow_gap *gap, struct nr_json *json);

struct nr_flow_life {
	bool ended, dead; /* nobody comes any more; its successor has not begun */
	bool hangs;       /* and has been told to end */
	nr_time died;
	uint64_t undecoded, kernel; /* lost by its death; of the board, as of then */
	uint64_t undecoded_before;  /* by earlier deaths */
	char how_en[160], how_ja[200];
};

struct nr_flow_lives {
	struct nr_flow_live *live;
	struct nr_nursery *nursery;
	void (*tell)(
		void *context, const struct nr_flow_gap *gap); /* when it begins, and when it has ended */
	void *context;
	struct nr_flow_life lives[NR_FLOW_WORKERS_MAX];
};

void nr_flow_lives_init(struct nr_flow_lives *lives, struct nr_flow_live *live, struct nr_nursery *nursery,
	void (*tell)(void *context, const struct nr_flow_gap *gap), void *context);
void nr_flow_lives_take(struct nr_flow_lives *lives, const struct nr_child_event *event);
/* About once a second: who has begun to receive again, and who hangs. */
void nr_flow_lives_look(struct nr_flow_lives *lives, nr_time now);
/* After the nursery was asked for the end. */
bool nr_flow_lives_ended(const struct nr_flow_lives *lives);

#endif
