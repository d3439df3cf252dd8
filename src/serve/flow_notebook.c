/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_notebook.h"

#include "base/file.h"
#include "sense/flow/detect/judge/known.h"
#include "sense/flow/law/law.h"
#include "sense/flow/law/pseudonym.h"
#include "serve/flow_api.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX ((size_t)64 << 20)

struct nr_flow_notebook {
	const char *archive;
	int file; /* appended to */
	pthread_mutex_t lock;
	struct nr_flow_feedback *lines; /* owned */
	size_t count, room;
	uint64_t skipped;
};

/* ---- reading ---- */

static int add(struct nr_flow_notebook *n, const struct nr_flow_feedback *line, struct nr_error *error)
{
	if (n->count == n->room) {
		size_t room = NR_MAX(2 * n->room, (size_t)64);
		struct nr_flow_feedback *lines = realloc(n->lines, room * sizeof *lines);
		if (!lines)
			return nr_fail(error, -ENOMEM, "out of memory for feedback");
		n->lines = lines;
		n->room = room;
	}
	n->lines[n->count++] = *line;
	return 0;
}

static int read_lines(struct nr_flow_notebook *n, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(path, FILE_BYTES_MAX, &bytes, &length, error);
	const char *at = (const char *)bytes, *end = at + (e ? 0 : length);
	while (!e && at < end) {
		struct nr_flow_feedback line;
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t count = (size_t)((newline ? newline : end) - at);
		if (n->count < NR_FLOW_FEEDBACK_LINES && nr_flow_feedback_parse(at, count, &line, NULL) == 0)
			e = add(n, &line, error);
		else
			n->skipped += count > 0;
		at += count + (newline != NULL);
	}
	return e;
}

/* A line that a dead process left half written is closed, so that the next one stands alone. */
static int close_last_line(struct nr_flow_notebook *n, const char *path, struct nr_error *error)
{
	struct stat status;
	char last = '\n';
	if (fstat(n->file, &status) < 0 ||
		(status.st_size && pread(n->file, &last, 1, status.st_size - 1) != 1) ||
		(last != '\n' && write(n->file, "\n", 1) != 1))
		return nr_fail(error, -errno, "%.180s: %s", path, strerror(errno));
	return 0;
}

int nr_flow_notebook_open(const char *archive, struct nr_flow_notebook **ret_notebook, struct nr_error *error)
{
	char path[4200];
	struct nr_flow_notebook *n = calloc(1, sizeof *n);
	if (!n)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&n->lock, NULL);
	n->archive = archive;
	snprintf(path, sizeof path, "%.4096s/" NR_FLOW_FEEDBACK_FILE, archive);
	n->file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	int e = n->file < 0 ? nr_fail(error, -errno, "%.180s: %s", path, strerror(errno)) : 0;
	if (!e)
		e = read_lines(n, path, error);
	if (!e)
		e = close_last_line(n, path, error);
	if (e) {
		nr_flow_notebook_close(n);
		return e;
	}
	*ret_notebook = n;
	return 0;
}

void nr_flow_notebook_close(struct nr_flow_notebook *notebook)
{
	if (!notebook)
		return;
	nr_close_fd(&notebook->file);
	pthread_mutex_destroy(&notebook->lock);
	free(notebook->lines);
	free(notebook);
}

uint64_t nr_flow_notebook_skipped(const struct nr_flow_notebook *notebook)
{
	return notebook->skipped;
}

/* ---- writing ---- */

static void write_line(const struct nr_flow_feedback *line, struct nr_json *json, const char *key)
{
	char protocol[NR_FLOW_PROTOCOL_TEXT];
	nr_json_object(json, key);
	nr_json_time(json, "time", line->time);
	nr_json_address(json, "subject", &line->server.address);
	nr_json_uint(json, "port", line->server.port);
	nr_json_text(json, "protocol", nr_flow_protocol_write(line->server.protocol, protocol));
	nr_json_text(json, "verdict", nr_flow_feedback_names[line->verdict]);
	nr_json_text(json, "by", line->by);
	nr_json_text(json, "note", line->note);
	nr_json_object_end(json);
}

/* Whole or not at all. */
static int append(struct nr_flow_notebook *n, const struct nr_flow_feedback *line, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	struct stat before;
	nr_json_init(&json);
	write_line(line, &json, NULL);
	int e = nr_json_finish(&json, error);
	if (e)
		return e;
	json.bytes[json.length] = '\n'; /* in the place of its NUL */
	size_t length = json.length + 1;
	if (fstat(n->file, &before) < 0)
		return nr_fail(error, -errno, NR_FLOW_FEEDBACK_FILE ": %s", strerror(errno));
	ssize_t written = write(n->file, json.bytes, length);
	e = written == (ssize_t)length ? 0 : written < 0 ? -errno : -ENOSPC;
	if (!e && fdatasync(n->file) < 0)
		e = -errno;
	if (!e)
		return 0;
	(void)!ftruncate(n->file, before.st_size);
	return nr_fail(error, e,
		NR_FLOW_FEEDBACK_FILE " in %.100s: %s; nothing was changed, try again when it can be written",
		n->archive, strerror(-e));
}

/* ---- a request ---- */

static int refuse(const char *parameter, const char *text, struct nr_reply *ret_reply)
{
	return nr_api_error(400, "bad-parameter", parameter, text, ret_reply);
}

/* The text of a fault begins with the member that is at fault. */
static int refuse_line(const struct nr_error *error, struct nr_reply *ret_reply)
{
	static const char *const members[] = {"verdict", "subject", "port", "protocol", "by", "note", "time"};
	for (size_t i = 0; i < NR_COUNT(members); i++)
		if (strncmp(error->text, members[i], strlen(members[i])) == 0)
			return refuse(members[i], error->text, ret_reply);
	return nr_api_error(400, "bad-question", NULL, error->text, ret_reply);
}

static bool is_client(const struct nr_flow_notebook *n, const struct nr_address *address)
{
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	struct nr_prefix_table *clients = NULL;
	uint64_t high, low;
	nr_flow_address_split(address, &high, &low);
	bool client = high == NR_FLOW_PSEUDONYM_HIGH;
	if (client || nr_flow_policy_read(n->archive, &policy, NULL) != 0)
		return client;
	policy.plain_clients = false; /* also where they are kept as they are */
	if (nr_flow_clients_new(&policy, &clients, NULL) == 0)
		client = nr_prefix_table_find(clients, address) == NR_FLOW_CLIENT;
	nr_prefix_table_free(clients);
	return client;
}

/* 0 and no reply (status 0): it is good. */
static int check(
	const struct nr_flow_notebook *n, const struct nr_flow_feedback *line, struct nr_reply *ret_reply)
{
	if (!line->server.port || (line->server.protocol != 6 && line->server.protocol != 17))
		return refuse("port", "port, protocol: a server has a port and is tcp or udp", ret_reply);
	if (!line->by[strspn(line->by, " ")])
		return refuse("by", "by: who says so", ret_reply);
	if (is_client(n, &line->server.address))
		return refuse("subject",
			"subject: an address of an own network or a pseudonym; what is said of a client "
			"would "
			"outlive its flows",
			ret_reply);
	return 0;
}

static int keep(struct nr_flow_notebook *n, struct nr_flow_api *flow_api, const struct nr_flow_feedback *line,
	struct nr_error *error)
{
	char words[400], address[NR_ADDRESS_TEXT], protocol[NR_FLOW_PROTOCOL_TEXT];
	snprintf(words, sizeof words, "%s port %u/%s is %s, says %.100s",
		nr_address_write(&line->server.address, address), line->server.port,
		nr_flow_protocol_write(line->server.protocol, protocol),
		nr_flow_feedback_names[line->verdict], line->by);
	pthread_mutex_lock(&n->lock);
	int e = n->count < NR_FLOW_FEEDBACK_LINES
			? nr_flow_api_note(flow_api, "feedback", "c2-detection", words, error)
			: nr_fail(error, -ENOSPC,
				  NR_FLOW_FEEDBACK_FILE
				  ": it has %d lines; take out what does not matter any more",
				  NR_FLOW_FEEDBACK_LINES);
	if (!e)
		e = append(n, line, error);
	if (!e)
		e = add(n, line, error);
	pthread_mutex_unlock(&n->lock);
	return e;
}

int nr_flow_notebook_post(struct nr_flow_notebook *n, struct nr_flow_api *flow_api, const void *body,
	size_t length, struct nr_reply *ret_reply)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	struct nr_flow_feedback line;
	struct nr_error error = {0};
	char text[NR_FLOW_FEEDBACK_BODY + 1]; /* with an end, which parsers look for */
	nr_json_init(&json);
	length = NR_MIN(length, (size_t)NR_FLOW_FEEDBACK_BODY);
	memcpy(text, body ? body : "", length);
	text[length] = '\0';
	while (length && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
	int e = nr_flow_feedback_parse(text, length, &line, &error);
	if (e)
		return e == -ENOMEM ? e : refuse_line(&error, ret_reply);
	ret_reply->status = 0;
	e = check(n, &line, ret_reply);
	if (e || ret_reply->status)
		return e;
	line.time = nr_time_now();
	e = keep(n, flow_api, &line, &error);
	if (e)
		return e == -ENOMEM ? e : nr_api_error(500, "feedback", NULL, error.text, ret_reply);
	nr_json_object(&json, NULL);
	write_line(&line, &json, "recorded");
	nr_json_object_end(&json);
	return nr_api_reply_json(&json, 200, ret_reply);
}

/* ---- what it says ---- */

int nr_flow_notebook_tell(
	struct nr_flow_notebook *n, uint64_t *number, struct nr_flow_known *known, struct nr_error *error)
{
	int e = 0;
	if (!n)
		return 0;
	pthread_mutex_lock(&n->lock);
	while (*number < n->count && !e)
		e = nr_flow_feedback_tell(&n->lines[(*number)++], known, error);
	pthread_mutex_unlock(&n->lock);
	return e;
}

static bool is_of(const struct nr_flow_feedback *line, const struct nr_flow_server *server)
{
	return memcmp(&line->server.address, &server->address, sizeof server->address) == 0 &&
	       (!line->server.port || line->server.port == server->port) &&
	       (!line->server.protocol || line->server.protocol == server->protocol);
}

const char *nr_flow_notebook_verdict(struct nr_flow_notebook *n, const struct nr_flow_server *server)
{
	const char *verdict = "";
	if (!n)
		return verdict;
	pthread_mutex_lock(&n->lock);
	for (size_t i = n->count; i-- > 0;) {
		if (!is_of(&n->lines[i], server))
			continue;
		if (n->lines[i].verdict != NR_FLOW_FEEDBACK_WITHDRAWN)
			verdict = nr_flow_feedback_names[n->lines[i].verdict];
		break;
	}
	pthread_mutex_unlock(&n->lock);
	return verdict;
}

void nr_flow_notebook_write(
	struct nr_flow_notebook *n, const struct nr_flow_server *server, struct nr_json *json)
{
	nr_json_array(json, "feedback");
	if (n) {
		pthread_mutex_lock(&n->lock);
		for (size_t i = n->count; i-- > 0;)
			if (is_of(&n->lines[i], server))
				write_line(&n->lines[i], json, NULL);
		pthread_mutex_unlock(&n->lock);
	}
	nr_json_array_end(json);
}
