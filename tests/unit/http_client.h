/* SPDX-License-Identifier: Apache-2.0 */
/* A server over the sample store, and a client that sends exactly the bytes it is given. */
#ifndef NR_TESTS_HTTP_CLIENT_H
#define NR_TESTS_HTTP_CLIENT_H

#include "serve/flow_api.h"
#include "serve/flow_notebook.h"
#include "serve/server.h"
#include "store_sample.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define CLIENT_BYTES_MAX (8 * 1024 * 1024)

struct site {
	char folder[64], path[96];
	struct nr_store *store;
	struct nr_sensors *sensors;
	struct nr_events *events;
	struct nr_server *server;
	char flows[80]; /* an archive without flows, where uses are recorded */
	struct nr_flow_api *flow_api;
	struct nr_flow_notebook *notebook;
	uint16_t port;
};

struct page {
	int status; /* 0: the connection was closed without an answer */
	char *head, *body;
	size_t body_length;
	char *bytes; /* owned; head and body point into it */
};

static struct site site;
static const char *site_name_items[] = {"console.example"};
static const struct nr_texts site_names = {site_name_items, 1};

static inline int site_start(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	struct nr_error error = {0};
	snprintf(site.folder, sizeof site.folder, "%.40s/noroshi-http-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(site.folder))
		return -1;
	snprintf(site.path, sizeof site.path, "%s/store.db", site.folder);
	site.store = sample_store(site.path, NR_STORE_READ);
	if (!site.store)
		return -1;
	if (nr_sensors_new(&site.sensors, &error) != 0 ||
		nr_events_new(site.sensors, &site.events, &error) != 0)
		return -1;
	snprintf(site.flows, sizeof site.flows, "%s/flows", site.folder);
	if (mkdir(site.flows, 0700) != 0 || nr_flow_api_new(site.flows, 1, &site.flow_api, &error) != 0 ||
		nr_flow_notebook_open(site.flows, &site.notebook, &error) != 0)
		return -1;
	struct nr_server_conf conf = {.api = {.store = site.store,
					      .flow_api = site.flow_api,
					      .notebook = site.notebook,
					      .store_name = "store.db",
					      .sensors = site.sensors,
					      .events = site.events},
		.names = &site_names};
	if (nr_listen_parse("127.0.0.1:0", &conf.listen, &error) != 0 ||
		nr_listen_open(&conf.listen, &conf.socket, &error) != 0 ||
		nr_server_start(&conf, &site.server, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		return -1;
	}
	site.port = nr_server_listen(site.server)->port;
	return 0;
}

static inline int site_stop(void **state)
{
	(void)state;
	nr_store_interrupt(site.store);
	nr_server_stop(site.server);
	nr_events_free(site.events);
	nr_sensors_free(site.sensors);
	nr_flow_notebook_close(site.notebook);
	nr_flow_api_free(site.flow_api);
	nr_store_close(site.store);
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", site.folder);
	return system(command) == 0 ? 0 : -1;
}

static inline int client_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(site.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(file, (struct sockaddr *)&address, sizeof address) != 0) {
		close(file);
		return -1;
	}
	return file;
}

/* Up to the end of the connection. */
static inline struct page client_read(int file)
{
	struct page page = {.bytes = malloc(CLIENT_BYTES_MAX + 1)};
	size_t length = 0;
	ssize_t got;
	while (length < CLIENT_BYTES_MAX &&
		(got = read(file, page.bytes + length, CLIENT_BYTES_MAX - length)) > 0)
		length += (size_t)got;
	page.bytes[length] = '\0';
	page.head = page.bytes;
	page.body = strstr(page.bytes, "\r\n\r\n");
	if (page.body) {
		page.body[2] = '\0';
		page.body += 4;
		page.body_length = length - (size_t)(page.body - page.bytes);
	}
	if (strncmp(page.bytes, "HTTP/1.1 ", 9) == 0)
		page.status = atoi(page.bytes + 9);
	return page;
}

static inline struct page client_send(const char *bytes, size_t length)
{
	int file = client_connect();
	for (size_t sent = 0; sent < length;) {
		ssize_t n = send(file, bytes + sent, length - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	struct page page = client_read(file);
	close(file);
	return page;
}

/* headers: further lines, each with its "\r\n", or "". */
static inline struct page client_ask(const char *method, const char *target, const char *headers)
{
	char *request;
	int length = asprintf(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s\r\n",
		method, target, site.port, headers);
	struct page page = client_send(request, (size_t)length);
	free(request);
	return page;
}

static inline struct page client_get(const char *target)
{
	return client_ask("GET", target, "");
}

static inline void page_fini(struct page *page)
{
	free(page->bytes);
	page->bytes = NULL;
}

#endif
