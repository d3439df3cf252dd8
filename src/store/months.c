/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Months are days added up: packs with the step of a month. A month that is due (a row of month_due) has no
 * packs; whoever asks adds its days up instead. Mark and days are written in one transaction, and so are the
 * month's packs and the mark's removal: whenever the process dies, what is read is right.
 */
#include "store/packs.h"

#include <errno.h>

#define FOLD_ROWS 200000 /* new rows of a month before they are folded into those before */

int nr_months_touch(struct nr_store *store, const char *sensor, nr_time day, struct nr_error *error)
{
	static const char *const texts[] = {
		"INSERT INTO month_due VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET turn = ?3",
		"DELETE FROM pack WHERE series IN (SELECT id FROM series WHERE sensor = ?1 AND step = "
		"2678400)"
		" AND time = ?2",
	};
	nr_time month = nr_month_floor(day);
	for (size_t i = 0; i < NR_COUNT(texts); i++) {
		NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
		int status = nr_sqlite_prepare(store->writer, store->path, texts[i], &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, sensor, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, month);
		if (i == 0)
			sqlite3_bind_int64(statement, 3, store->turn);
		if (sqlite3_step(statement) != SQLITE_DONE)
			return nr_sqlite_fail(store->writer, store->path, error);
	}
	store->months_touched = true;
	return 0;
}

/* A month of one sensor. */
struct month {
	struct nr_store *store;
	const char *sensor;
	nr_time start, end;
};

/* Country, tools and research of a port's source stand in the day's row of the source. */
static void note_facts(const struct nr_packer *sources, struct nr_packer *ports, size_t from)
{
	size_t stride = nr_packer_stride(ports);
	for (size_t i = from; i < ports->count; i++) {
		uint64_t *row = ports->rows + i * stride;
		size_t low = 0, high = sources->count;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			const uint64_t *source = nr_packer_row(sources, middle);
			if (source[0] < row[NR_SOURCE_PORT_HIGH] ||
				(source[0] == row[NR_SOURCE_PORT_HIGH] &&
					source[1] < row[NR_SOURCE_PORT_LOW]))
				low = middle + 1;
			else
				high = middle;
		}
		const uint64_t *source = low < sources->count ? nr_packer_row(sources, low) : NULL;
		if (!source || source[0] != row[NR_SOURCE_PORT_HIGH] || source[1] != row[NR_SOURCE_PORT_LOW])
			continue;
		row[NR_SOURCE_PORT_COUNTRY] = source[NR_SOURCE_COUNTRY];
		row[NR_SOURCE_PORT_TOOLS] = source[NR_SOURCE_TOOLS];
		row[NR_SOURCE_PORT_RESEARCH] = source[NR_SOURCE_RESEARCH];
	}
}

static int take_facts(
	const struct month *month, nr_time day, struct nr_packer *ports, size_t from, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer sources = {.layout = &nr_layouts[NR_PACK_SOURCE]};
	struct nr_packs *packs = month->store->packs;
	int64_t series = 0;
	bool any;
	int status = nr_packs_series(packs, NR_PACK_SOURCE, month->sensor, NR_STEP_DAY, 0, &series, error);
	if (!status)
		status = nr_packs_take(packs, series, day, &sources, &any, error);
	if (!status)
		note_facts(&sources, ports, from);
	return status;
}

static int take_days(const struct month *month, enum nr_pack_kind kind, uint8_t traffic,
	struct nr_packer *packer, struct nr_error *error)
{
	struct nr_packs *packs = month->store->packs;
	int64_t series = 0;
	size_t folded = 0;
	int status = nr_packs_series(packs, kind, month->sensor, NR_STEP_DAY, traffic, &series, error);
	for (nr_time day = month->start; day < month->end && !status; day += NR_DAY) {
		bool any;
		size_t from = packer->count;
		status = nr_packs_take(packs, series, day, packer, &any, error);
		if (!status && any && kind == NR_PACK_SOURCE_PORT)
			status = take_facts(month, day, packer, from, error);
		if (!status && packer->count > 2 * folded + FOLD_ROWS) {
			status = nr_packs_fold(packs, kind, packer, error);
			folded = packer->count;
		}
	}
	return status ? status : nr_packs_fold(packs, kind, packer, error);
}

static int add_up_kind(
	const struct month *month, enum nr_pack_kind kind, uint8_t traffic, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer packer = {.layout = &nr_layouts[kind]};
	int64_t series = 0;
	bool changed;
	int status = take_days(month, kind, traffic, &packer, error);
	if (!status)
		status = nr_packs_series(
			month->store->packs, kind, month->sensor, NR_STEP_MONTH, traffic, &series, error);
	return status ? status
		      : nr_packs_put(month->store->packs, series, month->start, &packer, &changed, error);
}

static int forget_due(const struct month *month, struct nr_error *error)
{
	struct nr_store *store = month->store;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path,
		"DELETE FROM month_due WHERE sensor = ?1 AND time = ?2", &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, month->sensor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, month->start);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : nr_sqlite_fail(store->writer, store->path, error);
}

static int add_up(const struct month *month, struct nr_error *error)
{
	struct nr_store *store = month->store;
	int status = nr_store_writer_begin(store, error);
	for (size_t i = 0; i < 2 * NR_PACK_KINDS && !status; i++)
		status = add_up_kind(month, (enum nr_pack_kind)(i / 2), i % 2, error);
	if (!status)
		status = forget_due(month, error);
	if (!status)
		return nr_store_writer_end(store, error);
	nr_store_writer_undo(store);
	return status;
}

/* One that is due and complete: the sensor has a day behind its end. */
static int next_due(
	struct nr_store *store, int64_t turn, char **ret_sensor, nr_time *ret_start, struct nr_error *error)
{
	static const char sql[] =
		"SELECT sensor, time FROM month_due m WHERE turn <> ?1 AND (SELECT max(p.time) FROM pack p "
		"WHERE p.series ="
		" (SELECT s.id FROM series s WHERE s.name = 'telescope_traffic' AND s.sensor = m.sensor"
		"  AND s.step = 86400 AND s.traffic = 0)) >= nr_month_next(m.time) LIMIT 1";
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path, sql, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, turn);
	int step = sqlite3_step(statement);
	if (step == SQLITE_DONE)
		return 0;
	if (step != SQLITE_ROW)
		return nr_sqlite_fail(store->writer, store->path, error);
	*ret_sensor = strdup((const char *)sqlite3_column_text(statement, 0));
	*ret_start = sqlite3_column_int64(statement, 1);
	return *ret_sensor ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

int nr_months_add_up(struct nr_store *store, bool all, struct nr_error *error)
{
	/* A month that is being written day by day is not added up after each of them. */
	int64_t turn = all ? -1 : store->turn;
	bool look = all || store->months_waiting;
	store->turn++;
	store->months_waiting = store->months_touched;
	store->months_touched = false;
	if (!look)
		return 0;
	for (;;) {
		NR_AUTO(nr_freep) char *sensor = NULL;
		nr_time start = 0;
		int status = next_due(store, turn, &sensor, &start, error);
		if (status || !sensor)
			return status;
		status = add_up(&(struct month){store, sensor, start, nr_month_next(start)}, error);
		if (status)
			return status;
	}
}
