/* SPDX-License-Identifier: Apache-2.0 */
/* The truth as JSON. */
#include "train/world/geography.h"
#include "train/world/truth.h"

#include <string.h>

#define PORTS 65536

static const char *const category_names[NR_CATEGORY_COUNT] = {
	"tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other", "udp", "icmp", "other"};

static void write_counts(struct nr_json *json, const char *key, uint64_t packets, uint64_t sources)
{
	nr_json_object(json, key);
	nr_json_uint(json, "packets", packets);
	nr_json_uint(json, "sources", sources);
	nr_json_object_end(json);
}

static void write_categories(const struct nr_truth *t, struct nr_json *json)
{
	nr_json_object(json, "by_category");
	for (unsigned c = 0; c < NR_CATEGORY_COUNT; c++) {
		uint64_t sources = 0;
		for (size_t i = 0; i < t->source_count; i++)
			sources += t->sources[i].categories >> c & 1;
		write_counts(json, category_names[c], t->category_packets[c], sources);
	}
	nr_json_object_end(json);
}

struct ranked {
	uint64_t packets;
	uint32_t number; /* of a port or country */
	uint32_t sources;
};

/* Most packets first, then by number. */
static int rank(const void *a, const void *b)
{
	const struct ranked *one = a, *other = b;
	if (one->packets != other->packets)
		return one->packets < other->packets ? 1 : -1;
	return one->number < other->number ? -1 : one->number > other->number;
}

static void write_ports(const struct nr_truth *t, struct nr_json *json)
{
	NR_AUTO(nr_freep) struct ranked *ports = malloc(sizeof *ports * 2 * PORTS);
	size_t count = 0;
	nr_json_array(json, "by_port");
	for (uint32_t i = 0; ports && i < 2 * PORTS; i++)
		if (t->ports[i].packets)
			ports[count++] = (struct ranked){t->ports[i].packets, i, t->ports[i].sources};
	if (ports)
		qsort(ports, count, sizeof *ports, rank);
	else
		json->failed = true;
	for (size_t i = 0; i < count; i++) {
		nr_json_object(json, NULL);
		nr_json_uint(json, "protocol", ports[i].number < PORTS ? NR_WORLD_TCP : NR_WORLD_UDP);
		nr_json_uint(json, "port", ports[i].number % PORTS);
		nr_json_uint(json, "packets", ports[i].packets);
		nr_json_uint(json, "sources", ports[i].sources);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_tool(
	const struct nr_truth *t, struct nr_json *json, const char *name, uint8_t one, uint8_t other)
{
	uint64_t packets = 0, sources = 0;
	for (size_t i = 0; i < t->source_count; i++) {
		const struct nr_truth_source *s = &t->sources[i];
		if (!s->tagged || (s->tool != one && s->tool != other))
			continue;
		packets += s->tool_packets;
		sources++;
	}
	write_counts(json, name, packets, sources);
}

static void write_tools(const struct nr_truth *t, struct nr_json *json)
{
	nr_json_object(json, "tools");
	write_tool(t, json, "mirai", NR_TOOL_MIRAI, NR_TOOL_MIRAI);
	write_tool(t, json, "zmap", NR_TOOL_ZMAP, NR_TOOL_ZMAP_NEW);
	write_tool(t, json, "masscan", NR_TOOL_MASSCAN, NR_TOOL_MASSCAN);
	write_tool(t, json, "nmap", NR_TOOL_NMAP, NR_TOOL_NMAP);
	nr_json_object_end(json);
	nr_json_object(json, "zmap_generations");
	write_tool(t, json, "before_4_1", NR_TOOL_ZMAP, NR_TOOL_ZMAP);
	write_tool(t, json, "since_4_1", NR_TOOL_ZMAP_NEW, NR_TOOL_ZMAP_NEW);
	nr_json_object_end(json);
}

static void write_research(const struct nr_truth *t, const char *list_name, struct nr_json *json)
{
	char listed[96];
	snprintf(listed, sizeof listed, "list:%s", list_name ? list_name : "");
	const char *const rules[] = {
		[NR_RULE_LIST] = listed, [NR_RULE_SCALED] = "scaled", [NR_RULE_NICTER] = "nicter"};
	nr_json_array(json, "research_scanners");
	for (size_t i = 0; i < t->source_count; i++) {
		const struct nr_truth_source *s = &t->sources[i];
		if (s->rule == NR_RULE_NONE || (s->rule == NR_RULE_LIST && !list_name))
			continue;
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &s->address);
		nr_json_uint(json, "packets", s->research_packets);
		nr_json_uint(json, "ports", s->research_ports);
		nr_json_text(json, "rule", rules[s->rule]);
		nr_json_uint(json, "days", s->research_days);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_victims(const struct nr_truth *t, struct nr_json *json)
{
	nr_json_array(json, "victims");
	for (size_t i = 1; i < t->victim_count; i++) {
		const struct nr_truth_victim *v = &t->victims[i];
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &v->address);
		nr_json_uint(json, "protocol", v->protocol);
		nr_json_uint(json, "packets", v->packets);
		nr_json_time(json, "first", v->first);
		nr_json_time(json, "last", v->last);
		nr_json_uint(json, "peak_60s", v->peak_60s);
		nr_json_bool(json, "expected", nr_truth_is_victim(v));
		nr_json_text(json, "why", v->why);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_countries(const struct nr_truth *t, const struct nr_geography *g, struct nr_json *json)
{
	struct ranked ranks[256] = {0}; /* the last one: no country */
	size_t none = nr_world_country_count, count = none + 1;
	for (size_t i = 0; i < count; i++)
		ranks[i].number = (uint32_t)i;
	for (size_t i = 0; i < t->source_count; i++) {
		const struct nr_truth_source *s = &t->sources[i];
		if (!s->packets)
			continue;
		const struct nr_world_network *network = nr_geography_network(g, &s->address);
		struct ranked *r = &ranks[network ? network->country : none];
		r->packets += s->packets;
		r->sources++;
	}
	qsort(ranks, count, sizeof *ranks, rank);
	nr_json_array(json, "countries");
	for (size_t i = 0; i < count && ranks[i].packets; i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "country",
			ranks[i].number == none ? "" : nr_world_countries[ranks[i].number].code);
		nr_json_uint(json, "packets", ranks[i].packets);
		nr_json_uint(json, "sources", ranks[i].sources);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_span(const struct nr_truth_group *g, struct nr_json *json)
{
	nr_json_uint(json, "packets", g->packets);
	nr_json_time(json, "first", g->first);
	nr_json_time(json, "last", g->last);
}

static void write_hosts(const struct nr_truth *t, const char *kind, const char *key, struct nr_json *json)
{
	nr_json_array(json, key);
	for (size_t i = 0; i < t->group_count; i++) {
		const struct nr_truth_group *g = &t->groups[i];
		if (strcmp(g->kind, kind) != 0)
			continue;
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &t->sources[g->first_source].address);
		write_span(g, json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_campaigns(const struct nr_truth *t, struct nr_json *json)
{
	nr_json_array(json, "campaigns");
	for (size_t i = 0; i < t->group_count; i++) {
		const struct nr_truth_group *g = &t->groups[i];
		if (strcmp(g->kind, "campaign") != 0)
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "signature", g->signature);
		nr_json_uint(json, "sources", g->sources);
		nr_json_uint(json, "protocol", g->protocol);
		nr_json_uint(json, "port", g->port);
		write_span(g, json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

/* kind: "injected" (early warning must find it) or "decoy" (and must not). */
static void write_injected(const struct nr_truth *t, const char *kind, struct nr_json *json)
{
	nr_json_array(json, kind);
	for (size_t i = 0; i < t->group_count; i++) {
		const struct nr_truth_group *g = &t->groups[i];
		if (strcmp(g->kind, kind) != 0)
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "name", g->signature);
		nr_json_uint(json, "sources", g->sources);
		nr_json_uint(json, "protocol", g->protocol);
		nr_json_uint(json, "port", g->port);
		write_span(g, json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

/* expected: is it an attack on the network? */
static void write_carpets(const struct nr_truth *t, struct nr_json *json)
{
	nr_json_array(json, "carpets");
	for (size_t i = 0; i < t->group_count; i++) {
		const struct nr_truth_group *g = &t->groups[i];
		bool attack = !strcmp(g->kind, "carpet_attack");
		if (!attack && strcmp(g->kind, "carpet_decoy") != 0)
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "prefix", g->signature);
		nr_json_uint(json, "addresses", g->sources);
		nr_json_uint(json, "protocol", g->protocol);
		nr_json_uint(json, "port", g->port);
		write_span(g, json);
		nr_json_bool(json, "expected", attack);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_flood(const struct nr_truth *t, struct nr_json *json)
{
	for (size_t i = 0; i < t->group_count; i++) {
		const struct nr_truth_group *g = &t->groups[i];
		if (strcmp(g->kind, "spoofed_flood") != 0)
			continue;
		nr_json_object(json, "spoofed_flood");
		nr_json_text(json, "signature", g->signature);
		nr_json_uint(json, "sources", g->sources);
		nr_json_uint(json, "protocol", g->protocol);
		nr_json_uint(json, "port", g->port);
		write_span(g, json);
		nr_json_object_end(json);
		return;
	}
	nr_json_null(json, "spoofed_flood");
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct nr_address));
}

static void write_ipv6_sources(const struct nr_truth *t, struct nr_json *json)
{
	NR_AUTO(nr_freep) struct nr_address *sources = malloc((t->source_count + 1) * sizeof *sources);
	size_t count = 0;
	nr_json_object(json, "sources");
	for (size_t i = 0; sources && i < t->source_count; i++)
		if (t->sources[i].packets && !nr_address_is_ipv4(&t->sources[i].address))
			sources[count++] = t->sources[i].address;
	if (count)
		qsort(sources, count, sizeof *sources, compare_addresses);
	static const struct {
		const char *name;
		size_t bytes;
	} lengths[] = {{"/128", 16}, {"/64", 8}, {"/48", 6}, {"/32", 4}};
	for (size_t k = 0; k < NR_COUNT(lengths); k++) {
		uint64_t networks = count != 0;
		for (size_t i = 1; i < count; i++)
			networks += memcmp(&sources[i], &sources[i - 1], lengths[k].bytes) != 0;
		nr_json_uint(json, lengths[k].name, networks);
	}
	nr_json_object_end(json);
}

static void write_ipv6(const struct nr_truth *t, struct nr_json *json)
{
	static const char *const names[NR_PATTERN_COUNT] = {
		"", "low-byte", "embedded-ipv4", "eui-64", "sequential", "random"};
	nr_json_object(json, "ipv6");
	write_ipv6_sources(t, json);
	nr_json_object(json, "destinations");
	for (size_t i = 1; i < NR_PATTERN_COUNT; i++)
		nr_json_uint(json, names[i], t->pattern_packets[i]);
	nr_json_object_end(json);
	write_hosts(t, "rotating_scanner", "rotating_scanners", json);
	nr_json_object_end(json);
}

void nr_truth_write(const struct nr_truth *truth, const struct nr_geography *geography, const char *list_name,
	struct nr_json *json)
{
	write_categories(truth, json);
	write_ports(truth, json);
	write_tools(truth, json);
	write_research(truth, list_name, json);
	write_victims(truth, json);
	write_carpets(truth, json);
	write_hosts(truth, "infected_host", "infected_hosts", json);
	write_hosts(truth, "slow_scanner", "slow_scanners", json);
	write_campaigns(truth, json);
	write_injected(truth, "injected", json);
	write_injected(truth, "decoy", json);
	write_flood(truth, json);
	write_countries(truth, geography, json);
	write_ipv6(truth, json);
	nr_json_object(json, "dropped");
	nr_json_uint(json, "non_ip", truth->non_ip);
	nr_json_uint(json, "truncated", truth->truncated);
	nr_json_uint(json, "malformed", truth->malformed);
	nr_json_object_end(json);
}
