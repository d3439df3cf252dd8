/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger verify: an entry by its proof, or a whole ledger; by nothing but keys. */
#include "base/file.h"
#include "base/language.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "trust/ledger/command.h"
#include "trust/ledger/proof.h"
#include "trust/ledger/source.h"
#include "trust/ledger/verify.h"

#include <errno.h>
#include <string.h>

#define ENTRY_FILE_MAX (NR_LEDGER_ENTRY_MAX + 2)

struct verify_conf {
	struct nr_ledger_source_conf source;
	const char *old;
	bool json;
};

static const struct nr_option options[] = {
	NR_LEDGER_SOURCE_OPTIONS(struct verify_conf, source.),
	{"old", NR_OPTION_PATH, offsetof(struct verify_conf, old), "CHECKPOINT", NULL, 0, 0, NULL,
		"an earlier checkpoint that the ledger must go on from",
		"以前のチェックポイント。台帳がその続きであることを確かめる"},
	{"json", NR_OPTION_FLAG, offsetof(struct verify_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

/* Everything that is opened before strangers' bytes are looked into. */
struct inputs {
	struct nr_ledger_source source;
	uint8_t *proof, *entry, *old, *checkpoint;
	size_t proof_length, entry_length, old_length, checkpoint_length;
};

static void inputs_fini(struct inputs *in)
{
	nr_ledger_source_fini(&in->source);
	free(in->proof);
	free(in->entry);
	free(in->old);
	free(in->checkpoint);
}

static int read_inputs(const struct verify_conf *conf, const char *const *operands, size_t count,
	struct inputs *in, struct nr_error *error)
{
	int e = nr_ledger_source_load(&conf->source, &in->source, error);
	if (!e && !in->source.policy)
		e = nr_fail(
			error, -EINVAL, "whose signature counts: --vkey VKEY, --keys DIR or --policy FILE");
	if (!e && count == 1)
		e = nr_fail(error, -EINVAL, "PROOF and the FILE of the entry are named together");
	if (!e && count == 0 && !in->source.folder)
		e = nr_fail(error, -EINVAL, "name a PROOF and a FILE, or a ledger: --ledger DIR");
	if (!e && count)
		e = nr_file_read(operands[0], NR_TLOG_PROOF_MAX, &in->proof, &in->proof_length, error);
	if (!e && count)
		e = nr_file_read(operands[1], ENTRY_FILE_MAX, &in->entry, &in->entry_length, error);
	if (!e && conf->old)
		e = nr_file_read(conf->old, NR_NOTE_MAX, &in->old, &in->old_length, error);
	return e;
}

/* ---- one entry ---- */

/* An entry that was appended as a line is without its newline. */
static int check_entry(struct inputs *in, struct nr_tlog_policy_verdict *verdict, uint64_t *ret_index,
	struct nr_error *error)
{
	struct nr_tlog_proof proof;
	int e = nr_tlog_proof_parse(in->proof, in->proof_length, &proof, error);
	if (e)
		return e;
	size_t length = in->entry_length;
	e = nr_tlog_proof_check(&proof, in->entry, length, in->source.policy, verdict, error);
	if (e == -EUCLEAN && length && in->entry[length - 1] == '\n')
		e = nr_tlog_proof_check(&proof, in->entry, length - 1, in->source.policy, verdict, error);
	*ret_index = proof.index;
	return e;
}

/* ---- a ledger ---- */

static int check_old(
	struct inputs *in, const struct nr_checkpoint *now, uint64_t *ret_size, struct nr_error *error)
{
	NR_AUTO(nr_ledger_closep) struct nr_ledger *ledger = NULL;
	struct nr_note note;
	struct nr_tlog_policy_verdict old;
	struct nr_proof proof;
	int e = nr_note_parse(in->old, in->old_length, &note, error);
	e = e ? e : nr_tlog_policy_check(in->source.policy, &note, &old, error);
	if (e) {
		nr_error_prefix(error, "--old");
		return e;
	}
	*ret_size = old.checkpoint.size;
	if (old.checkpoint.size > now->size)
		return nr_fail(error, -EUCLEAN, "the ledger has %llu entries, and an earlier checkpoint %llu",
			(unsigned long long)now->size, (unsigned long long)old.checkpoint.size);
	if (old.checkpoint.size == 0)
		return 0;
	const struct nr_ledger_conf conf = {.folder = in->source.folder};
	e = nr_ledger_open(&conf, &ledger, error);
	e = e ? e : nr_ledger_prove_consistency(ledger, old.checkpoint.size, now->size, &proof, error);
	if (!e && !nr_merkle_check_consistency(old.checkpoint.size, now->size, proof.hashes, proof.count,
			  &old.checkpoint.root, &now->root))
		e = nr_fail(error, -EUCLEAN,
			"the ledger does not go on from the earlier checkpoint of %llu entries",
			(unsigned long long)old.checkpoint.size);
	return e;
}

static void show_progress(void *context, uint64_t entries)
{
	nr_progress_show(context, entries);
}

static int check_folder(struct inputs *in, struct nr_tlog_policy_verdict *verdict, struct nr_error *error)
{
	struct nr_note note;
	struct nr_progress progress;
	int e = nr_ledger_source_checkpoint(
		&in->source, &in->checkpoint, &in->checkpoint_length, &note, verdict, error);
	if (e)
		return e;
	const struct nr_checkpoint *c = &verdict->checkpoint;
	nr_progress_init(&progress, c->size, "entries");
	e = nr_folder_check(in->source.folder, c->size, &c->root, show_progress, &progress, error);
	nr_progress_fini(&progress);
	return e == -ENOENT ? nr_fail(error, -EUCLEAN, "%s", error ? error->text : "") : e;
}

/* ---- what is said ---- */

struct verdict {
	struct nr_tlog_policy_verdict policy;
	bool entry, old, valid;
	uint64_t index, old_size;
	struct nr_error reason;
};

static void print_json(const struct inputs *in, const struct verdict *v)
{
	struct nr_json json;
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_json_bool(&json, "valid", v->valid);
	if (v->entry)
		nr_json_uint(&json, "index", v->index);
	if (v->policy.checkpoint.origin)
		nr_ledger_write_checkpoint_json(&in->source, &v->policy, &json);
	if (v->old)
		nr_json_uint(&json, "old_size", v->old_size);
	nr_json_text(&json, "reason", v->valid ? NULL : v->reason.text);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static void print_text(const struct inputs *in, const struct verdict *v)
{
	const struct nr_checkpoint *c = &v->policy.checkpoint;
	if (!v->valid) {
		printf("%s: %s\n", nr_says("not valid", "無効"), v->reason.text);
		return;
	}
	printf("%s: ", nr_says("valid", "有効"));
	if (v->entry)
		printf(nr_says("entry %llu of ", "次の台帳の%llu番："), (unsigned long long)v->index);
	printf(nr_says("%.*s, %llu entries", "%.*s、%llu件"), (int)c->origin_length, c->origin,
		(unsigned long long)c->size);
	if (v->old)
		printf(nr_says("; goes on from %llu", "；%llu件の時点からの続き"),
			(unsigned long long)v->old_size);
	printf("\n");
	for (size_t i = 0; i < in->source.policy->witness_count; i++) {
		char time[NR_TIME_TEXT];
		if (v->policy.witnesses >> i & 1)
			printf("  %s %s %s\n", nr_says("cosigned", "連署"),
				in->source.policy->witnesses[i].name,
				nr_time_write((nr_time)NR_MIN(v->policy.times[i],
						      (uint64_t)(NR_TIME_MAX / NR_SECOND)) *
						      NR_SECOND,
					time));
	}
}

static int judge(const struct verify_conf *conf, struct inputs *in, struct verdict *v)
{
	int e = v->entry ? check_entry(in, &v->policy, &v->index, &v->reason)
			 : check_folder(in, &v->policy, &v->reason);
	if (!e && conf->old)
		e = check_old(in, &v->policy.checkpoint, &v->old_size, &v->reason);
	if (!e && !v->policy.quorum)
		e = nr_fail(&v->reason, -ENOKEY, "fewer witnesses cosigned than the policy wants");
	v->old = conf->old && !e;
	v->valid = e == 0;
	return e;
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	const struct verify_conf *conf = context;
	NR_AUTO(inputs_fini) struct inputs in = {0};
	struct verdict verdict = {.entry = count > 0};
	int e = read_inputs(conf, operands, count, &in, error);
	if (!e && conf->old && count && !in.source.folder)
		e = nr_fail(error, -EINVAL, "--old needs the ledger: --ledger DIR");
	if (e == -EINVAL)
		return NR_EXIT_USAGE;
	if (e)
		return e == -ENOENT || e == -EFBIG ? NR_EXIT_INPUT : nr_exit_of_input(e);
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	e = judge(conf, &in, &verdict);
	int exit = e ? nr_ledger_exit_of(e) : NR_EXIT_OK;
	if (exit > NR_EXIT_NO) {
		if (error)
			*error = verdict.reason;
		return exit;
	}
	(conf->json ? print_json : print_text)(&in, &verdict);
	return exit;
}

const struct nr_command nr_ledger_verify_command = {
	.area = "ledger",
	.verb = "verify",
	.operands = "PROOF FILE",
	.operand_max = 2,
	.text_en = "Verify an entry by its proof, offline; or, without operands, every entry of a ledger",
	.text_ja = "証明によりエントリーをオフラインで検証する。指定がなければ台帳のすべてを検証する",
	.example = "noroshi ledger verify --vkey keys/ledger.vkey entry.tlog-proof entry.json",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct verify_conf),
	.run = run,
};
