/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: from values to SQL with bound names, to typed rows, to the cursor of the next page. */
#include "store/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>

#define DEADLINE_STEPS    2000 /* SQLite instructions between two looks at the clock */
#define RESULT_VALUES_MAX 32

/* A first guess at the window of time that fills a page of a series. */
#define SERIES_ROWS_PER_STEP 16
#define SERIES_STEPS         16

struct sql {
	char *text; /* NR_ASK_SQL_BYTES */
	size_t length;
};

static void add(struct sql *sql, const char *format, ...) NR_PRINTF(2, 3);
static void add(struct sql *sql, const char *format, ...)
{
	size_t at = NR_MIN(sql->length, (size_t)NR_ASK_SQL_BYTES);
	va_list arguments;
	va_start(arguments, format);
	sql->length += (size_t)vsnprintf(sql->text + at, NR_ASK_SQL_BYTES - at, format, arguments);
	va_end(arguments);
}

/* (a, b, c) after the cursor in an order of mixed directions: a beyond, or a equal and (b beyond, or ...).
 * The first key is bounded once more by itself, so that an index on it can be used. */
static void add_after(struct sql *sql, const struct nr_ask *ask)
{
	const struct nr_order *order = ask->plan->order;
	add(sql, " WHERE %s %s :k0", order[0].column, order[0].descending ? "<=" : ">=");
	for (size_t i = 0; i < ask->after_count; i++) {
		const char *sign = order[i].descending ? "<" : ">";
		bool last = i + 1 == ask->after_count;
		add(sql, i ? "(" : " AND (");
		add(sql, "%s %s :k%zu", order[i].column, sign, i);
		if (!last)
			add(sql, " OR (%s = :k%zu AND ", order[i].column, i);
	}
	for (size_t i = 0; i < ask->after_count; i++)
		add(sql, i ? "))" : ")");
}

static void add_order(struct sql *sql, const struct nr_plan *plan)
{
	for (size_t i = 0; plan->order[i].column; i++)
		add(sql, "%s%s%s", i ? ", " : " ORDER BY ", plan->order[i].column,
			plan->order[i].descending ? " DESC" : "");
}

static void add_ranges(struct sql *sql)
{
	add(sql, "WITH RECURSIVE sensor(sensor) AS MATERIALIZED (SELECT value FROM json_each(:sensors)),"
		 " piece(sensor, step, low, high) AS MATERIALIZED"
		 " (SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:pieces)),"
		 " day(time) AS (SELECT :day_first WHERE :day_first <= :day_last UNION ALL"
		 " SELECT time + 86400000000 FROM day WHERE time + 86400000000 <= :day_last)");
}

static void write_sql(struct sql *sql, const struct nr_ask *ask)
{
	const struct nr_plan *plan = ask->plan;
	add_ranges(sql);
	add(sql, ", base AS (%s), page AS MATERIALIZED (SELECT * FROM base",
		plan->base ? plan->base : plan->choose(ask));
	if (ask->after_count)
		add_after(sql, ask);
	add_order(sql, plan);
	add(sql, " LIMIT :limit)");
	if (plan->detail)
		add(sql, ", wide AS MATERIALIZED (SELECT page.*, %s FROM page%s)", plan->detail,
			plan->detail_from ? plan->detail_from : "");
	add(sql, " SELECT %s", plan->columns);
	for (size_t i = 0; plan->order[i].column; i++)
		add(sql, ", %s", plan->order[i].column);
	add(sql, " FROM %s", plan->detail ? "wide" : "page");
	add_order(sql, plan);
}

static void write_before(struct sql *sql, const char *before)
{
	add_ranges(sql);
	add(sql, " %s", before);
}

int nr_ask_sql(const struct nr_ask *ask, char text[static NR_ASK_SQL_BYTES], struct nr_error *error)
{
	struct sql sql = {.text = text};
	write_sql(&sql, ask);
	return sql.length < NR_ASK_SQL_BYTES ? 0 : nr_fail(error, -E2BIG, "the query's SQL is too long");
}

static int bind_value(sqlite3_stmt *statement, int place, const struct nr_value *value)
{
	switch (value->type) {
	case NR_VALUE_INT:
	case NR_VALUE_TIME:
		return sqlite3_bind_int64(statement, place, value->integer);
	case NR_VALUE_ADDRESS:
		return sqlite3_bind_blob(
			statement, place, &value->address, sizeof value->address, SQLITE_STATIC);
	case NR_VALUE_TEXT:
		return sqlite3_bind_text(statement, place, value->text, -1, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(statement, place);
	}
}

static int bind_key(sqlite3_stmt *statement, int place, const struct nr_key *key)
{
	if (key->type == NR_VALUE_INT)
		return sqlite3_bind_int64(statement, place, key->integer);
	if (key->type == NR_VALUE_TEXT)
		return sqlite3_bind_text(
			statement, place, (const char *)key->bytes, (int)key->length, SQLITE_STATIC);
	return sqlite3_bind_blob(statement, place, key->bytes, (int)key->length, SQLITE_STATIC);
}

/* The names that ask.h lists; everything else is a parameter of the query. */
static int bind_name(sqlite3_stmt *statement, int place, const char *name, const struct nr_ask *ask)
{
	bool only = nr_ask_is(ask, "research", "only"), without = nr_ask_is(ask, "research", "without");
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{"from", ask->from},
		{"last", ask->to == NR_TIME_MAX ? NR_TIME_MAX : ask->to - 1},
		{"day_from", ask->from == NR_TIME_MIN ? NR_TIME_MIN : nr_time_floor(ask->from, NR_DAY)},
		{"day_first", ask->day_first},
		{"day_last", ask->day_last},
		{"step", ask->step / NR_SECOND},
		{"traffic_low", only ? 1 : 0},
		{"traffic_high", only || without ? 1 : 0},
		{"minus", without ? 1 : -1},
		{"limit", ask->limit + 1},
	};
	for (size_t i = 0; i < NR_COUNT(numbers); i++) {
		if (strcmp(numbers[i].name, name) == 0)
			return sqlite3_bind_int64(statement, place, numbers[i].value);
	}
	if (strcmp(name, "sensors") == 0)
		return sqlite3_bind_text(statement, place, ask->sensors.bytes, -1, SQLITE_STATIC);
	if (strcmp(name, "before") == 0)
		return sqlite3_bind_text(statement, place, ask->before, -1, SQLITE_STATIC);
	if (strcmp(name, "pieces") == 0)
		return sqlite3_bind_text(statement, place, ask->pieces.bytes, -1, SQLITE_STATIC);
	if (name[0] == 'k' && name[1] >= '0' && name[1] < '0' + NR_ASK_ORDER_MAX && !name[2])
		return bind_key(statement, place, &ask->after[name[1] - '0']);
	return bind_value(statement, place, nr_ask_value(ask, name));
}

/* One question under way. */
struct call {
	struct nr_store *store;
	sqlite3 *database;
	struct nr_ask *ask;
	int (*row)(void *context, const struct nr_value *values, size_t count);
	void *context;
	struct nr_answer *answer;
};

static int bind_all(const struct call *call, sqlite3_stmt *statement, struct nr_error *error)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
		const char *name = sqlite3_bind_parameter_name(statement, i) + 1;
		if (bind_name(statement, i, name, call->ask) != SQLITE_OK)
			return nr_sqlite_fail(call->database, call->store->path, error);
	}
	return 0;
}

static int prepare(
	const struct call *call, const char *sql, sqlite3_stmt **ret_statement, struct nr_error *error)
{
	int status = nr_sqlite_prepare(call->database, call->store->path, sql, ret_statement, error);
	if (status)
		return nr_error_prefix(error, "%s", call->ask->plan->query.name);
	return bind_all(call, *ret_statement, error);
}

/* What the query must know first, as :before. Owned by the ask. */
static int run_before(const struct call *call, struct nr_error *error)
{
	const char *before = call->ask->plan->before ? call->ask->plan->before(call->ask) : NULL;
	if (!before)
		return 0;
	char text[NR_ASK_SQL_BYTES];
	struct sql sql = {.text = text};
	write_before(&sql, before);
	if (sql.length >= sizeof text)
		return nr_fail(error, -E2BIG, "the query's SQL is too long");
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = prepare(call, text, &statement, error);
	if (status)
		return status;
	if (sqlite3_step(statement) != SQLITE_ROW)
		return nr_sqlite_fail(call->database, call->store->path, error);
	const char *result = (const char *)sqlite3_column_text(statement, 0);
	call->ask->before = strdup(result ? result : "");
	return call->ask->before ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

static struct nr_value read_value(sqlite3_stmt *statement, int column, enum nr_value_type type)
{
	struct nr_value value = {.type = NR_VALUE_NULL};
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return value;
	switch (type) {
	case NR_VALUE_INT:
	case NR_VALUE_TIME:
		value.integer = sqlite3_column_int64(statement, column);
		break;
	case NR_VALUE_REAL:
		value.real = sqlite3_column_double(statement, column);
		break;
	case NR_VALUE_ADDRESS:
		if (sqlite3_column_bytes(statement, column) != (int)sizeof value.address)
			return value;
		memcpy(&value.address, sqlite3_column_blob(statement, column), sizeof value.address);
		break;
	default:
		value.text = (const char *)sqlite3_column_text(statement, column);
		if (!value.text || (type == NR_VALUE_JSON && !*value.text))
			return value;
		break;
	}
	value.type = type;
	return value;
}

static int hand_out(const struct call *call, sqlite3_stmt *statement)
{
	const struct nr_query *query = &call->ask->plan->query;
	struct nr_value values[RESULT_VALUES_MAX];
	for (size_t i = 0; i < query->column_count; i++)
		values[i] = read_value(statement, (int)i, query->columns[i].type);
	return call->row(call->context, values, query->column_count);
}

/* Rows up to the page's end. *cursor is where the last one stands; when one more row is behind it, it is
 * `next`. */
static int read_rows(const struct call *call, sqlite3_stmt *statement, char cursor[static NR_CURSOR_BYTES],
	struct nr_error *error)
{
	const struct nr_plan *plan = call->ask->plan;
	size_t keys = 0;
	while (plan->order[keys].column)
		keys++;
	int step;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		if ((int64_t)call->answer->rows == call->ask->limit) {
			memcpy(call->answer->next, cursor, NR_CURSOR_BYTES);
			return 0;
		}
		if (!nr_cursor_write(statement, (int)plan->query.column_count, keys, cursor, NR_CURSOR_BYTES))
			cursor[0] = '\0';
		call->answer->rows++;
		int stop = hand_out(call, statement);
		if (stop)
			return stop;
	}
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(call->database, call->store->path, error);
}

/* A series is in order of time, so its page is read in windows of time, and what lies behind the page is
 * never added up. Windows double, so that years without rows cost a few of them. */
static int read_series(const struct call *call, sqlite3_stmt *statement, struct nr_error *error)
{
	struct nr_ask *ask = call->ask;
	nr_time low = ask->cover_from, end = ask->cover_to;
	if (low == NR_TIME_MIN || end == NR_TIME_MAX)
		return 0; /* nothing is stored */
	if (ask->after_count && ask->after[0].type == NR_VALUE_INT)
		low = NR_MIN(NR_MAX(low, ask->after[0].integer), end);
	nr_time width = (ask->limit / SERIES_ROWS_PER_STEP + SERIES_STEPS) * ask->step;
	char cursor[NR_CURSOR_BYTES] = "";
	int status = 0;
	while (low < end && !status && !*call->answer->next) {
		ask->from = low;
		ask->to = end - low > width ? low + width : end;
		sqlite3_reset(statement);
		status = bind_all(call, statement, error);
		if (!status)
			status = read_rows(call, statement, cursor, error);
		low = ask->to;
		width = NR_MIN(width, end - low) * 2;
	}
	return status;
}

static int64_t clock_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

struct patience {
	const struct nr_store *store;
	int64_t deadline;
};

/* SQLite asks this now and then; other than 0 ends the question. */
static int is_over(void *context)
{
	const struct patience *patience = context;
	return clock_seconds() >= patience->deadline || atomic_load(&patience->store->stopping);
}

static int answer_in(const struct call *call, struct nr_error *error)
{
	struct nr_ask *ask = call->ask;
	char sql[NR_ASK_SQL_BYTES], cursor[NR_CURSOR_BYTES] = "";
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_ask_range(ask, call->database, call->store->path, error);
	if (!status)
		status = run_before(call, error);
	if (!status)
		status = nr_ask_sql(ask, sql, error);
	if (!status)
		status = prepare(call, sql, &statement, error);
	if (status)
		return status;
	call->answer->from = ask->cover_from;
	call->answer->to = ask->cover_to;
	return ask->plan->span == NR_SPAN_SERIES ? read_series(call, statement, error)
						 : read_rows(call, statement, cursor, error);
}

/* One read transaction, so that all parts of an answer speak of the same moment. */
static int ask_in(const struct call *call, struct nr_error *error)
{
	int status = nr_sqlite_run(call->database, call->store->path, "BEGIN", error);
	if (status)
		return status;
	nr_json_init(&call->ask->sensors);
	nr_json_init(&call->ask->pieces);
	status = answer_in(call, error);
	nr_json_fini(&call->ask->sensors);
	nr_json_fini(&call->ask->pieces);
	free(call->ask->before);
	sqlite3_exec(call->database, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

int nr_store_ask(struct nr_store *store, const struct nr_query *query, const char *const *values,
	int (*row)(void *context, const struct nr_value *values, size_t count), void *context,
	struct nr_answer *ret_answer, struct nr_error *error)
{
	struct nr_ask ask;
	size_t bad = 0;
	int status = nr_ask_parse(&ask, (const struct nr_plan *)query, values, &bad, error);
	if (status)
		return status;
	sqlite3 *database;
	status = nr_store_reader_take(store, &database, error);
	if (status)
		return status;
	struct patience patience = {store, clock_seconds() + NR_ASK_SECONDS};
	sqlite3_progress_handler(database, DEADLINE_STEPS, is_over, &patience);
	struct nr_answer answer = {0};
	status = ask_in(&(struct call){store, database, &ask, row, context, &answer}, error);
	sqlite3_progress_handler(database, 0, NULL, NULL);
	nr_store_reader_give(store, database);
	if (!status)
		*ret_answer = answer;
	return status;
}
