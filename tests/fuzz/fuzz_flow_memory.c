/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of exporters, with checksums that fit: the reader stands on its own. */
#include <string.h>

#include "sense/flow/collect/remember.h"

static void put(uint8_t *bytes, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * (7 - i));
}

static void mend_sums(uint8_t *bytes, size_t length)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	nr_cursor_skip(&c, 8);
	while (!c.failed && nr_cursor_left(&c)) {
		uint32_t type = nr_cursor_u32(&c), size = nr_cursor_u32(&c);
		const uint8_t *sum = nr_cursor_take(&c, 8), *payload = nr_cursor_take(&c, size);
		if (payload)
			put(bytes + (sum - bytes), nr_flow_memory_sum(type, payload, size));
	}
}

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	(void)sink, (void)error;
	if (block->count == 0)
		abort();
	return 0;
}

/* It goes on, tells what it knows, and what it would remember is taken again without a loss. */
static void go_on(struct nr_flow_collector *collector)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	NR_AUTO(nr_json_fini) struct nr_json json;
	size_t length;
	static const uint8_t message[36] = {
		0, 10, 0, 36, 0x69, 0x20, 0, 0, 0, 0, 0, 9, 0, 0, 0, 5, 1, 0, 0, 20};
	struct nr_flow_datagram datagram = {.bytes = message, .length = sizeof message, .received = NR_HOUR};
	if (nr_flow_collector_take(collector, &datagram, NULL) != 0)
		abort();
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_flow_collector_report(collector, &json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) != 0 || nr_flow_collector_flush(collector, NULL) != 0 ||
		nr_flow_collector_remember(collector, &bytes, &length, NULL) != 0 ||
		nr_flow_collector_recall(collector, bytes, length, NULL) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nr_flow_collector_conf conf = {.exporters_max = 20, .memory = 1 << 20};
	struct nr_flow_sink sink = {take};
	NR_AUTO(nr_flow_collector_freep) struct nr_flow_collector *collector = NULL;
	NR_AUTO(nr_freep) uint8_t *copy = malloc(size + 1);
	if (!copy || nr_flow_collector_new(&conf, &sink, &collector, NULL) != 0)
		abort();
	memcpy(copy, data, size);
	mend_sums(copy, size);
	if (nr_flow_collector_recall(collector, copy, size, NULL) != 0)
		return 0;
	if (collector->memory.used > conf.memory)
		abort();
	go_on(collector);
	return 0;
}
