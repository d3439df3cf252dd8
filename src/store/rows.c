/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include <inttypes.h>

static void write_value(struct nr_json *json, const char *key, const struct nr_value *value)
{
	switch (value->type) {
	case NR_VALUE_NULL:
		nr_json_null(json, key);
		break;
	case NR_VALUE_INT:
		nr_json_int(json, key, value->integer);
		break;
	case NR_VALUE_REAL:
		nr_json_real(json, key, value->real);
		break;
	case NR_VALUE_TEXT:
		nr_json_text(json, key, value->text);
		break;
	case NR_VALUE_TIME:
		nr_json_time(json, key, value->integer);
		break;
	case NR_VALUE_ADDRESS:
		nr_json_address(json, key, &value->address);
		break;
	case NR_VALUE_JSON:
		nr_json_raw(json, key, value->text);
		break;
	}
}

void nr_rows_json(struct nr_json *json, const struct nr_query *query, const struct nr_value *values)
{
	nr_json_object(json, NULL);
	for (size_t i = 0; i < query->column_count; i++)
		write_value(json, query->columns[i].name, &values[i]);
	nr_json_object_end(json);
}

static void put(struct nr_csv *csv, const char *bytes, size_t length)
{
	if (csv->failed || length == 0)
		return;
	if (csv->room - csv->length < length) {
		size_t room = NR_MAX(csv->room * 2, csv->length + length + 4096);
		char *grown = realloc(csv->bytes, room);
		csv->failed = !grown;
		if (!grown)
			return;
		csv->bytes = grown;
		csv->room = room;
	}
	memcpy(csv->bytes + csv->length, bytes, length);
	csv->length += length;
}

/* Quoted where needed. A spreadsheet takes a text that begins with = + - @ as a formula, and names of
 * networks come from strangers: such a text gets an apostrophe in front (OWASP, CSV injection). */
static void put_text(struct nr_csv *csv, const char *text)
{
	bool formula = *text && strchr("=+-@\t\r", *text);
	if (!formula && !text[strcspn(text, ",\"\r\n")]) {
		put(csv, text, strlen(text));
		return;
	}
	put(csv, "\"'", formula ? 2 : 1);
	while (*text) {
		size_t length = strcspn(text, "\"");
		put(csv, text, length);
		text += length;
		if (*text) {
			put(csv, "\"\"", 2);
			text++;
		}
	}
	put(csv, "\"", 1);
}

static void put_value(struct nr_csv *csv, const struct nr_value *value)
{
	char text[64];
	switch (value->type) {
	case NR_VALUE_NULL:
		break;
	case NR_VALUE_INT:
		put(csv, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value->integer));
		break;
	case NR_VALUE_REAL:
		put(csv, text, (size_t)snprintf(text, sizeof text, "%.9g", value->real));
		break;
	case NR_VALUE_TIME:
		if (value->integer != NR_TIME_MIN && value->integer != NR_TIME_MAX)
			put_text(csv, nr_time_write(value->integer, text));
		break;
	case NR_VALUE_ADDRESS:
		put_text(csv, nr_address_write(&value->address, text));
		break;
	case NR_VALUE_TEXT:
	case NR_VALUE_JSON:
		put_text(csv, value->text);
		break;
	}
}

void nr_csv_head(struct nr_csv *csv, const struct nr_query *query)
{
	for (size_t i = 0; i < query->column_count; i++) {
		put(csv, ",", i ? 1 : 0);
		put_text(csv, query->columns[i].name);
	}
	put(csv, "\r\n", 2);
}

void nr_csv_row(struct nr_csv *csv, const struct nr_query *query, const struct nr_value *values)
{
	for (size_t i = 0; i < query->column_count; i++) {
		put(csv, ",", i ? 1 : 0);
		put_value(csv, &values[i]);
	}
	put(csv, "\r\n", 2);
}
