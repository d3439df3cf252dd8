/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs of several sessions (docs/adr/0018). What each session has of a step lies in `pack_session`, where
 * its later rows replace its earlier ones; `pack` holds the sum, and readers know nothing of this. A step
 * that one session alone has, as nearly all, lies in `pack` alone.
 *
 * A session that was lost has written hours, but not its day. So a day is, for each session that has a part
 * in it, the rows of the day that it wrote, or else its hours added up.
 */
#include "store/packs_inside.h"

#include <errno.h>

bool nr_sessions_have_hours(enum nr_pack_kind kind)
{
	return kind == NR_PACK_TRAFFIC || kind == NR_PACK_PORT || kind == NR_PACK_ORIGIN;
}

/* ---- what a session has of a step ---- */

static int part_take(struct nr_packs *packs, int64_t series, nr_time time, int64_t session,
	struct nr_packer *packer, bool *ret_any, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_PART, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	sqlite3_bind_int64(statement, 3, session);
	return nr_packs_take_rows(packs, statement, packer, ret_any, NULL, error);
}

static int part_put(struct nr_packs *packs, int64_t series, nr_time time, int64_t session,
	const struct nr_packer *packer, struct nr_error *error)
{
	NR_AUTO(nr_pack_bytes_fini) struct nr_pack_bytes bytes = {0};
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_PART_PUT, &statement, error);
	if (!status)
		status = nr_packer_write(packer, 0, packer->count, &bytes, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	sqlite3_bind_int64(statement, 3, session);
	sqlite3_bind_blob64(statement, 4, bytes.numbers, bytes.numbers_length, SQLITE_STATIC);
	if (bytes.sketches)
		sqlite3_bind_blob64(statement, 5, bytes.sketches, bytes.sketches_length, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(statement, 5, 0);
	return nr_packs_run(packs, statement, NULL, NULL, error);
}

static int whose_is(struct nr_packs *packs, int64_t series, nr_time time, bool *ret_any, int64_t *ret_session,
	struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_WHOSE, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	return nr_packs_run(packs, statement, ret_session, ret_any, error);
}

/* ---- hours of a day ---- */

static int hours_series(
	struct nr_packs *packs, const struct nr_series *days, int64_t *ret_series, struct nr_error *error)
{
	return nr_packs_series(
		packs, days->kind, days->sensor, NR_STEP_HOUR, days->traffic, ret_series, error);
}

/* The next session, above `above`, with a share in the steps from one time to another. */
static int next_session(struct nr_packs *packs, int64_t series, nr_time from, nr_time before, int64_t except,
	int64_t above, bool *ret_found, int64_t *ret_session, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_SESSIONS, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, from);
	sqlite3_bind_int64(statement, 3, before);
	sqlite3_bind_int64(statement, 4, except);
	sqlite3_bind_int64(statement, 5, above);
	return nr_packs_run(packs, statement, ret_session, ret_found, error);
}

int nr_sessions_others(
	struct nr_packs *packs, const struct nr_open_pack *open, bool *ret_others, struct nr_error *error)
{
	int64_t hours = 0, session;
	*ret_others = false;
	if (open->series->step != NR_STEP_DAY || !nr_sessions_have_hours(open->series->kind))
		return 0;
	int status = hours_series(packs, open->series, &hours, error);
	return status ? status
		      : next_session(packs, hours, open->time, open->time + NR_DAY, open->session,
				NR_NO_SESSION, ret_others, &session, error);
}

/* What a session has of one hour: alone, or beside others. */
static int take_hour(struct nr_packs *packs, int64_t hours, nr_time hour, int64_t session,
	struct nr_packer *packer, struct nr_error *error)
{
	bool any = false;
	int64_t whose = NR_NO_SESSION;
	int status = whose_is(packs, hours, hour, &any, &whose, error);
	if (!status && any && whose == session)
		return nr_packs_take(packs, hours, hour, packer, &any, error);
	return status ? status : part_take(packs, hours, hour, session, packer, &any, error);
}

/* The day of a session that has not written it. */
static int add_hours(struct nr_packs *packs, const struct nr_open_pack *day, int64_t hours, int64_t session,
	struct nr_packer *whole, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer sum = {.layout = whole->layout};
	int status = 0;
	for (nr_time hour = day->time; hour < day->time + NR_DAY && !status; hour += NR_HOUR)
		status = take_hour(packs, hours, hour, session, &sum, error);
	if (!status)
		status = nr_packs_fold_sessions(packs, day->series->kind, &sum, error);
	return status ? status : nr_packer_append(whole, &sum, error);
}

static int add_lost_days(struct nr_packs *packs, const struct nr_open_pack *day, struct nr_packer *whole,
	struct nr_error *error)
{
	int64_t hours = 0, session = NR_NO_SESSION;
	bool found = true;
	if (day->series->step != NR_STEP_DAY || !nr_sessions_have_hours(day->series->kind))
		return 0;
	int status = hours_series(packs, day->series, &hours, error);
	while (!status) {
		NR_AUTO(nr_packer_fini) struct nr_packer written = {.layout = whole->layout};
		bool any = false;
		status = next_session(packs, hours, day->time, day->time + NR_DAY, NR_NO_SESSION, session,
			&found, &session, error);
		if (status || !found)
			break;
		status = part_take(packs, day->series->id, day->time, session, &written, &any, error);
		if (!status && !any)
			status = add_hours(packs, day, hours, session, whole, error);
	}
	return status;
}

/* ---- the sum ---- */

static int take_parts(struct nr_packs *packs, const struct nr_open_pack *open, struct nr_packer *whole,
	struct nr_error *error)
{
	sqlite3_stmt *statement;
	bool any;
	int status = nr_packs_statement(packs, NR_PACKS_PART_ALL, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, open->series->id);
	sqlite3_bind_int64(statement, 2, open->time);
	return nr_packs_take_rows(packs, statement, whole, &any, NULL, error);
}

static int keep_own(struct nr_packs *packs, const struct nr_open_pack *open, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer own = {.layout = open->packer.layout};
	bool any;
	if (!open->packer.count)
		return 0;
	int status = part_take(packs, open->series->id, open->time, open->session, &own, &any, error);
	if (!status)
		status = nr_packer_append(&own, &open->packer, error);
	if (!status)
		status = nr_packer_sort(&own, error);
	return status ? status : part_put(packs, open->series->id, open->time, open->session, &own, error);
}

int nr_sessions_add(struct nr_packs *packs, const struct nr_open_pack *open, struct nr_packer *stored,
	int64_t whose, struct nr_packer *whole, struct nr_error *error)
{
	int status = 0;
	if (whose >= 0)
		status = part_put(packs, open->series->id, open->time, whose, stored, error);
	if (!status)
		status = keep_own(packs, open, error);
	if (!status)
		status = take_parts(packs, open, whole, error);
	if (!status)
		status = add_lost_days(packs, open, whole, error);
	return status ? status : nr_packs_fold_sessions(packs, open->series->kind, whole, error);
}

/* ---- which days ---- */

int nr_sessions_day_lacks(struct nr_packs *packs, const struct nr_open_pack *hour, int64_t days_series,
	bool *ret_lacks, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer written = {.layout = hour->packer.layout};
	nr_time day = nr_time_floor(hour->time, NR_DAY);
	bool any = false, own = false;
	int64_t whose = NR_NO_SESSION;
	int status = whose_is(packs, days_series, day, &any, &whose, error);
	if (!status && any && whose == NR_STORE_SEVERAL)
		status = part_take(packs, days_series, day, hour->session, &written, &own, error);
	*ret_lacks = any && !own && whose != hour->session;
	return status;
}

static int ask_time(struct nr_packs *packs, size_t which, const char *sensor, uint32_t step, nr_time first,
	nr_time second, bool *ret_found, nr_time *ret_time, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int64_t series = 0;
	int status = nr_packs_series(packs, NR_PACK_TRAFFIC, sensor, step, 0, &series, error);
	if (!status)
		status = nr_packs_statement(packs, which, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, first);
	sqlite3_bind_int64(statement, 3, second);
	return nr_packs_run(packs, statement, ret_time, ret_found, error);
}

int nr_sessions_next_day(struct nr_packs *packs, const char *sensor, nr_time from, nr_time before,
	nr_time *ret_day, struct nr_error *error)
{
	bool found = false;
	nr_time hour = 0;
	int status = ask_time(packs, NR_PACKS_NEXT, sensor, NR_STEP_HOUR, from, before, &found, &hour, error);
	*ret_day = !status && found ? nr_time_floor(hour, NR_DAY) : NR_TIME_MAX;
	return status;
}

int nr_sessions_last_day(
	struct nr_packs *packs, const char *sensor, nr_time before, nr_time *ret_day, struct nr_error *error)
{
	bool found = false;
	nr_time day = 0;
	int status =
		ask_time(packs, NR_PACKS_LAST, sensor, NR_STEP_DAY, NR_TIME_MIN, before, &found, &day, error);
	*ret_day = !status && found ? day : NR_TIME_MIN;
	return status;
}
