/* SPDX-License-Identifier: Apache-2.0 */
/*
 * noroshi flow evaluate: detection against a truth, and calibration learnt from it. The table of
 * docs/detection.md is made by it.
 */
#include "base/file.h"
#include "base/language.h"
#include "sense/flow/command.h"
#include "sense/flow/detect/detecting.h"
#include "sense/flow/detect/evaluate.h"

#include <errno.h>

#define LINE_MAX_BYTES 65536
#define EXAMPLES_MAX   50000000u

struct evaluate_conf {
	struct nr_flow_detecting_conf run;
	const char *truth, *findings, *examples, *calibrate;
	struct nr_texts also;
	bool json;
};

static const struct nr_option options[] = {
	{"truth", NR_OPTION_PATH, offsetof(struct evaluate_conf, truth), "FILE", NULL, 0, 0, NULL,
		"what was really there: of noroshi world flows --scenes",
		"真値のファイル（noroshi world flows --scenesのもの）"},
	{"findings", NR_OPTION_PATH, offsetof(struct evaluate_conf, findings), "FILE", NULL, 0, 0, NULL,
		"evaluate these verdicts of flow detect --all --json instead of flows",
		"フローの代わりに、flow detect --all --jsonの結果を評価する"},
	{"examples", NR_OPTION_PATH, offsetof(struct evaluate_conf, examples), "FILE", NULL, 0, 0, NULL,
		"also write the evidence of all that was judged, with what it was, to learn from",
		"判定したすべての根拠を、正解とともに学習用に書き出す"},
	{"also", NR_OPTION_TEXTS, offsetof(struct evaluate_conf, also), "FILE", NULL, 0, 0, NULL,
		"with --calibrate: learn from these examples of other runs, too",
		"--calibrateで、別の実行の--examplesからも学習する"},
	{"calibrate", NR_OPTION_PATH, offsetof(struct evaluate_conf, calibrate), "FILE", NULL, 0, 0, NULL,
		"write weights of evidence learnt from this run", "この実行から学習した根拠の重みを書き出す"},
	{"json", NR_OPTION_FLAG, offsetof(struct evaluate_conf, json), NULL, NULL, 0, 0, NULL,
		"one JSON object", "1つのJSONオブジェクトで出力する"},
	NR_FLOW_DETECTING_OPTIONS(struct evaluate_conf, run.),
};

struct evaluating { /* everything of one run */
	const struct evaluate_conf *conf;
	struct nr_flow_detecting run;
	struct nr_flow_truth truth;
	struct nr_flow_evaluation evaluation;
	struct nr_flow_example *examples; /* owned */
	size_t example_count, example_room;
	struct nr_file example_file, calibration_file;
};

static void evaluating_fini(struct evaluating *e)
{
	nr_flow_evaluation_fini(&e->evaluation);
	nr_flow_truth_fini(&e->truth);
	nr_file_fini(&e->example_file);
	nr_file_fini(&e->calibration_file);
	free(e->examples);
	nr_flow_detecting_fini(&e->run);
}

static int check(const struct evaluate_conf *conf, size_t files, struct nr_error *error)
{
	if (!conf->truth)
		return nr_fail(error, -EINVAL, "against what? --truth FILE is needed");
	if (conf->findings && (files || conf->run.archive))
		return nr_fail(error, -EINVAL, "--findings stands in the place of files and --archive");
	if (conf->findings && (conf->examples || conf->calibrate))
		return nr_fail(error, -EINVAL,
			"--findings has verdicts, not their evidence: --examples and --calibrate need flows");
	if (conf->also.count && !conf->calibrate)
		return nr_fail(error, -EINVAL, "--also is for --calibrate");
	return 0;
}

/* ---- learning ---- */

static int read_also(struct evaluating *v, const char *path, struct nr_error *error)
{
	NR_AUTO(nr_closep) FILE *file = fopen(path, "re");
	NR_AUTO(nr_freep) char *line = malloc(LINE_MAX_BYTES);
	int e = 0;
	if (!file)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	if (!line)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (uint64_t number = 1; !e && fgets(line, LINE_MAX_BYTES, file); number++) {
		size_t length = strcspn(line, "\r\n");
		if (v->example_count == EXAMPLES_MAX)
			return nr_fail(error, -E2BIG, "%.150s: more than %u examples", path, EXAMPLES_MAX);
		e = nr_flow_grow((void **)&v->examples, v->example_count, &v->example_room,
			sizeof *v->examples, error);
		if (!e)
			e = nr_flow_example_parse(line, length, &v->examples[v->example_count], error);
		v->example_count += !e;
		if (e)
			nr_error_prefix(error, "%.150s: line %llu", path, (unsigned long long)number);
	}
	return e;
}

static int write_examples(struct evaluating *v, struct nr_error *error)
{
	struct nr_json json;
	nr_json_init_stream(&json, v->example_file.stream);
	for (size_t i = 0; i < v->example_count; i++)
		nr_flow_example_write(&v->examples[i], &json);
	int e = nr_json_finish(&json, error);
	nr_json_fini(&json);
	if (!e)
		fputc('\n', v->example_file.stream);
	return e ? e : nr_file_commit(&v->example_file, error);
}

static int write_calibration(struct evaluating *v, struct nr_error *error)
{
	struct nr_flow_calibration learnt = nr_flow_calibration_built_in;
	struct nr_json json;
	int e = 0;
	for (size_t i = 0; !e && i < v->conf->also.count; i++)
		e = read_also(v, v->conf->also.items[i], error);
	if (!e)
		e = nr_flow_calibration_learn(v->examples, v->example_count, &learnt, error);
	if (e)
		return e;
	nr_flow_learn_follow(v->run.judge, &v->truth, &learnt);
	snprintf(learnt.learnt_from, sizeof learnt.learnt_from, "%.100s%s", v->truth.name,
		v->conf->also.count ? " and others" : "");
	nr_json_init_stream(&json, v->calibration_file.stream);
	nr_flow_calibration_write(&learnt, &json);
	e = nr_json_finish(&json, error);
	nr_json_fini(&json);
	if (!e)
		fputc('\n', v->calibration_file.stream);
	return e ? e : nr_file_commit(&v->calibration_file, error);
}

static int learn(struct evaluating *v, struct nr_error *error)
{
	if (!v->conf->examples && !v->conf->calibrate)
		return 0;
	int e = nr_flow_examples_of(v->run.judge, &v->truth, &v->examples, &v->example_count, error);
	v->example_room = v->example_count;
	if (!e && v->conf->examples)
		e = write_examples(v, error);
	if (!e && v->conf->calibrate)
		e = write_calibration(v, error);
	return e;
}

/* ---- the run ---- */

static int open_outputs(struct evaluating *v, struct nr_error *error)
{
	int e = v->conf->examples ? nr_file_create(&v->example_file, v->conf->examples, error) : 0;
	if (!e && v->conf->calibrate)
		e = nr_file_create(&v->calibration_file, v->conf->calibrate, error);
	v->run.writes = v->conf->examples || v->conf->calibrate;
	return e;
}

static int evaluate_flows(struct evaluating *v, struct nr_error *error)
{
	int e = nr_flow_detecting_run(&v->run, error);
	if (!e)
		e = nr_flow_evaluate_run(v->run.judge, &v->truth, nr_flow_detect_state(v->run.detect).servers,
			&v->evaluation, error);
	return e ? e : learn(v, error);
}

static int evaluate_findings(struct evaluating *v, struct nr_error *error)
{
	uint64_t skipped = 0;
	char text[200];
	int e = nr_flow_evaluate_findings(v->conf->findings, &v->truth, &v->evaluation, &skipped, error);
	if (!e && skipped) {
		snprintf(text, sizeof text, "%.100s: %llu lines are no verdicts", v->conf->findings,
			(unsigned long long)skipped);
		nr_flow_detecting_complain(&v->run, text);
	}
	return e;
}

static int answer(struct evaluating *v, struct nr_error *error)
{
	struct nr_json json;
	int e = 0;
	if (!v->conf->json) {
		nr_flow_evaluation_print(&v->evaluation, stdout);
	} else {
		nr_json_init_stream(&json, stdout);
		nr_json_object(&json, NULL);
		nr_json_text(&json, "truth", v->truth.name);
		nr_flow_evaluation_write(&v->evaluation, &json);
		if (v->run.judge) {
			nr_json_object(&json, "run");
			nr_flow_detecting_write(&v->run, &json);
			nr_json_object_end(&json);
		}
		nr_json_object_end(&json);
		e = nr_json_finish(&json, error);
		nr_json_fini(&json);
		putchar('\n');
	}
	if (!e && (fflush(stdout) != 0 || ferror(stdout)))
		e = nr_fail(error, -EIO, "standard output: cannot be written");
	return e;
}

static int start(struct evaluating *v, const char *const *files, size_t count, struct nr_error *error)
{
	int e = check(v->conf, count, error);
	if (!e)
		e = open_outputs(v, error);
	if (!e && !v->conf->findings)
		e = nr_flow_detecting_open(&v->run, &v->conf->run, files, count, error);
	return e ? e : nr_flow_truth_read(v->conf->truth, &v->truth, error);
}

static int run(const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error)
{
	NR_AUTO(evaluating_fini)
	struct evaluating v = {.conf = conf, .run = {.act = "evaluate", .baseline = true, .keep_all = true}};
	nr_command_end_on_signal();
	int e = start(&v, operands, operand_count, error);
	if (e)
		return e == -EPERM ? NR_EXIT_USAGE : nr_exit_of_input(e);
	e = v.conf->findings ? evaluate_findings(&v, error) : evaluate_flows(&v, error);
	if (!e)
		e = answer(&v, error);
	if (e)
		return v.conf->findings ? (int)nr_exit_of_input(e) : NR_EXIT_ENVIRONMENT;
	return v.run.unreadable ? NR_EXIT_INPUT : NR_EXIT_OK;
}

const struct nr_command nr_flow_evaluate_command = {
	.area = "flow",
	.verb = "evaluate",
	.operands = "[FILE...]",
	.text_en = "compare what flow detect finds with the truth of a world, and learn from it",
	.text_ja = "flow detectの結果を真値と比べ、根拠の重みを学習する",
	.example = "noroshi flow evaluate --truth flows.pcap.truth.json flows.pcap",
	.options = options,
	.option_count = NR_COUNT(options),
	.conf_size = sizeof(struct evaluate_conf),
	.run = run,
};
