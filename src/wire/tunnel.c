/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tunnel.h"
#include "wire/link.h"
#include "wire/transport.h"

#define PROTOCOL_GRE         47
#define GRE_CHECKSUM         0x8000
#define GRE_KEY              0x2000
#define GRE_SEQUENCE         0x1000
#define GRE_NOT_PLAIN        0x4007 /* source routes (RFC 1701) or another version (PPTP): not a mirror */
#define VXLAN_PORT           4789
#define VXLAN_PORT_LINUX     8472 /* Linux before the port was assigned */
#define VXLAN_HEADER         8
#define VXLAN_FLAG_I         0x08
#define ERSPAN_II_HEADER     8
#define ERSPAN_III_HEADER    12
#define ERSPAN_III_SUBHEADER 8
#define ERSPAN_III_FLAG_O    0x01 /* last byte of the header: a platform subheader follows */

/* draft-foschiano-erspan: type I is bare Ethernet, type II has a sequence number and a header, type III
 * another. */
static enum nr_drop strip_erspan(struct nr_cursor *c, uint16_t type, bool sequence)
{
	if (type == NR_ETHERTYPE_ERSPAN_III) {
		const uint8_t *header = nr_cursor_take(c, ERSPAN_III_HEADER);
		if (header && header[ERSPAN_III_HEADER - 1] & ERSPAN_III_FLAG_O)
			nr_cursor_skip(c, ERSPAN_III_SUBHEADER);
	} else if (sequence) {
		nr_cursor_skip(c, ERSPAN_II_HEADER);
	}
	return nr_link_strip_ethernet(c);
}

static bool enter_gre(struct nr_cursor *c, enum nr_drop *ret_drop)
{
	uint16_t flags = nr_cursor_u16(c);
	uint16_t type = nr_cursor_u16(c);
	if (!c->failed && flags & GRE_NOT_PLAIN)
		return false;
	nr_cursor_skip(c, flags & GRE_CHECKSUM ? 4 : 0);
	nr_cursor_skip(c, flags & GRE_KEY ? 4 : 0);
	nr_cursor_skip(c, flags & GRE_SEQUENCE ? 4 : 0);
	if (c->failed)
		*ret_drop = NR_DROP_TRUNCATED;
	else if (type == NR_ETHERTYPE_ERSPAN_II || type == NR_ETHERTYPE_ERSPAN_III)
		*ret_drop = strip_erspan(c, type, flags & GRE_SEQUENCE);
	else if (type < NR_ETHERTYPE_MINIMUM)
		*ret_drop = NR_DROP_NON_IP;
	else
		*ret_drop = nr_link_strip_ethertype(c, type);
	return true;
}

static bool enter_vxlan(const struct nr_packet *packet, struct nr_cursor *c, enum nr_drop *ret_drop)
{
	uint16_t port = packet->destination_port;
	if (!(packet->marks & NR_MARK_PORTS) || (port != VXLAN_PORT && port != VXLAN_PORT_LINUX))
		return false;
	nr_cursor_skip(c, NR_UDP_HEADER);
	const uint8_t *header = nr_cursor_take(c, VXLAN_HEADER);
	if (header && !(header[0] & VXLAN_FLAG_I))
		return false;
	*ret_drop = nr_link_strip_ethernet(c);
	return true;
}

bool nr_tunnel_enter(const struct nr_packet *packet, const struct nr_transport *t,
	struct nr_cursor *ret_inner, enum nr_drop *ret_drop)
{
	if (packet->marks & NR_MARK_FRAGMENT_LATER)
		return false;
	*ret_inner = nr_cursor_over(t->bytes, nr_transport_usable(t));
	if (packet->protocol == PROTOCOL_GRE)
		return enter_gre(ret_inner, ret_drop);
	if (packet->protocol == NR_UDP)
		return enter_vxlan(packet, ret_inner, ret_drop);
	return false;
}
