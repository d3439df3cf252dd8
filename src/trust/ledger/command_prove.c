/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger prove: a proof that can be handed out with an entry. */
#include "base/file.h"
#include "base/sandbox.h"
#include "trust/ledger/command.h"
#include "trust/ledger/source.h"
#include "trust/ledger/source_proof.h"

#include <errno.h>
#include <string.h>

struct prove_conf {
	struct nr_ledger_source_conf source;
	bool json;
};

static const struct nr_option options[] = {
	NR_LEDGER_SOURCE_OPTIONS(struct prove_conf, source.),
	{"json", NR_OPTION_FLAG, offsetof(struct prove_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

static void print_json(const struct nr_ledger_source *source, const struct nr_source_proof *made)
{
	struct nr_json json;
	char text[NR_ROOT_TEXT];
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "index", made->proof.index);
	nr_json_text_n(&json, "entry", (const char *)made->entry, made->entry_length);
	nr_ledger_write_checkpoint_json(source, &made->verdict, &json);
	nr_json_array(&json, "proof");
	for (size_t i = 0; i < made->proof.proof.count; i++)
		nr_json_text(&json, NULL, nr_root_write(&made->proof.proof.hashes[i], text));
	nr_json_array_end(&json);
	nr_json_text_n(&json, "checkpoint", (const char *)made->checkpoint, made->checkpoint_length);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static int print_text(const struct nr_source_proof *made, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = NULL;
	size_t length;
	int e = nr_source_proof_write(made, &text, &length, error);
	if (!e)
		fwrite(text, 1, length, stdout);
	return e;
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)count;
	const struct prove_conf *conf = context;
	NR_AUTO(nr_ledger_source_fini) struct nr_ledger_source source = {0};
	NR_AUTO(nr_source_proof_fini) struct nr_source_proof made = {0};
	uint64_t index;
	int e = nr_note_number(operands[0], strlen(operands[0]), &index);
	if (e)
		return nr_fail(error, -EINVAL, "\"%.40s\" is no index of an entry", operands[0]),
		       NR_EXIT_USAGE;
	e = nr_ledger_source_load(&conf->source, &source, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	e = nr_source_proof_make(&source, index, &made, error);
	if (e)
		return nr_ledger_exit_of(e);
	if (conf->json)
		print_json(&source, &made);
	else
		e = print_text(&made, error);
	return e ? NR_EXIT_ENVIRONMENT : NR_EXIT_OK;
}

const struct nr_command nr_ledger_prove_command = {
	.area = "ledger",
	.verb = "prove",
	.operands = "INDEX",
	.operand_min = 1,
	.operand_max = 1,
	.text_en = "Print a proof that an entry is in a ledger (C2SP tlog-proof)",
	.text_ja = "エントリーが台帳にあることの証明を出力する（C2SP tlog-proof）",
	.example = "noroshi ledger prove --keys keys 3",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct prove_conf),
	.run = run,
};
