/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Of NetFlow v5, as if a template had said it. */
static const struct nr_element netflow5_fields[] = {
	{0, 8, 4},
	{0, 12, 4},
	{0, 15, 4},
	{0, 10, 2},
	{0, 14, 2},
	{0, 2, 4},
	{0, 1, 4},
	{0, 22, 4},
	{0, 21, 4},
	{0, 7, 2},
	{0, 11, 2},
	{0, 210, 1},
	{0, 6, 1},
	{0, 4, 1},
	{0, 5, 1},
	{0, 16, 2},
	{0, 17, 2},
	{0, 9, 1},
	{0, 13, 1},
	{0, 210, 2},
};

/* ---- from configuration ---- */

/* A table of prefixes, NULL where there are none. */
static int make_table(const struct nr_prefix *prefixes, size_t count, struct nr_prefix_table **ret_table,
	struct nr_error *error)
{
	NR_AUTO(nr_prefix_table_freep) struct nr_prefix_table *table = NULL;
	if (!count)
		return 0;
	int e = nr_prefix_table_new(&table, error);
	for (size_t i = 0; !e && i < count; i++)
		e = nr_prefix_table_add(table, &prefixes[i], 0, error);
	if (!e)
		e = nr_prefix_table_seal(table, error);
	if (!e)
		*ret_table = nr_steal(&table);
	return e;
}

static int parse_draft(struct nr_flow_collector *collector, struct nr_error *error)
{
	const struct nr_texts *texts = &collector->conf.nat_draft;
	NR_AUTO(nr_freep) struct nr_prefix *prefixes = calloc(texts->count + 1, sizeof *prefixes);
	if (!prefixes)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < texts->count; i++) {
		int e = nr_prefix_parse(texts->items[i], &prefixes[i], error);
		if (e) {
			nr_error_prefix(error, "--nat-draft");
			return e;
		}
	}
	return make_table(prefixes, texts->count, &collector->nat_draft, error);
}

static int configure(struct nr_flow_collector *collector, struct nr_error *error)
{
	const struct nr_flow_collector_conf *conf = &collector->conf;
	float rate;
	int e = nr_flow_sampling_override(&conf->sampling, NULL, &rate, error);
	if (!e)
		e = make_table(conf->exporters.items, conf->exporters.count, &collector->allowed, error);
	if (!e)
		e = parse_draft(collector, error);
	if (!e)
		e = nr_flow_compiler_init(
			&collector->compiler, conf->fields.items, conf->fields.count, error);
	if (!e && conf->fields.count)
		e = nr_flow_names_init(&collector->names, error);
	return e;
}

int nr_flow_collector_new(const struct nr_flow_collector_conf *conf, struct nr_flow_sink *sink,
	struct nr_flow_collector **ret_collector, struct nr_error *error)
{
	NR_AUTO(nr_flow_collector_freep) struct nr_flow_collector *collector = calloc(1, sizeof *collector);
	if (!collector)
		return nr_fail(error, -ENOMEM, "out of memory");
	collector->conf = *conf;
	collector->sink = sink;
	collector->clock = collector->swept = NR_TIME_MIN / 2; /* differences do not overflow */
	collector->memory.limit = conf->memory;
	if (getrandom(&collector->memory.seed, sizeof collector->memory.seed, 0) < 0)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	int e = configure(collector, error);
	if (e)
		return e;
	collector->facts = calloc(NR_FLOW_FACTS, sizeof *collector->facts);
	collector->v5 = nr_flow_plan_new(&collector->compiler, netflow5_fields, NR_COUNT(netflow5_fields));
	if (!collector->facts || !collector->v5)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_collector = nr_steal(&collector);
	return 0;
}

void nr_flow_collector_free(struct nr_flow_collector *collector)
{
	if (!collector)
		return;
	nr_flow_exporters_fini(collector);
	nr_flow_compiler_fini(&collector->compiler);
	nr_flow_names_fini(&collector->names);
	nr_prefix_table_free(collector->allowed);
	nr_prefix_table_free(collector->nat_draft);
	nr_flow_block_free(collector->own);
	free(collector->facts);
	free(collector->v5);
	free(collector);
}

void nr_flow_collector_freep(struct nr_flow_collector **collector)
{
	nr_flow_collector_free(*collector);
}

/* ---- feeding ---- */

/* sFlow's version has four octets. */
static bool is_sflow(const uint8_t *bytes, size_t length)
{
	return length >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0;
}

/* A block holds what came within a minute: ages and sums over time are told by it. */
static int part_minutes(struct nr_flow_collector *collector, nr_time received, struct nr_error *error)
{
	const struct nr_flow_block *block = collector->block;
	if (!block || !block->count ||
		nr_time_floor(received, NR_MINUTE) == nr_time_floor(block->received_first, NR_MINUTE))
		return 0;
	return nr_flow_block_emit(collector, error);
}

int nr_flow_collector_take(
	struct nr_flow_collector *collector, const struct nr_flow_datagram *datagram, struct nr_error *error)
{
	collector->counts.datagrams++;
	collector->clock = NR_MAX(collector->clock, datagram->received);
	if (collector->allowed &&
		nr_prefix_table_find(collector->allowed, &datagram->exporter) == NR_PREFIX_NONE) {
		nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_EXPORTER_REFUSED, 1);
		return 0;
	}
	struct nr_flow_domain from = {.exporter = datagram->exporter,
		.collector = datagram->collector,
		.exporter_port = datagram->exporter_port,
		.collector_port = datagram->collector_port};
	int e = part_minutes(collector, datagram->received, error);
	if (e)
		return e;
	if (!is_sflow(datagram->bytes, datagram->length))
		return nr_flow_message_take(
			collector, &from, datagram->bytes, datagram->length, datagram->received, error);
	if (datagram->bytes[3] == 5)
		return nr_flow_sflow_take(
			collector, &from, datagram->bytes, datagram->length, datagram->received, error);
	nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_VERSION, 1);
	return 0;
}

int nr_flow_collector_flush(struct nr_flow_collector *collector, struct nr_error *error)
{
	nr_flow_pending_sweep(collector);
	if (collector->failure.code) {
		int e = nr_fail(error, collector->failure.code, "%s", collector->failure.text);
		collector->failure.code = 0;
		return e;
	}
	return nr_flow_block_emit(collector, error);
}

void nr_flow_collector_lost(
	struct nr_flow_collector *collector, enum nr_flow_loss_place place, uint64_t count)
{
	collector->lost[place] += count;
}

void nr_flow_collector_note(struct nr_flow_collector *collector, uint64_t records, const char *const *names,
	const uint64_t *dropped, size_t count)
{
	collector->noted.records = records;
	collector->noted.names = names;
	collector->noted.dropped = dropped;
	collector->noted.count = count;
}

uint64_t nr_flow_collector_dropped(const struct nr_flow_collector *collector, enum nr_flow_cause cause)
{
	return collector->dropped[cause];
}

uint64_t nr_flow_collector_waiting(const struct nr_flow_collector *collector)
{
	return collector->pending_sets;
}

struct nr_flow_counts nr_flow_collector_counts(const struct nr_flow_collector *collector)
{
	return collector->counts;
}
