/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: the one place of the house that connects to a probed server. It opens only after, in this order,
 * the allow file was asked (again, with the time of now), the caps were asked, the connection is in the state
 * file, in the record and, where there is one, in the ledger, all of them on the disk. What fails there is
 * not connected to.
 */
#ifndef NR_SENSE_FLOW_PROBE_GATE_H
#define NR_SENSE_FLOW_PROBE_GATE_H

#include "sense/flow/probe/allow.h"
#include "sense/flow/probe/record.h"
#include "sense/flow/probe/state.h"

struct nr_probe_gate {
	/* The law as it is now; -EACCES: it does not hold any more. Called before each connection. */
	int (*law)(
		void *context, nr_time now, const struct nr_probe_allow **ret_allow, struct nr_error *error);
	/* An entry for the ledger; durable when it answers 0. NULL: there is no ledger. */
	int (*note)(void *context, const char *entry, size_t length, struct nr_error *error);
	void *context;
	struct nr_probe_state *state;
	struct nr_probe_record *record;
	const struct nr_address *vantage; /* own addresses to leave from, in turns */
	size_t vantage_count;
};

#define NR_PROBE_ID_TEXT 17
/* Connects, without waiting for it, for series->step. series->last, due, connections and vantage move on,
 * also where the connection fails. *ret_socket is the caller's; -1: *ret_end says how it failed at once.
 * -EACCES: refused
 * (*ret_refusal), and recorded; -EAGAIN: not yet, series->due says when; else the environment failed. */
int nr_probe_gate_connect(const struct nr_probe_gate *gate, struct nr_probe_series *series, nr_time now,
	char ret_id[static NR_PROBE_ID_TEXT], int *ret_socket, enum nr_probe_end *ret_end,
	enum nr_probe_refusal *ret_refusal, struct nr_error *error);
/* A refusal, of a server or (server NULL) of the allow file as a whole, into record and ledger. */
int nr_probe_gate_refuse(const struct nr_probe_gate *gate, const struct nr_flow_server *server,
	const char *code, const char *why, nr_time now, struct nr_error *error);
enum nr_probe_end nr_probe_end_of(int code); /* errno of a connection that was not made */

#endif
