/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known already of addresses and servers, by other senses, lists, people and probes: the way in which
 * senses help each other. Built by one thread, then read by any.
 */
#ifndef NR_SENSE_FLOW_DETECT_JUDGE_KNOWN_H
#define NR_SENSE_FLOW_DETECT_JUDGE_KNOWN_H

#include "base/error.h"
#include "sense/flow/detect/features.h"

enum nr_flow_known_kind {
	NR_FLOW_KNOWN_INFECTED,  /* a host; port and protocol 0 */
	NR_FLOW_KNOWN_C2,        /* a server: on a list of others (model/c2_list.h) or confirmed here */
	NR_FLOW_KNOWN_CONFIRMED, /* a server: a person of this house said so */
	NR_FLOW_KNOWN_BENIGN,    /* a server: a person of this house said so */
	NR_FLOW_KNOWN_PROBED,    /* a server: what a probe found, as a log-likelihood ratio */
	NR_FLOW_KNOWN_KINDS
};
struct nr_flow_known_entry {
	enum nr_flow_known_kind kind;
	struct nr_flow_server server; /* port 0: any; protocol 0: any */
	nr_time from, until;          /* valid; NR_TIME_MIN, _MAX */
	double weight;                /* PROBED: nats; others: confidence 0..1 */
	char source[48];              /* "telescope", "list feodo", "analyst", "probe" */
};

#define NR_FLOW_KNOWN_MAX 4000000u /* entries */
struct nr_flow_known;
int nr_flow_known_new(struct nr_flow_known **ret_known, struct nr_error *error);
void nr_flow_known_free(struct nr_flow_known *known); /* NULL allowed */
void nr_flow_known_freep(struct nr_flow_known **known);
/* CONFIRMED and BENIGN take back what persons said of this server before. -ENOSPC: NR_FLOW_KNOWN_MAX. */
int nr_flow_known_add(
	struct nr_flow_known *known, const struct nr_flow_known_entry *entry, struct nr_error *error);
/* Takes back what persons said of it. */
void nr_flow_known_forget(struct nr_flow_known *known, const struct nr_flow_server *server);
/* A file of JSON lines: findings (flow detect --json, telescope), the list of C&C servers, feedback
 * (feedback.h), probes (flow probe --json), results of probes, or plain lines "ADDRESS" (infected) and
 * "ADDRESS:PORT" (C&C server). Lines that are none of these are counted; error->text names the first (the
 * call still answers 0). A host stays infected for a week after it was seen, a server of a finding a month.
 */
int nr_flow_known_read(
	struct nr_flow_known *known, const char *path, uint64_t *ret_skipped, struct nr_error *error);
/* The strongest entry of a kind that is valid at `at`; NULL: none. */
const struct nr_flow_known_entry *nr_flow_known_find(const struct nr_flow_known *known,
	enum nr_flow_known_kind kind, const struct nr_flow_server *server, nr_time at);
/* "tcp", "udp" ..., a number where it has no name; "" for 0: any. */
#define NR_FLOW_PROTOCOL_TEXT 24
const char *nr_flow_protocol_write(uint8_t protocol, char text[static NR_FLOW_PROTOCOL_TEXT]);
/* False: no server that is listed or confirmed has this address: to be asked of every flow, before _find. */
bool nr_flow_known_may(const struct nr_flow_known *known, const struct nr_address *address);
size_t nr_flow_known_count(const struct nr_flow_known *known, enum nr_flow_known_kind kind);

#endif
