/* SPDX-License-Identifier: Apache-2.0 */
/* Where the ends of a conversation are: networks, addresses, ports, interfaces. */
#include "train/world/flows/flows.h"

#define PORT_FIRST   32768 /* ephemeral */
#define PORTS        28232
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

static struct nr_flows_peer peer_of(
	const struct nr_flows_world *world, const struct nr_conversation *c, const struct nr_flows_end *end)
{
	if (end->place == NR_PLACE_SERVER)
		return nr_service_server(world, c->service, end->number);
	return nr_service_outsider(world, end->number);
}

static bool is_inside(const struct nr_flows_end *end)
{
	return end->place == NR_PLACE_SUBSCRIBER || end->place == NR_PLACE_OWN;
}

static uint16_t network_of(
	const struct nr_flows_world *world, const struct nr_conversation *c, const struct nr_flows_end *end)
{
	if (end->place == NR_PLACE_GIVEN)
		return end->network;
	return is_inside(end) ? world->isp.network : peer_of(world, c, end).network;
}

uint16_t nr_flows_other_network(const struct nr_flows_world *world, const struct nr_conversation *c)
{
	uint16_t network = network_of(world, c, &c->server);
	return network == world->isp.network ? network_of(world, c, &c->client) : network;
}

static struct nr_address subscriber_address(struct nr_flows_world *world, struct nr_random *random,
	const struct nr_conversation *c, struct nr_flows_end *end)
{
	const struct nr_isp *isp = &world->isp;
	if (c->ipv6)
		return nr_isp_ipv6(isp, end->number);
	if (!nr_isp_is_shared(isp, end->number))
		return nr_isp_public(isp, end->number);
	uint32_t block = isp->leases[end->number].block;
	if (end->port)
		end->port = (uint16_t)(nr_isp_block_port(block) + nr_random_below(random, NR_PORT_BLOCK));
	return nr_isp_block_address(isp, block);
}

static void locate(struct nr_flows_world *world, struct nr_random *random, const struct nr_conversation *c,
	struct nr_flows_end *end)
{
	if (end->place == NR_PLACE_GIVEN)
		return;
	end->network = network_of(world, c, end);
	if (end->place == NR_PLACE_SUBSCRIBER) {
		end->address = subscriber_address(world, random, c, end);
	} else if (end->place == NR_PLACE_OWN) {
		end->address = nr_isp_server(&world->isp, end->number, c->ipv6);
	} else {
		struct nr_flows_peer peer = peer_of(world, c, end);
		end->address = c->ipv6 ? nr_service_ipv6(&peer) : nr_address_from_ipv4(peer.address);
	}
}

void nr_flows_locate(struct nr_flows_world *world, struct nr_random *random, struct nr_conversation *c)
{
	if (c->protocol == PROTOCOL_TCP || c->protocol == PROTOCOL_UDP) {
		if (!c->client.port)
			c->client.port = (uint16_t)(PORT_FIRST + nr_random_below(random, PORTS));
		if (!c->server.port)
			c->server.port = (uint16_t)(PORT_FIRST + nr_random_below(random, PORTS));
	}
	locate(world, random, c, &c->client);
	locate(world, random, c, &c->server);
}

/* Subscribers and own servers are on the first interfaces, everybody else on the last. */
static uint32_t interface_of(const struct nr_conversation *c, const struct nr_flows_end *end, uint16_t isp)
{
	if (is_inside(end) || end->network == isp)
		return 1 + end->number % NR_ACCESS_PORTS;
	return NR_ACCESS_PORTS + 1 + (c->ipv6 ? 4 : 0) + end->network % 4;
}

static uint16_t icmp_type(const struct nr_conversation *c, bool back)
{
	if (c->ipv6)
		return (uint16_t)((back ? 129 : 128) << 8);
	return (uint16_t)((back ? 0 : 8) << 8);
}

void nr_meter_name(const struct nr_conversation *c, struct nr_entry *entry)
{
	struct nr_flow_record *r = &entry->record;
	bool back = entry->subject;
	const struct nr_flows_end *from = back ? &c->server : &c->client,
				  *to = back ? &c->client : &c->server;
	uint16_t inside = is_inside(&c->client) ? c->client.network : c->server.network;
	r->source = from->address;
	r->destination = to->address;
	r->source_port = from->port;
	r->destination_port = to->port;
	if (c->protocol != PROTOCOL_TCP && c->protocol != PROTOCOL_UDP) {
		r->source_port = 0;
		r->destination_port = c->protocol == 50 ? 0 : icmp_type(c, back);
	}
	r->source_network = from->network;
	r->destination_network = to->network;
	r->input = interface_of(c, from, inside);
	r->output = interface_of(c, to, inside);
	r->protocol = c->protocol;
	r->tos = c->tos;
	r->service = (uint16_t)c->service;
	r->scene = c->scene;
	r->ipv6 = c->ipv6;
}
