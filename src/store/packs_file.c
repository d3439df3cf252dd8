/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's packs in the file: series, words, and what is stored of a step. */
#include "store/packs_inside.h"

#include <errno.h>

static const char *const statement_texts[NR_PACKS_STATEMENTS] = {
	[NR_PACKS_TAKE] =
		"SELECT numbers, sketches, session FROM pack WHERE series = ?1 AND time = ?2 ORDER BY part",
	[NR_PACKS_PUT] =
		"INSERT INTO pack (series, time, part, rows, numbers, sketches, session) VALUES (?1, ?2, ?3, "
		"?4, "
		"?5, ?6, ?7)"
		" ON CONFLICT (series, time, part) DO UPDATE SET rows = excluded.rows,"
		" numbers = excluded.numbers, sketches = excluded.sketches, session = excluded.session"
		" WHERE session <> excluded.session OR numbers <> excluded.numbers"
		"  OR sketches <> excluded.sketches",
	[NR_PACKS_DROP] = "DELETE FROM pack WHERE series = ?1 AND time = ?2 AND part = ?3",
	[NR_PACKS_PARTS] =
		"SELECT part FROM pack WHERE series = ?1 AND time = ?2 AND part > ?3 AND part < ?4 LIMIT 1",
	[NR_PACKS_SERIES_FIND] =
		"SELECT id FROM series WHERE name = ?1 AND sensor = ?2 AND step = ?3 AND traffic = ?4",
	[NR_PACKS_SERIES_ADD] =
		"INSERT INTO series (name, sensor, step, traffic) VALUES (?1, ?2, ?3, ?4) RETURNING id",
	[NR_PACKS_WORD_FIND] = "SELECT id FROM word WHERE text = ?1",
	[NR_PACKS_WORD_ADD] = "INSERT INTO word (text) VALUES (?1) RETURNING id",
	[NR_PACKS_WORD_TEXT] = "SELECT text FROM word WHERE id = ?1",
	[NR_PACKS_CLASS] = "INSERT INTO port_class VALUES (?1, ?2, ?3) ON CONFLICT (protocol, port)"
			   " DO UPDATE SET class = excluded.class WHERE class <> excluded.class",
	[NR_PACKS_INEXACT] = "INSERT OR IGNORE INTO inexact VALUES (?1, ?2, ?3)",
	[NR_PACKS_EXACT] = "DELETE FROM inexact WHERE sensor = ?1 AND time = ?2 AND traffic = ?3",
	[NR_PACKS_WHOSE] = "SELECT session FROM pack WHERE series = ?1 AND time = ?2 LIMIT 1",
	[NR_PACKS_LAST] = "SELECT time FROM pack WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY "
			  "time DESC LIMIT 1",
	[NR_PACKS_NEXT] =
		"SELECT time FROM pack WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY time LIMIT 1",
	[NR_PACKS_SESSIONS] =
		"SELECT min(session) FROM (SELECT session FROM pack WHERE series = ?1 AND time >= ?2 AND "
		"time < "
		"?3"
		" UNION ALL SELECT session FROM pack_session WHERE series = ?1 AND time >= ?2 AND time < ?3)"
		" WHERE session >= 0 AND session <> ?4 AND session > ?5 HAVING min(session) IS NOT NULL",
	[NR_PACKS_PART] =
		"SELECT numbers, sketches FROM pack_session WHERE series = ?1 AND time = ?2 AND session = ?3",
	[NR_PACKS_PART_PUT] = "INSERT INTO pack_session (series, time, session, numbers, sketches) VALUES "
			      "(?1, ?2, ?3, ?4, ?5)"
			      " ON CONFLICT (series, time, session) DO UPDATE SET numbers = excluded.numbers,"
			      " sketches = excluded.sketches",
	[NR_PACKS_PART_ALL] =
		"SELECT numbers, sketches FROM pack_session WHERE series = ?1 AND time = ?2 ORDER BY id",
};

void nr_packs_file_forget(struct nr_packs *packs)
{
	for (size_t i = 0; i < packs->series_count; i++) {
		free(packs->series[i]->sensor);
		free(packs->series[i]);
	}
	for (size_t i = 0; packs->words && i < 2 * NR_WORDS_MAX; i++)
		free(packs->words[i].text);
	free(packs->series);
	free(packs->words);
	packs->series = NULL;
	packs->words = NULL;
	packs->series_count = packs->word_count = 0;
}

/* ---- statements ---- */

int nr_packs_fail(const struct nr_packs *packs, struct nr_error *error)
{
	return nr_sqlite_fail(packs->store->writer, packs->store->path, error);
}

int nr_packs_statement(struct nr_packs *packs, size_t which, sqlite3_stmt **ret, struct nr_error *error)
{
	sqlite3_stmt **statement = &packs->statements[which];
	int status = *statement ? 0
				: nr_sqlite_prepare(packs->store->writer, packs->store->path,
					  statement_texts[which], statement, error);
	*ret = *statement;
	return status;
}

int nr_packs_run(struct nr_packs *packs, sqlite3_stmt *statement, int64_t *ret_value, bool *ret_found,
	struct nr_error *error)
{
	int step = sqlite3_step(statement);
	if (ret_found)
		*ret_found = step == SQLITE_ROW;
	if (step == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(statement, 0);
	while (step == SQLITE_ROW)
		step = sqlite3_step(statement);
	int status = step == SQLITE_DONE ? 0 : nr_packs_fail(packs, error);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return status;
}

/* ---- series and words ---- */

static int find_series(struct nr_packs *packs, struct nr_series *key, struct nr_error *error)
{
	bool found = false;
	for (size_t which = NR_PACKS_SERIES_FIND; which <= NR_PACKS_SERIES_ADD && !found; which++) {
		sqlite3_stmt *statement;
		int status = nr_packs_statement(packs, which, &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, nr_layouts[key->kind].name, -1, SQLITE_STATIC);
		sqlite3_bind_text(statement, 2, key->sensor, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 3, key->step);
		sqlite3_bind_int(statement, 4, key->traffic);
		status = nr_packs_run(packs, statement, &key->id, &found, error);
		if (status)
			return status;
	}
	return 0;
}

int nr_packs_series_of(struct nr_packs *packs, enum nr_pack_kind kind, const char *sensor, uint32_t step,
	uint8_t traffic, const struct nr_series **ret_series, struct nr_error *error)
{
	for (size_t i = 0; i < packs->series_count; i++) {
		const struct nr_series *series = packs->series[i];
		if (series->kind == kind && series->step == step && series->traffic == traffic &&
			strcmp(series->sensor, sensor) == 0) {
			*ret_series = series;
			return 0;
		}
	}
	NR_AUTO(nr_freep) struct nr_series *series = calloc(1, sizeof *series);
	NR_AUTO(nr_freep) char *copy = strdup(sensor);
	struct nr_series **grown = realloc(packs->series, (packs->series_count + 1) * sizeof *packs->series);
	if (grown)
		packs->series = grown;
	if (!series || !copy || !grown)
		return nr_fail(error, -ENOMEM, "out of memory");
	*series = (struct nr_series){kind, step, traffic, 0, copy};
	int status = find_series(packs, series, error);
	if (status)
		return status;
	copy = NULL;
	packs->series[packs->series_count++] = series;
	*ret_series = nr_steal(&series);
	return 0;
}

int nr_packs_series(struct nr_packs *packs, enum nr_pack_kind kind, const char *sensor, uint32_t step,
	uint8_t traffic, int64_t *ret_series, struct nr_error *error)
{
	const struct nr_series *series;
	int status = nr_packs_series_of(packs, kind, sensor, step, traffic, &series, error);
	if (!status)
		*ret_series = series->id;
	return status;
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static void forget_words(struct nr_packs *packs)
{
	for (size_t i = 0; i < 2 * NR_WORDS_MAX; i++) {
		free(packs->words[i].text);
		packs->words[i].text = NULL;
	}
	packs->word_count = 0;
}

static int find_word(struct nr_packs *packs, const char *text, int64_t *ret_word, struct nr_error *error)
{
	bool found = false;
	for (size_t which = NR_PACKS_WORD_FIND; which <= NR_PACKS_WORD_ADD && !found; which++) {
		sqlite3_stmt *statement;
		int status = nr_packs_statement(packs, which, &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
		status = nr_packs_run(packs, statement, ret_word, &found, error);
		if (status)
			return status;
	}
	return 0;
}

int nr_packs_word(struct nr_packs *packs, const char *text, uint64_t *ret_word, struct nr_error *error)
{
	if (!text || !*text) {
		*ret_word = 0; /* no text has no number */
		return 0;
	}
	if (!packs->words)
		packs->words = calloc((size_t)2 * NR_WORDS_MAX, sizeof *packs->words);
	if (!packs->words)
		return nr_fail(error, -ENOMEM, "out of memory for texts");
	if (packs->word_count >= NR_WORDS_MAX)
		forget_words(packs);
	size_t at = hash_text(text) & (2 * NR_WORDS_MAX - 1);
	while (packs->words[at].text && strcmp(packs->words[at].text, text) != 0)
		at = (at + 1) & (2 * NR_WORDS_MAX - 1);
	if (!packs->words[at].text) {
		int64_t id = 0;
		int status = find_word(packs, text, &id, error);
		if (status)
			return status;
		packs->words[at] = (struct nr_word){strdup(text), (uint64_t)id};
		if (!packs->words[at].text)
			return nr_fail(error, -ENOMEM, "out of memory for texts");
		packs->word_count++;
	}
	*ret_word = packs->words[at].id;
	return 0;
}

int nr_packs_text(
	struct nr_packs *packs, uint64_t word, char text[static NR_WORD_BYTES], struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = word ? nr_packs_statement(packs, NR_PACKS_WORD_TEXT, &statement, error) : 0;
	text[0] = '\0';
	if (status || !word)
		return status;
	sqlite3_bind_int64(statement, 1, (int64_t)word);
	int step = sqlite3_step(statement);
	const char *found = step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (found)
		snprintf(text, NR_WORD_BYTES, "%s", found);
	status = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : nr_packs_fail(packs, error);
	sqlite3_reset(statement);
	return status;
}

/* ---- packs ---- */

int nr_packs_take_rows(struct nr_packs *packs, sqlite3_stmt *statement, struct nr_packer *packer,
	bool *ret_any, int64_t *ret_third, struct nr_error *error)
{
	int status = 0, step = SQLITE_DONE;
	*ret_any = false;
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct nr_pack pack;
		const uint8_t *numbers = sqlite3_column_blob(statement, 0);
		size_t length = (size_t)sqlite3_column_bytes(statement, 0);
		const uint8_t *sketches = sqlite3_column_blob(statement, 1);
		size_t sketches_length = (size_t)sqlite3_column_bytes(statement, 1);
		*ret_any = true;
		if (ret_third)
			*ret_third = sqlite3_column_int64(statement, 2);
		status = nr_pack_open(&pack, packer->layout, numbers, numbers ? length : 0, error);
		if (!status)
			status = nr_packer_take(packer, &pack, sketches, sketches_length, error);
		if (status)
			nr_error_prefix(error, "%s", packs->store->path);
	}
	if (!status && step != SQLITE_DONE)
		status = nr_packs_fail(packs, error);
	sqlite3_reset(statement);
	return status;
}

int nr_packs_take_whose(struct nr_packs *packs, int64_t series, nr_time time, struct nr_packer *packer,
	bool *ret_any, int64_t *ret_session, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_TAKE, &statement, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	return nr_packs_take_rows(packs, statement, packer, ret_any, ret_session, error);
}

int nr_packs_take(struct nr_packs *packs, int64_t series, nr_time time, struct nr_packer *packer,
	bool *ret_any, struct nr_error *error)
{
	int64_t session;
	return nr_packs_take_whose(packs, series, time, packer, ret_any, &session, error);
}

/* A piece of a pack, and whose it is. */
struct place {
	int64_t series, session;
	nr_time time;
};

static int put_part(struct nr_packs *packs, const struct place *place, int64_t part,
	const struct nr_packer *packer, size_t first, size_t end, bool *changed, struct nr_error *error)
{
	NR_AUTO(nr_pack_bytes_fini) struct nr_pack_bytes bytes = {0};
	sqlite3_stmt *statement;
	int status = nr_packs_statement(packs, NR_PACKS_PUT, &statement, error);
	if (!status)
		status = nr_packer_write(packer, first, end, &bytes, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, place->series);
	sqlite3_bind_int64(statement, 2, place->time);
	sqlite3_bind_int64(statement, 3, part);
	sqlite3_bind_int64(statement, 7, place->session);
	sqlite3_bind_int64(statement, 4, (int64_t)(end - first));
	sqlite3_bind_blob64(statement, 5, bytes.numbers, bytes.numbers_length, SQLITE_STATIC);
	if (bytes.sketches)
		sqlite3_bind_blob64(statement, 6, bytes.sketches, bytes.sketches_length, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(statement, 6, 0);
	status = nr_packs_run(packs, statement, NULL, NULL, error);
	*changed |= !status && sqlite3_changes(packs->store->writer) > 0;
	return status;
}

/* Parts between two that have just been put are of an earlier cut. */
static int drop_parts(struct nr_packs *packs, int64_t series, nr_time time, int64_t after, int64_t before,
	bool *changed, struct nr_error *error)
{
	for (bool found = true; found;) {
		sqlite3_stmt *parts, *drop;
		int64_t part = 0;
		int status = nr_packs_statement(packs, NR_PACKS_PARTS, &parts, error);
		if (!status)
			status = nr_packs_statement(packs, NR_PACKS_DROP, &drop, error);
		if (status)
			return status;
		sqlite3_bind_int64(parts, 1, series);
		sqlite3_bind_int64(parts, 2, time);
		sqlite3_bind_int64(parts, 3, after);
		sqlite3_bind_int64(parts, 4, before);
		status = nr_packs_run(packs, parts, &part, &found, error);
		if (!status && found) {
			sqlite3_bind_int64(drop, 1, series);
			sqlite3_bind_int64(drop, 2, time);
			sqlite3_bind_int64(drop, 3, part);
			status = nr_packs_run(packs, drop, NULL, NULL, error);
			*changed = true;
		}
		if (status)
			return status;
	}
	return 0;
}

static int64_t part_at(const struct nr_packer *packer, size_t row)
{
	const uint64_t *lanes = nr_packer_row(packer, row);
	return row ? nr_pack_part(packer->layout, lanes[0], lanes[1]) : 0;
}

/* Where a part ends: behind its rows, at a change of its number. */
static size_t end_of_part(const struct nr_packer *packer, size_t first)
{
	size_t end = first + packer->layout->part_rows;
	if (!packer->layout->part_rows || end >= packer->count)
		return packer->count;
	while (end < packer->count && part_at(packer, end) == part_at(packer, end - 1))
		end++;
	return end;
}

int nr_packs_put(struct nr_packs *packs, int64_t series, nr_time time, const struct nr_packer *packer,
	bool *ret_changed, struct nr_error *error)
{
	return nr_packs_put_for(packs, series, time, 0, packer, ret_changed, error);
}

int nr_packs_put_for(struct nr_packs *packs, int64_t series, nr_time time, int64_t session,
	const struct nr_packer *packer, bool *ret_changed, struct nr_error *error)
{
	const struct place place = {series, session, time};
	int64_t before = -1;
	*ret_changed = false;
	for (size_t first = 0, end; first < packer->count; first = end) {
		int64_t part = part_at(packer, first);
		end = end_of_part(packer, first);
		int status = put_part(packs, &place, part, packer, first, end, ret_changed, error);
		if (!status)
			status = drop_parts(packs, series, time, before, part, ret_changed, error);
		if (status)
			return status;
		before = part;
	}
	return drop_parts(packs, series, time, before, INT64_MAX, ret_changed, error);
}
