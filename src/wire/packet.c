/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packet.h"
#include "wire/link.h"
#include "wire/locate.h"
#include "wire/transport.h"

const char *const nr_drop_names[NR_DROP_COUNT] = {
	[NR_DROP_NONE] = "none",
	[NR_DROP_NON_IP] = "non_ip",
	[NR_DROP_LINK_TYPE] = "link_type",
	[NR_DROP_TRUNCATED] = "truncated",
	[NR_DROP_MALFORMED] = "malformed",
	[NR_DROP_NOT_DARK] = "not_dark",
	[NR_DROP_METADATA] = "metadata",
	[NR_DROP_RECORD_CUT] = "record_cut",
	[NR_DROP_RECORD_DAMAGED] = "record_damaged",
};

/* Every frame; the fast path below only takes a short cut to the same result. */
static __attribute__((noinline)) enum nr_drop decode_any(const struct nr_frame *frame,
	const struct nr_prefix_table *tunnel_ends, struct nr_packet ret[static 2], size_t *ret_count)
{
	struct nr_located located;
	*ret_count = 0;
	enum nr_drop drop = nr_packet_locate(frame, tunnel_ends, &located);
	if (drop != NR_DROP_NONE)
		return drop;
	ret[0] = located.packet;
	*ret_count = nr_icmp_quote(&located.transport, &ret[0], &ret[1]) ? 2 : 1;
	return NR_DROP_NONE;
}

/*
 * The common frame: Ethernet, IPv4 without options and not a fragment, whole TCP or UDP header, captured up
 * to its IP length, with a time. One comparison of 54 bytes stands for all bounds of headers.
 */
#define FAST_BYTES (NR_ETHERNET_HEADER + NR_IPV4_HEADER + NR_TCP_HEADER)

NR_INLINE bool is_fast(const struct nr_frame *frame)
{
	if (frame->link != NR_LINK_ETHERNET || frame->captured < FAST_BYTES)
		return false;
	const uint8_t *ip = frame->data + NR_ETHERNET_HEADER;
	return nr_u16_at(ip - 2) == NR_ETHERTYPE_IPV4 && ip[0] == 0x45 && (nr_u16_at(ip + 6) & 0x3fff) == 0 &&
	       nr_u16_at(ip + 2) <= frame->captured - NR_ETHERNET_HEADER && frame->time != NR_TIME_MIN;
}

NR_INLINE void fill_ipv4(struct nr_packet *packet, const struct nr_frame *frame, const uint8_t *ip)
{
	packet->time = frame->time;
	packet->source = nr_ip_address4(ip + 12);
	packet->destination = nr_ip_address4(ip + 16);
	packet->source_port = nr_u16_at(ip + 20);
	packet->destination_port = nr_u16_at(ip + 22);
	packet->id = nr_u16_at(ip + 4);
	packet->protocol = ip[9];
	packet->ttl = ip[8];
	packet->kind = NR_PACKET_IPV4;
	packet->wire = frame->wire;
	packet->option_kind = NR_TCP_OPTIONS_NONE;
	packet->option_hash = 0;
	packet->marks = (uint16_t)((unsigned)(ip[6] >> 6 & 1) * NR_MARK_DONT_FRAGMENT |
				   (unsigned)frame->untimed * NR_MARK_TIMELESS);
}

NR_INLINE struct nr_transport transport_of(const struct nr_frame *frame, const uint8_t *ip)
{
	size_t total = nr_u16_at(ip + 2);
	return (struct nr_transport){ip + NR_IPV4_HEADER,
		frame->captured - NR_ETHERNET_HEADER - NR_IPV4_HEADER, total - NR_IPV4_HEADER, total, NULL};
}

/* Apart from TCP, so that its calls cost TCP nothing. */
static __attribute__((noinline)) void fill_udp(
	struct nr_packet *packet, const struct nr_frame *frame, const uint8_t *ip)
{
	fill_ipv4(packet, frame, ip);
	packet->sequence = 0;
	packet->flags = 0;
	packet->window = 0;
	const struct nr_transport t = transport_of(frame, ip);
	nr_udp_parse(&t, packet);
}

NR_INLINE void fill_tcp(struct nr_packet *packet, const struct nr_frame *frame, const uint8_t *ip)
{
	const uint8_t *tcp = ip + NR_IPV4_HEADER;
	fill_ipv4(packet, frame, ip);
	packet->sequence = nr_u32_at(tcp + 4);
	packet->flags = tcp[13];
	packet->window = nr_u16_at(tcp + 14);
	packet->marks |= NR_MARK_PORTS | NR_MARK_FLAGS;
	if (NR_LIKELY(tcp[12] >> 4 == NR_TCP_HEADER / 4)) {
		packet->marks |= NR_MARK_OPTIONS;
	} else {
		const struct nr_transport t = transport_of(frame, ip);
		nr_tcp_parse_options(&t, packet);
	}
}

NR_INLINE enum nr_drop decode(const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends,
	struct nr_packet ret[static 2], size_t *ret_count)
{
	if (NR_LIKELY(is_fast(frame))) {
		const uint8_t *ip = frame->data + NR_ETHERNET_HEADER;
		size_t total = nr_u16_at(ip + 2);
		if (NR_LIKELY(ip[9] == NR_TCP && total >= NR_IPV4_HEADER + NR_TCP_HEADER)) {
			fill_tcp(&ret[0], frame, ip);
			*ret_count = 1;
			return NR_DROP_NONE;
		}
		if (ip[9] == NR_UDP && !tunnel_ends && total >= NR_IPV4_HEADER + NR_UDP_HEADER) {
			fill_udp(&ret[0], frame, ip);
			*ret_count = 1;
			return NR_DROP_NONE;
		}
	}
	return decode_any(frame, tunnel_ends, ret, ret_count);
}

enum nr_drop nr_packet_decode(const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends,
	struct nr_packet ret[static 2], size_t *ret_count)
{
	return decode(frame, tunnel_ends, ret, ret_count);
}

size_t nr_packets_decode(const struct nr_frame *frames, size_t count,
	const struct nr_prefix_table *tunnel_ends, struct nr_packet *packets,
	uint64_t dropped[static NR_DROP_COUNT])
{
	struct nr_packet *at = packets;
	for (size_t i = 0; i < count; i++) {
		size_t n;
		enum nr_drop drop = decode(&frames[i], tunnel_ends, at, &n);
		if (NR_UNLIKELY(drop != NR_DROP_NONE)) {
			dropped[drop]++;
			continue;
		}
		at += n;
	}
	return (size_t)(at - packets);
}
