/* SPDX-License-Identifier: Apache-2.0 */
/* Infected machines: the Mirai family, Windows worms, and hosts that guess passwords. */
#include "train/world/day.h"

/* telescope reference 7.1: sequence = destination, window and source port constant for the process, id
 * random. */
void nr_tool_mirai(struct nr_world_packet *p)
{
	p->sequence = p->destination;
	p->layout = NR_LAYOUT_NONE;
	p->match = true;
}

/* Bots of one kind knock at the ports of their exploit; the first kind is the published source. */
static uint16_t mirai_port(const struct nr_day *day, struct nr_actor *actor, uint32_t source)
{
	static const uint16_t variants[] = {80, 8080, 7547, 37215, 5555, 52869, 81, 8081, 60023, 2323};
	uint64_t kind = nr_day_trait(day, source, NR_TRAIT_KIND) % 100;
	if (kind < 80)
		return nr_random_below(&actor->random, 10) == 0 ? 2323 : 23;
	return variants[kind % NR_COUNT(variants)];
}

static void send_mirai(
	struct nr_day *day, struct nr_actor *actor, uint32_t source, nr_time time, uint16_t port)
{
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, port);
	uint64_t header = nr_day_trait(day, source, NR_TRAIT_KEY) % 100;
	p.source_port = (uint16_t)(1024 + nr_day_trait(day, source, NR_TRAIT_PORT) % 64512);
	p.window = (uint16_t)nr_day_trait(day, source, NR_TRAIT_WINDOW);
	nr_tool_mirai(&p);
	if (header < 12)
		p.mirai_header = true; /* data offset 6, IP length 40 */
	else if (header < 22)
		p.layout = NR_LAYOUT_MSS; /* 6 and 44 */
	nr_day_push(day, &p);
}

static unsigned emit_mirai(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	uint32_t source = nr_day_pick(day, actor, time);
	send_mirai(day, actor, source, time, mirai_port(day, actor, source));
	return 1;
}

const struct nr_behaviour nr_behaviour_mirai = {.name = "mirai",
	.weight = 2100,
	.shape = NR_SHAPE_DAILY,
	.per_source = 40,
	.tool = NR_TOOL_MIRAI,
	.emit = emit_mirai};

/* A new variant breaks out: within two hours many new bots, one router port. */
static unsigned emit_mirai_wave(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	send_mirai(day, actor, nr_day_pick(day, actor, time), time, 37215);
	return 1;
}

const struct nr_behaviour nr_behaviour_mirai_wave = {.name = "mirai wave",
	.weight = 170,
	.shape = NR_SHAPE_BURST,
	.burst_at = 620,
	.burst_length = 30,
	.per_source = 12,
	.tool = NR_TOOL_MIRAI,
	.emit = emit_mirai_wave};

/* A kernel's SYN, sent again after 3 s and 9 s (Windows) when there is room for all three. */
static unsigned emit_worm(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const uint16_t ports[] = {445, 445, 445, 445, 445, 135, 3389, 3389, 1433, 139};
	uint32_t source = nr_day_pick(day, actor, time);
	uint16_t port = ports[nr_day_trait(day, source, NR_TRAIT_TARGET) % NR_COUNT(ports)];
	unsigned copies = room < 3 ? 1 : 3;
	if (time + 9 * NR_SECOND >= day->end)
		time -= 10 * NR_SECOND;
	struct nr_world_packet p = nr_day_syn(day, actor, source, NR_MAX(time, day->start), 128, port);
	p.source_port = (uint16_t)nr_random_between(&actor->random, 49152, 65535);
	p.fragment = NR_DONT_FRAGMENT;
	p.window = nr_day_trait(day, source, NR_TRAIT_WINDOW) % 2 ? 8192 : 64240;
	p.layout = NR_LAYOUT_WINDOWS;
	nr_time first = p.time;
	for (unsigned i = 0; i < copies; i++) {
		p.time = first + (i == 0 ? 0 : (i == 1 ? 3 : 9)) * NR_SECOND;
		nr_day_push(day, &p);
		p.id++;
	}
	return copies;
}

const struct nr_behaviour nr_behaviour_worm = {
	.name = "worm", .weight = 450, .shape = NR_SHAPE_DAILY, .per_source = 30, .emit = emit_worm};

/* Servers that guess passwords and look for web panels, with their own kernel's SYN: DF set, TSval since
 * boot. */
static unsigned emit_brute(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const uint16_t ports[] = {22, 22, 22, 22, 80, 80, 443, 443, 8080, 8443, 2222, 3306, 5432, 6379,
		5900, 21, 25, 8888, 9200, 27017};
	(void)room;
	uint32_t source = nr_day_pick(day, actor, time);
	uint16_t port = ports[nr_day_trait(day, source, NR_TRAIT_TARGET) % NR_COUNT(ports)];
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, port);
	p.source_port = (uint16_t)nr_random_between(&actor->random, 32768, 60999);
	p.fragment = NR_DONT_FRAGMENT;
	p.window = nr_day_trait(day, source, NR_TRAIT_WINDOW) % 3 ? 64240 : 29200;
	p.layout = NR_LAYOUT_LINUX;
	p.timestamp =
		(uint32_t)nr_day_trait(day, source, NR_TRAIT_KEY) % 400000000 +
		(uint32_t)((time - day->start) / 1000); /* milliseconds since boot: up to 5 days before */
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_brute = {
	.name = "brute", .weight = 550, .shape = NR_SHAPE_DAILY, .per_source = 60, .emit = emit_brute};
