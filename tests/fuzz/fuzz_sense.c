/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets through the pipeline and the telescope. Input: flags (below), then records of a repeat count (its
 * power of two), a time step (2 bytes, big-endian, a quarter second each), a length, and an IP packet;
 * repeated packets come from neighbouring sources. No packet may get lost between the capture and the report,
 * and the report may not depend on the number of workers while no limit is reached.
 */
#include "input_file.h"
#include "net/pipeline.h"
#include "sense/telescope/promise.h"
#include "sense/telescope/report.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_HEADER 4
#define REPEAT_MAX    1024
#define FRAMES_MAX    8192
#define SECONDS       1700000000
#define TINY_SHARED   (1 << 18) /* bytes */

enum flag {
	FLAG_ROWS = 1,    /* rows are wanted */
	FLAG_TINY = 2,    /* so little memory that limits are reached */
	FLAG_DARK = 4,    /* only 192.0.2.0/24 counts */
	FLAG_OWN = 8,     /* 198.51.100.0/24 is ours */
	FLAG_TUNNEL = 16, /* 192.0.2.9 ends tunnels */
};

/* ---- the capture ---- */

struct capture_text {
	FILE *out;
	uint64_t quarters; /* since SECONDS */
	size_t frames;
};

static void write_frame(struct capture_text *c, const uint8_t *packet, uint32_t length)
{
	uint32_t head[4] = {
		(uint32_t)(SECONDS + c->quarters / 4), (uint32_t)(c->quarters % 4 * 250000), length, length};
	fwrite(head, sizeof head, 1, c->out);
	fwrite(packet, 1, length, c->out);
	c->frames++;
}

static void write_record(struct capture_text *c, const uint8_t *record, uint32_t length)
{
	uint8_t packet[UINT8_MAX];
	uint32_t repeat = NR_MIN(1u << record[0] % 16, REPEAT_MAX), source;
	memcpy(packet, record + RECORD_HEADER, length);
	c->quarters += (uint64_t)record[1] << 8 | record[2];
	for (uint32_t i = 0; i < repeat && c->frames < FRAMES_MAX; i++) {
		write_frame(c, packet, length);
		if (length < 16)
			continue;
		memcpy(&source, packet + 12, sizeof source);
		source += 0x01010101; /* every octet, so that whole prefixes are left, too */
		memcpy(packet + 12, &source, sizeof source);
	}
}

/* A pcap of raw IP packets. */
static void write_capture(const uint8_t *data, size_t size, char **ret_bytes, size_t *ret_length)
{
	static const uint32_t header[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, 101};
	struct capture_text c = {.out = open_memstream(ret_bytes, ret_length)};
	if (!c.out)
		abort();
	fwrite(header, sizeof header, 1, c.out);
	while (size > RECORD_HEADER) {
		uint32_t length = (uint32_t)NR_MIN((size_t)data[3], size - RECORD_HEADER);
		if (length > 0) /* a record without bytes is damage */
			write_record(&c, data, length);
		data += RECORD_HEADER + length;
		size -= RECORD_HEADER + length;
	}
	if (fclose(c.out) != 0)
		abort();
}

/* ---- the run ---- */

struct run {
	struct nr_telescope_conf conf;
	struct nr_telescope_refs refs;
	struct nr_sink sink;
	char *report; /* owned; JSON */
	bool limited;
};

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	(void)sink;
	(void)error;
	assert(table->row_size > 0 && rows && count > 0);
	return 0;
}

static int take_commit(struct nr_sink *sink, struct nr_error *error)
{
	(void)sink;
	(void)error;
	return 0;
}

static void set(struct run *run, const char *name, const char *text)
{
	if (nr_options_set(nr_telescope_sense.options, nr_telescope_sense.option_count, &run->conf, name,
		    text, NULL) != 0)
		abort();
}

static void run_init(struct run *run, uint8_t flags, unsigned workers)
{
	*run = (struct run){.sink = {take_rows, take_commit}};
	if (nr_options_default(
		    nr_telescope_sense.options, nr_telescope_sense.option_count, &run->conf, NULL) != 0)
		abort();
	if (flags & FLAG_DARK)
		set(run, "dark", "192.0.2.0/24");
	if (flags & FLAG_OWN)
		set(run, "own", "198.51.100.0/24");
	if (flags & FLAG_TUNNEL)
		set(run, "tunnel-end", "192.0.2.9");
	run->refs.store = flags & FLAG_ROWS;
	run->refs.workers = workers;
	if (nr_telescope_prepare(&run->conf, &run->refs, NULL) != 0)
		abort();
	/* far below what --memory takes: set where that was checked already */
	if (flags & FLAG_TINY)
		run->conf.memory_bytes = nr_promise_fixed(&run->refs) + TINY_SHARED;
}

static void run_fini(struct run *run)
{
	free(run->report);
	nr_telescope_refs_fini(&run->refs);
	nr_options_fini(nr_telescope_sense.options, nr_telescope_sense.option_count, &run->conf);
}

static void check_sums(const struct nr_report *report)
{
	uint64_t packets = report->packets, bytes = 0, by_category = 0;
	for (size_t i = 0; i < NR_DROP_COUNT; i++)
		packets += report->loss->dropped[i];
	assert(packets == report->loss->frames);
	for (size_t i = 0; i < NR_CATEGORY_PROTOCOLS; i++) {
		by_category += report->all[i].packets;
		bytes += report->all[i].bytes;
		assert(report->research[i].packets <= report->all[i].packets);
	}
	assert(by_category == report->packets && bytes == report->bytes);
	assert(report->all[NR_CATEGORY_COUNT].packets == report->packets);
}

static void report(struct run *run, struct nr_pipeline *pipeline)
{
	struct nr_telescope_run result = {.conf = &run->conf, .loss = nr_pipeline_loss(pipeline)};
	result.locals = nr_pipeline_locals(pipeline, &result.local_count);
	NR_AUTO(nr_report_fini) struct nr_report report;
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	if (nr_report_init(&report, &result, NULL) != 0)
		abort();
	check_sums(&report);
	nr_report_write_json(&report, &json);
	if (nr_json_finish(&json, NULL) != 0)
		abort();
	run->report = nr_steal(&json.bytes);
	run->limited = report.merged->untracked || nr_merged_level(report.merged) || report.victims_untracked;
}

static void run_capture(struct run *run, const char *path, unsigned workers)
{
	struct nr_error error = {0};
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
	struct nr_pipeline_conf conf = {.sense = &nr_telescope_sense,
		.sense_conf = &run->conf,
		.workers = workers,
		.dark = run->refs.dark,
		.tunnel_ends = run->refs.tunnel_ends,
		.sink = run->refs.store ? &run->sink : NULL};
	if (nr_capture_open(path, &capture, &error) != 0 || nr_pipeline_new(&conf, &pipeline, &error) != 0 ||
		nr_pipeline_read(pipeline, capture, &error) != 0 ||
		nr_pipeline_finish(pipeline, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		abort();
	}
	if (nr_capture_damage(capture)) {
		fprintf(stderr, "%s\n", nr_capture_damage(capture));
		abort();
	}
	report(run, pipeline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	NR_AUTO(nr_freep) char *bytes = NULL;
	NR_AUTO(run_fini) struct run one = {0};
	NR_AUTO(run_fini) struct run two = {0};
	size_t length;
	struct input_file file;
	if (size < 1)
		return 0;
	write_capture(data + 1, size - 1, &bytes, &length);
	input_file_open(&file, bytes, length);
	run_init(&one, data[0], 1);
	run_init(&two, data[0], 2);
	run_capture(&one, file.path, 1);
	run_capture(&two, file.path, 2);
	if (!one.limited && !two.limited && strcmp(one.report, two.report) != 0) {
		fprintf(stderr, "one worker: %s\ntwo: %s\n", one.report, two.report);
		abort();
	}
	input_file_close(&file);
	return 0;
}
