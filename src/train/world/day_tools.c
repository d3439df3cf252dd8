/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning tools with the marks of their published sources (telescope reference 7), and scanners without a
 * name. */
#include "train/world/day.h"

#define ZMAP_OLD_ID 54321

void nr_tool_zmap_old(const struct nr_day *day, struct nr_world_packet *p)
{
	p->id = ZMAP_OLD_ID;
	p->window = 65535;
	p->ttl = (uint8_t)(255 - 8 - nr_day_trait(day, p->source, NR_TRAIT_HOPS) % 17);
	p->source_port = (uint16_t)(32768 + p->source_port % 28233);
	p->layout = nr_day_trait(day, p->source, NR_TRAIT_KIND) % 3 ? NR_LAYOUT_NONE : NR_LAYOUT_MSS;
	p->match = true;
}

/* A word of the keyed validation value of one probe. */
static uint64_t cookie(const struct nr_day *day, const struct nr_world_packet *p)
{
	uint64_t key = nr_day_trait(day, p->source, NR_TRAIT_KEY);
	return nr_random_mix(key ^ nr_random_mix((uint64_t)p->destination << 16 | p->destination_port));
}

/* 4.1 and later: no fixed id; the same target gets the same sequence and id; the time stamp is the time of
 * day. */
void nr_tool_zmap_new(const struct nr_day *day, struct nr_world_packet *p)
{
	static const uint8_t layouts[] = {NR_LAYOUT_WINDOWS, NR_LAYOUT_LINUX, NR_LAYOUT_BSD, NR_LAYOUT_MSS};
	uint64_t c = cookie(day, p);
	p->sequence = (uint32_t)c;
	p->id = (uint16_t)(c >> 32);
	p->id ^= p->id == ZMAP_OLD_ID; /* the old mark would come by accident, once in 65536 */
	p->source_port = (uint16_t)(32768 + (c >> 48) % 28233);
	p->window = 65535;
	p->fragment = 0;
	p->layout = layouts[nr_day_trait(day, p->source, NR_TRAIT_KIND) % NR_COUNT(layouts)];
	if (p->layout == NR_LAYOUT_MSS)
		p->mss = 1460; /* so short a mark must be exact */
	p->timestamp = (uint32_t)(p->time / NR_SECOND);
	p->match = true;
}

void nr_tool_masscan(const struct nr_day *day, struct nr_world_packet *p, bool old)
{
	uint16_t port = (uint16_t)(40000 + nr_day_trait(day, p->source, NR_TRAIT_PORT) % 20000);
	p->source_port = old ? port : (uint16_t)(port + p->destination % 16);
	p->sequence = (uint32_t)(cookie(day, p) ^ p->source_port);
	p->id = (uint16_t)(p->destination ^ p->destination_port ^ p->sequence);
	p->window = 1024;
	p->ttl = (uint8_t)(255 - 8 - nr_day_trait(day, p->source, NR_TRAIT_HOPS) % 17);
	p->layout = old ? NR_LAYOUT_NONE : NR_LAYOUT_MSS;
	p->match = true;
}

/* Scanners look for one to four services each. */
static uint16_t target_port(const struct nr_day *day, struct nr_actor *actor, uint32_t source)
{
	static const uint16_t services[] = {80, 443, 22, 3389, 8080, 8443, 21, 25, 110, 143, 3306, 5432, 6379,
		9200, 27017, 5900, 2375, 1080, 3128, 8888, 5060, 1723, 554, 8000, 9000, 10000, 5985, 11211,
		502, 102, 161, 623};
	uint64_t trait = nr_day_trait(day, source, NR_TRAIT_TARGET);
	uint64_t choice = trait / 32 + nr_random_below(&actor->random, trait % 4 + 1) * 7;
	return services[choice % NR_COUNT(services)];
}

static struct nr_world_packet probe(struct nr_day *day, struct nr_actor *actor, nr_time time)
{
	uint32_t source = nr_day_pick(day, actor, time);
	return nr_day_syn(day, actor, source, time, 64, target_port(day, actor, source));
}

static unsigned emit_zmap_old(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	struct nr_world_packet p = probe(day, actor, time);
	nr_tool_zmap_old(day, &p);
	nr_day_push(day, &p);
	return 1;
}

/* One probe in eight is sent twice: equal in everything but time. */
static unsigned emit_zmap_new(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	struct nr_world_packet p = probe(day, actor, time);
	nr_tool_zmap_new(day, &p);
	nr_day_push(day, &p);
	if (room < 2 || nr_random_below(&actor->random, 8) != 0 || time + NR_SECOND >= day->end)
		return 1;
	p.time += NR_SECOND;
	p.timestamp++;
	nr_day_push(day, &p);
	return 2;
}

static unsigned emit_masscan_old(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	struct nr_world_packet p = probe(day, actor, time);
	nr_tool_masscan(day, &p, true);
	nr_day_push(day, &p);
	return 1;
}

static unsigned emit_masscan_new(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	struct nr_world_packet p = probe(day, actor, time);
	nr_tool_masscan(day, &p, false);
	nr_day_push(day, &p);
	return 1;
}

/* -sS: a random 16-bit value in both halves of the sequence, under the mask of the run. */
static unsigned emit_nmap(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	struct nr_world_packet p = probe(day, actor, time);
	uint32_t half = p.sequence & 0xffff;
	p.sequence = (half << 16 | half) ^ (uint32_t)nr_day_trait(day, p.source, NR_TRAIT_KEY);
	p.window = (uint16_t)(1024 * nr_random_between(&actor->random, 1, 4));
	p.ttl = (uint8_t)(nr_random_between(&actor->random, 37, 59) - 8 -
			  nr_day_trait(day, p.source, NR_TRAIT_HOPS) % 17);
	p.layout = NR_LAYOUT_MSS;
	p.mss = 1460;
	p.match = true;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_zmap_old = {.name = "zmap before 4.1",
	.weight = 150,
	.shape = NR_SHAPE_STEADY,
	.per_source = 300,
	.tool = NR_TOOL_ZMAP,
	.emit = emit_zmap_old};
const struct nr_behaviour nr_behaviour_zmap_new = {.name = "zmap since 4.1",
	.weight = 250,
	.shape = NR_SHAPE_STEADY,
	.per_source = 300,
	.tool = NR_TOOL_ZMAP_NEW,
	.emit = emit_zmap_new};
const struct nr_behaviour nr_behaviour_masscan_old = {.name = "masscan without options",
	.weight = 150,
	.shape = NR_SHAPE_STEADY,
	.per_source = 200,
	.tool = NR_TOOL_MASSCAN,
	.emit = emit_masscan_old};
const struct nr_behaviour nr_behaviour_masscan_new = {.name = "masscan with MSS",
	.weight = 250,
	.shape = NR_SHAPE_STEADY,
	.per_source = 200,
	.tool = NR_TOOL_MASSCAN,
	.emit = emit_masscan_new};
const struct nr_behaviour nr_behaviour_nmap = {.name = "nmap",
	.weight = 50,
	.shape = NR_SHAPE_DAILY,
	.per_source = 80,
	.tool = NR_TOOL_NMAP,
	.emit = emit_nmap};

/* One unnamed tool on many hosts: window and source port are compiled in. */
#define CAMPAIGN_WINDOW      29040
#define CAMPAIGN_SOURCE_PORT 45123
#define CAMPAIGN_PORT        9530

static void start_campaign(struct nr_day *day, struct nr_actor *actor)
{
	actor->group = nr_truth_add_group(&day->truth, "campaign", actor->first_source, actor->source_count);
	if (!actor->group)
		return;
	snprintf(actor->group->signature, sizeof actor->group->signature, "window=%d,source_port=%d",
		CAMPAIGN_WINDOW, CAMPAIGN_SOURCE_PORT);
	actor->group->protocol = NR_WORLD_TCP;
	actor->group->port = CAMPAIGN_PORT;
}

static unsigned emit_campaign(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	uint32_t source = nr_day_pick(day, actor, time);
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, CAMPAIGN_PORT);
	p.window = CAMPAIGN_WINDOW;
	p.source_port = CAMPAIGN_SOURCE_PORT;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_campaign = {.name = "campaign",
	.weight = 120,
	.shape = NR_SHAPE_DAILY,
	.per_source = 40,
	.start = start_campaign,
	.emit = emit_campaign};

/* All ports of three addresses per source. Enough sources to stay below the research rule. */
static void start_vertical(struct nr_day *day, struct nr_actor *actor)
{
	uint64_t days = (uint64_t)((day->end - day->start + NR_DAY - 1) / NR_DAY);
	uint64_t sources = 2 * actor->quota / (days * nr_research_threshold(day)) + 1;
	actor->first_source = (uint32_t)day->truth.source_count;
	actor->source_count = (uint32_t)sources;
	for (uint64_t i = 0; i < sources; i++)
		nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
}

static unsigned emit_vertical(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	(void)room;
	uint32_t source = actor->first_source + (uint32_t)(actor->counter % actor->source_count);
	uint64_t step = actor->counter++ / actor->source_count;
	struct nr_world_packet p =
		nr_day_syn(day, actor, source, time, 64, (uint16_t)(step * 40503)); /* odd: every port */
	uint64_t target = nr_day_trait(day, source, NR_TRAIT_TARGET) + step % 3;
	p.destination = nr_dark_address(&day->world->dark, target % nr_dark_addresses(&day->world->dark));
	p.layout = NR_LAYOUT_MSS;
	p.window = 14600;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_vertical = {.name = "vertical",
	.weight = 80,
	.shape = NR_SHAPE_STEADY,
	.start = start_vertical,
	.emit = emit_vertical};

/* One packet per minute, as long as the world lasts: too slow for every rate rule. */
static void script_slow(struct nr_day *day, struct nr_actor *actor)
{
	static const uint16_t ports[] = {3389, 22, 5900, 23, 445, 1433, 8080};
	uint32_t source = nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
	nr_truth_add_group(&day->truth, "slow_scanner", source, 1);
	unsigned turn = 0;
	for (nr_time t = day->start + 17 * NR_SECOND; t < day->end && !day->failed; t += NR_MINUTE) {
		uint16_t port = ports[turn++ % NR_COUNT(ports)];
		nr_time jitter = (nr_time)nr_random_below(&actor->random, 2 * NR_SECOND);
		struct nr_world_packet p = nr_day_syn(day, actor, source, t + jitter, 128, port);
		p.fragment = NR_DONT_FRAGMENT;
		p.layout = NR_LAYOUT_WINDOWS;
		nr_day_script(day, &p);
	}
}

const struct nr_behaviour nr_behaviour_slow = {.name = "slow", .script = script_slow};
