/* SPDX-License-Identifier: Apache-2.0 */
/* What spoils naive counting: a spoofed flood, bogon sources, strange flags, fragments, tunnels, broken
 * frames. */
#include "train/world/day.h"

#define FLOOD_WINDOW 5840
#define FLOOD_TTL    113
#define FLOOD_PORT   80

/* Every packet from another address, drawn from all 2^32: bogons and unrouted space included. */
static unsigned emit_flood(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	uint32_t address, source = 0;
	(void)room;
	do
		address = (uint32_t)nr_random_next(&actor->random);
	while (!day->failed &&
		(nr_day_is_ours(day, address) || !nr_day_add_address(day, address, NR_TOOL_NONE, &source)));
	if (!actor->group) {
		actor->group = nr_truth_add_group(&day->truth, "spoofed_flood", source, 0);
		snprintf(actor->group->signature, sizeof actor->group->signature, "port=%d,window=%d,ttl=%d",
			FLOOD_PORT, FLOOD_WINDOW, FLOOD_TTL);
		actor->group->protocol = NR_WORLD_TCP;
		actor->group->port = FLOOD_PORT;
	}
	actor->group->sources++;
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 128, FLOOD_PORT);
	p.window = FLOOD_WINDOW;
	p.ttl = FLOOD_TTL;
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_flood = {.name = "spoofed flood",
	.weight = 80,
	.shape = NR_SHAPE_BURST,
	.burst_at = 455,
	.burst_length = 2,
	.emit = emit_flood};

/* telescope reference 10.3; drawn as sources that are neither own nor dark. */
static void start_odd(struct nr_day *day, struct nr_actor *actor)
{
	static const struct nr_world_range bogons[] = {{0x0a000000, 8}, {0xc0a80000, 16}, {0xac100000, 12},
		{0x7f000000, 8}, {0x64400000, 10}, {0xa9fe0000, 16}, {0xf0000000, 4}, {0x00000000, 8}};
	actor->first_source = (uint32_t)day->truth.source_count;
	for (unsigned i = 0; i < 400 && actor->source_count < 40 && !day->failed; i++) {
		const struct nr_world_range *b = &bogons[i % NR_COUNT(bogons)];
		uint32_t address = b->base | (uint32_t)nr_random_next(&actor->random) >> b->length, source;
		if (!nr_day_is_ours(day, address) && nr_day_add_address(day, address, NR_TOOL_NONE, &source))
			actor->source_count++;
	}
	actor->counter = actor->source_count; /* the bogons; the rest are real addresses */
	for (uint64_t i = 0; i < actor->quota / 8 + 4 && !day->failed; i++) {
		nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
		actor->source_count++;
	}
}

static void as_udp_fragment(struct nr_world_packet *p, bool later)
{
	p->protocol = NR_WORLD_UDP;
	p->payload = NR_PAYLOAD_FRAGMENT;
	p->destination_port = 27015;
	p->fragment = later ? 9 : NR_MORE_FRAGMENTS; /* 8 bytes of header and 64 of payload came first */
}

/* A whole datagram in two pieces, when there is room for both. */
static unsigned push_fragments(struct nr_day *day, struct nr_world_packet *p, uint64_t room)
{
	as_udp_fragment(p, room < 2);
	nr_day_push(day, p);
	if (room < 2)
		return 1;
	p->fragment = 9;
	nr_day_push(day, p);
	return 2;
}

static unsigned emit_odd(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const uint8_t flags[] = {NR_SYN | NR_FIN, 0, NR_FIN | NR_PSH | NR_URG, NR_FIN, NR_ACK,
		NR_PSH | NR_ACK, NR_RST, 0xc0 | NR_SYN}; /* the last one is a SYN with ECE and CWR */
	uint64_t kind = nr_random_below(&actor->random, 20);
	bool bogon = kind < 6 && actor->counter > 0;
	uint64_t number = bogon ? nr_random_below(&actor->random, actor->counter)
				: actor->counter + nr_random_below(&actor->random,
							   actor->source_count - actor->counter);
	struct nr_world_packet p =
		nr_day_syn(day, actor, actor->first_source + (uint32_t)number, time, 128, 445);
	if (kind < 6) {
		p.layout = NR_LAYOUT_MSS;
	} else if (kind < 12) {
		p.flags = flags[nr_random_below(&actor->random, NR_COUNT(flags))];
	} else if (kind == 12) {
		p.destination_port = 0;
	} else if (kind == 13) {
		p.source_port = 0;
	} else if (kind < 16) {
		return push_fragments(day, &p, room);
	} else if (kind == 16) {
		p.payload = NR_PAYLOAD_FRAGMENT; /* a later fragment of TCP */
		p.fragment = 3;
	} else if (kind == 17) {
		p.protocol = NR_WORLD_GRE;
		p.payload = NR_PAYLOAD_INNER_IPV4;
	} else if (kind == 18) {
		p.protocol = NR_WORLD_ESP;
		p.payload = NR_PAYLOAD_FRAGMENT;
	} else {
		p.damage = NR_DAMAGE_CUT_TCP;
	}
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_odd = {
	.name = "odd", .weight = 50, .shape = NR_SHAPE_STEADY, .start = start_odd, .emit = emit_odd};

/* A few frames that are no packets. */
static void script_damage(struct nr_day *day, struct nr_actor *actor)
{
	static const struct {
		uint8_t damage, frames;
	} kinds[] = {{NR_DAMAGE_ARP, 12}, {NR_DAMAGE_CUT_IP, 5}, {NR_DAMAGE_BAD_VERSION, 3},
		{NR_DAMAGE_BAD_IHL, 3}};
	uint32_t source = nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
	for (size_t k = 0; k < NR_COUNT(kinds); k++)
		for (unsigned i = 0; i < kinds[k].frames && !day->failed; i++) {
			nr_time time = day->start + (nr_time)nr_random_below(&actor->random,
							    (uint64_t)(day->end - day->start));
			struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, 23);
			p.damage = kinds[k].damage;
			nr_day_script(day, &p);
		}
}

const struct nr_behaviour nr_behaviour_damage = {.name = "damage", .script = script_damage};
