/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people and machines do on the network: services with sizes, times and servers. The figures are a
 * plausible mix, not a measurement: most flows are small, most bytes are in few of them.
 */
#include "train/world/flows/flows.h"

#include <errno.h>
#include <string.h>

#define SIZE(median, sigma, alpha)                                                                           \
	{                                                                                                    \
		median, sigma, alpha                                                                         \
	}
#define BYTES_CAP  4e9
#define OWN_ROOM   64         /* addresses for the ISP's own servers of a service */
#define LENGTH_CAP 43200000.0 /* ms: half a day */

enum { ICMP = 1, TCP = 6, UDP = 17, ESP = 50 };

const struct nr_service nr_services[] = {
	/* noise.c */
	{.name = "scan", .protocol = TCP},
	{.name = "backscatter", .protocol = TCP},
	{.name = "reflection", .protocol = UDP},
	/* people */
	{"dns", UDP, 53, 512, NR_PLACE_OWN, false, 4, {260, 0, 100}, SIZE(44, .2, 9), SIZE(130, .5, 9),
		SIZE(12, 1, 3)},
	{"https", TCP, 443, 1400, NR_PLACE_SERVER, false, 4000, {230, 0, 260}, SIZE(1800, 1, 2),
		SIZE(9000, 1.8, 1.2), SIZE(3000, 1.8, 2)},
	{"quic", UDP, 443, 1240, NR_PLACE_SERVER, false, 1500, {170, 0, 120}, SIZE(3000, 1, 2),
		SIZE(26000, 1.9, 1.2), SIZE(8000, 1.6, 2)},
	{"http", TCP, 80, 1400, NR_PLACE_SERVER, false, 1500, {35, 0, 20}, SIZE(600, .9, 2),
		SIZE(5000, 1.8, 1.3), SIZE(800, 1.6, 2)},
	{"video", UDP, 443, 1240, NR_PLACE_SERVER, false, 200, {11, 0, 4}, SIZE(40000, 1, 2),
		SIZE(8e6, 1.2, 1.5), SIZE(240000, 1, 2)},
	{"upload", TCP, 443, 1400, NR_PLACE_SERVER, false, 120, {6, 0, 14}, SIZE(1.5e6, 1.5, 1.4),
		SIZE(30000, 1, 2), SIZE(40000, 1.2, 2)},
	{"download", TCP, 443, 1400, NR_PLACE_SERVER, false, 80, {2, 0, 3}, SIZE(20000, .8, 2),
		SIZE(6e7, 1, 1.4), SIZE(60000, 1, 2)},
	{"imap", TCP, 993, 1400, NR_PLACE_SERVER, false, 60, {12, 0, 30}, SIZE(1500, 1, 2),
		SIZE(6000, 1.6, 1.3), SIZE(20000, 1.8, 2)},
	{"submission", TCP, 587, 1400, NR_PLACE_SERVER, false, 40, {3, 0, 12}, SIZE(30000, 1.8, 1.3),
		SIZE(1500, .5, 3), SIZE(3000, 1, 2)},
	{"game", UDP, 27015, 110, NR_PLACE_SERVER, false, 60, {4, 0, 0}, SIZE(600000, 1, 2),
		SIZE(1.4e6, 1, 2), SIZE(1100000, .9, 3)},
	{"voice", UDP, 0, 172, NR_PLACE_SERVER, false, 50, {3, 0, 12}, SIZE(1.2e6, .9, 2), SIZE(1.2e6, .9, 2),
		SIZE(160000, 1, 2)},
	{"p2p", UDP, 0, 1350, NR_PLACE_SERVER, false, 8192, {58, 0, 0}, SIZE(900, 2.4, 1.1),
		SIZE(1500, 2.6, 1.1), SIZE(15000, 1.8, 2)},
	{"vpn", UDP, 51820, 1380, NR_PLACE_SERVER, false, 160, {2, 0, 20}, SIZE(2e6, 1.6, 1.4),
		SIZE(9e6, 1.6, 1.4), SIZE(4500000, 1, 3)},
	{"ipsec", ESP, 0, 1380, NR_PLACE_SERVER, false, 60, {1, 0, 6}, SIZE(3e6, 1.6, 1.4),
		SIZE(5e6, 1.6, 1.4), SIZE(7200000, .6, 3)},
	{"ssh", TCP, 22, 1400, NR_PLACE_SERVER, false, 300, {1, 0, 6}, SIZE(6000, 1.8, 1.4),
		SIZE(20000, 2, 1.3), SIZE(120000, 1.8, 2)},
	/* machines */
	{"ntp", UDP, 123, 48, NR_PLACE_SERVER, true, 24, {45, 10, 40}, SIZE(48, .01, 9), SIZE(48, .01, 9),
		SIZE(20, .8, 3)},
	{"push", TCP, 5228, 1400, NR_PLACE_SERVER, true, 40, {6, 0, 10}, SIZE(4000, 1, 2), SIZE(6000, 1, 2),
		SIZE(5000000, .7, 4)},
	{"mqtt", TCP, 8883, 600, NR_PLACE_SERVER, true, 30, {4, 0, 6}, SIZE(9000, 1, 2), SIZE(4000, 1, 2),
		SIZE(9000000, .5, 4)},
	{"telemetry", TCP, 443, 1400, NR_PLACE_SERVER, true, 300, {40, 10, 60}, SIZE(2500, .6, 2),
		SIZE(3500, .5, 2), SIZE(900, 1, 2)},
	{"ping", ICMP, 0, 64, NR_PLACE_SERVER, true, 200, {10, 10, 10}, SIZE(260, .8, 2), SIZE(260, .8, 2),
		SIZE(4000, 1, 2)},
	/* the ISP's servers: clients come from outside */
	{"dns-authority", UDP, 53, 512, NR_PLACE_OWN, false, 3, {0, 330, 0}, SIZE(46, .2, 9),
		SIZE(190, .6, 9), SIZE(1, .5, 9)},
	{"web", TCP, 443, 1400, NR_PLACE_OWN, false, 30, {0, 420, 0}, SIZE(1600, 1, 2), SIZE(14000, 1.7, 1.2),
		SIZE(2500, 1.6, 2)},
	{"smtp", TCP, 25, 1400, NR_PLACE_OWN, true, 6, {0, 90, 0}, SIZE(9000, 1.8, 1.3), SIZE(900, .4, 3),
		SIZE(2500, 1, 2)},
	{"mailbox", TCP, 993, 1400, NR_PLACE_OWN, false, 6, {0, 80, 0}, SIZE(1500, 1, 2),
		SIZE(6000, 1.6, 1.3), SIZE(30000, 1.8, 2)},
	{"brute-force", TCP, 22, 1400, NR_PLACE_OWN, true, 20, {0, 40, 0}, SIZE(1900, .3, 3),
		SIZE(2300, .3, 3), SIZE(2500, .6, 3)},
	/* the last one: all scenes together (scenes.h) */
	{.name = "scenes"},
};
const size_t nr_service_count = NR_COUNT(nr_services);
_Static_assert(NR_COUNT(nr_services) <= NR_SERVICES_MAX, "room for the truth of each service");

struct drawing {
	struct nr_quantiles up, down, length;
};

#define CHOICES 1024

struct nr_service_mix {
	struct drawing drawing[NR_SERVICES_MAX];
	uint8_t choices[2][NR_EXPORTER_ROLES][CHOICES]; /* people, machines */
	struct nr_flows_peer *servers[NR_SERVICES_MAX]; /* owned */
	struct nr_flows_peer outsiders[NR_OUTSIDERS];
};

/* Where servers and strangers are: content is served from few countries. */
struct nr_flows_peer nr_service_draw_peer(
	const struct nr_flows_world *world, struct nr_random *random, bool near)
{
	static const char *const hosting[] = {"JP", "JP", "JP", "US", "US", "SG", "NL"};
	const struct nr_geography *g = world->geography;
	unsigned country = nr_geography_draw_country(random);
	const char *code = hosting[nr_random_below(random, NR_COUNT(hosting))];
	for (unsigned i = 0; near && i < nr_world_country_count; i++)
		if (strcmp(nr_world_countries[i].code, code) == 0)
			country = i;
	for (;;) {
		uint32_t address = nr_geography_draw_address(g, random, country);
		const struct nr_world_block *block = nr_geography_find(g, address);
		if (block && block->network != world->isp.network)
			return (struct nr_flows_peer){address, block->network};
		country = nr_geography_draw_country(random);
	}
}

static int draw_servers(struct nr_flows_world *world, struct nr_service_mix *mix)
{
	for (unsigned i = 0; i < nr_service_count; i++) {
		const struct nr_service *s = &nr_services[i];
		struct nr_random random = nr_random_stream(world->conf->seed, s->name);
		if (s->place != NR_PLACE_SERVER || !s->servers)
			continue;
		mix->servers[i] = calloc(s->servers, sizeof *mix->servers[i]);
		if (!mix->servers[i])
			return -ENOMEM;
		for (unsigned k = 0; k < s->servers; k++)
			mix->servers[i][k] =
				nr_service_draw_peer(world, &random, strcmp(s->name, "p2p") != 0);
	}
	struct nr_random random = nr_random_stream(world->conf->seed, "outsiders");
	for (unsigned k = 0; k < NR_OUTSIDERS; k++)
		mix->outsiders[k] = nr_service_draw_peer(world, &random, k % 2);
	return 0;
}

static void lay_out_choices(struct nr_service_mix *mix, bool steady, unsigned role)
{
	unsigned total = 0, before = 0;
	for (unsigned i = 0; i < nr_service_count; i++)
		total += nr_services[i].steady == steady ? nr_services[i].weight[role] : 0;
	for (unsigned i = 0; i < nr_service_count && total; i++) {
		unsigned after = before + (nr_services[i].steady == steady ? nr_services[i].weight[role] : 0);
		for (unsigned k = before * CHOICES / total; k < after * CHOICES / total; k++)
			mix->choices[steady][role][k] = (uint8_t)i;
		before = after;
	}
}

int nr_service_mix_new(struct nr_flows_world *world, struct nr_error *error)
{
	struct nr_service_mix *mix = calloc(1, sizeof *mix);
	if (!mix || draw_servers(world, mix)) {
		nr_service_mix_free(mix);
		return nr_fail(error, -ENOMEM, "world: out of memory");
	}
	for (unsigned i = 0; i < nr_service_count; i++) {
		const struct nr_service *s = &nr_services[i];
		if (!s->unit)
			continue;
		struct drawing *d = &mix->drawing[i];
		nr_quantiles_init(&d->up, s->up.median, s->up.sigma, s->up.alpha, BYTES_CAP);
		nr_quantiles_init(&d->down, s->down.median, s->down.sigma, s->down.alpha, BYTES_CAP);
		nr_quantiles_init(&d->length, s->length.median, s->length.sigma, s->length.alpha, LENGTH_CAP);
	}
	for (unsigned role = 0; role < NR_EXPORTER_ROLES; role++) {
		lay_out_choices(mix, false, role);
		lay_out_choices(mix, true, role);
	}
	world->mix = mix;
	return 0;
}

void nr_service_mix_free(struct nr_service_mix *mix)
{
	for (unsigned i = 0; mix && i < NR_SERVICES_MAX; i++)
		free(mix->servers[i]);
	free(mix);
}

struct nr_flows_peer nr_service_server(const struct nr_flows_world *world, unsigned service, uint32_t number)
{
	return world->mix->servers[service][number];
}

struct nr_flows_peer nr_service_outsider(const struct nr_flows_world *world, uint32_t number)
{
	return world->mix->outsiders[number];
}

bool nr_service_has_ipv6(const struct nr_flows_peer *peer)
{
	return nr_random_mix(peer->address) % 10 < 6;
}

struct nr_address nr_service_ipv6(const struct nr_flows_peer *peer)
{
	struct nr_address a = {{0x3f, 0xff, (uint8_t)(peer->network >> 8), (uint8_t)peer->network}};
	uint32_t low = __builtin_bswap32(peer->address);
	memcpy(a.octets + 12, &low, 4);
	return a;
}

/* ---- a conversation ---- */

/* Packets and bytes of one direction's payload; answers: packets of the other that it acknowledges. */
static void pack(struct nr_flows_amount *amount, const struct nr_service *s, double payload, bool ipv6)
{
	unsigned header = (ipv6 ? 40u : 20u) + (s->protocol == TCP ? 32 : 8);
	uint64_t bytes = (uint64_t)payload;
	amount->packets = bytes / s->unit + 1;
	amount->bytes = bytes + amount->packets * header;
}

/* Handshake, acknowledgements and end of TCP, acknowledgements of QUIC. */
static void answer(struct nr_conversation *c, const struct nr_service *s)
{
	unsigned header = (c->ipv6 ? 40u : 20u) + (s->protocol == TCP ? 32 : 28);
	bool stream = s->protocol == TCP || (s->protocol == UDP && s->port == 443);
	uint64_t more =
		(s->protocol == TCP ? 2 : 0) + (stream ? c->down.packets / (s->protocol == TCP ? 2 : 8) : 0);
	uint64_t back = (s->protocol == TCP ? 2 : 0) + (stream ? c->up.packets / 2 : 0);
	c->up.packets += more;
	c->up.bytes += more * header;
	c->down.packets += back;
	c->down.bytes += back * header;
	if (s->protocol == TCP)
		c->up.tcp_flags = c->down.tcp_flags = 0x02 | 0x08 | 0x10 | 0x01; /* SYN PSH ACK FIN */
}

static void draw_ends(struct nr_flows_world *world, struct nr_random *random, const struct nr_service *s,
	struct nr_conversation *c)
{
	const struct nr_exporter *exporter = &world->exporters[c->exporter];
	c->server.place = s->place;
	/* few servers have most of the conversations */
	c->server.number = (uint32_t)nr_random_power(s->servers, (uint32_t)nr_random_next(random));
	if (s->place == NR_PLACE_OWN)
		c->server.number += c->service * OWN_ROOM;
	if (exporter->kind->role == NR_ROLE_CENTER && s->place == NR_PLACE_OWN) {
		c->client.place = NR_PLACE_OUTSIDE;
		c->client.number = (uint32_t)nr_random_power(NR_OUTSIDERS, (uint32_t)nr_random_next(random));
		struct nr_flows_peer peer = nr_service_outsider(world, c->client.number);
		c->ipv6 = nr_service_has_ipv6(&peer);
		return;
	}
	c->client.place = NR_PLACE_SUBSCRIBER;
	c->client.number = exporter->subscriber +
			   (uint32_t)nr_random_power(exporter->subscribers, (uint32_t)nr_random_next(random));
	if (exporter->kind->ipv4_only || !nr_isp_has_ipv6(&world->isp, c->client.number))
		return;
	c->ipv6 = true;
	if (s->place == NR_PLACE_SERVER) {
		struct nr_flows_peer peer = nr_service_server(world, c->service, c->server.number);
		c->ipv6 = nr_service_has_ipv6(&peer);
	}
}

static void draw(
	struct nr_flows_world *world, struct nr_random *random, bool steady, struct nr_conversation *c)
{
	uint64_t dice = nr_random_next(random);
	unsigned role = world->exporters[c->exporter].kind->role;
	c->service = world->mix->choices[steady][role][dice % CHOICES];
	c->start += (nr_time)((dice >> 10) % (uint64_t)NR_SECOND);
	const struct nr_service *s = &nr_services[c->service];
	const struct drawing *d = &world->mix->drawing[c->service];
	c->protocol = s->protocol;
	draw_ends(world, random, s, c);
	if (c->protocol == ICMP && c->ipv6)
		c->protocol = 58;
	c->server.port = s->port;
	pack(&c->up, s, nr_quantiles_draw(&d->up, random), c->ipv6);
	pack(&c->down, s, nr_quantiles_draw(&d->down, random), c->ipv6);
	c->length = (nr_time)(nr_quantiles_draw(&d->length, random) * 1000);
	/* not faster than 400 Mbit/s */
	c->length = NR_MAX(c->length, (nr_time)((c->up.bytes + c->down.bytes) / 50));
	answer(c, s);
}

static void draw_people(struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *c)
{
	draw(world, &actor->random, false, c);
}

static void draw_machines(
	struct nr_flows_world *world, struct nr_flows_actor *actor, struct nr_conversation *c)
{
	draw(world, &actor->random, true, c);
}

const struct nr_flows_behaviour nr_flows_customers = {
	.name = "customers", .shape = NR_FLOWS_DAILY, .share = {820, 800, 800}, .draw = draw_people};
const struct nr_flows_behaviour nr_flows_machines = {
	.name = "machines", .shape = NR_FLOWS_STEADY, .share = {105, 120, 150}, .draw = draw_machines};
