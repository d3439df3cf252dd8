/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packs make up a range. It is widened to whole hours, then taken apart per sensor: quarters, months
 * and thirds of months whose stored part lies wholly inside and that have been added up, days for the rest
 * where they do, hours for what is left. A range within one 5-minute window is that window.
 */
#include "store/ask.h"
#include "store/packs.h"

#include <errno.h>

static nr_time ceil_to(nr_time time, nr_time step)
{
	nr_time floor = nr_time_floor(time, step);
	return floor == time ? time : floor + step;
}

/* Seeks at both ends of the sensor's packs: three descents of the tree, whatever its size. */
static int read_period(sqlite3 *database, const char *path, const char *sensor, struct nr_period *ret_period,
	struct nr_error *error)
{
#define SERIES(step)                                                                                         \
	"series = (SELECT id FROM series WHERE name = 'telescope_traffic' AND sensor = ?1 AND step = " step  \
	" AND traffic = 0)"
	static const char sql[] = "SELECT (SELECT min(time) FROM pack WHERE " SERIES(
		"3600") "),"
			"(SELECT max(time) FROM pack WHERE " SERIES(
				"3600") "),"
					"(SELECT max(time) FROM pack WHERE " SERIES("86400") ")";
#undef SERIES
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(database, path, sql, &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, sensor, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_ROW)
		return nr_sqlite_fail(database, path, error);
	struct nr_period period = {NR_TIME_MAX, NR_TIME_MIN, NR_TIME_MIN};
	if (sqlite3_column_type(statement, 0) != SQLITE_NULL) {
		period.first = sqlite3_column_int64(statement, 0);
		period.end = sqlite3_column_int64(statement, 1) + NR_HOUR;
	}
	if (sqlite3_column_type(statement, 2) != SQLITE_NULL)
		period.day_end = sqlite3_column_int64(statement, 2) + NR_DAY;
	*ret_period = period;
	return 0;
}

void nr_ask_fini(struct nr_ask *ask)
{
	for (size_t i = 0; i < ask->sensor_count; i++)
		free(ask->sensor_names[i]);
	free(ask->sensor_names);
	free(ask->pieces);
	nr_json_fini(&ask->sensors);
}

const char *nr_ask_sensor(const struct nr_ask *ask, uint32_t sensor)
{
	return ask->sensor_names[sensor];
}

/* Of the latest sensor. */
static int add_piece(struct nr_ask *ask, uint32_t step, nr_time low, nr_time high, struct nr_error *error)
{
	if (low >= high)
		return 0;
	if (ask->piece_count == ask->piece_room) {
		size_t room = ask->piece_room ? 2 * ask->piece_room : 16;
		struct nr_piece *grown = realloc(ask->pieces, room * sizeof *grown);
		if (!grown)
			return nr_fail(error, -ENOMEM, "out of memory");
		ask->pieces = grown;
		ask->piece_room = room;
	}
	ask->pieces[ask->piece_count++] = (struct nr_piece){(uint32_t)ask->sensor_count - 1, step, low, high};
	return 0;
}

/* Days from low to high; what has been rolled up and is wholly inside is taken so, the longest steps first.
 * level: of nr_rolled_steps, plus one; 0: days. */
static int add_days(struct nr_ask *ask, sqlite3 *database, const char *path, size_t level, nr_time low,
	nr_time high, struct nr_error *error)
{
	static const char sql[] =
		"SELECT time FROM pack WHERE series = (SELECT id FROM series WHERE name = 'telescope_traffic'"
		" AND sensor = ?1 AND step = ?4 AND traffic = 0) AND time >= ?2 AND time < ?3 ORDER BY time";
	if (level == 0 || low >= high)
		return add_piece(ask, NR_STEP_DAY, low, high, error);
	uint32_t rolled = nr_rolled_steps[level - 1];
	nr_time done = low;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(database, path, sql, &statement, error), step = SQLITE_DONE;
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, ask->sensor_names[ask->sensor_count - 1], -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, low);
	sqlite3_bind_int64(statement, 3, high);
	sqlite3_bind_int64(statement, 4, rolled);
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		nr_time start = sqlite3_column_int64(statement, 0), next = nr_rolled_next(rolled, start);
		if (next > high)
			break;
		status = add_days(ask, database, path, level - 1, done, start, error);
		if (!status)
			status = add_piece(ask, rolled, start, next, error);
		done = next;
	}
	if (!status && step != SQLITE_DONE && step != SQLITE_ROW)
		status = nr_sqlite_fail(database, path, error);
	return status ? status : add_days(ask, database, path, level - 1, done, high, error);
}

static int add_pieces(struct nr_ask *ask, sqlite3 *database, const char *path, const struct nr_period *period,
	struct nr_error *error)
{
	if (ask->window)
		return add_piece(ask, NR_STEP_WINDOW, ask->from, ask->to, error);
	if (period->first == NR_TIME_MAX)
		return 0;
	/* Nothing is stored outside the period: a range that covers its first or last day's part covers the
	 * day, and the month or quarter where it is its only part. */
	nr_time low =
		ask->from <= period->first ? nr_rolled_floor(NR_STEP_QUARTER, period->first) : ask->from;
	nr_time high = ask->to >= period->end ? ceil_to(period->end, NR_DAY) : ask->to;
	bool days = ask->plan->span == NR_SPAN_DAYS || ask->plan->span == NR_SPAN_OVERLAP;
	nr_time day_low = days ? nr_time_floor(low, NR_DAY) : ceil_to(low, NR_DAY);
	nr_time day_high =
		days ? ceil_to(high, NR_DAY) : NR_MIN(nr_time_floor(high, NR_DAY), period->day_end);
	low = nr_time_floor(low, NR_HOUR); /* of a series: its pieces are for what it ranks */
	high = ceil_to(high, NR_HOUR);
	if (days)
		return day_low < day_high ? add_days(ask, database, path, NR_ROLLED, day_low, day_high, error)
					  : 0;
	if (day_low >= day_high)
		return add_piece(ask, NR_STEP_HOUR, low, high, error);
	int status = add_piece(ask, NR_STEP_HOUR, low, day_low, error);
	if (!status)
		status = add_days(ask, database, path, NR_ROLLED, day_low, day_high, error);
	return status ? status : add_piece(ask, NR_STEP_HOUR, day_high, high, error);
}

/* The names come from the smallest tables. */
static int list_sensors(struct nr_ask *ask, sqlite3 *database, const char *path, sqlite3_stmt **ret_list,
	struct nr_error *error)
{
	static const char all[] = "SELECT sensor FROM series WHERE name = 'telescope_traffic' UNION SELECT "
				  "sensor FROM telescope_run"
				  " ORDER BY sensor LIMIT 1000";
	const struct nr_value *sensor = nr_ask_value(ask, "sensor");
	bool given = sensor->type == NR_VALUE_TEXT;
	int status = nr_sqlite_prepare(database, path, given ? "SELECT ?" : all, ret_list, error);
	if (!status && given)
		sqlite3_bind_text(*ret_list, 1, sensor->text, -1, SQLITE_STATIC);
	return status;
}

static int add_sensor(struct nr_ask *ask, const char *name, struct nr_error *error)
{
	char **grown = realloc(ask->sensor_names, (ask->sensor_count + 1) * sizeof *grown);
	if (grown)
		ask->sensor_names = grown;
	char *copy = grown ? strdup(name) : NULL;
	if (!copy)
		return nr_fail(error, -ENOMEM, "out of memory");
	ask->sensor_names[ask->sensor_count++] = copy;
	nr_json_text(&ask->sensors, NULL, name);
	return 0;
}

/* The sensors: their names, their pieces, and the period that a missing from or to stands for. */
static int read_sensors(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_period *ret_whole,
	struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *list = NULL;
	int status = list_sensors(ask, database, path, &list, error);
	if (status)
		return status;
	struct nr_period whole = {NR_TIME_MAX, NR_TIME_MIN, NR_TIME_MIN};
	nr_json_array(&ask->sensors, NULL);
	int step;
	while ((step = sqlite3_step(list)) == SQLITE_ROW) {
		const char *sensor = (const char *)sqlite3_column_text(list, 0);
		struct nr_period period = {0};
		status = add_sensor(ask, sensor ? sensor : "", error);
		if (!status)
			status = read_period(database, path, sensor ? sensor : "", &period, error);
		if (!status)
			status = add_pieces(ask, database, path, &period, error);
		if (status)
			return status;
		whole.first = NR_MIN(whole.first, period.first);
		whole.end = NR_MAX(whole.end, period.end);
	}
	nr_json_array_end(&ask->sensors);
	*ret_whole = whole;
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(database, path, error);
}

/* ---- tables of rows ---- */

static int has_table(
	sqlite3 *database, const char *path, const char *table, bool *ret_has, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(database, path,
		"SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
	*ret_has = sqlite3_step(statement) == SQLITE_ROW;
	return 0;
}

/* Seeks at both ends of the sensor's rows: their keys begin with sensor and step. */
static int add_row_sensor(struct nr_ask *ask, sqlite3_stmt *ends, const char *sensor, struct nr_period *whole,
	struct nr_error *error)
{
	int status = add_sensor(ask, sensor, error);
	if (status || !ends)
		return status;
	sqlite3_reset(ends);
	sqlite3_bind_text(ends, 1, sensor, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(ends, 2, ask->plan->table_step);
	if (sqlite3_step(ends) == SQLITE_ROW && sqlite3_column_type(ends, 0) != SQLITE_NULL) {
		nr_time length = ask->plan->table_step * NR_SECOND;
		whole->first = NR_MIN(whole->first, sqlite3_column_int64(ends, 0));
		whole->end = NR_MAX(whole->end, sqlite3_column_int64(ends, 1) + length);
	}
	return 0;
}

static int read_row_sensors(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_period *whole,
	struct nr_error *error)
{
	const struct nr_plan *plan = ask->plan;
	const struct nr_value *given = nr_ask_value(ask, "sensor");
	char sql[320];
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *next = NULL;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *ends = NULL;
	snprintf(sql, sizeof sql,
		"SELECT (SELECT min(time) FROM \"%1$s\" WHERE sensor = ?1 AND step = ?2),"
		" (SELECT max(time) FROM \"%1$s\" WHERE sensor = ?1 AND step = ?2)",
		plan->table);
	int status = plan->table_step ? nr_sqlite_prepare(database, path, sql, &ends, error) : 0;
	if (status || given->type == NR_VALUE_TEXT)
		return status ? status : add_row_sensor(ask, ends, given->text, whole, error);
	snprintf(sql, sizeof sql, "SELECT min(sensor) FROM \"%s\" WHERE sensor >= ?1 || ?2", plan->table);
	status = nr_sqlite_prepare(database, path, sql, &next, error);
	for (size_t i = 0; i < NR_ASK_SENSORS_MAX && !status; i++) {
		sqlite3_reset(
			next); /* the one behind the last: no name is between a name and itself with \1 */
		sqlite3_bind_text(next, 1, i ? ask->sensor_names[i - 1] : "", -1, SQLITE_STATIC);
		sqlite3_bind_text(next, 2, i ? "\1" : "", -1, SQLITE_STATIC);
		if (sqlite3_step(next) != SQLITE_ROW)
			return nr_sqlite_fail(database, path, error);
		const char *sensor = (const char *)sqlite3_column_text(next, 0);
		if (!sensor)
			break;
		status = add_row_sensor(ask, ends, sensor, whole, error);
	}
	return status;
}

static int read_rows(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_period *ret_whole,
	struct nr_error *error)
{
	struct nr_period whole = {NR_TIME_MAX, NR_TIME_MIN, NR_TIME_MIN};
	bool has = false;
	nr_json_array(&ask->sensors, NULL);
	int status = has_table(database, path, ask->plan->table, &has, error);
	if (!status && has)
		status = read_row_sensors(ask, database, path, &whole, error);
	nr_json_array_end(&ask->sensors);
	ask->nothing = !has;
	*ret_whole = whole;
	return status;
}

/* from and to in whole units of what the query's rows are. */
static void widen_range(struct nr_ask *ask)
{
	nr_time step = NR_HOUR;
	if (ask->plan->span == NR_SPAN_SERIES) {
		ask->step = nr_ask_is(ask, "step", "5m")   ? 5 * NR_MINUTE
			    : nr_ask_is(ask, "step", "1d") ? NR_DAY
							   : NR_HOUR;
		step = ask->step;
	} else if (ask->plan->span == NR_SPAN_DAYS) {
		step = NR_DAY;
	} else if (ask->plan->span == NR_SPAN_STEPS && ask->has_from && ask->has_to) {
		ask->window = nr_time_floor(ask->from, 5 * NR_MINUTE) + 5 * NR_MINUTE >= ask->to;
		step = ask->window ? 5 * NR_MINUTE : NR_HOUR;
	}
	if (ask->has_from)
		ask->from = nr_time_floor(ask->from, step);
	if (ask->has_to)
		ask->to = ceil_to(ask->to, step);
}

int nr_ask_range(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_error *error)
{
	widen_range(ask);
	struct nr_period stored;
	int status = ask->plan->table ? read_rows(ask, database, path, &stored, error)
				      : read_sensors(ask, database, path, &stored, error);
	if (status)
		return status;
	bool any = stored.first != NR_TIME_MAX;
	nr_time unit = ask->plan->span == NR_SPAN_DAYS ? NR_DAY : NR_MAX(ask->step, NR_HOUR);
	ask->cover_from = ask->has_from || !any ? ask->from : nr_time_floor(stored.first, unit);
	ask->cover_to = ask->has_to || !any ? ask->to : ceil_to(stored.end, unit);
	/* a range with one end, before or after all that is stored, is empty */
	if (ask->has_from)
		ask->cover_to = NR_MAX(ask->cover_from, ask->cover_to);
	else
		ask->cover_from = NR_MIN(ask->cover_from, ask->cover_to);
	ask->stored_end = stored.end;
	return nr_json_finish(&ask->sensors, error);
}
