/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP in and out for machines: small bodies, bounded in bytes, connections and time. (The console and its
 * API have their own server, src/serve/.)
 */
#ifndef NR_NET_HTTP_H
#define NR_NET_HTTP_H

#include "base/error.h"

/* ---- a server ---- */

struct nr_http_later; /* a request that is answered later */

struct nr_http_request {
	const char *method, *path; /* path as sent, without parameters */
	const char *type;          /* Content-Type; NULL: none */
	const uint8_t *body;
	size_t length;
	struct nr_http_later *later; /* for nr_http_defer() */
};

struct nr_http_reply {
	unsigned status;
	const char *type;  /* constant */
	const char *cache; /* Cache-Control; NULL: no-store */
	uint8_t *bytes;    /* malloc'ed, handed over; or NULL */
	size_t length;
};

struct nr_http_server_conf {
	int socket;            /* of nr_listen_open() (listen.h); taken over by a start that succeeds */
	unsigned threads;      /* 0: one per processor */
	size_t body_max;       /* larger: 413 */
	unsigned connections;  /* at once; a newcomer pushes another out (net/connections.h); 0: 256 */
	unsigned idle_seconds; /* a request that is not whole by then is dropped, however it drips; 0: 10 */
	const char *certificate, *key; /* PEM texts, the caller's until the stop: TLS; NULL: none */
	/* Fills *reply (status 0 on entry). Called by several threads at once. */
	void (*answer)(void *context, const struct nr_http_request *request, struct nr_http_reply *reply);
	void *context;
};

/* In answer(): the reply comes later, by nr_http_finish() from any thread, and *reply is not looked at. The
 * request's texts and body stay until then. Every one that is deferred must be finished before the server is
 * stopped. */
struct nr_http_later *nr_http_defer(const struct nr_http_request *request);
void nr_http_finish(struct nr_http_later *later, const struct nr_http_reply *reply);

struct nr_http_server;
int nr_http_server_start(
	const struct nr_http_server_conf *conf, struct nr_http_server **ret_server, struct nr_error *error);
void nr_http_server_stop(struct nr_http_server *server); /* NULL allowed */

/* ---- a client ---- */

struct nr_http_answer {
	unsigned status;
	char type[128];
	uint8_t *bytes; /* the caller's */
	size_t length;
};

/* One request; no redirects, no proxy, TLS verified (ca: PEM file; NULL: the system's). body NULL: GET. More
 * than answer_max bytes is -EFBIG. 0 with any HTTP status; -errno says what the network did. */
int nr_http_fetch(const char *url, const char *type, const uint8_t *body, size_t length, size_t answer_max,
	unsigned seconds, const char *ca, struct nr_http_answer *ret_answer, struct nr_error *error);

#endif
