/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/webhook.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "serve/event_json.h"
#include "serve/news.h"
#include "serve/spool.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define CONNECT_MS   5000
#define ANSWER_MS    10000
#define PAUSE        NR_SECOND /* after the first failure */
#define IDLE_MS      60000
#define SECRET_MAX   4096
#define SHOWN        160 /* scheme, host and port */
#define LOGGED       200
#define DIGEST_BYTES 32

_Static_assert(NR_WEBHOOK_RECEIVERS_MAX == NR_SPOOL_RECEIVERS_MAX, "one spool for all receivers");

struct receiver {
	const char *url; /* the configuration's */
	char shown[SHOWN];
	CURL *easy;
	struct curl_slist *headers; /* of the event that is being sent */
	uint64_t sending;           /* its id; 0: none */
	nr_time due;                /* the next try */
	unsigned failures;          /* one after the other */
	char reason[CURL_ERROR_SIZE];
	/* for the status, under the lock */
	uint64_t delivered, failed, given_up;
	nr_time delivered_at, failed_at;
	char failure[LOGGED];
};

struct nr_webhook {
	struct nr_sink sink; /* first: the sink is the webhook */
	const struct nr_webhook_conf *conf;
	uint8_t least;
	uint8_t *secret; /* owned; NULL: not signed */
	size_t secret_length;
	pthread_mutex_t lock; /* spool, news, figures */
	struct nr_spool *spool;
	struct nr_news news;
	uint64_t dropped; /* events that gave way to newer ones */
	struct receiver receivers[NR_WEBHOOK_RECEIVERS_MAX];
	size_t count;
	CURLM *multi;
	pthread_t thread;
	bool started;
	atomic_bool stopping;
};

const char *const nr_webhook_severities[] = {"info", "low", "medium", "high", "critical", NULL};

/* ---- the sink ---- */

static bool is_wanted(const struct nr_webhook *webhook, const struct nr_finding *finding)
{
	const struct nr_texts *kinds = &webhook->conf->kinds;
	bool wanted = !kinds->count;
	for (size_t i = 0; i < kinds->count; i++)
		wanted = wanted || strcmp(kinds->items[i], finding->kind) == 0;
	return wanted && finding->severity >= webhook->least;
}

/* Without the event's id: it is given when the finding is spooled, and put in when it is sent. */
static int spool_finding(struct nr_webhook *webhook, const struct nr_finding *finding, struct nr_error *error)
{
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_finding_write(&json, NULL, finding);
	int e = nr_json_finish(&json, error);
	if (e)
		return e;
	for (char *c = json.bytes; *c; c++) /* evidence is another process's; the spool has lines */
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	uint64_t dropped = 0;
	e = nr_spool_add(webhook->spool, json.bytes, json.length, &dropped, error);
	webhook->dropped += dropped;
	return e;
}

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct nr_webhook *webhook = (struct nr_webhook *)sink;
	const struct nr_finding *findings = rows;
	int status = 0;
	if (table != &nr_finding_table)
		return 0;
	pthread_mutex_lock(&webhook->lock);
	for (size_t i = 0; i < count; i++) {
		if (!is_wanted(webhook, &findings[i]) || !nr_news_is(&webhook->news, &findings[i]))
			continue;
		int e = spool_finding(webhook, &findings[i], status ? NULL : error);
		status = status ? status : e;
	}
	pthread_mutex_unlock(&webhook->lock);
	curl_multi_wakeup(webhook->multi);
	return status;
}

static int take_commit(struct nr_sink *sink, struct nr_error *error)
{
	struct nr_webhook *webhook = (struct nr_webhook *)sink;
	pthread_mutex_lock(&webhook->lock);
	int e = nr_spool_sync(webhook->spool, error);
	pthread_mutex_unlock(&webhook->lock);
	return e;
}

/* ---- one event to one receiver; the sending thread ---- */

static int add_header(struct receiver *r, const char *text)
{
	struct curl_slist *headers = curl_slist_append(r->headers, text);
	if (!headers)
		return -ENOMEM;
	r->headers = headers;
	return 0;
}

static int sign(const struct nr_webhook *webhook, struct receiver *r, const char *body, size_t length)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_length = 0;
	if (!HMAC(EVP_sha256(), webhook->secret, (int)webhook->secret_length, (const unsigned char *)body,
		    length, digest, &digest_length) ||
		digest_length != DIGEST_BYTES)
		return -EIO;
	char text[sizeof "Noroshi-Signature: sha256=" + 2 * DIGEST_BYTES];
	int at = snprintf(text, sizeof text, "Noroshi-Signature: sha256=");
	for (unsigned i = 0; i < digest_length; i++)
		at += snprintf(text + at, sizeof text - (size_t)at, "%02x", digest[i]);
	return add_header(r, text);
}

static int prepare(const struct nr_webhook *webhook, struct receiver *r, const struct nr_message *message)
{
	char *body = NULL, text[64];
	int length = asprintf(&body, "{\"noroshi\":\"%s\",\"event\":%" PRIu64 ",\"finding\":%s}", NR_VERSION,
		message->id, message->body);
	if (length < 0)
		return -ENOMEM;
	snprintf(text, sizeof text, "Noroshi-Event: %" PRIu64, message->id);
	curl_slist_free_all(r->headers);
	r->headers = NULL;
	int e = add_header(r, "Content-Type: application/json");
	if (!e)
		e = add_header(r, "Expect:");
	if (!e)
		e = add_header(r, text);
	if (!e && webhook->secret)
		e = sign(webhook, r, body, (size_t)length);
	if (!e && (curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers) != CURLE_OK ||
			  curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) !=
				  CURLE_OK ||
			  curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK))
		e = -ENOMEM;
	free(body);
	return e;
}

/* Delivered, or given up; under the lock. */
static void settle(struct nr_webhook *webhook, struct receiver *r, uint64_t id)
{
	struct nr_error error = {0};
	if (nr_spool_done(webhook->spool, id, (size_t)(r - webhook->receivers), &error) != 0)
		nr_log(NR_LOG_WARNING, "webhook", "receiver", r->shown, "reason", error.text, NULL);
}

static void note_failure(struct receiver *r, bool for_good, nr_time pause)
{
	char seconds[24];
	snprintf(seconds, sizeof seconds, "%lld", (long long)(pause / NR_SECOND));
	r->failed++;
	r->given_up += for_good;
	r->failed_at = nr_time_now();
	nr_log(NR_LOG_WARNING, "webhook", "receiver", r->shown, "reason", r->failure,
		for_good ? "given_up" : "again_in_s", for_good ? "true" : seconds, NULL);
}

/* Under the lock. */
static void begin_sending(struct nr_webhook *webhook, struct receiver *r, nr_time now)
{
	const struct nr_message *message;
	size_t number = (size_t)(r - webhook->receivers);
	while ((message = nr_spool_next(webhook->spool, number)) &&
		now - (nr_time)message->id > NR_WEBHOOK_GIVE_UP) {
		snprintf(r->failure, sizeof r->failure, "not delivered within a day");
		note_failure(r, true, 0);
		settle(webhook, r, message->id);
	}
	if (!message)
		return;
	*r->reason = '\0';
	if (prepare(webhook, r, message) != 0 || curl_multi_add_handle(webhook->multi, r->easy) != CURLM_OK) {
		r->due = now + NR_SECOND; /* no memory */
		return;
	}
	r->sending = message->id;
}

/* How long to wait after so many failures; the receiver may ask for more. */
static nr_time pause_after(const struct nr_webhook *webhook, const struct receiver *r)
{
	curl_off_t wanted = 0;
	nr_time pause = (webhook->conf->pause ? webhook->conf->pause : PAUSE) << NR_MIN(r->failures, 9u);
	if (curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &wanted) == CURLE_OK && wanted > 0)
		pause = NR_MAX(pause, NR_MIN(wanted, NR_WEBHOOK_PAUSE_MAX / NR_SECOND) * NR_SECOND);
	return NR_MIN(pause, NR_WEBHOOK_PAUSE_MAX);
}

static void explain(struct receiver *r, CURLcode code, long status)
{
	if (code != CURLE_OK)
		snprintf(r->failure, sizeof r->failure, "%.*s", LOGGED - 1,
			*r->reason ? r->reason : curl_easy_strerror(code));
	else if (status >= 300 && status < 400)
		snprintf(r->failure, sizeof r->failure,
			"status %ld: redirects are not followed, give the address that it leads to", status);
	else
		snprintf(r->failure, sizeof r->failure, "status %ld", status);
}

static void end_sending(struct nr_webhook *webhook, struct receiver *r, CURLcode code)
{
	long status = 0;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	nr_time now = nr_time_now();
	pthread_mutex_lock(&webhook->lock);
	bool delivered = code == CURLE_OK && status >= 200 && status < 300;
	bool refused = code == CURLE_OK && (status == 400 || status == 413 || status == 422);
	if (delivered) {
		if (r->failures)
			nr_log(NR_LOG_INFO, "webhook", "receiver", r->shown, "again", "true", NULL);
		r->failures = 0;
		r->delivered++;
		r->delivered_at = now;
		r->due = 0;
	} else {
		nr_time pause = refused ? 0 : pause_after(webhook, r);
		explain(r, code, status);
		note_failure(r, refused, pause);
		r->failures += !refused;
		r->due = now + pause;
	}
	if (delivered || refused)
		settle(webhook, r, r->sending);
	pthread_mutex_unlock(&webhook->lock);
	r->sending = 0;
}

/* ---- the sending thread ---- */

static struct receiver *receiver_of(struct nr_webhook *webhook, const CURL *easy)
{
	for (size_t i = 0; i < webhook->count; i++)
		if (webhook->receivers[i].easy == easy)
			return &webhook->receivers[i];
	return NULL;
}

/* True: there were some, so that receivers are free for their next event. */
static bool take_answers(struct nr_webhook *webhook)
{
	bool any = false;
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(webhook->multi, &left))) {
		struct receiver *r = receiver_of(webhook, message->easy_handle);
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE || !r)
			continue;
		curl_multi_remove_handle(webhook->multi, r->easy);
		end_sending(webhook, r, code);
		any = true;
	}
	return any;
}

/* Begins what is due. Answers how long until something else is, ms. */
static int begin_due(struct nr_webhook *webhook)
{
	nr_time now = nr_time_now(), next = now + IDLE_MS * 1000;
	pthread_mutex_lock(&webhook->lock);
	for (size_t i = 0; i < webhook->count; i++) {
		struct receiver *r = &webhook->receivers[i];
		if (r->due - now > NR_WEBHOOK_PAUSE_MAX) /* the clock was set back */
			r->due = now + NR_WEBHOOK_PAUSE_MAX;
		if (!r->sending && r->due <= now)
			begin_sending(webhook, r, now);
		if (!r->sending && r->due > now)
			next = NR_MIN(next, r->due);
	}
	pthread_mutex_unlock(&webhook->lock);
	return (int)((next - now) / 1000) + 1;
}

static void *send_events(void *context)
{
	struct nr_webhook *webhook = context;
	while (!atomic_load(&webhook->stopping)) {
		int running, wait = begin_due(webhook);
		curl_multi_perform(webhook->multi, &running);
		if (take_answers(webhook))
			continue;
		curl_multi_poll(webhook->multi, NULL, 0, wait, NULL);
	}
	return NULL;
}

/* ---- configuration ---- */

static size_t pass_over(char *bytes, size_t size, size_t count, void *context)
{
	(void)bytes;
	(void)context;
	return size * count;
}

/* scheme://host:port of an address, which may hold secrets elsewhere. */
static int read_url(const char *text, char shown[static SHOWN], struct nr_error *error)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	int e = 0;
	if (!url)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
		curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host ||
		(strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
		e = nr_fail(error, -EINVAL, "--webhook: must be an address like https://host/path");
	else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		e = nr_fail(error, -EINVAL,
			"--webhook: no user and password in the address, every process can read it; sign "
			"with "
			"--webhook-secret FILE");
	curl_url_get(url, CURLUPART_PORT, &port, 0);
	if (!e)
		snprintf(shown, SHOWN, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(url);
	return e;
}

static int read_secret(struct nr_webhook *webhook, const char *path, struct nr_error *error)
{
	struct stat info;
	if (stat(path, &info) == 0 && (info.st_mode & (S_IROTH | S_IWOTH)))
		return nr_fail(error, -EPERM, "%s: every user can read it; chmod 600 it", path);
	int e = nr_file_read(path, SECRET_MAX, &webhook->secret, &webhook->secret_length, error);
	if (e)
		return e;
	while (webhook->secret_length && (webhook->secret[webhook->secret_length - 1] == '\n' ||
						 webhook->secret[webhook->secret_length - 1] == '\r'))
		webhook->secret_length--;
	if (webhook->secret_length < NR_WEBHOOK_SECRET_MIN)
		return nr_fail(error, -EINVAL,
			"%s: a secret has at least %d bytes; make one with: openssl rand -hex 32", path,
			NR_WEBHOOK_SECRET_MIN);
	return 0;
}

static int open_receiver(struct nr_webhook *webhook, const char *url, struct nr_error *error)
{
	struct receiver *r = &webhook->receivers[webhook->count];
	int e = read_url(url, r->shown, error);
	if (e)
		return e;
	r->url = url;
	r->easy = curl_easy_init();
	if (!r->easy)
		return nr_fail(error, -ENOMEM, "out of memory");
	webhook->count++;
	CURLcode bad = curl_easy_setopt(r->easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_PROXY, ""); /* nor one of the environment */
	bad |= curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (webhook->conf->ca)
		bad |= curl_easy_setopt(r->easy, CURLOPT_CAINFO, webhook->conf->ca);
	bad |= curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	bad |= curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS,
		(long)(webhook->conf->answer_ms ? webhook->conf->answer_ms : ANSWER_MS));
	bad |= curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, pass_over);
	bad |= curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->reason);
	bad |= curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "noroshi/" NR_VERSION);
	return bad ? nr_fail(error, -EIO, "%s: libcurl does not take the settings", r->shown) : 0;
}

static uint8_t severity_of(const char *name)
{
	uint8_t severity = NR_SEVERITY_INFO;
	while (severity < NR_SEVERITY_CRITICAL && strcmp(nr_severity_name(severity), name) != 0)
		severity++;
	return severity;
}

static int open_spool(struct nr_webhook *webhook, struct nr_error *error)
{
	uint64_t numbers[NR_WEBHOOK_RECEIVERS_MAX], given_up;
	for (size_t i = 0; i < webhook->count; i++)
		numbers[i] = nr_siphash(webhook->receivers[i].url, strlen(webhook->receivers[i].url), 0, 0);
	int e = nr_spool_open(
		webhook->conf->spool, numbers, webhook->count, &webhook->spool, &given_up, error);
	if (!e && given_up) {
		char text[24];
		snprintf(text, sizeof text, "%" PRIu64, given_up);
		nr_log(NR_LOG_WARNING, "webhook", "spool", webhook->conf->spool, "given_up", text, "reason",
			"events of receivers that are no longer configured", NULL);
	}
	return e;
}

static int open_all(struct nr_webhook *webhook, struct nr_error *error)
{
	const struct nr_webhook_conf *conf = webhook->conf;
	if (conf->urls.count > NR_WEBHOOK_RECEIVERS_MAX)
		return nr_fail(error, -E2BIG, "--webhook: at most %d receivers", NR_WEBHOOK_RECEIVERS_MAX);
	int e = conf->secret ? read_secret(webhook, conf->secret, error) : 0;
	for (size_t i = 0; !e && i < conf->urls.count; i++)
		e = open_receiver(webhook, conf->urls.items[i], error);
	if (!e)
		e = open_spool(webhook, error);
	if (!e && !(webhook->multi = curl_multi_init()))
		e = nr_fail(error, -ENOMEM, "out of memory");
	return e;
}

int nr_webhook_start(
	const struct nr_webhook_conf *conf, struct nr_webhook **ret_webhook, struct nr_error *error)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return nr_fail(error, -EIO, "libcurl does not start");
	NR_AUTO(nr_webhook_stopp) struct nr_webhook *webhook = calloc(1, sizeof *webhook);
	if (!webhook)
		return nr_fail(error, -ENOMEM, "out of memory");
	webhook->sink = (struct nr_sink){take_rows, take_commit};
	webhook->conf = conf;
	webhook->least = severity_of(conf->severity);
	pthread_mutex_init(&webhook->lock, NULL);
	int e = open_all(webhook, error);
	if (e)
		return e;
	e = pthread_create(&webhook->thread, NULL, send_events, webhook);
	if (e)
		return nr_fail(error, -e, "no thread for webhooks: %s", strerror(e));
	webhook->started = true;
	*ret_webhook = nr_steal(&webhook);
	return 0;
}

void nr_webhook_stop(struct nr_webhook *webhook)
{
	if (!webhook)
		return;
	atomic_store(&webhook->stopping, true);
	if (webhook->started) {
		curl_multi_wakeup(webhook->multi);
		pthread_join(webhook->thread, NULL);
	}
	for (size_t i = 0; i < webhook->count; i++) {
		struct receiver *r = &webhook->receivers[i];
		if (r->sending)
			curl_multi_remove_handle(webhook->multi, r->easy);
		curl_easy_cleanup(r->easy);
		curl_slist_free_all(r->headers);
	}
	curl_multi_cleanup(webhook->multi);
	nr_spool_close(webhook->spool);
	pthread_mutex_destroy(&webhook->lock);
	if (webhook->secret)
		explicit_bzero(webhook->secret, webhook->secret_length);
	free(webhook->secret);
	free(webhook);
}

void nr_webhook_stopp(struct nr_webhook **webhook)
{
	nr_webhook_stop(*webhook);
}

struct nr_sink *nr_webhook_sink(struct nr_webhook *webhook)
{
	return &webhook->sink;
}

/* ---- status ---- */

static void write_receiver(const struct nr_webhook *webhook, size_t number, struct nr_json *json)
{
	const struct receiver *r = &webhook->receivers[number];
	nr_json_object(json, NULL);
	nr_json_text(json, "receiver", r->shown);
	nr_json_uint(json, "waiting", nr_spool_waiting(webhook->spool, number));
	nr_json_uint(json, "delivered", r->delivered);
	nr_json_uint(json, "failed", r->failed);
	nr_json_uint(json, "given_up", r->given_up);
	nr_json_uint(json, "dropped", webhook->dropped); /* of all receivers: gave way to newer ones */
	nr_json_time(json, "last_delivery", r->delivered ? r->delivered_at : NR_TIME_MIN);
	nr_json_time(json, "last_failure", r->failed ? r->failed_at : NR_TIME_MIN);
	nr_json_text(json, "failure", r->failed ? r->failure : NULL);
	nr_json_object_end(json);
}

void nr_webhook_write_status(struct nr_webhook *webhook, struct nr_json *json)
{
	nr_json_array(json, "webhooks");
	if (webhook) {
		pthread_mutex_lock(&webhook->lock);
		for (size_t i = 0; i < webhook->count; i++)
			write_receiver(webhook, i, json);
		pthread_mutex_unlock(&webhook->lock);
	}
	nr_json_array_end(json);
}
