/* SPDX-License-Identifier: Apache-2.0 */
#include "store/packs.h"

#include <errno.h>

#define GATHERED_ROWS_MAX (1u << 20) /* in all packers: 64 to 128 MB; then they are flushed */
#define OPEN_PACKS_MAX    256
#define WORDS_MAX         65536 /* texts whose numbers are remembered; then they are looked up again */

/* Which columns of a table's rows the lanes are. */
struct mapping {
	const struct nr_table *table;
	const struct nr_column *sensor, *step, *time, *traffic, *sketch;
	const struct nr_column *lane[NR_PACK_LANES_MAX];
};

struct series {
	enum nr_pack_kind kind;
	uint32_t step;
	uint8_t traffic;
	int64_t id;
	char *sensor; /* owned */
};

struct open_pack {
	const struct series *series;
	nr_time time;
	struct nr_packer packer;
};

struct word {
	char *text; /* owned; NULL: free */
	uint64_t id;
};

enum {
	TAKE,
	PUT,
	DROP,
	PARTS,
	SERIES_FIND,
	SERIES_ADD,
	WORD_FIND,
	WORD_ADD,
	WORD_TEXT,
	CLASS,
	INEXACT,
	EXACT,
	STATEMENTS
};

static const char *const statement_texts[STATEMENTS] = {
	[TAKE] = "SELECT numbers, sketches FROM pack WHERE series = ?1 AND time = ?2 ORDER BY part",
	[PUT] = "INSERT INTO pack (series, time, part, rows, numbers, sketches) VALUES (?1, ?2, ?3, ?4, ?5, "
		"?6)"
		" ON CONFLICT (series, time, part) DO UPDATE SET rows = excluded.rows,"
		" numbers = excluded.numbers, sketches = excluded.sketches"
		" WHERE numbers <> excluded.numbers OR sketches <> excluded.sketches",
	[DROP] = "DELETE FROM pack WHERE series = ?1 AND time = ?2 AND part = ?3",
	[PARTS] = "SELECT part FROM pack WHERE series = ?1 AND time = ?2 AND part > ?3 AND part < ?4 LIMIT 1",
	[SERIES_FIND] =
		"SELECT id FROM series WHERE name = ?1 AND sensor = ?2 AND step = ?3 AND traffic = ?4",
	[SERIES_ADD] =
		"INSERT INTO series (name, sensor, step, traffic) VALUES (?1, ?2, ?3, ?4) RETURNING id",
	[WORD_FIND] = "SELECT id FROM word WHERE text = ?1",
	[WORD_ADD] = "INSERT INTO word (text) VALUES (?1) RETURNING id",
	[WORD_TEXT] = "SELECT text FROM word WHERE id = ?1",
	[CLASS] = "INSERT INTO port_class VALUES (?1, ?2, ?3) ON CONFLICT (protocol, port)"
		  " DO UPDATE SET class = excluded.class WHERE class <> excluded.class",
	[INEXACT] = "INSERT OR IGNORE INTO inexact VALUES (?1, ?2, ?3)",
	[EXACT] = "DELETE FROM inexact WHERE sensor = ?1 AND time = ?2 AND traffic = ?3",
};

struct nr_packs {
	struct nr_store *store;
	struct mapping mappings[NR_PACK_KINDS];
	struct series **series; /* owned, each owned */
	size_t series_count;
	struct open_pack open[OPEN_PACKS_MAX];
	size_t open_count, latest, gathered;
	struct word *words; /* owned; open addressing, 2 * WORDS_MAX */
	size_t word_count;
	sqlite3_stmt *statements[STATEMENTS];
};

struct nr_packs *nr_packs_new(struct nr_store *store)
{
	struct nr_packs *packs = calloc(1, sizeof *packs);
	if (packs)
		packs->store = store;
	return packs;
}

void nr_packs_forget(struct nr_packs *packs)
{
	for (size_t i = 0; i < packs->open_count; i++)
		nr_packer_fini(&packs->open[i].packer);
	for (size_t i = 0; i < packs->series_count; i++) {
		free(packs->series[i]->sensor);
		free(packs->series[i]);
	}
	for (size_t i = 0; packs->words && i < 2 * WORDS_MAX; i++)
		free(packs->words[i].text);
	free(packs->series);
	free(packs->words);
	packs->series = NULL;
	packs->words = NULL;
	packs->open_count = packs->latest = packs->gathered = packs->series_count = packs->word_count = 0;
}

void nr_packs_free(struct nr_packs *packs)
{
	if (!packs)
		return;
	nr_packs_forget(packs);
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(packs->statements[i]);
	free(packs);
}

enum nr_keeping nr_keeping_of(const struct nr_table *table, enum nr_pack_kind *ret_kind)
{
	if (!table->time_column)
		return NR_KEEP_NOT_AT_ALL;
	for (size_t i = 0; i < NR_PACK_KINDS; i++) {
		if (strcmp(nr_layouts[i].name, table->name) != 0)
			continue;
		*ret_kind = (enum nr_pack_kind)i;
		return i == NR_PACK_SOURCE ? NR_KEEP_BOTH : NR_KEEP_PACKS;
	}
	return NR_KEEP_ROWS;
}

/* ---- statements ---- */

static int fail(const struct nr_packs *packs, struct nr_error *error)
{
	return nr_sqlite_fail(packs->store->writer, packs->store->path, error);
}

static int statement_of(struct nr_packs *packs, size_t which, sqlite3_stmt **ret, struct nr_error *error)
{
	sqlite3_stmt **statement = &packs->statements[which];
	int status = *statement ? 0
				: nr_sqlite_prepare(packs->store->writer, packs->store->path,
					  statement_texts[which], statement, error);
	*ret = *statement;
	return status;
}

/* Runs it to its end; *ret_value, where wanted, is the first row's number. *ret_found: whether there was one.
 */
static int run(struct nr_packs *packs, sqlite3_stmt *statement, int64_t *ret_value, bool *ret_found,
	struct nr_error *error)
{
	int step = sqlite3_step(statement);
	if (ret_found)
		*ret_found = step == SQLITE_ROW;
	if (step == SQLITE_ROW && ret_value)
		*ret_value = sqlite3_column_int64(statement, 0);
	while (step == SQLITE_ROW)
		step = sqlite3_step(statement);
	int status = step == SQLITE_DONE ? 0 : fail(packs, error);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return status;
}

/* ---- series and words ---- */

static int find_series(struct nr_packs *packs, struct series *key, struct nr_error *error)
{
	bool found = false;
	for (size_t which = SERIES_FIND; which <= SERIES_ADD && !found; which++) {
		sqlite3_stmt *statement;
		int status = statement_of(packs, which, &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, nr_layouts[key->kind].name, -1, SQLITE_STATIC);
		sqlite3_bind_text(statement, 2, key->sensor, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 3, key->step);
		sqlite3_bind_int(statement, 4, key->traffic);
		status = run(packs, statement, &key->id, &found, error);
		if (status)
			return status;
	}
	return 0;
}

static int series_of(struct nr_packs *packs, enum nr_pack_kind kind, const char *sensor, uint32_t step,
	uint8_t traffic, const struct series **ret_series, struct nr_error *error)
{
	for (size_t i = 0; i < packs->series_count; i++) {
		const struct series *series = packs->series[i];
		if (series->kind == kind && series->step == step && series->traffic == traffic &&
			strcmp(series->sensor, sensor) == 0) {
			*ret_series = series;
			return 0;
		}
	}
	NR_AUTO(nr_freep) struct series *series = calloc(1, sizeof *series);
	NR_AUTO(nr_freep) char *copy = strdup(sensor);
	struct series **grown = realloc(packs->series, (packs->series_count + 1) * sizeof *packs->series);
	if (grown)
		packs->series = grown;
	if (!series || !copy || !grown)
		return nr_fail(error, -ENOMEM, "out of memory");
	*series = (struct series){kind, step, traffic, 0, copy};
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
	const struct series *series;
	int status = series_of(packs, kind, sensor, step, traffic, &series, error);
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
	for (size_t i = 0; i < 2 * WORDS_MAX; i++) {
		free(packs->words[i].text);
		packs->words[i].text = NULL;
	}
	packs->word_count = 0;
}

static int find_word(struct nr_packs *packs, const char *text, int64_t *ret_word, struct nr_error *error)
{
	bool found = false;
	for (size_t which = WORD_FIND; which <= WORD_ADD && !found; which++) {
		sqlite3_stmt *statement;
		int status = statement_of(packs, which, &statement, error);
		if (status)
			return status;
		sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
		status = run(packs, statement, ret_word, &found, error);
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
		packs->words = calloc((size_t)2 * WORDS_MAX, sizeof *packs->words);
	if (!packs->words)
		return nr_fail(error, -ENOMEM, "out of memory for texts");
	if (packs->word_count >= WORDS_MAX)
		forget_words(packs);
	size_t at = hash_text(text) & (2 * WORDS_MAX - 1);
	while (packs->words[at].text && strcmp(packs->words[at].text, text) != 0)
		at = (at + 1) & (2 * WORDS_MAX - 1);
	if (!packs->words[at].text) {
		int64_t id = 0;
		int status = find_word(packs, text, &id, error);
		if (status)
			return status;
		packs->words[at] = (struct word){strdup(text), (uint64_t)id};
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
	int status = word ? statement_of(packs, WORD_TEXT, &statement, error) : 0;
	text[0] = '\0';
	if (status || !word)
		return status;
	sqlite3_bind_int64(statement, 1, (int64_t)word);
	int step = sqlite3_step(statement);
	const char *found = step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (found)
		snprintf(text, NR_WORD_BYTES, "%s", found);
	status = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : fail(packs, error);
	sqlite3_reset(statement);
	return status;
}

/* ---- rows in ---- */

static const struct nr_column *column_of(const struct nr_table *table, const char *name)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	}
	return NULL;
}

static const struct mapping *mapping_of(
	struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_table *table)
{
	struct mapping *mapping = &packs->mappings[kind];
	if (mapping->table == table)
		return mapping;
	*mapping = (struct mapping){table, column_of(table, "sensor"), column_of(table, "step"),
		column_of(table, "time"), column_of(table, "traffic"), column_of(table, "sketch"), {0}};
	for (size_t i = 0; i < nr_layouts[kind].lanes; i++)
		mapping->lane[i] = column_of(table, nr_layouts[kind].lane[i].name);
	return mapping;
}

/* Counters are unsigned in C and signed in SQL. */
static uint64_t clamp(uint64_t value)
{
	return NR_MIN(value, (uint64_t)INT64_MAX);
}

/* second: the lower half of an address. */
static int read_lane(struct nr_packs *packs, const struct nr_column *column, const char *row, bool second,
	uint64_t *ret_value, struct nr_error *error)
{
	const void *field = column ? row + column->offset : NULL;
	uint64_t high, low;
	switch (column ? column->type : NR_TYPE_BYTES) {
	case NR_TYPE_UINT8:
		*ret_value = *(const uint8_t *)field;
		return 0;
	case NR_TYPE_UINT16:
		*ret_value = *(const uint16_t *)field;
		return 0;
	case NR_TYPE_UINT32:
		*ret_value = *(const uint32_t *)field;
		return 0;
	case NR_TYPE_UINT64:
		*ret_value = clamp(*(const uint64_t *)field);
		return 0;
	case NR_TYPE_REAL:
		*ret_value = nr_lane_of_real(*(const double *)field);
		return 0;
	case NR_TYPE_TIME:
		*ret_value = (uint64_t) * (const nr_time *)field;
		return 0;
	case NR_TYPE_ADDRESS:
		nr_pack_address(field, &high, &low);
		*ret_value = second ? low : high;
		return 0;
	case NR_TYPE_TEXT:
		return nr_packs_word(packs, *(const char *const *)field, ret_value, error);
	case NR_TYPE_BYTES:
		break;
	}
	*ret_value = 0; /* a lane that comes later */
	return 0;
}

static int add_row(struct nr_packs *packs, const struct mapping *mapping, struct nr_packer *packer,
	const char *row, struct nr_error *error)
{
	uint64_t lanes[NR_PACK_LANES_MAX];
	for (size_t i = 0; i < packer->layout->lanes; i++) {
		bool second = i && packer->layout->lane[i].type == NR_TYPE_ADDRESS &&
			      packer->layout->lane[i - 1].type == NR_TYPE_ADDRESS;
		int status = read_lane(packs, mapping->lane[i], row, second, &lanes[i], error);
		if (status)
			return status;
	}
	static const struct nr_bytes none;
	const struct nr_bytes *sketch =
		mapping->sketch ? (const struct nr_bytes *)(row + mapping->sketch->offset) : &none;
	return nr_packer_add(packer, lanes, sketch->data, sketch->data ? sketch->length : 0, error);
}

/* The packer of a row's step. The latest one is asked first: rows come in blocks of one step. */
static int open_pack_of(struct nr_packs *packs, enum nr_pack_kind kind, const struct mapping *mapping,
	const char *row, struct open_pack **ret_open, struct nr_error *error)
{
	const char *sensor = *(const char *const *)(row + mapping->sensor->offset);
	uint32_t step = mapping->step ? *(const uint32_t *)(row + mapping->step->offset) : NR_STEP_DAY;
	nr_time time = nr_time_floor(*(const nr_time *)(row + mapping->time->offset), step * NR_SECOND);
	uint8_t traffic = mapping->traffic ? *(const uint8_t *)(row + mapping->traffic->offset) : 0;
	for (size_t i = 0; i < packs->open_count; i++) {
		struct open_pack *open = &packs->open[(packs->latest + i) % packs->open_count];
		const struct series *series = open->series;
		if (open->time == time && series->kind == kind && series->step == step &&
			series->traffic == traffic && strcmp(series->sensor, sensor ? sensor : "") == 0) {
			packs->latest = (packs->latest + i) % packs->open_count;
			*ret_open = open;
			return 0;
		}
	}
	int status = packs->open_count == OPEN_PACKS_MAX ? nr_packs_flush(packs, error) : 0;
	const struct series *series = NULL;
	if (!status)
		status = series_of(packs, kind, sensor ? sensor : "", step, traffic, &series, error);
	if (status)
		return status;
	packs->latest = packs->open_count++;
	packs->open[packs->latest] = (struct open_pack){series, time, {.layout = &nr_layouts[kind]}};
	*ret_open = &packs->open[packs->latest];
	return 0;
}

/* A failure leaves a part of the block behind: the caller gives the whole transaction up then. */
int nr_packs_add(struct nr_packs *packs, enum nr_pack_kind kind, const struct nr_table *table,
	const void *rows, size_t count, struct nr_error *error)
{
	const struct mapping *mapping = mapping_of(packs, kind, table);
	for (size_t i = 0; i < count; i++) {
		const char *row = (const char *)rows + i * table->row_size;
		struct open_pack *open = NULL;
		int status = open_pack_of(packs, kind, mapping, row, &open, error);
		if (!status)
			status = add_row(packs, mapping, &open->packer, row, error);
		if (!status && ++packs->gathered >= GATHERED_ROWS_MAX)
			status = nr_packs_flush(packs, error);
		if (status)
			return status;
	}
	return 0;
}

/* ---- packs out ---- */

int nr_packs_take(struct nr_packs *packs, int64_t series, nr_time time, struct nr_packer *packer,
	bool *ret_any, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = statement_of(packs, TAKE, &statement, error), step = SQLITE_DONE;
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	*ret_any = false;
	while (!status && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		struct nr_pack pack;
		const uint8_t *numbers = sqlite3_column_blob(statement, 0);
		size_t length = (size_t)sqlite3_column_bytes(statement, 0);
		const uint8_t *sketches = sqlite3_column_blob(statement, 1);
		size_t sketches_length = (size_t)sqlite3_column_bytes(statement, 1);
		*ret_any = true;
		status = nr_pack_open(&pack, packer->layout, numbers, numbers ? length : 0, error);
		if (!status)
			status = nr_packer_take(packer, &pack, sketches, sketches_length, error);
		if (status)
			nr_error_prefix(error, "%s", packs->store->path);
	}
	if (!status && step != SQLITE_DONE)
		status = fail(packs, error);
	sqlite3_reset(statement);
	return status;
}

static int put_part(struct nr_packs *packs, int64_t series, nr_time time, int64_t part,
	const struct nr_packer *packer, size_t first, size_t end, bool *changed, struct nr_error *error)
{
	NR_AUTO(nr_pack_bytes_fini) struct nr_pack_bytes bytes = {0};
	sqlite3_stmt *statement;
	int status = statement_of(packs, PUT, &statement, error);
	if (!status)
		status = nr_packer_write(packer, first, end, &bytes, error);
	if (status)
		return status;
	sqlite3_bind_int64(statement, 1, series);
	sqlite3_bind_int64(statement, 2, time);
	sqlite3_bind_int64(statement, 3, part);
	sqlite3_bind_int64(statement, 4, (int64_t)(end - first));
	sqlite3_bind_blob64(statement, 5, bytes.numbers, bytes.numbers_length, SQLITE_STATIC);
	if (bytes.sketches)
		sqlite3_bind_blob64(statement, 6, bytes.sketches, bytes.sketches_length, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(statement, 6, 0);
	status = run(packs, statement, NULL, NULL, error);
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
		int status = statement_of(packs, PARTS, &parts, error);
		if (!status)
			status = statement_of(packs, DROP, &drop, error);
		if (status)
			return status;
		sqlite3_bind_int64(parts, 1, series);
		sqlite3_bind_int64(parts, 2, time);
		sqlite3_bind_int64(parts, 3, after);
		sqlite3_bind_int64(parts, 4, before);
		status = run(packs, parts, &part, &found, error);
		if (!status && found) {
			sqlite3_bind_int64(drop, 1, series);
			sqlite3_bind_int64(drop, 2, time);
			sqlite3_bind_int64(drop, 3, part);
			status = run(packs, drop, NULL, NULL, error);
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
	int64_t before = -1;
	*ret_changed = false;
	for (size_t first = 0, end; first < packer->count; first = end) {
		int64_t part = part_at(packer, first);
		end = end_of_part(packer, first);
		int status = put_part(packs, series, time, part, packer, first, end, ret_changed, error);
		if (!status)
			status = drop_parts(packs, series, time, before, part, ret_changed, error);
		if (status)
			return status;
		before = part;
	}
	return drop_parts(packs, series, time, before, INT64_MAX, ret_changed, error);
}

/* ---- what follows from a pack ---- */

/* Origins by country: a ranking of countries would merge the sketches of all networks otherwise. */
static int put_countries(struct nr_packs *packs, const struct open_pack *open,
	const struct nr_packer *origins, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer countries = {.layout = &nr_layouts[NR_PACK_COUNTRY]};
	int64_t series = 0;
	bool changed;
	int status = nr_packs_series(packs, NR_PACK_COUNTRY, open->series->sensor, open->series->step,
		open->series->traffic, &series, error);
	if (!status)
		status = nr_packs_countries(packs, origins, &countries, error);
	return status ? status : nr_packs_put(packs, series, open->time, &countries, &changed, error);
}

/* The ports of a source lie together, too. */
static int put_knocks(struct nr_packs *packs, const struct open_pack *open, const struct nr_packer *ports,
	struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer knocks = {.layout = &nr_layouts[NR_PACK_KNOCK]};
	int64_t series = 0;
	bool changed;
	int status =
		nr_packs_series(packs, NR_PACK_KNOCK, open->series->sensor, NR_STEP_DAY, 0, &series, error);
	for (size_t i = 0; i < ports->count && !status; i++) {
		const uint64_t *row = nr_packer_row(ports, i);
		uint64_t lanes[] = {row[NR_SOURCE_PORT_HIGH], row[NR_SOURCE_PORT_LOW],
			row[NR_SOURCE_PORT_PROTOCOL], row[NR_SOURCE_PORT_PORT], row[NR_SOURCE_PORT_PACKETS],
			row[NR_SOURCE_PORT_BYTES]};
		status = nr_packer_add(&knocks, lanes, NULL, 0, error);
	}
	if (!status)
		status = nr_packer_sort(&knocks, error);
	return status ? status : nr_packs_put(packs, series, open->time, &knocks, &changed, error);
}

static int put_classes(struct nr_packs *packs, const struct nr_packer *ports, struct nr_error *error)
{
	sqlite3_stmt *statement;
	int status = statement_of(packs, CLASS, &statement, error);
	for (size_t i = 0; !status && i < ports->count; i++) {
		const uint64_t *row = nr_packer_row(ports, i);
		sqlite3_bind_int64(statement, 1, (int64_t)row[NR_PORT_PROTOCOL]);
		sqlite3_bind_int64(statement, 2, (int64_t)row[NR_PORT_PORT]);
		sqlite3_bind_int64(statement, 3, (int64_t)row[NR_PORT_CLASS]);
		status = run(packs, statement, NULL, NULL, error);
	}
	return status;
}

static int note_exactness(struct nr_packs *packs, const struct open_pack *open,
	const struct nr_packer *counts, struct nr_error *error)
{
	size_t which = EXACT;
	for (size_t i = 0; i < counts->count; i++) {
		if (nr_packer_row(counts, i)[NR_TRAFFIC_ERROR] != nr_lane_of_real(0))
			which = INEXACT;
	}
	sqlite3_stmt *statement;
	int status = statement_of(packs, which, &statement, error);
	if (status)
		return status;
	sqlite3_bind_text(statement, 1, open->series->sensor, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, open->time);
	sqlite3_bind_int(statement, 3, open->series->traffic);
	return run(packs, statement, NULL, NULL, error);
}

static int append(struct nr_packer *packer, const struct nr_packer *more, struct nr_error *error)
{
	size_t stride = nr_packer_stride(more);
	int status = 0;
	for (size_t i = 0; !status && i < more->count; i++) {
		const uint64_t *row = nr_packer_row(more, i);
		status = nr_packer_add(packer, row, more->bytes + row[stride - 2], row[stride - 1], error);
	}
	return status;
}

static int flush_one(struct nr_packs *packs, struct open_pack *open, struct nr_error *error)
{
	NR_AUTO(nr_packer_fini) struct nr_packer stored = {.layout = open->packer.layout};
	struct nr_packer *packer = &open->packer;
	const struct series *series = open->series;
	bool any = false, changed = false;
	int status = nr_packs_take(packs, series->id, open->time, &stored, &any, error);
	if (!status && any) {
		status = append(&stored, &open->packer, error);
		packer = &stored;
	}
	if (!status)
		status = nr_packer_sort(packer, error);
	if (!status)
		status = nr_packs_put(packs, series->id, open->time, packer, &changed, error);
	if (status || !changed)
		return status;
	if (series->kind == NR_PACK_ORIGIN && series->step == NR_STEP_DAY)
		status = put_countries(packs, open, packer, error);
	if (!status && series->kind == NR_PACK_SOURCE_PORT)
		status = put_knocks(packs, open, packer, error);
	if (!status && series->kind == NR_PACK_PORT && series->step >= NR_STEP_HOUR && !series->traffic)
		status = put_classes(packs, packer, error);
	if (!status && series->kind == NR_PACK_TRAFFIC && series->step == NR_STEP_DAY)
		status = note_exactness(packs, open, packer, error);
	if (!status && series->step == NR_STEP_DAY)
		status = nr_months_touch(packs->store, series->sensor, open->time, error);
	return status;
}

int nr_packs_flush(struct nr_packs *packs, struct nr_error *error)
{
	int status = 0;
	for (size_t i = 0; i < packs->open_count && !status; i++)
		status = flush_one(packs, &packs->open[i], error);
	if (status)
		return status;
	for (size_t i = 0; i < packs->open_count; i++)
		nr_packer_fini(&packs->open[i].packer);
	packs->open_count = packs->latest = packs->gathered = 0;
	return 0;
}
