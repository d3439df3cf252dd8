/* SPDX-License-Identifier: Apache-2.0 */
/* Files of what is known: findings, lists, feedback, plain lines. Whose they are nobody can tell: hostile. */
#include "model/c2_list.h"
#include "sense/flow/ask/protocol.h"
#include "sense/flow/detect/judge/feedback.h"
#include "sense/flow/detect/judge/known_inside.h"

#include <ctype.h>
#include <errno.h>

#define LINE_MAX_BYTES   ((size_t)1 << 20) /* a finding with all its evidence */
#define STAYS_INFECTED   (7 * NR_DAY)      /* an address is leased to somebody else then, or cleaned */
#define STAYS_SERVER     (30 * NR_DAY)
#define PROBE_WEIGHT_MAX 6.0 /* nats; what a probe can say at most */
#define PLAIN_CONFIDENCE 0.8 /* of a list that says nothing of itself */

struct reading {
	struct nr_flow_known *known;
	struct nr_c2_list *list;
	const char *name; /* of the file */
	char source[48];
	uint64_t skipped;
	struct nr_error first; /* what is wrong with the first line that was skipped */
};

const char *nr_flow_protocol_write(uint8_t protocol, char text[static NR_FLOW_PROTOCOL_TEXT])
{
	const char *name = protocol ? nr_flow_protocol_name(protocol) : "";
	if (name)
		snprintf(text, NR_FLOW_PROTOCOL_TEXT, "%s", name);
	else
		snprintf(text, NR_FLOW_PROTOCOL_TEXT, "%u", protocol);
	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return text;
}

/* ---- one line ---- */

static int add(struct reading *r, enum nr_flow_known_kind kind, const struct nr_flow_server *server,
	nr_time from, nr_time until, double weight, struct nr_error *error)
{
	struct nr_flow_known_entry entry = {
		.kind = kind, .server = *server, .from = from, .until = until, .weight = weight};
	snprintf(entry.source, sizeof entry.source, "%s", r->source);
	return nr_flow_known_add(r->known, &entry, error);
}

static nr_time later(nr_time time, nr_time by)
{
	return time > NR_TIME_MAX - by ? NR_TIME_MAX : time + by;
}

/* Of a finding: {"kind","subject","confidence","first_seen","last_seen"}; of the store's: "first", "last". */
static int read_finding(struct reading *r, struct json_object *root, const char *kind, struct nr_error *error)
{
	struct nr_flow_server server;
	double confidence = PLAIN_CONFIDENCE;
	nr_time last, stored;
	int e = nr_flow_line_server(root, "subject", &server, error);
	if (e)
		return e;
	if (!nr_flow_line_time(root, "last", NR_TIME_MAX, &stored) ||
		!nr_flow_line_time(root, "last_seen", stored, &last))
		return nr_fail(error, -EBADMSG, "last_seen: no time");
	if (json_object_object_get(root, "confidence") &&
		(!nr_flow_line_real(root, "confidence", &confidence) || confidence < 0 || confidence > 1))
		return nr_fail(error, -EBADMSG, "confidence: a number from 0 to 1");
	if (!strcmp(kind, "c2-server"))
		return add(r, NR_FLOW_KNOWN_C2, &server, NR_TIME_MIN, later(last, STAYS_SERVER), confidence,
			error);
	if (!strcmp(kind, "infected-host") || !strcmp(kind, "infected-own-host")) {
		server.port = 0;
		server.protocol = 0;
		return add(r, NR_FLOW_KNOWN_INFECTED, &server, NR_TIME_MIN, later(last, STAYS_INFECTED),
			confidence, error);
	}
	return 0; /* other kinds of findings say nothing of servers and infections */
}

/* {"probe":{"address","port","protocol","weight","last_seen",...}}, as flow probe prints it. */
static int read_probe(struct reading *r, struct json_object *probe, struct nr_error *error)
{
	struct nr_flow_server server;
	double llr;
	nr_time last;
	int e = nr_flow_line_server(probe, "address", &server, error);
	if (e)
		return e;
	if (!nr_flow_line_real(probe, "weight", &llr))
		return nr_fail(error, -EBADMSG, "weight: a number");
	if (!nr_flow_line_time(probe, "last_seen", NR_TIME_MAX, &last))
		return nr_fail(error, -EBADMSG, "last_seen: no time");
	llr = NR_MAX(-PROBE_WEIGHT_MAX, NR_MIN(PROBE_WEIGHT_MAX, llr));
	return add(r, NR_FLOW_KNOWN_PROBED, &server, NR_TIME_MIN, later(last, STAYS_SERVER), llr, error);
}

static int read_shared(struct reading *r, const char *line, size_t length, struct nr_error *error)
{
	static const double confidences[NR_C2_CONFIDENCES] = {0.5, 0.75, 0.95};
	struct nr_c2_server listed;
	int e = nr_c2_list_read(r->list, line, length, &listed, error);
	if (e)
		return e;
	struct nr_flow_server server = {listed.address, listed.port, listed.protocol};
	return add(r, NR_FLOW_KNOWN_C2, &server, listed.from_day * NR_DAY, listed.until_day * NR_DAY - 1,
		confidences[listed.confidence], error);
}

static int read_object(struct reading *r, const char *line, size_t length, struct nr_error *error)
{
	struct json_object *root = nr_flow_line_object(line, length);
	struct nr_flow_feedback feedback;
	int e;
	if (!root)
		return nr_fail(error, -EBADMSG, "not a JSON object");
	const char *kind = nr_flow_line_text(root, "kind");
	if (json_object_object_get(root, "valid_from")) {
		e = read_shared(r, line, length, error);
	} else if (json_object_object_get(root, "verdict") && !kind) {
		e = nr_flow_feedback_parse(line, length, &feedback, error);
		if (!e)
			e = nr_flow_feedback_tell(&feedback, r->known, error);
	} else if (json_object_is_type(json_object_object_get(root, "probe"), json_type_object)) {
		e = read_probe(r, json_object_object_get(root, "probe"), error);
	} else if (kind) {
		e = read_finding(r, root, kind, error);
	} else { /* the last line of a run is its summary */
		e = json_object_object_get(root, "summary")
			    ? 0
			    : nr_fail(error, -EBADMSG,
				      "neither a finding, an entry of a list, feedback nor a probe");
	}
	json_object_put(root);
	return e;
}

/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS]:PORT"; behind "#" a comment. */
static int read_plain(struct reading *r, char *line, struct nr_error *error)
{
	struct nr_flow_server server = {.protocol = 0};
	line[strcspn(line, "#\r")] = 0;
	line += strspn(line, " \t");
	line[strcspn(line, " \t")] = 0;
	if (!*line)
		return 0;
	char *colon = strrchr(line, ':'), *end = colon;
	if (line[0] == '[') {
		end = strchr(line, ']');
		if (!end || end[1] != ':')
			return nr_fail(error, -EBADMSG, "[ADDRESS]:PORT is not whole");
		*end = 0;
		line++;
	} else if (colon && strchr(line, ':') == colon) {
		*colon = 0;
	} else {
		colon = NULL;
	}
	if (nr_address_parse(line, &server.address, error))
		return -EBADMSG;
	if (!colon)
		return add(r, NR_FLOW_KNOWN_INFECTED, &server, NR_TIME_MIN, NR_TIME_MAX, PLAIN_CONFIDENCE,
			error);
	unsigned long port = isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : 0;
	if (!port || port > 65535 || *end)
		return nr_fail(error, -EBADMSG, "port: a number from 1 to 65535");
	server.port = (uint16_t)port;
	return add(r, NR_FLOW_KNOWN_C2, &server, NR_TIME_MIN, NR_TIME_MAX, PLAIN_CONFIDENCE, error);
}

/* ---- the file ---- */

static int read_line(struct reading *r, char *line, size_t length, uint64_t number, struct nr_error *error)
{
	struct nr_error fault = {0};
	int e;
	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		line[--length] = 0;
	if (strlen(line) != length)
		e = nr_fail(&fault, -EBADMSG, "a NUL byte");
	else if (line[strspn(line, " \t")] == '{')
		e = read_object(r, line, length, &fault);
	else
		e = read_plain(r, line, &fault);
	if (!e)
		return 0;
	if (e == -ENOMEM || e == -ENOSPC)
		return nr_fail(
			error, e, "%.100s: line %llu: %s", r->name, (unsigned long long)number, fault.text);
	if (!r->skipped++)
		nr_fail(&r->first, e, "%.100s: line %llu: %s", r->name, (unsigned long long)number,
			fault.text);
	return 0;
}

/* Reads a line into room; what does not fit is read over. Answers false at the end; *ret_length > room: cut.
 */
static bool next_line(FILE *file, char *line, size_t room, size_t *ret_length)
{
	size_t length = 0;
	int c;
	while ((c = getc_unlocked(file)) != EOF && c != '\n') {
		if (length < room - 1)
			line[length] = (char)c;
		length++;
	}
	line[NR_MIN(length, room - 1)] = 0;
	*ret_length = length;
	return c != EOF || length;
}

static int read_lines(struct reading *r, FILE *file, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *line = malloc(LINE_MAX_BYTES);
	if (!line)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t length;
	int e = 0;
	for (uint64_t number = 1; !e && next_line(file, line, LINE_MAX_BYTES, &length); number++) {
		if (length < LINE_MAX_BYTES) {
			e = read_line(r, line, length, number, error);
		} else if (!r->skipped++) {
			nr_fail(&r->first, -EBADMSG, "%.100s: line %llu: longer than %zu bytes", r->name,
				(unsigned long long)number, LINE_MAX_BYTES);
		}
	}
	if (!e && ferror(file))
		e = nr_fail(error, -EIO, "%.150s: %s", r->name, strerror(errno));
	return e;
}

int nr_flow_known_read(
	struct nr_flow_known *known, const char *path, uint64_t *ret_skipped, struct nr_error *error)
{
	struct reading r = {.known = known, .name = path};
	const char *slash = strrchr(path, '/');
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	if (!file)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	size_t length = (size_t)snprintf(r.source, sizeof r.source, "list %.42s", slash ? slash + 1 : path);
	for (size_t i = 0; i < NR_MIN(length, sizeof r.source - 1); i++)
		if ((uint8_t)r.source[i] < ' ' || (uint8_t)r.source[i] >= 0x7f) /* a name goes to terminals */
			r.source[i] = '?';
	int e = nr_c2_list_new(NULL, 0, &r.list, error);
	if (!e)
		e = read_lines(&r, file, error);
	nr_c2_list_free(r.list);
	if (e)
		return e;
	if (r.skipped && error)
		*error = r.first;
	*ret_skipped = r.skipped;
	return 0;
}
