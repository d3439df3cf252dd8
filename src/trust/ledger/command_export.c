/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi ledger export: entries as JSON lines. */
#include "base/sandbox.h"
#include "trust/ledger/command.h"
#include "trust/ledger/source.h"
#include "trust/ledger/verify.h"
#include "wire/base64.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define DEPTH 16 /* of an entry's JSON */

struct export_conf {
	struct nr_ledger_source_conf source;
	uint64_t from, count;
	struct nr_texts kinds;
};

static const struct nr_option options[] = {
	NR_LEDGER_SOURCE_OPTIONS(struct export_conf, source.),
	{"from", NR_OPTION_UINT, offsetof(struct export_conf, from), "INDEX", "0", 0, 0, NULL,
		"begin with this entry", "このエントリーから"},
	{"count", NR_OPTION_UINT, offsetof(struct export_conf, count), "N", "0", 0, 0, NULL,
		"go through so many entries (0: all)", "この件数まで（0はすべて）"},
	{"kind", NR_OPTION_TEXTS, offsetof(struct export_conf, kinds), "KIND", NULL, 0, 0, NULL,
		"only entries of this kind (token, seal, key-use, key-new, clock, audit ...)",
		"この種別のエントリーのみ（token、seal、key-use、key-new、clock、audit …）"},
};

struct printing {
	const struct export_conf *conf;
	struct json_tokener *tokener;
};

static bool is_wanted(const struct nr_texts *kinds, struct json_object *entry)
{
	struct json_object *kind = NULL;
	if (!kinds->count)
		return true;
	if (!entry || !json_object_object_get_ex(entry, "kind", &kind) ||
		!json_object_is_type(kind, json_type_string))
		return false;
	for (size_t i = 0; i < kinds->count; i++)
		if (!strcmp(kinds->items[i], json_object_get_string(kind)))
			return true;
	return false;
}

/* One object of JSON in one line and nothing else; NULL: it is none, and its bytes are shown as base64. */
static struct json_object *parse(struct json_tokener *tokener, const uint8_t *entry, size_t length)
{
	if (memchr(entry, '\n', length))
		return NULL;
	json_tokener_reset(tokener);
	struct json_object *object = json_tokener_parse_ex(tokener, (const char *)entry, (int)length);
	bool whole = object && json_tokener_get_parse_end(tokener) == length &&
		     json_object_is_type(object, json_type_object);
	if (whole)
		return object;
	json_object_put(object);
	return NULL;
}

/* The entry's own bytes, where they are JSON: what was hashed can be had from the line. */
static int print_entry(
	void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct printing *p = context;
	struct json_object *object = parse(p->tokener, entry, length);
	bool wanted = is_wanted(&p->conf->kinds, object), is_json = object != NULL;
	json_object_put(object);
	if (!wanted)
		return 0;
	if (is_json) {
		printf("{\"index\":%llu,\"entry\":%.*s}\n", (unsigned long long)index, (int)length,
			(const char *)entry);
	} else {
		NR_AUTO(nr_freep) char *base64 = malloc(NR_BASE64_TEXT(length) + 1);
		if (!base64)
			return nr_fail(error, -ENOMEM, "out of memory");
		nr_base64_write(entry, length, base64);
		printf("{\"index\":%llu,\"bytes\":\"%s\"}\n", (unsigned long long)index, base64);
	}
	return ferror(stdout) ? nr_fail(error, -EIO, "standard output: %s", strerror(errno)) : 0;
}

static int export_entries(const struct export_conf *conf, const struct nr_ledger_source *source,
	struct json_tokener *tokener, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_note note;
	struct nr_tlog_policy_verdict verdict;
	struct printing printing = {conf, tokener};
	int e = nr_ledger_source_checkpoint(source, &bytes, &length, &note, &verdict, error);
	if (e)
		return e;
	uint64_t size = verdict.checkpoint.size, from = NR_MIN(conf->from, size);
	uint64_t to = conf->count && conf->count < size - from ? from + conf->count : size;
	return nr_folder_each(source->folder, size, from, to, print_entry, &printing, error);
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct export_conf *conf = context;
	NR_AUTO(nr_ledger_source_fini) struct nr_ledger_source source = {0};
	int e = nr_ledger_source_load(&conf->source, &source, error);
	if (e)
		return nr_exit_of_input(e);
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error);
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	if (e || !tokener)
		return NR_EXIT_ENVIRONMENT;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	e = export_entries(conf, &source, tokener, error);
	json_tokener_free(tokener);
	return e ? nr_ledger_exit_of(e) : NR_EXIT_OK;
}

const struct nr_command nr_ledger_export_command = {
	.area = "ledger",
	.verb = "export",
	.text_en = "Print entries of a ledger as JSON lines",
	.text_ja = "台帳のエントリーをJSON Linesで出力する",
	.example = "noroshi ledger export --keys keys --kind token",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct export_conf),
	.run = run,
};
