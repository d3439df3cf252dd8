/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/api.h"

#include "serve/flow_api.h"
#include "serve/flow_live.h"
#include "serve/flow_server_api.h"
#include "serve/trust_api.h"
#include "store/rows.h"

#include <errno.h>

#define JSON_TYPE       "application/json"
#define PARAMETERS_MAX  16
#define SENSORS_MAX     1000 /* of the status */
#define STATUS_RUNS_MAX "1000"

void nr_reply_fini(struct nr_reply *reply)
{
	free(reply->bytes);
	reply->bytes = NULL;
}

int nr_api_reply_json(struct nr_json *json, unsigned status, struct nr_reply *ret_reply)
{
	if (nr_json_finish(json, NULL) != 0)
		return -ENOMEM;
	*ret_reply = (struct nr_reply){
		.status = status, .type = JSON_TYPE, .bytes = json->bytes, .length = json->length};
	nr_json_init(json);
	return 0;
}

int nr_api_error(unsigned status, const char *code, const char *parameter, const char *text,
	struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_object(&json, "error");
	nr_json_text(&json, "code", code);
	if (parameter)
		nr_json_text(&json, "parameter", parameter);
	nr_json_text(&json, "text", text);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	return nr_api_reply_json(&json, status, ret_reply);
}

static int fail_store(int status, const struct nr_error *error, struct nr_reply *ret_reply)
{
	const char *code = status == -ETIMEDOUT ? "too-long" : status == -EBUSY ? "busy" : "store";
	return nr_api_error(500, code, NULL, error->text, ret_reply);
}

/* ---- a named query ---- */

struct question {
	const struct nr_query *query;
	const char *values[PARAMETERS_MAX];
	bool csv;
};

static int refuse(const char *parameter, const char *text, struct nr_reply *ret_reply)
{
	return nr_api_error(400, "bad-parameter", parameter, text, ret_reply);
}

static size_t find_parameter(const struct nr_query *query, const char *name)
{
	size_t i = 0;
	while (i < query->parameter_count && strcmp(query->parameters[i].name, name) != 0)
		i++;
	return i;
}

/* A name that is not known, or given twice, is an error: a mistyped "form=" must not answer for all time.
 * *ret_good false: the reply says what is wrong. */
static int read_arguments(struct question *question, const struct nr_argument *arguments, size_t count,
	bool *ret_good, struct nr_reply *ret_reply)
{
	*ret_good = false;
	for (size_t i = 0; i < count; i++) {
		const char *name = arguments[i].name, *value = arguments[i].value;
		if (strcmp(name, "format") == 0) {
			question->csv = strcmp(value, "csv") == 0;
			if (!question->csv && strcmp(value, "json") != 0)
				return refuse(name, "format: must be one of json, csv", ret_reply);
			continue;
		}
		size_t place = find_parameter(question->query, name);
		if (place == question->query->parameter_count)
			return refuse(
				name, "no such parameter; see " NR_API_PREFIX "openapi.json", ret_reply);
		if (question->values[place])
			return refuse(name, "given twice", ret_reply);
		question->values[place] = *value ? value : NULL; /* "port=" is a filter left empty */
	}
	struct nr_error error = {0};
	size_t bad = 0;
	if (nr_store_check(question->query, question->values, &bad, &error) != 0)
		return refuse(question->query->parameters[bad].name, error.text, ret_reply);
	*ret_good = true;
	return 0;
}

struct json_rows {
	struct nr_json json;
	const struct nr_query *query;
};

static int json_row(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	struct json_rows *rows = context;
	nr_rows_json(&rows->json, rows->query, values);
	return 0;
}

static const char *research_of(const struct question *question)
{
	size_t place = find_parameter(question->query, "research");
	if (place == question->query->parameter_count)
		return NULL;
	return question->values[place] ? question->values[place] : "with";
}

/* The rows come before what the answer says of itself, so they are written apart and put in. */
static int answer_json(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json envelope;
	struct json_rows rows = {.query = question->query};
	struct nr_answer answer;
	struct nr_error error = {0};
	nr_json_init(&envelope);
	nr_json_init(&rows.json);
	nr_json_array(&rows.json, NULL);
	int status =
		nr_store_ask(api->store, question->query, question->values, json_row, &rows, &answer, &error);
	nr_json_array_end(&rows.json);
	if (status) {
		nr_json_fini(&rows.json);
		return fail_store(status, &error, ret_reply);
	}
	status = nr_json_finish(&rows.json, NULL);
	if (!status) {
		nr_json_object(&envelope, NULL);
		nr_json_text(&envelope, "query", question->query->name);
		nr_json_time(&envelope, "from", answer.from);
		nr_json_time(&envelope, "to", answer.to);
		nr_json_text(&envelope, "research", research_of(question));
		nr_json_raw(&envelope, "rows", rows.json.bytes);
		nr_json_text(&envelope, "next", *answer.next ? answer.next : NULL);
		nr_json_object_end(&envelope);
		status = nr_api_reply_json(&envelope, 200, ret_reply);
	}
	nr_json_fini(&rows.json);
	return status;
}

struct csv_rows {
	struct nr_csv csv;
	const struct nr_query *query;
};

static int csv_row(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	struct csv_rows *rows = context;
	nr_csv_row(&rows->csv, rows->query, values);
	return 0;
}

static int answer_csv(const struct nr_api *api, const struct question *question, struct nr_reply *ret_reply)
{
	struct csv_rows rows = {.query = question->query};
	struct nr_answer answer;
	struct nr_error error = {0};
	nr_csv_head(&rows.csv, question->query);
	int status =
		nr_store_ask(api->store, question->query, question->values, csv_row, &rows, &answer, &error);
	if (status || rows.csv.failed) {
		free(rows.csv.bytes);
		return status ? fail_store(status, &error, ret_reply) : -ENOMEM;
	}
	*ret_reply = (struct nr_reply){.status = 200,
		.type = "text/csv; charset=utf-8; header=present",
		.bytes = rows.csv.bytes,
		.length = rows.csv.length};
	memcpy(ret_reply->next, answer.next, sizeof ret_reply->next);
	snprintf(ret_reply->file_name, sizeof ret_reply->file_name, "noroshi-%s.csv", question->query->name);
	for (char *slash = ret_reply->file_name; (slash = strchr(slash, '/'));)
		*slash = '-';
	return 0;
}

static int answer_query(const struct nr_api *api, const struct nr_query *query,
	const struct nr_argument *arguments, size_t count, struct nr_reply *ret_reply)
{
	struct question question = {.query = query};
	bool good = true;
	int status = 0;
	if (find_parameter(query, "purpose") < query->parameter_count) /* about clients: recorded */
		status = nr_flow_api_admit(api->flow_api, query->name, arguments, count, &good, ret_reply);
	if (!status && good)
		status = read_arguments(&question, arguments, count, &good, ret_reply);
	if (status || !good)
		return status;
	return question.csv ? answer_csv(api, &question, ret_reply) : answer_json(api, &question, ret_reply);
}

/* ---- status ---- */

/* Inputs are file names, comma-separated. */
static bool names_world(const char *input)
{
	while (*input) {
		size_t length = strcspn(input, ",");
		const char *name = input;
		for (const char *at = input; at < input + length; at++)
			name = *at == '/' ? at + 1 : name;
		if (strncmp(name, "world", 5) == 0)
			return true;
		input += length + (input[length] == ',');
	}
	return false;
}

static int look_for_world(void *context, const struct nr_value *values, size_t count)
{
	(void)count;
	if (values[1].type == NR_VALUE_TEXT && names_world(values[1].text))
		*(bool *)context = true;
	return 0;
}

static int answer_status(const struct nr_api *api, struct nr_reply *ret_reply)
{
	const struct nr_query *coverage = nr_store_query("coverage"),
			      *runs = nr_store_query("telescope/runs");
	const char *values[PARAMETERS_MAX] = {0};
	struct nr_answer answer;
	struct nr_error error = {0};
	NR_AUTO(nr_json_fini) struct nr_json envelope;
	struct json_rows rows = {.query = coverage};
	bool world = false;
	nr_json_init(&envelope);
	nr_json_init(&rows.json);
	nr_json_object(&rows.json, NULL);
	nr_json_text(&rows.json, "version", NR_VERSION);
	nr_json_time(&rows.json, "time", nr_time_now());
	nr_json_text(&rows.json, "store", api->store_name);
	nr_json_array(&rows.json, "sensors");
	int status = nr_store_ask(api->store, coverage, values, json_row, &rows, &answer, &error);
	nr_json_array_end(&rows.json);
	values[find_parameter(runs, "limit")] = STATUS_RUNS_MAX;
	if (!status)
		status = nr_store_ask(api->store, runs, values, look_for_world, &world, &answer, &error);
	nr_json_bool(&rows.json, "world", world);
	nr_sensors_write_status(api->sensors, &rows.json);
	nr_webhook_write_status(api->webhook, &rows.json);
	nr_json_text(&rows.json, "sandbox_missing", api->sandbox_missing);
	nr_connections_write_status(api->connections, &rows.json);
	nr_flow_service_write_status(api->flow, &rows.json);
	nr_json_object_end(&rows.json);
	status = status ? fail_store(status, &error, ret_reply)
			: nr_api_reply_json(&rows.json, 200, ret_reply);
	nr_json_fini(&rows.json);
	return status;
}

static int answer_description(struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	int status = nr_api_describe(&json, NULL);
	return status ? status : nr_api_reply_json(&json, 200, ret_reply);
}

int nr_api_answer(const struct nr_api *api, const char *path, const struct nr_argument *arguments,
	size_t count, struct nr_reply *ret_reply)
{
	bool status = strcmp(path, "status") == 0, description = strcmp(path, "openapi.json") == 0,
	     collector = strcmp(path, NR_FLOW_COLLECTOR_PATH) == 0;
	if ((status || description || collector) && count)
		return refuse(arguments[0].name, "no such parameter; this path has none", ret_reply);
	if (status)
		return answer_status(api, ret_reply);
	if (description)
		return answer_description(ret_reply);
	if (collector)
		return nr_flow_service_answer(api->flow, ret_reply);
	if (strcmp(path, NR_FLOW_QUERY_PATH) == 0)
		return nr_flow_api_answer(api->flow_api, arguments, count, ret_reply);
	if (nr_flow_server_api_has(path))
		return nr_flow_server_api_answer(api, path, arguments, count, ret_reply);
	if (nr_trust_api_has(path))
		return nr_trust_api_answer(api, path, arguments, count, ret_reply);
	const struct nr_query *query = nr_store_query(path);
	if (!query)
		return nr_api_error(
			404, "not-found", NULL, "no such path; see " NR_API_PREFIX "openapi.json", ret_reply);
	return answer_query(api, query, arguments, count, ret_reply);
}
