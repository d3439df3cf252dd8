/* SPDX-License-Identifier: Apache-2.0 */
/* exchange serve, send, fetch: offers and replies over HTTPS. */
#include "base/file.h"
#include "base/language.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "net/http.h"
#include "net/listen.h"
#include "sense/flow/exchange/box.h"
#include "sense/flow/exchange/steps.h"
#include "trust/signer/person.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#define PEM_MAX         ((size_t)256 * 1024)
#define REQUEST_SECONDS 300 /* a part on a slow line; a day may be joined meanwhile */
#define CONNECTIONS     64
#define TICK_SECONDS    2
#define ERASE_EVERY     NR_HOUR
#define ANSWER_MAX      (sizeof(uint64_t) + NR_EXCHANGE_PART_BYTES)

/* ---- serve ---- */

struct service {
	const struct nr_exchange_conf *conf;
	struct nr_exchange_group group;
	struct nr_person person;
	struct nr_keys *keys;
	struct nr_exchange_box *box;
	struct nr_crew *crew;
	struct nr_listen listen;
	int socket;
	uint8_t *certificate, *key; /* PEM, NUL behind them */
	struct nr_http_server *server;
};

static void service_fini(struct service *s)
{
	nr_http_server_stop(s->server);
	nr_crew_free(s->crew);
	nr_exchange_box_close(s->box);
	nr_keys_close(s->keys);
	nr_person_fini(&s->person);
	nr_exchange_group_fini(&s->group);
	nr_close_fd(&s->socket);
	free(s->certificate);
	free(s->key);
}

static const struct {
	int code;
	unsigned status;
} statuses[] = {{-EBADMSG, 400}, {-ERANGE, 400}, {-EKEYREJECTED, 403}, {-ETIME, 403}, {-ENOENT, 404},
	{-EEXIST, 409}, {-ESTALE, 410}};

static unsigned status_of(int code)
{
	for (size_t i = 0; i < NR_COUNT(statuses); i++)
		if (statuses[i].code == code)
			return statuses[i].status;
	return 500;
}

static void answer(void *context, const struct nr_http_request *request, struct nr_http_reply *reply)
{
	struct service *s = context;
	struct nr_error error = {0};
	reply->type = "application/octet-stream";
	reply->status = 404;
	if (strcmp(request->path, NR_EXCHANGE_LETTER_PATH) != 0)
		return;
	reply->status = 405;
	if (strcmp(request->method, "POST") != 0)
		return;
	int e = nr_exchange_box_answer(
		s->box, request->body, request->length, nr_time_now(), &reply->bytes, &reply->length, &error);
	reply->status = e ? status_of(e) : 200;
	if (!e)
		return;
	reply->type = "text/plain";
	reply->bytes = (uint8_t *)strdup(reply->status == 500 ? "the collector's disk" : error.text);
	reply->length = reply->bytes ? strlen((char *)reply->bytes) : 0;
	if (reply->status == 500)
		nr_log(NR_LOG_ERROR, "exchange", "reason", error.text, NULL);
}

static int read_pem(const char *path, uint8_t **ret_text, struct nr_error *error)
{
	size_t length;
	return path ? nr_file_read(path, PEM_MAX, ret_text, &length, error) : 0;
}

static int open_all(struct service *s, struct nr_error *error)
{
	const struct nr_exchange_conf *conf = s->conf;
	int e = nr_exchange_group_read(conf->group, &s->group, error);
	e = e ? e : nr_exchange_person(conf, &s->person, error);
	if (!e && memcmp(&s->person.public_key.hash, &s->group.collector.hash,
			  sizeof s->group.collector.hash) != 0)
		e = nr_fail(error, -EACCES, "%.100s: not the collector of %s", conf->sign, s->group.name);
	if (!e && !conf->out)
		e = nr_fail(error, -EINVAL, "say where offers and replies are kept: --out DIR");
	if (!e && !conf->certificate != !conf->tls_key)
		e = nr_fail(error, -EINVAL, "TLS needs both: --tls-certificate FILE and --tls-key FILE");
	e = e ? e : read_pem(conf->certificate, &s->certificate, error);
	e = e ? e : read_pem(conf->tls_key, &s->key, error);
	e = e ? e : nr_listen_parse(conf->listen, &s->listen, error);
	if (!e && !s->listen.loopback && !conf->certificate)
		e = nr_fail(error, -EINVAL,
			"%s: not without TLS: --tls-certificate and --tls-key, or listen on loopback behind "
			"a "
			"proxy that has it",
			s->listen.text);
	e = e ? e : nr_listen_open(&s->listen, &s->socket, error);
	e = e ? e : nr_exchange_box_open(conf->out, &s->group, &s->box, error);
	return e ? e : nr_exchange_ledger_open(conf, &s->keys, error);
}

/* Letters come from strangers; the ledger's signer, where there is one, needs its folder, too. */
static int close_door(const struct service *s, struct nr_error *error)
{
	const struct nr_sandbox_places places = {.read = "/etc", .write = s->conf->out};
	if (s->keys)
		return 0;
	return nr_sandbox_enter_places(
		NR_SANDBOX_SERVE | NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES | NR_SANDBOX_MAKE_FOLDERS,
		&places, NULL, error);
}

static int start(struct service *s, struct nr_error *error)
{
	int e = open_all(s, error);
	e = e ? e : close_door(s, error);
	e = e ? e : nr_exchange_crew(s->conf, &s->crew, error);
	if (e)
		return e;
	const struct nr_http_server_conf server = {.socket = s->socket,
		.threads = 1,
		.body_max = NR_EXCHANGE_LETTER_MAX,
		.connections = CONNECTIONS,
		.idle_seconds = REQUEST_SECONDS,
		.certificate = (const char *)s->certificate,
		.key = (const char *)s->key,
		.answer = answer,
		.context = s};
	e = nr_http_server_start(&server, &s->server, error);
	if (!e)
		s->socket = -1;
	return e;
}

/* A day that can be joined is; what fails is said, and waits for another offer. */
static void join_days(struct service *s)
{
	struct nr_exchange_joined joined;
	struct nr_error error = {0};
	char day[NR_EXCHANGE_DAY_TEXT], places[24];
	int e = nr_exchange_box_join(
		s->box, s->person.key, s->crew, s->conf->wait, nr_time_now(), &joined, &error);
	if (e == -EAGAIN)
		return;
	e = e ? e : nr_exchange_record_joined(s->conf, s->keys, &s->group, &joined, &error);
	if (e) {
		nr_log(NR_LOG_ERROR, "join", "reason", error.text, NULL);
		return;
	}
	snprintf(places, sizeof places, "%llu", (unsigned long long)joined.places);
	nr_log(NR_LOG_INFO, "join", "day", nr_exchange_day_write(joined.day, day), "places", places, NULL);
}

static void erase_days(struct service *s)
{
	struct nr_error error = {0};
	uint64_t files = 0;
	char text[24];
	const struct nr_exchange_act act = {.name = "exchange-erase",
		.group = &s->group,
		.day = (int32_t)(nr_time_now() / NR_DAY) - s->group.retention};
	if (nr_exchange_box_erase(s->box, nr_time_now(), &files, &error))
		nr_log(NR_LOG_ERROR, "erase", "reason", error.text, NULL);
	if (!files)
		return;
	if (nr_exchange_record_act(s->conf, s->keys, &act, &error))
		nr_log(NR_LOG_ERROR, "erase", "reason", error.text, NULL);
	snprintf(text, sizeof text, "%llu", (unsigned long long)files);
	nr_log(NR_LOG_INFO, "erase", "files", text, NULL);
}

static void work_until_end(struct service *s, const sigset_t *signals)
{
	static const struct timespec tick = {.tv_sec = TICK_SECONDS};
	nr_time erased = NR_TIME_MIN;
	for (;;) {
		nr_time now = nr_time_now();
		if (erased == NR_TIME_MIN || now - erased >= ERASE_EVERY) {
			erase_days(s);
			erased = now;
		}
		join_days(s);
		if (sigtimedwait(signals, NULL, &tick) >= 0)
			return;
	}
}

int nr_exchange_step_serve(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	(void)operands, (void)count;
	NR_AUTO(service_fini) struct service s = {.conf = conf, .socket = -1};
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int e = start(&s, error);
	if (e)
		return nr_exchange_exit(e);
	printf("%s://%s/\n", conf->certificate ? "https" : "http", s.listen.text);
	fflush(stdout);
	work_until_end(&s, &signals);
	nr_log(NR_LOG_INFO, "end", NULL);
	return NR_EXIT_OK;
}

/* ---- send, fetch ---- */

struct client {
	const struct nr_exchange_conf *conf;
	struct nr_exchange_group group;
	struct nr_person person;
	unsigned party;
	char url[1024];
};

static void client_fini(struct client *c)
{
	nr_person_fini(&c->person);
	nr_exchange_group_fini(&c->group);
}

static int client_init(struct client *c, struct nr_error *error)
{
	const struct nr_exchange_conf *conf = c->conf;
	int e = nr_exchange_group_read(conf->group, &c->group, error);
	e = e ? e : nr_exchange_person(conf, &c->person, error);
	if (e)
		return e;
	c->party = nr_exchange_group_party(&c->group, &c->person.public_key);
	if (!c->party)
		return nr_fail(error, -EACCES, "%.100s: not a party of %s", conf->sign, c->group.name);
	if (!conf->url)
		return nr_fail(error, -EINVAL, "name the collector: --url https://HOST:PORT");
	size_t length = strlen(conf->url);
	while (length && conf->url[length - 1] == '/')
		length--;
	snprintf(c->url, sizeof c->url, "%.*s" NR_EXCHANGE_LETTER_PATH, (int)NR_MIN(length, (size_t)900),
		conf->url);
	return 0;
}

/* What the collector says is shown, and never more than a line of it. */
static int code_of(const struct client *c, const struct nr_http_answer *answer, struct nr_error *error)
{
	int code = -EPROTO;
	for (size_t i = 0; i < NR_COUNT(statuses); i++)
		if (statuses[i].status == answer->status)
			code = statuses[i].code;
	return nr_fail(error, code, "%.100s: %u %.*s", c->conf->url, answer->status,
		(int)NR_MIN(answer->length, (size_t)100), answer->bytes ? (const char *)answer->bytes : "");
}

static int ask(const struct client *c, const struct nr_exchange_letter *letter, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_http_answer answer = {.status = 0};
	size_t length;
	int e = nr_exchange_letter_write(&c->group, letter, c->person.key, &bytes, &length, error);
	e = e ? e
	      : nr_http_fetch(c->url, "application/octet-stream", bytes, length, ANSWER_MAX, REQUEST_SECONDS,
			c->conf->ca, &answer, error);
	if (e)
		return e;
	e = answer.status == 200 ? 0 : code_of(c, &answer, error);
	if (!e && ret_bytes) {
		*ret_bytes = nr_steal(&answer.bytes);
		*ret_length = answer.length;
	}
	free(answer.bytes);
	return e;
}

static int send_parts(const struct client *c, int file, const char *path, int32_t day, struct nr_error *error)
{
	uint64_t whole = nr_exchange_offer_bytes(&c->group);
	NR_AUTO(nr_freep) uint8_t *data = malloc(NR_EXCHANGE_PART_BYTES);
	struct nr_exchange_letter letter = {
		.kind = NR_EXCHANGE_LETTER_PART, .party = c->party, .day = day, .data = data};
	int e = data ? 0 : nr_fail(error, -ENOMEM, "out of memory");
	for (uint64_t at = 0; !e && at < whole; at += letter.length) {
		letter.offset = at;
		letter.time = nr_time_now();
		letter.length = (size_t)NR_MIN(whole - at, (uint64_t)NR_EXCHANGE_PART_BYTES);
		if (pread(file, data, letter.length, (off_t)at) != (ssize_t)letter.length)
			return nr_fail(error, -EBADMSG, "%.150s: cut short", path);
		e = ask(c, &letter, NULL, NULL, error);
	}
	const struct nr_exchange_letter end = {
		.kind = NR_EXCHANGE_LETTER_WHOLE, .party = c->party, .day = day, .time = nr_time_now()};
	return e ? e : ask(c, &end, NULL, NULL, error);
}

static int send_offer(const struct client *c, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[NR_EXCHANGE_HEAD_BYTES];
	struct nr_exchange_head head;
	struct stat status;
	if (file < 0 || fstat(file, &status) < 0)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	ssize_t got = pread(file, bytes, sizeof bytes, 0);
	int e = nr_exchange_head_parse(
		&c->group, NR_EXCHANGE_OFFER, bytes, got > 0 ? (size_t)got : 0, &head, error);
	if (e)
		return nr_error_prefix(error, "%.100s", path);
	if (head.party != c->party || (uint64_t)status.st_size != nr_exchange_offer_bytes(&c->group))
		return nr_fail(error, -EBADMSG, "%.150s: not a whole offer of party %u", path, c->party);
	return send_parts(c, file, path, head.day, error);
}

int nr_exchange_step_send(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	NR_AUTO(client_fini) struct client c = {.conf = conf};
	if (count != 1) {
		nr_fail(error, -EINVAL, "name one offer: send OFFER");
		return NR_EXIT_USAGE;
	}
	int e = client_init(&c, error);
	e = e ? e : send_offer(&c, operands[0], error);
	if (!e && !conf->json)
		printf(nr_says("%s: sent\n", "%s：送信済み\n"), operands[0]);
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}

static int fetch_parts(const struct client *c, int32_t day, FILE *out, struct nr_error *error)
{
	uint64_t whole = 1, limit = NR_EXCHANGE_HEAD_BYTES + NR_EXCHANGE_SIGNATURE_BYTES +
				    c->group.party_count * NR_EXCHANGE_DIGEST_BYTES +
				    c->group.bins * NR_EXCHANGE_TABLES * nr_exchange_record_bytes(&c->group);
	for (uint64_t at = 0; at < whole;) {
		NR_AUTO(nr_freep) uint8_t *bytes = NULL;
		size_t length = 0;
		uint64_t said = 0;
		const struct nr_exchange_letter letter = {.kind = NR_EXCHANGE_LETTER_ASK,
			.party = c->party,
			.day = day,
			.offset = at,
			.time = nr_time_now()};
		int e = ask(c, &letter, &bytes, &length, error);
		if (e)
			return e;
		if (length > sizeof said)
			memcpy(&said, bytes, sizeof said);
		said = le64toh(said);
		if (length <= sizeof said || said > limit || (at && said != whole) ||
			length - sizeof said > said - at)
			return nr_fail(
				error, -EBADMSG, "%.100s: answers what is no part of a reply", c->conf->url);
		whole = said;
		at += length - sizeof said;
		fwrite(bytes + sizeof said, 1, length - sizeof said,
			out); /* nr_file_commit() finds a failure */
	}
	return 0;
}

/* What was fetched is looked at before it appears: the collector's signature, party and day. */
static int check_fetched(const struct client *c, struct nr_file *file, int32_t day, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	struct nr_exchange_head head;
	size_t length;
	if (fflush(file->stream) || !file->part)
		return nr_fail(error, -EIO, "%.150s: not a file that can be checked", file->path);
	int e = nr_exchange_reply_read(file->part, &c->group, &bytes, &length, &head, error);
	if (!e && (head.party != c->party || head.day != day))
		e = nr_fail(error, -EBADMSG, "%.100s: the reply of another party or day", c->conf->url);
	return e;
}

int nr_exchange_step_fetch(const struct nr_exchange_conf *conf, const char *const *operands, size_t count,
	struct nr_error *error)
{
	(void)operands, (void)count;
	NR_AUTO(client_fini) struct client c = {.conf = conf};
	NR_AUTO(nr_file_fini) struct nr_file file = {.stream = NULL};
	int32_t day = 0;
	int e = client_init(&c, error);
	e = e ? e : nr_exchange_day_check(&c.group, conf->day, nr_time_now(), &day, error);
	if (!e && !conf->out)
		e = nr_fail(error, -EINVAL, "say where to: --out FILE");
	e = e ? e : nr_file_create(&file, conf->out, error);
	e = e ? e : fetch_parts(&c, day, file.stream, error);
	e = e ? e : check_fetched(&c, &file, day, error);
	e = e ? e : nr_file_commit(&file, error);
	if (e == -ENOENT)
		return NR_EXIT_NO; /* not joined yet */
	return e ? nr_exchange_exit(e) : NR_EXIT_OK;
}
