/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes over IPv6, where a dark IPv6 prefix was given: probes to addresses of a hit list and to guessed
 * ones, and a scanner that takes a new address of its /64 every few packets. Sources are from 3fff::/20
 * (RFC 9637, documentation).
 */
#include "train/world/day.h"

#define SOURCES           20
#define PACKETS           240
#define SCANNER_ADDRESSES 150
#define SCANNER_PACKETS   1500
#define SCANNER_PORTS     40

static uint32_t add_source(struct nr_day *day, struct nr_address *address)
{
	uint32_t number = 0;
	while (!nr_truth_add_source(&day->truth, address, NR_TOOL_NONE, &number) && !day->truth.failed)
		address->octets[14]++;
	day->failed |= day->truth.failed;
	return number;
}

static struct nr_address random_network(struct nr_random *random)
{
	struct nr_address a = {{0x3f, 0xff}};
	uint64_t r = nr_random_next(random);
	a.octets[2] = (uint8_t)(r & 0x0f);
	for (unsigned i = 3; i < 8; i++)
		a.octets[i] = (uint8_t)(r >> (8 * i));
	return a;
}

static uint64_t repeat(uint64_t nibble)
{
	return nibble * UINT64_C(0x1111111111111111);
}

/* The low 64 bits of a target, chosen as scanners choose (RFC 7707, 4.1). */
static uint64_t choose(enum nr_world_pattern pattern, struct nr_random *random)
{
	uint64_t r = nr_random_next(random);
	switch (pattern) {
	case NR_PATTERN_LOW_BYTE:
		return r & 0x1ff;
	case NR_PATTERN_EMBEDDED_IPV4:
		return UINT64_C(0xc6336400) | (r & 0xff); /* ::198.51.100.x */
	case NR_PATTERN_EUI_64:
		return (r & UINT64_C(0xfcffff0000ffffff)) | UINT64_C(0x020000fffe000000);
	case NR_PATTERN_SEQUENTIAL:
		return r & 1 ? repeat(1 + (r >> 1) % 15) : UINT64_C(0x123456789abcdef0);
	default:
		return r | UINT64_C(1) << 63 | 0xb10; /* neither small nor a pattern by chance */
	}
}

static void aim(const struct nr_day *day, struct nr_world_packet *p, struct nr_random *random)
{
	p->ipv6 = true;
	p->layout = NR_LAYOUT_MSS;
	/* guesses need the whole identifier to be dark */
	p->pattern = day->world->dark.ipv6.length > 64
			     ? NR_PATTERN_LOW_BYTE
			     : (uint8_t)(NR_PATTERN_LOW_BYTE + nr_random_below(random, 5));
	p->identifier = choose(p->pattern, random);
	if (day->world->dark.ipv6.length > 64) {
		unsigned bits = NR_MIN(128u - day->world->dark.ipv6.length, 9u);
		p->identifier &= (UINT64_C(1) << bits) - 1;
	}
}

static void script_probes(struct nr_day *day, struct nr_actor *actor)
{
	static const uint16_t ports[] = {80, 443, 22, 8080, 53};
	uint32_t sources[SOURCES];
	for (size_t i = 0; i < SOURCES; i++) {
		struct nr_address a = random_network(&actor->random);
		a.octets[15] = (uint8_t)(1 + nr_random_below(&actor->random, 250));
		sources[i] = add_source(day, &a);
	}
	for (unsigned i = 0; i < PACKETS && !day->failed; i++) {
		nr_time time = day->start +
			       (nr_time)nr_random_below(&actor->random, (uint64_t)(day->end - day->start));
		uint16_t port = ports[nr_random_below(&actor->random, NR_COUNT(ports))];
		struct nr_world_packet p = nr_day_syn(day, actor, sources[i % SOURCES], time, 64, port);
		aim(day, &p, &actor->random);
		if (port == 53) {
			p.protocol = NR_WORLD_UDP;
			p.payload = NR_PAYLOAD_DNS_QUERY;
		} else if (i % 6 == 0) {
			p.protocol = NR_WORLD_ICMPV6;
			p.source_port = 128; /* echo request */
			p.destination_port = 0;
			p.payload = NR_PAYLOAD_ECHO;
		}
		nr_day_script(day, &p);
	}
}

/* All within two hours of one UTC day, so that a day's judgement sees it whole. */
static void script_rotating_scanner(struct nr_day *day, struct nr_actor *actor)
{
	struct nr_address network = random_network(&actor->random);
	uint32_t first = 0;
	for (unsigned i = 0; i < SCANNER_ADDRESSES && !day->failed; i++) {
		struct nr_address a = network;
		uint64_t identifier = nr_random_next(&actor->random);
		for (unsigned k = 0; k < 8; k++)
			a.octets[8 + k] = (uint8_t)(identifier >> (8 * k));
		uint32_t number = add_source(day, &a);
		first = i ? first : number;
	}
	if (day->failed || !nr_truth_add_group(&day->truth, "rotating_scanner", first, SCANNER_ADDRESSES))
		return;
	nr_time length = NR_MIN(2 * NR_HOUR, day->end - day->start);
	for (unsigned i = 0; i < SCANNER_PACKETS && !day->failed; i++) {
		nr_time time = day->start + length * i / SCANNER_PACKETS;
		uint32_t source = first + i * SCANNER_ADDRESSES / SCANNER_PACKETS;
		struct nr_world_packet p =
			nr_day_syn(day, actor, source, time, 64, (uint16_t)(1000 + i % SCANNER_PORTS));
		aim(day, &p, &actor->random);
		nr_day_script(day, &p);
	}
}

static void script_ipv6(struct nr_day *day, struct nr_actor *actor)
{
	if (!day->world->dark.has_ipv6)
		return;
	script_probes(day, actor);
	script_rotating_scanner(day, actor);
}

const struct nr_behaviour nr_behaviour_ipv6 = {.name = "ipv6", .script = script_ipv6};
