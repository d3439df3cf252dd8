/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/judge/feedback.h"
#include "sense/flow/ask/protocol.h"
#include "sense/flow/detect/judge/known_inside.h"

#include <errno.h>
#include <math.h>

const char *const nr_flow_feedback_names[] = {"confirmed", "benign", "withdrawn", NULL};

/* ---- members of a line ---- */

static bool is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
			return false;
	return true;
}

/* The line need not end in NUL. */
struct json_object *nr_flow_line_object(const char *line, size_t length)
{
	struct json_tokener *tokener = length <= INT32_MAX ? json_tokener_new_ex(8) : NULL;
	if (!tokener)
		return NULL;
	struct json_object *root = json_tokener_parse_ex(tokener, line, (int)length);
	size_t end = json_tokener_get_parse_end(tokener);
	if (root && (!json_object_is_type(root, json_type_object) || !is_blank(line + end, length - end))) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(tokener);
	return root;
}

const char *nr_flow_line_text(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	if (!json_object_object_get_ex(root, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	const char *text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

bool nr_flow_line_real(struct json_object *root, const char *name, double *ret_value)
{
	struct json_object *value = NULL;
	if (!json_object_object_get_ex(root, name, &value) ||
		!(json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int)))
		return false;
	double real = json_object_get_double(value);
	if (!isfinite(real))
		return false;
	*ret_value = real;
	return true;
}

bool nr_flow_line_time(struct json_object *root, const char *name, nr_time missing, nr_time *ret_time)
{
	struct json_object *value = NULL;
	const char *text = nr_flow_line_text(root, name);
	if (text)
		return nr_time_parse(text, ret_time, NULL) == 0;
	if (json_object_object_get_ex(root, name, &value) && value)
		return false;
	*ret_time = missing;
	return true;
}

static int read_protocol(struct json_object *root, uint8_t *ret_protocol, struct nr_error *error)
{
	const char *text = nr_flow_line_text(root, "protocol");
	double number = 0;
	if (text) {
		int protocol = nr_flow_protocol_by_name(text);
		if (protocol < 0)
			return nr_fail(error, -EBADMSG, "protocol: \"%.20s\" is none", text);
		*ret_protocol = (uint8_t)protocol;
		return 0;
	}
	if (json_object_object_get(root, "protocol") &&
		(!nr_flow_line_real(root, "protocol", &number) || number < 0 || number > 255 ||
			number != floor(number)))
		return nr_fail(error, -EBADMSG, "protocol: a name, or a number to 255");
	*ret_protocol = (uint8_t)number;
	return 0;
}

int nr_flow_line_server(
	struct json_object *root, const char *name, struct nr_flow_server *ret_server, struct nr_error *error)
{
	struct nr_flow_server server = {.port = 0};
	const char *address = nr_flow_line_text(root, name);
	double port = 0;
	if (!address)
		return nr_fail(error, -EBADMSG, "no \"%s\"", name);
	if (nr_address_parse(address, &server.address, error)) {
		nr_error_prefix(error, "%s", name);
		return -EBADMSG;
	}
	if (json_object_object_get(root, "port") &&
		(!nr_flow_line_real(root, "port", &port) || port < 0 || port > 65535 || port != floor(port)))
		return nr_fail(error, -EBADMSG, "port: a number to 65535");
	int e = read_protocol(root, &server.protocol, error);
	if (e)
		return e;
	server.port = (uint16_t)port;
	*ret_server = server;
	return 0;
}

/* ---- feedback ---- */

/* Goes to terminals and into rows: one line, whole characters. */
static bool copy_text(struct json_object *root, const char *name, char *text, size_t room)
{
	const char *value = nr_flow_line_text(root, name);
	size_t length = value ? strlen(value) : 0;
	text[0] = 0;
	if (length >= room)
		return false;
	for (size_t i = 0; i < length; i++)
		text[i] = (char)((uint8_t)value[i] < ' ' || value[i] == 0x7f ? ' ' : value[i]);
	text[length] = 0;
	return true;
}

static int parse(struct json_object *root, struct nr_flow_feedback *feedback, struct nr_error *error)
{
	const char *verdict = nr_flow_line_text(root, "verdict");
	unsigned v = 0;
	while (verdict && nr_flow_feedback_names[v] && strcmp(verdict, nr_flow_feedback_names[v]))
		v++;
	if (!verdict || !nr_flow_feedback_names[v])
		return nr_fail(
			error, -EBADMSG, "verdict: \"confirmed\", \"benign\" or \"withdrawn\" is missing");
	feedback->verdict = v;
	int e = nr_flow_line_server(root, "subject", &feedback->server, error);
	if (e)
		return e;
	if (!nr_flow_line_time(root, "time", NR_TIME_MIN, &feedback->time))
		return nr_fail(error, -EBADMSG, "time: no time");
	if (!copy_text(root, "by", feedback->by, sizeof feedback->by) ||
		!copy_text(root, "note", feedback->note, sizeof feedback->note))
		return nr_fail(error, -EBADMSG, "by, note: longer than %d and %d bytes",
			NR_FLOW_FEEDBACK_BY - 1, NR_FLOW_FEEDBACK_NOTE - 1);
	return 0;
}

int nr_flow_feedback_parse(
	const char *line, size_t length, struct nr_flow_feedback *ret_feedback, struct nr_error *error)
{
	struct nr_flow_feedback feedback;
	struct json_object *root = length <= NR_FLOW_FEEDBACK_LINE ? nr_flow_line_object(line, length) : NULL;
	if (!root)
		return nr_fail(
			error, -EBADMSG, "not a JSON object of at most %d bytes", NR_FLOW_FEEDBACK_LINE);
	int e = parse(root, &feedback, error);
	json_object_put(root);
	if (!e)
		*ret_feedback = feedback;
	return e;
}

void nr_flow_feedback_write(const struct nr_flow_feedback *feedback, struct nr_json *json)
{
	char protocol[NR_FLOW_PROTOCOL_TEXT];
	nr_json_object(json, NULL);
	nr_json_time(json, "time", feedback->time);
	nr_json_address(json, "subject", &feedback->server.address);
	if (feedback->server.port)
		nr_json_uint(json, "port", feedback->server.port);
	if (feedback->server.protocol)
		nr_json_text(json, "protocol", nr_flow_protocol_write(feedback->server.protocol, protocol));
	nr_json_text(json, "verdict", nr_flow_feedback_names[feedback->verdict]);
	nr_json_text(json, "by", feedback->by);
	nr_json_text(json, "note", feedback->note);
	nr_json_object_end(json);
}

int nr_flow_feedback_tell(
	const struct nr_flow_feedback *feedback, struct nr_flow_known *known, struct nr_error *error)
{
	struct nr_flow_known_entry entry = {.kind = feedback->verdict == NR_FLOW_FEEDBACK_BENIGN
							    ? NR_FLOW_KNOWN_BENIGN
							    : NR_FLOW_KNOWN_CONFIRMED,
		.server = feedback->server,
		.from = NR_TIME_MIN,
		.until = NR_TIME_MAX,
		.weight = 1,
		.source = "analyst"};
	if (feedback->verdict == NR_FLOW_FEEDBACK_WITHDRAWN) {
		nr_flow_known_forget(known, &feedback->server);
		return 0;
	}
	return nr_flow_known_add(known, &entry, error);
}
