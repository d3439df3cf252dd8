/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named queries over a small store. Input: a byte that chooses the query, then one line for each of its
 * parameters in order (empty: left out). What nr_store_check() takes is answered, and `next` is taken again.
 */
#include "../unit/store_sample.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARAMETERS_MAX 16
#define ROWS_MAX       10000 /* of one page, the most that a `limit` allows */

static char folder[] = "/tmp/noroshi-fuzz-XXXXXX", path[sizeof folder + 16];
static struct nr_store *store;

static void remove_store(void)
{
	static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
	char name[sizeof path + 8];
	nr_store_close(store);
	for (size_t i = 0; i < NR_COUNT(endings); i++) {
		snprintf(name, sizeof name, "%s%s", path, endings[i]);
		(void)unlink(name);
	}
	(void)rmdir(folder);
}

/* Hours, days and the smaller tables of the sample; its hosts of one day only. */
static void make_store(void)
{
	struct nr_error error = {0};
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof path, "%s/store.db", folder);
	if (nr_store_open(path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count, &store,
		    &error) != 0)
		abort();
	struct nr_sink *sink = nr_store_sink(store);
	sample_make_events();
	struct sample_slice day = {sample_events, sample_at(SAMPLE_START + NR_DAY), 0, 86400, SAMPLE_START};
	int failed =
		sample_write_steps(sink, 3600) | sample_write_steps(sink, 86400) | sample_write_rest(sink);
	for (uint32_t source = 0; source < 40; source++)
		failed |= sample_write_source(sink, &day, source);
	if (failed || sink->commit(sink, &error) != 0)
		abort();
	atexit(remove_store);
}

static int count_row(void *context, const struct nr_value *values, size_t count)
{
	size_t *rows = context;
	for (size_t i = 0; i < count; i++) {
		if (values[i].type == NR_VALUE_TEXT || values[i].type == NR_VALUE_JSON)
			assert(values[i].text);
	}
	(*rows)++;
	return 0;
}

/* Cuts the text into lines; those behind the last parameter are ignored. */
static void read_values(char *text, size_t count, const char **values)
{
	for (size_t i = 0; i < count; i++) {
		char *line = text ? strsep(&text, "\n") : NULL;
		values[i] = line && *line ? line : NULL;
	}
}

static size_t parameter_of(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (i < query->parameter_count && strcmp(query->parameters[i].name, name) != 0)
		i++;
	return i;
}

static void ask(const struct nr_query *query, const char **values)
{
	struct nr_error error = {0};
	struct nr_answer answer = {0};
	size_t bad = SIZE_MAX, rows = 0;
	int code = nr_store_check(query, values, &bad, &error);
	if (code) {
		assert(code < 0 && error.code == code && bad < query->parameter_count);
		const char *name = query->parameters[bad].name;
		assert(strncmp(error.text, name, strlen(name)) == 0);
		assert(nr_store_ask(store, query, values, count_row, &rows, &answer, NULL) == code && !rows);
		return;
	}
	code = nr_store_ask(store, query, values, count_row, &rows, &answer, &error);
	if (code) {
		fprintf(stderr, "%s: %s\n", query->name, error.text);
		abort();
	}
	assert(answer.rows == rows && rows <= ROWS_MAX && answer.from <= answer.to);
	size_t after = parameter_of(query, "after");
	if (!answer.next[0] || after == query->parameter_count)
		return;
	values[after] = answer.next;
	assert(nr_store_check(query, values, &bad, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *values[PARAMETERS_MAX];
	size_t queries = 0;
	if (!store)
		make_store();
	if (size < 1)
		return 0;
	NR_AUTO(nr_freep) char *text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	while (nr_store_queries[queries])
		queries++;
	assert(queries > 0);
	const struct nr_query *query = nr_store_queries[data[0] % queries];
	assert(query->parameter_count <= PARAMETERS_MAX);
	read_values(text, query->parameter_count, values);
	ask(query, values);
	return 0;
}
