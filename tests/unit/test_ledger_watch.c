/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger that is followed: figures without reading twice, pages, and folders that are not what they were.
 */
#include "ledger_rig.h"
#include "serve/ledger_watch.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct rig_key key;

struct bench {
	const char *folder;
	struct nr_ledger *ledger;
	struct nr_ledger_watch *watch;
};

static void bench_start(struct bench *bench)
{
	bench->folder = rig_folder();
	struct nr_ledger_conf conf = rig_conf(bench->folder, &key);
	assert_int_equal(nr_ledger_open(&conf, &bench->ledger, NULL), 0);
	const struct nr_ledger_source_conf source = {.ledger = bench->folder};
	assert_int_equal(nr_ledger_watch_new(&source, &bench->watch, NULL), 0);
}

static void bench_stop(struct bench *bench)
{
	nr_ledger_watch_free(bench->watch);
	nr_ledger_close(bench->ledger);
	rig_remove(bench->folder);
}

static void put(struct bench *bench, const char *text)
{
	const struct nr_ledger_entry entry = {text, strlen(text)};
	uint64_t first;
	assert_int_equal(nr_ledger_append(bench->ledger, &entry, 1, &first, NULL), 0);
}

static void put_many(struct bench *bench, const char *kind, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char text[96];
		snprintf(text, sizeof text, "{\"kind\":\"%s\",\"time\":\"2026-01-02T%02u:10:00Z\",\"n\":%u}",
			kind, i % 3, i);
		put(bench, text);
	}
}

static void look(struct bench *bench)
{
	assert_int_equal(nr_ledger_publish(bench->ledger, NULL), 0);
	nr_ledger_watch_look(bench->watch);
}

/* The caller's. */
static struct json_object *parse(struct nr_json *json)
{
	nr_json_object_end(json);
	assert_int_equal(nr_json_finish(json, NULL), 0);
	struct json_object *object = json_tokener_parse(json->bytes);
	if (!object)
		fail_msg("not JSON: %s", json->bytes);
	nr_json_fini(json);
	return object;
}

static struct json_object *head_of(struct bench *bench)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_ledger_watch_write(bench->watch, &json);
	return parse(&json);
}

static struct json_object *entries_of(struct bench *bench, const char *kind, uint64_t before, size_t limit)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	assert_int_equal(nr_ledger_watch_write_entries(bench->watch, kind, before, limit, &json, NULL), 0);
	return parse(&json);
}

static int64_t figure_of(struct json_object *object, const char *name)
{
	return json_object_get_int64(json_object_object_get(object, name));
}

/* Entries of a kind in a list of rows; all of its rows where it has several. */
static int64_t sum_of(struct json_object *head, const char *list, const char *kind)
{
	struct json_object *rows = json_object_object_get(head, list);
	int64_t sum = 0;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		if (strcmp(text_of(row, "kind"), kind) == 0)
			sum += figure_of(row, "entries");
	}
	return sum;
}

static void test_it_grows_with_the_ledger(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench);
	nr_ledger_watch_look(bench.watch);
	put_many(&bench, "seal", 300);
	look(&bench);
	put_many(&bench, "token", 400);
	put(&bench, "no JSON at all");
	look(&bench);
	look(&bench); /* nothing is new */
	struct json_object *head = head_of(&bench);
	assert_string_equal(text_of(head, "state"), "current");
	assert_null(json_object_object_get(head, "trouble"));
	assert_int_equal(figure_of(json_object_object_get(head, "checkpoint"), "size"), 701);
	assert_int_equal(figure_of(head, "entries"), 701);
	assert_int_equal(figure_of(head, "undated"), 1);
	assert_int_equal(sum_of(head, "kinds", "seal"), 300);
	assert_int_equal(sum_of(head, "kinds", "token"), 400);
	assert_int_equal(sum_of(head, "kinds", "other"), 1);
	assert_int_equal(sum_of(head, "hours", "seal"), 300);
	assert_int_equal(sum_of(head, "days", "token"), 400);
	assert_int_equal(sum_of(head, "days", "other"), 0);
	json_object_put(head);
	bench_stop(&bench);
}

/* Page by page is the same as all at once, of one kind and of all. */
static void test_pages(void **state)
{
	(void)state;
	static const struct {
		const char *kind;
		size_t count;
	} cases[] = {{NULL, 1000}, {"seal", 2}, {"token", 997}, {"other", 1}, {"none", 0}};
	struct bench bench;
	bench_start(&bench);
	put_many(&bench, "seal", 1);
	put_many(&bench, "token", 600);
	put(&bench, "{\"kind\":\"Not A Kind\"}");
	put_many(&bench, "seal", 1);
	put_many(&bench, "token", 397);
	look(&bench);
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		uint64_t before = UINT64_MAX;
		size_t seen = 0;
		for (bool more = true; more;) {
			struct json_object *page = entries_of(&bench, cases[i].kind, before, 70);
			struct json_object *rows = json_object_object_get(page, "rows");
			for (size_t k = 0; k < json_object_array_length(rows); k++, seen++) {
				uint64_t index =
					(uint64_t)figure_of(json_object_array_get_idx(rows, k), "index");
				assert_true(index < before);
				before = index;
			}
			struct json_object *next = json_object_object_get(page, "next");
			more = next && json_object_array_length(rows) > 0;
			json_object_put(page);
		}
		assert_int_equal(seen, cases[i].count);
	}
	bench_stop(&bench);
}

static void test_hostile_entries(void **state)
{
	(void)state;
	static const char *const hostile[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"kind\":7,\"time\":7}",
		"{\"kind\":\"seal\",\"time\":\"9999-12-31T23:59:59Z\"}",
		"{\"kind\":\"seal\",\"time\":\"0001-01-01T00:00:00Z\"}",
		"{\"kind\":\"<script>\",\"time\":\"2026-01-01T00:00:00Z\"}",
		"{\"kind\":\"a-name-that-is-longer-than-any-kind-may-be\",\"time\":\"2026-01-01T00:00:00Z\"}",
		"{\"kind\":\"\\u0000\"}",
		"[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]",
		"{\"kind\":\"clock\",\"time\":\"2026-01-01T00:00:00Z\",\"hour\":\"2026-01-01T00:00:00Z\","
		"\"references\":[1,{},{\"name\":7,\"asked\":\"x\"},[]],\"offset_us\":1e9,\"state\":[]}",
		"{\"kind\":\"clock\",\"time\":\"2026-01-01T00:00:00Z\",\"references\":7}",
		"\xff\xfe{\"kind\":\"seal\"}",
	};
	struct bench bench;
	bench_start(&bench);
	for (size_t i = 0; i < NR_COUNT(hostile); i++)
		put(&bench, hostile[i]);
	for (unsigned i = 0; i < 40; i++) {
		char kind[16];
		snprintf(kind, sizeof kind, "kind-%u", i);
		put_many(&bench, kind, 1);
	}
	look(&bench);
	struct json_object *head = head_of(&bench);
	assert_string_equal(text_of(head, "state"), "current");
	assert_int_equal(figure_of(head, "entries"), NR_COUNT(hostile) + 40);
	assert_int_equal(json_object_array_length(json_object_object_get(head, "kinds")), NR_LEDGER_KINDS);
	assert_int_equal(sum_of(head, "kinds", "seal"), 2);
	assert_int_equal(sum_of(head, "kinds", "<script>"), 0);
	json_object_put(head);
	struct json_object *page = entries_of(&bench, "other", UINT64_MAX, 500);
	assert_int_equal(json_object_array_length(json_object_object_get(page, "rows")),
		NR_COUNT(hostile) + 40 - 4 /* seal, clock */ - (NR_LEDGER_OTHER - 2));
	json_object_put(page);
	bench_stop(&bench);
}

static void test_clock(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench);
	put(&bench, "{\"kind\":\"clock\",\"time\":\"2026-01-02T00:30:00Z\",\"state\":\"hold\",\"reason\":"
		    "\"no-quorum\",\"agreeing\":1}");
	put(&bench,
		"{\"kind\":\"clock\",\"time\":\"2026-01-02T01:00:00Z\",\"state\":\"run\",\"reason\":\"fine\","
		"\"offset_us\":-120,\"bound_us\":900,\"agreeing\":2,\"hour\":\"2026-01-02T00:00:00Z\","
		"\"held_us\":5,\"bound_max_us\":901,\"references\":[{\"name\":\"ntp:a\",\"asked\":9,"
		"\"answered\":8,\"min_us\":1,\"mean_us\":2,\"max_us\":3,\"p95_us\":3,\"bound_max_us\":4}]}");
	look(&bench);
	struct nr_json json;
	nr_time from, to;
	assert_int_equal(nr_time_parse("2026-01-02T00:30:00Z", &from, NULL), 0);
	for (int i = 0; i < 2; i++) {
		to = from + (i ? NR_DAY : NR_MINUTE);
		nr_json_init(&json);
		nr_json_object(&json, NULL);
		nr_ledger_watch_write_clock(bench.watch, from, to, &json);
		struct json_object *clock = parse(&json), *points = json_object_object_get(clock, "points");
		assert_int_equal(json_object_array_length(points), i ? 2 : 1);
		struct json_object *first = json_object_array_get_idx(points, 0);
		assert_string_equal(text_of(first, "state"), "hold");
		assert_string_equal(text_of(first, "reason"), "no-quorum");
		assert_null(json_object_object_get(first, "offset_us"));
		struct json_object *hours = json_object_object_get(clock, "hours");
		assert_int_equal(json_object_array_length(hours), i);
		if (i) {
			struct json_object *hour = json_object_array_get_idx(hours, 0);
			struct json_object *tally =
				json_object_array_get_idx(json_object_object_get(hour, "references"), 0);
			assert_string_equal(text_of(tally, "name"), "ntp:a");
			assert_int_equal(figure_of(tally, "p95_us"), 3);
			assert_int_equal(figure_of(json_object_array_get_idx(points, 1), "offset_us"), -120);
		}
		json_object_put(clock);
	}
	bench_stop(&bench);
}

/* Changes the file: every `from` in it becomes `to`. */
static void forge(const struct bench *bench, const char *file, char from, char to)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", bench->folder, file);
	FILE *stream = fopen(path, "r+");
	assert_non_null(stream);
	for (int c; (c = fgetc(stream)) != EOF;) {
		if (c != from)
			continue;
		fseek(stream, -1, SEEK_CUR);
		fputc(to, stream);
		fseek(stream, 0, SEEK_CUR);
	}
	fclose(stream);
}

static void assert_state(struct bench *bench, const char *wanted, bool trouble)
{
	struct json_object *head = head_of(bench);
	assert_string_equal(text_of(head, "state"), wanted);
	assert_int_equal(json_object_object_get(head, "trouble") != NULL, trouble);
	json_object_put(head);
}

static void test_changed_entries_are_found_for_good(void **state)
{
	(void)state;
	struct bench bench;
	bench_start(&bench);
	put_many(&bench, "seal", 20);
	assert_int_equal(nr_ledger_publish(bench.ledger, NULL), 0);
	forge(&bench, "tile/entries/000.p/20", '7', '8');
	nr_ledger_watch_look(bench.watch);
	assert_state(&bench, "broken", true);
	forge(&bench, "tile/entries/000.p/20", '8', '7');
	nr_ledger_watch_look(bench.watch);
	assert_state(&bench, "broken", true);
	bench_stop(&bench);
}

static void test_a_shorter_ledger_is_broken(void **state)
{
	(void)state;
	struct bench bench;
	char copy[96];
	bench_start(&bench);
	snprintf(copy, sizeof copy, "%s.copy", bench.folder);
	put_many(&bench, "seal", 20);
	look(&bench);
	rig_copy(bench.folder, copy);
	put_many(&bench, "seal", 20);
	look(&bench);
	assert_state(&bench, "current", false);
	rig_copy(copy, bench.folder);
	nr_ledger_watch_look(bench.watch);
	assert_state(&bench, "broken", true);
	nr_ledger_watch_free(bench.watch);
	nr_ledger_close(bench.ledger);
	rig_remove(bench.folder);
	rig_remove(copy);
}

/* What may pass is told, and forgotten when it is over. */
static void test_trouble_passes(void **state)
{
	(void)state;
	struct bench bench;
	char path[160], away[176];
	bench_start(&bench);
	put_many(&bench, "seal", 20);
	assert_int_equal(nr_ledger_publish(bench.ledger, NULL), 0);
	snprintf(path, sizeof path, "%s/tile/entries/000.p/20", bench.folder);
	snprintf(away, sizeof away, "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	nr_ledger_watch_look(bench.watch);
	assert_state(&bench, "reading", true);
	assert_int_equal(rename(away, path), 0);
	nr_ledger_watch_look(bench.watch);
	assert_state(&bench, "current", false);
	bench_stop(&bench);
}

static void test_another_key_is_not_believed(void **state)
{
	(void)state;
	struct bench bench;
	struct rig_key other;
	char vkey[NR_NOTE_VKEY_TEXT];
	rig_key_init(&other, 1, RIG_ORIGIN);
	assert_int_equal(nr_note_vkey_write(RIG_ORIGIN, NR_NOTE_ED25519, other.public, vkey, NULL), 0);
	bench_start(&bench);
	nr_ledger_watch_free(bench.watch);
	const struct nr_ledger_source_conf source = {.ledger = bench.folder, .vkey = vkey};
	assert_int_equal(nr_ledger_watch_new(&source, &bench.watch, NULL), 0);
	put_many(&bench, "seal", 3);
	look(&bench);
	assert_state(&bench, "waiting", true);
	struct json_object *page = entries_of(&bench, NULL, UINT64_MAX, 10);
	assert_int_equal(json_object_array_length(json_object_object_get(page, "rows")), 0);
	json_object_put(page);
	EVP_PKEY_free(other.key);
	bench_stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_grows_with_the_ledger),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_hostile_entries),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_changed_entries_are_found_for_good),
		cmocka_unit_test(test_a_shorter_ledger_is_broken),
		cmocka_unit_test(test_trouble_passes),
		cmocka_unit_test(test_another_key_is_not_believed),
	};
	rig_key_init(&key, 0, RIG_ORIGIN);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key.key);
	return failed;
}
