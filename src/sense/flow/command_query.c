/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi flow query: flows of an archive or of files, chosen by an expression: the flows themselves, the
 * greatest of some field, totals, and each over time. Behind the expression "by FIELD ..." and "top N by
 * FIELD ..." may stand as words, so that "--top 10 by source" reads as it is said.
 */
#include "base/language.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "sense/flow/ask/answer.h"
#include "sense/flow/command.h"
#include "sense/flow/file/file.h"
#include "sense/flow/file/print.h"
#include "sense/flow/law/law.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#define TOP_DEFAULT 10

struct query_conf {
	struct nr_flow_collector_conf collector;
	const char *archive, *purpose, *from, *to, *order;
	struct nr_texts by;
	uint64_t top, limit, memory, threads;
	nr_time series;
	bool json, csv;
};

static const struct nr_option options[] = {
	{"archive", NR_OPTION_PATH, offsetof(struct query_conf, archive), "DIR", NULL, 0, 0, NULL,
		"ask this archive (without it: the files that are named)",
		"このアーカイブに尋ねる（指定しなければ、引数のファイル）"},
	{"purpose", NR_OPTION_TEXT, offsetof(struct query_conf, purpose), "PURPOSE", NULL, 0, 0, NULL,
		"what the answer is for: c2-detection, notification or own-operation; recorded",
		"利用目的（c2-detection、notification、own-operation）。記録される"},
	{"from", NR_OPTION_TEXT, offsetof(struct query_conf, from), "TIME", NULL, 0, 0, NULL,
		"flows that ended at or after this time; -1h: an hour ago",
		"この時刻以降に終わったフロー。-1hは1時間前"},
	{"to", NR_OPTION_TEXT, offsetof(struct query_conf, to), "TIME", NULL, 0, 0, NULL,
		"flows that began before this time", "この時刻より前に始まったフロー"},
	{"top", NR_OPTION_UINT, offsetof(struct query_conf, top), "N", NULL, 0, 1000000, NULL,
		"the N greatest, by the fields of --by or of the word \"by\" (default 10)",
		"--byまたは「by」の項目ごとの上位N件（既定は10）"},
	{"by", NR_OPTION_TEXTS, offsetof(struct query_conf, by), "FIELD", NULL, 0, 0, NULL,
		"sum by this field: source, destination_port, ip, source/24, as, exporter ...",
		"この項目で集計する（source、destination_port、ip、source/24、as、exporterなど）"},
	{"order", NR_OPTION_CHOICE, offsetof(struct query_conf, order), "WHAT", "bytes", 0, 0, nr_flow_orders,
		"what is the greatest", "何の多い順に並べるか"},
	{"series", NR_OPTION_DURATION, offsetof(struct query_conf, series), "STEP", NULL, 0, 0, NULL,
		"sums over time in steps of this length; a flow belongs to the step in which it ended",
		"この長さの区間ごとに集計する。フローは終わった時刻の区間に数える"},
	{"limit", NR_OPTION_UINT, offsetof(struct query_conf, limit), "N", NULL, 0, 0, NULL,
		"stop after so many flows", "この件数で打ち切る"},
	{"memory", NR_OPTION_SIZE, offsetof(struct query_conf, memory), "BYTES", "1G", 1048576, 0, NULL,
		"memory for sums; what does not fit is let go, the least first, and told",
		"集計用のメモリー。収まらないキーは小さいものから捨て、その旨を示す"},
	{"threads", NR_OPTION_UINT, offsetof(struct query_conf, threads), "N", "0", 0, 64, NULL,
		"threads that scan an archive; 0: one per processor",
		"アーカイブを読むスレッド数。0はプロセッサー数"},
	{"json", NR_OPTION_FLAG, offsetof(struct query_conf, json), NULL, NULL, 0, 0, NULL,
		"JSON: one object for sums, one line for each flow",
		"JSONで出力する（集計は1つ、フローは1行ずつ）"},
	{"csv", NR_OPTION_FLAG, offsetof(struct query_conf, csv), NULL, NULL, 0, 0, NULL,
		"CSV with a line of names", "見出し付きのCSVで出力する"},
	NR_FLOW_COLLECTOR_OPTIONS(struct query_conf, collector.),
};

/* Everything of one run; released in reverse order. */
struct asking {
	struct query_conf conf; /* a copy, its texts borrowed; what the words say is put in */
	const char *expression;
	const char *const *files;
	size_t file_count;
	const char **rest; /* owned: files */
	struct nr_flow_query_conf query_conf;
	struct nr_flow_query *query;
	struct nr_flow_uses *uses;
	struct nr_flow_archive *archive;
	struct nr_flow_printer *printer;
	struct nr_flow_collector *collector;
	struct nr_flow_sink sink; /* of the collector: flows of files */
	struct nr_progress progress;
	uint64_t taken;
	bool unreadable;
};

static void asking_fini(struct asking *a)
{
	nr_flow_collector_free(a->collector);
	nr_flow_archive_close(a->archive);
	nr_flow_printer_free(a->printer);
	nr_flow_query_free(a->query);
	nr_flow_uses_close(a->uses);
	free(a->rest);
}

/* ---- words ---- */

static int add_field(struct asking *a, const char *text, struct nr_error *error)
{
	struct nr_flow_sum_conf *sum = &a->query_conf.sum;
	unsigned order = sum->order;
	int e = nr_flow_fields_parse(text, sum->fields, &sum->field_count, &order, error);
	sum->order = order;
	return e;
}

/* Words behind "by" are fields up to the first that is none: that is a file. */
static int read_by(
	struct asking *a, const char *const *words, size_t count, size_t *used, struct nr_error *error)
{
	if (*used == count)
		return nr_fail(error, -EINVAL, "by: a field is missing: by source, by destination_port");
	size_t fields = a->query_conf.sum.field_count;
	int e = add_field(a, words[*used], error);
	for (; !e && ++*used < count;) {
		fields = a->query_conf.sum.field_count;
		if (add_field(a, words[*used], NULL) != 0) {
			a->query_conf.sum.field_count = fields;
			break;
		}
	}
	return e;
}

static int read_top(struct asking *a, const char *word, struct nr_error *error)
{
	char *end;
	unsigned long long top = word[0] >= '0' && word[0] <= '9' ? strtoull(word, &end, 10) : 0;
	if (!top || *end || top > 1000000)
		return nr_fail(error, -EINVAL,
			"top: a number from 1 to 1000000 stands behind it, not \"%.40s\"", word);
	a->conf.top = top;
	return 0;
}

static int read_words(struct asking *a, const char *const *words, size_t count, struct nr_error *error)
{
	a->rest = calloc(count + 1, sizeof *a->rest);
	if (!a->rest)
		return nr_fail(error, -ENOMEM, "out of memory");
	a->files = a->rest;
	int e = 0;
	for (size_t i = 0; !e && i < count;) {
		const char *word = words[i++];
		if (!strcmp(word, "by"))
			e = read_by(a, words, count, &i, error);
		else if (!strcmp(word, "top") && i < count)
			e = read_top(a, words[i++], error);
		else if (!a->expression)
			a->expression = word;
		else
			a->rest[a->file_count++] = word;
	}
	if (!a->expression)
		a->expression = "any";
	return e;
}

/* "-1h": so long ago; "now"; else a time. */
static int read_time(const char *name, const char *text, nr_time *time, struct nr_error *error)
{
	nr_time ago = 0;
	int e = 0;
	if (!text)
		return 0;
	if (text[0] == '-' || !strcmp(text, "now")) {
		e = text[0] == '-' ? nr_duration_parse(text + 1, &ago, error) : 0;
		*time = nr_time_now() - ago;
	} else {
		e = nr_time_parse(text, time, error);
	}
	return e ? nr_error_prefix(error, "--%s", name) : 0;
}

/* A file that was named where the expression stands is the likely mistake. */
static int refuse_expression(const char *expression, struct nr_error *error)
{
	if (access(expression, F_OK) == 0)
		return nr_fail(error, -EINVAL,
			"%.100s is a file: the expression comes first, \"any\" stands for all flows",
			expression);
	return nr_error_prefix(error, "the expression");
}

static unsigned processors(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)NR_MAX(CPU_COUNT(&set), 1) : 1;
}

/* ---- flows as they come ---- */

static int list_rows(void *context, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
	struct nr_error *error)
{
	struct asking *a = context;
	return nr_flow_print(a->printer, block, rows, count, a->collector, error);
}

static int take_file_block(
	struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct asking *a = (struct asking *)(void *)((char *)sink - offsetof(struct asking, sink));
	a->taken += block->count;
	nr_progress_show(&a->progress, a->taken);
	return nr_flow_query_take(a->query, 0, block, error);
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
	struct nr_progress *progress = context;
	progress->total = total;
	nr_progress_show(progress, done);
}

/* ---- before ---- */

static bool wants_sums(const struct asking *a)
{
	return a->query_conf.sum.field_count || a->conf.series || a->conf.top;
}

static int settle(struct asking *a, struct nr_error *error)
{
	struct nr_flow_query_conf *q = &a->query_conf;
	for (unsigned i = 0; nr_flow_orders[i]; i++)
		if (!strcmp(a->conf.order, nr_flow_orders[i]))
			q->sum.order = i;
	for (size_t i = 0; i < a->conf.by.count; i++) {
		int e = add_field(a, a->conf.by.items[i], error);
		if (e)
			return e;
	}
	q->from = NR_TIME_MIN;
	q->to = NR_TIME_MAX;
	int e = read_time("from", a->conf.from, &q->from, error);
	if (!e)
		e = read_time("to", a->conf.to, &q->to, error);
	if (!e && q->from >= q->to)
		e = nr_fail(error, -EINVAL, "--from is not before --to: no flow is in between");
	return e;
}

static int check(struct asking *a, struct nr_error *error)
{
	if (a->conf.json && a->conf.csv)
		return nr_fail(error, -EINVAL, "--json and --csv exclude each other");
	if (!a->conf.archive && !a->file_count)
		return nr_fail(
			error, -EINVAL, "whose flows? Name files behind the expression, or --archive DIR");
	if (a->conf.archive && a->file_count)
		return nr_fail(error, -EINVAL, "%.80s: files and --archive exclude each other", a->files[0]);
	if (a->conf.top && !a->query_conf.sum.field_count)
		return nr_fail(error, -EINVAL, "--top: by what? For instance --top %llu by source",
			(unsigned long long)a->conf.top);
	return 0;
}

static int prepare(struct asking *a, const char *const *words, size_t count, struct nr_error *error)
{
	struct nr_flow_query_conf *q = &a->query_conf;
	int e = settle(a, error);
	if (!e)
		e = read_words(a, words, count, error);
	if (!e)
		e = check(a, error);
	if (e)
		return e;
	q->expression = a->expression;
	q->sum.step = a->conf.series;
	q->sum.memory = a->conf.memory;
	q->top = a->conf.top ? a->conf.top : TOP_DEFAULT;
	q->limit = a->conf.limit;
	q->threads = !a->conf.archive ? 1 : a->conf.threads ? (unsigned)a->conf.threads : processors();
	q->list = wants_sums(a) ? NULL : list_rows;
	q->list_context = a;
	q->progress = show_progress;
	q->progress_context = &a->progress;
	struct nr_flow_filter_fault fault = {0};
	e = nr_flow_query_new(q, &a->query, &fault, error);
	return e && fault.column ? refuse_expression(a->expression, error) : e;
}

/* ---- the law ---- */

/* What is recorded: the whole question, as it can be asked again. */
static void write_question(const struct asking *a, char *text, size_t room)
{
	char from[NR_TIME_TEXT] = "", to[NR_TIME_TEXT] = "", expression[NR_FLOW_USE_EXPRESSION];
	const struct nr_flow_query_conf *q = &a->query_conf;
	if (q->from != NR_TIME_MIN)
		nr_time_write(q->from, from);
	if (q->to != NR_TIME_MAX)
		nr_time_write(q->to, to);
	snprintf(text, room, "%s%s%s%s%s", nr_flow_use_expression(a->expression, expression),
		from[0] ? " from " : "", from, to[0] ? " to " : "", to);
	for (size_t i = 0; i < q->sum.field_count; i++) {
		size_t length = strlen(text);
		snprintf(text + length, room - length, "%s%s", i ? "," : " by ", q->sum.fields[i].name);
	}
}

static int record(struct asking *a, const char *act, uint64_t flows, struct nr_error *error)
{
	char question[2000];
	write_question(a, question, sizeof question);
	return nr_flow_uses_add(a->uses, act, a->conf.purpose, question, flows, error);
}

/* Who does not say for what is refused, and that is recorded, too. */
static int open_archive(struct asking *a, struct nr_error *error)
{
	enum nr_flow_purpose purpose;
	struct nr_error refusal;
	int e = nr_flow_purpose_parse(a->conf.purpose, &purpose, &refusal);
	int opened = nr_flow_archive_open(a->conf.archive, NR_FLOW_ARCHIVE_READ, NULL, &a->archive, error);
	if (opened)
		return opened;
	NR_AUTO(nr_flow_policy_fini) struct nr_flow_policy policy = {0};
	opened = nr_flow_policy_read(a->conf.archive, &policy, error);
	if (!opened) /* without a policy nobody knows whom the record must not name */
		opened = nr_flow_uses_open(a->conf.archive, &a->uses, error);
	if (opened)
		return opened;
	if (!e)
		return 0;
	record(a, "refused", 0, NULL);
	return nr_fail(error, e, "%s", refusal.text);
}

static int check_purpose(const struct asking *a, struct nr_error *error)
{
	enum nr_flow_purpose purpose;
	return a->conf.purpose ? nr_flow_purpose_parse(a->conf.purpose, &purpose, error) : 0;
}

/* ---- reading ---- */

static void complain(struct asking *a, const char *text)
{
	nr_progress_fini(&a->progress);
	fflush(stdout);
	fprintf(stderr, "noroshi: %s\n", text);
	a->unreadable = true;
}

static int read_files(struct asking *a, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < a->file_count; i++) {
		struct nr_flow_file_report report = {0};
		e = nr_flow_file_read(a->files[i], a->collector, &a->sink, &report, error);
		if (report.damage[0])
			complain(a, report.damage);
	}
	return e == -ECANCELED && nr_flow_query_is_cut(a->query) ? 0 : e;
}

static int scan(struct asking *a, struct nr_error *error)
{
	nr_progress_init(&a->progress, 0, a->archive ? "B" : "flows");
	int e = a->archive ? nr_flow_query_archive(a->query, a->archive, error) : read_files(a, error);
	nr_progress_fini(&a->progress);
	if (!e && nr_flow_query_scanned(a->query)->damaged)
		complain(a, error->text);
	return e ? e : nr_flow_query_finish(a->query, error);
}

/* Opens what is needed, then closes the door: files and archives were written by strangers. */
static int start(struct asking *a, struct nr_error *error)
{
	int e = a->conf.archive ? open_archive(a, error) : check_purpose(a, error);
	if (!e && !a->conf.archive) {
		a->sink.take = take_file_block;
		e = nr_flow_collector_new(&a->conf.collector, &a->sink, &a->collector, error);
	}
	if (!e && a->query_conf.list) {
		enum nr_flow_print_form print = a->conf.json  ? NR_FLOW_PRINT_JSON
						: a->conf.csv ? NR_FLOW_PRINT_CSV
							      : NR_FLOW_PRINT_TABLE;
		e = nr_flow_printer_new(print, stdout, &a->printer, error);
	}
	/* what is asked is recorded in the archive's folder, which is the only one that is seen then */
	struct nr_sandbox_places places = {.read = a->conf.archive, .write = a->conf.archive};
	struct nr_sandbox sandbox;
	unsigned allow =
		a->conf.archive ? NR_SANDBOX_READ_FILES | NR_SANDBOX_WRITE_FILES : NR_SANDBOX_READ_FILES;
	return e ? e : nr_sandbox_enter_places(allow, &places, &sandbox, error);
}

/* ---- the answer ---- */

static void write_head(const struct asking *a, struct nr_json *json)
{
	const struct nr_flow_query_conf *q = &a->query_conf;
	nr_json_text(json, "expression", a->expression);
	nr_json_text(json, "purpose", a->conf.purpose);
	nr_json_time(json, "from", q->from);
	nr_json_time(json, "to", q->to);
}

static int end_list(struct asking *a, struct nr_error *error)
{
	struct nr_json *json = a->conf.json ? nr_flow_printer_json(a->printer) : NULL;
	if (json) {
		nr_json_object(json, NULL);
		nr_json_object(json, "summary");
		write_head(a, json);
		nr_json_uint(json, "flows", nr_flow_query_matched(a->query));
		nr_json_bool(json, "cut", nr_flow_query_is_cut(a->query));
		nr_flow_query_write_scanned(a->query, json);
		nr_json_object_end(json);
		nr_json_object_end(json);
	}
	int e = nr_flow_printer_flush(a->printer, error);
	if (!e && !a->conf.json && !a->conf.csv && nr_flow_query_is_cut(a->query))
		fprintf(stderr,
			nr_says("noroshi: stopped after %llu flows (--limit)\n",
				"noroshi: %lluフローで打ち切りました（--limit）\n"),
			(unsigned long long)nr_flow_query_matched(a->query));
	return e;
}

static int print_sums(struct asking *a, struct nr_error *error)
{
	if (a->conf.csv)
		nr_flow_answer_print_csv(a->query, &a->query_conf, stdout);
	else if (!a->conf.json)
		nr_flow_answer_print(a->query, &a->query_conf, stdout);
	int e = 0;
	if (a->conf.json) {
		struct nr_json json;
		nr_json_init_stream(&json, stdout);
		nr_json_object(&json, NULL);
		write_head(a, &json);
		nr_flow_query_write_json(a->query, &json);
		nr_json_object_end(&json);
		e = nr_json_finish(&json, error);
		nr_json_fini(&json);
		putchar('\n');
	}
	if (!e && (fflush(stdout) != 0 || ferror(stdout)))
		e = nr_fail(error, -EIO, "standard output: cannot be written");
	return e;
}

static int answer(struct asking *a, struct nr_error *error)
{
	/* the record stands before the answer: of a list it is not known yet how long it will be */
	int e = a->uses && a->query_conf.list ? record(a, "query", NR_FLOW_USE_ASKED, error) : 0;
	if (!e)
		e = scan(a, error);
	if (!e && a->uses && !a->query_conf.list)
		e = record(a, "query", nr_flow_query_matched(a->query), error);
	if (e)
		return e;
	return a->query_conf.list ? end_list(a, error) : print_sums(a, error);
}

static int run(const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	NR_AUTO(asking_fini) struct asking a = {.conf = *(const struct query_conf *)conf};
	int e = prepare(&a, operands, operand_count, error);
	if (e)
		return e == -ENOMEM ? NR_EXIT_ENVIRONMENT : NR_EXIT_USAGE;
	e = start(&a, error);
	if (e)
		return e == -EPERM ? NR_EXIT_USAGE : nr_exit_of_input(e);
	e = answer(&a, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	if (a.unreadable)
		return NR_EXIT_INPUT;
	return nr_flow_query_matched(a.query) ? NR_EXIT_OK : NR_EXIT_NO;
}

const struct nr_command nr_flow_query_command = {
	.area = "flow",
	.verb = "query",
	.operands = "[EXPRESSION] [FILE...] [by FIELD...]",
	.text_en = "ask an archive or files of flows, in the filter language of nfdump",
	.text_ja = "フローのアーカイブやファイルに、nfdumpのフィルター言語で尋ねる",
	.example = "noroshi flow query 'proto tcp and dst port 443' flows.nfdump --top 10 by source",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct query_conf),
	.run = run,
};
