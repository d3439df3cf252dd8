/* SPDX-License-Identifier: Apache-2.0 */
/* Layout 1 (nfdump 1.6): a common record, and extensions one behind the other as the map says which the
 * record names. */
#include "wire/nfdump.h"
#include "wire/nfdump_inside.h"

enum {
	FLAG_IPV6 = 1,
	FLAG_PACKETS_64 = 2,
	FLAG_BYTES_64 = 4,
	FLAG_SAMPLED = 128,
};

/* Numbers of extensions (nfdump 1.6's), with their bytes. */
enum {
	INTERFACES_2 = 4,
	INTERFACES_4 = 5,
	AS_2 = 6,
	AS_4 = 7,
	MULTIPLE = 8,
	NEXT_HOP_IPV4 = 9,
	NEXT_HOP_IPV6 = 10,
	VLAN = 13,
	OUT_PACKETS_4 = 14,
	OUT_PACKETS_8 = 15,
	OUT_BYTES_4 = 16,
	OUT_BYTES_8 = 17,
	MAC_1 = 20,
	MAC_2 = 21,
	MPLS = 22,
	ROUTER_IPV4 = 23,
	ROUTER_IPV6 = 24,
	ROUTER_ID = 25,
	RECEIVED = 27,
	NSEL = 37,
	POST_PORTS = 38,
	POST_IPV4 = 39,
	POST_IPV6 = 40,
	NEL = 46,
	PORT_BLOCK = 48,
};
static const uint8_t sizes[49] = {[INTERFACES_2] = 4,
	[INTERFACES_4] = 8,
	[AS_2] = 4,
	[AS_4] = 8,
	[MULTIPLE] = 4,
	[NEXT_HOP_IPV4] = 4,
	[NEXT_HOP_IPV6] = 16,
	[11] = 4, /* BGP's next hop */
	[12] = 16,
	[VLAN] = 4,
	[OUT_PACKETS_4] = 4,
	[OUT_PACKETS_8] = 8,
	[OUT_BYTES_4] = 4,
	[OUT_BYTES_8] = 8,
	[18] = 4, /* how many flows were aggregated */
	[19] = 8,
	[MAC_1] = 16,
	[MAC_2] = 16,
	[MPLS] = 40,
	[ROUTER_IPV4] = 4,
	[ROUTER_IPV6] = 16,
	[ROUTER_ID] = 4,
	[26] = 8, /* adjacent AS */
	[RECEIVED] = 8,
	[NSEL] = 20,
	[POST_PORTS] = 4,
	[POST_IPV4] = 8,
	[POST_IPV6] = 32,
	[41] = 24, /* ACLs */
	[42] = 24, /* user */
	[43] = 72,
	[45] = 24, /* latency */
	[NEL] = 12,
	[47] = 8,
	[PORT_BLOCK] = 8};

bool nr_nfdump_parse_map(const struct nr_nfdump_record *record, struct nr_nfdump_map *ret_map)
{
	struct nr_cursor c = record->body;
	struct nr_nfdump_map map = {.id = nr_cursor_u16_le(&c)};
	nr_cursor_skip(&c, 2); /* bytes of all extensions */
	while (!c.failed && nr_cursor_left(&c) >= 2) {
		uint16_t extension = nr_cursor_u16_le(&c);
		if (!extension)
			break;
		if (map.count == NR_NFDUMP_EXTENSIONS)
			return false;
		map.extensions[map.count++] = extension;
	}
	if (!c.failed)
		*ret_map = map;
	return !c.failed;
}

bool nr_nfdump_flow_map(const struct nr_nfdump_record *record, uint16_t *ret_map)
{
	struct nr_cursor c = record->body;
	nr_cursor_skip(&c, 2);
	uint16_t map = nr_cursor_u16_le(&c);
	if (!c.failed)
		*ret_map = map;
	return !c.failed;
}

static void read_numbers(uint16_t extension, struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	switch (extension) {
	case INTERFACES_2:
		flow->input = nr_cursor_u16_le(c);
		flow->output = nr_cursor_u16_le(c);
		break;
	case INTERFACES_4:
		flow->input = nr_cursor_u32_le(c);
		flow->output = nr_cursor_u32_le(c);
		break;
	case AS_2:
		flow->source_as = nr_cursor_u16_le(c);
		flow->destination_as = nr_cursor_u16_le(c);
		break;
	case AS_4:
		flow->source_as = nr_cursor_u32_le(c);
		flow->destination_as = nr_cursor_u32_le(c);
		break;
	case MULTIPLE:
		nr_cursor_skip(c, 1); /* TOS of the other direction */
		flow->direction = nr_cursor_u8(c);
		flow->source_mask = nr_cursor_u8(c);
		flow->destination_mask = nr_cursor_u8(c);
		break;
	case VLAN:
		flow->vlan = nr_cursor_u16_le(c);
		flow->post_vlan = nr_cursor_u16_le(c);
		break;
	case OUT_PACKETS_4:
		flow->out_packets = nr_cursor_u32_le(c);
		break;
	case OUT_PACKETS_8:
		flow->out_packets = nr_cursor_u64_le(c);
		break;
	case OUT_BYTES_4:
		flow->out_bytes = nr_cursor_u32_le(c);
		break;
	case OUT_BYTES_8:
		flow->out_bytes = nr_cursor_u64_le(c);
		break;
	case RECEIVED:
		flow->received_ms = nr_cursor_u64_le(c);
		break;
	case ROUTER_ID:
		nr_cursor_skip(c, 2);
		flow->engine_type = nr_cursor_u8(c);
		flow->engine_id = nr_cursor_u8(c);
		break;
	case MPLS:
		flow->mpls = nr_cursor_u32_le(c) >> 4;
		break;
	default:
		break;
	}
}

static void read_mac2(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	uint64_t in_destination = nr_cursor_u64_le(c), out_source = nr_cursor_u64_le(c);
	flow->destination_mac = in_destination ? in_destination : flow->destination_mac;
	flow->source_mac = flow->source_mac ? flow->source_mac : out_source;
}

static void read_addresses(uint16_t extension, struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	switch (extension) {
	case NEXT_HOP_IPV4:
		flow->next_hop = nr_nfdump_read4(c);
		break;
	case NEXT_HOP_IPV6:
		flow->next_hop = nr_nfdump_read6(c);
		break;
	case ROUTER_IPV4:
		flow->router = nr_nfdump_read4(c);
		break;
	case ROUTER_IPV6:
		flow->router = nr_nfdump_read6(c);
		break;
	case POST_IPV4:
		flow->post_source = nr_nfdump_read4(c);
		flow->post_destination = nr_nfdump_read4(c);
		break;
	case POST_IPV6:
		flow->post_source = nr_nfdump_read6(c);
		flow->post_destination = nr_nfdump_read6(c);
		break;
	case MAC_1:
		nr_nfdump_read_macs(c, flow);
		break;
	case MAC_2:
		read_mac2(c, flow);
		break;
	default:
		break;
	}
}

static void read_events(uint16_t extension, struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	switch (extension) {
	case NSEL:
		flow->event_ms = nr_cursor_u64_le(c);
		flow->connection = nr_cursor_u32_le(c);
		uint16_t icmp = nr_cursor_u16_le(c);
		if (icmp && (flow->protocol == 1 || flow->protocol == 58))
			flow->destination_port = icmp;
		flow->firewall_event = nr_cursor_u8(c);
		break;
	case POST_PORTS:
		flow->post_source_port = nr_cursor_u16_le(c);
		flow->post_destination_port = nr_cursor_u16_le(c);
		break;
	case NEL:
		flow->nat_event = nr_cursor_u8(c);
		nr_cursor_skip(c, 3);
		flow->output_vrf = nr_cursor_u32_le(c);
		flow->input_vrf = nr_cursor_u32_le(c);
		break;
	case PORT_BLOCK:
		flow->block_begin = nr_cursor_u16_le(c);
		flow->block_end = nr_cursor_u16_le(c);
		break;
	default:
		break;
	}
}

static void read_common(struct nr_cursor *c, bool old, uint16_t flags, struct nr_nfdump_flow *flow)
{
	uint16_t first_ms = nr_cursor_u16_le(c), last_ms = nr_cursor_u16_le(c);
	flow->first_ms = (uint64_t)nr_cursor_u32_le(c) * 1000 + first_ms;
	flow->last_ms = (uint64_t)nr_cursor_u32_le(c) * 1000 + last_ms;
	flow->forwarding = nr_cursor_u8(c);
	flow->tcp_flags = nr_cursor_u8(c);
	flow->protocol = nr_cursor_u8(c);
	flow->tos = nr_cursor_u8(c);
	flow->source_port = nr_cursor_u16_le(c);
	flow->destination_port = nr_cursor_u16_le(c);
	if (!old) {
		flow->exporter = nr_cursor_u16_le(c);
		nr_cursor_skip(c, 1); /* RFC 5103's direction */
		flow->end_reason = nr_cursor_u8(c);
	}
	bool ipv6 = flags & FLAG_IPV6;
	flow->source = ipv6 ? nr_nfdump_read6(c) : nr_nfdump_read4(c);
	flow->destination = ipv6 ? nr_nfdump_read6(c) : nr_nfdump_read4(c);
	flow->packets = flags & FLAG_PACKETS_64 ? nr_cursor_u64_le(c) : nr_cursor_u32_le(c);
	flow->bytes = flags & FLAG_BYTES_64 ? nr_cursor_u64_le(c) : nr_cursor_u32_le(c);
}

bool nr_nfdump_parse_mapped(const struct nr_nfdump_record *record, const struct nr_nfdump_map *map,
	struct nr_nfdump_flow *ret_flow)
{
	bool old = record->type == NR_NFDUMP_FLOW_OLD;
	struct nr_cursor c = record->body;
	struct nr_nfdump_flow flow = {0};
	uint16_t flags = nr_cursor_u16_le(&c);
	if (old)
		flow.exporter = flags >> 8;
	flow.sampled = flags & FLAG_SAMPLED;
	nr_cursor_skip(&c, 2); /* the map */
	read_common(&c, old, flags, &flow);
	for (unsigned i = 0; i < map->count && !c.failed; i++) {
		uint16_t extension = map->extensions[i];
		if (extension < 4) /* addresses and counters: they stand in every record */
			continue;
		if (extension >= sizeof sizes || !sizes[extension])
			break; /* nobody knows where the next one begins */
		const uint8_t *body = nr_cursor_take(&c, sizes[extension]);
		if (!body)
			return false;
		struct nr_cursor one = nr_cursor_over(body, sizes[extension]);
		read_numbers(extension, &one, &flow);
		read_addresses(extension, &one, &flow);
		read_events(extension, &one, &flow);
	}
	if (!c.failed)
		*ret_flow = flow;
	return !c.failed;
}
