/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the named queries need and SQL does not have:
 *   nr_words(text)        aggregate: union of comma-separated words, in order of appearance
 *   nr_hash(value, ...)   a fixed 63-bit hash, for keys too long for a cursor
 *   nr_rolled_next(step, time)   end of the third, month or quarter that a time is in
 *   nr_sum(integer)       aggregate: as sum(), but it ends at the largest number and is no error
 *   nr_unique(sources, error, sketch), nr_unique_error(...), nr_unique_sketch(...)   aggregates: unique.h
 */
#include "store/packs.h"
#include "store/unique.h"

static bool words_have(const char *words, const char *word, size_t length)
{
	for (const char *at = words; *at; at += *at == ',') {
		size_t other = strcspn(at, ",");
		if (other == length && memcmp(at, word, length) == 0)
			return true;
		at += other;
	}
	return false;
}

void nr_words_add(char words[static NR_WORDS_BYTES + 1], const char *text)
{
	size_t used = strlen(words);
	while (*text) {
		size_t length = strcspn(text, ",");
		size_t comma = used ? 1 : 0;
		if (length && used + comma + length <= NR_WORDS_BYTES && !words_have(words, text, length)) {
			if (comma)
				words[used++] = ',';
			memcpy(words + used, text, length);
			used += length;
			words[used] = '\0';
		}
		text += length + (text[length] == ',');
	}
}

static void words_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	char *words = sqlite3_aggregate_context(context, NR_WORDS_BYTES + 1);
	const char *text = (const char *)sqlite3_value_text(values[0]);
	if (words && text)
		nr_words_add(words, text);
}

static void words_final(sqlite3_context *context)
{
	const char *words = sqlite3_aggregate_context(context, 0);
	sqlite3_result_text(context, words ? words : "", -1, SQLITE_TRANSIENT);
}

static void sum_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	int64_t *sum = sqlite3_aggregate_context(context, sizeof *sum);
	int64_t value = sqlite3_value_int64(values[0]);
	if (sum && __builtin_add_overflow(*sum, value, sum))
		*sum = INT64_MAX;
}

static void sum_final(sqlite3_context *context)
{
	const int64_t *sum = sqlite3_aggregate_context(context, 0);
	sqlite3_result_int64(context, sum ? *sum : 0);
}

static void unique_step(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	struct nr_unique *unique = sqlite3_aggregate_context(context, sizeof *unique);
	if (!unique ||
		nr_side_add(&unique->whole, sqlite3_value_int64(values[0]), sqlite3_value_double(values[1]),
			sqlite3_value_blob(values[2]), (size_t)sqlite3_value_bytes(values[2]), NULL))
		sqlite3_result_error_nomem(context);
}

static struct nr_unique *unique_of(sqlite3_context *context)
{
	static struct nr_unique none;
	struct nr_unique *unique = sqlite3_aggregate_context(context, 0);
	return unique ? unique : &none;
}

static void unique_final(sqlite3_context *context)
{
	struct nr_unique *unique = unique_of(context);
	sqlite3_result_int64(context, nr_side_count(&unique->whole).value);
	nr_unique_fini(unique);
}

static void unique_error_final(sqlite3_context *context)
{
	struct nr_unique *unique = unique_of(context);
	sqlite3_result_double(context, nr_side_count(&unique->whole).error);
	nr_unique_fini(unique);
}

static void unique_sketch_final(sqlite3_context *context)
{
	uint8_t written[NR_HLL_BYTES_MAX];
	struct nr_unique *unique = unique_of(context);
	size_t length = nr_side_write(&unique->whole, written);
	sqlite3_result_blob(context, written, (int)length, SQLITE_TRANSIENT);
	nr_unique_fini(unique);
}

static void rolled_next(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_int64(context,
		nr_rolled_next((uint32_t)sqlite3_value_int64(values[0]), sqlite3_value_int64(values[1])));
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
		{"nr_words", 1, NULL, words_step, words_final},
		{"nr_sum", 1, NULL, sum_step, sum_final},
		{"nr_unique", 3, NULL, unique_step, unique_final},
		{"nr_unique_error", 3, NULL, unique_step, unique_error_final},
		{"nr_unique_sketch", 3, NULL, unique_step, unique_sketch_final},
		{"nr_hash", -1, hash, NULL, NULL},
		{"nr_rolled_next", 2, rolled_next, NULL, NULL},
	};
	for (size_t i = 0; i < NR_COUNT(functions); i++) {
		if (sqlite3_create_function_v2(database, functions[i].name, functions[i].arguments,
			    SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, functions[i].scalar, functions[i].step,
			    functions[i].final, NULL) != SQLITE_OK)
			return nr_sqlite_fail(database, path, error);
	}
	return 0;
}
