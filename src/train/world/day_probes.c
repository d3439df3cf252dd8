/* SPDX-License-Identifier: Apache-2.0 */
/* UDP probes, echo requests, misconfigured hosts. */
#include "train/world/day.h"

struct service {
	uint16_t port;
	uint8_t payload;
};

static unsigned emit_udp(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const struct service services[] = {{5060, NR_PAYLOAD_SIP_OPTIONS},
		{5060, NR_PAYLOAD_SIP_OPTIONS}, {161, NR_PAYLOAD_SNMP_GET}, {123, NR_PAYLOAD_NTP_MONLIST},
		{1900, NR_PAYLOAD_SSDP_SEARCH}, {53413, NR_PAYLOAD_ROUTER_BACKDOOR},
		{5353, NR_PAYLOAD_MDNS_QUERY}, {389, NR_PAYLOAD_LDAP_SEARCH},
		{11211, NR_PAYLOAD_MEMCACHED_STATS}, {47808, NR_PAYLOAD_BACNET_WHOIS},
		{53, NR_PAYLOAD_DNS_QUERY}};
	(void)room;
	uint32_t source = nr_day_pick(day, actor, time);
	const struct service *s = &services[nr_day_trait(day, source, NR_TRAIT_TARGET) % NR_COUNT(services)];
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, s->port);
	p.protocol = NR_WORLD_UDP;
	p.payload = s->payload;
	p.source_port = (uint16_t)(20000 + p.source_port % 20000);
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_udp = {
	.name = "udp", .weight = 400, .shape = NR_SHAPE_DAILY, .per_source = 60, .emit = emit_udp};

static unsigned emit_echo(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	struct nr_world_packet p = nr_day_syn(day, actor, nr_day_pick(day, actor, time), time, 64, 0);
	p.protocol = NR_WORLD_ICMP;
	p.source_port = 8;
	p.payload = NR_PAYLOAD_ECHO;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_echo = {
	.name = "echo", .weight = 100, .shape = NR_SHAPE_DAILY, .per_source = 25, .emit = emit_echo};

/* Patterns of the telescope reference, 10.2: hosts that believe somebody lives here. */
static unsigned emit_misconfigured(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const struct {
		struct service service;
		uint16_t source_port;
	} kinds[] = {{{6881, NR_PAYLOAD_DHT_PING}, 6881}, {{6881, NR_PAYLOAD_DHT_PING}, 51413},
		{{137, NR_PAYLOAD_NETBIOS_NAME}, 137}, {{5060, NR_PAYLOAD_SIP_STATUS}, 5060}};
	(void)room;
	uint32_t source = nr_day_pick(day, actor, time);
	size_t kind = nr_day_trait(day, source, NR_TRAIT_KIND) % NR_COUNT(kinds);
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 128, kinds[kind].service.port);
	uint64_t target = nr_day_trait(day, source, NR_TRAIT_TARGET) % nr_dark_addresses(&day->world->dark);
	p.destination = nr_dark_address(&day->world->dark, target); /* always the same one */
	p.protocol = NR_WORLD_UDP;
	p.source_port = kinds[kind].source_port;
	p.payload = kinds[kind].service.payload;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_misconfigured = {.name = "misconfigured",
	.weight = 60,
	.shape = NR_SHAPE_DAILY,
	.per_source = 15,
	.emit = emit_misconfigured};
