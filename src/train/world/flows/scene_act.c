/* SPDX-License-Identifier: Apache-2.0 */
/* What actors do when it is their turn: beat, take commands, attack, scan, sleep. */
#include "train/world/flows/scene.h"

#include <errno.h>

#define JAPAN        (9 * NR_HOUR)
#define DAY_MINUTES  1440
#define TRIES        3
#define TRY_GAP      (500 * INT64_C(1000)) /* us */
#define COMMAND_WAIT (3 * NR_SECOND)       /* a bot needs at most so long to obey */
#define ROUND_PROBES 300
#define ROUND_PAUSE  (3 * NR_HOUR)
#define FLOOD_FLOWS  8

enum { TCP = 6, UDP = 17, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
}

static nr_time within(struct nr_random *random, nr_time low, nr_time high)
{
	return low + (nr_time)nr_random_below(random, (uint64_t)(high - low) + 1);
}

/* ---- when ---- */

/* Minutes of Japan's day between which it is awake; the end may be past midnight. */
static void hours_of(const struct nr_scene_actor *actor, uint8_t presence, int ret[static 2])
{
	uint64_t habit = nr_random_mix(actor->end.number + UINT64_C(77));
	switch ((enum nr_scene_presence)presence) {
	case NR_PRESENCE_PERSON:
		ret[0] = 330 + (int)(habit % 240);
		ret[1] = ret[0] + 840 + (int)(habit / 240 % 240);
		break;
	case NR_PRESENCE_OFFICE:
		ret[0] = 480 + (int)(habit % 90);
		ret[1] = ret[0] + 480 + (int)(habit / 90 % 180);
		break;
	case NR_PRESENCE_NIGHT:
		ret[0] = 60 + (int)(habit % 60);
		ret[1] = 300;
		break;
	default:
		ret[0] = 0;
		ret[1] = DAY_MINUTES;
	}
}

nr_time nr_scene_awake(const struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time time)
{
	uint8_t presence = world->scenes->nets[actor->net].part->presence;
	if (presence == NR_PRESENCE_ALWAYS)
		return time;
	if (presence == NR_PRESENCE_LATE)
		return NR_MAX(time, world->start + (world->end - world->start) / 3);
	int hours[2];
	hours_of(actor, presence, hours);
	int minute = (int)((time + JAPAN) % NR_DAY / NR_MINUTE);
	int since = (minute - hours[0] + DAY_MINUTES) % DAY_MINUTES;
	if (since < hours[1] - hours[0])
		return time;
	return nr_time_floor(time, NR_MINUTE) + (nr_time)(DAY_MINUTES - since) * NR_MINUTE;
}

/* The time of its next beat; asleep until then where that is when it does not wake for it. */
static nr_time after(struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	struct nr_random *random = &actor->random;
	nr_time next;
	if (net->jitter >= 1) {
		next = now + (nr_time)(actor->period * nr_chance_exponential(&world->chance, random));
	} else {
		double off = actor->period * net->jitter * nr_chance_normal(&world->chance, random);
		off = NR_MAX(-actor->period * .9, NR_MIN(off, actor->period * 4));
		actor->tick = (net->part->grid ? actor->tick : now) + (nr_time)actor->period;
		next = actor->tick + (nr_time)off;
	}
	next = NR_MAX(next, now + 1000);
	nr_time awake = nr_scene_awake(world, actor, next);
	if (awake > next) {
		next = awake + (nr_time)(actor->period * nr_chance_uniform(random));
		actor->tick = next;
		actor->until = 0;
	}
	return next;
}

/* ---- to whom ---- */

static uint32_t choose_server(const struct nr_flows_world *world, const struct nr_scene_actor *actor,
	const struct nr_scene_net *net)
{
	uint64_t turn = actor->number;
	if (net->part->choice == NR_CHOICE_TURN)
		turn += (uint64_t)(actor->tick / NR_MAX((nr_time)actor->period, INT64_C(1)));
	else if (net->part->choice == NR_CHOICE_HOUR)
		turn = (uint64_t)((actor->beat - world->start) / NR_HOUR);
	return net->server + (uint32_t)(turn % net->servers);
}

static int note(struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time time, bool anew,
	struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	const struct nr_scene_net *net = &scenes->nets[actor->net];
	struct nr_scene_server *server = &scenes->servers[actor->server];
	server->first = NR_MIN(server->first, time);
	server->last = NR_MAX(server->last, time);
	if (anew) {
		actor->pair = nr_crowd_add(&scenes->pairs, actor->server, &actor->end.address, time);
		unsigned behaviour = (unsigned)(net->part - nr_scene_bots);
		if (!net->part->benign)
			actor->host = nr_crowd_add(&scenes->hosts,
				nr_scene_host_group(NR_HOST_INFECTED, behaviour), &actor->end.address, time);
		if (actor->pair == UINT32_MAX || (!net->part->benign && actor->host == UINT32_MAX))
			return out_of_memory(error);
	}
	nr_crowd_touch(&scenes->pairs, actor->pair, time);
	if (!net->part->benign)
		nr_crowd_touch(&scenes->hosts, actor->host, time);
	return 0;
}

static int note_host(struct nr_flows_world *world, enum nr_scene_host kind, unsigned behaviour,
	const struct nr_address *address, nr_time from, nr_time to, struct nr_error *error)
{
	struct nr_crowd *hosts = &world->scenes->hosts;
	uint32_t number = nr_crowd_add(hosts, nr_scene_host_group(kind, behaviour), address, from);
	if (number == UINT32_MAX)
		return out_of_memory(error);
	nr_crowd_touch(hosts, number, to);
	return 0;
}

/* ---- beats ---- */

static uint32_t vary(struct nr_scene_actor *actor, uint32_t size, uint8_t spread)
{
	if (!spread || !size)
		return size;
	double factor = 1 + (double)spread / 100 * (2 * nr_chance_uniform(&actor->random) - 1);
	return (uint32_t)((double)size * factor + .5);
}

static void begin(const struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time now,
	struct nr_conversation *c)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	*c = (struct nr_conversation){.start = now,
		.exporter = actor->exporter,
		.protocol = net->part->protocol,
		.client = actor->end};
}

static void aim(
	const struct nr_flows_world *world, const struct nr_scene_actor *actor, struct nr_conversation *c)
{
	c->client = actor->end;
	c->server = world->scenes->servers[actor->server].end;
	c->scene = actor->server + 1;
}

/* Opens a connection: c->length is how long it may last at most. */
static int open(struct nr_flows_world *world, struct nr_scene_actor *actor, struct nr_conversation *c,
	struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	c->length = world->end - c->start;
	if (net->part->life)
		c->length = (nr_time)((double)net->part->life * (double)NR_SECOND *
				      nr_chance_exponential(&world->chance, &actor->random));
	int rc = nr_scene_locate(world, actor, c, error);
	actor->opened = c->start;
	actor->until = c->start + c->length;
	actor->entries[0] = actor->entries[1] = 0;
	return rc ? rc : note(world, actor, c->start, true, error);
}

static int beat_kept(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	const struct nr_scene_part *part = net->part;
	struct nr_conversation c;
	uint32_t server = choose_server(world, actor, net);
	bool opens = now >= actor->until || server != actor->server;
	int rc;
	begin(world, actor, now, &c);
	actor->server = server;
	if (opens)
		rc = open(world, actor, &c, error);
	else
		rc = note(world, actor, now, false, error);
	if (rc)
		return rc;
	aim(world, actor, &c);
	actor->beat = after(world, actor, now);
	bool closes = part->protocol == TCP && actor->beat >= actor->until;
	if (closes && now - actor->opened > (nr_time)actor->period) /* and comes back soon */
		actor->beat =
			NR_MIN(actor->beat, now + within(&actor->random, 2 * NR_SECOND, 15 * NR_SECOND));
	nr_scene_pack(&c, vary(actor, part->up, part->spread) + (opens ? part->hello_up : 0),
		vary(actor, part->down, part->spread) + (opens ? part->hello_down : 0), opens, closes);
	c.length = within(&actor->random, 20000, opens ? 600000 : 150000);
	if (closes)
		actor->until = 0;
	return nr_scene_pass(world, &c, actor->entries, error);
}

static int beat_each(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	const struct nr_scene_part *part = net->part;
	struct nr_conversation c;
	begin(world, actor, now, &c);
	actor->server = choose_server(world, actor, net);
	c.length = within(&actor->random, 40000, 900000);
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = note(world, actor, now, true, error);
	if (rc)
		return rc;
	aim(world, actor, &c);
	nr_scene_pack(
		&c, vary(actor, part->up, part->spread), vary(actor, part->down, part->spread), true, true);
	actor->beat = after(world, actor, now);
	return nr_scene_pass(world, &c, NULL, error);
}

/* A server that is gone: each try a port of its own, a SYN, and a reset or nothing. */
static int beat_refused(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	struct nr_conversation c;
	begin(world, actor, now, &c);
	actor->server = net->server;
	c.length = within(&actor->random, 30000, 200000);
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = note(world, actor, now, true, error);
	if (rc)
		return rc;
	aim(world, actor, &c);
	c.up = (struct nr_flows_amount){.packets = 1, .bytes = 52, .tcp_flags = SYN};
	c.down = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = RST | ACK};
	actor->probes = (uint16_t)((actor->probes + 1) % TRIES);
	actor->beat = actor->probes ? now + TRY_GAP + within(&actor->random, 0, 20000)
				    : after(world, actor, now - (TRIES - 1) * TRY_GAP);
	actor->beat = NR_MAX(actor->beat, now + 1000);
	return nr_scene_pass(world, &c, NULL, error);
}

/* ---- commands ---- */

/* The server tells all that are connected, within a second; who hears it attacks at once. */
static int obey(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	struct nr_conversation c;
	actor->command++;
	if (!actor->until || now >= actor->until)
		return 0;
	begin(world, actor, now, &c);
	aim(world, actor, &c);
	nr_scene_pack(&c, 0, 96, false, false);
	c.length = 30000;
	actor->attack = now + within(&actor->random, 300000, COMMAND_WAIT);
	int rc = note(world, actor, now, false, error);
	return rc ? rc : nr_scene_pass(world, &c, actor->entries, error);
}

static int flood(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	struct nr_flows_peer victim = net->victims[actor->command - 1];
	struct nr_address address = nr_address_from_ipv4(victim.address);
	struct nr_flows_end kept = actor->end; /* of the connection that stays */
	nr_time length = 60 * NR_SECOND;
	int rc = 0;
	actor->attack = NR_TIME_MAX;
	for (unsigned i = 0; i < FLOOD_FLOWS && !rc; i++) {
		struct nr_conversation c;
		begin(world, actor, now, &c);
		c.protocol = UDP;
		c.length = length;
		rc = nr_scene_locate(world, actor, &c, error);
		if (rc)
			break;
		uint64_t packets = 2000 + nr_random_below(&actor->random, 4000);
		c.server = (struct nr_flows_end){.place = NR_PLACE_GIVEN,
			.address = address,
			.network = victim.network,
			.port = (uint16_t)(i % 2 ? 80 : 1024 + nr_random_below(&actor->random, 60000))};
		c.up = (struct nr_flows_amount){.packets = packets, .bytes = packets * 540};
		rc = nr_scene_pass(world, &c, NULL, error);
	}
	if (!rc)
		rc = note_host(world, NR_HOST_SOURCE, NR_BEHAVIOUR_FLOOD, &actor->end.address, now,
			now + length, error);
	actor->end = kept;
	return rc ? rc
		  : note_host(world, NR_HOST_VICTIM, NR_BEHAVIOUR_FLOOD, &address, now, now + length, error);
}

/* ---- scanning ---- */

static int probe(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	struct nr_random *random = &actor->random;
	struct nr_conversation c;
	begin(world, actor, now, &c);
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

/* ---- its turn ---- */

static nr_time next_of(const struct nr_scenes *scenes, const struct nr_scene_actor *actor)
{
	const struct nr_scene_net *net = &scenes->nets[actor->net];
	nr_time next = NR_MIN(actor->beat, actor->attack);
	if (actor->role == NR_ROLE_BEATS && actor->command < net->command_count)
		next = NR_MIN(next, net->commands[actor->command] + actor->number % 1000 * 1000);
	return next;
}

int nr_scene_act(struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, nr_time *ret_next,
	struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	int rc;
	if (actor->role == NR_ROLE_SCANS)
		rc = probe(world, actor, now, error);
	else if (now >= actor->attack)
		rc = flood(world, actor, now, error);
	else if (now < actor->beat)
		rc = obey(world, actor, now, error);
	else if (net->part->manner == NR_MANNER_KEPT)
		rc = beat_kept(world, actor, now, error);
	else if (net->part->manner == NR_MANNER_EACH)
		rc = beat_each(world, actor, now, error);
	else
		rc = beat_refused(world, actor, now, error);
	if (!rc)
		*ret_next = NR_MAX(next_of(world->scenes, actor), now + 1);
	return rc;
}
