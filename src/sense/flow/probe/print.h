/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe found, as JSON lines and for people; what it would send. The lines are in docs/guide/probe.md.
 */
#ifndef NR_SENSE_FLOW_PROBE_PRINT_H
#define NR_SENSE_FLOW_PROBE_PRINT_H

#include "base/json.h"
#include "sense/flow/probe/allow.h"
#include "sense/flow/probe/evidence.h"

/* {"probe":{...}}; complete: of its round. */
void nr_probe_write(
	const struct nr_probe_series *series, const struct nr_probe_evidence *evidence, struct nr_json *json);
void nr_probe_print(
	const struct nr_probe_series *series, const struct nr_probe_evidence *evidence, FILE *out);
/* {"plan":{...}}: what would be sent to a server, to the byte. */
void nr_probe_write_plan(const struct nr_flow_server *server, enum nr_probe_refusal refusal,
	const char *about, struct nr_json *json);
void nr_probe_print_plan(
	const struct nr_flow_server *server, enum nr_probe_refusal refusal, const char *about, FILE *out);

#endif
