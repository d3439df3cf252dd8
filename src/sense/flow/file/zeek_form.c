/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of Zeek's logs: columns that a header names, and JSON lines. */
#include "sense/flow/file/zeek_inside.h"

#include <json-c/json.h>

/* ---- columns ---- */

void nr_zeek_header_init(struct nr_zeek_header *header)
{
	*header = (struct nr_zeek_header){.separator = '\t', .unset = "-", .empty = "(empty)"};
}

static bool begins(const char *line, size_t length, const char *word)
{
	size_t n = strlen(word);
	return length >= n && !memcmp(line, word, n);
}

static bool copy(const char *from, size_t length, char to[static 16])
{
	if (length >= 16)
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

/* "\x09" */
static bool take_separator(struct nr_zeek_header *header, const char *text, size_t length)
{
	unsigned value;
	char buffer[16];
	if (length == 1)
		header->separator = text[0];
	else if (!copy(text, length, buffer) || sscanf(buffer, "\\x%2x", &value) != 1 || value > 127)
		return false;
	else
		header->separator = (char)value;
	return true;
}

static bool take_fields(struct nr_zeek_header *header, const char *at, const char *end)
{
	header->count = 0;
	while (at < end) {
		const char *next = memchr(at, header->separator, (size_t)(end - at));
		size_t length = (size_t)((next ? next : end) - at);
		if (header->count == NR_ZEEK_COLUMNS)
			return false;
		header->fields[header->count++] = (int16_t)nr_zeek_field_find(at, length);
		at += length + 1;
	}
	return header->count > 0;
}

bool nr_zeek_header_take(struct nr_zeek_header *header, const char *line, size_t length)
{
	if (begins(line, length, "#separator ")) {
		nr_zeek_header_init(header);
		return take_separator(header, line + 11, length - 11);
	}
	if (begins(line, length, "#empty_field") && length > 13)
		return copy(line + 13, length - 13, header->empty);
	if (begins(line, length, "#unset_field") && length > 13)
		return copy(line + 13, length - 13, header->unset);
	if (begins(line, length, "#fields") && length > 8)
		return take_fields(header, line + 8, line + length);
	return true; /* path, times, types: the names of the columns say enough */
}

static bool is_word(const char *at, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(at, word, length);
}

bool nr_zeek_split(
	const struct nr_zeek_header *header, const char *line, size_t length, struct nr_zeek_line *ret_line)
{
	const char *at = line, *end = line + length;
	*ret_line = (struct nr_zeek_line){0};
	for (size_t i = 0; i < header->count; i++) {
		if (at > end)
			return false; /* fewer columns than the header says */
		const char *next = memchr(at, header->separator, (size_t)(end - at));
		size_t n = (size_t)((next ? next : end) - at);
		if (header->fields[i] >= 0 && !is_word(at, n, header->unset) &&
			!is_word(at, n, header->empty))
			ret_line->values[header->fields[i]] = (struct nr_zeek_text){at, n};
		at += n + 1;
	}
	return header->count > 0;
}

/* ---- JSON ---- */

struct nr_zeek_json {
	json_tokener *tokener;
	json_object *object;
};

struct nr_zeek_json *nr_zeek_json_new(void)
{
	struct nr_zeek_json *json = calloc(1, sizeof *json);
	if (json && !(json->tokener = json_tokener_new_ex(8))) {
		free(json);
		return NULL;
	}
	return json;
}

void nr_zeek_json_free(struct nr_zeek_json *json)
{
	if (!json)
		return;
	json_object_put(json->object);
	json_tokener_free(json->tokener);
	free(json);
}

/* Numbers as they were written: a time has more digits than a double tells apart for sure. */
static struct nr_zeek_text text_of(json_object *value)
{
	const char *text = json_object_get_string(value);
	return text ? (struct nr_zeek_text){text, strlen(text)} : (struct nr_zeek_text){0};
}

static void take_members(json_object *object, const char *prefix, struct nr_zeek_line *line)
{
	json_object_object_foreach(object, key, value)
	{
		char name[64];
		if (!*prefix && !strcmp(key, "id") && json_object_is_type(value, json_type_object)) {
			take_members(value, "id.", line);
			continue;
		}
		int length = snprintf(name, sizeof name, "%s%s", prefix, key);
		int field = nr_zeek_field_find(name, NR_MIN((size_t)length, sizeof name - 1));
		if (field >= 0 && value)
			line->values[field] = text_of(value);
	}
}

bool nr_zeek_json_parse(
	struct nr_zeek_json *json, const char *line, size_t length, struct nr_zeek_line *ret_line)
{
	*ret_line = (struct nr_zeek_line){0};
	json_object_put(json->object);
	json_tokener_reset(json->tokener);
	json->object = json_tokener_parse_ex(json->tokener, line, (int)length);
	if (json_tokener_get_error(json->tokener) != json_tokener_success ||
		!json_object_is_type(json->object, json_type_object))
		return false;
	take_members(json->object, "", ret_line);
	return true;
}
