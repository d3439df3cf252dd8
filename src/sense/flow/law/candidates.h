/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be behind a pseudonym: networks whose addresses are tried. */
#ifndef NR_SENSE_FLOW_LAW_CANDIDATES_H
#define NR_SENSE_FLOW_LAW_CANDIDATES_H

#include "sense/flow/law/pseudonym.h"

#define NR_FLOW_CANDIDATES_TEXT 80

struct nr_flow_candidates {
	struct nr_prefix *items; /* owned */
	size_t count;
	/* "own", the network, "sha256:HEX" of the file: what a request says */
	char text[NR_FLOW_CANDIDATES_TEXT];
};
/* what: a network or a file (networks and addresses, one a line, "#" begins a comment); NULL: own networks.
 */
int nr_flow_candidates_read(const char *what, const struct nr_flow_policy *policy,
	struct nr_flow_candidates *ret_candidates, struct nr_error *error);
void nr_flow_candidates_fini(struct nr_flow_candidates *candidates);

/* The client with this name; IPv6: the first address of its /64. -ENOENT. */
int nr_flow_candidates_try(const struct nr_flow_candidates *candidates, struct nr_flow_pseudonyms *pseudonyms,
	uint64_t name, struct nr_address *ret_client, struct nr_error *error);

#endif
