/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792) and ICMPv6 (RFC 4443) behind a parsed IP header. Pure,
 * bounded, inside wire/ only.
 */
#ifndef NR_WIRE_TRANSPORT_H
#define NR_WIRE_TRANSPORT_H

#include "wire/ip.h"
#include "wire/payload.h"

#define NR_TCP_HEADER  20
#define NR_UDP_HEADER  8
#define NR_ICMP_HEADER 8
#define NR_PORTS_END   4 /* of TCP and UDP */

/* Fills what the packet's protocol has and adds marks; packet->protocol, kind, marks and time are set. Later
 * fragments and protocols that have no ports stay as they are. */
void nr_transport_parse(const struct nr_transport *t, struct nr_packet *packet);

/* TCP options behind 20 captured bytes. */
void nr_tcp_parse_options(const struct nr_transport *t, struct nr_packet *packet);

/*
 * The packet that an ICMP error quotes (telescope reference 9.2): source = the quoted destination (the
 * victim), destination = the outer destination, ports turned likewise, 0 where they are not there. False
 * where there is none or it is not usable. A quoted source that is not the outer destination only marks
 * *outer: anyone could accuse anyone with a forged quote.
 */
bool nr_icmp_quote(const struct nr_transport *t, struct nr_packet *outer, struct nr_packet *ret);

NR_INLINE void nr_transport_set_ports(struct nr_packet *packet, const uint8_t *bytes)
{
	packet->source_port = nr_u16_at(bytes);
	packet->destination_port = nr_u16_at(bytes + 2);
	packet->marks |= NR_MARK_PORTS;
}

/* UDP, in the header for the fast path. The payload ends where the UDP length, the IP length or the capture
 * ends: never in the padding of the frame. */
NR_INLINE void nr_udp_parse(const struct nr_transport *t, struct nr_packet *packet)
{
	size_t usable = nr_transport_usable(t);
	if (usable >= NR_PORTS_END)
		nr_transport_set_ports(packet, t->bytes);
	if (usable < NR_UDP_HEADER) {
		packet->marks |= t->length < NR_UDP_HEADER ? NR_MARK_BAD_HEADER : NR_MARK_TRUNCATED;
		return;
	}
	size_t udp_length = nr_u16_at(t->bytes + 4);
	bool first = packet->marks & NR_MARK_FRAGMENT_FIRST; /* the rest is in later fragments */
	if (udp_length < NR_UDP_HEADER || (udp_length > t->length && !first))
		packet->marks |= NR_MARK_BAD_HEADER;
	else
		usable = NR_MIN(usable, udp_length);

	const uint8_t *payload = t->bytes + NR_UDP_HEADER;
	size_t length = usable - NR_UDP_HEADER;
	if (nr_payload_is_answer(packet->source_port, payload, length))
		packet->marks |= NR_MARK_ANSWER;
	if (nr_payload_is_misconfigured(
		    packet->source_port, packet->destination_port, t->ip_length, payload, length))
		packet->marks |= NR_MARK_MISCONFIGURED;
}

#endif
