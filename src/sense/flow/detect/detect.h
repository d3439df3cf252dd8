/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding C&C servers, infected hosts, scanners and attacks in flows: bounded tables that see every flow once
 * (take), then a second look at the connections of the candidates alone (look), which is handed to the judge.
 * The same offline and online: offline the window is all that was given, online it is the day so far, looked
 * at each hour.
 *
 *	nr_flow_detect_new(&conf, &detect, error);
 *	nr_flow_detect_take(detect, block);                  each block, in order of receipt
 *	nr_flow_detect_look(detect, &replay, visit, ...);    candidates with their beats and timing, hosts
 *
 * Memory is fixed when it begins: tables of servers, pairs and hosts take their shares of it and let the
 *least go by a clock, counted. Too much traffic degrades to the table of servers, never to more memory.
 * take() is one thread's; look() may run beside it on another one (it copies what it needs under a short
 *lock).
 */
#ifndef NR_SENSE_FLOW_DETECT_DETECT_H
#define NR_SENSE_FLOW_DETECT_DETECT_H

#include "base/json.h"
#include "base/option.h"
#include "model/flow.h"
#include "sense/flow/detect/features.h"
#include "sense/flow/detect/judge/known.h"

struct nr_flow_detect_conf {
	uint64_t memory;        /* of all tables together; default 1 GiB */
	struct nr_prefixes own; /* own networks: whose clients are ours; borrowed. None: both ends may be */
	const struct nr_flow_known
		*known;             /* what is known already; NULL: nothing; may be read by look() only */
	const char *mmdb, *as_mmdb; /* country and AS of servers; NULL: none */
	nr_time window;             /* online: a day from midnight UTC; 0: everything is one window */
	uint64_t candidates;        /* servers that get a second look; default 200,000 */
	unsigned threads;           /* of look() */
	bool baseline;              /* RITA's scores too */
};

struct nr_flow_detect;
int nr_flow_detect_new(
	const struct nr_flow_detect_conf *conf, struct nr_flow_detect **ret_detect, struct nr_error *error);
void nr_flow_detect_free(struct nr_flow_detect *detect); /* NULL allowed */
void nr_flow_detect_freep(struct nr_flow_detect **detect);

void nr_flow_detect_take(struct nr_flow_detect *detect, const struct nr_flow_block *block);
/* Timers of an exporter as its options tell them (flow reference 16); otherwise they are learnt. */
void nr_flow_detect_cache(struct nr_flow_detect *detect, const struct nr_flow_stream *stream,
	const struct nr_flow_cache *cache);

/* Gives all blocks of a window once more, in any order; columns: bits of those that are needed. take() may be
 * called by several threads at once. */
struct nr_flow_replay {
	int (*run)(void *context, nr_time from, nr_time to, uint64_t columns,
		int (*take)(void *taker, const struct nr_flow_block *block), void *taker,
		struct nr_error *error);
	void *context;
};
struct nr_flow_visitor { /* one thread at a time; 0 or -errno, which ends it */
	int (*candidate)(void *context, const struct nr_flow_candidate *candidate);
	int (*host)(void *context, const struct nr_flow_host *host);
	void *context;
};
/* replay NULL: without beats and timing (what pairs' tables say stands in their place). progress: 0..total.
 */
int nr_flow_detect_look(struct nr_flow_detect *detect, const struct nr_flow_replay *replay,
	const struct nr_flow_visitor *visitor, struct nr_error *error);
/* The window is over: pairs and hosts are forgotten, of servers what holds no client stays (since when they
 * are known, their hours). */
void nr_flow_detect_turn(struct nr_flow_detect *detect, nr_time from);

struct nr_flow_detect_state {
	uint64_t flows, ignored;        /* looked at; events, flows without both ports' protocol ... */
	uint64_t servers, pairs, hosts; /* held */
	uint64_t servers_let_go, pairs_let_go, hosts_let_go;
	/* flows of what came once: of pairs, in one hour only. Counted from when a table is half full */
	uint64_t servers_not_admitted, pairs_not_admitted, hosts_not_admitted;
	uint64_t candidates, beats, beats_let_go; /* of the last look */
	uint64_t memory;                          /* bytes that are held */
	nr_time from, to;                         /* of the flows seen in this window */
};
struct nr_flow_detect_state nr_flow_detect_state(const struct nr_flow_detect *detect);
void nr_flow_detect_write_state(const struct nr_flow_detect *detect, struct nr_json *json); /* members */

#endif
