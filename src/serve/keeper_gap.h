/* SPDX-License-Identifier: Apache-2.0 */
/* Inside keeper*.c: sensor gaps as the keeper sees them. */
#ifndef NR_SERVE_KEEPER_GAP_H
#define NR_SERVE_KEEPER_GAP_H

#include "base/child.h"
#include "model/gap.h"
#include "model/relay.h"
#include "store/store.h"

/* A gap that may still go on, with its texts. */
struct nr_keeper_gap {
	struct nr_gap gap; /* texts point below */
	char cause[32], how_en[160], how_ja[160], text_en[400], text_ja[400];
};

/* "killed by signal 31 (Bad system call): it tried what its sandbox forbids" */
void nr_keeper_gap_death(
	struct nr_keeper_gap *gap, const char *sensor, const char *sense, const struct nr_child_event *event);
/* The program ends in order. */
void nr_keeper_gap_stop(struct nr_keeper_gap *gap, const char *sensor, const char *sense, nr_time time);
/* It watches again; lost: packets in between that are known to be lost. */
void nr_keeper_gap_close(struct nr_keeper_gap *gap, nr_time time, uint64_t lost);
/* It began without the state of before, and nr_keeper_gap_discard() does not tell why. before: the gap that
 * was open until then. False: nothing was lost. */
bool nr_keeper_gap_anew(struct nr_keeper_gap *gap, struct nr_store *store, const struct nr_keeper_gap *before,
	const char *sensor, const char *sense, const struct nr_relay_status *status);
/* The program ends, and what was counted could not all be stored. */
void nr_keeper_gap_unstored(struct nr_keeper_gap *gap, const char *sensor, const char *sense, nr_time time);
/* What the child left was discarded. */
void nr_keeper_gap_discard(struct nr_keeper_gap *gap, const char *sensor, const char *sense, nr_time time);

/* The newest gap of the sensor in the store that has no end. False: there is none. */
bool nr_keeper_gap_open(
	struct nr_store *store, const char *sensor, const char *sense, struct nr_keeper_gap *ret_gap);

#endif
