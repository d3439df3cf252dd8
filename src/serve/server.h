/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: one thread per connection, the API under /api/v1/, the embedded console everywhere else.
 * It reads only: GET and HEAD. Of the two POSTs (post.h) trust/verify changes nothing, and flow/feedback adds
 * a line to what people said. Every reply carries the headers that keep a browser from running or sending
 * anything else.
 */
#ifndef NR_SERVE_SERVER_H
#define NR_SERVE_SERVER_H

#include "net/connections.h"
#include "net/listen.h"
#include "serve/api.h"

/* What one client, or all of them, may take. Listeners of the live stream (events.h) come on top of the
 * connections, so that they cannot keep questions out; who gives way when there are too many, and when a
 * slow client is closed, is in connections.h. */
#define NR_SERVER_CONNECTIONS   128
#define NR_SERVER_IDLE_SECONDS  30          /* without a byte in either direction */
#define NR_SERVER_REQUEST_BYTES (16 * 1024) /* address and headers */
#define NR_SERVER_ADDRESS_BYTES 4096

struct nr_server; /* owns the socket and its threads */

struct nr_server_conf {
	struct nr_api api;
	struct nr_listen listen;
	const struct nr_texts *names;         /* names that a Host header may carry, borrowed */
	int socket;                           /* of nr_listen_open(), taken over by a start that succeeds */
	struct nr_connections_conf deadlines; /* its times; 0: those of connections.h */
};

int nr_server_start(const struct nr_server_conf *conf, struct nr_server **ret_server, struct nr_error *error);
/* Waits for the replies under way, and ends the live streams. */
void nr_server_stop(struct nr_server *server);
const struct nr_listen *nr_server_listen(const struct nr_server *server);

#endif
