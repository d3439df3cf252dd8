/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/packet.h"
#include "base/prefix_table.h"
#include "wire/link.h"
#include "wire/transport.h"
#include "wire/tunnel.h"

#define TUNNELS_MAX 2 /* mirrors of mirrors; more is NR_DROP_MALFORMED */

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

static bool is_tunnel_end(const struct nr_prefix_table *tunnel_ends, const struct nr_address *address)
{
	return tunnel_ends && nr_prefix_table_find(tunnel_ends, address) != NR_PREFIX_NONE;
}

/* From the outer IP header at the cursor to the packet that counts: itself, or the one that our mirror sent.
 */
static enum nr_drop decode_ip(struct nr_cursor *c, const struct nr_prefix_table *tunnel_ends,
	struct nr_packet *packet, struct nr_transport *t)
{
	const struct nr_packet fresh = *packet;
	for (unsigned depth = 0;; depth++) {
		*packet = fresh;
		enum nr_drop drop = nr_ip_parse(c, packet, t);
		if (drop != NR_DROP_NONE)
			return drop;
		nr_transport_parse(t, packet);
		if (!is_tunnel_end(tunnel_ends, &packet->destination) ||
			!nr_tunnel_enter(packet, t, c, &drop))
			return NR_DROP_NONE;
		if (drop != NR_DROP_NONE)
			return drop;
		if (depth == TUNNELS_MAX)
			return NR_DROP_MALFORMED;
	}
}

/* Every frame; the fast path below only takes a short cut to the same result. */
static __attribute__((noinline)) enum nr_drop decode_any(const struct nr_frame *frame,
	const struct nr_prefix_table *tunnel_ends, struct nr_packet ret[static 2], size_t *ret_count)
{
	struct nr_cursor c = nr_cursor_over(frame->data, frame->captured);
	struct nr_transport t;
	ret[0] = (struct nr_packet){.time = frame->time, .wire = frame->wire};
	if (frame->time == NR_TIME_MIN)
		ret[0].marks = NR_MARK_TIMELESS;
	*ret_count = 0;
	enum nr_drop drop = nr_link_strip(&c, frame->link);
	if (drop == NR_DROP_NONE)
		drop = decode_ip(&c, tunnel_ends, &ret[0], &t);
	if (drop != NR_DROP_NONE)
		return drop;
	*ret_count = nr_icmp_quote(&t, &ret[0], &ret[1]) ? 2 : 1;
	return NR_DROP_NONE;
}

/*
 * The common frame: Ethernet, IPv4 without options and not a fragment, whole TCP or UDP header, captured up
 * to its IP length, with a time. One comparison of 54 bytes stands for all bounds of headers.
 */
#define FAST_BYTES (NR_ETHERNET_HEADER + NR_IPV4_HEADER + NR_TCP_HEADER)

static uint16_t u16_at(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap16(v);
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

static inline bool is_fast(const struct nr_frame *frame, const uint8_t *ip)
{
	return u16_at(ip - 2) == NR_ETHERTYPE_IPV4 && ip[0] == 0x45 && (u16_at(ip + 6) & 0x3fff) == 0 &&
	       frame->time != NR_TIME_MIN;
}

static inline void fill_ipv4(struct nr_packet *packet, const struct nr_frame *frame, const uint8_t *ip)
{
	packet->time = frame->time;
	packet->source = nr_ip_address4(ip + 12);
	packet->destination = nr_ip_address4(ip + 16);
	packet->source_port = u16_at(ip + 20);
	packet->destination_port = u16_at(ip + 22);
	packet->id = u16_at(ip + 4);
	packet->protocol = ip[9];
	packet->ttl = ip[8];
	packet->kind = NR_PACKET_IPV4;
	packet->wire = frame->wire;
	packet->option_kind = NR_TCP_OPTIONS_NONE;
	packet->option_hash = 0;
}

enum nr_drop nr_packet_decode(const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends,
	struct nr_packet ret[static 2], size_t *ret_count)
{
	const uint8_t *ip = frame->data + NR_ETHERNET_HEADER;
	if (NR_UNLIKELY(
		    frame->link != NR_LINK_ETHERNET || frame->captured < FAST_BYTES || !is_fast(frame, ip)))
		return decode_any(frame, tunnel_ends, ret, ret_count);
	size_t total = u16_at(ip + 2);
	size_t captured = frame->captured - NR_ETHERNET_HEADER;
	unsigned marks = ip[6] & 0x40 ? NR_MARK_DONT_FRAGMENT : 0;
	const uint8_t *transport = ip + NR_IPV4_HEADER;
	struct nr_packet *packet = &ret[0];

	if (NR_LIKELY(ip[9] == NR_TCP && total >= NR_IPV4_HEADER + NR_TCP_HEADER && total <= captured)) {
		fill_ipv4(packet, frame, ip);
		packet->sequence = u32_at(transport + 4);
		packet->flags = transport[13];
		packet->window = u16_at(transport + 14);
		packet->marks = (uint16_t)(marks | NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_OPTIONS);
		if (NR_UNLIKELY(transport[12] >> 4 != NR_TCP_HEADER / 4)) {
			packet->marks &= (uint16_t)~NR_MARK_OPTIONS;
			struct nr_transport t = {
				transport, captured - NR_IPV4_HEADER, total - NR_IPV4_HEADER, total};
			nr_tcp_parse_options(&t, packet);
		}
	} else if (ip[9] == NR_UDP && !tunnel_ends && total >= NR_IPV4_HEADER + NR_UDP_HEADER &&
		   total <= captured) {
		fill_ipv4(packet, frame, ip);
		packet->sequence = 0;
		packet->flags = 0;
		packet->window = 0;
		packet->marks = (uint16_t)marks;
		struct nr_transport t = {transport, captured - NR_IPV4_HEADER, total - NR_IPV4_HEADER, total};
		nr_udp_parse(&t, packet);
	} else {
		return decode_any(frame, tunnel_ends, ret, ret_count);
	}
	*ret_count = 1;
	return NR_DROP_NONE;
}
