/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi flow read: flows of files, of whatever kind, to standard output and into files of others. */
#include "base/language.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/sandbox.h"
#include "sense/flow/ask/filter.h"
#include "sense/flow/command.h"
#include "sense/flow/file/file.h"
#include "sense/flow/file/print.h"
#include "sense/flow/file/write.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct read_conf {
	struct nr_flow_collector_conf collector;
	const char *filter, *nfdump, *ipfix;
	bool json, csv, quiet;
};

static const struct nr_option options[] = {
	{"json", NR_OPTION_FLAG, offsetof(struct read_conf, json), NULL, NULL, 0, 0, NULL,
		"print JSON lines, one a flow, and a summary at the end",
		"JSONで出力する（1行1フロー、最後に集計）"},
	{"csv", NR_OPTION_FLAG, offsetof(struct read_conf, csv), NULL, NULL, 0, 0, NULL,
		"print CSV with the names of the columns in its first line", "CSVで出力する（1行目は列名）"},
	{"filter", NR_OPTION_TEXT, offsetof(struct read_conf, filter), "EXPRESSION", NULL, 0, 0, NULL,
		"only flows that match, in the language of nfdump: 'src net 192.0.2.0/24 and dst port 443'",
		"式に合うフローだけを出力する（nfdumpの書き方、例 'src net 192.0.2.0/24 and dst port 443'）"},
	{"nfdump", NR_OPTION_PATH, offsetof(struct read_conf, nfdump), "FILE", NULL, 0, 0, NULL,
		"also write the flows to this file in the format of nfdump 1.7",
		"フローをnfdump 1.7の形式でこのファイルにも書く"},
	{"ipfix", NR_OPTION_PATH, offsetof(struct read_conf, ipfix), "FILE", NULL, 0, 0, NULL,
		"also write the flows to this file as IPFIX messages (RFC 5655)",
		"フローをIPFIXメッセージ（RFC 5655）としてこのファイルにも書く"},
	{"quiet", NR_OPTION_FLAG, offsetof(struct read_conf, quiet), NULL, NULL, 0, 0, NULL,
		"print no flows, only the summary", "フローを出力せず、集計だけを出力する"},
	NR_FLOW_COLLECTOR_OPTIONS(struct read_conf, collector.),
};

/* Everything of one run; released in reverse order. It is the sink of all flows. */
struct run {
	struct nr_flow_sink sink; /* the first member */
	const struct read_conf *conf;
	struct nr_flow_filter *filter; /* NULL: all */
	void *scratch;
	uint32_t *rows;
	uint32_t room; /* rows of the block that these are for */
	struct nr_flow_printer *printer;
	struct nr_flow_collector *collector;
	struct nr_flow_out nfdump, ipfix;
	struct nr_flow_file_report total; /* of all files */
	uint64_t passed, packets, bytes;  /* flows that were printed */
	uint64_t seen;
	struct nr_progress progress; /* where no flows are on the same terminal */
	bool unreadable;
};

static void run_fini(struct run *run)
{
	nr_flow_collector_free(run->collector);
	nr_flow_printer_free(run->printer);
	nr_flow_out_fini(&run->nfdump);
	nr_flow_out_fini(&run->ipfix);
	nr_flow_filter_free(run->filter);
	free(run->scratch);
	free(run->rows);
}

/* ---- flows ---- */

static int make_room(struct run *run, uint32_t room, struct nr_error *error)
{
	if (run->room >= room)
		return 0;
	free(run->scratch);
	free(run->rows);
	run->scratch = malloc(nr_flow_filter_scratch(run->filter, room) + 1);
	run->rows = malloc(room * sizeof *run->rows);
	run->room = run->scratch && run->rows ? room : 0;
	return run->room ? 0 : nr_fail(error, -ENOMEM, "out of memory");
}

static void add_up(struct run *run, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count)
{
	run->passed += count;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = rows ? rows[i] : i;
		run->packets += nr_flow_value(block, NR_FLOW_PACKETS, row);
		run->bytes += nr_flow_value(block, NR_FLOW_BYTES, row);
	}
}

static int take(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct run *run = (struct run *)sink;
	const uint32_t *rows = NULL;
	run->seen += block->count;
	nr_progress_show(&run->progress, run->seen);
	uint32_t count = block->count;
	if (run->filter) {
		int e = make_room(run, block->room, error);
		if (e)
			return e;
		count = (uint32_t)nr_flow_filter_apply(run->filter, block, run->scratch, run->rows);
		rows = run->rows;
	}
	add_up(run, block, rows, count);
	int e = run->conf->quiet ? 0 : nr_flow_print(run->printer, block, rows, count, run->collector, error);
	if (!e)
		e = nr_flow_out_take(&run->nfdump, block, rows, count, error);
	return e ? e : nr_flow_out_take(&run->ipfix, block, rows, count, error);
}

/* ---- the end ---- */

static void describe(const struct run *run, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_object(json, "summary");
	nr_flow_collector_report(run->collector, json);
	nr_json_object_end(json);
	nr_json_object_end(json);
}

/* Under one heading, where there is something. */
static void print_dropped(const struct run *run)
{
	bool headed = false;
	for (unsigned i = 0; i < NR_FLOW_FILE_DROPS + NR_FLOW_CAUSES + 1; i++) {
		unsigned cause = i - NR_FLOW_FILE_DROPS;
		uint64_t count = i < NR_FLOW_FILE_DROPS   ? run->total.dropped[i]
				 : cause < NR_FLOW_CAUSES ? nr_flow_collector_dropped(run->collector, cause)
							  : nr_flow_collector_waiting(run->collector);
		const char *name = i < NR_FLOW_FILE_DROPS   ? nr_flow_file_drop_names[i]
				   : cause < NR_FLOW_CAUSES ? nr_flow_cause_names[cause]
							    : "set_without_template";
		if (!count)
			continue;
		if (!headed)
			printf("%s\n", nr_says("Not read:", "読めなかったもの:"));
		headed = true;
		printf("  %-22s %12llu\n", name, (unsigned long long)count);
	}
}

static void print_count(const char *name, uint64_t count, const char *behind)
{
	printf("%s %llu%s", name, (unsigned long long)count, behind);
}

static void print_summary(const struct run *run)
{
	struct nr_flow_counts counts = nr_flow_collector_counts(run->collector);
	if (run->passed && !run->conf->quiet)
		putchar('\n');
	print_count(nr_says("Flows:", "フロー:"), counts.records + run->total.records, ", ");
	if (run->filter)
		print_count(nr_says("matching:", "一致:"), run->passed, ", ");
	print_count(nr_says("packets:", "パケット:"), run->packets, ", ");
	print_count(nr_says("bytes:", "バイト:"), run->bytes, ", ");
	print_count(nr_says("options records:", "オプションレコード:"), counts.options_records, "\n");
	print_dropped(run);
}

static int finish(struct run *run, struct nr_error *error)
{
	nr_flow_collector_note(run->collector, run->total.records, nr_flow_file_drop_names,
		run->total.dropped, NR_FLOW_FILE_DROPS);
	nr_progress_fini(&run->progress);
	int e = nr_flow_printer_flush(run->printer, error);
	if (!e)
		e = nr_flow_out_finish(&run->nfdump, error);
	if (!e)
		e = nr_flow_out_finish(&run->ipfix, error);
	if (e)
		return e;
	if (run->conf->json)
		describe(run, nr_flow_printer_json(run->printer));
	else if (!run->conf->csv)
		print_summary(run);
	return nr_flow_printer_flush(run->printer, error);
}

/* ---- the run ---- */

static int prepare(struct run *run, struct nr_error *error)
{
	const struct read_conf *conf = run->conf;
	if (conf->json && conf->csv)
		return nr_fail(error, -EINVAL, "--json and --csv exclude each other");
	int e = conf->filter ? nr_flow_filter_new(conf->filter, &run->filter, error) : 0;
	if (!e)
		e = nr_flow_collector_new(&conf->collector, &run->sink, &run->collector, error);
	return e;
}

static int start(struct run *run, struct nr_error *error)
{
	const struct read_conf *conf = run->conf;
	enum nr_flow_print_form print = conf->json  ? NR_FLOW_PRINT_JSON
					: conf->csv ? NR_FLOW_PRINT_CSV
						    : NR_FLOW_PRINT_TABLE;
	int e = nr_flow_printer_new(print, stdout, &run->printer, error);
	if (!e)
		e = nr_flow_out_open(&run->nfdump, NR_FLOW_OUT_NFDUMP, conf->nfdump, error);
	if (!e)
		e = nr_flow_out_open(&run->ipfix, NR_FLOW_OUT_IPFIX, conf->ipfix, error);
	if (e)
		return e;
	/* files come from strangers: from here on nothing can be executed or connected to */
	bool writes = conf->nfdump || conf->ipfix;
	if (writes)
		nr_command_end_on_signal();
	struct nr_sandbox sandbox;
	e = nr_sandbox_enter(NR_SANDBOX_READ_FILES | (writes ? NR_SANDBOX_WRITE_FILES : 0u), &sandbox, error);
	if (!e && nr_sandbox_missing(&sandbox))
		nr_log(NR_LOG_WARNING, "sandbox", "missing", nr_sandbox_missing(&sandbox), "reason",
			"this kernel does not have it; what reads files is confined less", NULL);
	return e;
}

static void add_report(struct run *run, const struct nr_flow_file_report *report)
{
	run->total.records += report->records;
	run->total.other_records += report->other_records;
	run->total.datagrams += report->datagrams;
	for (unsigned i = 0; i < NR_FLOW_FILE_DROPS; i++)
		run->total.dropped[i] += report->dropped[i];
	if (!report->damage[0])
		return;
	nr_progress_fini(&run->progress);
	nr_flow_printer_flush(run->printer, NULL);
	fprintf(stderr, "noroshi: %s\n", report->damage);
	run->unreadable = true;
}

static int run_read(const void *conf, const char *const *paths, size_t count, struct nr_error *error)
{
	NR_AUTO(run_fini) struct run run = {.sink = {.take = take}, .conf = conf};
	int e = prepare(&run, error);
	if (e)
		return nr_exit_of_input(e);
	nr_progress_init(&run.progress, 0, "flows");
	run.progress.on = run.progress.on && (run.conf->quiet || !isatty(STDOUT_FILENO));
	e = start(&run, error);
	for (size_t i = 0; !e && i < count; i++) {
		struct nr_flow_file_report report = {0};
		e = nr_flow_file_read(paths[i], run.collector, &run.sink, &report, error);
		if (!e)
			add_report(&run, &report);
	}
	if (!e)
		e = finish(&run, error);
	if (e)
		return NR_EXIT_ENVIRONMENT;
	return run.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_flow_read_command = {
	.area = "flow",
	.verb = "read",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Read flows from captures of exports, IPFIX files, nfdump's files and Zeek's conn.log",
	.text_ja =
		"エクスポートのキャプチャ、IPFIXファイル、nfdumpのファイル、Zeekのconn.logからフローを読む",
	.example = "noroshi flow read --json nfcapd.202601020300",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct read_conf),
	.run = run_read,
};
