/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/packet.h"
#include "wire/link.h"
#include "wire/transport.h"
#include "wire/tunnel.h"

#define NESTING           8 /* packets in packets */
#define PPP_FRAMING       0xff03
#define PPP_IPV4          0x0021
#define PPP_IPV6          0x0057
#define PPP_MPLS          0x0281
#define PROTOCOL_IPV4     4 /* in IP (RFC 2003) */
#define PROTOCOL_IPV6     41
#define PROTOCOL_ETHERNET 143
#define GTP_PORT          2152
#define GTP_HEADER        8
#define GTP_VERSION_1     0x30 /* with the bit that says GTP, not GTP' */
#define GTP_DATA          255  /* message type: a packet of a user */
#define GTP_MORE          0x07 /* any of the flags that four more octets follow */

#define CELL(type, COLUMN) (&((type *)nr_flow_column_at(block, NR_FLOW_##COLUMN))[row])
#define FILL(type, COLUMN, value)                                                                            \
	do {                                                                                                 \
		type *to = CELL(type, COLUMN);                                                               \
		if (*to == 0)                                                                                \
			*to = (type)(value);                                                                 \
	} while (0)

static uint64_t mac_at(const uint8_t *bytes)
{
	return (uint64_t)nr_u16_at(bytes) << 32 | nr_u32_at(bytes + 2);
}

static void fill_ethernet(struct nr_flow_block *block, uint32_t row, const uint8_t *bytes, size_t length)
{
	if (length < NR_ETHERNET_HEADER)
		return;
	FILL(uint64_t, DESTINATION_MAC, mac_at(bytes));
	FILL(uint64_t, SOURCE_MAC, mac_at(bytes + 6));
	switch (length < NR_ETHERNET_HEADER + 2 ? 0 : nr_u16_at(bytes + 12)) {
	case NR_ETHERTYPE_VLAN:
	case NR_ETHERTYPE_QINQ:
	case NR_ETHERTYPE_QINQ_9100:
	case NR_ETHERTYPE_QINQ_9200:
	case NR_ETHERTYPE_QINQ_9300:
		FILL(uint16_t, VLAN, nr_u16_at(bytes + 14) & 0xfff);
		break;
	default:
		break;
	}
}

static enum nr_drop strip_ppp(struct nr_cursor *c)
{
	uint16_t protocol = nr_cursor_u16(c);
	if (protocol == PPP_FRAMING)
		protocol = nr_cursor_u16(c);
	switch (c->failed ? 0 : protocol) {
	case PPP_IPV4:
		return nr_link_strip_ethertype(c, NR_ETHERTYPE_IPV4);
	case PPP_IPV6:
		return nr_link_strip_ethertype(c, NR_ETHERTYPE_IPV6);
	case PPP_MPLS:
		return nr_link_strip_ethertype(c, NR_ETHERTYPE_MPLS);
	default:
		return NR_DROP_NON_IP;
	}
}

static enum nr_drop strip(struct nr_cursor *c, uint32_t frame)
{
	switch (frame) {
	case NR_FLOW_FRAME_ETHERNET:
		return nr_link_strip_ethernet(c);
	case NR_FLOW_FRAME_PPP:
		return strip_ppp(c);
	case NR_FLOW_FRAME_IPV4:
	case NR_FLOW_FRAME_IPV6:
		return NR_DROP_NONE;
	case NR_FLOW_FRAME_MPLS:
		return nr_link_strip_ethertype(c, NR_ETHERTYPE_MPLS);
	default:
		return NR_DROP_LINK_TYPE;
	}
}

/* An IP header with what follows it. */
struct layer {
	const uint8_t *header;
	struct nr_packet packet;
	struct nr_transport transport;
};

static bool read_layer(struct nr_cursor *c, struct layer *ret)
{
	*ret = (struct layer){.header = c->at};
	if (nr_ip_parse(c, &ret->packet, &ret->transport) != NR_DROP_NONE)
		return false;
	nr_transport_parse(&ret->transport, &ret->packet);
	return true;
}

static bool enter_gtp(const struct layer *layer, struct nr_cursor *ret_inner)
{
	if (layer->packet.protocol != NR_UDP || layer->packet.destination_port != GTP_PORT)
		return false;
	struct nr_cursor c = nr_cursor_over(layer->transport.bytes, nr_transport_usable(&layer->transport));
	nr_cursor_skip(&c, NR_UDP_HEADER);
	const uint8_t *header = nr_cursor_take(&c, GTP_HEADER);
	if (!header || (header[0] & 0xf0) != GTP_VERSION_1 || header[1] != GTP_DATA)
		return false;
	uint8_t next = 0;
	if (header[0] & GTP_MORE) {
		nr_cursor_skip(&c, 3);
		next = nr_cursor_u8(&c);
	}
	while (next && !c.failed) { /* each extension takes 4 octets at least */
		size_t units = nr_cursor_u8(&c);
		if (units == 0)
			return false;
		nr_cursor_skip(&c, units * 4 - 2);
		next = nr_cursor_u8(&c);
	}
	*ret_inner = c;
	return !c.failed;
}

/* Is there a packet in this one? */
static bool enter(const struct layer *layer, struct nr_cursor *ret_inner)
{
	enum nr_drop drop = NR_DROP_NONE;
	if (layer->packet.marks & NR_MARK_FRAGMENT_LATER)
		return false;
	*ret_inner = nr_cursor_over(layer->transport.bytes, nr_transport_usable(&layer->transport));
	switch (layer->packet.protocol) {
	case PROTOCOL_IPV4:
	case PROTOCOL_IPV6:
		return true;
	case PROTOCOL_ETHERNET:
		return nr_link_strip_ethernet(ret_inner) == NR_DROP_NONE;
	default:
		break;
	}
	if (nr_tunnel_enter(&layer->packet, &layer->transport, ret_inner, &drop))
		return drop == NR_DROP_NONE;
	return enter_gtp(layer, ret_inner);
}

static void fill_address(
	struct nr_flow_block *block, uint32_t row, unsigned low_column, const struct nr_address *address)
{
	uint64_t *high = &((uint64_t *)nr_flow_column_at(block, low_column - 1))[row];
	uint64_t *low = &((uint64_t *)nr_flow_column_at(block, low_column))[row];
	if (*high == 0 && (*low & UINT32_MAX) == 0)
		nr_flow_address_split(address, high, low);
}

static void fill_ip(struct nr_flow_block *block, uint32_t row, const struct layer *layer)
{
	const uint8_t *header = layer->header;
	fill_address(block, row, NR_FLOW_SOURCE_LOW, &layer->packet.source);
	fill_address(block, row, NR_FLOW_DESTINATION_LOW, &layer->packet.destination);
	FILL(uint8_t, PROTOCOL, layer->packet.protocol);
	FILL(uint8_t, TTL, layer->packet.ttl);
	if (layer->packet.kind == NR_PACKET_IPV4) {
		FILL(uint8_t, TOS, header[1]);
		FILL(uint64_t, BYTES, nr_u16_at(header + 2));
		return;
	}
	FILL(uint8_t, TOS, nr_u16_at(header) >> 4 & 0xff);
	FILL(uint32_t, FLOW_LABEL, nr_u32_at(header) & 0xfffff);
	FILL(uint64_t, BYTES, NR_IPV6_HEADER + (uint64_t)nr_u16_at(header + 4));
}

static void fill_transport(struct nr_flow_block *block, uint32_t row, const struct nr_packet *packet)
{
	bool icmp = packet->protocol == NR_ICMP || packet->protocol == NR_ICMPV6;
	if (packet->marks & NR_MARK_PORTS && icmp) {
		FILL(uint16_t, DESTINATION_PORT, packet->source_port << 8 | packet->destination_port);
	} else if (packet->marks & NR_MARK_PORTS) {
		FILL(uint16_t, SOURCE_PORT, packet->source_port);
		FILL(uint16_t, DESTINATION_PORT, packet->destination_port);
	}
	if (packet->marks & NR_MARK_FLAGS)
		FILL(uint16_t, TCP_FLAGS, packet->flags);
}

bool nr_flow_packet_fill(struct nr_flow_block *block, uint32_t row, uint32_t frame, const uint8_t *bytes,
	size_t length, bool inner)
{
	struct nr_cursor c = nr_cursor_over(bytes, length), within;
	struct layer layer, next;
	FILL(uint64_t, PACKETS, 1);
	if (frame == NR_FLOW_FRAME_ETHERNET)
		fill_ethernet(block, row, bytes, length);
	if (strip(&c, frame) != NR_DROP_NONE || !read_layer(&c, &layer))
		return false;
	for (unsigned depth = 1;
		inner && depth < NESTING && enter(&layer, &within) && read_layer(&within, &next); depth++)
		layer = next;
	fill_ip(block, row, &layer);
	fill_transport(block, row, &layer.packet);
	return true;
}
