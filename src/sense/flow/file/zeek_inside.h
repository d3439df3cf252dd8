/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two forms of Zeek's conn.log and what is made of them. */
#ifndef NR_SENSE_FLOW_FILE_ZEEK_INSIDE_H
#define NR_SENSE_FLOW_FILE_ZEEK_INSIDE_H

#include "sense/flow/file/fill.h"

#include <string.h>

/* X(NAME, name in the log): what of a connection has a column in the model. */
#define NR_ZEEK_FIELDS(X)                                                                                    \
	X(TS, "ts")                                                                                          \
	X(ORIG_H, "id.orig_h")                                                                               \
	X(ORIG_P, "id.orig_p")                                                                               \
	X(RESP_H, "id.resp_h")                                                                               \
	X(RESP_P, "id.resp_p")                                                                               \
	X(PROTO, "proto")                                                                                    \
	X(IP_PROTO, "ip_proto")                                                                              \
	X(DURATION, "duration")                                                                              \
	X(ORIG_BYTES, "orig_bytes")                                                                          \
	X(RESP_BYTES, "resp_bytes")                                                                          \
	X(HISTORY, "history")                                                                                \
	X(ORIG_PKTS, "orig_pkts")                                                                            \
	X(ORIG_IP_BYTES, "orig_ip_bytes")                                                                    \
	X(RESP_PKTS, "resp_pkts")                                                                            \
	X(RESP_IP_BYTES, "resp_ip_bytes")                                                                    \
	X(VLAN, "vlan")                                                                                      \
	X(ORIG_MAC, "orig_l2_addr")                                                                          \
	X(RESP_MAC, "resp_l2_addr")

enum nr_zeek_field {
#define NR_ZEEK_ENUM(NAME, name) NR_ZEEK_##NAME,
	NR_ZEEK_FIELDS(NR_ZEEK_ENUM)
#undef NR_ZEEK_ENUM
		NR_ZEEK_FIELD_COUNT
};

/* Texts that lie in the line; length 0: unset. */
struct nr_zeek_text {
	const char *at;
	size_t length;
};
struct nr_zeek_line {
	struct nr_zeek_text values[NR_ZEEK_FIELD_COUNT];
};

/* -1: no field that is used. */
int nr_zeek_field_find(const char *name, size_t length);

#define NR_ZEEK_COLUMNS 256
struct nr_zeek_header {
	char separator;
	char unset[16], empty[16];
	int16_t fields[NR_ZEEK_COLUMNS]; /* of each column; -1: not used */
	size_t count;                    /* 0: no #fields yet */
};
void nr_zeek_header_init(struct nr_zeek_header *header);
/* A line that begins with "#". False: it cannot be. */
bool nr_zeek_header_take(struct nr_zeek_header *header, const char *line, size_t length);
bool nr_zeek_split(
	const struct nr_zeek_header *header, const char *line, size_t length, struct nr_zeek_line *ret_line);

/* One object; its texts live in `tokener`'s object until the next call. */
struct nr_zeek_json;
struct nr_zeek_json *nr_zeek_json_new(void);
void nr_zeek_json_free(struct nr_zeek_json *json);
bool nr_zeek_json_parse(
	struct nr_zeek_json *json, const char *line, size_t length, struct nr_zeek_line *ret_line);

/* False: no connection can be made of it (no time, addresses that are none, numbers that are none). The row
 * is all zero then. */
bool nr_zeek_fill(struct nr_flow_row *row, const struct nr_zeek_line *line);

#endif
