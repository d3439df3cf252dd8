/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema: numbered migrations bring an older file up to today, then whatever the descriptors name and the
 * file lacks is added. The descriptors are the truth about today; the migrations are the history and hold the
 * indexes.
 */
#include "store/migrations.h"
#include "store/packs.h"

#include <errno.h>
#include <stdarg.h>

#define SESSION_COLUMN "session INTEGER NOT NULL DEFAULT 0"

static const char *column_type(enum nr_type type)
{
	switch (type) {
	case NR_TYPE_UINT8:
	case NR_TYPE_UINT16:
	case NR_TYPE_UINT32:
	case NR_TYPE_UINT64:
	case NR_TYPE_TIME:
		return "INTEGER NOT NULL DEFAULT 0";
	case NR_TYPE_REAL:
		return "REAL NOT NULL DEFAULT 0";
	case NR_TYPE_ADDRESS:
	case NR_TYPE_BYTES:
		return "BLOB NOT NULL DEFAULT x''";
	case NR_TYPE_TEXT:
		return "TEXT NOT NULL DEFAULT ''";
	}
	return "";
}

/* Appends; a full buffer shows in *used, as with snprintf. */
static void add(char *sql, size_t room, size_t *used, const char *format, ...) NR_PRINTF(4, 5);
static void add(char *sql, size_t room, size_t *used, const char *format, ...)
{
	size_t at = NR_MIN(*used, room);
	va_list arguments;
	va_start(arguments, format);
	*used += (size_t)vsnprintf(sql + at, room - at, format, arguments);
	va_end(arguments);
}

void nr_store_table_name(const struct nr_table *table, bool parts, char name[static NR_STORE_NAME_MAX])
{
	snprintf(name, NR_STORE_NAME_MAX, "%s%s", table->name, parts ? "_session" : "");
}

static int create_table(
	sqlite3 *database, const char *path, const struct nr_table *table, bool parts, struct nr_error *error)
{
	char sql[4096];
	size_t used = 0;
	char name[NR_STORE_NAME_MAX];
	nr_store_table_name(table, parts, name);
	add(sql, sizeof sql, &used, "CREATE TABLE \"%s\" (", name);
	for (size_t i = 0; i < table->column_count; i++)
		add(sql, sizeof sql, &used, "%s\n\t\"%s\" %s", i ? "," : "", table->columns[i].name,
			column_type(table->columns[i].type));
	if (table->larger_by)
		add(sql, sizeof sql, &used, ",\n\t" SESSION_COLUMN);
	add(sql, sizeof sql, &used, ",\n\tPRIMARY KEY (");
	for (size_t i = 0; i < table->column_count && table->columns[i].key; i++)
		add(sql, sizeof sql, &used, "%s\"%s\"", i ? ", " : "", table->columns[i].name);
	add(sql, sizeof sql, &used, "%s)\n) STRICT, WITHOUT ROWID", parts ? ", session" : "");
	if (used >= sizeof sql)
		return nr_fail(error, -E2BIG, "%s: table %s has too many columns", path, table->name);
	return nr_sqlite_run(database, path, sql, error);
}

/* column NULL: the session. */
static int add_column(sqlite3 *database, const char *path, const char *name, const struct nr_column *column,
	struct nr_error *error)
{
	char sql[256];
	if (column && column->key)
		return nr_fail(error, -ENOTSUP,
			"%s: table %s lacks its key column %s; this is not a store of noroshi", path, name,
			column->name);
	if (column)
		snprintf(sql, sizeof sql, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", name, column->name,
			column_type(column->type));
	else
		snprintf(sql, sizeof sql, "ALTER TABLE \"%s\" ADD COLUMN " SESSION_COLUMN, name);
	return nr_sqlite_run(database, path, sql, error);
}

/* Which columns of the descriptor the file has. */
struct present {
	bool table, session, column[NR_STORE_COLUMNS_MAX];
};

static int read_columns(sqlite3 *database, const char *path, const struct nr_table *table, const char *name,
	struct present *present, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status =
		nr_sqlite_prepare(database, path, "SELECT name FROM pragma_table_info(?)", &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
	int step;
	while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *column = (const char *)sqlite3_column_text(statement, 0);
		present->table = true;
		present->session |= column && strcmp(column, "session") == 0;
		for (size_t i = 0; column && i < table->column_count; i++)
			present->column[i] |= strcmp(table->columns[i].name, column) == 0;
	}
	return step == SQLITE_DONE ? 0 : nr_sqlite_fail(database, path, error);
}

/* repair: adds what is absent; otherwise *ret_absent names it ("" = nothing). */
static int visit_form(sqlite3 *database, const char *path, const struct nr_table *table, bool parts,
	bool repair, const char **ret_absent, struct nr_error *error)
{
	struct present present = {0};
	char name[NR_STORE_NAME_MAX];
	nr_store_table_name(table, parts, name);
	int status = read_columns(database, path, table, name, &present, error);
	if (status)
		return status;
	if (!present.table && repair)
		return create_table(database, path, table, parts, error);
	if (!present.table)
		*ret_absent = table->name;
	for (size_t i = 0; present.table && i < table->column_count && !status; i++) {
		if (present.column[i])
			continue;
		*ret_absent = table->columns[i].name;
		if (repair)
			status = add_column(database, path, name, &table->columns[i], error);
	}
	if (status || !present.table || !table->larger_by || present.session)
		return status;
	*ret_absent = "session";
	return repair ? add_column(database, path, name, NULL, error) : 0;
}

static int visit_table(sqlite3 *database, const char *path, const struct nr_table *table, bool repair,
	const char **ret_absent, struct nr_error *error)
{
	enum nr_pack_kind kind;
	enum nr_keeping keeping = nr_keeping_of(table, &kind);
	if (keeping == NR_KEEP_PACKS || keeping == NR_KEEP_NOT_AT_ALL)
		return 0;
	if (table->column_count > NR_STORE_COLUMNS_MAX || strlen(table->name) > NR_STORE_NAME_MAX / 2)
		return nr_fail(error, -E2BIG, "%s: table %s has too many columns, or too long a name", path,
			table->name);
	int status = visit_form(database, path, table, false, repair, ret_absent, error);
	if (!status && table->larger_by)
		status = visit_form(database, path, table, true, repair, ret_absent, error);
	return status;
}

struct state {
	bool fresh;      /* nothing in the file */
	int64_t version; /* migrations that it has seen */
};

static int read_state(sqlite3 *database, const char *path, struct state *ret_state, struct nr_error *error)
{
	int64_t objects, application;
	struct state state = {0};
	int status = nr_sqlite_integer(database, path, "SELECT count(*) FROM sqlite_schema", &objects, error);
	if (!status)
		status = nr_sqlite_integer(database, path, "PRAGMA application_id", &application, error);
	if (!status)
		status = nr_sqlite_integer(database, path, "PRAGMA user_version", &state.version, error);
	if (status)
		return status;
	state.fresh = objects == 0 && application == 0;
	if (!state.fresh && application != NR_STORE_APPLICATION)
		return nr_fail(
			error, -EBADMSG, "%s: an SQLite file of another program; give another path", path);
	if (state.version > (int64_t)nr_migration_count)
		return nr_fail(error, -EPROTO,
			"%s: made by a newer noroshi (schema %lld, this program knows %zu); update noroshi",
			path, (long long)state.version, nr_migration_count);
	*ret_state = state;
	return 0;
}

/* PATH.before-N, N being the schema that comes: whole or not there at all. */
static int keep_copy(const struct nr_store *store, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *temporary = NULL;
	NR_AUTO(nr_freep) char *copy = NULL;
	if (asprintf(&copy, "%s.before-%zu", store->path, nr_migration_count) < 0)
		return nr_fail(error, -ENOMEM, "%s: out of memory", store->path);
	if (asprintf(&temporary, "%s.partial", copy) < 0)
		return nr_fail(error, -ENOMEM, "%s: out of memory", store->path);
	unlink(temporary);
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path, "VACUUM INTO ?", &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, temporary, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_DONE) {
		status = nr_sqlite_fail(store->writer, store->path, error);
		unlink(temporary);
		return status;
	}
	if (rename(temporary, copy) != 0)
		return nr_fail(error, -errno, "%s: %s", copy, strerror(errno));
	return 0;
}

static int migrate(struct nr_store *store, int64_t version, struct nr_error *error)
{
	for (size_t i = (size_t)version; i < nr_migration_count; i++) {
		int status = nr_sqlite_run(store->writer, store->path, nr_migrations[i].sql, error);
		if (status)
			return nr_error_prefix(error, "migration %s", nr_migrations[i].name);
	}
	/* today's packs are written, so today's tables must be there */
	int packed = version < NR_STORE_SCHEMA_PACKS ? nr_store_pack_rows(store, error) : 0;
	if (packed)
		return nr_error_prefix(error, "packing the rows of an older store");
	const char *absent = "";
	for (size_t i = 0; i < store->table_count; i++) {
		int status = visit_table(store->writer, store->path, store->tables[i], true, &absent, error);
		if (status)
			return status;
	}
	char sql[128];
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %zu",
		NR_STORE_APPLICATION, nr_migration_count);
	return nr_sqlite_run(store->writer, store->path, sql, error);
}

/* "" when every table and column is there. */
static int find_absent(
	const struct nr_store *store, sqlite3 *database, const char **ret_absent, struct nr_error *error)
{
	*ret_absent = "";
	for (size_t i = 0; i < store->table_count && !**ret_absent; i++) {
		int status = visit_table(database, store->path, store->tables[i], false, ret_absent, error);
		if (status)
			return status;
	}
	return 0;
}

int nr_store_schema_upgrade(struct nr_store *store, struct nr_error *error)
{
	struct state state = {0};
	int status = read_state(store->writer, store->path, &state, error);
	if (!status && !state.fresh && state.version < (int64_t)nr_migration_count)
		status = keep_copy(store, error);
	if (!status)
		status = nr_sqlite_run(store->writer, store->path,
			"PRAGMA page_size = 16384;" /* of a new file: packs in few pages */
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;"
			"PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; PRAGMA "
			"trusted_schema = 0; PRAGMA secure_delete = FAST",
			error);
	if (status)
		return status;
	const char *absent;
	status = find_absent(store, store->writer, &absent, error);
	if (status || (!*absent && state.version == (int64_t)nr_migration_count))
		return status;
	status = nr_sqlite_run(store->writer, store->path, "BEGIN IMMEDIATE", error);
	if (!status)
		status = migrate(store, state.version, error);
	if (!status)
		status = nr_sqlite_run(store->writer, store->path, "COMMIT", error);
	if (status)
		nr_store_writer_undo(store);
	return status;
}

int nr_store_schema_check(struct nr_store *store, sqlite3 *database, struct nr_error *error)
{
	struct state state = {0};
	int status = read_state(database, store->path, &state, error);
	if (status)
		return status;
	if (state.fresh)
		return nr_fail(error, -ENODATA,
			"%s: an empty file; fill it: noroshi telescope read CAPTURE --store %s", store->path,
			store->path);
	const char *absent;
	status = find_absent(store, database, &absent, error);
	if (status)
		return status;
	if (*absent || state.version < (int64_t)nr_migration_count)
		return nr_fail(error, -EPROTO,
			"%s: made by an older noroshi (schema %lld of %zu); any command that writes to it "
			"brings it up to date",
			store->path, (long long)state.version, nr_migration_count);
	return 0;
}
