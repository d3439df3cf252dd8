/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What flows are summed by: columns, the exporter, and fields that a flow has at both of its ends (ip, port,
 * as, if, mask, vlan, as at nfdump): such a flow counts once for each end, once where both are the same. In a
 * key of several, the ends go together: "ip,port" are endpoints.
 */
#ifndef NR_SENSE_FLOW_ASK_FIELD_H
#define NR_SENSE_FLOW_ASK_FIELD_H

#include "base/json.h"
#include "model/flow.h"

#define NR_FLOW_FIELD_NAME 48
#define NR_FLOW_FIELDS_MAX 8
#define NR_FLOW_KEY_WORDS  (2 * NR_FLOW_FIELDS_MAX)

struct nr_flow_field {
	char name[NR_FLOW_FIELD_NAME]; /* of this house, with the length of a prefix: "source/24" */
	uint8_t kind;             /* enum nr_flow_kind; of the exporter's address: NR_FLOW_KIND_ADDRESS */
	uint8_t words;            /* of a key: 2 for addresses */
	uint8_t column, other;    /* other: of the second end; the same where there is one */
	uint8_t stream;           /* 0, or what of the stream: enum nr_flow_field_stream */
	uint8_t length4, length6; /* of prefixes; 32 and 128 */
};
enum nr_flow_field_stream { NR_FLOW_FIELD_EXPORTER = 1, NR_FLOW_FIELD_DOMAIN, NR_FLOW_FIELD_EXPORT };

/* "source_port", "srcport", "source/24", "source/24/48", "ip". -EINVAL: the text names the nearest. */
int nr_flow_field_parse(const char *text, struct nr_flow_field *ret_field, struct nr_error *error);
/* Fields of one text, "source,destination_port", or "record" (the five of a connection), added to those that
 * stand there. What to order by may stand among them, or behind a field as at nfdump: "source,bytes",
 * "srcip/bytes" (*order: an index of nr_flow_orders, sum_table.h; left alone where there is none). -E2BIG:
 * more than NR_FLOW_FIELDS_MAX. */
int nr_flow_fields_parse(const char *text, struct nr_flow_field *fields, size_t *count, unsigned *order,
	struct nr_error *error);

uint64_t nr_flow_field_columns(const struct nr_flow_field *field);
bool nr_flow_field_has_ends(const struct nr_flow_field *field);

/* Writes the field's words of rows to keys[i * stride]. rows NULL: from, from + 1, ...; end: 0 or 1. */
void nr_flow_field_load(const struct nr_flow_field *field, unsigned end, const struct nr_flow_block *block,
	const uint32_t *rows, uint32_t from, size_t count, uint64_t *keys, size_t stride);

/* For people and CSV: "443", "TCP", "192.0.2.0/24", "ingress". */
#define NR_FLOW_FIELD_TEXT 64
const char *nr_flow_field_write(
	const struct nr_flow_field *field, const uint64_t *words, char text[static NR_FLOW_FIELD_TEXT]);
/* Numbers as numbers, the rest as text. */
void nr_flow_field_write_json(
	const struct nr_flow_field *field, const uint64_t *words, struct nr_json *json, const char *key);

#endif
