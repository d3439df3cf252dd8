/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/event_json.h"

void nr_pending_ports(struct nr_pending *pending, const struct nr_live_port *rows, size_t count)
{
	for (size_t i = 0; i < count && pending->port_count < NR_COUNT(pending->ports); i++) {
		__typeof__(pending->ports[0]) *port = &pending->ports[pending->port_count++];
		port->protocol = rows[i].protocol;
		port->port = rows[i].port;
		port->packets = rows[i].packets;
		snprintf(port->class, sizeof port->class, "%s", rows[i].class ? rows[i].class : "");
	}
}

void nr_pending_countries(struct nr_pending *pending, const struct nr_live_country *rows, size_t count)
{
	for (size_t i = 0; i < count && pending->country_count < NR_COUNT(pending->countries); i++) {
		__typeof__(pending->countries[0]) *country = &pending->countries[pending->country_count++];
		country->packets = rows[i].packets;
		snprintf(country->country, sizeof country->country, "%.3s",
			rows[i].country ? rows[i].country : "");
	}
}

void nr_pending_drop(struct nr_pending *pending, const struct nr_live_drop *row)
{
	const char *cause = row->cause ? row->cause : "";
	size_t i = 0;
	while (i < pending->drop_count &&
		strncmp(pending->drops[i].cause, cause, sizeof pending->drops[i].cause - 1) != 0)
		i++;
	if (i == NR_PENDING_DROPS)
		i--;
	if (i == pending->drop_count) {
		snprintf(pending->drops[i].cause, sizeof pending->drops[i].cause, "%s", cause);
		pending->drops[i].packets = 0;
		pending->drop_count++;
	}
	pending->drops[i].packets += row->packets;
}

void nr_finding_write(struct nr_json *json, const char *key, const struct nr_finding *finding)
{
	nr_json_object(json, key);
	nr_json_text(json, "sensor", finding->sensor);
	nr_json_text(json, "sense", finding->sense);
	nr_json_text(json, "kind", finding->kind);
	nr_json_address(json, "subject", &finding->subject);
	nr_json_time(json, "first", finding->first);
	nr_json_time(json, "last", finding->last);
	nr_json_uint(json, "count", finding->count);
	nr_json_real(json, "confidence", finding->confidence);
	nr_json_uint(json, "severity", finding->severity);
	nr_json_text(json, "reason_en", finding->reason_en);
	nr_json_text(json, "reason_ja", finding->reason_ja);
	if (finding->evidence && *finding->evidence)
		nr_json_raw(json, "evidence", finding->evidence);
	else
		nr_json_null(json, "evidence");
	nr_json_object_end(json);
}

void nr_gap_write(struct nr_json *json, const struct nr_gap *gap)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "sensor", gap->sensor);
	nr_json_text(json, "sense", gap->sense);
	nr_json_time(json, "first", gap->first);
	nr_json_time(json, "last", gap->last);
	nr_json_text(json, "cause", gap->cause);
	nr_json_uint(json, "packets", gap->packets);
	nr_json_text(json, "text_en", gap->text_en);
	nr_json_text(json, "text_ja", gap->text_ja);
	nr_json_object_end(json);
}

static void write_categories(struct nr_json *json, const struct nr_live_pulse *pulse)
{
	nr_json_object(json, "categories");
	nr_json_uint(json, "tcp_syn", pulse->tcp_syn);
	nr_json_uint(json, "tcp_syn_ack", pulse->tcp_syn_ack);
	nr_json_uint(json, "tcp_rst", pulse->tcp_rst);
	nr_json_uint(json, "tcp_other", pulse->tcp_other);
	nr_json_uint(json, "udp", pulse->udp);
	nr_json_uint(json, "icmp", pulse->icmp);
	nr_json_uint(json, "other", pulse->other);
	nr_json_uint(json, "backscatter", pulse->backscatter);
	nr_json_object_end(json);
}

static void write_pending(struct nr_json *json, const struct nr_pending *pending)
{
	nr_json_array(json, "top");
	for (size_t i = 0; i < pending->port_count; i++) {
		nr_json_object(json, NULL);
		nr_json_uint(json, "protocol", pending->ports[i].protocol);
		nr_json_uint(json, "port", pending->ports[i].port);
		nr_json_text(json, "class", pending->ports[i].class);
		nr_json_uint(json, "packets", pending->ports[i].packets);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_array(json, "countries");
	for (size_t i = 0; i < pending->country_count; i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "country", pending->countries[i].country);
		nr_json_uint(json, "packets", pending->countries[i].packets);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_object(json, "dropped");
	for (size_t i = 0; i < pending->drop_count; i++)
		if (pending->drops[i].packets)
			nr_json_uint(json, pending->drops[i].cause, pending->drops[i].packets);
	nr_json_object_end(json);
}

void nr_pulse_write(struct nr_json *json, const struct nr_live_pulse *pulse, const struct nr_pending *pending)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "sensor", pulse->sensor);
	nr_json_time(json, "time", pulse->time);
	nr_json_real(json, "seconds", pulse->seconds);
	nr_json_uint(json, "packets", pulse->packets);
	nr_json_uint(json, "bytes", pulse->bytes);
	nr_json_uint(json, "sources", pulse->sources);
	write_categories(json, pulse);
	write_pending(json, pending);
	nr_json_uint(json, "delay_ms", pulse->delay_ms);
	nr_json_object(json, "day");
	nr_json_uint(json, "packets", pulse->day_packets);
	nr_json_uint(json, "sources", pulse->day_sources);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_particle(struct nr_json *json, const struct nr_live_particle *row, nr_time since)
{
	nr_json_array(json, NULL);
	nr_json_int(json, NULL, (row->time - since) / 1000);
	nr_json_address(json, NULL, &row->source);
	nr_json_uint(json, NULL, row->source_port);
	nr_json_address(json, NULL, &row->destination);
	nr_json_uint(json, NULL, row->destination_port);
	nr_json_uint(json, NULL, row->protocol);
	nr_json_text(json, NULL, row->country ? row->country : "");
	nr_json_uint(json, NULL, row->bits);
	nr_json_array_end(json);
}

void nr_particles_write(struct nr_json *json, const struct nr_live_particle *rows, size_t count)
{
	nr_time since = rows[0].time;
	for (size_t i = 1; i < count; i++)
		since = NR_MIN(since, rows[i].time);
	nr_json_object(json, NULL);
	nr_json_text(json, "sensor", rows[0].sensor);
	nr_json_time(json, "time", since);
	nr_json_uint(json, "of", rows[0].of);
	nr_json_array(json, "rows");
	for (size_t i = 0; i < count; i++)
		write_particle(json, &rows[i], since);
	nr_json_array_end(json);
	nr_json_object_end(json);
}
