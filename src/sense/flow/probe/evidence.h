/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a probe's answers say about a server being C&C: reasons with weights in nats. The weights are
 * judgements, not measurements, and small on purpose (docs/guide/probe.md): a stack's print is shared with
 * honest servers, a silent server proves nothing, and no probe alone makes an alarm.
 */
#ifndef NR_SENSE_FLOW_PROBE_EVIDENCE_H
#define NR_SENSE_FLOW_PROBE_EVIDENCE_H

#include "sense/flow/probe/state.h"

/* The list of known C&C (--fingerprints), JSON lines: {"name":"...","print":"nth1-..."} and/or
 * "certificate_sha256", "key_sha256", "banner_sha256" (hex). A line matches by any one of them. */
#define NR_PROBE_FINGERPRINTS_MAX 100000
struct nr_probe_fingerprints;
int nr_probe_fingerprints_read(
	const char *path, struct nr_probe_fingerprints **ret_prints, struct nr_error *error);
void nr_probe_fingerprints_free(struct nr_probe_fingerprints *prints); /* NULL allowed */
void nr_probe_fingerprints_freep(struct nr_probe_fingerprints **prints);

enum nr_probe_trait { /* what a line of the list is about */
	NR_PROBE_BY_PRINT,
	NR_PROBE_BY_CERTIFICATE,
	NR_PROBE_BY_KEY,
	NR_PROBE_BY_BANNER,
	NR_PROBE_TRAITS
};
/* The name under which a value is listed; NULL: it is not. */
const char *nr_probe_fingerprints_find(
	const struct nr_probe_fingerprints *prints, enum nr_probe_trait trait, const char *value);

#define NR_PROBE_REASONS_MAX 8
#define NR_PROBE_WEIGHT_MAX  4.0 /* of a probe in all, either way */
struct nr_probe_reason {
	const char *code;
	double value, weight;
	char text_en[192], text_ja[256];
};
struct nr_probe_evidence {
	struct nr_probe_reason reasons[NR_PROBE_REASONS_MAX];
	size_t count;
	double weight; /* their sum, within NR_PROBE_WEIGHT_MAX */
};
/* prints: NULL allowed. */
void nr_probe_evidence_of(const struct nr_probe_series *series, const struct nr_probe_fingerprints *prints,
	struct nr_probe_evidence *ret_evidence);
/* Whether all ten hellos were asked, so that there is a print. */
bool nr_probe_series_print(const struct nr_probe_series *series, char ret_text[static NR_PROBE_PRINT_TEXT]);

#endif
