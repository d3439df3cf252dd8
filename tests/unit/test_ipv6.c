/* SPDX-License-Identifier: Apache-2.0 */
/* IPv6 dark space: how destinations were chosen, and what a day of it holds. */
#include "sense/telescope/ipv6.h"
#include "telescope_rig.h"

static struct nr_address address(const char *text)
{
	struct nr_address a;
	if (nr_address_parse(text, &a, NULL))
		fail_msg("%s", text);
	return a;
}

static void test_patterns(void **state)
{
	static const struct {
		const char *text;
		enum nr_ipv6_pattern pattern;
	} cases[] = {
		{"2001:db8::", NR_IPV6_LOW_BYTE},
		{"2001:db8::1", NR_IPV6_LOW_BYTE},
		{"2001:db8:1:2::443", NR_IPV6_LOW_BYTE},
		{"2001:db8::ffff", NR_IPV6_LOW_BYTE},
		{"2001:db8::192.0.2.33", NR_IPV6_EMBEDDED_IPV4},
		{"2001:db8::1:0", NR_IPV6_RANDOM}, /* would be 0.1.0.0, which nobody has */
		{"2001:db8:0:1:192:0:2:33", NR_IPV6_EMBEDDED_IPV4},
		{"2001:db8:0:1:255:255:255:255", NR_IPV6_EMBEDDED_IPV4},
		{"2001:db8:0:1:256:0:2:33", NR_IPV6_RANDOM},
		{"2001:db8:0:1:192:0:2:3a", NR_IPV6_RANDOM},
		{"2001:db8::211:22ff:fe33:4455", NR_IPV6_EUI_64},
		{"2001:db8::11:22ff:fe33:4455", NR_IPV6_EUI_64},
		{"2001:db8::211:22fe:ff33:4455", NR_IPV6_RANDOM},
		{"2001:db8::1111:1111:1111:1111", NR_IPV6_SEQUENTIAL},
		{"2001:db8::1234:5678:9abc:def0", NR_IPV6_SEQUENTIAL},
		{"2001:db8::fedc:ba98:7654:3210", NR_IPV6_SEQUENTIAL},
		{"2001:db8::1357:9bdf:1357:9bdf", NR_IPV6_RANDOM},
		{"2001:db8::1234:5678:9abc:def1", NR_IPV6_RANDOM},
		{"2001:db8::8d3f:11c0:77a2:91e4", NR_IPV6_RANDOM},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_address a = address(cases[i].text);
		if (nr_ipv6_pattern_of(&a) != cases[i].pattern)
			fail_msg("%s: %s", cases[i].text, nr_ipv6_pattern_names[nr_ipv6_pattern_of(&a)]);
	}
}

static void observe_syn6(struct rig *rig, nr_time time, const char *from, uint16_t port)
{
	struct nr_packet p = syn_of(time, 0, 0, port);
	p.kind = NR_PACKET_IPV6;
	p.source = address(from);
	p.destination = address("2001:db8::1");
	rig_observe(rig, &p, 1);
}

static const struct nr_ipv6_network *kept(const struct nr_ipv6_run *run, size_t at, const char *text)
{
	struct nr_address a = address(text);
	for (size_t i = 0; i < run->network_count[at]; i++)
		if (nr_address_equal(&run->networks[at][i].address, &a))
			return &run->networks[at][i];
	return NULL;
}

/* Three addresses of one /64, two /64 of one /48, two /48 of one /32; a port counts once a network. */
static void test_networks(void **state)
{
	static const char *const sources[] = {"3fff:1:2:3::1", "3fff:1:2:3::2",
		"3fff:1:2:3:ffff:ffff:ffff:ffff", "3fff:1:2:4::1", "3fff:1:3::1", "3fff:2::1"};
	static const uint64_t wanted[NR_IPV6_LENGTHS] = {6, 4, 3, 2};
	struct rig rig;
	(void)state;
	rig_init(&rig, NULL);
	rig_start(&rig);
	for (size_t i = 0; i < NR_COUNT(sources); i++)
		for (uint16_t port = 22; port < 25; port++)
			observe_syn6(&rig, DAY0 + (nr_time)i * NR_SECOND, sources[i], port);
	rig_flush(&rig, NR_TIME_MAX);
	const struct nr_ipv6_run *run = rig.local->merged->ipv6;
	assert_non_null(run);
	for (size_t i = 0; i < NR_IPV6_LENGTHS; i++)
		assert_int_equal(run->exact[i], wanted[i]);
	assert_int_equal(run->packets[NR_IPV6_LOW_BYTE], 18);
	const struct nr_ipv6_network *network = kept(run, 1, "3fff:1:2:3::");
	assert_non_null(network);
	assert_int_equal(network->packets, 9);
	assert_int_equal(network->sources, 3);
	assert_int_equal(network->ports, 3);
	network = kept(run, 3, "3fff:1::");
	assert_non_null(network);
	assert_int_equal(network->packets, 15);
	assert_int_equal(network->sources, 5);
	assert_int_equal(network->last, 4 * NR_SECOND);
	rig_fini(&rig);
}

/* One address is a scanner of its own; two that share 30 ports and 1000 packets are one that rotates. */
static void test_rotating_scanner(void **state)
{
	static const struct {
		unsigned sources, ports, packets, findings;
	} cases[] = {
		{2, 30, 1000, 1}, {1, 30, 1000, 0}, {2, 29, 1000, 0}, {2, 30, 999, 0}, {50, 40, 2000, 1}};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct rig rig;
		size_t found = 0;
		rig_init(&rig, NULL);
		rig_start(&rig);
		for (unsigned k = 0; k < cases[i].packets; k++) {
			char from[NR_ADDRESS_TEXT];
			snprintf(from, sizeof from, "3fff:1:2:3::%x", 1 + k % cases[i].sources);
			observe_syn6(&rig, DAY0 + (nr_time)k * NR_SECOND, from,
				(uint16_t)(1 + k / cases[i].sources % cases[i].ports));
		}
		rig_flush(&rig, NR_TIME_MAX);
		const struct nr_merged *m = rig.local->merged;
		for (size_t k = 0; k < m->findings.count; k++)
			found += !strcmp(m->findings.items[k].finding.kind, "rotating-scanner");
		if (found != cases[i].findings)
			fail_msg("case %zu: %zu findings", i, found);
		rig_fini(&rig);
	}
}

/* More networks than are kept: those with most packets stay, the count of all is exact. */
static void test_many_networks(void **state)
{
	struct rig rig;
	(void)state;
	rig_init(&rig, NULL);
	rig_start(&rig);
	for (unsigned i = 0; i < 2 * NR_IPV6_NETWORKS_MAX + 500; i++) {
		char from[NR_ADDRESS_TEXT];
		snprintf(from, sizeof from, "3fff:1:%x:%x::1", i >> 8, i & 255);
		observe_syn6(&rig, DAY0, from, 22);
		if (i % 7 == 0)
			observe_syn6(&rig, DAY0, from, 22);
	}
	rig_flush(&rig, NR_TIME_MAX);
	const struct nr_ipv6_run *run = rig.local->merged->ipv6;
	assert_int_equal(run->exact[1], 2 * NR_IPV6_NETWORKS_MAX + 500);
	assert_int_equal(run->network_count[1], NR_IPV6_NETWORKS_MAX);
	for (unsigned i = 0; i < (2 * NR_IPV6_NETWORKS_MAX + 500) / 7; i++)
		assert_int_equal(run->networks[1][i].packets, 2);
	rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_rotating_scanner),
		cmocka_unit_test(test_many_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
