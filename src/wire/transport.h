/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792) and ICMPv6 (RFC 4443) behind a parsed IP header. Pure,
 * bounded, inside wire/ only.
 */
#ifndef NR_WIRE_TRANSPORT_H
#define NR_WIRE_TRANSPORT_H

#include "wire/ip.h"

#define NR_TCP_HEADER  20
#define NR_UDP_HEADER  8
#define NR_ICMP_HEADER 8

/* Fills what the packet's protocol has and adds marks; packet->protocol, kind, marks and time are set. Later
 * fragments and protocols that have no ports stay as they are. */
void nr_transport_parse(const struct nr_transport *t, struct nr_packet *packet);

/* Parts of it, for the fast path: UDP as a whole; TCP options behind 20 captured bytes. */
void nr_tcp_parse_options(const struct nr_transport *t, struct nr_packet *packet);
void nr_udp_parse(const struct nr_transport *t, struct nr_packet *packet);

/*
 * The packet that an ICMP error quotes (telescope reference 9.2): source = the quoted destination (the
 * victim), destination = the outer destination, ports turned likewise, 0 where they are not there. False
 * where there is none or it is not usable. A quoted source that is not the outer destination only marks
 * *outer: anyone could accuse anyone with a forged quote.
 */
bool nr_icmp_quote(const struct nr_transport *t, struct nr_packet *outer, struct nr_packet *ret);

#endif
