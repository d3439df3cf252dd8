/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/transport.h"
#include "wire/tcp_options.h"

#define TCP_FLAGS_AT       13
#define TCP_WINDOW_END     16
#define NR_PORTS_END       4
#define ICMP_TYPE_CODE_END 2

/* Options inside the packet and inside the capture; a header that is longer than its packet has none to be
 * read. */
void nr_tcp_parse_options(const struct nr_transport *t, struct nr_packet *packet)
{
	size_t header = (size_t)(t->bytes[12] >> 4) * 4;
	if (header < NR_TCP_HEADER || header > t->length) {
		packet->marks |= NR_MARK_BAD_HEADER;
	} else if (header > t->captured) {
		packet->marks |= NR_MARK_TRUNCATED;
	} else {
		const uint8_t *options = t->bytes + NR_TCP_HEADER;
		packet->option_kind =
			(uint8_t)nr_tcp_options_kind(options, header - NR_TCP_HEADER, packet->time);
		packet->option_hash = nr_tcp_options_hash(options, header - NR_TCP_HEADER);
		packet->marks |= NR_MARK_OPTIONS;
	}
}

/*
 * Fields are read as long as their bytes were captured, even beyond the IP length: Mirai variants send a data
 * offset that their packet cannot hold. Flags are valid with 14 bytes, which is what the definition of
 * backscatter asks for; the window needs 16 and is 0 where it was cut.
 */
static void parse_tcp(const struct nr_transport *t, struct nr_packet *packet)
{
	if (t->captured >= NR_PORTS_END)
		nr_transport_set_ports(packet, t->bytes);
	if (t->captured > TCP_FLAGS_AT) {
		packet->sequence = nr_u32_at(t->bytes + 4);
		packet->flags = t->bytes[TCP_FLAGS_AT];
		packet->marks |= NR_MARK_FLAGS;
	}
	if (t->captured >= TCP_WINDOW_END)
		packet->window = nr_u16_at(t->bytes + 14);
	if (t->length < NR_TCP_HEADER)
		packet->marks |= NR_MARK_BAD_HEADER;
	if (t->captured < NR_TCP_HEADER)
		packet->marks |= NR_MARK_TRUNCATED;
	else
		nr_tcp_parse_options(t, packet);
}

static bool is_icmp(const struct nr_packet *packet)
{
	return packet->protocol == (packet->kind == NR_PACKET_IPV6 ? NR_ICMPV6 : NR_ICMP);
}

static void parse_icmp(const struct nr_transport *t, struct nr_packet *packet)
{
	size_t usable = nr_transport_usable(t);
	if (usable >= ICMP_TYPE_CODE_END) {
		packet->source_port = t->bytes[0];
		packet->destination_port = t->bytes[1];
		packet->marks |= NR_MARK_PORTS;
	}
	if (usable < NR_ICMP_HEADER)
		packet->marks |= t->length < NR_ICMP_HEADER ? NR_MARK_BAD_HEADER : NR_MARK_TRUNCATED;
}

void nr_transport_parse(const struct nr_transport *t, struct nr_packet *packet)
{
	if (packet->marks & NR_MARK_FRAGMENT_LATER)
		return;
	if (packet->protocol == NR_TCP)
		parse_tcp(t, packet);
	else if (packet->protocol == NR_UDP)
		nr_udp_parse(t, packet);
	else if (is_icmp(packet))
		parse_icmp(t, packet);
}

static bool is_error(const struct nr_packet *packet)
{
	unsigned type = packet->source_port;
	if (packet->kind == NR_PACKET_IPV6)
		return type >= 1 &&
		       type <= 4; /* RFC 4443: unreachable, too big, time exceeded, parameter problem */
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool is_attributable(const struct nr_packet *quoted)
{
	return quoted->protocol == NR_TCP || quoted->protocol == NR_UDP || is_icmp(quoted);
}

bool nr_icmp_quote(const struct nr_transport *t, struct nr_packet *outer, struct nr_packet *ret)
{
	size_t usable = nr_transport_usable(t);
	if ((outer->marks & NR_MARK_FRAGMENT_LATER) || !is_icmp(outer) || usable < NR_ICMP_HEADER ||
		!is_error(outer))
		return false;
	struct nr_cursor c = nr_cursor_over(t->bytes + NR_ICMP_HEADER, usable - NR_ICMP_HEADER);
	struct nr_packet quoted = {.time = outer->time};
	struct nr_transport inner;
	if (nr_ip_parse(&c, &quoted, &inner) != NR_DROP_NONE || quoted.kind != outer->kind)
		return false;
	if (!nr_address_equal(&quoted.source, &outer->destination)) {
		outer->marks |= NR_MARK_QUOTE_MISMATCH;
		return false;
	}
	outer->marks |= NR_MARK_QUOTES;
	if (!is_attributable(&quoted))
		return false;
	*ret = (struct nr_packet){
		.time = outer->time,
		.source = quoted.destination,
		.destination = outer->destination,
		.id = outer->id,
		.protocol = quoted.protocol,
		.ttl = outer->ttl,
		.kind = NR_PACKET_QUOTE,
		.wire = outer->wire,
		.marks = (uint16_t)(outer->marks & (NR_MARK_IPV6 | NR_MARK_TIMELESS)),
	};
	if (inner.captured >= NR_PORTS_END && !(quoted.marks & NR_MARK_FRAGMENT_LATER)) {
		ret->source_port = nr_u16_at(inner.bytes + 2);
		ret->destination_port = nr_u16_at(inner.bytes);
		ret->marks |= NR_MARK_PORTS;
	}
	return true;
}
