/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side: blocks of rows into one transaction that commit() makes durable. */
#include "store/packs.h"

#include <assert.h>
#include <errno.h>

static struct nr_store *store_of(struct nr_sink *sink)
{
	return (struct nr_store *)((char *)sink - offsetof(struct nr_store, sink));
}

/* Counters are unsigned in C and signed in SQL. */
static int64_t clamp(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int bind_bytes(sqlite3_stmt *statement, int place, const struct nr_bytes *bytes)
{
	if (!bytes->data || bytes->length == 0)
		return sqlite3_bind_zeroblob(statement, place, 0);
	return sqlite3_bind_blob64(statement, place, bytes->data, bytes->length, SQLITE_STATIC);
}

static int bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	return sqlite3_bind_text(statement, place, text ? text : "", -1, SQLITE_STATIC);
}

static int bind_column(sqlite3_stmt *statement, int place, enum nr_type type, const void *field)
{
	switch (type) {
	case NR_TYPE_UINT8:
		return sqlite3_bind_int(statement, place, *(const uint8_t *)field);
	case NR_TYPE_UINT16:
		return sqlite3_bind_int(statement, place, *(const uint16_t *)field);
	case NR_TYPE_UINT32:
		return sqlite3_bind_int64(statement, place, *(const uint32_t *)field);
	case NR_TYPE_UINT64:
		return sqlite3_bind_int64(statement, place, clamp(*(const uint64_t *)field));
	case NR_TYPE_REAL:
		return sqlite3_bind_double(statement, place, *(const double *)field);
	case NR_TYPE_TIME:
		return sqlite3_bind_int64(statement, place, *(const nr_time *)field);
	case NR_TYPE_ADDRESS:
		return sqlite3_bind_blob(statement, place, field, sizeof(struct nr_address), SQLITE_STATIC);
	case NR_TYPE_TEXT:
		return bind_text(statement, place, *(const char *const *)field);
	case NR_TYPE_BYTES:
		return bind_bytes(statement, place, field);
	}
	return SQLITE_MISUSE;
}

int nr_store_bind_row(sqlite3_stmt *statement, const struct nr_table *table, const void *row, size_t count)
{
	int code = SQLITE_OK;
	for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
		const struct nr_column *column = &table->columns[i];
		code = bind_column(statement, (int)i + 1, column->type, (const char *)row + column->offset);
	}
	return code;
}

static int insert_row(struct nr_store *store, size_t index, const void *row)
{
	const struct nr_table *table = store->tables[index];
	sqlite3_stmt *statement = store->inserts[index];
	int code = nr_store_bind_row(statement, table, row, table->column_count);
	if (code == SQLITE_OK && table->larger_by)
		code = sqlite3_bind_int64(statement, (int)table->column_count + 1, store->sink.session);
	if (code != SQLITE_OK)
		return code;
	int step = sqlite3_step(statement);
	int reset = sqlite3_reset(statement);
	if (step != SQLITE_DONE)
		return reset;
	bool taken = !table->larger_by || sqlite3_changes(store->writer);
	return taken || nr_adder_write(store, index, row, NULL) == 0 ? SQLITE_OK : SQLITE_ERROR;
}

/* Columns and their values. Where rows of sessions add up, the key of another session's row is left to
 * nr_adder_write(). */
static int prepare_insert(struct nr_store *store, size_t index, struct nr_error *error)
{
	const struct nr_table *table = store->tables[index];
	bool adds = table->larger_by;
	char columns[1024] = "", values[160] = "", keys[256] = "", changes[1600] = "", sql[3200];
	size_t columns_at = 0, values_at = 0, keys_at = 0, changes_at = 0;
	for (size_t i = 0; i < table->column_count; i++) {
		const char *name = table->columns[i].name;
		columns_at += (size_t)snprintf(
			columns + columns_at, sizeof columns - columns_at, "%s\"%s\"", i ? "," : "", name);
		values_at +=
			(size_t)snprintf(values + values_at, sizeof values - values_at, "%s?", i ? "," : "");
		if (table->columns[i].key)
			keys_at += (size_t)snprintf(
				keys + keys_at, sizeof keys - keys_at, "%s\"%s\"", i ? "," : "", name);
		else
			changes_at += (size_t)snprintf(changes + changes_at, sizeof changes - changes_at,
				"%s\"%s\"=excluded.\"%s\"", changes_at ? "," : "", name, name);
	}
	/* schema.c has bounded the columns and their names */
	assert(columns_at < sizeof columns && values_at < sizeof values && keys_at < sizeof keys &&
		changes_at < sizeof changes);
	if (adds)
		snprintf(sql, sizeof sql,
			"INSERT INTO \"%s\" (%s,session) VALUES (%s,?) ON CONFLICT (%s) DO UPDATE SET %s"
			" WHERE \"%s\".session = excluded.session",
			table->name, columns, values, keys, changes, table->name);
	else
		snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO \"%s\" (%s) VALUES (%s)", table->name,
			columns, values);
	return nr_sqlite_prepare(store->writer, store->path, sql, &store->inserts[index], error);
}

static int find_table(
	const struct nr_store *store, const struct nr_table *table, size_t *ret_index, struct nr_error *error)
{
	for (size_t i = 0; i < store->table_count; i++) {
		if (store->tables[i] == table || strcmp(store->tables[i]->name, table->name) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	return nr_fail(error, -EINVAL, "%s: table %s was not named when the store was opened", store->path,
		table->name);
}

int nr_store_writer_begin(struct nr_store *store, struct nr_error *error)
{
	if (store->writing)
		return 0;
	int status = nr_sqlite_run(store->writer, store->path, "BEGIN IMMEDIATE", error);
	store->writing = status == 0;
	return status;
}

/* After a failure SQLite may have rolled everything back, blocks that were accepted included: commit() must
 * say so. */
static int fail_block(struct nr_store *store, bool accepted_before, struct nr_error *error)
{
	struct nr_error reason = {0};
	int status = nr_sqlite_fail(store->writer, store->path, &reason);
	if (sqlite3_get_autocommit(store->writer)) {
		store->writing = store->months_touched = false;
		nr_packs_forget(store->packs);
		if (accepted_before)
			store->failed = reason;
	} else {
		/* without a savepoint this fails: there was one statement, and it is undone */
		sqlite3_exec(store->writer, "ROLLBACK TO block; RELEASE block", NULL, NULL, NULL);
	}
	if (error)
		*error = reason;
	return status;
}

static int step_once(
	struct nr_store *store, sqlite3_stmt **statement, const char *sql, struct nr_error *error)
{
	int status = *statement ? 0 : nr_sqlite_prepare(store->writer, store->path, sql, statement, error);
	if (status)
		return status;
	int step = sqlite3_step(*statement);
	sqlite3_reset(*statement);
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(store->writer, store->path, error);
}

/* A single statement is all or nothing by itself. */
static int insert_block(struct nr_store *store, size_t index, const void *rows, size_t count,
	bool accepted_before, struct nr_error *error)
{
	const struct nr_table *table = store->tables[index];
	int status = store->inserts[index] ? 0 : prepare_insert(store, index, error);
	bool alone = count == 1 && !table->larger_by;
	if (!status && !alone)
		status = step_once(store, &store->savepoint, "SAVEPOINT block", error);
	if (status)
		return status;
	for (size_t i = 0; i < count; i++) {
		if (insert_row(store, index, (const char *)rows + i * table->row_size) != SQLITE_OK)
			return fail_block(store, accepted_before, error);
	}
	return alone ? 0 : step_once(store, &store->release, "RELEASE block", error);
}

/* What fails to be packed leaves half a block in memory: the whole transaction is given up. */
static int pack_block(struct nr_store *store, enum nr_pack_kind kind, const struct nr_table *table,
	const void *rows, size_t count, bool accepted_before, struct nr_error *error)
{
	struct nr_error reason = {0};
	int status = nr_packs_add(store->packs, kind, table, rows, count, &reason);
	if (!status)
		return 0;
	nr_store_writer_undo(store);
	if (accepted_before)
		store->failed = reason;
	if (error)
		*error = reason;
	return status;
}

static int write_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_store *store = store_of(sink);
	enum nr_pack_kind kind = NR_PACK_KINDS;
	enum nr_keeping keeping = nr_keeping_of(table, &kind);
	size_t index = 0;
	if (keeping == NR_KEEP_NOT_AT_ALL || count == 0)
		return 0;
	int status = find_table(store, table, &index, error);
	if (status)
		return status;
	bool accepted_before = store->writing;
	status = nr_store_writer_begin(store, error);
	if (!status && keeping != NR_KEEP_PACKS)
		status = insert_block(store, index, rows, count, accepted_before, error);
	if (!status && keeping != NR_KEEP_ROWS)
		status = pack_block(store, kind, table, rows, count, accepted_before, error);
	return status;
}

void nr_store_writer_undo(struct nr_store *store)
{
	sqlite3_exec(store->writer, "ROLLBACK", NULL, NULL, NULL);
	store->writing = store->months_touched = false;
	nr_packs_forget(store->packs);
}

int nr_store_writer_end(struct nr_store *store, struct nr_error *error)
{
	int status = nr_sqlite_run(store->writer, store->path, "COMMIT", error);
	if (status)
		nr_store_writer_undo(store);
	store->writing = false;
	return status;
}

int nr_store_writer_commit(struct nr_store *store, struct nr_error *error)
{
	if (store->failed.code) {
		if (error)
			*error = store->failed;
		int status = store->failed.code;
		store->failed = (struct nr_error){0};
		return status;
	}
	if (!store->writing)
		return 0;
	int status = nr_packs_flush(store->packs, error);
	if (status) {
		nr_store_writer_undo(store);
		return status;
	}
	status = nr_store_writer_end(store, error);
	return status ? status : nr_months_add_up(store, false, error);
}

static int write_commit(struct nr_sink *sink, struct nr_error *error)
{
	return nr_store_writer_commit(store_of(sink), error);
}

/* Called behind each commit. A passive checkpoint waits for nobody, but while readers follow each other
 * without a break the log is never begun anew; when it has grown too long, the writer waits a moment for
 * those that still read from it. Questions take milliseconds, and none takes longer than NR_ASK_SECONDS. */
static int keep_log_short(void *context, sqlite3 *database, const char *name, int pages)
{
	const struct nr_store *store = context;
	if (pages < NR_STORE_LOG_PAGES)
		return SQLITE_OK;
	bool long_log = pages >= store->log_pages_max;
	sqlite3_busy_timeout(database, long_log ? NR_STORE_LOG_WAIT_MS : 0);
	sqlite3_wal_checkpoint_v2(
		database, name, long_log ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_busy_timeout(database, NR_STORE_BUSY_MS);
	return SQLITE_OK; /* what could not be done is done behind a later commit */
}

void nr_store_writer_init(struct nr_store *store)
{
	store->log_pages_max = NR_STORE_LOG_PAGES_MAX;
	sqlite3_wal_hook(store->writer, keep_log_short, store);
	store->sink = (struct nr_sink){.rows = write_rows, .commit = write_commit};
}

int nr_store_memory(struct nr_store *store, size_t bytes, struct nr_error *error)
{
	char sql[64];
	snprintf(sql, sizeof sql, "PRAGMA cache_size = -%zu", NR_MAX(bytes / 2 / 1024, (size_t)1024));
	nr_packs_limit(store->packs, bytes / 2);
	return nr_sqlite_run(store->writer, store->path, sql, error);
}

struct nr_sink *nr_store_sink(struct nr_store *store)
{
	assert(store->mode != NR_STORE_READ);
	return &store->sink;
}
