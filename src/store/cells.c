/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cells.h"
#include "store/packs.h"

#include <errno.h>

#define RUN_BYTES 131072u /* sketches that are read at once */
#define RUN_GAP   2048    /* bytes between two that are read and not wanted */

void nr_reading_fini(struct nr_reading *reading)
{
	sqlite3_blob_close(reading->sketches);
	free(reading->run);
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

/* ---- sketches ---- */

static int open_sketches(const struct nr_cell *cell, struct nr_error *error)
{
	struct nr_reading *reading = cell->reading;
	int code = reading->sketches ? sqlite3_blob_reopen(reading->sketches, cell->id)
				     : sqlite3_blob_open(reading->database, "main", "pack", "sketches",
					       cell->id, 0, &reading->sketches);
	return code == SQLITE_OK ? 0 : fail(reading, error);
}

static int too_short(const struct nr_cell *cell, struct nr_error *error)
{
	return nr_fail(error, -EBADMSG,
		"%s: a pack of %s is damaged: its sketches are not as long as its rows say",
		cell->reading->path, nr_layouts[cell->kind].name);
}

/* A sketch that is wanted, and where it is. */
struct place {
	uint64_t offset, length;
	const struct nr_wanted *wanted;
};

/* In the order of the block, which has the longest first and those of one length in order of rows; wanted is
 * in order of rows. */
static void order_places(const struct place *by_row, size_t count, bool by_length, struct place *places)
{
	uint32_t next[NR_SKETCH_MAX + 2]; /* by length, from the longest on */
	uint64_t most = 0;
	for (size_t i = 0; by_length && i < count; i++)
		most = NR_MAX(most, by_row[i].length);
	memset(next, 0, (most + 2) * sizeof *next);
	for (size_t i = 0; by_length && i < count; i++)
		next[most - by_row[i].length + 1]++;
	for (size_t i = 1; i <= most; i++)
		next[i] += next[i - 1];
	for (size_t i = 0; i < count; i++)
		places[by_length ? next[most - by_row[i].length]++ : i] = by_row[i];
}

static int place_sketches(const struct nr_cell *cell, const struct nr_wanted *wanted, size_t count,
	struct place *places, uint64_t *ret_sum, struct nr_error *error)
{
	uint64_t lengths[512], sum = 0;
	struct nr_pack_places all;
	size_t next = 0;
	int status = nr_pack_places_begin(&all, &cell->pack, error);
	if (status)
		return nr_error_prefix(error, "%s", cell->reading->path);
	for (uint32_t first = 0; first < cell->pack.rows && next < count; first += NR_COUNT(lengths)) {
		uint32_t rows = NR_MIN((uint32_t)NR_COUNT(lengths), cell->pack.rows - first);
		nr_pack_read(&cell->pack, NR_PACK_LANES_MAX, first, rows, lengths);
		for (uint32_t i = 0; i < rows; i++) {
			uint64_t offset = nr_pack_place(&all, lengths[i]);
			for (; next < count && wanted[next].row == first + i; next++) {
				places[next] = (struct place){offset, lengths[i], &wanted[next]};
				sum += lengths[i];
			}
		}
	}
	*ret_sum = sum;
	return 0;
}

static int add_row(const struct nr_cell *cell, size_t lane, const struct nr_wanted *wanted,
	const uint8_t *sketch, size_t length, struct nr_error *error)
{
	struct nr_side *side = cell->part ? &wanted->unique->part : &wanted->unique->whole;
	return nr_side_add(side, (int64_t)nr_pack_get(&cell->pack, lane, wanted->row),
		nr_lane_real(nr_pack_get(&cell->pack, lane + 1, wanted->row)), sketch, length, error);
}

/* Wanted sketches that lie close together are read at once. */
static size_t run_of(const struct place *places, size_t first, size_t count, size_t *ret_bytes)
{
	size_t end = first + 1;
	uint64_t start = places[first].offset, at = start + places[first].length;
	for (; end < count && places[end].offset - NR_MIN(at, places[end].offset) <= RUN_GAP; end++) {
		uint64_t next = places[end].offset + places[end].length;
		if (next - start > RUN_BYTES)
			break;
		at = NR_MAX(at, next);
	}
	*ret_bytes = at - start;
	return end;
}

static int add_rows(const struct nr_cell *cell, size_t lane, const struct place *places, size_t count,
	struct nr_error *error)
{
	struct nr_reading *reading = cell->reading;
	size_t size = (size_t)sqlite3_blob_bytes(reading->sketches), bytes = 0;
	if (!reading->run)
		reading->run = malloc(RUN_BYTES);
	if (!reading->run)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t first = 0, end; first < count; first = end) {
		uint64_t start = places[first].offset;
		end = run_of(places, first, count, &bytes);
		if (start > size || bytes > size - start)
			return too_short(cell, error);
		if (bytes && sqlite3_blob_read(reading->sketches, reading->run, (int)bytes, (int)start) !=
				     SQLITE_OK)
			return fail(reading, error);
		for (size_t i = first; i < end; i++) {
			int status = add_row(cell, lane, places[i].wanted,
				reading->run + (places[i].offset - start), places[i].length, error);
			if (status)
				return status;
		}
	}
	return 0;
}

int nr_cell_sources(const struct nr_cell *cell, size_t sources_lane, const struct nr_wanted *wanted,
	size_t count, struct nr_error *error)
{
	if (!count)
		return 0;
	NR_AUTO(nr_freep) struct place *places = calloc(2 * count, sizeof *places);
	if (!places)
		return nr_fail(error, -ENOMEM, "out of memory");
	uint64_t sum = 0;
	int status = place_sketches(cell, wanted, count, places, &sum, error);
	if (!status && sum) {
		order_places(places, count, cell->pack.by_length, places + count);
		status = open_sketches(cell, error);
		return status ? status : add_rows(cell, sources_lane, places + count, count, error);
	}
	for (size_t i = 0; i < count && !status; i++)
		status = add_row(cell, sources_lane, &wanted[i], NULL, 0, error);
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
