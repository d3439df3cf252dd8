/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/ledger_index.h"

#include <errno.h>
#include <string.h>

#define ENTRY_DEPTH 8
#define HOURS       (24 * 62)
#define DAYS        (366 * 10)
#define HOURS_SHOWN (24 * 7)

int nr_ledger_index_init(struct nr_ledger_index *index, struct nr_error *error)
{
	*index = (struct nr_ledger_index){.kind_count = 0};
	snprintf(index->kinds[NR_LEDGER_OTHER], NR_LEDGER_KIND_TEXT, "other");
	index->hours = calloc(HOURS, sizeof *index->hours);
	index->days = calloc(DAYS, sizeof *index->days);
	index->points = calloc(NR_CLOCK_POINTS, sizeof *index->points);
	if (index->hours && index->days && index->points)
		return 0;
	nr_ledger_index_fini(index);
	return nr_fail(error, -ENOMEM, "out of memory");
}

void nr_ledger_index_fini(struct nr_ledger_index *index)
{
	for (size_t i = 0; index->points && i < NR_CLOCK_POINTS; i++)
		free(index->points[i].references);
	free(index->points);
	free(index->hours);
	free(index->days);
	free(index->blocks);
	*index = (struct nr_ledger_index){.kind_count = 0};
}

/* ---- an entry ---- */

struct json_object *nr_ledger_entry_parse(const void *bytes, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(ENTRY_DEPTH);
	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *object = json_tokener_parse_ex(tokener, bytes, (int)length);
	bool whole = object && json_tokener_get_error(tokener) == json_tokener_success &&
		     json_tokener_get_parse_end(tokener) == length &&
		     json_object_is_type(object, json_type_object);
	json_tokener_free(tokener);
	if (whole)
		return object;
	json_object_put(object);
	return NULL;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;
	bool is_text = json_object_object_get_ex(object, name, &value) &&
		       json_object_is_type(value, json_type_string);
	return is_text ? json_object_get_string(value) : "";
}

/* False: there is no such number, and *ret_number stays. */
static bool number_of(struct json_object *object, const char *name, int64_t *ret_number)
{
	struct json_object *value;
	if (!json_object_object_get_ex(object, name, &value) || !json_object_is_type(value, json_type_int))
		return false;
	*ret_number = json_object_get_int64(value);
	return true;
}

static nr_time time_of(struct json_object *object, const char *name, nr_time none)
{
	nr_time time;
	const char *text = text_of(object, name);
	return *text && nr_time_parse(text, &time, NULL) == 0 ? time : none;
}

/* Names are small letters, digits and hyphens; anything else is no kind. */
static bool is_kind(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length > 0 && length < NR_LEDGER_KIND_TEXT && !text[length];
}

void nr_ledger_entry_read(struct json_object *entry, char kind[static NR_LEDGER_KIND_TEXT], nr_time *ret_time)
{
	const char *name = entry ? text_of(entry, "kind") : "";
	snprintf(kind, NR_LEDGER_KIND_TEXT, "%.31s", is_kind(name) ? name : "");
	*ret_time = entry ? time_of(entry, "time", NR_TIME_MIN) : NR_TIME_MIN;
}

/* ---- counting ---- */

size_t nr_ledger_index_kind(const struct nr_ledger_index *index, const char *name)
{
	for (size_t i = 0; i < index->kind_count; i++) {
		if (strcmp(index->kinds[i], name) == 0)
			return i;
	}
	return strcmp(name, index->kinds[NR_LEDGER_OTHER]) == 0 ? NR_LEDGER_OTHER : NR_LEDGER_KINDS;
}

static size_t kind_number(struct nr_ledger_index *index, const char *name)
{
	size_t kind = *name ? nr_ledger_index_kind(index, name) : NR_LEDGER_OTHER;
	if (kind < NR_LEDGER_KINDS)
		return kind;
	if (index->kind_count == NR_LEDGER_OTHER)
		return NR_LEDGER_OTHER;
	snprintf(index->kinds[index->kind_count], NR_LEDGER_KIND_TEXT, "%.31s", name);
	return index->kind_count++;
}

/* The ring keeps the newest span of each place; what is older than it is in the totals alone. */
static void count_in(struct nr_ledger_span *ring, size_t room, nr_time step, nr_time time, size_t kind)
{
	nr_time start = nr_time_floor(time, step);
	struct nr_ledger_span *span = &ring[(size_t)(start / step) % room];
	if (start < span->start)
		return;
	if (start > span->start)
		*span = (struct nr_ledger_span){.start = start};
	span->counts[kind] += span->counts[kind] < UINT32_MAX;
}

static int mark_block(struct nr_ledger_index *index, size_t kind, struct nr_error *error)
{
	size_t block = index->entries / NR_LEDGER_BLOCK;
	if (block >= index->block_room) {
		size_t room = NR_MAX(index->block_room * 2, (size_t)1024);
		uint16_t *blocks = reallocarray(index->blocks, room, sizeof *blocks);
		if (!blocks)
			return nr_fail(error, -ENOMEM, "out of memory");
		memset(blocks + index->block_room, 0, (room - index->block_room) * sizeof *blocks);
		index->blocks = blocks;
		index->block_room = room;
	}
	index->blocks[block] = (uint16_t)(index->blocks[block] | 1u << kind);
	return 0;
}

/* ---- the clock ---- */

static void read_tally(struct json_object *object, struct nr_clock_tally *tally)
{
	snprintf(tally->name, sizeof tally->name, "%.63s", text_of(object, "name"));
	number_of(object, "asked", &tally->asked);
	number_of(object, "answered", &tally->answered);
	tally->heard = number_of(object, "min_us", &tally->min) &&
		       number_of(object, "mean_us", &tally->mean) &&
		       number_of(object, "max_us", &tally->max) && number_of(object, "p95_us", &tally->p95);
	number_of(object, "bound_max_us", &tally->bound_max);
}

static void read_references(struct json_object *entry, struct nr_clock_point *point)
{
	struct json_object *list;
	if (!json_object_object_get_ex(entry, "references", &list) ||
		!json_object_is_type(list, json_type_array))
		return;
	size_t count = NR_MIN(json_object_array_length(list), (size_t)NR_CLOCK_REFERENCES);
	point->references = count ? calloc(count, sizeof *point->references) : NULL;
	for (size_t i = 0; point->references && i < count; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		if (json_object_is_type(one, json_type_object))
			read_tally(one, &point->references[point->reference_count++]);
	}
}

static void add_point(struct nr_ledger_index *index, struct json_object *entry, nr_time time)
{
	struct nr_clock_point *point = &index->points[index->point_count++ % NR_CLOCK_POINTS];
	free(point->references);
	*point = (struct nr_clock_point){.time = time, .run = strcmp(text_of(entry, "state"), "run") == 0};
	snprintf(point->reason, sizeof point->reason, "%.23s", text_of(entry, "reason"));
	point->known =
		number_of(entry, "offset_us", &point->offset) && number_of(entry, "bound_us", &point->bound);
	number_of(entry, "agreeing", &point->agreeing);
	number_of(entry, "held_us", &point->held);
	number_of(entry, "bound_max_us", &point->bound_max);
	point->hour = time_of(entry, "hour", 0);
	if (point->hour)
		read_references(entry, point);
}

int nr_ledger_index_add(
	struct nr_ledger_index *index, const void *bytes, size_t length, nr_time now, struct nr_error *error)
{
	char name[NR_LEDGER_KIND_TEXT];
	nr_time time;
	struct json_object *entry = nr_ledger_entry_parse(bytes, length);
	nr_ledger_entry_read(entry, name, &time);
	size_t kind = kind_number(index, name);
	int e = mark_block(index, kind, error);
	bool dated = time >= 0 && time <= now + NR_DAY;
	if (!e) {
		index->entries++;
		index->totals[kind]++;
		index->undated += !dated;
	}
	if (!e && dated) {
		count_in(index->hours, HOURS, NR_HOUR, time, kind);
		count_in(index->days, DAYS, NR_DAY, time, kind);
		if (strcmp(name, "clock") == 0)
			add_point(index, entry, time);
	}
	json_object_put(entry);
	return e;
}

/* ---- what is told ---- */

static void write_spans(const struct nr_ledger_index *index, const char *name,
	const struct nr_ledger_span *ring, size_t room, nr_time step, size_t shown, struct nr_json *json)
{
	nr_time newest = 0;
	for (size_t i = 0; i < room; i++)
		newest = NR_MAX(newest, ring[i].start);
	nr_time first = NR_MAX(newest - (nr_time)(shown - 1) * step, (nr_time)0);
	nr_json_array(json, name);
	for (nr_time at = first; newest && at <= newest; at += step) {
		const struct nr_ledger_span *span = &ring[(size_t)(at / step) % room];
		for (size_t kind = 0; span->start == at && kind < NR_LEDGER_KINDS; kind++) {
			if (!span->counts[kind])
				continue;
			nr_json_object(json, NULL);
			nr_json_time(json, "time", at);
			nr_json_text(json, "kind", index->kinds[kind]);
			nr_json_uint(json, "entries", span->counts[kind]);
			nr_json_object_end(json);
		}
	}
	nr_json_array_end(json);
}

void nr_ledger_index_write(const struct nr_ledger_index *index, struct nr_json *json)
{
	nr_json_uint(json, "entries", index->entries);
	nr_json_uint(json, "undated", index->undated);
	nr_json_array(json, "kinds");
	for (size_t i = 0; i < NR_LEDGER_KINDS; i++) {
		if (!index->totals[i])
			continue;
		nr_json_object(json, NULL);
		nr_json_text(json, "kind", index->kinds[i]);
		nr_json_uint(json, "entries", index->totals[i]);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	write_spans(index, "hours", index->hours, HOURS, NR_HOUR, HOURS_SHOWN, json);
	write_spans(index, "days", index->days, DAYS, NR_DAY, DAYS, json);
}

static void write_number(struct nr_json *json, const char *name, bool known, int64_t value)
{
	if (known)
		nr_json_int(json, name, value);
	else
		nr_json_null(json, name);
}

static void write_point(const struct nr_clock_point *point, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_time(json, "time", point->time);
	nr_json_text(json, "state", point->run ? "run" : "hold");
	nr_json_text(json, "reason", point->reason);
	write_number(json, "offset_us", point->known, point->offset);
	write_number(json, "bound_us", point->known, point->bound);
	nr_json_int(json, "agreeing", point->agreeing);
	nr_json_object_end(json);
}

static void write_tally(const struct nr_clock_tally *tally, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "name", tally->name);
	nr_json_int(json, "asked", tally->asked);
	nr_json_int(json, "answered", tally->answered);
	write_number(json, "min_us", tally->heard, tally->min);
	write_number(json, "mean_us", tally->heard, tally->mean);
	write_number(json, "max_us", tally->heard, tally->max);
	write_number(json, "p95_us", tally->heard, tally->p95);
	write_number(json, "bound_max_us", tally->heard, tally->bound_max);
	nr_json_object_end(json);
}

static void write_hour(const struct nr_clock_point *point, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_time(json, "hour", point->hour);
	nr_json_int(json, "held_us", point->held);
	nr_json_int(json, "bound_max_us", point->bound_max);
	nr_json_array(json, "references");
	for (size_t i = 0; i < point->reference_count; i++)
		write_tally(&point->references[i], json);
	nr_json_array_end(json);
	nr_json_object_end(json);
}

static void write_each(
	const struct nr_ledger_index *index, nr_time from, nr_time to, bool hours, struct nr_json *json)
{
	uint64_t count = NR_MIN(index->point_count, (uint64_t)NR_CLOCK_POINTS);
	for (uint64_t i = index->point_count - count; i < index->point_count; i++) {
		const struct nr_clock_point *point = &index->points[i % NR_CLOCK_POINTS];
		if (point->time < from || point->time >= to)
			continue;
		if (!hours)
			write_point(point, json);
		else if (point->hour)
			write_hour(point, json);
	}
}

void nr_ledger_index_write_clock(
	const struct nr_ledger_index *index, nr_time from, nr_time to, struct nr_json *json)
{
	uint64_t kept = NR_MIN(index->point_count, (uint64_t)NR_CLOCK_POINTS);
	nr_json_uint(json, "forgotten", index->point_count - kept);
	nr_json_array(json, "points");
	write_each(index, from, to, false, json);
	nr_json_array_end(json);
	nr_json_array(json, "hours");
	write_each(index, from, to, true, json);
	nr_json_array_end(json);
}
