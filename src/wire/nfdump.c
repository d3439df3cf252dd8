/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of both layouts, and V3 records. */
#include "wire/nfdump.h"
#include "wire/nfdump_inside.h"

#include <errno.h>

/* ---- file and blocks ---- */

enum {
	LAYOUT1_LZO = 0x1,
	LAYOUT1_BZIP2 = 0x8,
	LAYOUT1_LZ4 = 0x10,
	BLOCK_PLAIN = 0x1, /* layout 2: this block is not packed, whatever the file is */
	BLOCK_TYPE_ARRAY = 4,
};

bool nr_nfdump_is(const uint8_t *bytes, size_t length)
{
	return length >= 4 && ((bytes[0] == 0x0c && bytes[1] == 0xa5 && !bytes[3]) ||
				      (bytes[0] == 0xa5 && bytes[1] == 0x0c && !bytes[2]));
}

static int parse_layout1(struct nr_cursor *c, struct nr_nfdump_header *header, struct nr_error *error)
{
	uint32_t flags = nr_cursor_u32_le(c);
	header->blocks = nr_cursor_u32_le(c);
	header->length = NR_NFDUMP_HEADER_MAX;
	header->compression = flags & LAYOUT1_LZO     ? NR_NFDUMP_LZO
			      : flags & LAYOUT1_BZIP2 ? NR_NFDUMP_BZIP2
			      : flags & LAYOUT1_LZ4   ? NR_NFDUMP_LZ4
						      : NR_NFDUMP_PLAIN;
	nr_cursor_skip(c, NR_NFDUMP_HEADER_MAX - 12);
	return c->failed ? nr_fail(error, -EBADMSG, "ends inside its header; was it copied completely?") : 0;
}

static int parse_layout2(struct nr_cursor *c, struct nr_nfdump_header *header, struct nr_error *error)
{
	nr_cursor_skip(c, 4 + 8); /* version of nfdump, created */
	uint8_t compression = nr_cursor_u8(c), encryption = nr_cursor_u8(c);
	header->appendix = nr_cursor_u16_le(c);
	nr_cursor_skip(c, 4 + 8 + 4); /* creator, place of the appendix, size of blocks */
	header->blocks = nr_cursor_u32_le(c);
	header->length = NR_NFDUMP_HEADER;
	header->compression = compression;
	if (c->failed)
		return nr_fail(error, -EBADMSG, "ends inside its header; was it copied completely?");
	if (encryption)
		return nr_fail(error, -ENOTSUP, "is encrypted; decrypt it with what wrote it");
	if (compression > NR_NFDUMP_ZSTD)
		return nr_fail(error, -ENOTSUP,
			"compression %u is not known; rewrite it: nfdump -z -r ... -w ...", compression);
	return 0;
}

int nr_nfdump_parse_header(
	const uint8_t *bytes, size_t length, struct nr_nfdump_header *ret_header, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_nfdump_header header = {0};
	uint16_t magic = nr_cursor_u16_le(&c);
	header.layout = nr_cursor_u16_le(&c);
	if (magic == 0x0ca5)
		return nr_fail(error, -ENOTSUP,
			"was written on a big-endian machine; export it there: nfdump -o csv, or as IPFIX");
	if (magic != 0xa50c)
		return nr_fail(error, -EBADMSG, "is no file of nfdump");
	int e = 0;
	if (header.layout == 1)
		e = parse_layout1(&c, &header, error);
	else if (header.layout == 2)
		e = parse_layout2(&c, &header, error);
	else
		e = nr_fail(error, -ENOTSUP,
			"layout %u of nfdump is not known; 1 (nfdump 1.6) and 2 (1.7) are", header.layout);
	if (!e)
		*ret_header = header;
	return e;
}

int nr_nfdump_parse_block(const struct nr_nfdump_header *header,
	const uint8_t bytes[static NR_NFDUMP_BLOCK_HEADER], struct nr_nfdump_block *ret_block,
	struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, NR_NFDUMP_BLOCK_HEADER);
	struct nr_nfdump_block block = {.records = nr_cursor_u32_le(&c), .size = nr_cursor_u32_le(&c)};
	uint16_t type = nr_cursor_u16_le(&c), flags = nr_cursor_u16_le(&c);
	if (!block.size || block.size > NR_NFDUMP_BLOCK_MAX)
		return nr_fail(
			error, -EBADMSG, "a block of %u bytes (%u at most)", block.size, NR_NFDUMP_BLOCK_MAX);
	block.array = type == BLOCK_TYPE_ARRAY;
	block.packed =
		header->compression != NR_NFDUMP_PLAIN && !(header->layout == 2 && flags & BLOCK_PLAIN);
	*ret_block = block;
	return 0;
}

bool nr_nfdump_next_record(struct nr_cursor *cursor, struct nr_nfdump_record *ret_record)
{
	if (cursor->failed || !nr_cursor_left(cursor))
		return false;
	uint16_t type = nr_cursor_u16_le(cursor), size = nr_cursor_u16_le(cursor);
	if (size < 4)
		cursor->failed = true;
	const uint8_t *body = nr_cursor_take(cursor, (size_t)size - 4);
	if (cursor->failed)
		return false;
	*ret_record = (struct nr_nfdump_record){type, nr_cursor_over(body, (size_t)size - 4)};
	return true;
}

/* ---- exporters and samplers ---- */

bool nr_nfdump_parse_exporter(const struct nr_nfdump_record *record, struct nr_nfdump_exporter *ret_exporter)
{
	enum { FAMILY_IPV4 = 2 }; /* AF_INET, everywhere */
	struct nr_cursor c = record->body;
	struct nr_nfdump_exporter exporter = {.version = nr_cursor_u32_le(&c)};
	uint64_t high = nr_cursor_u64_le(&c), low = nr_cursor_u64_le(&c);
	uint16_t family = nr_cursor_u16_le(&c);
	exporter.number = nr_cursor_u16_le(&c);
	exporter.domain = nr_cursor_u32_le(&c);
	if (high || low) /* all zero: nobody knows */
		exporter.address = family == FAMILY_IPV4 ? nr_address_from_ipv4((uint32_t)low)
							 : nr_nfdump_ipv6(high, low);
	if (!c.failed)
		*ret_exporter = exporter;
	return !c.failed;
}

bool nr_nfdump_parse_sampler(const struct nr_nfdump_record *record, struct nr_nfdump_sampler *ret_sampler)
{
	struct nr_cursor c = record->body;
	struct nr_nfdump_sampler sampler = {0};
	if (record->type == NR_NFDUMP_SAMPLER_OLD) {
		sampler.id = (int32_t)nr_cursor_u32_le(&c);
		sampler.rate = (float)nr_cursor_u32_le(&c);
		nr_cursor_skip(&c, 2); /* algorithm */
		sampler.exporter = nr_cursor_u16_le(&c);
	} else {
		sampler.exporter = nr_cursor_u16_le(&c);
		nr_cursor_skip(&c, 2);
		sampler.id = (int64_t)nr_cursor_u64_le(&c);
		uint32_t taken = nr_cursor_u32_le(&c), passed = nr_cursor_u32_le(&c);
		sampler.rate = taken ? (float)(((double)taken + passed) / taken) : 0;
	}
	if (!c.failed)
		*ret_sampler = sampler;
	return !c.failed;
}

/* ---- V3 records ---- */

static void read_generic(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	flow->first_ms = nr_cursor_u64_le(c);
	flow->last_ms = nr_cursor_u64_le(c);
	flow->received_ms = nr_cursor_u64_le(c);
	flow->packets = nr_cursor_u64_le(c);
	flow->bytes = nr_cursor_u64_le(c);
	flow->source_port = nr_cursor_u16_le(c);
	flow->destination_port = nr_cursor_u16_le(c);
	flow->protocol = nr_cursor_u8(c);
	flow->tcp_flags = nr_cursor_u8(c);
	flow->forwarding = nr_cursor_u8(c);
	flow->tos = nr_cursor_u8(c);
}

/* A record may have both families: the one that is not used is zero. */
static void read_ipv6(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	static const struct nr_address nowhere;
	struct nr_address source = nr_nfdump_read6(c), destination = nr_nfdump_read6(c);
	if (nr_address_equal(&source, &nowhere) && nr_address_equal(&destination, &nowhere))
		return;
	flow->source = source;
	flow->destination = destination;
}

static void read_misc(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	flow->input = nr_cursor_u32_le(c);
	flow->output = nr_cursor_u32_le(c);
	flow->source_mask = nr_cursor_u8(c);
	flow->destination_mask = nr_cursor_u8(c);
	flow->direction = nr_cursor_u8(c);
	nr_cursor_skip(c, 2); /* the other direction's TOS, RFC 5103's direction */
	flow->end_reason = nr_cursor_u8(c);
	flow->reverse_tcp_flags = nr_cursor_u8(c);
}

static void read_layer2(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	uint16_t vlan = nr_cursor_u16_le(c);
	nr_cursor_skip(c, 2); /* customer VLAN */
	uint16_t post_vlan = nr_cursor_u16_le(c);
	flow->vlan = flow->vlan ? flow->vlan : vlan;
	flow->post_vlan = flow->post_vlan ? flow->post_vlan : post_vlan;
}

void nr_nfdump_read_macs(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	uint64_t in_source = nr_cursor_u64_le(c), out_destination = nr_cursor_u64_le(c);
	flow->source_mac = flow->source_mac ? flow->source_mac : in_source;
	flow->destination_mac = flow->destination_mac ? flow->destination_mac : out_destination;
}

static void read_macs(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	nr_nfdump_read_macs(c, flow);
	uint64_t in_destination = nr_cursor_u64_le(c), out_source = nr_cursor_u64_le(c);
	flow->destination_mac = in_destination ? in_destination : flow->destination_mac;
	flow->source_mac = flow->source_mac ? flow->source_mac : out_source;
}

static void read_nsel(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	flow->event_ms = nr_cursor_u64_le(c);
	flow->connection = nr_cursor_u32_le(c);
	nr_cursor_skip(c, 2); /* the extended event: vendor's codes */
	flow->firewall_event = nr_cursor_u8(c);
}

/* Older files have the VRFs before the pool. */
static void read_nel(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	bool compatible = nr_cursor_left(c) >= 24;
	flow->event_ms = nr_cursor_u64_le(c);
	if (compatible) {
		flow->output_vrf = nr_cursor_u32_le(c);
		flow->input_vrf = nr_cursor_u32_le(c);
	}
	nr_cursor_skip(c, 4); /* pool */
	flow->nat_event = nr_cursor_u8(c);
}

/* IE 95: one byte of engine, the selector behind it. */
static void read_application(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	size_t length = nr_cursor_left(c);
	uint32_t engine = nr_cursor_u8(c), selector = 0;
	while (!c->failed && nr_cursor_left(c))
		selector = selector << 8 | nr_cursor_u8(c);
	if (length >= 2)
		flow->application = engine << 24 | (selector & 0xffffff);
}

static void read_ttl(struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	nr_cursor_skip(c, 2); /* fragment flags */
	uint8_t low = nr_cursor_u8(c), high = nr_cursor_u8(c);
	flow->ttl = low ? low : high;
}

static void read_two_u32(struct nr_cursor *c, uint32_t *first, uint32_t *second)
{
	*first = nr_cursor_u32_le(c);
	*second = nr_cursor_u32_le(c);
}

static void read_two_u16(struct nr_cursor *c, uint16_t *first, uint16_t *second)
{
	*first = nr_cursor_u16_le(c);
	*second = nr_cursor_u16_le(c);
}

static void read_extension(uint16_t type, struct nr_cursor *c, struct nr_nfdump_flow *flow)
{
	switch (type) {
	case NR_NFDUMP_X_GENERIC:
		read_generic(c, flow);
		break;
	case NR_NFDUMP_X_IPV4:
		flow->source = nr_nfdump_read4(c);
		flow->destination = nr_nfdump_read4(c);
		break;
	case NR_NFDUMP_X_IPV6:
		read_ipv6(c, flow);
		break;
	case NR_NFDUMP_X_MISC:
		read_misc(c, flow);
		break;
	case NR_NFDUMP_X_COUNTERS:
		nr_cursor_skip(c, 8); /* how many flows were aggregated */
		flow->out_packets = nr_cursor_u64_le(c);
		flow->out_bytes = nr_cursor_u64_le(c);
		break;
	case NR_NFDUMP_X_VLAN:
		read_two_u32(c, &flow->vlan, &flow->post_vlan);
		break;
	case NR_NFDUMP_X_AS:
		read_two_u32(c, &flow->source_as, &flow->destination_as);
		break;
	case NR_NFDUMP_X_NEXT_HOP_IPV4:
		flow->next_hop = nr_nfdump_read4(c);
		break;
	case NR_NFDUMP_X_NEXT_HOP_IPV6:
		flow->next_hop = nr_nfdump_read6(c);
		break;
	case NR_NFDUMP_X_RECEIVED_IPV4:
		flow->router = nr_nfdump_read4(c);
		break;
	case NR_NFDUMP_X_RECEIVED_IPV6:
		flow->router = nr_nfdump_read6(c);
		break;
	case NR_NFDUMP_X_MPLS:
		flow->mpls =
			nr_cursor_u32_le(c) >> 4; /* behind it: three bits of class, bottom of the stack */
		break;
	case NR_NFDUMP_X_MAC:
		read_macs(c, flow);
		break;
	case NR_NFDUMP_X_NSEL:
		read_nsel(c, flow);
		break;
	case NR_NFDUMP_X_POST_IPV4:
		flow->post_source = nr_nfdump_read4(c);
		flow->post_destination = nr_nfdump_read4(c);
		break;
	case NR_NFDUMP_X_POST_IPV6:
		flow->post_source = nr_nfdump_read6(c);
		flow->post_destination = nr_nfdump_read6(c);
		break;
	case NR_NFDUMP_X_POST_PORTS:
		read_two_u16(c, &flow->post_source_port, &flow->post_destination_port);
		break;
	case NR_NFDUMP_X_NEL:
		read_nel(c, flow);
		break;
	case NR_NFDUMP_X_PORT_BLOCK:
		read_two_u16(c, &flow->block_begin, &flow->block_end);
		break;
	case NR_NFDUMP_X_APPLICATION:
		read_application(c, flow);
		break;
	case NR_NFDUMP_X_VRF:
		read_two_u32(c, &flow->output_vrf, &flow->input_vrf);
		break;
	case NR_NFDUMP_X_LAYER2:
		read_layer2(c, flow);
		break;
	case NR_NFDUMP_X_FLOW_ID:
		flow->connection = nr_cursor_u64_le(c);
		break;
	case NR_NFDUMP_X_IP_INFO:
		read_ttl(c, flow);
		break;
	default:
		break;
	}
}

bool nr_nfdump_parse_flow(const struct nr_nfdump_record *record, struct nr_nfdump_flow *ret_flow)
{
	enum { SAMPLED = 2 };
	struct nr_cursor c = record->body;
	struct nr_nfdump_flow flow = {0};
	uint16_t elements = nr_cursor_u16_le(&c);
	flow.engine_type = nr_cursor_u8(&c);
	flow.engine_id = nr_cursor_u8(&c);
	flow.exporter = nr_cursor_u16_le(&c);
	flow.sampled = nr_cursor_u8(&c) & SAMPLED;
	nr_cursor_skip(&c, 1); /* version of the export */
	for (unsigned i = 0; i < elements && !c.failed; i++) {
		uint16_t type = nr_cursor_u16_le(&c), length = nr_cursor_u16_le(&c);
		const uint8_t *body = length < 4 ? NULL : nr_cursor_take(&c, (size_t)length - 4);
		if (!body)
			return false;
		struct nr_cursor extension = nr_cursor_over(body, (size_t)length - 4);
		read_extension(type, &extension, &flow);
		if (extension.failed)
			return false;
	}
	if (!c.failed)
		*ret_flow = flow;
	return !c.failed;
}
