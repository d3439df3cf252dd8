/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines and who gives way, on a simulated clock with socket pairs. */
#include "net/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT  4
#define PLACES 6

static struct nr_connections *connections;

/* One client: its end of a pair, and the server's. */
struct client {
	int ours, theirs;
	struct nr_connection *connection;
};

static int setup(void **state)
{
	(void)state;
	const struct nr_connections_conf conf = {.limit = LIMIT, .places = PLACES};
	return nr_connections_new(&conf, &connections, NULL);
}

static int teardown(void **state)
{
	(void)state;
	nr_connections_free(connections);
	return 0;
}

static struct client come(const char *address, nr_time now)
{
	struct client client;
	int pair[2];
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	bool six = inet_pton(AF_INET6, address, &in6.sin6_addr) == 1;
	assert_true(six || inet_pton(AF_INET, address, &in.sin_addr) == 1);
	client.ours = pair[0];
	client.theirs = pair[1];
	client.connection = nr_connections_add(connections, client.theirs,
		six ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in, now);
	return client;
}

static void leave(struct client *client)
{
	nr_connections_remove(connections, client->connection);
	close(client->theirs);
	close(client->ours);
}

/* Nothing is ever sent: the client reads its end when it was shut down, and else has to wait. */
static bool is_open(const struct client *client)
{
	char byte;
	ssize_t got = recv(client->ours, &byte, 1, MSG_DONTWAIT);
	assert_true(got == 0 || (got < 0 && errno == EAGAIN));
	return got < 0;
}

static struct nr_connections_figures figures(void)
{
	struct nr_connections_figures f;
	nr_connections_figures(connections, &f);
	return f;
}

static void test_deadlines(void **state)
{
	(void)state;
	struct client slow = come("192.0.2.1", 0), kept = come("192.0.2.2", 0), taking = come("192.0.2.3", 0),
		      listening = come("192.0.2.4", 0);
	nr_connections_turn(connections, kept.connection, NR_CONNECTION_ANSWERED, 0);
	nr_connections_turn(connections, kept.connection, NR_CONNECTION_ASKING, 0);
	nr_connections_turn(connections, taking.connection, NR_CONNECTION_ANSWERED, 0);
	nr_connections_turn(connections, listening.connection, NR_CONNECTION_LISTENING, 0);
	const struct {
		nr_time until;
		const struct client *client;
	} cases[] = {
		{NR_CONNECTIONS_ASK, &slow}, {NR_CONNECTIONS_REST, &kept}, {NR_CONNECTIONS_ANSWER, &taking}};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		nr_connections_expire(connections, cases[i].until - 1);
		assert_true(is_open(cases[i].client));
		nr_connections_expire(connections, cases[i].until);
		assert_false(is_open(cases[i].client));
		nr_connections_expire(connections, cases[i].until); /* is not closed twice */
		assert_int_equal(figures().overdue, i + 1);
	}
	nr_connections_expire(connections, 365 * NR_DAY);
	assert_true(is_open(&listening));
	leave(&slow);
	leave(&kept);
	leave(&taking);
	leave(&listening);
	assert_int_equal(figures().open, 0);
	assert_int_equal(figures().shed, 0);
}

/* Who gives way when a fifth comes: '.' asks, 'a' is being answered, 'l' listens. */
static void test_giving_way(void **state)
{
	(void)state;
	static const struct {
		const char *addresses[LIMIT + 1], *phases;
		int gone;
	} cases[] = {
		/* all of one address: who has asked for longest */
		{{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, "....", 0},
		{{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, "al..", 2},
		/* nobody else asks: the newcomer itself, not one who is being answered */
		{{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, "aall", 4},
		/* of the address that has most, whatever they do; the newcomer of another stays */
		{{"192.0.2.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, "....", 1},
		{{"192.0.2.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, ".lal", 1},
		{{"192.0.2.9", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"}, ".la.", 3},
		/* all have one: who has asked for longest */
		{{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"}, "al..", 2},
		/* a /64 is one client, IPv4 in IPv6 is not */
		{{"2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "2001:db8:0:3::1"},
			"....", 1},
		{{"::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.2", "::ffff:192.0.2.3", "192.0.2.4"},
			"....", 1},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct client clients[LIMIT + 1];
		uint64_t shed = figures().shed;
		for (int j = 0; j <= LIMIT; j++) {
			clients[j] = come(cases[i].addresses[j], j);
			if (j < LIMIT && cases[i].phases[j] != '.')
				nr_connections_turn(connections, clients[j].connection,
					cases[i].phases[j] == 'a' ? NR_CONNECTION_ANSWERED
								  : NR_CONNECTION_LISTENING,
					j);
		}
		for (int j = 0; j <= LIMIT; j++)
			if (is_open(&clients[j]) == (j == cases[i].gone))
				fail_msg("case %zu: client %d is %s", i, j,
					j == cases[i].gone ? "open" : "closed");
		assert_int_equal(figures().shed, shed + 1);
		for (int j = 0; j <= LIMIT; j++)
			leave(&clients[j]);
		assert_int_equal(figures().open, 0);
	}
}

/* Those that are closing do not count, until there is no place at all. */
static void test_no_place(void **state)
{
	(void)state;
	struct client clients[PLACES + 1];
	uint64_t shed = figures().shed;
	for (int i = 0; i <= PLACES; i++)
		clients[i] = come("192.0.2.1", i);
	assert_null(clients[PLACES].connection);
	for (int i = 0; i <= PLACES; i++)
		assert_int_equal(is_open(&clients[i]), i >= PLACES - LIMIT && i < PLACES);
	assert_int_equal(figures().shed, shed + PLACES - LIMIT + 1);
	for (int i = 0; i <= PLACES; i++)
		leave(&clients[i]);
	assert_int_equal(figures().open, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_giving_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
