/* SPDX-License-Identifier: Apache-2.0 */
/* What actors do when it is their turn: beat, take commands, attack, scan, sleep. */
#include "train/world/flows/scene.h"

#include <errno.h>

#define JAPAN       (9 * NR_HOUR)
#define DAY_MINUTES 1440
#define TRY_GAP     (500 * INT64_C(1000)) /* us */

enum { TCP = 6, UDP = 17, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static int out_of_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "world: out of memory; give fewer --subscribers");
}

nr_time nr_scene_within(struct nr_random *random, nr_time low, nr_time high)
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
		actor->tick = (net->grid ? actor->tick : now) + (nr_time)actor->period;
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

static bool is_known(const struct nr_crowd *pairs, const struct nr_scene_actor *actor)
{
	const struct nr_crowd_member *m = &pairs->members[actor->pair];
	return actor->pair < pairs->count && m->group == actor->server &&
	       nr_address_equal(&m->address, &actor->end.address);
}

/* It talks to actor->server from where it is now. */
int nr_scene_note(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time time, struct nr_error *error)
{
	struct nr_scenes *scenes = world->scenes;
	const struct nr_scene_part *part = scenes->nets[actor->net].part;
	struct nr_scene_server *server = &scenes->servers[actor->server];
	server->first = NR_MIN(server->first, time);
	server->last = NR_MAX(server->last, time);
	if (server->null)
		return 0;
	if (!is_known(&scenes->pairs, actor)) {
		actor->pair = nr_crowd_add(&scenes->pairs, actor->server, &actor->end.address, time);
		if (!part->benign)
			actor->host = nr_crowd_add(&scenes->hosts,
				nr_scene_host_group(NR_HOST_INFECTED, (unsigned)(part - nr_scene_bots)),
				&actor->end.address, time);
		if (actor->pair == UINT32_MAX || (!part->benign && actor->host == UINT32_MAX))
			return out_of_memory(error);
	}
	nr_crowd_touch(&scenes->pairs, actor->pair, time);
	if (!part->benign)
		nr_crowd_touch(&scenes->hosts, actor->host, time);
	return 0;
}

/* What begins now goes on until then. */
static void note_until(struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time time)
{
	struct nr_scene_server *server = &world->scenes->servers[actor->server];
	server->last = NR_MAX(server->last, time);
	nr_crowd_touch(&world->scenes->pairs, actor->pair, time);
}

/* ---- beats ---- */

static uint32_t vary(struct nr_scene_actor *actor, uint32_t size, uint8_t spread)
{
	if (!spread || !size)
		return size;
	double factor = 1 + (double)spread / 100 * (2 * nr_chance_uniform(&actor->random) - 1);
	return (uint32_t)((double)size * factor + .5);
}

void nr_scene_begin(const struct nr_flows_world *world, const struct nr_scene_actor *actor, nr_time now,
	struct nr_conversation *c)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	*c = (struct nr_conversation){.start = now,
		.exporter = actor->exporter,
		.protocol = net->part->protocol,
		.client = actor->end};
}

void nr_scene_aim(
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
	return rc ? rc : nr_scene_note(world, actor, c->start, error);
}

static int beat_kept(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	const struct nr_scene_part *part = net->part;
	struct nr_conversation c;
	uint32_t server = choose_server(world, actor, net);
	bool opens = now >= actor->until || server != actor->server;
	nr_scene_begin(world, actor, now, &c);
	actor->server = server;
	int rc = opens ? open(world, actor, &c, error) : nr_scene_note(world, actor, now, error);
	if (rc)
		return rc;
	nr_scene_aim(world, actor, &c);
	actor->beat = after(world, actor, now);
	bool closes = part->protocol == TCP && actor->beat >= actor->until;
	if (closes && now - actor->opened > (nr_time)actor->period) /* and comes back soon */
		actor->beat = NR_MIN(
			actor->beat, now + nr_scene_within(&actor->random, 2 * NR_SECOND, 15 * NR_SECOND));
	nr_scene_pack(&c, vary(actor, part->up, part->spread) + (opens ? part->hello_up : 0),
		vary(actor, part->down, part->spread) + (opens ? part->hello_down : 0), opens, closes);
	c.length = nr_scene_within(&actor->random, 20000, opens ? 600000 : 150000);
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
	nr_scene_begin(world, actor, now, &c);
	actor->server = choose_server(world, actor, net);
	c.length = nr_scene_within(&actor->random, 40000, 900000);
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = nr_scene_note(world, actor, now, error);
	if (rc)
		return rc;
	nr_scene_aim(world, actor, &c);
	nr_scene_pack(
		&c, vary(actor, part->up, part->spread), vary(actor, part->down, part->spread), true, true);
	actor->beat = after(world, actor, now);
	return nr_scene_pass(world, &c, NULL, error);
}

/* One connection for long, with packets at random times; then a pause. */
static int beat_stream(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	const struct nr_scene_part *part = net->part;
	struct nr_conversation c;
	nr_scene_begin(world, actor, now, &c);
	actor->server = choose_server(world, actor, net);
	int rc = open(world, actor, &c, error);
	if (rc)
		return rc;
	nr_scene_aim(world, actor, &c);
	c.length = NR_MAX(NR_SECOND, NR_MIN(c.length, world->end - now));
	double seconds = (double)c.length / (double)NR_SECOND;
	uint32_t up = (uint32_t)(seconds * part->pace[0]), down = (uint32_t)(seconds * part->pace[1]);
	nr_scene_pack(&c, up * 120, 0, true, true);
	c.up.packets += up;
	c.up.bytes += (uint64_t)up * 40;
	c.down.packets += down;
	c.down.bytes += (uint64_t)down * 940;
	actor->beat = after(world, actor, now + c.length);
	note_until(world, actor, now + c.length);
	return nr_scene_pass(world, &c, NULL, error);
}

/* A server that is gone, or moved away: each try a port of its own, a SYN, and a reset or nothing. */
static int beat_refused(
	struct nr_flows_world *world, struct nr_scene_actor *actor, nr_time now, struct nr_error *error)
{
	const struct nr_scene_net *net = &world->scenes->nets[actor->net];
	struct nr_conversation c;
	nr_scene_begin(world, actor, now, &c);
	actor->server = net->server;
	c.length = nr_scene_within(&actor->random, 30000, 200000);
	int rc = nr_scene_locate(world, actor, &c, error);
	if (!rc)
		rc = nr_scene_note(world, actor, now, error);
	if (rc)
		return rc;
	nr_scene_aim(world, actor, &c);
	c.up = (struct nr_flows_amount){.packets = 1, .bytes = 52, .tcp_flags = SYN};
	c.down = (struct nr_flows_amount){.packets = 1, .bytes = 40, .tcp_flags = RST | ACK};
	actor->probes = (uint16_t)((actor->probes + 1) % net->part->tries);
	actor->beat = actor->probes ? now + TRY_GAP + nr_scene_within(&actor->random, 0, 20000)
				    : after(world, actor, now - (net->part->tries - 1) * TRY_GAP);
	actor->beat = NR_MAX(actor->beat, now + 1000);
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
		rc = nr_scene_probe(world, actor, now, error);
	else if (actor->role == NR_ROLE_NULL)
		rc = nr_scene_visit(world, actor, now, error);
	else if (now >= actor->attack)
		rc = nr_scene_flood(world, actor, now, error);
	else if (now < actor->beat)
		rc = nr_scene_obey(world, actor, now, error);
	else if (net->part->manner == NR_MANNER_KEPT)
		rc = beat_kept(world, actor, now, error);
	else if (net->part->manner == NR_MANNER_EACH)
		rc = beat_each(world, actor, now, error);
	else if (net->part->manner == NR_MANNER_STREAM)
		rc = beat_stream(world, actor, now, error);
	else
		rc = beat_refused(world, actor, now, error);
	if (!rc)
		*ret_next = NR_MAX(next_of(world->scenes, actor), now + 1);
	return rc;
}
