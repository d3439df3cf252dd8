/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sFlow v5: a row for each sampled packet. There is no flow cache and no time but that of arrival. Counter
 * samples are not flows: passed by.
 */
#include "wire/sflow.h"
#include "sense/flow/collect/packet.h"
#include "sense/flow/collect/state.h"

#include <string.h>

#define COLUMNS                                                                                              \
	(NR_FLOW_PACKET_COLUMNS | NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(STREAM) |             \
		NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(SAMPLING) | NR_FLOW_BIT(SAMPLING_FROM) |                    \
		NR_FLOW_BIT(INPUT) | NR_FLOW_BIT(OUTPUT) | NR_FLOW_BIT(SOURCE_AS) |                          \
		NR_FLOW_BIT(DESTINATION_AS) | NR_FLOW_BIT(SOURCE_MASK) | NR_FLOW_BIT(DESTINATION_MASK) |     \
		NR_FLOW_BIT(NEXT_HOP_HIGH) | NR_FLOW_BIT(NEXT_HOP_LOW) | NR_FLOW_BIT(POST_VLAN))

#define INTERFACE_INTERNAL 0x3fffffff /* the device itself, or not known */
#define FORMAT_INDEX       0
#define FORMAT_DISCARDED   1
#define AS_SEGMENTS        64  /* of a path; then it is left */
#define ITEMS              256 /* records of one sample; then it is left */
#define ADDRESS_IPV4       1
#define ADDRESS_IPV6       2

#define CELL(type, COLUMN) (&((type *)nr_flow_column_at(block, NR_FLOW_##COLUMN))[row])

struct datagram {
	struct nr_flow_collector *collector;
	struct nr_flow_exporter *exporter;
	nr_time received;
	uint32_t records;
};

static uint32_t interface_index(const struct nr_sflow_interface *interface)
{
	return interface->format == FORMAT_INDEX && interface->value != INTERFACE_INTERNAL ? interface->value
											   : 0;
}

/* Type, then 4 or 16 octets. */
static void take_next_hop(struct nr_flow_block *block, uint32_t row, struct nr_cursor *c)
{
	uint32_t type = nr_cursor_u32(c);
	struct nr_address address = {{0}};
	const uint8_t *bytes = nr_cursor_take(c, type == ADDRESS_IPV6 ? 16 : 4);
	if (!bytes || (type != ADDRESS_IPV4 && type != ADDRESS_IPV6))
		return;
	if (type == ADDRESS_IPV6)
		memcpy(address.octets, bytes, 16);
	else
		address = nr_address_from_ipv4((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
					       (uint32_t)bytes[2] << 8 | bytes[3]);
	nr_flow_address_split(&address, CELL(uint64_t, NEXT_HOP_HIGH), CELL(uint64_t, NEXT_HOP_LOW));
}

static void take_switch(struct nr_flow_block *block, uint32_t row, struct nr_cursor *c)
{
	uint32_t vlan = nr_cursor_u32(c);
	nr_cursor_skip(c, 4); /* priority */
	uint32_t post_vlan = nr_cursor_u32(c);
	if (c->failed)
		return;
	*CELL(uint16_t, VLAN) = (uint16_t)(vlan & 0xfff);
	*CELL(uint16_t, POST_VLAN) = (uint16_t)(post_vlan & 0xfff);
}

static void take_router(struct nr_flow_block *block, uint32_t row, struct nr_cursor *c)
{
	take_next_hop(block, row, c);
	uint32_t source = nr_cursor_u32(c), destination = nr_cursor_u32(c);
	if (c->failed)
		return;
	*CELL(uint8_t, SOURCE_MASK) = (uint8_t)NR_MIN(source, 128u);
	*CELL(uint8_t, DESTINATION_MASK) = (uint8_t)NR_MIN(destination, 128u);
}

/* Next hop, the router's own AS, the source's, its peer's, and the path: its last AS is the destination's;
 * no path: the own one. */
static void take_gateway(struct nr_flow_block *block, uint32_t row, struct nr_cursor *c)
{
	take_next_hop(block, row, c);
	uint32_t destination = nr_cursor_u32(c), source = nr_cursor_u32(c);
	nr_cursor_skip(c, 4);
	uint32_t segments = nr_cursor_u32(c);
	for (uint32_t i = 0; i < segments && i < AS_SEGMENTS && !c->failed; i++) {
		nr_cursor_skip(c, 4); /* set or sequence */
		uint32_t length = nr_cursor_u32(c);
		if (length == 0)
			continue;
		nr_cursor_skip(c, ((size_t)length - 1) * 4);
		uint32_t last = nr_cursor_u32(c);
		if (!c->failed)
			destination = last;
	}
	*CELL(uint32_t, SOURCE_AS) = source;
	*CELL(uint32_t, DESTINATION_AS) = destination;
}

static bool take_packet(
	const struct datagram *d, struct nr_flow_block *block, uint32_t row, const struct nr_sflow_item *item)
{
	struct nr_sflow_packet packet;
	return nr_sflow_packet_read(item, &packet) &&
	       nr_flow_packet_fill(
		       block, row, packet.protocol, packet.bytes, packet.length, d->collector->conf.inner);
}

static void take_item(
	const struct datagram *d, struct nr_flow_block *block, uint32_t row, const struct nr_sflow_item *item)
{
	struct nr_cursor c = nr_cursor_over(item->bytes, item->length);
	switch (item->enterprise ? 0 : item->format) {
	case NR_SFLOW_RAW_HEADER:
		if (!take_packet(d, block, row, item))
			nr_flow_drop(d->collector, d->exporter, NR_FLOW_CAUSE_PACKET_UNREADABLE, 1);
		break;
	case NR_SFLOW_SWITCH:
		take_switch(block, row, &c);
		break;
	case NR_SFLOW_ROUTER:
		take_router(block, row, &c);
		break;
	case NR_SFLOW_GATEWAY:
		take_gateway(block, row, &c);
		break;
	default:
		break;
	}
}

static void fill_sample(const struct datagram *d, struct nr_flow_block *block, uint32_t row, uint16_t stream,
	const struct nr_sflow_sample *sample)
{
	enum nr_flow_sampling_from from = NR_FLOW_SAMPLING_UNKNOWN;
	bool discarded = sample->format == NR_SFLOW_DISCARDED || sample->output.format == FORMAT_DISCARDED;
	*CELL(int64_t, FIRST) = *CELL(int64_t, LAST) = d->received;
	*CELL(uint16_t, STREAM) = stream;
	*CELL(uint16_t, MARKS) = (uint16_t)(NR_FLOW_MARK_PACKET | (discarded ? NR_FLOW_MARK_DISCARDED : 0));
	*CELL(float, SAMPLING) = nr_flow_sampling_of_sample(&d->exporter->options.sampling, sample, &from);
	*CELL(uint8_t, SAMPLING_FROM) = (uint8_t)from;
	*CELL(uint32_t, INPUT) = interface_index(&sample->input);
	*CELL(uint32_t, OUTPUT) = interface_index(&sample->output);
	*CELL(uint64_t, PACKETS) = 1;
}

static int take_flow(struct datagram *d, struct nr_sflow_sample *sample, struct nr_error *error)
{
	uint32_t count;
	uint16_t stream;
	struct nr_sflow_item item;
	int e = nr_flow_block_room(d->collector, d->exporter, 1, &count, &stream, error);
	if (e)
		return e;
	struct nr_flow_block *block = d->collector->block;
	uint32_t row = block->count;
	nr_flow_rows_open(block, 1, COLUMNS);
	for (uint64_t left = COLUMNS; left; left &= left - 1) {
		unsigned column = (unsigned)__builtin_ctzll(left);
		size_t width = nr_flow_columns[column].width;
		memset((char *)nr_flow_column_at(block, column) + row * width, 0, width);
	}
	fill_sample(d, block, row, stream, sample);
	for (unsigned i = 0; i < ITEMS && nr_sflow_next_item(sample, &item); i++)
		take_item(d, block, row, &item);
	nr_flow_block_close(d->collector, 1, d->received);
	d->records++;
	return 0;
}

static int take_sample(struct datagram *d, struct nr_sflow_sample *sample, struct nr_error *error)
{
	bool known = sample->enterprise == 0 && sample->format >= NR_SFLOW_FLOW &&
		     sample->format <= NR_SFLOW_DISCARDED;
	int e = 0;
	if (!known) {
		nr_flow_drop(d->collector, d->exporter, NR_FLOW_CAUSE_SAMPLE_UNKNOWN, 1);
		return 0;
	}
	if (sample->body.failed) {
		nr_flow_drop(d->collector, d->exporter, NR_FLOW_CAUSE_SET_MALFORMED, 1);
		return 0;
	}
	if (sample->format != NR_SFLOW_COUNTERS && sample->format != NR_SFLOW_COUNTERS_EXPANDED) {
		nr_flow_loss_sample(&d->exporter->options.loss, &d->collector->memory, sample);
		e = take_flow(d, sample, error);
		if (sample->body.failed)
			nr_flow_drop(d->collector, d->exporter, NR_FLOW_CAUSE_SET_MALFORMED, 1);
	}
	return e;
}

static void count_datagram(struct datagram *d, const struct nr_sflow_header *header, size_t length)
{
	nr_flow_loss_message(&d->exporter->options.loss, &(struct nr_flow_message){.export = NR_FLOW_SFLOW5,
								 .sequence = header->sequence,
								 .uptime_ms = header->uptime_ms,
								 .length = (uint32_t)length,
								 .records = d->records});
	d->exporter->messages++;
	d->exporter->records += d->records;
	d->collector->counts.messages++;
}

int nr_flow_sflow_take(struct nr_flow_collector *collector, const struct nr_flow_domain *from,
	const uint8_t *bytes, size_t length, nr_time received, struct nr_error *error)
{
	struct nr_sflow_header header;
	struct nr_cursor body;
	struct nr_sflow_sample sample;
	if (nr_sflow_open(bytes, length, &header, &body, NULL)) {
		nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_MALFORMED, 1);
		return 0;
	}
	struct nr_flow_domain key = {.exporter = header.agent,
		.domain = header.sub_agent,
		.export = NR_FLOW_SFLOW5,
		.stream = from->stream};
	struct datagram d = {collector, nr_flow_exporters_get(collector, &key), received, 0};
	if (!d.exporter)
		return 0;
	if (nr_flow_loss_is_duplicate(&d.exporter->options.loss, header.sequence, bytes, length))
		return 0;
	int e = 0;
	uint32_t left = header.samples;
	while (!e && nr_sflow_next_sample(&body, &left, &sample))
		e = take_sample(&d, &sample, error);
	if (body.failed || (left && !e))
		nr_flow_drop(collector, d.exporter, NR_FLOW_CAUSE_TRUNCATED, 1);
	if (!left && nr_cursor_left(&body))
		nr_flow_drop(collector, d.exporter, NR_FLOW_CAUSE_TRAILING, 1);
	count_datagram(&d, &header, length);
	return e;
}
