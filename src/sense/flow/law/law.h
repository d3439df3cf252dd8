/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrecy of communications by construction (flow reference 1.2): who asks must say for what; the client side
 * of a flow is a pseudonym from the moment at which it is kept; keys lie apart from the data and end with
 * them; every use is recorded.
 */
#ifndef NR_SENSE_FLOW_LAW_LAW_H
#define NR_SENSE_FLOW_LAW_LAW_H

#include "base/option.h"
#include "model/flow.h"

enum nr_flow_purpose {
	NR_FLOW_PURPOSE_NONE, /* refused */
	NR_FLOW_PURPOSE_C2_DETECTION,
	NR_FLOW_PURPOSE_NOTIFICATION,
	NR_FLOW_PURPOSE_OWN_OPERATION,
};
extern const char *const nr_flow_purposes[]; /* "c2-detection", "notification", "own-operation", NULL */
/* -EPERM: none or another one; the text lists those that are allowed. */
int nr_flow_purpose_parse(const char *text, enum nr_flow_purpose *ret_purpose, struct nr_error *error);

/* ---- pseudonyms ---- */

struct nr_flow_law_conf {
	struct nr_prefixes own; /* networks whose addresses are clients */
	const char *keys;       /* folder of the keys, outside of the archive */
	bool plain_clients;     /* one's own network: clients stay plain, with a reason */
	const char *plain_reason;
	nr_time rotate; /* a key's life, default 1 day, from midnight UTC */
	nr_time keep;   /* keys are destroyed so long after their end: the archive's `keep` */
};
struct nr_flow_pseudonymiser;
/* -EINVAL: neither own networks nor a reason to go without; keys inside the archive. */
int nr_flow_pseudonymiser_new(const struct nr_flow_law_conf *conf, const char *archive,
	struct nr_flow_pseudonymiser **ret_pseudonymiser, struct nr_error *error);
void nr_flow_pseudonymiser_free(struct nr_flow_pseudonymiser *pseudonymiser);
/* Replaces client addresses in all address columns of the rows (source, destination, post_...; next hops are
 * no clients) by addresses in 100::/64 (the discard-only prefix of RFC 6666) and marks them. The day is that
 * of `received`. IPv6: the /64 is the client. Keys of new days are made, old ones destroyed. */
int nr_flow_pseudonymise(
	struct nr_flow_pseudonymiser *pseudonymiser, struct nr_flow_block *block, struct nr_error *error);

/* ---- uses ---- */

/* One line for each use of an archive, chained by hashes: when, who (user name), purpose, what was asked,
 * how many flows were answered; refusals too. */
int nr_flow_use_record(const char *archive, const char *act, const char *purpose, const char *question,
	uint64_t flows, struct nr_error *error);

#endif
