/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live second: what screens and alarms are told while packets come (model/live.h). Each worker counts
 * into its own state and keeps a uniform sample of its packets; nr_telescope_pulse() merges them. The state
 * is made by the first pulse, so reading a file costs one branch a batch. It ends with its process: what an
 * alarm must remember longer stands with the hosts (own.h, victim.h). Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_PULSE_H
#define NR_SENSE_TELESCOPE_PULSE_H

#include "sense/telescope/state.h"

#define NR_PULSE_SAMPLE    625 /* packets of one sample: four a second are NR_LIVE_PARTICLES_PER_SECOND */
#define NR_PULSE_SAMPLE_US (NR_SECOND / 5) /* at least between two samples */
#define NR_PULSE_EARLY_US                                                                                    \
	(NR_SECOND / 8) /* a second may end so much too early: calls come when they come                     \
			 */

struct nr_pulse;

/* Counts a batch. */
void nr_pulse_observe(struct nr_local *local, const struct nr_batch *batch);
void nr_pulse_free(struct nr_pulse *pulse); /* NULL allowed */

/* The sense's pulse(). */
int nr_telescope_pulse(const void *conf, void *const *locals, size_t count, nr_time now, struct nr_sink *sink,
	struct nr_error *error);

#endif
