/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that are spread over a network, so that no address answers often enough to be a victim of its own
 * (telescope reference 9.5), and what must not be taken for one: victims of their own that are neighbours,
 * and a network whose hosts answer one after the other.
 */
#include "train/world/day.h"

struct carpet {
	const char *kind; /* in the truth */
	uint8_t length;
	uint32_t networks, hosts; /* /24s, and hosts of each that answer */
	uint32_t rounds;          /* answers of each host */
	uint32_t permille;        /* of the duration, when it begins */
	uint16_t port;
	bool closed; /* RST with ACK; else SYN-ACK */
};

static const struct carpet carpets[] = {
	{"carpet_attack", 24, 1, 100, 2, 430, 443, false},
	{"carpet_attack", 20, 16, 6, 2, 610, 80, true},
};

#define APART (NR_SECOND * 4 / 5) /* answers of a carpet */

/* The first /24 of a network in which all of them are usable. */
static uint32_t draw_network(struct nr_day *day, struct nr_actor *actor, uint8_t length)
{
	const struct nr_geography *g = day->world->geography;
	for (;;) {
		unsigned country = nr_geography_draw_country(&actor->random);
		uint32_t base =
			nr_geography_draw_address(g, &actor->random, country) & ~(UINT32_MAX >> length);
		bool usable = true;
		for (uint32_t i = 0; i < UINT32_C(1) << (24 - length); i++)
			usable = usable && nr_geography_usable(g, base + i * 256 + 1);
		if (usable)
			return base;
	}
}

static void script_answer(struct nr_day *day, struct nr_actor *actor, const struct carpet *carpet,
	uint32_t source, nr_time time)
{
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, 0);
	uint64_t r = nr_random_next(&actor->random);
	p.destination_port = (uint16_t)(1024 + r % 64512);
	p.source_port = carpet->port;
	p.acknowledgement = (uint32_t)(r >> 32);
	p.flags = carpet->closed ? NR_RST | NR_ACK : NR_SYN | NR_ACK;
	if (!carpet->closed)
		p.layout = NR_LAYOUT_MSS;
	nr_day_script(day, &p);
}

/* The hosts of the network, next neighbours in different /24s, and their group in the truth. An address that
 * someone else has is left out. */
static uint32_t set_network(
	struct nr_day *day, struct nr_actor *actor, const struct carpet *carpet, uint32_t *ret_first)
{
	uint32_t base = draw_network(day, actor, carpet->length), count = 0, source;
	*ret_first = (uint32_t)day->truth.source_count;
	for (uint32_t i = 0; i < carpet->networks * carpet->hosts && !day->failed; i++) {
		uint32_t address = base + i % carpet->networks * 256 + 1 + i / carpet->networks * 199 % 254;
		count += nr_day_add_address(day, address, NR_TOOL_NONE, &source);
	}
	struct nr_truth_group *group = nr_truth_add_group(&day->truth, carpet->kind, *ret_first, count);
	if (!group)
		return count;
	const struct nr_prefix prefix = {nr_address_from_ipv4(base), (uint8_t)(96 + carpet->length)};
	nr_prefix_write(&prefix, group->signature);
	group->protocol = NR_WORLD_TCP;
	group->port = carpet->port;
	return count;
}

static void script_carpet(struct nr_day *day, struct nr_actor *actor, const struct carpet *carpet)
{
	uint32_t first;
	nr_time begin = day->start + (day->end - day->start) / 1000 * carpet->permille;
	uint32_t count = set_network(day, actor, carpet, &first);
	for (uint32_t i = 0; i < count * carpet->rounds && !day->failed; i++)
		script_answer(day, actor, carpet, first + i % count, begin + (nr_time)i * APART);
}

/* Two dozen hosts of a /24, each four answers within a minute, one host after the other from beginning to
 * end. */
static void script_unrelated(struct nr_day *day, struct nr_actor *actor)
{
	const struct carpet control = {"carpet_decoy", 24, 1, 24, 4, 0, 443, false};
	uint32_t first, count = set_network(day, actor, &control, &first);
	for (uint32_t i = 0; i < count && !day->failed; i++) {
		nr_time begin = day->start + (day->end - day->start) / (count + 1) * i;
		for (uint32_t k = 0; k < control.rounds; k++)
			script_answer(day, actor, &control, first + i, begin + k * 10 * NR_SECOND);
	}
}

/* Three hosts of a /24, each attacked enough to be a victim of its own, at the same time. */
static void script_neighbours(struct nr_day *day, struct nr_actor *actor)
{
	static const char *const why[] = {"the first of three victims in a /24, each of its own",
		"the second of three victims in a /24", "the third of three victims in a /24"};
	const struct carpet control = {"carpet_decoy", 24, 1, NR_COUNT(why), 41, 0, 443, false};
	uint32_t first, count = set_network(day, actor, &control, &first);
	nr_time begin = nr_time_floor(day->start + (day->end - day->start) / 10 * 7, NR_MINUTE);
	for (uint32_t i = 0; i < count && !day->failed; i++) {
		uint16_t victim = nr_truth_add_victim(
			&day->truth, &day->truth.sources[first + i].address, NR_WORLD_TCP, why[i]);
		size_t from = day->script.count;
		for (uint32_t k = 0; k < control.rounds; k++)
			script_answer(
				day, actor, &control, first + i, begin + i * 7000 + k * 3 * NR_SECOND / 2);
		for (; from < day->script.count; from++)
			day->script.items[from].victim = victim;
	}
}

static void script_carpets(struct nr_day *day, struct nr_actor *actor)
{
	for (size_t i = 0; i < NR_COUNT(carpets) && !day->failed; i++)
		script_carpet(day, actor, &carpets[i]);
	script_unrelated(day, actor);
	script_neighbours(day, actor);
}

const struct nr_behaviour nr_behaviour_carpets = {.name = "carpets", .script = script_carpets};
