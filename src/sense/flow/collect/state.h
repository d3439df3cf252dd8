/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's own: inside collect/ only.
 */
#ifndef NR_SENSE_FLOW_COLLECT_STATE_H
#define NR_SENSE_FLOW_COLLECT_STATE_H

#include "base/prefix_table.h"
#include "sense/flow/collect/collector.h"
#include "sense/flow/collect/decode.h"
#include "sense/flow/collect/exporter.h"

#define NR_FLOW_PENDING_BYTES ((size_t)65536) /* of one domain */
#define NR_FLOW_PENDING_WAIT  NR_MINUTE
#define NR_FLOW_EXPORTER_IDLE (90 * NR_MINUTE) /* three times the usual template lifetime of 30 minutes */

/* A data set whose template is not known yet. */
struct nr_flow_pending {
	struct nr_flow_pending *next;
	nr_time received;
	struct nr_export_header header;
	uint16_t id;
	uint32_t length;
	uint8_t bytes[];
};

/* All domains of all exporters: chains behind a table that grows; a hand goes round to find idle ones. */
struct nr_flow_exporters {
	struct nr_flow_exporter **chains;
	uint32_t room, count; /* room: a power of two */
	uint32_t hand;
	uint64_t evicted;
};

/* Values of named elements of the block that is being filled. */
struct nr_flow_names {
	struct nr_flow_named *values;
	uint8_t *bytes;
	size_t count, used;
};

struct nr_flow_collector {
	struct nr_flow_collector_conf conf;
	struct nr_flow_compiler compiler;
	struct nr_prefix_table *allowed, *nat_draft; /* NULL: none given */
	struct nr_flow_sink *sink;
	struct nr_error failure;     /* of the sink, while a stream was closed: the next flush tells */
	struct nr_flow_block *block; /* NULL: to be lent or made */
	struct nr_flow_block *own;   /* NULL: none was needed */
	uint64_t block_serial;       /* counts blocks from 1 */
	struct nr_flow_memory memory;
	struct nr_flow_exporters exporters;
	struct nr_flow_exporter *last; /* that was asked for last, likely the next one */
	struct nr_flow_names names;
	uint32_t streams;     /* ever opened: the next one's number */
	nr_time clock, swept; /* newest time of receipt; when what waits was looked through */

	struct nr_flow_counts counts;
	uint64_t dropped[NR_FLOW_CAUSES];
	uint64_t lost[NR_FLOW_LOST_QUEUE + 1];
	uint64_t pending_sets, pending_bytes, pending_delivered; /* waiting; records that had waited */
	uint64_t times_suspect, times_of_export;
	struct nr_template template; /* as it is read, or shown to options */
	uint64_t (*facts)[NR_FLOW_RUN_ROWS];
	struct nr_flow_plan *v5; /* its records are as if of a template */
	struct {
		uint64_t records;
		const char *const *names;
		const uint64_t *dropped;
		size_t count;
	} noted; /* of files, beside exports */
};

/* ---- exporter.c ---- */

struct nr_flow_exporter *nr_flow_exporters_find(
	const struct nr_flow_collector *collector, const struct nr_flow_domain *key);
/* The domain of this key, entered where it is new; NULL: refused, and counted. */
struct nr_flow_exporter *nr_flow_exporters_get(
	struct nr_flow_collector *collector, const struct nr_flow_domain *key);
void nr_flow_exporters_fini(struct nr_flow_collector *collector);
/* What a domain needs for decoding is let go, at the end of its stream; what is shown of it stays. */
void nr_flow_exporter_end(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter);
void nr_flow_drop(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	enum nr_flow_cause cause, uint64_t count);

/* ---- pending.c ---- */

/* False: no room, counted. */
bool nr_flow_pending_add(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	const struct nr_export_header *header, const struct nr_export_set *set, nr_time received);
/* The oldest that waits for this template, out of the list: the caller frees it; NULL: none. */
struct nr_flow_pending *nr_flow_pending_take(struct nr_flow_exporter *exporter, uint16_t id);
void nr_flow_pending_free(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter,
	struct nr_flow_pending *pending);
/* Lets go what waited too long, now and then. */
void nr_flow_pending_sweep(struct nr_flow_collector *collector);

/* ---- message.c, sflow.c: one message, whole ---- */

/* from: where it came from, without what the message says of itself. */
int nr_flow_message_take(struct nr_flow_collector *collector, const struct nr_flow_domain *from,
	const uint8_t *bytes, size_t length, nr_time received, struct nr_error *error);
int nr_flow_sflow_take(struct nr_flow_collector *collector, const struct nr_flow_domain *from,
	const uint8_t *bytes, size_t length, nr_time received, struct nr_error *error);

/* ---- block.c ---- */

/* Room for up to `count` rows of that exporter in the block: how many there are (1 at least), and the index
 * of its stream. Hands a full block over. */
int nr_flow_block_room(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter, uint32_t count,
	uint32_t *ret_count, uint16_t *ret_stream, struct nr_error *error);
/* Rows that were received then are closed. */
void nr_flow_block_close(struct nr_flow_collector *collector, uint32_t count, nr_time received);
int nr_flow_block_emit(struct nr_flow_collector *collector, struct nr_error *error);
int nr_flow_names_init(struct nr_flow_names *names, struct nr_error *error);
void nr_flow_names_fini(struct nr_flow_names *names);
/* A value of a named element, of row `row` of the block. */
void nr_flow_names_add(
	struct nr_flow_collector *collector, uint16_t name, uint32_t row, const struct nr_value *value);

/* ---- list.c ---- */

/* A list in row run->first + row: false where it cannot be, or is beyond the bounds. */
bool nr_flow_list_take(const struct nr_flow_exporter *exporter, struct nr_flow_run *run, uint16_t kind,
	uint32_t row, const struct nr_value *value);

#endif
