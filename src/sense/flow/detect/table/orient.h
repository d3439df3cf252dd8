/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is the server (flow reference 13.2). Rows of a block become talks: seen from the client, whichever
 * direction the record tells of.
 *
 * A mistake makes a scanner a "server with many clients", so what the packets say comes first, then what
 * ports mean; only where both sides look alike (two high ports, two equal ones) is it counted who has more
 * peers. These are counted in a sketch: 64 bits for each endpoint, of this hour and of the one before, by
 * keyed hash. One thread may learn; any may orient by what was learnt.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_ORIENT_H
#define NR_SENSE_FLOW_DETECT_TABLE_ORIENT_H

#include "base/prefix_table.h"
#include "model/flow.h"
#include "sense/flow/detect/features.h"
#include "sense/flow/detect/table/clock_table.h"

#define NR_TCP_FIN 0x01
#define NR_TCP_SYN 0x02
#define NR_TCP_RST 0x04
#define NR_TCP_PSH 0x08
#define NR_TCP_ACK 0x10

struct nr_flow_fan_in {
	uint64_t now, before; /* bits of peers, by their hash */
};
struct nr_flow_orient {
	struct nr_flow_hash_key key;
	struct nr_prefix_table *own;    /* owned; NULL: none told */
	struct nr_flow_fan_in *fan_ins; /* owned */
	size_t fan_in_mask, fan_in_bytes;
	uint32_t hour;              /* of the sketch */
	uint64_t known[65536 / 64]; /* bits of ports at which services are known to listen */
};

/* own: borrowed during the call. bytes: for the sketch. */
int nr_flow_orient_init(struct nr_flow_orient *orient, const struct nr_flow_hash_key *key,
	const struct nr_prefix *own, size_t own_count, uint64_t bytes, struct nr_error *error);
void nr_flow_orient_fini(struct nr_flow_orient *orient);

/* The columns of a block that orienting reads; those that are not present are NULL. */
struct nr_flow_view {
	const struct nr_flow_block *block;
	const nr_time *first, *last;
	const uint64_t *source_high, *source_low, *destination_high, *destination_low;
	const uint16_t *source_port, *destination_port, *tcp_flags, *reverse_tcp_flags, *marks, *stream;
	const uint8_t *protocol, *end_reason, *event;
	const uint64_t *packets, *bytes, *reverse_packets, *reverse_bytes;
	const float *sampling;
};
#define NR_FLOW_DETECT_COLUMNS                                                                               \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |       \
		NR_FLOW_BIT(DESTINATION_HIGH) | NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(SOURCE_PORT) |    \
		NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(TCP_FLAGS) |             \
		NR_FLOW_BIT(REVERSE_TCP_FLAGS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) |                 \
		NR_FLOW_BIT(REVERSE_PACKETS) | NR_FLOW_BIT(REVERSE_BYTES) | NR_FLOW_BIT(SAMPLING) |          \
		NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(STREAM) | NR_FLOW_BIT(END_REASON) | NR_FLOW_BIT(EVENT))
void nr_flow_view_init(struct nr_flow_view *view, const struct nr_flow_block *block);

enum nr_flow_row {
	NR_FLOW_ROW_IGNORED, /* an event of a NAT or firewall, no protocol: nothing was written */
	NR_FLOW_ROW_HOSTS,   /* no ports (ICMP, GRE, a later fragment): the source stands as client, port 0 */
	NR_FLOW_ROW_TALK,
};
/* ret_talk->exporter is the stream's index in the block. learn: who has which peers. */
enum nr_flow_row nr_flow_orient_row(struct nr_flow_orient *orient, const struct nr_flow_view *view,
	uint32_t row, bool learn, struct nr_flow_talk *ret_talk);
/* Flows of another hour come: what was learnt ages. */
void nr_flow_orient_hour(struct nr_flow_orient *orient, uint32_t hour);

/* ---- what a talk says of its connection ---- */

/* The client was not let in: SYN that nobody answered, or answered by RST, or dropped by the exporter. */
bool nr_flow_talk_is_refused(const struct nr_flow_talk *talk);
/* The record alone proves that both spoke: TCP beyond the handshake, or both directions. */
bool nr_flow_talk_is_established(const struct nr_flow_talk *talk);

#endif
