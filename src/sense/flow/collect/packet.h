/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a sampled packet (sFlow record 1, IE 313, 315) into a row.
 */
#ifndef NR_SENSE_FLOW_COLLECT_PACKET_H
#define NR_SENSE_FLOW_COLLECT_PACKET_H

#include "model/flow.h"

enum nr_flow_frame { /* what the octets begin with; numbers are sFlow's */
	NR_FLOW_FRAME_ETHERNET = 1,
	NR_FLOW_FRAME_PPP = 7,
	NR_FLOW_FRAME_IPV4 = 11,
	NR_FLOW_FRAME_IPV6 = 12,
	NR_FLOW_FRAME_MPLS = 13,
};

/* Fills what is still zero in that row of NR_FLOW_PACKET_COLUMNS (map.h), which are open: addresses, ports,
 * flags, one packet, bytes by the IP header. inner: of tunnels the innermost packet that can be read. False:
 * there is no IP header to be read; of Ethernet the MAC addresses and VLAN are filled all the same. */
bool nr_flow_packet_fill(struct nr_flow_block *block, uint32_t row, uint32_t frame, const uint8_t *bytes,
	size_t length, bool inner);

#endif
