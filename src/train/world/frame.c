/* SPDX-License-Identifier: Apache-2.0 */
/* World packets as Ethernet frames, with right checksums. */
#include "train/world/packet.h"
#include "train/world/payload.h"
#include "wire/checksum.h"

#include <string.h>

#define ETHERNET    14
#define FRAME_MIN   60 /* without the frame check sequence */
#define IP_HEADER   20
#define IPV6_HEADER 40

struct writer {
	uint8_t *at;
};

static void put8(struct writer *w, uint8_t v)
{
	*w->at++ = v;
}

static void put16(struct writer *w, uint16_t v)
{
	put8(w, (uint8_t)(v >> 8));
	put8(w, (uint8_t)v);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, (uint16_t)(v >> 16));
	put16(w, (uint16_t)v);
}

static void put_bytes(struct writer *w, const void *bytes, size_t length)
{
	if (length > 0)
		memcpy(w->at, bytes, length);
	w->at += length;
}

static void set16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_options(struct writer *w, const struct nr_world_packet *p)
{
	if (p->layout == NR_LAYOUT_NONE)
		return;
	put16(w, 0x0204);
	put16(w, p->mss);
	switch (p->layout) {
	case NR_LAYOUT_WINDOWS:
		put32(w, 0x01030308);
		put32(w, 0x01010402);
		break;
	case NR_LAYOUT_LINUX:
		put32(w, 0x0402080a);
		put32(w, p->timestamp);
		put32(w, 0);
		put32(w, 0x01030307);
		break;
	case NR_LAYOUT_BSD:
		put32(w, 0x01030306);
		put32(w, 0x0101080a);
		put32(w, p->timestamp);
		put32(w, 0);
		put32(w, 0x04020000);
		break;
	default:
		break;
	}
}

static void put_tcp(struct writer *w, const struct nr_world_packet *p)
{
	uint8_t *tcp = w->at;
	put16(w, p->source_port);
	put16(w, p->destination_port);
	put32(w, p->sequence);
	put32(w, p->acknowledgement);
	put8(w, 0);
	put8(w, p->flags);
	put16(w, p->window);
	put32(w, 0);
	put_options(w, p);
	size_t words = (size_t)(w->at - tcp) / 4 + (p->mirai_header ? 1 : 0);
	tcp[12] = (uint8_t)(words << 4);
}

static void put_ipv4(struct writer *w, uint32_t source, uint32_t destination, uint8_t protocol, uint8_t ttl,
	uint16_t length)
{
	uint8_t *ip = w->at;
	put16(w, 0x4500);
	put16(w, length);
	put32(w, 0);
	put8(w, ttl);
	put8(w, protocol);
	put16(w, 0);
	put32(w, source);
	put32(w, destination);
	set16(ip + 10, nr_checksum_finish(nr_checksum_add(0, ip, IP_HEADER)));
}

/* What an ICMP error quotes: the forged packet that the victim received. */
static void put_quote(struct writer *w, const struct nr_world_packet *p)
{
	bool udp = p->payload == NR_PAYLOAD_QUOTE_UDP;
	put_ipv4(w, p->quoted_source, p->quoted_destination, udp ? NR_WORLD_UDP : NR_WORLD_TCP, 48,
		udp ? 60 : 40);
	put16(w, p->quoted_source_port);
	put16(w, p->quoted_destination_port);
	put32(w, udp ? 40u << 16 : p->sequence); /* UDP length and no checksum; TCP sequence */
}

static void put_inner(struct writer *w, const struct nr_world_packet *p)
{
	put_ipv4(w, 0xc6336407, p->destination, NR_WORLD_TCP, 64, 40); /* 198.51.100.7 inside */
	put16(w, 40000);
	put16(w, 23);
	put32(w, p->sequence);
	put32(w, 0);
	put32(w, 0x50020400);
	put32(w, 0);
}

static void put_payload(struct writer *w, const struct nr_world_packet *p)
{
	struct nr_payload payload = nr_payload_find(p->payload);
	if (p->payload == NR_PAYLOAD_QUOTE_UDP || p->payload == NR_PAYLOAD_QUOTE_TCP)
		put_quote(w, p);
	else if (p->payload == NR_PAYLOAD_INNER_IPV4)
		put_inner(w, p);
	else
		put_bytes(w, payload.bytes, payload.length);
}

/* Transport header and payload. Returns the offset of the checksum, 0 where there is none. */
static size_t put_transport(struct writer *w, const struct nr_world_packet *p)
{
	uint8_t *begin = w->at;
	size_t sum_at = 0;
	if (p->fragment & 0x1fff) { /* a later fragment begins with payload */
		put_payload(w, p);
		return 0;
	}
	switch (p->protocol) {
	case NR_WORLD_TCP:
		put_tcp(w, p);
		sum_at = 16;
		break;
	case NR_WORLD_UDP:
		put16(w, p->source_port);
		put16(w, p->destination_port);
		put32(w, 0);
		sum_at = 6;
		break;
	case NR_WORLD_ICMP:
	case NR_WORLD_ICMPV6:
		put8(w, (uint8_t)p->source_port);
		put8(w, (uint8_t)p->destination_port);
		put16(w, 0);
		put32(w, p->payload == NR_PAYLOAD_ECHO ? p->sequence : 0);
		sum_at = 2;
		break;
	case NR_WORLD_GRE:
		put32(w, 0x0800); /* RFC 2784: no flags, IPv4 inside */
		break;
	default:
		put32(w, p->sequence); /* ESP: an index and a counter */
		put32(w, 1);
		break;
	}
	put_payload(w, p);
	if (p->protocol == NR_WORLD_UDP)
		set16(begin + 4, (uint16_t)(w->at - begin));
	return sum_at;
}

static void put_ethernet(struct writer *w, uint16_t type)
{
	static const uint8_t addresses[12] = {0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02};
	put_bytes(w, addresses, sizeof addresses);
	put16(w, type);
}

/* The pseudo header's share of the checksum (RFC 9293, 3.1; RFC 8200, 8.1). ICMP over IPv4 has none. */
static uint64_t pseudo_sum(
	const struct nr_world_packet *p, const uint8_t *addresses, size_t address_bytes, size_t length)
{
	return p->protocol == NR_WORLD_ICMP
		       ? 0
		       : nr_checksum_add(0, addresses, address_bytes) + p->protocol + length;
}

static void finish_checksum(
	const struct nr_world_packet *p, uint8_t *transport, size_t length, size_t sum_at, uint64_t pseudo)
{
	if (!sum_at || p->fragment & NR_MORE_FRAGMENTS)
		return; /* none, or over a whole that nobody sees */
	uint16_t sum = nr_checksum_finish(nr_checksum_add(pseudo, transport, length));
	set16(transport + sum_at, sum == 0 && p->protocol == NR_WORLD_UDP ? 0xffff : sum);
}

static void put_packet4(struct writer *w, const struct nr_world_packet *p, const struct nr_address *source)
{
	uint8_t *ip = w->at;
	put_ipv4(w, nr_address_ipv4(source), p->destination, p->protocol, p->ttl, 0);
	uint8_t *transport = w->at;
	size_t sum_at = put_transport(w, p);
	size_t length = (size_t)(w->at - transport);
	finish_checksum(p, transport, length, sum_at, pseudo_sum(p, ip + 12, 8, length));
	set16(ip + 2, (uint16_t)(IP_HEADER + length));
	set16(ip + 4, p->id);
	set16(ip + 6, p->fragment);
	set16(ip + 10, 0);
	set16(ip + 10, nr_checksum_finish(nr_checksum_add(0, ip, IP_HEADER)));
	if (p->damage == NR_DAMAGE_BAD_VERSION)
		ip[0] = 0x55;
	else if (p->damage == NR_DAMAGE_BAD_IHL)
		ip[0] = 0x42;
}

static void put_packet6(struct writer *w, const struct nr_world_packet *p, const struct nr_address *source,
	const struct nr_address *dark6)
{
	uint8_t *ip = w->at;
	put32(w, 0x60000000);
	put16(w, 0);
	put8(w, p->protocol);
	put8(w, p->ttl);
	put_bytes(w, source->octets, 16);
	put_bytes(w, dark6->octets, 8);
	for (unsigned i = 8; i < 16; i++)
		put8(w, (uint8_t)(dark6->octets[i] | p->identifier >> (8 * (15 - i))));
	uint8_t *transport = w->at;
	size_t sum_at = put_transport(w, p);
	size_t length = (size_t)(w->at - transport);
	finish_checksum(p, transport, length, sum_at, pseudo_sum(p, ip + 8, 32, length));
	set16(ip + 4, (uint16_t)length);
}

/* RFC 826: who has the destination? */
static void put_arp(struct writer *w, const struct nr_world_packet *p)
{
	put32(w, 0x00010800);
	put32(w, 0x06040001);
	put32(w, 0x02000000);
	put16(w, 0x0001);
	put32(w, 0);
	put32(w, 0);
	put16(w, 0);
	put32(w, p->destination);
}

uint32_t nr_frame_write(const struct nr_world_packet *packet, const struct nr_address *source,
	const struct nr_address *dark6, uint8_t frame[static NR_FRAME_MAX], uint32_t *ret_captured)
{
	struct writer w = {frame};
	memset(frame, 0, FRAME_MIN);
	if (packet->damage == NR_DAMAGE_ARP) {
		put_ethernet(&w, 0x0806);
		put_arp(&w, packet);
	} else if (packet->ipv6) {
		put_ethernet(&w, 0x86dd);
		put_packet6(&w, packet, source, dark6);
	} else {
		put_ethernet(&w, 0x0800);
		put_packet4(&w, packet, source);
	}
	uint32_t wire = (uint32_t)NR_MAX(w.at - frame, FRAME_MIN);
	*ret_captured = wire;
	if (packet->damage == NR_DAMAGE_CUT_IP)
		*ret_captured = ETHERNET + 10;
	else if (packet->damage == NR_DAMAGE_CUT_TCP)
		*ret_captured = ETHERNET + IP_HEADER + 8;
	return wire;
}
