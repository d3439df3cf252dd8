/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams over loopback: what arrives, from whom, what was dropped, and who of a group gets it. */
#include "net/datagrams.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

struct rig {
	struct nr_listen listen;
	int sockets[NR_DATAGRAMS_SOCKETS];
	unsigned count;
	uint64_t granted;
	struct nr_datagrams *datagrams;
};

static void rig_init(
	struct rig *rig, const char *address, unsigned count, uint64_t buffer, size_t room, bool joined)
{
	struct nr_error error = {0};
	*rig = (struct rig){.count = count};
	assert_int_equal(nr_listen_parse(address, &rig->listen, &error), 0);
	const struct nr_datagrams_conf conf = {count, buffer, joined};
	if (nr_datagrams_listen(&rig->listen, &conf, rig->sockets, &rig->granted, &error))
		fail_msg("%s", error.text);
	assert_int_equal(nr_datagrams_new(room, &rig->datagrams, &error), 0);
}

static void rig_fini(struct rig *rig)
{
	nr_datagrams_free(rig->datagrams);
	for (unsigned i = 0; i < rig->count; i++)
		close(rig->sockets[i]);
}

/* A sender bound to 127.x.y.z, or to ::1. */
static int sender(const struct rig *rig, uint32_t from)
{
	bool v4 = nr_address_is_ipv4(&rig->listen.address);
	int file = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
	struct sockaddr_in to4 = {.sin_family = AF_INET,
		.sin_port = htons(rig->listen.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 to6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(rig->listen.port), .sin6_addr = in6addr_loopback};
	assert_true(file >= 0);
	if (v4) {
		assert_int_equal(bind(file, (struct sockaddr *)&local, sizeof local), 0);
		assert_int_equal(connect(file, (struct sockaddr *)&to4, sizeof to4), 0);
	} else {
		assert_int_equal(connect(file, (struct sockaddr *)&to6, sizeof to6), 0);
	}
	return file;
}

static void test_arrive(void **state)
{
	const char *const addresses[] = {"127.0.0.1:0", "[::1]:0"};
	(void)state;
	for (size_t a = 0; a < NR_COUNT(addresses); a++) {
		NR_AUTO(rig_fini) struct rig rig;
		rig_init(&rig, addresses[a], 1, 1 << 20, NR_DATAGRAMS_ROOM, false);
		assert_true(rig.granted >= 4096);
		const struct nr_datagram *batch;
		assert_int_equal(nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch), 0);
		NR_AUTO(nr_close_fd) int out = sender(&rig, 0x7f000002);
		static uint8_t bytes[60000];
		for (unsigned i = 0; i < 70; i++) {
			size_t length = i == 3 ? 0 : i == 4 ? sizeof bytes : i;
			bytes[0] = (uint8_t)i;
			assert_int_equal(send(out, bytes, length, 0), length);
		}
		assert_int_equal(
			nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch), NR_DATAGRAMS_BATCH);
		struct nr_address from =
			a ? (struct nr_address){{[15] = 1}} : nr_address_from_ipv4(0x7f000002);
		for (unsigned i = 0; i < NR_DATAGRAMS_BATCH; i++) {
			assert_int_equal(batch[i].length, i == 3 ? 0 : i == 4 ? sizeof bytes : i);
			assert_true(i == 0 || i == 3 || batch[i].bytes[0] == i);
			assert_true(nr_address_equal(&batch[i].source, &from));
			assert_false(batch[i].truncated);
		}
		assert_int_equal(nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch), 6);
		assert_int_equal(batch[5].bytes[0], 69);
	}
}

/* Joined on the way, as a network card does it: they come apart as they were sent. */
static void test_joined(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	const struct nr_datagram *batch;
	static uint8_t bytes[20000];
	unsigned seen = 0;
	(void)state;
	rig_init(&rig, "127.0.0.1:0", 1, 1 << 20, NR_DATAGRAMS_ROOM, true);
	NR_AUTO(nr_close_fd) int out = sender(&rig, 0x7f000005);
	if (setsockopt(out, SOL_UDP, UDP_SEGMENT, &(int){700}, sizeof(int)) < 0)
		skip();
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i / 700);
	for (unsigned turn = 0; turn < 3; turn++)
		assert_int_equal(send(out, bytes, sizeof bytes, 0), sizeof bytes);
	assert_int_equal(send(out, bytes, 99, 0), 99); /* a single one behind them */
	for (int n; (n = nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch)) > 0;)
		for (int k = 0; k < n; k++, seen++) {
			bool last = seen % 29 == 28, single = seen == 3 * 29;
			assert_int_equal(batch[k].length, single ? 99 : last ? sizeof bytes - 28 * 700 : 700);
			assert_int_equal(batch[k].bytes[0], seen % 29);
			assert_int_equal(batch[k].bytes[batch[k].length - 1], seen % 29);
			assert_int_equal(nr_address_ipv4(&batch[k].source), 0x7f000005);
			assert_false(batch[k].truncated);
		}
	assert_int_equal(seen, 3 * 29 + 1);
}

static void test_truncated(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	const struct nr_datagram *batch;
	(void)state;
	rig_init(&rig, "127.0.0.1:0", 1, 1 << 20, 100, false);
	NR_AUTO(nr_close_fd) int out = sender(&rig, INADDR_LOOPBACK);
	const uint8_t bytes[101] = {1};
	assert_int_equal(send(out, bytes, 100, 0), 100);
	assert_int_equal(send(out, bytes, 101, 0), 101);
	assert_int_equal(nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch), 2);
	assert_false(batch[0].truncated);
	assert_true(batch[1].truncated);
	assert_int_equal(batch[1].length, 100);
}

/* Sent is read and dropped, exactly. */
static void test_dropped(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	const struct nr_datagram *batch;
	uint32_t before, after;
	unsigned read = 0;
	(void)state;
	rig_init(&rig, "127.0.0.1:0", 1, 64 << 10, NR_DATAGRAMS_ROOM, false);
	assert_int_equal(nr_datagrams_dropped(rig.sockets[0], &before), 0);
	assert_int_equal(before, 0);
	NR_AUTO(nr_close_fd) int out = sender(&rig, INADDR_LOOPBACK);
	const uint8_t bytes[1400] = {0};
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(send(out, bytes, sizeof bytes, 0), sizeof bytes);
	for (int n; (n = nr_datagrams_read(rig.datagrams, rig.sockets[0], &batch)) > 0;)
		read += (unsigned)n;
	assert_int_equal(nr_datagrams_dropped(rig.sockets[0], &after), 0);
	assert_true(after > 0 && read > 0);
	assert_int_equal(read + after, 1000);
}

/* All datagrams of an address come to one socket, whatever their port; addresses are spread. */
static void test_steered(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	const struct nr_datagram *batch;
	unsigned of_socket[4] = {0}, total = 0;
	int home[64];
	(void)state;
	rig_init(&rig, "0.0.0.0:0", 4, 1 << 20, NR_DATAGRAMS_ROOM, false);
	memset(home, -1, sizeof home);
	for (unsigned port = 0; port < 4; port++)
		for (unsigned i = 0; i < NR_COUNT(home); i++) {
			NR_AUTO(nr_close_fd) int out = sender(&rig, 0x7f000100 + i);
			assert_int_equal(send(out, &i, sizeof i, 0), sizeof i);
		}
	for (unsigned s = 0; s < rig.count; s++)
		for (int n; (n = nr_datagrams_read(rig.datagrams, rig.sockets[s], &batch)) > 0;)
			for (int k = 0; k < n; k++) {
				unsigned i;
				memcpy(&i, batch[k].bytes, sizeof i);
				assert_true(home[i] < 0 || home[i] == (int)s);
				home[i] = (int)s;
				of_socket[s]++;
				total++;
			}
	assert_int_equal(total, 4 * NR_COUNT(home));
	for (unsigned s = 0; s < rig.count; s++)
		assert_in_range(of_socket[s], 4 * 4, 4 * 40);
}

static void test_refused(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	struct nr_error error = {0};
	int second;
	uint64_t granted;
	(void)state;
	rig_init(&rig, "127.0.0.1:0", 1, 1 << 20, 100, false);
	struct nr_datagrams_conf conf = {.count = 1, .buffer = 1 << 20};
	assert_int_equal(nr_datagrams_listen(&rig.listen, &conf, &second, &granted, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "in use"));
	conf.count = 65;
	assert_int_equal(nr_datagrams_listen(&rig.listen, &conf, &second, &granted, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrive),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_steered),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
