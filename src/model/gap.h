/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor gaps: times in which a sense did not see everything, and why. A number without its loss is not a
 * result.
 */
#ifndef NR_MODEL_GAP_H
#define NR_MODEL_GAP_H

#include "model/table.h"

struct nr_gap {
	const char *sensor, *sense;
	nr_time first, last;           /* last: NR_TIME_MAX while it goes on */
	const char *cause;             /* "stopped", "crashed", "interface-down", "ring-full", "clock-step",
					  "state-discarded" */
	uint64_t packets;              /* known to be lost; 0: not known */
	const char *text_en, *text_ja; /* one sentence with the numbers */
};

/* Name "sensor_gap"; key: sensor, sense, first, cause. */
extern const struct nr_table nr_gap_table;

#endif
