/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connections.h"
#include "net/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS   256
#define CLOSING_MAX   256 /* beside them: shut down, and not closed yet */
#define IDLE_SECONDS  10
#define REQUEST_BYTES (16 * 1024) /* of memory for line and headers */

struct nr_http_server {
	struct nr_http_server_conf conf;
	struct MHD_Daemon *daemon;
	struct nr_connections *connections;
	pthread_t guard; /* ends who takes too long */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
};

/* One request, while its body comes in and until it is answered. */
struct nr_http_later {
	struct MHD_Connection *connection;
	struct nr_http_reply reply;
	bool deferred, finished;
	uint8_t *body;
	size_t length, room;
	bool too_large;
};

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
	const struct nr_http_server *server = context;
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

static void turn(const struct nr_http_server *server, struct MHD_Connection *connection,
	enum nr_connection_phase phase)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	nr_connections_turn(server->connections, info->socket_context, phase, steady_now());
}

static void *guard_connections(void *context)
{
	struct nr_http_server *server = context;
	pthread_mutex_lock(&server->lock);
	while (!server->stopping) {
		nr_time at = steady_now(), next = at + NR_SECOND / 4;
		nr_connections_expire(server->connections, at);
		struct timespec until = {.tv_sec = next / NR_SECOND, .tv_nsec = next % NR_SECOND * 1000};
		pthread_cond_timedwait(&server->changed, &server->lock, &until);
	}
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static int start_guard(struct nr_http_server *server, unsigned connections, struct nr_error *error)
{
	const nr_time idle =
		(nr_time)(server->conf.idle_seconds ? server->conf.idle_seconds : IDLE_SECONDS) * NR_SECOND;
	const struct nr_connections_conf conf = {.limit = connections,
		.places = connections + CLOSING_MAX,
		.ask = idle,
		.rest = idle,
		.answer = 6 * idle}; /* it may be deferred, and then has to be taken */
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

static void stop_guard(struct nr_http_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	pthread_cond_signal(&server->changed);
	pthread_mutex_unlock(&server->lock);
	pthread_join(server->guard, NULL);
	pthread_cond_destroy(&server->changed);
	pthread_mutex_destroy(&server->lock);
}

/* ---- answers ---- */

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct nr_http_reply *reply)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		reply->length, reply->bytes, reply->bytes ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (!response) {
		free(reply->bytes);
		return MHD_NO;
	}
	if (reply->type)
		MHD_add_response_header(response, "Content-Type", reply->type);
	MHD_add_response_header(response, "Cache-Control", reply->cache ? reply->cache : "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status)
{
	struct nr_http_reply reply = {.status = status};
	return send_reply(connection, &reply);
}

/* False: out of memory. */
static bool take_body(
	const struct nr_http_server *server, struct nr_http_later *request, const char *bytes, size_t length)
{
	if (request->too_large || length > server->conf.body_max - request->length) {
		request->too_large = true;
		return true;
	}
	if (request->length + length > request->room) {
		size_t room =
			NR_MIN(server->conf.body_max, NR_MAX(2 * request->room, request->length + length));
		uint8_t *body = realloc(request->body, room);
		if (!body)
			return false;
		request->body = body;
		request->room = room;
	}
	memcpy(request->body + request->length, bytes, length);
	request->length += length;
	return true;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *bytes, size_t *length, void **own)
{
	(void)version;
	const struct nr_http_server *server = context;
	struct nr_http_later *request = *own;
	if (!request) {
		request = calloc(1, sizeof *request);
		if (!request)
			return MHD_NO;
		request->connection = connection;
		*own = request;
		return MHD_YES;
	}
	if (*length) {
		bool go_on = take_body(server, request, bytes, *length);
		*length = 0;
		return go_on ? MHD_YES : MHD_NO;
	}
	turn(server, connection, NR_CONNECTION_ANSWERED);
	if (request->finished) { /* the connection was suspended, and is again with us */
		request->finished = false;
		return send_reply(connection, &request->reply);
	}
	if (request->too_large)
		return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE);
	struct nr_http_request asked = {
		.method = method,
		.path = path,
		.type = MHD_lookup_connection_value(
			connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE),
		.body = request->body,
		.length = request->length,
		.later = request,
	};
	struct nr_http_reply reply = {0};
	server->conf.answer(server->conf.context, &asked, &reply);
	return request->deferred ? MHD_YES : send_reply(connection, &reply);
}

struct nr_http_later *nr_http_defer(const struct nr_http_request *request)
{
	request->later->deferred = true;
	MHD_suspend_connection(request->later->connection); /* before anybody can resume it */
	return request->later;
}

void nr_http_finish(struct nr_http_later *later, const struct nr_http_reply *reply)
{
	later->reply = *reply;
	later->finished = true;
	MHD_resume_connection(later->connection); /* a lock of its own makes the reply visible */
}

static void forget(
	void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why)
{
	(void)why;
	struct nr_http_later *request = *own;
	turn(context, connection, NR_CONNECTION_ASKING); /* the next one, if it is kept */
	if (!request)
		return;
	if (request->finished)
		free(request->reply.bytes);
	free(request->body);
	free(request);
	*own = NULL;
}

static void say_nothing(void *context, const char *format, va_list arguments)
{
	(void)context, (void)format, (void)arguments;
}

int nr_http_server_start(
	const struct nr_http_server_conf *conf, struct nr_http_server **ret_server, struct nr_error *error)
{
	struct nr_http_server *server = calloc(1, sizeof *server);
	if (!server)
		return nr_fail(error, -ENOMEM, "out of memory");
	server->conf = *conf;
	unsigned threads =
		conf->threads ? conf->threads : (unsigned)NR_MAX(1L, sysconf(_SC_NPROCESSORS_ONLN));
	unsigned connections = NR_MAX(conf->connections ? conf->connections : CONNECTIONS, threads);
	int rc = start_guard(server, connections, error);
	if (rc) {
		nr_connections_free(server->connections);
		free(server);
		return rc;
	}
	const struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)conf->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)conf->key}, {MHD_OPTION_END, 0, NULL}};
	server->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG |
						  MHD_ALLOW_SUSPEND_RESUME |
						  (conf->certificate ? MHD_USE_TLS : MHD_NO_FLAG),
		0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
		MHD_OPTION_LISTEN_SOCKET, conf->socket, MHD_OPTION_THREAD_POOL_SIZE, threads,
		MHD_OPTION_CONNECTION_LIMIT, connections + CLOSING_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)REQUEST_BYTES, MHD_OPTION_NOTIFY_COMPLETED, forget, server,
		MHD_OPTION_NOTIFY_CONNECTION, note_connection, server, MHD_OPTION_ARRAY,
		conf->certificate ? tls : tls + 2, MHD_OPTION_END);
	if (!server->daemon) {
		int e = errno ? -errno : -EIO;
		stop_guard(server);
		nr_connections_free(server->connections);
		free(server);
		return nr_fail(error, e, "cannot start the HTTP server: %s", strerror(-e));
	}
	*ret_server = server;
	return 0;
}

void nr_http_server_stop(struct nr_http_server *server)
{
	if (!server)
		return;
	MHD_stop_daemon(server->daemon);
	stop_guard(server);
	nr_connections_free(server->connections);
	free(server);
}
