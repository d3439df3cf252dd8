/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of nfdump whose blocks are not packed. What is read of a flow, is written, and is read again: the
 * second and the third time are equal.
 */
#include "wire/nfdump.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nr_nfdump_flow again(const struct nr_nfdump_flow *flow)
{
	uint8_t bytes[NR_NFDUMP_RECORD_MAX];
	struct nr_nfdump_record record;
	struct nr_nfdump_flow back;
	size_t length = nr_nfdump_put_flow(bytes, flow, 9);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	assert(length <= sizeof bytes && nr_nfdump_next_record(&c, &record) && !nr_cursor_left(&c));
	assert(record.type == NR_NFDUMP_FLOW_V3 && nr_nfdump_parse_flow(&record, &back));
	return back;
}

static void check_flow(const struct nr_nfdump_flow *flow)
{
	struct nr_nfdump_flow first = again(flow), second = again(&first);
	assert(first.packets == flow->packets && first.bytes == flow->bytes &&
		first.first_ms == flow->first_ms && first.protocol == flow->protocol &&
		first.exporter == flow->exporter);
	assert(first.mpls == second.mpls && first.vlan == second.vlan &&
		first.application == second.application && nr_address_equal(&first.source, &second.source) &&
		nr_address_equal(&first.post_destination, &second.post_destination) &&
		first.block_end == second.block_end && first.out_bytes == second.out_bytes &&
		first.nat_event == second.nat_event && first.firewall_event == second.firewall_event &&
		first.source_mac == second.source_mac && first.input_vrf == second.input_vrf);
}

static void read_records(struct nr_cursor c)
{
	static struct nr_nfdump_map map;
	struct nr_nfdump_record record;
	struct nr_nfdump_flow flow;
	struct nr_nfdump_exporter exporter;
	struct nr_nfdump_sampler sampler;
	uint16_t id;
	map = (struct nr_nfdump_map){0};
	while (nr_nfdump_next_record(&c, &record)) {
		if (record.type == NR_NFDUMP_FLOW_V3 && nr_nfdump_parse_flow(&record, &flow))
			check_flow(&flow);
		if (record.type == NR_NFDUMP_MAP && nr_nfdump_parse_map(&record, &map))
			assert(map.count <= NR_NFDUMP_EXTENSIONS);
		if ((record.type == NR_NFDUMP_FLOW_OLD || record.type == NR_NFDUMP_FLOW_MAPPED) &&
			nr_nfdump_flow_map(&record, &id) && nr_nfdump_parse_mapped(&record, &map, &flow))
			check_flow(&flow);
		(void)nr_nfdump_parse_exporter(&record, &exporter);
		if (nr_nfdump_parse_sampler(&record, &sampler))
			assert(!(sampler.rate < 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nr_nfdump_header header;
	struct nr_error error = {0};
	if (nr_nfdump_parse_header(data, size, &header, &error)) {
		assert(error.code < 0 && error.text[0]);
		return 0;
	}
	assert(nr_nfdump_is(data, size) && header.length <= size);
	struct nr_cursor c = nr_cursor_over(data + header.length, size - header.length);
	const uint8_t *at;
	while ((at = nr_cursor_take(&c, NR_NFDUMP_BLOCK_HEADER))) {
		struct nr_nfdump_block block;
		if (nr_nfdump_parse_block(&header, at, &block, &error))
			break;
		const uint8_t *body = nr_cursor_take(&c, block.size);
		if (!body)
			break;
		if (!block.packed && !block.array)
			read_records(nr_cursor_over(body, block.size));
	}
	return 0;
}
