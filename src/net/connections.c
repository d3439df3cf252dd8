/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connections.h"

#include "base/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>

struct nr_connection {
	bool used, closing;
	bool kept; /* has been answered before */
	enum nr_connection_phase phase;
	int socket;
	unsigned peers;            /* connections of this address, itself among them, that are not closing */
	struct nr_address address; /* IPv6: the /64 */
	nr_time since;             /* when the phase began */
};

struct nr_connections {
	struct nr_connections_conf conf;
	pthread_mutex_t lock;
	struct nr_connection *places; /* conf.places */
	struct nr_connections_figures figures;
	size_t closing; /* of figures.open */
};

int nr_connections_new(const struct nr_connections_conf *conf, struct nr_connections **ret_connections,
	struct nr_error *error)
{
	struct nr_connections *connections = calloc(1, sizeof *connections);
	struct nr_connection *places = calloc(conf->places, sizeof *places);
	if (!connections || !places) {
		free(connections);
		free(places);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	connections->conf = *conf;
	connections->conf.ask = conf->ask ? conf->ask : NR_CONNECTIONS_ASK;
	connections->conf.rest = conf->rest ? conf->rest : NR_CONNECTIONS_REST;
	connections->conf.answer = conf->answer ? conf->answer : NR_CONNECTIONS_ANSWER;
	connections->places = places;
	pthread_mutex_init(&connections->lock, NULL);
	*ret_connections = connections;
	return 0;
}

void nr_connections_free(struct nr_connections *connections)
{
	if (!connections)
		return;
	pthread_mutex_destroy(&connections->lock);
	free(connections->places);
	free(connections);
}

/* ---- under the lock ---- */

static struct nr_address address_of(const struct sockaddr *address)
{
	struct nr_address client = {{0}};
	if (address && address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		client = nr_address_from_ipv4(ntohl(in.sin_addr.s_addr));
	} else if (address && address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		memcpy(client.octets, &in6.sin6_addr, sizeof client.octets);
		if (!nr_address_is_ipv4(&client))
			memset(client.octets + 8, 0, 8);
	}
	return client;
}

/* What the connection says to the counts of its address: one more, or one less. */
static void count_peers(struct nr_connections *connections, struct nr_connection *connection, int change)
{
	connection->peers = 0;
	for (size_t i = 0; i < connections->conf.places; i++) {
		struct nr_connection *other = &connections->places[i];
		if (other == connection || !other->used || other->closing ||
			!nr_address_equal(&other->address, &connection->address))
			continue;
		other->peers = (unsigned)((int)other->peers + change);
		connection->peers = other->peers;
	}
	connection->peers = NR_MAX(connection->peers, 1U);
}

/* It keeps its place until its thread has closed it. */
static void end(struct nr_connections *connections, struct nr_connection *connection)
{
	connection->closing = true;
	connections->closing++;
	count_peers(connections, connection, -1);
	shutdown(connection->socket, SHUT_RDWR);
}

/* Whether a is to give way rather than b: it is of the address that has more; it has not asked yet; it has
 * been at that for longer. */
static bool gives_way(const struct nr_connection *a, const struct nr_connection *b)
{
	bool a_asks = a->phase == NR_CONNECTION_ASKING, b_asks = b->phase == NR_CONNECTION_ASKING;
	if (a->peers != b->peers)
		return a->peers > b->peers;
	return a_asks != b_asks ? a_asks : a->since < b->since;
}

static void shed_one(struct nr_connections *connections)
{
	struct nr_connection *chosen = NULL;
	for (size_t i = 0; i < connections->conf.places; i++) {
		struct nr_connection *other = &connections->places[i];
		if (other->used && !other->closing && (!chosen || gives_way(other, chosen)))
			chosen = other;
	}
	if (!chosen)
		return;
	connections->figures.shed++;
	end(connections, chosen);
}

static struct nr_connection *find_place(const struct nr_connections *connections)
{
	for (size_t i = 0; i < connections->conf.places; i++)
		if (!connections->places[i].used)
			return &connections->places[i];
	return NULL;
}

static nr_time time_of(const struct nr_connections *connections, const struct nr_connection *connection)
{
	switch (connection->phase) {
	case NR_CONNECTION_ASKING:
		return connection->kept ? connections->conf.rest : connections->conf.ask;
	case NR_CONNECTION_ANSWERED:
		return connections->conf.answer;
	case NR_CONNECTION_LISTENING:
		break;
	}
	return NR_TIME_MAX;
}

/* ---- outside ---- */

struct nr_connection *nr_connections_add(
	struct nr_connections *connections, int socket, const struct sockaddr *address, nr_time now)
{
	pthread_mutex_lock(&connections->lock);
	struct nr_connection *connection = find_place(connections);
	if (connection) {
		*connection = (struct nr_connection){
			.used = true, .socket = socket, .address = address_of(address), .since = now};
		connections->figures.open++;
		count_peers(connections, connection, 1);
		if (connections->figures.open - connections->closing > connections->conf.limit)
			shed_one(connections);
	} else {
		connections->figures.shed++;
		shutdown(socket, SHUT_RDWR);
	}
	pthread_mutex_unlock(&connections->lock);
	return connection;
}

void nr_connections_remove(struct nr_connections *connections, struct nr_connection *connection)
{
	if (!connection)
		return;
	pthread_mutex_lock(&connections->lock);
	if (connection->closing)
		connections->closing--;
	else
		count_peers(connections, connection, -1);
	connections->figures.open--;
	connection->used = false;
	pthread_mutex_unlock(&connections->lock);
}

void nr_connections_turn(struct nr_connections *connections, struct nr_connection *connection,
	enum nr_connection_phase phase, nr_time now)
{
	if (!connection)
		return;
	pthread_mutex_lock(&connections->lock);
	connection->kept = connection->kept || phase != NR_CONNECTION_ASKING;
	connection->phase = phase;
	connection->since = now;
	pthread_mutex_unlock(&connections->lock);
}

void nr_connections_expire(struct nr_connections *connections, nr_time now)
{
	pthread_mutex_lock(&connections->lock);
	for (size_t i = 0; i < connections->conf.places; i++) {
		struct nr_connection *connection = &connections->places[i];
		if (!connection->used || connection->closing ||
			now - connection->since < time_of(connections, connection))
			continue;
		connections->figures.overdue++;
		end(connections, connection);
	}
	pthread_mutex_unlock(&connections->lock);
}

void nr_connections_figures(struct nr_connections *connections, struct nr_connections_figures *ret_figures)
{
	pthread_mutex_lock(&connections->lock);
	*ret_figures = connections->figures;
	pthread_mutex_unlock(&connections->lock);
}

void nr_connections_write_status(struct nr_connections *connections, struct nr_json *json)
{
	struct nr_connections_figures figures;
	nr_connections_figures(connections, &figures);
	nr_json_object(json, "http");
	nr_json_uint(json, "connections", figures.open);
	nr_json_uint(json, "limit", connections->conf.limit);
	nr_json_uint(json, "overdue", figures.overdue);
	nr_json_uint(json, "shed", figures.shed);
	nr_json_object_end(json);
}
