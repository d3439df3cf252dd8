/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPFIX over TCP in a capture: segments of each connection in their order, into a stream of the collector. A
 * connection is followed from its SYN, or from a segment that begins with a message; a hole that does not
 * close ends it. What is held is bounded, what is passed over is counted.
 */
#ifndef NR_SENSE_FLOW_FILE_SEGMENTS_H
#define NR_SENSE_FLOW_FILE_SEGMENTS_H

#include "sense/flow/collect/collector.h"
#include "wire/packet.h"

struct nr_flow_segments;

struct nr_flow_segment {
	struct nr_address source, destination;
	uint16_t source_port, destination_port;
	uint32_t sequence;
	bool begins, ends; /* SYN; FIN or RST */
	const uint8_t *bytes;
	size_t length;
	nr_time time;
};

enum nr_flow_segment_status {
	NR_FLOW_SEGMENT_TAKEN,
	NR_FLOW_SEGMENT_FOREIGN, /* of a connection that carries no exports */
};

int nr_flow_segments_new(
	struct nr_flow_collector *collector, struct nr_flow_segments **ret_segments, struct nr_error *error);
/* *dropped: segments whose bytes were not read. The error is the sink's. */
int nr_flow_segments_add(struct nr_flow_segments *segments, const struct nr_flow_segment *segment,
	enum nr_flow_segment_status *ret_status, uint64_t *dropped, struct nr_error *error);
/* Ends all connections. */
void nr_flow_segments_free(struct nr_flow_segments *segments, uint64_t *dropped);

#endif
