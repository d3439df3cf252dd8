/* SPDX-License-Identifier: Apache-2.0 */
/* A collector whose blocks are gathered in one large block; exports made by hand. */
#ifndef NR_TESTS_FLOW_RIG_H
#define NR_TESTS_FLOW_RIG_H

#include "sense/flow/collect/state.h"
#include "wire/export_write.h"

#include <string.h>

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

#define EXPORTED ((uint32_t)1750000000)
#define UPTIME   ((uint32_t)1000000)

/* A message in the making. */
struct made {
	struct nr_export_message message;
	struct nr_export_header header;
	uint8_t bytes[8192];
};

static inline void begin(struct made *made, uint16_t version, uint32_t sequence)
{
	made->header = (struct nr_export_header){.version = version,
		.uptime_ms = UPTIME,
		.seconds = EXPORTED,
		.sequence = sequence,
		.domain = 1};
	nr_export_begin(&made->message, made->bytes, sizeof made->bytes, &made->header);
}

static inline void begin_at(
	struct made *made, uint16_t version, uint32_t sequence, uint32_t seconds, uint32_t uptime)
{
	made->header = (struct nr_export_header){.version = version,
		.uptime_ms = uptime,
		.seconds = seconds,
		.sequence = sequence,
		.domain = 1};
	nr_export_begin(&made->message, made->bytes, sizeof made->bytes, &made->header);
}

static inline void put_template(
	struct made *made, uint16_t id, const struct nr_element *fields, uint16_t count, uint16_t scopes)
{
	static struct nr_template template;
	template = (struct nr_template){.id = id, .count = count, .scopes = scopes, .options = scopes != 0};
	memcpy(template.fields, fields, count * sizeof *fields);
	(void)nr_template_measure(&template);
	assert_true(nr_export_put_template(&made->message, &template));
}

/* One record, its octets given. */
static inline void put_record(struct made *made, uint16_t set, const void *bytes, size_t length)
{
	uint8_t *at = nr_export_record(&made->message, set, length);
	assert_non_null(at);
	memcpy(at, bytes, length);
}

static inline void feed(struct rig *rig, struct made *made)
{
	rig_feed(rig, made->bytes, nr_export_end(&made->message));
}

static inline uint64_t dropped(const struct rig *rig, enum nr_flow_cause cause)
{
	return rig->collector->dropped[cause];
}

static inline void expect_drops(const struct rig *rig, enum nr_flow_cause cause, uint64_t count)
{
	for (unsigned i = 0; i < NR_FLOW_CAUSES; i++) {
		uint64_t wanted = i == cause ? count : 0;
		if (rig->collector->dropped[i] != wanted)
			fail_msg("%s is %llu, expected %llu", nr_flow_cause_names[i],
				(unsigned long long)rig->collector->dropped[i], (unsigned long long)wanted);
	}
}

#endif
