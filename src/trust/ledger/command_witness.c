/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger witness: cosigns what logs say, when it goes on from what they said before (C2SP
 * tlog-witness). */
#include "base/file.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "net/http.h"
#include "net/listen.h"
#include "trust/ledger/command.h"
#include "trust/ledger/source.h"
#include "trust/ledger/witness.h"
#include "trust/signer/signer.h"

#include <errno.h>
#include <openssl/x509.h>
#include <signal.h>
#include <string.h>

#define VKEY_BYTES 8192

struct witness_conf {
	const char *key, *passphrase_file, *listen, *state;
	struct nr_texts logs;
};

static const struct nr_option options[] = {
	{"key", NR_OPTION_PATH, offsetof(struct witness_conf, key), "FILE", NULL, 0, 0, NULL,
		"the witness's Ed25519 key, as \"noroshi key note\" makes it, with FILE.vkey beside it",
		"証人のEd25519鍵（noroshi key noteが作るもの。FILE.vkeyも必要）"},
	{"passphrase-file", NR_OPTION_PATH, offsetof(struct witness_conf, passphrase_file), "FILE", NULL, 0,
		0, NULL, "file whose first line opens the encrypted key",
		"暗号化された鍵を開くパスフレーズ（1行目）のファイル"},
	{"listen", NR_OPTION_TEXT, offsetof(struct witness_conf, listen), "ADDRESS:PORT", "127.0.0.1:8482", 0,
		0, NULL, "where requests come in", "要求を受け付けるアドレスとポート"},
	{"state", NR_OPTION_PATH, offsetof(struct witness_conf, state), "DIR", NULL, 0, 0, NULL,
		"folder of what was cosigned last (made if absent)",
		"連署の記録を置くフォルダー（なければ作る）"},
	{"log", NR_OPTION_TEXTS, offsetof(struct witness_conf, logs), "VKEY", NULL, 0, 0, NULL,
		"verifier key of a log, or a file that holds it; may be given several times",
		"台帳の検証鍵、またはそれを収めたファイル。複数指定可"},
};

struct service {
	struct nr_signer *signer;
	struct nr_tlog_policy *policy;
	struct nr_witness *witness;
	struct nr_http_server *server;
	struct nr_listen listen;
	int socket;
	bool inside; /* the sandbox */
	char name[NR_NOTE_NAME_MAX + 1], vkey[NR_NOTE_VKEY_TEXT];
	uint8_t public[32];
};

static void service_fini(struct service *s)
{
	nr_http_server_stop(s->server);
	if (s->socket >= 0)
		close(s->socket);
	nr_witness_free(s->witness);
	nr_tlog_policy_free(s->policy);
	if (!s->inside)
		nr_signer_free(
			s->signer); /* from inside the sandbox nobody is killed: it ends with our socket */
}

/* ---- logs ---- */

/* The text of a key, or of the first line of a file that is named so. */
static int add_log(const char *text, FILE *out, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (access(text, R_OK) != 0) {
		fprintf(out, "log %s\n", text);
		return 0;
	}
	int e = nr_file_read(text, VKEY_BYTES, &bytes, &length, error);
	if (!e)
		fprintf(out, "log %.*s\n", (int)strcspn((char *)bytes, "\r\n"), bytes);
	return e;
}

static int read_logs(const struct witness_conf *conf, struct service *s, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int e = out ? 0 : nr_fail(error, -ENOMEM, "out of memory");
	if (!e && !conf->logs.count)
		e = nr_fail(error, -EINVAL, "name the logs that are cosigned: --log VKEY");
	for (size_t i = 0; !e && i < conf->logs.count; i++)
		e = add_log(conf->logs.items[i], out, error);
	if (out) {
		fprintf(out, "quorum none\n");
		fclose(out);
	}
	return e ? e : nr_tlog_policy_parse("--log", text, length, true, &s->policy, error);
}

/* ---- the key ---- */

/* The witness's name is that of its verifier key. */
static int read_name(const struct witness_conf *conf, struct service *s, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = NULL;
	NR_AUTO(nr_freep) uint8_t *text = NULL;
	struct nr_vkey vkey;
	size_t length;
	if (!conf->key || !conf->state)
		return nr_fail(error, -EINVAL, "name the witness's key and folder: --key FILE --state DIR");
	if (asprintf(&path, "%s.vkey", conf->key) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_file_read(path, VKEY_BYTES, &text, &length, error);
	if (e)
		return e;
	e = nr_vkey_parse((char *)text, strcspn((char *)text, "\r\n"), &vkey, error);
	if (e) {
		nr_error_prefix(error, "%.120s", path);
		return e;
	}
	snprintf(s->name, sizeof s->name, "%.*s", (int)vkey.name_length, vkey.name);
	return 0;
}

static int start_signer(const struct witness_conf *conf, struct service *s, struct nr_error *error)
{
	const struct nr_signer_key key = {.key = conf->key,
		.passphrase = conf->passphrase_file,
		.name = s->name,
		.purposes = 1u << NR_SIGN_COSIGNATURE};
	int e = nr_signer_start(&(struct nr_signer_conf){.keys = &key, .count = 1}, &s->signer, error);
	if (e)
		return e;
	size_t length, size = sizeof s->public;
	const unsigned char *spki = nr_signer_public(s->signer, 0, &length);
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &spki, (long)length);
	bool fits = pkey && EVP_PKEY_get_raw_public_key(pkey, s->public, &size) == 1 && size == 32;
	EVP_PKEY_free(pkey);
	if (!fits)
		return nr_fail(error, -EINVAL, "%.120s: a witness's key is an Ed25519 key", conf->key);
	return nr_note_vkey_write(s->name, NR_NOTE_COSIGNATURE, s->public, s->vkey, error);
}

static int sign(void *context, const char *message, size_t length, uint8_t signature[static 64],
	struct nr_error *error)
{
	struct service *s = context;
	const struct nr_signer_item item = {(const uint8_t *)message, length};
	struct nr_signed made;
	int e = nr_signer_sign(s->signer, 0, NR_SIGN_COSIGNATURE, &item, 1, &made, error);
	if (e)
		return e;
	if (made.code || made.length != 64)
		return nr_fail(error, made.code ? made.code : -EPROTO, "the signer refuses: %s",
			strerror(made.code ? -made.code : EPROTO));
	memcpy(signature, made.signature, 64);
	return 0;
}

/* ---- requests ---- */

static void note_request(const struct nr_http_request *request, const struct nr_http_reply *reply)
{
	char status[8];
	snprintf(status, sizeof status, "%u", reply->status);
	nr_log(reply->status >= 500 ? NR_LOG_ERROR : NR_LOG_INFO, "request", "path", request->path, "status",
		status, NULL);
}

static void answer(void *context, const struct nr_http_request *request, struct nr_http_reply *ret_reply)
{
	struct service *s = context;
	struct nr_witness_answer a = {.status = 405, .type = "text/plain"};
	if (!strcmp(request->method, "POST")) {
		if (!strcmp(request->path, "/add-checkpoint"))
			nr_witness_add(s->witness, request->body, request->length, nr_time_now(), &a);
		else
			a.status = 404;
	} else if (!strcmp(request->method, "GET")) {
		nr_witness_get(s->witness, request->path, &a);
	}
	*ret_reply = (struct nr_http_reply){
		.status = a.status, .type = a.type, .bytes = (uint8_t *)a.text, .length = a.length};
	note_request(request, ret_reply);
}

static int start(const struct witness_conf *conf, struct service *s, struct nr_error *error)
{
	int e = nr_listen_open(&s->listen, &s->socket, error);
	e = e ? e : start_signer(conf, s, error);
	const struct nr_witness_conf wanted = {.folder = conf->state,
		.policy = s->policy,
		.name = s->name,
		.key = s->public,
		.sign = sign,
		.context = s};
	e = e ? e : nr_witness_open(&wanted, &s->witness, error);
	/* Records are open descriptors. Opening is allowed for the C library alone, which looks at the time
	 * zone and at the system's memory; where the kernel has Landlock, it finds nothing but the records.
	 */
	const struct nr_sandbox_places places = {.read = conf->state};
	e = e ? e : nr_sandbox_enter_places(NR_SANDBOX_SERVE | NR_SANDBOX_READ_FILES, &places, NULL, error);
	s->inside = e == 0;
	const struct nr_http_server_conf http = {.socket = s->socket,
		.threads = 2,
		.body_max = NR_WITNESS_BODY_MAX,
		.answer = answer,
		.context = s};
	e = e ? e : nr_http_server_start(&http, &s->server, error);
	s->socket = e ? s->socket : -1;
	return e;
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct witness_conf *conf = context;
	NR_AUTO(service_fini) struct service s = {.socket = -1};
	sigset_t signals;
	int signal;
	int e = nr_listen_parse(conf->listen, &s.listen, error);
	e = e ? e : read_name(conf, &s, error);
	e = e ? e : read_logs(conf, &s, error);
	if (e)
		return nr_exit_of_input(e);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	e = start(conf, &s, error);
	if (e)
		return e == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	printf("%s\n", s.vkey);
	fflush(stdout);
	nr_log(NR_LOG_INFO, "listen", "address", s.listen.text, "witness", s.vkey, NULL);
	sigwait(&signals, &signal);
	nr_log(NR_LOG_INFO, "end", NULL);
	return NR_EXIT_OK;
}

const struct nr_command nr_ledger_witness_command = {
	.area = "ledger",
	.verb = "witness",
	.text_en = "Cosign what logs say when it goes on from what they said before (C2SP tlog-witness)",
	.text_ja = "台帳の続きであることを確かめて連署する証人になる（C2SP tlog-witness）",
	.example = "noroshi ledger witness --key witness.key --state witness --log keys/ledger.vkey",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct witness_conf),
	.run = run,
};
