/* SPDX-License-Identifier: Apache-2.0 */
/* What bots do besides waiting: they obey, flood and scan; and the visitors of ordinary servers. */
#include "train/world/flows/scene.h"

#include <errno.h>

#define COMMAND_WAIT (3 * NR_SECOND) /* a bot needs at most so long to obey */
#define ROUND_PROBES 300
#define ROUND_PAUSE  (3 * NR_HOUR)
#define FLOOD_FLOWS  8

enum { TCP = 6, UDP = 17, SYN = 2, RST = 4, ACK = 16 };

static int note_host(struct nr_flows_world *world, enum nr_scene_host kind, unsigned behaviour,
	const struct nr_address *address, nr_time from, nr_time to, struct nr_error *error)
{
	struct nr_crowd *hosts = &world->scenes->hosts;
	uint32_t number = nr_crowd_add(hosts, nr_scene_host_group(kind, behaviour), address, from);
	if (number == UINT32_MAX)
		return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
	nr_crowd_touch(hosts, number, to);
	return 0;
}

/* ---- commands ---- */

/* The server tells all that are connected, within a second; who hears it attacks at once. */
int nr_scene_obey(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	struct nr_conversation c;
	actor->command++;
	if (!actor->until || now >= actor->until)
		return 0;
	nr_scene_begin(world, actor, now, &c);
	nr_scene_aim(world, actor, &c);
	nr_scene_pack(&c, 0, 96, false, false);
	c.length = 30000;
	actor->attack = now + nr_scene_within(&actor->random, 300000, COMMAND_WAIT);
	int rc = nr_scene_note(world, actor, now, error);
	return rc ? rc : nr_scene_pass(world, &c, actor->entries, error);
}

int nr_scene_flood(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	const struct nr_flows_end *victim = &net->victims[actor->command - 1];
	struct nr_flows_end kept = actor->end; /* of the connection that stays */
	nr_time length = 60 * NR_SECOND;
	int rc = 0;
	actor->attack = NR_TIME_MAX;
	for (unsigned i = 0; i < FLOOD_FLOWS && !rc; i++) {
		struct nr_conversation c;
		nr_scene_begin(world, actor, now, &c);
		c.protocol = UDP;
		c.length = length;
		rc = nr_scene_locate(world, actor, &c, error);
		if (rc)
			break;
		uint64_t packets = 2000 + nr_random_below(&actor->random, 4000);
		c.server = *victim;
		c.server.port = (uint16_t)(i % 2 ? 80 : 1024 + nr_random_below(&actor->random, 60000));
		c.up = (struct nr_flows_amount){.packets = packets, .bytes = packets * 540};
		rc = nr_scene_pass(world, &c, NULL, error);
	}
	if (!rc)
		rc = note_host(world, NR_HOST_SOURCE, NR_BEHAVIOUR_FLOOD, &actor->end.address, now,
			now + length, error);
	actor->end = kept;
	return rc ? rc
		  : note_host(world, NR_HOST_VICTIM, NR_BEHAVIOUR_FLOOD, &victim->address, now, now + length,
			    error);
}

/* ---- scanning ---- */

int nr_scene_probe(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	struct nr_random *random = &actor->random;
	struct nr_conversation c;
	nr_scene_begin(world, actor, now, &c);
	c.protocol = TCP;
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = note_host(
			world, NR_HOST_SCANNER, NR_BEHAVIOUR_SCAN, &actor->end.address, now, now, error);
	if (rc)
		return rc;
	struct nr_flows_peer peer = nr_service_draw_peer(world, random, false);
	c.server = (struct nr_flows_end){.place = NR_PLACE_GIVEN,
		.address = nr_address_from_ipv4(peer.address),
		.network = peer.network,
		.port = nr_random_below(random, 10) ? 23 : 2323};
	c.up = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = SYN};
	if (nr_random_below(random, 12) == 0) {
		c.down = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = RST | ACK};
		c.length = 150000;
	}
	if (actor->probes == 0)
		actor->probes = ROUND_PROBES;
	nr_time gap = --actor->probes ? NR_SECOND / 2 : ROUND_PAUSE;
	actor->beat = now + 1 + (nr_time)((double)gap * nr_chance_exponential(&world->chance, random));
	return nr_scene_pass(world, &c, NULL, error);
}

/* ---- background ---- */

#define SESSION      4 /* conversations, mean */
#define SESSION_GAP  (30 * NR_SECOND)
#define CLIENTS_MOST 60

static nr_time next_session(struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now)
{
	struct nr_random *random = &actor->random;
	nr_time next = now;
	do
		next += 1 + (nr_time)(actor->period * SESSION / 2 *
				      nr_chance_exponential(&world->chance, random));
	while (nr_chance_uniform(random) * 2 > nr_flows_daily(next));
	return next;
}

/* Whoever talks to this server: few come again and again. */
static void draw_visitor(const struct nr_flows_world *world, struct nr_scene_actor *actor)
{
	const struct nr_exporter *x = &world->exporters[actor->exporter];
	uint64_t server = nr_random_mix(actor->server + UINT64_C(1));
	uint64_t clients = 2 + server % CLIENTS_MOST;
	uint64_t k = nr_random_power(clients, (uint32_t)nr_random_next(&actor->random));
	actor->end.number = x->subscriber + (uint32_t)(nr_random_mix(server ^ k) % x->subscribers);
}

/* A conversation of which something is sampled, in sessions, as people are. */
int nr_scene_visit(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	struct nr_random *random = &actor->random;
	struct nr_conversation c;
	if (!actor->probes) {
		draw_visitor(world, actor);
		actor->probes = (uint16_t)(1 + nr_random_below(random, 2 * SESSION - 1));
	}
	nr_scene_begin(world, actor, now, &c);
	double size = 20 * nr_chance_exp(1.3 * nr_chance_normal(&world->chance, random));
	uint32_t packets = (uint32_t)NR_MAX(6., NR_MIN(size, 3000.));
	c.length = nr_scene_within(random, 100000, (nr_time)packets * 100000);
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = nr_scene_note(world, actor, now, error);
	if (rc)
		return rc;
	nr_scene_aim(world, actor, &c);
	nr_scene_pack(&c, packets * 60, packets * 600, true, true);
	c.surely = world->exporters[actor->exporter].sampling > 1;
	actor->beat =
		--actor->probes
			? now + 1 + (nr_time)(SESSION_GAP * nr_chance_exponential(&world->chance, random))
			: next_session(world, actor, now);
	return nr_scene_pass(world, &c, NULL, error);
}
