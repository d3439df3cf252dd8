/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frame to the packet that counts, with the bytes it was read from: for nr_packet_decode() and for
 * whoever rewrites packets. Pure, bounded.
 */
#ifndef NR_WIRE_LOCATE_H
#define NR_WIRE_LOCATE_H

#include "wire/ip.h"

struct nr_located {
	struct nr_packet packet;
	struct nr_transport transport;
	const uint8_t *ip; /* its IP header, inside the frame */
	size_t captured;   /* bytes from there to the end of the frame, link padding included */
};

struct nr_prefix_table;
/* The outermost IP header, or the one inside a tunnel that ends at one of tunnel_ends (NULL: none). On a drop
 * *ret is half written. */
enum nr_drop nr_packet_locate(
	const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends, struct nr_located *ret);

#endif
