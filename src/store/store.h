/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: tables of the senses and findings, written in blocks, read by named queries with typed
 * parameters (no SQL outside this room). SQLite today (WAL, STRICT tables, one writer); the interface is what
 * ClickHouse can serve too.
 */
#ifndef NR_STORE_STORE_H
#define NR_STORE_STORE_H

#include "model/sink.h"

struct nr_store;

/* target: a path of an SQLite file (made if `create`), or "sqlite:PATH". Each given table is made where
 * absent. One line says what to do: locked by another writer, newer schema than this program (refused), older
 * (a copy PATH.before-N is kept, then migrated), not a database, no permission, disk full. */
enum nr_store_mode { NR_STORE_READ, NR_STORE_WRITE, NR_STORE_CREATE };
int nr_store_open(const char *target, enum nr_store_mode mode, const struct nr_table *const *tables,
	size_t table_count, struct nr_store **ret_store, struct nr_error *error);
void nr_store_close(struct nr_store *store);
void nr_store_closep(struct nr_store **store);

/* What the writer may hold besides the rows of one step (those of all ports take 10 MB): half of it SQLite's
 * pages, half rows that wait for the end of their step. Before the first row; without it 32 MiB. */
int nr_store_memory(struct nr_store *store, size_t bytes, struct nr_error *error);

/* The sink that writes into the store (owned by the store). Rows of one call are one block; commit() makes
 * durable. */
struct nr_sink *nr_store_sink(struct nr_store *store);

/* Deletes rows whose table->time_column is before `before`, findings by `last`. *ret_rows: how many (may be
 * NULL). */
int nr_store_retain(struct nr_store *store, nr_time before, uint64_t *ret_rows, struct nr_error *error);

/* The same for tables that say how long their rows are kept (nr_table.keep). */
int nr_store_retain_tables(struct nr_store *store, nr_time now, uint64_t *ret_rows, struct nr_error *error);

/* ---- what rests on flows (sense/flow/c2_tables.h) ---- */

/* Deletes rows of clients, and findings about them, that rest on flows received before `before`, so that
 * neither the file nor its write-ahead log holds them. Commits. */
int nr_store_flow_forget(struct nr_store *store, nr_time before, uint64_t *ret_rows, struct nr_error *error);
/* Deletes a day's rows of one sensor, for those that come in the same transaction; what was a finding stays.
 */
int nr_store_flow_replace(struct nr_store *store, const char *sensor, nr_time day, struct nr_error *error);
/* Whether what rows leave behind is overwritten, also where that costs a page's writing. */
int nr_store_wipe(struct nr_store *store, bool wipe, struct nr_error *error);

/* ---- named queries ---- */
enum nr_value_type {
	NR_VALUE_NULL,
	NR_VALUE_INT,
	NR_VALUE_REAL,
	NR_VALUE_TEXT,
	NR_VALUE_TIME,
	NR_VALUE_ADDRESS,
	NR_VALUE_JSON
};

struct nr_value {
	enum nr_value_type type;
	int64_t integer; /* INT, TIME */
	double real;
	const char *text; /* TEXT, JSON; valid during the callback */
	struct nr_address address;
};

/* A parameter of a query: name, type, and whether it may be left out. */
struct nr_parameter {
	const char *name; /* "from", "to", "protocol", "port", "research", "limit", "after" ... */
	enum nr_value_type type;
	const char *fallback; /* text; NULL: no filter (or required where `required`) */
	bool required;
	double minimum, maximum;    /* INT; both 0 = any */
	const char *const *choices; /* TEXT; NULL-terminated */
	const char *text_en;
};

struct nr_result_column {
	const char *name;
	enum nr_value_type type;
	const char *text_en, *text_ja;
};

struct nr_query {
	const char *name; /* "telescope/ports": also the API path below /api/v1/ */
	const char *text_en, *text_ja;
	const struct nr_parameter *parameters;
	size_t parameter_count;
	const struct nr_result_column *columns;
	size_t column_count;
};

extern const struct nr_query *const nr_store_queries[]; /* NULL-terminated */
const struct nr_query *nr_store_query(const char *name);

/* Checks the values as nr_store_ask() does, without asking; on -EINVAL *ret_bad is the parameter at fault. */
int nr_store_check(
	const struct nr_query *query, const char *const *values, size_t *ret_bad, struct nr_error *error);

/* What an answer covers. Ranges are widened to whole steps; `next` is the keyset cursor of the following
 * page. */
struct nr_answer {
	nr_time from, to;
	uint64_t rows;
	char next[128]; /* "" = no more; pass as "after" */
};

/* values: one text per parameter of the query (NULL: left out), checked and typed here; -EINVAL names the
 * parameter. row() is called for each row in order; a non-zero answer stops. Thread-safe: each call uses a
 * reader of its own. */
int nr_store_ask(struct nr_store *store, const struct nr_query *query, const char *const *values,
	int (*row)(void *context, const struct nr_value *values, size_t count), void *context,
	struct nr_answer *ret_answer, struct nr_error *error);

/* Gives up every question under way, and those that come: for the end of a process. Any thread. */
void nr_store_interrupt(struct nr_store *store);

#endif
