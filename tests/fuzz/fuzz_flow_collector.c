/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams of several exporters, one after the other, or a stream. First octet: how (bits below); then each
 * datagram: whose it is, its length in two octets, its octets.
 */
#include "base/json.h"
#include "sense/flow/collect/state.h"
#include "wire/cursor.h"

#include <assert.h>

#define INNER     1
#define DRAFT     2
#define STREAM    4
#define NAMED     8
#define ROOM      NR_FLOW_ROOM_UNIT
#define DATAGRAMS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nr_flow_block *block;
static uint64_t rows;

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *taken, struct nr_error *error)
{
	(void)sink, (void)error;
	assert(taken == block && taken->count && nr_flow_block_is_sound(taken, nr_flow_block_bytes(ROOM)));
	for (uint32_t i = 0; i < taken->count; i++)
		assert(nr_flow_value(taken, NR_FLOW_STREAM, i) < taken->stream_count);
	rows += taken->count;
	return 0;
}

/* A small one, so that sets are cut at its end. */
static struct nr_flow_block *lend(struct nr_flow_sink *sink)
{
	(void)sink;
	nr_flow_block_clear(block);
	return block;
}

static void feed_datagrams(struct nr_flow_collector *collector, struct nr_cursor *c)
{
	nr_time now = INT64_C(1700000000) * NR_SECOND;
	for (unsigned i = 0; i < DATAGRAMS && nr_cursor_left(c) > 3; i++) {
		uint8_t who = nr_cursor_u8(c);
		size_t said = nr_cursor_u16(c), length = NR_MIN(said, nr_cursor_left(c));
		now += (nr_time)(who >> 2) * NR_SECOND;
		struct nr_flow_datagram datagram = {.bytes = nr_cursor_take(c, length),
			.length = length,
			.exporter = nr_address_from_ipv4(0xc0000200 + (who & 3)),
			.received = now};
		assert(nr_flow_collector_take(collector, &datagram, NULL) == 0);
	}
}

static void feed_stream(struct nr_flow_collector *collector, struct nr_cursor *c)
{
	struct nr_address from = nr_address_from_ipv4(0xc0000201);
	struct nr_flow_stream_in *stream;
	int e = 0;
	assert(nr_flow_stream_open(collector, &from, 1, &stream, NULL) == 0);
	while (!e && nr_cursor_left(c)) {
		size_t said = nr_cursor_u8(c) + (size_t)1, length = NR_MIN(said, nr_cursor_left(c));
		e = nr_flow_stream_feed(stream, nr_cursor_take(c, length), length, 0, NULL);
	}
	nr_flow_stream_close(stream);
}

static void report(const struct nr_flow_collector *collector)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_flow_collector_report(collector, &json);
	nr_json_object_end(&json);
	assert(nr_json_finish(&json, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *draft[] = {"0.0.0.0/0"}, *fields[] = {"0/82=name:text", "6871/40=app"};
	struct nr_flow_sink sink = {.take = take, .lend = lend};
	struct nr_cursor c = nr_cursor_over(data, size);
	uint8_t how = nr_cursor_u8(&c);
	struct nr_flow_collector_conf conf = {.exporters_max = 8,
		.memory = 1 << 18,
		.inner = how & INNER,
		.nat_draft = {draft, how & DRAFT ? 1 : 0},
		.fields = {fields, how & NAMED ? 2 : 0}};
	NR_AUTO(nr_flow_collector_freep) struct nr_flow_collector *collector = NULL;
	if (!block)
		assert(nr_flow_block_new(ROOM, &block, NULL) == 0);
	assert(nr_flow_collector_new(&conf, &sink, &collector, NULL) == 0);
	rows = 0;
	if (how & STREAM)
		feed_stream(collector, &c);
	else
		feed_datagrams(collector, &c);
	assert(nr_flow_collector_flush(collector, NULL) == 0);
	assert(rows == nr_flow_collector_counts(collector).records);
	assert(collector->memory.used <= conf.memory);
	report(collector);
	nr_flow_exporters_fini(collector);
	assert(collector->memory.used == 0 && collector->pending_sets == 0);
	return 0;
}
