/* SPDX-License-Identifier: Apache-2.0 */
/* What the description says of flows. */
#include "serve/openapi.h"

#include "serve/flow_api.h"

/* Schemas are written as they are: they are constants. */
#define INTEGER "{\"type\":\"integer\"}"
#define TIME    "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define SUMS                                                                                                 \
	"\"flows\":" INTEGER ",\"packets\":" INTEGER ",\"bytes\":" INTEGER ",\"estimated_packets\":" INTEGER \
	",\"estimated_bytes\":" INTEGER ",\"unknown_sampling\":" INTEGER

static const char answer_schema[] =
	"{\"type\":\"object\",\"properties\":{\"from\":" TIME ",\"to\":" TIME
	",\"purpose\":{\"type\":\"string\"},\"expression\":{\"type\":\"string\"},"
	"\"scanned\":{\"type\":\"object\",\"description\":\"what was looked at: flows, parts of the archive, "
	"parts "
	"that could be skipped, damaged ones\",\"properties\":{\"flows\":" INTEGER ",\"parts\":" INTEGER
	",\"skipped\":" INTEGER ",\"damaged\":" INTEGER ",\"bytes\":" INTEGER "}},"
	"\"cut\":{\"type\":\"boolean\",\"description\":\"of a list: there are more flows than the limit\"},"
	"\"totals\":{\"type\":\"object\",\"description\":\"of sums; counters are as exported, estimated ones "
	"are "
	"multiplied by the sampling rate, unknown_sampling counts flows without one; exact false: not all "
	"keys fitted "
	"into memory, a row may be too low by error\",\"properties\":{" SUMS ",\"first\":" TIME
	",\"last\":" TIME ",\"keys\":" INTEGER ",\"exact\":{\"type\":\"boolean\"},\"forgotten_keys\":" INTEGER
	",\"forgotten\":" INTEGER ",\"error\":" INTEGER "}},\"order\":{\"type\":\"string\"},"
	"\"columns\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"of rows of sums: "
	"the "
	"fields, then the counters\"},"
	"\"rows\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},\"description\":\"sums, the greatest "
	"first; "
	"or flows, as noroshi flow read --json writes them\"},"
	"\"step\":{\"type\":\"number\",\"description\":\"of the series, in seconds\"},"
	"\"series\":{\"type\":\"array\",\"items\":{\"type\":\"array\"},\"description\":\"[time, field ..., "
	"value of "
	"order]; a flow belongs to the step in which it ended\"}}}";

static const char fault_schema[] =
	"{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\",\"properties\":{\"code\":{"
	"\"type\":"
	"\"string\"},\"parameter\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"},\"column\":{\"type\":"
	"\"integer\",\"description\":\"of the first character of the expression that is wrong, from 1\"},"
	"\"text_en\":{\"type\":\"string\"},\"text_ja\":{\"type\":\"string\"}}}}}";

static const char error_schema[] = "{\"$ref\":\"#/components/schemas/error\"}";

struct parameter {
	const char *name, *text, *schema;
	bool required;
};

static void write_parameters(struct nr_json *json)
{
	static const char text[] = "{\"type\":\"string\"}";
	static const char rows[] = "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000}";
	static const struct parameter parameters[] = {
		{"purpose", "what the answer is for; recorded",
			"{\"type\":\"string\",\"enum\":[\"c2-detection\",\"notification\",\"own-operation\"]"
			"}",
			true},
		{"expression", "which flows, in the filter language of nfdump; without it all", text, false},
		{"from", "flows that ended at or after this: RFC 3339, a date or Unix seconds", text, false},
		{"to", "flows that began before this", text, false},
		{"by",
			"sum by these fields, separated by commas: source, destination_port, ip, source/24, "
			"as ...",
			text, false},
		{"top", "rows of sums; 10 where it is not given", rows, false},
		{"order", "what is the greatest",
			"{\"type\":\"string\",\"enum\":[\"flows\",\"packets\",\"bytes\",\"estimated_"
			"packets\","
			"\"estimated_bytes\"],\"default\":\"bytes\"}",
			false},
		{"series", "sums over time in steps of so many seconds",
			"{\"type\":\"integer\",\"minimum\":1,\"maximum\":31622400}", false},
		{"limit", "flows at most, where neither by nor series is given; 100 where it is not given",
			rows, false},
	};
	nr_json_array(json, "parameters");
	for (size_t i = 0; i < NR_COUNT(parameters); i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "name", parameters[i].name);
		nr_json_text(json, "in", "query");
		nr_json_text(json, "description", parameters[i].text);
		if (parameters[i].required)
			nr_json_bool(json, "required", true);
		nr_json_raw(json, "schema", parameters[i].schema);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

void nr_openapi_write_flow(struct nr_json *json)
{
	static const char summary[] =
		"Flows of the archive that an expression chooses: themselves, or their sums";
	static const char *const responses[][3] = {
		{"200", summary, answer_schema},
		{"400", "a parameter is wrong; of an expression the column, too", fault_schema},
		{"403", "no purpose is given, or one that is not allowed; the refusal is recorded",
			error_schema},
		{"404", "this server has no archive", error_schema},
		{"503", "others are asking, or the answer takes too long", error_schema},
	};
	nr_json_object(json, NR_API_PREFIX NR_FLOW_QUERY_PATH);
	nr_json_object(json, "get");
	nr_json_text(json, "summary", summary);
	nr_json_text(json, "operationId", "flow_query");
	write_parameters(json);
	nr_json_object(json, "responses");
	for (size_t i = 0; i < NR_COUNT(responses); i++) {
		nr_json_object(json, responses[i][0]);
		nr_json_text(json, "description", responses[i][1]);
		nr_json_object(json, "content");
		nr_json_object(json, "application/json");
		nr_json_raw(json, "schema", responses[i][2]);
		nr_json_object_end(json);
		nr_json_object_end(json);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}
