/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi timestamp audit: the monthly time audit, from the ledger. */
#include "base/file.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "trust/ledger/source.h"
#include "trust/ledger/verify.h"
#include "trust/timestamp/audit.h"
#include "trust/timestamp/command.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct audit_conf {
	struct nr_ledger_source_conf source;
	const char *month, *lang, *out;
	bool json;
};

static const char *const languages[] = {"auto", "en", "ja", NULL};

static const struct nr_option options[] = {
	NR_LEDGER_SOURCE_OPTIONS(struct audit_conf, source.),
	{"month", NR_OPTION_TEXT, offsetof(struct audit_conf, month), "YYYY-MM", NULL, 0, 0, NULL,
		"the month, UTC", "対象の月（UTC）"},
	{"lang", NR_OPTION_CHOICE, offsetof(struct audit_conf, lang), "LANG", "auto", 0, 0, languages,
		"language of the report; auto: that of the environment", "報告書の言語（autoは環境に従う）"},
	{"out", NR_OPTION_PATH, offsetof(struct audit_conf, out), "FILE", NULL, 0, 0, NULL,
		"FILE.html or FILE.pdf (default: plain text to standard output)",
		"FILE.html または FILE.pdf（省略時はテキストを標準出力へ）"},
	{"json", NR_OPTION_FLAG, offsetof(struct audit_conf, json), NULL, NULL, 0, 0, NULL,
		"print one JSON object", "JSONオブジェクトを1つ出力する"},
};

static bool has_ending(const char *path, const char *ending)
{
	size_t length = strlen(path), n = strlen(ending);
	return length >= n && strcasecmp(path + length - n, ending) == 0;
}

/* ---- output ---- */

static void print_table(const struct nr_block *block)
{
	if (block->text && *block->text)
		printf("%s\n", block->text);
	for (size_t row = 0; row <= block->row_count; row++) {
		for (size_t column = 0; column < block->column_count; column++)
			printf("%s%s", column ? " | " : "  ",
				block->cells[row * block->column_count + column]);
		putchar('\n');
	}
}

static void print_figures(const struct nr_block *block)
{
	for (size_t i = 1; i <= block->row_count; i++) /* after the heads, which are empty */
		printf("%s: %s\n", block->cells[2 * i + 1], block->cells[2 * i]);
}

static void print_document(const struct nr_document *document)
{
	printf("%s\n%s\n", document->title, document->subtitle);
	for (size_t i = 0; i < document->count; i++) {
		const struct nr_block *block = &document->blocks[i];
		if (block->kind == NR_BLOCK_TABLE)
			print_table(block);
		else if (block->kind == NR_BLOCK_FIGURES)
			print_figures(block);
		else if (block->text)
			printf(block->kind == NR_BLOCK_HEADING ? "\n%s\n" : "%s\n", block->text);
	}
}

static int write_document(const struct nr_document *document, const char *out, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0;
	int e = has_ending(out, ".pdf") ? nr_document_write_pdf(document, &bytes, &length, error)
					: nr_document_write_html(document, (char **)&bytes, &length, error);
	return e ? e : nr_file_write(out, bytes, length, error);
}

static int print_json(const struct nr_audit *audit, struct nr_error *error)
{
	struct nr_json json;
	nr_json_init_stream(&json, stdout);
	nr_audit_write_json(audit, &json);
	int e = nr_json_finish(&json, error);
	nr_json_fini(&json);
	return e;
}

static int report(const struct audit_conf *conf, const struct nr_audit *audit, struct nr_error *error)
{
	if (conf->json)
		return print_json(audit, error);
	bool japanese =
		strcmp(conf->lang, "auto") == 0 ? nr_language_is_japanese() : strcmp(conf->lang, "ja") == 0;
	char title[96], made[NR_TIME_TEXT], subtitle[400];
	snprintf(title, sizeof title, japanese ? "時刻監査報告書 %.7s" : "Time audit report %.7s",
		conf->month);
	snprintf(subtitle, sizeof subtitle, japanese ? "%s　作成: %.10s" : "%s. Made on %.10s", audit->name,
		nr_time_write(nr_time_now(), made));
	NR_AUTO(nr_document_fini) struct nr_document document;
	nr_document_init(&document, japanese, title, subtitle);
	nr_document_footer(&document, "noroshi " NR_VERSION);
	nr_audit_fill(audit, &document);
	if (document.failed)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (conf->out)
		return write_document(&document, conf->out, error);
	print_document(&document);
	return 0;
}

/* ---- reading ---- */

static int take(void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error)
{
	(void)index;
	return nr_audit_add(context, entry, length, error);
}

/* All entries of the ledger, whose root must be that of its checkpoint: nothing was left out. */
static int read_entries(const struct nr_ledger_source *source, struct nr_audit *audit, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	struct nr_note note;
	struct nr_tlog_policy_verdict verdict;
	int e = nr_ledger_source_checkpoint(source, &bytes, &length, &note, &verdict, error);
	uint64_t size = e ? 0 : verdict.checkpoint.size;
	e = e ? e : nr_folder_each(source->folder, size, 0, size, take, audit, error);
	if (e)
		return e;
	nr_audit_finish(audit);
	if (audit->ends[1].size == size && !nr_hash_equal(&audit->ends[1].root, &verdict.checkpoint.root))
		return nr_fail(
			error, -EUCLEAN, "%s: its entries are not those of its checkpoint", source->folder);
	return 0;
}

static int run(const void *context, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands, (void)count;
	const struct audit_conf *conf = context;
	NR_AUTO(nr_ledger_source_fini) struct nr_ledger_source source = {0};
	NR_AUTO(nr_audit_fini) struct nr_audit audit = {0};
	if (conf->out && !has_ending(conf->out, ".pdf") && !has_ending(conf->out, ".html")) {
		nr_fail(error, -EINVAL, "--out %.120s: say FILE.html or FILE.pdf", conf->out);
		return NR_EXIT_USAGE;
	}
	if (nr_audit_init(&audit, conf->month, error) != 0)
		return error->code == -EINVAL ? NR_EXIT_USAGE : NR_EXIT_ENVIRONMENT;
	int e = nr_ledger_source_load(&conf->source, &source, error);
	if (e)
		return nr_exit_of_input(e);
	/* a document's fonts are found by libraries that do what no list of calls foresees */
	if (!conf->out && nr_sandbox_enter(NR_SANDBOX_READ_FILES, NULL, error) != 0)
		return NR_EXIT_ENVIRONMENT;
	e = read_entries(&source, &audit, error);
	if (e)
		return nr_ledger_exit_of(e);
	e = report(conf, &audit, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	return nr_audit_is_good(&audit) ? NR_EXIT_OK : NR_EXIT_NO;
}

const struct nr_command nr_timestamp_audit_command = {
	.area = "timestamp",
	.verb = "audit",
	.text_en = "Write the time audit of a month from the ledger; 1: not as it must be",
	.text_ja = "台帳から月次の時刻監査報告書を作る（不適合なら1）",
	.example = "noroshi timestamp audit --keys keys --month 2026-11 --lang ja --out audit.pdf",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct audit_conf),
	.run = run,
};
