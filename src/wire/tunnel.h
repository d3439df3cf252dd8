/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirrored traffic: GRE (RFC 2784, 2890), ERSPAN in it, VXLAN (RFC 7348). Pure, inside wire/ only.
 */
#ifndef NR_WIRE_TUNNEL_H
#define NR_WIRE_TUNNEL_H

#include "wire/ip.h"

/*
 * If the packet is one of these tunnels, sets *ret_inner to the inner IP header and answers true; *ret_drop
 * then says why there is none (ARP inside, cut header ...). False: it is an ordinary packet.
 */
bool nr_tunnel_enter(const struct nr_packet *packet, const struct nr_transport *t,
	struct nr_cursor *ret_inner, enum nr_drop *ret_drop);

#endif
