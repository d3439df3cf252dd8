/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected, so that a client that says nothing, or says it slowly, keeps nobody out. A request has a
 * deadline as a whole (a byte now and then does not move it), and so has the taking of an answer. Where the
 * table is full, a newcomer is taken all the same and another gives way: of the address that has most
 * connections, who has waited longest without having asked. So one address cannot push out those of others,
 * and who asks at once is answered however many do not.
 *
 * libmicrohttpd's own limits do not do that: its time-out begins anew with each byte, and its limits (of all,
 * of one address) turn away who comes, not who keeps others waiting.
 *
 * Giving way is shutdown(2): the thread of that connection finds its end and closes it. Any thread.
 */
#ifndef NR_NET_CONNECTIONS_H
#define NR_NET_CONNECTIONS_H

#include "base/json.h"
#include "base/time.h"

#include <sys/socket.h>

/* Defaults of the conf; 0 in it takes them. */
#define NR_CONNECTIONS_ASK    (10 * NR_SECOND) /* from the connection to the end of its first request */
#define NR_CONNECTIONS_REST   (30 * NR_SECOND) /* from an answer to the end of the next request */
#define NR_CONNECTIONS_ANSWER (5 * NR_MINUTE)  /* until an answer has been taken; live streams: no limit */

struct nr_connections_conf {
	size_t limit;  /* connections at once */
	size_t places; /* and with those that are closing */
	nr_time ask, rest, answer;
};

enum nr_connection_phase {
	NR_CONNECTION_ASKING,    /* the request has not come to its end */
	NR_CONNECTION_ANSWERED,  /* it has; until the answer has been taken */
	NR_CONNECTION_LISTENING, /* likewise, to a stream without end */
};

struct nr_connections;
struct nr_connection;

int nr_connections_new(const struct nr_connections_conf *conf, struct nr_connections **ret_connections,
	struct nr_error *error);
void nr_connections_free(struct nr_connections *connections);

/* now: of one clock that is never set. A connection that finds no place is shut down, and NULL; the functions
 * below take it. IPv6: an address is its /64, which is what one client has. */
struct nr_connection *nr_connections_add(
	struct nr_connections *connections, int socket, const struct sockaddr *address, nr_time now);
/* Before the socket is closed. */
void nr_connections_remove(struct nr_connections *connections, struct nr_connection *connection);
void nr_connections_turn(struct nr_connections *connections, struct nr_connection *connection,
	enum nr_connection_phase phase, nr_time now);
/* Shuts down those whose time is over; about once a second. */
void nr_connections_expire(struct nr_connections *connections, nr_time now);

struct nr_connections_figures {
	size_t open;
	uint64_t overdue; /* whose time was over */
	uint64_t shed;    /* that gave way, because there were too many */
};
void nr_connections_figures(struct nr_connections *connections, struct nr_connections_figures *ret_figures);

/* "http": {...} of the status. */
void nr_connections_write_status(struct nr_connections *connections, struct nr_json *json);

#endif
