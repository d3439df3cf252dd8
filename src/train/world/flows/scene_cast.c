/* SPDX-License-Identifier: Apache-2.0 */
/* Who plays: nets of the parts, with servers, clients, and dice for each. */
#include "train/world/flows/scene.h"

#include <errno.h>
#include <string.h>

#define OWN_FIRST  2112 /* behind the ISP's servers of services.c and the addresses that noise.c scans */
#define OWN_COUNT  1900
#define PORT_FIRST 20000
#define PORTS      40000

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
}

/* Room for `more` items; NULL: out of memory. */
static void *room(void *items, uint32_t count, uint32_t more, uint32_t *room, size_t size)
{
	if (count + more <= *room)
		return items;
	uint32_t wanted = NR_MAX(count + more, *room * 2);
	void *new = realloc(items, wanted * size);
	if (new)
		*room = wanted;
	return new;
}

#define RESERVE(array, count, space, more)                                                                   \
	__extension__({                                                                                      \
		void *more_room = room(array, count, more, &(space), sizeof *(array));                       \
		if (more_room)                                                                               \
			(array) = more_room;                                                                 \
		more_room != NULL;                                                                           \
	})

static double between(struct nr_random *random, const double range[2])
{
	return range[0] + (range[1] - range[0]) * nr_chance_uniform(random);
}

/* ---- servers ---- */

static struct nr_flows_end own_server(const struct nr_flows_world *world, struct nr_scenes *scenes)
{
	uint32_t number = OWN_FIRST + scenes->own_servers++ % OWN_COUNT;
	return (struct nr_flows_end){.place = NR_PLACE_OWN,
		.number = number,
		.address = nr_isp_server(&world->isp, number, false),
		.network = world->isp.network};
}

static struct nr_flows_end outside(const struct nr_flows_world *world, struct nr_random *random)
{
	struct nr_flows_peer peer = nr_service_draw_peer(world, random, nr_random_below(random, 4) > 0);
	return (struct nr_flows_end){.place = NR_PLACE_GIVEN,
		.address = nr_address_from_ipv4(peer.address),
		.network = peer.network};
}

/* exporter: the one that all clients are behind, or NR_SCENE_ANY. */
static int add_servers(struct nr_flows_world *world, struct nr_scenes *scenes, struct nr_scene_net *net,
	struct nr_random *random, uint16_t exporter, struct nr_error *error)
{
	bool own = exporter != NR_SCENE_ANY && world->exporters[exporter].kind->role == NR_ROLE_CENTER;
	if (!RESERVE(scenes->servers, scenes->server_count, scenes->server_room, net->servers))
		return out_of_memory(error);
	net->server = scenes->server_count;
	for (uint32_t i = 0; i < net->servers; i++) {
		struct nr_scene_server *s = &scenes->servers[scenes->server_count++];
		*s = (struct nr_scene_server){.end = own ? own_server(world, scenes) : outside(world, random),
			.net = scenes->net_count,
			.exporter = exporter,
			.first = NR_TIME_MAX,
			.last = NR_TIME_MIN};
		s->end.port = net->port;
	}
	return 0;
}

/* ---- clients ---- */

static uint16_t exporter_of(const struct nr_flows_world *world, uint32_t subscriber)
{
	for (uint16_t i = 0; i < world->exporter_count; i++) {
		const struct nr_exporter *x = &world->exporters[i];
		if (subscriber - x->subscriber < x->subscribers && x->kind->role != NR_ROLE_NAT)
			return i;
	}
	return 0;
}

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

static int add_actor(struct nr_flows_world *world, struct nr_scenes *scenes, struct nr_scene_actor *actor,
	struct nr_error *error)
{
	if (!RESERVE(scenes->actors, scenes->actor_count, scenes->actor_room, 1))
		return out_of_memory(error);
	struct nr_scene_net *net = &scenes->nets[actor->net];
	actor->period = period_of(net, &actor->random);
	nr_time from = joins(world, net, &actor->random);
	nr_time phase = (nr_time)(actor->period * nr_chance_uniform(&actor->random));
	actor->beat = nr_scene_awake(world, actor, from) + phase;
	actor->tick = actor->beat;
	actor->attack = NR_TIME_MAX;
	actor->server = UINT32_MAX;
	scenes->actors[scenes->actor_count++] = *actor;
	return 0;
}

static int add_client(struct nr_flows_world *world, struct nr_scenes *scenes, uint32_t net, uint32_t number,
	uint16_t exporter, struct nr_flows_end end, uint64_t dice, struct nr_error *error)
{
	struct nr_scene_actor actor = {.random = {dice},
		.net = net,
		.number = number,
		.role = NR_ROLE_BEATS,
		.exporter = (uint8_t)exporter,
		.end = end};
	int rc = add_actor(world, scenes, &actor, error);
	if (rc || !scenes->nets[net].part->scans || end.place != NR_PLACE_SUBSCRIBER)
		return rc;
	actor.random.state = nr_random_mix(dice);
	actor.role = NR_ROLE_SCANS;
	return add_actor(world, scenes, &actor, error);
}

/* Different subscribers of a range, in a stride that is coprime to its length. */
static int add_subscribers(struct nr_flows_world *world, struct nr_scenes *scenes, uint32_t net,
	struct nr_random *random, uint16_t exporter, uint32_t clients, struct nr_error *error)
{
	const struct nr_exporter *x = exporter == NR_SCENE_ANY ? NULL : &world->exporters[exporter];
	uint32_t first = x ? x->subscriber : 0, all = x ? x->subscribers : world->isp.subscribers;
	uint32_t at = (uint32_t)nr_random_below(random, all), stride = 7919;
	while (all % stride == 0)
		stride += 2;
	int rc = 0;
	for (uint32_t i = 0; i < NR_MIN(clients, all) && !rc; i++) {
		uint32_t number = first + (uint32_t)((at + (uint64_t)i * stride) % all);
		struct nr_flows_end end = {
			.place = NR_PLACE_SUBSCRIBER, .number = number, .network = world->isp.network};
		rc = add_client(world, scenes, net, i, x ? exporter : exporter_of(world, number), end,
			nr_random_next(random), error);
	}
	return rc;
}

static int add_outsiders(struct nr_flows_world *world, struct nr_scenes *scenes, uint32_t net,
	struct nr_random *random, uint16_t exporter, uint32_t clients, struct nr_error *error)
{
	int rc = 0;
	for (uint32_t i = 0; i < clients && !rc; i++)
		rc = add_client(world, scenes, net, i, exporter, outside(world, random),
			nr_random_next(random), error);
	return rc;
}

/* ---- nets ---- */

static int add_net(struct nr_flows_world *world, struct nr_scenes *scenes, const struct nr_scene_part *part,
	unsigned which, uint16_t exporter, uint32_t clients, struct nr_error *error)
{
	struct nr_random random = nr_random_stream(
		world->conf->seed ^ nr_random_mix(((uint64_t)exporter << 32 | which) + 1), part->name);
	if (!RESERVE(scenes->nets, scenes->net_count, scenes->net_room, 1))
		return out_of_memory(error);
	struct nr_scene_net *net = &scenes->nets[scenes->net_count];
	*net = (struct nr_scene_net){.part = part,
		.servers = part->servers,
		.clients = clients,
		.period = part->doubles ? part->period[0] : between(&random, part->period),
		.jitter = between(&random, part->jitter),
		.port = part->ports[which % NR_COUNT(part->ports)]};
	uint16_t high = (uint16_t)(PORT_FIRST + nr_random_below(&random, PORTS));
	if (!net->port && part->protocol != 1)
		net->port = high;
	if (net->period >= 20) /* people choose whole seconds */
		net->period = (double)(uint64_t)(net->period + .5);
	int rc = add_servers(world, scenes, net, &random, exporter, error);
	uint32_t number = scenes->net_count++;
	bool center = exporter != NR_SCENE_ANY && world->exporters[exporter].kind->role == NR_ROLE_CENTER;
	if (rc)
		return rc;
	if (center)
		return add_outsiders(world, scenes, number, &random, exporter, clients, error);
	return add_subscribers(world, scenes, number, &random, exporter, clients, error);
}

/* ---- profiles ---- */

const char *const nr_scene_profiles[] = {"none", "hard", NULL};

uint64_t nr_scenes_subscribers(const struct nr_flows_conf *conf)
{
	return strcmp(conf->scenes, "hard") == 0 ? 20000 : 0;
}

/* Bots that leave enough at a sampling rate: two sizes of nets. */
static const struct {
	uint32_t sampling, bots[2];
} sizes[] = {{1, {5, 30}}, {100, {30, 100}}, {500, {60, 100}}, {1000, {100, 100}}, {2000, {200, 200}},
	{5000, {500, 500}}, {10000, {1000, 1000}}};

static uint32_t bots_for(const struct nr_flows_conf *conf, uint32_t sampling, unsigned which)
{
	unsigned i = 0;
	while (i + 1 < NR_COUNT(sizes) && sizes[i].sampling < sampling)
		i++;
	return conf->bots ? (uint32_t)conf->bots : sizes[i].bots[which % 2];
}

static int cast_bots(struct nr_flows_world *world, struct nr_scenes *scenes, struct nr_error *error)
{
	int rc = 0;
	for (uint16_t i = 0; i < world->exporter_count; i++) {
		const struct nr_exporter *x = &world->exporters[i];
		for (size_t p = 0; p < nr_scene_bot_count; p++) {
			const struct nr_scene_part *part = &nr_scene_bots[p];
			if (x->kind->role == NR_ROLE_NAT || x->sampling > part->coarsest)
				continue;
			for (unsigned k = 0; k < (x->sampling <= 1000 ? 2 : 1) && !rc; k++)
				rc = add_net(world, scenes, part, k, i, bots_for(world->conf, x->sampling, k),
					error);
		}
	}
	return rc;
}

static int cast_benign(struct nr_flows_world *world, struct nr_scenes *scenes, struct nr_error *error)
{
	int rc = 0;
	for (size_t p = 0; p < nr_scene_benign_count && !rc; p++) {
		const struct nr_scene_part *part = &nr_scene_benign[p];
		uint32_t clients = world->isp.subscribers * part->share / 1000;
		if (part->share)
			rc = add_net(world, scenes, part, 0, NR_SCENE_ANY, clients, error);
		for (uint16_t i = 0; i < world->exporter_count && !rc && part->clients[1]; i++) {
			if (world->exporters[i].kind->role == NR_ROLE_NAT)
				continue;
			struct nr_random random = nr_random_stream(world->conf->seed + i, part->name);
			for (unsigned k = 0; k < 4 && !rc; k++)
				rc = add_net(world, scenes, part, k, i,
					nr_random_between(&random, part->clients[0], part->clients[1]),
					error);
		}
	}
	return rc;
}

int nr_scene_cast(struct nr_flows_world *world, struct nr_scenes *scenes, struct nr_error *error)
{
	int rc = cast_bots(world, scenes, error);
	return rc ? rc : cast_benign(world, scenes, error);
}
