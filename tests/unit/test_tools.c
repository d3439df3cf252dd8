/* SPDX-License-Identifier: Apache-2.0 */
/* Which tool a source uses: every rule with what just fulfils it and what just does not. */
#include "sense/telescope/tools.h"
#include "telescope_rig.h"

#define SOURCE UINT32_C(0x01020304)
#define DARK   UINT32_C(0xc6120000)

static uint32_t mix(uint32_t n)
{
	n = (n ^ n >> 16) * 0x7feb352du;
	n = (n ^ n >> 15) * 0x846ca68bu;
	return n ^ n >> 16;
}

/* Packet number i of one kind. Kinds are variations of a SYN that carries no mark at all. */
typedef struct nr_packet make(uint32_t i);

static struct nr_packet plain(uint32_t i)
{
	struct nr_packet p = syn_of(DAY0 + i, SOURCE, DARK + i % 65536, (uint16_t)(1 + i % 7));
	p.sequence = mix(i) ^ 0x80000000;
	p.sequence ^= p.sequence == DARK + i % 65536;
	p.id = (uint16_t)(DARK + i % 65536);
	p.id = (uint16_t)(p.id ^ p.destination_port ^ p.sequence ^ 0x0101);
	p.id = (uint16_t)(p.id ^ (p.id == NR_ZMAP_ID ? 0x0303 : 0)); /* never by accident */
	return p;
}

static struct nr_packet mirai(uint32_t i)
{
	struct nr_packet p = plain(i);
	p.sequence = nr_address_ipv4(&p.destination);
	return p;
}

/* By the formula alone this is Masscan's id as well: id = port where sequence = destination. */
static struct nr_packet mirai_with_port_as_id(uint32_t i)
{
	struct nr_packet p = mirai(i);
	p.id = p.destination_port;
	return p;
}

static struct nr_packet zmap_old(uint32_t i)
{
	struct nr_packet p = plain(i);
	p.id = NR_ZMAP_ID;
	return p;
}

static struct nr_packet strong(struct nr_packet p, uint16_t window)
{
	p.window = window;
	p.ttl = 240;
	return p;
}

static struct nr_packet zmap_strong(uint32_t i)
{
	return strong(zmap_old(i), NR_ZMAP_WINDOW);
}

static struct nr_packet zmap_window_only(uint32_t i)
{
	struct nr_packet p = zmap_strong(i);
	p.ttl = 199;
	return p;
}

static struct nr_packet zmap_ttl_only(uint32_t i)
{
	return strong(zmap_old(i), 65534);
}

static struct nr_packet masscan(uint32_t i)
{
	struct nr_packet p = plain(i);
	p.id = (uint16_t)(nr_address_ipv4(&p.destination) ^ p.destination_port ^ p.sequence);
	p.option_kind = NR_TCP_OPTIONS_NONE;
	p.option_hash = 0;
	return p;
}

static struct nr_packet masscan_strong(uint32_t i)
{
	return strong(masscan(i), NR_MASSCAN_WINDOW);
}

static struct nr_packet masscan_new(uint32_t i)
{
	struct nr_packet p = masscan_strong(i);
	p.option_kind = NR_TCP_OPTIONS_MSS_1460;
	p.option_hash = 3;
	return p;
}

/* Masscan's window and TTL, another formula: what a copy with its own idea of an id sends. */
static struct nr_packet masscan_shape(uint32_t i)
{
	return strong(plain(i), NR_MASSCAN_WINDOW);
}

static struct nr_packet nmap(uint32_t i)
{
	struct nr_packet p = plain(i);
	uint32_t half = mix(i) & 0xffff;
	p.sequence = (half << 16 | half) ^ 0x12345678;
	p.window = (uint16_t)(1024 * (1 + i % 4));
	p.option_kind = NR_TCP_OPTIONS_MSS_1460;
	return p;
}

static struct nr_packet nmap_once(uint32_t i)
{
	return nmap(i & 0);
}

static struct nr_packet nmap_window(uint32_t i)
{
	struct nr_packet p = nmap(i);
	p.window = 5120;
	return p;
}

static struct nr_packet nmap_mss(uint32_t i)
{
	struct nr_packet p = nmap(i);
	p.option_kind = NR_TCP_OPTIONS_MSS;
	return p;
}

/* Not mirrored: the halves differ by something else each time. */
static struct nr_packet nmap_random(uint32_t i)
{
	struct nr_packet p = nmap(i);
	p.sequence = mix(i + 77);
	return p;
}

static struct nr_packet zmap_new(uint32_t i)
{
	struct nr_packet p = plain(i);
	p.window = NR_ZMAP_WINDOW;
	p.marks &= (uint16_t)~NR_MARK_DONT_FRAGMENT;
	p.option_kind = NR_TCP_OPTIONS_ZMAP_WINDOWS;
	return p;
}

static struct nr_packet zmap_new_any_mss(uint32_t i)
{
	struct nr_packet p = zmap_new(i);
	p.option_kind = NR_TCP_OPTIONS_MSS;
	return p;
}

static struct nr_packet zmap_new_two_targets(uint32_t i)
{
	return zmap_new(i % 2);
}

static struct nr_packet zmap_new_again(uint32_t i)
{
	return zmap_new(i % 3); /* each target gets the same sequence and id again */
}

static struct nr_packet zmap_new_other_sequence(uint32_t i)
{
	struct nr_packet p = zmap_new(i % 3);
	p.sequence += i;
	return p;
}

static struct nr_packet zmap_new_df(uint32_t i)
{
	struct nr_packet p = zmap_new(i);
	p.marks |= NR_MARK_DONT_FRAGMENT;
	return p;
}

static struct nr_packet zmap_new_window(uint32_t i)
{
	struct nr_packet p = zmap_new(i);
	p.window = 65534;
	return p;
}

static struct nr_packet at_port(uint32_t i, uint16_t port)
{
	struct nr_packet p = zmap_new(i);
	p.source_port = port;
	return p;
}

static struct nr_packet zmap_new_32767(uint32_t i)
{
	return at_port(i, 32767);
}

static struct nr_packet zmap_new_32768(uint32_t i)
{
	return at_port(i, 32768);
}

static struct nr_packet zmap_new_61000(uint32_t i)
{
	return at_port(i, 61000);
}

static struct nr_packet zmap_new_61001(uint32_t i)
{
	return at_port(i, 61001);
}

static struct nr_packet flagged(uint32_t i, uint8_t flags)
{
	struct nr_packet p = plain(i);
	p.flags = flags;
	return p;
}

static struct nr_packet ack(uint32_t i)
{
	return flagged(i, 0x10);
}

static struct nr_packet rst(uint32_t i)
{
	return flagged(i, 0x04);
}

static struct nr_packet udp(uint32_t i)
{
	struct nr_packet p = udp_of(DAY0 + i, SOURCE, DARK + i % 65536, 53);
	p.id = (uint16_t)(i % 50000);
	return p;
}

static struct nr_packet udp_zmap(uint32_t i)
{
	struct nr_packet p = udp(i);
	p.id = NR_ZMAP_ID;
	return p;
}

static struct nr_packet udp_zmap_answer(uint32_t i)
{
	struct nr_packet p = udp_zmap(i);
	p.marks |= NR_MARK_ANSWER;
	return p;
}

/* Behind the first fragment: there is no port, and all fragments have the id of one datagram. */
static struct nr_packet udp_zmap_fragment(uint32_t i)
{
	struct nr_packet p = udp_zmap(i);
	p.marks &= (uint16_t)~NR_MARK_PORTS;
	p.source_port = p.destination_port = 0;
	return p;
}

static struct nr_packet icmp_zmap(uint32_t i)
{
	struct nr_packet p = udp_zmap(i);
	p.protocol = NR_ICMP;
	p.source_port = 8; /* echo request */
	p.destination_port = 0;
	return p;
}

static struct nr_packet icmp_zmap_reply(uint32_t i)
{
	struct nr_packet p = icmp_zmap(i);
	p.source_port = 0;
	return p;
}

enum {
	M = NR_BIT(NR_TOOL_MIRAI),
	Z = NR_BIT(NR_TOOL_ZMAP),
	S = NR_BIT(NR_TOOL_MASSCAN),
	N = NR_BIT(NR_TOOL_NMAP)
};

static const struct {
	const char *name;
	struct {
		make *make;
		uint32_t count;
	} parts[3];
	unsigned tools;
	uint64_t packets[NR_TOOL_COUNT]; /* of the whole day, as the report gives them */
} cases[] = {
	{"nothing", {{plain, 1000}}, 0, {0}},
	/* Mirai: 32 bits, one is enough, but not among any number of random SYNs */
	{"one Mirai SYN", {{mirai, 1}}, M, {1}},
	{"one among 3999", {{plain, 3999}, {mirai, 1}}, M, {1}},
	{"one among 4000", {{plain, 4000}, {mirai, 1}}, 0, {0}},
	{"two among 60000", {{plain, 60000}, {mirai, 2}}, M, {2}},
	{"Mirai, id = port: not Masscan", {{mirai_with_port_as_id, 10}}, M, {10}},
	/* ZMap before 4.1: 16 bits */
	{"id 54321: 1 of 1", {{zmap_old, 1}}, 0, {0}},
	{"1 of 2", {{zmap_old, 1}, {plain, 1}}, 0, {0}},
	{"2 of 2", {{zmap_old, 2}}, Z, {0, 2}},
	{"1 of 1, strong", {{zmap_strong, 1}}, Z, {0, 1}},
	{"1 of 1, window but TTL 199", {{zmap_window_only, 1}}, 0, {0}},
	{"1 of 1, TTL but window 65534", {{zmap_ttl_only, 1}}, 0, {0}},
	{"2 of 1000: accident", {{plain, 998}, {zmap_old, 2}}, 0, {0}},
	{"1 of 1000, strong: accident", {{plain, 999}, {zmap_strong, 1}}, 0, {0}},
	{"4 of 1000: a NAT", {{plain, 996}, {zmap_old, 4}}, Z, {0, 4}},
	/* Masscan: 16 bits */
	{"formula: 1 of 1", {{masscan, 1}}, 0, {0}},
	{"formula: 2 of 2", {{masscan, 2}}, S, {0, 0, 2}},
	{"1 of 1, window 1024 and TTL", {{masscan_strong, 1}}, S, {0, 0, 1}},
	{"1 of 1, with MSS", {{masscan_new, 1}}, S, {0, 0, 1}},
	{"shape without the formula", {{masscan_shape, 1000}}, 0, {0}},
	{"shape, one accident in 1000", {{masscan_shape, 999}, {masscan_strong, 1}}, 0, {0}},
	{"shape, one accident in 60000", {{masscan_shape, 59999}, {masscan_strong, 1}}, 0, {0}},
	/* Nmap */
	{"2 SYNs", {{nmap, 2}}, 0, {0}},
	{"3 SYNs", {{nmap, 3}}, N, {0, 0, 0, 3}},
	{"one SYN sent 3 times", {{nmap_once, 3}}, 0, {0}},
	{"3 SYNs, window 5120", {{nmap_window, 3}}, 0, {0}},
	{"3 SYNs, another MSS", {{nmap_mss, 3}}, 0, {0}},
	{"3 SYNs, no constant", {{nmap_random, 3}}, 0, {0}},
	{"3 SYNs and another", {{nmap, 3}, {plain, 1}}, 0, {0}},
	/* ZMap since 4.1 */
	{"2 destinations", {{zmap_new, 2}}, 0, {0}},
	{"3 destinations", {{zmap_new, 3}}, Z, {0, 3}},
	{"3 SYNs, 2 destinations", {{zmap_new_two_targets, 3}}, 0, {0}},
	{"every target twice", {{zmap_new_again, 6}}, Z, {0, 6}},
	{"equal targets, other sequences", {{zmap_new_other_sequence, 6}}, 0, {0}},
	{"any MSS: the trap", {{zmap_new_any_mss, 10}}, 0, {0}},
	{"DF set", {{zmap_new_df, 10}}, 0, {0}},
	{"window 65534", {{zmap_new_window, 10}}, 0, {0}},
	{"source port 32767", {{zmap_new_32767, 10}}, 0, {0}},
	{"source port 32768", {{zmap_new_32768, 10}}, Z, {0, 10}},
	{"source port 61000", {{zmap_new_61000, 10}}, Z, {0, 10}},
	{"source port 61001", {{zmap_new_61001, 10}}, 0, {0}},
	{"an ACK afterwards", {{zmap_new, 10}, {ack, 1}}, 0, {0}},
	{"an RST afterwards", {{zmap_new, 10}, {rst, 1}}, Z, {0, 10}},
	{"one other SYN", {{zmap_new, 10}, {plain, 1}}, 0, {0}},
	{"300 and one other SYN", {{zmap_new, 300}, {plain, 1}}, 0, {0}},
	{"300 after 5000 others", {{plain, 5000}, {zmap_new, 300}}, 0, {0}},
	{"300", {{zmap_new, 300}}, Z, {0, 300}},
	/* ZMap before 4.1, UDP and ICMP: 16 bits */
	{"UDP, id 54321: 1 of 1", {{udp_zmap, 1}}, 0, {0}},
	{"UDP: 2 of 2", {{udp_zmap, 2}}, Z, {0, 2}},
	{"UDP: 2 of 40", {{udp, 38}, {udp_zmap, 2}}, Z, {0, 2}},
	{"UDP: 2 of 1000: accident", {{udp, 998}, {udp_zmap, 2}}, 0, {0}},
	{"UDP: 4 of 1000: a NAT", {{udp, 996}, {udp_zmap, 4}}, Z, {0, 4}},
	{"UDP: 4 beside 50,000 SYNs", {{plain, 50000}, {udp_zmap, 4}}, Z, {0, 4}},
	{"UDP answers", {{udp_zmap_answer, 100}}, 0, {0}},
	{"UDP fragments", {{udp_zmap_fragment, 100}}, 0, {0}},
	{"ICMP echo: 1 of 1", {{icmp_zmap, 1}}, 0, {0}},
	{"ICMP echo: 2 of 2", {{icmp_zmap, 2}}, Z, {0, 2}},
	{"ICMP echo replies", {{icmp_zmap_reply, 100}}, 0, {0}},
	{"UDP and ICMP", {{udp_zmap, 1}, {icmp_zmap, 1}}, Z, {0, 2}},
	{"one SYN, one of UDP: each by itself", {{zmap_old, 1}, {udp_zmap, 1}}, 0, {0}},
	{"SYNs and UDP", {{zmap_old, 10}, {udp_zmap, 10}}, Z, {0, 20}},
	{"one SYN by chance, UDP", {{zmap_old, 1}, {udp_zmap, 10}}, Z, {0, 10}},
	{"4.1 and, before it, UDP", {{udp_zmap, 5}, {zmap_new, 10}}, Z, {0, 15}},
	{"100,000 of UDP", {{udp_zmap, 100000}}, Z, {0, 100000}},
	/* several hosts behind one address */
	{"Mirai and ZMap", {{mirai, 500}, {zmap_strong, 500}}, M | Z, {500, 500}},
	{"Mirai and Masscan", {{mirai, 10}, {masscan_new, 10}}, M | S, {10, 0, 10}},
	{"ZMap, Masscan and a browser", {{zmap_strong, 20}, {masscan, 20}, {plain, 2000}}, Z | S,
		{0, 20, 20}},
	/* more SYNs than a counter of 16 bits holds */
	{"100,000 of Mirai", {{mirai, 100000}}, M, {100000}},
	{"100,000 of ZMap", {{zmap_strong, 100000}}, Z, {0, 100000}},
	{"100,000 of Masscan", {{masscan_new, 100000}}, S, {0, 0, 100000}},
	{"100,000 of new ZMap", {{zmap_new, 100000}}, Z, {0, 100000}},
	{"100,000 of new ZMap, RSTs", {{rst, 1000}, {zmap_new, 100000}}, Z, {0, 100000}},
	{"100,000 of Nmap", {{nmap, 100000}}, N, {0, 0, 0, 100000}},
	{"Masscan after 100,000 others", {{plain, 100000}, {masscan_new, 50000}}, S, {0, 0, 50000}},
};

static void observe_parts(struct rig *rig, size_t c)
{
	uint32_t number = 0;
	for (size_t k = 0; k < NR_COUNT(cases[c].parts) && cases[c].parts[k].make; k++)
		for (uint32_t i = 0; i < cases[c].parts[k].count; i++) {
			struct nr_packet p = cases[c].parts[k].make(i);
			p.time = DAY0 + number++;
			rig_observe(rig, &p, 1);
		}
}

static void expect_tools(const char *name, unsigned tools, unsigned expected)
{
	char is[32], should[32];
	nr_tools_write(tools, is);
	nr_tools_write(expected, should);
	if (tools != expected)
		fail_msg("%s: \"%s\" instead of \"%s\"", name, is, should);
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		struct rig rig;
		rig_init(&rig, NULL);
		rig_start(&rig);
		rig_flush(&rig, DAY0);
		observe_parts(&rig, c);
		const struct nr_day *day = rig.local->day;
		const struct nr_source *s = nr_source_lookup(&day->table4, &day->table6, SOURCE);
		assert_non_null(s);
		struct nr_tool_verdict verdict = nr_tools_judge(day, s, SOURCE);
		expect_tools(cases[c].name, verdict.tools, cases[c].tools);
		rig_flush(&rig, NR_TIME_MAX);
		for (size_t t = 0; t < NR_TOOL_COUNT; t++) {
			char category[32];
			snprintf(category, sizeof category, "tool/%s", nr_tool_names[t]);
			const struct seen_row *row = seen_find(
				&rig.recorder, SEEN_TRAFFIC, NR_STEP_DAY, DAY0, NR_TRAFFIC_ALL, category);
			uint64_t packets = row ? row->packets : 0,
				 total = rig.local->merged->tool_totals[t].packets;
			if (packets != cases[c].packets[t] || total != packets || (row && row->sources != 1))
				fail_msg("%s: %llu packets of %s in the row, %llu in the report",
					cases[c].name, (unsigned long long)packets, nr_tool_names[t],
					(unsigned long long)total);
		}
		rig_fini(&rig);
	}
}

static void test_variants(void **state)
{
	static const struct {
		make *make;
		bool zmap_new, masscan_new;
	} variants[] = {{zmap_strong, false, false}, {zmap_new, true, false}, {masscan_strong, false, false},
		{masscan_new, false, true}};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(variants); i++) {
		struct rig rig;
		rig_init(&rig, NULL);
		rig_start(&rig);
		rig_flush(&rig, DAY0);
		for (uint32_t k = 0; k < 5; k++) {
			struct nr_packet p = variants[i].make(k);
			rig_observe(&rig, &p, 1);
		}
		const struct nr_day *day = rig.local->day;
		struct nr_tool_verdict v =
			nr_tools_judge(day, nr_source_lookup(&day->table4, &day->table6, SOURCE), SOURCE);
		assert_int_equal(v.zmap_new, variants[i].zmap_new);
		assert_int_equal(v.masscan_new, variants[i].masscan_new);
		rig_fini(&rig);
	}
}

/* The rules of IPv4 fields say nothing about IPv6: its id is 0, its addresses are not 32 bits. */
static void test_ipv6(void **state)
{
	struct rig rig;
	(void)state;
	rig_init(&rig, NULL);
	rig_start(&rig);
	rig_flush(&rig, DAY0);
	for (uint32_t i = 0; i < 100; i++) {
		struct nr_packet p = i % 4 == 3 ? udp_zmap(i) : i % 2 ? mirai(i) : masscan_strong(i);
		p.kind = NR_PACKET_IPV6;
		assert_int_equal(nr_address_parse("2001:db8::5", &p.source, NULL), 0);
		memset(p.destination.octets, 0x20, 12);
		rig_observe(&rig, &p, 1);
	}
	const struct nr_day *day = rig.local->day;
	assert_int_equal(day->table6.used, 1);
	for (size_t i = 0; i < day->table6.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table6, i);
		if (s->packets)
			expect_tools(
				"IPv6", nr_tools_judge(day, s, nr_source_member(&day->table6, s)).tools, 0);
	}
	rig_fini(&rig);
}

/* What is unusual about SYNs without a name: a constant window alone is what every kernel shows. */
static void test_signature(void **state)
{
	static const struct {
		unsigned constant;
		const char *text; /* NULL: none */
	} signatures[] = {
		{0, NULL},
		{NR_SAME_WINDOW, NULL},
		{NR_SAME_WINDOW | NR_SAME_TTL | NR_SAME_OPTIONS | NR_SAME_DESTINATION_PORT, NULL},
		{NR_SAME_SOURCE_PORT, NULL},
		{NR_SAME_WINDOW | NR_SAME_SOURCE_PORT, "window=64240 source_port=40001"},
		{NR_SAME_WINDOW | NR_SAME_SOURCE_PORT | NR_SAME_DESTINATION, NULL}, /* one target */
		{NR_SAME_WINDOW | NR_SAME_SEQUENCE | NR_SAME_MIRROR, "window=64240 sequence=7"},
		{NR_SAME_WINDOW | NR_SAME_MIRROR, "window=64240 sequence_high^sequence_low"},
		{NR_SAME_WINDOW | NR_SAME_ID, "window=64240 id=9"},
		{NR_SAME_WINDOW | NR_SAME_ID_TARGET | NR_SAME_SEQUENCE_DESTINATION,
			"window=64240 sequence^destination id^destination^port^sequence"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(signatures); i++) {
		char text[128];
		struct nr_source s = {.constant = (uint16_t)signatures[i].constant,
			.window = 64240,
			.source_port = 40001,
			.sequence = 7,
			.id = 9};
		assert_int_equal(nr_tools_signature(&s, text), signatures[i].text != NULL);
		if (signatures[i].text)
			assert_string_equal(text, signatures[i].text);
	}
	struct nr_source zero = {.constant = NR_SAME_WINDOW | NR_SAME_ID};
	char text[128];
	assert_false(nr_tools_signature(&zero, text)); /* id 0 is what Linux sends with DF */
	struct nr_source all = {.constant = (uint16_t)(NR_SAME_ALL & ~NR_SAME_DESTINATION),
		.window = UINT16_MAX,
		.source_port = UINT16_MAX,
		.sequence = UINT32_MAX,
		.id = UINT16_MAX};
	assert_true(nr_tools_signature(&all, text)); /* the longest fits */
	assert_true(strlen(text) < 127);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_signature),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
