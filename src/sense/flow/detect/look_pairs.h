/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table of pairs says of candidates, where their flows are not read a second time: their clients,
 * and of timing what gaps and hours tell.
 */
#ifndef NR_SENSE_FLOW_DETECT_LOOK_PAIRS_H
#define NR_SENSE_FLOW_DETECT_LOOK_PAIRS_H

#include "sense/flow/detect/detect_inside.h"

struct nr_flow_pair_range { /* of a candidate, in `pairs` */
	size_t begin, room, count;
	bool cut; /* not all had room */
};
struct nr_flow_paired {
	struct nr_flow_pair_entry *pairs;  /* owned; copies */
	struct nr_flow_pair_range *ranges; /* owned */
};
int nr_flow_paired_init(struct nr_flow_paired *paired, struct nr_flow_detect *detect,
	const struct nr_flow_choice *choice, struct nr_error *error);
void nr_flow_paired_fini(struct nr_flow_paired *paired);
/* beats, clients, gaps, shape, persistence, refused share and strobe; the rest is 0: not known. */
struct nr_flow_timing nr_flow_paired_timing(
	const struct nr_flow_pair_entry *pairs, size_t count, nr_time from, nr_time to);

#endif
