/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) headers. Pure, bounded; for wire/ and for whoever rewrites packets.
 */
#ifndef NR_WIRE_IP_H
#define NR_WIRE_IP_H

#include "wire/cursor.h"
#include "wire/packet.h"

#define NR_IPV4_HEADER         20
#define NR_IPV6_HEADER         40
#define NR_IPV6_EXTENSIONS_MAX 8 /* extension headers; more is NR_DROP_MALFORMED */

/* What follows the IP headers. */
struct nr_transport {
	const uint8_t *bytes;
	size_t captured; /* bytes there, link padding included */
	size_t length; /* bytes that belong to the packet by its IP length; may be more than were captured */
	size_t ip_length;        /* IPv4 total length, the captured length where it says 0; 0 for IPv6 */
	const uint8_t *fragment; /* IPv6: the fragment header; NULL: none */
};

NR_INLINE uint16_t nr_u16_at(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap16(v);
}

NR_INLINE uint32_t nr_u32_at(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

/* Four bytes in network order as they stand in the header. */
NR_INLINE struct nr_address nr_ip_address4(const uint8_t *bytes)
{
	struct nr_address a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
	memcpy(a.octets + 12, bytes, 4);
	return a;
}

/* Bytes of the transport that were captured and belong to the packet. */
NR_INLINE size_t nr_transport_usable(const struct nr_transport *t)
{
	return NR_MIN(t->captured, t->length);
}

/* Is this an IPv6 extension header and no transport (IANA registry of IPv6 extension header types)? */
bool nr_ipv6_is_extension(uint8_t next);

/*
 * Reads the header at the cursor, version by its first nibble, and IPv6's extension headers. Sets addresses,
 * id, protocol, ttl, kind and adds marks in *packet. On a drop *packet is half written and *ret is untouched.
 */
enum nr_drop nr_ip_parse(struct nr_cursor *c, struct nr_packet *packet, struct nr_transport *ret);

#endif
