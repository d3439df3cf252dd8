/* SPDX-License-Identifier: Apache-2.0 */
/* RITA's score against its published vectors (NOROSHI_SHARED, else ../shared; skipped where they are absent),
 * and by hand. */
#include "sense/flow/detect/timing/rita.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#define CLOSE 0.0011 /* "agrees within 0.001" */
#define COUNT 256

static struct nr_flow_rita_work work;

static const char *shared_path(const char *name, char path[static 512])
{
	const char *shared = getenv("NOROSHI_SHARED");
	snprintf(path, 512, "%s/data/flow/%s", shared && *shared ? shared : "../shared", name);
	return path;
}

static struct json_object *vectors(const char *name)
{
	char path[512];
	static struct json_object *all;
	if (!all)
		all = json_object_from_file(shared_path("beacon-score/rita-v5-vectors.json", path));
	if (!all) {
		print_message("skipped: no shared data at %s\n", path);
		skip();
	}
	struct json_object *list = json_object_object_get(all, name);
	assert_non_null(list);
	assert_true(json_object_array_length(list) > 0);
	return list;
}

static double number(struct json_object *o, const char *name)
{
	struct json_object *v = json_object_object_get(o, name);
	if (!v)
		fail_msg("no %s", name);
	return json_object_get_double(v);
}

static void same(struct json_object *vector, const char *name, double is)
{
	double expected = number(json_object_object_get(vector, "expected"), name);
	struct json_object *title = json_object_object_get(vector, "name");
	if (fabs(is - expected) > CLOSE)
		fail_msg("%s: %s is %f, not %f", json_object_get_string(title), name, is, expected);
}

static size_t list(struct json_object *vector, const char *name, uint64_t values[static COUNT])
{
	struct json_object *l = json_object_object_get(vector, name);
	size_t n = json_object_array_length(l);
	assert_true(n <= COUNT);
	for (size_t i = 0; i < n; i++)
		values[i] = (uint64_t)json_object_get_int64(json_object_array_get_idx(l, i));
	return n;
}

static void same_spread(struct json_object *vector, const struct nr_flow_rita_spread *s)
{
	same(vector, "q1", s->q1);
	same(vector, "q2", s->q2);
	same(vector, "q3", s->q3);
	same(vector, "skew", s->skew);
	same(vector, "mad", s->mad);
	same(vector, "score", s->score);
}

static void test_timestamps(void **state)
{
	(void)state;
	struct json_object *all = vectors("timestamp");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		struct nr_flow_beat beats[COUNT] = {0};
		uint64_t seconds[COUNT], gaps[COUNT], sorting[COUNT];
		size_t n = list(v, "timestamps", seconds), m = 0;
		for (size_t k = 0; k < n; k++)
			beats[k].first = (nr_time)seconds[k] * NR_SECOND + (nr_time)k;
		struct nr_flow_rita r =
			nr_flow_rita_score(&work, beats[0].first, beats[n - 1].first + NR_SECOND, beats, n);
		struct json_object *expected = json_object_object_get(v, "expected");
		assert_int_equal(r.scored, !!expected);
		if (!expected)
			continue;
		same(v, "score", r.timestamp);
		for (size_t k = 1; k < n; k++)
			if (seconds[k] != seconds[k - 1])
				gaps[m++] = seconds[k] - seconds[k - 1];
		struct nr_flow_rita_spread s = nr_flow_rita_spread(gaps, sorting, m, 1);
		same_spread(v, &s);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	struct json_object *all = vectors("size");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		uint64_t bytes[COUNT], sorting[COUNT];
		struct nr_flow_rita_spread s =
			nr_flow_rita_spread(bytes, sorting, list(v, "bytes", bytes), 0);
		same_spread(v, &s);
	}
}

static void test_histograms(void **state)
{
	(void)state;
	struct json_object *all = vectors("histogram");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		uint64_t seconds[COUNT], window[COUNT];
		size_t n = list(v, "timestamps", seconds);
		assert_int_equal(list(v, "window", window), 2);
		struct nr_flow_rita_histogram h = nr_flow_rita_histogram(seconds, n, window[0], window[1],
			(unsigned)number(v, "bins"), (unsigned)number(v, "min_hours"));
		struct json_object *bins =
			json_object_object_get(json_object_object_get(v, "expected"), "histogram");
		for (size_t b = 0; b < json_object_array_length(bins); b++)
			assert_int_equal(
				h.bins[b], json_object_get_int64(json_object_array_get_idx(bins, b)));
		same(v, "bars", h.bars);
		same(v, "longest_run", h.run);
		same(v, "cv_score", h.variation);
		same(v, "bimodal_score", h.bimodal);
		same(v, "score", h.score);
	}
}

static void test_durations(void **state)
{
	(void)state;
	struct json_object *all = vectors("duration");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		uint64_t from = 1517338924;
		struct nr_flow_rita_duration d = nr_flow_rita_duration(
			from + (uint64_t)number(v, "first_offset"), from + (uint64_t)number(v, "last_offset"),
			from, from + (uint64_t)number(v, "window_seconds"), (unsigned)number(v, "bars"),
			(unsigned)number(v, "longest_run"));
		same(v, "coverage", d.coverage);
		same(v, "consistency", d.consistency);
		same(v, "score", d.score);
	}
}

static void test_beacons(void **state)
{
	(void)state;
	struct json_object *all = vectors("overall");
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *v = json_object_array_get_idx(all, i);
		struct json_object *s = json_object_object_get(v, "scores_ts_ds_dur_hist");
		double scores[4];
		for (size_t k = 0; k < 4; k++) {
			scores[k] = json_object_get_double(json_object_array_get_idx(s, k));
			assert_float_equal(json_object_get_double(json_object_array_get_idx(
						   json_object_object_get(v, "weights"), k)),
				0.25, 0);
		}
		assert_float_equal(nr_flow_rita_beacon(scores[0], scores[1], scores[2], scores[3]),
			number(v, "expected"), 1e-9);
	}
}

static void test_threats(void **state)
{
	(void)state;
	static const struct {
		double percent, threat;
	} cases[] = {{0, 0}, {49.9, 0}, {50, 0.2}, {60, 0.3}, {70, 0.4}, {80, 0.5}, {90, 0.6}, {95, 0.7},
		{100, 0.8}, {1000, 0.8}, {-5, 0}, {NAN, 0}};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_float_equal(nr_flow_rita_threat(cases[i].percent), cases[i].threat, 1e-9);
}

/* A day of one beat a minute is as good as it gets; a strobe is one at 86,400. */
static void test_pairs(void **state)
{
	(void)state;
	static struct nr_flow_beat beats[NR_FLOW_RITA_ENTRIES];
	nr_time from = INT64_C(1750000000) * NR_SECOND, to = from + NR_DAY;
	for (size_t i = 0; i < 1440; i++)
		beats[i] = (struct nr_flow_beat){.first = from + (nr_time)i * NR_MINUTE, .up_bytes = 120};
	struct nr_flow_rita r = nr_flow_rita_score(&work, from, to, beats, 1440);
	assert_true(r.scored && !r.strobe);
	assert_float_equal(r.beacon, 1, 1e-9);
	assert_float_equal(r.threat, 0.8, 1e-9);
	for (size_t i = 0; i < NR_FLOW_RITA_ENTRIES; i++)
		beats[i].first = from + (nr_time)i * NR_SECOND;
	r = nr_flow_rita_score(&work, from, to, beats, NR_FLOW_RITA_ENTRIES - 1);
	assert_true(r.scored && !r.strobe);
	r = nr_flow_rita_score(&work, from, to, beats, NR_FLOW_RITA_ENTRIES);
	assert_true(!r.scored && r.strobe);
	assert_float_equal(r.threat, NR_FLOW_RITA_STROBE, 1e-9);
}

/* Times before 1970, at the ends of time, a window turned around: nothing but numbers of 0 to 1 comes out. */
static void test_hostile(void **state)
{
	(void)state;
	static const nr_time times[] = {NR_TIME_MIN, NR_TIME_MAX, 0, -1, 5, NR_TIME_MAX - 1, NR_DAY, 1};
	struct nr_flow_beat beats[NR_COUNT(times)] = {0};
	for (size_t i = 0; i < NR_COUNT(times); i++)
		beats[i] = (struct nr_flow_beat){.first = times[i], .up_bytes = i % 2 ? UINT32_MAX : 0};
	for (size_t i = 0; i < NR_COUNT(times); i++)
		for (size_t k = 0; k < NR_COUNT(times); k++)
			for (size_t n = 0; n <= NR_COUNT(times); n++) {
				struct nr_flow_rita r =
					nr_flow_rita_score(&work, times[i], times[k], beats, n);
				assert_true(r.beacon >= 0 && r.beacon <= 1);
				assert_true(r.timestamp >= 0 && r.size >= 0 && r.histogram >= 0);
			}
	assert_int_equal(nr_flow_rita_histogram(NULL, 0, 5, 5, 24, 11).bars, 0);
	assert_int_equal(nr_flow_rita_histogram(NULL, 0, 5, 9, 25, 11).bars, 0);
	assert_float_equal(nr_flow_rita_spread(NULL, NULL, 0, 1).score, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timestamps),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_histograms),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_beacons),
		cmocka_unit_test(test_threats),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
