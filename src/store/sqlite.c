/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing, and what SQLite's failures mean to the person at the keyboard. */
#include "store/packs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>

static int fail_full(const char *path, struct nr_error *error)
{
	return nr_fail(error, -ENOSPC,
		"%s: the disk is full; free some space and run this again (what was committed is safe)",
		path);
}

static int fail_io(sqlite3 *database, const char *path, struct nr_error *error)
{
	int reason = sqlite3_system_errno(database);
	if (reason == ENOSPC || reason == EDQUOT)
		return fail_full(path, error);
	if (reason == 0)
		reason = EIO;
	return nr_fail(error, -reason, "%s: %s (%s); check the disk", path, sqlite3_errmsg(database),
		strerror(reason));
}

int nr_sqlite_fail(sqlite3 *database, const char *path, struct nr_error *error)
{
	int code = sqlite3_errcode(database) & 0xff;
	switch (code) {
	case SQLITE_FULL:
		return fail_full(path, error);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return nr_fail(error, -EBUSY,
			"%s: locked by another program; try again when that has finished", path);
	case SQLITE_NOTADB:
		return nr_fail(error, -EBADMSG,
			"%s: not a noroshi store (not an SQLite file); give another path", path);
	case SQLITE_CORRUPT:
		return nr_fail(error, -EBADMSG,
			"%s: the database is damaged (%s); save what is readable: sqlite3 FILE .recover | "
			"sqlite3 NEW",
			path, sqlite3_errmsg(database));
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return nr_fail(error, -EACCES,
			"%s: no permission to write to the file and its folder; check their owner", path);
	case SQLITE_CANTOPEN:
		return nr_fail(error, -EACCES,
			"%s: cannot be opened; the file and its folder (for FILE-wal, FILE-shm) must be open "
			"to this user",
			path);
	case SQLITE_NOMEM:
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	case SQLITE_INTERRUPT:
		return nr_fail(
			error, -ETIMEDOUT, "%s: the query took too long; ask for a shorter range", path);
	case SQLITE_IOERR:
		return fail_io(database, path, error);
	default:
		return nr_fail(error, -EIO, "%s: %s", path, sqlite3_errmsg(database));
	}
}

void nr_sqlite_finalizep(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
	*statement = NULL;
}

void nr_sqlite_closep(sqlite3 **database)
{
	sqlite3_close(*database);
	*database = NULL;
}

int nr_sqlite_run(sqlite3 *database, const char *path, const char *sql, struct nr_error *error)
{
	if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
		return nr_sqlite_fail(database, path, error);
	return 0;
}

int nr_sqlite_prepare(sqlite3 *database, const char *path, const char *sql, sqlite3_stmt **ret_statement,
	struct nr_error *error)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		return nr_sqlite_fail(database, path, error);
	*ret_statement = statement;
	return 0;
}

int nr_sqlite_integer(
	sqlite3 *database, const char *path, const char *sql, int64_t *ret_value, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(database, path, sql, &statement, error);
	if (status)
		return status;
	int step = sqlite3_step(statement);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return nr_sqlite_fail(database, path, error);
	*ret_value = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	return 0;
}

/* What SQLite would only call "unable to open database file". */
static int check_path(const char *path, enum nr_store_mode mode, struct nr_error *error)
{
	struct stat status;
	if (stat(path, &status) == 0) {
		if (S_ISDIR(status.st_mode))
			return nr_fail(error, -EISDIR,
				"%s: is a folder; give the path of a file in it, e.g. %s/noroshi.db", path,
				path);
		if (!S_ISREG(status.st_mode))
			return nr_fail(error, -EBADMSG, "%s: not a file; give the path of one", path);
		if (access(path, mode == NR_STORE_READ ? R_OK : R_OK | W_OK) != 0)
			return nr_fail(error, -errno,
				"%s: %s; run as the user that owns it, or change its permissions", path,
				strerror(errno));
		return 0;
	}
	if (errno != ENOENT)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (mode != NR_STORE_CREATE)
		return nr_fail(error, -ENOENT,
			"%s: no such store; make one: noroshi telescope read CAPTURE --store %s", path, path);
	NR_AUTO(nr_freep) char *copy = strdup(path);
	if (!copy)
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	const char *folder = dirname(copy);
	if (access(folder, W_OK | X_OK) != 0 && errno == ENOENT)
		return nr_fail(
			error, -ENOENT, "%s: its folder does not exist; make it: mkdir -p %s", path, folder);
	if (access(folder, W_OK | X_OK) != 0)
		return nr_fail(error, -errno,
			"%s: cannot be made in %s (%s); give a folder that you can write to", path, folder,
			strerror(errno));
	return 0;
}

static char *lock_path_new(const char *path)
{
	NR_AUTO(nr_freep) char *real = realpath(path, NULL);
	char *lock_path;
	if (asprintf(&lock_path, "%s.lock", real ? real : path) < 0)
		return NULL;
	return lock_path;
}

/* The file must be durable at commit: FULL syncs the WAL at each one. */
static int open_writer(struct nr_store *store, struct nr_error *error)
{
	int status = nr_store_lock(store->lock_path, store->path, &store->lock, error);
	if (status)
		return status;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
		    (store->mode == NR_STORE_CREATE ? SQLITE_OPEN_CREATE : 0);
	if (sqlite3_open_v2(store->path, &store->writer, flags, nr_store_map()) != SQLITE_OK)
		return nr_sqlite_fail(store->writer, store->path, error);
	sqlite3_extended_result_codes(store->writer, 1);
	sqlite3_busy_timeout(store->writer, NR_STORE_BUSY_MS);
	store->packs = nr_packs_new(store);
	if (!store->packs)
		return nr_fail(error, -ENOMEM, "%s: out of memory", store->path);
	status = nr_store_functions(store->writer, store->path, error);
	if (!status)
		status = nr_store_schema_upgrade(store, error);
	if (status)
		return status;
	store->months_waiting = true;
	nr_store_writer_init(store);
	return 0;
}

/* A reader is opened and put in the pool at once, so that what is wrong with the file is said now. */
static int open_reader(struct nr_store *store, struct nr_error *error)
{
	sqlite3 *database;
	int status = nr_store_reader_take(store, &database, error);
	if (status)
		return status;
	status = nr_store_schema_check(store, database, error);
	nr_store_reader_give(store, database);
	return status;
}

static int store_new(const char *path, enum nr_store_mode mode, struct nr_store **ret_store)
{
	struct nr_store *store = calloc(1, sizeof *store);
	if (!store)
		return -ENOMEM;
	store->mode = mode;
	store->lock = -1;
	pthread_mutex_init(&store->readers_lock, NULL);
	pthread_cond_init(&store->reader_given, NULL);
	store->path = strdup(path);
	store->lock_path = lock_path_new(path);
	*ret_store = store;
	return store->path && store->lock_path ? 0 : -ENOMEM;
}

int nr_store_open(const char *target, enum nr_store_mode mode, const struct nr_table *const *tables,
	size_t table_count, struct nr_store **ret_store, struct nr_error *error)
{
	const char *path = strncmp(target, "sqlite:", 7) == 0 ? target + 7 : target;
	if (strstr(path, "://"))
		return nr_fail(error, -ENOTSUP, "%s: only SQLite files can be a store; give a path", target);
	if (!*path)
		return nr_fail(error, -EINVAL, "the store's path is empty; give the path of a file");
	if (table_count > NR_STORE_TABLES_MAX)
		return nr_fail(error, -E2BIG, "%s: %zu tables are more than %d", path, table_count,
			NR_STORE_TABLES_MAX);
	int status = check_path(path, mode, error);
	if (status)
		return status;
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	if (store_new(path, mode, &store))
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	for (size_t i = 0; i < table_count; i++)
		store->tables[i] = tables[i];
	store->table_count = table_count;
	status = mode == NR_STORE_READ ? open_reader(store, error) : open_writer(store, error);
	if (status)
		return status;
	*ret_store = nr_steal(&store);
	return 0;
}

/* What is not yet committed is committed; a caller that must know whether that worked calls commit() itself.
 */
void nr_store_close(struct nr_store *store)
{
	if (!store)
		return;
	if (store->writer && store->writing)
		nr_store_writer_commit(store, NULL);
	if (store->writer && store->sink.rows)
		nr_months_add_up(store, true, NULL);
	nr_packs_free(store->packs);
	sqlite3_finalize(store->savepoint);
	sqlite3_finalize(store->release);
	for (size_t i = 0; i < store->table_count; i++)
		sqlite3_finalize(store->inserts[i]);
	for (size_t i = 0; i < store->table_count; i++)
		nr_adder_free(store->adders[i]);
	for (size_t i = 0; i < store->readers_idle; i++)
		sqlite3_close(store->readers[i]);
	sqlite3_close(store->writer);
	nr_close_fd(&store->lock);
	pthread_cond_destroy(&store->reader_given);
	pthread_mutex_destroy(&store->readers_lock);
	free(store->lock_path);
	free(store->path);
	free(store);
}

void nr_store_closep(struct nr_store **store)
{
	nr_store_close(*store);
	*store = NULL;
}
