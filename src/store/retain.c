/* SPDX-License-Identifier: Apache-2.0 */
/* Retention by age: what is too old is found by the tables' keys, so that a large store is not read to delete
 * a day. */
#include "store/packs.h"

#include <assert.h>
#include <errno.h>

#define PREFIX_MAX 2 /* key columns before the time: the sensor, and the step where there is one */

/* How many key columns stand before the time; PREFIX_MAX + 1: the time is no key, or deeper in it. */
static size_t time_prefix(const struct nr_table *table)
{
	for (size_t i = 0; i <= PREFIX_MAX && i < table->column_count && table->columns[i].key; i++) {
		if (strcmp(table->columns[i].name, table->time_column) == 0)
			return i;
	}
	return PREFIX_MAX + 1;
}

/* What retention runs on one table. */
struct retain_sql {
	char first[512]; /* the lowest prefix: SELECT p, q FROM t ORDER BY p, q LIMIT 1 */
	char next[512];  /* the one after (?1, ?2), one descent of the tree */
	char gone[512];  /* DELETE FROM t WHERE p = ?1 AND q = ?2 AND time < ?3: touches only what goes */
};

static void write_retain_sql(const struct nr_table *table, size_t prefix, struct retain_sql *sql)
{
	char names[160] = "", marks[32] = "", equal[256] = "";
	for (size_t i = 0; i < prefix; i++) {
		const char *name = table->columns[i].name;
		snprintf(
			names + strlen(names), sizeof names - strlen(names), "%s\"%s\"", i ? ", " : "", name);
		snprintf(marks + strlen(marks), sizeof marks - strlen(marks), "%s?%zu", i ? ", " : "", i + 1);
		snprintf(equal + strlen(equal), sizeof equal - strlen(equal), "\"%s\" = ?%zu AND ", name,
			i + 1);
	}
	snprintf(sql->first, sizeof sql->first, "SELECT %s FROM \"%s\" ORDER BY %s LIMIT 1", names,
		table->name, names);
	snprintf(sql->next, sizeof sql->next, "SELECT %s FROM \"%s\" WHERE (%s) > (%s) ORDER BY %s LIMIT 1",
		names, table->name, names, marks, names);
	snprintf(sql->gone, sizeof sql->gone, "DELETE FROM \"%s\" WHERE %s\"%s\" < ?%d", table->name, equal,
		table->time_column, PREFIX_MAX + 1);
}

static int delete_rows(
	struct nr_store *store, sqlite3_stmt *gone, nr_time before, uint64_t *rows, struct nr_error *error)
{
	sqlite3_bind_int64(gone, PREFIX_MAX + 1, before);
	if (sqlite3_step(gone) != SQLITE_DONE)
		return nr_sqlite_fail(store->writer, store->path, error);
	*rows += (uint64_t)sqlite3_changes64(store->writer);
	sqlite3_reset(gone);
	return 0;
}

/* The prefix that find answers becomes what gone and next are asked about. *ret_found false: there is none.
 */
static int take_prefix(struct nr_store *store, sqlite3_stmt *find, sqlite3_stmt *next, sqlite3_stmt *gone,
	size_t prefix, bool *ret_found, struct nr_error *error)
{
	sqlite3_value *values[PREFIX_MAX] = {0};
	int step = sqlite3_step(find);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return nr_sqlite_fail(store->writer, store->path, error);
	*ret_found = step == SQLITE_ROW;
	for (size_t i = 0; *ret_found && i < prefix; i++)
		values[i] = sqlite3_value_dup(sqlite3_column_value(find, (int)i));
	sqlite3_reset(find);
	for (size_t i = 0; i < prefix && values[i]; i++) {
		sqlite3_bind_value(gone, (int)i + 1, values[i]);
		sqlite3_bind_value(next, (int)i + 1, values[i]);
		sqlite3_value_free(values[i]);
	}
	if (*ret_found && !values[prefix - 1])
		return nr_fail(error, -ENOMEM, "%s: out of memory", store->path);
	return 0;
}

static int retain_by_prefix(struct nr_store *store, const struct retain_sql *sql, sqlite3_stmt *gone,
	size_t prefix, nr_time before, uint64_t *rows, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *first = NULL;
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *next = NULL;
	bool found = false;
	int status = nr_sqlite_prepare(store->writer, store->path, sql->first, &first, error);
	if (!status)
		status = nr_sqlite_prepare(store->writer, store->path, sql->next, &next, error);
	if (!status)
		status = take_prefix(store, first, next, gone, prefix, &found, error);
	while (!status && found) {
		status = delete_rows(store, gone, before, rows, error);
		if (!status)
			status = take_prefix(store, next, next, gone, prefix, &found, error);
	}
	return status;
}

static int run_with_time(
	struct nr_store *store, const char *sql, nr_time before, int64_t *ret_value, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path, sql, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, before);
	int step = sqlite3_step(statement);
	if (step == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(statement, 0);
	return step == SQLITE_ROW || step == SQLITE_DONE ? 0
							 : nr_sqlite_fail(store->writer, store->path, error);
}

/* What sessions have of rows that go; few. */
static int retain_parts(
	struct nr_store *store, const struct nr_table *table, nr_time before, struct nr_error *error)
{
	char name[NR_STORE_NAME_MAX], sql[256];
	nr_store_table_name(table, true, name);
	snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE \"%s\" < ?1", name, table->time_column);
	return run_with_time(store, sql, before, NULL, error);
}

static int retain_table(struct nr_store *store, const struct nr_table *table, nr_time before, uint64_t *rows,
	struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *gone = NULL;
	struct retain_sql sql;
	size_t prefix = time_prefix(table);
	bool keyed = prefix > 0 && prefix <= PREFIX_MAX;
	write_retain_sql(table, keyed ? prefix : 0, &sql);
	int status = nr_sqlite_prepare(store->writer, store->path, sql.gone, &gone, error);
	if (status)
		return status;
	status = keyed ? retain_by_prefix(store, &sql, gone, prefix, before, rows, error)
		       : delete_rows(store, gone, before, rows, error);
	return status || !table->larger_by ? status : retain_parts(store, table, before, error);
}

/* ---- packs ---- */

/* A month that loses some of its days is added up again from those that are left. Rows that are packed for
 * rankings alone are not counted twice. */
static int retain_packs(struct nr_store *store, nr_time before, uint64_t *rows, struct nr_error *error)
{
	static const char counted[] =
		"SELECT sum(rows) FROM pack WHERE time < ?1 AND series IN (SELECT id FROM series"
		" WHERE step <= 86400 AND name IN ('telescope_traffic', 'telescope_port', "
		"'telescope_origin'))";
	static const char *const changes[] = {
		"INSERT OR IGNORE INTO rollup_due SELECT DISTINCT s.sensor, s.step, p.time, -1 FROM series s"
		" CROSS JOIN pack p ON p.series = s.id AND p.time < ?1"
		" WHERE s.step > 86400 AND nr_rolled_next(s.step, p.time) > ?1",
		"DELETE FROM rollup_due WHERE nr_rolled_next(step, time) <= ?1",
		"DELETE FROM inexact WHERE time < ?1",
		"DELETE FROM pack WHERE time < ?1 AND series IN (SELECT id FROM series)",
		"DELETE FROM pack_session WHERE time < ?1 AND series IN (SELECT id FROM series)",
	};
	int64_t count = 0;
	int status = run_with_time(store, counted, before, &count, error);
	for (size_t i = 0; i < NR_COUNT(changes) && !status; i++)
		status = run_with_time(store, changes[i], before, NULL, error);
	store->months_waiting = true;
	*rows += (uint64_t)count;
	return status;
}

/* Whole UTC days go, so that the rows of all steps keep telling the same story. */
int nr_store_retain(struct nr_store *store, nr_time before, uint64_t *ret_rows, struct nr_error *error)
{
	assert(store->mode != NR_STORE_READ);
	before = nr_time_floor(before, NR_DAY);
	int status = nr_store_writer_commit(store, error);
	if (!status)
		status = nr_store_writer_begin(store, error);
	uint64_t rows = 0;
	for (size_t i = 0; i < store->table_count && !status; i++) {
		enum nr_pack_kind kind;
		enum nr_keeping keeping = nr_keeping_of(store->tables[i], &kind);
		if (keeping == NR_KEEP_ROWS || keeping == NR_KEEP_BOTH)
			status = retain_table(store, store->tables[i], before, &rows, error);
	}
	if (!status)
		status = retain_packs(store, before, &rows, error);
	if (status) {
		nr_store_writer_undo(store);
		return status;
	}
	status = nr_store_writer_commit(store, error);
	if (!status && ret_rows)
		*ret_rows = rows;
	return status;
}

int nr_store_retain_tables(struct nr_store *store, nr_time now, uint64_t *ret_rows, struct nr_error *error)
{
	assert(store->mode != NR_STORE_READ);
	int status = nr_store_writer_commit(store, error);
	if (!status)
		status = nr_store_writer_begin(store, error);
	uint64_t rows = 0;
	for (size_t i = 0; i < store->table_count && !status; i++) {
		const struct nr_table *table = store->tables[i];
		if (table->keep)
			status = retain_table(
				store, table, nr_time_floor(now - table->keep, NR_DAY), &rows, error);
	}
	if (status) {
		nr_store_writer_undo(store);
		return status;
	}
	status = nr_store_writer_commit(store, error);
	if (!status && ret_rows)
		*ret_rows = rows;
	return status;
}
