/* SPDX-License-Identifier: Apache-2.0 */
/* The way from schema 1 to 2: rows of the telescope's counts become packs. Inside the migration's
 * transaction. */
#include "store/packs.h"

#include <errno.h>

/* What a row of any of the five old tables may have; absent columns stay zero. */
struct old_row {
	const char *sensor;
	uint32_t step;
	nr_time time;
	uint8_t traffic;
	const char *category, *class, *country, *as_name, *categories, *tools, *research, *marks;
	uint64_t protocol, port, asn, ports, packets, bytes, sources, scan_packets;
	nr_time first, last;
	double error;
	struct nr_address address;
	struct nr_bytes sketch;
};

#define COLUMN(name, type)                                                                                   \
	{                                                                                                    \
#name, type, offsetof(struct old_row, name), false, false, "", ""                            \
	}
#define WHEN                                                                                                 \
	COLUMN(sensor, NR_TYPE_TEXT), COLUMN(step, NR_TYPE_UINT32), COLUMN(time, NR_TYPE_TIME),              \
		COLUMN(traffic, NR_TYPE_UINT8)
#define FIGURES COLUMN(sources, NR_TYPE_UINT64), COLUMN(error, NR_TYPE_REAL), COLUMN(sketch, NR_TYPE_BYTES)

static const struct nr_column traffic_columns[] = {WHEN, COLUMN(category, NR_TYPE_TEXT),
	COLUMN(packets, NR_TYPE_UINT64), COLUMN(bytes, NR_TYPE_UINT64), FIGURES};
static const struct nr_column port_columns[] = {WHEN, COLUMN(protocol, NR_TYPE_UINT64),
	COLUMN(port, NR_TYPE_UINT64), COLUMN(class, NR_TYPE_TEXT), COLUMN(packets, NR_TYPE_UINT64),
	COLUMN(bytes, NR_TYPE_UINT64), FIGURES};
static const struct nr_column origin_columns[] = {WHEN, COLUMN(country, NR_TYPE_TEXT),
	COLUMN(asn, NR_TYPE_UINT64), COLUMN(as_name, NR_TYPE_TEXT), COLUMN(packets, NR_TYPE_UINT64), FIGURES};
static const struct nr_column source_columns[] = {COLUMN(sensor, NR_TYPE_TEXT), COLUMN(time, NR_TYPE_TIME),
	COLUMN(address, NR_TYPE_ADDRESS), COLUMN(packets, NR_TYPE_UINT64),
	COLUMN(scan_packets, NR_TYPE_UINT64), COLUMN(ports, NR_TYPE_UINT64), COLUMN(first, NR_TYPE_TIME),
	COLUMN(last, NR_TYPE_TIME), COLUMN(categories, NR_TYPE_TEXT), COLUMN(tools, NR_TYPE_TEXT),
	COLUMN(research, NR_TYPE_TEXT), COLUMN(marks, NR_TYPE_TEXT), COLUMN(country, NR_TYPE_TEXT),
	COLUMN(asn, NR_TYPE_UINT64), COLUMN(as_name, NR_TYPE_TEXT)};
static const struct nr_column source_port_columns[] = {COLUMN(sensor, NR_TYPE_TEXT),
	COLUMN(time, NR_TYPE_TIME), COLUMN(protocol, NR_TYPE_UINT64), COLUMN(port, NR_TYPE_UINT64),
	COLUMN(address, NR_TYPE_ADDRESS), COLUMN(packets, NR_TYPE_UINT64), COLUMN(bytes, NR_TYPE_UINT64)};

#define TABLE(name, columns)                                                                                 \
	{                                                                                                    \
		name, columns, NR_COUNT(columns), sizeof(struct old_row), "time", "", ""                     \
	}
static const struct nr_table old_tables[] = {
	TABLE("telescope_traffic", traffic_columns),
	TABLE("telescope_port", port_columns),
	TABLE("telescope_origin", origin_columns),
	TABLE("telescope_source", source_columns),
	TABLE("telescope_source_port", source_port_columns),
};

static void read_column(sqlite3_stmt *statement, int place, const struct nr_column *column, char *row)
{
	void *field = row + column->offset;
	switch (column->type) {
	case NR_TYPE_UINT8:
		*(uint8_t *)field = (uint8_t)sqlite3_column_int(statement, place);
		break;
	case NR_TYPE_UINT32:
		*(uint32_t *)field = (uint32_t)sqlite3_column_int64(statement, place);
		break;
	case NR_TYPE_REAL:
		*(double *)field = sqlite3_column_double(statement, place);
		break;
	case NR_TYPE_TEXT:
		*(const char **)field = (const char *)sqlite3_column_text(statement, place);
		break;
	case NR_TYPE_ADDRESS:
		if (sqlite3_column_bytes(statement, place) == (int)sizeof(struct nr_address))
			memcpy(field, sqlite3_column_blob(statement, place), sizeof(struct nr_address));
		break;
	case NR_TYPE_BYTES:
		*(struct nr_bytes *)field = (struct nr_bytes){sqlite3_column_blob(statement, place),
			(size_t)sqlite3_column_bytes(statement, place)};
		break;
	default:
		*(int64_t *)field = sqlite3_column_int64(statement, place);
		break;
	}
}

/* In the order of their keys: the rows of a step come one after the other. */
static int prepare_rows(const struct nr_store *store, const struct nr_table *table,
	sqlite3_stmt **ret_statement, struct nr_error *error)
{
	char sql[512];
	size_t used = (size_t)snprintf(sql, sizeof sql, "SELECT ");
	for (size_t i = 0; i < table->column_count; i++)
		used += (size_t)snprintf(
			sql + used, sizeof sql - used, "%s\"%s\"", i ? ", " : "", table->columns[i].name);
	snprintf(sql + used, sizeof sql - used, " FROM %s", table->name);
	return nr_sqlite_prepare(store->writer, store->path, sql, ret_statement, error);
}

static int pack_table(struct nr_store *store, const struct nr_table *table, struct nr_error *error)
{
	NR_AUTO(nr_sqlite_finalizep) sqlite3_stmt *statement = NULL;
	enum nr_pack_kind kind = NR_PACK_KINDS;
	enum nr_keeping keeping = nr_keeping_of(table, &kind);
	char sql[64];
	int status = prepare_rows(store, table, &statement, error), step = SQLITE_DONE;
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct old_row row = {.sensor = ""};
		for (size_t i = 0; i < table->column_count; i++)
			read_column(statement, (int)i, &table->columns[i], (char *)&row);
		status = nr_packs_add(store->packs, kind, table, &row, 1, error);
	}
	if (!status && step != SQLITE_DONE)
		status = nr_sqlite_fail(store->writer, store->path, error);
	sqlite3_reset(statement);
	if (!status)
		status = nr_packs_flush(store->packs, error);
	if (status || keeping == NR_KEEP_BOTH)
		return status;
	snprintf(sql, sizeof sql, "DROP TABLE %s", table->name);
	return nr_sqlite_run(store->writer, store->path, sql, error);
}

int nr_store_pack_rows(struct nr_store *store, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < NR_COUNT(old_tables) && !status; i++)
		status = pack_table(store, &old_tables[i], error);
	return status;
}
