/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of world flows by themselves: chance, calendar, flow cache, NAT, carrier. The whole is in
 * tests/golden/world_flows.bats. */
#include "train/world/flows/flows.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct nr_chance chance;

static void test_log_and_exp(void **state)
{
	(void)state;
	for (double x = 1e-9; x < 1e12; x *= 1.37) {
		assert_true(fabs(nr_chance_log(x) - log(x)) <= 1e-13 * (1 + fabs(log(x))));
		assert_true(fabs(nr_chance_exp(log(x)) / x - 1) < 1e-11);
	}
	assert_true(nr_chance_log(1) == 0 && nr_chance_exp(0) == 1);
}

/* The bytes of a world hang on these: they may not depend on the machine. */
static void test_same_everywhere(void **state)
{
	struct nr_random random = nr_random_stream(1, "same");
	uint64_t hash = 0;
	(void)state;
	for (int i = 0; i < 4000; i++) {
		double draws[2] = {
			nr_chance_exponential(&chance, &random), nr_chance_normal(&chance, &random)};
		uint64_t bits[2];
		memcpy(bits, draws, sizeof bits);
		hash = nr_random_mix(hash ^ bits[0]);
		hash = nr_random_mix(hash ^ bits[1]);
	}
	assert_int_equal(hash, UINT64_C(0xeff097f9f6ed98c6));
}

struct moments {
	double mean, variance;
};

#define DRAWS 200000

static struct moments measure(double (*draw)(struct nr_random *, double), double parameter)
{
	struct nr_random random = nr_random_stream(2, "moments");
	double sum = 0, squares = 0;
	for (int i = 0; i < DRAWS; i++) {
		double x = draw(&random, parameter);
		sum += x;
		squares += x * x;
	}
	double mean = sum / DRAWS;
	return (struct moments){mean, squares / DRAWS - mean * mean};
}

static double draw_exponential(struct nr_random *random, double parameter)
{
	(void)parameter;
	return nr_chance_exponential(&chance, random);
}
static double draw_normal(struct nr_random *random, double parameter)
{
	(void)parameter;
	return nr_chance_normal(&chance, random);
}
static double draw_poisson(struct nr_random *random, double mean)
{
	return (double)nr_chance_poisson(&chance, random, mean);
}
static double draw_binomial(struct nr_random *random, double p)
{
	struct nr_odds odds = nr_odds_of(p);
	return (double)nr_chance_binomial(&chance, random, 1000, &odds);
}

static void expect_moments(struct moments m, double mean, double variance)
{
	double error = 6 * sqrt(variance / DRAWS); /* six deviations of a mean */
	if (fabs(m.mean - mean) > error || fabs(m.variance - variance) > 0.03 * variance)
		fail_msg("mean %g for %g, variance %g for %g", m.mean, mean, m.variance, variance);
}

static void test_distributions(void **state)
{
	(void)state;
	expect_moments(measure(draw_exponential, 0), 1, 1);
	expect_moments(measure(draw_normal, 0), 0, 1);
	static const double means[] = {0.01, 1, 31, 33, 5000};
	for (size_t i = 0; i < NR_COUNT(means); i++)
		expect_moments(measure(draw_poisson, means[i]), means[i], means[i]);
	static const double odds[] = {0.0001, 0.001, 0.03, 0.04, 0.5, 0.99};
	for (size_t i = 0; i < NR_COUNT(odds); i++)
		expect_moments(
			measure(draw_binomial, odds[i]), 1000 * odds[i], 1000 * odds[i] * (1 - odds[i]));
	assert_int_equal(draw_binomial(&(struct nr_random){1}, 1), 1000);
	struct nr_random random = nr_random_stream(6, "never more than there are");
	for (int i = 0; i < DRAWS; i++)
		assert_true(draw_binomial(&random, 0.9995) <= 1000);
}

static int compare_double(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return one < other ? -1 : one > other;
}

static void test_quantiles(void **state)
{
	static struct nr_quantiles q;
	static double draws[100001];
	struct nr_random random = nr_random_stream(3, "quantiles");
	(void)state;
	nr_quantiles_init(&q, 1000, 1.5, 1.2, 1e9);
	for (size_t i = 0; i < NR_COUNT(draws); i++)
		draws[i] = nr_quantiles_draw(&q, &random);
	qsort(draws, NR_COUNT(draws), sizeof *draws, compare_double);
	assert_true(fabs(draws[50000] / 1000 - 1) < 0.03);
	assert_true(fabs(draws[84134] / (1000 * exp(1.5)) - 1) < 0.05); /* one deviation above */
	assert_true(draws[100000] > 1000 * exp(1.5 * 3.3));             /* there is a tail */
	assert_true(draws[100000] <= 1e9);
}

static void test_calendar(void **state)
{
	struct nr_calendar calendar;
	struct nr_random random = nr_random_stream(4, "calendar");
	nr_time start = 1000 * NR_SECOND, last = 0;
	unsigned seen = 0;
	(void)state;
	assert_int_equal(nr_calendar_init(&calendar, start, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		struct nr_entry *entry = nr_calendar_new(&calendar);
		assert_non_null(entry);
		/* some of it later than the ring is long, some earlier than now */
		entry->due = start - NR_SECOND + (nr_time)nr_random_below(&random, 3 * NR_HOUR);
		nr_calendar_put(&calendar, entry);
	}
	for (nr_time now = start; now < start + 3 * NR_HOUR; now += NR_CALENDAR_SLOT) {
		uint32_t list = nr_calendar_turn(&calendar);
		struct nr_entry *entry;
		while ((entry = nr_calendar_pop(&calendar, &list))) {
			assert_true(entry->due < now + NR_CALENDAR_SLOT);
			assert_true(entry->due >= now || now == start);
			assert_true(entry->due / NR_CALENDAR_SLOT >= last / NR_CALENDAR_SLOT || now == start);
			last = entry->due;
			seen++;
			nr_calendar_drop(&calendar, entry);
		}
	}
	assert_int_equal(seen, 20000);
	assert_int_equal(calendar.waiting, 0);
	assert_int_equal(calendar.most, 20000);
	assert_int_equal(nr_calendar_new(&calendar) - calendar.entries < 20000, 1); /* used again */
	nr_calendar_fini(&calendar);
}

/* ---- the flow cache ---- */

static const struct nr_exporter_kind *kind(const char *name)
{
	for (size_t i = 0; i < nr_exporter_kind_count; i++)
		if (strcmp(nr_exporter_kinds[i].name, name) == 0)
			return &nr_exporter_kinds[i];
	fail_msg("no exporter %s", name);
	return NULL;
}

struct story {
	unsigned records;
	uint64_t packets, bytes, reverse;
	nr_time longest, widest; /* record; gap between two records */
};

/* All records of a flow of `packets` over `length`. */
static struct story tell(const char *name, bool whole, uint64_t packets, nr_time length, nr_time active)
{
	struct nr_exporter exporter;
	struct story story = {0};
	nr_exporter_init(&exporter, (unsigned)(kind(name) - nr_exporter_kinds), 5, 0, NR_DAY, 0);
	exporter.active = active;
	struct nr_entry entry = {.whole = whole,
		.fresh = true,
		.at = NR_HOUR,
		.end = NR_HOUR + length,
		.left = packets,
		.bytes_left = packets * 100 + 7,
		.reverse_left = packets / 3};
	nr_time before = 0;
	while (entry.left) {
		nr_meter_next(&chance, &exporter, &entry);
		const struct nr_flow_record *r = &entry.record;
		assert_true(r->packets > 0 && r->first <= r->last && entry.due >= r->last);
		assert_true(r->first >= NR_HOUR && r->last <= NR_HOUR + length);
		assert_true(!before || r->first >= before);
		story.records++;
		story.packets += r->packets;
		story.bytes += r->bytes;
		story.reverse += r->reverse_packets;
		story.longest = NR_MAX(story.longest, r->last - r->first);
		if (before)
			story.widest = NR_MAX(story.widest, r->first - before);
		if (entry.left && exporter.kind->idle)
			assert_int_equal(
				r->end_reason, r->first + active == entry.due ? NR_END_ACTIVE : NR_END_IDLE);
		before = r->last;
	}
	assert_int_equal(story.packets, packets);
	assert_int_equal(story.bytes, packets * 100 + 7);
	assert_int_equal(story.reverse, packets / 3);
	return story;
}

static void test_meter(void **state)
{
	(void)state;
	/* edge: idle 15 s. One packet; a short flow; a dense one; a sparse one. */
	assert_int_equal(tell("edge", true, 1, 0, NR_MINUTE).records, 1);
	struct story s = tell("edge", true, 40, 10 * NR_SECOND, NR_MINUTE);
	assert_int_equal(s.records, 1);
	assert_int_equal(s.longest, 10 * NR_SECOND);
	s = tell("edge", true, 1000000, NR_HOUR, NR_MINUTE);
	assert_true(s.records >= 60 && s.records <= 61);
	assert_true(s.longest <= NR_MINUTE && s.longest > 59 * NR_SECOND);
	assert_true(s.widest < NR_SECOND);
	s = tell(
		"edge", false, 60, 2 * NR_HOUR, NR_MINUTE); /* a packet in two minutes: hardly two together */
	assert_true(s.records > 45 && s.records <= 60);
	s = tell("edge", false, 7200, NR_HOUR, NR_MINUTE); /* two a second */
	assert_true(s.records >= 58 && s.records < 65);
	assert_true(s.longest <= NR_MINUTE);
	/* sFlow: no cache */
	s = tell("exchange", false, 500, NR_HOUR, NR_MINUTE);
	assert_int_equal(s.records, 500);
	assert_int_equal(s.longest, 0);
}

/* Section 16 of the flow reference: the period of the comb is the active time and the wait for a packet. */
static void test_comb(void **state)
{
	struct story s = tell("edge", false, 3600 * 5 / 10, NR_HOUR, NR_MINUTE); /* 5 packets/s, 1:10 */
	double period = 3600.0 / s.records;
	(void)state;
	assert_true(period > 60.5 && period < 64);
}

/* ---- the ISP ---- */

static void test_isp(void **state)
{
	struct nr_geography *geography = NULL;
	const struct nr_prefixes none = {0};
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct nr_isp isp;
		assert_int_equal(nr_geography_new(seed, &none, &none, &geography, NULL), 0);
		assert_int_equal(nr_isp_init(&isp, geography, seed, 3000, 0, NULL), 0);
		unsigned shared = 0;
		for (uint32_t i = 0; i < 3000; i++) {
			struct nr_address a = nr_isp_public(&isp, i), six = nr_isp_ipv6(&isp, i);
			shared += nr_isp_is_shared(&isp, i);
			assert_ptr_equal(
				nr_geography_network(geography, &a), &geography->networks[isp.network]);
			assert_ptr_equal(
				nr_geography_network(geography, &six), &geography->networks[isp.network]);
		}
		assert_true(shared > 1600 && shared < 2000);
		/* everybody may hold two blocks, and no two the same */
		uint8_t *held = calloc(isp.blocks, 1);
		assert_non_null(held);
		for (unsigned i = 0; i < 6000; i++) {
			uint32_t block = nr_isp_take_block(&isp);
			assert_true(block < isp.blocks && !held[block]++);
			assert_true(nr_isp_block_port(block) >= 1024);
			assert_true(nr_isp_block_port(block) + NR_PORT_BLOCK - 1 <= 65535);
		}
		while (isp.free_count)
			held[nr_isp_take_block(&isp)]++;
		assert_int_equal(nr_isp_take_block(&isp), UINT32_MAX);
		nr_isp_give_block(&isp, 5);
		assert_int_equal(nr_isp_take_block(&isp), 5);
		free(held);
		nr_isp_fini(&isp);
		nr_geography_freep(&geography);
		geography = NULL;
	}
}

/* ---- kinds and carrier ---- */

static void test_kinds(void **state)
{
	unsigned share = 0;
	(void)state;
	assert_true(nr_exporter_kind_count <= NR_EXPORTERS_MAX);
	for (size_t i = 0; i < nr_exporter_kind_count; i++) {
		const struct nr_exporter_kind *k = &nr_exporter_kinds[i];
		share += k->share;
		assert_true(k->room <= NR_DATAGRAM_MAX && k->sampling > 0);
		for (unsigned n = 0; n < k->layout_count; n++) {
			struct nr_template template;
			nr_layout_template(&k->layouts[n], &template);
			assert_true(template.minimum > 0 && template.id >= 256);
			assert_true(template.scopes < template.count);
			assert_int_equal(template.options, k->layouts[n].use >= NR_USE_SYSTEM);
		}
	}
	assert_int_equal(share, 1000);
}

static void test_udp_targets(void **state)
{
	static const struct {
		const char *text, *address;
		uint16_t port;
	} good[] = {{"udp:127.0.0.1:9995", "127.0.0.1", 9995}, {"udp:[::1]:1", "::1", 1},
		{"udp:[127.0.0.1]:65535", "127.0.0.1", 65535}};
	static const char *const bad[] = {"udp:", "udp:127.0.0.1", "udp:127.0.0.1:0", "udp:127.0.0.1:65536",
		"udp:127.0.0.1:99 ", "udp:::1:5", "udp:[::1]", "udp:[::1:5", "udp:1.2.3:5", "udp:localhost:5",
		"udp:127.0.0.1:-5", "udp:127.0.0.1:5:5"};
	struct nr_address address, wanted;
	uint16_t port;
	(void)state;
	for (size_t i = 0; i < NR_COUNT(good); i++) {
		assert_int_equal(nr_carrier_parse_udp(good[i].text, &address, &port, NULL), 0);
		assert_int_equal(nr_address_parse(good[i].address, &wanted, NULL), 0);
		assert_true(nr_address_equal(&address, &wanted));
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < NR_COUNT(bad); i++)
		if (nr_carrier_parse_udp(bad[i], &address, &port, NULL) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	assert_false(nr_carrier_is_udp("udpfile.pcap"));
}

static int set_up(void **state)
{
	(void)state;
	nr_chance_init(&chance);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_and_exp),
		cmocka_unit_test(test_same_everywhere),
		cmocka_unit_test(test_distributions),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_meter),
		cmocka_unit_test(test_comb),
		cmocka_unit_test(test_isp),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_udp_targets),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
