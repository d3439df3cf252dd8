/* SPDX-License-Identifier: Apache-2.0 */
/* Research scanners: the rules at their limits, the border of the UTC day, and what is left without them. */
#include "base/file.h"
#include "telescope_rig.h"

#define SOURCE UINT32_C(0x01020304)
#define OTHER  UINT32_C(0x01020305)
#define DARK   UINT32_C(0xc6120000)

static char list_path[] = "/tmp/noroshi-list-XXXXXX";

/* Packets of one kind, spread evenly over ports. */
struct part {
	uint32_t packets, ports, port;
	enum { SYN, UDP, UDP_ANSWER, SYN_ACK } kind;
};

static void send_part(struct rig *rig, uint32_t source, nr_time from, const struct part *part)
{
	struct nr_packet block[256];
	size_t n = 0;
	for (uint32_t i = 0; i < part->packets; i++) {
		uint16_t port = (uint16_t)(part->port + i % part->ports);
		struct nr_packet p = part->kind == SYN || part->kind == SYN_ACK
					     ? syn_of(from + i, source, DARK + i % 1000, port)
					     : udp_of(from + i, source, DARK + i % 1000, port);
		if (part->kind == SYN_ACK)
			p.flags = 0x12;
		if (part->kind == UDP_ANSWER)
			p.marks |= NR_MARK_ANSWER;
		block[n++] = p;
		if (n == NR_COUNT(block) || i + 1 == part->packets) {
			rig_observe(rig, block, n);
			n = 0;
		}
	}
}

static void open_rig(struct rig *rig, const char *const *options)
{
	rig_init(rig, options);
	rig_start(rig);
	rig_flush(rig, DAY0);
}

/* Judged on day 0 by this rule; NULL: not at all. */
static const struct {
	const char *name;
	const char *options[6];
	struct part parts[3];
	const char *rule;
} cases[] = {
	{"nicter", {NULL}, {{300000, 30, 1, SYN}}, "nicter"},
	{"299,999 packets", {NULL}, {{299999, 30, 1, SYN}}, NULL},
	{"29 ports", {NULL}, {{300000, 29, 1, SYN}}, NULL},
	{"TCP and UDP: pairs", {NULL}, {{150000, 15, 1, SYN}, {150000, 15, 1, UDP}}, "nicter"},
	{"TCP and UDP: 29 pairs", {NULL}, {{150000, 15, 1, SYN}, {150000, 14, 1, UDP}}, NULL},
	{"one packet to the 30th port", {NULL}, {{299999, 29, 1, SYN}, {1, 1, 65535, UDP}}, "nicter"},
	{"ports 0 and 65535 count", {NULL}, {{300000, 29, 0, UDP}, {1, 1, 65535, UDP}}, "nicter"},
	{"UDP answers are no scan", {NULL}, {{299999, 30, 1, SYN}, {1000, 30, 1, UDP_ANSWER}}, NULL},
	{"SYN-ACKs are no scan", {NULL}, {{299999, 30, 1, SYN}, {1000, 30, 1, SYN_ACK}}, NULL},
	{"ports of answers are none", {NULL}, {{300000, 29, 1, SYN}, {1000, 30, 100, UDP_ANSWER}}, NULL},
	/* scaled: max(1000, 1.03 x N_dark) */
	{"scaled needs N_dark", {"research", "scaled", NULL}, {{300000, 30, 1, SYN}}, NULL},
	{"floor of 1000", {"dark-size", "256", NULL}, {{1000, 30, 1, SYN}}, "scaled"},
	{"below the floor", {"dark-size", "256", NULL}, {{999, 30, 1, SYN}}, NULL},
	{"floor of 1000, 29 ports", {"dark-size", "256", NULL}, {{1000, 29, 1, SYN}}, NULL},
	{"a /20", {"dark-size", "4096", NULL}, {{4219, 30, 1, SYN}}, "scaled"}, /* 4218.88 */
	{"a /20, one less", {"dark-size", "4096", NULL}, {{4218, 30, 1, SYN}}, NULL},
	{"exactly 1.03 x N", {"dark-size", "1100", NULL}, {{1133, 30, 1, SYN}}, "scaled"},
	{"N_dark from --dark", {"dark", "198.18.0.0/24,198.18.1.0/24,198.18.0.0/23", NULL},
		{{1000, 30, 1, SYN}}, "scaled"},
	{"large N: the literal rule first", {"dark-size", "1000000", NULL}, {{300000, 30, 1, SYN}}, "nicter"},
	{"both hold: the literal one is named", {"dark-size", "256", NULL}, {{300000, 30, 1, SYN}}, "nicter"},
	/* choices */
	{"none", {"dark-size", "256", "research", "none", NULL}, {{300000, 30, 1, SYN}}, NULL},
	{"only nicter", {"dark-size", "256", "research", "nicter", NULL}, {{299999, 30, 1, SYN}}, NULL},
	{"only scaled", {"dark-size", "256", "research", "scaled", NULL}, {{300000, 30, 1, SYN}}, "scaled"},
	{"only lists, without a list", {"dark-size", "256", "research", "list", NULL}, {{300000, 30, 1, SYN}},
		NULL},
	/* lists */
	{"listed: one packet", {"lists", list_path, NULL}, {{1, 1, 23, SYN}}, "list:Labs"},
	{"listed: not a scan at all", {"lists", list_path, NULL}, {{1, 1, 23, SYN_ACK}}, "list:Labs"},
	{"listed, but lists are off", {"lists", list_path, "research", "nicter", NULL}, {{1, 1, 23, SYN}},
		NULL},
	{"listed and loud", {"lists", list_path, NULL}, {{300000, 30, 1, SYN}}, "nicter"},
};

static size_t count_findings(const struct recorder *recorder)
{
	size_t count = 0;
	for (size_t i = 0; i < recorder->count; i++)
		count += recorder->rows[i].table == SEEN_FINDING &&
			 !strcmp(recorder->rows[i].key, "research-scanner");
	return count;
}

static void test_rules(void **state)
{
	(void)state;
	for (size_t c = 0; c < NR_COUNT(cases); c++) {
		struct rig rig;
		open_rig(&rig, cases[c].options);
		uint64_t scans = 0, packets = 0;
		for (size_t k = 0; k < NR_COUNT(cases[c].parts) && cases[c].parts[k].packets; k++) {
			const struct part *part = &cases[c].parts[k];
			send_part(&rig, SOURCE, DAY0 + (nr_time)k * NR_HOUR, part);
			scans += part->kind == SYN || part->kind == UDP ? part->packets : 0;
			packets += part->packets;
		}
		rig_flush(&rig, NR_TIME_MAX);
		size_t count = rig.local->merged->scanners.count;
		if (count != (cases[c].rule != NULL))
			fail_msg("%s: %zu scanners", cases[c].name, count);
		if (count) {
			const struct nr_research_scanner *s = &rig.local->merged->scanners.items[0];
			if (strcmp(s->rule, cases[c].rule))
				fail_msg("%s: rule %s", cases[c].name, s->rule);
			assert_int_equal(s->scan_packets, scans);
			assert_int_equal(s->packets, packets);
			assert_int_equal(nr_address_ipv4(&s->address), SOURCE);
		}
		assert_int_equal(count_findings(&rig.recorder), count); /* each with its evidence */
		const struct seen_row *all =
			seen_find(&rig.recorder, SEEN_TRAFFIC, NR_STEP_DAY, DAY0, NR_TRAFFIC_RESEARCH, "all");
		assert_int_equal(all != NULL, count);
		assert_int_equal(all ? all->packets : 0, count ? packets : 0);
		rig_fini(&rig);
	}
}

/* Two halves on two days do not add up; neither do two sources of one day. */
static void test_day_border(void **state)
{
	static const struct {
		const char *name;
		uint32_t first, second; /* packets before and after midnight */
		bool one_source;
		size_t scanners;
	} borders[] = {
		{"halves", 150000, 150000, true, 0},
		{"whole and rest", 300000, 299999, true, 1},
		{"rest and whole", 299999, 300000, true, 1},
		{"both days", 300000, 300000, true, 2},
		{"two sources", 150000, 150000, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(borders); i++) {
		struct rig rig;
		nr_time midnight = DAY0 + NR_DAY, from = midnight - borders[i].first;
		open_rig(&rig, NULL);
		rig_flush(&rig, nr_time_floor(from, NR_STEP_WINDOW * NR_SECOND));
		send_part(&rig, SOURCE, from,
			&(struct part){borders[i].first, 30, 1, SYN}); /* to the last microsecond */
		rig_flush(&rig, midnight);
		send_part(&rig, borders[i].one_source ? SOURCE : OTHER,
			borders[i].one_source ? midnight : midnight - 1,
			&(struct part){borders[i].second, 30, 1, SYN});
		rig_flush(&rig, NR_TIME_MAX);
		if (rig.local->merged->scanners.count != borders[i].scanners)
			fail_msg("%s: %zu scanners", borders[i].name, rig.local->merged->scanners.count);
		rig_fini(&rig);
	}
}

/* All minus research is what the others sent, in every step and for every port. */
static void test_without(void **state)
{
	static const uint32_t steps[] = {NR_STEP_WINDOW, NR_STEP_HOUR, NR_STEP_DAY};
	struct rig rig;
	(void)state;
	open_rig(&rig, (const char *const[]){"dark-size", "256", NULL});
	send_part(&rig, SOURCE, DAY0, &(struct part){3000, 30, 20, SYN}); /* 100 to each port */
	send_part(&rig, OTHER, DAY0, &(struct part){500, 5, 20, SYN});
	send_part(&rig, OTHER, DAY0, &(struct part){77, 1, 20, UDP});
	rig_flush(&rig, NR_TIME_MAX);
	for (size_t i = 0; i < NR_COUNT(steps); i++) {
		static const struct {
			enum seen table;
			const char *key;
			uint64_t all, all_sources, research;
		} expected[] = {
			{SEEN_PORT, "tcp/23", 200, 2, 100},
			{SEEN_PORT, "tcp/49", 100, 1, 100},
			{SEEN_PORT, "udp/20", 77, 1, 0},
			{SEEN_TRAFFIC, "all", 3577, 2, 3000},
			{SEEN_TRAFFIC, "scan", 3577, 2, 3000},
			{SEEN_TRAFFIC, "tcp_syn", 3500, 2, 3000},
			{SEEN_TRAFFIC, "udp", 77, 1, 0},
			{SEEN_TRAFFIC, "class/iot", 400, 2, 200},
		};
		for (size_t k = 0; k < NR_COUNT(expected); k++) {
			const struct seen_row *all = seen_find(&rig.recorder, expected[k].table, steps[i],
				DAY0, NR_TRAFFIC_ALL, expected[k].key);
			const struct seen_row *research = seen_find(&rig.recorder, expected[k].table,
				steps[i], DAY0, NR_TRAFFIC_RESEARCH, expected[k].key);
			if (!all || all->packets != expected[k].all ||
				all->sources != expected[k].all_sources ||
				(research ? research->packets : 0) != expected[k].research ||
				(research && research->sources != 1))
				fail_msg("%s in steps of %u s", expected[k].key, steps[i]);
		}
	}
	rig_fini(&rig);
}

/* The store keeps every judged source, be the limit as low as it may: bots by the thousand must not push them
 * out. */
static void test_kept(void **state)
{
	struct rig rig;
	(void)state;
	open_rig(&rig, (const char *const[]){"dark-size", "256", "keep-sources", "1", NULL});
	for (uint32_t i = 0; i < 50; i++) {
		struct nr_packet bot = syn_of(DAY0, OTHER + i, DARK, 23);
		bot.sequence = DARK;
		rig_observe(&rig, &bot, 1);
	}
	send_part(&rig, SOURCE, DAY0, &(struct part){1000, 30, 1, SYN});
	rig_flush(&rig, NR_TIME_MAX);
	assert_int_equal(seen_count(&rig.recorder, SEEN_SOURCE), 1);
	for (size_t i = 0; i < rig.recorder.count; i++)
		if (rig.recorder.rows[i].table == SEEN_SOURCE)
			assert_string_equal(rig.recorder.rows[i].research, "scaled");
	rig_fini(&rig);
}

static void test_member_set(void **state)
{
	struct nr_member_set *set = malloc(sizeof *set);
	(void)state;
	assert_int_equal(nr_member_set_init(set, 1000, NULL), 0);
	for (uint64_t i = 0; i < 1000; i++) /* members that share their low and high bits */
		nr_member_set_add(set, i % 2 ? i << 20 : NR_MEMBER_IPV6 | i, (uint32_t)i);
	assert_int_equal(set->count, 1000);
	nr_member_set_add(set, NR_MEMBER_IPV6, 77); /* again: the value is replaced */
	assert_int_equal(set->count, 1000);
	for (uint64_t i = 1; i < 1000; i++) {
		assert_int_equal(nr_member_set_find(set, i % 2 ? i << 20 : NR_MEMBER_IPV6 | i), i);
		assert_true(nr_member_set_find(set, (i << 20) + 1) == UINT32_MAX);
	}
	assert_int_equal(nr_member_set_find(set, NR_MEMBER_IPV6), 77);
	assert_true(nr_member_set_find(set, 0) == UINT32_MAX);
	nr_member_set_fini(set);
	free(set);
}

static int make_list(void **state)
{
	static const char text[] =
		"{\"name\": \"Labs\", \"version\": 3, \"type\": \"cidr\", \"list\": [\"1.2.3.0/24\"]}";
	(void)state;
	int fd = mkstemp(list_path);
	return fd < 0 ? -1 : close(fd) || nr_file_write(list_path, text, sizeof text - 1, NULL);
}

static int remove_list(void **state)
{
	(void)state;
	return unlink(list_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_day_border),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_member_set),
		cmocka_unit_test(test_kept),
	};
	return cmocka_run_group_tests(tests, make_list, remove_list);
}
