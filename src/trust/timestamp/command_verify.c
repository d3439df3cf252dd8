/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp verify: is this a token of someone we trust, for this file, and of when? */
#include "base/file.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "trust/certificate/options.h"
#include "trust/certificate/signature.h"
#include "trust/timestamp/command.h"
#include "trust/timestamp/evidence.h"

#include <errno.h>
#include <string.h>

struct verify_conf {
	struct nr_material_conf material;
	const char *token, *request, *evidence;
	bool json;
};

static const struct nr_option options[] = {
	NR_MATERIAL_OPTIONS(struct verify_conf, material.),
	{"token", NR_OPTION_PATH, offsetof(struct verify_conf, token), "FILE", NULL, 0, 0, NULL,
		"the token: an authority's answer, or a bare token",
		"トークン（タイムスタンプ局の応答またはトークン単体）"},
	{"request", NR_OPTION_PATH, offsetof(struct verify_conf, request), "FILE", NULL, 0, 0, NULL,
		"the request that it must answer", "対応する要求"},
	{"evidence", NR_OPTION_PATH, offsetof(struct verify_conf, evidence), "FILE", NULL, 0, 0, NULL,
		"an evidence record (RFC 4998) instead of a token",
		"トークンの代わりに証拠記録（RFC 4998）を検証する"},
	{"json", NR_OPTION_FLAG, offsetof(struct verify_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

/* Everything that is opened before strangers' bytes are looked into. */
struct inputs {
	struct nr_material material;
	uint8_t *token, *request;
	size_t token_length, request_length;
	FILE *data;
	const char *path;
	bool read;
};

static void inputs_fini(struct inputs *inputs)
{
	nr_material_fini(&inputs->material);
	free(inputs->token);
	free(inputs->request);
	nr_closep(&inputs->data);
}

static int read_inputs(
	const struct verify_conf *conf, const char *path, struct inputs *inputs, struct nr_error *error)
{
	if (!conf->token == !conf->evidence)
		return nr_fail(
			error, -EINVAL, "which token, or which record? --token FILE or --evidence FILE");
	int e = nr_material_read(&conf->material, &inputs->material, error);
	if (!e)
		e = nr_file_read(conf->token ? conf->token : conf->evidence,
			conf->token ? NR_TOKEN_MAX : NR_EVIDENCE_MAX, &inputs->token, &inputs->token_length,
			error);
	if (!e && conf->request)
		e = nr_file_read(
			conf->request, NR_TSP_REQUEST_MAX, &inputs->request, &inputs->request_length, error);
	inputs->path = path;
	inputs->data = e ? NULL : strcmp(path, "-") == 0 ? fdopen(STDIN_FILENO, "r") : fopen(path, "re");
	if (!e && !inputs->data)
		e = nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	return e;
}

static bool digest_file(void *context, enum nr_oid digest, uint8_t ret_hash[NR_TSP_IMPRINT_MAX])
{
	struct inputs *inputs = context;
	bool again =
		inputs->read; /* a record of several chains asks by several digests; a pipe is read once */
	inputs->read = true;
	return (!again || fseeko(inputs->data, 0, SEEK_SET) == 0) &&
	       nr_digest_stream(digest, inputs->data, ret_hash, NULL) == 0;
}

/* ---- what is said ---- */

static void print_json(const struct nr_token *token, const struct nr_judgement *judgement, const char *path)
{
	struct nr_json json;
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_text(&json, "file", path);
	nr_token_write_json(token, judgement, &json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static void print_text(const struct nr_token *token, const struct nr_judgement *judgement, const char *path)
{
	bool japanese = nr_language_is_japanese();
	char time[NR_TIME_TEXT];
	nr_time_write(token->time, time);
	const char *word = judgement->verdict == NR_PASSED ? (japanese ? "有効" : "valid")
			   : judgement->verdict == NR_FAILED
				   ? (japanese ? "無効" : "not valid")
				   : (japanese ? "判定できない" : "cannot be relied on");
	printf("%s: %s (%s)\n", path, word, nr_verdict_name(judgement->verdict));
	if (*token->serial) {
		printf(japanese ? "  時刻     %s" : "  time      %s", time);
		if (token->accuracy >= 0)
			printf(" ± %.6f s", (double)token->accuracy / (double)NR_SECOND);
		printf(japanese ? "\n  局       %s\n  ポリシー %s\n  通し番号 %s\n"
				: "\n  authority %s\n  policy    %s\n  serial    %s\n",
			*token->authority ? token->authority : "-", token->policy, token->serial);
	}
	for (size_t i = 0; i < judgement->count; i++) {
		const struct nr_reason *reason = &judgement->reasons[i];
		printf("  %s %s: %s\n", reason->fatal ? "!" : "-", reason->code,
			japanese ? reason->ja : reason->en);
	}
}

static int judge(const struct verify_conf *conf, struct inputs *inputs, struct nr_token *ret_token,
	struct nr_judgement *ret_judgement, struct nr_error *error)
{
	struct nr_tsp_request request;
	struct nr_token_question question = {
		.token = inputs->token,
		.length = inputs->token_length,
		.digest = digest_file,
		.context = inputs,
		.material = &inputs->material,
		.now = nr_time_now(),
		.require_revocation = conf->material.require_revocation,
	};
	if (inputs->request) {
		enum nr_tsp_failure failure;
		int e = nr_tsp_read_request(
			inputs->request, inputs->request_length, NULL, 0, &request, &failure, error);
		if (e)
			return nr_error_prefix(error, "%.100s", conf->request);
		question.request = &request;
	}
	if (!conf->evidence)
		return nr_token_verify(&question, ret_token, NULL, ret_judgement, error);
	struct nr_evidence evidence;
	int e = nr_evidence_verify(
		inputs->token, inputs->token_length, &question, &evidence, ret_judgement, error);
	*ret_token = evidence.last;
	ret_token->time = evidence.time; /* the document is at least that old */
	return e;
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	(void)operand_count;
	const struct verify_conf *conf = context;
	NR_AUTO(inputs_fini) struct inputs inputs = {.path = NULL};
	struct nr_token token;
	struct nr_judgement judgement;
	int e = read_inputs(conf, operands[0], &inputs, error);
	if (e)
		return e == -EINVAL && !conf->token == !conf->evidence ? NR_EXIT_USAGE : nr_exit_of_input(e);
	nr_crypto_prepare();
	e = nr_sandbox_enter(0, NULL, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	e = judge(conf, &inputs, &token, &judgement, error);
	if (e)
		return e == -EBADMSG ? NR_EXIT_INPUT : NR_EXIT_ENVIRONMENT;
	if (ferror(inputs.data)) {
		nr_fail(error, -EIO, "%.150s: cannot be read", inputs.path);
		return NR_EXIT_INPUT;
	}
	(conf->json ? print_json : print_text)(&token, &judgement, inputs.path);
	return judgement.verdict == NR_PASSED ? NR_EXIT_OK : NR_EXIT_NO;
}

const struct nr_command nr_timestamp_verify_command = {
	.area = "timestamp",
	.verb = "verify",
	.operands = "FILE",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "Say whether a time-stamp token is valid for a file, and of when it is",
	.text_ja = "タイムスタンプトークンがファイルに対して有効かどうかと、その時刻を示す",
	.example = "noroshi timestamp verify --ca keys/ca.pem --token notice.pdf.tsr notice.pdf",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct verify_conf),
	.run = run,
};
