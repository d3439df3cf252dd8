/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of all workers, and of those that were before them, as one. */
#include "sense/flow/live/keep_inside.h"

#include "base/language.h"
#include "base/sandbox.h"
#include "wire/json_check.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

/* ---- adding up ---- */

/* Numbers add up, lists are joined, of anything else the first stays. Takes `more`. */
static struct json_object *add(struct json_object *sum, struct json_object *more)
{
	if (!sum)
		return more;
	enum json_type type = json_object_get_type(sum);
	if (type == json_type_int && json_object_is_type(more, json_type_int)) {
		json_object_set_int64(sum, json_object_get_int64(sum) + json_object_get_int64(more));
	} else if (type == json_type_array && json_object_is_type(more, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(more); i++)
			json_object_array_add(sum, json_object_get(json_object_array_get_idx(more, i)));
	} else if (type == json_type_object && json_object_is_type(more, json_type_object)) {
		json_object_object_foreach(more, key, value)
		{
			struct json_object *old = NULL;
			bool known = json_object_object_get_ex(sum, key, &old);
			struct json_object *both = add(old, json_object_get(value));
			if (!known)
				json_object_object_add(sum, key, both);
		}
	}
	json_object_put(more);
	return sum;
}

/* A worker's last report; NULL and 0: it has said nothing yet. It is a stranger's. */
static int read_report(struct nr_flow_board *board, struct json_object **ret_report, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	*ret_report = NULL;
	int rc = nr_flow_board_get(board, NR_FLOW_BOARD_REPORT, &bytes, &length);
	if (rc || !length)
		return rc ? nr_fail(error, rc, "the parser's report: %s", strerror(-rc)) : 0;
	rc = nr_json_check(bytes, length, error);
	if (rc) {
		nr_error_prefix(error, "the parser's report");
		return rc;
	}
	struct json_object *report = json_tokener_parse((const char *)bytes);
	if (!json_object_is_type(report, json_type_object)) {
		json_object_put(report);
		return nr_fail(error, -EBADMSG, "the parser's report is no object");
	}
	*ret_report = report;
	return 0;
}

/* Of a process that has ended only what adds up stays: its exporters are its successor's now. */
void nr_flow_keep_add_past(struct nr_flow_keep *keep, unsigned worker)
{
	struct json_object *report;
	struct nr_flow_board *board = nr_flow_live_board(keep->conf.live, worker);
	int rc = read_report(board, &report, NULL);
	pthread_mutex_lock(&keep->lock);
	keep->shown.restarts++;
	if (rc == 0 && report) {
		json_object_object_del(report, "exporters");
		json_object_object_del(report, "pending");
		keep->past = add(keep->past, report);
	}
	pthread_mutex_unlock(&keep->lock);
	nr_flow_board_put(board, NR_FLOW_BOARD_REPORT, "", 0);
}

/* ---- writing ---- */

static uint64_t sum_of(struct nr_flow_keep *keep, size_t member)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < nr_flow_live_workers(keep->conf.live); i++) {
		char *numbers = (char *)nr_flow_board_numbers(nr_flow_live_board(keep->conf.live, i));
		sum += *(_Atomic uint64_t *)(numbers + member);
	}
	return sum;
}

static const char *sandbox_missing(struct nr_flow_keep *keep)
{
	struct nr_sandbox sandbox = {.landlock = true, .seccomp = true};
	for (unsigned i = 0; i < nr_flow_live_workers(keep->conf.live); i++) {
		uint32_t layers = nr_flow_board_numbers(nr_flow_live_board(keep->conf.live, i))->layers;
		sandbox.landlock = sandbox.landlock && (layers & NR_FLOW_BOARD_LANDLOCK);
		sandbox.seccomp = sandbox.seccomp && (layers & NR_FLOW_BOARD_SECCOMP);
	}
	return nr_sandbox_missing(&sandbox);
}

static void write_sockets(struct nr_flow_keep *keep, struct nr_json *json)
{
	const char *text;
	uint64_t granted;
	nr_json_array(json, "sockets");
	for (size_t i = 0; (text = nr_flow_live_socket(keep->conf.live, i, &granted)); i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "listen", text);
		if (granted)
			nr_json_uint(json, "buffer", granted);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_listener(
	struct nr_flow_keep *keep, const struct nr_flow_keep_shown *shown, struct nr_json *json)
{
	static const struct {
		const char *name;
		size_t member;
	} sums[] = {
		{"datagrams", offsetof(struct nr_flow_numbers, taken)},
		{"bytes", offsetof(struct nr_flow_numbers, bytes)},
		{"flows", offsetof(struct nr_flow_numbers, flows)},
		{"kernel_dropped", offsetof(struct nr_flow_numbers, kernel)},
		{"queue_dropped", offsetof(struct nr_flow_numbers, queue)},
		{"truncated", offsetof(struct nr_flow_numbers, truncated)},
		{"connections", offsetof(struct nr_flow_numbers, connections)},
		{"connections_shed", offsetof(struct nr_flow_numbers, connections_shed)},
		{"streams_broken", offsetof(struct nr_flow_numbers, streams_broken)},
	};
	nr_json_object(json, "listener");
	write_sockets(keep, json);
	nr_json_uint(json, "workers", nr_flow_live_workers(keep->conf.live));
	for (size_t i = 0; i < NR_COUNT(sums); i++)
		nr_json_uint(json, sums[i].name, sum_of(keep, sums[i].member));
	/* decoded is read first: what was taken meanwhile is not lost */
	uint64_t decoded = sum_of(keep, offsetof(struct nr_flow_numbers, decoded));
	uint64_t taken = sum_of(keep, offsetof(struct nr_flow_numbers, taken));
	nr_json_uint(json, "undecoded", taken > decoded ? taken - decoded : 0);
	nr_json_uint(json, "unsound", shown->unsound);
	nr_json_uint(json, "restarts", shown->restarts);
	nr_json_text(json, "sandbox_missing", sandbox_missing(keep));
	nr_json_object_end(json);
}

static void write_archive(
	const struct nr_flow_keep *keep, const struct nr_flow_keep_shown *shown, struct nr_json *json)
{
	if (!keep->conf.archive) {
		nr_json_null(json, "archive");
		return;
	}
	nr_json_object(json, "archive");
	nr_json_text(json, "state", shown->paused ? "paused" : "writing");
	if (shown->paused) {
		nr_json_text(json, "reason", shown->reason);
		nr_json_time(json, "paused_since", shown->paused_since);
	}
	nr_json_uint(json, "refused", shown->refused);
	nr_json_uint(json, "flows", shown->archive.flows);
	nr_json_uint(json, "bytes", shown->archive.bytes);
	nr_json_uint(json, "segments", shown->archive.segments);
	nr_json_time(json, "oldest", shown->archive.oldest);
	nr_json_time(json, "newest", shown->archive.newest);
	nr_json_uint(json, "client_addresses", shown->law.clients);
	nr_json_uint(json, "transit", shown->law.transit);
	nr_json_uint(json, "nat_events_left_out", shown->law.events);
	nr_json_object_end(json);
}

void nr_flow_keep_status(struct nr_flow_keep *keep, struct nr_json *json)
{
	pthread_mutex_lock(&keep->lock);
	struct nr_flow_keep_shown shown = keep->shown;
	pthread_mutex_unlock(&keep->lock);
	write_listener(keep, &shown, json);
	write_archive(keep, &shown, json);
}

/* A report is up to a second old, and nobody hears the last one of who is killed. These two are counted where
 * they outlive it. */
static void correct(struct nr_flow_keep *keep, struct json_object *sum)
{
	uint64_t flows = sum_of(keep, offsetof(struct nr_flow_numbers, flows)) +
			 sum_of(keep, offsetof(struct nr_flow_numbers, queue));
	uint64_t taken = sum_of(keep, offsetof(struct nr_flow_numbers, taken));
	json_object_object_add(sum, "records", json_object_new_int64((int64_t)flows));
	json_object_object_add(sum, "datagrams", json_object_new_int64((int64_t)taken));
}

/* All workers' reports and what was before them; NULL and 0: nobody has said anything. */
static int sum_reports(struct nr_flow_keep *keep, struct json_object **ret_sum, struct nr_error *error)
{
	struct json_object *sum = NULL, *past = NULL;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < nr_flow_live_workers(keep->conf.live); i++) {
		struct json_object *report;
		rc = read_report(nr_flow_live_board(keep->conf.live, i), &report, error);
		if (rc == 0 && report)
			sum = add(sum, report);
	}
	pthread_mutex_lock(&keep->lock);
	if (rc == 0 && keep->past && json_object_deep_copy(keep->past, &past, NULL) != 0)
		rc = nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_unlock(&keep->lock);
	if (rc == 0 && past)
		sum = add(sum, past);
	if (rc == 0 && sum)
		correct(keep, sum);
	*ret_sum = sum;
	return rc;
}

int nr_flow_keep_report(struct nr_flow_keep *keep, struct nr_json *json, struct nr_error *error)
{
	struct json_object *sum;
	int rc = sum_reports(keep, &sum, error);
	if (rc == 0 && sum) {
		json_object_object_foreach(sum, key, value)
			nr_json_raw(json, key, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(sum);
	nr_flow_keep_status(keep, json);
	return rc;
}

static uint64_t number_of(struct json_object *object, const char *key)
{
	struct json_object *value;
	return json_object_object_get_ex(object, key, &value) ? (uint64_t)json_object_get_int64(value) : 0;
}

static void print_counts(FILE *stream, const char *title, struct json_object *counts)
{
	if (!json_object_is_type(counts, json_type_object))
		return;
	json_object_object_foreach(counts, cause, count) if (json_object_get_int64(count) > 0)
		fprintf(stream, "%s: %s %lld\n", title, cause, (long long)json_object_get_int64(count));
}

int nr_flow_keep_print(struct nr_flow_keep *keep, FILE *stream, struct nr_error *error)
{
	struct json_object *sum, *dropped = NULL, *lost = NULL, *exporters = NULL;
	int rc = sum_reports(keep, &sum, error);
	if (rc)
		return rc;
	json_object_object_get_ex(sum, "exporters", &exporters);
	fprintf(stream,
		nr_says("%llu flows in %llu datagrams from %zu exporters\n",
			"フロー %llu 件（データグラム %llu、エクスポーター %zu）\n"),
		(unsigned long long)number_of(sum, "records"),
		(unsigned long long)sum_of(keep, offsetof(struct nr_flow_numbers, taken)),
		exporters ? json_object_array_length(exporters) : 0);
	json_object_object_get_ex(sum, "dropped", &dropped);
	print_counts(stream, nr_says("dropped", "破棄"), dropped);
	json_object_object_get_ex(sum, "lost", &lost);
	print_counts(stream, nr_says("lost", "損失"), lost);
	if (keep->conf.archive)
		fprintf(stream,
			nr_says("archive: %llu flows, %llu bytes, %llu not kept\n",
				"アーカイブ: フロー %llu 件、%llu バイト、未保存 %llu 件\n"),
			(unsigned long long)keep->shown.archive.flows,
			(unsigned long long)keep->shown.archive.bytes,
			(unsigned long long)keep->shown.refused);
	json_object_put(sum);
	return 0;
}
