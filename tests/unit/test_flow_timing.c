/* SPDX-License-Identifier: Apache-2.0 */
/* What timing makes of a server's beats, but for the comb and RITA: joining, shapes of gaps, sizes, habits,
 * timers of exporters. */
#include "sense/flow/detect/timing/timing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "timing_rig.h"

#define BEATS 100000
#define S     NR_SECOND

static struct nr_flow_timing_scratch *scratch;
static struct nr_flow_beat beats[BEATS];
static size_t count;
static struct nr_flow_timing timing;

static int start(void **state)
{
	struct nr_error error = {0};
	(void)state;
	count = 0;
	return nr_flow_timing_scratch_new(&scratch, &error);
}

static int stop(void **state)
{
	(void)state;
	nr_flow_timing_scratch_freep(&scratch);
	return 0;
}

static struct nr_flow_beat *add(uint32_t client, double at, double lasts, unsigned port)
{
	assert_true(count < BEATS);
	beats[count] = (struct nr_flow_beat){.first = (nr_time)(at * 1e6),
		.last = (nr_time)((at + lasts) * 1e6),
		.client = client,
		.client_port = (uint16_t)port,
		.up_bytes = 100,
		.up_packets = 1,
		.sides = NR_FLOW_UP};
	return &beats[count++];
}

static void time_them(const struct nr_flow_cache *cache, struct nr_flow_spectrum *spectrum)
{
	struct nr_flow_timing_conf conf = {.to = NR_DAY, .caches = cache, .cache_count = cache ? 1 : 0};
	if (spectrum)
		conf.spectra = &spectrum;
	nr_flow_timing_of(&conf, scratch, beats, count, &timing);
}

/* ---- joining ---- */

/* Two records of one port: when the second begins, how the first ended, timers; is it one? */
static void test_continuations(void **state)
{
	static const struct {
		double lasts, next;
		uint8_t end;
		double active, inactive;
		bool one;
	} cases[] = {
		{5, 3, 0, 60, 15, true},      /* overlap: the other direction */
		{5, 5, 0, 60, 15, true},      /* at its end */
		{5, 6, 0, 60, 15, false},     /* short, not cut: a connection of its own */
		{59, 61, 0, 60, 15, true},    /* cut by the active timeout */
		{46, 50, 0, 60, 15, true},    /* its last packet was seen early */
		{44, 50, 0, 60, 15, false},   /* too early for that */
		{10, 12, 2, 60, 15, true},    /* the exporter says so */
		{59, 74.9, 0, 60, 15, true},  /* within the inactive timeout and a second */
		{59, 75.1, 0, 60, 15, false}, /* beyond */
		{59, 61, 0, 1800, 15, false}, /* another timer */
		{1790, 1801, 0, 1800, 15, true}, {50, 60, 0, 0, 0, true}, /* not known: 60 and 15 */
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_cache cache = {.active = (nr_time)(cases[i].active * 1e6),
			.inactive = (nr_time)(cases[i].inactive * 1e6)};
		count = 0;
		add(1, 0, cases[i].lasts, 5000)->end_reason = cases[i].end;
		add(1, cases[i].next, 1, 5000);
		/* a third beat far away, so that the client is not a fast one */
		add(1, 90000, 1, 6000);
		bool one = nr_flow_beats_join(beats, count, &cache, 1) == 2;
		/* what is nearer than a retry is one attempt in any case */
		if (one != (cases[i].one || cases[i].next <= 3))
			fail_msg("case %zu", i);
		if (cases[i].one)
			assert_int_equal(beats[0].up_bytes, 200);
	}
}

static void test_long_connection(void **state)
{
	struct nr_flow_cache cache = {.active = 60 * S, .inactive = 15 * S};
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		add(1, 60.5 * i, 59.8, 5000);
		add(1, 60.5 * i + 0.02, 59.7, 5000)->sides = NR_FLOW_DOWN;
	}
	for (unsigned i = 0; i < 100; i++)
		add(2, 60.5 * i, 59.8, 5000 + i);
	count = nr_flow_beats_join(beats, count, &cache, 1);
	assert_int_equal(count, 101);
	assert_int_equal(beats[0].sides, NR_FLOW_UP | NR_FLOW_DOWN);
	assert_int_equal(beats[0].last, (nr_time)((60.5 * 99 + 59.8) * 1e6));
	time_them(&cache, NULL);
	assert_true(fabs(timing.longest - (60.5 * 99 + 59.8)) < 0.01);
	assert_int_equal(timing.long_clients, 1);
	assert_int_equal(timing.strobe, 100);
}

/* Two clients may have the same port; ports that share a slot are not mixed up. */
static void test_ports(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		add(1, 200 * i, 5, 5000);
		add(1, 200 * i + 4, 5, 5000 + 1024);
		add(1, 200 * i + 8, 5, 5000);
	}
	for (unsigned i = 0; i < 10; i++)
		add(2, 200 * i, 5, 5000);
	count = nr_flow_beats_join(beats, count, NULL, 0);
	assert_int_equal(count, 40);
}

static void test_retries(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++)
		for (unsigned k = 0; k < 3; k++)
			add(1, 60 * i + 2.9 * k, 0.1, 5000 + 3 * i + k)->refused =
				true; /* slow client: 3 s */
	count = nr_flow_beats_join(beats, count, NULL, 0);
	assert_int_equal(count, 50);
	count = 0;
	for (unsigned i = 0; i < 50; i++)
		for (unsigned k = 0; k < 3; k++)
			add(1, 5 * i + 0.5 * k, 0.1, 5000 + 3 * i + k)->refused = true; /* fast one */
	count = nr_flow_beats_join(beats, count, NULL, 0);
	assert_int_equal(count, 50);
	time_them(NULL, NULL);
	assert_float_equal(timing.comb_period, 5, 0.05);
	assert_float_equal(timing.refused_share, 1, 0);
	assert_float_equal(timing.refused_period, 5, 0.01);
	assert_int_equal(timing.refused_calls, 50);
}

/* An answer among them: not refused as a whole. Counters stop at their ends. */
static void test_absorb(void **state)
{
	(void)state;
	add(1, 0, 0.1, 5000)->refused = true;
	struct nr_flow_beat *b = add(1, 1, 0.1, 5001);
	b->up_bytes = UINT32_MAX - 50;
	add(1, 100, 0.1, 5002);
	count = nr_flow_beats_join(beats, count, NULL, 0);
	assert_int_equal(count, 2);
	assert_false(beats[0].refused);
	assert_int_equal(beats[0].up_bytes, UINT32_MAX);
}

/* ---- shapes ---- */

static void renewal(struct random *r, unsigned clients, unsigned gaps, double mean, double jitter)
{
	count = 0;
	for (unsigned c = 0; c < clients; c++) {
		double at = random_unit(r) * mean;
		for (unsigned i = 0; i < gaps; i++) {
			add(c, at, 0.1, 5000 + i);
			at += jitter > 0 ? mean * fmax(1 + jitter * random_normal(r), 0.01)
					 : random_exponential(r, mean);
		}
	}
}

/* Poisson: z is standard normal, few gaps or many, and the shape is 1; jittered beats stand out. */
static void test_shapes(void **state)
{
	struct random r = {.state = 20};
	double sum = 0, squares = 0;
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		renewal(&r, 20, i % 2 ? 4 : 40, 300, 0);
		count = nr_flow_beats_join(beats, count, NULL, 0);
		time_them(NULL, NULL);
		sum += timing.shape_z;
		squares += timing.shape_z * timing.shape_z;
	}
	assert_true(fabs(sum / 100) < 0.35);
	assert_true(fabs(sqrt(squares / 100) - 1) < 0.25);
	renewal(&r, 10, 200, 300, 0);
	count = nr_flow_beats_join(beats, count, NULL, 0);
	time_them(NULL, NULL);
	assert_true(fabs(timing.shape - 1) < 0.1);
	assert_true(fabs(timing.gap_variation - 1) < 0.15);
	renewal(&r, 10, 20, 300, 0.2);
	time_them(NULL, NULL);
	assert_true(timing.shape > 15 && timing.shape < 40);
	assert_true(timing.shape_z > 8);
	assert_true(fabs(timing.gap_median - 300) < 20);
	assert_true(fabs(timing.gap_variation - 0.2) < 0.05);
}

/* A host that sleeps for nights keeps its beat. */
static void test_sleepers(void **state)
{
	struct random r = {.state = 21};
	(void)state;
	renewal(&r, 5, 100, 60, 0.1);
	for (size_t i = 0; i < count; i++)
		if (i % 100 >= 50)
			beats[i].first += 8 * NR_HOUR;
	time_them(NULL, NULL);
	assert_true(timing.shape > 50);
	assert_true(timing.gap_variation < 0.15);
}

/* ---- sizes, habits ---- */

static void test_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct nr_flow_beat *b = add(1, 100 * i, 1, 5000 + i);
		b->up_bytes = i < 4 ? 60 : 60 + i;
		b->sides = i < 2 ? NR_FLOW_UP | NR_FLOW_DOWN : NR_FLOW_UP;
		b->down_bytes = i;
	}
	time_them(NULL, NULL);
	assert_float_equal(timing.up_mode, 0.5, 1e-9);
	assert_float_equal(timing.up_entropy, 0.5 + 4 * 3.0 / 8, 1e-9);
	assert_float_equal(timing.down_mode, 0.5, 1e-9);
}

static void test_persistence(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 3; c++)
		for (unsigned h = 0; h < 6 * (c + 1); h++)
			add(c, 3600 * h + 5, 1, 5000 + h);
	time_them(NULL, NULL);
	assert_float_equal(timing.persistence, 0.5, 1e-6);
	assert_int_equal(timing.clients, 3);
	assert_int_equal(timing.beats, 36);
}

static void test_synchrony(void **state)
{
	struct random r = {.state = 22};
	(void)state;
	renewal(&r, 100, 100, 60, 0);
	time_them(NULL, NULL);
	assert_true(timing.synchrony < 5); /* the largest of thousands of places */
	count = 0;
	for (unsigned c = 0; c < 100; c++) {
		add(c, 100 + 900 * random_unit(&r), 1, 1);
		add(c, 1502 + 2 * random_unit(&r), 1, 2);
		add(c, 2000 + 900 * random_unit(&r), 1, 3);
	}
	time_them(NULL, NULL);
	assert_true(timing.synchrony > 15);
}

/* ---- timers ---- */

/* One client holds a connection for the day, cut each `active` s and `wait` s more. */
static void hold(double active, double wait, unsigned port_step)
{
	count = 0;
	for (unsigned i = 0; i * (active + wait) < 80000; i++)
		add(1, i * (active + wait), active - 0.3, 5000 + port_step * i);
}

static void test_timer_distance(void **state)
{
	static const struct {
		double active, wait, timer;
		unsigned port_step;
		double distance;
	} cases[] = {
		{60, 0.5, 60, 0, 0},
		{60, 5.9, 60, 0, 0},
		{60, 12, 60, 0, 0.1},
		{60, 0.5, 60, 1, 1}, /* new connections: no timer makes these */
		{60, 0.5, 120, 0, 0.98},
		{60, 0.5, 75, 0, 0.24},
		{60, 0.5, 1800, 0, 1},
		{60, 0.5, 0, 0, 0}, /* not known: one of the usual */
		{1800, 30, 0, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_cache cache = {.active = (nr_time)(cases[i].timer * 1e6)};
		hold(cases[i].active, cases[i].wait, cases[i].port_step);
		time_them(&cache, NULL); /* not joined */
		if (fabs(timing.timer_distance - cases[i].distance) > 0.02)
			fail_msg("case %zu: %f at %f s", i, timing.timer_distance, timing.comb_period);
	}
}

/* Servers with long connections through one exporter, others with new connections each minute. */
static void teach(struct nr_flow_spectrum *spectrum, struct random *r, double active, double inactive)
{
	for (unsigned s = 0; s < 40; s++) {
		double at = 0;
		count = 0;
		for (unsigned i = 0; i < 30; i++) { /* cut, at the next packet's time */
			double wait = random_exponential(r, active / 50);
			add(1, at, active - random_exponential(r, active / 80), 5000);
			at += active + wait;
		}
		for (unsigned i = 0; i < 30; i++) { /* idle */
			double lasts = random_unit(r) * active / 3;
			add(2, at, lasts, 6000);
			at += lasts + inactive + random_exponential(r, 3 * inactive);
		}
		nr_flow_spectrum_add(spectrum, beats, count);
		count = 0;
		for (unsigned i = 0; i < 60; i++)
			add(1, 47 * i, 1, 5000 + i);
		nr_flow_spectrum_add(spectrum, beats, count);
	}
}

static void test_spectrum(void **state)
{
	static const double timers[][2] = {{60, 15}, {120, 15}, {300, 60}, {1800, 15}};
	struct random r = {.state = 23};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(timers); i++) {
		struct nr_flow_spectrum *spectrum;
		struct nr_error error = {0};
		assert_int_equal(nr_flow_spectrum_new(&spectrum, &error), 0);
		struct nr_flow_cache none = nr_flow_spectrum_timers(spectrum);
		assert_int_equal(none.active, 0);
		assert_int_equal(none.inactive, 0);
		teach(spectrum, &r, timers[i][0], timers[i][1]);
		struct nr_flow_cache learnt = nr_flow_spectrum_timers(spectrum);
		assert_float_equal((double)learnt.active / S, timers[i][0], 1.5);
		assert_float_equal((double)learnt.inactive / S, timers[i][1], 2);
		assert_true(nr_flow_spectrum_z(spectrum, timers[i][0] * 1.02) > 10);
		assert_true(nr_flow_spectrum_z(spectrum, 47) < 3);
		assert_true(nr_flow_spectrum_z(spectrum, 700) < 3);
		assert_float_equal(nr_flow_spectrum_z(spectrum, NAN), 0, 0);
		assert_float_equal(nr_flow_spectrum_z(spectrum, 1e9), 0, 0);
		hold(timers[i][0], timers[i][0] / 50, 0);
		time_them(NULL, spectrum);
		assert_float_equal(timing.comb_pool_z, 0, 0); /* an exporter that is not among the caches */
		time_them(&learnt, spectrum);
		assert_true(timing.comb_pool_z > 10);
		nr_flow_spectrum_free(spectrum);
	}
}

/* ---- hostile ---- */

static void test_hostile(void **state)
{
	static const nr_time times[] = {
		NR_TIME_MIN, NR_TIME_MAX, 0, -1, NR_TIME_MAX - 1, 7, 7, NR_TIME_MIN + 1};
	struct nr_flow_timing_conf conf = {.baseline = true};
	struct random r = {.state = 24};
	struct nr_flow_spectrum *spectrum;
	(void)state;
	assert_int_equal(nr_flow_spectrum_new(&spectrum, NULL), 0);
	for (unsigned i = 0; i < 300; i++) {
		count = random_next(&r) % 300;
		for (size_t b = 0; b < count; b++) {
			uint64_t bits = random_next(&r);
			beats[b] = (struct nr_flow_beat){.first = times[bits % 8],
				.last = times[bits >> 3 & 7],
				.client = (uint32_t)(b / 50) * UINT32_MAX,
				.up_bytes = (uint32_t)(bits >> 32),
				.up_packets = UINT32_MAX,
				.client_port = (uint16_t)(bits >> 8 & 3),
				.exporter = bits >> 10 & 1 ? UINT16_MAX : 0,
				.sides = (uint8_t)(bits >> 11),
				.end_reason = (uint8_t)(bits >> 13 & 3),
				.refused = bits >> 16 & 1,
				.timeless = bits >> 17 & 1};
		}
		conf.from = times[i % 8];
		conf.to = times[i / 8 % 8];
		nr_flow_spectrum_add(spectrum, beats, count);
		if (i % 2)
			count = nr_flow_beats_join(beats, count, NULL, 0);
		nr_flow_timing_of(&conf, scratch, beats, count, &timing);
		const double values[] = {timing.comb_z, timing.comb_period, timing.comb_pool_z,
			timing.timer_distance, timing.shape, timing.shape_z, timing.gap_median,
			timing.gap_variation, timing.rita_best, timing.up_mode, timing.up_entropy,
			timing.persistence, timing.synchrony, timing.refused_share, timing.refused_period,
			timing.longest};
		for (size_t v = 0; v < NR_COUNT(values); v++)
			assert_true(isfinite(values[v]));
		assert_true(timing.persistence <= 1 && timing.up_mode <= 1 && timing.refused_share <= 1);
		assert_true(timing.beats == count);
	}
	nr_flow_spectrum_free(spectrum);
	count = 0;
	time_them(NULL, NULL);
	assert_int_equal(timing.clients, 0);
	assert_float_equal(timing.timer_distance, 1, 0);
}

/* More clients, beats, sizes than any list holds. */
static void test_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BEATS; i++)
		add(i / 2, i % 2 * 50.0, 1, i)->up_bytes = i;
	time_them(NULL, NULL);
	assert_int_equal(timing.clients, BEATS / 2);
	count = 0;
	for (unsigned i = 0; i < BEATS; i++)
		add(1, i * 0.8, 0.1, i);
	assert_int_equal(nr_flow_beats_join(beats, count, NULL, 0), 1);
	count = 0;
	for (unsigned i = 0; i < BEATS; i++)
		add(1, i * 0.85, 0.1, i);
	assert_int_equal(nr_flow_beats_join(beats, count, NULL, 0), BEATS);
	time_them(NULL, NULL);
	assert_true(timing.shape > 50);
	assert_int_equal(timing.strobe, BEATS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_continuations, start, stop),
		cmocka_unit_test_setup_teardown(test_long_connection, start, stop),
		cmocka_unit_test_setup_teardown(test_ports, start, stop),
		cmocka_unit_test_setup_teardown(test_retries, start, stop),
		cmocka_unit_test_setup_teardown(test_absorb, start, stop),
		cmocka_unit_test_setup_teardown(test_shapes, start, stop),
		cmocka_unit_test_setup_teardown(test_sleepers, start, stop),
		cmocka_unit_test_setup_teardown(test_sizes, start, stop),
		cmocka_unit_test_setup_teardown(test_persistence, start, stop),
		cmocka_unit_test_setup_teardown(test_synchrony, start, stop),
		cmocka_unit_test_setup_teardown(test_timer_distance, start, stop),
		cmocka_unit_test_setup_teardown(test_spectrum, start, stop),
		cmocka_unit_test_setup_teardown(test_hostile, start, stop),
		cmocka_unit_test_setup_teardown(test_many, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
