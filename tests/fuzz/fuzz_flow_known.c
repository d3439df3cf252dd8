/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others know of servers and hosts, in any of its forms, line by line; and the same bytes as one line of
 * feedback, as an example, and as a calibration. What is read is written again and read to the same.
 */
#include "input_file.h"
#include "sense/flow/detect/judge/calibration.h"
#include "sense/flow/detect/judge/feedback.h"

#include <assert.h>
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_known(const char *path)
{
	NR_AUTO(nr_flow_known_freep) struct nr_flow_known *known = NULL;
	struct nr_error error = {0};
	uint64_t skipped = 0;
	assert(nr_flow_known_new(&known, &error) == 0);
	assert(nr_flow_known_read(known, path, &skipped, &error) == 0);
	assert((skipped > 0) == (error.text[0] != 0));
	for (unsigned kind = 0; kind < NR_FLOW_KNOWN_KINDS; kind++) {
		struct nr_flow_server any = {.port = 443, .protocol = 6};
		const struct nr_flow_known_entry *e = nr_flow_known_find(known, kind, &any, 0);
		assert(!e || (e->kind == kind && e->source[sizeof e->source - 1] == 0));
	}
}

static void read_feedback(const char *line, size_t length)
{
	struct nr_flow_feedback feedback, again;
	struct nr_json json;
	if (nr_flow_feedback_parse(line, length, &feedback, NULL))
		return;
	nr_json_init(&json);
	nr_flow_feedback_write(&feedback, &json);
	assert(nr_json_finish(&json, NULL) == 0);
	assert(nr_flow_feedback_parse(json.bytes, json.length, &again, NULL) == 0);
	assert(again.verdict == feedback.verdict && again.server.port == feedback.server.port);
	nr_json_fini(&json);
}

static void read_example(const char *line, size_t length)
{
	struct nr_flow_example example;
	double weights[NR_FLOW_TERMS_MAX];
	if (nr_flow_example_parse(line, length, &example, NULL))
		return;
	double sum = nr_flow_fuse(&nr_flow_calibration_built_in.models[example.model], example.model,
		&example.evidence, weights);
	assert(sum > -500 && sum < 500);
}

static void read_calibration(const char *path)
{
	NR_AUTO(nr_flow_calibration_freep) struct nr_flow_calibration *calibration = NULL;
	struct nr_error error = {0};
	int e = nr_flow_calibration_read(path, &calibration, &error);
	assert((e == 0) == (calibration != NULL) && (e == 0 || e == -EBADMSG || e == -EFBIG || e == -EINVAL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input_file file;
	NR_AUTO(nr_freep) char *line = malloc(size + 1);
	assert(line);
	if (size)
		memcpy(line, data, size);
	line[size] = 0;
	input_file_open(&file, data, size);
	read_known(file.path);
	read_calibration(file.path);
	input_file_close(&file);
	read_feedback(line, size);
	read_example(line, size);
	return 0;
}
