/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Campaigns of known onset for early warning (--campaign), and what must not be taken for one. Each has a
 * port of its own, which nothing else in the world prefers, but for the worm on a busy port. When it begins
 * is drawn, between a half and two thirds of the world's duration.
 */
#include "train/world/day.h"

#include <string.h>

struct injection {
	const char *name;
	uint16_t port;
	bool spreads; /* false: early warning must stay silent */
	void (*script)(
		struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset);
};

static struct nr_world_packet knock(
	struct nr_day *day, struct nr_actor *actor, uint32_t source, nr_time time, uint16_t port)
{
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, port);
	p.layout = NR_LAYOUT_LINUX;
	p.fragment = NR_DONT_FRAGMENT;
	return p;
}

/* One packet every `period` on average, from `from` on. */
static void scan(struct nr_day *day, struct nr_actor *actor, uint32_t source, uint16_t port, nr_time from,
	nr_time to, nr_time period)
{
	to = NR_MIN(to, day->end);
	for (nr_time t = from; t < to && !day->failed;
		t += 1 + (nr_time)nr_random_below(&actor->random, 2 * (uint64_t)period)) {
		struct nr_world_packet p = knock(day, actor, source, t, port);
		nr_day_script(day, &p);
	}
}

static uint32_t add_hosts(struct nr_day *day, struct nr_actor *actor, unsigned count)
{
	uint32_t first = (uint32_t)day->truth.source_count;
	for (unsigned i = 0; i < count && !day->failed; i++)
		nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
	return first;
}

/* Infections double every `doubling` until `hosts` are infected; each host scans on until the end. */
static void spread(struct nr_day *day, struct nr_actor *actor, const struct injection *injection,
	nr_time onset, unsigned hosts, nr_time doubling, nr_time period)
{
	uint32_t first = add_hosts(day, actor, hosts);
	nr_time from = onset;
	for (unsigned i = 0; i < hosts && !day->failed; i++) {
		scan(day, actor, first + i, injection->port, from, onset + 12 * NR_HOUR, period);
		/* with n infected the next one comes after doubling / n, on average */
		from += (nr_time)nr_random_below(&actor->random, 2 * (uint64_t)doubling) / (nr_time)(i + 1) *
			7 / 10; /* ln 2 */
	}
}

static void script_fast_worm(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	spread(day, actor, injection, onset, 150, 20 * NR_MINUTE, 6 * NR_MINUTE);
}

static void script_slow_worm(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	spread(day, actor, injection, onset, 80, 150 * NR_MINUTE, 20 * NR_MINUTE);
}

/* All of them start and stop together, as a command tells them: 5 minutes of every half hour. */
static void script_botnet(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	uint32_t first = add_hosts(day, actor, 60);
	for (unsigned round = 0; round < 10; round++)
		for (unsigned i = 0; i < 60 && !day->failed; i++) {
			nr_time start = onset + round * 30 * NR_MINUTE +
					(nr_time)nr_random_below(&actor->random, 20 * NR_SECOND);
			scan(day, actor, first + i, injection->port, start, start + 5 * NR_MINUTE,
				100 * NR_SECOND);
		}
}

/* New hosts at a steady trickle, each a packet an hour. */
static void script_low_rate(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	uint32_t first = add_hosts(day, actor, 60);
	for (unsigned i = 0; i < 60 && !day->failed; i++)
		scan(day, actor, first + i, injection->port, onset + i * 12 * NR_MINUTE, day->end, NR_HOUR);
}

/* Forged sources, one packet each, from all 2^32 addresses within twenty minutes. */
static void script_forged(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	for (unsigned i = 0; i < 1500 && !day->failed; i++) {
		uint32_t source = 0, address = 0;
		do
			address = (uint32_t)nr_random_next(&actor->random);
		while (!day->failed && (nr_day_is_ours(day, address) ||
					       !nr_day_add_address(day, address, NR_TOOL_NONE, &source)));
		nr_time time = onset + (nr_time)nr_random_below(&actor->random, 20 * NR_MINUTE);
		struct nr_world_packet p = knock(day, actor, source, time, injection->port);
		nr_day_script(day, &p);
	}
}

/* One scanner behind 200 addresses of one /23. */
static void script_provider(
	struct nr_day *day, struct nr_actor *actor, const struct injection *injection, nr_time onset)
{
	uint32_t base, first = (uint32_t)day->truth.source_count;
	do
		base = (uint32_t)nr_random_between(&actor->random, 0x0b000000, 0xdf000000) & ~UINT32_C(511);
	while (nr_day_is_ours(day, base) || nr_day_is_ours(day, base + 511) || base >> 24 == 127);
	for (unsigned i = 0; i < 512 && day->truth.source_count < first + 200 && !day->failed; i++) {
		uint32_t source;
		nr_day_add_address(day, base + i, NR_TOOL_NONE, &source);
	}
	for (uint32_t s = first; s < day->truth.source_count && !day->failed; s++)
		scan(day, actor, s, injection->port, onset + (nr_time)(s - first) * 20 * NR_SECOND,
			onset + 5 * NR_HOUR, 20 * NR_MINUTE);
}

static const struct injection injections[] = {
	{"fast-worm", 2375, true, script_fast_worm},
	{"busy-worm", 22, true, script_fast_worm},
	{"slow-worm", 8291, true, script_slow_worm},
	{"botnet", 7070, true, script_botnet},
	{"low-rate", 4786, true, script_low_rate},
	{"forged", 6443, false, script_forged},
	{"provider", 10250, false, script_provider},
};

const char *const nr_day_campaigns[NR_COUNT(injections) + 2] = {
	"all", "fast-worm", "busy-worm", "slow-worm", "botnet", "low-rate", "forged", "provider", NULL};

bool nr_day_is_campaign(const char *name)
{
	for (size_t i = 0; nr_day_campaigns[i]; i++)
		if (strcmp(nr_day_campaigns[i], name) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct nr_darknet_conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->campaigns.count; i++)
		if (!strcmp(conf->campaigns.items[i], name) || !strcmp(conf->campaigns.items[i], "all"))
			return true;
	return false;
}

static void script_injected(struct nr_day *day, struct nr_actor *actor)
{
	nr_time duration = day->end - day->start;
	for (size_t i = 0; i < NR_COUNT(injections) && !day->failed; i++) {
		const struct injection *injection = &injections[i];
		if (!is_wanted(day->world->conf, injection->name))
			continue;
		/* a stream for each: what is injected besides changes nothing */
		actor->random = nr_random_stream(day->world->conf->seed, injection->name);
		uint32_t first = (uint32_t)day->truth.source_count;
		nr_time onset = day->start + duration / 2 +
				(nr_time)nr_random_below(&actor->random, (uint64_t)duration / 6);
		injection->script(day, actor, injection, onset);
		struct nr_truth_group *group =
			nr_truth_add_group(&day->truth, injection->spreads ? "injected" : "decoy", first,
				(uint32_t)day->truth.source_count - first);
		if (!group)
			continue;
		snprintf(group->signature, sizeof group->signature, "%s", injection->name);
		group->protocol = NR_WORLD_TCP;
		group->port = injection->port;
	}
}

const struct nr_behaviour nr_behaviour_injected = {.name = "injected", .script = script_injected};
