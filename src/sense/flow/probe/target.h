/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a probe is asked to look at: one server in words, a file of them, findings on standard input. */
#ifndef NR_SENSE_FLOW_PROBE_TARGET_H
#define NR_SENSE_FLOW_PROBE_TARGET_H

#include "sense/flow/detect/features.h"

#define NR_PROBE_TARGETS_MAX 100000
#define NR_PROBE_SERVER_TEXT 64 /* "[2001:db8::1]:8443/tcp" */

const char *nr_probe_server_write(
	const struct nr_flow_server *server, char text[static NR_PROBE_SERVER_TEXT]);
/* ADDRESS:PORT or [ADDRESS]:PORT, with /tcp or /udp behind it (default tcp). Never a name: what a name means
 * is its owner's to change. */
int nr_probe_server_parse(const char *text, struct nr_flow_server *ret_server, struct nr_error *error);

struct nr_probe_targets {
	struct nr_flow_server *items; /* owned; each once */
	size_t count, room;
	uint64_t skipped; /* lines of files and findings that name no server */
	char first_skipped[120];
};
void nr_probe_targets_fini(struct nr_probe_targets *targets);
/* SERVER, "@FILE" (a server or a finding a line, # comments) or "-": findings on standard input, JSON lines,
 * of which those about servers (kind c2-server) are taken. */
int nr_probe_targets_add(struct nr_probe_targets *targets, const char *operand, struct nr_error *error);

#endif
