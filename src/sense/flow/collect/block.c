/* SPDX-License-Identifier: Apache-2.0 */
/* The block that is being filled, and values of named elements beside it. */
#include "sense/flow/collect/state.h"

#include <errno.h>
#include <string.h>

#define NAMED_VALUES 65536 /* of one block */
#define NAMED_BYTES  ((size_t)1 << 20)

static int acquire(struct nr_flow_collector *collector, struct nr_error *error)
{
	if (collector->block)
		return 0;
	struct nr_flow_block *lent = collector->sink->lend ? collector->sink->lend(collector->sink) : NULL;
	if (!lent && !collector->own) {
		int e = nr_flow_block_new(NR_FLOW_ROOM, &collector->own, error);
		if (e)
			return e;
	}
	if (!lent)
		nr_flow_block_clear(collector->own);
	collector->block = lent ? lent : collector->own;
	collector->block_serial++;
	return 0;
}

int nr_flow_block_emit(struct nr_flow_collector *collector, struct nr_error *error)
{
	struct nr_flow_block *block = collector->block;
	if (!block || !block->count)
		return 0;
	collector->block = NULL;
	int e = collector->sink->take(collector->sink, block, error);
	collector->names.count = collector->names.used = 0;
	return e;
}

int nr_flow_block_room(struct nr_flow_collector *collector, struct nr_flow_exporter *exporter, uint32_t count,
	uint32_t *ret_count, uint16_t *ret_stream, struct nr_error *error)
{
	int e;
	if (collector->block && collector->block->count == collector->block->room) {
		e = nr_flow_block_emit(collector, error);
		if (e)
			return e;
	}
	e = acquire(collector, error);
	if (e)
		return e;
	if (exporter->block != collector->block_serial) {
		int at = nr_flow_block_stream(collector->block, &exporter->stream);
		if (at < 0) { /* the block has as many exporters as it can */
			e = nr_flow_block_emit(collector, error);
			if (!e)
				e = acquire(collector, error);
			if (e)
				return e;
			at = nr_flow_block_stream(collector->block, &exporter->stream);
		}
		exporter->block = collector->block_serial;
		exporter->block_stream = (uint16_t)at;
	}
	*ret_count = NR_MIN(count, collector->block->room - collector->block->count);
	*ret_stream = exporter->block_stream;
	return 0;
}

void nr_flow_block_close(struct nr_flow_collector *collector, uint32_t count, nr_time received)
{
	struct nr_flow_block *block = collector->block;
	if (!count)
		return;
	block->received_first = NR_MIN(block->received_first, received);
	block->received_last = NR_MAX(block->received_last, received);
	nr_flow_rows_close(block, count);
	collector->counts.records += count;
}

/* ---- named elements ---- */

int nr_flow_names_init(struct nr_flow_names *names, struct nr_error *error)
{
	names->values = malloc(NAMED_VALUES * sizeof *names->values);
	names->bytes = malloc(NAMED_BYTES);
	return names->values && names->bytes ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

void nr_flow_names_fini(struct nr_flow_names *names)
{
	free(names->values);
	free(names->bytes);
}

void nr_flow_names_add(
	struct nr_flow_collector *collector, uint16_t name, uint32_t row, const struct nr_value *value)
{
	struct nr_flow_names *names = &collector->names;
	const struct nr_flow_named_element *element = &collector->compiler.named[name];
	if (names->count == NAMED_VALUES || value->length > NAMED_BYTES - names->used) {
		nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_NAMED_FULL, 1);
		return;
	}
	uint8_t *bytes = names->bytes + names->used;
	memcpy(bytes, value->bytes, value->length);
	names->used += value->length;
	names->values[names->count++] = (struct nr_flow_named){.row = row,
		.name = element->name,
		.type = element->type,
		.bytes = bytes,
		.length = value->length};
}

size_t nr_flow_collector_named(
	const struct nr_flow_collector *collector, const struct nr_flow_named **ret_values)
{
	*ret_values = collector->names.values;
	return collector->names.count;
}
