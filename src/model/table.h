/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as descriptors: rows are fixed-width plain structs, a column says where in the struct and of what
 * type. DDL, JSON, CSV, API and documents are derived from this. The types are those that SQLite and
 * ClickHouse can both hold (docs/adr): time is us in an integer, an address is 16 bytes, text is UTF-8.
 */
#ifndef NR_MODEL_TABLE_H
#define NR_MODEL_TABLE_H

#include "base/address.h"
#include "base/time.h"

enum nr_type {
	NR_TYPE_UINT8,
	NR_TYPE_UINT16,
	NR_TYPE_UINT32,
	NR_TYPE_UINT64,
	NR_TYPE_REAL,    /* double */
	NR_TYPE_TIME,    /* nr_time */
	NR_TYPE_ADDRESS, /* struct nr_address */
	NR_TYPE_TEXT,    /* const char *, NUL-terminated, valid during the call; NULL reads as "" */
	NR_TYPE_BYTES,   /* struct nr_bytes, valid during the call */
};

struct nr_bytes {
	const uint8_t *data;
	size_t length;
};

struct nr_column {
	const char *name; /* SQL, JSON and CSV name */
	enum nr_type type;
	size_t offset; /* in the row struct */
	bool key;      /* part of the table's key; key columns come first, in key order */
	bool hidden;   /* not shown to people or in JSON (sketches) */
	const char *text_en, *text_ja;
};

/* A row with the key of an earlier one replaces it. The first key column is always the sensor's name. */
struct nr_table {
	const char *name; /* "telescope_port" */
	const struct nr_column *columns;
	size_t column_count;
	size_t row_size;
	const char *
		time_column; /* what retention by age looks at; NULL: rows are for live listeners, not kept */
	const char *text_en, *text_ja;
};

#endif
