/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include "base/log.h"
#include "serve/assets.h"
#include "serve/flow_notebook.h"
#include "serve/post.h"
#include "serve/stream.h"
#include "serve/trust_api.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define THREAD_STACK_BYTES (1024 * 1024)
#define KEPT_BYTES         (16 << 20)
#define CONNECTIONS        (NR_SERVER_CONNECTIONS + NR_EVENTS_LISTENERS_MAX)
#define CLOSING_MAX        64               /* connections that are closing while others come */
#define TELL_EVERY         (60 * NR_SECOND) /* between two lines of the log about clients that gave way */

struct nr_server {
	struct nr_server_conf conf;
	struct MHD_Daemon *daemon;
	struct nr_connections *connections;
	pthread_t guard; /* looks at the connections' deadlines */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	atomic_uint posts; /* bodies that are coming or being answered */
};

/* From the first line of a request to its end. */
struct request {
	size_t address_length; /* path and parameters as they were sent */
	bool announced; /* its headers have been seen; a reply before its end would close the connection */
	struct nr_post *post;    /* NULL: it has no body */
	const struct body *body; /* of post */
};

static const char page_without_console[] =
	"<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>noroshi</title>"
	"<h1>noroshi</h1><p>This program was built without its console. Build it with npm installed: "
	"<code>make build</code>."
	"<p lang=\"ja\">このプログラムはコンソールなしでビルドされています。npm を入れて <code>make "
	"build</code> を実行してください。"
	"<p>API: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>";

/* Nothing from elsewhere, nothing inline, no framing, nothing kept of where the reader came from. */
static const char *const security_headers[][2] = {
	{"Content-Security-Policy",
		"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"},
	{"X-Content-Type-Options", "nosniff"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

/* Takes over the response. */
static enum MHD_Result send_response(
	struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < NR_COUNT(security_headers); i++)
		MHD_add_response_header(response, security_headers[i][0], security_headers[i][1]);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* The bytes become the response's. */
static enum MHD_Result send_reply(struct MHD_Connection *connection, struct nr_reply *reply)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(reply->length, reply->bytes, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		nr_reply_fini(reply);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type", reply->type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, "Retry-After", "10");
	if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	if (*reply->next)
		MHD_add_response_header(response, "Noroshi-Next", reply->next);
	if (*reply->file_name) {
		char text[128];
		snprintf(text, sizeof text, "attachment; filename=\"%s\"", reply->file_name);
		MHD_add_response_header(response, "Content-Disposition", text);
	}
	return send_response(connection, reply->status, response);
}

static enum MHD_Result send_error(
	struct MHD_Connection *connection, unsigned status, const char *code, const char *text)
{
	struct nr_reply reply;
	if (nr_api_error(status, code, NULL, text, &reply) != 0)
		return MHD_NO;
	return send_reply(connection, &reply);
}

/* ---- connections ---- */

static nr_time steady_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

static void note_connection(void *context, struct MHD_Connection *connection, void **state,
	enum MHD_ConnectionNotificationCode code)
{
	struct nr_server *server = context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		nr_connections_remove(server->connections, *state);
		return;
	}
	const union MHD_ConnectionInfo *socket =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	int file = (int)socket->connect_fd;
	const union MHD_ConnectionInfo *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	*state = nr_connections_add(server->connections, file, address->client_addr, steady_now());
}

static void turn(
	const struct nr_server *server, struct MHD_Connection *connection, enum nr_connection_phase phase)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	nr_connections_turn(server->connections, info->socket_context, phase, steady_now());
}

static void tell_gone(const struct nr_connections_figures *figures)
{
	char overdue[24], shed[24];
	snprintf(overdue, sizeof overdue, "%llu", (unsigned long long)figures->overdue);
	snprintf(shed, sizeof shed, "%llu", (unsigned long long)figures->shed);
	nr_log(NR_LOG_WARNING, "connections", "overdue", overdue, "shed", shed, "reason",
		"clients that did not finish their request in time, or were too many, were closed", NULL);
}

static void *guard_connections(void *context)
{
	struct nr_server *server = context;
	struct nr_connections_figures told = {0}, now;
	nr_time told_at = steady_now() - TELL_EVERY;
	pthread_mutex_lock(&server->lock);
	while (!server->stopping) {
		nr_time at = steady_now(), next = at + NR_SECOND / 4;
		nr_connections_expire(server->connections, at);
		nr_connections_figures(server->connections, &now);
		if (at - told_at >= TELL_EVERY && (now.overdue != told.overdue || now.shed != told.shed)) {
			tell_gone(&now);
			told = now;
			told_at = at;
		}
		struct timespec until = {.tv_sec = next / NR_SECOND, .tv_nsec = next % NR_SECOND * 1000};
		pthread_cond_timedwait(&server->changed, &server->lock, &until);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static int start_guard(struct nr_server *server, struct nr_error *error)
{
	const struct nr_connections_conf *deadlines = &server->conf.deadlines;
	const struct nr_connections_conf conf = {.limit = CONNECTIONS,
		.places = CONNECTIONS + CLOSING_MAX,
		.ask = deadlines->ask,
		.rest = deadlines->rest,
		.answer = deadlines->answer};
	int rc = nr_connections_new(&conf, &server->connections, error);
	if (rc)
		return rc;
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&server->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&server->lock, NULL);
	rc = -pthread_create(&server->guard, NULL, guard_connections, server);
	return rc ? nr_fail(error, rc, "the HTTP server has no thread: %s", strerror(-rc)) : 0;
}

static void stop_guard(struct nr_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_signal(&server->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->guard, NULL);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
}

/* ---- API ---- */

struct arguments {
	struct nr_argument items[NR_API_ARGUMENTS_MAX];
	size_t count;
	bool bad; /* too many, or a NUL inside */
};

static enum MHD_Result take_argument(void *context, enum MHD_ValueKind kind, const char *name,
	size_t name_length, const char *value, size_t value_length)
{
	(void)kind;
	struct arguments *arguments = context;
	arguments->bad = arguments->bad || arguments->count == NR_API_ARGUMENTS_MAX ||
			 strlen(name) != name_length || (value && strlen(value) != value_length);
	if (arguments->bad)
		return MHD_NO;
	arguments->items[arguments->count++] = (struct nr_argument){name, value ? value : ""};
	return MHD_YES;
}

static enum MHD_Result answer_api(
	const struct nr_server *server, struct MHD_Connection *connection, const char *path)
{
	struct arguments arguments = {.count = 0};
	MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_argument, &arguments);
	if (arguments.bad)
		return send_error(
			connection, 400, "bad-parameter", "too many parameters, or one with a zero byte");
	struct nr_reply reply;
	if (nr_api_answer(&server->conf.api, path, arguments.items, arguments.count, &reply) != 0) {
		nr_log(NR_LOG_ERROR, "request", "path", path, "reason", "out of memory", NULL);
		return MHD_NO;
	}
	if (reply.status >= 500)
		nr_log(NR_LOG_ERROR, "request", "path", path, "answer", reply.bytes, NULL);
	return send_reply(connection, &reply);
}

/* ---- live stream ---- */

static enum MHD_Result send_busy(struct MHD_Connection *connection, const char *text)
{
	struct nr_reply reply;
	if (nr_api_error(503, "busy", NULL, text, &reply) != 0)
		return MHD_NO;
	return send_reply(connection, &reply);
}

static enum MHD_Result answer_stream(const struct nr_server *server, struct MHD_Connection *connection)
{
	struct arguments arguments = {.count = 0};
	MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, take_argument, &arguments);
	const struct nr_argument *first = arguments.items;
	if (arguments.bad || arguments.count > 1 || (arguments.count && strcmp(first->name, "sensor") != 0))
		return send_error(connection, 400, "bad-parameter",
			"the stream takes one parameter, sensor, once or not at all");
	const char *sensor = arguments.count && *first->value ? first->value : NULL;
	const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
	struct MHD_Response *response;
	struct nr_error error = {0};
	if (nr_event_stream_open(server->conf.api.events, sensor, id, &response, &error) != 0)
		return send_busy(connection, error.text);
	turn(server, connection, NR_CONNECTION_LISTENING);
	return send_response(connection, MHD_HTTP_OK, response);
}

/* ---- console ---- */

/* The word of a comma-separated header, unless it is refused with q=0. */
static bool header_has(struct MHD_Connection *connection, const char *header, const char *word)
{
	const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, header);
	for (size_t length = strlen(word); text && *text; text += strcspn(text, ","), text += *text == ',') {
		text += strspn(text, " \t");
		if (strncasecmp(text, word, length) != 0)
			continue;
		const char *rest = text + length;
		if (strcspn(rest, ", \t;") == 0 || !*rest)
			return strncmp(rest, ";q=0", 4) != 0 || rest[4] == '.';
	}
	return false;
}

static enum MHD_Result send_asset(struct MHD_Connection *connection, const struct nr_asset *asset)
{
	bool gzip = asset->gzip_length < asset->length && header_has(connection, "Accept-Encoding", "gzip");
	char etag[80];
	snprintf(etag, sizeof etag, "\"%s%s\"", asset->etag, gzip ? "-gz" : "");
	bool same = header_has(connection, "If-None-Match", etag);
	struct MHD_Response *response = MHD_create_response_from_buffer(same   ? 0
									: gzip ? asset->gzip_length
									       : asset->length,
		(void *)(gzip ? asset->gzip : asset->bytes), MHD_RESPMEM_PERSISTENT);
	if (!response)
		return MHD_NO;
	/* Names do not change with the content: a browser keeps the file and asks whether it is still the
	 * same. */
	MHD_add_response_header(response, "Cache-Control", "no-cache");
	MHD_add_response_header(response, "ETag", etag);
	MHD_add_response_header(response, "Vary", "Accept-Encoding");
	MHD_add_response_header(response, "Content-Type", nr_asset_type(asset->name));
	if (gzip && !same)
		MHD_add_response_header(response, "Content-Encoding", "gzip");
	return send_response(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}

static enum MHD_Result answer_console(struct MHD_Connection *connection, const char *path)
{
	const struct nr_asset *asset = nr_asset_find(path);
	if (asset)
		return send_asset(connection, asset);
	if (nr_asset_count || strchr(path, '.'))
		return send_error(connection, 404, "not-found", "no such file");
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof page_without_console - 1, (void *)page_without_console, MHD_RESPMEM_PERSISTENT);
	if (response)
		MHD_add_response_header(response, "Content-Type", "text/html; charset=utf-8");
	return send_response(connection, MHD_HTTP_OK, response);
}

/* ---- requests ---- */

static void *note_address(void *context, const char *address, struct MHD_Connection *connection)
{
	(void)context;
	(void)connection;
	struct request *request = calloc(1, sizeof *request);
	if (request)
		request->address_length = strlen(address);
	return request;
}

static void end_request(
	void *context, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
	(void)code;
	struct nr_server *server = context;
	struct request *request = *state;
	turn(server, connection, NR_CONNECTION_ASKING); /* the next one, where the connection is kept */
	if (request && request->post) {
		nr_post_free(request->post);
		atomic_fetch_sub(&server->posts, 1);
	}
	free(request);
	*state = NULL;
}

/* The paths that take a body. */
static const struct body {
	const char *path;
	size_t limit;
} bodies[] = {
	{NR_API_PREFIX NR_TRUST_VERIFY, NR_JUDGE_QUESTION_MAX},
	{NR_API_PREFIX NR_FLOW_FEEDBACK_PATH, NR_FLOW_FEEDBACK_BODY},
};

static const struct body *find_body(const char *method, const char *path)
{
	for (size_t i = 0; i < NR_COUNT(bodies); i++)
		if (strcmp(method, "POST") == 0 && strcmp(path, bodies[i].path) == 0)
			return &bodies[i];
	return NULL;
}

/* 0: it may go on. */
static enum MHD_Result refuse_post(const struct nr_server *server, struct MHD_Connection *connection,
	const struct body *body, bool *ret_refused)
{
	struct nr_post_refusal refusal;
	*ret_refused = true;
	if (body == &bodies[0] && !server->conf.api.judge)
		return send_error(connection, 404, "no-judge",
			"this server judges no seals; start it with noroshi serve --trust-ca PEM");
	if (body == &bodies[1] && !server->conf.api.notebook)
		return send_error(connection, 404, "no-archive",
			"this server has no archive of flows; start it with noroshi serve --flow-archive "
			"DIR");
	if (!nr_post_is_allowed(connection, body->limit, &refusal))
		return send_error(connection, refusal.status, refusal.code, refusal.text);
	*ret_refused = false;
	return MHD_YES;
}

static enum MHD_Result begin_post(struct nr_server *server, struct MHD_Connection *connection,
	struct request *request, const struct body *body)
{
	bool refused;
	enum MHD_Result result = refuse_post(server, connection, body, &refused);
	if (refused)
		return result;
	if (atomic_fetch_add(&server->posts, 1) >= NR_POSTS_MAX) {
		atomic_fetch_sub(&server->posts, 1);
		return send_busy(connection, "too many questions are being asked; try again later");
	}
	request->body = body;
	request->post = nr_post_new(body->limit);
	if (!request->post) {
		atomic_fetch_sub(&server->posts, 1);
		return MHD_NO;
	}
	turn(server, connection, NR_CONNECTION_ASKING); /* a body may take as long as a further request */
	return MHD_YES;
}

static enum MHD_Result go_on_with_post(struct nr_server *server, struct MHD_Connection *connection,
	struct request *request, const char *body, size_t *body_length)
{
	const struct nr_post *post = request->post;
	const struct nr_api *api = &server->conf.api;
	if (*body_length) {
		bool kept = nr_post_add(request->post, body, *body_length);
		*body_length = 0;
		return kept ? MHD_YES : MHD_NO;
	}
	struct nr_reply reply = {0};
	turn(server, connection, NR_CONNECTION_ANSWERED);
	int rc = request->body == &bodies[0] ? nr_judge_ask(api->judge, post->bytes, post->length, &reply)
					     : nr_flow_notebook_post(api->notebook, api->flow_api,
						       post->bytes, post->length, &reply);
	return rc ? MHD_NO : send_reply(connection, &reply);
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *body, size_t *body_length, void **state)
{
	(void)version;
	struct nr_server *server = context;
	struct request *request = *state;
	if (request && request->post)
		return go_on_with_post(server, connection, request, body, body_length);
	if (!request || (request->announced && *body_length))
		return MHD_NO; /* no question has a body */
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	if (!nr_listen_is_for_us(&server->conf.listen, server->conf.names, host))
		return send_error(connection, 400, "bad-host",
			"this server does not answer to that name; allow it with noroshi serve --host NAME");
	const struct body *takes = find_body(method, path);
	if (takes)
		return begin_post(server, connection, request, takes);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return send_error(connection, 405, "bad-method", "only GET and HEAD are answered");
	if (!request->announced) {
		request->announced = true;
		return MHD_YES;
	}
	if (request->address_length > NR_SERVER_ADDRESS_BYTES)
		return send_error(connection, 400, "too-long", "the address is longer than 4096 bytes");
	size_t prefix = strlen(NR_API_PREFIX);
	turn(server, connection, NR_CONNECTION_ANSWERED);
	if (server->conf.api.events && strcmp(path, NR_API_PREFIX "live") == 0)
		return answer_stream(server, connection);
	if (strncmp(path, NR_API_PREFIX, prefix) == 0)
		return answer_api(server, connection, path + prefix);
	if (strncmp(path, "/api", 4) == 0 && (!path[4] || path[4] == '/'))
		return send_error(
			connection, 404, "not-found", "no such path; the API is below " NR_API_PREFIX);
	return answer_console(connection, path);
}

/* A question about a year takes some 10 MB and gives them back; a tenth of its time went into pages that the
 * kernel cleared anew for the next one. Four heaps keep as much each. */
static void keep_memory(void)
{
	mallopt(M_ARENA_MAX, 4);
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}

static int start_daemon(struct nr_server *server, struct nr_error *error)
{
	keep_memory();
	server->daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL, NULL,
		answer, server, MHD_OPTION_LISTEN_SOCKET, server->conf.socket, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(CONNECTIONS + CLOSING_MAX), MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)NR_SERVER_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)NR_SERVER_REQUEST_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_BYTES,
		MHD_OPTION_URI_LOG_CALLBACK, note_address, NULL, MHD_OPTION_NOTIFY_COMPLETED, end_request,
		server, MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, MHD_OPTION_END);
	if (!server->daemon)
		return nr_fail(error, errno ? -errno : -EIO, "%s: the HTTP server does not start: %s",
			server->conf.listen.text, strerror(errno));
	return 0;
}

int nr_server_start(const struct nr_server_conf *conf, struct nr_server **ret_server, struct nr_error *error)
{
	struct nr_server *server = calloc(1, sizeof *server);
	if (!server)
		return nr_fail(error, -ENOMEM, "out of memory");
	server->conf = *conf;
	int rc = start_guard(server, error);
	if (rc == 0) {
		server->conf.api.connections = server->connections;
		rc = start_daemon(server, error);
		if (rc)
			stop_guard(server);
	}
	if (rc) {
		nr_connections_free(server->connections);
		free(server);
		return rc;
	}
	*ret_server = server;
	return 0;
}

void nr_server_stop(struct nr_server *server)
{
	if (!server)
		return;
	if (server->conf.api.events)
		nr_events_stop(server->conf.api.events);
	MHD_stop_daemon(server->daemon);
	stop_guard(server);
	nr_connections_free(server->connections);
	free(server);
}

const struct nr_listen *nr_server_listen(const struct nr_server *server)
{
	return &server->conf.listen;
}
