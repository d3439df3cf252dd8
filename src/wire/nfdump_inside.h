/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of V3 extensions and how addresses lie; of the files of nfdump alone. */
#ifndef NR_WIRE_NFDUMP_INSIDE_H
#define NR_WIRE_NFDUMP_INSIDE_H

#include "wire/nfdump.h"

enum {
	NR_NFDUMP_X_GENERIC = 1,
	NR_NFDUMP_X_IPV4 = 2,
	NR_NFDUMP_X_IPV6 = 3,
	NR_NFDUMP_X_MISC = 4,
	NR_NFDUMP_X_COUNTERS = 5,
	NR_NFDUMP_X_VLAN = 6,
	NR_NFDUMP_X_AS = 7,
	NR_NFDUMP_X_NEXT_HOP_IPV4 = 10,
	NR_NFDUMP_X_NEXT_HOP_IPV6 = 11,
	NR_NFDUMP_X_RECEIVED_IPV4 = 12,
	NR_NFDUMP_X_RECEIVED_IPV6 = 13,
	NR_NFDUMP_X_MPLS = 14,
	NR_NFDUMP_X_MAC = 15,
	NR_NFDUMP_X_NSEL = 19,
	NR_NFDUMP_X_POST_IPV4 = 20,
	NR_NFDUMP_X_POST_IPV6 = 21,
	NR_NFDUMP_X_POST_PORTS = 22,
	NR_NFDUMP_X_NEL = 25,
	NR_NFDUMP_X_PORT_BLOCK = 26,
	NR_NFDUMP_X_APPLICATION = 27,
	NR_NFDUMP_X_VRF = 36,
	NR_NFDUMP_X_LAYER2 = 38,
	NR_NFDUMP_X_FLOW_ID = 39,
	NR_NFDUMP_X_IP_INFO = 42,
};

/* Two words in host order. */
NR_INLINE struct nr_address nr_nfdump_ipv6(uint64_t high, uint64_t low)
{
	struct nr_address address;
	high = __builtin_bswap64(high);
	low = __builtin_bswap64(low);
	memcpy(address.octets, &high, 8);
	memcpy(address.octets + 8, &low, 8);
	return address;
}

NR_INLINE struct nr_address nr_nfdump_read6(struct nr_cursor *c)
{
	uint64_t high = nr_cursor_u64_le(c), low = nr_cursor_u64_le(c);
	return nr_nfdump_ipv6(high, low);
}

NR_INLINE struct nr_address nr_nfdump_read4(struct nr_cursor *c)
{
	return nr_address_from_ipv4(nr_cursor_u32_le(c));
}

/* The MACs as they came in and went out; what is there already stays. */
void nr_nfdump_read_macs(struct nr_cursor *c, struct nr_nfdump_flow *flow);

#endif
