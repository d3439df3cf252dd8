/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow record before it is bytes, numbers in host order, time in true time: the exporter's clock is put on
 * when it is written.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_RECORD_H
#define NR_TRAIN_WORLD_FLOWS_RECORD_H

#include "base/address.h"
#include "base/time.h"

#define NR_FLOWS_NO_NETWORK UINT16_MAX

enum nr_end_reason { /* IE 136 */
	NR_END_IDLE = 1,
	NR_END_ACTIVE = 2,
	NR_END_DETECTED = 3,
};

struct nr_flow_record {
	struct nr_address source, destination, post_source;
	nr_time first, last; /* an event: last is when */
	uint64_t packets, bytes, reverse_packets, reverse_bytes;
	uint32_t input, output;
	uint16_t source_port, destination_port, post_source_port, port_block_end;
	uint16_t source_network, destination_network;
	uint16_t service;
	uint32_t scene; /* number of a scene's server + 1; 0: no scene */
	uint8_t protocol, tos, tcp_flags, reverse_tcp_flags, end_reason;
	uint8_t event; /* RFC 8158; 0: traffic */
	bool ipv6;
};

#endif
