/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a live telescope holds: a capture through the pipeline with its state in areas, as `serve --watch` has
 * it, but as fast as it comes. Prints what the process and the files of the areas took together at most, one
 * line of JSON.
 * usage: bench-areas MEMORY WORKERS FOLDER CAPTURE
 */
#include "net/pipeline.h"
#include "sense/telescope/rules.h"
#include "sense/telescope/telescope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct bench {
	struct nr_sink sink; /* first: the sink is the bench */
	char paths[NR_PIPELINE_WORKERS_MAX][512];
	unsigned workers;
	uint64_t rows, most, most_areas;
	double error; /* of the day's sources */
	uint64_t sources;
};

/* Own pages, and those of the areas whether they are mapped or not. */
static void look(struct bench *b)
{
	unsigned long resident = 0, shared = 0;
	uint64_t areas = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file || fscanf(file, "%*u %lu %lu", &resident, &shared) != 2)
		abort();
	fclose(file);
	for (unsigned i = 0; i < b->workers; i++) {
		struct stat status;
		if (stat(b->paths[i], &status) == 0)
			areas += (uint64_t)status.st_blocks * 512;
	}
	uint64_t all = (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) + areas;
	b->most_areas = areas > b->most_areas ? areas : b->most_areas;
	b->most = all > b->most ? all : b->most;
}

static int take_rows(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
	struct nr_error *error)
{
	struct bench *b = (struct bench *)sink;
	(void)error;
	look(b);
	b->rows += count;
	for (size_t i = 0; table == &nr_traffic_table && i < count; i++) {
		const struct nr_traffic_row *r = (const struct nr_traffic_row *)rows + i;
		if (r->step != NR_STEP_DAY || r->traffic != NR_TRAFFIC_ALL || strcmp(r->category, "all") != 0)
			continue;
		b->sources = r->sources;
		b->error = r->error;
	}
	return 0;
}

static int commit(struct nr_sink *sink, struct nr_error *error)
{
	(void)error;
	look((struct bench *)sink);
	return 0;
}

static void show(void *context, uint64_t done, uint64_t total)
{
	(void)done;
	(void)total;
	look(context);
}

static int open_areas(
	struct bench *b, const char *folder, uint64_t memory, struct nr_area **areas, struct nr_error *error)
{
	for (unsigned i = 0; i < b->workers; i++) {
		snprintf(b->paths[i], sizeof b->paths[i], "%s/area-%u", folder, i);
		int rc = nr_area_open(b->paths[i], (size_t)memory * 2 + ((size_t)256 << 20),
			nr_area_layout(&memory, sizeof memory), &areas[i], error);
		if (rc)
			return rc;
	}
	return 0;
}

static int run(struct bench *b, struct nr_telescope_conf *conf, char **arguments, struct nr_error *error)
{
	struct nr_telescope_refs refs = {.workers = b->workers, .endless = true, .store = true};
	struct nr_area *areas[NR_PIPELINE_WORKERS_MAX] = {0};
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	struct nr_pipeline_conf how = {.sense = &nr_telescope_sense,
		.sense_conf = conf,
		.workers = b->workers,
		.sink = &b->sink,
		.areas = areas,
		.spread_key = 1,
		.progress = show,
		.progress_context = b};
	int rc = nr_telescope_prepare(conf, &refs, error);
	if (!rc)
		rc = open_areas(b, arguments[3], conf->memory_bytes, areas, error);
	if (!rc)
		rc = nr_pipeline_new(&how, &pipeline, error);
	if (!rc)
		rc = nr_capture_open(arguments[4], &capture, error);
	if (!rc)
		rc = nr_pipeline_read(pipeline, capture, error);
	if (rc)
		return rc;
	/* the day is over, and nothing ends */
	size_t count;
	void *const *locals = nr_pipeline_locals(pipeline, &count);
	nr_time end = nr_time_floor(nr_pipeline_loss(pipeline)->last, NR_DAY) + 2 * NR_DAY;
	return nr_telescope_sense.flush(conf, locals, count, NULL, end, &b->sink, error);
}

int main(int argc, char **argv)
{
	static struct bench b = {.sink = {take_rows, commit}};
	struct nr_telescope_conf conf = {0};
	struct nr_error error = {0};
	if (argc != 5) {
		fprintf(stderr, "usage: bench-areas MEMORY WORKERS FOLDER CAPTURE\n");
		return 2;
	}
	b.workers = (unsigned)strtoul(argv[2], NULL, 10);
	int rc = nr_options_default(
		nr_telescope_sense.options, nr_telescope_sense.option_count, &conf, &error);
	if (!rc)
		rc = nr_options_set(nr_telescope_sense.options, nr_telescope_sense.option_count, &conf,
			"memory", argv[1], &error);
	if (!rc)
		rc = run(&b, &conf, argv, &error);
	if (rc) {
		fprintf(stderr, "bench-areas: %s\n", error.text);
		return 4;
	}
	/* between two looks, too: pages of areas count as resident as long as they are mapped */
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	b.most = NR_MAX(b.most, (uint64_t)usage.ru_maxrss * 1024);
	printf("{\"peak_bytes\":%llu,\"area_bytes\":%llu,\"rows\":%llu,\"sources\":%llu,\"error\":%.6f}\n",
		(unsigned long long)b.most, (unsigned long long)b.most_areas, (unsigned long long)b.rows,
		(unsigned long long)b.sources, b.error);
	return 0;
}
