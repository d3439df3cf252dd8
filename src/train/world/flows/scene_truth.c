/* SPDX-License-Identifier: Apache-2.0 */
/* The truth of the scenes: each server with its clients, each host that is more than a client. */
#include "train/world/flows/scene.h"

#define CLIENTS_MAX 5000   /* of one server that are listed */
#define HOSTS_MAX   100000 /* that are listed */

static const char *protocol_name(uint8_t protocol)
{
	return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : protocol == 1 ? "icmp" : "other";
}

/* The finest sampling through which it is seen. */
static uint32_t sampling_of(const struct nr_flows_world *world, const struct nr_scene_server *server)
{
	uint32_t finest = NR_SCENE_ANY;
	for (size_t i = 0; i < world->exporter_count; i++) {
		const struct nr_exporter *x = &world->exporters[i];
		bool here = server->exporter == NR_SCENE_ANY
				    ? x->kind->role != NR_ROLE_NAT && x->kind->role != NR_ROLE_CENTER
				    : server->exporter == i;
		finest = here ? NR_MIN(finest, x->sampling) : finest;
	}
	return finest;
}

static void write_clients(const struct nr_crowd *pairs, uint32_t from, uint32_t to, struct nr_json *json)
{
	nr_json_uint(json, "client_count", to - from);
	nr_json_array(json, "clients");
	for (uint32_t i = from; i < NR_MIN(to, from + CLIENTS_MAX); i++)
		nr_json_address(json, NULL, &pairs->members[i].address);
	nr_json_array_end(json);
}

static void write_server(const struct nr_flows_world *world, const struct nr_scene_server *server,
	uint32_t from, uint32_t to, struct nr_json *json)
{
	const struct nr_scenes *scenes = world->scenes;
	const struct nr_scene_net *net = &scenes->nets[server->net];
	nr_json_object(json, NULL);
	nr_json_address(json, "address", &server->end.address);
	nr_json_uint(json, "port", server->end.port);
	nr_json_text(json, "protocol", protocol_name(net->part->protocol));
	nr_json_text(json, "kind", net->part->benign ? "benign" : "c2-server");
	nr_json_text(json, "behaviour", net->part->name);
	nr_json_uint(json, "net", server->net);
	if (net->period > 0)
		nr_json_real(json, "period", net->period);
	nr_json_real(json, "jitter", net->jitter);
	nr_json_bool(json, "grid", net->grid);
	nr_json_uint(json, "sampling", sampling_of(world, server));
	if (server->exporter != NR_SCENE_ANY)
		nr_json_address(json, "exporter", &world->exporters[server->exporter].address);
	if (!server->null)
		nr_json_uint(json, "devices", net->clients);
	nr_json_uint(json, "records", server->records);
	nr_json_uint(json, "exported_packets", server->packets);
	if (!server->null)
		write_clients(&scenes->pairs, from, to, json);
	nr_json_time(json, "first", server->first);
	nr_json_time(json, "last", server->last);
	nr_json_bool(json, "dead", net->part->manner == NR_MANNER_REFUSED);
	nr_json_object_end(json);
}

/* Those whom nobody talked to are left out: they were not there. */
static void write_servers(const struct nr_flows_world *world, struct nr_json *json)
{
	const struct nr_crowd *pairs = &world->scenes->pairs;
	nr_json_array(json, "servers");
	for (uint32_t i = 0; i < pairs->count;) {
		uint32_t server = pairs->members[i].group, from = i;
		while (i < pairs->count && pairs->members[i].group == server)
			i++;
		write_server(world, &world->scenes->servers[server], from, i, json);
	}
	for (uint32_t i = 0; i < world->scenes->server_count; i++)
		if (world->scenes->servers[i].null && world->scenes->servers[i].records)
			write_server(world, &world->scenes->servers[i], 0, 0, json);
	nr_json_array_end(json);
}

static const char *behaviour_name(unsigned behaviour)
{
	static const char *const names[] = {
		"scan", "flood", "background-scan", "research-scan", "reflector", "reflection"};
	return behaviour < NR_BEHAVIOUR_SCAN ? nr_scene_bots[behaviour].name
					     : names[behaviour - NR_BEHAVIOUR_SCAN];
}

static void write_hosts(const struct nr_flows_world *world, struct nr_json *json)
{
	static const char *const kinds[] = {
		"infected-host", "scanner", "ddos-source", "ddos-victim", "benign"};
	_Static_assert(NR_COUNT(kinds) == NR_HOST_KINDS, "each kind has a word");
	const struct nr_crowd *hosts = &world->scenes->hosts;
	nr_json_uint(json, "host_count", hosts->count);
	nr_json_array(json, "hosts");
	for (uint32_t i = 0; i < NR_MIN(hosts->count, (uint32_t)HOSTS_MAX); i++) {
		const struct nr_crowd_member *m = &hosts->members[i];
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &m->address);
		nr_json_text(json, "kind", kinds[m->group >> 16]);
		nr_json_text(json, "behaviour", behaviour_name(m->group & 0xffff));
		nr_json_time(json, "first", m->first);
		nr_json_time(json, "last", m->last);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_scenes_truth_write(const struct nr_flows_world *world, struct nr_json *json)
{
	struct nr_scenes *scenes = world->scenes;
	nr_crowd_sort(&scenes->pairs);
	nr_crowd_sort(&scenes->hosts);
	nr_json_object(json, "scenes");
	nr_json_text(json, "profile", world->conf->scenes);
	write_servers(world, json);
	write_hosts(world, json);
	nr_json_object_end(json);
}
