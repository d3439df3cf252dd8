/* SPDX-License-Identifier: Apache-2.0 */
/* What the description says of the ledger and of judging seals. */
#include "serve/openapi.h"

#include "serve/api.h"
#include "serve/trust_api.h"

#include <string.h>

static const char error_schema[] = "{\"$ref\":\"#/components/schemas/error\"}";

/* Schemas are written as they are: they are constants. */
#define TIME       "{\"type\":\"string\",\"format\":\"date-time\"}"
#define MAYBE(T)   "{\"type\":[\"" T "\",\"null\"]}"
#define LIST(ITEM) "{\"type\":\"array\",\"items\":" ITEM "}"
#define SPAN                                                                                                 \
	"{\"type\":\"object\",\"properties\":{\"time\":" TIME                                                \
	",\"kind\":{\"type\":\"string\"},\"entries\":{\"type\":\"integer\"}}}"

static const char head_schema[] =
	"{\"type\":\"object\",\"properties\":{\"time\":" TIME ",\"verify\":{\"type\":\"boolean\","
	"\"description\":\"seals can be judged here (trust/verify)\"},\"ledger\":{\"type\":[\"object\","
	"\"null\"],\"description\":\"null: none is shown\",\"properties\":{"
	"\"state\":{\"type\":\"string\",\"enum\":[\"waiting\",\"reading\",\"current\",\"broken\"],"
	"\"description\":\"broken: its entries are not those that were signed\"},"
	"\"trouble\":" MAYBE(
		"string") ","
			  "\"checkpoint\":{\"type\":[\"object\",\"null\"],\"description\":\"the newest whose "
			  "tree was checked\","
			  "\"properties\":{\"origin\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"},"
			  "\"root\":{\"type\":"
			  "\"string\",\"description\":\"base64\"},\"signature_checked\":{\"type\":"
			  "\"boolean\"},\"witnesses\":" LIST(
				  "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
				  "\"time\":" TIME
				  "}}") ",\"time\":" TIME "}},"
					"\"entries\":{\"type\":\"integer\",\"description\":\"read so far\"},"
					"\"undated\":{\"type\":\"integer\",\"description\":\"of them without "
					"a time, or of the future\"},"
					"\"kinds\":" LIST(
						"{\"type\":\"object\",\"properties\":{\"kind\":{\"type\":"
						"\"string\"},\"entries\":"
						"{\"type\":\"integer\"}}}") ",\"hours\":" LIST(SPAN) ",\"days"
												     "\""
												     ":" LIST(
													     SPAN) "}}}}";

static const char clock_schema[] =
	"{\"type\":\"object\",\"properties\":{\"limit_us\":{\"type\":\"integer\",\"description\":\"beyond it "
	"nothing is stamped\"},\"forgotten\":{\"type\":\"integer\",\"description\":\"older statements that "
	"are in the ledger alone\"},\"points\":" LIST(
		"{\"type\":\"object\",\"properties\":{\"time\":" TIME
		",\"state\":{\"type\":\"string\",\"enum\":[\"run\",\"hold\"]},\"reason\":{\"type\":"
		"\"string\"},"
		"\"offset_us\":" MAYBE("integer") ",\"bound_us\":" MAYBE(
			"integer") ",\"agreeing\":{\"type\":\"integer\"}}}") ",\"hours\":" LIST("{\"type\":"
												"\"object\","
												"\"properties"
												"\":{"
												"\"hour\""
												":" TIME
												",\"held_"
												"us\":{"
												"\"type\":"
												"\"integer\"}"
												",\"bound_"
												"max_us\":{"
												"\"type\":"
												"\"integer\"}"
												","
												"\"references"
												"\":{"
												"\"type\":"
												"\"array\","
												"\"items\":{"
												"\"type\":"
												"\"object\"}}"
												"}}") "}}";

static const char entries_schema[] = "{\"type\":\"object\",\"properties\":{\"rows\":" LIST(
	"{\"type\":\"object\",\"properties\":{\"index\":{\"type\":\"integer\"},\"kind\":{\"type\":"
	"\"string\"},\"time\":{\"type\":[\"string\",\"null\"]},\"entry\":{\"type\":[\"object\",\"null\"],"
	"\"description\":\"null: not JSON\"}}}") ",\"next\":" MAYBE("integer") "}}";

static const char question_schema[] =
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"seal\":{\"type\":\"string\","
	"\"description\":\"base64 of the CMS, the JWS or the sealed PDF\"},\"token\":{\"type\":\"string\","
	"\"description\":\"or base64 of a time-stamp "
	"token\"},\"evidence\":{\"type\":\"string\",\"description\":\"or of an evidence "
	"record\"},\"digests\":{\"type\":\"object\","
	"\"description\":\"of the file, in small hexadecimal digits; left out where the seal holds the "
	"file\",\"properties\":{\"sha256\":{\"type\":\"string\"},\"sha384\":{\"type\":\"string\"},\"sha512\":"
	"{\"type\":\"string\"}}}}}";

static const char verdict_schema[] =
	"{\"type\":\"object\",\"description\":\"as noroshi seal verify --json and noroshi timestamp verify "
	"--json say "
	"it\",\"properties\":{\"kind\":{\"type\":\"string\",\"enum\":[\"seal\",\"token\",\"evidence\"]},"
	"\"valid\":{\"type\":\"boolean\"},\"signatures\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
	"}}";

struct parameter {
	const char *name, *text, *schema;
	bool required;
};

struct path {
	const char *name, *text, *type, *schema;
	struct parameter parameters[3];
};

static void write_response(
	struct nr_json *json, const char *status, const char *text, const char *type, const char *schema)
{
	nr_json_object(json, status);
	nr_json_text(json, "description", text);
	nr_json_object(json, "content");
	nr_json_object(json, type);
	nr_json_raw(json, "schema", schema);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_parameters(struct nr_json *json, const struct path *path)
{
	nr_json_array(json, "parameters");
	for (size_t i = 0; i < NR_COUNT(path->parameters) && path->parameters[i].name; i++) {
		const struct parameter *parameter = &path->parameters[i];
		nr_json_object(json, NULL);
		nr_json_text(json, "name", parameter->name);
		nr_json_text(json, "in", "query");
		nr_json_text(json, "description", parameter->text);
		if (parameter->required)
			nr_json_bool(json, "required", true);
		nr_json_raw(json, "schema", parameter->schema);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_path(struct nr_json *json, const struct path *path)
{
	char text[64];
	snprintf(text, sizeof text, NR_API_PREFIX "%s", path->name);
	nr_json_object(json, text);
	nr_json_object(json, "get");
	nr_json_text(json, "summary", path->text);
	snprintf(text, sizeof text, "%s", path->name);
	for (char *at = text; (at = strchr(at, '/')) != NULL;)
		*at = '_';
	nr_json_text(json, "operationId", text);
	write_parameters(json, path);
	nr_json_object(json, "responses");
	write_response(json, "200", path->text, path->type, path->schema);
	if (path->parameters[0].name) {
		write_response(
			json, "400", "a parameter is wrong; it is named", "application/json", error_schema);
		write_response(json, "404", "there is no ledger, or no such entry", "application/json",
			error_schema);
	}
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_verify(struct nr_json *json)
{
	static const char text[] = "Judge a seal or a time stamp; the file itself is not sent";
	static const char *const refusals[][2] = {
		{"400", "the question is wrong; the text says how"},
		{"403", "a page of another site asked"},
		{"404", "this server judges no seals"},
		{"413", "longer than 16 MiB"},
		{"415", "not application/json"},
		{"422", "it could not be judged: it took too much time or memory, or ended who judged it"},
		{"503", "too many questions at once"},
	};
	nr_json_object(json, NR_API_PREFIX NR_TRUST_VERIFY);
	nr_json_object(json, "post");
	nr_json_text(json, "summary", text);
	nr_json_text(json, "operationId", "trust_verify");
	nr_json_object(json, "requestBody");
	nr_json_bool(json, "required", true);
	nr_json_object(json, "content");
	nr_json_object(json, "application/json");
	nr_json_raw(json, "schema", question_schema);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object(json, "responses");
	write_response(json, "200", text, "application/json", verdict_schema);
	for (size_t i = 0; i < NR_COUNT(refusals); i++)
		write_response(json, refusals[i][0], refusals[i][1], "application/json", error_schema);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

void nr_openapi_write_trust(struct nr_json *json)
{
	static const char text[] = "{\"type\":\"string\"}", number[] = "{\"type\":\"integer\"}";
	static const struct path paths[] = {
		{"trust", "The ledger: its newest checkpoint, what is in it and how it grew",
			"application/json", head_schema, {{.name = NULL}}},
		{"trust/clock", "What the guard of the clock said, as the ledger has it", "application/json",
			clock_schema,
			{{"from", "start of the range: RFC 3339, a date or Unix seconds", text, false},
				{"to", "its end, not included", text, false}}},
		{"trust/entries", "Entries of the ledger, the newest first", "application/json",
			entries_schema,
			{{"kind", "one kind of entry; without it all", text, false},
				{"after", "next of the page before: entries below this index", number, false},
				{"limit", "rows at most, 1 to 500; 50 where it is not given", number,
					false}}},
		{"trust/proof", "A proof that an entry is in the ledger (C2SP tlog-proof)", "text/plain",
			text, {{"index", "of the entry", number, true}}},
	};
	for (size_t i = 0; i < NR_COUNT(paths); i++)
		write_path(json, &paths[i]);
	write_verify(json);
}
