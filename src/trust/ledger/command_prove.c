/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger prove: a proof that can be handed out with an entry. */
#include "base/file.h"
#include "base/sandbox.h"
#include "trust/ledger/command.h"
#include "trust/ledger/command_inside.h"
#include "trust/ledger/proof.h"

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

struct made {
	struct nr_ledger_source source;
	uint8_t *checkpoint, *entry;
	size_t checkpoint_length, entry_length;
	struct nr_tlog_policy_verdict verdict;
	struct nr_tlog_proof proof;
};

static void made_fini(struct made *made)
{
	nr_ledger_source_fini(&made->source);
	free(made->checkpoint);
	free(made->entry);
}

/* The folder may be anybody's: what it yields is checked like a proof that a stranger sent. */
static int make(struct made *made, uint64_t index, struct nr_error *error)
{
	NR_AUTO(nr_ledger_closep) struct nr_ledger *ledger = NULL;
	struct nr_note note;
	int e = nr_ledger_source_checkpoint(
		&made->source, &made->checkpoint, &made->checkpoint_length, &note, &made->verdict, error);
	const struct nr_ledger_conf conf = {.folder = made->source.folder};
	e = e ? e : nr_ledger_open(&conf, &ledger, error);
	e = e ? e : nr_ledger_read(ledger, index, &made->entry, &made->entry_length, error);
	e = e ? e
	      : nr_ledger_prove_inclusion(
			ledger, index, made->verdict.checkpoint.size, &made->proof.proof, error);
	if (e)
		return e;
	struct nr_hash leaf;
	const struct nr_checkpoint *c = &made->verdict.checkpoint;
	made->proof.index = index;
	nr_merkle_leaf(made->entry, made->entry_length, &leaf);
	if (!nr_merkle_check_inclusion(
		    index, c->size, &leaf, made->proof.proof.hashes, made->proof.proof.count, &c->root))
		return nr_fail(error, -EUCLEAN,
			"%.120s: entry %llu does not lead to the root of its checkpoint: the folder is "
			"damaged or "
			"forged",
			made->source.folder, (unsigned long long)index);
	return 0;
}

static void print_json(const struct made *made)
{
	struct nr_json json;
	char text[NR_ROOT_TEXT];
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "index", made->proof.index);
	nr_json_text_n(&json, "entry", (const char *)made->entry, made->entry_length);
	nr_ledger_write_checkpoint_json(&made->source, &made->verdict, &json);
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

static int print_text(const struct made *made, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = NULL;
	size_t length;
	int e = nr_tlog_proof_write(made->proof.index, &made->proof.proof, made->checkpoint,
		made->checkpoint_length, &text, &length, error);
	if (!e)
		fwrite(text, 1, length, stdout);
	return e;
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)count;
	const struct prove_conf *conf = context;
	NR_AUTO(made_fini) struct made made = {0};
	uint64_t index;
	int e = nr_note_number(operands[0], strlen(operands[0]), &index);
	if (e)
		return nr_fail(error, -EINVAL, "\"%.40s\" is no index of an entry", operands[0]),
		       NR_EXIT_USAGE;
	e = nr_ledger_source_load(&conf->source, &made.source, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	e = make(&made, index, error);
	if (e)
		return nr_ledger_exit_of(e);
	if (conf->json)
		print_json(&made);
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
