/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow uses: who asked an archive what, and whether the record holds. */
#include "base/language.h"
#include "base/sandbox.h"
#include "base/text.h"
#include "sense/flow/command.h"
#include "sense/flow/law/uses.h"
#include "trust/signer/open.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <string.h>

struct uses_conf {
	const char *archive;
	const char *heads;
	bool json, verify;
	struct nr_keys_conf keys;
};

/* clang-format off */
#define AT(field) offsetof(struct uses_conf, field)
static const struct nr_option options[] = {
	{"archive", NR_OPTION_PATH, AT(archive), "DIR", NULL, 0, 0, NULL, "folder of the archive", "アーカイブのフォルダー"},
	{"verify", NR_OPTION_FLAG, AT(verify), NULL, NULL, 0, 0, NULL, "say only whether the record holds", "記録が改変されていないかだけを確認する"},
	{"json", NR_OPTION_FLAG, AT(json), NULL, NULL, 0, 0, NULL, "print JSON lines: the uses as they are recorded, and a summary", "JSON Linesで出力する（記録された利用と要約）"},
	{"heads", NR_OPTION_PATH, AT(heads), "FILE", NULL, 0, 0, NULL, "compare with heads in a ledger, as \"noroshi ledger export --kind flow-uses\" prints them (-: standard input)", "台帳に記録した先頭と照合する（noroshi ledger export --kind flow-usesの出力。-は標準入力）"},
	{"keys", NR_OPTION_PATH, AT(keys.folder), "DIR", NULL, 0, 0, NULL, "folder of keys whose ledger gets the head of the record", "記録の先頭を追記する台帳の鍵のフォルダー"},
	{"ledger", NR_OPTION_PATH, AT(keys.ledger), "DIR", NULL, 0, 0, NULL, "folder of the ledger (default: ledger in the folder of keys)", "台帳のフォルダー（省略時は鍵のフォルダー内のledger）"},
	{"passphrase-file", NR_OPTION_PATH, AT(keys.passphrase_file), "FILE", NULL, 0, 0, NULL, "file whose first line opens the encrypted key", "暗号化された鍵を開くパスフレーズ（1行目）のファイル"},
};
/* clang-format on */

static const char *text_of(struct json_object *root, const char *name)
{
	struct json_object *value = NULL;
	return json_object_object_get_ex(root, name, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : "";
}

/* A line of the record for people; it was checked, and may yet hold anything. */
static void print_use(const struct nr_flow_use *use)
{
	struct json_object *flows = NULL, *root = json_tokener_parse(use->line);
	char who[40], act[28], purpose[28], question[512];
	nr_text_shorten(text_of(root, "who"), 14, who, sizeof who);
	nr_text_shorten(text_of(root, "act"), 16, act, sizeof act);
	nr_text_shorten(text_of(root, "purpose"), 14, purpose, sizeof purpose);
	nr_text_shorten(text_of(root, "question"), 400, question, sizeof question);
	json_object_object_get_ex(root, "flows", &flows);
	printf("%6llu  %.19sZ  %-14s  %-16s  %-14s  %10s  %s\n", (unsigned long long)use->number,
		text_of(root, "time"), who, act, purpose,
		flows && json_object_is_type(flows, json_type_int) ? json_object_get_string(flows) : "-",
		question);
	json_object_put(root);
}

static int print(void *context, const struct nr_flow_use *use)
{
	const struct uses_conf *conf = context;
	if (conf->json)
		puts(use->line);
	else
		print_use(use);
	return ferror(stdout) ? -EIO : 0;
}

static void print_state(
	const struct uses_conf *conf, const struct nr_flow_uses_state *state, const uint64_t *entry)
{
	struct nr_json json;
	if (!conf->json) {
		if (state->trouble[0])
			printf(nr_says("the record does not hold: line %llu %s\n",
				       "記録が成り立たない：%llu行目 %s\n"),
				(unsigned long long)state->trouble_line, state->trouble);
		else
			printf(nr_says("%llu uses, the record holds\n", "利用%llu件、記録は成り立つ\n"),
				(unsigned long long)state->count);
		return;
	}
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_object(&json, "summary");
	nr_json_uint(&json, "uses", state->count);
	nr_json_text(&json, "head", state->hash[0] ? state->hash : NULL);
	nr_json_bool(&json, "holds", !state->trouble[0]);
	if (state->trouble[0]) {
		nr_json_uint(&json, "line", state->trouble_line);
		nr_json_text(&json, "trouble", state->trouble);
	}
	if (entry)
		nr_json_uint(&json, "ledger_entry", *entry);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

/* What the archive is called in a ledger: its folder's name. */
static int name_of(const char *archive, char name[static NAME_MAX + 1], struct nr_error *error)
{
	char *real = realpath(archive, NULL);
	if (!real)
		return nr_fail(error, -errno, "%.150s: %s", archive, strerror(errno));
	snprintf(name, NAME_MAX + 1, "%s", strrchr(real, '/') + 1);
	free(real);
	return 0;
}

static int compare_heads(const struct uses_conf *conf, const char *name, struct nr_flow_uses_state *state,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_flow_head *heads = NULL;
	size_t count = 0;
	int e = nr_flow_heads_read(conf->heads, name, &heads, &count, error);
	e = e ? e : nr_flow_heads_compare(conf->archive, heads, count, state, error);
	if (!e && !conf->json)
		printf(count == 1 ? nr_says("%zu head of a ledger\n", "台帳の先頭%zu件\n")
				  : nr_says("%zu heads of a ledger\n", "台帳の先頭%zu件\n"),
			count);
	return e;
}

/* The head of a record that holds; of one that does not, nothing is said to a ledger. */
static int put_head(const struct uses_conf *conf, const struct nr_flow_uses_state *state, const char *name,
	uint64_t *ret_entry, struct nr_error *error)
{
	NR_AUTO(nr_keys_closep) struct nr_keys *keys = NULL;
	char text[NR_FLOW_HEAD_ENTRY_MAX];
	int e = nr_keys_open(&conf->keys, 0, &keys, error);
	if (e)
		return e;
	const struct nr_ledger_entry entry = {text, nr_flow_uses_head(state, name, nr_time_now(), text)};
	return nr_keys_append(keys, &entry, 1, ret_entry, error);
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct uses_conf *conf = context;
	struct nr_flow_uses_state state;
	char name[NAME_MAX + 1];
	uint64_t entry;
	if (!conf->archive) {
		nr_fail(error, -EINVAL, "name the archive: --archive DIR");
		return NR_EXIT_USAGE;
	}
	int e = name_of(conf->archive, name, error);
	if (!e && !conf->keys.folder) /* the record may be a stranger's; with keys there is a ledger to be
					 written */
		e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	if (!e)
		e = nr_flow_uses_read(
			conf->archive, conf->verify ? NULL : print, (void *)conf, &state, error);
	if (!e && conf->heads)
		e = compare_heads(conf, name, &state, error);
	if (e)
		return nr_exit_of_input(e);
	bool put = conf->keys.folder && !state.trouble[0] && state.count;
	if (put && put_head(conf, &state, name, &entry, error))
		return NR_EXIT_ENVIRONMENT;
	if (conf->verify || conf->json || state.trouble[0] || put)
		print_state(conf, &state, put ? &entry : NULL);
	return state.trouble[0] ? NR_EXIT_NO : NR_EXIT_OK;
}

const struct nr_command nr_flow_uses_command = {
	.area = "flow",
	.verb = "uses",
	.text_en = "List who asked an archive what, for what purpose; check that nothing was changed or "
		   "taken out",
	.text_ja = "アーカイブの利用記録（誰が、何を、何のために）を一覧し、改変や削除がないか確認する",
	.example = "noroshi flow uses --archive flows --verify",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct uses_conf),
	.run = run,
};
