/* SPDX-License-Identifier: Apache-2.0 */
/* Asking: from values to SQL with bound names, to typed rows, to the cursor of the next page. */
#include "store/cells.h"

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
	add(sql,
		"WITH sensor(sensor) AS MATERIALIZED (SELECT value FROM json_each(:sensors)),"
		" base AS (%s), page AS MATERIALIZED (SELECT * FROM base",
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
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{"from", ask->from},
		{"last", ask->to == NR_TIME_MAX ? NR_TIME_MAX : ask->to - 1},
		{"day_from", ask->from == NR_TIME_MIN ? NR_TIME_MIN : nr_time_floor(ask->from, NR_DAY)},
		{"limit", ask->limit + 1},
	};
	for (size_t i = 0; i < NR_COUNT(numbers); i++) {
		if (strcmp(numbers[i].name, name) == 0)
			return sqlite3_bind_int64(statement, place, numbers[i].value);
	}
	if (strcmp(name, "sensors") == 0)
		return sqlite3_bind_text(statement, place, ask->sensors.bytes, -1, SQLITE_STATIC);
	if (name[0] == 'k' && name[1] >= '0' && name[1] < '0' + NR_ASK_ORDER_MAX && !name[2])
		return bind_key(statement, place, &ask->after[name[1] - '0']);
	return bind_value(statement, place, nr_ask_value(ask, name));
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

static struct nr_key read_key(sqlite3_stmt *statement, int column)
{
	int type = sqlite3_column_type(statement, column);
	if (type == SQLITE_INTEGER)
		return nr_key_int(sqlite3_column_int64(statement, column));
	const void *bytes = sqlite3_column_blob(statement, column);
	return nr_key_bytes(type == SQLITE_TEXT ? NR_VALUE_TEXT : NR_VALUE_ADDRESS, bytes,
		(size_t)sqlite3_column_bytes(statement, column));
}

/* One question under way. */
struct call {
	struct nr_reading reading; /* first */
	struct nr_store *store;
	int (*row)(void *context, const struct nr_value *values, size_t count);
	void *context;
	struct nr_answer *answer;
	size_t keys;
	int64_t deadline;
	char cursor[NR_CURSOR_BYTES]; /* of the latest row */
};

/* When one more row is behind the page's last one, that one is where the next page begins. */
static int hand_out(struct nr_reading *reading, const struct nr_value *values, const struct nr_key *keys,
	struct nr_error *error)
{
	struct call *call = (struct call *)reading;
	(void)error;
	if ((int64_t)call->answer->rows == reading->ask->limit) {
		memcpy(call->answer->next, call->cursor, NR_CURSOR_BYTES);
		return 1;
	}
	if (!nr_cursor_write(keys, call->keys, call->cursor, NR_CURSOR_BYTES))
		call->cursor[0] = '\0';
	call->answer->rows++;
	return call->row(call->context, values, reading->ask->plan->query.column_count);
}

/* Rows up to the page's end. */
static int read_rows(struct call *call, sqlite3_stmt *statement, struct nr_error *error)
{
	const struct nr_query *query = &call->reading.ask->plan->query;
	struct nr_value values[RESULT_VALUES_MAX];
	struct nr_key keys[NR_ASK_ORDER_MAX];
	int step;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		for (size_t i = 0; i < query->column_count; i++)
			values[i] = read_value(statement, (int)i, query->columns[i].type);
		for (size_t i = 0; i < call->keys; i++)
			keys[i] = read_key(statement, (int)(query->column_count + i));
		int stop = hand_out(&call->reading, values, keys, error);
		if (stop)
			return stop;
	}
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(call->reading.database, call->store->path, error);
}

static int answer_sql(struct call *call, struct nr_error *error)
{
	char sql[NR_ASK_SQL_BYTES];
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_ask_sql(call->reading.ask, sql, error);
	if (!status)
		status = nr_sqlite_prepare(call->reading.database, call->store->path, sql, &statement, error);
	if (status)
		return nr_error_prefix(error, "%s", call->reading.ask->plan->query.name);
	for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
		const char *name = sqlite3_bind_parameter_name(statement, i) + 1;
		if (bind_name(statement, i, name, call->reading.ask) != SQLITE_OK)
			return nr_sqlite_fail(call->reading.database, call->store->path, error);
	}
	return read_rows(call, statement, error);
}

static int64_t clock_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool is_over(const struct nr_reading *reading)
{
	const struct call *call = (const struct call *)reading;
	return clock_seconds() >= call->deadline || atomic_load(&call->store->stopping);
}

/* SQLite asks this now and then; other than 0 ends the question. */
static int ask_is_over(void *context)
{
	return is_over(context);
}

/* 1 is the end of a page. */
static int answer_in(struct call *call, struct nr_error *error)
{
	struct nr_ask *ask = call->reading.ask;
	int status = nr_ask_range(ask, call->reading.database, call->store->path, error);
	if (status)
		return status;
	call->answer->from = ask->cover_from;
	call->answer->to = ask->cover_to;
	if (ask->nothing)
		return 0;
	while (ask->plan->order[call->keys].column)
		call->keys++;
	status = ask->plan->answer ? ask->plan->answer(&call->reading, error) : answer_sql(call, error);
	return status == 1 ? 0 : status;
}

/* One read transaction, so that all parts of an answer speak of the same moment. */
static int ask_in(struct call *call, struct nr_error *error)
{
	int status = nr_sqlite_run(call->reading.database, call->store->path, "BEGIN", error);
	if (status)
		return status;
	nr_json_init(&call->reading.ask->sensors);
	status = answer_in(call, error);
	nr_reading_fini(&call->reading);
	nr_ask_fini(call->reading.ask);
	sqlite3_exec(call->reading.database, "ROLLBACK", NULL, NULL, NULL);
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
	struct nr_answer answer = {0};
	struct call call = {.reading = {.database = database,
				    .path = store->path,
				    .ask = &ask,
				    .row = hand_out,
				    .is_over = is_over},
		.store = store,
		.row = row,
		.context = context,
		.answer = &answer,
		.deadline = clock_seconds() + NR_ASK_SECONDS};
	sqlite3_progress_handler(database, DEADLINE_STEPS, ask_is_over, &call);
	status = ask_in(&call, error);
	sqlite3_progress_handler(database, 0, NULL, NULL);
	nr_store_reader_give(store, database);
	if (!status)
		*ret_answer = answer;
	return status;
}
