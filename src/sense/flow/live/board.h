/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parser process tells the keeper beside flows (model/flow_ring.h): numbers that only grow and outlive
 * the process, and two pages that are replaced as a whole: its report, and its memory of exporters, which its
 * successor begins with. Shared memory, made before the processes part. Whoever reads a page gets a copy that
 * nobody can change behind its back; what is in it is a stranger's until it is checked.
 */
#ifndef NR_SENSE_FLOW_LIVE_BOARD_H
#define NR_SENSE_FLOW_LIVE_BOARD_H

#include "base/error.h"

#include <stdatomic.h>

#define NR_FLOW_BOARD_PAGE                                                                                   \
	((size_t)64 << 20) /* bytes of a page at most; memory is taken as it is written                      \
			    */
#define NR_FLOW_BOARD_SOCKETS 64

struct nr_flow_numbers {
	_Atomic uint64_t taken;     /* datagrams out of the kernel ... */
	_Atomic uint64_t decoded;   /* ... and of these, those that the decoder has come back from */
	_Atomic uint64_t bytes;     /* of datagrams and streams */
	_Atomic uint64_t truncated; /* datagrams of which only the beginning came */
	_Atomic uint64_t kernel;    /* datagrams that the kernel dropped */
	_Atomic uint64_t queue;     /* flows that found the ring full */
	_Atomic uint64_t flows;     /* handed to the ring */
	_Atomic uint64_t connections, connections_shed, streams_broken;
	_Atomic uint64_t unsaid;                             /* pages that were too long */
	_Atomic int64_t since;                               /* nr_time at which it began to receive */
	_Atomic int64_t alive;                               /* nr_time of its last look around */
	_Atomic uint32_t kernel_seen[NR_FLOW_BOARD_SOCKETS]; /* the kernel's own count of each socket */
	_Atomic uint32_t layers;                             /* of its sandbox: enum nr_flow_board_layer */
};
enum nr_flow_board_layer { NR_FLOW_BOARD_LANDLOCK = 1, NR_FLOW_BOARD_SECCOMP = 2 };

enum nr_flow_board_page { NR_FLOW_BOARD_REPORT, NR_FLOW_BOARD_MEMORY, NR_FLOW_BOARD_PAGES };

struct nr_flow_board;

int nr_flow_board_new(struct nr_flow_board **ret_board, struct nr_error *error);
void nr_flow_board_free(struct nr_flow_board *board);
struct nr_flow_numbers *nr_flow_board_numbers(struct nr_flow_board *board);

/* One writer at a time. False: it is too long; the one of before stays. */
bool nr_flow_board_put(
	struct nr_flow_board *board, enum nr_flow_board_page page, const void *bytes, size_t length);
/* *ret_bytes is the caller's, with a NUL behind its length; NULL and 0: there is none. -EAGAIN: it is being
 * replaced faster than it can be read, which no writer of ours does. */
int nr_flow_board_get(
	struct nr_flow_board *board, enum nr_flow_board_page page, uint8_t **ret_bytes, size_t *ret_length);
/* Grows with each put. */
uint64_t nr_flow_board_serial(const struct nr_flow_board *board, enum nr_flow_board_page page);

#endif
