/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finding: a judged fact, the only thing that senses hand to the rest of the house.
 */
#ifndef NR_MODEL_FINDING_H
#define NR_MODEL_FINDING_H

#include "model/table.h"

enum nr_severity {
	NR_SEVERITY_INFO = 1,
	NR_SEVERITY_LOW,
	NR_SEVERITY_MEDIUM,
	NR_SEVERITY_HIGH,
	NR_SEVERITY_CRITICAL
};

struct nr_finding {
	const char *sensor; /* name of the telescope, exporter ... */
	const char *sense;  /* "telescope" */
	const char *kind;   /* "infected-host", "research-scanner", "ddos-victim", "spoofed-flood" ... */
	struct nr_address subject;
	nr_time first, last;               /* when it was seen */
	uint64_t count;                    /* packets, probes ... behind it */
	double confidence;                 /* 0..1 */
	uint8_t severity;                  /* enum nr_severity */
	const char *reason_en, *reason_ja; /* one sentence with the numbers */
	const char *evidence;              /* JSON object: rule, figures, sample */
};

/* The finding as a table (name "finding"; key: sensor, sense, kind, subject, first). */
extern const struct nr_table nr_finding_table;
const char *nr_severity_name(uint8_t severity);

#endif
