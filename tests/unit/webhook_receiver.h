/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver of webhooks on loopback that answers each request as it was told to, and remembers it. */
#ifndef NR_TESTS_WEBHOOK_RECEIVER_H
#define NR_TESTS_WEBHOOK_RECEIVER_H

#include "base/base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
/* cmocka wants the above first */
#include <cmocka.h>

enum answer {
	ANSWER_OK,
	ANSWER_500,
	ANSWER_400,
	ANSWER_REDIRECT, /* to the receiver's own /elsewhere */
	ANSWER_RESET,    /* the connection ends without an answer */
	ANSWER_STALL,    /* the connection stays without an answer */
	ANSWER_GARBAGE,
	ANSWER_ENDLESS, /* OK, and a body of a gigabyte */
};

struct request {
	char path[64], signature[128];
	uint64_t event;
	char *body; /* owned */
	size_t length;
};

#define REQUESTS_MAX 64

struct receiver_site {
	int socket, stop[2];
	uint16_t port;
	char url[64];
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum answer answers[REQUESTS_MAX]; /* by number of the request; ANSWER_OK after the last */
	struct request requests[REQUESTS_MAX];
	size_t count;
	int stalled[REQUESTS_MAX];
	size_t stalled_count;
	size_t taken; /* bytes of an endless answer */
};

static inline void receiver_header(const char *head, const char *name, char *text, size_t room)
{
	const char *at = strstr(head, name);
	text[0] = '\0';
	if (at)
		snprintf(text, room, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
}

/* The whole request, or false. */
static inline bool receiver_read(int file, struct request *request)
{
	static char bytes[1 << 20];
	size_t have = 0, wanted = sizeof bytes - 1;
	char text[32], *body = NULL;
	while (have < wanted) {
		ssize_t got = read(file, bytes + have, wanted - have);
		if (got <= 0)
			return false;
		have += (size_t)got;
		bytes[have] = '\0';
		if (!body && (body = strstr(bytes, "\r\n\r\n"))) {
			body += 4;
			receiver_header(bytes, "Content-Length: ", text, sizeof text);
			wanted = (size_t)(body - bytes) + strtoul(text, NULL, 10);
		}
	}
	sscanf(bytes, "POST %63s ", request->path);
	receiver_header(bytes, "Noroshi-Event: ", text, sizeof text);
	request->event = strtoull(text, NULL, 10);
	receiver_header(bytes, "Noroshi-Signature: ", request->signature, sizeof request->signature);
	request->body = strdup(body);
	request->length = strlen(body);
	return true;
}

static inline void receiver_answer_endlessly(struct receiver_site *site, int file)
{
	static const char bytes[65536], head[] = "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
	(void)!send(file, head, sizeof head - 1, MSG_NOSIGNAL);
	for (ssize_t n = 0; n >= 0 && site->taken < 1u << 30; site->taken += (size_t)NR_MAX(n, 0))
		n = send(file, bytes, sizeof bytes, MSG_NOSIGNAL);
	close(file);
}

static inline void receiver_answer(struct receiver_site *site, int file, enum answer answer)
{
	char text[256];
	const char *status = answer == ANSWER_OK    ? "204 No Content"
			     : answer == ANSWER_500 ? "500 Internal Server Error"
			     : answer == ANSWER_400 ? "400 Bad Request"
						    : "307 Temporary Redirect";
	if (answer == ANSWER_ENDLESS) {
		receiver_answer_endlessly(site, file);
		return;
	}
	if (answer == ANSWER_STALL) {
		site->stalled[site->stalled_count++] = file;
		return;
	}
	int length = snprintf(text, sizeof text,
		"HTTP/1.1 %s\r\nLocation: %s/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		status, site->url);
	if (answer == ANSWER_GARBAGE)
		length = snprintf(text, sizeof text, "\x01\x02 not HTTP\r\n\r\n");
	if (answer == ANSWER_RESET) {
		struct linger linger = {1, 0};
		setsockopt(file, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	} else {
		(void)!write(file, text, (size_t)length);
	}
	close(file);
}

static inline void *receiver_main(void *context)
{
	struct receiver_site *site = context;
	struct pollfd files[2] = {{site->socket, POLLIN, 0}, {site->stop[0], POLLIN, 0}};
	while (poll(files, 2, -1) > 0 && !files[1].revents) {
		int file = accept4(site->socket, NULL, NULL, SOCK_CLOEXEC);
		struct request request = {.event = 0};
		if (file < 0 || !receiver_read(file, &request)) {
			close(file);
			continue;
		}
		pthread_mutex_lock(&site->lock);
		enum answer answer = site->answers[site->count];
		pthread_mutex_unlock(&site->lock);
		receiver_answer(site, file, answer);
		pthread_mutex_lock(&site->lock);
		if (site->count < REQUESTS_MAX - 1)
			site->requests[site->count++] = request;
		pthread_cond_broadcast(&site->changed);
		pthread_mutex_unlock(&site->lock);
	}
	return NULL;
}

/* It listens, and answers when receiver_run() is called: processes are forked in between, before there are
 * threads. port 0: any; else the one that an earlier receiver had. */
static inline void receiver_start(struct receiver_site *site, uint16_t port)
{
	memset(site, 0, sizeof *site);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int one = 1;
	site->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(site->socket, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	assert_int_equal(bind(site->socket, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(site->socket, 16), 0);
	getsockname(site->socket, (struct sockaddr *)&address, &length);
	site->port = ntohs(address.sin_port);
	snprintf(site->url, sizeof site->url, "http://127.0.0.1:%u", site->port);
	assert_int_equal(pipe(site->stop), 0);
	pthread_mutex_init(&site->lock, NULL);
	pthread_cond_init(&site->changed, NULL);
}

static inline void receiver_run(struct receiver_site *site)
{
	site->runs = true;
	assert_int_equal(pthread_create(&site->thread, NULL, receiver_main, site), 0);
}

/* Waits until there have been so many requests. */
static inline void receiver_wait(struct receiver_site *site, size_t count)
{
	pthread_mutex_lock(&site->lock);
	while (site->count < count)
		pthread_cond_wait(&site->changed, &site->lock);
	pthread_mutex_unlock(&site->lock);
}

static inline void receiver_stop(struct receiver_site *site)
{
	if (site->runs) {
		(void)!write(site->stop[1], "x", 1);
		pthread_join(site->thread, NULL);
	}
	close(site->socket);
	close(site->stop[0]);
	close(site->stop[1]);
	for (size_t i = 0; i < site->stalled_count; i++)
		close(site->stalled[i]);
	for (size_t i = 0; i < site->count; i++)
		free(site->requests[i].body);
}

#endif
