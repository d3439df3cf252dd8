/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending process: takes findings from the keeper into the spool, and delivers them. One thread (libcurl
 * may use one to look names up); it can make connections, and write the spool's folder.
 */
#include "base/log.h"
#include "serve/webhook_inside.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_MS   5000
#define ANSWER_MS    10000
#define ANSWER_BYTES 65536     /* that are taken of an answer's body */
#define PAUSE        NR_SECOND /* after the first failure */
#define IDLE_MS      60000
#define STATUS_MS    200 /* at least between two of them */
#define LOGGED       200
#define DIGEST_BYTES 32

_Static_assert(NR_WEBHOOK_RECEIVERS_MAX == NR_SPOOL_RECEIVERS_MAX, "one spool for all receivers");

struct receiver {
	const char *url;   /* the configuration's */
	const char *shown; /* of it, what may be shown */
	CURL *easy;
	struct curl_slist *headers; /* of the event that is being sent */
	uint64_t sending;           /* its id; 0: none */
	nr_time due;                /* the next try */
	unsigned failures;          /* one after the other */
	size_t answered;            /* bytes of the answer's body */
	char reason[CURL_ERROR_SIZE];
	/* for the status */
	uint64_t delivered, failed, given_up;
	nr_time delivered_at, failed_at;
	char failure[LOGGED];
};

struct nr_sender {
	const struct nr_hook_setup *setup;
	struct nr_spool *spool;
	int socket;
	CURLM *multi;
	struct receiver receivers[NR_WEBHOOK_RECEIVERS_MAX];
	size_t count;
	uint64_t dropped; /* events that gave way to newer ones */
	bool changed;     /* since the last status */
	nr_time told;     /* when that was */
	uint8_t frame[NR_HOOK_FRAME_MAX + 1];
};

/* ---- one event to one receiver ---- */

static int add_header(struct receiver *r, const char *text)
{
	struct curl_slist *headers = curl_slist_append(r->headers, text);
	if (!headers)
		return -ENOMEM;
	r->headers = headers;
	return 0;
}

static int sign(const struct nr_sender *sender, struct receiver *r, const char *body, size_t length)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_length = 0;
	if (!HMAC(EVP_sha256(), sender->setup->secret, (int)sender->setup->secret_length,
		    (const unsigned char *)body, length, digest, &digest_length) ||
		digest_length != DIGEST_BYTES)
		return -EIO;
	char text[sizeof "Noroshi-Signature: sha256=" + 2 * DIGEST_BYTES];
	int at = snprintf(text, sizeof text, "Noroshi-Signature: sha256=");
	for (unsigned i = 0; i < digest_length; i++)
		at += snprintf(text + at, sizeof text - (size_t)at, "%02x", digest[i]);
	return add_header(r, text);
}

static int prepare(const struct nr_sender *sender, struct receiver *r, const struct nr_message *message)
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
	if (!e && sender->setup->secret)
		e = sign(sender, r, body, (size_t)length);
	if (!e && (curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers) != CURLE_OK ||
			  curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length) !=
				  CURLE_OK ||
			  curl_easy_setopt(r->easy, CURLOPT_COPYPOSTFIELDS, body) != CURLE_OK))
		e = -ENOMEM;
	free(body);
	return e;
}

/* Delivered, or given up. */
static void settle(struct nr_sender *sender, struct receiver *r, uint64_t id)
{
	struct nr_error error = {0};
	if (nr_spool_done(sender->spool, id, (size_t)(r - sender->receivers), &error) != 0)
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

static void begin_sending(struct nr_sender *sender, struct receiver *r, nr_time now)
{
	const struct nr_message *message;
	size_t number = (size_t)(r - sender->receivers);
	while ((message = nr_spool_next(sender->spool, number)) &&
		now - (nr_time)message->id > NR_WEBHOOK_GIVE_UP) {
		snprintf(r->failure, sizeof r->failure, "not delivered within a day");
		note_failure(r, true, 0);
		settle(sender, r, message->id);
	}
	if (!message)
		return;
	*r->reason = '\0';
	r->answered = 0;
	if (prepare(sender, r, message) != 0 || curl_multi_add_handle(sender->multi, r->easy) != CURLM_OK) {
		r->due = now + NR_SECOND; /* no memory */
		return;
	}
	r->sending = message->id;
}

/* How long to wait after so many failures; the receiver may ask for more. */
static nr_time pause_after(const struct nr_sender *sender, const struct receiver *r)
{
	curl_off_t wanted = 0;
	nr_time pause = (sender->setup->conf->pause ? sender->setup->conf->pause : PAUSE)
			<< NR_MIN(r->failures, 9u);
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

static void end_sending(struct nr_sender *sender, struct receiver *r, CURLcode code)
{
	long status = 0;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_WRITE_ERROR && r->answered > ANSWER_BYTES)
		code = CURLE_OK; /* cut off by us */
	nr_time now = nr_time_now();
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
		nr_time pause = refused ? 0 : pause_after(sender, r);
		explain(r, code, status);
		note_failure(r, refused, pause);
		r->failures += !refused;
		r->due = now + pause;
	}
	if (delivered || refused)
		settle(sender, r, r->sending);
	r->sending = 0;
	sender->changed = true;
}

/* ---- all of them ---- */

static struct receiver *receiver_of(struct nr_sender *sender, const CURL *easy)
{
	for (size_t i = 0; i < sender->count; i++)
		if (sender->receivers[i].easy == easy)
			return &sender->receivers[i];
	return NULL;
}

/* True: there were some, so that receivers are free for their next event. */
static bool take_answers(struct nr_sender *sender)
{
	bool any = false;
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(sender->multi, &left))) {
		struct receiver *r = receiver_of(sender, message->easy_handle);
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE || !r)
			continue;
		curl_multi_remove_handle(sender->multi, r->easy);
		end_sending(sender, r, code);
		any = true;
	}
	return any;
}

/* Begins what is due. Answers how long until something else is, ms. */
static int begin_due(struct nr_sender *sender)
{
	nr_time now = nr_time_now(), next = now + IDLE_MS * 1000;
	for (size_t i = 0; i < sender->count; i++) {
		struct receiver *r = &sender->receivers[i];
		if (r->due - now > NR_WEBHOOK_PAUSE_MAX) /* the clock was set back */
			r->due = now + NR_WEBHOOK_PAUSE_MAX;
		if (!r->sending && r->due <= now)
			begin_sending(sender, r, now);
		if (!r->sending && r->due > now)
			next = NR_MIN(next, r->due);
	}
	return (int)((next - now) / 1000) + 1;
}

/* ---- the keeper ---- */

static void spool_finding(struct nr_sender *sender, const char *body, size_t length)
{
	struct nr_error error = {0};
	uint64_t dropped = 0;
	if (nr_spool_add(sender->spool, body, length, &dropped, &error) != 0)
		nr_log(NR_LOG_ERROR, "webhook", "reason", error.text, NULL);
	if (dropped)
		nr_log(NR_LOG_WARNING, "webhook", "reason", "too many wait: the oldest is given up", NULL);
	sender->dropped += dropped;
	sender->changed = true;
}

static void answer_commit(struct nr_sender *sender)
{
	struct nr_error error = {0};
	struct {
		uint8_t kind;
		struct nr_hook_durable durable;
	} __attribute__((packed)) answer = {.kind = NR_HOOK_DURABLE};
	answer.durable.code = nr_spool_sync(sender->spool, &error);
	memcpy(answer.durable.text, error.text, sizeof answer.durable.text);
	(void)send(sender->socket, &answer, sizeof answer, MSG_NOSIGNAL);
}

/* A finding is looked at, spooled and only then taken: who dies in between finds it again. False: the keeper
 * has gone. */
static bool take_frames(struct nr_sender *sender)
{
	for (;;) {
		ssize_t length = recv(
			sender->socket, sender->frame, sizeof sender->frame - 1, MSG_DONTWAIT | MSG_PEEK);
		if (length < 0)
			return errno == EAGAIN || errno == EINTR;
		if (length == 0)
			return false;
		sender->frame[length] = '\0';
		if (sender->frame[0] == NR_HOOK_FINDING)
			spool_finding(sender, (char *)sender->frame + 1, (size_t)length - 1);
		char taken;
		(void)!recv(sender->socket, &taken, 1, MSG_DONTWAIT);
		if (sender->frame[0] == NR_HOOK_COMMIT)
			answer_commit(sender);
	}
}

static void write_receiver(const struct nr_sender *sender, size_t number, struct nr_json *json)
{
	const struct receiver *r = &sender->receivers[number];
	nr_json_object(json, NULL);
	nr_json_text(json, "receiver", r->shown);
	nr_json_uint(json, "waiting", nr_spool_waiting(sender->spool, number));
	nr_json_uint(json, "delivered", r->delivered);
	nr_json_uint(json, "failed", r->failed);
	nr_json_uint(json, "given_up", r->given_up);
	nr_json_uint(json, "dropped", sender->dropped); /* of all receivers: gave way to newer ones */
	nr_json_time(json, "last_delivery", r->delivered ? r->delivered_at : NR_TIME_MIN);
	nr_json_time(json, "last_failure", r->failed ? r->failed_at : NR_TIME_MIN);
	nr_json_text(json, "failure", r->failed ? r->failure : NULL);
	nr_json_object_end(json);
}

/* Answers how long until it is due, ms; a keeper that does not read gets the next one. */
static int tell_status(struct nr_sender *sender)
{
	nr_time now = nr_time_now(), passed = now - sender->told;
	if (!sender->changed)
		return IDLE_MS;
	if (passed >= 0 && passed < STATUS_MS * 1000)
		return STATUS_MS - (int)(passed / 1000);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_array(&json, NULL);
	for (size_t i = 0; i < sender->count; i++)
		write_receiver(sender, i, &json);
	nr_json_array_end(&json);
	if (nr_json_finish(&json, NULL) != 0)
		return STATUS_MS;
	uint8_t kind = NR_HOOK_STATUS;
	struct iovec parts[] = {{&kind, 1}, {json.bytes, json.length}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	sender->told = now;
	sender->changed = sendmsg(sender->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
	return sender->changed ? STATUS_MS : IDLE_MS;
}

int nr_sender_run(struct nr_sender *sender)
{
	sender->changed = true;
	while (take_frames(sender)) {
		int running, due = begin_due(sender);
		curl_multi_perform(sender->multi, &running);
		if (take_answers(sender))
			continue;
		int status = tell_status(sender);
		struct curl_waitfd keeper = {.fd = sender->socket, .events = CURL_WAIT_POLLIN};
		curl_multi_poll(sender->multi, &keeper, 1, NR_MIN(due, status), NULL);
	}
	return 0;
}

/* ---- settings ---- */

/* Nobody reads what a receiver says beside its status; one that does not come to an end is cut off. */
static size_t pass_over(char *bytes, size_t size, size_t count, void *context)
{
	struct receiver *r = context;
	(void)bytes;
	r->answered += size * count;
	return r->answered <= ANSWER_BYTES ? size * count : 0;
}

static int open_receiver(struct nr_sender *sender, size_t number, struct nr_error *error)
{
	const struct nr_hook_setup *setup = sender->setup;
	struct receiver *r = &sender->receivers[number];
	struct curl_blob ca = {setup->ca, setup->ca_length, CURL_BLOB_NOCOPY};
	r->url = setup->conf->urls.items[number];
	r->shown = setup->shown[number];
	r->easy = curl_easy_init();
	if (!r->easy)
		return nr_fail(error, -ENOMEM, "out of memory");
	sender->count++;
	CURLcode bad = curl_easy_setopt(r->easy, CURLOPT_URL, r->url);
	bad |= curl_easy_setopt(r->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_PROXY, ""); /* nor one of the environment */
	bad |= curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_POST, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= curl_easy_setopt(r->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (setup->ca)
		bad |= curl_easy_setopt(r->easy, CURLOPT_CAINFO_BLOB, &ca);
	bad |= curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	bad |= curl_easy_setopt(r->easy, CURLOPT_TIMEOUT_MS,
		(long)(setup->conf->answer_ms ? setup->conf->answer_ms : ANSWER_MS));
	bad |= curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, pass_over);
	bad |= curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
	bad |= curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->reason);
	bad |= curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "noroshi/" NR_VERSION);
	return bad ? nr_fail(error, -EIO, "%s: libcurl does not take the settings", r->shown) : 0;
}

int nr_sender_new(const struct nr_hook_setup *setup, struct nr_spool *spool, int socket,
	struct nr_sender **ret_sender, struct nr_error *error)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return nr_fail(error, -EIO, "libcurl does not start");
	struct nr_sender *sender = calloc(1, sizeof *sender);
	if (!sender || !(sender->multi = curl_multi_init())) {
		free(sender);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	sender->setup = setup;
	sender->spool = spool;
	sender->socket = socket;
	int e = 0;
	for (size_t i = 0; !e && i < setup->conf->urls.count; i++)
		e = open_receiver(sender, i, error);
	*ret_sender = sender; /* ends with its process */
	return e;
}
