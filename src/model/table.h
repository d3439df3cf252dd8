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

/* What a column of rows from different sessions is together. */
enum nr_adding {
	NR_ADDING_LARGER, /* what the larger row says */
	NR_ADDING_SUM,
	NR_ADDING_MOST, /* also of times: the latest */
	NR_ADDING_LEAST,
	NR_ADDING_WORDS,  /* all words of comma-separated lists */
	NR_ADDING_SKETCH, /* merged */
	/* unique sources as the columns sources, error and sketch tell; where a sketch is missing the largest
	 * row's, and the error is -1: "at least" (docs/adr/0007) */
	NR_ADDING_UNIQUE,
	NR_ADDING_ERROR,
};

struct nr_column {
	const char *name; /* SQL, JSON and CSV name */
	enum nr_type type;
	size_t offset; /* in the row struct */
	bool key;      /* part of the table's key; key columns come first, in key order */
	bool hidden;   /* not shown to people or in JSON (sketches) */
	const char *text_en, *text_ja;
	enum nr_adding adding; /* see struct nr_table */
};

/*
 * A row with the key of an earlier one of its session (model/sink.h) replaces it. With that of another
 * session's row it is the other part of the same step where the table has `larger_by`: each column says how
 * it adds up. Where it has not, one key is one fact (its first packet, or when it was written), and the later
 * row stands. The first key column is always the sensor's name.
 */
struct nr_table {
	const char *name; /* "telescope_port" */
	const struct nr_column *columns;
	size_t column_count;
	size_t row_size;
	const char *
		time_column; /* what retention by age looks at; NULL: rows are for live listeners, not kept */
	const char *text_en, *text_ja;
	const char
		*larger_by; /* the column that says which of several rows is the larger; NULL: none adds up */
	nr_time keep;       /* the age at which rows go, however long the store keeps others; 0: as those */
};

#endif
