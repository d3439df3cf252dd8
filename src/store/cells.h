/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading side of packs: the pieces of a range, pack by pack. One reading belongs to one question; it
 * reads in the question's transaction.
 */
#ifndef NR_STORE_CELLS_H
#define NR_STORE_CELLS_H

#include "store/ask.h"
#include "store/pack.h"
#include "store/unique.h"

/* One question under way (ask.c), as plans in C see it. */
struct nr_reading {
	sqlite3 *database;
	const char *path;
	struct nr_ask *ask;
	/* Hands a row out, with the keys of the plan's order; 1: the page is full. */
	int (*row)(struct nr_reading *reading, const struct nr_value *values, const struct nr_key *keys,
		struct nr_error *error);
	sqlite3_stmt *find_series, *find_packs, *find_parts, *find_text,
		*find_word;                                /* prepared at first use */
	bool (*is_over)(const struct nr_reading *reading); /* too long, or the process ends */
	sqlite3_blob *sketches;                            /* the latest one */
	struct nr_gathering *gathering;                    /* owned; read and not yet merged */
};
void nr_reading_fini(struct nr_reading *reading);

/* A pack on its way past. Valid during the visit. */
struct nr_cell {
	struct nr_reading *reading;
	const struct nr_piece *piece;
	enum nr_pack_kind kind;
	bool part; /* its rows are taken away: research scanners in a question without them */
	nr_time time;
	int64_t id; /* of the row of table pack */
	struct nr_pack pack;
};

typedef int nr_visit(void *context, const struct nr_cell *cell, struct nr_error *error);

/* Visits the packs of a kind in all pieces of steps from least to most, those of the question's traffic: 0,
 * 1, or 0 and then 1 as the part. No visit within a visit. */
int nr_cells_visit(struct nr_reading *reading, enum nr_pack_kind kind, uint32_t least, uint32_t most,
	nr_visit *visit, void *context, struct nr_error *error);
/* One piece and one traffic. */
int nr_cells_visit_piece(struct nr_reading *reading, enum nr_pack_kind kind, const struct nr_piece *piece,
	uint8_t traffic, bool part, nr_visit *visit, void *context, struct nr_error *error);
/* The parts of packs that hold rows whose first two lanes are from low to high (a << 16 | b). */
int nr_cells_visit_parts(struct nr_reading *reading, enum nr_pack_kind kind, const struct nr_piece *piece,
	int64_t low, int64_t high, nr_visit *visit, void *context, struct nr_error *error);

/* ---- sketches (cell_sketches.c) ---- */

/* A row of a cell and what its sources are added to. */
struct nr_wanted {
	uint32_t row;
	struct nr_unique *unique;
};
/* Adds the sources of the wanted rows, which are in ascending order, each with its sketch. They are counted
 * once nr_reading_merge() has run, and stay where they are until then. */
int nr_cell_sources(const struct nr_cell *cell, size_t sources_lane, const struct nr_wanted *wanted,
	size_t count, struct nr_error *error);
int nr_reading_merge(struct nr_reading *reading, struct nr_error *error);
void nr_gathering_free(struct nr_gathering *gathering);

/* ---- words ---- */

/* The number of a text; UINT64_MAX where no row has it. */
int nr_reading_word(struct nr_reading *reading, const char *text, uint64_t *ret_word, struct nr_error *error);
/* The text of a number, "" where there is none; valid until the next call. */
int nr_reading_text(struct nr_reading *reading, uint64_t word, const char **ret_text, struct nr_error *error);

#endif
