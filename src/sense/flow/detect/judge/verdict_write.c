/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts as JSON, and as findings of the store. */
#include "sense/flow/detect/judge/verdict_inside.h"

#include <errno.h>
#include <math.h>

static double rounded(double x, double unit)
{
	return round(x / unit) * unit;
}

/* Six significant digits: what the words say is not more. */
static double short_of(double x)
{
	if (!isfinite(x) || x == 0)
		return isfinite(x) ? x : 0;
	char text[32];
	snprintf(text, sizeof text, "%.6g", x);
	return strtod(text, NULL);
}

static void write_server(const struct nr_flow_server *server, const char *name, struct nr_json *json)
{
	char text[NR_FLOW_PROTOCOL_TEXT];
	nr_json_address(json, name, &server->address);
	if (server->port)
		nr_json_uint(json, "port", server->port);
	else
		nr_json_null(json, "port");
	nr_json_text(
		json, "protocol", server->protocol ? nr_flow_protocol_write(server->protocol, text) : NULL);
}

static void write_reason(const struct nr_flow_reason *reason, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "code", reason->code);
	nr_json_text(json, "text_en", reason->text_en);
	nr_json_text(json, "text_ja", reason->text_ja);
	nr_json_real(json, "value", short_of(reason->value));
	nr_json_real(json, "weight", short_of(rounded(reason->weight, 0.001)));
	nr_json_object_end(json);
}

void nr_flow_verdict_write(const struct nr_flow_verdict *verdict, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "kind", nr_flow_verdict_names[verdict->kind]);
	write_server(&verdict->subject, "subject", json);
	nr_json_real(json, "confidence", short_of(rounded(verdict->confidence, 0.0001)));
	nr_json_uint(json, "clients", verdict->clients);
	nr_json_time(json, "first_seen", verdict->first);
	nr_json_time(json, "last_seen", verdict->last);
	nr_json_array(json, "reasons");
	for (size_t i = 0; i < verdict->reason_count; i++)
		write_reason(&verdict->reasons[i], json);
	nr_json_array_end(json);
	nr_json_array(json, "similar");
	for (size_t i = 0; i < verdict->similar_count; i++) {
		nr_json_object(json, NULL);
		write_server(&verdict->similar[i], "subject", json);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_bool(json, "alarm", verdict->alarm);
	nr_json_bool(json, "follows", verdict->follows);
	nr_json_object_end(json);
}

void nr_flow_judge_write_state(const struct nr_flow_judge *judge, struct nr_json *json)
{
	nr_json_uint(json, "judged_servers", judge->record_count);
	nr_json_uint(json, "judged_hosts", judge->hosts_judged);
	nr_json_uint(json, "verdicts", judge->verdict_count);
	nr_json_uint(json, "verdicts_let_go", judge->let_go);
	nr_json_uint(json, "alarms", judge->alarms);
	nr_json_real(json, "alarms_per_day", judge->conf.alarms_per_day);
	nr_json_text(json, "calibration", judge->calibration->learnt_from);
	nr_json_uint(json, "answers", judge->answers);
	nr_json_real(json, "shift_slope", short_of(rounded(judge->shift.slope, 0.001)));
	nr_json_real(json, "shift_offset", short_of(rounded(judge->shift.offset, 0.001)));
}

/* ---- findings ---- */

static uint8_t severity_of(enum nr_flow_verdict_kind kind, double confidence)
{
	static const uint8_t most[NR_FLOW_VERDICT_KINDS] = {[NR_FLOW_C2_SERVER] = NR_SEVERITY_CRITICAL,
		[NR_FLOW_INFECTED_HOST] = NR_SEVERITY_HIGH,
		[NR_FLOW_SCANNER] = NR_SEVERITY_MEDIUM,
		[NR_FLOW_DDOS_SOURCE] = NR_SEVERITY_HIGH,
		[NR_FLOW_DDOS_VICTIM] = NR_SEVERITY_HIGH};
	unsigned less = confidence >= 0.9 ? 0 : confidence >= 0.5 ? 1 : 2;
	return (uint8_t)NR_MAX(most[kind] - less, NR_SEVERITY_LOW);
}

#define REASONS_TOLD 3 /* in one sentence; the rest is in the evidence */

/* Adds whole reasons as long as they fit. */
static void join(char *text, size_t room, const char *between, const char *reason)
{
	size_t length = strlen(text), more = strlen(reason) + (length ? strlen(between) : 0);
	if (length + more < room)
		snprintf(text + length, room - length, "%s%s", length ? between : "", reason);
}

int nr_flow_verdict_finding(const struct nr_flow_verdict *verdict, const char *sensor,
	struct nr_flow_verdict_texts *texts, struct nr_finding *ret_finding, struct nr_error *error)
{
	struct nr_json json;
	size_t told = 0;
	texts->reason_en[0] = texts->reason_ja[0] = 0;
	for (size_t i = 0; i < verdict->reason_count && told < REASONS_TOLD; i++) {
		if (verdict->reasons[i].weight < 0)
			continue;
		join(texts->reason_en, sizeof texts->reason_en, "; ", verdict->reasons[i].text_en);
		join(texts->reason_ja, sizeof texts->reason_ja, "。", verdict->reasons[i].text_ja);
		told++;
	}
	if (!told && verdict->reason_count) { /* nothing speaks for it, and it is said all the same */
		join(texts->reason_en, sizeof texts->reason_en, "", verdict->reasons[0].text_en);
		join(texts->reason_ja, sizeof texts->reason_ja, "", verdict->reasons[0].text_ja);
	}
	nr_json_init(&json);
	nr_flow_verdict_write(verdict, &json);
	int e = nr_json_finish(&json, error);
	if (e) {
		nr_json_fini(&json);
		return e;
	}
	free(texts->evidence);
	texts->evidence = json.bytes; /* handed on */
	*ret_finding = (struct nr_finding){.sensor = sensor,
		.sense = "flow",
		.kind = nr_flow_verdict_names[verdict->kind],
		.subject = verdict->subject.address,
		.first = verdict->first,
		.last = verdict->last,
		.count = verdict->clients,
		.confidence = verdict->confidence,
		.severity = severity_of(verdict->kind, verdict->confidence),
		.reason_en = texts->reason_en,
		.reason_ja = texts->reason_ja,
		.evidence = texts->evidence};
	return 0;
}

void nr_flow_verdict_texts_fini(struct nr_flow_verdict_texts *texts)
{
	free(texts->evidence);
	texts->evidence = NULL;
}
