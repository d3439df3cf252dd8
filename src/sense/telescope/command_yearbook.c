/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi telescope yearbook: a year of the store as a report to read and to print. */
#include "base/file.h"
#include "base/language.h"
#include "sense/telescope/command.h"
#include "sense/telescope/tables.h"
#include "sense/telescope/yearbook.h"

#include <errno.h>
#include <string.h>

struct yearbook_conf {
	const char *store, *lang, *out, *sensor, *country, *title;
	uint64_t year;
};

static const char *const languages[] = {"auto", "en", "ja", NULL};

static const struct nr_option options[] = {
	{"store", NR_OPTION_PATH, offsetof(struct yearbook_conf, store), "FILE", "noroshi.db", 0, 0, NULL,
		"the store to ask", "問い合わせるストア"},
	{"year", NR_OPTION_UINT, offsetof(struct yearbook_conf, year), "YEAR", NULL, 1970, 9998, NULL,
		"the year, UTC (default: the present one)", "対象の年（UTC。省略時は今年）"},
	{"out", NR_OPTION_PATH, offsetof(struct yearbook_conf, out), "FILE", NULL, 0, 0, NULL,
		"FILE.html or FILE.pdf (default: HTML to standard output)",
		"FILE.html または FILE.pdf（省略時はHTMLを標準出力へ）"},
	{"lang", NR_OPTION_CHOICE, offsetof(struct yearbook_conf, lang), "LANG", "auto", 0, 0, languages,
		"language of the report; auto: that of the environment", "報告書の言語（autoは環境に従う）"},
	{"sensor", NR_OPTION_TEXT, offsetof(struct yearbook_conf, sensor), "NAME", NULL, 0, 0, NULL,
		"one sensor (default: all, added up)", "センサ（省略時はすべての合計）"},
	{"country", NR_OPTION_TEXT, offsetof(struct yearbook_conf, country), "CC", "JP", 0, 0, NULL,
		"country whose IoT bots are counted per day (ISO 3166-1)",
		"IoTボットを日ごとに数える国（ISO 3166-1）"},
	{"title", NR_OPTION_TEXT, offsetof(struct yearbook_conf, title), "TEXT", NULL, 0, 0, NULL,
		"organisation or telescope, below the title", "表題の下に置く組織名・観測網の名前"},
};

static bool is_japanese(const char *lang)
{
	return strcmp(lang, "auto") == 0 ? nr_language_is_japanese() : strcmp(lang, "ja") == 0;
}

static unsigned year_now(void)
{
	char text[NR_TIME_TEXT];
	return (unsigned)atoi(nr_time_write(nr_time_now(), text));
}

static bool has_ending(const char *path, const char *ending)
{
	size_t length = strlen(path), n = strlen(ending);
	return length >= n && strcasecmp(path + length - n, ending) == 0;
}

static void title_document(
	struct nr_document *document, const struct yearbook_conf *conf, const struct nr_yearbook_conf *how)
{
	char title[96], subtitle[320], footer[128], made[NR_TIME_TEXT];
	nr_time_write(nr_time_now(), made);
	snprintf(title, sizeof title,
		how->japanese ? "ダークネット観測レポート %u年" : "Darknet observation report %u", how->year);
	snprintf(subtitle, sizeof subtitle,
		how->japanese ? "%s%sセンサ: %s　作成: %.10s" : "%s%sSensor: %s. Made on %.10s",
		conf->title ? conf->title : "",
		!conf->title    ? ""
		: how->japanese ? "　"
				: ". ",
		conf->sensor    ? conf->sensor
		: how->japanese ? "すべて"
				: "all",
		made);
	nr_document_init(document, how->japanese, title, subtitle);
	snprintf(footer, sizeof footer, "noroshi %s  %.10s", NR_VERSION, made);
	nr_document_footer(document, footer);
}

static int write_document(const struct nr_document *document, const char *out, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *bytes = NULL;
	size_t length = 0;
	int e = out && has_ending(out, ".pdf")
			? nr_document_write_pdf(document, (uint8_t **)&bytes, &length, error)
			: nr_document_write_html(document, &bytes, &length, error);
	if (e)
		return e;
	if (out)
		return nr_file_write(out, bytes, length, error);
	fwrite(bytes, 1, length, stdout); /* its errors are found when standard output is flushed */
	return 0;
}

static bool is_country(const char *text)
{
	return strlen(text) == 2 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2;
}

static int run_yearbook(const void *conf, const char *const *operands, size_t count, struct nr_error *error)
{
	const struct yearbook_conf *c = conf;
	(void)operands;
	(void)count;
	if (c->out && !has_ending(c->out, ".pdf") && !has_ending(c->out, ".html")) {
		nr_fail(error, -EINVAL, "--out %.120s: say FILE.html or FILE.pdf", c->out);
		return NR_EXIT_USAGE;
	}
	if (!is_country(c->country)) {
		nr_fail(error, -EINVAL, "--country %.40s: two capital letters, such as JP", c->country);
		return NR_EXIT_USAGE;
	}
	nr_command_end_on_signal();
	NR_AUTO(nr_store_closep) struct nr_store *store = NULL;
	int e = nr_store_open(
		c->store, NR_STORE_READ, nr_telescope_tables, nr_telescope_table_count, &store, error);
	if (e)
		return e;
	const struct nr_yearbook_conf how = {
		store, c->year ? (unsigned)c->year : year_now(), c->sensor, c->country, is_japanese(c->lang)};
	NR_AUTO(nr_document_fini) struct nr_document document;
	title_document(&document, c, &how);
	e = nr_yearbook_fill(&how, &document, error);
	if (e == -ENODATA)
		return NR_EXIT_NO;
	return e ? e : write_document(&document, c->out, error);
}

const struct nr_command nr_telescope_yearbook_command = {
	.area = "telescope",
	.verb = "yearbook",
	.text_en = "Write the report of a year: packets, ports, countries, tools, attacks, coverage (HTML or "
		   "PDF)",
	.text_ja =
		"年間の観測レポートを作る（パケット数・ポート・国・ツール・攻撃・観測状況。HTMLまたはPDF）",
	.example = "noroshi telescope yearbook --store telescope.db --year 2026 --out yearbook.pdf",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct yearbook_conf),
	.run = run_yearbook,
};
