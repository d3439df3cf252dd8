/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Research scanners: about 60 % of what a telescope receives (NICTER 2023: 63.8 %, 2024: 60.2 %). As many as
 * the packets allow meet the scaled rule on every whole UTC day; one keeps to 29 ports and must not; eight of
 * one /28 are too small for any rule and are known by the list only; with enough packets a day one meets
 * NICTER's literal rule.
 */
#include "train/world/day.h"

#define LISTED          8
#define LISTED_SHARE    3   /* per cent of the research packets */
#define MARGIN_PERCENT  115 /* of the threshold, so that chance does not decide */
#define SCANNERS_MAX    24
#define LITERAL_DAILY   310000 /* a little above the 300,000 of the NICTER rule */
#define NEAR_MISS_PORTS 29

uint64_t nr_research_threshold(const struct nr_day *day)
{
	return NR_MAX(UINT64_C(1000), (103 * nr_dark_addresses(&day->world->dark) + 99) / 100);
}

static void cast(struct nr_day *day, struct nr_actor *actor, uint64_t share, uint16_t ports)
{
	static const uint8_t tools[] = {NR_TOOL_ZMAP_NEW, NR_TOOL_MASSCAN, NR_TOOL_NONE, NR_TOOL_ZMAP};
	static const char *const countries[] = {"US", "US", "NL", "US", "DE", "GB", "US", "FR", "CA", "JP"};
	struct nr_research *r = &day->research;
	uint8_t tool = tools[r->count % NR_COUNT(tools)];
	r->source[r->count] =
		nr_day_add_source_in(day, &actor->random, tool, countries[r->count % NR_COUNT(countries)]);
	r->ports[r->count] = ports;
	r->share[r->count] = share + (r->count ? r->share[r->count - 1] : 0);
	r->count++;
}

/* Eight neighbours in a /28 of their own. */
static void cast_listed(struct nr_day *day, struct nr_actor *actor, uint64_t share)
{
	struct nr_research *r = &day->research;
	uint32_t number = 0;
	for (unsigned have = 0; have < LISTED && !day->failed;) {
		if (have == 0)
			r->list_base = nr_geography_draw_address(day->world->geography, &actor->random, 1) &
				       ~UINT32_C(15);
		if (!nr_day_add_address(day, r->list_base + 1 + have, NR_TOOL_NONE, &number)) {
			have = 0; /* a neighbour is somebody else: another /28 */
			continue;
		}
		day->truth.sources[number].listed = true;
		r->source[r->count] = number;
		r->ports[r->count] = 40;
		r->share[r->count] = share + (r->count ? r->share[r->count - 1] : 0);
		r->count++;
		have++;
	}
}

static void start_research(struct nr_day *day, struct nr_actor *actor)
{
	uint64_t days = (uint64_t)((day->end - day->start + NR_DAY - 1) / NR_DAY);
	uint64_t daily = actor->quota * (100 - LISTED_SHARE) / 100 / days;
	uint64_t each = nr_research_threshold(day) * MARGIN_PERCENT / 100;
	uint64_t literal = daily >= 2 * LITERAL_DAILY + 4 * each && each <= LITERAL_DAILY ? LITERAL_DAILY : 0;
	uint64_t seats = NR_MIN((daily - literal) / each, (uint64_t)SCANNERS_MAX);
	uint64_t surplus = daily - literal - seats * each; /* the first ones get more of it */
	if (literal)
		cast(day, actor, literal, 400);
	for (uint64_t i = 0; i < seats; i++) {
		bool near_miss = seats >= 4 && i == seats - 1;
		uint64_t share = each + surplus * 2 * (seats - i) / (seats * (seats + 1));
		cast(day, actor, share, near_miss ? NEAR_MISS_PORTS : (uint16_t)(60 + 45 * i % 400));
	}
	uint64_t listed = daily * LISTED_SHARE / (100 - LISTED_SHARE) / LISTED;
	cast_listed(day, actor, NR_MAX(listed, 1u));
}

static size_t draw_scanner(const struct nr_research *r, struct nr_random *random)
{
	uint64_t at = nr_random_below(random, r->share[r->count - 1]);
	size_t i = 0;
	while (at >= r->share[i])
		i++;
	return i;
}

/* The k-th port of a scanner: the well-known first, then ports of its own. */
static uint16_t scanner_port(const struct nr_day *day, uint32_t source, uint64_t k)
{
	static const uint16_t known[] = {443, 80, 22, 8080, 21, 25, 3389, 23, 8443, 110, 143, 993, 995, 445,
		3306, 5432, 5900, 6379, 27017, 9200, 11211, 502, 102, 47808, 2222, 8081, 8888, 7547, 5985,
		1883};
	if (k < NR_COUNT(known))
		return known[k];
	return (uint16_t)(1 + nr_random_mix(nr_day_trait(day, source, NR_TRAIT_TARGET) + k) % 65535);
}

static void send_udp(struct nr_day *day, struct nr_actor *actor, struct nr_world_packet *p, uint64_t k)
{
	static const struct {
		uint16_t port;
		uint8_t payload;
	} services[] = {{53, NR_PAYLOAD_DNS_QUERY}, {123, NR_PAYLOAD_NTP_MONLIST}, {161, NR_PAYLOAD_SNMP_GET},
		{1900, NR_PAYLOAD_SSDP_SEARCH}, {47808, NR_PAYLOAD_BACNET_WHOIS},
		{389, NR_PAYLOAD_LDAP_SEARCH}};
	(void)actor;
	p->protocol = NR_WORLD_UDP;
	p->destination_port = services[k % NR_COUNT(services)].port;
	p->payload = services[k % NR_COUNT(services)].payload;
	p->source_port = (uint16_t)(40000 + p->source_port % 20000);
	nr_day_push(day, p);
}

static unsigned emit_research(struct nr_day *day, struct nr_actor *actor, nr_time time, uint64_t room)
{
	const struct nr_research *r = &day->research;
	size_t i = draw_scanner(r, &actor->random);
	uint64_t k = nr_random_below(&actor->random, r->ports[i]);
	struct nr_world_packet p =
		nr_day_syn(day, actor, r->source[i], time, 64, scanner_port(day, r->source[i], k));
	(void)room;
	if (r->ports[i] > NEAR_MISS_PORTS && nr_random_below(&actor->random, 12) == 0) {
		send_udp(day, actor, &p, k);
		return 1;
	}
	switch (day->truth.sources[p.source].tool) {
	case NR_TOOL_ZMAP_NEW:
		nr_tool_zmap_new(day, &p);
		break;
	case NR_TOOL_ZMAP:
		nr_tool_zmap_old(day, &p);
		break;
	case NR_TOOL_MASSCAN:
		nr_tool_masscan(day, &p, false);
		break;
	default: /* an own prober */
		p.layout = NR_LAYOUT_MSS;
		p.window = 42340;
		break;
	}
	nr_day_push(day, &p);
	return 1;
}

const struct nr_behaviour nr_behaviour_research = {.name = "research",
	.weight = 7500,
	.shape = NR_SHAPE_STEADY,
	.start = start_research,
	.emit = emit_research};
