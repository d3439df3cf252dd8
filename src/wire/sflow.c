/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sflow.h"

#include <errno.h>

#define VERSION      5
#define ADDRESS_IPV4 1
#define ADDRESS_IPV6 2

int nr_sflow_open(const uint8_t *bytes, size_t length, struct nr_sflow_header *ret_header,
	struct nr_cursor *ret_body, struct nr_error *error)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_sflow_header header = {.samples = 0};
	uint32_t version = nr_cursor_u32(&c), type = nr_cursor_u32(&c);
	if (c.failed || version != VERSION)
		return nr_fail(error, -EBADMSG, "sFlow datagram of %zu bytes, version %u; 5 is known", length,
			version);
	const uint8_t *address = nr_cursor_take(&c, type == ADDRESS_IPV6 ? 16 : 4);
	header.sub_agent = nr_cursor_u32(&c);
	header.sequence = nr_cursor_u32(&c);
	header.uptime_ms = nr_cursor_u32(&c);
	header.samples = nr_cursor_u32(&c);
	if (c.failed || (type != ADDRESS_IPV4 && type != ADDRESS_IPV6))
		return nr_fail(error, -EBADMSG,
			"sFlow datagram of %zu bytes with an agent of address type %u", length, type);
	if (type == ADDRESS_IPV4)
		header.agent = nr_address_from_ipv4((uint32_t)address[0] << 24 | (uint32_t)address[1] << 16 |
						    (uint32_t)address[2] << 8 | address[3]);
	else
		memcpy(header.agent.octets, address, 16);
	*ret_header = header;
	*ret_body = c;
	return 0;
}

static void split_format(uint32_t word, uint32_t *ret_enterprise, uint32_t *ret_format)
{
	*ret_enterprise = word >> 12;
	*ret_format = word & 0xfff;
}

static struct nr_sflow_interface interface_of(uint32_t word)
{
	return (struct nr_sflow_interface){word >> 30, word & 0x3fffffff};
}

static void take_source(struct nr_cursor *c, struct nr_sflow_sample *sample, bool expanded)
{
	sample->source_type = nr_cursor_u32(c);
	if (expanded) {
		sample->source_index = nr_cursor_u32(c);
		return;
	}
	sample->source_index = sample->source_type & 0xffffff;
	sample->source_type >>= 24;
}

static void take_flow(struct nr_cursor *c, struct nr_sflow_sample *sample, bool expanded)
{
	sample->sequence = nr_cursor_u32(c);
	take_source(c, sample, expanded);
	sample->rate = nr_cursor_u32(c);
	sample->pool = nr_cursor_u32(c);
	sample->drops = nr_cursor_u32(c);
	if (expanded) {
		sample->input.format = nr_cursor_u32(c);
		sample->input.value = nr_cursor_u32(c);
		sample->output.format = nr_cursor_u32(c);
		sample->output.value = nr_cursor_u32(c);
	} else {
		sample->input = interface_of(nr_cursor_u32(c));
		sample->output = interface_of(nr_cursor_u32(c));
	}
	sample->records = nr_cursor_u32(c);
}

static void take_counters(struct nr_cursor *c, struct nr_sflow_sample *sample, bool expanded)
{
	sample->sequence = nr_cursor_u32(c);
	take_source(c, sample, expanded);
	sample->records = nr_cursor_u32(c);
}

static void take_discarded(struct nr_cursor *c, struct nr_sflow_sample *sample)
{
	sample->sequence = nr_cursor_u32(c);
	take_source(c, sample, true);
	sample->drops = nr_cursor_u32(c);
	sample->input.value = nr_cursor_u32(c);
	sample->output.value = nr_cursor_u32(c);
	sample->reason = nr_cursor_u32(c);
	sample->records = nr_cursor_u32(c);
}

bool nr_sflow_next_sample(struct nr_cursor *body, uint32_t *left, struct nr_sflow_sample *ret_sample)
{
	struct nr_sflow_sample sample = {.records = 0};
	if (*left == 0 || body->failed || nr_cursor_left(body) == 0)
		return false;
	split_format(nr_cursor_u32(body), &sample.enterprise, &sample.format);
	uint32_t length = nr_cursor_u32(body);
	const uint8_t *start = nr_cursor_take(body, length);
	if (!start)
		return false;
	(*left)--;
	sample.body = nr_cursor_over(start, length);
	if (sample.enterprise == 0) {
		switch (sample.format) {
		case NR_SFLOW_FLOW:
		case NR_SFLOW_FLOW_EXPANDED:
			take_flow(&sample.body, &sample, sample.format == NR_SFLOW_FLOW_EXPANDED);
			break;
		case NR_SFLOW_COUNTERS:
		case NR_SFLOW_COUNTERS_EXPANDED:
			take_counters(&sample.body, &sample, sample.format == NR_SFLOW_COUNTERS_EXPANDED);
			break;
		case NR_SFLOW_DISCARDED:
			take_discarded(&sample.body, &sample);
			break;
		default:
			break; /* passed by its length */
		}
	}
	*ret_sample = sample;
	return true;
}

bool nr_sflow_next_item(struct nr_sflow_sample *sample, struct nr_sflow_item *ret_item)
{
	struct nr_cursor *c = &sample->body;
	struct nr_sflow_item item;
	if (sample->records == 0 || c->failed || nr_cursor_left(c) == 0)
		return false;
	split_format(nr_cursor_u32(c), &item.enterprise, &item.format);
	item.length = nr_cursor_u32(c);
	item.bytes = nr_cursor_take(c, item.length);
	if (!item.bytes)
		return false;
	sample->records--;
	*ret_item = item;
	return true;
}

bool nr_sflow_packet_read(const struct nr_sflow_item *item, struct nr_sflow_packet *ret_packet)
{
	struct nr_cursor c = nr_cursor_over(item->bytes, item->length);
	struct nr_sflow_packet packet = {.protocol = nr_cursor_u32(&c)};
	packet.frame_length = nr_cursor_u32(&c);
	packet.stripped = nr_cursor_u32(&c);
	packet.length = nr_cursor_u32(&c);
	packet.bytes = nr_cursor_take(&c, packet.length);
	if (item->enterprise != 0 || item->format != NR_SFLOW_RAW_HEADER || !packet.bytes)
		return false;
	*ret_packet = packet;
	return true;
}
