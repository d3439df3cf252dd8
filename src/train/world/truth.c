/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/truth.h"
#include "train/world/random.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PORTS       65536
#define TABLE_START 4096 /* slots; a power of two */

/* pairs: source number : 28, protocol : 1, port : 16, last day (1..) : 19. 0 is an empty slot. */
#define PAIR_KEY_BITS 45
#define PAIR_DAY_BITS 19
#define SOURCES_MAX   (UINT32_C(1) << 28)

/* The NICTER rule and its scaled form (telescope reference 4.1, 4.2), per UTC day. */
#define RESEARCH_PORTS         30
#define NICTER_PACKETS         300000
#define SCALED_PACKETS_MIN     1000
#define SCALED_PACKETS_PERCENT 103 /* of the dark addresses */

int nr_truth_init(struct nr_truth *truth, uint64_t dark_addresses, struct nr_error *error)
{
	*truth = (struct nr_truth){.dark_addresses = dark_addresses,
		.first = NR_TIME_MAX,
		.last = NR_TIME_MIN,
		.victim_count = 1};
	truth->ports = calloc(2 * PORTS, sizeof *truth->ports);
	truth->by_address = calloc(TABLE_START, sizeof *truth->by_address);
	truth->pairs = calloc(TABLE_START, sizeof *truth->pairs);
	truth->by_address_room = truth->pair_room = TABLE_START;
	if (truth->ports && truth->by_address && truth->pairs)
		return 0;
	nr_truth_fini(truth);
	return nr_fail(error, -ENOMEM, "world: out of memory");
}

void nr_truth_fini(struct nr_truth *truth)
{
	free(truth->ports);
	free(truth->sources);
	free(truth->by_address);
	free(truth->pairs);
	*truth = (struct nr_truth){0};
}

static uint64_t address_hash(const struct nr_address *address)
{
	uint64_t high, low;
	memcpy(&high, address->octets, 8);
	memcpy(&low, address->octets + 8, 8);
	return nr_random_mix(high ^ nr_random_mix(low));
}

/* The slot that holds the address, or the empty one where it belongs. */
static uint32_t *address_slot(struct nr_truth *t, const struct nr_address *address)
{
	size_t mask = t->by_address_room - 1;
	size_t i = (size_t)address_hash(address) & mask;
	while (t->by_address[i] && !nr_address_equal(&t->sources[t->by_address[i] - 1].address, address))
		i = (i + 1) & mask;
	return &t->by_address[i];
}

static bool grow_sources(struct nr_truth *t)
{
	if (t->source_count == t->source_room) {
		size_t room = t->source_room ? 2 * t->source_room : TABLE_START;
		void *sources = room > SOURCES_MAX ? NULL : realloc(t->sources, room * sizeof *t->sources);
		if (!sources)
			return false;
		t->sources = sources;
		t->source_room = room;
	}
	if (2 * t->source_count < t->by_address_room)
		return true;
	size_t slots = NR_MAX(2 * t->by_address_room, TABLE_START);
	uint32_t *table = calloc(slots, sizeof *table);
	if (!table)
		return false;
	free(t->by_address);
	t->by_address = table;
	t->by_address_room = slots;
	for (size_t i = 0; i < t->source_count; i++)
		*address_slot(t, &t->sources[i].address) = (uint32_t)i + 1;
	return true;
}

bool nr_truth_add_source(
	struct nr_truth *truth, const struct nr_address *address, uint8_t tool, uint32_t *ret_number)
{
	if (truth->failed || !grow_sources(truth)) {
		truth->failed = true;
		return false;
	}
	uint32_t *slot = address_slot(truth, address);
	if (*slot)
		return false;
	*ret_number = (uint32_t)truth->source_count;
	truth->sources[truth->source_count++] =
		(struct nr_truth_source){.address = *address, .tool = tool, .day = -1};
	*slot = (uint32_t)truth->source_count;
	return true;
}

uint16_t nr_truth_add_victim(
	struct nr_truth *truth, const struct nr_address *address, uint8_t protocol, const char *why)
{
	assert(truth->victim_count < NR_TRUTH_VICTIMS_MAX);
	truth->victims[truth->victim_count] = (struct nr_truth_victim){.address = *address,
		.protocol = protocol,
		.why = why,
		.first = NR_TIME_MAX,
		.last = NR_TIME_MIN,
		.bucket = INT64_MIN / 2};
	return (uint16_t)truth->victim_count++;
}

struct nr_truth_group *nr_truth_add_group(
	struct nr_truth *truth, const char *kind, uint32_t first_source, uint32_t sources)
{
	if (truth->group_count == NR_TRUTH_GROUPS_MAX)
		return NULL;
	struct nr_truth_group *group = &truth->groups[truth->group_count++];
	*group = (struct nr_truth_group){.kind = kind,
		.first_source = first_source,
		.sources = sources,
		.first = NR_TIME_MAX,
		.last = NR_TIME_MIN};
	return group;
}

static size_t pair_slot(const uint64_t *pairs, size_t room, uint64_t key)
{
	size_t i = (size_t)nr_random_mix(key) & (room - 1);
	while (pairs[i] && pairs[i] >> PAIR_DAY_BITS != key)
		i = (i + 1) & (room - 1);
	return i;
}

static bool grow_pairs(struct nr_truth *t)
{
	if (10 * t->pair_count < 7 * t->pair_room)
		return true;
	uint64_t *pairs = calloc(2 * t->pair_room, sizeof *pairs);
	if (!pairs)
		return false;
	for (size_t i = 0; i < t->pair_room; i++)
		if (t->pairs[i])
			pairs[pair_slot(pairs, 2 * t->pair_room, t->pairs[i] >> PAIR_DAY_BITS)] = t->pairs[i];
	free(t->pairs);
	t->pairs = pairs;
	t->pair_room *= 2;
	return true;
}

/* Packets that a tool needs on one day before it may be named (telescope reference 7.8). */
static const uint32_t tool_needs[NR_TOOL_COUNT] = {[NR_TOOL_MIRAI] = 1,
	[NR_TOOL_ZMAP] = 1,
	[NR_TOOL_ZMAP_NEW] = 3,
	[NR_TOOL_MASSCAN] = 1,
	[NR_TOOL_NMAP] = 3};
#define ZMAP_NEW_TARGETS 3

static void judge_tool(struct nr_truth_source *s)
{
	if (!s->day_marks || s->day_marks < tool_needs[s->tool] ||
		(s->tool == NR_TOOL_ZMAP_NEW && s->day_target_count < ZMAP_NEW_TARGETS))
		return;
	s->tagged = true;
	s->tool_packets += s->day_marks;
}

static void judge_research(const struct nr_truth *t, struct nr_truth_source *s)
{
	uint8_t rule = s->listed && s->day_packets ? NR_RULE_LIST : NR_RULE_NONE;
	bool wide = s->day_ports >= RESEARCH_PORTS;
	if (wide && s->day_scan_packets >= NICTER_PACKETS)
		rule = NR_RULE_NICTER;
	else if (wide && s->day_scan_packets >= SCALED_PACKETS_MIN &&
		 (uint64_t)s->day_scan_packets * 100 >= SCALED_PACKETS_PERCENT * t->dark_addresses)
		rule = NR_RULE_SCALED;
	if (rule == NR_RULE_NONE)
		return;
	s->rule = NR_MAX(s->rule, rule);
	s->research_packets += s->day_packets;
	s->research_ports = NR_MAX(s->research_ports, s->day_ports);
	s->research_days++;
}

static void close_day(const struct nr_truth *t, struct nr_truth_source *s)
{
	judge_tool(s);
	judge_research(t, s);
	s->day_packets = s->day_scan_packets = s->day_ports = s->day_marks = 0;
	s->day_target_count = 0;
}

static void count_scan(struct nr_truth *t, struct nr_truth_source *s, const struct nr_world_packet *p)
{
	bool udp = p->protocol == NR_WORLD_UDP;
	struct nr_truth_port *port = &t->ports[(udp ? PORTS : 0) + p->destination_port];
	if (!grow_pairs(t)) {
		t->failed = true;
		return;
	}
	s->day_scan_packets++;
	port->packets++;
	uint64_t key = (uint64_t)p->source << 17 | (uint64_t)udp << 16 | p->destination_port;
	uint64_t *slot = &t->pairs[pair_slot(t->pairs, t->pair_room, key)];
	uint64_t entry = key << PAIR_DAY_BITS | (uint64_t)(s->day + 1);
	if (*slot == 0) {
		t->pair_count++;
		port->sources++;
	}
	s->day_ports += *slot != entry;
	*slot = entry;
}

static void count_mark(struct nr_truth_source *s, uint32_t destination)
{
	s->day_marks++;
	for (unsigned i = 0; i < s->day_target_count && i < NR_COUNT(s->day_targets); i++)
		if (s->day_targets[i] == destination)
			return;
	if (s->day_target_count < NR_COUNT(s->day_targets))
		s->day_targets[s->day_target_count] = destination;
	if (s->day_target_count < ZMAP_NEW_TARGETS)
		s->day_target_count++;
}

/* The packet is of this day; days before are over. */
static void enter_day(const struct nr_truth *t, struct nr_truth_source *s, nr_time time)
{
	int32_t day = (int32_t)(time / NR_DAY);
	if (s->day != day)
		close_day(t, s);
	s->day = day;
	s->day_packets++;
}

static uint8_t category_of(const struct nr_world_packet *p)
{
	if (p->protocol == NR_WORLD_UDP)
		return NR_CATEGORY_UDP;
	if (p->protocol == NR_WORLD_ICMP || p->protocol == NR_WORLD_ICMPV6)
		return NR_CATEGORY_ICMP;
	if (p->protocol != NR_WORLD_TCP)
		return NR_CATEGORY_OTHER;
	if (p->damage == NR_DAMAGE_CUT_TCP || p->fragment & 0x1fff)
		return NR_CATEGORY_TCP_OTHER; /* no flags to see */
	if ((p->flags & 0x3f) == NR_SYN)
		return NR_CATEGORY_TCP_SYN;
	if (p->flags & NR_RST)
		return NR_CATEGORY_TCP_RST;
	if ((p->flags & (NR_SYN | NR_ACK)) == (NR_SYN | NR_ACK))
		return NR_CATEGORY_TCP_SYN_ACK;
	return NR_CATEGORY_TCP_OTHER;
}

static void count_victim(struct nr_truth_victim *v, nr_time time)
{
	int64_t bucket = time / (10 * NR_SECOND);
	for (int64_t b = NR_MAX(v->bucket + 1, bucket - 5); b <= bucket; b++)
		v->buckets[b % 6] = 0;
	v->bucket = bucket;
	v->buckets[bucket % 6]++;
	uint64_t sum = 0;
	for (size_t i = 0; i < NR_COUNT(v->buckets); i++)
		sum += v->buckets[i];
	v->peak_60s = NR_MAX(v->peak_60s, sum);
	v->packets++;
	v->first = NR_MIN(v->first, time);
	v->last = NR_MAX(v->last, time);
}

bool nr_truth_is_victim(const struct nr_truth_victim *v)
{
	return !v->framed && v->packets >= NR_TRUTH_VICTIM_PACKETS && v->peak_60s >= NR_TRUTH_VICTIM_PEAK &&
	       v->last - v->first >= NR_TRUTH_VICTIM_TIME;
}

static void count_groups(struct nr_truth *t, const struct nr_world_packet *p)
{
	for (size_t i = 0; i < t->group_count; i++) {
		struct nr_truth_group *g = &t->groups[i];
		if (p->source - g->first_source >= g->sources)
			continue;
		g->packets++;
		g->first = NR_MIN(g->first, p->time);
		g->last = NR_MAX(g->last, p->time);
	}
}

static bool count_damage(struct nr_truth *t, const struct nr_world_packet *p)
{
	switch (p->damage) {
	case NR_DAMAGE_ARP:
		t->non_ip++;
		return true;
	case NR_DAMAGE_CUT_IP:
		t->truncated++;
		return true;
	case NR_DAMAGE_BAD_VERSION:
	case NR_DAMAGE_BAD_IHL:
		t->malformed++;
		return true;
	default:
		return false;
	}
}

void nr_truth_count(struct nr_truth *truth, const struct nr_world_packet *p, uint32_t wire)
{
	truth->frames++;
	if (count_damage(truth, p))
		return;
	struct nr_truth_source *s = &truth->sources[p->source];
	uint8_t category = category_of(p);
	truth->packets++;
	truth->bytes += wire;
	truth->first = NR_MIN(truth->first, p->time);
	truth->last = NR_MAX(truth->last, p->time);
	truth->category_packets[category]++;
	truth->pattern_packets[p->pattern]++;
	s->packets++;
	s->categories |= (uint8_t)(1u << category);
	enter_day(truth, s, p->time);
	if (p->match && category == NR_CATEGORY_TCP_SYN)
		count_mark(s, p->destination);
	if (category == NR_CATEGORY_TCP_SYN ||
		(category == NR_CATEGORY_UDP && !p->answer && !(p->fragment & 0x1fff)))
		count_scan(truth, s, p);
	if (p->victim)
		count_victim(&truth->victims[p->victim], p->time);
	count_groups(truth, p);
}

void nr_truth_finish(struct nr_truth *truth)
{
	for (size_t i = 0; i < truth->source_count; i++)
		close_day(truth, &truth->sources[i]);
}
