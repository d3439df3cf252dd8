/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exporter's timers and clock. A flow cache cuts what lasts longer at the active timeout, and what is
 * silent at the inactive one (flow reference 16): whoever looks for rhythms must know both. They are told in
 * options (IE 36, 37), or learnt from records: the mode of durations, of those that say so (IE 136: 2) alone
 * where some do; and the mode of the age at export of what ended by silence.
 *
 * The clock: export times are compared with ours. Delay only makes the difference worse, so the best of ten
 * minutes stands.
 */
#ifndef NR_SENSE_FLOW_COLLECT_TIMERS_H
#define NR_SENSE_FLOW_COLLECT_TIMERS_H

#include "model/flow.h"
#include "wire/netflow.h"

#define NR_FLOW_TIMER_BINS 64 /* durations in seconds, the most frequent of them */

struct nr_flow_timer_bins {
	uint32_t total;
	struct {
		uint16_t seconds;
		uint32_t count;
	} bins[NR_FLOW_TIMER_BINS];
};

struct nr_flow_timers {
	uint32_t active_told, inactive_told;                 /* seconds; 0: not told */
	struct nr_flow_timer_bins active_reason, active_any; /* durations: with end reason 2, of all */
	struct nr_flow_timer_bins inactive;                  /* ages at export */
	uint32_t calls;
	int64_t offset[2]; /* us, export - received: best of this window and of the one before */
	nr_time window;    /* begin of this one */
	uint8_t offsets;   /* how many of the two there are */
};

/* A record of an options template: IE 36, 37. */
void nr_flow_timers_learn(
	struct nr_flow_timers *timers, const struct nr_template *template, const struct nr_value *values);
/* Rows [row, row + count) of flows with times of their own, exported at `exported`. It looks at some of
 * them. */
void nr_flow_timers_observe(struct nr_flow_timers *timers, const struct nr_flow_block *block, uint32_t row,
	uint32_t count, nr_time exported);
/* A message: when it was exported by the exporter's clock, and received by ours. */
void nr_flow_timers_clock(struct nr_flow_timers *timers, nr_time exported, nr_time received);

enum nr_flow_timers_from { NR_FLOW_TIMERS_UNKNOWN, NR_FLOW_TIMERS_OPTIONS, NR_FLOW_TIMERS_LEARNT };
/* Seconds; 0: not known. */
uint32_t nr_flow_timers_active(const struct nr_flow_timers *timers, enum nr_flow_timers_from *ret_from);
uint32_t nr_flow_timers_inactive(const struct nr_flow_timers *timers, enum nr_flow_timers_from *ret_from);
/* How far the exporter's clock is ahead of ours, us; false: not known. */
bool nr_flow_timers_offset(const struct nr_flow_timers *timers, int64_t *ret_offset);

#endif
