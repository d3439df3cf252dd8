/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/exporter.h"
#include "train/world/geography.h"

#include <errno.h>
#include <string.h>

#define FIRST_ADDRESS 0xc0000201 /* 192.0.2.1 */
#define FIRST_PORT    50000
#define DOWN          (90 * NR_SECOND) /* how long a reboot takes */
#define MESSAGE_WAITS (5 * NR_SECOND)  /* how long a record waits for others */

static uint16_t collector_port(uint16_t version)
{
	return version == 105 ? 6343 : version == 10 ? 4739 : 2055;
}

void nr_exporter_init(struct nr_exporter *exporter, unsigned number, uint64_t seed, nr_time start,
	nr_time duration, uint32_t sampling)
{
	const struct nr_exporter_kind *kind = &nr_exporter_kinds[number];
	bool samples = kind->role != NR_ROLE_NAT;
	*exporter = (struct nr_exporter){.kind = kind,
		.number = number,
		.address = nr_address_from_ipv4(FIRST_ADDRESS + number),
		.source_port = (uint16_t)(FIRST_PORT + number),
		.port = collector_port(kind->version),
		.sampling = sampling && samples ? sampling : kind->sampling,
		.active = kind->active,
		.start = start,
		.boot = start - kind->uptime,
		.reboot_at = kind->reboot ? start + duration / 1000 * kind->reboot : NR_TIME_MAX,
		.random = nr_random_stream(seed, kind->name),
		.sequence = kind->first_sequence,
		.told_records = kind->first_sequence,
		.told_messages = kind->first_sequence / 16,
		.templates_due = start + kind->template_late,
		.templates_left = UINT32_MAX,
		.first = true};
	exporter->odds = nr_odds_of(1.0 / exporter->sampling);
	if (kind->active_step)
		exporter->active =
			(kind->active + kind->active_step - 1) / kind->active_step * kind->active_step;
}

nr_time nr_exporter_clock(const struct nr_exporter *exporter, nr_time time)
{
	return time + exporter->kind->offset +
	       (time - exporter->start) / NR_SECOND * exporter->kind->drift_ppm;
}

uint32_t nr_exporter_uptime_ms(const struct nr_exporter *exporter, nr_time time)
{
	nr_time up = nr_exporter_clock(exporter, time) - nr_exporter_clock(exporter, exporter->boot);
	return (uint32_t)(up / 1000);
}

static bool is_sflow(const struct nr_exporter *exporter)
{
	return exporter->kind->version == 105;
}

/* ---- messages ---- */

static struct nr_export_header header_at(const struct nr_exporter *exporter, nr_time now)
{
	nr_time clock = nr_exporter_clock(exporter, now);
	return (struct nr_export_header){.version = exporter->kind->version,
		.uptime_ms = nr_exporter_uptime_ms(exporter, now),
		.seconds = (uint32_t)(clock / NR_SECOND),
		.nanoseconds = (uint32_t)(clock % NR_SECOND) * 1000,
		.sequence = exporter->sequence,
		.domain = exporter->kind->domain,
		.sampling = (uint16_t)(1 << 14 | (exporter->sampling & 0x3fff))};
}

static struct nr_sflow_header samples_header_at(const struct nr_exporter *exporter, nr_time now)
{
	return (struct nr_sflow_header){.agent = exporter->address,
		.sequence = exporter->sequence,
		.uptime_ms = nr_exporter_uptime_ms(exporter, now)};
}

static void begin_message(struct nr_exporter *exporter, nr_time now)
{
	struct nr_datagram *d = &exporter->datagram;
	if (is_sflow(exporter)) {
		struct nr_sflow_header header = samples_header_at(exporter, now);
		nr_sflow_begin(&exporter->samples, d->bytes, exporter->kind->room, &header);
	} else {
		struct nr_export_header header = header_at(exporter, now);
		nr_export_begin(&exporter->message, d->bytes, exporter->kind->room, &header);
	}
	d->records = d->options = 0;
	exporter->open = true;
	exporter->opened = now;
}

/* Moves the sequence on over a message; the number that stands in it. */
static uint32_t number_message(struct nr_exporter *exporter, struct nr_datagram *d)
{
	uint32_t before = exporter->sequence;
	switch ((enum nr_sequence_habit)exporter->kind->sequence) {
	case NR_SEQUENCE_FLOWS:
	case NR_SEQUENCE_SELF:
		d->units = d->records;
		break;
	case NR_SEQUENCE_DATAGRAMS:
		d->units = 1;
		break;
	case NR_SEQUENCE_RECORDS:
		d->units = d->records + d->options;
		break;
	}
	exporter->sequence += d->units;
	return exporter->kind->sequence == NR_SEQUENCE_SELF ? exporter->sequence : before;
}

/* The header is written once more: with the time and number of sending. */
static void send_message(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	struct nr_datagram *d = &exporter->datagram;
	uint32_t number = number_message(exporter, d);
	d->time = now;
	if (is_sflow(exporter)) {
		struct nr_sflow_message again;
		struct nr_sflow_header header = samples_header_at(exporter, now);
		header.sequence = number;
		nr_sflow_begin(&again, d->bytes, exporter->kind->room, &header);
		d->length = (uint32_t)nr_sflow_end(&exporter->samples);
	} else {
		struct nr_export_message again;
		struct nr_export_header header = header_at(exporter, now);
		header.sequence = number;
		nr_export_begin(&again, d->bytes, exporter->kind->room, &header);
		d->length = (uint32_t)nr_export_end(&exporter->message);
	}
	nr_carrier_send(carrier, exporter->number, d, exporter->first);
	exporter->open = false;
	if (!exporter->kind->layout_count)
		exporter->first = false;
	exporter->told_messages++;
	exporter->told_records += d->records;
	if (exporter->templates_left)
		exporter->templates_left--;
}

static void flush(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	if (exporter->open)
		send_message(exporter, carrier, now);
}

/* ---- templates and options ---- */

static void put_template(struct nr_exporter *exporter, struct nr_carrier *carrier,
	const struct nr_flow_layout *layout, nr_time now)
{
	struct nr_template template;
	nr_layout_template(layout, &template);
	if (!exporter->open)
		begin_message(exporter, now);
	if (!nr_export_put_template(&exporter->message, &template)) {
		flush(exporter, carrier, now);
		begin_message(exporter, now);
		nr_export_put_template(&exporter->message, &template);
	}
	exporter->templates++;
}

static void put_options(struct nr_exporter *exporter, struct nr_carrier *carrier,
	const struct nr_flow_layout *layout, uint32_t interface, nr_time now)
{
	uint8_t bytes[512];
	size_t length = (size_t)(nr_layout_put_options(bytes, layout, exporter, interface) - bytes);
	if (!exporter->open)
		begin_message(exporter, now);
	uint8_t *at = nr_export_record(&exporter->message, layout->id, length);
	if (!at) {
		flush(exporter, carrier, now);
		begin_message(exporter, now);
		at = nr_export_record(&exporter->message, layout->id, length);
	}
	memcpy(at, bytes, length);
	exporter->datagram.options++;
	exporter->options++;
}

static void put_all_templates(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	const struct nr_exporter_kind *kind = exporter->kind;
	flush(exporter, carrier, now);
	for (unsigned i = 0; i < kind->layout_count; i++)
		put_template(exporter, carrier, &kind->layouts[i], now);
	for (unsigned i = 0; i < kind->layout_count; i++) {
		const struct nr_flow_layout *layout = &kind->layouts[i];
		if (layout->use == NR_USE_SYSTEM)
			put_options(exporter, carrier, layout, 0, now);
		for (uint32_t k = 1; layout->use == NR_USE_INTERFACES && k <= NR_INTERFACES; k++)
			put_options(exporter, carrier, layout, k, now);
	}
	flush(exporter, carrier, now);
	exporter->first = false;
	exporter->templates_due = now + kind->template_every;
	exporter->templates_left = kind->template_within ? kind->template_within : UINT32_MAX;
}

static bool are_templates_due(const struct nr_exporter *exporter, nr_time now)
{
	return exporter->kind->layout_count && (now >= exporter->templates_due || !exporter->templates_left);
}

/* ---- records ---- */

static void put_netflow5(uint8_t *at, const struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	bool to = record->destination_network != NR_FLOWS_NO_NETWORK,
	     from = record->source_network != NR_FLOWS_NO_NETWORK;
	const struct nr_netflow5_record r = {.source = nr_address_ipv4(&record->source),
		.destination = nr_address_ipv4(&record->destination),
		.input = (uint16_t)record->input,
		.output = (uint16_t)record->output,
		.packets = (uint32_t)record->packets,
		.bytes = (uint32_t)NR_MIN(record->bytes, UINT32_MAX),
		.first_ms = nr_exporter_uptime_ms(exporter, record->first),
		.last_ms = nr_exporter_uptime_ms(exporter, record->last),
		.source_port = record->source_port,
		.destination_port = record->destination_port,
		.tcp_flags = record->tcp_flags,
		.protocol = record->protocol,
		.tos = record->tos,
		.source_as = (uint16_t)(from ? NR_WORLD_FIRST_ASN + record->source_network : 0),
		.destination_as = (uint16_t)(to ? NR_WORLD_FIRST_ASN + record->destination_network : 0),
		.source_mask = 20,
		.destination_mask = 20};
	nr_netflow5_put(at, &r);
}

static const struct nr_flow_layout *layout_for(
	const struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	uint8_t use = record->ipv6 ? NR_USE_IPV6 : NR_USE_IPV4;
	if (record->event)
		use = record->port_block_end ? NR_USE_BLOCK : NR_USE_SESSION;
	const struct nr_flow_layout *layout = exporter->kind->layouts;
	while (layout->use != use)
		layout++;
	return layout;
}

static bool put_record(struct nr_exporter *exporter, const struct nr_flow_record *record)
{
	if (is_sflow(exporter))
		return nr_sample_put(exporter, record);
	if (exporter->kind->version == 5) {
		uint8_t *at = nr_export_record(&exporter->message, 0, NR_NETFLOW5_RECORD);
		if (at)
			put_netflow5(at, exporter, record);
		return at;
	}
	const struct nr_flow_layout *layout = layout_for(exporter, record);
	uint8_t *at = nr_export_record(&exporter->message, layout->id, nr_layout_bytes(layout));
	if (at)
		nr_layout_put_record(at, layout, exporter, record);
	return at;
}

void nr_exporter_emit(struct nr_exporter *exporter, struct nr_carrier *carrier,
	const struct nr_flow_record *record, nr_time now)
{
	if (are_templates_due(exporter, now))
		put_all_templates(exporter, carrier, now);
	if (!exporter->open)
		begin_message(exporter, now);
	if (!put_record(exporter, record)) {
		flush(exporter, carrier, now);
		if (are_templates_due(exporter, now))
			put_all_templates(exporter, carrier, now);
		begin_message(exporter, now);
		put_record(exporter, record);
	}
	exporter->datagram.records++;
	exporter->records++;
	exporter->events += record->event > 0;
	exporter->seen_packets += record->packets + record->reverse_packets;
	exporter->seen_bytes += record->bytes + record->reverse_bytes;
}

/* What was in the cache is gone; sequence and SysUptime begin anew. */
static void reboot(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	flush(exporter, carrier, now);
	nr_carrier_settle(carrier, exporter->number);
	exporter->generation++;
	exporter->reboot_at = NR_TIME_MAX;
	exporter->boot = exporter->down_until = now + DOWN;
	exporter->sequence = 0;
	exporter->told_messages = exporter->told_records = 0;
	exporter->templates_due = exporter->down_until + exporter->kind->template_late;
	exporter->first = true;
}

void nr_exporter_tick(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	nr_carrier_tick(carrier, exporter->number, now);
	if (now >= exporter->reboot_at)
		reboot(exporter, carrier, now);
	if (now < exporter->down_until)
		return;
	if (exporter->open && now - exporter->opened >= MESSAGE_WAITS)
		flush(exporter, carrier, now);
	if (are_templates_due(exporter, now))
		put_all_templates(exporter, carrier, now);
}

void nr_exporter_finish(struct nr_exporter *exporter, struct nr_carrier *carrier, nr_time now)
{
	flush(exporter, carrier, now);
	nr_carrier_settle(carrier, exporter->number);
}
