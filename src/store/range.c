/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows make up a range. It is widened to whole hours, then taken apart per sensor: day rows for the UTC
 * days whose stored part lies wholly inside, hour rows for the rest. A range within one 5-minute window is
 * that window.
 */
#include "store/ask.h"

#define STEP_FIVE_MINUTES 300
#define STEP_HOUR         3600
#define STEP_DAY          86400

static nr_time ceil_to(nr_time time, nr_time step)
{
	nr_time floor = nr_time_floor(time, step);
	return floor == time ? time : floor + step;
}

/* Seeks at both ends of the sensor's rows: three descents of the tree, whatever its size. */
static int read_period(sqlite3 *database, const char *path, const char *sensor, struct nr_period *ret_period,
	struct nr_error *error)
{
	static const char sql[] =
		"SELECT (SELECT min(time) FROM telescope_traffic WHERE sensor = ?1 AND step = 3600),"
		"(SELECT max(time) FROM telescope_traffic WHERE sensor = ?1 AND step = 3600),"
		"(SELECT max(time) FROM telescope_traffic WHERE sensor = ?1 AND step = 86400)";
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

static void add_piece(struct nr_ask *ask, const char *sensor, unsigned step, nr_time low, nr_time high)
{
	if (low >= high)
		return;
	nr_json_array(&ask->pieces, NULL);
	nr_json_text(&ask->pieces, NULL, sensor);
	nr_json_uint(&ask->pieces, NULL, step);
	nr_json_int(&ask->pieces, NULL, low);
	nr_json_int(&ask->pieces, NULL, high);
	nr_json_array_end(&ask->pieces);
}

static void add_pieces(struct nr_ask *ask, const char *sensor, const struct nr_period *period)
{
	if (ask->window)
		add_piece(ask, sensor, STEP_FIVE_MINUTES, ask->from, ask->to);
	if (ask->window || period->first == NR_TIME_MAX)
		return;
	/* Nothing is stored outside the period: a range that covers its first or last day's part covers the
	 * day. */
	nr_time low = ask->from <= period->first ? nr_time_floor(period->first, NR_DAY) : ask->from;
	nr_time high = ask->to >= period->end ? ceil_to(period->end, NR_DAY) : ask->to;
	nr_time day_low = ceil_to(low, NR_DAY);
	nr_time day_high = NR_MIN(nr_time_floor(high, NR_DAY), period->day_end);
	if (ask->plan->span == NR_SPAN_DAYS) {
		add_piece(ask, sensor, STEP_DAY, nr_time_floor(low, NR_DAY), ceil_to(high, NR_DAY));
	} else if (day_low < day_high) {
		add_piece(ask, sensor, STEP_HOUR, low, day_low);
		add_piece(ask, sensor, STEP_DAY, day_low, day_high);
		add_piece(ask, sensor, STEP_HOUR, day_high, high);
	} else {
		add_piece(ask, sensor, STEP_HOUR, low, high);
	}
}

/* The names come from the smallest tables and from a walk that skips from name to name. */
static int list_sensors(struct nr_ask *ask, sqlite3 *database, const char *path, sqlite3_stmt **ret_list,
	struct nr_error *error)
{
	static const char all[] =
		"WITH RECURSIVE walk(sensor) AS (SELECT min(sensor) FROM telescope_traffic UNION ALL"
		" SELECT (SELECT min(t.sensor) FROM telescope_traffic t WHERE t.sensor > walk.sensor) FROM "
		"walk"
		" WHERE walk.sensor IS NOT NULL)"
		"SELECT sensor FROM walk WHERE sensor IS NOT NULL UNION SELECT sensor FROM telescope_run"
		" ORDER BY sensor LIMIT 1000";
	const struct nr_value *sensor = nr_ask_value(ask, "sensor");
	bool given = sensor->type == NR_VALUE_TEXT;
	int status = nr_sqlite_prepare(database, path, given ? "SELECT ?" : all, ret_list, error);
	if (!status && given)
		sqlite3_bind_text(*ret_list, 1, sensor->text, -1, SQLITE_STATIC);
	return status;
}

/* First pass over the sensors: their names, and the period that a missing from or to stands for. */
static int read_sensors(struct nr_ask *ask, sqlite3 *database, const char *path, struct nr_period *ret_whole,
	struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *list = NULL;
	int status = list_sensors(ask, database, path, &list, error);
	if (status)
		return status;
	struct nr_period whole = {NR_TIME_MAX, NR_TIME_MIN, NR_TIME_MIN};
	nr_json_array(&ask->sensors, NULL);
	nr_json_array(&ask->pieces, NULL);
	int step;
	while ((step = sqlite3_step(list)) == SQLITE_ROW) {
		const char *sensor = (const char *)sqlite3_column_text(list, 0);
		struct nr_period period = {0};
		status = read_period(database, path, sensor ? sensor : "", &period, error);
		if (status)
			return status;
		whole.first = NR_MIN(whole.first, period.first);
		whole.end = NR_MAX(whole.end, period.end);
		nr_json_text(&ask->sensors, NULL, sensor ? sensor : "");
		add_pieces(ask, sensor ? sensor : "", &period);
	}
	nr_json_array_end(&ask->pieces);
	nr_json_array_end(&ask->sensors);
	*ret_whole = whole;
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(database, path, error);
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
	int status = read_sensors(ask, database, path, &stored, error);
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
	ask->day_first = 0;
	ask->day_last = -1;
	if (any) {
		ask->day_first = nr_time_floor(NR_MAX(stored.first, ask->from), NR_DAY);
		ask->day_last = NR_MIN(stored.end, ask->to) - 1;
	}
	status = nr_json_finish(&ask->sensors, error);
	return status ? status : nr_json_finish(&ask->pieces, error);
}
