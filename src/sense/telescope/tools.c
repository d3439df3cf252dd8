/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/tools.h"

#include <math.h>
#include <string.h>

/* Too many of `packets` match a 16-bit rule to do so by accident: the Chernoff bound of a Poisson variable.
 * What else the source sends does not matter: it may be a NAT. */
static bool beats_chance_among(double packets, double matched)
{
	double expected = packets / 65536;
	return matched >= 2 && matched > expected &&
	       matched - expected + matched * log(expected / matched) < log(NR_TAG_CHANCE);
}

/* Of SYNs. A match with the tool's window and TTL too is worth two. */
static bool beats_chance(const struct nr_source *s, uint16_t matched, bool strong)
{
	return beats_chance_among(s->syns == UINT16_MAX ? s->packets : s->syns, matched + strong);
}

static bool is_mirai(const struct nr_source *s)
{
	return s->mirai >= 2 || (s->mirai == 1 && s->syns <= NR_MIRAI_SINGLE_SYNS);
}

static bool is_zmap_old(const struct nr_source *s)
{
	return beats_chance(s, s->zmap, s->constant & NR_SEEN_ZMAP_STRONG);
}

static bool is_masscan(const struct nr_source *s)
{
	return beats_chance(s, s->masscan, s->constant & NR_SEEN_MASSCAN_STRONG);
}

/* Every SYN of the shape, no other TCP packet, three destinations, no contradiction between equal targets.
 * The count of the shape ends at 255; from there on the window and the options, the same since the first SYN,
 * say "every". */
static bool is_zmap_new(const struct nr_source *s, const struct nr_suspect *suspect)
{
	const unsigned other_tcp = NR_BIT(NR_CATEGORY_TCP_SYN_ACK) | NR_BIT(NR_CATEGORY_TCP_OTHER);
	if (s->zmap_new < NR_ZMAP_NEW_SYNS || s->zmap_new != NR_MIN(s->syns, UINT8_MAX) ||
		(s->facts & other_tcp))
		return false;
	const unsigned same = NR_SAME_WINDOW | NR_SAME_OPTIONS;
	if (s->syns > UINT8_MAX && (s->constant & same) != same)
		return false;
	return suspect && !suspect->contradiction && nr_suspect_destinations(suspect) >= 3;
}

static bool is_nmap(const struct nr_source *s)
{
	const unsigned needed = NR_SAME_MIRROR | NR_ONLY_NMAP_SHAPE;
	return s->syns >= NR_NMAP_SYNS && (s->constant & needed) == needed &&
	       !(s->constant & NR_SAME_SEQUENCE);
}

static const struct nr_suspect *suspect_of(
	const struct nr_day *day, const struct nr_source *s, uint64_t member)
{
	bool known = s->zmap_new || (s->facts & NR_SOURCE_ZMAP_DATAGRAM);
	return known && !(member & NR_MEMBER_IPV6) ? nr_suspects_find(&day->suspects, (uint32_t)member)
						   : NULL;
}

/* The rest of its packets is more than its UDP and ICMP probes, and may all the more match by chance. */
static bool is_zmap_datagrams(const struct nr_source *s, const struct nr_suspect *suspect)
{
	uint32_t rest = s->packets - NR_MIN((uint32_t)(s->syns == UINT16_MAX ? 0 : s->syns), s->packets);
	return suspect && beats_chance_among(NR_MAX(rest, suspect->datagrams), suspect->datagrams);
}

static void judge_zmap(const struct nr_source *s, const struct nr_suspect *suspect, struct nr_tool_verdict *v)
{
	bool old = is_zmap_old(s), datagrams = is_zmap_datagrams(s, suspect);
	v->zmap_new = !old && is_zmap_new(s, suspect);
	if (!old && !datagrams && !v->zmap_new)
		return;
	v->tools |= NR_BIT(NR_TOOL_ZMAP);
	v->by_suspects = !old;
	v->datagrams = datagrams ? suspect->datagrams : 0;
	v->packets[NR_TOOL_ZMAP] = (old ? s->zmap : v->zmap_new ? s->syns : 0) + v->datagrams;
}

struct nr_tool_verdict nr_tools_judge(const struct nr_day *day, const struct nr_source *s, uint64_t member)
{
	struct nr_tool_verdict v = {0};
	if (!nr_tools_any_mark(s))
		return v;
	if (is_mirai(s)) {
		v.tools |= NR_BIT(NR_TOOL_MIRAI);
		v.packets[NR_TOOL_MIRAI] = s->mirai;
	}
	judge_zmap(s, suspect_of(day, s, member), &v);
	if (is_masscan(s)) {
		v.tools |= NR_BIT(NR_TOOL_MASSCAN);
		v.masscan_new = (s->constant & NR_SEEN_MASSCAN_MSS) != 0;
		v.packets[NR_TOOL_MASSCAN] = s->masscan;
	}
	if (is_nmap(s)) {
		v.tools |= NR_BIT(NR_TOOL_NMAP);
		v.packets[NR_TOOL_NMAP] = s->syns;
	}
	return v;
}

uint64_t nr_tools_chance(const struct nr_source *s, enum nr_tool tool)
{
	switch (tool) {
	case NR_TOOL_MIRAI:
		return s->mirai;
	case NR_TOOL_ZMAP:
		return s->zmap;
	case NR_TOOL_MASSCAN:
		return s->masscan;
	default:
		return 0;
	}
}

void nr_tools_write(unsigned tools, char text[static 32])
{
	size_t at = 0;
	text[0] = 0;
	for (size_t i = 0; i < NR_TOOL_COUNT; i++)
		if (tools & NR_BIT(i))
			at += (size_t)snprintf(text + at, 32 - at, "%s%s", at ? "," : "", nr_tool_names[i]);
}

static const struct {
	unsigned bit;
	const char *name;
} invariants[] = {
	{NR_SAME_SEQUENCE, "sequence"},
	{NR_SAME_ID, "id"},
	{NR_SAME_SOURCE_PORT, "source_port"},
	{NR_SAME_WINDOW, "window"},
	{NR_SAME_TTL, "ttl"},
	{NR_SAME_OPTIONS, "options"},
	{NR_SAME_SEQUENCE_DESTINATION, "sequence^destination"},
	{NR_SAME_ID_TARGET, "id^destination^port^sequence"},
	{NR_SAME_MIRROR, "sequence_high^sequence_low"},
	{NR_SAME_PORT_DIFFERENCE, "source_port^destination_port"},
	{NR_SAME_DESTINATION, "destination"},
	{NR_SAME_DESTINATION_PORT, "destination_port"},
};

static const char *rule_of(enum nr_tool tool, const struct nr_tool_verdict *v)
{
	switch (tool) {
	case NR_TOOL_MIRAI:
		return "SYN and sequence = destination address";
	case NR_TOOL_ZMAP:
		if (v->zmap_new)
			return "all SYNs: window 65535, DF 0, source port 32768-61000, ZMap 4.1 "
			       "options; three targets agree";
		return v->by_suspects ? "UDP or ICMP probes and IP id = 54321" : "SYN and IP id = 54321";
	case NR_TOOL_MASSCAN:
		return "SYN and IP id = low 16 bits of destination ^ port ^ sequence";
	default:
		return "SYN, window 1024-4096, only MSS 1460, sequence halves XOR to one constant";
	}
}

static const char *variant_of(enum nr_tool tool, const struct nr_tool_verdict *v)
{
	if (tool == NR_TOOL_ZMAP)
		return v->zmap_new ? "4.1 or later" : "before 4.1";
	if (tool == NR_TOOL_MASSCAN)
		return v->masscan_new ? "since November 2023" : "before November 2023";
	return NULL;
}

static void write_first_syn(const struct nr_source *s, struct nr_json *json)
{
	struct nr_address destination = nr_address_from_ipv4(s->destination);
	nr_json_object(json, "first_syn");
	nr_json_address(json, "destination", &destination);
	nr_json_uint(json, "destination_port", s->destination_port);
	nr_json_uint(json, "source_port", s->source_port);
	nr_json_uint(json, "sequence", s->sequence);
	nr_json_uint(json, "id", s->id);
	nr_json_uint(json, "window", s->window);
	nr_json_uint(json, "ttl", s->ttl);
	nr_json_object_end(json);
}

void nr_tools_evidence(const struct nr_day *day, const struct nr_source *s, uint64_t member,
	const struct nr_tool_verdict *v, struct nr_json *json)
{
	if (!s->syns && !v->tools)
		return;
	nr_json_uint(json, "syns", s->syns);
	if (s->syns == UINT16_MAX)
		nr_json_bool(json, "counted_to_65535", true);
	nr_json_array(json, "tools");
	for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
		if (!(v->tools & NR_BIT(t)))
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "tool", nr_tool_names[t]);
		if (variant_of(t, v))
			nr_json_text(json, "variant", variant_of(t, v));
		nr_json_text(json, "rule", rule_of(t, v));
		nr_json_uint(json, "matched", v->packets[t]);
		if (t == NR_TOOL_ZMAP && v->datagrams)
			nr_json_uint(json, "udp_icmp", v->datagrams);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	if (s->syns && !(member & NR_MEMBER_IPV6))
		write_first_syn(s, json);
	if (s->syns >= NR_CAMPAIGN_SYNS) {
		nr_json_array(json, "constant");
		for (size_t i = 0; i < NR_COUNT(invariants); i++)
			if (s->constant & invariants[i].bit)
				nr_json_text(json, NULL, invariants[i].name);
		nr_json_array_end(json);
	}
	const struct nr_suspect *suspect = suspect_of(day, s, member);
	if (suspect && suspect->count && !v->zmap_new) {
		nr_json_object(json, "zmap_suspected");
		nr_json_uint(json, "matched", s->zmap_new);
		nr_json_uint(json, "destinations", nr_suspect_destinations(suspect));
		nr_json_bool(json, "contradiction", suspect->contradiction);
		nr_json_object_end(json);
	}
}

/* A constant window, TTL or option list is what every kernel shows; these are what only programs show. */
bool nr_tools_signature(const struct nr_source *s, char text[static 128])
{
	unsigned c = s->constant;
	if (c & NR_SAME_DESTINATION)
		return false; /* one target: everything may be constant */
	bool window = (c & NR_SAME_WINDOW) != 0;
	bool unusual = (c & (NR_SAME_SEQUENCE | NR_SAME_SOURCE_PORT | NR_SAME_SEQUENCE_DESTINATION |
				    NR_SAME_ID_TARGET | NR_SAME_MIRROR)) ||
		       ((c & NR_SAME_ID) && s->id);
	if (!window || !unusual)
		return false;
	size_t at = (size_t)snprintf(text, 128, "window=%u", s->window);
	if (c & NR_SAME_SOURCE_PORT)
		at += (size_t)snprintf(text + at, 128 - at, " source_port=%u", s->source_port);
	if (c & NR_SAME_SEQUENCE)
		at += (size_t)snprintf(text + at, 128 - at, " sequence=%u", s->sequence);
	else if (c & NR_SAME_MIRROR)
		at += (size_t)snprintf(text + at, 128 - at, " sequence_high^sequence_low");
	if ((c & NR_SAME_ID) && s->id)
		at += (size_t)snprintf(text + at, 128 - at, " id=%u", s->id);
	if ((c & NR_SAME_SEQUENCE_DESTINATION) && !(c & NR_SAME_SEQUENCE))
		at += (size_t)snprintf(text + at, 128 - at, " sequence^destination");
	if (c & NR_SAME_ID_TARGET)
		snprintf(text + at, 128 - at, " id^destination^port^sequence");
	return true;
}
