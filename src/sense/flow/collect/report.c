/* SPDX-License-Identifier: Apache-2.0 */
/* What the collector knows, as JSON. The schema is in docs/guide/flow.md. */
#include "sense/flow/collect/report.h"

#include <errno.h>

#include "sense/flow/collect/state.h"

#define RATES_SHOWN      64 /* of one exporter; how many there are is said beside them */
#define INTERFACES_SHOWN 256

/* ---- one exporter ---- */

static void write_text(struct nr_json *json, const char *key, const char *text, size_t room)
{
	nr_json_text_n(json, key, text, strnlen(text, room));
}

static void write_rate(struct nr_json *json, const char *from, const char *key, uint64_t id, float rate)
{
	nr_json_object(json, NULL);
	nr_json_real(json, "rate", (double)rate);
	nr_json_text(json, "from", from);
	if (key)
		nr_json_uint(json, key, id);
}

static void write_options_rates(struct nr_json *json, const struct nr_flow_sampling *sampling)
{
	static const struct {
		enum nr_flow_sampling_from from;
		const char *key;
	} scopes[NR_FLOW_SCOPES] = {
		[NR_FLOW_SCOPE_EXPORTER] = {NR_FLOW_SAMPLING_EXPORTER, NULL},
		[NR_FLOW_SCOPE_SELECTOR] = {NR_FLOW_SAMPLING_SELECTOR, "selector"},
		[NR_FLOW_SCOPE_INTERFACE] = {NR_FLOW_SAMPLING_INTERFACE, "interface"},
		[NR_FLOW_SCOPE_LINE_CARD] = {NR_FLOW_SAMPLING_LINE_CARD, "line_card"},
	};
	for (uint32_t i = 0; i < sampling->rates.count && i < RATES_SHOWN; i++) {
		const struct nr_flow_rate *rate = nr_flow_table_at(&sampling->rates, i);
		bool counted;
		float now = nr_flow_rate_at(rate, rate->since, &counted);
		enum nr_flow_sampling_from from =
			counted ? NR_FLOW_SAMPLING_COUNTED : scopes[rate->key.kind].from;
		if (now <= 0)
			continue;
		write_rate(json, nr_flow_code_name(NR_FLOW_SAMPLING_FROM, from), scopes[rate->key.kind].key,
			rate->key.id, now);
		nr_json_time(json, "since", (nr_time)rate->since * NR_SECOND);
		if (rate->before > 0)
			nr_json_real(json, "before", (double)rate->before);
		if (nr_flow_rate_effective(rate) > 0)
			nr_json_real(json, "effective", (double)nr_flow_rate_effective(rate));
		if (rate->name[0])
			write_text(json, "name", rate->name, sizeof rate->name);
		nr_json_object_end(json);
	}
}

static void write_sampling(struct nr_json *json, const struct nr_flow_options *options)
{
	const struct nr_flow_sampling *sampling = &options->sampling;
	const struct nr_flow_table *sources = &options->loss.sources;
	nr_json_array(json, "sampling");
	write_options_rates(json, sampling);
	for (uint32_t i = 0; i < sources->count && i < RATES_SHOWN; i++) {
		const struct nr_flow_source *source = nr_flow_table_at(sources, i);
		if (!source->rate)
			continue;
		write_rate(json, nr_flow_code_name(NR_FLOW_SAMPLING_FROM, NR_FLOW_SAMPLING_RECORD),
			"interface", source->key.id & UINT32_MAX, (float)source->rate);
		if (nr_flow_source_effective(source) > 0)
			nr_json_real(json, "effective", (double)nr_flow_source_effective(source));
		nr_json_object_end(json);
	}
	if (sampling->header > 0) {
		write_rate(json, nr_flow_code_name(NR_FLOW_SAMPLING_FROM, NR_FLOW_SAMPLING_HEADER), NULL, 0,
			sampling->header);
		nr_json_object_end(json);
	}
	if (sampling->override > 0) {
		write_rate(json, nr_flow_code_name(NR_FLOW_SAMPLING_FROM, NR_FLOW_SAMPLING_OVERRIDE), NULL, 0,
			sampling->override);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_uint(json, "sampling_entries", sampling->rates.count + sources->count);
	nr_json_uint(json, "options_evicted",
		sampling->rates.evicted + sources->evicted + options->interfaces.evicted);
}

static void write_totals(struct nr_json *json, const struct nr_flow_loss *loss)
{
	const struct nr_flow_totals *first = &loss->totals[0], *last = &loss->totals[1];
	if (!loss->totals_told)
		return;
	nr_json_object(json, "exporter_totals"); /* between the first and the last time that it told */
	nr_json_uint(json, "messages", last->messages - first->messages);
	nr_json_uint(json, "messages_received", loss->got[1].messages - loss->got[0].messages);
	nr_json_uint(json, "records", last->records - first->records);
	nr_json_uint(json, "records_received", loss->got[1].records - loss->got[0].records);
	nr_json_uint(json, "octets", last->octets - first->octets);
	nr_json_uint(json, "octets_received", loss->got[1].octets - loss->got[0].octets);
	nr_json_uint(json, "ignored_packets", last->ignored_packets);
	nr_json_uint(json, "not_sent_flows", last->not_sent_flows);
	nr_json_uint(json, "not_sent_packets", last->not_sent_packets);
	nr_json_object_end(json);
}

static void write_lost(struct nr_json *json, const struct nr_flow_exporter *exporter)
{
	struct nr_flow_lost lost = nr_flow_loss_sum(&exporter->options.loss, exporter->stream.export);
	nr_json_object(json, "lost");
	nr_json_text(json, "unit", nr_flow_counting_name(lost.counting));
	nr_json_bool(json, "standard", lost.standard);
	nr_json_uint(json, "received", lost.received);
	nr_json_uint(json, "network", lost.network);
	nr_json_uint(json, "unknown", lost.unknown);
	nr_json_uint(json, "duplicates", lost.duplicates);
	nr_json_uint(json, "late", lost.late);
	nr_json_uint(json, "restarts", lost.restarts);
	nr_json_uint(json, "strangers", lost.strangers);
	if (exporter->stream.export == NR_FLOW_SFLOW5) {
		nr_json_uint(json, "samples", lost.samples);
		nr_json_uint(json, "exporter", lost.drops);
	}
	nr_json_object_end(json);
	write_totals(json, &exporter->options.loss);
}

static void write_timers(struct nr_json *json, const struct nr_flow_exporter *exporter)
{
	static const char *const from_names[] = {NULL, "options", "learnt"};
	const struct nr_flow_timers *timers = &exporter->options.timers;
	enum nr_flow_timers_from active_from, inactive_from;
	uint32_t active = nr_flow_timers_active(timers, &active_from);
	uint32_t inactive = nr_flow_timers_inactive(timers, &inactive_from);
	int64_t offset;
	nr_json_uint(json, "active_timeout", active);
	nr_json_text(json, "active_timeout_from", from_names[active_from]);
	nr_json_uint(json, "inactive_timeout", inactive);
	nr_json_text(json, "inactive_timeout_from", from_names[inactive_from]);
	if (exporter->stream.export != NR_FLOW_SFLOW5 && nr_flow_timers_offset(timers, &offset))
		nr_json_int(json, "clock_offset_ms", offset / 1000);
	else
		nr_json_null(json, "clock_offset_ms");
	const struct nr_flow_boot *boot = &exporter->boot;
	nr_json_time(json, "boot",
		boot->said_us ? boot->said_us
		: boot->known ? boot->now_ms * 1000
			      : NR_TIME_MIN);
}

static void write_interfaces(struct nr_json *json, const struct nr_flow_table *interfaces)
{
	nr_json_uint(json, "interfaces_known", interfaces->count);
	nr_json_array(json, "interfaces");
	for (uint32_t i = 0; i < interfaces->count && i < INTERFACES_SHOWN; i++) {
		const struct nr_flow_interface *interface = nr_flow_table_at(interfaces, i);
		nr_json_object(json, NULL);
		nr_json_uint(json, "index", interface->key.id);
		write_text(json, "name", interface->name, sizeof interface->name);
		write_text(json, "description", interface->description, sizeof interface->description);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_causes(struct nr_json *json, const uint64_t dropped[static NR_FLOW_CAUSES])
{
	for (unsigned i = 0; i < NR_FLOW_CAUSES; i++) {
		if (dropped[i])
			nr_json_uint(json, nr_flow_cause_names[i], dropped[i]);
	}
}

static void write_dropped(struct nr_json *json, const uint64_t dropped[static NR_FLOW_CAUSES])
{
	nr_json_object(json, "dropped");
	write_causes(json, dropped);
	nr_json_object_end(json);
}

/* With what the files held beside exports. */
static void write_all_dropped(struct nr_json *json, const struct nr_flow_collector *collector)
{
	nr_json_object(json, "dropped");
	write_causes(json, collector->dropped);
	for (size_t i = 0; i < collector->noted.count; i++) {
		if (collector->noted.dropped[i])
			nr_json_uint(json, collector->noted.names[i], collector->noted.dropped[i]);
	}
	nr_json_object_end(json);
}

static void write_exporter(struct nr_json *json, const struct nr_flow_exporter *exporter)
{
	nr_json_object(json, NULL);
	nr_json_address(json, "exporter", &exporter->stream.exporter);
	nr_json_uint(json, "domain", exporter->stream.domain);
	nr_json_text(json, "export", nr_flow_export_name(exporter->stream.export));
	nr_json_uint(json, "version", exporter->stream.export % 100);
	if (exporter->key.exporter_port)
		nr_json_uint(json, "port", exporter->key.exporter_port);
	nr_json_time(json, "first_seen", exporter->first_seen);
	nr_json_time(json, "last_seen", exporter->seen);
	nr_json_uint(json, "datagrams", exporter->messages);
	nr_json_uint(json, "records", exporter->records);
	nr_json_uint(json, "options_records", exporter->options_records);
	nr_json_uint(json, "templates", exporter->templates.count);
	nr_json_uint(json, "pending_bytes", exporter->pending_bytes);
	nr_json_uint(json, "times_suspect", exporter->times_suspect);
	nr_json_uint(json, "times_of_export", exporter->times_of_export);
	write_dropped(json, exporter->dropped);
	write_lost(json, exporter);
	write_sampling(json, &exporter->options);
	write_timers(json, exporter);
	write_interfaces(json, &exporter->options.interfaces);
	nr_json_object_end(json);
}

/* ---- all ---- */

static int by_name(const void *a, const void *b)
{
	const struct nr_flow_exporter *x = *(const struct nr_flow_exporter *const *)a;
	const struct nr_flow_exporter *y = *(const struct nr_flow_exporter *const *)b;
	int order = memcmp(&x->stream.exporter, &y->stream.exporter, sizeof x->stream.exporter);
	if (order)
		return order;
	if (x->stream.domain != y->stream.domain)
		return x->stream.domain < y->stream.domain ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof x->key);
}

int nr_flow_exporters_sorted(const struct nr_flow_collector *collector,
	struct nr_flow_exporter ***ret_exporters, size_t *ret_count)
{
	const struct nr_flow_exporters *table = &collector->exporters;
	struct nr_flow_exporter **list = calloc((size_t)table->count + 1, sizeof(struct nr_flow_exporter *));
	size_t count = 0;
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < table->room; i++) {
		for (struct nr_flow_exporter *e = table->chains[i]; e; e = e->next)
			list[count++] = e;
	}
	qsort(list, count, sizeof *list, by_name);
	*ret_exporters = list;
	*ret_count = count;
	return 0;
}

void nr_flow_collector_report(const struct nr_flow_collector *collector, struct nr_json *json)
{
	NR_AUTO(nr_freep) struct nr_flow_exporter **exporters = NULL;
	size_t count = 0;
	if (nr_flow_exporters_sorted(collector, &exporters, &count)) {
		json->failed = true;
		return;
	}
	nr_json_uint(json, "records", collector->counts.records + collector->noted.records);
	nr_json_uint(json, "options_records", collector->counts.options_records);
	nr_json_uint(json, "datagrams", collector->counts.datagrams);
	nr_json_uint(json, "messages", collector->counts.messages);
	nr_json_uint(json, "times_suspect", collector->times_suspect);
	nr_json_uint(json, "times_of_export", collector->times_of_export);
	write_all_dropped(json, collector);
	nr_json_object(
		json, "lost"); /* what exporters say is with each; the network's share holds the kernel's */
	nr_json_uint(json, "kernel_datagrams", collector->lost[NR_FLOW_LOST_KERNEL]);
	nr_json_uint(json, "queue_flows", collector->lost[NR_FLOW_LOST_QUEUE]);
	nr_json_object_end(json);
	nr_json_object(json, "pending");
	nr_json_uint(json, "sets", collector->pending_sets);
	nr_json_uint(json, "bytes", collector->pending_bytes);
	nr_json_uint(json, "delivered", collector->pending_delivered);
	nr_json_object_end(json);
	nr_json_uint(json, "exporters_evicted", collector->exporters.evicted);
	nr_json_uint(json, "memory", collector->memory.used);
	nr_json_array(json, "exporters");
	for (size_t i = 0; i < count; i++)
		write_exporter(json, exporters[i]);
	nr_json_array_end(json);
}
