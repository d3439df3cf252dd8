/* SPDX-License-Identifier: Apache-2.0 */
/* Reading connections: each question has one for itself, so that any number of threads may ask. */
#include "store/sqlite.h"

#include <errno.h>
#include <time.h>

static int open_one(const struct nr_store *store, sqlite3 **ret_database, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_closep) sqlite3 *database = NULL;
	if (sqlite3_open_v2(store->path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
		    nr_store_map()) != SQLITE_OK)
		return nr_sqlite_fail(database, store->path, error);
	sqlite3_extended_result_codes(database, 1);
	sqlite3_busy_timeout(database, NR_STORE_BUSY_MS);
	int status = nr_sqlite_run(database, store->path,
		"PRAGMA query_only = 1; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA "
		"trusted_schema = 0; PRAGMA mmap_size = 2147418112",
		error);
	if (!status)
		status = nr_store_functions(database, store->path, error);
	if (status)
		return status;
	*ret_database = nr_steal(&database);
	return 0;
}

/* True: there is one at rest (*ret_database) or room for one more (NULL). */
static bool wait_for_turn(struct nr_store *store, sqlite3 **ret_database)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += NR_STORE_WAIT_SECONDS;
	int status = 0;
	pthread_mutex_lock(&store->readers_lock);
	while (!store->readers_idle && store->readers_open == NR_STORE_READERS && status == 0)
		status = pthread_cond_timedwait(&store->reader_given, &store->readers_lock, &until);
	if (store->readers_idle)
		*ret_database = store->readers[--store->readers_idle];
	else if (status == 0)
		store->readers_open++;
	pthread_mutex_unlock(&store->readers_lock);
	return status == 0 || *ret_database;
}

int nr_store_reader_take(struct nr_store *store, sqlite3 **ret_database, struct nr_error *error)
{
	sqlite3 *database = NULL;
	if (!wait_for_turn(store, &database))
		return nr_fail(error, -EBUSY, "%s: too many questions at once; ask again", store->path);
	if (!database) {
		int status = open_one(store, &database, error);
		if (status) {
			pthread_mutex_lock(&store->readers_lock);
			store->readers_open--;
			pthread_cond_signal(&store->reader_given);
			pthread_mutex_unlock(&store->readers_lock);
			return status;
		}
	}
	*ret_database = database;
	return 0;
}

void nr_store_reader_give(struct nr_store *store, sqlite3 *database)
{
	pthread_mutex_lock(&store->readers_lock);
	store->readers[store->readers_idle++] = database;
	pthread_cond_signal(&store->reader_given);
	pthread_mutex_unlock(&store->readers_lock);
}

void nr_store_interrupt(struct nr_store *store)
{
	atomic_store(&store->stopping, true);
}
