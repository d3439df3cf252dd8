/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirds of months are days added up, months thirds, quarters months: packs with longer steps. One that is
 * due (a row of rollup_due) has no packs; whoever asks adds up what it is made of. Mark and days are written
 * in one transaction, and so are the packs and the mark's removal: whenever the process dies, what is read is
 * right.
 */
#include "store/packs.h"

#include <errno.h>

#define FOLD_ROWS 200000 /* new rows of a month before they are folded into those before */

static int touch(
	struct nr_store *store, const char *sensor, uint32_t step, nr_time start, struct nr_error *error)
{
	static const char *const texts[] = {
		"INSERT INTO rollup_due VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET turn = ?4",
		"DELETE FROM pack WHERE series IN (SELECT id FROM series WHERE sensor = ?1 AND step = ?2)"
		" AND time = ?3",
	};
	for (size_t i = 0; i < NR_COUNT(texts); i++) {
		NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
		int status = nr_sqlite_prepare(store->writer, store->path, texts[i], &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, sensor, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, step);
		sqlite3_bind_int64(statement, 3, start);
		if (i == 0)
			sqlite3_bind_int64(statement, 4, store->turn);
		if (sqlite3_step(statement) != SQLITE_DONE)
			return nr_sqlite_fail(store->writer, store->path, error);
	}
	return 0;
}

int nr_months_touch(struct nr_store *store, const char *sensor, nr_time day, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < NR_ROLLED && !status; i++)
		status = touch(
			store, sensor, nr_rolled_steps[i], nr_rolled_floor(nr_rolled_steps[i], day), error);
	store->months_touched = true;
	return status;
}

/* A third, month or quarter of one sensor. */
struct month {
	struct nr_store *store;
	const char *sensor;
	uint32_t step, of; /* of: the step that it is added up from */
	nr_time start, end;
};

static nr_time next_of(const struct month *month, nr_time time)
{
	return month->of == NR_STEP_DAY ? time + NR_DAY : nr_rolled_next(month->of, time);
}

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
	int status = nr_packs_series(packs, kind, month->sensor, month->of, traffic, &series, error);
	for (nr_time day = month->start; day < month->end && !status; day = next_of(month, day)) {
		bool any;
		size_t from = packer->count;
		status = nr_packs_take(packs, series, day, packer, &any, error);
		if (!status && any && kind == NR_PACK_SOURCE_PORT && month->of == NR_STEP_DAY)
			status = take_facts(month, day, packer, from, error);
		if (!status && packer->count > 2 * folded + FOLD_ROWS) {
			status = nr_packs_fold(packs, kind, packer, error);
			folded = packer->count;
		}
	}
	return status ? status : nr_packs_fold(packs, kind, packer, error);
}

/* Out of the ports of the same step, not of shorter ones: where there is such a pack, it is whole. */
static int put_protocols(const struct month *month, const struct nr_packer *ports, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer sources = {.layout = &nr_layouts[NR_PACK_PROTOCOL]};
	struct nr_packs *packs = month->store->packs;
	size_t folded = 0;
	int64_t series = 0;
	bool changed;
	int status = 0;
	for (size_t i = 0; i < ports->count && !status; i++) {
		const uint64_t *row = nr_packer_row(ports, i);
		uint64_t lanes[] = {row[NR_SOURCE_PORT_PROTOCOL], row[NR_SOURCE_PORT_HIGH],
			row[NR_SOURCE_PORT_LOW], row[NR_SOURCE_PORT_COUNTRY], row[NR_SOURCE_PORT_TOOLS],
			row[NR_SOURCE_PORT_RESEARCH], row[NR_SOURCE_PORT_PACKETS]};
		status = nr_packer_add(&sources, lanes, NULL, 0, error);
		if (!status && sources.count > 2 * folded + FOLD_ROWS) {
			status = nr_packs_fold(packs, NR_PACK_PROTOCOL, &sources, error);
			folded = sources.count;
		}
	}
	if (!status)
		status = nr_packs_fold(packs, NR_PACK_PROTOCOL, &sources, error);
	if (!status)
		status = nr_packs_series(
			packs, NR_PACK_PROTOCOL, month->sensor, month->step, 0, &series, error);
	return status ? status : nr_packs_put(packs, series, month->start, &sources, &changed, error);
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
			month->store->packs, kind, month->sensor, month->step, traffic, &series, error);
	if (!status)
		status = nr_packs_put(month->store->packs, series, month->start, &packer, &changed, error);
	return status || kind != NR_PACK_SOURCE_PORT || traffic ? status
								: put_protocols(month, &packer, error);
}

static int forget_due(const struct month *month, struct nr_error *error)
{
	struct nr_store *store = month->store;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path,
		"DELETE FROM rollup_due WHERE step = ?3 AND sensor = ?1 AND time = ?2", &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, month->sensor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, month->start);
	sqlite3_bind_int64(statement, 3, month->step);
	return sqlite3_step(statement) == SQLITE_DONE ? 0 : nr_sqlite_fail(store->writer, store->path, error);
}

static int add_up(const struct month *month, struct nr_error *error)
{
	struct nr_store *store = month->store;
	int status = nr_store_writer_begin(store, error);
	for (size_t i = 0; i < 2 * NR_PACK_KINDS && !status; i++) {
		if (i / 2 != NR_PACK_PROTOCOL)
			status = add_up_kind(month, (enum nr_pack_kind)(i / 2), i % 2, error);
	}
	if (!status)
		status = forget_due(month, error);
	if (!status)
		return nr_store_writer_end(store, error);
	nr_store_writer_undo(store);
	return status;
}

/* One that is due and complete: the sensor has a day behind its end. Shorter ones first, longer ones are made
 * of them. */
static int next_due(struct nr_store *store, int64_t turn, struct month *ret_month, char **ret_sensor,
	struct nr_error *error)
{
	static const char sql[] =
		"SELECT step, sensor, time FROM rollup_due m WHERE turn <> ?1 AND (SELECT max(p.time) FROM "
		"pack p"
		" WHERE p.series = (SELECT s.id FROM series s WHERE s.name = 'telescope_traffic'"
		"  AND s.sensor = m.sensor AND s.step = 86400 AND s.traffic = 0)) >= nr_rolled_next(m.step, "
		"m.time)"
		" ORDER BY step, sensor, time LIMIT 1";
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
	struct month month = {store, NULL, (uint32_t)sqlite3_column_int64(statement, 0), NR_STEP_DAY,
		sqlite3_column_int64(statement, 2), 0};
	for (size_t i = 1; i < NR_ROLLED; i++) {
		if (month.step == nr_rolled_steps[i])
			month.of = nr_rolled_steps[i - 1];
	}
	month.end = nr_rolled_next(month.step, month.start);
	month.sensor = *ret_sensor = strdup((const char *)sqlite3_column_text(statement, 1));
	if (!month.sensor)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_month = month;
	return 0;
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
		struct month month;
		int status = next_due(store, turn, &month, &sensor, error);
		if (status || !sensor)
			return status;
		status = add_up(&month, error);
		if (status)
			return status;
	}
}
