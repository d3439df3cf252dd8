/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of the flow filter. What is accepted is applied to a block of many different flows in two ways:
 * by columns, as the product does, and row by row through the tree; both must choose the same rows. Half of
 * the columns are missing in a second block.
 */
#include "sense/flow/ask/filter_inside.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 256

/* A sequence that is the same in every run. */
static uint64_t next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 17;
}

static void fill_column(struct nr_flow_block *block, unsigned c, uint64_t *state)
{
	static const uint64_t few[] = {0, 1, 2, 6, 17, 58, 80, 443, 0x0800, 64500, 1000, UINT64_MAX};
	for (uint32_t row = 0; row < ROOM; row++) {
		uint64_t value = few[next(state) % NR_COUNT(few)];
		float rate = (float)(value % 2000);
		void *at = nr_flow_column_at(block, c);
		if (c == NR_FLOW_STREAM)
			((uint16_t *)at)[row] = (uint16_t)(next(state) % block->stream_count);
		else if (c == NR_FLOW_SAMPLING)
			((float *)at)[row] = rate;
		else if (nr_flow_columns[c].kind == NR_FLOW_KIND_ADDRESS_HIGH)
			((uint64_t *)at)[row] = next(state) % 4 ? 0 : UINT64_C(0x20010db8) << 32;
		else if (nr_flow_columns[c].kind == NR_FLOW_KIND_ADDRESS)
			((uint64_t *)at)[row] = next(state) % 8 ? UINT64_C(0xffffc0000200) | next(state) % 4
								: next(state) % 2;
		else if (nr_flow_columns[c].kind == NR_FLOW_KIND_TIME)
			((int64_t *)at)[row] = (int64_t)(UINT64_C(1767323045000000) + next(state) % 10000000);
		else
			memcpy((char *)at + row * nr_flow_columns[c].width, &value, nr_flow_columns[c].width);
	}
}

static struct nr_flow_block *make_block(uint64_t columns)
{
	struct nr_flow_block *block = NULL;
	uint64_t state = 7;
	if (nr_flow_block_new(ROOM, &block, NULL) != 0)
		abort();
	for (uint32_t i = 0; i < 4; i++) {
		struct nr_flow_stream stream = {nr_address_from_ipv4(0xc0000201 + i), i * 128, i ? 9 : 5};
		nr_flow_block_stream(block, &stream);
	}
	nr_flow_rows_open(block, ROOM, columns);
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (columns >> c & 1)
			fill_column(block, c, &state);
	nr_flow_rows_close(block, ROOM);
	return block;
}

/* ---- row by row ---- */

static bool prefix_holds(const struct filter_leaf *leaf, const struct nr_address *address)
{
	uint64_t high, low;
	nr_flow_address_split(address, &high, &low);
	return (high & leaf->prefix.mask_high) == (leaf->prefix.high & leaf->prefix.mask_high) &&
	       (low & leaf->prefix.mask_low) == (leaf->prefix.low & leaf->prefix.mask_low);
}

static bool column_holds(
	const struct filter_leaf *leaf, const struct nr_flow_block *block, unsigned c, uint32_t row)
{
	uint64_t value = c == NR_FLOW_SAMPLING ? 0 : nr_flow_value(block, c, row);
	struct nr_address address = {{0}};
	if (nr_flow_columns[c].kind == NR_FLOW_KIND_ADDRESS)
		address = nr_flow_address(block, c, row);
	switch ((enum filter_test)leaf->test) {
	case FILTER_RANGE:
		return nr_flow_columns[c].kind == NR_FLOW_KIND_TIME
			       ? (int64_t)value >= (int64_t)leaf->range.low &&
					 (int64_t)value <= (int64_t)leaf->range.high
			       : value >= leaf->range.low && value <= leaf->range.high;
	case FILTER_MASKED:
		return (value & leaf->masked.mask) == leaf->masked.wanted;
	case FILTER_SPANS:
		for (size_t i = 0; i < leaf->span_count; i++)
			if (value >= leaf->spans[i].low && value <= leaf->spans[i].high)
				return true;
		return false;
	case FILTER_PORTS:
		return leaf->ports[value / 8] & 1 << value % 8;
	case FILTER_PREFIX:
		return prefix_holds(leaf, &address);
	case FILTER_PREFIXES:
		return nr_prefix_table_find(leaf->table, &address) != NR_PREFIX_NONE;
	case FILTER_RATE:
		return nr_flow_sampling(block, row) >= leaf->rate.low &&
		       nr_flow_sampling(block, row) <= leaf->rate.high;
	default:
		abort();
	}
}

static bool stream_holds(const struct filter_leaf *leaf, const struct nr_flow_stream *stream)
{
	uint64_t value = stream->domain;
	switch ((enum filter_stream_field)leaf->what) {
	case FILTER_EXPORTER:
		return prefix_holds(leaf, &stream->exporter);
	case FILTER_ENGINE_TYPE:
	case FILTER_ENGINE_ID:
		if (stream->export != NR_FLOW_NETFLOW5)
			return false;
		value = (leaf->what == FILTER_ENGINE_TYPE ? value / 256 : value) % 256;
		break;
	case FILTER_EXPORT:
		value = stream->export;
		break;
	case FILTER_DOMAIN:
		break;
	}
	return value >= leaf->range.low && value <= leaf->range.high;
}

static bool derived_holds(const struct filter_leaf *leaf, const struct nr_flow_block *block, uint32_t row)
{
	int64_t first = (int64_t)nr_flow_value(block, NR_FLOW_FIRST, row);
	int64_t last = (int64_t)nr_flow_value(block, NR_FLOW_LAST, row);
	uint64_t us = last > first ? (uint64_t)(last - first) : 0, port;
	unsigned __int128 packets = nr_flow_value(block, NR_FLOW_PACKETS, row), value = 0;
	unsigned __int128 bytes = nr_flow_value(block, NR_FLOW_BYTES, row);
	switch ((enum filter_derived)leaf->what) {
	case FILTER_DURATION_MS:
		value = us / 1000;
		break;
	case FILTER_PACKETS_PER_SECOND:
		value = us ? packets * 1000000 / us : 0;
		break;
	case FILTER_BITS_PER_SECOND:
		value = us ? bytes * 8000000 / us : 0;
		break;
	case FILTER_BYTES_PER_PACKET:
		value = packets ? bytes / packets : 0;
		break;
	case FILTER_PORT_IN_BLOCK:
		port = nr_flow_value(block, leaf->a, row);
		return port >= nr_flow_value(block, NR_FLOW_POST_SOURCE_PORT, row) &&
		       port <= nr_flow_value(block, NR_FLOW_PORT_BLOCK_END, row) &&
		       nr_flow_value(block, NR_FLOW_PORT_BLOCK_END, row);
	}
	return value >= leaf->range.low && value <= leaf->range.high;
}

static bool leaf_holds(const struct filter_leaf *leaf, const struct nr_flow_block *block, uint32_t row)
{
	if (leaf->test == FILTER_STREAM)
		return stream_holds(leaf, &block->streams[nr_flow_value(block, NR_FLOW_STREAM, row)]);
	if (leaf->test == FILTER_DERIVED)
		return derived_holds(leaf, block, row);
	return column_holds(leaf, block, leaf->a, row) ||
	       (leaf->b != FILTER_NO_COLUMN && column_holds(leaf, block, leaf->b, row));
}

static bool holds(
	const struct nr_flow_filter *filter, uint32_t index, const struct nr_flow_block *block, uint32_t row)
{
	const struct filter_node *node = &filter->nodes[index];
	if (node->kind == FILTER_LEAF)
		return leaf_holds(&node->leaf, block, row) != node->leaf.negated;
	if (node->kind == FILTER_ALL || node->kind == FILTER_NONE)
		return node->kind == FILTER_ALL;
	for (uint32_t child = node->child; child != FILTER_NOTHING; child = filter->nodes[child].next)
		if (holds(filter, child, block, row) == (node->kind == FILTER_OR))
			return node->kind == FILTER_OR;
	return node->kind == FILTER_AND;
}

/* Every row that matches has one of the hosts at one of its ends. */
static void check_hosts(
	const struct nr_flow_block *block, uint32_t row, const struct nr_address *hosts, size_t n)
{
	struct nr_address source = nr_flow_address(block, NR_FLOW_SOURCE_LOW, row);
	struct nr_address destination = nr_flow_address(block, NR_FLOW_DESTINATION_LOW, row);
	bool found = n == 0;
	for (size_t i = 0; i < n; i++)
		found = found || nr_address_equal(&source, &hosts[i]) ||
			nr_address_equal(&destination, &hosts[i]);
	assert(found);
}

static void compare(const struct nr_flow_filter *filter, const struct nr_flow_block *block)
{
	uint32_t rows[ROOM];
	struct nr_address hosts[8];
	size_t host_count = nr_flow_filter_hosts(filter, hosts, NR_COUNT(hosts)), at = 0;
	void *scratch = malloc(nr_flow_filter_scratch(filter, ROOM) + 1);
	if (!scratch)
		abort();
	size_t n = nr_flow_filter_apply(filter, block, scratch, rows);
	for (uint32_t row = 0; row < ROOM; row++) {
		bool wanted = holds(filter, filter->root, block, row);
		assert(wanted == (at < n && rows[at] == row));
		if (wanted)
			check_hosts(block, row, hosts, host_count);
		at += wanted;
	}
	assert(at == n);
	free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nr_flow_block *whole, *half;
	if (!whole) {
		whole = make_block((UINT64_C(1) << NR_FLOW_COLUMNS) - 1);
		half = make_block(UINT64_C(0x5555555555555555) & ((UINT64_C(1) << NR_FLOW_COLUMNS) - 1));
	}
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	struct nr_flow_filter *filter = NULL;
	struct nr_flow_filter_fault fault = {0};
	if (nr_flow_filter_parse(text, &filter, &fault) == 0) {
		compare(filter, whole);
		compare(filter, half);
	} else
		assert(fault.column >= 1 && fault.column <= size + 1 && fault.text_en[0] && fault.text_ja[0]);
	nr_flow_filter_free(filter);
	free(text);
	return 0;
}
