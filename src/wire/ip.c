/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ip.h"

#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE          0x2000
#define IPV4_OFFSET        0x1fff

enum extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51,
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
	EXTENSION_HIP = 139,
	EXTENSION_SHIM6 = 140,
};

static enum nr_drop parse_ipv4(struct nr_cursor *c, struct nr_packet *packet, struct nr_transport *ret)
{
	size_t captured = nr_cursor_left(c);
	const uint8_t *header = nr_cursor_take(c, NR_IPV4_HEADER);
	if (!header)
		return NR_DROP_TRUNCATED;
	size_t header_length = (size_t)(header[0] & 15) * 4;
	if (header_length < NR_IPV4_HEADER)
		return NR_DROP_MALFORMED;
	nr_cursor_skip(c, header_length - NR_IPV4_HEADER);
	if (c->failed)
		return NR_DROP_TRUNCATED;

	size_t total = nr_u16_at(header + 2);
	unsigned fragment = nr_u16_at(header + 6);
	unsigned marks = packet->marks;
	if (total == 0)
		total = captured; /* segmentation offload: the length was not yet known */
	if (fragment & IPV4_DONT_FRAGMENT)
		marks |= NR_MARK_DONT_FRAGMENT;
	if (fragment & IPV4_OFFSET)
		marks |= NR_MARK_FRAGMENT_LATER;
	else if (fragment & IPV4_MORE)
		marks |= NR_MARK_FRAGMENT_FIRST;
	if (total < header_length) {
		marks |= NR_MARK_BAD_HEADER;
		total = captured; /* the length is a lie; the bytes are there */
	}
	packet->source = nr_ip_address4(header + 12);
	packet->destination = nr_ip_address4(header + 16);
	packet->id = nr_u16_at(header + 4);
	packet->protocol = header[9];
	packet->ttl = header[8];
	packet->kind = NR_PACKET_IPV4;
	packet->marks = (uint16_t)marks;
	*ret = (struct nr_transport){c->at, nr_cursor_left(c), total - header_length, total, NULL};
	return NR_DROP_NONE;
}

bool nr_ipv6_is_extension(uint8_t next)
{
	switch (next) {
	case EXTENSION_HOP_BY_HOP:
	case EXTENSION_ROUTING:
	case EXTENSION_FRAGMENT:
	case EXTENSION_AUTHENTICATION:
	case EXTENSION_DESTINATION:
	case EXTENSION_MOBILITY:
	case EXTENSION_HIP:
	case EXTENSION_SHIM6:
		return true;
	default:
		return false;
	}
}

static size_t extension_length(uint8_t kind, const uint8_t *header)
{
	if (kind == EXTENSION_FRAGMENT)
		return 8;
	if (kind == EXTENSION_AUTHENTICATION)
		return ((size_t)header[1] + 2) * 4; /* RFC 4302, 2.2 */
	return ((size_t)header[1] + 1) * 8;
}

/*
 * Walks to the transport header. Where an extension header is cut, by the capture or by the packet's own
 * length, the packet still counts, with the number of that extension as its protocol.
 */
static enum nr_drop walk_extensions(struct nr_transport *t, struct nr_packet *packet)
{
	for (unsigned depth = 0; nr_ipv6_is_extension(packet->protocol); depth++) {
		if (depth == NR_IPV6_EXTENSIONS_MAX)
			return NR_DROP_MALFORMED;
		size_t length =
			nr_transport_usable(t) >= 8 ? extension_length(packet->protocol, t->bytes) : 8;
		if (nr_transport_usable(t) < length) {
			packet->marks |= t->length < length ? NR_MARK_BAD_HEADER : NR_MARK_TRUNCATED;
			return NR_DROP_NONE;
		}
		bool later = false;
		if (packet->protocol == EXTENSION_FRAGMENT) {
			t->fragment = t->bytes;
			unsigned fragment = nr_u16_at(t->bytes + 2); /* 13 bits offset, 2 reserved, more */
			later = fragment >> 3 != 0;
			if (later)
				packet->marks |= NR_MARK_FRAGMENT_LATER;
			else if (fragment & 1)
				packet->marks |= NR_MARK_FRAGMENT_FIRST;
		}
		packet->protocol = t->bytes[0];
		t->bytes += length;
		t->captured -= length;
		t->length -= length;
		if (later)
			return NR_DROP_NONE; /* what follows is the middle of a packet */
	}
	return NR_DROP_NONE;
}

static enum nr_drop parse_ipv6(struct nr_cursor *c, struct nr_packet *packet, struct nr_transport *ret)
{
	const uint8_t *header = nr_cursor_take(c, NR_IPV6_HEADER);
	if (!header)
		return NR_DROP_TRUNCATED;
	struct nr_transport t = {c->at, nr_cursor_left(c), nr_u16_at(header + 4), 0, NULL};
	if (t.length == 0)
		t.length = t.captured; /* jumbogram (RFC 2675) or segmentation offload */
	memcpy(packet->source.octets, header + 8, 16);
	memcpy(packet->destination.octets, header + 24, 16);
	packet->id = 0;
	packet->protocol = header[6];
	packet->ttl = header[7];
	packet->kind = NR_PACKET_IPV6;
	packet->marks |= NR_MARK_IPV6;
	enum nr_drop drop = walk_extensions(&t, packet);
	if (drop == NR_DROP_NONE)
		*ret = t;
	return drop;
}

enum nr_drop nr_ip_parse(struct nr_cursor *c, struct nr_packet *packet, struct nr_transport *ret)
{
	if (c->failed || nr_cursor_left(c) == 0)
		return NR_DROP_TRUNCATED;
	switch (*c->at >> 4) {
	case 4:
		return parse_ipv4(c, packet, ret);
	case 6:
		return parse_ipv6(c, packet, ret);
	default:
		return NR_DROP_MALFORMED;
	}
}
