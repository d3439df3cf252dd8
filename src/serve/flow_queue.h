/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks on their way from the thread that keeps flows to the one that looks for what is hidden in them. Rows
 * are copied, small blocks gathered into large ones. The writer never waits for the reader: when all blocks
 * are full what comes is counted. One writer, one reader.
 */
#ifndef NR_SERVE_FLOW_QUEUE_H
#define NR_SERVE_FLOW_QUEUE_H

#include "model/flow.h"

#include <pthread.h>

#define NR_FLOW_QUEUE_BLOCKS 64 /* of NR_FLOW_ROOM rows */

struct nr_flow_queue {
	pthread_mutex_t lock;
	pthread_cond_t filled; /* of the clock that never steps */
	struct nr_flow_block *blocks[NR_FLOW_QUEUE_BLOCKS];
	unsigned free[NR_FLOW_QUEUE_BLOCKS]; /* the one that was used last is taken first: it is in the cache
					      */
	unsigned free_count;
	unsigned full[NR_FLOW_QUEUE_BLOCKS]; /* in order, the last of them may grow */
	unsigned full_first, full_count;
	uint64_t flows, taken, dropped; /* that wait; that the reader has; that found no room */
	bool open;                      /* false: what comes is passed over */
};

int nr_flow_queue_init(struct nr_flow_queue *queue, struct nr_error *error);
void nr_flow_queue_fini(struct nr_flow_queue *queue);

void nr_flow_queue_put(struct nr_flow_queue *queue, const struct nr_flow_block *block);
/* The oldest block, after a second at most; NULL: none. It is the reader's until it gives it back. */
struct nr_flow_block *nr_flow_queue_take(struct nr_flow_queue *queue);
void nr_flow_queue_give(struct nr_flow_queue *queue, struct nr_flow_block *block);
/* What comes while it is closed is passed over. */
void nr_flow_queue_open(struct nr_flow_queue *queue, bool open);
void nr_flow_queue_wake(struct nr_flow_queue *queue);
/* *ret_waiting: with those that the reader has. */
void nr_flow_queue_state(struct nr_flow_queue *queue, uint64_t *ret_waiting, uint64_t *ret_dropped);

#endif
