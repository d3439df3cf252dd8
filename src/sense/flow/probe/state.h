/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a house remembers of its probes, so that the caps hold across runs, kill -9 and a clock that is set
 *back:
 *
 *	DIR/lock                    one run at a time
 *	DIR/targets/HEX-PORT.state  a server's answers so far, and when it was connected to last
 *	DIR/record/YYYY-MM-DD.jsonl every connection with its bytes (record.h)
 *
 * A connection is on the disk before it is made: what a crash can lose is a connection that was not made.
 *
 * The caps are compiled in; the options can only make them tighter.
 */
#ifndef NR_SENSE_FLOW_PROBE_STATE_H
#define NR_SENSE_FLOW_PROBE_STATE_H

#include "sense/flow/probe/answer.h"
#include "sense/flow/probe/target.h"

#define NR_PROBE_GAP        (10 * NR_MINUTE) /* between connections to one host: an IPv4 address, an IPv6 /64 */
#define NR_PROBE_GAP_JITTER (2 * NR_MINUTE) /* on top of it, at random */
#define NR_PROBE_RATE_MAX   10.0            /* connections a second, of the house */
#define NR_PROBE_OPEN_MAX   32              /* at the same time */

/* When a probe is done again: after its first (flow reference 20). */
#define NR_PROBE_ROUNDS 4
extern const nr_time nr_probe_rounds[NR_PROBE_ROUNDS];

struct nr_probe_series {
	struct nr_flow_server server;
	uint32_t round;                  /* 0..3 */
	uint32_t step;                   /* of the next connection; NR_PROBE_STEPS: this round is complete */
	uint32_t connections;            /* in all */
	uint32_t vantage;                /* the next one leaves from this of the own addresses */
	nr_time begun;                   /* the first round; NR_TIME_MIN: never */
	nr_time last;                    /* connection */
	nr_time due;                     /* the next one, not before */
	struct nr_probe_answers answers; /* of this round */
};

struct nr_probe_state;
/* Makes the folder. -EBUSY: another run has it. */
int nr_probe_state_open(const char *folder, struct nr_probe_state **ret_state, struct nr_error *error);
void nr_probe_state_close(struct nr_probe_state *state); /* NULL allowed */
void nr_probe_state_closep(struct nr_probe_state **state);

/* What is known of a server; of a new one an empty series. -EBADMSG: its file is damaged. */
int nr_probe_state_get(struct nr_probe_state *state, const struct nr_flow_server *server,
	struct nr_probe_series *ret_series, struct nr_error *error);
int nr_probe_state_put(
	struct nr_probe_state *state, const struct nr_probe_series *series, struct nr_error *error);

/* When the host of that server may be connected to, at `now` or later: NR_PROBE_GAP after the last connection
 * to it, whatever the port. Time is looked at by both clocks. */
nr_time nr_probe_state_host_due(
	const struct nr_probe_state *state, const struct nr_address *address, nr_time now);
/* Notes a connection that is about to be made. */
int nr_probe_state_mark(
	struct nr_probe_state *state, const struct nr_address *address, nr_time now, struct nr_error *error);

/* ---- the plan, pure ---- */

/* The connection of series->step was made at `now`, and answers say how: what is next, and when. repeat: how
 * many rounds. random: 0..1, of the jitter. */
void nr_probe_series_advance(struct nr_probe_series *series, unsigned repeat, nr_time now, double random);
bool nr_probe_series_is_over(const struct nr_probe_series *series, unsigned repeat);

#endif
