/* SPDX-License-Identifier: Apache-2.0 */
/* What the description says of live operation: the stream, and the status of sensors and webhooks. */
#include "serve/openapi.h"

#include "serve/api.h"

struct property {
	const char *name, *type, *text;
	bool nullable;
};

static void write_properties(struct nr_json *json, const struct property *properties, size_t count)
{
	nr_json_text(json, "type", "object");
	nr_json_object(json, "properties");
	for (size_t i = 0; i < count; i++) {
		nr_json_object(json, properties[i].name);
		if (properties[i].nullable) {
			nr_json_array(json, "type");
			nr_json_text(json, NULL, properties[i].type);
			nr_json_text(json, NULL, "null");
			nr_json_array_end(json);
		} else {
			nr_json_text(json, "type", properties[i].type);
		}
		nr_json_text(json, "description", properties[i].text);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_list(struct nr_json *json, const char *name, const char *text,
	const struct property *properties, size_t count)
{
	nr_json_object(json, name);
	nr_json_text(json, "type", "array");
	nr_json_text(json, "description", text);
	nr_json_object(json, "items");
	write_properties(json, properties, count);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static void write_object(struct nr_json *json, const char *name, const char *text,
	const struct property *properties, size_t count)
{
	nr_json_object(json, name);
	nr_json_text(json, "description", text);
	write_properties(json, properties, count);
	nr_json_object_end(json);
}

void nr_openapi_write_watch(struct nr_json *json)
{
	static const struct property http[] = {
		{"connections", "integer", "connections that are open"},
		{"limit", "integer", "as many as there may be; one more makes another give way"},
		{"overdue", "integer",
			"closed since the start because a request or the taking of an answer took too long"},
		{"shed", "integer", "closed since the start because there were too many"},
	};
	static const struct property sensor[] = {
		{"sensor", "string", "sensor"},
		{"interface", "string", "interface that it watches"},
		{"since", "string", "since when"},
		{"packets", "integer", "packets since then"},
		{"dropped", "integer", "lost or left out since then"},
		{"state", "string", "running, restarting or down"},
		{"sandbox_missing", "string",
			"layers of the sandbox that the process which watches lacks; null: none", true},
	};
	static const struct property receiver[] = {
		{"receiver", "string", "scheme, host and port of its address"},
		{"waiting", "integer", "events that it has not taken yet"},
		{"delivered", "integer", "events delivered since the start"},
		{"failed", "integer", "deliveries that failed since the start"},
		{"given_up", "integer", "events that were refused, or not delivered within a day"},
		{"dropped", "integer", "events of all receivers that gave way because too many waited"},
		{"last_delivery", "string", "when the last one was delivered; null: none was", true},
		{"last_failure", "string", "when the last one failed; null: none did", true},
		{"failure", "string", "why; null: none did", true},
	};
	write_list(json, "live", "sensors that watch now", sensor, NR_COUNT(sensor));
	write_list(json, "webhooks", "receivers of findings", receiver, NR_COUNT(receiver));
	write_object(json, "http", "clients of this server", http, NR_COUNT(http));
	nr_json_object(json, "flow");
	nr_json_array(json, "type");
	nr_json_text(json, NULL, "object");
	nr_json_text(json, NULL, "null");
	nr_json_array_end(json);
	nr_json_text(json, "description",
		"the flow listener: sockets, what came and what was lost, and its archive; null: no flows "
		"are "
		"received");
	nr_json_object_end(json);
}

/* ---- the stream ---- */

static const char stream_text[] =
	"Server-sent events (WHATWG HTML 9.2), each with one line of JSON; a comment every 10 s while there "
	"is "
	"nothing to say. hello: version, time, and the sensors with their dark ranges. pulse: one second of "
	"one "
	"sensor: packets, bytes, distinct sources, categories, busiest ports and countries, drops by cause, "
	"the "
	"age of its oldest packet, the day so far. particles: a uniform sample of the packets that came "
	"since "
	"the last one, at most 2500 a second; each row is [ms after time, source, source port, destination, "
	"destination port, protocol, country, bits], bits: 1 backscatter, 2 mirai, 4 zmap, 8 masscan, 16 "
	"own, "
	"32 spoofed; of: packets that the sample stands for. finding: a row of findings. gap: a sensor did "
	"not "
	"see everything. skipped: so many events were too much for this listener. ids grow; whoever comes "
	"back "
	"with Last-Event-ID gets the findings and gaps that it missed.";

static void write_stream_parameters(struct nr_json *json)
{
	static const char *const rows[][3] = {
		{"sensor", "query", "one sensor by its name; without it all"},
		{"Last-Event-ID", "header", "id of the last event that was received"},
	};
	nr_json_array(json, "parameters");
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "name", rows[i][0]);
		nr_json_text(json, "in", rows[i][1]);
		nr_json_text(json, "description", rows[i][2]);
		nr_json_object(json, "schema");
		nr_json_text(json, "type", "string");
		nr_json_object_end(json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_response(
	struct nr_json *json, const char *status, const char *text, const char *type, const char *reference)
{
	nr_json_object(json, status);
	nr_json_text(json, "description", text);
	nr_json_object(json, "content");
	nr_json_object(json, type);
	nr_json_object(json, "schema");
	if (reference)
		nr_json_text(json, "$ref", reference);
	else
		nr_json_text(json, "type", "string");
	for (int i = 0; i < 4; i++)
		nr_json_object_end(json);
}

void nr_openapi_write_stream(struct nr_json *json)
{
	static const char error[] = "#/components/schemas/error";
	nr_json_object(json, NR_API_PREFIX "live");
	nr_json_object(json, "get");
	nr_json_text(json, "summary", "What is happening now, as a stream of events");
	nr_json_text(json, "description", stream_text);
	nr_json_text(json, "operationId", "live");
	write_stream_parameters(json);
	nr_json_object(json, "responses");
	write_response(json, "200", "events until the client or the server ends", "text/event-stream", NULL);
	write_response(json, "400", "a parameter is wrong", "application/json", error);
	write_response(json, "503", "as many listeners as there may be", "application/json", error);
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

void nr_openapi_write_collector(struct nr_json *json)
{
	nr_json_object(json, NR_API_PREFIX "flow/collector");
	nr_json_object(json, "get");
	nr_json_text(json, "summary", "What the flow listener knows of itself and of exporters");
	nr_json_text(json, "description",
		"As of the last second: the members of the summary of noroshi flow read --json (records, "
		"options_records, dropped by cause, exporters with loss, sampling and timers), listener and "
		"archive as in the status.");
	nr_json_text(json, "operationId", "flow_collector");
	nr_json_object(json, "responses");
	nr_json_object(json, "200");
	nr_json_text(json, "description", "the report");
	nr_json_object(json, "content");
	nr_json_object(json, "application/json");
	nr_json_object(json, "schema");
	nr_json_text(json, "type", "object");
	for (int i = 0; i < 4; i++)
		nr_json_object_end(json);
	write_response(
		json, "404", "no flows are received here", "application/json", "#/components/schemas/error");
	nr_json_object_end(json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}
