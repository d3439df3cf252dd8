/* SPDX-License-Identifier: Apache-2.0 */
/* Counts per time slot, protocol and port, as NICTERWEB lists them: the sense's own rows, without
 * destinations. */
#include "base/file.h"
#include "net/pipeline.h"
#include "sense/telescope/command_export.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct csv {
	struct nr_sink sink;
	struct nr_export *export;
	struct nr_file file;
	uint32_t step;
};

static void write_row(struct csv *csv, const struct nr_port_row *row)
{
	char time[NR_TIME_TEXT];
	nr_time_write(row->time, time);
	fprintf(csv->file.stream, "%.19sZ,%s,%u,%" PRIu64 ",%" PRIu64 "\n", time,
		row->protocol == 6 ? "tcp" : "udp", row->port, row->packets, row->sources);
	csv->export->written++;
}

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct csv *csv = (struct csv *)sink;
	const struct nr_port_row *row = rows;
	(void)error; /* what the stream cannot write is found when the file is committed */
	for (size_t i = 0; table == &nr_port_table && i < count; i++)
		if (row[i].step == csv->step && row[i].traffic == NR_TRAFFIC_ALL)
			write_row(csv, &row[i]);
	return 0;
}

static int nothing(struct nr_sink *sink, struct nr_error *error)
{
	(void)sink;
	(void)error;
	return 0;
}

static int read_files(struct csv *csv, struct nr_pipeline *pipeline, const char *const *paths, size_t count,
	struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
		struct nr_error reason;
		if (nr_capture_open(paths[i], &capture, &reason)) {
			nr_export_complain(csv->export, reason.text);
			continue;
		}
		csv->export->inputs++;
		e = nr_pipeline_read(pipeline, capture, error);
		if (nr_capture_damage(capture))
			nr_export_complain(csv->export, nr_capture_damage(capture));
	}
	return e ? e : nr_pipeline_finish(pipeline, error);
}

static uint32_t step_of(const char *slot)
{
	return strcmp(slot, "5m") == 0 ? 300 : strcmp(slot, "1h") == 0 ? 3600 : 86400;
}

int nr_export_csv(struct nr_export *export, const char *const *paths, size_t count, struct nr_json *note,
	struct nr_error *error)
{
	struct csv csv = {{take_rows, nothing}, export, .step = step_of(export->conf.slot)};
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
	struct nr_pipeline_conf conf = {.sense = &nr_telescope_sense,
		.sense_conf = &export->conf.sense,
		.workers = 1,
		.dark = export->refs.dark,
		.tunnel_ends = export->refs.tunnel_ends,
		.sink = &csv.sink};
	int e = nr_file_create(&csv.file, export->conf.out, error);
	if (!e)
		fprintf(csv.file.stream, "time,protocol,port,packets,hosts\n");
	if (!e)
		e = nr_export_enter(error);
	if (!e)
		e = nr_pipeline_new(&conf, &pipeline, error);
	if (!e)
		e = read_files(&csv, pipeline, paths, count, error);
	if (!e && export->inputs)
		e = nr_file_commit(&csv.file, error);
	if (pipeline)
		export->loss = *nr_pipeline_loss(pipeline);
	nr_json_uint(note, "slot_seconds", csv.step);
	nr_file_fini(&csv.file);
	return e;
}
