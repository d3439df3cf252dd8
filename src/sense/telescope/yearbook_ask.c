/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/yearbook_ask.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PARAMETERS_MAX 16

static int add_row(void *context, const struct nr_value *values, size_t count)
{
	struct nr_rows *rows = context;
	if (rows->count == rows->most) {
		rows->cut = true;
		return 1; /* enough */
	}
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 64;
		struct nr_value *grown = realloc(rows->values, room * count * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		rows->values = grown;
		rows->room = room;
	}
	struct nr_value *row = &rows->values[rows->count * count];
	memcpy(row, values, count * sizeof *row);
	bool copied = true;
	for (size_t i = 0; i < count; i++) {
		bool text = row[i].type == NR_VALUE_TEXT || row[i].type == NR_VALUE_JSON;
		row[i].text = text ? strdup(values[i].text ? values[i].text : "") : NULL;
		copied &= !text || row[i].text;
	}
	rows->count++;
	return copied ? 0 : -ENOMEM;
}

static const char *value_of(const struct nr_given *given, const char *name)
{
	for (; given->name; given++)
		if (strcmp(given->name, name) == 0)
			return given->value;
	return NULL;
}

int nr_rows_ask(struct nr_store *store, const char *name, const struct nr_given *given, size_t most,
	struct nr_rows *ret_rows, struct nr_error *error)
{
	const struct nr_query *query = nr_store_query(name);
	assert(query && query->parameter_count <= PARAMETERS_MAX);
	const char *values[PARAMETERS_MAX] = {0};
	const char **after = NULL;
	*ret_rows = (struct nr_rows){.query = query, .most = most};
	for (size_t i = 0; i < query->parameter_count; i++) {
		const char *parameter = query->parameters[i].name;
		values[i] = value_of(given, parameter);
		if (!values[i] && strcmp(parameter, "limit") == 0 && most > 100)
			values[i] = "1000";
		if (strcmp(parameter, "after") == 0)
			after = &values[i];
	}
	struct nr_answer answer = {0};
	do {
		int e = nr_store_ask(store, query, values, add_row, ret_rows, &answer, error);
		if (e < 0 || ret_rows->cut)
			return NR_MIN(e, 0);
		if (after)
			*after = answer.next;
	} while (after && answer.next[0]);
	return 0;
}

void nr_rows_fini(struct nr_rows *rows)
{
	size_t columns = rows->query ? rows->query->column_count : 0;
	for (size_t i = 0; i < rows->count * columns; i++)
		free((char *)(uintptr_t)rows->values[i].text);
	free(rows->values);
	*rows = (struct nr_rows){0};
}

static const struct nr_value *find(const struct nr_rows *rows, size_t row, const char *column)
{
	size_t i = 0;
	assert(row < rows->count);
	while (i < rows->query->column_count && strcmp(rows->query->columns[i].name, column) != 0)
		i++;
	assert(i < rows->query->column_count);
	return &rows->values[row * rows->query->column_count + i];
}

int64_t nr_rows_int(const struct nr_rows *rows, size_t row, const char *column)
{
	const struct nr_value *v = find(rows, row, column);
	return v->type == NR_VALUE_INT || v->type == NR_VALUE_TIME ? v->integer : 0;
}

double nr_rows_real(const struct nr_rows *rows, size_t row, const char *column)
{
	const struct nr_value *v = find(rows, row, column);
	return v->type == NR_VALUE_REAL ? v->real : v->type == NR_VALUE_INT ? (double)v->integer : 0;
}

const char *nr_rows_text(const struct nr_rows *rows, size_t row, const char *column)
{
	const char *text = find(rows, row, column)->text;
	return text ? text : "";
}

const struct nr_address *nr_rows_address(const struct nr_rows *rows, size_t row, const char *column)
{
	return &find(rows, row, column)->address;
}
