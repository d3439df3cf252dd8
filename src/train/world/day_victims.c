/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backscatter: answers of DDoS victims to packets that were forged to come from the dark range. A script sets
 * victims on both sides of every threshold of the Moore/corsaro rule (telescope reference 9); a weak noise of
 * answers qualifies nobody.
 */
#include "train/world/day.h"

enum answer { SYN_ACK, RST_ACK, UNREACHABLE_UDP, UNREACHABLE_ROUTER, DNS_ANSWER, ECHO_REPLY, FORGED_ICMP };

/* `packets` answers from `offset_ms` on, `step_us` apart, and up to two single ones, all after the start of a
 * minute. */
struct attack {
	const char *why;
	enum answer answer;
	uint32_t packets, offset_ms, step_us;
	uint32_t single_ms[2]; /* 0: none */
};

static const struct attack attacks[] = {
	{"30 packets in a minute of the 10 s grid: on the threshold", SYN_ACK, 30, 0, 2000000, {75000}},
	{"29 packets in a minute of the 10 s grid: one too few", SYN_ACK, 29, 0, 2000000, {75000, 80000}},
	{"24 packets: fewer than 25", SYN_ACK, 23, 0, 2500000, {61000}},
	{"25 packets, but 24 in a minute: fewer than 30", SYN_ACK, 24, 0, 2500000, {61000}},
	{"59.999 s: shorter than a minute", SYN_ACK, 40, 0, 1450000, {59999}},
	{"60.000 s: on the threshold", SYN_ACK, 40, 0, 1450000, {60000}},
	{"30 packets in 58 s, but at most 29 in a minute of the 10 s grid", SYN_ACK, 30, 9000, 2000000,
		{75000}},
	{"RST with ACK: a closed port answers", RST_ACK, 200, 500, 700000, {0}},
	{"port unreachable: the victim is the quoted destination", UNREACHABLE_UDP, 120, 300, 1000000, {0}},
	{"host unreachable from a router: the victim is the quoted destination", UNREACHABLE_ROUTER, 100, 300,
		1200000, {0}},
	{"DNS answers: a reflector in use", DNS_ANSWER, 80, 700, 1500000, {0}},
	{"echo replies", ECHO_REPLY, 90, 400, 1000000, {0}},
	{"the quoted source is not the receiver: forged, nobody is to be accused", FORGED_ICMP, 100, 200,
		1000000, {0}},
};

static uint8_t attack_protocol(enum answer answer)
{
	switch (answer) {
	case UNREACHABLE_UDP:
	case DNS_ANSWER:
	case FORGED_ICMP:
		return NR_WORLD_UDP;
	case ECHO_REPLY:
		return NR_WORLD_ICMP;
	default:
		return NR_WORLD_TCP;
	}
}

static void as_icmp_error(
	struct nr_world_packet *p, uint8_t code, uint8_t payload, uint32_t victim, uint16_t port)
{
	p->quoted_source = p->destination;
	p->quoted_destination = victim;
	p->quoted_source_port = p->destination_port;
	p->quoted_destination_port = port;
	p->protocol = NR_WORLD_ICMP;
	p->source_port = 3; /* destination unreachable */
	p->destination_port = code;
	p->payload = payload;
}

/* Makes the answer out of a SYN of the source; p->destination_port becomes the port that the attacker forged.
 */
static void as_answer(struct nr_day *day, struct nr_actor *actor, struct nr_world_packet *p,
	enum answer answer, uint32_t victim)
{
	uint64_t r = nr_random_next(&actor->random);
	p->destination_port = (uint16_t)(1024 + r % 64512);
	p->source_port = nr_day_trait(day, p->source, NR_TRAIT_TARGET) % 3 ? 443 : 80;
	switch (answer) {
	case SYN_ACK:
		p->flags = NR_SYN | NR_ACK;
		p->acknowledgement = (uint32_t)(r >> 32);
		p->layout = NR_LAYOUT_MSS;
		break;
	case RST_ACK:
		p->flags = NR_RST | NR_ACK;
		p->acknowledgement = (uint32_t)(r >> 32);
		p->sequence = 0;
		p->window = 0;
		break;
	case UNREACHABLE_UDP:
		as_icmp_error(p, 3, NR_PAYLOAD_QUOTE_UDP, victim, 27015);
		break;
	case UNREACHABLE_ROUTER:
		as_icmp_error(p, 1, NR_PAYLOAD_QUOTE_TCP, victim, 443);
		break;
	case FORGED_ICMP:
		as_icmp_error(p, 3, NR_PAYLOAD_QUOTE_UDP, victim, 80);
		p->quoted_source ^= 1;
		break;
	case DNS_ANSWER:
		p->protocol = NR_WORLD_UDP;
		p->source_port = 53;
		p->payload = NR_PAYLOAD_DNS_ANSWER;
		p->answer = true;
		break;
	case ECHO_REPLY:
		p->protocol = NR_WORLD_ICMP;
		p->source_port = p->destination_port = 0;
		p->payload = NR_PAYLOAD_ECHO;
		break;
	}
}

struct scene {
	uint32_t source;  /* that sends the answers */
	uint32_t address; /* of the victim */
	uint16_t victim;
};

static void script_answer(struct nr_day *day, struct nr_actor *actor, const struct attack *attack,
	const struct scene *scene, nr_time time)
{
	struct nr_world_packet p = nr_day_syn(day, actor, scene->source, time, 64, 0);
	as_answer(day, actor, &p, attack->answer, scene->address);
	p.victim = scene->victim;
	nr_day_script(day, &p);
}

static void script_attack(struct nr_day *day, struct nr_actor *actor, const struct attack *attack,
	const struct scene *scene, nr_time minute)
{
	nr_time first = minute + (nr_time)attack->offset_ms * 1000;
	for (uint32_t i = 0; i < attack->packets && !day->failed; i++)
		script_answer(day, actor, attack, scene, first + (nr_time)i * attack->step_us);
	for (size_t i = 0; i < NR_COUNT(attack->single_ms); i++)
		if (attack->single_ms[i])
			script_answer(
				day, actor, attack, scene, minute + (nr_time)attack->single_ms[i] * 1000);
}

/* Sender and victim are the same host, except for a router's error and a forged one. */
static struct scene set_scene(struct nr_day *day, struct nr_actor *actor, const struct attack *attack)
{
	struct scene scene = {.source = nr_day_add_source(day, &actor->random, NR_TOOL_NONE)};
	uint32_t victim = scene.source;
	if (attack->answer == UNREACHABLE_ROUTER || attack->answer == FORGED_ICMP)
		victim = nr_day_add_source(day, &actor->random, NR_TOOL_NONE);
	if (day->failed)
		return scene;
	const struct nr_address *address = &day->truth.sources[victim].address;
	scene.address = nr_address_ipv4(address);
	scene.victim =
		nr_truth_add_victim(&day->truth, address, attack_protocol(attack->answer), attack->why);
	day->truth.victims[scene.victim].framed = attack->answer == FORGED_ICMP;
	return scene;
}

/* Two attacks that people notice: they grow with the world and make the hours of the day uneven. */
static void script_large(struct nr_day *day, struct nr_actor *actor, enum answer answer, const char *why,
	unsigned permille, uint64_t packets)
{
	nr_time duration = day->end - day->start;
	nr_time length = NR_MIN(30 * NR_MINUTE, duration / 8);
	length = NR_MIN(
		length, (nr_time)packets * NR_SECOND); /* twice the threshold even in the smallest world */
	nr_time begin = nr_time_floor(day->start + duration / 1000 * permille, NR_MINUTE);
	struct attack attack = {.why = why,
		.answer = answer,
		.packets = (uint32_t)packets,
		.step_us = (uint32_t)(length / (nr_time)packets)};
	struct scene scene = set_scene(day, actor, &attack);
	if (!day->failed)
		script_attack(day, actor, &attack, &scene, begin);
}

static void script_victims(struct nr_day *day, struct nr_actor *actor)
{
	nr_time duration = day->end - day->start;
	for (size_t i = 0; i < NR_COUNT(attacks) && !day->failed; i++) {
		nr_time begin = day->start + duration / (nr_time)(NR_COUNT(attacks) + 3) * (nr_time)(i + 1);
		struct scene scene = set_scene(day, actor, &attacks[i]);
		if (!day->failed)
			script_attack(day, actor, &attacks[i], &scene, nr_time_floor(begin, NR_MINUTE));
	}
	uint64_t size = NR_MAX(day->world->conf->packets / 250, UINT64_C(800));
	script_large(day, actor, SYN_ACK, "a large SYN flood", 310, size);
	script_large(day, actor, RST_ACK, "a large flood against closed ports", 780, size / 2);
}

const struct nr_behaviour nr_behaviour_victims = {.name = "victims", .script = script_victims};

static unsigned emit_backscatter(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	static const enum answer answers[] = {SYN_ACK, SYN_ACK, SYN_ACK, SYN_ACK, RST_ACK, RST_ACK, RST_ACK,
		UNREACHABLE_UDP, DNS_ANSWER, ECHO_REPLY};
	(void)room;
	uint32_t source =
		actor->first_source + (uint32_t)nr_random_below(&actor->random, actor->source_count);
	struct nr_world_packet p = nr_day_syn(day, actor, source, time, 64, 0);
	enum answer answer = answers[nr_day_trait(day, source, NR_TRAIT_KIND) % NR_COUNT(answers)];
	as_answer(day, actor, &p, answer, nr_address_ipv4(&day->truth.sources[source].address));
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_backscatter = {.name = "backscatter",
	.weight = 100,
	.shape = NR_SHAPE_DAILY,
	.per_source = 6,
	.emit = emit_backscatter};
