/* SPDX-License-Identifier: Apache-2.0 */
/* Inside live/: live.c holds sockets, parser.c reads them, streams.c those of TCP. */
#ifndef NR_SENSE_FLOW_LIVE_LIVE_INSIDE_H
#define NR_SENSE_FLOW_LIVE_LIVE_INSIDE_H

#include "net/connections.h"
#include "net/datagrams.h"
#include "sense/flow/live/live.h"

struct nr_flow_place {
	bool tcp;
	struct nr_listen listen;
	int sockets[NR_FLOW_WORKERS_MAX]; /* UDP: one for each worker; TCP: the first, for all */
};

/* What the nursery found out when it opened them, for the keeper. */
struct nr_flow_opened {
	char text[80];
	uint64_t granted; /* TCP: 0 */
};

struct nr_flow_worker {
	struct nr_flow_live *live;
	unsigned index;
	struct nr_flow_ring *ring;
	struct nr_flow_board *board;
};

struct nr_flow_live {
	const struct nr_flow_listen_conf *conf;
	const struct nr_flow_collector_conf *collector;
	const char *relay;
	struct nr_flow_place places[NR_FLOW_LISTEN_MAX];
	size_t place_count;
	struct nr_flow_opened *opened; /* shared memory */
	struct nr_flow_worker workers[NR_FLOW_WORKERS_MAX];
	unsigned worker_count;
};

/* ---- parser.c: a worker's whole life ---- */
int nr_flow_parser_run(void *context, const struct nr_child_start *start, struct nr_error *error);

/* ---- streams.c: exporters over TCP ---- */

struct nr_flow_streams;

/* epoll: their sockets are added to it, with data.ptr a struct nr_flow_stream_peer. */
int nr_flow_streams_new(struct nr_flow_collector *collector, struct nr_flow_numbers *numbers, int epoll,
	size_t limit, struct nr_flow_streams **ret_streams, struct nr_error *error);
void nr_flow_streams_free(struct nr_flow_streams *streams);
/* Takes who waits at the listening socket. */
void nr_flow_streams_accept(struct nr_flow_streams *streams, int listener);
/* Reads what has come of one; closes it at its end, and where it is no stream of messages. The error is the
 * sink's. */
struct nr_flow_stream_peer;
int nr_flow_streams_read(
	struct nr_flow_streams *streams, struct nr_flow_stream_peer *peer, struct nr_error *error);
/* What waits of all of them, before the end. */
int nr_flow_streams_drain(struct nr_flow_streams *streams, struct nr_error *error);
/* About once a second. */
void nr_flow_streams_expire(struct nr_flow_streams *streams);

#endif
