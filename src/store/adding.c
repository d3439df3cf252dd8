/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of one key from several sessions (model/table.h, docs/adr/0018). Each session's row is kept in the
 * table's second form, so that it can be replaced; the row that is asked for is made of them anew. Most keys
 * are one session's, and never come here.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <stdarg.h>

struct nr_adder {
	sqlite3_stmt *keep; /* the row that stands alone so far becomes the part of its session */
	sqlite3_stmt *put;  /* the part of the sink's session */
	sqlite3_stmt *fold; /* all parts together */
	size_t keys;
};

void nr_adder_free(struct nr_adder *adder)
{
	if (!adder)
		return;
	sqlite3_finalize(adder->keep);
	sqlite3_finalize(adder->put);
	sqlite3_finalize(adder->fold);
	free(adder);
}

/* A growing text; one that is too long says so at its end. */
struct text {
	char bytes[6144];
	size_t used;
};

static void add(struct text *t, const char *format, ...) NR_PRINTF(2, 3);
static void add(struct text *t, const char *format, ...)
{
	va_list arguments;
	size_t at = NR_MIN(t->used, sizeof t->bytes);
	va_start(arguments, format);
	t->used += (size_t)vsnprintf(t->bytes + at, sizeof t->bytes - at, format, arguments);
	va_end(arguments);
}

static int prepare(
	struct nr_store *store, const struct text *t, sqlite3_stmt **ret_statement, struct nr_error *error)
{
	if (t->used >= sizeof t->bytes)
		return nr_fail(error, -E2BIG, "%s: a table has too many columns", store->path);
	return nr_sqlite_prepare(store->writer, store->path, t->bytes, ret_statement, error);
}

static void add_columns(struct text *t, const struct nr_table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		add(t, "\"%s\",", table->columns[i].name);
	add(t, "session");
}

static void add_key(struct text *t, const struct nr_table *table, const char *prefix)
{
	for (size_t i = 0; i < table->column_count && table->columns[i].key; i++)
		add(t, "%s%s\"%s\" = ?%zu", i ? " AND " : "", prefix, table->columns[i].name, i + 1);
}

/* p: the parts, l: the largest of them. */
static void add_sum(struct text *t, const struct nr_column *column)
{
	static const char *const functions[] = {
		[NR_ADDING_SUM] = "nr_sum",
		[NR_ADDING_MOST] = "max",
		[NR_ADDING_LEAST] = "min",
		[NR_ADDING_WORDS] = "nr_words",
		[NR_ADDING_SKETCH] = "nr_unique_sketch",
		[NR_ADDING_UNIQUE] = "nr_unique",
		[NR_ADDING_ERROR] = "nr_unique_error",
	};
	if (column->adding == NR_ADDING_LARGER)
		add(t, "l.\"%s\"", column->name);
	else if (column->adding >= NR_ADDING_SKETCH)
		add(t, "%s(p.sources, p.error, p.sketch)", functions[column->adding]);
	else
		add(t, "%s(p.\"%s\")", functions[column->adding], column->name);
}

static int prepare_fold(struct nr_store *store, const struct nr_table *table, const char *parts,
	sqlite3_stmt **ret_statement, struct nr_error *error)
{
	struct text t = {.used = 0};
	add(&t, "INSERT OR REPLACE INTO \"%s\" (", table->name);
	add_columns(&t, table);
	add(&t, ") SELECT ");
	for (size_t i = 0; i < table->column_count; i++) {
		if (table->columns[i].key)
			add(&t, "?%zu", i + 1);
		else
			add_sum(&t, &table->columns[i]);
		add(&t, ",");
	}
	add(&t, "%d FROM \"%s\" p, (SELECT * FROM \"%s\" WHERE ", NR_STORE_SEVERAL, parts, parts);
	add_key(&t, table, "");
	add(&t, " ORDER BY \"%s\" DESC, session LIMIT 1) l WHERE ", table->larger_by);
	add_key(&t, table, "p.");
	return prepare(store, &t, ret_statement, error);
}

static int adder_new(struct nr_store *store, const struct nr_table *table, struct nr_adder **ret_adder,
	struct nr_error *error)
{
	struct text keep = {.used = 0}, put = {.used = 0};
	char parts[NR_STORE_NAME_MAX];
	nr_store_table_name(table, true, parts);
	struct nr_adder *adder = calloc(1, sizeof *adder);
	if (!adder)
		return nr_fail(error, -ENOMEM, "out of memory");
	while (adder->keys < table->column_count && table->columns[adder->keys].key)
		adder->keys++;
	add(&keep, "INSERT OR IGNORE INTO \"%s\" (", parts);
	add_columns(&keep, table);
	add(&keep, ") SELECT ");
	add_columns(&keep, table);
	add(&keep, " FROM \"%s\" WHERE session <> %d AND ", table->name, NR_STORE_SEVERAL);
	add_key(&keep, table, "");
	add(&put, "INSERT OR REPLACE INTO \"%s\" (", parts);
	add_columns(&put, table);
	add(&put, ") VALUES (");
	for (size_t i = 0; i < table->column_count; i++)
		add(&put, "?,");
	add(&put, "?)");
	int status = prepare(store, &keep, &adder->keep, error);
	if (!status)
		status = prepare(store, &put, &adder->put, error);
	if (!status)
		status = prepare_fold(store, table, parts, &adder->fold, error);
	if (status)
		nr_adder_free(adder);
	else
		*ret_adder = adder;
	return status;
}

static int run(struct nr_store *store, sqlite3_stmt *statement, const struct nr_table *table, const void *row,
	size_t columns, struct nr_error *error)
{
	nr_store_bind_row(statement, table, row, columns);
	if (columns == table->column_count)
		sqlite3_bind_int64(statement, (int)columns + 1, store->sink.session);
	int step = sqlite3_step(statement);
	int status = step == SQLITE_DONE ? 0 : nr_sqlite_fail(store->writer, store->path, error);
	sqlite3_reset(statement);
	return status;
}

int nr_adder_write(struct nr_store *store, size_t index, const void *row, struct nr_error *error)
{
	const struct nr_table *table = store->tables[index];
	int status = store->adders[index] ? 0 : adder_new(store, table, &store->adders[index], error);
	if (status)
		return status;
	const struct nr_adder *adder = store->adders[index];
	status = run(store, adder->keep, table, row, adder->keys, error);
	if (!status)
		status = run(store, adder->put, table, row, table->column_count, error);
	return status ? status : run(store, adder->fold, table, row, adder->keys, error);
}
