/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sources get a line. All, while the promised memory lasts. Then one of 2, 4, 8 ... chosen by a fixed
 * hash, so that those that stay stand for the others; and every source that is busy (nr_source_is_busy),
 * which SpaceSaving finds among those without a line. The level stands in every figure that it concerns.
 * Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_ADMIT_H
#define NR_SENSE_TELESCOPE_ADMIT_H

#include "sense/telescope/state.h"

#define NR_HEAVY_COUNTERS 4096

int nr_admit_open_day(struct nr_local *local, struct nr_day *day, struct nr_error *error);
void nr_admit_close_day(struct nr_local *local, struct nr_day *day);

/* A source without a line sends a packet: may it have one? There is room then, and *ret_earlier says how many
 * packets it surely sent before. */
bool nr_admit(struct nr_local *local, struct nr_source_table *table, uint64_t member, uint32_t *ret_earlier);
/* So many packets at most of a source beside the sample are not in its line: SpaceSaving's N / counters. */
uint64_t nr_admit_heavy_error(const struct nr_day *day);

#endif
