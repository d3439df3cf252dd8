/* SPDX-License-Identifier: Apache-2.0 */
/* IPFIX over TCP (RFC 7011 10.4): each connection is a stream with a state of its own, which ends with it. */
#include "sense/flow/live/live_inside.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define READ_BYTES   65536
#define READ_ROUNDS  8                /* of one connection, before the others have their turn */
#define FIRST_WORDS  (60 * NR_SECOND) /* from the connection to its first whole message */
#define ACCEPT_TURNS 64

struct nr_flow_stream_peer {
	struct nr_flow_stream_peer *next, *before;
	int socket;
	bool spoke; /* a whole message has come */
	struct nr_connection *connection;
	struct nr_flow_stream_in *stream;
};

struct nr_flow_streams {
	struct nr_flow_collector *collector;
	struct nr_flow_numbers *numbers;
	int epoll;
	struct nr_connections *connections;
	struct nr_flow_stream_peer peers; /* head of a ring */
	uint8_t bytes[READ_BYTES];
};

static nr_time steady_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

int nr_flow_streams_new(struct nr_flow_collector *collector, struct nr_flow_numbers *numbers, int epoll,
	size_t limit, struct nr_flow_streams **ret_streams, struct nr_error *error)
{
	struct nr_flow_streams *streams = calloc(1, sizeof *streams);
	if (!streams)
		return nr_fail(error, -ENOMEM, "out of memory");
	const struct nr_connections_conf conf = {.limit = limit, .places = 2 * limit, .ask = FIRST_WORDS};
	streams->collector = collector;
	streams->numbers = numbers;
	streams->epoll = epoll;
	streams->peers.next = streams->peers.before = &streams->peers;
	int rc = nr_connections_new(&conf, &streams->connections, error);
	if (rc) {
		free(streams);
		return rc;
	}
	*ret_streams = streams;
	return 0;
}

static void close_peer(struct nr_flow_streams *streams, struct nr_flow_stream_peer *peer)
{
	nr_flow_stream_close(peer->stream);
	nr_connections_remove(streams->connections, peer->connection);
	close(peer->socket); /* which takes it out of epoll */
	peer->before->next = peer->next;
	peer->next->before = peer->before;
	free(peer);
}

void nr_flow_streams_free(struct nr_flow_streams *streams)
{
	if (!streams)
		return;
	while (streams->peers.next != &streams->peers)
		close_peer(streams, streams->peers.next);
	nr_connections_free(streams->connections);
	free(streams);
}

static void read_address(
	const struct sockaddr_storage *from, struct nr_address *ret_address, uint16_t *ret_port)
{
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
		*ret_address = nr_address_from_ipv4(ntohl(v4->sin_addr.s_addr));
		*ret_port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
		memcpy(ret_address->octets, &v6->sin6_addr, sizeof ret_address->octets);
		*ret_port = ntohs(v6->sin6_port);
	}
}

static void open_peer(struct nr_flow_streams *streams, int socket, const struct sockaddr_storage *from)
{
	struct nr_flow_stream_peer *peer = calloc(1, sizeof *peer);
	struct nr_address address;
	uint16_t port;
	read_address(from, &address, &port);
	if (!peer || nr_flow_stream_open(streams->collector, &address, port, &peer->stream, NULL) != 0) {
		streams->numbers->connections_shed++;
		free(peer);
		close(socket);
		return;
	}
	peer->socket = socket;
	peer->connection =
		nr_connections_add(streams->connections, socket, (const struct sockaddr *)from, steady_now());
	peer->next = streams->peers.next;
	peer->before = &streams->peers;
	peer->next->before = peer;
	streams->peers.next = peer;
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = peer};
	streams->numbers->connections++;
	if (!peer->connection || epoll_ctl(streams->epoll, EPOLL_CTL_ADD, socket, &event) < 0) {
		streams->numbers->connections_shed++;
		close_peer(streams, peer);
	}
}

void nr_flow_streams_accept(struct nr_flow_streams *streams, int listener)
{
	for (int i = 0; i < ACCEPT_TURNS; i++) {
		struct sockaddr_storage from = {0};
		socklen_t length = sizeof from;
		int socket =
			accept4(listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (socket < 0)
			return;
		open_peer(streams, socket, &from);
	}
}

/* Who has said one whole message is an exporter; until then it must hurry. */
static void note_words(struct nr_flow_streams *streams, struct nr_flow_stream_peer *peer, uint64_t before)
{
	if (peer->spoke || nr_flow_collector_counts(streams->collector).messages == before)
		return;
	peer->spoke = true;
	nr_connections_turn(streams->connections, peer->connection, NR_CONNECTION_LISTENING, steady_now());
}

int nr_flow_streams_read(
	struct nr_flow_streams *streams, struct nr_flow_stream_peer *peer, struct nr_error *error)
{
	for (int i = 0; i < READ_ROUNDS; i++) {
		ssize_t length = read(peer->socket, streams->bytes, sizeof streams->bytes);
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (length <= 0) {
			close_peer(streams, peer);
			return 0;
		}
		uint64_t before = nr_flow_collector_counts(streams->collector).messages;
		streams->numbers->bytes += (uint64_t)length;
		int rc = nr_flow_stream_feed(
			peer->stream, streams->bytes, (size_t)length, nr_time_now(), error);
		if (rc == -EBADMSG) {
			streams->numbers->streams_broken++;
			close_peer(streams, peer);
			return 0;
		}
		if (rc)
			return rc;
		note_words(streams, peer, before);
	}
	return 0;
}

int nr_flow_streams_drain(struct nr_flow_streams *streams, struct nr_error *error)
{
	int rc = 0;
	for (struct nr_flow_stream_peer *peer = streams->peers.next, *next;
		rc == 0 && peer != &streams->peers; peer = next) {
		next = peer->next;
		rc = nr_flow_streams_read(streams, peer, error);
	}
	return rc;
}

void nr_flow_streams_expire(struct nr_flow_streams *streams)
{
	nr_connections_expire(streams->connections, steady_now());
}
