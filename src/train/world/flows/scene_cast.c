/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nets of the parts, with servers, clients, and dice for each. Who the servers are follows from the home seed
 * alone, so that the carriers of one world have the same ones; clients are each carrier's own.
 */
#include "train/world/flows/scene.h"

#include <errno.h>
#include <string.h>

#define OWN_FIRST       2112 /* behind the ISP's servers of services.c and the addresses that noise.c scans */
#define OWN_COUNT       1900
#define PERIOD_MEASURED 60. /* s, at most */
#define PORT_FIRST      20000
#define PORTS           40000
#define ISP_LENGTH      14 /* a network in Japan with such a block may be an ISP's (isp.c) */

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
}

/* Room for `more` items; NULL: out of memory. */
static void *make_room(void *items, uint32_t count, uint32_t more, uint32_t *room, size_t size)
{
	if (count + more <= *room)
		return items;
	uint32_t wanted = NR_MAX(count + more, *room * 2);
	void *new = realloc(items, wanted * size);
	if (new)
		*room = wanted;
	return new;
}

#define RESERVE(array, count, room, more)                                                                    \
	__extension__({                                                                                      \
		void *reserved = make_room(array, count, more, &(room), sizeof *(array));                    \
		if (reserved)                                                                                \
			(array) = reserved;                                                                  \
		reserved != NULL;                                                                            \
	})

static double between(struct nr_random *random, const double range[2])
{
	return range[0] + (range[1] - range[0]) * nr_chance_uniform(random);
}

static bool is_center(const struct nr_flows_world *world, uint16_t exporter)
{
	return exporter != NR_SCENE_ANY && world->exporters[exporter].kind->role == NR_ROLE_CENTER;
}

static uint16_t exporter_of(const struct nr_flows_world *world, uint32_t subscriber)
{
	for (uint16_t i = 0; i < world->exporter_count; i++) {
		const struct nr_exporter *x = &world->exporters[i];
		if (subscriber - x->subscriber < x->subscribers && x->kind->role != NR_ROLE_NAT)
			return i;
	}
	return 0;
}

/* ---- servers ---- */

static struct nr_flows_end own_server(const struct nr_flows_world *world)
{
	uint32_t number = OWN_FIRST + world->scenes->own_servers++ % OWN_COUNT;
	return (struct nr_flows_end){.place = NR_PLACE_OWN,
		.number = number,
		.address = nr_isp_server(&world->isp, number, false),
		.network = world->isp.network};
}

static bool may_be_isp(const struct nr_flows_world *world, uint16_t network)
{
	const struct nr_geography *g = world->geography;
	const char *code = nr_world_countries[g->networks[network].country].code;
	for (size_t i = 0; i < g->block_count && strcmp(code, "JP") == 0; i++)
		if (g->blocks[i].network == network && g->blocks[i].length <= ISP_LENGTH)
			return true;
	return false;
}

static struct nr_flows_end outside(const struct nr_flows_world *world, struct nr_random *random)
{
	for (;;) {
		unsigned country = nr_geography_draw_country(random);
		uint32_t address = nr_geography_draw_address(world->geography, random, country);
		const struct nr_world_block *block = nr_geography_find(world->geography, address);
		if (block && block->network != world->isp.network && !may_be_isp(world, block->network))
			return (struct nr_flows_end){.place = NR_PLACE_GIVEN,
				.address = nr_address_from_ipv4(address),
				.network = block->network};
	}
}

/* Somebody whose device the ISP watches: with an address that nobody shares. */
static struct nr_flows_end watched(const struct nr_flows_world *world, struct nr_random *random)
{
	uint32_t number;
	do
		number = (uint32_t)nr_random_below(random, world->isp.subscribers);
	while (nr_isp_is_shared(&world->isp, number));
	return (struct nr_flows_end){.place = NR_PLACE_SUBSCRIBER,
		.number = number,
		.address = nr_isp_public(&world->isp, number),
		.network = world->isp.network};
}

static struct nr_scene_server *add_server(
	struct nr_flows_world *world, const struct nr_flows_end *end, uint16_t exporter)
{
	struct nr_scenes *scenes = world->scenes;
	if (!RESERVE(scenes->servers, scenes->server_count, scenes->server_room, 1))
		return NULL;
	struct nr_scene_server *s = &scenes->servers[scenes->server_count++];
	*s = (struct nr_scene_server){.end = *end,
		.net = scenes->net_count,
		.exporter = exporter,
		.first = NR_TIME_MAX,
		.last = NR_TIME_MIN};
	return s;
}

static int add_servers(struct nr_flows_world *world, struct nr_scene_net *net, struct nr_random *random,
	uint16_t exporter, struct nr_error *error)
{
	const struct nr_scene_part *part = net->part;
	net->server = world->scenes->server_count;
	for (uint32_t i = 0; i < net->servers; i++) {
		struct nr_flows_end end;
		uint16_t seen_by = exporter;
		if (part->crowd == NR_CROWD_MONITOR) {
			end = watched(world, random);
			seen_by = exporter_of(world, end.number);
		} else if (part->own || is_center(world, exporter)) {
			end = own_server(world);
		} else {
			end = outside(world, random);
		}
		end.port = net->port;
		if (!add_server(world, &end, seen_by))
			return out_of_memory(error);
	}
	return 0;
}

/* ---- clients ---- */

static double period_of(const struct nr_scene_net *net, struct nr_random *random)
{
	double period = net->period;
	unsigned doublings = 0;
	for (double p = net->part->period[0]; net->part->doubles && p * 2 <= net->part->period[1]; p *= 2)
		doublings++;
	for (uint64_t k = nr_random_below(random, (uint64_t)doublings + 1); k > 0; k--)
		period *= 2;
	/* no two clocks are the same */
	return period * (1 + 1e-4 * (2 * nr_chance_uniform(random) - 1)) * (double)NR_SECOND;
}

/* Bots come over time; most were there before. Everybody else is simply there. */
static nr_time joins(
	const struct nr_flows_world *world, const struct nr_scene_net *net, struct nr_random *random)
{
	bool late = !net->part->benign && nr_random_below(random, 5) == 0;
	nr_time span = late ? (world->end - world->start) / 2 : 0;
	return world->start + (nr_time)nr_random_below(random, (uint64_t)span + 1);
}

static int add_actor(struct nr_flows_world *world, struct nr_scene_actor *actor, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	if (!RESERVE(scenes->actors, scenes->actor_count, scenes->actor_room, 1))
		return out_of_memory(error);
	struct nr_scene_net *net = &scenes->nets[actor->net];
	actor->period = period_of(net, &actor->random);
	nr_time from = joins(world, net, &actor->random);
	nr_time phase = (nr_time)(actor->period * nr_chance_uniform(&actor->random));
	if (actor->period > (double)(12 * NR_HOUR)) /* once a day: in the hours when it is awake */
		phase = (nr_time)nr_random_below(&actor->random, 2 * NR_HOUR);
	actor->beat = nr_scene_awake(world, actor, from) + phase;
	actor->tick = actor->beat;
	actor->attack = NR_TIME_MAX;
	actor->server = actor->pair = UINT32_MAX;
	scenes->actors[scenes->actor_count++] = *actor;
	return 0;
}

static int add_client(struct nr_flows_world *world, uint32_t net, uint32_t number, uint16_t exporter,
	const struct nr_flows_end *end, uint64_t dice, struct nr_error *error)
{
	struct nr_scene_actor actor = {.random = {dice},
		.net = net,
		.number = number,
		.role = NR_ROLE_BEATS,
		.exporter = (uint8_t)exporter,
		.end = *end};
	int rc = add_actor(world, &actor, error);
	if (rc || world->scenes->measured || !world->scenes->nets[net].part->scans ||
		end->place != NR_PLACE_SUBSCRIBER)
		return rc;
	actor.random.state = nr_random_mix(dice);
	actor.role = NR_ROLE_SCANS;
	return add_actor(world, &actor, error);
}

/* Different subscribers of a range, in a stride that is coprime to its length. */
static int add_subscribers(struct nr_flows_world *world, uint32_t net, struct nr_random *random,
	uint16_t exporter, struct nr_error *error)
{
	const struct nr_exporter *x = exporter == NR_SCENE_ANY ? NULL : &world->exporters[exporter];
	uint32_t first = x ? x->subscriber : 0, all = x ? x->subscribers : world->isp.subscribers;
	uint32_t at = (uint32_t)nr_random_below(random, all), stride = 7919; /* a prime */
	uint32_t clients = 0, wanted = world->scenes->nets[net].clients;
	int rc = 0;
	if (all % stride == 0)
		stride = 7907; /* another one */
	for (uint32_t i = 0; i < all && clients < wanted && !rc; i++) {
		uint32_t number = first + (uint32_t)((at + (uint64_t)i * stride) % all);
		struct nr_flows_end end = {
			.place = NR_PLACE_SUBSCRIBER, .number = number, .network = world->isp.network};
		/* whoever changes the address thrice a day hides the beat: not what is to be measured */
		if (world->scenes->measured && nr_isp_is_shared(&world->isp, number))
			continue;
		rc = add_client(world, net, clients++, x ? exporter : exporter_of(world, number), &end,
			nr_random_next(random), error);
	}
	world->scenes->nets[net].clients = clients;
	return rc;
}

static int add_outsiders(struct nr_flows_world *world, uint32_t net, struct nr_random *random,
	uint16_t exporter, struct nr_error *error)
{
	uint32_t clients = world->scenes->nets[net].clients;
	int rc = 0;
	for (uint32_t i = 0; i < clients && !rc; i++) {
		struct nr_flows_end end = outside(world, random);
		rc = add_client(world, net, i, exporter, &end, nr_random_next(random), error);
	}
	return rc;
}

/* One of the ISP's own asks each of the net's servers. */
static int add_monitor(
	struct nr_flows_world *world, uint32_t net, struct nr_random *random, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	struct nr_flows_end end = own_server(world);
	int rc = 0;
	for (uint32_t i = 0; i < scenes->nets[net].servers && !rc; i++)
		rc = add_client(world, net, i, scenes->servers[scenes->nets[net].server + i].exporter, &end,
			nr_random_next(random), error);
	return rc;
}

/* ---- nets ---- */

static void plan_attacks(struct nr_flows_world *world, struct nr_scene_net *net, struct nr_random *random)
{
	nr_time step = (world->end - world->start) / (NR_SCENE_COMMANDS + 1);
	net->command_count = NR_SCENE_COMMANDS;
	for (unsigned i = 0; i < NR_SCENE_COMMANDS; i++) {
		net->commands[i] = world->start + (nr_time)i * step + step / 2 +
				   (nr_time)nr_random_below(random, (uint64_t)step / 2);
		net->victims[i] = outside(world, random);
	}
}

static int draw_net(struct nr_flows_world *world, struct nr_scene_net *net, struct nr_random *random,
	unsigned which, uint16_t exporter, struct nr_error *error)
{
	const struct nr_scene_part *part = net->part;
	uint16_t high = (uint16_t)(PORT_FIRST + nr_random_below(random, PORTS));
	net->grid = part->grid || world->scenes->measured;
	net->period = part->doubles ? part->period[0] : between(random, part->period);
	net->jitter = (double)(uint64_t)(between(random, part->jitter) * 1e4 + .5) / 1e4;
	if (world->scenes->measured)
		net->period = NR_MIN(net->period, PERIOD_MEASURED);
	if (net->period >= 20) /* people choose whole seconds */
		net->period = (double)(uint64_t)(net->period + .5);
	net->port = part->ports[which % NR_COUNT(part->ports)];
	if (!net->port && (part->protocol == 6 || part->protocol == 17))
		net->port = high;
	if (part->attacks && !is_center(world, exporter))
		plan_attacks(world, net, random);
	return add_servers(world, net, random, exporter, error);
}

int nr_scene_add_net(struct nr_flows_world *world, const struct nr_scene_part *part, unsigned which,
	uint16_t exporter, uint32_t clients, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	uint64_t place = nr_random_mix(((uint64_t)exporter << 32 | which) + 1);
	struct nr_random servers = nr_random_stream(world->conf->home ^ place, part->name);
	struct nr_random random = nr_random_stream(world->conf->seed ^ ~place, part->name);
	if (!RESERVE(scenes->nets, scenes->net_count, scenes->net_room, 1))
		return out_of_memory(error);
	/* two parts of one name are two kinds of botnet */
	for (const struct nr_scene_part *p = nr_scene_bots; p < nr_scene_bots + nr_scene_bot_count; p++)
		if (p == part)
			servers.state += (uint64_t)(p - nr_scene_bots);
	struct nr_scene_net net = {.part = part,
		.servers = part->crowd == NR_CROWD_MONITOR ? clients : part->servers,
		.clients = clients};
	if (!is_center(world, exporter) && part->crowd != NR_CROWD_MONITOR) {
		bool any = exporter == NR_SCENE_ANY;
		net.clients = NR_MIN(
			clients, any ? world->isp.subscribers : world->exporters[exporter].subscribers);
	}
	int rc = draw_net(world, &net, &servers, which, exporter, error);
	if (rc)
		return rc;
	uint32_t number = scenes->net_count++;
	scenes->nets[number] = net;
	if (part->crowd == NR_CROWD_MONITOR)
		return add_monitor(world, number, &random, error);
	if (is_center(world, exporter))
		return add_outsiders(world, number, &random, exporter, error);
	return add_subscribers(world, number, &random, exporter, error);
}

/* ---- nulls ---- */

static const struct nr_scene_part background = {.name = "null", .benign = true, .protocol = 6};

int nr_scene_add_nulls(
	struct nr_flows_world *world, uint16_t exporter, uint32_t count, struct nr_error *error)
{
	static const uint16_t ports[] = {443, 443, 443, 80, 8080, 25, 8443, 0};
	struct nr_scenes *scenes = world->scenes;
	struct nr_random random = nr_random_stream(world->conf->seed + exporter, background.name);
	if (!RESERVE(scenes->nets, scenes->net_count, scenes->net_room, 1))
		return out_of_memory(error);
	uint32_t net = scenes->net_count;
	scenes->nets[net] = (struct nr_scene_net){
		.part = &background, .server = scenes->server_count, .servers = count, .jitter = 1};
	for (uint32_t i = 0; i < count; i++) {
		struct nr_flows_end end = outside(world, &random);
		end.port = ports[nr_random_below(&random, NR_COUNT(ports))];
		if (!end.port)
			end.port = (uint16_t)(PORT_FIRST + nr_random_below(&random, PORTS));
		struct nr_scene_server *s = add_server(world, &end, exporter);
		struct nr_scene_actor actor = {.random = {nr_random_next(&random)},
			.net = net,
			.number = i,
			.role = NR_ROLE_NULL,
			.exporter = (uint8_t)exporter,
			.end = {.place = NR_PLACE_SUBSCRIBER, .network = world->isp.network}};
		if (!s || !RESERVE(scenes->actors, scenes->actor_count, scenes->actor_room, 1))
			return out_of_memory(error);
		s->null = true;
		actor.attack = NR_TIME_MAX;
		actor.server = scenes->nets[net].server + i;
		/* so many sampled conversations a day: 2 to 500, most of them few */
		double volume = 12 * nr_chance_exp(1.1 * nr_chance_normal(&world->chance, &actor.random));
		actor.period = 86400e6 / NR_MAX(2., NR_MIN(volume, 500.));
		actor.beat = world->start + (nr_time)(actor.period * nr_chance_uniform(&actor.random));
		scenes->actors[scenes->actor_count++] = actor;
	}
	scenes->net_count++;
	return 0;
}
