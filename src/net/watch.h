/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline over an interface: packets are observed as they come; four times a second all workers rest,
 * and the sense's pulse() and, at the end of an interval, its flush() are called.
 *
 * Time. A packet counts at the kernel's time stamp. An interval ends when every ring has been read beyond its
 * end by NR_WATCH_SLACK: a packet that the kernel stamped and delivered in time is never late, however slow
 * the reader was; the end comes, too, when there are no packets. When the clock is set back, the sense counts
 * what then comes as late, in its oldest open interval, until the clock has reached that again; when it is
 * set back by more than NR_WATCH_STEP_MAX, everything so far is finished and the sense starts anew at the new
 * time. Either is a sensor gap ("clock-step") that says by how much.
 *
 * Gaps go to the sink as rows of nr_gap_table: "interface-down", "ring-full", "clock-step",
 * "state-discarded" (the state in the areas could not be taken over).
 */
#ifndef NR_NET_WATCH_H
#define NR_NET_WATCH_H

#include "net/live.h"
#include "net/pipeline.h"

#include <signal.h>

#define NR_WATCH_SLACK    NR_SECOND
#define NR_WATCH_STEP     (NR_SECOND / 2) /* a clock that differs by less was not set */
#define NR_WATCH_STEP_MAX NR_HOUR

/* What a tick is told; figures are sums since nr_pipeline_new(). */
struct nr_watch_tick {
	nr_time now;
	const struct nr_loss *loss;                  /* frames, bytes, decoding drops */
	const struct nr_live_statistics *statistics; /* since nr_live_open() */
	enum nr_live_state state;
	nr_time delay; /* us: how far behind the clock the slowest ring is read */
};

struct nr_watch {
	struct nr_live *live;
	const char *sensor;                /* for gaps */
	const volatile sig_atomic_t *stop; /* not 0: end soon; set by a signal handler */
	/* Four times a second, all workers at rest, after pulse(). Not 0: ends the watch with this answer.
	 * NULL allowed. */
	int (*tick)(void *context, const struct nr_watch_tick *tick, struct nr_error *error);
	void *context;
};

/* Until *stop, -ENODEV (the interface is gone; open another live and call again), or a failure. What was read
 * is observed; nothing is flushed at the end: call nr_pipeline_finish(), or leave the state to a successor in
 * its areas. A live that spreads must have as many rings as the pipeline has workers. */
int nr_pipeline_watch(struct nr_pipeline *pipeline, const struct nr_watch *watch, struct nr_error *error);

#endif
