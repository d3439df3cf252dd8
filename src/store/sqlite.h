/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the store room: one SQLite file, one writing connection (with a lock file that says who holds it)
 * and a small pool of reading ones. The writing side belongs to one thread; the pool is for any.
 */
#ifndef NR_STORE_SQLITE_H
#define NR_STORE_SQLITE_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#define NR_STORE_APPLICATION   0x4e524f53 /* "NROS" in the file's header: an SQLite file, and ours */
#define NR_STORE_BUSY_MS       5000       /* how long a connection waits for another one's lock */
#define NR_STORE_LOG_PAGES     250        /* of the write-ahead log, before they are carried over */
#define NR_STORE_LOG_PAGES_MAX 65536      /* 256 MiB: beyond, the writer waits for readers */
#define NR_STORE_LOG_WAIT_MS   100
#define NR_STORE_READERS       8    /* idle reading connections that are kept */
#define NR_STORE_WAIT_SECONDS  20   /* for one of them */
#define NR_STORE_TABLES_MAX    32   /* tables of one store */
#define NR_STORE_COLUMNS_MAX   32   /* columns of one table */
#define NR_STORE_NAME_MAX      96   /* bytes of a table's name */
#define NR_STORE_SEVERAL       (-1) /* instead of a session: the row, or pack, is several sessions' together */

struct nr_packs;

struct nr_store {
	char *path;      /* as given, without "sqlite:"; in every message */
	char *lock_path; /* PATH.lock, links resolved */
	int lock;        /* -1: not a writer */
	enum nr_store_mode mode;
	const struct nr_table *tables[NR_STORE_TABLES_MAX]; /* descriptors are static data */
	size_t table_count;

	/* The writer (write.c). */
	sqlite3 *writer;
	sqlite3_stmt *inserts[NR_STORE_TABLES_MAX];   /* prepared at first use, one per table */
	struct nr_adder *adders[NR_STORE_TABLES_MAX]; /* owned; likewise, where rows of sessions add up */
	struct nr_sink sink;
	struct nr_packs *packs; /* owned; what is gathered for packs */
	sqlite3_stmt *savepoint, *release;
	int log_pages_max;      /* NR_STORE_LOG_PAGES_MAX; tests make it smaller */
	bool writing;           /* inside a transaction */
	int64_t turn;           /* commits of this writer */
	bool months_touched;    /* by the transaction under way */
	bool months_waiting;    /* by one before: to be looked at */
	struct nr_error failed; /* blocks that had been accepted were rolled back; told at commit */

	/* The readers (readers.c): those at rest, and how many there are in all. */
	pthread_mutex_t readers_lock;
	pthread_cond_t reader_given;
	sqlite3 *readers[NR_STORE_READERS];
	size_t readers_idle, readers_open;
	atomic_bool stopping; /* nr_store_interrupt() */
};

/* A static piece of SQL, run to its end. */
int nr_sqlite_run(sqlite3 *database, const char *path, const char *sql, struct nr_error *error);
/* One integer of one row (0 without a row). */
int nr_sqlite_integer(
	sqlite3 *database, const char *path, const char *sql, int64_t *ret_value, struct nr_error *error);
int nr_sqlite_prepare(sqlite3 *database, const char *path, const char *sql, sqlite3_stmt **ret_statement,
	struct nr_error *error);
/* Turns the connection's last failure into one line that says what to do, and -errno. */
int nr_sqlite_fail(sqlite3 *database, const char *path, struct nr_error *error);
void nr_sqlite_finalizep(sqlite3_stmt **statement);
void nr_sqlite_closep(sqlite3 **database);

/* PATH.lock (lock.c): -EBUSY names the process that holds it. *ret_lock: a descriptor; closing it gives the
 * lock back. */
int nr_store_lock(const char *lock_path, const char *path, int *ret_lock, struct nr_error *error);

/* The schema (schema.c). _upgrade: copies an older file, migrates it, makes absent tables and columns; writer
 * only. _check: the same questions without writing, for readers. */
int nr_store_schema_upgrade(struct nr_store *store, struct nr_error *error);
int nr_store_schema_check(struct nr_store *store, sqlite3 *database, struct nr_error *error);

/* Schema 2 keeps packs where schema 1 had rows: the old rows are packed, their tables dropped (pack_rows.c).
 */
#define NR_STORE_SCHEMA_PACKS 2
int nr_store_pack_rows(struct nr_store *store, struct nr_error *error);

/* Where rows of sessions add up (adding.c), a table has a column `session`, and a second table of the same
 * columns (parts) holds each session's row of the keys that several have. The first is what is asked. */
void nr_store_table_name(const struct nr_table *table, bool parts, char name[static NR_STORE_NAME_MAX]);
/* Writes a row of the sink's session whose key another session has, too. index: of its table. */
struct nr_adder;
int nr_adder_write(struct nr_store *store, size_t index, const void *row, struct nr_error *error);
void nr_adder_free(struct nr_adder *adding);

/* Writing (write.c). */
/* The row's first `count` columns as parameters 1 to count; answers an SQLite code. */
int nr_store_bind_row(sqlite3_stmt *statement, const struct nr_table *table, const void *row, size_t count);
void nr_store_writer_init(struct nr_store *store);
int nr_store_writer_begin(struct nr_store *store, struct nr_error *error);
int nr_store_writer_commit(struct nr_store *store, struct nr_error *error);
int nr_store_writer_end(struct nr_store *store, struct nr_error *error); /* COMMIT, and nothing else */
void nr_store_writer_undo(struct nr_store *store);                       /* ROLLBACK */

/* A reading connection of the caller's own, until it is given back (readers.c). -EBUSY: none came free. */
int nr_store_reader_take(struct nr_store *store, sqlite3 **ret_database, struct nr_error *error);
void nr_store_reader_give(struct nr_store *store, sqlite3 *database);

/* The name of the VFS that all connections are opened with (map.c); NULL: SQLite's own. */
const char *nr_store_map(void);

/* The SQL functions that named queries use (functions.c). */
int nr_store_functions(sqlite3 *database, const char *path, struct nr_error *error);

#endif
