/* SPDX-License-Identifier: Apache-2.0 */
/* Carpet attacks: the limits from both sides, what must not look like one, and any number of workers. */
#include "sense/telescope/carpet.h"
#include "telescope_rig.h"

#define NET   UINT32_C(0x05060700) /* 5.6.7.0/24 */
#define NET6  0x20010db800010000u
#define DARK  UINT32_C(0xc6120000)
#define LIMIT 4096
#define TAKES 16

/* ---- workers and what they find ---- */

struct bench {
	struct nr_carpet_cells workers[4];
	size_t count;
	struct nr_carpets carpets;
	uint64_t dark;
	uint32_t singles; /* that the hosts' table would name */
	struct nr_carpet found[TAKES];
	size_t found_count;
};

static uint32_t singles_of(void *context, const struct nr_carpet *carpet)
{
	(void)carpet;
	return ((struct bench *)context)->singles;
}

static void take_found(void *context, const struct nr_carpet *carpet)
{
	struct bench *b = context;
	assert_true(b->found_count < TAKES);
	b->found[b->found_count++] = *carpet;
}

static void bench_init(struct bench *b, size_t workers, uint64_t dark)
{
	*b = (struct bench){.count = workers, .dark = dark};
	for (size_t i = 0; i < workers; i++)
		assert_int_equal(nr_carpet_cells_init(&b->workers[i], NULL, LIMIT, NULL), 0);
	assert_int_equal(nr_carpets_init(&b->carpets, NULL, LIMIT, NULL), 0);
}

static void bench_fini(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		nr_carpet_cells_fini(&b->workers[i]);
	nr_carpets_fini(&b->carpets);
}

static void bench_take(struct bench *b, nr_time end)
{
	struct nr_carpet_cells *cells[4];
	for (size_t i = 0; i < b->count; i++)
		cells[i] = &b->workers[i];
	const struct nr_carpet_context context = {b->dark, cells, b->count, singles_of, take_found, b};
	nr_carpets_take(&b->carpets, &context, end);
}

static void answer(
	struct bench *b, nr_time time, const struct nr_address *victim, uint16_t port, bool syn_ack)
{
	uint32_t hash = ((uint32_t)victim->octets[15] * 31 + victim->octets[14]) * 2654435761u >> 8;
	const struct nr_backscatter answer = {time, *victim, nr_address_from_ipv4(DARK), NR_TCP, port,
		(uint16_t)(1024 + hash % 4), 54, syn_ack};
	nr_carpet_cells_observe(&b->workers[hash % b->count], &answer);
}

static struct nr_address address_of(uint32_t number, bool ipv6, unsigned spread)
{
	if (!ipv6)
		return nr_address_from_ipv4(
			NET - (spread ? 7 * 256 : 0) + number % 200 + number % (spread + 1) * 256);
	struct nr_address a = {{0x20, 0x01, 0x0d, 0xb8, 0, 1}};
	a.octets[7] = (uint8_t)(number % (spread + 1));
	a.octets[14] = (uint8_t)(number >> 8);
	a.octets[15] = (uint8_t)number;
	return a;
}

/* ---- the rule ---- */

static const struct {
	const char *name;
	uint64_t dark;
	bool ipv6;
	unsigned spread;    /* networks beside the first */
	unsigned addresses; /* that answer in turn */
	unsigned packets;
	double step; /* seconds */
	double last; /* one more answer; 0: none */
	uint32_t singles;
	uint8_t length; /* 0: no carpet */
	enum nr_carpet_rank rank;
} cases[] = {
	{"30 in a window, 60.0 s, 16 addresses", 0, 0, 0, 16, 30, 1, 60, 0, 24, NR_CARPET_LITERAL},
	{"15 addresses", 0, 0, 0, 15, 30, 1, 60, 0, 0, 0},
	{"29 in a window", 0, 0, 0, 29, 29, 1, 60, 0, 0, 0},
	{"59.999999 s", 0, 0, 0, 16, 30, 1, 59.999999, 0, 0, 0},
	{"an address counts once in ten seconds", 0, 0, 0, 16, 16, 0.1, 60, 0, 0, 0},
	{"a whole network, one packet each", 0, 0, 0, 200, 200, 0.5, 0, 0, 24, NR_CARPET_LITERAL},
	{"scaled: 12 in a window, 8 addresses", 256, 0, 0, 8, 12, 5, 60, 0, 24, NR_CARPET_SCALED},
	{"scaled: 7 addresses", 256, 0, 0, 7, 12, 5, 60, 0, 0, 0},
	{"scaled: 11 in a window", 256, 0, 0, 8, 11, 5, 60, 0, 0, 0},
	{"scaled to half of a /8: 15 and 8", 8388608, 0, 0, 8, 15, 4, 60, 0, 24, NR_CARPET_SCALED},
	{"scaled to half of a /8: 14", 8388608, 0, 0, 8, 14, 4, 60, 0, 0, 0},
	{"unknown darkness: literal alone", 0, 0, 0, 8, 12, 5, 60, 0, 0, 0},
	{"two victims of their own raise the limits", 0, 0, 0, 20, 41, 1, 60, 2, 0, 0},
	{"and are outdone", 0, 0, 0, 20, 42, 1, 60, 2, 24, NR_CARPET_LITERAL},
	{"a /20: 64 addresses, 4 of each /24", 0, 0, 15, 64, 64, 0.9, 60, 0, 20, NR_CARPET_LITERAL},
	{"a /20: too few addresses", 0, 0, 15, 25, 64, 0.9, 60, 0, 0, 0},
	{"a /64", 0, 1, 0, 100, 100, 0.6, 60, 0, 64, NR_CARPET_LITERAL},
	{"a /48", 0, 1, 15, 96, 96, 0.6, 60, 0, 48, NR_CARPET_LITERAL},
};

static void play(struct bench *b, size_t i)
{
	for (unsigned k = 0; k < cases[i].packets; k++) {
		const struct nr_address a =
			address_of(k % cases[i].addresses, cases[i].ipv6, cases[i].spread);
		answer(b, DAY0 + (nr_time)(k * cases[i].step * NR_SECOND), &a, 443, false);
	}
	const struct nr_address a = address_of(0, cases[i].ipv6, cases[i].spread);
	if (cases[i].last > 0)
		answer(b, DAY0 + (nr_time)(cases[i].last * NR_SECOND), &a, 443, false);
}

static void test_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		for (size_t workers = 1; workers <= 4; workers++) {
			struct bench b;
			bench_init(&b, workers, cases[i].dark);
			b.singles = cases[i].singles;
			play(&b, i);
			bench_take(&b, NR_TIME_MAX);
			const struct nr_carpet *c = &b.found[0];
			if (b.found_count != (cases[i].length != 0) ||
				(b.found_count && (c->length != cases[i].length || c->rank != cases[i].rank)))
				fail_msg("%s, %zu workers: %zu carpets, the first /%u of rank %u",
					cases[i].name, workers, b.found_count, c->length, c->rank);
			if (b.found_count) {
				assert_int_equal(c->first, DAY0);
				assert_int_equal(c->packets, cases[i].packets + (cases[i].last > 0));
				assert_int_equal(c->bytes, 54 * c->packets);
				assert_int_equal(c->target_port, 443);
				assert_int_equal(nr_carpet_target_ports(c), 1);
				uint32_t seen = nr_carpet_addresses(c), sent = cases[i].addresses;
				if (c->length == 24)
					assert_int_equal(seen, sent);
				assert_in_range(seen, sent - sent / 8, sent + sent / 8);
			}
			bench_fini(&b);
		}
}

/* Hosts of one /24 that answer one after the other, each for a minute or two, are no attack on the network;
 * neither are many at once that answer once. */
static void test_unrelated(void **state)
{
	struct bench b;
	(void)state;
	bench_init(&b, 2, 4096);
	for (unsigned host = 0; host < 60; host++)
		for (unsigned k = 0; k < 20; k++) {
			const struct nr_address a = address_of(host, false, 0);
			answer(&b, DAY0 + host * 5 * NR_MINUTE + k * 6 * NR_SECOND, &a, 80, false);
		}
	for (unsigned host = 0; host < 200; host++) {
		const struct nr_address a = address_of(host, true, 0);
		answer(&b, DAY0 + host * 1000, &a, 80, false);
	}
	for (nr_time t = DAY0; t < DAY0 + 6 * NR_HOUR; t += 5 * NR_MINUTE)
		bench_take(&b, t);
	bench_take(&b, NR_TIME_MAX);
	assert_int_equal(b.found_count, 0);
	assert_int_equal(b.carpets.used, 0);
	bench_fini(&b);
}

/* SYN-ACKs of a network from many ports of ZMap's range to few: its scanners, not victims. */
static void test_scan(void **state)
{
	static const struct {
		uint16_t port, ports;
		bool syn_ack;
		size_t found;
	} kinds[] = {{32768, 5000, true, 0}, {443, 1, true, 1}, {32768, 5000, false, 1}};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(kinds); i++) {
		struct bench b;
		bench_init(&b, 1, 0);
		for (unsigned k = 0; k < 500; k++) {
			const struct nr_address a = address_of(k % 50, false, 0);
			answer(&b, DAY0 + k * NR_SECOND / 4, &a,
				(uint16_t)(kinds[i].port + k * 7 % kinds[i].ports), kinds[i].syn_ack);
		}
		bench_take(&b, NR_TIME_MAX);
		assert_int_equal(b.found_count, kinds[i].found);
		assert_int_equal(b.carpets.scans, kinds[i].found ? 0 : 500);
		bench_fini(&b);
	}
}

/* However it is cut into takes, an attack is one; what comes after its bucket was taken is counted. */
static void test_takes(void **state)
{
	(void)state;
	for (nr_time step = NR_SECOND; step <= NR_HOUR; step *= 60) {
		struct bench b;
		bench_init(&b, 3, 0);
		nr_time next = DAY0 + step;
		for (unsigned k = 0; k < 3000; k++) {
			const struct nr_address a = address_of(k % 100, false, 0);
			nr_time time = DAY0 + k * NR_SECOND / 2;
			for (; time >= next; next += step)
				bench_take(&b, next);
			answer(&b, time, &a, 443, false);
		}
		bench_take(&b, DAY0 + 1500 * NR_SECOND);
		const struct nr_address late = address_of(0, false, 0);
		answer(&b, DAY0 + 1499 * NR_SECOND, &late, 443, false);
		bench_take(&b, DAY0 + 1700 * NR_SECOND);
		assert_int_equal(b.found_count, 1);
		assert_int_equal(b.found[0].packets, 3000);
		assert_int_equal(b.found[0].peak, 120);
		assert_int_equal(b.found[0].peak_packets, 120);
		assert_int_equal(b.found[0].most_addresses, 100);
		uint64_t untracked = 0;
		for (size_t i = 0; i < 3; i++)
			untracked += b.workers[i].untracked;
		assert_int_equal(untracked, 1);
		bench_fini(&b);
	}
}

/* Forged sources fill the cells: single ones are forgotten and counted, the attack among them is found. */
static void test_limit(void **state)
{
	struct bench b;
	uint64_t sent = 0, kept = 0;
	(void)state;
	bench_init(&b, 1, 0);
	for (unsigned k = 0; k < 100000; k++, sent++) {
		const struct nr_address a = nr_address_from_ipv4(k * 2654435761u | 1u << 31);
		answer(&b, DAY0 + k * 600, &a, 443, false);
		if (k % 10)
			continue;
		const struct nr_address victim = address_of(k / 10 % 200, false, 0);
		answer(&b, DAY0 + k * 610, &victim, 443, false);
		sent++;
	}
	assert_true(b.workers[0].capacity <= 2 * LIMIT);
	for (size_t i = 0; i < b.workers[0].capacity; i++)
		kept += b.workers[0].slots[i].packets;
	assert_true(b.workers[0].untracked > 50000);
	assert_int_equal(kept + b.workers[0].untracked, sent);
	bench_take(&b, NR_TIME_MAX);
	assert_int_equal(b.found_count, 1);
	assert_int_equal(b.found[0].prefix, NET);
	assert_true(b.found[0].packets > 9900);
	assert_true(b.carpets.capacity <= 2 * LIMIT);
	bench_fini(&b);
}

/* Times out of all reason are refused, those at the edges kept apart. */
static void test_hostile_times(void **state)
{
	static const nr_time times[] = {NR_TIME_MIN, NR_TIME_MAX, -1, 0, -61 * NR_SECOND, INT64_MAX - 1};
	struct bench b;
	(void)state;
	bench_init(&b, 1, 0);
	for (size_t i = 0; i < NR_COUNT(times); i++) {
		const struct nr_address a = address_of(1, false, 0);
		answer(&b, times[i], &a, 443, false);
	}
	assert_int_equal(b.workers[0].untracked, 3);
	bench_take(&b, NR_TIME_MIN);
	bench_take(&b, NR_TIME_MAX);
	assert_int_equal(b.found_count, 0);
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_unrelated),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_takes),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_hostile_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
