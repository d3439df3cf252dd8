/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp serve: a time-stamp authority over HTTP (RFC 3161 section 3.4). */
#include "base/log.h"
#include "base/sandbox.h"
#include "net/http.h"
#include "net/listen.h"
#include "trust/certificate/chain.h"
#include "trust/certificate/signature.h"
#include "trust/signer/authority.h"
#include "trust/signer/open.h"
#include "trust/timestamp/command.h"
#include "trust/timestamp/issuer.h"

#include <errno.h>
#include <openssl/bn.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define QUERY "application/timestamp-query"
#define REPLY "application/timestamp-reply"
#define JSON  "application/json"

struct serve_conf {
	struct nr_keys_conf keys;
	const char *listen, *policy, *user;
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
	{"user", NR_OPTION_TEXT, offsetof(struct serve_conf, user), "NAME", NULL, 0, 0, NULL,
		"who to become when started as root, once the keys are read (default: the owner of the "
		"folder of keys)",
		"rootで起動したとき、鍵を読んだ後に切り替えるユーザー（省略時は鍵のフォルダーの所有者）"},
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
	nr_issuer_stop(service->issuer); /* every request that waits has its answer */
	nr_http_server_stop(service->server);
	nr_issuer_free(service->issuer);
	nr_guard_stop(service->guard); /* its last entry goes into the ledger */
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
	struct nr_error trouble = {0};
	if (nr_ledger_trouble(nr_keys_ledger(service->keys), &trouble) != 0)
		nr_json_text(&json, "ledger_trouble", trouble.text);
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

static int open_guard(struct service *service, struct nr_error *error)
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
	return nr_guard_open(&guard, &service->guard, error);
}

static const char *policy_of(const struct service *service)
{
	return service->conf->policy ? service->conf->policy : NR_DEMONSTRATION_POLICY;
}

static int open_issuer(struct service *service, struct nr_error *error)
{
	const struct serve_conf *conf = service->conf;
	char serials[4096];
	int e = nr_keys_path(&conf->keys, "tsa.serial", serials, sizeof serials, error);
	if (e)
		return e;
	struct nr_issuer_conf issuer = {
		.signer = nr_keys_signer(service->keys),
		.key = nr_keys_index(service->keys, NR_SIGN_TIMESTAMP),
		.policy = policy_of(service),
		.ordering = conf->ordering,
		.serials = serials,
		.guard = service->guard,
		.ledger = nr_keys_ledger(service->keys),
		.threads = (unsigned)conf->threads,
	};
	issuer.chain = nr_keys_certificate(service->keys, NR_SIGN_TIMESTAMP, &issuer.chain_length);
	return nr_issuer_open(&issuer, &service->issuer, error);
}

/* The owner of the keys: what is written beside them stays theirs. Root's keys are used by root, without its
 * rights over others' files. */
static int find_rights(const struct serve_conf *conf, struct nr_rights *ret_rights, struct nr_error *error)
{
	struct stat status;
	int e = nr_rights_find(conf->user, conf->keys.folder, ret_rights, error);
	if (!e && !conf->user && conf->keys.folder && stat(conf->keys.folder, &status) == 0 &&
		status.st_uid == 0)
		ret_rights->change = false;
	return e;
}

static void write_authority(const struct service *service, X509 *certificate, struct nr_json *json)
{
	char name[256];
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	char *serial = number ? BN_bn2hex(number) : NULL;
	nr_certificate_name(certificate, name, sizeof name);
	nr_json_object(json, NULL);
	nr_json_text(json, "kind", "authority");
	nr_json_time(json, "time", nr_time_now());
	nr_json_text(json, "name", name);
	nr_json_text(json, "certificate_serial", serial);
	nr_json_text(json, "key",
		nr_signer_key_id(
			nr_keys_signer(service->keys), nr_keys_index(service->keys, NR_SIGN_TIMESTAMP)));
	nr_json_text(json, "policy", policy_of(service));
	nr_json_int(json, "limit_us", NR_CLOCK_LIMIT);
	nr_json_bool(json, "checked", nr_guard_is_checked(service->guard));
	nr_json_object_end(json);
	OPENSSL_free(serial);
	BN_free(number);
}

/* Who stamps, and how: an audit of the ledger names it. */
static int record_start(struct service *service, struct nr_error *error)
{
	size_t length;
	uint64_t index;
	const uint8_t *der = nr_keys_certificate(service->keys, NR_SIGN_TIMESTAMP, &length);
	X509 *certificate = d2i_X509(NULL, &der, (long)length);
	if (!certificate)
		return nr_fail(error, -EINVAL, "the authority's certificate cannot be read");
	struct nr_json json;
	nr_json_init(&json);
	write_authority(service, certificate, &json);
	X509_free(certificate);
	int e = nr_json_finish(&json, error);
	struct nr_ledger_entry entry = {json.bytes, json.length};
	e = e ? e : nr_ledger_append(nr_keys_ledger(service->keys), &entry, 1, &index, error);
	nr_json_fini(&json);
	return e;
}

/* Requests come from strangers, and so do the answers of clocks: from here on there are the ledger's folder,
 * the sockets and the counter that are open, and nothing else. Witnesses are asked over connections of their
 * own. */
static int close_door(const struct service *service, struct nr_error *error)
{
	const struct nr_keys_conf *keys = &service->conf->keys;
	char own[4096];
	int e = nr_keys_path(keys, "ledger", own, sizeof own, error);
	struct nr_sandbox_places places = {.read = "/etc", .write = keys->ledger ? keys->ledger : own};
	unsigned allow = NR_SANDBOX_SERVE | NR_SANDBOX_WRITE_FILES | NR_SANDBOX_MAKE_FOLDERS;
	if (keys->witnesses.count)
		allow |= NR_SANDBOX_CONNECT | NR_SANDBOX_READ_FILES;
	struct nr_sandbox sandbox;
	e = e ? e : nr_sandbox_enter_places(allow, &places, &sandbox, error);
	const char *missing = e ? NULL : nr_sandbox_missing(&sandbox);
	if (missing)
		nr_log(NR_LOG_WARNING, "sandbox", "process", "authority", "missing", missing, "reason",
			"this kernel does not have it; the authority is confined less", NULL);
	return e;
}

static int open_all(struct service *service, struct nr_error *error)
{
	const struct serve_conf *conf = service->conf;
	struct nr_rights rights;
	struct nr_keys_conf keys = conf->keys;
	keys.rights = &rights;
	keys.quiet = true;
	int e = nr_listen_parse(conf->listen, &service->listen, error);
	if (!e)
		e = find_rights(conf, &rights, error);
	if (!e) /* a port below 1024 is root's to open */
		e = nr_listen_open(&service->listen, &service->socket, error);
	if (!e)
		e = nr_keys_open(&keys, 1u << NR_SIGN_TIMESTAMP, &service->keys, error);
	if (!e && !conf->policy && !nr_keys_are_demonstration(service->keys, NR_SIGN_TIMESTAMP))
		e = nr_fail(error, -EINVAL, "under which policy are the tokens? --policy OID");
	if (!e)
		e = open_guard(service, error);
	return e ? e : open_issuer(service, error);
}

static int start(struct service *service, struct nr_error *error)
{
	int e = open_all(service, error);
	e = e ? e : record_start(service, error);
	e = e ? e : close_door(service, error);
	e = e ? e : nr_keys_start(service->keys, error);
	e = e ? e : nr_guard_start(service->guard, error);
	e = e ? e : nr_issuer_start(service->issuer, error);
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

/* The ledger publishes by itself, and nobody waits for its answer: what hinders it is said here, once. */
static void watch_ledger(struct service *service, int *said)
{
	struct nr_error trouble = {0};
	int code = nr_ledger_trouble(nr_keys_ledger(service->keys), &trouble);
	if (code == *said)
		return;
	if (code)
		nr_log(NR_LOG_ERROR, "ledger", "reason", trouble.text, NULL);
	else
		nr_log(NR_LOG_INFO, "ledger", "state", "published again", NULL);
	*said = code;
}

/* Until somebody ends it, or the signer does. */
static int wait_for_end(struct service *service, const sigset_t *signals, struct nr_error *error)
{
	const struct timespec second = {.tv_sec = 1};
	int trouble = 0;
	for (;;) {
		int signal = sigtimedwait(signals, NULL, &second);
		watch_ledger(service, &trouble);
		if (signal < 0)
			continue;
		if (signal == SIGCHLD)
			return nr_fail(error, -EIO, "the signer has ended: nothing can be signed");
		if (signal != SIGUSR1)
			return 0;
		nr_guard_confirm(service->guard);
		nr_log(NR_LOG_INFO, "clock", "confirmed", "by an operator", NULL);
	}
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operands, (void)operand_count;
	static const int awaited[] = {SIGINT, SIGTERM, SIGUSR1, SIGCHLD};
	NR_AUTO(service_fini) struct service service = {.conf = context, .socket = -1};
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < NR_COUNT(awaited); i++)
		sigaddset(&signals, awaited[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	nr_crypto_prepare();
	int e = start(&service, error);
	if (e)
		return e == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	printf("http://%s/\n", service.listen.text);
	fflush(stdout);
	e = wait_for_end(&service, &signals, error);
	nr_log(NR_LOG_INFO, "end", NULL);
	return e ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
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
