/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/link.h"

/* A header that ended early is NR_DROP_TRUNCATED; otherwise what follows decides. */
static enum nr_drop ended(const struct nr_cursor *c, enum nr_drop otherwise)
{
	return c->failed ? NR_DROP_TRUNCATED : otherwise;
}

/* The version nibble decides between IPv4 and IPv6 (raw IP, MPLS); an empty rest is a cut header. */
static enum nr_drop check_version(const struct nr_cursor *c)
{
	if (c->failed || nr_cursor_left(c) == 0)
		return NR_DROP_TRUNCATED;
	unsigned version = *c->at >> 4;
	return version == 4 || version == 6 ? NR_DROP_NONE : NR_DROP_MALFORMED;
}

/* Labels until the bottom of the stack (RFC 3032); then IP, or a pseudo-wire control word (RFC 4385) and
 * Ethernet. */
static enum nr_drop strip_mpls(struct nr_cursor *c, bool *ret_ethernet)
{
	uint32_t entry = 0;
	for (unsigned depth = 0; !(entry & 0x100); depth++) {
		if (depth == NR_LINK_TAGS_MAX)
			return NR_DROP_MALFORMED;
		entry = nr_cursor_u32(c);
		if (c->failed)
			return NR_DROP_TRUNCATED;
	}
	if (nr_cursor_left(c) > 0 && *c->at >> 4 == 0) {
		nr_cursor_skip(c, 4);
		*ret_ethernet = true;
		return ended(c, NR_DROP_NONE);
	}
	enum nr_drop drop = check_version(c);
	return drop == NR_DROP_MALFORMED ? NR_DROP_NON_IP : drop;
}

/* RFC 2516, then the PPP protocol number. */
static enum nr_drop strip_pppoe(struct nr_cursor *c)
{
	nr_cursor_skip(c, 6);
	uint16_t protocol = nr_cursor_u16(c);
	return ended(c, protocol == 0x0021 || protocol == 0x0057 ? NR_DROP_NONE : NR_DROP_NON_IP);
}

/* IEEE 802.2 after an 802.3 length: only SNAP (RFC 1042) names an EtherType; 0 where there is none. */
static uint16_t snap_ethertype(struct nr_cursor *c)
{
	static const uint8_t snap[6] = {0xaa, 0xaa, 0x03, 0, 0, 0};
	const uint8_t *header = nr_cursor_take(c, 8);
	if (!header || memcmp(header, snap, sizeof snap) != 0)
		return 0;
	uint16_t type = (uint16_t)(header[6] << 8 | header[7]);
	return type >= NR_ETHERTYPE_MINIMUM ? type : 0;
}

enum nr_drop nr_link_strip_ethertype(struct nr_cursor *c, uint16_t type)
{
	for (unsigned depth = 0; depth <= NR_LINK_TAGS_MAX; depth++) {
		bool ethernet = false;
		enum nr_drop drop;
		switch (type) {
		case NR_ETHERTYPE_IPV4:
		case NR_ETHERTYPE_IPV6:
			return NR_DROP_NONE;
		case NR_ETHERTYPE_VLAN:
		case NR_ETHERTYPE_QINQ:
		case NR_ETHERTYPE_QINQ_9100:
		case NR_ETHERTYPE_QINQ_9200:
		case NR_ETHERTYPE_QINQ_9300:
			nr_cursor_skip(c, 2);
			break;
		case NR_ETHERTYPE_MPLS:
		case NR_ETHERTYPE_MPLS_UPSTREAM:
			drop = strip_mpls(c, &ethernet);
			if (drop != NR_DROP_NONE || !ethernet)
				return drop;
			nr_cursor_skip(c, NR_ETHERNET_HEADER - 2);
			break;
		case NR_ETHERTYPE_TRANSPARENT_ETHERNET:
			nr_cursor_skip(c, NR_ETHERNET_HEADER - 2);
			break;
		case NR_ETHERTYPE_PPPOE_SESSION:
			return strip_pppoe(c);
		default:
			if (type >= NR_ETHERTYPE_MINIMUM)
				return NR_DROP_NON_IP;
			type = snap_ethertype(c);
			if (type == 0)
				return NR_DROP_NON_IP; /* LLC: spanning tree, IPX ... however short it is */
			continue;
		}
		type = nr_cursor_u16(c);
		if (c->failed)
			return NR_DROP_TRUNCATED;
	}
	return NR_DROP_MALFORMED;
}

enum nr_drop nr_link_strip_ethernet(struct nr_cursor *c)
{
	nr_cursor_skip(c, NR_ETHERNET_HEADER - 2);
	uint16_t type = nr_cursor_u16(c);
	return c->failed ? NR_DROP_TRUNCATED : nr_link_strip_ethertype(c, type);
}

/* Linux cooked capture; version 1 has the protocol at the end of 16 bytes, version 2 at the start of 20. */
static enum nr_drop strip_cooked(struct nr_cursor *c, size_t before, size_t after)
{
	nr_cursor_skip(c, before);
	uint16_t protocol = nr_cursor_u16(c);
	nr_cursor_skip(c, after);
	if (c->failed)
		return NR_DROP_TRUNCATED;
	/* Below 0x0600 these are Linux' own ETH_P_ numbers, not lengths. */
	return protocol < NR_ETHERTYPE_MINIMUM ? NR_DROP_NON_IP : nr_link_strip_ethertype(c, protocol);
}

/* BSD loopback: the address family in the byte order of the writer (NULL) or big-endian (LOOP); both are
 * accepted. */
static enum nr_drop strip_loopback(struct nr_cursor *c)
{
	uint32_t family = nr_cursor_u32(c);
	if (c->failed)
		return NR_DROP_TRUNCATED;
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:  /* AF_INET everywhere */
	case 10: /* AF_INET6: Linux */
	case 24: /* NetBSD, OpenBSD, BSD/OS */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return NR_DROP_NONE;
	default:
		return NR_DROP_NON_IP;
	}
}

enum nr_drop nr_link_strip(struct nr_cursor *c, uint16_t link)
{
	switch (link) {
	case NR_LINK_ETHERNET:
		return nr_link_strip_ethernet(c);
	case NR_LINK_NULL:
	case NR_LINK_LOOP:
		return strip_loopback(c);
	case NR_LINK_RAW_BSD:
	case NR_LINK_RAW_OPENBSD:
	case NR_LINK_RAW:
	case NR_LINK_IPV4:
	case NR_LINK_IPV6:
		return check_version(c);
	case NR_LINK_SLL:
		return strip_cooked(c, 14, 0);
	case NR_LINK_SLL2:
		return strip_cooked(c, 0, 18);
	case NR_LINK_NONE:
		return NR_DROP_METADATA;
	default:
		return NR_DROP_LINK_TYPE;
	}
}
