/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/probe/target.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#define LINE_MAX_BYTES (64 * 1024)
#define DEPTH          16

const char *nr_probe_server_write(const struct nr_flow_server *server, char text[static NR_PROBE_SERVER_TEXT])
{
	char address[NR_ADDRESS_TEXT];
	bool ipv4 = nr_address_is_ipv4(&server->address);
	nr_address_write(&server->address, address);
	snprintf(text, NR_PROBE_SERVER_TEXT, ipv4 ? "%s:%u/%s" : "[%s]:%u/%s", address, server->port,
		server->protocol == IPPROTO_UDP ? "udp" : "tcp");
	return text;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
	char *end;
	if (*text < '1' || *text > '9')
		return false;
	unsigned long port = strtoul(text, &end, 10);
	if (*end || port > UINT16_MAX)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

static bool parse_protocol(const char *text, uint8_t *ret_protocol)
{
	if (strcmp(text, "tcp") != 0 && strcmp(text, "udp") != 0)
		return false;
	*ret_protocol = *text == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	return true;
}

int nr_probe_server_parse(const char *text, struct nr_flow_server *ret_server, struct nr_error *error)
{
	char copy[NR_PROBE_SERVER_TEXT + 16];
	struct nr_flow_server server = {.protocol = IPPROTO_TCP};
	size_t length = strlen(text);
	if (length >= sizeof copy)
		return nr_fail(error, -EINVAL, "%.60s...: not a server: ADDRESS:PORT, [ADDRESS]:PORT", text);
	memcpy(copy, text, length + 1);
	char *slash = strchr(copy, '/');
	bool sound = true;
	if (slash) {
		*slash = 0;
		sound = parse_protocol(slash + 1, &server.protocol);
	}
	char *colon = strrchr(copy, ':'), *address = copy;
	if (colon)
		*colon = 0;
	sound = sound && colon && parse_port(colon + 1, &server.port);
	bool bracketed = colon && copy[0] == '[' && colon > copy + 1 && colon[-1] == ']';
	if (bracketed) {
		colon[-1] = 0;
		address++;
	}
	sound = sound && nr_address_parse(address, &server.address, NULL) == 0 &&
		(bracketed || !strchr(address, ':'));
	if (!sound)
		return nr_fail(error, -EINVAL,
			"%.60s: not a server: ADDRESS:PORT or [ADDRESS]:PORT, with /tcp or /udp; names are "
			"not "
			"looked up",
			text);
	*ret_server = server;
	return 0;
}

void nr_probe_targets_fini(struct nr_probe_targets *targets)
{
	free(targets->items);
	*targets = (struct nr_probe_targets){0};
}

static bool same(const struct nr_flow_server *a, const struct nr_flow_server *b)
{
	return a->port == b->port && a->protocol == b->protocol && nr_address_equal(&a->address, &b->address);
}

static int add(struct nr_probe_targets *t, const struct nr_flow_server *server, struct nr_error *error)
{
	if (t->count == t->room) {
		size_t room = NR_MAX(2 * t->room, (size_t)64);
		if (t->count >= NR_PROBE_TARGETS_MAX)
			return nr_fail(
				error, -E2BIG, "more than %d servers: name fewer", NR_PROBE_TARGETS_MAX);
		struct nr_flow_server *items = realloc(t->items, room * sizeof *items);
		if (!items)
			return nr_fail(error, -ENOMEM, "out of memory");
		t->items = items;
		t->room = room;
	}
	t->items[t->count++] = *server;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct nr_flow_server *x = a, *y = b;
	int order = memcmp(&x->address, &y->address, sizeof x->address);
	return order ? order : (x->port - y->port) * 256 + (x->protocol - y->protocol);
}

static void make_distinct(struct nr_probe_targets *t)
{
	size_t kept = 0;
	if (t->count)
		qsort(t->items, t->count, sizeof *t->items, compare);
	for (size_t i = 0; i < t->count; i++)
		if (!kept || !same(&t->items[kept - 1], &t->items[i]))
			t->items[kept++] = t->items[i];
	t->count = kept;
}

/* ---- findings ---- */

static const char *text_of(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(root, name, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static bool finding_read(struct json_object *root, struct nr_flow_server *server)
{
	struct json_object *port = NULL;
	const char *kind = text_of(root, "kind"), *subject = text_of(root, "subject"),
		   *protocol = text_of(root, "protocol");
	if (!kind || strcmp(kind, "c2-server") != 0 || !subject ||
		nr_address_parse(subject, &server->address, NULL))
		return false;
	if (!json_object_object_get_ex(root, "port", &port) || !json_object_is_type(port, json_type_int))
		return false;
	int64_t number = json_object_get_int64(port);
	if (number < 1 || number > UINT16_MAX)
		return false;
	server->port = (uint16_t)number;
	server->protocol = IPPROTO_TCP;
	return !protocol || parse_protocol(protocol, &server->protocol);
}

static bool finding_parse(const char *line, size_t length, struct nr_flow_server *server)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	if (!tokener)
		return false;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(tokener, line, (int)length);
	bool found = root && json_tokener_get_error(tokener) == json_tokener_success &&
		     json_object_is_type(root, json_type_object) && finding_read(root, server);
	json_object_put(root);
	json_tokener_free(tokener);
	return found;
}

/* ---- lines ---- */

static int add_line(struct nr_probe_targets *t, char *line, bool findings, struct nr_error *error)
{
	struct nr_flow_server server;
	line[strcspn(line, "\r\n")] = 0;
	char *at = line + strspn(line, " \t");
	bool taken;
	if (*at == '{') {
		taken = finding_parse(at, strlen(at), &server);
	} else {
		at[strcspn(at, "# \t")] = 0;
		if (!*at)
			return 0;
		taken = !findings && nr_probe_server_parse(at, &server, NULL) == 0;
	}
	if (taken)
		return add(t, &server, error);
	if (!t->skipped++)
		snprintf(t->first_skipped, sizeof t->first_skipped, "%s", at);
	return 0;
}

static int add_stream(
	struct nr_probe_targets *t, FILE *stream, const char *name, bool findings, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *line = NULL;
	size_t room = 0;
	int e = 0;
	ssize_t got;
	while (!e && (got = getline(&line, &room, stream)) >= 0) {
		if (got > LINE_MAX_BYTES || memchr(line, 0, (size_t)got)) {
			if (!t->skipped++)
				snprintf(t->first_skipped, sizeof t->first_skipped, "%.100s", line);
			continue;
		}
		e = add_line(t, line, findings, error);
	}
	return e                ? nr_error_prefix(error, "%.100s", name)
	       : ferror(stream) ? nr_fail(error, -EIO, "%.150s: %s", name, strerror(errno))
				: 0;
}

int nr_probe_targets_add(struct nr_probe_targets *targets, const char *operand, struct nr_error *error)
{
	struct nr_flow_server server;
	int e;
	if (!strcmp(operand, "-")) {
		e = add_stream(targets, stdin, "standard input", true, error);
	} else if (*operand == '@') {
		NR_AUTO(nr_closep) FILE *stream = fopen(operand + 1, "re");
		if (!stream)
			return nr_fail(error, -errno, "%.150s: %s", operand + 1, strerror(errno));
		e = add_stream(targets, stream, operand + 1, false, error);
	} else {
		e = nr_probe_server_parse(operand, &server, error);
		e = e ? e : add(targets, &server, error);
	}
	make_distinct(targets);
	return e;
}
