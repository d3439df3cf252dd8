/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sFlow version 5 (sflow.org, "sFlow Version 5", July 2004; discarded packets: "sFlow Dropped Packet
 * Notification Structures", 2020): where each part of a datagram lies. Pure: no allocation, no I/O, no state.
 *
 * Samples and records are passed by their lengths: what is unknown is skipped, and a length that is no
 * multiple of four (which XDR does not know, and exporters send) is believed.
 */
#ifndef NR_WIRE_SFLOW_H
#define NR_WIRE_SFLOW_H

#include "base/address.h"
#include "wire/cursor.h"

struct nr_sflow_header {
	struct nr_address agent;
	uint32_t sub_agent, sequence, uptime_ms, samples;
};

/* -EBADMSG: another version, an agent that has no address, too short. */
int nr_sflow_open(const uint8_t *bytes, size_t length, struct nr_sflow_header *ret_header,
	struct nr_cursor *ret_body, struct nr_error *error);

/* Of "enterprise << 12 | format" with enterprise 0. */
enum nr_sflow_format {
	NR_SFLOW_FLOW = 1,
	NR_SFLOW_COUNTERS = 2,
	NR_SFLOW_FLOW_EXPANDED = 3,
	NR_SFLOW_COUNTERS_EXPANDED = 4,
	NR_SFLOW_DISCARDED = 5,
};
enum nr_sflow_record {
	NR_SFLOW_RAW_HEADER = 1,
	NR_SFLOW_SWITCH = 1001,
	NR_SFLOW_ROUTER = 1002,
	NR_SFLOW_GATEWAY = 1003,
};

/* An interface: what the word's top bits, or the expanded form, say of it. */
struct nr_sflow_interface {
	uint32_t format; /* 0: ifIndex, 1: discarded (value: why), 2: several (value: how many) */
	uint32_t value;
};

struct nr_sflow_sample {
	uint32_t enterprise, format;
	uint32_t sequence, source_type, source_index;
	uint32_t rate, pool; /* flow samples */
	uint32_t drops;      /* flow samples: lost for want of resources; discarded packets: not sent */
	struct nr_sflow_interface input, output;
	uint32_t reason;       /* discarded packets */
	uint32_t records;      /* how many follow, as the exporter says */
	struct nr_cursor body; /* of the records; an unknown sample: all of it */
};
/* False at the end (of the body, or of what the header announced); body->failed: a length beyond the
 * datagram. A sample that is shorter than what its format holds has sample.body.failed. */
bool nr_sflow_next_sample(struct nr_cursor *body, uint32_t *left, struct nr_sflow_sample *ret_sample);

struct nr_sflow_item {
	uint32_t enterprise, format;
	const uint8_t *bytes;
	uint32_t length;
};
/* False at the end; sample->body.failed: a length beyond the sample. */
bool nr_sflow_next_item(struct nr_sflow_sample *sample, struct nr_sflow_item *ret_item);

/* Raw packet header (record 1). */
struct nr_sflow_packet {
	uint32_t protocol; /* 1: Ethernet, 7: PPP, 11: IPv4, 12: IPv6, 13: MPLS */
	uint32_t frame_length, stripped;
	const uint8_t *bytes;
	uint32_t length;
};
bool nr_sflow_packet_read(const struct nr_sflow_item *item, struct nr_sflow_packet *ret_packet);

#endif
