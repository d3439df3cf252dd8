/* SPDX-License-Identifier: Apache-2.0 */
/* The lag comb on real captures of beacons (NOROSHI_SHARED, else ../shared; skipped where they are absent),
 * against its definition, and on what is hostile. */
#include "sense/flow/detect/timing/comb.h"

#include "capture_file.h"
#include "sense/flow/detect/timing/timing.h"
#include "timing_rig.h"

#include <math.h>

#define BEATS 1024

static struct nr_flow_comb *comb;
static struct nr_flow_beat beats[BEATS];
static size_t count;

static int start(void **state)
{
	struct nr_error error = {0};
	(void)state;
	count = 0;
	return nr_flow_comb_new(&comb, &error);
}

static int stop(void **state)
{
	(void)state;
	nr_flow_comb_freep(&comb);
	return 0;
}

static void path_of(const char *name, char path[static 512])
{
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(path, 512, "%s/data/flow/beacon/%s", shared && *shared ? shared : "../shared", name);
	if (access(path, R_OK)) {
		print_message("skipped: no shared data at %s\n", path);
		skip();
	}
}

static void take_syn(void *context, const struct nr_frame *frame)
{
	struct nr_packet packets[2];
	size_t n;
	(void)context;
	if (nr_packet_decode(frame, NULL, packets, &n) != NR_DROP_NONE || packets[0].protocol != NR_TCP)
		return;
	if ((packets[0].flags & 0x12) != 0x02 || packets[0].destination_port != 443)
		return;
	assert_true(count < BEATS);
	beats[count++] = (struct nr_flow_beat){.first = frame->time,
		.last = frame->time,
		.client_port = packets[0].source_port,
		.sides = NR_FLOW_UP};
}

/* Zeek's log of a client whose server refuses: time, port of the client. */
static void read_refused(const char *path)
{
	char line[4096];
	NR_AUTO(nr_closep) FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		double when;
		unsigned port;
		char client[64];
		if (!strstr(line, "\t66.63.168.35\t5888\t") ||
			sscanf(line, "%lf\t%*s\t%63s\t%u", &when, client, &port) != 3)
			continue;
		assert_true(count < BEATS);
		nr_time first = (nr_time)(when * 1e6);
		beats[count++] = (struct nr_flow_beat){.first = first,
			.last = first + NR_SECOND / 25,
			.client_port = (uint16_t)port,
			.refused = true,
			.sides = NR_FLOW_UP | NR_FLOW_DOWN};
	}
}

static void same_z(unsigned k, double period, double z)
{
	double best = 0, at = 0;
	for (double p = 2; p <= 5; p *= 1 + 0.05 / k) {
		double found = nr_flow_comb_z(comb, p, k);
		if (found > best) {
			best = found;
			at = p;
		}
	}
	if (fabs(best - z) > 0.05 * z || fabs(at - period) > 0.01 * period)
		fail_msg("K=%u: z %.1f at %.3f s, not %.1f at %.3f s", k, best, at, z, period);
}

/* name, connections, joined; the best period and z for K = 4, 16, 64 (flow reference 15). */
static void test_captures(void **state)
{
	static const struct {
		const char *name;
		size_t connections, joined;
		double period[3], z[3];
	} cases[] = {
		{"test-cc-capture-1.pcap", 299, 299, {2.233, 2.226, 2.231}, {44.2, 70.4, 86.5}},
		{"test-cc-capture-2.pcap", 22, 22, {3.085, 3.012, 3.023}, {5.15, 7.82, 7.84}},
		{"test18_conn.log.labeled", 719, 240, {2.073, 2.085, 2.081}, {43.1, 83.5, 152.6}},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char path[512];
		struct outcome outcome;
		path_of(cases[i].name, path);
		count = 0;
		if (strstr(path, ".pcap"))
			read_path(path, 64, take_syn, NULL, &outcome);
		else
			read_refused(path);
		assert_int_equal(count, cases[i].connections);
		count = nr_flow_beats_join(beats, count, NULL, 0);
		assert_int_equal(count, cases[i].joined);
		nr_flow_comb_fill(comb, beats, count);
		same_z(4, cases[i].period[0], cases[i].z[0]);
		same_z(16, cases[i].period[1], cases[i].z[1]);
		same_z(64, cases[i].period[2], cases[i].z[2]);
		struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
		assert_true(peak.z >= 0.95 * cases[i].z[2]);
		assert_true(fabs(peak.period - cases[i].period[2]) < 0.03 * cases[i].period[2]);
	}
}

/* By its definition, lag by lag; the window's ends moved by so many bins. */
static double defined(size_t n, double period, unsigned k, int low_bins, int high_bins)
{
	double sum = 0, bin = 0.1 * exp2(floor(log2(period)) - 1);
	double low = period / 2 + low_bins * bin, high = fmin((k + 0.5) * period, NR_FLOW_COMB_LAG_MAX);
	if (k > 16)
		high = fmin(high, fmax(16.5 * period, NR_FLOW_COMB_LAG_FAR));
	uint32_t lags = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && beats[j].client == beats[i].client; j++) {
			double d = (double)(beats[j].first - beats[i].first) / NR_SECOND;
			if (d < low || d > high + high_bins * bin)
				continue;
			sum += cos(2 * M_PI * d / period);
			lags++;
		}
	return lags >= NR_FLOW_COMB_LAGS_MIN ? sum / sqrt(lags / 2.0) : 0;
}

/* A bin is in the window or not, as a whole; between its lags' cosines there is little. */
static void near_definition(size_t n, double period, unsigned k, double z)
{
	double least = INFINITY, most = -INFINITY;
	for (int i = 0; i < 9; i++) {
		double d = defined(n, period, k, i % 3 - 1, i / 3 - 1);
		least = fmin(least, d);
		most = fmax(most, d);
	}
	if (z < least - 0.35 - 0.01 * fabs(least) || z > most + 0.35 + 0.01 * fabs(most))
		fail_msg("%zu beats: z(%.1f s, %u) is %f, not %f to %f", n, period, k, z, least, most);
}

/* Few lags (one by one) and many (recurrence), at periods from 2 s to 6 h. */
static void test_definition(void **state)
{
	static const size_t sizes[] = {4, 40, 300, 600};
	static const unsigned ks[] = {4, 16, 64, 360};
	static const double spans[] = {60, 600, 7200, 80000};
	struct random random = {.state = 15};
	(void)state;
	for (size_t s = 0; s < NR_COUNT(sizes); s++)
		for (size_t i = 0; i < NR_COUNT(spans); i++) {
			size_t n = sizes[s];
			double at = 0;
			for (size_t b = 0; b < n; b++) {
				at = b % (n / 2) ? at + random_exponential(&random, 2 * spans[i] / (double)n)
						 : 0;
				beats[b] = (struct nr_flow_beat){
					.first = (nr_time)(at * 1e6), .client = (uint32_t)(b / (n / 2))};
			}
			nr_flow_comb_fill(comb, beats, n);
			struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
			if (peak.period > 0)
				near_definition(
					n, peak.period, peak.k, nr_flow_comb_z(comb, peak.period, peak.k));
			unsigned k = 0;
			for (double p = 16.1; p < 21600; p *= 1.4, k++)
				near_definition(n, p, ks[k % 4], nr_flow_comb_z(comb, p, ks[k % 4]));
		}
}

/* A beat has nearly the same z at a half and a third of its period: the period is the answer. */
static void test_period(void **state)
{
	static const double periods[] = {2.5, 10, 60, 61, 300, 777, 3600, 10800, 21000};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(periods); i++) {
		size_t n = NR_MIN((size_t)(86400 / periods[i]), (size_t)BEATS);
		for (size_t b = 0; b < n; b++)
			beats[b] = (struct nr_flow_beat){.first = (nr_time)((double)b * periods[i] * 1e6)};
		nr_flow_comb_fill(comb, beats, n);
		struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
		if (fabs(peak.period - periods[i]) > 0.01 * periods[i])
			fail_msg("%.1f s is found as %.3f s with z %.1f, K %u", periods[i], peak.period,
				peak.z, peak.k);
	}
}

/* Both sides of the least number of lags: 4 beats have 6. */
static void test_few(void **state)
{
	(void)state;
	for (size_t b = 0; b < 4; b++)
		beats[b] = (struct nr_flow_beat){.first = (nr_time)b * NR_MINUTE};
	nr_flow_comb_fill(comb, beats, 3);
	assert_float_equal(nr_flow_comb_best(comb).period, 0, 0);
	nr_flow_comb_fill(comb, beats, 4);
	struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
	assert_int_equal(peak.lags, 6);
	assert_float_equal(peak.z, sqrt(12), 0.1);
	beats[3].timeless = true;
	nr_flow_comb_fill(comb, beats, 4);
	assert_float_equal(nr_flow_comb_best(comb).period, 0, 0);
	nr_flow_comb_fill(comb, beats, 0);
	assert_float_equal(nr_flow_comb_best(comb).period, 0, 0);
}

static void test_range(void **state)
{
	(void)state;
	for (size_t b = 0; b < 400; b++)
		beats[b] = (struct nr_flow_beat){.first = (nr_time)b * NR_MINUTE};
	nr_flow_comb_fill(comb, beats, 400);
	nr_flow_comb_range(comb, 61, 100000);
	assert_true(nr_flow_comb_best(comb).period >= 61);
	nr_flow_comb_range(comb, 10, 59);
	assert_float_equal(nr_flow_comb_best(comb).period, 30, 0.3);
	nr_flow_comb_range(comb, 500, 100);
	assert_float_equal(nr_flow_comb_best(comb).period, 0, 0);
	assert_float_equal(nr_flow_comb_z(comb, NAN, 4), 0, 0);
	assert_float_equal(nr_flow_comb_z(comb, -1, 4), 0, 0);
	assert_float_equal(nr_flow_comb_z(comb, 1e300, 4), 0, 0);
}

/* Times that are equal, reversed, at the ends of time: numbers, and no more lags than there may be. */
static void test_hostile(void **state)
{
	static const nr_time times[] = {
		NR_TIME_MIN, NR_TIME_MAX, 0, -1, NR_TIME_MAX - 1, NR_TIME_MIN + 1, 7, 0};
	(void)state;
	for (size_t b = 0; b < BEATS; b++)
		beats[b] = (struct nr_flow_beat){
			.first = times[b * 7 % NR_COUNT(times)], .client = b / 64 % 3 ? 1 : 0};
	nr_flow_comb_fill(comb, beats, BEATS);
	struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
	assert_true(isfinite(peak.z) && isfinite(peak.period));
	for (size_t b = 0; b < BEATS; b++)
		beats[b] = (struct nr_flow_beat){.first = 5};
	nr_flow_comb_fill(comb, beats, BEATS);
	assert_float_equal(nr_flow_comb_best(comb).period, 0, 0);
}

/* ---- simulations ---- */

#define ROOM  40000
#define LEVEL log(1e-5) /* false servers */

static struct nr_flow_beat many[ROOM];

static struct nr_flow_comb_peak look(struct rig_server *server)
{
	assert_true(server->count < ROOM);
	server->count = nr_flow_beats_join(server->beats, server->count, NULL, 0);
	nr_flow_comb_fill(comb, server->beats, server->count);
	return nr_flow_comb_best(comb);
}

/* A beat of 60 s, 4 packets, 0.01 % between bots, in a day: what is found where one of 100,000 servers
 * without a beat would be (flow reference 15; bench-flow-timing has more trials). */
static void test_sampled_beacons(void **state)
{
	static const struct {
		uint32_t bots;
		double sampling, jitter, least, most; /* share that is found */
	} cases[] = {
		{1, 100, 0, 0.95, 1},
		{1, 1000, 0, 0, 0.1},
		{10, 1000, 0, 0.4, 1},
		{30, 1000, 0, 0.95, 1},
		{30, 1000, 0.02, 0.95, 1},
		{100, 1000, 0.02, 0.95, 1},
		{100, 10000, 0, 0, 0.1},
		{1000, 10000, 0, 0.95, 1},
	};
	struct random r = {.state = 150};
	unsigned trials = 40;
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		unsigned found = 0, right = 0;
		struct rig_beacon b = {.bots = cases[i].bots,
			.sampling = cases[i].sampling,
			.jitter = cases[i].jitter,
			.period = 60,
			.spread = 1e-4,
			.packets = 4,
			.span = 86400};
		for (unsigned t = 0; t < trials; t++) {
			struct rig_server server = {many, ROOM, 0};
			rig_beacon(&server, &r, &b);
			struct nr_flow_comb_peak peak = look(&server);
			bool is_found = nr_flow_comb_log_chance(peak.z, cases[i].bots) <= LEVEL;
			found += is_found;
			right += is_found && fabs(peak.period - 60) < 0.6;
		}
		if (found < cases[i].least * trials || found > cases[i].most * trials || right < found)
			fail_msg("%u bots, 1:%.0f, jitter %.2f: %u of %u found, %u at 60 s", cases[i].bots,
				cases[i].sampling, cases[i].jitter, found, trials, right);
	}
}

/* People who come in sessions, by day: no beat, few records or many, in small bursts or large. */
static void test_people(void **state)
{
	static const struct {
		uint32_t clients;
		double records, burst;
		unsigned trials;
	} cases[] = {{1, 60, 3, 100}, {10, 6, 3, 100}, {30, 6, 5, 100}, {30, 200, 5, 20}, {1000, 0.6, 2, 20}};
	struct random r = {.state = 151};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		for (unsigned t = 0; t < cases[i].trials; t++) {
			struct rig_server server = {many, ROOM, 0};
			rig_people(&server, &r, cases[i].clients, cases[i].records, cases[i].burst, 86400);
			struct nr_flow_comb_peak peak = look(&server);
			if (nr_flow_comb_log_chance(peak.z, cases[i].clients) <= LEVEL)
				fail_msg("%u clients, %.0f records: z %.1f at %.1f s", cases[i].clients,
					cases[i].records, peak.z, peak.period);
		}
}

/* Ten long connections with packets at random, through caches: their records are a beat, joined they are none
 * (flow reference 16). */
static void test_timer_combs(void **state)
{
	static const struct {
		double rate, active, inactive; /* rate: sampled packets a second */
		bool raw;                      /* a beat before joining */
	} cases[] = {
		{50, 60, 15, true},    /* 50/s, 1:1 */
		{5, 60, 15, true},     /* 50/s, 1:10; 5/s, 1:1 */
		{0.5, 60, 15, true},   /* 50/s, 1:100; 5/s, 1:10 */
		{0.05, 60, 15, false}, /* rarer than the inactive timeout */
		{50, 1800, 15, true},
		{0.5, 1800, 15, true},
		{0.5, 300, 60, true},
	};
	struct random r = {.state = 160};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_flow_cache cache = {.active = (nr_time)(cases[i].active * 1e6),
			.inactive = (nr_time)(cases[i].inactive * 1e6)};
		struct rig_server server = {many, ROOM, 0};
		rig_connections(&server, &r, 10, cases[i].rate, cases[i].active, cases[i].inactive, 86400);
		nr_flow_comb_fill(comb, server.beats, server.count);
		double raw = nr_flow_comb_best(comb).z;
		if ((raw > 15) != cases[i].raw)
			fail_msg("%.2f packets/s, %.0f/%.0f: z %.1f before joining", cases[i].rate,
				cases[i].active, cases[i].inactive, raw);
		server.count = nr_flow_beats_join(server.beats, server.count, &cache, 1);
		nr_flow_comb_fill(comb, server.beats, server.count);
		struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
		if (nr_flow_comb_log_chance(peak.z, 10) <= LEVEL)
			fail_msg("%.2f packets/s, %.0f/%.0f: z %.1f at %.1f s is left of %.1f", cases[i].rate,
				cases[i].active, cases[i].inactive, peak.z, peak.period, raw);
	}
}

static void test_chance(void **state)
{
	(void)state;
	for (double clients = 0; clients < 1e7; clients = 2 * clients + 1) {
		double before = 0;
		for (double z = 0; z < 50; z += 0.25) {
			double chance = nr_flow_comb_log_chance(z, clients);
			assert_true(chance <= before && chance > -500);
			before = chance;
		}
		assert_true(
			nr_flow_comb_log_chance(8, clients) >= nr_flow_comb_log_chance(8, 3 * clients + 1));
	}
	assert_float_equal(nr_flow_comb_log_chance(-3, 10), 0, 0);
	assert_float_equal(nr_flow_comb_log_chance(NAN, 10), 0, 0);
	assert_true(isfinite(nr_flow_comb_log_chance(9, NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_captures, start, stop),
		cmocka_unit_test_setup_teardown(test_definition, start, stop),
		cmocka_unit_test_setup_teardown(test_period, start, stop),
		cmocka_unit_test_setup_teardown(test_few, start, stop),
		cmocka_unit_test_setup_teardown(test_range, start, stop),
		cmocka_unit_test_setup_teardown(test_hostile, start, stop),
		cmocka_unit_test_setup_teardown(test_sampled_beacons, start, stop),
		cmocka_unit_test_setup_teardown(test_people, start, stop),
		cmocka_unit_test_setup_teardown(test_timer_combs, start, stop),
		cmocka_unit_test_setup_teardown(test_chance, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
