/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule of a run: which server is connected to next. In random order, at most `rate` connections a
 * second, NR_PROBE_OPEN_MAX at a time, each host at most once in NR_PROBE_GAP; a file or a signal stops all
 * of it at once. One thread.
 */
#ifndef NR_SENSE_FLOW_PROBE_RUN_H
#define NR_SENSE_FLOW_PROBE_RUN_H

#include "sense/flow/probe/gate.h"
#include "sense/flow/probe/reader.h"

#include <signal.h>

struct nr_probe_run_conf {
	struct nr_probe_gate gate;
	double rate;                        /* connections a second; at most NR_PROBE_RATE_MAX */
	unsigned repeat;                    /* rounds: 1..NR_PROBE_ROUNDS */
	bool once;                          /* only what is due now; else until everything is complete */
	bool again;                         /* what is complete already begins anew */
	const char *stop;                   /* a file: while it is there, nothing is sent; NULL: none */
	const char *about;                  /* reader.h */
	const volatile sig_atomic_t *asked; /* not 0: stop */
	/* A round of a server is complete, or (once) what there is of it. */
	int (*told)(void *context, const struct nr_probe_series *series, struct nr_error *error);
	/* A server that the law refuses. */
	void (*refused)(void *context, const struct nr_flow_server *server, enum nr_probe_refusal refusal);
	/* Between connections: how many servers are done, when the next connection is (NR_TIME_MAX: not
	 * known). NULL allowed. */
	void (*waits)(void *context, size_t done, size_t count, nr_time next);
	void *context;
};

struct nr_probe_run_state {
	size_t complete, underway, refused, damaged;
	uint64_t connections;
	bool stopped;
};
/* *ret_state is written on failure, too. */
int nr_probe_run(const struct nr_probe_run_conf *conf, const struct nr_probe_targets *targets,
	struct nr_probe_run_state *ret_state, struct nr_error *error);

#endif
