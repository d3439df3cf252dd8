/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger show: what a ledger says of itself, and who signed it. */
#include "base/language.h"
#include "base/sandbox.h"
#include "trust/ledger/command.h"
#include "trust/ledger/source.h"

#include <string.h>

struct show_conf {
	struct nr_ledger_source_conf source;
	bool json;
};

static const struct nr_option options[] = {
	NR_LEDGER_SOURCE_OPTIONS(struct show_conf, source.),
	{"json", NR_OPTION_FLAG, offsetof(struct show_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "1つのJSONオブジェクトで出力する"},
};

static void print_json(const struct nr_ledger_source *source, const struct nr_tlog_policy_verdict *verdict,
	const struct nr_note *note)
{
	struct nr_json json;
	char id[12];
	nr_json_init(&json);
	json.pretty = true;
	nr_json_object(&json, NULL);
	nr_ledger_write_checkpoint_json(source, verdict, &json);
	nr_json_array(&json, "signatures");
	for (size_t i = 0; i < note->count; i++) {
		nr_json_object(&json, NULL);
		nr_json_text_n(&json, "name", note->lines[i].name, note->lines[i].name_length);
		snprintf(id, sizeof id, "%08x", note->lines[i].id);
		nr_json_text(&json, "id", id);
		nr_json_object_end(&json);
	}
	nr_json_array_end(&json);
	nr_json_object_end(&json);
	if (nr_json_finish(&json, NULL) == 0)
		puts(json.bytes);
	nr_json_fini(&json);
}

static void print_text(const struct nr_ledger_source *source, const struct nr_tlog_policy_verdict *verdict,
	const struct nr_note *note)
{
	const struct nr_checkpoint *c = &verdict->checkpoint;
	char root[NR_ROOT_TEXT];
	printf("%.*s\n", (int)c->origin_length, c->origin);
	printf("  %s %llu\n", nr_says("entries  ", "件数"), (unsigned long long)c->size);
	printf("  %s %s\n", nr_says("root     ", "根  "), nr_root_write(&c->root, root));
	for (size_t i = 0; i < note->count; i++)
		printf("  %s %.*s+%08x\n", nr_says("signed by", "署名"), (int)note->lines[i].name_length,
			note->lines[i].name, note->lines[i].id);
	if (!source->policy)
		printf("  %s\n",
			nr_says("signatures were not checked: no key was named (--vkey, --keys, --policy)",
				"署名は未検証（--vkey、--keys、--policyのいずれかが必要）"));
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct show_conf *conf = context;
	NR_AUTO(nr_ledger_source_fini) struct nr_ledger_source source = {0};
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_note note;
	struct nr_tlog_policy_verdict verdict;
	int e = nr_ledger_source_load(&conf->source, &source, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	e = nr_ledger_source_checkpoint(&source, &bytes, &length, &note, &verdict, error);
	if (e)
		return nr_ledger_exit_of(e);
	(conf->json ? print_json : print_text)(&source, &verdict, &note);
	return NR_EXIT_OK;
}

const struct nr_command nr_ledger_show_command = {
	.area = "ledger",
	.verb = "show",
	.text_en = "Print size, root and signatures of a ledger",
	.text_ja = "台帳の件数、根、署名を表示する",
	.example = "noroshi ledger show --keys keys",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct show_conf),
	.run = run,
};
