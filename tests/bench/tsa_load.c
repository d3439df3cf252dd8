/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a time-stamp authority over HTTP: connections that are kept, one request outstanding on each.
 *Without a rate each asks again as soon as it is answered; with one, requests are due at even times and what
 *is late counts as waiting, so that a slow answer shows in all that come after it. One thread. Prints one
 *line of JSON.
 *
 *	usage: bench-tsa-load ADDRESS:PORT QUERY-FILE CONNECTIONS SECONDS [RATE]
 */
#include "base/file.h"
#include "base/time.h"
#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#define CONNECTIONS_MAX 512
#define SAMPLES_MAX     (1u << 22)

struct connection {
	int socket;
	nr_time due; /* when its request should have gone out; 0: it is idle */
	char answer[16384];
	size_t length;
};

struct load {
	struct connection connections[CONNECTIONS_MAX];
	size_t count;
	char request[4096];
	size_t request_length;
	uint32_t *samples; /* us */
	size_t sample_count, failed;
	nr_time next, step; /* step 0: without a rate */
};

static nr_time now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

static int connect_to(const struct nr_listen *to)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(to->port)};
	address.sin_addr.s_addr = htonl(nr_address_ipv4(&to->address));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static bool read_query(struct load *load, const char *path)
{
	NR_AUTO(nr_freep) uint8_t *query = NULL;
	size_t length;
	if (nr_file_read(path, 1024, &query, &length, NULL) != 0)
		return false;
	int head = snprintf(load->request, sizeof load->request,
		"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/timestamp-query\r\n"
		"Content-Length: %zu\r\n\r\n",
		length);
	memcpy(load->request + head, query, length);
	load->request_length = (size_t)head + length;
	return true;
}

static void ask(struct load *load, struct connection *connection, nr_time due)
{
	connection->due = due;
	connection->length = 0;
	if (send(connection->socket, load->request, load->request_length, MSG_NOSIGNAL) !=
		(ssize_t)load->request_length)
		load->failed++;
}

/* Whether the answer is whole; *ret_good: it is a token's. */
static bool is_whole(const struct connection *connection, bool *ret_good)
{
	const char *end = memmem(connection->answer, connection->length, "\r\n\r\n", 4);
	const char *field =
		end ? memmem(connection->answer, (size_t)(end - connection->answer), "Content-Length: ", 16)
		    : NULL;
	if (!field)
		return false;
	size_t body = strtoul(field + 16, NULL, 10), head = (size_t)(end + 4 - connection->answer);
	*ret_good = strncmp(connection->answer, "HTTP/1.1 200", 12) == 0 &&
		    body > 300; /* a rejection is shorter */
	return connection->length >= head + body;
}

static void take(struct load *load, struct connection *connection)
{
	bool good = false;
	ssize_t got = recv(connection->socket, connection->answer + connection->length,
		sizeof connection->answer - connection->length, 0);
	if (got <= 0) {
		load->failed += got == 0 || errno != EAGAIN;
		return;
	}
	connection->length += (size_t)got;
	if (!is_whole(connection, &good))
		return;
	nr_time t = now();
	if (load->sample_count < SAMPLES_MAX)
		load->samples[load->sample_count++] = (uint32_t)(t - connection->due);
	load->failed += !good;
	connection->due = 0;
	if (!load->step)
		ask(load, connection, t);
}

/* Requests that are due go out on idle connections; where none is idle they wait, and their time runs. */
static void send_due(struct load *load)
{
	nr_time t = now();
	for (size_t i = 0; load->step && load->next <= t && i < load->count; i++) {
		if (load->connections[i].due)
			continue;
		ask(load, &load->connections[i], load->next);
		load->next += load->step;
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void run(struct load *load, int poll, nr_time end)
{
	struct epoll_event events[CONNECTIONS_MAX];
	for (size_t i = 0; !load->step && i < load->count; i++)
		ask(load, &load->connections[i], now());
	while (now() < end) {
		send_due(load);
		/* asleep until something is due: a loader that spins takes the processor from the authority
		 */
		nr_time pause = load->step ? NR_MAX(load->next - now(), 0) : NR_SECOND / 10;
		struct timespec wait = {.tv_sec = pause / NR_SECOND, .tv_nsec = pause % NR_SECOND * 1000};
		int ready = epoll_pwait2(poll, events, CONNECTIONS_MAX, &wait, NULL);
		for (int i = 0; i < ready; i++)
			take(load, events[i].data.ptr);
	}
}

int main(int argc, char **argv)
{
	static struct load load;
	struct nr_listen to;
	if (argc < 5 || nr_listen_parse(argv[1], &to, NULL) != 0 || !read_query(&load, argv[2]))
		return 2;
	load.count = NR_MIN(strtoul(argv[3], NULL, 10), CONNECTIONS_MAX);
	nr_time length = (nr_time)strtoul(argv[4], NULL, 10) * NR_SECOND;
	double rate = argc > 5 ? strtod(argv[5], NULL) : 0;
	load.step = rate > 0 ? (nr_time)NR_MAX((double)NR_SECOND / rate, 1.0) : 0;
	load.samples = malloc(SAMPLES_MAX * sizeof *load.samples);
	int poll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < load.count; i++) {
		struct connection *connection = &load.connections[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
		connection->socket = connect_to(&to);
		if (!load.samples || connection->socket < 0 ||
			epoll_ctl(poll, EPOLL_CTL_ADD, connection->socket, &event) != 0)
			return 1;
	}
	nr_time start = now();
	load.next = start;
	run(&load, poll, start + length);
	double seconds = (double)(now() - start) / (double)NR_SECOND;
	size_t count = load.sample_count;
	qsort(load.samples, count, sizeof *load.samples, compare);
	printf("{\"tokens_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"failed\":%zu}\n",
		(double)count / seconds, count ? load.samples[count / 2] : 0,
		count ? load.samples[count * 99 / 100] : 0, count ? load.samples[count - 1] : 0, load.failed);
	free(load.samples);
	return count ? 0 : 1;
}
