/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp serve: a time-stamp authority over HTTP (RFC 3161 section 3.4). */
#include "base/log.h"
#include "base/sandbox.h"
#include "net/http.h"
#include "net/listen.h"
#include "trust/certificate/signature.h"
#include "trust/signer/authority.h"
#include "trust/signer/open.h"
#include "trust/timestamp/command.h"
#include "trust/timestamp/issuer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define QUERY "application/timestamp-query"
#define REPLY "application/timestamp-reply"
#define JSON  "application/json"

struct serve_conf {
	struct nr_keys_conf keys;
	const char *listen, *policy;
	struct nr_texts references;
	uint64_t threads;
	bool ordering, confirm;
};

static const struct nr_option options[] = {
	NR_KEYS_OPTIONS(struct serve_conf, keys.),
	{"listen", NR_OPTION_TEXT, offsetof(struct serve_conf, listen), "ADDRESS:PORT", "127.0.0.1:3161", 0,
		0, NULL, "where requests come in", "要求を受け付けるアドレスとポート"},
	{"reference", NR_OPTION_TEXTS, offsetof(struct serve_conf, references), "CLOCK", NULL, 0, 0, NULL,
		"what the clock is compared with: chrony, chrony:SOCKET or ntp:HOST[:PORT]; two or more",
		"時計の比較対象。chrony、chrony:ソケット、ntp:ホスト[:ポート] を2つ以上"},
	{"policy", NR_OPTION_TEXT, offsetof(struct serve_conf, policy), "OID", NULL, 0, 0, NULL,
		"policy of the tokens (default: that of demonstration)",
		"トークンのポリシー（省略時は実演用のもの）"},
	{"ordering", NR_OPTION_FLAG, offsetof(struct serve_conf, ordering), NULL, NULL, 0, 0, NULL,
		"promise that a later token has a later time",
		"後のトークンほど時刻が後であることを約束する"},
	{"confirm", NR_OPTION_FLAG, offsetof(struct serve_conf, confirm), NULL, NULL, 0, 0, NULL,
		"after a step or a suspend, issue nothing until SIGUSR1 says that an operator has looked",
		"時計の飛びや休止の後は、運用者の確認（SIGUSR1）まで発行しない"},
	{"threads", NR_OPTION_UINT, offsetof(struct serve_conf, threads), "N", "0", 0, 16, NULL,
		"threads that build tokens (0: 2)", "トークンを作るスレッド数（0は2）"},
};

struct service {
	const struct serve_conf *conf;
	struct nr_keys *keys;
	struct nr_guard *guard;
	struct nr_issuer *issuer;
	struct nr_http_server *server;
	struct nr_listen listen;
	int socket;
};

/* In the order in which they need each other. */
static void service_fini(struct service *service)
{
	nr_guard_stop(service->guard);
	nr_issuer_stop(service->issuer); /* every request that waits has its answer */
	nr_http_server_stop(service->server);
	nr_issuer_free(service->issuer);
	nr_close_fd(&service->socket);
	nr_keys_close(service->keys);
}

/* ---- requests ---- */

static void finish(void *context, uint8_t *bytes, size_t length)
{
	struct nr_http_reply reply = {
		.status = bytes ? 200 : 503, .type = REPLY, .bytes = bytes, .length = length};
	nr_http_finish(context, &reply);
}

/* As a media type (RFC 9110 section 8.3.1): a test for the text would take it inside of a parameter, too. */
static bool is_query(const char *type)
{
	if (!type)
		return false;
	size_t length = strcspn(type, "; \t");
	const char *rest = type + length + strspn(type + length, " \t");
	return length == strlen(QUERY) && strncasecmp(type, QUERY, length) == 0 && (!*rest || *rest == ';');
}

static void answer_status(struct service *service, struct nr_http_reply *reply)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "version", NR_VERSION);
	nr_json_time(&json, "time", nr_time_now());
	nr_json_bool(&json, "demonstration", nr_keys_are_demonstration(service->keys, NR_SIGN_TIMESTAMP));
	nr_json_text(&json, "origin", nr_keys_origin(service->keys));
	nr_json_uint(&json, "ledger_size", nr_ledger_size(nr_keys_ledger(service->keys)));
	nr_issuer_write_json(service->issuer, &json);
	nr_guard_write_json(service->guard, &json);
	nr_json_object_end(&json);
	*reply = (struct nr_http_reply){.status = 503};
	if (nr_json_finish(&json, NULL) == 0)
		*reply = (struct nr_http_reply){.status = 200,
			.type = JSON,
			.bytes = (uint8_t *)nr_steal(&json.bytes),
			.length = json.length};
	nr_json_fini(&json);
}

static void answer(void *context, const struct nr_http_request *request, struct nr_http_reply *reply)
{
	struct service *service = context;
	bool post = strcmp(request->method, "POST") == 0;
	if (!post && strcmp(request->path, "/status") == 0)
		answer_status(service, reply);
	else if (!post)
		reply->status = strcmp(request->path, "/") == 0 ? 405 : 404;
	else if (!is_query(request->type))
		reply->status = 415;
	else
		nr_issuer_ask(
			service->issuer, request->body, request->length, finish, nr_http_defer(request));
}

/* ---- start ---- */

static void record(void *context, const char *line, size_t length)
{
	struct service *service = context;
	struct nr_ledger_entry entry = {line, length};
	struct nr_error error = {0};
	uint64_t index;
	if (nr_ledger_append(nr_keys_ledger(service->keys), &entry, 1, &index, &error) != 0)
		nr_log(NR_LOG_ERROR, "ledger", "reason", error.text, NULL);
	nr_log(NR_LOG_INFO, "clock", "entry", line, NULL);
}

static int start_guard(struct service *service, struct nr_error *error)
{
	const struct serve_conf *conf = service->conf;
	bool demonstration = nr_keys_are_demonstration(service->keys, NR_SIGN_TIMESTAMP);
	if (!conf->references.count && !demonstration)
		return nr_fail(error, -EINVAL,
			"the clock must be compared with at least two references: --reference chrony "
			"--reference ntp:HOST; "
			"only certificates for demonstration stamp without");
	if (!conf->references.count)
		nr_log(NR_LOG_WARNING, "clock", "reason",
			"compared with nothing: for demonstration alone; name two references: --reference",
			NULL);
	struct nr_guard_conf guard = {
		.references = &conf->references,
		.clock = {.confirm = conf->confirm},
		.record = record,
		.record_context = service,
	};
	return nr_guard_start(&guard, &service->guard, error);
}

static int start_issuer(struct service *service, struct nr_error *error)
{
	const struct serve_conf *conf = service->conf;
	char serials[4096];
	int e = nr_keys_path(&conf->keys, "tsa.serial", serials, sizeof serials, error);
	if (e)
		return e;
	struct nr_issuer_conf issuer = {
		.signer = nr_keys_signer(service->keys),
		.key = nr_keys_index(service->keys, NR_SIGN_TIMESTAMP),
		.policy = conf->policy ? conf->policy : NR_DEMONSTRATION_POLICY,
		.ordering = conf->ordering,
		.serials = serials,
		.guard = service->guard,
		.ledger = nr_keys_ledger(service->keys),
		.threads = (unsigned)conf->threads,
	};
	issuer.chain = nr_keys_certificate(service->keys, NR_SIGN_TIMESTAMP, &issuer.chain_length);
	return nr_issuer_start(&issuer, &service->issuer, error);
}

static int start(struct service *service, struct nr_error *error)
{
	const struct serve_conf *conf = service->conf;
	int e = nr_listen_parse(conf->listen, &service->listen, error);
	if (!e)
		e = nr_keys_open(&conf->keys, 1u << NR_SIGN_TIMESTAMP, &service->keys, error);
	if (!e && !conf->policy && !nr_keys_are_demonstration(service->keys, NR_SIGN_TIMESTAMP))
		e = nr_fail(error, -EINVAL, "under which policy are the tokens? --policy OID");
	if (!e)
		e = start_guard(service, error);
	if (!e)
		e = nr_listen_open(&service->listen, &service->socket, error);
	if (!e)
		e = start_issuer(service, error);
	if (e)
		return e;
	struct nr_http_server_conf server = {
		.socket = service->socket,
		.body_max = NR_TSP_REQUEST_MAX,
		.answer = answer,
		.context = service,
	};
	e = nr_http_server_start(&server, &service->server, error);
	if (!e)
		service->socket = -1;
	return e;
}

/* Until somebody ends it. */
static void wait_for_end(struct service *service, const sigset_t *signals)
{
	int signal;
	while (sigwait(signals, &signal) == 0 && signal == SIGUSR1) {
		nr_guard_confirm(service->guard);
		nr_log(NR_LOG_INFO, "clock", "confirmed", "by an operator", NULL);
	}
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands, (void)operand_count;
	NR_AUTO(service_fini) struct service service = {.conf = context, .socket = -1};
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	nr_crypto_prepare();
	int e = start(&service, error);
	if (e)
		return e == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	printf("http://%s/\n", service.listen.text);
	fflush(stdout);
	wait_for_end(&service, &signals);
	return NR_EXIT_OK;
}

const struct nr_command nr_timestamp_serve_command = {
	.area = "timestamp",
	.verb = "serve",
	.text_en = "Issue time stamps (RFC 3161) over HTTP, as long as the clock can be trusted",
	.text_ja = "時計が信頼できる間、HTTPでタイムスタンプ（RFC 3161）を発行する",
	.example = "noroshi timestamp serve --keys keys --reference chrony --reference ntp:192.0.2.1",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct serve_conf),
	.run = run,
};
