/* SPDX-License-Identifier: Apache-2.0 */
/* A whole file of flows, from recognition to blocks, and from there as lines of text and into files of
 * others. */
#include "input_file.h"
#include "sense/flow/file/file.h"
#include "sense/flow/file/print.h"
#include "sense/flow/file/write_inside.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
	struct nr_flow_sink sink; /* the first member */
	struct nr_flow_printer *printers[3];
	void *writers[2];
	uint64_t rows;
};
static const struct nr_flow_writing *const writings[2] = {&nr_flow_writing_nfdump, &nr_flow_writing_ipfix};

static int take(struct nr_flow_sink *sink_, const struct nr_flow_block *block, struct nr_error *error)
{
	struct sink *sink = (struct sink *)sink_;
	assert(block->count && nr_flow_block_is_sound(block, nr_flow_block_bytes(block->room)));
	sink->rows += block->count;
	for (size_t i = 0; i < NR_COUNT(sink->printers); i++)
		if (nr_flow_print(sink->printers[i], block, NULL, block->count, NULL, error))
			abort();
	for (size_t i = 0; i < NR_COUNT(writings); i++)
		if (writings[i]->take(sink->writers[i], block, NULL, block->count, error))
			abort();
	return 0;
}

static void end(struct sink *sink, FILE *const *files)
{
	for (size_t i = 0; i < NR_COUNT(sink->printers); i++) {
		if (nr_flow_printer_flush(sink->printers[i], NULL))
			abort();
		nr_flow_printer_free(sink->printers[i]);
	}
	for (size_t i = 0; i < NR_COUNT(writings); i++) {
		if (writings[i]->finish(sink->writers[i], NULL))
			abort();
		writings[i]->end(sink->writers[i]);
		fclose(files[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char room[2][4 << 20];
	struct nr_flow_collector_conf conf = {.exporters_max = 100, .memory = 4 << 20};
	struct sink sink = {.sink = {.take = take}};
	struct nr_flow_collector *collector;
	struct nr_flow_file_report report = {0};
	FILE *null = fopen("/dev/null", "w"), *files[2];
	struct input_file file;
	if (!null || nr_flow_collector_new(&conf, &sink.sink, &collector, NULL))
		abort();
	for (unsigned i = 0; i < NR_COUNT(sink.printers); i++)
		if (nr_flow_printer_new(i, null, &sink.printers[i], NULL))
			abort();
	for (size_t i = 0; i < NR_COUNT(writings); i++) {
		files[i] = fmemopen(room[i], sizeof room[i], "w");
		if (!files[i] || writings[i]->begin(files[i], &sink.writers[i], NULL))
			abort();
	}
	input_file_open(&file, data, size);
	if (nr_flow_file_read(file.path, collector, &sink.sink, &report, NULL))
		abort();
	input_file_close(&file);
	assert(report.kind != NR_FLOW_FILE_UNKNOWN || report.damage[0]);
	assert(report.records + nr_flow_collector_counts(collector).records == sink.rows);
	end(&sink, files);
	nr_flow_collector_free(collector);
	fclose(null);
	return 0;
}
