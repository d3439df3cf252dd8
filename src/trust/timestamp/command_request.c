/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp request: tokens for files, from an authority. */
#include "base/file.h"
#include "trust/certificate/signature.h"
#include "trust/timestamp/command.h"
#include "trust/timestamp/token.h"

#include <errno.h>
#include <string.h>

struct request_conf {
	const char *tsa, *tsa_ca, *digest;
	bool json;
};

static const char *const digests[] = {"sha256", "sha384", "sha512", NULL};
static const struct nr_option options[] = {
	{"tsa", NR_OPTION_TEXT, offsetof(struct request_conf, tsa), "URL", NULL, 0, 0, NULL,
		"the authority's address", "タイムスタンプ局のURL"},
	{"tsa-ca", NR_OPTION_PATH, offsetof(struct request_conf, tsa_ca), "PEM", NULL, 0, 0, NULL,
		"who may certify its server (default: the system's authorities)",
		"接続先サーバーを証明する認証局（省略時はシステムのもの）"},
	{"digest", NR_OPTION_CHOICE, offsetof(struct request_conf, digest), "NAME", "sha256", 0, 0, digests,
		"digest of the file that is stamped", "タイムスタンプを付けるファイルのハッシュ関数"},
	{"json", NR_OPTION_FLAG, offsetof(struct request_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object a file", "ファイルごとに1つのJSONオブジェクトを出力する"},
};

/* TimeStampResp around the token, which is what other programs' verifiers read. */
static int write_answer(const char *path, const uint8_t *token, size_t length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *buffer = malloc(length + 32);
	struct nr_der_writer w;
	if (!buffer)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_der_writer_init(&w, buffer, length + 32);
	nr_der_put(&w, token, length);
	size_t mark = nr_der_mark(&w);
	nr_der_put_uint(&w, 0);
	nr_der_wrap(&w, NR_DER_SEQUENCE, mark);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	return nr_file_write(path, w.at, nr_der_mark(&w), error);
}

static int stamp(const struct request_conf *conf, const char *path, char *ret_answer, size_t room,
	struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	NR_AUTO(nr_freep) uint8_t *token = NULL;
	size_t length;
	enum nr_oid digest = nr_digest_named(conf->digest);
	if ((size_t)snprintf(ret_answer, room, "%s.tsr", path) >= room)
		return nr_fail(error, -ENAMETOOLONG, "%.150s: the name is too long", path);
	NR_AUTO(nr_closep) FILE *stream = fopen(path, "re");
	if (!stream)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	int e = nr_digest_stream(digest, stream, hash, error);
	if (e)
		return nr_error_prefix(error, "%.100s", path);
	e = nr_token_fetch(conf->tsa, conf->tsa_ca, digest, hash, &token, &length, error);
	return e ? e : write_answer(ret_answer, token, length, error);
}

static void say(const struct request_conf *conf, const char *path, const char *answer)
{
	if (!conf->json) {
		printf("%s -> %s\n", path, answer);
		return;
	}
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "file", path);
	nr_json_text(&json, "token", answer);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	const struct request_conf *conf = context;
	char answer[4096];
	if (!conf->tsa) {
		nr_fail(error, -EINVAL, "which authority? --tsa URL");
		return NR_EXIT_USAGE;
	}
	for (size_t i = 0; i < operand_count; i++) {
		int e = stamp(conf, operands[i], answer, sizeof answer, error);
		if (e)
			return e == -EACCES || e == -EAGAIN ? NR_EXIT_NO : nr_exit_of_input(e);
		say(conf, operands[i], answer);
	}
	return NR_EXIT_OK;
}

const struct nr_command nr_timestamp_request_command = {
	.area = "timestamp",
	.verb = "request",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Have an authority stamp files; the answer for FILE is FILE.tsr",
	.text_ja = "タイムスタンプ局にファイルのタイムスタンプを要求する（FILEへの応答はFILE.tsr）",
	.example = "noroshi timestamp request --tsa http://127.0.0.1:3161/ notice.pdf",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct request_conf),
	.run = run,
};
