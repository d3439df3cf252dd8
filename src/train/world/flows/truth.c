/* SPDX-License-Identifier: Apache-2.0 */
/* What was, what exporters told of it, and what became of that on its way. Schema: docs/guide/world.md. */
#include "train/world/flows/flows.h"
#include "train/world/flows/scenes.h"

static const char *const habits[] = {"flows", "datagrams", "records", "self"};

static uint64_t rounded(double x)
{
	return (uint64_t)(x + 0.5);
}

static void write_services(const struct nr_flows_world *world, struct nr_json *json)
{
	nr_json_array(json, "services");
	for (size_t i = 0; i < nr_service_count; i++) {
		const struct nr_service *s = &nr_services[i];
		const struct nr_service_truth *t = &world->services[i];
		if (!world->scenes && i == nr_service_count - 1)
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "name", s->name);
		nr_json_uint(json, "protocol", s->protocol);
		if (s->port)
			nr_json_uint(json, "port", s->port);
		nr_json_uint(json, "conversations", t->conversations);
		nr_json_uint(json, "packets", t->packets);
		nr_json_uint(json, "bytes", t->bytes);
		nr_json_uint(json, "records", t->records);
		nr_json_uint(json, "exported_packets", t->seen_packets);
		nr_json_uint(json, "exported_bytes", t->seen_bytes);
		nr_json_uint(json, "estimated_packets", rounded(t->estimated_packets));
		nr_json_uint(json, "estimated_bytes", rounded(t->estimated_bytes));
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_networks(const struct nr_flows_world *world, struct nr_json *json)
{
	nr_json_array(json, "networks");
	for (unsigned i = 0; i < NR_WORLD_NETWORKS; i++) {
		const struct nr_world_network *n = &world->geography->networks[i];
		if (!world->network_packets[i])
			continue;
		nr_json_object(json, NULL);
		nr_json_uint(json, "as", n->asn);
		nr_json_text(json, "country", nr_world_countries[n->country].code);
		nr_json_uint(json, "packets", world->network_packets[i]);
		nr_json_uint(json, "bytes", world->network_bytes[i]);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_way(const struct nr_carried *way, struct nr_json *json)
{
	nr_json_object(json, "datagrams");
	nr_json_uint(json, "sent", way->sent);
	nr_json_uint(json, "lost", way->lost);
	nr_json_uint(json, "doubled", way->doubled);
	nr_json_uint(json, "overtaken", way->overtaken);
	nr_json_uint(json, "written", way->written);
	nr_json_object_end(json);
	nr_json_object(json, "lost");
	nr_json_uint(json, "records", way->lost_records);
	nr_json_uint(json, "options_records", way->lost_options);
	nr_json_uint(json, "by_sequence", way->lost_units);
	nr_json_object_end(json);
	nr_json_object(json, "doubled");
	nr_json_uint(json, "records", way->doubled_records);
	nr_json_uint(json, "options_records", way->doubled_options);
	nr_json_object_end(json);
	nr_json_object(json, "written");
	nr_json_uint(json, "records", way->records_written);
	nr_json_uint(json, "options_records", way->options_written);
	nr_json_object_end(json);
}

static void write_habits(
	const struct nr_flows_world *world, const struct nr_exporter *x, struct nr_json *json)
{
	const struct nr_exporter_kind *kind = x->kind;
	nr_json_uint(json, "sampling", x->sampling);
	nr_json_text(json, "sampling_encoding", kind->encoding);
	if (kind->idle) {
		nr_json_uint(json, "active_timeout", (uint64_t)(x->active / NR_SECOND));
		nr_json_uint(json, "idle_timeout", (uint64_t)(kind->idle / NR_SECOND));
	}
	nr_json_text(json, "sequence", habits[kind->sequence]);
	nr_json_object(json, "clock");
	nr_json_real(json, "offset_seconds", (double)kind->offset / 1e6);
	nr_json_int(json, "drift_ppm", kind->drift_ppm);
	nr_json_time(json, "boot", x->generation ? x->start - kind->uptime : x->boot);
	nr_json_time(json, "reboot", x->generation ? x->boot : NR_TIME_MAX);
	nr_json_object_end(json);
	if (world->isp.subscribers && kind->role != NR_ROLE_NAT) {
		nr_json_uint(json, "first_subscriber", x->subscriber);
		nr_json_uint(json, "subscribers", x->subscribers);
	}
}

static void write_exporter(
	const struct nr_flows_world *world, const struct nr_exporter *x, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "name", x->kind->name);
	nr_json_text(json, "model", x->kind->model);
	nr_json_address(json, "address", &x->address);
	nr_json_uint(json, "version", x->kind->version);
	nr_json_uint(json, "domain", x->kind->domain);
	write_habits(world, x, json);
	nr_json_uint(json, "conversations", x->conversations);
	nr_json_uint(json, "packets", x->packets);
	nr_json_uint(json, "bytes", x->bytes);
	nr_json_uint(json, "missed_packets", x->missed_packets);
	nr_json_uint(json, "missed_bytes", x->missed_bytes);
	nr_json_uint(json, "forgotten_flows", x->forgotten);
	nr_json_uint(json, "forgotten_packets", x->forgotten_packets);
	nr_json_uint(json, "records", x->records);
	nr_json_uint(json, "options_records", x->options);
	nr_json_uint(json, "templates", x->templates);
	nr_json_uint(json, "exported_packets", x->seen_packets);
	nr_json_uint(json, "exported_bytes", x->seen_bytes);
	write_way(&world->carrier->ports[x->number].truth, json);
	nr_json_object_end(json);
}

static void write_nat(const struct nr_flows_world *world, struct nr_json *json)
{
	nr_json_object(json, "nat");
	nr_json_uint(json, "blocks_given", world->isp.allocated);
	nr_json_uint(json, "blocks_taken_back", world->isp.released);
	nr_json_uint(json, "sessions", world->isp.sessions);
	nr_json_uint(json, "events", world->exporters[world->nat_exporter].events);
	nr_json_object_end(json);
}

static void write_attacks(const struct nr_flows_world *world, struct nr_json *json)
{
	const struct nr_flows_behaviour *b = &nr_flows_reflection;
	nr_time thousandth = (world->end - world->start) / 1000;
	nr_json_array(json, "attacks");
	for (size_t i = 0; i < world->exporter_count; i++) {
		const struct nr_exporter *x = &world->exporters[i];
		if (x->kind->role == NR_ROLE_NAT || !b->share[x->kind->role])
			continue;
		struct nr_address victim = nr_flows_victim(world, x);
		nr_json_object(json, NULL);
		nr_json_text(json, "kind", "reflection");
		nr_json_text(json, "exporter", x->kind->name);
		nr_json_address(json, "victim", &victim);
		nr_json_time(json, "first", world->start + thousandth * b->burst_at);
		nr_json_time(json, "last", world->start + thousandth * (b->burst_at + b->burst_length));
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_flows_truth_write(const struct nr_flows_world *world, struct nr_json *json)
{
	char text[NR_ADDRESS_TEXT];
	const struct nr_prefix isp = {
		nr_address_from_ipv4(world->isp.base), (uint8_t)(96 + world->isp.length)};
	nr_json_text(json, "world", "flows");
	nr_json_uint(json, "seed", world->conf->home);
	if (world->conf->carrier)
		nr_json_uint(json, "carrier", world->conf->carrier);
	nr_json_time(json, "first", world->start);
	nr_json_time(json, "last", world->end);
	nr_json_uint(json, "subscribers", world->conf->subscribers);
	nr_json_text(json, "isp", nr_prefix_write(&isp, text));
	nr_json_uint(json, "isp_as", NR_WORLD_FIRST_ASN + world->isp.network);
	nr_json_uint(json, "conversations", world->conversations);
	nr_json_uint(json, "packets", world->packets);
	nr_json_uint(json, "bytes", world->bytes);
	nr_json_uint(json, "most_flows_in_caches", world->calendar.most);
	nr_json_array(json, "exporters");
	for (size_t i = 0; i < world->exporter_count; i++)
		write_exporter(world, &world->exporters[i], json);
	nr_json_array_end(json);
	write_services(world, json);
	write_networks(world, json);
	write_nat(world, json);
	write_attacks(world, json);
	if (world->scenes)
		nr_scenes_truth_write(world, json);
}
