/* SPDX-License-Identifier: Apache-2.0 */
/* What the end of a day asks of all pairs: shared counters, their marks, and a full table of slow scanners.
 */
#include "sense/telescope/port_counts.h"
#include "sense/telescope/slow.h"
#include "telescope_rig.h"

#define MEMORY (UINT64_C(64) << 20)

static void add(struct nr_tally *tally, uint32_t group, uint64_t member, uint32_t packets)
{
	assert_int_equal(nr_tally_reserve(tally, 1, NULL), 0);
	nr_tally_add(tally, group, member, packets, 60);
}

/* Sources 1, 2 ... 50 knock at as many ports, each with 7 packets; what is not a scan, what a sample left out
 * and IPv6 count for nothing. */
static void fill(struct nr_tally *tally)
{
	for (uint32_t source = 1; source <= 50; source++)
		for (uint32_t port = 1; port <= source; port++)
			add(tally, port % 2 ? port : NR_GROUP_UDP + port, 0x0a000000 + (source << 8), 7);
	add(tally, NR_GROUP_OTHER, 0x0b000000, 1);
	add(tally, 80, NR_MEMBER_REST, 60000);
	add(tally, 80, NR_MEMBER_IPV6 | 5, 1);
	add(tally, 80, 0x0c000000, 60000); /* more packets than a counter holds */
	assert_int_equal(nr_tally_sort(tally, NULL), 0);
}

static void test_marks(void **state)
{
	(void)state;
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
	NR_AUTO(nr_day_ports_fini) struct nr_day_ports ports;
	fill(&tally);
	assert_int_equal(nr_day_ports_init(&ports, MEMORY, &tally, NULL), 0);
	uint64_t sources;
	assert_int_equal(
		nr_port_counts_quantile(&ports.sources, 0.1, &sources), 45); /* five of 51 exceed it */
	assert_int_equal(sources, 51);
	NR_AUTO(nr_port_marks_fini) struct nr_port_marks few, any, networks;
	assert_int_equal(nr_port_marks_init(&few, &ports.sources, 4, 280, NULL), 0);
	assert_int_equal(nr_port_marks_init(&any, &ports.sources, 1, NR_PORT_PACKETS_MAX, NULL), 0);
	assert_int_equal(nr_port_marks_init(&networks, &ports.networks, 8, 280, NULL), 0);
	for (uint32_t source = 1; source <= 50; source++) {
		uint64_t member = 0x0a000000 + (source << 8), hash = nr_hll_hash(member);
		assert_int_equal(nr_port_marks_has(&few, hash), source >= 4 && source <= 40);
		assert_true(nr_port_marks_has(&any, hash));
		assert_int_equal(nr_port_marks_has(&networks, nr_hll_hash(nr_ports_network(member))),
			source >= 8 && source <= 40);
	}
	assert_true(nr_port_marks_has(&any, nr_hll_hash(0x0c000000)));
	assert_false(nr_port_marks_has(&any, nr_hll_hash(0x0b000000)));
}

static size_t entries_of(const struct nr_slow *slow, uint32_t day, uint64_t *ret_packets)
{
	size_t count = 0;
	*ret_packets = 0;
	for (size_t i = 0; i < slow->room; i++) {
		const struct nr_slow_entry *n = &slow->entries[i];
		assert_int_equal(slow->keys[i], n->key);
		count += n->key && n->last_day == day;
		*ret_packets += n->key ? n->packets[day % NR_SLOW_WEEK] : 0;
	}
	return count;
}

/* Twice as many candidates as there is room: who is in stays, each pair of the others is counted; a week
 * later the places are free again. */
static void test_full(void **state)
{
	(void)state;
	const struct nr_telescope_refs refs = {0};
	const struct nr_known_scanners known = {&refs, NULL, 0};
	struct nr_slow *slow;
	assert_int_equal(nr_slow_new(NULL, MEMORY, &slow, NULL), 0);
	const uint32_t candidates = (uint32_t)slow->room * 2, days[] = {20000, 20001, 20010};
	size_t before = 0;
	for (size_t d = 0; d < NR_COUNT(days); d++) {
		uint32_t first = d == 2 ? 0x20000000 : 0x10000000; /* others, when the first are stale */
		slow->beyond = 0;
		for (uint32_t pair = 0; pair < 3 * candidates; pair++) {
			struct nr_tally_sum sum = {nr_tally_key(80, first + pair % candidates), 1, 60};
			struct nr_slow_candidate candidate = {true, false};
			nr_slow_count(slow, &known, days[d], &sum, &candidate);
		}
		uint64_t packets;
		size_t count = entries_of(slow, days[d], &packets);
		assert_true(count > slow->room * 9 / 10);
		assert_int_equal(packets, count * 3); /* each of its pairs, and of nobody else */
		assert_int_equal(slow->beyond, 3 * (candidates - count));
		if (d == 1)
			assert_int_equal(count, before); /* the same as the day before */
		before = count;
	}
	nr_slow_free(slow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
