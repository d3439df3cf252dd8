/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi seal verify: is this a seal of someone we trust, on this file, and what does it prove? */
#include "base/file.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "trust/certificate/options.h"
#include "trust/certificate/signature.h"
#include "trust/seal/command.h"
#include "trust/seal/file_data.h"
#include "trust/seal/form.h"
#include "trust/seal/verdict.h"
#include "wire/cms.h"

#include <errno.h>
#include <string.h>

struct verify_conf {
	struct nr_material_conf material;
	bool json;
};

static const struct nr_option options[] = {
	NR_MATERIAL_OPTIONS(struct verify_conf, material.),
	{"json", NR_OPTION_FLAG, offsetof(struct verify_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

struct verdicts {
	struct nr_seal_verdict items[NR_CMS_SIGNERS_MAX];
	size_t count;
};

/* ---- JSON ---- */

static void print_json(const struct verdicts *verdicts, const char *path)
{
	struct nr_json json;
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_text(&json, "file", path);
	nr_seal_verdicts_write_json(verdicts->items, verdicts->count, &json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

/* ---- text ---- */

static const char *word_of(enum nr_verdict verdict)
{
	switch (verdict) {
	case NR_PASSED:
		return nr_says("valid", "有効");
	case NR_FAILED:
		return nr_says("not valid", "無効");
	default:
		return nr_says("cannot be relied on", "信頼できると判定できない");
	}
}

static void print_time(const char *label, nr_time time, nr_time none)
{
	char text[NR_TIME_TEXT];
	if (time == none)
		return;
	nr_time_write(time, text);
	printf("  %s %s\n", label, text);
}

static void print_verdict(const struct nr_seal_verdict *verdict)
{
	printf("  %s %s\n", nr_says("level    ", "水準      "), nr_seal_level_names[verdict->level]);
	if (*verdict->signer)
		printf("  %s %s\n", nr_says("signer   ", "署名者    "), verdict->signer);
	if (*verdict->number)
		printf("  %s %s%s\n", nr_says("number   ", "法人番号  "), verdict->number,
			verdict->number_wrong ? nr_says(" (wrong check digit)", "（検査数字が誤り）") : "");
	if (verdict->revisions)
		printf("  %s %u / %u\n", nr_says("revision ", "対象の版  "), verdict->revision,
			verdict->revisions);
	print_time(nr_says("proven   ", "証明時刻  "), verdict->proven, NR_TIME_MIN);
	print_time(nr_says("claimed  ", "自称時刻  "), verdict->claimed, NR_TIME_MIN);
	print_time(nr_says("renew by ", "更新期限  "), verdict->renew, NR_TIME_MAX);
	printf("  %s", nr_says("checked  ", "確認項目  "));
	for (size_t i = 0; i < verdict->check_count; i++)
		printf("%s%s", i ? ", " : " ", verdict->checks[i]);
	putchar('\n');
	for (size_t i = 0; i < verdict->judgement.count; i++) {
		const struct nr_reason *reason = &verdict->judgement.reasons[i];
		printf("  %s %s: %s\n", reason->fatal ? "!" : "-", reason->code,
			nr_says(reason->en, reason->ja));
	}
}

static void print_text(const struct verdicts *verdicts, const char *path)
{
	for (size_t i = 0; i < verdicts->count; i++) {
		enum nr_verdict verdict = verdicts->items[i].judgement.verdict;
		printf("%s: %s (%s)\n", path, word_of(verdict), nr_verdict_name(verdict));
		print_verdict(&verdicts->items[i]);
	}
}

/* ---- the command ---- */

static int judge(const struct verify_conf *conf, const char *const *operands, size_t operand_count,
	struct verdicts *verdicts, struct nr_error *error)
{
	NR_AUTO(nr_material_fini) struct nr_material material = {.anchors = NULL};
	NR_AUTO(nr_freep) uint8_t *seal = NULL;
	NR_AUTO(nr_file_data_fini) struct nr_file_data file = {.stream = NULL};
	const char *seal_path = operands[operand_count - 1];
	struct nr_seal_question question = {
		.material = &material,
		.now = nr_time_now(),
		.require_revocation = conf->material.require_revocation,
		.data = operand_count == 2 ? &file.data : NULL,
	};
	int e = nr_material_read(&conf->material, &material, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_file_read(
		seal_path, operand_count == 2 ? NR_SEAL_MAX : NR_SEALED_MAX, &seal, &question.length, error);
	if (!e && operand_count == 2)
		e = nr_file_data_open(&file, operands[0], nr_seal_holds_data(seal, question.length), error);
	if (e)
		return NR_EXIT_INPUT;
	if (nr_sandbox_enter(0, NULL, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	question.seal = seal;
	struct nr_error why = {0};
	e = nr_seal_verify(&question, verdicts->items, NR_COUNT(verdicts->items), &verdicts->count, &why);
	if (e == -ENOMEM) {
		*error = why;
		return NR_EXIT_ENVIRONMENT;
	}
	if (e) {
		nr_seal_verdict_of_none(&verdicts->items[0], why.text);
		verdicts->count = 1;
	}
	return NR_EXIT_OK;
}

static int run(const void *context, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	const struct verify_conf *conf = context;
	struct verdicts *verdicts = calloc(1, sizeof *verdicts);
	if (!verdicts) {
		nr_fail(error, -ENOMEM, "out of memory");
		return NR_EXIT_ENVIRONMENT;
	}
	nr_crypto_prepare();
	int rc = judge(conf, operands, operand_count, verdicts, error);
	if (rc == NR_EXIT_OK) {
		(conf->json ? print_json : print_text)(verdicts, operands[0]);
		rc = nr_seal_all_passed(verdicts->items, verdicts->count) ? NR_EXIT_OK : NR_EXIT_NO;
	}
	free(verdicts);
	return rc;
}

const struct nr_command nr_seal_verify_command = {
	.area = "seal",
	.verb = "verify",
	.operands = "FILE [SEAL]",
	.operand_min = 1,
	.operand_max = 2,
	.text_en = "Say whether a seal on a file is valid, whose it is, of when, and what was checked; "
		   "without SEAL the "
		   "file holds it",
	.text_ja = "ファイルのeシールが有効か、誰のものか、いつのものか、何を確認したかを示す（SEALを省くとFI"
		   "LE自体が持つシール）",
	.example = "noroshi seal verify --ca keys/ca.pem notice.txt notice.txt.p7s",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct verify_conf),
	.run = run,
};
