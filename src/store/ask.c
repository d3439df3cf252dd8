/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: from values to SQL with bound names, to typed rows, to the cursor of the next page. */
#include "store/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>

#define DEADLINE_STEPS    2000 /* SQLite instructions between two looks at the clock */
#define RESULT_VALUES_MAX 32

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

static void write_sql(struct sql *sql, const struct nr_ask *ask)
{
	const struct nr_plan *plan = ask->plan;
	add(sql, "WITH RECURSIVE sensor(sensor) AS MATERIALIZED (SELECT value FROM json_each(:sensors)),"
		 " piece(sensor, step, low, high) AS MATERIALIZED (SELECT value->>0, value->>1, value->>2, "
		 "value->>3"
		 " FROM json_each(:pieces)),"
		 " day(time) AS (SELECT :day_first WHERE :day_first <= :day_last UNION ALL"
		 " SELECT time + 86400000000 FROM day WHERE time + 86400000000 <= :day_last),");
	add(sql, " base AS (%s), page AS MATERIALIZED (SELECT * FROM base",
		plan->base ? plan->base : plan->choose(ask));
	if (ask->after_count)
		add_after(sql, ask);
	add_order(sql, plan);
	add(sql, " LIMIT :limit)");
	if (plan->detail)
		add(sql, ", wide AS MATERIALIZED (SELECT page.*, %s FROM page)", plan->detail);
	add(sql, " SELECT %s", plan->columns);
	for (size_t i = 0; plan->order[i].column; i++)
		add(sql, ", %s", plan->order[i].column);
	add(sql, " FROM %s", plan->detail ? "wide" : "page");
	add_order(sql, plan);
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
	if (strcmp(name, "pieces") == 0)
		return sqlite3_bind_text(statement, place, ask->pieces.bytes, -1, SQLITE_STATIC);
	if (name[0] == 'k' && name[1] >= '0' && name[1] < '0' + NR_ASK_ORDER_MAX && !name[2])
		return bind_key(statement, place, &ask->after[name[1] - '0']);
	return bind_value(statement, place, nr_ask_value(ask, name));
}

static int prepare(struct nr_store *store, sqlite3 *database, const struct nr_ask *ask,
	sqlite3_stmt **ret_statement, struct nr_error *error)
{
	char sql[NR_ASK_SQL_BYTES];
	int status = nr_ask_sql(ask, sql, error);
	if (!status)
		status = nr_sqlite_prepare(database, store->path, sql, ret_statement, error);
	if (status)
		return nr_error_prefix(error, "%s", ask->plan->query.name);
	for (int i = 1; i <= sqlite3_bind_parameter_count(*ret_statement); i++) {
		if (bind_name(*ret_statement, i, sqlite3_bind_parameter_name(*ret_statement, i) + 1, ask) !=
			SQLITE_OK)
			return nr_sqlite_fail(database, store->path, error);
	}
	return 0;
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

struct listener {
	int (*row)(void *context, const struct nr_value *values, size_t count);
	void *context;
};

static int hand_out(const struct nr_query *query, sqlite3_stmt *statement, const struct listener *listener)
{
	struct nr_value values[RESULT_VALUES_MAX];
	for (size_t i = 0; i < query->column_count; i++)
		values[i] = read_value(statement, (int)i, query->columns[i].type);
	return listener->row(listener->context, values, query->column_count);
}

/* The page, and whether one more row stands behind it: then the cursor of the last one shown is `next`. */
static int read_rows(struct nr_store *store, sqlite3 *database, const struct nr_ask *ask,
	sqlite3_stmt *statement, const struct listener *listener, struct nr_answer *answer,
	struct nr_error *error)
{
	size_t keys = 0;
	while (ask->plan->order[keys].column)
		keys++;
	char cursor[sizeof answer->next] = "";
	int step;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		if ((int64_t)answer->rows == ask->limit) {
			memcpy(answer->next, cursor, sizeof cursor);
			return 0;
		}
		if (!nr_cursor_write(
			    statement, (int)ask->plan->query.column_count, keys, cursor, sizeof cursor))
			cursor[0] = '\0';
		answer->rows++;
		int stop = hand_out(&ask->plan->query, statement, listener);
		if (stop)
			return stop;
	}
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(database, store->path, error);
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

/* One read transaction, so that all parts of an answer speak of the same moment. */
static int ask_in(struct nr_store *store, sqlite3 *database, struct nr_ask *ask,
	const struct listener *listener, struct nr_answer *answer, struct nr_error *error)
{
	int status = nr_sqlite_run(database, store->path, "BEGIN", error);
	if (status)
		return status;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	status = nr_ask_range(ask, database, store->path, error);
	if (!status)
		status = prepare(store, database, ask, &statement, error);
	if (!status)
		status = read_rows(store, database, ask, statement, listener, answer, error);
	nr_sqlite_finalizep(&statement);
	sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
	if (status)
		return status;
	answer->from = ask->cover_from;
	answer->to = ask->cover_to;
	return 0;
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
	nr_json_init(&ask.sensors);
	nr_json_init(&ask.pieces);
	struct nr_answer answer = {0};
	status = ask_in(store, database, &ask, &(struct listener){row, context}, &answer, error);
	nr_json_fini(&ask.sensors);
	nr_json_fini(&ask.pieces);
	sqlite3_progress_handler(database, 0, NULL, NULL);
	nr_store_reader_give(store, database);
	if (!status)
		*ret_answer = answer;
	return status;
}
