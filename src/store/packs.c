/* SPDX-License-Identifier: Apache-2.0 */
#include "store/packs_inside.h"

#include <errno.h>

#define GATHERED_MAX (16u << 20) /* bytes in all packers, unless nr_store_memory() says otherwise */

struct nr_packs *nr_packs_new(struct nr_store *store)
{
	struct nr_packs *packs = calloc(1, sizeof *packs);
	if (!packs)
		return NULL;
	packs->store = store;
	packs->gathered_max = GATHERED_MAX;
	return packs;
}

void nr_packs_limit(struct nr_packs *packs, size_t bytes)
{
	packs->gathered_max = bytes;
}

static void close_all(struct nr_packs *packs)
{
	for (size_t i = 0; i < packs->open_count; i++)
		nr_packer_fini(&packs->open[i].packer);
	packs->open_count = packs->latest = packs->gathered = 0;
}

void nr_packs_forget(struct nr_packs *packs)
{
	close_all(packs);
	nr_packs_file_forget(packs);
}

void nr_packs_free(struct nr_packs *packs)
{
	if (!packs)
		return;
	nr_packs_forget(packs);
	for (size_t i = 0; i < NR_PACKS_STATEMENTS; i++)
		sqlite3_finalize(packs->statements[i]);
	free(packs);
}

enum nr_keeping nr_keeping_of(const struct nr_table *table, enum nr_pack_kind *ret_kind)
{
	if (!table->time_column)
		return NR_KEEP_NOT_AT_ALL;
	for (size_t i = 0; i < NR_PACK_KINDS; i++) {
		if (strcmp(nr_layouts[i].name, table->name) != 0)
			continue;
		*ret_kind = (enum nr_pack_kind)i;
		return i == NR_PACK_SOURCE ? NR_KEEP_BOTH : NR_KEEP_PACKS;
	}
	return NR_KEEP_ROWS;
}

/* ---- rows in ---- */

static const struct nr_column *column_of(const struct nr_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	}
	return NULL;
}

static const struct nr_mapping *mapping_of(
	struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_table *table)
{
	struct nr_mapping *mapping = &packs->mappings[kind];
	if (mapping->table == table)
		return mapping;
	*mapping = (struct nr_mapping){table, column_of(table, "sensor"), column_of(table, "step"),
		column_of(table, "time"), column_of(table, "traffic"), column_of(table, "sketch"), {0}};
	for (size_t i = 0; i < nr_layouts[kind].lanes; i++)
		mapping->lane[i] = column_of(table, nr_layouts[kind].lane[i].name);
	return mapping;
}

/* Counters are unsigned in C and signed in SQL. */
static uint64_t clamp(uint64_t value)
{
	return NR_MIN(value, (uint64_t)INT64_MAX);
}

/* second: the lower half of an address. */
static int read_lane(struct nr_packs *packs, const struct nr_column *column, const char *row, bool second,
	uint64_t *ret_value, struct nr_error *error)
{
	const void *field = column ? row + column->offset : NULL;
	uint64_t high, low;
	switch (column ? column->type : NR_TYPE_BYTES) {
	case NR_TYPE_UINT8:
		*ret_value = *(const uint8_t *)field;
		return 0;
	case NR_TYPE_UINT16:
		*ret_value = *(const uint16_t *)field;
		return 0;
	case NR_TYPE_UINT32:
		*ret_value = *(const uint32_t *)field;
		return 0;
	case NR_TYPE_UINT64:
		*ret_value = clamp(*(const uint64_t *)field);
		return 0;
	case NR_TYPE_REAL:
		*ret_value = nr_lane_of_real(*(const double *)field);
		return 0;
	case NR_TYPE_TIME:
		*ret_value = (uint64_t) * (const nr_time *)field;
		return 0;
	case NR_TYPE_ADDRESS:
		nr_pack_address(field, &high, &low);
		*ret_value = second ? low : high;
		return 0;
	case NR_TYPE_TEXT:
		return nr_packs_word(packs, *(const char *const *)field, ret_value, error);
	case NR_TYPE_BYTES:
		break;
	}
	*ret_value = 0; /* a lane that comes later */
	return 0;
}

static int add_row(struct nr_packs *packs, const struct nr_mapping *mapping, struct nr_packer *packer,
	const char *row, struct nr_error *error)
{
	uint64_t lanes[NR_PACK_LANES_MAX];
	for (size_t i = 0; i < packer->layout->lanes; i++) {
		bool second = i && packer->layout->lane[i].type == NR_TYPE_ADDRESS &&
			      packer->layout->lane[i - 1].type == NR_TYPE_ADDRESS;
		int status = read_lane(packs, mapping->lane[i], row, second, &lanes[i], error);
		if (status)
			return status;
	}
	static const struct nr_bytes none;
	const struct nr_bytes *sketch =
		mapping->sketch ? (const struct nr_bytes *)(row + mapping->sketch->offset) : &none;
	return nr_packer_add(packer, lanes, sketch->data, sketch->data ? sketch->length : 0, error);
}

/* The packer of a row's step. The latest one is asked first: rows come in blocks of one step. */
static int open_pack_of(struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_mapping *mapping,
	const char *row, struct nr_open_pack **ret_open, struct nr_error *error)
{
	const char *sensor = *(const char *const *)(row + mapping->sensor->offset);
	uint32_t step = mapping->step ? *(const uint32_t *)(row + mapping->step->offset) : NR_STEP_DAY;
	nr_time time = nr_time_floor(*(const nr_time *)(row + mapping->time->offset), step * NR_SECOND);
	uint8_t traffic = mapping->traffic ? *(const uint8_t *)(row + mapping->traffic->offset) : 0;
	int64_t session = packs->store->sink.session;
	for (size_t i = 0; i < packs->open_count; i++) {
		struct nr_open_pack *open = &packs->open[(packs->latest + i) % packs->open_count];
		const struct nr_series *series = open->series;
		if (open->time == time && open->session == session && series->kind == kind &&
			series->step == step && series->traffic == traffic &&
			strcmp(series->sensor, sensor ? sensor : "") == 0) {
			packs->latest = (packs->latest + i) % packs->open_count;
			*ret_open = open;
			return 0;
		}
	}
	/* not in the middle of a step, which would be read again with its next row */
	bool full = packs->open_count == NR_OPEN_PACKS_MAX || packs->gathered >= packs->gathered_max;
	int status = full ? nr_packs_flush(packs, error) : 0;
	const struct nr_series *series = NULL;
	if (!status)
		status = nr_packs_series_of(packs, kind, sensor ? sensor : "", step, traffic, &series, error);
	if (status)
		return status;
	packs->latest = packs->open_count++;
	packs->open[packs->latest] =
		(struct nr_open_pack){series, time, session, {.layout = &nr_layouts[kind]}};
	*ret_open = &packs->open[packs->latest];
	return 0;
}

/* A failure leaves a part of the block behind: the caller gives the whole transaction up then. */
int nr_packs_add(struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_table *table,
	const void *rows, size_t count, struct nr_error *error)
{
	const struct nr_mapping *mapping = mapping_of(packs, kind, table);
	for (size_t i = 0; i < count; i++) {
		const char *row = (const char *)rows + i * table->row_size;
		struct nr_open_pack *open = NULL;
		int status = open_pack_of(packs, kind, mapping, row, &open, error);
		size_t before = open ? nr_packer_bytes(&open->packer) : 0;
		if (!status)
			status = add_row(packs, mapping, &open->packer, row, error);
		packs->gathered += open ? nr_packer_bytes(&open->packer) - before : 0;
		if (status)
			return status;
	}
	return 0;
}

/* ---- what follows from a pack ---- */

/* Origins by country: a ranking of countries would merge the sketches of all networks otherwise. */
static int put_countries(struct nr_packs *packs, const struct nr_open_pack *open,
	const struct nr_packer *origins, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer countries = {.layout = &nr_layouts[NR_PACK_COUNTRY]};
	int64_t series = 0;
	bool changed;
	int status = nr_packs_series(packs, NR_PACK_COUNTRY, open->series->sensor, open->series->step,
		open->series->traffic, &series, error);
	if (!status)
		status = nr_packs_countries(packs, origins, &countries, error);
	return status ? status : nr_packs_put(packs, series, open->time, &countries, &changed, error);
}

/* The ports of a source lie together, too. */
static int put_knocks(struct nr_packs *packs, const struct nr_open_pack *open, const struct nr_packer *ports,
	struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer knocks = {.layout = &nr_layouts[NR_PACK_KNOCK]};
	int64_t series = 0;
	bool changed;
	int status =
		nr_packs_series(packs, NR_PACK_KNOCK, open->series->sensor, NR_STEP_DAY, 0, &series, error);
	for (size_t i = 0; i < ports->count && !status; i++) {
		const uint64_t *row = nr_packer_row(ports, i);
		uint64_t lanes[] = {row[NR_SOURCE_PORT_HIGH], row[NR_SOURCE_PORT_LOW],
			row[NR_SOURCE_PORT_PROTOCOL], row[NR_SOURCE_PORT_PORT], row[NR_SOURCE_PORT_PACKETS],
			row[NR_SOURCE_PORT_BYTES]};
		status = nr_packer_add(&knocks, lanes, NULL, 0, error);
	}
	if (!status)
		status = nr_packer_sort(&knocks, error);
	return status ? status : nr_packs_put(packs, series, open->time, &knocks, &changed, error);
}

static int put_classes(struct nr_packs *packs, const struct nr_packer *ports, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_CLASS, &statement, error);
	for (size_t i = 0; !status && i < ports->count; i++) {
		const uint64_t *row = nr_packer_row(ports, i);
		sqlite3_bind_int64(statement, 1, (int64_t)row[NR_PORT_PROTOCOL]);
		sqlite3_bind_int64(statement, 2, (int64_t)row[NR_PORT_PORT]);
		sqlite3_bind_int64(statement, 3, (int64_t)row[NR_PORT_CLASS]);
		status = nr_packs_run(packs, statement, NULL, NULL, error);
	}
	return status;
}

static int note_exactness(struct nr_packs *packs, const struct nr_open_pack *open,
	const struct nr_packer *counts, struct nr_error *error)
{
	size_t which = NR_PACKS_EXACT;
	for (size_t i = 0; i < counts->count; i++) {
		if (nr_packer_row(counts, i)[NR_TRAFFIC_ERROR] != nr_lane_of_real(0))
			which = NR_PACKS_INEXACT;
	}
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, which, &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, open->series->sensor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, open->time);
	sqlite3_bind_int(statement, 3, open->series->traffic);
	return nr_packs_run(packs, statement, NULL, NULL, error);
}

/* What else the file says of a step whose rows have changed. */
static int put_what_follows(struct nr_packs *packs, const struct nr_open_pack *open,
	const struct nr_packer *packer, struct nr_error *error)
{
	const struct nr_series *series = open->series;
	int status = 0;
	if (series->kind == NR_PACK_ORIGIN && series->step == NR_STEP_DAY)
		status = put_countries(packs, open, packer, error);
	if (!status && series->kind == NR_PACK_SOURCE_PORT)
		status = put_knocks(packs, open, packer, error);
	if (!status && series->kind == NR_PACK_PORT && series->step >= NR_STEP_HOUR && !series->traffic)
		status = put_classes(packs, packer, error);
	if (!status && series->kind == NR_PACK_TRAFFIC && series->step == NR_STEP_DAY)
		status = note_exactness(packs, open, packer, error);
	if (!status && series->step == NR_STEP_DAY)
		status = nr_months_touch(packs->store, series->sensor, open->time, error);
	return status;
}

static int flush_one(struct nr_packs *packs, struct nr_open_pack *open, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer stored = {.layout = open->packer.layout};
	NR_AUTO(nr_packer_fini) struct nr_packer whole = {.layout = open->packer.layout};
	struct nr_packer *packer = &open->packer;
	const struct nr_series *series = open->series;
	int64_t whose = open->session;
	bool any = false, changed = false, others = false;
	int status = nr_packs_take_whose(packs, series->id, open->time, &stored, &any, &whose, error);
	others = any && whose != open->session;
	if (!status && !others)
		status = nr_sessions_others(packs, open, &others, error);
	if (!status && others) {
		status = nr_sessions_add(packs, open, &stored, any ? whose : NR_NO_SESSION, &whole, error);
		packer = &whole;
	} else if (!status && any) {
		status = nr_packer_append(&stored, &open->packer, error);
		packer = &stored;
	}
	if (!status)
		status = nr_packer_sort(packer, error);
	if (!status)
		status = nr_packs_put_for(packs, series->id, open->time,
			others ? NR_STORE_SEVERAL : open->session, packer, &changed, error);
	return status || !changed ? status : put_what_follows(packs, open, packer, error);
}

/* ---- days that follow from hours ---- */

/* The day of one kind, out of what is stored. */
static int flush_day(struct nr_packs *packs, const struct nr_series *of, nr_time day, struct nr_error *error)
{
	struct nr_open_pack open = {
		.time = day, .session = NR_NO_SESSION, .packer = {.layout = &nr_layouts[of->kind]}};
	int status = nr_packs_series_of(
		packs, of->kind, of->sensor, NR_STEP_DAY, of->traffic, &open.series, error);
	return status ? status : flush_one(packs, &open, error);
}

/* An hour of a session that has not written its day, of a day that is there already. */
static int refresh_day(struct nr_packs *packs, const struct nr_open_pack *hour, struct nr_error *error)
{
	const struct nr_series *series = hour->series;
	int64_t days = 0;
	bool lacks = false;
	if (series->step != NR_STEP_HOUR || !nr_sessions_have_hours(series->kind))
		return 0;
	int status = nr_packs_series(
		packs, series->kind, series->sensor, NR_STEP_DAY, series->traffic, &days, error);
	if (!status)
		status = nr_sessions_day_lacks(packs, hour, days, &lacks, error);
	return status || !lacks ? status : flush_day(packs, series, nr_time_floor(hour->time, NR_DAY), error);
}

/* Days before one that is written, of which there are only hours: the session that should have written them
 * was lost, and nobody else will. A range is taken apart into days up to the last that is there (range.c). */
static int complete_days(struct nr_packs *packs, const struct nr_open_pack *last, struct nr_error *error)
{
	struct nr_series series = *last->series;
	nr_time day = NR_TIME_MIN;
	if (series.step != NR_STEP_DAY || series.kind != NR_PACK_TRAFFIC || series.traffic)
		return 0;
	int status = nr_sessions_last_day(packs, series.sensor, last->time, &day, error);
	while (!status) {
		nr_time from = day == NR_TIME_MIN ? day : day + NR_DAY;
		status = nr_sessions_next_day(packs, series.sensor, from, last->time, &day, error);
		if (day == NR_TIME_MAX)
			break;
		for (size_t i = 0; i < 2 * NR_PACK_KINDS && !status; i++) {
			series.kind = (enum nr_pack_kind)(i / 2);
			series.traffic = i % 2;
			if (nr_sessions_have_hours(series.kind))
				status = flush_day(packs, &series, day, error);
		}
	}
	return status;
}

int nr_packs_flush(struct nr_packs *packs, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < packs->open_count && !status; i++)
		status = flush_one(packs, &packs->open[i], error);
	for (size_t i = 0; i < packs->open_count && !status; i++)
		status = refresh_day(packs, &packs->open[i], error);
	for (size_t i = 0; i < packs->open_count && !status; i++)
		status = complete_days(packs, &packs->open[i], error);
	if (status)
		return status;
	close_all(packs);
	return 0;
}
