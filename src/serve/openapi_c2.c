/* SPDX-License-Identifier: Apache-2.0 */
/* What the description says of one server that detection ranked, and of what people say of it. */
#include "serve/openapi.h"

#include "serve/flow_notebook.h"
#include "serve/flow_server_api.h"

/* Schemas are written as they are: they are constants. */
#define TEXT            "{\"type\":\"string\"}"
#define NUMBER          "{\"type\":\"number\"}"
#define INTEGER         "{\"type\":\"integer\"}"
#define BOOLEAN         "{\"type\":\"boolean\"}"
#define TIME            "{\"type\":\"string\",\"format\":\"date-time\"}"
#define ADDRESS         "{\"type\":\"string\",\"format\":\"ip\"}"
#define LIST(ITEM)      "{\"type\":\"array\",\"items\":" ITEM "}"
#define OBJECT(MEMBERS) "{\"type\":\"object\",\"properties\":{" MEMBERS "}}"
#define MET                                                                                                  \
	"\"client\":" ADDRESS ",\"first\":" TIME ",\"last\":" TIME ",\"beats\":" INTEGER                     \
	",\"known_infected\":" INTEGER
#define SAID                                                                                                 \
	"\"time\":" TIME ",\"subject\":" ADDRESS ",\"port\":" INTEGER ",\"protocol\":" TEXT                  \
	",\"verdict\":" TEXT ",\"by\":" TEXT ",\"note\":" TEXT

static const char error_schema[] = "{\"$ref\":\"#/components/schemas/error\"}";

static const char server_schema[] = OBJECT(
	"\"server\":{\"type\":\"object\",\"description\":\"a row of flow/servers\"},"
	"\"days\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},\"description\":\"rows of "
	"flow/server-days, the newest first, 31 at most\"},"
	"\"raster\":{\"type\":\"object\",\"description\":\"when its clients came: of each a hex digit for "
	"every "
	"step of the day (flow/beats), the first 64 of the day\",\"properties\":{\"from\":" TIME
	",\"step\":" INTEGER ",\"bins\":" INTEGER ",\"cut\":" BOOLEAN ",\"clients\":" LIST(OBJECT(MET
		",\"bins\":" TEXT ",\"sensor\":" TEXT
		",\"day\":" TIME)) "}},"
				   "\"graph\":{\"type\":\"object\",\"description\":\"its clients, the "
				   "busiest 256, and other ranked servers that "
				   "they met, eight of each\",\"properties\":{\"cut\":" BOOLEAN
				   ",\"clients\":" LIST(OBJECT(MET ",\"servers\":" LIST(OBJECT(
					   "\"address\":" ADDRESS ",\"port\":" INTEGER ",\"protocol\":" TEXT
					   ",\"confidence\":" NUMBER ",\"alarm\":" INTEGER
					   ",\"beats\":" INTEGER)))) "}},"
								     "\"feedback\":{\"type\":\"array\","
								     "\"items\":" OBJECT(
									     SAID) ",\"description\":\"what "
										   "people said of it, the "
										   "newest first\"},"
										   "\"identify\":{\"type\":"
										   "\"object\","
										   "\"description\":\"how "
										   "two persons have a "
										   "client named; this API "
										   "does "
										   "not\",\"properties\":{"
										   "\"command\":" TEXT
										   ",\"text_en\":" TEXT
										   ",\"text_ja\":" TEXT "}}");

static const char feedback_schema[] =
	"{\"type\":\"object\",\"required\":[\"subject\",\"port\",\"protocol\",\"verdict\",\"by\"],"
	"\"properties\":{"
	"\"subject\":" ADDRESS
	",\"port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"protocol\":{"
	"\"type\":\"string\",\"enum\":[\"tcp\",\"udp\"]},\"verdict\":{\"type\":\"string\",\"enum\":["
	"\"confirmed\",\"benign\",\"withdrawn\"]},\"by\":{\"type\":\"string\",\"description\":\"who says "
	"so\"},\"note\":" TEXT "}}";
static const char recorded_schema[] = OBJECT("\"recorded\":" OBJECT(SAID));

static void write_content(struct nr_json *json, const char *schema)
{
	nr_json_object(json, "content");
	nr_json_object(json, "application/json");
	nr_json_raw(json, "schema", schema);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_responses(struct nr_json *json, const char *const (*responses)[3], size_t count)
{
	nr_json_object(json, "responses");
	for (size_t i = 0; i < count; i++) {
		nr_json_object(json, responses[i][0]);
		nr_json_text(json, "description", responses[i][1]);
		write_content(json, responses[i][2]);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_parameter(struct nr_json *json, const char *name, const char *in, const char *text,
	bool required, const char *schema)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "name", name);
	nr_json_text(json, "in", in);
	nr_json_text(json, "description", text);
	if (required)
		nr_json_bool(json, "required", true);
	nr_json_raw(json, "schema", schema);
	nr_json_object_end(json);
}

static void write_server(struct nr_json *json)
{
	static const char summary[] =
		"One ranked server: reasons, beats and meetings of its clients, what people said";
	static const char *const responses[][3] = {
		{"200", summary, server_schema},
		{"400", "a parameter is wrong; it is named", error_schema},
		{"403", "no purpose is given, or one that is not allowed; the refusal is recorded",
			error_schema},
		{"404", "no such server was ranked on that day, or there is no archive", error_schema},
		{"500", "the store could not answer; the text says why", error_schema},
	};
	nr_json_object(json, NR_API_PREFIX NR_FLOW_SERVERS_PATH "/{address}/{port}/{protocol}");
	nr_json_object(json, "get");
	nr_json_text(json, "summary", summary);
	nr_json_text(json, "operationId", "flow_server");
	nr_json_array(json, "parameters");
	write_parameter(json, "address", "path", "address of the server", true, TEXT);
	write_parameter(json, "port", "path", "its port", true, INTEGER);
	write_parameter(json, "protocol", "path", "tcp or udp", true,
		"{\"type\":\"string\",\"enum\":[\"tcp\",\"udp\"]}");
	write_parameter(json, "purpose", "query", "what the answer is for; recorded", true,
		"{\"type\":\"string\",\"enum\":[\"c2-detection\",\"notification\",\"own-operation\"]}");
	write_parameter(json, "day", "query", "a UTC day; default: the newest that is stored", false, TEXT);
	write_parameter(json, "sensor", "query", "name of one sensor", false, TEXT);
	nr_json_array_end(json);
	write_responses(json, responses, NR_COUNT(responses));
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_feedback(struct nr_json *json)
{
	static const char summary[] = "Say what a server is; durable when it is answered";
	static const char *const responses[][3] = {
		{"200", "as it was written down", recorded_schema},
		{"400", "a member is wrong; it is named", error_schema},
		{"403", "a page of another site asked", error_schema},
		{"404", "this server has no archive of flows", error_schema},
		{"413", "longer than 4096 bytes", error_schema},
		{"415", "not application/json", error_schema},
		{"500", "it could not be written; nothing was changed", error_schema},
		{"503", "too many questions at once", error_schema},
	};
	nr_json_object(json, NR_API_PREFIX NR_FLOW_FEEDBACK_PATH);
	nr_json_object(json, "post");
	nr_json_text(json, "summary", summary);
	nr_json_text(json, "operationId", "flow_feedback");
	nr_json_object(json, "requestBody");
	nr_json_bool(json, "required", true);
	write_content(json, feedback_schema);
	nr_json_object_end(json);
	write_responses(json, responses, NR_COUNT(responses));
	nr_json_object_end(json);
	nr_json_object_end(json);
}

void nr_openapi_write_c2(struct nr_json *json)
{
	write_server(json);
	write_feedback(json);
}
