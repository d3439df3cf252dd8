/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what remember.c wrote. Bytes may be anybody's: what cannot be is left out and counted. */
#include <errno.h>
#include <math.h>

#include "sense/flow/collect/remember.h"

#define MAGIC     "NRFLOWM1"
#define YEAR_2100 INT64_C(4102444800)

struct in {
	struct nr_flow_collector *collector;
	struct nr_flow_exporter *exporter; /* that entries are of; NULL: none, they are left out */
	uint64_t domains;
};

static void take_address(struct nr_cursor *c, struct nr_address *address)
{
	const uint8_t *bytes = nr_cursor_take(c, sizeof address->octets);
	if (bytes)
		memcpy(address->octets, bytes, sizeof address->octets);
}

static float take_real(struct nr_cursor *c)
{
	uint32_t bits = nr_cursor_u32(c);
	float number;
	memcpy(&number, &bits, sizeof number);
	return number;
}

static bool is_export(uint32_t export)
{
	return export == NR_FLOW_NETFLOW5 || export == NR_FLOW_NETFLOW9 || export == NR_FLOW_IPFIX ||
	       export == NR_FLOW_SFLOW5;
}

static bool is_time(nr_time time)
{
	return time >= 0 && time <= YEAR_2100 * NR_SECOND;
}

/* ---- entries ---- */

static void take_boot(struct nr_cursor *c, struct nr_flow_boot *boot)
{
	boot->now_ms = (int64_t)nr_cursor_u64(c);
	boot->half_ends = (nr_time)nr_cursor_u64(c);
	boot->uptime_ms = nr_cursor_u32(c);
	boot->known = nr_cursor_u8(c) == 1;
	boot->said_us = (int64_t)nr_cursor_u64(c);
	if (!is_time(boot->said_us))
		boot->said_us = 0;
	if (!is_time(boot->half_ends) || boot->now_ms < -YEAR_2100 * 1000 || boot->now_ms > YEAR_2100 * 1000)
		*boot = (struct nr_flow_boot){.said_us = boot->said_us};
}

/* The numbers go on where they stood; the first gap is of the time in between, of which nothing is known. */
static void take_loss(struct nr_cursor *c, struct nr_flow_loss *loss)
{
	loss->uptime_ms = nr_cursor_u32(c);
	loss->newest = nr_cursor_u32(c);
	loss->counting = nr_cursor_u8(c) % NR_FLOW_LOSS_HYPOTHESES;
	loss->decided = nr_cursor_u8(c) == 1;
	loss->abandoned_sets = 1;
	for (unsigned i = 0; i < NR_FLOW_LOSS_HYPOTHESES; i++) {
		struct nr_flow_sequence *s = &loss->sequences[i];
		s->begun = nr_cursor_u8(c) == 1;
		s->next = nr_cursor_u32(c);
		s->largest = nr_cursor_u32(c) % 65536; /* units of a message: not more than it has bytes */
		s->open_sets = s->begun;
		s->open_sequence = s->next - 1; /* nobody's: what waited is gone */
	}
}

static bool take_domain(struct in *in, struct nr_cursor *c)
{
	struct nr_flow_collector *collector = in->collector;
	struct nr_flow_domain key = {0};
	in->exporter = NULL;
	take_address(c, &key.exporter);
	take_address(c, &key.collector);
	key.domain = nr_cursor_u32(c);
	key.export = nr_cursor_u32(c);
	key.exporter_port = nr_cursor_u16(c);
	key.collector_port = nr_cursor_u16(c);
	nr_time first = (nr_time)nr_cursor_u64(c), seen = (nr_time)nr_cursor_u64(c);
	if (c->failed || !is_export(key.export) || !is_time(first) || !is_time(seen))
		return false;
	in->domains++;
	bool refused = collector->allowed &&
		       nr_prefix_table_find(collector->allowed, &key.exporter) == NR_PREFIX_NONE;
	if (refused || nr_flow_exporters_find(collector, &key))
		return true; /* not wanted any more; or it speaks already, and says better than we remember */
	struct nr_flow_exporter *exporter = nr_flow_exporters_get(collector, &key);
	if (!exporter)
		return true; /* no room, counted */
	exporter->first_seen = first;
	exporter->seen = seen;
	take_boot(c, &exporter->boot);
	exporter->options.timers.active_told = nr_cursor_u32(c) % 86401;
	exporter->options.timers.inactive_told = nr_cursor_u32(c) % 86401;
	take_loss(c, &exporter->options.loss);
	exporter->options.sampling.selectors_in_data = nr_cursor_u8(c) == 1;
	in->exporter = exporter;
	return !c->failed;
}

static bool take_template(struct in *in, struct nr_cursor *c)
{
	struct nr_template *template = &in->collector->template;
	*template = (struct nr_template){.id = nr_cursor_u16(c)};
	template->options = nr_cursor_u8(c) == 1;
	template->scopes = nr_cursor_u16(c);
	uint32_t since = nr_cursor_u32(c), refreshed = nr_cursor_u32(c);
	template->count = nr_cursor_u16(c);
	if (c->failed || template->count > NR_TEMPLATE_FIELDS || template->scopes > template->count ||
		template->id < 256)
		return false;
	for (unsigned i = 0; i < template->count; i++) {
		struct nr_element *field = &template->fields[i];
		field->enterprise = nr_cursor_u32(c);
		field->id = nr_cursor_u16(c);
		field->length = nr_cursor_u16(c);
		bool variable = field->length == NR_ELEMENT_VARIABLE;
		template->variable = template->variable || variable;
		template->minimum += variable ? 1u : field->length;
	}
	if (c->failed || !template->minimum)
		return false;
	struct nr_flow_exporter *exporter = in->exporter;
	bool is_new;
	for (unsigned said = 0; exporter && said < 1u + (refreshed != since); said++) {
		if (nr_flow_templates_enter(&exporter->templates, &in->collector->memory,
			    &in->collector->compiler, &exporter->options.sampling, template,
			    said ? refreshed : since, &is_new))
			nr_flow_drop(in->collector, exporter, NR_FLOW_CAUSE_TEMPLATE_REFUSED, 1);
	}
	return true;
}

static bool is_rate(float rate)
{
	return isfinite(rate) && (rate == 0 || (rate >= 1 && rate <= 4294967296.0F));
}

static bool take_rate(struct in *in, struct nr_cursor *c)
{
	struct nr_flow_rate rate = {.key = {.kind = nr_cursor_u8(c)}};
	rate.key.id = nr_cursor_u64(c);
	rate.rate = take_real(c);
	rate.before = take_real(c);
	rate.since = nr_cursor_u32(c);
	rate.algorithm = nr_cursor_u32(c);
	for (unsigned i = 0; i < 2; i++) {
		rate.observed[i] = nr_cursor_u64(c);
		rate.selected[i] = nr_cursor_u64(c);
	}
	const uint8_t *name = nr_cursor_take(c, sizeof rate.name);
	if (c->failed || rate.key.kind >= NR_FLOW_SCOPES || !is_rate(rate.rate) || !is_rate(rate.before))
		return false;
	memcpy(rate.name, name, sizeof rate.name - 1);
	if (in->exporter)
		nr_flow_sampling_recall(&in->exporter->options.sampling, &in->collector->memory, &rate);
	return true;
}

static bool take_interface(struct in *in, struct nr_cursor *c)
{
	uint64_t id = nr_cursor_u64(c);
	struct nr_flow_interface *entry = NULL;
	const uint8_t *name = nr_cursor_take(c, sizeof entry->name);
	const uint8_t *description = nr_cursor_take(c, sizeof entry->description);
	if (c->failed)
		return false;
	if (in->exporter)
		entry = nr_flow_table_add(
			&in->exporter->options.interfaces, &in->collector->memory, sizeof *entry, 0, id);
	if (entry) {
		memcpy(entry->name, name, sizeof entry->name - 1);
		memcpy(entry->description, description, sizeof entry->description - 1);
	}
	return true;
}

static bool take_bins(struct in *in, struct nr_cursor *c)
{
	struct nr_flow_timer_bins bins = {0};
	uint8_t which = nr_cursor_u8(c);
	bins.total = nr_cursor_u32(c);
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		bins.bins[i].seconds = nr_cursor_u16(c);
		bins.bins[i].count = nr_cursor_u32(c);
	}
	if (c->failed || which > 2)
		return false;
	if (in->exporter) {
		struct nr_flow_timers *timers = &in->exporter->options.timers;
		struct nr_flow_timer_bins *const places[] = {
			&timers->active_reason, &timers->active_any, &timers->inactive};
		*places[which] = bins;
	}
	return true;
}

/* ---- all ---- */

static bool take_entry(struct in *in, uint32_t type, struct nr_cursor *payload)
{
	switch (type) {
	case NR_FLOW_MEMORY_DOMAIN:
		return take_domain(in, payload);
	case NR_FLOW_MEMORY_TEMPLATE:
		return take_template(in, payload);
	case NR_FLOW_MEMORY_RATE:
		return take_rate(in, payload);
	case NR_FLOW_MEMORY_INTERFACE:
		return take_interface(in, payload);
	case NR_FLOW_MEMORY_BINS:
		return take_bins(in, payload);
	default:
		return false;
	}
}

int nr_flow_collector_recall(
	struct nr_flow_collector *collector, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	struct in in = {.collector = collector};
	struct nr_cursor c = nr_cursor_over(bytes, length);
	const uint8_t *magic = nr_cursor_take(&c, strlen(MAGIC));
	if (!magic || memcmp(magic, MAGIC, strlen(MAGIC)) != 0)
		return nr_fail(error, -EBADMSG,
			"not what a collector remembered of exporters: it does not begin with %s", MAGIC);
	bool ended = false;
	while (!ended && nr_cursor_left(&c)) {
		uint32_t type = nr_cursor_u32(&c), size = nr_cursor_u32(&c);
		uint64_t sum = nr_cursor_u64(&c);
		const uint8_t *payload = nr_cursor_take(&c, size);
		if (!payload)
			break;
		bool sound = nr_flow_memory_sum(type, payload, size) == sum;
		struct nr_cursor inside = nr_cursor_over(payload, size);
		ended = sound && type == NR_FLOW_MEMORY_END && nr_cursor_u64(&inside) == in.domains;
		if (!ended && (!sound || !take_entry(&in, type, &inside))) {
			nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_STATE_DAMAGED, 1);
			if (type == NR_FLOW_MEMORY_DOMAIN)
				in.exporter = NULL; /* what follows is nobody's */
		}
	}
	if (!ended)
		nr_flow_drop(collector, NULL, NR_FLOW_CAUSE_STATE_DAMAGED, 1); /* cut off */
	collector->last = NULL;
	return 0;
}
