/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of blocks of flows (flow.h) between two processes: one that decodes what strangers send, and one
 * that keeps it. The memory is made before the processes part (fork) and outlives either of them.
 *
 *	writer: nr_flow_ring_attach(ring);            once in each process that writes
 *	        block = nr_flow_ring_lend(ring);      the next block, empty; NULL: the ring is full
 *	        ... rows ...
 *	        nr_flow_ring_publish(ring);           it is the reader's
 *	reader: poll nr_flow_ring_socket(ring), then nr_flow_ring_take(ring, mine) until it answers 0
 *
 * One writer at a time and one reader; neither ever waits for the other. The reader trusts nothing that lies
 * in the ring: a block is copied out, and only the copy is judged and used, so that a writer that was taken
 * over can change nothing afterwards. A writer that is killed leaves its rows: those that were closed are
 * published by the next one.
 */
#ifndef NR_MODEL_FLOW_RING_H
#define NR_MODEL_FLOW_RING_H

#include "model/flow.h"

struct nr_flow_ring;

/* bytes: of address space; memory is taken as columns are written. At least two blocks of NR_FLOW_ROOM rows.
 */
int nr_flow_ring_new(uint64_t bytes, struct nr_flow_ring **ret_ring, struct nr_error *error);
/* This process's hold of it. */
void nr_flow_ring_free(struct nr_flow_ring *ring);
void nr_flow_ring_freep(struct nr_flow_ring **ring);

/* ---- writer ---- */

/* Takes over from a writer that has ended: publishes the rows it had closed; answers how many. A position
 * that cannot be empties the ring. */
uint32_t nr_flow_ring_attach(struct nr_flow_ring *ring);
/* The same block until it is published. */
struct nr_flow_block *nr_flow_ring_lend(struct nr_flow_ring *ring);
/* What was lent; one without rows stays lent. */
void nr_flow_ring_publish(struct nr_flow_ring *ring);
/* Blocks that the reader has not taken. */
uint32_t nr_flow_ring_waiting(const struct nr_flow_ring *ring);

/* ---- reader ---- */

/* Readable when something was published; nr_flow_ring_take() makes it unreadable. */
int nr_flow_ring_socket(const struct nr_flow_ring *ring);
/* into: room NR_FLOW_ROOM, what it held is gone. 1: a block; 0: none waits; -EBADMSG: one that cannot be, it
 * was passed over: end the writer, it is not what it was. */
int nr_flow_ring_take(struct nr_flow_ring *ring, struct nr_flow_block *into);

#endif
