/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's description (OpenAPI 3.1), written from the same descriptors that answer the questions.
 * docs/openapi.json is this document; a test compares the two.
 */
#include "serve/openapi.h"

#include "serve/api.h"

static void write_type(struct nr_json *json, enum nr_value_type type, bool nullable)
{
	static const struct {
		const char *type, *format;
	} types[] = {
		[NR_VALUE_NULL] = {"null", NULL},
		[NR_VALUE_INT] = {"integer", "int64"},
		[NR_VALUE_REAL] = {"number", "double"},
		[NR_VALUE_TEXT] = {"string", NULL},
		[NR_VALUE_TIME] = {"string", "date-time"},
		[NR_VALUE_ADDRESS] = {"string", "ip"},
		[NR_VALUE_JSON] = {"object", NULL},
	};
	if (nullable) {
		nr_json_array(json, "type");
		nr_json_text(json, NULL, types[type].type);
		if (type == NR_VALUE_JSON)
			nr_json_text(json, NULL, "array");
		nr_json_text(json, NULL, "null");
		nr_json_array_end(json);
	} else {
		nr_json_text(json, "type", types[type].type);
	}
	if (types[type].format)
		nr_json_text(json, "format", types[type].format);
}

static void write_parameter_schema(struct nr_json *json, const struct nr_parameter *parameter)
{
	nr_json_object(json, "schema");
	/* A time may also be Unix seconds, so it is not held to the date-time format. */
	write_type(json, parameter->type == NR_VALUE_TIME ? NR_VALUE_TEXT : parameter->type, false);
	if (parameter->type == NR_VALUE_INT && (parameter->minimum != 0 || parameter->maximum != 0)) {
		nr_json_int(json, "minimum", (int64_t)parameter->minimum);
		nr_json_int(json, "maximum", (int64_t)parameter->maximum);
	}
	if (parameter->choices) {
		nr_json_array(json, "enum");
		for (size_t i = 0; parameter->choices[i]; i++)
			nr_json_text(json, NULL, parameter->choices[i]);
		nr_json_array_end(json);
	}
	if (parameter->fallback && parameter->type == NR_VALUE_INT)
		nr_json_raw(json, "default", parameter->fallback);
	else if (parameter->fallback)
		nr_json_text(json, "default", parameter->fallback);
	nr_json_object_end(json);
}

static void write_parameter(struct nr_json *json, const struct nr_parameter *parameter)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "name", parameter->name);
	nr_json_text(json, "in", "query");
	nr_json_text(json, "description", parameter->text_en);
	if (parameter->required)
		nr_json_bool(json, "required", true);
	write_parameter_schema(json, parameter);
	nr_json_object_end(json);
}

static void write_parameters(struct nr_json *json, const struct nr_query *query)
{
	static const char *const formats[] = {"json", "csv", NULL};
	static const struct nr_parameter format = {"format", NR_VALUE_TEXT, "json", .choices = formats,
		.text_en = "the answer as JSON, or its rows as CSV (the next cursor is then in the header "
			   "Noroshi-Next)"};
	nr_json_array(json, "parameters");
	for (size_t i = 0; i < query->parameter_count; i++)
		write_parameter(json, &query->parameters[i]);
	write_parameter(json, &format);
	nr_json_array_end(json);
}

static void write_row(struct nr_json *json, const struct nr_query *query)
{
	nr_json_text(json, "type", "object");
	nr_json_array(json, "required");
	for (size_t i = 0; i < query->column_count; i++)
		nr_json_text(json, NULL, query->columns[i].name);
	nr_json_array_end(json);
	nr_json_object(json, "properties");
	for (size_t i = 0; i < query->column_count; i++) {
		nr_json_object(json, query->columns[i].name);
		write_type(json, query->columns[i].type, true);
		nr_json_text(json, "description", query->columns[i].text_en);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_property(
	struct nr_json *json, const char *name, enum nr_value_type type, bool nullable, const char *text)
{
	nr_json_object(json, name);
	write_type(json, type, nullable);
	nr_json_text(json, "description", text);
	nr_json_object_end(json);
}

static void write_envelope(struct nr_json *json, const struct nr_query *query)
{
	static const char *const names[] = {"query", "from", "to", "research", "rows", "next"};
	nr_json_text(json, "type", "object");
	nr_json_array(json, "required");
	for (size_t i = 0; i < NR_COUNT(names); i++)
		nr_json_text(json, NULL, names[i]);
	nr_json_array_end(json);
	nr_json_object(json, "properties");
	write_property(json, "query", NR_VALUE_TEXT, false, "the query's name");
	write_property(json, "from", NR_VALUE_TIME, true,
		"start of what the answer covers; null: nothing is stored");
	write_property(json, "to", NR_VALUE_TIME, true, "its end, not included");
	write_property(json, "research", NR_VALUE_TEXT, true, "with, without or only research scanners");
	write_property(json, "next", NR_VALUE_TEXT, true, "cursor of the next page: pass it as after");
	nr_json_object(json, "rows");
	nr_json_text(json, "type", "array");
	nr_json_object(json, "items");
	write_row(json, query);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

/* "description", then content: {type: {schema: {...}}}; the caller fills the schema and closes with
 * close_content. */
static void open_content(struct nr_json *json, const char *description, const char *type)
{
	nr_json_text(json, "description", description);
	nr_json_object(json, "content");
	nr_json_object(json, type);
	nr_json_object(json, "schema");
}

static void close_content(struct nr_json *json)
{
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_error_response(struct nr_json *json, const char *status, const char *text)
{
	nr_json_object(json, status);
	open_content(json, text, "application/json");
	nr_json_text(json, "$ref", "#/components/schemas/error");
	close_content(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

/* Generators of clients make a function's name of it. */
static void write_operation(struct nr_json *json, const char *name)
{
	char id[64];
	snprintf(id, sizeof id, "%s", name);
	for (char *at = id; (at = strpbrk(at, "/-")) != NULL;)
		*at = '_';
	nr_json_text(json, "operationId", id);
}

static void write_query(struct nr_json *json, const struct nr_query *query)
{
	char path[96];
	snprintf(path, sizeof path, NR_API_PREFIX "%s", query->name);
	nr_json_object(json, path);
	nr_json_object(json, "get");
	nr_json_text(json, "summary", query->text_en);
	write_operation(json, query->name);
	write_parameters(json, query);
	nr_json_object(json, "responses");
	nr_json_object(json, "200");
	open_content(json, query->text_en, "application/json");
	write_envelope(json, query);
	close_content(json);
	nr_json_object(json, "text/csv");
	nr_json_object(json, "schema");
	nr_json_text(json, "type", "string");
	close_content(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
	write_error_response(json, "400", "a parameter is wrong; it is named");
	if (strcmp(query->parameters ? query->parameters[0].name : "", "purpose") == 0) {
		write_error_response(json, "403",
			"no purpose is given, or one that is not allowed; the refusal is recorded");
		write_error_response(json, "404", "this server has no archive of flows");
	}
	write_error_response(json, "500", "the store could not answer; the text says why");
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_status_schema(struct nr_json *json)
{
	nr_json_text(json, "type", "object");
	nr_json_object(json, "properties");
	write_property(json, "version", NR_VALUE_TEXT, false, "version of noroshi");
	write_property(json, "time", NR_VALUE_TIME, false, "the server's clock");
	write_property(json, "store", NR_VALUE_TEXT, false, "the store");
	nr_json_object(json, "world");
	nr_json_text(json, "type", "boolean");
	nr_json_text(json, "description", "some of the traffic is a sample world, not real");
	nr_json_object_end(json);
	nr_json_object(json, "sensors");
	nr_json_text(json, "type", "array");
	nr_json_object(json, "items");
	write_row(json, nr_store_query("coverage"));
	nr_json_object_end(json);
	nr_json_object_end(json);
	write_property(json, "sandbox_missing", NR_VALUE_TEXT, true,
		"layers of the sandbox that the server lacks; null: none");
	nr_openapi_write_watch(json);
	nr_json_object_end(json);
}

/* The paths that are no query. */
static void write_plain(
	struct nr_json *json, const char *path, const char *text, void (*schema)(struct nr_json *))
{
	nr_json_object(json, path);
	nr_json_object(json, "get");
	nr_json_text(json, "summary", text);
	nr_json_object(json, "responses");
	nr_json_object(json, "200");
	open_content(json, text, "application/json");
	schema(json);
	close_content(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_any_object(struct nr_json *json)
{
	nr_json_text(json, "type", "object");
}

static void write_error_schema(struct nr_json *json)
{
	nr_json_object(json, "components");
	nr_json_object(json, "schemas");
	nr_json_object(json, "error");
	nr_json_text(json, "type", "object");
	nr_json_object(json, "properties");
	nr_json_object(json, "error");
	nr_json_text(json, "type", "object");
	nr_json_object(json, "properties");
	write_property(json, "code", NR_VALUE_TEXT, false,
		"bad-parameter, not-found, bad-method, too-long, busy, store; of trust: no-ledger, ledger, "
		"no-judge, "
		"bad-question, not-judged, not-json, other-origin");
	write_property(json, "parameter", NR_VALUE_TEXT, false, "the parameter at fault");
	write_property(json, "text", NR_VALUE_TEXT, false, "one sentence");
	for (int i = 0; i < 6; i++)
		nr_json_object_end(json);
}

int nr_api_describe(struct nr_json *json, struct nr_error *error)
{
	json->pretty = true;
	nr_json_object(json, NULL);
	nr_json_text(json, "openapi", "3.1.0");
	nr_json_object(json, "info");
	nr_json_text(json, "title", "noroshi");
	nr_json_text(json, "version", NR_VERSION);
	nr_json_text(json, "description",
		"What an observatory has seen. Times are UTC; protocol numbers are IANA's.");
	nr_json_object_end(json);
	nr_json_object(json, "paths");
	write_plain(json, NR_API_PREFIX "status", "The server and what it has stored", write_status_schema);
	write_plain(json, NR_API_PREFIX "openapi.json", "This document", write_any_object);
	nr_openapi_write_stream(json);
	nr_openapi_write_collector(json);
	nr_openapi_write_trust(json);
	nr_openapi_write_flow(json);
	nr_openapi_write_c2(json);
	for (size_t i = 0; nr_store_queries[i]; i++)
		write_query(json, nr_store_queries[i]);
	nr_json_object_end(json);
	write_error_schema(json);
	nr_json_object_end(json);
	return nr_json_finish(json, error);
}
