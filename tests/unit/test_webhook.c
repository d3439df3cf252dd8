/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks against receivers that answer, refuse, stall, break off and lie; the spool file; what is news. */
#include "base/file.h"
#include "serve/news.h"
#include "serve/spool.h"
#include "serve/webhook.h"
#include "webhook_receiver.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DAY0 (INT64_C(1767571200) * NR_SECOND) /* 2026-01-05 */

static char folder[64], spool_path[96], secret_path[96];

static int make_folder(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	signal(SIGPIPE, SIG_IGN);
	snprintf(folder, sizeof folder, "%.30s/noroshi-webhook-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(spool_path, sizeof spool_path, "%s/spool", folder);
	snprintf(secret_path, sizeof secret_path, "%s/secret", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(file >= 0);
	assert_int_equal(fchmod(file, mode), 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
}

static int no_spool(void **state)
{
	(void)state;
	unlink(spool_path);
	return 0;
}

static struct nr_finding finding_of(uint32_t subject)
{
	return (struct nr_finding){.sensor = "dark",
		.sense = "telescope",
		.kind = "infected-host",
		.subject = nr_address_from_ipv4(0xc0000200 + subject),
		.first = DAY0 + subject,
		.last = DAY0 + NR_MINUTE,
		.count = 7,
		.confidence = 0.7,
		.severity = NR_SEVERITY_HIGH,
		.reason_en = "sent 7 scan packets",
		.reason_ja = "スキャンパケットを7個送信",
		.evidence = "{\"packets\":7}"};
}

/* ---- what is news ---- */

static void test_news(void **state)
{
	(void)state;
	static const struct {
		const char *evidence;
		bool is_news;
	} rows[] = {
		{"{\"alert\":{\"change\":\"new\",\"notified\":\"a\"}}", true},
		{"{\"alert\":{\"change\":\"new\",\"notified\":\"a\"}}", false}, /* handed over again */
		{"{\"alert\":{\"change\":\"figures\",\"notified\":\"a\"}}", false},
		{"{\"alert\":{\"change\":\"port-class\",\"notified\":\"b\"}}", true},
		{"{\"alert\":{\"change\":\"port-class\",\"notified\":\"c\"}}", true},
		{"{\"alert\":{\"change\":\"again\",\"notified\":\"d\"}}", true},
		{"{\"alert\":{\"change\":\"closed\",\"notified\":\"d\"}}", true},
		{"{\"packets\":1}", false}, /* the day's end: the key is known */
		{NULL, false},
		{"not JSON", false},
		{"{\"alert\":7}", false},
		{"{\"alert\":{\"change\":{}}}", true},
	};
	NR_AUTO(nr_freep) struct nr_news *news = calloc(1, sizeof *news);
	struct nr_finding finding = finding_of(1);
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		finding.evidence = rows[i].evidence;
		if (nr_news_is(news, &finding) != rows[i].is_news)
			fail_msg("row %zu", i);
	}
	finding.first++; /* another key */
	finding.evidence = "{}";
	assert_true(nr_news_is(news, &finding));
	assert_false(nr_news_is(news, &finding));
}

/* ---- the spool ---- */

static const uint64_t two[] = {0x1111, 0x2222};

static struct nr_spool *open_spool(const uint64_t *receivers, size_t count, uint64_t *ret_given_up)
{
	struct nr_spool *spool;
	struct nr_error error = {0};
	uint64_t given_up;
	if (nr_spool_open(spool_path, receivers, count, &spool, ret_given_up ? ret_given_up : &given_up,
		    &error) != 0)
		fail_msg("%s", error.text);
	return spool;
}

static void add(struct nr_spool *spool, const char *body)
{
	uint64_t dropped;
	assert_int_equal(nr_spool_add(spool, body, strlen(body), &dropped, NULL), 0);
	assert_int_equal(dropped, 0);
}

static off_t spool_bytes(void)
{
	struct stat info;
	assert_int_equal(stat(spool_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	return info.st_size;
}

static void test_spool_survives(void **state)
{
	(void)state;
	struct nr_spool *spool = open_spool(two, 2, NULL);
	add(spool, "{\"n\":1}");
	add(spool, "{\"n\":2}");
	uint64_t first = nr_spool_next(spool, 0)->id;
	assert_int_equal(nr_spool_done(spool, first, 0, NULL), 0);
	assert_int_equal(nr_spool_sync(spool, NULL), 0);
	assert_string_equal(nr_spool_next(spool, 0)->body, "{\"n\":2}");
	assert_string_equal(nr_spool_next(spool, 1)->body, "{\"n\":1}");
	nr_spool_close(spool);

	spool = open_spool(two, 2, NULL); /* as it was, with the same ids */
	assert_int_equal(nr_spool_waiting(spool, 0), 1);
	assert_int_equal(nr_spool_waiting(spool, 1), 2);
	assert_true(nr_spool_next(spool, 1)->id == first);
	uint64_t second = nr_spool_next(spool, 0)->id;
	assert_true(second > first);
	nr_spool_done(spool, second, 0, NULL);
	nr_spool_done(spool, first, 1, NULL);
	assert_true(spool_bytes() > 0);
	nr_spool_done(spool, second, 1, NULL);
	assert_null(nr_spool_next(spool, 1));
	assert_int_equal(spool_bytes(), 0); /* nothing is left behind */
	nr_spool_close(spool);
}

static void test_spool_for_another(void **state)
{
	(void)state;
	struct nr_spool *spool = open_spool(two, 2, NULL);
	add(spool, "{}");
	nr_spool_close(spool);
	uint64_t given_up = 0;
	spool = open_spool(two + 1, 1, &given_up);
	assert_int_equal(given_up, 1);
	assert_int_equal(nr_spool_waiting(spool, 0), 1);
	nr_spool_close(spool);
}

/* Whatever a crash or a stranger left in the file: what is whole is read, the rest is passed over. */
static void test_spool_damage(void **state)
{
	(void)state;
	static const char *const files[] = {"", "\n\n\n", "+", "+ ", "+ 1", "+ 1 ",
		"+ x 0000000000001111 {}\n", "+ 5 0000000000001111 {\"whole\":1}\n+ 6 0000000000001111 {\"to",
		"+ 5 0000000000001111 {\"whole\":1}\n- 5 zzz\n", "+ 5 0000000000001111 \n",
		"+ 5 0000000000001111\n", "- 5 0000000000001111\n",
		"+ 99999999999999999999999 0000000000001111,\n",
		"+ 5 0000000000001111 {\"whole\":1}\n+ 4 0000000000001111 {\"older\":1}\n",
		"+ 5 0000000000001111,00000000000011 {}\n", "+ 5 ,, {}\n"};
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		write_file(spool_path, files[i], 0600);
		struct nr_spool *spool = open_spool(two, 1, NULL);
		size_t wanted = strstr(files[i], "whole") != NULL;
		if (nr_spool_waiting(spool, 0) != wanted)
			fail_msg("file %zu: %zu wait", i, nr_spool_waiting(spool, 0));
		if (wanted)
			assert_string_equal(nr_spool_next(spool, 0)->body, "{\"whole\":1}");
		add(spool, "{\"new\":1}"); /* and goes on well */
		nr_spool_close(spool);
		spool = open_spool(two, 1, NULL);
		assert_int_equal(nr_spool_waiting(spool, 0), wanted + 1);
		nr_spool_close(spool);
	}
}

static void test_spool_limits(void **state)
{
	(void)state;
	struct nr_spool *spool = open_spool(two, 1, NULL);
	uint64_t dropped = 0, sum = 0;
	for (unsigned i = 0; i < NR_SPOOL_MESSAGES_MAX + 5; i++) {
		char body[32];
		int length = snprintf(body, sizeof body, "{\"n\":%u}", i);
		assert_int_equal(nr_spool_add(spool, body, (size_t)length, &dropped, NULL), 0);
		sum += dropped;
	}
	assert_int_equal(sum, 5); /* the oldest give way, and that is said */
	assert_string_equal(nr_spool_next(spool, 0)->body, "{\"n\":5}");
	NR_AUTO(nr_freep) char *large = calloc(1, NR_SPOOL_BODY_MAX + 2);
	memset(large, 'x', NR_SPOOL_BODY_MAX + 1);
	assert_int_equal(nr_spool_add(spool, large, NR_SPOOL_BODY_MAX + 1, &dropped, NULL), -EMSGSIZE);
	for (unsigned i = 0; i < 600; i++) /* 75 MiB of bodies: neither memory nor file grows with them */
		assert_int_equal(nr_spool_add(spool, large, NR_SPOOL_BODY_MAX, &dropped, NULL), 0);
	assert_int_equal(nr_spool_waiting(spool, 0), NR_SPOOL_BYTES_MAX / NR_SPOOL_BODY_MAX);
	assert_true(spool_bytes() <= (off_t)(2 * NR_SPOOL_BYTES_MAX + NR_SPOOL_BODY_MAX + 100));
	nr_spool_close(spool);
}

/* ---- delivery ---- */

struct hook {
	struct receiver_site site;
	const char *urls[2];
	struct nr_webhook_conf conf;
	struct nr_webhook *webhook;
	bool listening;
};

static void hook_open(struct hook *hook)
{
	struct nr_error error = {0};
	if (nr_webhook_new(&hook->conf, &hook->webhook, &error) != 0 ||
		nr_webhook_read(hook->webhook, &error) != 0 || nr_webhook_start(hook->webhook, &error) != 0)
		fail_msg("%s", error.text);
	if (hook->listening && !hook->site.runs)
		receiver_run(&hook->site);
}

static void hook_start(struct hook *hook)
{
	memset(hook, 0, sizeof *hook);
	receiver_start(&hook->site, 0);
	hook->listening = true;
	hook->urls[0] = hook->site.url;
	hook->conf = (struct nr_webhook_conf){.urls = {hook->urls, 1},
		.severity = "info",
		.spool = spool_path,
		.answer_ms = 300,
		.pause = 1000};
}

static void hook_stop(struct hook *hook)
{
	nr_webhook_free(hook->webhook);
	receiver_stop(&hook->site);
}

static void send_finding(struct hook *hook, uint32_t subject)
{
	struct nr_finding finding = finding_of(subject);
	struct nr_sink *sink = nr_webhook_sink(hook->webhook);
	assert_int_equal(nr_sink_finding(sink, &finding, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
}

static unsigned subject_of(const struct request *request)
{
	const char *at = strstr(request->body, "\"subject\":\"192.0.2.");
	return at ? (unsigned)atoi(at + strlen("\"subject\":\"192.0.2.")) : 0;
}

static struct json_object *status_of(struct hook *hook)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_webhook_write_status(hook->webhook, &json);
	nr_json_object_end(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	struct json_object *status = json_tokener_parse(json.bytes);
	assert_non_null(status);
	return status;
}

/* A figure of the first receiver; it may still be on its way to the status after the answer was sent. */
static void wait_for(struct hook *hook, const char *name, int64_t wanted)
{
	for (;;) {
		struct json_object *status = status_of(hook), *list, *value;
		assert_true(json_object_object_get_ex(status, "webhooks", &list));
		int64_t is = -1; /* the sending process has not told yet */
		if (json_object_object_get_ex(json_object_array_get_idx(list, 0), name, &value))
			is = json_object_get_int64(value);
		json_object_put(status);
		if (is == wanted)
			return;
		usleep(1000);
	}
}

static void wait_for_failure(struct hook *hook, const char *word)
{
	for (bool found = false; !found; usleep(1000)) {
		struct json_object *status = status_of(hook);
		found = strstr(json_object_to_json_string(status), word) != NULL;
		json_object_put(status);
	}
}

static void test_delivery(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	write_file(secret_path, "0123456789abcdef0123456789abcdef\n", 0600);
	hook.conf.secret = secret_path;
	hook_open(&hook);
	for (uint32_t i = 1; i <= 5; i++)
		send_finding(&hook, i);
	receiver_wait(&hook.site, 5);
	wait_for(&hook, "waiting", 0);
	for (uint32_t i = 0; i < 5; i++) {
		const struct request *request = &hook.site.requests[i];
		assert_int_equal(subject_of(request), i + 1);
		assert_true(!i || request->event > hook.site.requests[i - 1].event);
		char head[96], text[80] = "sha256=";
		snprintf(head, sizeof head,
			"{\"noroshi\":\"%s\",\"event\":%llu,\"finding\":{\"sensor\":\"dark\",", NR_VERSION,
			(unsigned long long)request->event);
		assert_memory_equal(request->body, head, strlen(head));
		unsigned char digest[32];
		HMAC(EVP_sha256(), "0123456789abcdef0123456789abcdef", 32, (unsigned char *)request->body,
			request->length, digest, NULL);
		for (size_t k = 0; k < 32; k++)
			snprintf(text + 7 + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(request->signature, text);
	}
	assert_int_equal(spool_bytes(), 0);
	hook_stop(&hook);
}

/* What goes wrong is tried again, with the same id, and nothing overtakes it. */
static void test_failures_are_tried_again(void **state)
{
	(void)state;
	static const enum answer failures[] = {
		ANSWER_500, ANSWER_RESET, ANSWER_STALL, ANSWER_REDIRECT, ANSWER_GARBAGE};
	for (size_t i = 0; i < NR_COUNT(failures); i++) {
		struct hook hook;
		no_spool(NULL);
		hook_start(&hook);
		hook.site.answers[0] = hook.site.answers[1] = failures[i];
		hook_open(&hook);
		send_finding(&hook, 1);
		send_finding(&hook, 2);
		receiver_wait(&hook.site, 4);
		wait_for(&hook, "waiting", 0);
		static const unsigned subjects[] = {1, 1, 1, 2};
		for (size_t k = 0; k < 4; k++) {
			assert_int_equal(subject_of(&hook.site.requests[k]), subjects[k]);
			assert_string_equal(hook.site.requests[k].path, "/"); /* not /elsewhere */
		}
		assert_true(hook.site.requests[0].event == hook.site.requests[2].event);
		wait_for(&hook, "failed", 2);
		wait_for(&hook, "delivered", 2);
		wait_for(&hook, "given_up", 0);
		hook_stop(&hook);
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	hook.site.answers[0] = ANSWER_400;
	hook_open(&hook);
	send_finding(&hook, 1);
	send_finding(&hook, 2);
	receiver_wait(&hook.site, 2);
	wait_for(&hook, "waiting", 0);
	assert_int_equal(subject_of(&hook.site.requests[1]), 2);
	wait_for(&hook, "given_up", 1);
	hook_stop(&hook);
}

/* An answer without an end is as good as its status, and is cut off. */
static void test_endless_answer(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	hook.site.answers[0] = ANSWER_ENDLESS;
	hook_open(&hook);
	send_finding(&hook, 1);
	send_finding(&hook, 2);
	receiver_wait(&hook.site, 2);
	wait_for(&hook, "delivered", 2);
	assert_int_equal(subject_of(&hook.site.requests[1]), 2);
	assert_true(hook.site.taken < 64u << 20);
	hook_stop(&hook);
}

/* Names are looked up inside the sandbox; one that is not there is a failure like others. */
static void test_names(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	char url[64];
	snprintf(url, sizeof url, "http://localhost:%u/", hook.site.port);
	hook.urls[0] = "http://receiver.invalid/";
	hook.urls[1] = url;
	hook.conf.urls.count = 2;
	hook.conf.answer_ms = 5000;
	hook_open(&hook);
	send_finding(&hook, 1);
	receiver_wait(&hook.site, 1);
	wait_for_failure(&hook, "resolve host");
	wait_for(&hook, "waiting", 1);
	hook_stop(&hook);
}

static void test_receivers_do_not_wait_for_each_other(void **state)
{
	(void)state;
	struct hook hook;
	struct receiver_site other;
	hook_start(&hook);
	receiver_start(&other, 0);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		other.answers[i] = ANSWER_500;
	hook.urls[0] = other.url;
	hook.urls[1] = hook.site.url;
	hook.conf.urls.count = 2;
	hook_open(&hook);
	receiver_run(&other);
	for (uint32_t i = 1; i <= 5; i++)
		send_finding(&hook, i);
	receiver_wait(&hook.site, 5);
	receiver_wait(&other, 2);
	assert_int_equal(subject_of(&other.requests[1]), 1);
	wait_for(&hook, "waiting", 5); /* of the first */
	hook_stop(&hook);
	receiver_stop(&other);
}

/* A process that ends, and a receiver that was away: the same events with the same ids, later. */
static void test_restart(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	uint16_t port = hook.site.port;
	receiver_stop(&hook.site);
	hook.listening = false;
	hook_open(&hook);
	for (uint32_t i = 1; i <= 3; i++)
		send_finding(&hook, i);
	wait_for(&hook, "waiting", 3);
	nr_webhook_free(hook.webhook);
	assert_true(spool_bytes() > 0);
	receiver_start(&hook.site, port);
	hook.listening = true;
	hook_open(&hook);
	receiver_wait(&hook.site, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(subject_of(&hook.site.requests[i]), i + 1);
	hook_stop(&hook);
}

/* The first child of a process; 0: none. */
static pid_t child_of(pid_t parent)
{
	char path[64];
	long child = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	FILE *file = fopen(path, "re");
	if (file && fscanf(file, "%ld", &child) != 1)
		child = 0;
	if (file)
		fclose(file);
	return (pid_t)child;
}

/* The sending process is killed: another one takes up what waited, and goes on. */
static void test_sender_is_started_again(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	hook.site.answers[0] = ANSWER_STALL;
	hook.conf.answer_ms = 60000;
	hook_open(&hook);
	send_finding(&hook, 1);
	receiver_wait(&hook.site, 1); /* it is being sent */
	pid_t sender = child_of(child_of(getpid()));
	assert_true(sender > 1);
	assert_int_equal(kill(sender, SIGKILL), 0);
	send_finding(&hook, 2);
	receiver_wait(&hook.site, 3);
	static const unsigned subjects[] = {1, 1, 2};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(subject_of(&hook.site.requests[i]), subjects[i]);
	assert_true(hook.site.requests[0].event == hook.site.requests[1].event);
	hook_stop(&hook);
}

static void test_filters(void **state)
{
	(void)state;
	static const char *kinds[] = {"infected-host", "ddos-victim"};
	struct hook hook;
	hook_start(&hook);
	hook.conf.severity = "medium";
	hook.conf.kinds = (struct nr_texts){kinds, 2};
	hook_open(&hook);
	struct nr_sink *sink = nr_webhook_sink(hook.webhook);
	struct nr_finding rows[4];
	for (uint32_t i = 0; i < 4; i++)
		rows[i] = finding_of(i + 1);
	rows[0].severity = NR_SEVERITY_LOW;
	rows[1].kind = "research-scanner";
	rows[2].severity = NR_SEVERITY_MEDIUM;
	rows[2].kind = "ddos-victim";
	rows[3].evidence = "{\"a\":\n\"b\"}"; /* a line break of another process */
	assert_int_equal(sink->rows(sink, &nr_finding_table, rows, 4, NULL), 0);
	assert_int_equal(sink->rows(sink, &nr_finding_table, rows, 4, NULL), 0); /* no news */
	receiver_wait(&hook.site, 2);
	wait_for(&hook, "waiting", 0);
	assert_int_equal(hook.site.count, 2);
	assert_int_equal(subject_of(&hook.site.requests[0]), 3);
	assert_int_equal(subject_of(&hook.site.requests[1]), 4);
	hook_stop(&hook);
}

static void test_status_hides_secrets(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	char url[96];
	snprintf(url, sizeof url, "%s/token-1234?key=5678", hook.site.url);
	hook.urls[0] = url;
	hook.site.answers[0] = ANSWER_500;
	hook_open(&hook);
	send_finding(&hook, 1);
	wait_for(&hook, "delivered", 1);
	struct json_object *status = status_of(&hook), *list, *value;
	const char *text = json_object_to_json_string(status);
	assert_null(strstr(text, "1234"));
	assert_null(strstr(text, "5678"));
	json_object_object_get_ex(status, "webhooks", &list);
	json_object_object_get_ex(json_object_array_get_idx(list, 0), "receiver", &value);
	assert_string_equal(json_object_get_string(value), hook.site.url);
	json_object_object_get_ex(json_object_array_get_idx(list, 0), "failure", &value);
	assert_string_equal(json_object_get_string(value), "status 500");
	json_object_put(status);
	hook_stop(&hook);
}

static void test_configuration(void **state)
{
	(void)state;
	static const struct {
		const char *url, *secret;
		mode_t mode;
		int status;
		const char *word;
	} cases[] = {
		{"", NULL, 0, -EINVAL, "https://"},
		{"host/path", NULL, 0, -EINVAL, "https://"},
		{"ftp://127.0.0.1/", NULL, 0, -EINVAL, "https://"},
		{"file:///etc/passwd", NULL, 0, -EINVAL, "https://"},
		{"https://user:word@127.0.0.1/", NULL, 0, -EINVAL, "no user"},
		{"http://127.0.0.1:99999/", NULL, 0, -EINVAL, "https://"},
		{"http://127.0.0.1/", "short", 0600, -EINVAL, "16 bytes"},
		{"http://127.0.0.1/", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", 0600, -EINVAL, "16 bytes"},
		{"http://127.0.0.1/", "0123456789abcdef", 0644, -EPERM, "chmod 600"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		const char *urls[] = {cases[i].url};
		struct nr_webhook_conf conf = {.urls = {urls, 1}, .severity = "low", .spool = spool_path};
		struct nr_webhook *webhook = NULL;
		struct nr_error error = {0};
		if (cases[i].secret) {
			write_file(secret_path, cases[i].secret, cases[i].mode);
			conf.secret = secret_path;
		}
		int status = nr_webhook_new(&conf, &webhook, &error);
		if (status == 0)
			status = nr_webhook_read(webhook, &error);
		if (status != cases[i].status || !strstr(error.text, cases[i].word))
			fail_msg("case %zu: %d, %s", i, status, error.text);
		assert_null(strstr(error.text, "word@"));
		nr_webhook_free(webhook);
	}
}

/* ---- TLS ---- */

/* openssl s_server says what stands on its standard input to whoever connects. */
static pid_t start_tls(uint16_t port)
{
	char command[600];
	snprintf(command, sizeof command,
		"cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 "
		"-subj /CN=test -addext subjectAltName=IP:127.0.0.1 2>/dev/null",
		folder);
	assert_int_equal(system(command), 0);
	pid_t child = fork();
	if (child == 0) {
		snprintf(command, sizeof command,
			"cd %s && for i in $(seq 500); do printf 'HTTP/1.1 204 No Content\\r\\n\\r\\n'; "
			"sleep 0.2; done "
			"| "
			"exec openssl s_server -quiet -accept 127.0.0.1:%u -key key.pem -cert cert.pem "
			">/dev/null 2>&1",
			folder, port);
		setpgid(0, 0);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return child;
}

static void test_tls_is_verified(void **state)
{
	(void)state;
	struct hook hook;
	hook_start(&hook);
	uint16_t port = hook.site.port;
	receiver_stop(&hook.site);
	hook.listening = false;
	pid_t child = start_tls(port);
	char url[64], ca[96];
	snprintf(url, sizeof url, "https://127.0.0.1:%u/", port);
	snprintf(ca, sizeof ca, "%s/cert.pem", folder);
	hook.urls[0] = url;
	hook.conf.answer_ms = 5000;
	hook.conf.pause = 50000;
	hook_open(&hook);
	send_finding(&hook, 1);
	wait_for_failure(&hook, "certificate"); /* the server is there and is not believed */
	wait_for(&hook, "delivered", 0);
	nr_webhook_free(hook.webhook);
	hook.conf.ca = ca;
	hook_open(&hook);
	wait_for(&hook, "delivered", 1);
	nr_webhook_free(hook.webhook);
	kill(-child, SIGKILL); /* its own group: the shell and what it started */
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_news),
		cmocka_unit_test_setup(test_spool_survives, no_spool),
		cmocka_unit_test_setup(test_spool_for_another, no_spool),
		cmocka_unit_test_setup(test_spool_damage, no_spool),
		cmocka_unit_test_setup(test_spool_limits, no_spool),
		cmocka_unit_test_setup(test_delivery, no_spool),
		cmocka_unit_test_setup(test_failures_are_tried_again, no_spool),
		cmocka_unit_test_setup(test_refused, no_spool),
		cmocka_unit_test_setup(test_endless_answer, no_spool),
		cmocka_unit_test_setup(test_names, no_spool),
		cmocka_unit_test_setup(test_receivers_do_not_wait_for_each_other, no_spool),
		cmocka_unit_test_setup(test_restart, no_spool),
		cmocka_unit_test_setup(test_sender_is_started_again, no_spool),
		cmocka_unit_test_setup(test_filters, no_spool),
		cmocka_unit_test_setup(test_status_hides_secrets, no_spool),
		cmocka_unit_test_setup(test_configuration, no_spool),
		cmocka_unit_test_setup(test_tls_is_verified, no_spool),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
