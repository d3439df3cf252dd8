/* SPDX-License-Identifier: Apache-2.0 */
/* noroshi telescope read: captures through the sense, the report to standard output, the rows into a store.
 */
#include "base/progress.h"
#include "base/sandbox.h"
#include "net/pipeline.h"
#include "sense/telescope/command.h"
#include "sense/telescope/command_run.h"
#include "sense/telescope/promise.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

struct read_conf {
	struct nr_telescope_conf sense;
	uint64_t workers;
	const char *store;
	bool json;
};

static const struct nr_option options[] = {
	NR_TELESCOPE_OPTIONS(struct read_conf, sense.),
	{"workers", NR_OPTION_UINT, offsetof(struct read_conf, workers), "N", "1", 1, NR_PIPELINE_WORKERS_MAX,
		NULL, "threads that analyse; the answer does not depend on it",
		"分析に使うスレッド数（結果は変わらない）"},
	{"store", NR_OPTION_PATH, offsetof(struct read_conf, store), "FILE", NULL, 0, 0, NULL,
		"also keep rows and findings in this store (made if absent)",
		"結果をこのストアにも保存する（なければ作る）"},
	{"json", NR_OPTION_FLAG, offsetof(struct read_conf, json), NULL, NULL, 0, 0, NULL,
		"print the report as one JSON object", "結果を1つのJSONオブジェクトで出力する"},
};

/* Everything of one run; released in reverse order. */
struct run {
	struct nr_store_sink sink;
	struct read_conf conf;
	struct nr_telescope_refs refs;
	struct nr_store *store;
	struct nr_pipeline *pipeline;
	nr_time started;
	size_t read;     /* files that could be opened */
	bool unreadable; /* some input, or a part of it */
};

static void run_fini(struct run *run)
{
	nr_pipeline_free(run->pipeline);
	nr_store_close(run->store);
	nr_telescope_refs_fini(&run->refs);
}

static void complain(struct run *run, const char *text)
{
	fflush(stdout);
	fprintf(stderr, "noroshi: %s\n", text);
	run->unreadable = true;
}

static void show_progress(void *context, uint64_t done, uint64_t total)
{
	struct nr_progress *progress = context;
	progress->total = total;
	nr_progress_show(progress, done);
}

/* Reads what the options name: lists, port classes, databases. */
static int prepare(struct run *run, struct nr_error *error)
{
	run->started = nr_time_now();
	run->refs.store = run->conf.store != NULL;
	run->refs.workers = (unsigned)run->conf.workers;
	return nr_telescope_prepare(&run->conf.sense, &run->refs, error);
}

static int start(struct run *run, struct nr_progress *progress, struct nr_error *error)
{
	int e = 0;
	if (run->conf.store) {
		e = nr_store_open(run->conf.store, NR_STORE_CREATE, nr_telescope_tables,
			nr_telescope_table_count, &run->store, error);
		if (!e)
			e = nr_store_memory(
				run->store, nr_promise(&run->conf.sense, NR_PROMISE_STORE, 1), error);
		if (e)
			return e;
	}
	if (run->store)
		nr_store_sink_init(&run->sink, run->store);
	/* captures come from strangers: from here on nothing can be executed or connected to */
	e = nr_telescope_enter(NR_SANDBOX_READ_FILES | (run->store ? NR_SANDBOX_WRITE_FILES : 0u), error);
	if (e)
		return e;
	struct nr_pipeline_conf conf = {
		.sense = &nr_telescope_sense,
		.sense_conf = &run->conf.sense,
		.workers = (unsigned)run->conf.workers,
		.dark = run->refs.dark,
		.tunnel_ends = run->refs.tunnel_ends,
		.sink = run->store ? &run->sink.sink : NULL,
		.session_of_input = true,
		.progress = show_progress,
		.progress_context = progress,
	};
	return nr_pipeline_new(&conf, &run->pipeline, error);
}

static int read_files(struct run *run, const char *const *paths, size_t count, struct nr_error *error)
{
	struct nr_progress progress;
	nr_progress_init(&progress, 0, "B");
	int e = start(run, &progress, error);
	for (size_t i = 0; !e && i < count; i++) {
		NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
		struct nr_error reason;
		if (nr_capture_open(paths[i], &capture, &reason)) {
			complain(run, reason.text);
			continue;
		}
		run->read++;
		e = nr_pipeline_read(run->pipeline, capture, error);
		nr_progress_fini(&progress);
		if (nr_capture_damage(capture))
			complain(run, nr_capture_damage(capture));
	}
	return e ? e : nr_pipeline_finish(run->pipeline, error);
}

static char *join_names(const char *const *paths, size_t count)
{
	size_t length = 1;
	for (size_t i = 0; i < count; i++)
		length += strlen(paths[i]) + 1;
	char *text = malloc(length), *at = text;
	for (size_t i = 0; text && i < count; i++) {
		const char *slash = strrchr(paths[i], '/'); /* where files lie is nobody else's business */
		at = stpcpy(at, i ? "," : "");
		at = stpcpy(at, slash ? slash + 1 : paths[i]);
	}
	return text;
}

static int record_run(struct run *run, const struct nr_telescope_run *result, const char *const *paths,
	size_t count, struct nr_error *error)
{
	if (!run->store)
		return 0;
	NR_AUTO(nr_freep) char *input = join_names(paths, count);
	return input ? nr_telescope_record(result, run->started, input, &run->sink.sink, error)
		     : nr_fail(error, -ENOMEM, "out of memory");
}

/* Readings add up, so what is in two of them counts twice. Said where their times overlap. */
struct earlier {
	nr_time first, last; /* of this reading */
	const char *session; /* its own: what it reads again it replaces */
	char other[128];     /* the newest other one; "" = none */
	size_t at[4];        /* columns: first, last, session, input */
};

static int note_other_input(void *context, const struct nr_value *values, size_t count)
{
	struct earlier *e = context;
	(void)count;
	bool overlaps = values[e->at[0]].integer <= e->last && values[e->at[1]].integer >= e->first;
	if (overlaps && !e->other[0] && strcmp(values[e->at[2]].text, e->session))
		snprintf(e->other, sizeof e->other, "%s", values[e->at[3]].text);
	return 0;
}

static void find_columns(const struct nr_query *query, struct earlier *e)
{
	static const char *const names[] = {"first", "last", "session", "input"};
	for (size_t i = 0; i < query->column_count; i++)
		for (size_t k = 0; k < NR_COUNT(names); k++)
			if (!strcmp(query->columns[i].name, names[k]))
				e->at[k] = i;
}

static void warn_of_overlap(struct run *run, const struct nr_loss *loss)
{
	const struct nr_query *query =
		run->store && loss->first <= loss->last ? nr_store_query("telescope/runs") : NULL;
	if (!query)
		return;
	char from[NR_TIME_TEXT], to[NR_TIME_TEXT], session[NR_SESSION_TEXT];
	nr_time_write(nr_time_floor(loss->first, NR_DAY), from);
	nr_time_write(nr_time_floor(loss->last, NR_DAY) + NR_DAY, to);
	nr_telescope_write_session(run->sink.sink.session, session);
	const char *values[16] = {0};
	struct earlier earlier = {.first = loss->first, .last = loss->last, .session = session};
	for (size_t i = 0; i < NR_MIN(query->parameter_count, NR_COUNT(values)); i++) {
		const char *name = query->parameters[i].name;
		values[i] = !strcmp(name, "from")     ? from
			    : !strcmp(name, "to")     ? to
			    : !strcmp(name, "sensor") ? run->conf.sense.sensor
						      : NULL;
	}
	find_columns(query, &earlier);
	struct nr_answer answer;
	if (nr_store_ask(run->store, query, values, note_other_input, &earlier, &answer, NULL) ||
		!earlier.other[0])
		return;
	fprintf(stderr,
		"noroshi: %s: note: %s covers a part of the same time and was another reading. Readings add "
		"up: what is in both counts twice. Another telescope takes another --sensor\n",
		run->conf.store, earlier.other);
}

static int run_read(const void *conf, const char *const *paths, size_t count, struct nr_error *error)
{
	NR_AUTO(run_fini) struct run run = {.conf = *(const struct read_conf *)conf};
	int e = prepare(&run, error);
	if (e)
		return nr_exit_of_input(e);
	e = read_files(&run, paths, count, error);
	if (e)
		return e;
	if (!run.read)
		return NR_EXIT_INPUT;
	struct nr_telescope_run result = {.conf = &run.conf.sense, .loss = nr_pipeline_loss(run.pipeline)};
	result.locals = nr_pipeline_locals(run.pipeline, &result.local_count);
	result.crew = nr_pipeline_crew(run.pipeline);
	warn_of_overlap(&run, result.loss);
	e = record_run(&run, &result, paths, count, error);
	if (!e)
		e = nr_telescope_print(&result, run.conf.json, error);
	if (e)
		return e;
	if (run.sink.failure.code) {
		*error = run.sink.failure;
		return NR_EXIT_ENVIRONMENT;
	}
	return run.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_telescope_read_command = {
	.area = "telescope",
	.verb = "read",
	.operands = "FILE...",
	.operand_min = 1,
	.text_en = "Analyse captures of a darknet (pcap, pcapng, ERF; gzip, bzip2, xz, zstd; - for standard "
		   "input)",
	.text_ja = "ダークネットのキャプチャを分析する（pcap・pcapng・ERF、圧縮可、- は標準入力）",
	.example = "noroshi telescope read --dark 198.18.0.0/18 capture.pcap",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct read_conf),
	.run = run_read,
};
