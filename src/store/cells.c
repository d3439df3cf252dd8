/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cells.h"
#include "store/packs.h"

#include <errno.h>

void nr_reading_fini(struct nr_reading *reading)
{
	sqlite3_blob_close(reading->sketches);
	nr_gathering_free(reading->gathering);
	sqlite3_finalize(reading->find_series);
	sqlite3_finalize(reading->find_packs);
	sqlite3_finalize(reading->find_parts);
	sqlite3_finalize(reading->find_text);
	sqlite3_finalize(reading->find_word);
}

static int fail(const struct nr_reading *reading, struct nr_error *error)
{
	return nr_sqlite_fail(reading->database, reading->path, error);
}

static int prepare(
	const struct nr_reading *reading, sqlite3_stmt **statement, const char *sql, struct nr_error *error)
{
	return *statement ? 0 : nr_sqlite_prepare(reading->database, reading->path, sql, statement, error);
}

/* 0: there is no such series, and therefore no pack. */
static int find_series(struct nr_reading *reading, enum nr_pack_kind kind, const struct nr_piece *piece,
	uint8_t traffic, int64_t *ret_series, struct nr_error *error)
{
	int status = prepare(reading, &reading->find_series,
		"SELECT id FROM series WHERE name = ?1 AND sensor = ?2 AND step = ?3 AND traffic = ?4",
		error);
	if (status)
		return status;
	sqlite3_stmt *statement = reading->find_series;
	sqlite3_bind_text(statement, 1, nr_layouts[kind].name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, nr_ask_sensor(reading->ask, piece->sensor), -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, piece->step);
	sqlite3_bind_int(statement, 4, traffic);
	int step = sqlite3_step(statement);
	*ret_series = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	status = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(reading, error);
	sqlite3_reset(statement);
	return status;
}

static int visit_row(
	struct nr_cell *cell, sqlite3_stmt *statement, nr_visit *visit, void *context, struct nr_error *error)
{
	const uint8_t *numbers = sqlite3_column_blob(statement, 2);
	size_t length = (size_t)sqlite3_column_bytes(statement, 2);
	if (cell->reading->is_over(cell->reading))
		return nr_fail(error, -ETIMEDOUT, "%s: the query took too long; ask for a shorter range",
			cell->reading->path);
	cell->id = sqlite3_column_int64(statement, 0);
	cell->time = sqlite3_column_int64(statement, 1);
	int status = nr_pack_open(&cell->pack, &nr_layouts[cell->kind], numbers, numbers ? length : 0, error);
	if (status)
		return nr_error_prefix(error, "%s", cell->reading->path);
	return visit(context, cell, error);
}

int nr_cells_visit_piece(struct nr_reading *reading, enum nr_pack_kind kind, const struct nr_piece *piece,
	uint8_t traffic, bool part, nr_visit *visit, void *context, struct nr_error *error)
{
	int64_t series = 0;
	int status = find_series(reading, kind, piece, traffic, &series, error), step = SQLITE_DONE;
	if (status || !series)
		return status;
	status = prepare(reading, &reading->find_packs,
		"SELECT id, time, numbers FROM pack WHERE series = ?1 AND time >= ?2 AND time < ?3"
		" ORDER BY time, part",
		error);
	if (status)
		return status;
	sqlite3_stmt *statement = reading->find_packs;
	struct nr_cell cell = {.reading = reading, .piece = piece, .kind = kind, .part = part};
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, piece->low);
	sqlite3_bind_int64(statement, 3, piece->high);
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW)
		status = visit_row(&cell, statement, visit, context, error);
	if (!status && step != SQLITE_DONE)
		status = fail(reading, error);
	sqlite3_reset(statement);
	return status;
}

int nr_cells_visit_parts(struct nr_reading *reading, enum nr_pack_kind kind, const struct nr_piece *piece,
	int64_t low, int64_t high, nr_visit *visit, void *context, struct nr_error *error)
{
	int64_t series = 0;
	int status = find_series(reading, kind, piece, 0, &series, error), step = SQLITE_DONE;
	if (status || !series)
		return status;
	status = prepare(reading, &reading->find_parts,
		"SELECT id, time, numbers FROM pack WHERE series = ?1 AND time >= ?2 AND time < ?3 AND part "
		"<= ?5"
		" AND part >= coalesce((SELECT max(p.part) FROM pack p WHERE p.series = ?1"
		"  AND p.time = pack.time AND p.part <= ?4), 0) ORDER BY time, part",
		error);
	if (status)
		return status;
	sqlite3_stmt *statement = reading->find_parts;
	struct nr_cell cell = {.reading = reading, .piece = piece, .kind = kind};
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, piece->low);
	sqlite3_bind_int64(statement, 3, piece->high);
	sqlite3_bind_int64(statement, 4, low);
	sqlite3_bind_int64(statement, 5, high);
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW)
		status = visit_row(&cell, statement, visit, context, error);
	if (!status && step != SQLITE_DONE)
		status = fail(reading, error);
	sqlite3_reset(statement);
	return status;
}

int nr_cells_visit(struct nr_reading *reading, enum nr_pack_kind kind, uint32_t least, uint32_t most,
	nr_visit *visit, void *context, struct nr_error *error)
{
	const struct nr_ask *ask = reading->ask;
	bool only = nr_ask_is(ask, "research", "only"), without = nr_ask_is(ask, "research", "without");
	int status = 0;
	for (size_t i = 0; i < ask->piece_count && !status; i++) {
		const struct nr_piece *piece = &ask->pieces[i];
		if (piece->step < least || piece->step > most)
			continue;
		status = nr_cells_visit_piece(reading, kind, piece, only, false, visit, context, error);
		if (!status && without)
			status = nr_cells_visit_piece(reading, kind, piece, 1, true, visit, context, error);
	}
	return status;
}

/* ---- words ---- */

int nr_reading_word(struct nr_reading *reading, const char *text, uint64_t *ret_word, struct nr_error *error)
{
	if (!*text) {
		*ret_word = 0;
		return 0;
	}
	int status = prepare(reading, &reading->find_word, "SELECT id FROM word WHERE text = ?1", error);
	if (status)
		return status;
	sqlite3_bind_text(reading->find_word, 1, text, -1, SQLITE_STATIC);
	int step = sqlite3_step(reading->find_word);
	*ret_word = step == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(reading->find_word, 0) : UINT64_MAX;
	status = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(reading, error);
	sqlite3_reset(reading->find_word);
	return status;
}

int nr_reading_text(struct nr_reading *reading, uint64_t word, const char **ret_text, struct nr_error *error)
{
	*ret_text = "";
	int status = prepare(reading, &reading->find_text, "SELECT text FROM word WHERE id = ?1", error);
	if (status || !word)
		return status;
	sqlite3_reset(reading->find_text); /* here and not below: the text lives until then */
	sqlite3_bind_int64(reading->find_text, 1, (int64_t)word);
	int step = sqlite3_step(reading->find_text);
	const char *text =
		step == SQLITE_ROW ? (const char *)sqlite3_column_text(reading->find_text, 0) : NULL;
	if (text)
		*ret_text = text;
	return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(reading, error);
}
