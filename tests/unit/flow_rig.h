/* SPDX-License-Identifier: Apache-2.0 */
/* A collector whose blocks are gathered in one large block; exports made by hand. */
#ifndef NR_TESTS_FLOW_RIG_H
#define NR_TESTS_FLOW_RIG_H

#include "sense/flow/collect/collector.h"

#define RIG_ROOM ((uint32_t)65536)

struct rig {
	struct nr_flow_sink sink; /* first */
	struct nr_flow_block *all;
	struct nr_flow_collector *collector;
	nr_time now;
};

static inline int rig_take(
	struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct rig *rig = (struct rig *)(void *)sink;
	if (rig->all->room - rig->all->count < block->count)
		return nr_fail(error, -28, "the rig is full");
	return nr_flow_rows_copy(rig->all, block, 0, block->count);
}

static inline void rig_open(struct rig *rig, const struct nr_flow_collector_conf *conf)
{
	struct nr_flow_collector_conf fallback = {.exporters_max = 100, .memory = (uint64_t)64 << 20};
	struct nr_error error = {0};
	*rig = (struct rig){.sink.take = rig_take, .now = INT64_C(1750000000) * NR_SECOND};
	if (nr_flow_block_new(RIG_ROOM, &rig->all, &error) ||
		nr_flow_collector_new(conf ? conf : &fallback, &rig->sink, &rig->collector, &error))
		fail_msg("%s", error.text);
}

static inline void rig_close(struct rig *rig)
{
	nr_flow_collector_free(rig->collector);
	nr_flow_block_free(rig->all);
}

static inline void rig_feed_from(struct rig *rig, const struct nr_address *exporter, uint16_t port,
	const uint8_t *bytes, size_t length)
{
	struct nr_flow_datagram datagram = {.bytes = bytes,
		.length = length,
		.exporter = *exporter,
		.collector = nr_address_from_ipv4(0xc6336401),
		.exporter_port = port,
		.collector_port = 2055,
		.received = rig->now};
	struct nr_error error = {0};
	if (nr_flow_collector_take(rig->collector, &datagram, &error))
		fail_msg("%s", error.text);
}

static inline void rig_feed(struct rig *rig, const uint8_t *bytes, size_t length)
{
	struct nr_address exporter = nr_address_from_ipv4(0xc0000201);
	rig_feed_from(rig, &exporter, 4444, bytes, length);
}

static inline void rig_flush(struct rig *rig)
{
	struct nr_error error = {0};
	if (nr_flow_collector_flush(rig->collector, &error))
		fail_msg("%s", error.text);
}

/* One value of the gathered block. */
#define RIG(rig, COLUMN, row) nr_flow_value((rig)->all, NR_FLOW_##COLUMN, row)

#endif
