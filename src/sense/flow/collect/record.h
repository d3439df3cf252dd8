/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the decoder hands to sampling, timers and loss beside columns: options records, and facts of a run of
 * data records that have no column.
 */
#ifndef NR_SENSE_FLOW_COLLECT_RECORD_H
#define NR_SENSE_FLOW_COLLECT_RECORD_H

#include "base/time.h"
#include "wire/netflow.h"

/* One options record: values[i] belongs to fields[i]; the first `scopes` of them say what it is about (v9:
 * enterprise NR_ENTERPRISE_SCOPE with 1 system, 2 interface, 3 line card, 4 cache, 5 template; a scope may
 * have length 0). */
struct nr_flow_options {
	const struct nr_export_header *header;
	const struct nr_element *fields;
	const struct nr_value *values;
	uint16_t count, scopes;
	nr_time exported, received; /* us UTC: the header's time, the collector's */
};

/* Facts of records that sampling is worked out from: X(NAME, element). Integers as the wire says them,
 * big-endian; IE 311, a float, as the bits of a double. */
#define NR_FLOW_FACT_LIST(X)                                                                                 \
	X(SAMPLING_INTERVAL, 34)                                                                             \
	X(SAMPLER, 48)                                                                                       \
	X(RANDOM_INTERVAL, 50)                                                                               \
	X(LINE_CARD, 141)                                                                                    \
	X(SELECTOR, 302)                                                                                     \
	X(PACKET_INTERVAL, 305)                                                                              \
	X(PACKET_SPACE, 306)                                                                                 \
	X(SIZE, 309)                                                                                         \
	X(POPULATION, 310)                                                                                   \
	X(PROBABILITY, 311)

enum nr_flow_fact {
#define NR_FLOW_FACT_ENUM(NAME, element) NR_FLOW_FACT_##NAME,
	NR_FLOW_FACT_LIST(NR_FLOW_FACT_ENUM)
#undef NR_FLOW_FACT_ENUM
		NR_FLOW_FACTS
};
#define NR_FLOW_FACT_ROWS 256 /* rows that are decoded at once at most */

struct nr_flow_facts {
	const struct nr_export_header *header; /* v5: its sampling */
	const uint64_t *at[NR_FLOW_FACTS];     /* count values of each row of the run; NULL: the records carry
						  none */
	uint8_t width[NR_FLOW_FACTS]; /* bytes on the wire, of a variable one those of its last record */
};

#endif
