/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/transport.h"
#include "wire/payload.h"
#include "wire/tcp_options.h"

#define TCP_FLAGS_AT       13
#define TCP_WINDOW_END     16
#define PORTS_END          4
#define ICMP_TYPE_CODE_END 2

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t u32_at(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

static void set_ports(struct nr_packet *packet, const uint8_t *bytes)
{
	packet->source_port = u16_at(bytes);
	packet->destination_port = u16_at(bytes + 2);
	packet->marks |= NR_MARK_PORTS;
}

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
	if (t->captured >= PORTS_END)
		set_ports(packet, t->bytes);
	if (t->captured > TCP_FLAGS_AT) {
		packet->sequence = u32_at(t->bytes + 4);
		packet->flags = t->bytes[TCP_FLAGS_AT];
		packet->marks |= NR_MARK_FLAGS;
	}
	if (t->captured >= TCP_WINDOW_END)
		packet->window = u16_at(t->bytes + 14);
	if (t->length < NR_TCP_HEADER)
		packet->marks |= NR_MARK_BAD_HEADER;
	if (t->captured < NR_TCP_HEADER)
		packet->marks |= NR_MARK_TRUNCATED;
	else
		nr_tcp_parse_options(t, packet);
}

/* The payload ends where the UDP length, the IP length or the capture ends: never in the padding of the
 * frame. */
void nr_udp_parse(const struct nr_transport *t, struct nr_packet *packet)
{
	size_t usable = nr_transport_usable(t);
	if (usable >= PORTS_END)
		set_ports(packet, t->bytes);
	if (usable < NR_UDP_HEADER) {
		packet->marks |= t->length < NR_UDP_HEADER ? NR_MARK_BAD_HEADER : NR_MARK_TRUNCATED;
		return;
	}
	size_t udp_length = u16_at(t->bytes + 4);
	bool first =
		packet->marks & NR_MARK_FRAGMENT_FIRST; /* the rest of the length is in later fragments */
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
	if (nr_ip_parse(&c, &quoted, &inner) != NR_DROP_NONE || quoted.kind != outer->kind ||
		!is_attributable(&quoted))
		return false;
	if (!nr_address_equal(&quoted.source, &outer->destination)) {
		outer->marks |= NR_MARK_QUOTE_MISMATCH;
		return false;
	}
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
	if (inner.captured >= PORTS_END && !(quoted.marks & NR_MARK_FRAGMENT_LATER)) {
		ret->source_port = u16_at(inner.bytes + 2);
		ret->destination_port = u16_at(inner.bytes);
		ret->marks |= NR_MARK_PORTS;
	}
	outer->marks |= NR_MARK_QUOTES;
	return true;
}
