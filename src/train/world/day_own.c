/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The own network: one host with a Mirai bot, one with a worm, and one that only answers a SYN flood. The
 * first two are infected-host findings (DAEDALUS, telescope reference 3), the third is a victim and must not
 * be called infected.
 */
#include "train/world/day.h"

#define BOT_PACKETS 150
#define WORM_CALLS  40
#define ANSWERS     60

/* The n-th address of the first own IPv4 prefix; false when it is too small. */
static bool own_source(struct nr_day *day, uint32_t n, uint8_t tool, uint32_t *ret_source)
{
	const struct nr_prefixes *own = &day->world->conf->own;
	for (size_t i = 0; i < own->count; i++) {
		const struct nr_prefix *p = &own->items[i];
		if (!nr_address_is_ipv4(&p->address) || p->length < 96)
			continue;
		uint64_t size = UINT64_C(1) << (128 - p->length);
		return n < size &&
		       nr_day_add_address(day, nr_address_ipv4(&p->address) + n, tool, ret_source);
	}
	return false;
}

static void script_bot(struct nr_day *day, struct nr_actor *actor, uint32_t source)
{
	nr_time begin = day->start + (day->end - day->start) / 5 * 3;
	nr_truth_add_group(&day->truth, "infected_host", source, 1);
	for (unsigned i = 0; i < BOT_PACKETS && !day->failed; i++) {
		nr_time time = begin + (nr_time)nr_random_below(&actor->random, (uint64_t)(day->end - begin));
		struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, i % 10 == 0 ? 2323 : 23);
		p.window = 14600;
		p.source_port = 30211;
		nr_tool_mirai(&p);
		nr_day_script(day, &p);
	}
}

static void script_worm(struct nr_day *day, struct nr_actor *actor, uint32_t source)
{
	nr_time length = (day->end - day->start) / 4, begin = day->start + length;
	nr_truth_add_group(&day->truth, "infected_host", source, 1);
	for (unsigned i = 0; i < WORM_CALLS && !day->failed; i++) {
		nr_time time = begin + (nr_time)nr_random_below(&actor->random, (uint64_t)length);
		struct nr_world_packet p = nr_day_syn(day, actor, source, time, 128, 445);
		p.fragment = NR_DONT_FRAGMENT;
		p.layout = NR_LAYOUT_WINDOWS;
		for (unsigned copy = 0; copy < 3; copy++) {
			nr_day_script(day, &p);
			p.time += (copy == 0 ? 3 : 6) * NR_SECOND;
			p.id++;
		}
	}
}

static void script_victim(struct nr_day *day, struct nr_actor *actor, uint32_t source)
{
	nr_time minute = nr_time_floor(day->start + (day->end - day->start) / 2, NR_MINUTE);
	uint16_t victim = nr_truth_add_victim(&day->truth, &day->truth.sources[source].address, NR_WORLD_TCP,
		"an own host under a SYN flood: a victim, not infected");
	for (unsigned i = 0; i < ANSWERS && !day->failed; i++) {
		struct nr_world_packet p = nr_day_syn(day, actor, source, minute + 2 * NR_SECOND * i, 64, 0);
		p.source_port = 443;
		p.destination_port = (uint16_t)nr_random_between(&actor->random, 1024, 65535);
		p.flags = NR_SYN | NR_ACK;
		p.acknowledgement = p.sequence + 1;
		p.layout = NR_LAYOUT_MSS;
		p.victim = victim;
		nr_day_script(day, &p);
	}
}

static void script_own(struct nr_day *day, struct nr_actor *actor)
{
	uint32_t source;
	if (own_source(day, 20, NR_TOOL_MIRAI, &source) || own_source(day, 1, NR_TOOL_MIRAI, &source))
		script_bot(day, actor, source);
	if (own_source(day, 77, NR_TOOL_NONE, &source) || own_source(day, 2, NR_TOOL_NONE, &source))
		script_worm(day, actor, source);
	if (own_source(day, 130, NR_TOOL_NONE, &source) || own_source(day, 3, NR_TOOL_NONE, &source))
		script_victim(day, actor, source);
}

const struct nr_behaviour nr_behaviour_own = {.name = "own network", .script = script_own};
