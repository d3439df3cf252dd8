/* SPDX-License-Identifier: Apache-2.0 */
/* The API against its own description: docs/openapi.json is what the server says, and every path does what it
 * says. */
#include "base/file.h"
#include "http_client.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct json_object *document; /* what the server says of itself */

static struct json_object *ask_json(const char *target, int status)
{
	NR_AUTO(page_fini) struct page page = client_get(target);
	if (page.status != status)
		fail_msg("%s: %d is not %d: %.300s", target, page.status, status, page.body ? page.body : "");
	assert_non_null(strstr(page.head, "Content-Type: application/json\r\n"));
	struct json_object *json = json_tokener_parse(page.body);
	if (!json)
		fail_msg("%s: not JSON", target);
	return json;
}

/* "a/b/c": a member of a member of a member. */
static struct json_object *member(struct json_object *json, const char *path)
{
	char name[64];
	while (*path) {
		size_t length = strcspn(path, "|");
		snprintf(name, sizeof name, "%.*s", (int)length, path);
		json = json_object_object_get(json, name);
		path += length + (path[length] == '|');
	}
	return json;
}

static const char *text_of(struct json_object *json, const char *path)
{
	return json_object_get_string(member(json, path));
}

static void test_description_is_the_file(void **state)
{
	(void)state;
	NR_AUTO(page_fini) struct page page = client_get("/api/v1/openapi.json");
	NR_AUTO(nr_freep) uint8_t *file = NULL;
	size_t length;
	struct nr_error error = {0};
	if (nr_file_read("docs/openapi.json", 1 << 20, &file, &length, &error) != 0)
		fail_msg("%s", error.text);
	while (length && file[length - 1] == '\n')
		file[--length] = '\0';
	while (page.body_length && page.body[page.body_length - 1] == '\n')
		page.body[--page.body_length] = '\0';
	if (strcmp((char *)file, page.body) != 0)
		fail_msg("docs/openapi.json is not what the server says; docs/guide/api.md tells how to "
			 "renew it");
}

/* A value that the parameter takes. */
static const char *example(struct json_object *parameter)
{
	const char *name = text_of(parameter, "name");
	if (strcmp(name, "protocol") == 0 && member(parameter, "schema|enum"))
		return "tcp"; /* of flows */
	static const char *const examples[][2] = {{"sensor", "north"}, {"from", "2026-01-01T00:00:00Z"},
		{"to", "1767484800"}, {"research", "without"}, {"limit", "3"}, {"after", NULL},
		{"notable", "all"}, {"protocol", "6"}, {"port", "23"}, {"class", "iot"}, {"category", "scan"},
		{"step", "1d"}, {"top", "3"}, {"by", "class"}, {"country", "JP"}, {"tool", "zmap"},
		{"address", "198.18.0.7"}, {"subject", "203.0.113.1"}, {"kind", "ddos-victim"},
		{"sense", "telescope"}, {"format", "json"}, {"dimension", NULL}, {"length", "48"},
		{"purpose", "c2-detection"}, {"day", "2026-01-01"}, {"alarm", "with"}};
	for (size_t i = 0; i < NR_COUNT(examples); i++) {
		if (strcmp(examples[i][0], name) == 0)
			return examples[i][1];
	}
	fail_msg("no example of the parameter %s", name);
	return NULL;
}

/* Path with what it requires, and one parameter more. */
static void write_target(char *target, size_t room, const char *path, struct json_object *parameters,
	const char *name, const char *value)
{
	size_t used = (size_t)snprintf(target, room, "%s", path);
	const char *separator = "?";
	for (size_t i = 0; parameters && i < json_object_array_length(parameters); i++) {
		struct json_object *parameter = json_object_array_get_idx(parameters, i);
		const char *own = text_of(parameter, "name");
		if (!json_object_get_boolean(member(parameter, "required")) ||
			(name && strcmp(own, name) == 0))
			continue;
		used += (size_t)snprintf(
			target + used, room - used, "%s%s=%s", separator, own, example(parameter));
		separator = "&";
	}
	if (name)
		snprintf(target + used, room - used, "%s%s=%s", separator, name, value);
}

static bool type_fits(struct json_object *value, struct json_object *schema)
{
	static const char *const names[] = {[json_type_null] = "null",
		[json_type_boolean] = "boolean",
		[json_type_double] = "number",
		[json_type_int] = "integer",
		[json_type_object] = "object",
		[json_type_array] = "array",
		[json_type_string] = "string"};
	const char *name = names[json_object_get_type(value)];
	struct json_object *type = member(schema, "type");
	if (!json_object_is_type(type, json_type_array))
		return strcmp(json_object_get_string(type), name) == 0;
	for (size_t i = 0; i < json_object_array_length(type); i++) {
		const char *allowed = json_object_get_string(json_object_array_get_idx(type, i));
		if (strcmp(allowed, name) == 0 ||
			(strcmp(allowed, "number") == 0 && strcmp(name, "integer") == 0))
			return true;
	}
	return false;
}

/* All members are described and of their type, and all that are described are there. */
static void check_object(const char *path, struct json_object *object, struct json_object *schema)
{
	struct json_object *properties = member(schema, "properties");
	assert_int_equal(json_object_object_length(object), json_object_object_length(properties));
	json_object_object_foreach(object, name, value)
	{
		struct json_object *described = json_object_object_get(properties, name);
		if (!described)
			fail_msg("%s: %s is not described", path, name);
		if (!type_fits(value, described))
			fail_msg("%s: %s is %s", path, name, json_object_to_json_string(value));
	}
}

static void check_answer(const char *path, struct json_object *get)
{
	char target[256];
	write_target(target, sizeof target, path, member(get, "parameters"), NULL, NULL);
	struct json_object *schema = member(get, "responses|200|content|application/json|schema");
	assert_non_null(schema);
	struct json_object *answer = ask_json(target, 200);
	if (!member(schema, "properties")) { /* openapi.json itself */
		assert_non_null(member(answer, "openapi"));
		json_object_put(answer);
		return;
	}
	check_object(path, answer, schema);
	const char *list = member(answer, "rows") ? "rows" : "sensors";
	struct json_object *rows = member(answer, list), *items = member(member(schema, "properties"), list);
	assert_true(json_object_array_length(rows) > 0);
	for (size_t i = 0; i < json_object_array_length(rows); i++)
		check_object(path, json_object_array_get_idx(rows, i), member(items, "items"));
	json_object_put(answer);
}

/* The live stream, what is below trust and flows: test_events.c, test_trust_api.c and tests/netns look at
 * them.
 */
#define ELSEWHERE_PATHS 10
static bool is_elsewhere(const char *path, struct json_object *item)
{
	return member(item, "get|responses|200|content|text/event-stream") ||
	       strncmp(path, "/api/v1/trust", 13) == 0 ||
	       (strncmp(path, "/api/v1/flow/", 13) == 0 && !nr_store_query(path + 8));
}

static void test_every_path_answers_as_described(void **state)
{
	(void)state;
	size_t paths = 0, others = 0, queries = 0;
	json_object_object_foreach(member(document, "paths"), path, item)
	{
		bool elsewhere = is_elsewhere(path, item);
		if (!elsewhere)
			check_answer(path, member(item, "get"));
		paths += !elsewhere;
		others += elsewhere;
	}
	while (nr_store_queries[queries])
		queries++;
	assert_int_equal(paths, queries + 2);
	assert_int_equal(others, ELSEWHERE_PATHS);
}

static void check_refusal(
	const char *path, struct json_object *parameters, const char *name, const char *value)
{
	char target[256];
	write_target(target, sizeof target, path, parameters, name, value);
	struct json_object *answer = ask_json(target, 400);
	assert_string_equal(text_of(answer, "error|code"), "bad-parameter");
	assert_string_equal(text_of(answer, "error|parameter"), name);
	assert_true(strlen(text_of(answer, "error|text")) > 10);
	json_object_put(answer);
}

/* The bounds and choices that the description gives are those that the server holds to. */
static void check_parameter(const char *path, struct json_object *parameters, struct json_object *parameter)
{
	const char *name = text_of(parameter, "name"), *value = example(parameter);
	struct json_object *schema = member(parameter, "schema");
	char target[256], outside[32];
	if (value) {
		write_target(target, sizeof target, path, parameters, name, value);
		json_object_put(ask_json(target, 200));
	}
	if (member(schema, "maximum")) {
		long long maximum = json_object_get_int64(member(schema, "maximum"));
		snprintf(outside, sizeof outside, "%lld", maximum + 1);
		check_refusal(path, parameters, name, outside);
		snprintf(outside, sizeof outside, "%lld",
			(long long)json_object_get_int64(member(schema, "minimum")) - 1);
		check_refusal(path, parameters, name, outside);
		snprintf(outside, sizeof outside, "%lld", maximum);
		write_target(target, sizeof target, path, parameters, name, outside);
		json_object_put(ask_json(target, 200));
	}
	struct json_object *choices = member(schema, "enum");
	for (size_t i = 0; choices && i < json_object_array_length(choices); i++) {
		const char *choice = json_object_get_string(json_object_array_get_idx(choices, i));
		if (strcmp(choice, "csv") == 0)
			continue;
		write_target(target, sizeof target, path, parameters, name, choice);
		json_object_put(ask_json(target, 200));
	}
	if (strcmp(name, "purpose") == 0) /* without one it is refused */
		return;
	if (choices || strcmp(name, "from") == 0 || strcmp(name, "after") == 0 ||
		strcmp(name, "address") == 0)
		check_refusal(path, parameters, name, "wrong");
}

static void test_every_parameter_is_as_described(void **state)
{
	(void)state;
	json_object_object_foreach(member(document, "paths"), path, item)
	{
		struct json_object *parameters = member(item, "get|parameters");
		for (size_t i = 0;
			parameters && !is_elsewhere(path, item) && i < json_object_array_length(parameters);
			i++)
			check_parameter(path, parameters, json_object_array_get_idx(parameters, i));
	}
}

static void test_every_path_gives_csv(void **state)
{
	(void)state;
	json_object_object_foreach(member(document, "paths"), path, item)
	{
		struct json_object *get = member(item, "get");
		char target[256];
		if (!member(get, "responses|200|content|text/csv"))
			continue;
		write_target(target, sizeof target, path, member(get, "parameters"), "format", "csv");
		NR_AUTO(page_fini) struct page page = client_get(target);
		assert_int_equal(page.status, 200);
		struct json_object *row = member(get,
			"responses|200|content|application/json|schema|properties|rows|items|properties");
		size_t commas = 0;
		for (const char *at = page.body; *at != '\r'; at++)
			commas += *at == ',';
		assert_int_equal(commas + 1, json_object_object_length(row));
		assert_non_null(strstr(page.body + strcspn(page.body, "\n") + 1, "\r\n")); /* a row */
	}
}

/* Page by page is the same as all at once. */
static void test_pages(void **state)
{
	(void)state;
	struct json_object *all = ask_json("/api/v1/telescope/sources?limit=1000", 200);
	size_t seen = 0;
	char target[256] = "/api/v1/telescope/sources?limit=150";
	while (*target && seen < 1000) {
		struct json_object *page = ask_json(target, 200);
		struct json_object *rows = member(page, "rows");
		for (size_t i = 0; i < json_object_array_length(rows) && seen < 1000; i++, seen++)
			assert_string_equal(text_of(json_object_array_get_idx(rows, i), "address"),
				text_of(json_object_array_get_idx(member(all, "rows"), seen), "address"));
		target[0] = '\0';
		if (member(page, "next"))
			snprintf(target, sizeof target, "/api/v1/telescope/sources?limit=150&after=%s",
				text_of(page, "next"));
		json_object_put(page);
	}
	assert_int_equal(seen, 1000);
	json_object_put(all);
}

static void test_envelope(void **state)
{
	(void)state;
	struct json_object *answer = ask_json(
		"/api/v1/telescope/"
		"ports?from=2026-01-01T05:20:00%2B00:00&to=2026-01-01T07:10:00Z&research=without&limit=1",
		200);
	assert_string_equal(text_of(answer, "query"), "telescope/ports");
	assert_string_equal(text_of(answer, "from"), "2026-01-01T05:00:00.000000Z");
	assert_string_equal(text_of(answer, "to"), "2026-01-01T08:00:00.000000Z");
	assert_string_equal(text_of(answer, "research"), "without");
	assert_non_null(member(answer, "next"));
	json_object_put(answer);
	answer = ask_json("/api/v1/telescope/source?address=198.18.0.7&limit=1", 200);
	struct json_object *row = json_object_array_get_idx(member(answer, "rows"), 0);
	assert_string_equal(text_of(row, "evidence|rule"), "sample"); /* JSON in JSON, not a text */
	json_object_put(answer);
}

static void test_status(void **state)
{
	(void)state;
	struct json_object *answer = ask_json("/api/v1/status", 200);
	assert_string_equal(text_of(answer, "version"), NR_VERSION);
	assert_string_equal(text_of(answer, "store"), "store.db");
	assert_true(json_object_get_boolean(member(answer, "world")));
	assert_int_equal(json_object_array_length(member(answer, "sensors")), 2);
	json_object_put(answer);
	json_object_put(ask_json("/api/v1/status?x=1", 400));
}

/* The guide names every path and every parameter. */
static void test_guide(void **state)
{
	(void)state;
	NR_AUTO(nr_freep) uint8_t *guide = NULL;
	size_t length;
	assert_int_equal(nr_file_read("docs/guide/api.md", 1 << 20, &guide, &length, NULL), 0);
	for (size_t i = 0; nr_store_queries[i]; i++) {
		const struct nr_query *query = nr_store_queries[i];
		char word[64];
		snprintf(word, sizeof word, "`%s`", query->name);
		if (!strstr((char *)guide, word))
			fail_msg("docs/guide/api.md does not tell of %s", word);
		for (size_t j = 0; j < query->parameter_count; j++) {
			snprintf(word, sizeof word, "`%s`", query->parameters[j].name);
			if (!strstr((char *)guide, word))
				fail_msg("docs/guide/api.md does not tell of the parameter %s", word);
		}
	}
}

static int start(void **state)
{
	if (site_start(state) != 0)
		return -1;
	document = ask_json("/api/v1/openapi.json", 200);
	return document ? 0 : -1;
}

static int stop(void **state)
{
	json_object_put(document);
	return site_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_description_is_the_file),
		cmocka_unit_test(test_every_path_answers_as_described),
		cmocka_unit_test(test_every_parameter_is_as_described),
		cmocka_unit_test(test_every_path_gives_csv),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_guide),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
