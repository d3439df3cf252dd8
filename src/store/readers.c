/* SPDX-License-Identifier: Apache-2.0 */
/* Reading connections: each question has one for itself, so that any number of threads may ask. */
#include "store/sqlite.h"

#include <errno.h>

static int open_one(const struct nr_store *store, sqlite3 **ret_database, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_closep) sqlite3 *database = NULL;
	if (sqlite3_open_v2(store->path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return nr_sqlite_fail(database, store->path, error);
	sqlite3_extended_result_codes(database, 1);
	sqlite3_busy_timeout(database, NR_STORE_BUSY_MS);
	int status = nr_sqlite_run(database, store->path,
		"PRAGMA query_only = 1; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA "
		"trusted_schema = 0",
		error);
	if (!status)
		status = nr_store_functions(database, store->path, error);
	if (status)
		return status;
	*ret_database = nr_steal(&database);
	return 0;
}

int nr_store_reader_take(struct nr_store *store, sqlite3 **ret_database, struct nr_error *error)
{
	sqlite3 *database = NULL;
	pthread_mutex_lock(&store->readers_lock);
	if (store->reader_count)
		database = store->readers[--store->reader_count];
	pthread_mutex_unlock(&store->readers_lock);
	if (!database)
		return open_one(store, ret_database, error);
	*ret_database = database;
	return 0;
}

void nr_store_reader_give(struct nr_store *store, sqlite3 *database)
{
	pthread_mutex_lock(&store->readers_lock);
	if (store->reader_count < NR_STORE_READERS) {
		store->readers[store->reader_count++] = database;
		database = NULL;
	}
	pthread_mutex_unlock(&store->readers_lock);
	sqlite3_close(database);
}
