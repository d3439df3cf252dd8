/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the named queries need and SQL does not have:
 *   nr_sources(less, sources, error, sketch)  aggregate: unique sources of all rows, as one BLOB; rows with
 * less = 1 are a part of the others and are taken away nr_sources_count(BLOB), nr_sources_error(BLOB)   the
 * number and its relative standard error out of it nr_words(text)                            aggregate: union
 * of comma-separated words, in order of appearance nr_hash(value, ...)                       a fixed 63-bit
 * hash, for keys too long for a cursor The rule for unique sources: one row speaks for itself; several are
 * merged by their sketches; where a sketch is missing the largest row is a lower bound and the error is -1,
 * "at least".
 */
#include "base/hll.h"
#include "store/sqlite.h"

#include <math.h>

struct count {
	int64_t value;
	double error;
};

/* Rows of one side: the whole, or the part to be taken away. */
struct side {
	uint64_t rows;       /* with any source */
	struct count single; /* the last of them */
	int64_t largest, largest_exact;
	struct nr_hll *sketch; /* owned; NULL before the first row */
	double error;          /* the largest of theirs: a sample of the sources may stand behind a sketch */
	bool lacking;          /* some row had no readable sketch */
};

struct sources {
	struct side whole, part;
};

static void sources_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct sources *sources = sqlite3_aggregate_context(context, sizeof *sources);
	int64_t value = sqlite3_value_int64(values[1]);
	if (!sources || value <= 0)
		return;
	struct side *side = sqlite3_value_int(values[0]) ? &sources->part : &sources->whole;
	side->rows++;
	side->single = (struct count){value, sqlite3_value_double(values[2])};
	side->largest = NR_MAX(side->largest, value);
	side->error = NR_MAX(side->error, side->single.error);
	if (side->single.error == 0)
		side->largest_exact = NR_MAX(side->largest_exact, value);
	if (!side->sketch)
		side->sketch = calloc(1, sizeof *side->sketch);
	const uint8_t *bytes = sqlite3_value_blob(values[3]);
	int length = sqlite3_value_bytes(values[3]);
	if (!side->sketch || length <= 0 ||
		nr_hll_merge_bytes(side->sketch, bytes, (size_t)length, NULL) != 0)
		side->lacking = true;
}

static struct count side_count(const struct side *side)
{
	if (side->rows == 0)
		return (struct count){0, 0};
	if (side->rows == 1)
		return side->single;
	if (side->lacking)
		return (struct count){side->largest, -1};
	int64_t estimate = llround(nr_hll_count(side->sketch));
	return (struct count){NR_MAX(estimate, side->largest_exact), NR_MAX(side->error, NR_HLL_ERROR)};
}

/* The part is inside the whole, so counts subtract; absolute errors add in quadrature. */
static struct count difference(struct count whole, struct count part)
{
	struct count result = {NR_MAX(whole.value - part.value, 0), 0};
	if (whole.error < 0 || part.error < 0)
		result.error = -1;
	else if (whole.error > 0 || part.error > 0)
		result.error = hypot(whole.error * (double)whole.value, part.error * (double)part.value) /
			       (double)NR_MAX(result.value, 1);
	return result;
}

static void sources_final(sqlite3_context *context)
{
	struct sources *sources = sqlite3_aggregate_context(context, 0);
	struct count result = {0, 0};
	if (sources) {
		result = side_count(&sources->whole);
		if (sources->part.rows)
			result = difference(result, side_count(&sources->part));
		free(sources->whole.sketch);
		free(sources->part.sketch);
	}
	sqlite3_result_blob(context, &result, sizeof result, SQLITE_TRANSIENT);
}

static bool read_count(sqlite3_value *value, struct count *ret_count)
{
	if (sqlite3_value_type(value) != SQLITE_BLOB || sqlite3_value_bytes(value) != (int)sizeof *ret_count)
		return false;
	memcpy(ret_count, sqlite3_value_blob(value), sizeof *ret_count);
	return true;
}

static void sources_count(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct count result;
	if (read_count(values[0], &result))
		sqlite3_result_int64(context, result.value);
}

static void sources_error(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct count result;
	if (read_count(values[0], &result))
		sqlite3_result_double(context, result.error);
}

#define WORDS_BYTES 240 /* longer unions are cut: the words are short names from fixed sets */

struct words {
	size_t length;
	char text[WORDS_BYTES + 1];
};

static bool words_have(const struct words *words, const char *word, size_t length)
{
	for (const char *at = words->text; *at; at += *at == ',') {
		size_t other = strcspn(at, ",");
		if (other == length && memcmp(at, word, length) == 0)
			return true;
		at += other;
	}
	return false;
}

static void words_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct words *words = sqlite3_aggregate_context(context, sizeof *words);
	const char *text = (const char *)sqlite3_value_text(values[0]);
	if (!words || !text)
		return;
	while (*text) {
		size_t length = strcspn(text, ",");
		size_t comma = words->length ? 1 : 0;
		if (length && words->length + comma + length <= WORDS_BYTES &&
			!words_have(words, text, length)) {
			if (comma)
				words->text[words->length++] = ',';
			memcpy(words->text + words->length, text, length);
			words->length += length;
		}
		text += length + (text[length] == ',');
	}
}

static void words_final(sqlite3_context *context)
{
	struct words *words = sqlite3_aggregate_context(context, 0);
	sqlite3_result_text(
		context, words ? words->text : "", words ? (int)words->length : 0, SQLITE_TRANSIENT);
}

/* FNV-1a over lengths and bytes; the top bit goes, so that the result is a positive integer. */
static void hash(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint64_t state = UINT64_C(0xcbf29ce484222325);
	for (int i = 0; i < count; i++) {
		const uint8_t *bytes = sqlite3_value_blob(values[i]);
		int length = sqlite3_value_bytes(values[i]);
		for (int j = 0; j < length; j++)
			state = (state ^ bytes[j]) * UINT64_C(0x100000001b3);
		state = (state ^ 0xff ^ (uint64_t)length) * UINT64_C(0x100000001b3);
	}
	sqlite3_result_int64(context, (int64_t)(state >> 1));
}

int nr_store_functions(sqlite3 *database, const char *path, struct nr_error *error)
{
	static const struct {
		const char *name;
		int arguments;
		void (*scalar)(sqlite3_context *, int, sqlite3_value **);
		void (*step)(sqlite3_context *, int, sqlite3_value **);
		void (*final)(sqlite3_context *);
	} functions[] = {
		{"nr_sources", 4, NULL, sources_step, sources_final},
		{"nr_sources_count", 1, sources_count, NULL, NULL},
		{"nr_sources_error", 1, sources_error, NULL, NULL},
		{"nr_words", 1, NULL, words_step, words_final},
		{"nr_hash", -1, hash, NULL, NULL},
	};
	for (size_t i = 0; i < NR_COUNT(functions); i++) {
		if (sqlite3_create_function_v2(database, functions[i].name, functions[i].arguments,
			    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, functions[i].scalar, functions[i].step,
			    functions[i].final, NULL) != SQLITE_OK)
			return nr_sqlite_fail(database, path, error);
	}
	return 0;
}
