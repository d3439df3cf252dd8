/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server from outside: methods, names, headers, limits, the console's files, and the command around
 * it. */
#include "http_client.h"
#include "lacking.h"
#include "serve/assets.h"
#include "serve/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static void test_only_reading(void **state)
{
	(void)state;
	static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"};
	for (size_t i = 0; i < NR_COUNT(methods); i++) {
		NR_AUTO(page_fini) struct page page = client_ask(methods[i], "/api/v1/status", "");
		assert_int_equal(page.status, 405);
		assert_non_null(strstr(page.head, "Allow: GET, HEAD\r\n"));
		assert_non_null(strstr(page.body, "\"code\":\"bad-method\""));
	}
	NR_AUTO(page_fini) struct page with_body = client_ask("POST", "/", "Content-Length: 5\r\n");
	assert_int_equal(with_body.status, 405);
	NR_AUTO(page_fini) struct page head = client_ask("HEAD", "/api/v1/status", "");
	assert_int_equal(head.status, 200);
	assert_int_equal(head.body_length, 0);
	assert_null(strstr(head.head, "Content-Length: 0\r\n"));
}

static struct page ask_host(const char *line)
{
	char request[512];
	int length = snprintf(
		request, sizeof request, "GET /api/v1/status HTTP/1.1\r\n%sConnection: close\r\n\r\n", line);
	return client_send(request, (size_t)length);
}

static void test_host(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after; /* our port between them where after is given */
		int status;
	} cases[] = {
		{"Host: 127.0.0.1:", "\r\n", 200},
		{"Host: localhost:", "\r\n", 200},
		{"Host: LocalHost:", "\r\n", 200},
		{"Host: [::1]:", "\r\n", 200},
		{"Host: 127.0.0.2:", "\r\n", 200},
		{"Host: console.example\r\n", NULL, 200},
		{"Host: console.example:443\r\n", NULL, 200},
		{"", NULL, 400},
		{"Host: \r\n", NULL, 400},
		{"Host: 127.0.0.1\r\n", NULL, 400},
		{"Host: 127.0.0.1:1\r\n", NULL, 400},
		{"Host: 192.0.2.1:", "\r\n", 400},
		{"Host: evil.example:", "\r\n", 400},
		{"Host: localhost.evil.example:", "\r\n", 400},
		{"Host: localhost@evil.example:", "\r\n", 400},
		{"Host: ::1:", "\r\n", 400},
		{"Host: [::1:", "\r\n", 400},
		{"Host: [127.0.0.1]:", "\r\n", 400},
		{"Host: localhost:", "x\r\n", 400},
		{"Host: localhost:-", "\r\n", 400},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char line[128];
		if (cases[i].after)
			snprintf(line, sizeof line, "%s%u%s", cases[i].before, site.port, cases[i].after);
		else
			snprintf(line, sizeof line, "%s", cases[i].before);
		NR_AUTO(page_fini) struct page page = ask_host(line);
		if (page.status != cases[i].status)
			fail_msg("%s: %d is not %d", line, page.status, cases[i].status);
	}
}

static void test_listening_elsewhere_takes_addresses_only(void **state)
{
	(void)state;
	struct nr_listen wide;
	assert_int_equal(nr_listen_parse("0.0.0.0:8480", &wide, NULL), 0);
	assert_false(wide.loopback);
	assert_true(nr_listen_is_for_us(&wide, &site_names, "192.0.2.1:8480"));
	assert_true(nr_listen_is_for_us(&wide, &site_names, "[2001:db8::1]:8480"));
	assert_true(nr_listen_is_for_us(&wide, &site_names, "console.example"));
	assert_false(nr_listen_is_for_us(&wide, &site_names, "evil.example:8480"));
	assert_false(nr_listen_is_for_us(&wide, &site_names, NULL));
}

static void test_security_headers(void **state)
{
	(void)state;
	static const char *const targets[] = {"/", "/telescope", "/none.js", "/api/v1/status", "/api/v1/none",
		"/api", "/api/v1/telescope/ports?limit=0", "/api/v1/telescope/ports?format=csv"};
	static const char policy[] = "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; "
				     "base-uri 'none'; form-action 'self'\r\n";
	static const char *const headers[] = {policy, "X-Content-Type-Options: nosniff\r\n",
		"Referrer-Policy: no-referrer\r\n", "Cross-Origin-Opener-Policy: same-origin\r\n",
		"Cross-Origin-Resource-Policy: same-origin\r\n"};
	for (size_t i = 0; i < NR_COUNT(targets); i++) {
		NR_AUTO(page_fini) struct page page = client_get(targets[i]);
		for (size_t j = 0; j < NR_COUNT(headers); j++) {
			if (!strstr(page.head, headers[j]))
				fail_msg("%s lacks %s", targets[i], headers[j]);
		}
		assert_null(strstr(page.head, "Access-Control-Allow"));
	}
}

static void test_not_found(void **state)
{
	(void)state;
	static const char *const targets[] = {"/none.js", "/../etc/passwd.txt", "/api", "/api/",
		"/api/v2/status", "/api/v1/", "/api/v1/none", "/api/v1/telescope/",
		"/api/v1/telescope/ports/"};
	for (size_t i = 0; i < NR_COUNT(targets); i++) {
		NR_AUTO(page_fini) struct page page = client_get(targets[i]);
		if (page.status != 404)
			fail_msg("%s: %d", targets[i], page.status);
		assert_non_null(strstr(page.body, "\"code\":\"not-found\""));
	}
}

#define MANY "a&a&a&a&a&a&a&a&a&" /* nine */

static void test_arguments(void **state)
{
	(void)state;
	static const struct {
		const char *arguments, *parameter;
	} cases[] = {
		{"form=2026-01-01", "form"},
		{"limit=5&limit=5", "limit"},
		{"limit=x", "limit"},
		{"format=xml", "format"},
		{"research=none", "research"},
		{"from=2026-01-02&to=2026-01-01", "to"},
		{"after=%27", "after"},
		{"class=a%00b", NULL},
		{MANY MANY MANY MANY "a", NULL},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char target[512], expected[64];
		snprintf(target, sizeof target, "/api/v1/telescope/ports?%s", cases[i].arguments);
		NR_AUTO(page_fini) struct page page = client_get(target);
		assert_int_equal(page.status, 400);
		assert_non_null(strstr(page.body, "\"code\":\"bad-parameter\""));
		snprintf(expected, sizeof expected, "\"parameter\":\"%s\"",
			cases[i].parameter ? cases[i].parameter : "");
		if (cases[i].parameter)
			assert_non_null(strstr(page.body, expected));
	}
	/* An empty filter is no filter. */
	NR_AUTO(page_fini) struct page page = client_get("/api/v1/telescope/ports?class=&protocol=&limit=1");
	assert_int_equal(page.status, 200);
}

static void test_limits(void **state)
{
	(void)state;
	static char target[64 * 1024];
	memset(target, 'a', sizeof target - 1);
	target[0] = '/';
	for (size_t length = 5000; length < sizeof target; length *= 3) {
		char end = target[length];
		target[length] = '\0';
		NR_AUTO(page_fini) struct page page = client_get(target);
		assert_true(page.status == 0 || (page.status >= 400 && page.status < 500));
		target[length] = end;
	}
	char *headers;
	target[30000] = '\0';
	assert_true(asprintf(&headers, "X-Long: %s\r\n", target) > 0);
	NR_AUTO(page_fini) struct page page = client_ask("GET", "/", headers);
	assert_true(page.status == 0 || (page.status >= 400 && page.status < 500));
	free(headers);
}

static void test_noise(void **state)
{
	(void)state;
	static const char *const noises[] = {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\nHost\r\n\r\n",
		"GET /%zz%0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"};
	for (size_t i = 0; i < NR_COUNT(noises); i++) {
		int file = client_connect();
		assert_true(file >= 0);
		assert_true(send(file, noises[i], strlen(noises[i]), MSG_NOSIGNAL) > 0);
		shutdown(file, SHUT_WR);
		NR_AUTO(page_fini) struct page page = client_read(file);
		assert_true(page.status == 0 || page.status >= 400);
		close(file);
	}
	NR_AUTO(page_fini) struct page page = client_get("/api/v1/status");
	assert_int_equal(page.status, 200);
}

#define DRIPPING 300 /* more than there may be connections */

/* Clients that send a byte of their request now and then do not keep others out, and others are not what
 * gives way. */
static void drip_many(void)
{
	static const char bytes[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX: y";
	int files[DRIPPING];
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		files[i] = client_connect();
		assert_true(files[i] >= 0);
	}
	for (size_t round = 0; round + 1 < sizeof bytes; round += 3) {
		for (size_t i = 0; i < NR_COUNT(files); i++)
			send(files[i], bytes + round, 1, MSG_NOSIGNAL); /* those that were shed cannot */
		NR_AUTO(page_fini) struct page page = client_get("/api/v1/status");
		assert_int_equal(page.status, 200);
		assert_non_null(strstr(page.body, "\"limit\":256"));
		assert_null(strstr(page.body, "\"shed\":0"));
	}
	for (size_t i = 0; i < NR_COUNT(files); i++)
		close(files[i]);
}

static void test_dripping_clients(void **state)
{
	(void)state;
	drip_many();
}

/* Sends a byte every 50 ms until the connection is closed, or 20 s are over; answers the bytes. */
static int drip(const char *head)
{
	int file = client_connect(), sent = 0;
	struct pollfd wait = {.fd = file, .events = POLLIN};
	assert_true(send(file, head, strlen(head), MSG_NOSIGNAL) == (ssize_t)strlen(head));
	while (sent < 400 && poll(&wait, 1, 50) == 0 && send(file, "a", 1, MSG_NOSIGNAL) == 1)
		sent++;
	close(file);
	return sent;
}

/* A request has a time as a whole: its line, its headers and what would be a body. */
static void test_deadline_of_a_request(void **state)
{
	(void)state;
	static const char *const heads[] = {"", "GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
		"GET / HTTP/1.1\r\nHost: console.example\r\nTransfer-Encoding: chunked\r\n\r\n5;"};
	struct nr_server *server;
	struct nr_server_conf conf = {.api = {.store = site.store, .store_name = "store.db"},
		.names = &site_names,
		.deadlines = {.ask = 300 * 1000}};
	struct nr_error error = {0};
	assert_int_equal(nr_listen_parse("127.0.0.1:0", &conf.listen, &error), 0);
	assert_int_equal(nr_listen_open(&conf.listen, &conf.socket, &error), 0);
	assert_int_equal(nr_server_start(&conf, &server, &error), 0);
	uint16_t port = site.port;
	site.port = nr_server_listen(server)->port;
	for (size_t i = 0; i < NR_COUNT(heads); i++)
		if (drip(heads[i]) == 400)
			fail_msg("\"%s\" was waited for", heads[i]);
	NR_AUTO(page_fini) struct page page = client_get("/api/v1/status");
	assert_non_null(strstr(page.body, "\"overdue\":4"));
	site.port = port;
	nr_server_stop(server);
}

static void test_keep_alive(void **state)
{
	(void)state;
	char request[256];
	int length = snprintf(request, sizeof request,
		"GET /api/v1/none HTTP/1.1\r\nHost: localhost:%u\r\n\r\nGET /api/v1/none HTTP/1.1\r\nHost: "
		"localhost:%u\r\n"
		"Connection: close\r\n\r\n",
		site.port, site.port);
	NR_AUTO(page_fini) struct page page = client_send(request, (size_t)length);
	assert_int_equal(page.status, 404);
	assert_non_null(strstr(page.body, "HTTP/1.1 404"));
}

static void test_csv(void **state)
{
	(void)state;
	NR_AUTO(page_fini) struct page page = client_get("/api/v1/telescope/victims?format=csv&limit=1");
	assert_int_equal(page.status, 200);
	assert_non_null(strstr(page.head, "Content-Type: text/csv; charset=utf-8; header=present\r\n"));
	assert_non_null(strstr(page.head,
		"Content-Disposition: attachment; filename=\"noroshi-telescope-victims.csv\"\r\n"));
	assert_non_null(strstr(page.head, "Noroshi-Next: i104."));
	assert_string_equal(page.body,
		"address,prefix_length,addresses,protocol,first,last,packets,peak_60s,targets,target_port,"
		"rate,country,asn,as_name\r\n"
		"203.0.113.4,0,0,6,2026-01-02T16:00:00.000000Z,2026-01-02T17:00:00."
		"000000Z,104,50,20,80,17.5,JP,100,"
		"\"Net, \"\"quoted\"\"\"\r\n");
}

static void test_console(void **state)
{
	(void)state;
	NR_AUTO(page_fini) struct page page = client_get("/");
	NR_AUTO(page_fini) struct page deep = client_get("/telescope/ports?from=2026-01-01");
	assert_int_equal(page.status, 200);
	assert_int_equal(deep.status, 200);
	assert_string_equal(page.body, deep.body);
	assert_non_null(strstr(page.head, "Content-Type: text/html; charset=utf-8\r\n"));
	if (nr_asset_count == 0) {
		assert_non_null(strstr(page.body, "make build"));
		print_message("console: skipped, it is not built\n");
		return;
	}
	for (size_t i = 0; i < nr_asset_count; i++) {
		const struct nr_asset *asset = &nr_assets[i];
		char target[128], header[160];
		snprintf(target, sizeof target, "/%s", asset->name);
		NR_AUTO(page_fini) struct page plain = client_get(target);
		assert_int_equal(plain.status, 200);
		assert_int_equal(plain.body_length, asset->length);
		assert_memory_equal(plain.body, asset->bytes, asset->length);
		assert_string_not_equal(nr_asset_type(asset->name), "application/octet-stream");
		NR_AUTO(page_fini)
		struct page packed = client_ask("GET", target, "Accept-Encoding: br, gzip\r\n");
		assert_int_equal(packed.body_length, NR_MIN(asset->gzip_length, asset->length));
		NR_AUTO(page_fini)
		struct page refused = client_ask("GET", target, "Accept-Encoding: gzip;q=0\r\n");
		assert_int_equal(refused.body_length, asset->length);
		snprintf(header, sizeof header, "If-None-Match: \"other\", \"%s\"\r\n", asset->etag);
		NR_AUTO(page_fini) struct page same = client_ask("GET", target, header);
		assert_int_equal(same.status, 304);
		assert_int_equal(same.body_length, 0);
		NR_AUTO(page_fini)
		struct page changed = client_ask("GET", target, "If-None-Match: \"other\"\r\n");
		assert_int_equal(changed.status, 200);
	}
}

static void test_listen(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "8480", ":8480", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
		"127.0.0.1:65536", "127.0.0.1:-1", "::1:8480", "[::1]", "[::1]8480", "[::1:8480",
		"example.org:8480", "127.0.0.1:80 80"};
	struct nr_listen listen_on = {.port = 7};
	struct nr_error error = {0};
	for (size_t i = 0; i < NR_COUNT(bad); i++) {
		if (nr_listen_parse(bad[i], &listen_on, NULL) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	}
	assert_int_equal(listen_on.port, 7);
	assert_int_equal(nr_listen_parse("[::1]:8480", &listen_on, NULL), 0);
	assert_string_equal(listen_on.text, "[::1]:8480");
	assert_true(listen_on.loopback);
	int file;
	char text[32];
	snprintf(text, sizeof text, "localhost:%u", site.port);
	assert_int_equal(nr_listen_parse(text, &listen_on, NULL), 0);
	assert_int_equal(nr_listen_open(&listen_on, &file, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "in use"));
	assert_int_equal(nr_listen_parse("192.0.2.1:8480", &listen_on, NULL), 0);
	assert_int_equal(nr_listen_open(&listen_on, &file, &error), -EADDRNOTAVAIL);
}

/* ---- the command ---- */

/* Runs noroshi serve in a child, where `before` does not answer false; *ret_output reads what it prints. */
static pid_t start_command_after(
	bool (*before)(void), const char *store, const char *listen_text, int *ret_output)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		static const struct nr_command *const commands[] = {&nr_serve_command};
		char *argv[] = {(char *)"noroshi", (char *)"serve", (char *)"--store", (char *)store,
			(char *)"--listen", (char *)listen_text, (char *)"--retain", (char *)"36500d", NULL};
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		if (before && !before())
			_exit(127);
		_exit(nr_command_main(commands, 1, (int)NR_COUNT(argv) - 1, argv));
	}
	close(pipes[1]);
	*ret_output = pipes[0];
	return child;
}

static pid_t start_command(const char *store, const char *listen_text, int *ret_output)
{
	return start_command_after(NULL, store, listen_text, ret_output);
}

static size_t read_until(int file, const char *word, char *text, size_t room)
{
	size_t length = 0;
	ssize_t got;
	text[0] = '\0';
	while (length + 1 < room && !strstr(text, word) &&
		(got = read(file, text + length, room - 1 - length)) > 0) {
		length += (size_t)got;
		text[length] = '\0';
	}
	return length;
}

static void test_command_stops_cleanly(void **state)
{
	(void)state;
	static const int signals[] = {SIGTERM, SIGINT};
	for (size_t i = 0; i < NR_COUNT(signals); i++) {
		int output, status;
		char text[2048];
		pid_t child = start_command(site.path, "127.0.0.1:0", &output);
		read_until(output, "event=listen", text, sizeof text);
		assert_non_null(strstr(text, "noroshi: http://127.0.0.1:"));
		kill(child, signals[i]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), NR_EXIT_OK);
		close(output);
	}
}

static uint16_t port_of(const char *told)
{
	const char *address = strstr(told, "http://127.0.0.1:");
	assert_non_null(address);
	return (uint16_t)atoi(address + strlen("http://127.0.0.1:"));
}

/* The same where the server is confined: closing others is within what its sandbox allows. */
static void test_command_and_dripping_clients(void **state)
{
	(void)state;
	int output, status;
	char text[2048];
	uint16_t port = site.port;
	pid_t child = start_command(site.path, "127.0.0.1:0", &output);
	read_until(output, "event=listen", text, sizeof text);
	site.port = port_of(text);
	drip_many();
	site.port = port;
	read_until(output, "event=connections", text, sizeof text);
	assert_non_null(strstr(text, "event=connections"));
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), NR_EXIT_OK);
	close(output);
}

static bool lack_landlock(void)
{
	return lack_layers(false);
}

static bool lack_both(void)
{
	return lack_layers(true);
}

/* What the kernel lacks of the sandbox is said in the log and in the status. */
static void test_command_says_what_confines_it_less(void **state)
{
	(void)state;
	static const struct {
		bool (*before)(void);
		const char *log, *status;
	} cases[] = {
		{NULL, NULL, "\"sandbox_missing\":null"},
		{lack_landlock, "event=sandbox process=server missing=Landlock reason=",
			"\"sandbox_missing\":\"Landlock\""},
		{lack_both, "event=sandbox process=server missing=\"Landlock and seccomp\" reason=",
			"\"sandbox_missing\":\"Landlock and seccomp\""},
	};
	uint16_t port = site.port;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		int output, status;
		char text[2048];
		pid_t child = start_command_after(cases[i].before, site.path, "127.0.0.1:0", &output);
		read_until(output, "event=listen", text, sizeof text);
		assert_true(cases[i].log ? strstr(text, cases[i].log) != NULL
					 : strstr(text, "event=sandbox") == NULL);
		site.port = port_of(text);
		NR_AUTO(page_fini) struct page page = client_get("/api/v1/status");
		assert_int_equal(page.status, 200);
		assert_non_null(strstr(page.body, cases[i].status));
		kill(child, SIGTERM);
		assert_int_equal(waitpid(child, &status, 0), child);
		close(output);
	}
	site.port = port;
}

static void test_command_says_what_is_wrong(void **state)
{
	(void)state;
	char missing[128], taken[32];
	snprintf(missing, sizeof missing, "%s/none.db", site.folder);
	snprintf(taken, sizeof taken, "127.0.0.1:%u", site.port);
	const struct {
		const char *store, *listen;
		int status;
		const char *word;
	} cases[] = {
		{missing, "127.0.0.1:0", NR_EXIT_ENVIRONMENT, "no such store"},
		{site.folder, "127.0.0.1:0", NR_EXIT_ENVIRONMENT, "is a folder"},
		{site.path, taken, NR_EXIT_ENVIRONMENT, "in use"},
		{site.path, "127.0.0.1", NR_EXIT_USAGE, "ADDRESS:PORT"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		int output, status;
		char text[2048];
		pid_t child = start_command(cases[i].store, cases[i].listen, &output);
		read_until(output, "\n\n", text, sizeof text); /* to the end */
		assert_int_equal(waitpid(child, &status, 0), child);
		close(output);
		assert_int_equal(WEXITSTATUS(status), cases[i].status);
		assert_non_null(strstr(text, cases[i].word));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_reading),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_listening_elsewhere_takes_addresses_only),
		cmocka_unit_test(test_security_headers),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_dripping_clients),
		cmocka_unit_test(test_deadline_of_a_request),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_console),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_command_stops_cleanly),
		cmocka_unit_test(test_command_and_dripping_clients),
		cmocka_unit_test(test_command_says_what_confines_it_less),
		cmocka_unit_test(test_command_says_what_is_wrong),
	};
	return cmocka_run_group_tests(tests, site_start, site_stop);
}
