/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: what matches, what is refused and where, and which hosts and columns it asks for. */
#include "sense/flow/ask/filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T0 (INT64_C(1767323045) * NR_SECOND) /* 2026-01-02T03:04:05Z */

/* Ten flows, each a letter. */
enum { A, B, C, D, E, F, G, H, I, J, FLOWS };
static const struct flow {
	const char *source, *destination, *next, *post;
	uint16_t source_port, destination_port;
	uint8_t protocol;
	uint16_t flags;
	uint64_t packets, bytes;
	int64_t duration_us;
	float sampling;
	uint32_t input, output, source_as, destination_as;
	uint16_t stream, marks;
	uint8_t tos, direction, end, event;
	uint16_t post_port, block_end, vlan;
	uint64_t mac;
} flows[FLOWS] = {
	[A] = {"192.0.2.1", "198.51.100.1", "203.0.113.1", NULL, 40000, 443, 6, 0x02, 1, 60, 0, 100, 1, 2,
		64500, 64501, 0, 0, 0, 1, 1, 0, 0, 0, 10, 0x00005e005301},
	[B] = {"198.51.100.1", "192.0.2.1", NULL, NULL, 443, 40000, 6, 0x12, 1, 60, 0, 100, 2, 1, 64501,
		64500, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0},
	[C] = {"192.0.2.9", "198.51.100.1", NULL, NULL, 40001, 80, 6, 0x1b, 10, 1500, 2000000, 1, 1, 2, 64500,
		64501, 1, 0, 8, 1, 2, 0, 0, 0, 0, 0},
	[D] = {"192.0.2.1", "203.0.113.53", NULL, NULL, 5353, 53, 17, 0, 1, 70, 0, 0, 1, 3, 0, 0, 1, 0, 0, 0,
		0, 0, 0, 0, 0, 0},
	[E] = {"192.0.2.1", "203.0.113.1", NULL, NULL, 0, 0x0800, 1, 0, 5, 420, 4000000, 0, 0, 0, 0, 0, 1, 0,
		0, 0, 0, 0, 0, 0, 0, 0},
	[F] = {"2001:db8::1", "2001:db8:1::2", NULL, NULL, 50000, 443, 6, 0x3f, 1000, 1500000, 60000000, 1000,
		1, 2, 64500, 4200000000u, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0},
	[G] = {"2001:db8::1", "2001:db8:1::2", NULL, NULL, 0, 0x8000, 58, 0, 1, 104, 0, 0, 0, 0, 0, 0, 2, 0,
		0, 0, 0, 0, 0, 0, 0, 0},
	[H] = {"100::1", "198.51.100.9", NULL, "203.0.113.200", 41000, 8080, 6, 0x18, 3, 3000, 999, 0, 0, 0,
		0, 0, 0, NR_FLOW_MARK_SOURCE_CLIENT, 0, 0, 0, 0, 2048, 0, 0, 0},
	[I] = {"10.1.2.3", "198.51.100.9", NULL, "203.0.113.200", 1030, 25, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		NR_FLOW_MARK_EVENT, 0, 0, 0, 4, 1024, 2047, 0, 0},
	[J] = {"10.1.2.3", "198.51.100.9", NULL, NULL, 1031, 25, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
		NR_FLOW_MARK_EVENT | NR_FLOW_MARK_DESTINATION_CLIENT, 0, 0, 0, 67, 0, 0, 0, 0},
};

static const struct {
	const char *exporter;
	uint32_t domain, export;
} streams[] = {{"192.0.2.254", 0x0307, NR_FLOW_NETFLOW5}, {"192.0.2.253", 9, NR_FLOW_NETFLOW9},
	{"2001:db8::fe", 9, NR_FLOW_IPFIX}, {"192.0.2.252", 256, NR_FLOW_NETFLOW9}};

static void set_address(
	struct nr_flow_block *block, enum nr_flow_column column, uint32_t row, const char *text)
{
	struct nr_address address = {0};
	uint64_t high, low;
	if (text)
		assert_int_equal(nr_address_parse(text, &address, NULL), 0);
	nr_flow_address_split(&address, &high, &low);
	((uint64_t *)nr_flow_column_at(block, column - 1))[row] = high;
	((uint64_t *)nr_flow_column_at(block, column))[row] = low;
}

#define SET(column, type, value) ((type *)nr_flow_column_at(block, NR_FLOW_##column))[row] = (value)

static void fill(struct nr_flow_block *block, uint32_t row, const struct flow *flow)
{
	set_address(block, NR_FLOW_SOURCE_LOW, row, flow->source);
	set_address(block, NR_FLOW_DESTINATION_LOW, row, flow->destination);
	set_address(block, NR_FLOW_NEXT_HOP_LOW, row, flow->next);
	set_address(block, NR_FLOW_POST_SOURCE_LOW, row, flow->post);
	SET(FIRST, int64_t, T0 + (int64_t)row * NR_MINUTE);
	SET(LAST, int64_t, T0 + (int64_t)row * NR_MINUTE + flow->duration_us);
	SET(SOURCE_PORT, uint16_t, flow->source_port);
	SET(DESTINATION_PORT, uint16_t, flow->destination_port);
	SET(PROTOCOL, uint8_t, flow->protocol);
	SET(TCP_FLAGS, uint16_t, flow->flags);
	SET(PACKETS, uint64_t, flow->packets);
	SET(BYTES, uint64_t, flow->bytes);
	SET(SAMPLING, float, flow->sampling);
	SET(INPUT, uint32_t, flow->input);
	SET(OUTPUT, uint32_t, flow->output);
	SET(SOURCE_AS, uint32_t, flow->source_as);
	SET(DESTINATION_AS, uint32_t, flow->destination_as);
	SET(STREAM, uint16_t, flow->stream);
	SET(MARKS, uint16_t, flow->marks);
	SET(TOS, uint8_t, flow->tos);
	SET(DIRECTION, uint8_t, flow->direction);
	SET(END_REASON, uint8_t, flow->end);
	SET(EVENT, uint8_t, flow->event);
	SET(POST_SOURCE_PORT, uint16_t, flow->post_port);
	SET(PORT_BLOCK_END, uint16_t, flow->block_end);
	SET(VLAN, uint16_t, flow->vlan);
	SET(SOURCE_MAC, uint64_t, flow->mac);
}

#define FILLED                                                                                               \
	(NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |       \
		NR_FLOW_BIT(DESTINATION_HIGH) | NR_FLOW_BIT(DESTINATION_LOW) | NR_FLOW_BIT(NEXT_HOP_HIGH) |  \
		NR_FLOW_BIT(NEXT_HOP_LOW) | NR_FLOW_BIT(POST_SOURCE_HIGH) | NR_FLOW_BIT(POST_SOURCE_LOW) |   \
		NR_FLOW_BIT(SOURCE_PORT) | NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) |           \
		NR_FLOW_BIT(TCP_FLAGS) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(SAMPLING) | \
		NR_FLOW_BIT(INPUT) | NR_FLOW_BIT(OUTPUT) | NR_FLOW_BIT(SOURCE_AS) |                          \
		NR_FLOW_BIT(DESTINATION_AS) | NR_FLOW_BIT(STREAM) | NR_FLOW_BIT(MARKS) | NR_FLOW_BIT(TOS) |  \
		NR_FLOW_BIT(DIRECTION) | NR_FLOW_BIT(END_REASON) | NR_FLOW_BIT(EVENT) |                      \
		NR_FLOW_BIT(POST_SOURCE_PORT) | NR_FLOW_BIT(PORT_BLOCK_END) | NR_FLOW_BIT(VLAN) |            \
		NR_FLOW_BIT(SOURCE_MAC))

static struct nr_flow_block *sample(void)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM_UNIT, &block, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(streams); i++) {
		struct nr_flow_stream stream = {.domain = streams[i].domain, .export = streams[i].export};
		assert_int_equal(nr_address_parse(streams[i].exporter, &stream.exporter, NULL), 0);
		assert_int_equal(nr_flow_block_stream(block, &stream), i);
	}
	nr_flow_rows_open(block, FLOWS, FILLED);
	for (uint32_t row = 0; row < FLOWS; row++)
		fill(block, row, &flows[row]);
	nr_flow_rows_close(block, FLOWS);
	return block;
}

/* The letters of the rows that match. */
static const char *matches(const struct nr_flow_block *block, const char *expression)
{
	static char letters[FLOWS + 1];
	struct nr_flow_filter *filter = NULL;
	struct nr_error error = {0};
	if (nr_flow_filter_new(expression, &filter, &error) != 0)
		fail_msg("\"%s\": %s", expression, error.text);
	void *scratch = malloc(nr_flow_filter_scratch(filter, block->room) + 1);
	uint32_t rows[NR_FLOW_ROOM_UNIT];
	size_t n = nr_flow_filter_apply(filter, block, scratch, rows);
	assert_true(n <= FLOWS);
	for (size_t i = 0; i < n; i++)
		letters[i] = (char)('A' + rows[i]);
	letters[n] = '\0';
	free(scratch);
	nr_flow_filter_free(filter);
	return letters;
}

static const struct {
	const char *expression, *letters;
} cases[] = {
	/* all, joints, comments */
	{"", "ABCDEFGHIJ"},
	{"any", "ABCDEFGHIJ"},
	{"not any", ""},
	{"# nothing but a comment", "ABCDEFGHIJ"},
	{"proto tcp # and more\nand port 80", "C"},
	{"PROTO TCP AND DST PORT 443", "AF"},
	{"proto udp or proto icmp and src ip 192.0.2.9", "D"}, /* "and" binds closer */
	{"(proto udp or proto icmp) and src ip 192.0.2.9", ""},
	{"proto udp || dst port 80 && proto tcp", "CD"},
	{"! proto tcp", "DEG"},
	{"not not proto udp", "D"},
	{"not (proto tcp or proto udp)", "EG"},
	{"not (proto tcp and dst port 443)", "BCDEGHIJ"},
	{"tcp and dst port 80", "C"},
	{"not (proto tcp and not (dst port 80 or dst port 443) or proto udp)", "ACEFG"},
	/* addresses */
	{"ip 192.0.2.1", "ABDE"},
	{"host 192.0.2.1", "ABDE"},
	{"src ip 192.0.2.1", "ADE"},
	{"dst ip 192.0.2.1", "B"},
	{"src or dst ip 192.0.2.1", "ABDE"},
	{"src and dst net 2001:db8::/32", "FG"},
	{"not src and dst net 192.0.2.0/24", "ABCDEFGHIJ"},
	{"not ip 192.0.2.1", "CFGHIJ"},
	{"ip != 192.0.2.1", "CFGHIJ"},
	{"source 192.0.2.1", "ADE"},
	{"source = 192.0.2.1", "ADE"},
	{"destination in [192.0.2.1 203.0.113.0/24]", "BDE"},
	{"source ip 192.0.2.1 and destination port 53", "D"},
	{"net 10/8", "IJ"},
	{"net 10.1/16", "IJ"},
	{"src net 10.9.9.9/8", "IJ"}, /* bits beyond the length do not matter */
	{"net 192.0.2.0 255.255.255.248", "ABDE"},
	{"net 2001:db8:: ffff:ffff::", "FG"},
	{"net 0.0.0.0/0", "ABCDEHIJ"},
	{"ip in [192.0.2.9, 2001:db8::/48]", "CFG"},
	{"ip in [192.0.2.9 2001:db8::1]", "CFG"},
	{"src in ip [192.0.2.9]", "C"},
	{"src ip [192.0.2.9]", "C"},
	{"not ip in [192.0.2.0/24]", "FGHIJ"},
	{"inet", "ABCDEIJ"},
	{"ipv4", "ABCDEIJ"},
	{"inet6", "FG"},
	{"not ipv6", "ABCDEHIJ"},
	{"next ip 203.0.113.1", "A"},
	{"next_hop 203.0.113.0/24", "A"},
	/* ports, protocols, ICMP */
	{"port 443", "ABF"},
	{"src port 443", "B"},
	{"src port = 443", "B"},
	{"port in [80 443]", "ABCF"},
	{"dst port in [80,443]", "ACF"},
	{"dst port in [25-53, 8080]", "DHIJ"},
	{"not port in [0-65535]", ""},
	{"src port > 40000", "CFH"},
	{"src port >= 40000", "ACFH"},
	{"src port gt 40000 and src port LE 41000", "CH"},
	{"src port < 443", "EG"},
	{"dst port != 443", "BCDEGHIJ"},
	{"src port 0x1bb", "B"},
	{"src port < 0", ""},
	{"not src port < 0", "ABCDEFGHIJ"},
	{"destination_port 53", "D"},
	{"proto 17", "D"},
	{"proto icmp6", "G"},
	{"proto in [icmp udp]", "DE"},
	{"protocol ICMP", "E"},
	{"icmp-type 8", "E"},
	{"icmp-type 128", "G"},
	{"icmp-code 0", "EG"},
	{"not icmp-type 8", "ABCDFGHIJ"},
	/* flags */
	{"flags S", "ABCF"},
	{"flags AS", "BCF"},
	{"flags SA", "BCF"},
	{"flags sa", "BCF"},
	{"flags X", "F"},
	{"flags S and not flags AFRPU", "A"},
	{"not flags SA", "DEGIJ"}, /* neither of the two, as nfdump has it */
	{"flags 0", "DEGIJ"},
	{"flags 18", "BCF"},
	{"tcp_flags P", "CFH"},
	/* counters, and what is computed of them */
	{"packets > 5", "CF"},
	{"packets 5", "E"},
	{"in packets = 5", "E"},
	{"bytes > 1k", "CFH"},
	{"bytes >= 1500k", "F"},
	{"bytes < 60", "IJ"},
	{"out bytes > 0", ""},
	{"flows 1", "ABCDEFGHIJ"},
	{"flows > 1", ""},
	{"duration > 0", "CEF"}, /* 999 us are 0 ms */
	{"duration >= 2000", "CEF"},
	{"duration > 2s and duration < 1min", "E"},
	{"pps 5", "C"},
	{"pps > 15", "FH"},
	{"bps = 6000", "C"},
	{"bps > 100k", "FH"},
	{"bpp 60", "AB"},
	{"bpp >= 1k", "FH"},
	{"not bpp > 0", "IJ"},
	/* where it went and who said so */
	{"as 64500", "ABCF"},
	{"src as in [64500 64501]", "ABCF"},
	{"dst as > 4g", "F"},
	{"if 3", "D"},
	{"in if 1", "ACDF"},
	{"out if 1", "B"},
	{"input 2", "B"},
	{"tos 8", "C"},
	{"vlan 10", "A"},
	{"mac 00:00:5e:00:53:01", "A"},
	{"in src mac 00-00-5E-00-53-01", "A"},
	{"router ip 192.0.2.254", "ABHI"},
	{"exporter 2001:db8::fe", "FG"},
	{"exporter in [192.0.2.252, 192.0.2.253]", "CDEJ"},
	{"not exporter in [192.0.2.0/24]", "FG"},
	{"exporter 192.0.2.0/24 and udp", "D"},
	{"domain 9", "CDEFG"},
	{"domain in [256 9]", "CDEFGJ"},
	{"not domain in [256 9]", "ABHI"},
	{"domain >= 256", "ABHIJ"},
	{"observation domain id 256", "J"},
	{"engine-type 3 and engine-id 7", "ABHI"},
	{"engine-id 0", ""}, /* 256 of NetFlow v9 is a source id */
	{"version ipfix", "FG"},
	{"sampling > 1", "ABF"},
	{"sampling <= 100", "ABC"}, /* what is not known is not little */
	{"sampling unknown", "DEGHIJ"},
	{"flowdir ingress", "AC"},
	{"direction 1", "B"},
	{"end_reason active", "CF"},
	{"client", "HJ"},
	{"src client", "H"},
	{"not dst client", "ABCDEFGHI"},
	{"mark event", "IJ"},
	/* NAT and firewalls */
	{"src xip 203.0.113.200", "HI"},
	{"nip 203.0.113.200", "HI"},
	{"src nport 2048", "H"},
	{"nat event add", "I"},
	{"nat event 4", "I"},
	{"asa event deny", "J"},
	{"asa event > 2", "J"},
	{"event nat44-create", "I"},
	{"port in pblock", "I"},
	{"dst port in pblock", ""},
	{"pblock end > 0", "I"},
	/* time */
	{"first < 2026-01-02T03:05:05Z", "A"},
	{"first >= 2026-01-02T12:12:05+09:00", "IJ"},
	{"seen > 2026-01-02T03:13:00Z", "J"},
	{"seen 2026-01-02T03:09:35Z", "F"}, /* a minute from 03:09:05 on */
	{"not seen 2026-01-02T03:09:35Z", "ABCDEGHIJ"},
	{"first > 2026-01-01 and last < 2026-01-02", ""},
};

static void test_matches(void **state)
{
	(void)state;
	struct nr_flow_block *block = sample();
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		const char *found = matches(block, cases[i].expression);
		if (strcmp(found, cases[i].letters) != 0)
			fail_msg("\"%s\" matches %s, not %s", cases[i].expression, found, cases[i].letters);
	}
	nr_flow_block_free(block);
}

/* A column that is not there is zero in all rows; so is one half of an address. */
static void test_absent(void **state)
{
	(void)state;
	struct nr_flow_block *block = sample();
	block->present = NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(BYTES);
	assert_string_equal(matches(block, "ip 192.0.2.1"), "ADE");
	assert_string_equal(matches(block, "dst ip 192.0.2.1 or port 443 or icmp-type 8"), "");
	assert_string_equal(matches(block, "port 0 and bytes > 1k and sampling unknown"), "CFH");
	assert_string_equal(matches(block, "exporter 192.0.2.254 and bytes > 1k"), "CFH");
	assert_string_equal(matches(block, "src ip in [192.0.2.9 10/8] and duration 0"), "CIJ");
	nr_flow_block_free(block);
}

static const struct {
	const char *expression;
	unsigned column;
	const char *text; /* a part of it */
} faults[] = {
	{"port", 5, "expected a number from 0 to 65535, found the end"},
	{"port htpp", 6, "expected a number from 0 to 65535, found \"htpp\""},
	{"port 65536", 6, "expected a number from 0 to 65535"},
	{"hots 192.0.2.1", 1, "did you mean \"host\"?"},
	{"src prot 80", 5, "did you mean \"port\"?"},
	{"proto tpc", 7, "did you mean \"TCP\"?"},
	{"flowdir ingres", 9, "did you mean \"ingress\"?"},
	{"mark discarted", 6, "did you mean \"discarded\"?"},
	{"ip 192.0.2", 4, "an IPv4 or IPv6 address"},
	{"ip www.example.org", 4, "names are not looked up"},
	{"net 192.0.2.0 24", 15, "a netmask"},
	{"net 192.0.2.0/33", 5, "address or prefix"},
	{"net 192.0.2.0 255.0.255.0", 15, "a netmask"},
	{"port 80 or 443", 12, "a condition"},
	{"port 80 443", 9, "\"and\", \"or\" or the end"},
	{"(port 80", 9, "\")\""},
	{"port 80)", 8, "or the end"},
	{"port in [80", 12, "\"]\""},
	{"port in []", 10, "a number"},
	{"port in 80", 9, "\"[\""},
	{"port in [90-80]", 10, "a number"},
	{"and port 80", 1, "a condition"},
	{"not", 4, "a condition"},
	{"port 80 & any", 9, "\"and\", \"or\" or the end, found \"&\""},
	{"flags Q", 7, "TCP flags"},
	{"bytes > 1.5k", 9, "a whole number"},
	{"bytes > 99999999999g", 9, "a whole number"},
	{"duration > 1m", 12, "10min"},
	{"src proto tcp", 5, "leave src or dst out"},
	{"ip > 192.0.2.1", 6, "equal or not"},
	{"geo JP", 1, "nfdump knows this word"},
	{"ident x", 1, "nfdump knows this word"},
	{"first > yesterday", 9, "a time"},
	{"icmp-type 256", 11, "0 to 255"},
	{"sampling > nan", 12, "a sampling rate"},
	{"mac 00:11:22", 5, "a MAC address"},
	{"port 80 and\n # 狼煙\nprot 5", 19, "did you mean \"port\"?"}, /* characters, not bytes */
	{"port \x1b[2J", 6, "found \"?\""},
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(faults); i++) {
		struct nr_flow_filter *filter = NULL;
		struct nr_flow_filter_fault fault = {0};
		assert_int_equal(nr_flow_filter_parse(faults[i].expression, &filter, &fault), -EINVAL);
		assert_null(filter);
		if (fault.column != faults[i].column || !strstr(fault.text_en, faults[i].text))
			fail_msg("\"%s\": column %u: %s", faults[i].expression, fault.column, fault.text_en);
		assert_true(strlen(fault.text_ja) > 10);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct nr_flow_filter *filter = NULL;
	struct nr_flow_filter_fault fault;
	struct nr_error error = {0};
	char *text = malloc(NR_FLOW_FILTER_TEXT_MAX + 2);
	memset(text, ' ', NR_FLOW_FILTER_TEXT_MAX + 1);
	text[NR_FLOW_FILTER_TEXT_MAX] = '\0';
	assert_int_equal(nr_flow_filter_new(text, &filter, &error), 0);
	nr_flow_filter_free(nr_steal(&filter));
	text[NR_FLOW_FILTER_TEXT_MAX] = ' ';
	text[NR_FLOW_FILTER_TEXT_MAX + 1] = '\0';
	assert_int_equal(nr_flow_filter_new(text, &filter, &error), -EINVAL);
	assert_non_null(strstr(error.text, "65536 bytes"));

	for (unsigned depth = 63; depth <= 64; depth++) { /* the condition within is a level, too */
		memset(text, '(', depth);
		memcpy(text + depth, "any", 3);
		memset(text + depth + 3, ')', depth);
		text[2 * depth + 3] = '\0';
		int e = nr_flow_filter_parse(text, &filter, &fault);
		assert_int_equal(e, depth == 63 ? 0 : -EINVAL);
		nr_flow_filter_free(nr_steal(&filter));
	}
	assert_int_equal(fault.column, 65);
	free(text);
}

static void test_hosts(void **state)
{
	(void)state;
	static const struct {
		const char *expression, *hosts;
	} asked[] = {{"any", ""}, {"port 80", ""}, {"ip 192.0.2.1", "192.0.2.1 "},
		{"src ip 192.0.2.1 and dst ip 192.0.2.2", "192.0.2.1 "},
		{"port 80 and (src ip 192.0.2.1 or dst ip 2001:db8::1)", "192.0.2.1 2001:db8::1 "},
		{"src ip 192.0.2.1 or port 80", ""}, {"not ip 192.0.2.1", ""}, {"ip 192.0.2.0/31", ""},
		{"ip in [192.0.2.1 192.0.2.2]", "192.0.2.1 192.0.2.2 "}, {"ip in [192.0.2.1 10/8]", ""},
		{"ip in [192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4]", ""}, {"next ip 192.0.2.1", ""},
		{"router ip 192.0.2.1", ""}, {"xip 192.0.2.1", ""},
		{"ip in [192.0.2.1 192.0.2.2] and src ip 192.0.2.3", "192.0.2.3 "}};
	for (size_t i = 0; i < NR_COUNT(asked); i++) {
		struct nr_flow_filter *filter = NULL;
		struct nr_address hosts[3];
		char found[200] = "", text[NR_ADDRESS_TEXT];
		assert_int_equal(nr_flow_filter_new(asked[i].expression, &filter, NULL), 0);
		size_t n = nr_flow_filter_hosts(filter, hosts, NR_COUNT(hosts));
		assert_true(n <= NR_COUNT(hosts));
		for (size_t k = 0; k < n; k++)
			snprintf(found + strlen(found), sizeof found - strlen(found), "%s ",
				nr_address_write(&hosts[k], text));
		if (strcmp(found, asked[i].hosts) != 0)
			fail_msg("\"%s\" asks for %s, not %s", asked[i].expression, found, asked[i].hosts);
		nr_flow_filter_free(filter);
	}
}

static void test_columns(void **state)
{
	(void)state;
	struct nr_flow_filter *filter = NULL;
	assert_int_equal(
		nr_flow_filter_new("src ip 192.0.2.1 and pps > 5 or router ip 192.0.2.2", &filter, NULL), 0);
	assert_int_equal(nr_flow_filter_columns(filter), NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) |
								 NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST) |
								 NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(STREAM));
	nr_flow_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches), cmocka_unit_test(test_absent),
		cmocka_unit_test(test_faults), cmocka_unit_test(test_bounds), cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_columns)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
