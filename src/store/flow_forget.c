/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of clients die with the flows that they rest on (sense/flow/c2_tables.h); nothing of them stays in the
 * file's free pages or its write-ahead log. */
#include "store/sqlite.h"

#include <assert.h>

/* Findings go while the rows that tell of them stand. */
static const char *const forgets[] = {
	"DELETE FROM finding WHERE sense = 'flow' AND (sensor, kind, subject, first) IN"
	" (SELECT sensor, kind, address, first FROM flow_host WHERE since < ?1)",
	"DELETE FROM finding WHERE sense = 'flow' AND kind = 'c2-server' AND EXISTS (SELECT 1 FROM "
	"flow_server t"
	" WHERE t.since < ?1 AND t.sensor = finding.sensor AND t.address = finding.subject"
	" AND finding.first >= t.time AND finding.first < t.time + 86400000000)",
	"DELETE FROM flow_host WHERE since < ?1",
	"DELETE FROM flow_beat WHERE since < ?1",
	"DELETE FROM flow_meeting WHERE since < ?1",
	"DELETE FROM flow_server WHERE since < ?1",
};
/* What was a finding stays, behind what is ranked now. */
static const char *const replaces[] = {
	"DELETE FROM flow_host WHERE sensor = ?2 AND time = ?1 AND alarm = 0",
	"DELETE FROM flow_beat WHERE sensor = ?2 AND time = ?1",
	"DELETE FROM flow_meeting WHERE sensor = ?2 AND time = ?1",
	"DELETE FROM flow_server WHERE sensor = ?2 AND time = ?1 AND alarm = 0",
	"UPDATE flow_server SET rank = rank + 1000000 WHERE sensor = ?2 AND time = ?1",
};

int nr_store_wipe(struct nr_store *store, bool wipe, struct nr_error *error)
{
	return nr_sqlite_run(store->writer, store->path,
		wipe ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = FAST", error);
}

static int run(struct nr_store *store, const char *sql, nr_time time, const char *sensor, uint64_t *rows,
	struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	int status = nr_sqlite_prepare(store->writer, store->path, sql, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, time);
	if (sensor)
		sqlite3_bind_text(statement, 2, sensor, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_DONE)
		return nr_sqlite_fail(store->writer, store->path, error);
	*rows += (uint64_t)sqlite3_changes64(store->writer);
	return 0;
}

int nr_store_flow_replace(struct nr_store *store, const char *sensor, nr_time day, struct nr_error *error)
{
	uint64_t rows = 0;
	assert(store->mode != NR_STORE_READ);
	int status = nr_store_writer_begin(store, error);
	for (size_t i = 0; i < NR_COUNT(replaces) && !status; i++)
		status = run(store, replaces[i], day, sensor, &rows, error);
	return status;
}

/* The write-ahead log may still hold pages as they were. Readers may keep it from being emptied: then it is
 * the next time. */
static int empty_log(struct nr_store *store, struct nr_error *error)
{
	int code = sqlite3_wal_checkpoint_v2(store->writer, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK || code == SQLITE_BUSY || code == SQLITE_LOCKED
		       ? 0
		       : nr_sqlite_fail(store->writer, store->path, error);
}

int nr_store_flow_forget(struct nr_store *store, nr_time before, uint64_t *ret_rows, struct nr_error *error)
{
	uint64_t rows = 0;
	assert(store->mode != NR_STORE_READ);
	int status = nr_store_writer_commit(store, error);
	if (!status)
		status = nr_store_wipe(store, true, error);
	if (status)
		return status;
	status = nr_store_writer_begin(store, error);
	for (size_t i = 0; i < NR_COUNT(forgets) && !status; i++)
		status = run(store, forgets[i], before, NULL, &rows, error);
	if (status)
		nr_store_writer_undo(store);
	else
		status = nr_store_writer_commit(store, error);
	int back = nr_store_wipe(store, false, status ? NULL : error);
	status = status ? status : back;
	if (!status && rows)
		status = empty_log(store, error);
	if (!status && ret_rows)
		*ret_rows = rows;
	return status;
}
