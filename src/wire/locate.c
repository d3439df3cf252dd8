/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/locate.h"
#include "base/prefix_table.h"
#include "wire/link.h"
#include "wire/transport.h"
#include "wire/tunnel.h"

#define TUNNELS_MAX 2 /* mirrors of mirrors; more is NR_DROP_MALFORMED */

static bool is_tunnel_end(const struct nr_prefix_table *tunnel_ends, const struct nr_address *address)
{
	return tunnel_ends && nr_prefix_table_find(tunnel_ends, address) != NR_PREFIX_NONE;
}

/* From the outer IP header at the cursor to the packet that counts: itself, or the one that our mirror sent.
 */
static enum nr_drop locate_ip(
	struct nr_cursor *c, const struct nr_prefix_table *tunnel_ends, struct nr_located *ret)
{
	const struct nr_packet fresh = ret->packet;
	for (unsigned depth = 0;; depth++) {
		ret->packet = fresh;
		ret->ip = c->at;
		ret->captured = nr_cursor_left(c);
		enum nr_drop drop = nr_ip_parse(c, &ret->packet, &ret->transport);
		if (drop != NR_DROP_NONE)
			return drop;
		nr_transport_parse(&ret->transport, &ret->packet);
		if (!is_tunnel_end(tunnel_ends, &ret->packet.destination) ||
			!nr_tunnel_enter(&ret->packet, &ret->transport, c, &drop))
			return NR_DROP_NONE;
		if (drop != NR_DROP_NONE)
			return drop;
		if (depth == TUNNELS_MAX)
			return NR_DROP_MALFORMED;
	}
}

enum nr_drop nr_packet_locate(
	const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends, struct nr_located *ret)
{
	struct nr_cursor c = nr_cursor_over(frame->data, frame->captured);
	ret->packet = (struct nr_packet){.time = frame->time, .wire = frame->wire};
	if (frame->time == NR_TIME_MIN)
		ret->packet.marks = NR_MARK_TIMELESS;
	enum nr_drop drop = nr_link_strip(&c, frame->link);
	return drop != NR_DROP_NONE ? drop : locate_ip(&c, tunnel_ends, ret);
}
