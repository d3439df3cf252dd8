/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/suspect.h"
#include "sense/telescope/tally.h"
#include "telescope_rig.h"

static struct nr_packet probe(uint32_t destination, uint16_t port, uint32_t sequence, uint16_t id)
{
	struct nr_packet p = syn_of(DAY0, 0x01020304, destination, port);
	p.sequence = sequence;
	p.id = id;
	return p;
}

static void test_targets(void **state)
{
	static const struct {
		const char *name;
		struct {
			uint32_t destination;
			uint16_t port;
			uint32_t sequence;
			uint16_t id;
		} probes[10];
		size_t count;
		unsigned kept, destinations;
		bool contradiction;
	} cases[] = {
		{"one", {{1, 80, 5, 6}}, 1, 1, 1, false},
		{"the same again", {{1, 80, 5, 6}, {1, 80, 5, 6}}, 2, 1, 1, false},
		{"another sequence", {{1, 80, 5, 6}, {1, 80, 7, 6}}, 2, 1, 1, true},
		{"another id", {{1, 80, 5, 6}, {1, 80, 5, 7}}, 2, 1, 1, true},
		{"another port", {{1, 80, 5, 6}, {1, 81, 7, 8}}, 2, 2, 1, false},
		{"contradicted, then not", {{1, 80, 5, 6}, {1, 80, 5, 7}, {1, 80, 5, 6}}, 3, 1, 1, true},
		{"two destinations, three targets", {{1, 80, 5, 6}, {2, 80, 7, 8}, {1, 81, 9, 9}}, 3, 3, 2,
			false},
		{"three destinations", {{1, 80, 5, 6}, {2, 80, 7, 8}, {3, 80, 9, 9}}, 3, 3, 3, false},
		{"the fifth is not kept",
			{{1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 1, 1}, {4, 1, 1, 1}, {5, 1, 1, 1}, {5, 1, 2, 2}},
			6, 4, 4, false},
		{"contradicted when full",
			{{1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 1, 1}, {4, 1, 1, 1}, {4, 1, 1, 2}}, 5, 4, 4,
			true},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {0};
		assert_null(nr_suspects_find(&suspects, 0)); /* 0.0.0.0 is a member like any other */
		for (size_t k = 0; k < cases[i].count; k++) {
			struct nr_packet p = probe(cases[i].probes[k].destination, cases[i].probes[k].port,
				cases[i].probes[k].sequence, cases[i].probes[k].id);
			nr_suspects_observe(&suspects, 0, false, &p);
		}
		const struct nr_suspect *s = nr_suspects_find(&suspects, 0);
		assert_non_null(s);
		if (s->count != cases[i].kept || nr_suspect_destinations(s) != cases[i].destinations ||
			s->contradiction != cases[i].contradiction)
			fail_msg("%s: %u targets, %u destinations, contradiction %d", cases[i].name, s->count,
				nr_suspect_destinations(s), s->contradiction);
		assert_null(nr_suspects_find(&suspects, 1));
	}
}

#define LIMIT 1024

static void fill(struct nr_suspects *suspects, uint32_t from, uint32_t to, bool busy)
{
	for (uint32_t i = from; i < to; i++) {
		struct nr_packet p = probe(i, 80, i, 1);
		nr_suspects_observe(suspects, i * 2654435761u, busy, &p);
	}
}

/* Full: one of 2^level stays, whole; those that are left out are not there in part. */
static void test_sample(void **state)
{
	NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {.limit = LIMIT};
	const uint32_t busy = LIMIT / 8, all = 40 * LIMIT;
	size_t kept = 0;
	(void)state;
	fill(&suspects, 0, busy, true);
	fill(&suspects, busy, all, false);
	assert_in_range(suspects.level, 5, 6); /* 40960 / 2^6 = 640 */
	assert_int_equal(suspects.beyond, 0);
	assert_true(suspects.used <= LIMIT);
	for (uint32_t i = 0; i < all; i++) {
		uint32_t address = i * 2654435761u;
		const struct nr_suspect *s = nr_suspects_find(&suspects, address);
		assert_int_equal(s != NULL, i < busy || nr_member_is_sampled(address, suspects.level));
		if (s)
			assert_int_equal(s->targets[0].destination, i);
		kept += s != NULL;
	}
	assert_int_equal(kept, suspects.used);
	struct nr_packet p = probe(0, 80, 99, 1);
	nr_suspects_observe(
		&suspects, 0, false, &p); /* it is there: that it is not busy now does not matter */
	assert_true(nr_suspects_find(&suspects, 0)->contradiction);
}

/* Busy ones give way to nobody: where they fill it, others are counted as beyond. */
static void test_full_of_busy(void **state)
{
	NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {.limit = LIMIT};
	(void)state;
	fill(&suspects, 0, LIMIT + 10, true);
	assert_int_equal(suspects.used, LIMIT);
	assert_int_equal(suspects.beyond, 10);
	assert_int_equal(suspects.level, NR_LEVEL_MAX);
}

static void test_datagrams(void **state)
{
	NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {0};
	(void)state;
	nr_suspects_count_datagram(&suspects, 7, false);
	nr_suspects_count_datagram(&suspects, 7, false);
	fill(&suspects, 0, 1, false);
	assert_int_equal(nr_suspects_find(&suspects, 7)->datagrams, 2);
	assert_int_equal(nr_suspects_find(&suspects, 7)->count, 0);
	assert_int_equal(nr_suspects_find(&suspects, 0)->datagrams, 0);
	assert_int_equal(suspects.used, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_full_of_busy),
		cmocka_unit_test(test_datagrams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
