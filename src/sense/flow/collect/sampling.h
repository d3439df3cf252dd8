/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one in so many packets the records of an exporter stand for, and who says so (flow reference 4).
 * Counters are never multiplied: the rate and where it came from stand beside them.
 *
 * Of an observation domain: what options said (_learn), how the records of each template tell (_plan, once a
 * template), and the columns SAMPLING and SAMPLING_FROM of what was decoded (_apply, once a set). Nearest
 * first: the record itself, its selector or sampler, its interface (input, then output), its line card, the
 * exporter, the header of NetFlow v5, the configuration of this house; else it is unknown.
 */
#ifndef NR_SENSE_FLOW_COLLECT_SAMPLING_H
#define NR_SENSE_FLOW_COLLECT_SAMPLING_H

#include "model/flow.h"
#include "sense/flow/collect/option_table.h"
#include "wire/netflow.h"
#include "wire/sflow.h"

enum nr_flow_scope { /* kinds of the table */
	NR_FLOW_SCOPE_EXPORTER,
	NR_FLOW_SCOPE_SELECTOR, /* IE 302, or 48: samplers */
	NR_FLOW_SCOPE_INTERFACE,
	NR_FLOW_SCOPE_LINE_CARD,
	NR_FLOW_SCOPES
};

struct nr_flow_rate { /* entry of the table */
	struct nr_flow_key key;
	float rate;           /* one in so many, as configured; 0: not told */
	float before;         /* what it was before `since`; 0: was not told */
	uint32_t since;       /* export time (s) from which it holds */
	uint32_t algorithm;   /* IE 304, 49 or 35; 0: not told */
	uint64_t observed[2]; /* packets that the selector saw, first and last told (IE 318) */
	uint64_t selected[2]; /* and chose (IE 319) */
	char name[32];        /* IE 84, 335 */
};

struct nr_flow_sampling {
	struct nr_flow_table rates; /* struct nr_flow_rate */
	bool told[NR_FLOW_SCOPES];  /* some rate of that scope was, ever */
	bool selectors_in_data;     /* some template of data names selectors */
	uint64_t scopes_unknown;    /* rates told about something that no record names */
	float override;             /* of the configuration; 0: none */
	float header;               /* of NetFlow v5: the last one; 0: not told */
};

void nr_flow_sampling_fini(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory);

/* A record of an options template, exported at `exported` (s). What says nothing of sampling is passed over.
 */
void nr_flow_sampling_learn(struct nr_flow_sampling *sampling, struct nr_flow_memory *memory,
	const struct nr_template *template, const struct nr_value *values, uint32_t exported);

/* An entry as it was, of a predecessor. */
void nr_flow_sampling_recall(
	struct nr_flow_sampling *sampling, struct nr_flow_memory *memory, const struct nr_flow_rate *rate);

/* The configured or, where none was told, the counted rate of an entry at a time. 0: not known. */
float nr_flow_rate_at(const struct nr_flow_rate *rate, uint32_t exported, bool *ret_counted);
/* Packets seen for each chosen one, by the exporter's own counts; 0: not told. */
float nr_flow_rate_effective(const struct nr_flow_rate *rate);

/* ---- how records of a template tell ---- */

enum nr_flow_sampling_field {
	NR_FLOW_SAMPLING_INTERVAL, /* IE 34, 50, or 305 with SPACE */
	NR_FLOW_SAMPLING_SPACE,    /* IE 306 */
	NR_FLOW_SAMPLING_SIZE,     /* IE 309 */
	NR_FLOW_SAMPLING_POPULATION,
	NR_FLOW_SAMPLING_PROBABILITY,
	NR_FLOW_SAMPLING_ID,     /* IE 302 or 48 */
	NR_FLOW_SAMPLING_INPUT,  /* IE 10, 252 */
	NR_FLOW_SAMPLING_OUTPUT, /* IE 14, 253 */
	NR_FLOW_SAMPLING_CARD,   /* IE 141 */
	NR_FLOW_SAMPLING_FIELDS
};
struct nr_flow_sampling_plan {
	uint16_t index[NR_FLOW_SAMPLING_FIELDS];  /* of the field + 1; 0: none */
	uint32_t offset[NR_FLOW_SAMPLING_FIELDS]; /* in a record without variable fields before it */
	uint16_t length[NR_FLOW_SAMPLING_FIELDS];
	bool own;   /* the record itself tells */
	bool event; /* records of NAT and firewalls: each one is told, none is sampled */
};
void nr_flow_sampling_plan(struct nr_flow_sampling *sampling, const struct nr_template *template,
	struct nr_flow_sampling_plan *ret_plan);

/* Fills SAMPLING and SAMPLING_FROM of rows [row, row + count), which are open with both columns: records of
 * `stride` bytes, back to back, exported at `exported` (s). */
void nr_flow_sampling_apply(const struct nr_flow_sampling *sampling, const struct nr_flow_memory *memory,
	const struct nr_flow_sampling_plan *plan, const uint8_t *records, size_t stride, uint32_t exported,
	struct nr_flow_block *block, uint32_t row, uint32_t count);
/* The same of one record of a template with variable fields. */
void nr_flow_sampling_apply_values(const struct nr_flow_sampling *sampling,
	const struct nr_flow_memory *memory, const struct nr_flow_sampling_plan *plan,
	const struct nr_value *values, uint32_t exported, struct nr_flow_block *block, uint32_t row);
/* The same of a NetFlow v5 datagram. `header`: its sampling word. */
void nr_flow_sampling_apply_v5(struct nr_flow_sampling *sampling, uint16_t header,
	struct nr_flow_block *block, uint32_t row, uint32_t count);

/* An sFlow sample's rate (0: not told) and where it came from; the source's own counts are remembered by
 * loss.h. */
float nr_flow_sampling_of_sample(const struct nr_flow_sampling *sampling,
	const struct nr_sflow_sample *sample, enum nr_flow_sampling_from *ret_from);

#endif
