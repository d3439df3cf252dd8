/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/suspect.h"
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
		{"the ninth is not kept",
			{{1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 1, 1}, {4, 1, 1, 1}, {5, 1, 1, 1}, {6, 1, 1, 1},
				{7, 1, 1, 1}, {8, 1, 1, 1}, {9, 1, 1, 1}, {9, 1, 2, 2}},
			10, 8, 8, false},
		{"contradicted when full",
			{{1, 1, 1, 1}, {2, 1, 1, 1}, {3, 1, 1, 1}, {4, 1, 1, 1}, {5, 1, 1, 1}, {6, 1, 1, 1},
				{7, 1, 1, 1}, {8, 1, 1, 1}, {8, 1, 1, 2}},
			9, 8, 8, true},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {0};
		assert_null(nr_suspects_find(&suspects, 0)); /* 0.0.0.0 is a member like any other */
		for (size_t k = 0; k < cases[i].count; k++) {
			struct nr_packet p = probe(cases[i].probes[k].destination, cases[i].probes[k].port,
				cases[i].probes[k].sequence, cases[i].probes[k].id);
			nr_suspects_observe(&suspects, 0, &p);
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

/* Full: who is known stays watched, new ones are counted as beyond. */
static void test_limit(void **state)
{
	NR_AUTO(nr_suspects_fini) struct nr_suspects suspects = {0};
	(void)state;
	for (uint64_t i = 0; i < NR_SUSPECTS_MAX + 10; i++) {
		struct nr_packet p = probe((uint32_t)i, 80, (uint32_t)i, 1);
		nr_suspects_observe(&suspects, i * 2654435761u & NR_MEMBER_MASK, &p);
	}
	assert_int_equal(suspects.used, NR_SUSPECTS_MAX);
	assert_int_equal(suspects.beyond, 10);
	for (uint64_t i = 0; i < NR_SUSPECTS_MAX; i++) {
		const struct nr_suspect *s = nr_suspects_find(&suspects, i * 2654435761u & NR_MEMBER_MASK);
		assert_non_null(s);
		assert_int_equal(s->targets[0].destination, i);
	}
	struct nr_packet p = probe(0, 80, 99, 1);
	nr_suspects_observe(&suspects, 0, &p);
	assert_true(nr_suspects_find(&suspects, 0)->contradiction);
	assert_int_equal(suspects.beyond, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
