/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/audit.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define DEPTH 8

/* ---- reading ---- */

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;
	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

/* 0 where there is none; times are bounded, so that sums of a month cannot overflow. */
static nr_time number_of(struct json_object *object, const char *name)
{
	struct json_object *value;
	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_int))
		return 0;
	nr_time number = json_object_get_int64(value);
	return NR_MAX(NR_MIN(number, 400 * NR_DAY), -400 * NR_DAY);
}

static void copy_text(struct json_object *object, const char *name, char *ret_text, size_t room)
{
	const char *text = text_of(object, name);
	if (text)
		snprintf(ret_text, room, "%s", text);
}

static enum nr_clock_reason reason_of(const char *name)
{
	for (unsigned i = 0; name && i < NR_CLOCK_REASONS; i++) {
		if (strcmp(name, nr_clock_reason_names[i]) == 0)
			return (enum nr_clock_reason)i;
	}
	return NR_CLOCK_REASONS;
}

/* ---- the month ---- */

int nr_audit_init(struct nr_audit *audit, const char *month, struct nr_error *error)
{
	char text[40];
	unsigned year, number;
	int used = 0;
	*audit = (struct nr_audit){0};
	if (!month || strlen(month) != 7 || sscanf(month, "%4u-%2u%n", &year, &number, &used) != 2 ||
		used != 7 || number < 1 || number > 12 || year < 1970 || year > 9998)
		return nr_fail(
			error, -EINVAL, "--month %.20s: must be a month such as 2026-11", month ? month : "");
	snprintf(text, sizeof text, "%04u-%02u-01T00:00:00Z", year, number);
	int e = nr_time_parse(text, &audit->from, error);
	snprintf(text, sizeof text, "%04u-%02u-01T00:00:00Z", year + (number == 12), number % 12 + 1);
	e = e ? e : nr_time_parse(text, &audit->until, error);
	if (e)
		return e;
	audit->day_count = (unsigned)((audit->until - audit->from) / NR_DAY);
	audit->tree = calloc(1, sizeof *audit->tree);
	audit->breaks = calloc(NR_AUDIT_BREAKS_MAX, sizeof *audit->breaks);
	audit->tokener = json_tokener_new_ex(DEPTH);
	if (!audit->tree || !audit->breaks || !audit->tokener) {
		nr_audit_fini(audit);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	return 0;
}

void nr_audit_fini(struct nr_audit *audit)
{
	free(audit->tree);
	free(audit->breaks);
	if (audit->tokener)
		json_tokener_free(audit->tokener);
	audit->tokener = NULL;
	audit->tree = NULL;
	audit->breaks = NULL;
}

static struct nr_audit_day *day_of(struct nr_audit *audit, nr_time time)
{
	return time < audit->from || time >= audit->until ? NULL
							  : &audit->days[(time - audit->from) / NR_DAY];
}

/* ---- entries of the clock ---- */

static struct nr_audit_source *source_of(struct nr_audit *audit, const char *name)
{
	for (size_t i = 0; i < audit->source_count; i++) {
		if (strcmp(audit->sources[i].name, name) == 0)
			return &audit->sources[i];
	}
	if (audit->source_count == NR_COUNT(audit->sources))
		return NULL;
	struct nr_audit_source *source = &audit->sources[audit->source_count++];
	*source = (struct nr_audit_source){.min = NR_TIME_MAX, .max = NR_TIME_MIN};
	snprintf(source->name, sizeof source->name, "%s", name);
	return source;
}

static void add_source(struct nr_audit *audit, struct json_object *reference)
{
	const char *name = text_of(reference, "name");
	struct nr_audit_source *source = name ? source_of(audit, name) : NULL;
	if (!source) {
		audit->unreadable++;
		return;
	}
	nr_time answered = NR_MAX(number_of(reference, "answered"), 0);
	source->asked += (uint64_t)NR_MAX(number_of(reference, "asked"), 0);
	source->answered += (uint64_t)answered;
	if (answered == 0)
		return;
	nr_time mean = number_of(reference, "mean_us"), p95 = number_of(reference, "p95_us"), sum;
	source->min = NR_MIN(source->min, number_of(reference, "min_us"));
	source->max = NR_MAX(source->max, number_of(reference, "max_us"));
	source->p95 = NR_MAX(source->p95, p95);
	source->bound_max = NR_MAX(source->bound_max, number_of(reference, "bound_max_us"));
	if (!__builtin_mul_overflow(mean, answered, &sum) && !__builtin_add_overflow(source->sum, sum, &sum))
		source->sum = sum;
}

static void add_summary(struct nr_audit *audit, struct json_object *entry, nr_time time)
{
	struct json_object *held = NULL, *references = NULL, *leap = NULL;
	nr_time hour;
	const char *text = text_of(entry, "hour");
	struct nr_audit_day *day = day_of(audit, text && nr_time_parse(text, &hour, NULL) == 0 ? hour : time);
	if (!day)
		return;
	day->span += number_of(entry, "span_us");
	day->offset_max = NR_MAX(day->offset_max, number_of(entry, "offset_max_us"));
	day->bound_max = NR_MAX(day->bound_max, number_of(entry, "bound_max_us"));
	json_object_object_get_ex(entry, "held_us", &held);
	for (unsigned i = 0; held && json_object_is_type(held, json_type_object) && i < NR_CLOCK_REASONS;
		i++) {
		nr_time length = number_of(held, nr_clock_reason_names[i]);
		day->held += length;
		day->reasons[i] = day->reasons[i] || length > 0;
	}
	if (json_object_object_get_ex(entry, "leap", &leap) && json_object_get_boolean(leap))
		audit->leap = true;
	json_object_object_get_ex(entry, "references", &references);
	size_t count = references && json_object_is_type(references, json_type_array)
			       ? json_object_array_length(references)
			       : 0;
	for (size_t i = 0; i < count; i++)
		add_source(audit, json_object_array_get_idx(references, i));
}

/* The first reason is why it holds; that it settles is how each ends. */
static void begin_break(struct nr_audit *audit, nr_time time, enum nr_clock_reason reason)
{
	if (audit->holding) {
		struct nr_audit_break *last =
			audit->break_count ? &audit->breaks[audit->break_count - 1] : NULL;
		if (last && last->end == NR_TIME_MAX && last->reason == NR_CLOCK_SETTLING)
			last->reason = reason;
		return;
	}
	audit->holding = true;
	if (audit->break_count == NR_AUDIT_BREAKS_MAX) {
		audit->breaks_dropped++;
		return;
	}
	audit->breaks[audit->break_count++] =
		(struct nr_audit_break){.start = time, .end = NR_TIME_MAX, .reason = reason};
}

static void end_break(struct nr_audit *audit, nr_time time)
{
	struct nr_audit_break *last = audit->break_count ? &audit->breaks[audit->break_count - 1] : NULL;
	if (audit->holding && last && last->end == NR_TIME_MAX)
		last->end = NR_MAX(time, last->start);
	audit->holding = false;
}

static void add_clock(struct nr_audit *audit, struct json_object *entry, nr_time time)
{
	const char *event = text_of(entry, "event"), *state = text_of(entry, "state");
	enum nr_clock_reason reason = reason_of(text_of(entry, "reason"));
	if (!event || !state || reason == NR_CLOCK_REASONS) {
		audit->unreadable++;
		return;
	}
	if (strcmp(event, "start") == 0)
		end_break(audit, audit->last); /* of one that was killed */
	if (strcmp(event, "confirm") == 0)
		audit->confirmed++;
	if (strcmp(state, "hold") == 0)
		begin_break(audit, time, reason);
	else
		end_break(audit, time);
	if (strcmp(event, "hour") == 0 || strcmp(event, "end") == 0)
		add_summary(audit, entry, time);
	if (strcmp(event, "end") == 0)
		end_break(audit, time);
	audit->last = time;
}

/* ---- other entries ---- */

static void add_authority(struct nr_audit *audit, struct json_object *entry)
{
	struct json_object *checked;
	copy_text(entry, "name", audit->name, sizeof audit->name);
	copy_text(entry, "certificate_serial", audit->certificate_serial, sizeof audit->certificate_serial);
	copy_text(entry, "key", audit->key, sizeof audit->key);
	copy_text(entry, "policy", audit->policy, sizeof audit->policy);
	audit->checked =
		json_object_object_get_ex(entry, "checked", &checked) && json_object_get_boolean(checked);
	audit->starts++;
}

static void add_token(struct nr_audit *audit, struct json_object *entry, nr_time time)
{
	struct nr_audit_day *day = day_of(audit, time);
	const char *serial = text_of(entry, "serial");
	struct nr_audit_break *last = audit->break_count ? &audit->breaks[audit->break_count - 1] : NULL;
	if (!day || !serial) {
		audit->unreadable++;
		return;
	}
	day->tokens++;
	audit->tokens++;
	if (!*audit->first_serial)
		snprintf(audit->first_serial, sizeof audit->first_serial, "%s", serial);
	snprintf(audit->last_serial, sizeof audit->last_serial, "%s", serial);
	nr_time bound = number_of(entry, "bound_us");
	audit->token_bound_max = NR_MAX(audit->token_bound_max, bound);
	audit->tokens_outside += bound > NR_CLOCK_LIMIT;
	/* entries of tokens that were signed just before may come after that of the break */
	if (last && time > last->start && time < last->end)
		last->tokens++;
}

static void add_object(struct nr_audit *audit, struct json_object *entry, nr_time time)
{
	const char *kind = text_of(entry, "kind");
	audit->entries++;
	if (kind && strcmp(kind, "clock") == 0)
		add_clock(audit, entry, time);
	else if (kind && strcmp(kind, "authority") == 0)
		add_authority(audit, entry);
	else if (kind && strcmp(kind, "token") == 0)
		add_token(audit, entry, time);
}

/* What was before the month: who it is that goes on, and whether it held. */
static void add_before(struct nr_audit *audit, struct json_object *entry)
{
	const char *kind = text_of(entry, "kind"), *event = text_of(entry, "event"), *state;
	enum nr_clock_reason reason = reason_of(text_of(entry, "reason"));
	if (kind && strcmp(kind, "authority") == 0)
		add_authority(audit, entry);
	if (!kind || strcmp(kind, "clock") != 0 || !event || reason == NR_CLOCK_REASONS)
		return;
	state = text_of(entry, "state");
	audit->before =
		state && strcmp(state, "hold") == 0 && strcmp(event, "end") != 0 ? reason : NR_CLOCK_FINE;
}

static void keep_end(struct nr_audit *audit, unsigned which)
{
	audit->ends[which].size = audit->tree->size;
	nr_tree_root(audit->tree, &audit->ends[which].root);
}

static void begin_month(struct nr_audit *audit)
{
	if (audit->begun)
		return;
	audit->begun = true;
	audit->starts = 0;
	keep_end(audit, 0);
	if (audit->before != NR_CLOCK_FINE)
		begin_break(audit, audit->from, audit->before);
}

static int ignore_tile(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes)
{
	(void)context, (void)level, (void)index, (void)hashes;
	return 0;
}

static bool is_ours(struct json_object *entry)
{
	const char *kind = text_of(entry, "kind");
	return kind &&
	       (strcmp(kind, "clock") == 0 || strcmp(kind, "authority") == 0 || strcmp(kind, "token") == 0);
}

/* The authority's own entries say which month it is: others may be about another time. */
static void add_ours(struct nr_audit *audit, struct json_object *entry, nr_time time)
{
	if (time >= audit->from)
		begin_month(audit);
	if (time >= audit->until)
		audit->over = true;
	else if (time >= audit->from)
		add_object(audit, entry, time);
	else if (!audit->begun)
		add_before(audit, entry);
}

int nr_audit_add(struct nr_audit *audit, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct nr_hash leaf;
	nr_time time = 0;
	if (audit->over)
		return 0;
	json_tokener_reset(audit->tokener);
	struct json_object *object = json_tokener_parse_ex(audit->tokener, (const char *)entry, (int)length);
	const char *text =
		object && json_object_is_type(object, json_type_object) ? text_of(object, "time") : NULL;
	bool timed = text && nr_time_parse(text, &time, NULL) == 0;
	if (timed && is_ours(object))
		add_ours(audit, object, time);
	audit->unreadable += audit->begun && !audit->over && !timed;
	json_object_put(object);
	if (audit->over) {
		keep_end(audit, 1);
		return 0;
	}
	nr_merkle_leaf(entry, length, &leaf);
	return nr_tree_add(audit->tree, &leaf, ignore_tile, NULL)
		       ? nr_fail(error, -EIO, "the tree cannot be made")
		       : 0;
}

void nr_audit_finish(struct nr_audit *audit)
{
	if (!audit->begun)
		keep_end(audit, 0);
	if (!audit->over)
		keep_end(audit, 1);
}

/* ---- judging ---- */

bool nr_audit_is_anomaly(const struct nr_audit_break *pause)
{
	return pause->reason == NR_CLOCK_BEYOND_LIMIT || pause->reason == NR_CLOCK_VETO ||
	       pause->reason == NR_CLOCK_STEPPED || pause->reason == NR_CLOCK_SUSPENDED;
}

bool nr_audit_is_good(const struct nr_audit *audit)
{
	for (size_t i = 0; i < audit->break_count; i++) {
		if (audit->breaks[i].tokens)
			return false;
	}
	return audit->checked && audit->begun && audit->tokens_outside == 0 && audit->unreadable == 0 &&
	       audit->breaks_dropped == 0;
}
