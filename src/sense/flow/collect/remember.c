/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of exporters over UDP beyond the end of the process, so that a successor decodes the
 * first datagram: templates, rates, names, timers, which number comes next.
 *
 *	"NRFLOWM1", then entries: 4 bytes type, 4 bytes length, 8 bytes checksum (SipHash of type, length and
 *	payload, with keys that are no secret: it finds damage, not malice), payload. The last one counts the
 *	others. Big-endian.
 *
 * Counts are not remembered: a process counts what it saw. What passed between the writing and the
 *successor's first datagram is not known to be lost, and is shown as unknown.
 */
#include <errno.h>

#include "base/file.h"
#include "base/hash.h"
#include "sense/flow/collect/remember.h"

#define MAGIC        "NRFLOWM1"
#define MAGIC_BYTES  8
#define ENTRY_HEADER 16
#define FILE_MAX     ((size_t)1 << 30)

uint64_t nr_flow_memory_sum(uint32_t type, const uint8_t *payload, uint32_t length)
{
	return nr_siphash(payload, length, (uint64_t)type << 32 | length, UINT64_C(0x6e6f726f73686921));
}

/* ---- writing ---- */

struct out {
	uint8_t *bytes;
	size_t length, room;
	bool failed;
};

static void put(struct out *out, uint64_t value, unsigned width)
{
	if (out->room - out->length < 8) {
		size_t room = NR_MAX(out->room * 2, (size_t)4096);
		uint8_t *bytes = out->failed ? NULL : realloc(out->bytes, room);
		if (!bytes) {
			out->failed = true;
			return;
		}
		out->bytes = bytes;
		out->room = room;
	}
	for (unsigned i = 0; i < width; i++)
		out->bytes[out->length++] = (uint8_t)(value >> 8 * (width - 1 - i));
}

static void put_bytes(struct out *out, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		put(out, ((const uint8_t *)bytes)[i], 1);
}

static void put_real(struct out *out, float number)
{
	uint32_t bits;
	memcpy(&bits, &number, sizeof bits);
	put(out, bits, 4);
}

static size_t begin_entry(struct out *out, uint32_t type)
{
	size_t at = out->length;
	put(out, type, 4);
	put(out, 0, 4);
	put(out, 0, 8);
	return at;
}

static void end_entry(struct out *out, size_t at)
{
	if (out->failed)
		return;
	size_t end = out->length;
	uint32_t type = (uint32_t)out->bytes[at + 3];
	uint32_t length = (uint32_t)(end - at - ENTRY_HEADER);
	uint64_t sum = nr_flow_memory_sum(type, out->bytes + at + ENTRY_HEADER, length);
	out->length = at + 4;
	put(out, length, 4);
	put(out, sum, 8);
	out->length = end;
}

static void put_domain(struct out *out, const struct nr_flow_exporter *exporter)
{
	const struct nr_flow_domain *key = &exporter->key;
	size_t at = begin_entry(out, NR_FLOW_MEMORY_DOMAIN);
	put_bytes(out, key->exporter.octets, 16);
	put_bytes(out, key->collector.octets, 16);
	put(out, key->domain, 4);
	put(out, key->export, 4);
	put(out, key->exporter_port, 2);
	put(out, key->collector_port, 2);
	put(out, (uint64_t)exporter->first_seen, 8);
	put(out, (uint64_t)exporter->seen, 8);
	const struct nr_flow_boot *boot = &exporter->boot;
	put(out, (uint64_t)boot->now_ms, 8);
	put(out, (uint64_t)boot->half_ends, 8);
	put(out, boot->uptime_ms, 4);
	put(out, boot->known, 1);
	put(out, (uint64_t)boot->said_us, 8);
	const struct nr_flow_timers *timers = &exporter->options.timers;
	put(out, timers->active_told, 4);
	put(out, timers->inactive_told, 4);
	const struct nr_flow_loss *loss = &exporter->options.loss;
	put(out, loss->uptime_ms, 4);
	put(out, loss->newest, 4);
	put(out, loss->counting, 1);
	put(out, loss->decided, 1);
	for (unsigned i = 0; i < NR_FLOW_LOSS_HYPOTHESES; i++) {
		put(out, loss->sequences[i].begun, 1);
		put(out, loss->sequences[i].next, 4);
		put(out, loss->sequences[i].largest, 4);
	}
	put(out, exporter->options.sampling.selectors_in_data, 1);
	end_entry(out, at);
}

static void put_template(struct out *out, const struct nr_flow_template *template)
{
	size_t at = begin_entry(out, NR_FLOW_MEMORY_TEMPLATE);
	put(out, template->id, 2);
	put(out, template->options, 1);
	put(out, template->scopes, 2);
	put(out, template->since, 4);
	put(out, template->refreshed, 4);
	put(out, template->count, 2);
	for (unsigned i = 0; i < template->count; i++) {
		put(out, template->fields[i].enterprise, 4);
		put(out, template->fields[i].id, 2);
		put(out, template->fields[i].length, 2);
	}
	end_entry(out, at);
}

static void put_rate(struct out *out, const struct nr_flow_rate *rate)
{
	size_t at = begin_entry(out, NR_FLOW_MEMORY_RATE);
	put(out, rate->key.kind, 1);
	put(out, rate->key.id, 8);
	put_real(out, rate->rate);
	put_real(out, rate->before);
	put(out, rate->since, 4);
	put(out, rate->algorithm, 4);
	for (unsigned i = 0; i < 2; i++) {
		put(out, rate->observed[i], 8);
		put(out, rate->selected[i], 8);
	}
	put_bytes(out, rate->name, sizeof rate->name);
	end_entry(out, at);
}

static void put_interface(struct out *out, const struct nr_flow_interface *interface)
{
	size_t at = begin_entry(out, NR_FLOW_MEMORY_INTERFACE);
	put(out, interface->key.id, 8);
	put_bytes(out, interface->name, sizeof interface->name);
	put_bytes(out, interface->description, sizeof interface->description);
	end_entry(out, at);
}

static void put_bins(struct out *out, uint32_t which, const struct nr_flow_timer_bins *bins)
{
	if (!bins->total)
		return;
	size_t at = begin_entry(out, NR_FLOW_MEMORY_BINS);
	put(out, which, 1);
	put(out, bins->total, 4);
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		put(out, bins->bins[i].seconds, 2);
		put(out, bins->bins[i].count, 4);
	}
	end_entry(out, at);
}

static void put_exporter(struct out *out, const struct nr_flow_exporter *exporter)
{
	const struct nr_flow_options *options = &exporter->options;
	put_domain(out, exporter);
	for (uint32_t i = 0; i < exporter->templates.room; i++) {
		const struct nr_flow_template *template = exporter->templates.slots[i];
		if (template && template->before)
			put_template(out, template->before);
		if (template)
			put_template(out, template);
	}
	for (uint32_t i = 0; i < options->sampling.rates.count; i++)
		put_rate(out, nr_flow_table_at(&options->sampling.rates, i));
	for (uint32_t i = 0; i < options->interfaces.count; i++)
		put_interface(out, nr_flow_table_at(&options->interfaces, i));
	put_bins(out, 0, &options->timers.active_reason);
	put_bins(out, 1, &options->timers.active_any);
	put_bins(out, 2, &options->timers.inactive);
}

int nr_flow_collector_remember(const struct nr_flow_collector *collector, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	const struct nr_flow_exporters *table = &collector->exporters;
	struct out out = {0};
	uint64_t count = 0;
	put_bytes(&out, MAGIC, MAGIC_BYTES);
	for (uint32_t i = 0; i < table->room; i++) {
		for (const struct nr_flow_exporter *e = table->chains[i]; e; e = e->next) {
			if (e->key.stream)
				continue; /* its state ends with it */
			put_exporter(&out, e);
			count++;
		}
	}
	size_t at = begin_entry(&out, NR_FLOW_MEMORY_END);
	put(&out, count, 8);
	end_entry(&out, at);
	if (out.failed) {
		free(out.bytes);
		return nr_fail(error, -ENOMEM, "out of memory for what is remembered of exporters");
	}
	*ret_bytes = out.bytes;
	*ret_length = out.length;
	return 0;
}

int nr_flow_collector_save(
	const struct nr_flow_collector *collector, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_flow_collector_remember(collector, &bytes, &length, error);
	return e ? e : nr_file_write(path, bytes, length, error);
}

int nr_flow_collector_load(struct nr_flow_collector *collector, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, FILE_MAX, &bytes, &length, error);
	return e ? e : nr_flow_collector_recall(collector, bytes, length, error);
}
