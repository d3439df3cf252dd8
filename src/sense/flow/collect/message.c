/* SPDX-License-Identifier: Apache-2.0 */
/* One message of NetFlow v5, v9 or IPFIX, set by set. */
#include "sense/flow/collect/message.h"

#include <errno.h>
#include <string.h>

#define IPFIX_HEADER  16
#define FIRST_DATA_ID 256

/* ---- data ---- */

static void take_parts(const struct nr_flow_message_in *m, struct nr_flow_run *run,
	const struct nr_flow_plan *plan, uint32_t row, const uint8_t *record, const struct nr_value *values)
{
	for (unsigned i = 0; i < plan->part_count; i++) {
		const struct nr_flow_part *part = &plan->parts[i];
		struct nr_value fixed = {record + part->offset, part->length};
		const struct nr_value *value = values ? &values[part->field] : &fixed;
		uint32_t at = run->first + row;
		switch (part->kind) {
		case NR_FLOW_PART_NAMED:
			nr_flow_names_add(m->collector, part->name, at, value);
			break;
		case NR_FLOW_PART_IP:
		case NR_FLOW_PART_FRAME:
			if (!nr_flow_packet_fill(run->block, at,
				    part->kind == NR_FLOW_PART_IP ? NR_FLOW_FRAME_IPV4
								  : NR_FLOW_FRAME_ETHERNET,
				    value->bytes, value->length, m->collector->conf.inner))
				nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_PACKET_UNREADABLE, 1);
			break;
		default:
			if (!nr_flow_list_take(m->exporter, run, (uint16_t)part->kind, row, value))
				nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_LIST_MALFORMED, 1);
		}
	}
}

static int begin_run(struct nr_flow_message_in *m, const struct nr_flow_plan *plan, uint32_t count,
	struct nr_flow_run *ret_run, struct nr_error *error)
{
	struct nr_flow_collector *collector = m->collector;
	struct nr_flow_run run = {.nat_draft = m->exporter->nat_draft,
		.uptime_ms = m->header.uptime_ms,
		.exported_us = m->exported_us,
		.uptime_us = m->uptime_us,
		.boot_us = m->exporter->boot.said_us,
		.facts = collector->facts,
		.fractions = &m->exporter->fractions};
	int e = nr_flow_block_room(collector, m->exporter, NR_MIN(count, (uint32_t)NR_FLOW_RUN_ROWS),
		&run.count, &run.stream, error);
	if (e)
		return e;
	run.block = collector->block;
	run.first = run.block->count;
	nr_flow_rows_open(run.block, run.count, plan->columns);
	nr_flow_decode_begin(&run, plan);
	*ret_run = run;
	return 0;
}

/* run->count rows have their values; SAMPLING is told. */
static void end_run(struct nr_flow_message_in *m, const struct nr_flow_plan *plan, struct nr_flow_run *run)
{
	nr_flow_decode_end(run, plan);
	nr_flow_timers_observe(
		&m->exporter->options.timers, run->block, run->first, run->count, run->exported_us);
	nr_flow_block_close(m->collector, run->count, m->received);
	m->exporter->times_suspect += run->times_suspect;
	m->exporter->times_of_export += run->times_of_export;
	m->collector->times_suspect += run->times_suspect;
	m->collector->times_of_export += run->times_of_export;
	m->records += run->count;
}

static int take_fixed(struct nr_flow_message_in *m, const struct nr_flow_template *template,
	struct nr_cursor *body, struct nr_error *error)
{
	const struct nr_flow_plan *plan = template->plan;
	const struct nr_flow_options *options = &m->exporter->options;
	for (uint32_t left = (uint32_t)(nr_cursor_left(body) / template->minimum); left;) {
		struct nr_flow_run run;
		int e = begin_run(m, plan, left, &run, error);
		if (e)
			return e;
		const uint8_t *records = nr_cursor_take(body, (size_t)run.count * template->minimum);
		nr_flow_decode(&run, plan, records, template->minimum);
		for (uint32_t i = 0; plan->part_count && i < run.count; i++)
			take_parts(m, &run, plan, i, records + (size_t)i * template->minimum, NULL);
		nr_flow_sampling_apply(&options->sampling, &m->collector->memory, &template->sampling,
			records, template->minimum, m->header.seconds, run.block, run.first, run.count);
		end_run(m, plan, &run);
		left -= run.count;
	}
	return 0;
}

static int take_variable(struct nr_flow_message_in *m, const struct nr_flow_template *template,
	struct nr_cursor *body, struct nr_error *error)
{
	const struct nr_flow_plan *plan = template->plan;
	const struct nr_flow_options *options = &m->exporter->options;
	struct nr_value values[NR_TEMPLATE_FIELDS];
	while (!body->failed && nr_cursor_left(body) >= template->minimum) {
		struct nr_flow_run run;
		uint32_t most = (uint32_t)(nr_cursor_left(body) / template->minimum), row = 0;
		int e = begin_run(m, plan, most, &run, error);
		if (e)
			return e;
		for (; row < run.count && nr_flow_template_next(template, body, values); row++) {
			nr_flow_decode_values(&run, plan, row, values);
			take_parts(m, &run, plan, row, NULL, values);
			nr_flow_sampling_apply_values(&options->sampling, &m->collector->memory,
				&template->sampling, values, m->header.seconds, run.block, run.first + row);
		}
		run.count = row; /* rows that were opened and are not closed are the next one's */
		end_run(m, plan, &run);
	}
	return 0;
}

/* ---- options ---- */

static void note_boot(
	struct nr_flow_message_in *m, const struct nr_flow_template *template, const struct nr_value *values)
{
	for (unsigned i = 0; i < template->count; i++) {
		if (template->fields[i].id != 160 || template->fields[i].enterprise)
			continue;
		uint64_t ms = nr_value_uint(&values[i]);
		if (ms && ms <= (uint64_t)UINT32_MAX * 1000)
			m->exporter->boot.said_us = (int64_t)ms * 1000;
	}
}

static void take_options(
	struct nr_flow_message_in *m, const struct nr_flow_template *kept, struct nr_cursor *body)
{
	struct nr_value values[NR_TEMPLATE_FIELDS];
	struct nr_template *template = &m->collector->template;
	nr_flow_template_open(kept, template);
	while (nr_flow_template_next(kept, body, values)) {
		note_boot(m, kept, values);
		nr_flow_options_learn(
			&m->exporter->options, &m->collector->memory, template, values, m->header.seconds);
		m->options++;
	}
}

static int take_records(struct nr_flow_message_in *m, const struct nr_flow_template *template,
	struct nr_cursor *body, struct nr_error *error)
{
	int e = 0;
	if (template->options)
		take_options(m, template, body);
	else if (template->variable)
		e = take_variable(m, template, body, error);
	else
		e = take_fixed(m, template, body, error);
	if (body->failed)
		nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_RECORD_MALFORMED, 1);
	return e;
}

/* ---- templates ---- */

/* Times of a message: the header's, and when SysUptime was what it says. */
static void set_times(struct nr_flow_message_in *m)
{
	uint32_t nanoseconds = m->header.nanoseconds < 1000000000 ? m->header.nanoseconds : 0;
	m->exported_us = (int64_t)m->header.seconds * NR_SECOND + nanoseconds / 1000;
	m->uptime_us = 0;
	if (m->header.version == 5)
		m->uptime_us = m->exported_us;
	else if (m->header.version == 9)
		m->uptime_us = (nr_flow_boot_of(&m->exporter->boot, &m->header) + m->header.uptime_ms) * 1000;
}

/* Sets that waited for this template, in the order of their coming. */
static int deliver(struct nr_flow_message_in *now, uint16_t id, struct nr_error *error)
{
	struct nr_flow_exporter *exporter = now->exporter;
	struct nr_flow_pending *pending;
	int e = 0;
	while (!e && (pending = nr_flow_pending_take(exporter, id))) {
		struct nr_flow_message_in m = {.collector = now->collector,
			.exporter = exporter,
			.header = pending->header,
			.received = pending->received};
		struct nr_cursor body = nr_cursor_over(pending->bytes, pending->length);
		const struct nr_flow_template *template =
			nr_flow_templates_find(&exporter->templates, id, m.header.seconds);
		set_times(&m);
		if (template)
			e = take_records(&m, template, &body, error);
		now->collector->pending_delivered += m.records + m.options;
		if (now->waiting && pending->received == now->received &&
			m.header.sequence == now->header.sequence) {
			now->waiting--; /* its template stands behind it in the same message */
			now->records += m.records;
			now->options += m.options;
		} else {
			nr_flow_loss_resolved(
				&exporter->options.loss, m.header.sequence, m.records, m.options);
			nr_flow_message_count(&m);
		}
		nr_flow_pending_free(now->collector, exporter, pending);
	}
	return e;
}

static void withdraw(struct nr_flow_message_in *m, const struct nr_template *template)
{
	struct nr_flow_templates *templates = &m->exporter->templates;
	struct nr_flow_memory *memory = &m->collector->memory;
	if (!m->exporter->key.stream)
		nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_WITHDRAWAL_IGNORED, 1);
	else if (template->id == 2 || template->id == 3)
		nr_flow_templates_withdraw_all(templates, memory, template->id == 3);
	else
		nr_flow_templates_withdraw(templates, memory, template->id);
}

static int take_templates(struct nr_flow_message_in *m, struct nr_export_set *set, struct nr_error *error)
{
	struct nr_flow_collector *collector = m->collector;
	struct nr_template *template = &collector->template;
	int e = 0;
	while (!e && nr_template_next(&m->header, set, template)) {
		bool is_new = false;
		uint16_t id = template->id;
		if (template->withdrawal) {
			withdraw(m, template);
		} else if (nr_flow_templates_enter(&m->exporter->templates, &collector->memory,
				   &collector->compiler, &m->exporter->options.sampling, template,
				   m->header.seconds, &is_new)) {
			nr_flow_drop(collector, m->exporter, NR_FLOW_CAUSE_TEMPLATE_REFUSED, 1);
		} else if (m->exporter->pending) {
			e = deliver(m, id, error);
		}
	}
	if (set->body.failed)
		nr_flow_drop(collector, m->exporter, NR_FLOW_CAUSE_TEMPLATE_MALFORMED, 1);
	return e;
}

/* ---- messages ---- */

static int take_set(struct nr_flow_message_in *m, struct nr_export_set *set, struct nr_error *error)
{
	if (nr_set_is_template(&m->header, set->id) || nr_set_is_options(&m->header, set->id))
		return take_templates(m, set, error);
	if (set->id < FIRST_DATA_ID) {
		nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_SET_RESERVED, 1);
		return 0;
	}
	const struct nr_flow_template *template =
		nr_flow_templates_find(&m->exporter->templates, set->id, m->header.seconds);
	if (template)
		return take_records(m, template, &set->body, error);
	if (nr_flow_pending_add(m->collector, m->exporter, &m->header, set, m->received))
		m->waiting++;
	else
		m->unread++;
	return 0;
}

static int take_v5(struct nr_flow_message_in *m, struct nr_cursor *body, struct nr_error *error)
{
	const struct nr_flow_plan *plan = m->collector->v5;
	for (uint32_t left = m->header.count; left;) {
		struct nr_flow_run run;
		int e = begin_run(m, plan, left, &run, error);
		if (e)
			return e;
		nr_flow_decode(&run, plan, nr_cursor_take(body, (size_t)run.count * NR_NETFLOW5_RECORD),
			NR_NETFLOW5_RECORD);
		nr_flow_sampling_apply_v5(
			&m->exporter->options.sampling, m->header.sampling, run.block, run.first, run.count);
		end_run(m, plan, &run);
		left -= run.count;
	}
	return 0;
}

static int take_sets(struct nr_flow_message_in *m, struct nr_cursor *body, struct nr_error *error)
{
	struct nr_export_set set;
	int e = 0;
	while (!e && nr_export_next_set(&m->header, body, &set))
		e = take_set(m, &set, error);
	if (body->failed)
		nr_flow_drop(m->collector, m->exporter, NR_FLOW_CAUSE_SET_MALFORMED, 1);
	return e;
}

void nr_flow_message_count(const struct nr_flow_message_in *m)
{
	m->exporter->records += m->records;
	m->exporter->options_records += m->options;
	m->collector->counts.options_records += m->options; /* records: counted when rows were closed */
}

/* An IPFIX message that says it is longer than what came: what came is read. */
static int open_message(const uint8_t *bytes, size_t length, struct nr_export_header *ret_header,
	struct nr_cursor *ret_body, bool *ret_cut)
{
	uint8_t header[IPFIX_HEADER];
	*ret_cut = false;
	if (length < sizeof header || bytes[0] != 0 || bytes[1] != 10 ||
		((size_t)bytes[2] << 8 | bytes[3]) <= length)
		return nr_export_open(bytes, length, ret_header, ret_body, NULL);
	memcpy(header, bytes, sizeof header);
	header[2] = 0;
	header[3] = sizeof header;
	*ret_cut = true;
	int e = nr_export_open(header, sizeof header, ret_header, ret_body, NULL);
	*ret_body = nr_cursor_over(bytes + sizeof header, length - sizeof header);
	ret_header->length = (uint32_t)length;
	return e;
}

static struct nr_flow_exporter *find_exporter(struct nr_flow_collector *collector,
	const struct nr_flow_domain *from, const struct nr_export_header *header)
{
	struct nr_flow_domain key = *from;
	key.domain = header->domain;
	key.export = header->version;
	if (header->version != 10) {
		key.collector = (struct nr_address){{0}};
		key.exporter_port = key.collector_port = 0;
	}
	return nr_flow_exporters_get(collector, &key);
}

static enum nr_flow_cause bad_message(const uint8_t *bytes, size_t length)
{
	unsigned version = length < 2 ? 0 : (unsigned)bytes[0] << 8 | bytes[1];
	return version == 5 || version == 9 || version == 10 ? NR_FLOW_CAUSE_MALFORMED
							     : NR_FLOW_CAUSE_VERSION;
}

int nr_flow_message_take(struct nr_flow_collector *collector, const struct nr_flow_domain *from,
	const uint8_t *bytes, size_t length, nr_time received, struct nr_error *error)
{
	struct nr_flow_message_in m = {.collector = collector, .received = received};
	struct nr_cursor body;
	bool cut;
	if (open_message(bytes, length, &m.header, &body, &cut)) {
		nr_flow_drop(collector, NULL, bad_message(bytes, length), 1);
		return 0;
	}
	m.exporter = find_exporter(collector, from, &m.header);
	if (!m.exporter)
		return 0;
	if (cut)
		nr_flow_drop(collector, m.exporter, NR_FLOW_CAUSE_TRUNCATED, 1);
	if (m.header.length < length)
		nr_flow_drop(collector, m.exporter, NR_FLOW_CAUSE_TRAILING, 1);
	struct nr_flow_options *options = &m.exporter->options;
	if (!from->stream &&
		nr_flow_loss_is_duplicate(&options->loss, m.header.sequence, bytes, m.header.length))
		return 0;
	if (m.header.version == 9)
		nr_flow_boot_note(&m.exporter->boot, &m.header);
	set_times(&m);
	nr_flow_timers_clock(&options->timers, m.exported_us, received);
	int e = m.header.version == 5 ? take_v5(&m, &body, error) : take_sets(&m, &body, error);
	nr_flow_loss_message(&options->loss, &(struct nr_flow_message){.export = m.header.version,
						     .sequence = m.header.sequence,
						     .uptime_ms = m.header.uptime_ms,
						     .length = m.header.length,
						     .records = m.records,
						     .options = m.options,
						     .waiting = m.waiting,
						     .unread = m.unread});
	nr_flow_message_count(&m);
	m.exporter->messages++;
	collector->counts.messages++;
	return e;
}
