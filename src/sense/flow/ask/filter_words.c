/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the language: those of nfdump(1), and the names of the columns. */
#include "base/nearest.h"
#include "sense/flow/ask/filter_parse.h"

#include <string.h>
#include <strings.h>

#define NO     FILTER_NO_COLUMN
#define COL(c) NR_FLOW_##c
#define RANGE  FILTER_RANGE

static const struct filter_phrase phrases[] = {
	{"any", FILTER_IS_ANY, 0, NO, NO, 0},
	{"inet", FILTER_IS_INET, 0, NO, NO, 0},
	{"ipv4", FILTER_IS_INET, 0, NO, NO, 0},
	{"inet6", FILTER_IS_INET6, 0, NO, NO, 0},
	{"ipv6", FILTER_IS_INET6, 0, NO, NO, 0},
	{"ip", FILTER_TAKES_ADDRESS, FILTER_PREFIX, COL(SOURCE_LOW), COL(DESTINATION_LOW), 0},
	{"host", FILTER_TAKES_ADDRESS, FILTER_PREFIX, COL(SOURCE_LOW), COL(DESTINATION_LOW), 0},
	{"net", FILTER_TAKES_NET, FILTER_PREFIX, COL(SOURCE_LOW), COL(DESTINATION_LOW), 0},
	{"client", FILTER_IS_CLIENT, 0, COL(MARKS), COL(MARKS), 0},
	{"port", FILTER_TAKES_NUMBER, RANGE, COL(SOURCE_PORT), COL(DESTINATION_PORT), 0},
	{"as", FILTER_TAKES_NUMBER, RANGE, COL(SOURCE_AS), COL(DESTINATION_AS), 0},
	{"mask", FILTER_TAKES_NUMBER, RANGE, COL(SOURCE_MASK), COL(DESTINATION_MASK), 0},
	{"vlan", FILTER_TAKES_NUMBER, RANGE, COL(VLAN), COL(POST_VLAN), 0},
	{"mac", FILTER_TAKES_MAC, RANGE, COL(SOURCE_MAC), COL(DESTINATION_MAC), 0},
	{"in mac", FILTER_TAKES_MAC, RANGE, COL(SOURCE_MAC), COL(DESTINATION_MAC), 0},
	{"out mac", FILTER_TAKES_MAC, RANGE, COL(SOURCE_MAC), COL(DESTINATION_MAC), 0},
	{"in src mac", FILTER_TAKES_MAC, RANGE, COL(SOURCE_MAC), NO, 0},
	{"out src mac", FILTER_TAKES_MAC, RANGE, COL(SOURCE_MAC), NO, 0},
	{"in dst mac", FILTER_TAKES_MAC, RANGE, COL(DESTINATION_MAC), NO, 0},
	{"out dst mac", FILTER_TAKES_MAC, RANGE, COL(DESTINATION_MAC), NO, 0},
	{"proto", FILTER_TAKES_PROTOCOL, RANGE, COL(PROTOCOL), NO, 0},
	{"flags", FILTER_TAKES_FLAGS, FILTER_MASKED, COL(TCP_FLAGS), NO, 0},
	{"tcp flags", FILTER_TAKES_FLAGS, FILTER_MASKED, COL(TCP_FLAGS), NO, 0},
	{"icmp-type", FILTER_TAKES_ICMP_TYPE, FILTER_MASKED, COL(DESTINATION_PORT), NO, 0},
	{"icmp-code", FILTER_TAKES_ICMP_CODE, FILTER_MASKED, COL(DESTINATION_PORT), NO, 0},
	{"packets", FILTER_TAKES_COUNT, RANGE, COL(PACKETS), NO, 0},
	{"in packets", FILTER_TAKES_COUNT, RANGE, COL(PACKETS), NO, 0},
	{"out packets", FILTER_TAKES_COUNT, RANGE, COL(REVERSE_PACKETS), NO, 0},
	{"bytes", FILTER_TAKES_COUNT, RANGE, COL(BYTES), NO, 0},
	{"in bytes", FILTER_TAKES_COUNT, RANGE, COL(BYTES), NO, 0},
	{"out bytes", FILTER_TAKES_COUNT, RANGE, COL(REVERSE_BYTES), NO, 0},
	{"flows", FILTER_IS_CONSTANT, RANGE, NO, NO, 0},
	{"flow", FILTER_IS_CONSTANT, RANGE, NO, NO, 0},
	{"duration", FILTER_TAKES_DURATION, FILTER_DERIVED, NO, NO, FILTER_DURATION_MS},
	{"pps", FILTER_TAKES_COUNT, FILTER_DERIVED, NO, NO, FILTER_PACKETS_PER_SECOND},
	{"bps", FILTER_TAKES_COUNT, FILTER_DERIVED, NO, NO, FILTER_BITS_PER_SECOND},
	{"bpp", FILTER_TAKES_COUNT, FILTER_DERIVED, NO, NO, FILTER_BYTES_PER_PACKET},
	{"if", FILTER_TAKES_NUMBER, RANGE, COL(INPUT), COL(OUTPUT), 0},
	{"in if", FILTER_TAKES_NUMBER, RANGE, COL(INPUT), NO, 0},
	{"out if", FILTER_TAKES_NUMBER, RANGE, COL(OUTPUT), NO, 0},
	{"next ip", FILTER_TAKES_ADDRESS, FILTER_PREFIX, COL(NEXT_HOP_LOW), NO, 0},
	{"tos", FILTER_TAKES_NUMBER, RANGE, COL(TOS), NO, 0},
	{"src tos", FILTER_TAKES_NUMBER, RANGE, COL(TOS), NO, 0},
	{"flowdir", FILTER_TAKES_CODE, RANGE, COL(DIRECTION), NO, 0},
	{"fwdstat", FILTER_TAKES_NUMBER, RANGE, COL(FORWARDING), NO, 0},
	{"mpls label1", FILTER_TAKES_NUMBER, RANGE, COL(MPLS), NO, 0},
	{"ingress vrf", FILTER_TAKES_NUMBER, RANGE, COL(INPUT_VRF), NO, 0},
	{"egress vrf", FILTER_TAKES_NUMBER, RANGE, COL(OUTPUT_VRF), NO, 0},
	{"xip", FILTER_TAKES_ADDRESS, FILTER_PREFIX, COL(POST_SOURCE_LOW), COL(POST_DESTINATION_LOW), 0},
	{"nip", FILTER_TAKES_ADDRESS, FILTER_PREFIX, COL(POST_SOURCE_LOW), COL(POST_DESTINATION_LOW), 0},
	{"xnet", FILTER_TAKES_NET, FILTER_PREFIX, COL(POST_SOURCE_LOW), COL(POST_DESTINATION_LOW), 0},
	{"xport", FILTER_TAKES_NUMBER, RANGE, COL(POST_SOURCE_PORT), COL(POST_DESTINATION_PORT), 0},
	{"nport", FILTER_TAKES_NUMBER, RANGE, COL(POST_SOURCE_PORT), COL(POST_DESTINATION_PORT), 0},
	{"nat event", FILTER_TAKES_NAT_EVENT, RANGE, COL(EVENT), NO, 0},
	{"asa event", FILTER_TAKES_FIREWALL_EVENT, RANGE, COL(EVENT), NO, 0},
	{"pblock start", FILTER_TAKES_NUMBER, RANGE, COL(POST_SOURCE_PORT), NO, 0},
	{"pblock end", FILTER_TAKES_NUMBER, RANGE, COL(PORT_BLOCK_END), NO, 0},
	{"router ip", FILTER_TAKES_ADDRESS, FILTER_STREAM, NO, NO, FILTER_EXPORTER},
	{"exporter", FILTER_TAKES_ADDRESS, FILTER_STREAM, NO, NO, FILTER_EXPORTER},
	{"domain", FILTER_TAKES_NUMBER, FILTER_STREAM, NO, NO, FILTER_DOMAIN},
	{"observation domain id", FILTER_TAKES_NUMBER, FILTER_STREAM, NO, NO, FILTER_DOMAIN},
	{"engine-type", FILTER_TAKES_NUMBER, FILTER_STREAM, NO, NO, FILTER_ENGINE_TYPE},
	{"engine-id", FILTER_TAKES_NUMBER, FILTER_STREAM, NO, NO, FILTER_ENGINE_ID},
	{"version", FILTER_TAKES_EXPORT, FILTER_STREAM, NO, NO, FILTER_EXPORT},
	{"seen", FILTER_TAKES_SEEN, RANGE, COL(FIRST), COL(LAST), 0},
	{"mark", FILTER_TAKES_MARK, FILTER_MASKED, COL(MARKS), NO, 0},
};

/* What nfdump asks for and flows here do not have. */
static const char *const not_carried[] = {"count", "ident", "sysid", "geo", "tunip", "tun proto", "tun ip",
	"bgpnext ip", "prev as", "next as", "dst tos", "mpls label2", "mpls label3", "mpls label4",
	"mpls label5", "mpls label6", "mpls label7", "mpls label8", "mpls label9", "mpls label10", "mpls eos",
	"mpls exp1", "payload", "client latency", "server latency", "asa event denied", "asa xevent",
	"ingress acl", "ingress ace", "ingress xace", "egress acl", "pblock step", "observation point id",
	"@include"};

/* Marks by name: those that a person may ask for. */
static const struct {
	const char *name;
	int bit;
} marks[] = {{"time-of-export", NR_FLOW_MARK_TIME_OF_EXPORT}, {"time-suspect", NR_FLOW_MARK_TIME_SUSPECT},
	{"packet", NR_FLOW_MARK_PACKET}, {"discarded", NR_FLOW_MARK_DISCARDED},
	{"biflow", NR_FLOW_MARK_BIFLOW}, {"event", NR_FLOW_MARK_EVENT}};

int filter_mark_by_name(const char *name)
{
	for (size_t i = 0; i < NR_COUNT(marks); i++)
		if (!strcasecmp(marks[i].name, name))
			return marks[i].bit;
	return -1;
}

const char *filter_mark_listed(size_t n)
{
	return n < NR_COUNT(marks) ? marks[n].name : NULL;
}

/* How many tokens the phrase takes where the parser stands; 0: it does not stand there. */
static uint32_t phrase_length(const struct filter_parser *p, const char *words)
{
	uint32_t length = 0;
	for (const char *at = words; *at; length++) {
		char word[FILTER_WORD_MAX + 1];
		size_t n = strcspn(at, " ");
		memcpy(word, at, n);
		word[n] = '\0';
		if (!filter_word_is(p, length, word))
			return 0;
		at += n + (at[n] == ' ');
	}
	return length;
}

/* A column's own name, "source_port", "reverse_bytes"; the addresses' are sides ("source"). */
static bool column_phrase(const struct filter_parser *p, struct filter_phrase *room)
{
	static const struct {
		uint8_t operand, test;
	} of_kind[] = {[NR_FLOW_KIND_TIME] = {FILTER_TAKES_TIME, FILTER_RANGE},
		[NR_FLOW_KIND_ADDRESS] = {FILTER_TAKES_ADDRESS, FILTER_PREFIX},
		[NR_FLOW_KIND_PORT] = {FILTER_TAKES_NUMBER, FILTER_RANGE},
		[NR_FLOW_KIND_PROTOCOL] = {FILTER_TAKES_PROTOCOL, FILTER_RANGE},
		[NR_FLOW_KIND_TCP_FLAGS] = {FILTER_TAKES_FLAGS, FILTER_MASKED},
		[NR_FLOW_KIND_COUNT] = {FILTER_TAKES_COUNT, FILTER_RANGE},
		[NR_FLOW_KIND_RATE] = {FILTER_TAKES_RATE, FILTER_RATE},
		[NR_FLOW_KIND_NUMBER] = {FILTER_TAKES_NUMBER, FILTER_RANGE},
		[NR_FLOW_KIND_CODE] = {FILTER_TAKES_CODE, FILTER_RANGE},
		[NR_FLOW_KIND_MAC] = {FILTER_TAKES_MAC, FILTER_RANGE}};
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (nr_flow_columns[c].printed && c != NR_FLOW_SOURCE_LOW && c != NR_FLOW_DESTINATION_LOW &&
			filter_word_is(p, 0, nr_flow_columns[c].name)) {
			*room = (struct filter_phrase){nr_flow_columns[c].name,
				of_kind[nr_flow_columns[c].kind].operand,
				of_kind[nr_flow_columns[c].kind].test, (uint8_t)c, NO, 0};
			return true;
		}
	return false;
}

const struct filter_phrase *filter_phrase_find(
	const struct filter_parser *p, struct filter_phrase *room, uint32_t *ret_length)
{
	const struct filter_phrase *best = NULL;
	uint32_t best_length = 0;
	for (size_t i = 0; i < NR_COUNT(phrases); i++) {
		uint32_t length = phrase_length(p, phrases[i].words);
		if (length > best_length) {
			best = &phrases[i];
			best_length = length;
		}
	}
	for (size_t i = 0; i < NR_COUNT(not_carried); i++) {
		uint32_t length = phrase_length(p, not_carried[i]);
		if (length > best_length) {
			*room = (struct filter_phrase){not_carried[i], FILTER_NOT_CARRIED, 0, NO, NO, 0};
			best = room;
			best_length = length;
		}
	}
	if (!best && column_phrase(p, room)) {
		best = room;
		best_length = 1;
	}
	*ret_length = best_length;
	return best;
}

const char *filter_phrase_nearest(const char *word)
{
	static const char *const others[] = {"src", "dst", "source", "destination", "not"};
	struct nr_nearest nearest = {.word = word};
	for (size_t i = 0; i < NR_COUNT(phrases); i++)
		nr_nearest_offer(&nearest, phrases[i].words);
	for (size_t i = 0; i < NR_COUNT(others); i++)
		nr_nearest_offer(&nearest, others[i]);
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (nr_flow_columns[c].printed)
			nr_nearest_offer(&nearest, nr_flow_columns[c].name);
	return nearest.best;
}
