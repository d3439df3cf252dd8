/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/detecting.h"
#include "base/language.h"
#include "base/sandbox.h"
#include "sense/flow/detect/table/orient.h"

#include <errno.h>
#include <sched.h>

void nr_flow_detecting_fini(struct nr_flow_detecting *run)
{
	nr_progress_fini(&run->progress);
	nr_flow_judge_free(run->judge);
	nr_flow_detect_free(run->detect);
	nr_flow_rereading_free(run->rereading);
	nr_flow_archive_close(run->archive);
	nr_flow_uses_close(run->uses);
	nr_flow_policy_fini(&run->policy);
	nr_flow_block_free(run->part);
	nr_flow_known_free(run->known);
	nr_flow_calibration_free(run->calibration);
}

void nr_flow_detecting_complain(void *context, const char *text)
{
	struct nr_flow_detecting *run = context;
	nr_progress_fini(&run->progress);
	fflush(stdout);
	fprintf(stderr, "noroshi: %s\n", text);
	run->unreadable = true;
}

/* ---- words ---- */

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

static int check(struct nr_flow_detecting *run, struct nr_error *error)
{
	const struct nr_flow_detecting_conf *conf = run->conf;
	enum nr_flow_purpose purpose;
	run->from = NR_TIME_MIN;
	run->to = NR_TIME_MAX;
	if (!conf->archive && !run->file_count)
		return nr_fail(error, -EINVAL, "whose flows? Name files, or --archive DIR");
	if (conf->archive && run->file_count)
		return nr_fail(
			error, -EINVAL, "%.80s: files and --archive exclude each other", run->files[0]);
	int e = read_time("from", conf->from, &run->from, error);
	if (!e)
		e = read_time("to", conf->to, &run->to, error);
	if (!e && run->from >= run->to)
		e = nr_fail(error, -EINVAL, "--from is not before --to: no flow is in between");
	if (!e && !conf->archive && conf->purpose)
		e = nr_flow_purpose_parse(conf->purpose, &purpose, error);
	return e;
}

static unsigned processors(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)NR_MAX(CPU_COUNT(&set), 1) : 1;
}

/* ---- the law ---- */

static int record(struct nr_flow_detecting *run, const char *act, uint64_t flows, struct nr_error *error)
{
	char question[200] = "any", from[NR_TIME_TEXT], to[NR_TIME_TEXT];
	if (run->from != NR_TIME_MIN)
		snprintf(question + strlen(question), sizeof question - strlen(question), " from %s",
			nr_time_write(run->from, from));
	if (run->to != NR_TIME_MAX)
		snprintf(question + strlen(question), sizeof question - strlen(question), " to %s",
			nr_time_write(run->to, to));
	return nr_flow_uses_add(run->uses, act, run->conf->purpose, question, flows, error);
}

/* Who does not say for what is refused, and that is recorded, too. */
static int open_archive(struct nr_flow_detecting *run, struct nr_error *error)
{
	enum nr_flow_purpose purpose;
	struct nr_error refusal;
	const char *folder = run->conf->archive;
	int e = nr_flow_purpose_parse(run->conf->purpose, &purpose, &refusal);
	int opened = nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_READ, NULL, &run->archive, error);
	if (!opened)
		opened = nr_flow_policy_read(folder, &run->policy, error);
	if (!opened)
		opened = nr_flow_uses_open(folder, &run->uses, error);
	if (opened)
		return opened;
	if (e) {
		record(run, "refused", 0, NULL);
		return nr_fail(error, e, "%s", refusal.text);
	}
	return 0;
}

/* ---- before ---- */

static void show_flows(void *context, uint64_t flows)
{
	struct nr_flow_detecting *run = context;
	nr_progress_show(&run->progress, flows);
}

static void show_bytes(void *context, uint64_t done, uint64_t total)
{
	struct nr_flow_detecting *run = context;
	run->progress.total = total;
	nr_progress_show(&run->progress, done);
}

static int open_input(struct nr_flow_detecting *run, struct nr_error *error)
{
	const struct nr_flow_detecting_conf *conf = run->conf;
	if (conf->archive)
		return open_archive(run, error);
	const struct nr_flow_rereading_conf rereading = {.files = run->files,
		.file_count = run->file_count,
		.collector = &conf->collector,
		.complain = nr_flow_detecting_complain,
		.progress = show_flows,
		.context = run};
	return nr_flow_rereading_new(&rereading, &run->rereading, error);
}

static int open_detect(struct nr_flow_detecting *run, struct nr_error *error)
{
	const struct nr_flow_detecting_conf *conf = run->conf;
	const struct nr_flow_detect_conf detect = {.memory = conf->memory,
		.own = conf->own.count ? conf->own : run->policy.own,
		.known = run->known,
		.mmdb = conf->mmdb,
		.as_mmdb = conf->as_mmdb,
		.candidates = conf->candidates,
		.threads = run->threads,
		.baseline = run->baseline};
	return nr_flow_detect_new(&detect, &run->detect, error);
}

/* Files and archives were written by strangers, and so were lists: all of it is read behind the door. */
static int enter_sandbox(struct nr_flow_detecting *run, struct nr_error *error)
{
	struct nr_sandbox_places places = {.write = run->writes ? NULL : run->conf->archive};
	unsigned allow = NR_SANDBOX_READ_FILES;
	struct nr_sandbox sandbox;
	if (run->conf->archive || run->writes)
		allow |= NR_SANDBOX_WRITE_FILES;
	return nr_sandbox_enter_places(allow, &places, &sandbox, error);
}

static int read_known(struct nr_flow_detecting *run, const char *path, struct nr_error *error)
{
	uint64_t skipped;
	int e = nr_flow_known_read(run->known, path, &skipped, error);
	if (!e && skipped) {
		char text[320];
		run->known_skipped += skipped;
		snprintf(text, sizeof text, "%s (%llu lines were left out)", error->text,
			(unsigned long long)skipped);
		nr_flow_detecting_complain(run, text);
	}
	return e;
}

int nr_flow_detecting_open(struct nr_flow_detecting *run, const struct nr_flow_detecting_conf *conf,
	const char *const *files, size_t file_count, struct nr_error *error)
{
	run->conf = conf;
	run->files = files;
	run->file_count = file_count;
	run->threads = conf->threads ? (unsigned)conf->threads : processors();
	int e = check(run, error);
	if (!e)
		e = open_input(run, error);
	if (!e)
		e = nr_flow_known_new(&run->known, error);
	if (!e)
		e = open_detect(run, error);
	if (!e)
		e = enter_sandbox(run, error);
	for (size_t i = 0; !e && i < conf->known.count; i++)
		e = read_known(run, conf->known.items[i], error);
	if (!e && conf->feedback)
		e = read_known(run, conf->feedback, error);
	if (!e && conf->calibration)
		e = nr_flow_calibration_read(conf->calibration, &run->calibration, error);
	return e;
}

/* ---- reading ---- */

/* What hands blocks on within --from and --to. */
struct within {
	struct nr_flow_detecting *run;
	int (*take)(void *taker, const struct nr_flow_block *block);
	void *taker;
};

static bool is_within(
	const struct nr_flow_detecting *run, const nr_time *first, const nr_time *last, uint32_t row)
{
	return last[row] >= run->from && first[row] < run->to;
}

static int hand_part(
	struct within *within, const struct nr_flow_block *block, const nr_time *first, const nr_time *last)
{
	struct nr_flow_detecting *run = within->run;
	if (!run->part || run->part->room < block->room) {
		nr_flow_block_free(run->part);
		run->part = NULL;
		int e = nr_flow_block_new(block->room, &run->part, &run->error);
		if (e)
			return e;
	}
	nr_flow_block_clear(run->part);
	run->part->received_first = block->received_first;
	run->part->received_last = block->received_last;
	for (uint32_t row = 0, end; row < block->count; row = end) {
		bool in = is_within(run, first, last, row);
		for (end = row + 1; end < block->count && is_within(run, first, last, end) == in; end++)
			;
		int e = in ? nr_flow_rows_copy(run->part, block, row, end - row) : 0;
		if (e)
			return e;
	}
	return run->part->count ? within->take(within->taker, run->part) : 0;
}

static int take_within(void *context, const struct nr_flow_block *block)
{
	struct within *within = context;
	const nr_time *first = nr_flow_column(block, NR_FLOW_FIRST),
		      *last = nr_flow_column(block, NR_FLOW_LAST);
	if ((within->run->from == NR_TIME_MIN && within->run->to == NR_TIME_MAX) || !first || !last)
		return within->take(within->taker, block);
	return hand_part(within, block, first, last);
}

static int read_all(struct nr_flow_detecting *run, nr_time from, nr_time to, uint64_t columns, bool again,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	struct within within = {run, take, taker};
	if (run->archive) {
		run->archive_replay.threads = again ? run->threads : 1; /* tables are one thread's */
		return nr_flow_archive_replay_run(
			&run->archive_replay, from, to, columns, take, taker, error);
	}
	if (!again)
		return nr_flow_rereading_first(run->rereading, take_within, &within, error);
	struct nr_flow_replay replay = nr_flow_rereading_replay(run->rereading);
	return replay.run(replay.context, from, to, columns, take_within, &within, error);
}

static int read_again(void *context, nr_time from, nr_time to, uint64_t columns,
	int (*take)(void *taker, const struct nr_flow_block *block), void *taker, struct nr_error *error)
{
	return read_all(context, from, to, columns, true, take, taker, error);
}

static int take_block(void *context, const struct nr_flow_block *block)
{
	struct nr_flow_detecting *run = context;
	nr_flow_detect_take(run->detect, block);
	return 0;
}

static int visit_candidate(void *context, const struct nr_flow_candidate *candidate)
{
	struct nr_flow_detecting *run = context;
	return nr_flow_judge_candidate(run->judge, candidate, &run->error);
}

static int visit_host(void *context, const struct nr_flow_host *host)
{
	struct nr_flow_detecting *run = context;
	return nr_flow_judge_host(run->judge, host, &run->error);
}

static int open_judge(struct nr_flow_detecting *run, struct nr_error *error)
{
	struct nr_flow_detect_state state = nr_flow_detect_state(run->detect);
	const struct nr_flow_judge_conf conf = {.alarms_per_day = run->conf->alarms_per_day,
		.window = state.flows ? NR_MAX(state.to - state.from, 0) : 0,
		.calibration = run->calibration,
		.known = run->known};
	int e = nr_flow_judge_new(&conf, &run->judge, error);
	if (!e && run->keep_all)
		nr_flow_judge_keep_all(run->judge);
	return e;
}

static void mention_damage(struct nr_flow_detecting *run)
{
	if (run->archive && run->archive_replay.scanned.damaged)
		nr_flow_detecting_complain(run, run->archive_replay.damage);
}

int nr_flow_detecting_run(struct nr_flow_detecting *run, struct nr_error *error)
{
	const struct nr_flow_replay replay = {.run = read_again, .context = run};
	const struct nr_flow_visitor visitor = {visit_candidate, visit_host, run};
	run->archive_replay = (struct nr_flow_archive_replay){.archive = run->archive,
		.from = run->from,
		.to = run->to,
		.progress = show_bytes,
		.progress_context = run};
	/* the record stands before the answer */
	int e = run->uses ? record(run, run->act, NR_FLOW_USE_ASKED, error) : 0;
	if (e)
		return e;
	nr_progress_init(&run->progress, 0, run->archive ? "B" : "flows");
	e = read_all(run, run->from, run->to, NR_FLOW_DETECT_COLUMNS, false, take_block, run, error);
	mention_damage(run);
	if (!e)
		e = open_judge(run, error);
	if (!e)
		e = nr_flow_detect_look(run->detect, &replay, &visitor, error);
	if (e && run->error.text[0])
		e = nr_fail(error, e, "%s", run->error.text);
	nr_progress_fini(&run->progress);
	return e ? e : nr_flow_judge_finish(run->judge, error);
}

void nr_flow_detecting_write(const struct nr_flow_detecting *run, struct nr_json *json)
{
	nr_json_text(json, "purpose", run->conf->purpose);
	nr_flow_detect_write_state(run->detect, json);
	nr_flow_judge_write_state(run->judge, json);
	nr_json_uint(json, "known_skipped", run->known_skipped);
	if (run->rereading) {
		nr_json_object(json, "input");
		nr_flow_collector_report(nr_flow_rereading_collector(run->rereading), json);
		nr_json_object_end(json);
	} else {
		nr_json_uint(json, "parts_damaged", run->archive_replay.scanned.damaged);
	}
}
