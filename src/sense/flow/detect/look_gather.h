/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second reading: rows of blocks that belong to candidates become beats in the store. Blocks may come
 * from several threads: looking for candidates needs no lock, what was found is put in by portions.
 */
#ifndef NR_SENSE_FLOW_DETECT_LOOK_GATHER_H
#define NR_SENSE_FLOW_DETECT_LOOK_GATHER_H

#include "sense/flow/detect/detect_inside.h"
#include "sense/flow/detect/table/beats_store.h"

struct nr_flow_gather {
	struct nr_flow_detect *detect;
	struct nr_flow_orient orient;      /* without sketch of its own: the candidates say who is a server */
	struct nr_flow_clock_table wanted; /* candidates by their key */
	uint64_t *filter;                  /* owned: bits of their hashes, small enough for the cache */
	struct nr_flow_beats_store store;
	nr_time from, to;
	pthread_mutex_t lock; /* of the store */
};

int nr_flow_gather_init(struct nr_flow_gather *gather, struct nr_flow_detect *detect,
	const struct nr_flow_choice *choice, struct nr_error *error);
void nr_flow_gather_fini(struct nr_flow_gather *gather);
/* For nr_flow_replay: `taker` is the gather. */
int nr_flow_gather_take(void *taker, const struct nr_flow_block *block);

#endif
