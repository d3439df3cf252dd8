/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ways of a packet cost before any sense: ns per packet of one capture file, median of some rounds,
 * one line of JSON. "copy": the file's bytes through a buffer, which is the kernel's part; "read": cut into
 * frames; "decode": frames and packets, one worker, a sense that only adds up; "workers": the same with two
 * workers.
 *
 * usage: stages FILE [ROUNDS]
 */
#include "net/pipeline.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 99
#define PIECE      ((size_t)256 * 1024)

struct sum {
	uint64_t packets, check;
};

static int start(const void *conf, void *local, struct nr_area *area, struct nr_error *error)
{
	(void)conf, (void)local, (void)area, (void)error;
	return 0;
}

static void observe(const void *conf, void *local, const struct nr_batch *batch)
{
	struct sum *s = local;
	(void)conf;
	s->packets += batch->count;
	for (size_t i = 0; i < batch->count; i++)
		s->check += batch->packets[i].sequence;
}

static int flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error)
{
	(void)conf, (void)locals, (void)count, (void)crew, (void)end, (void)sink, (void)error;
	return 0;
}

static void stop(void *local)
{
	(void)local;
}

static const struct nr_sense adder = {.name = "adder",
	.local_size = sizeof(struct sum),
	.interval = 300 * NR_SECOND,
	.start = start,
	.observe = observe,
	.flush = flush,
	.stop = stop};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t copy_file(const char *path)
{
	static uint8_t buffer[PIECE];
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY);
	uint64_t bytes = 0;
	for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;)
		bytes += (uint64_t)n;
	return bytes;
}

static uint64_t read_file(const char *path)
{
	static struct nr_frame frames[8192];
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	struct nr_loss loss = {0};
	if (nr_capture_open(path, &capture, NULL))
		return 0;
	while (nr_capture_read(capture, frames, NR_COUNT(frames), &loss))
		;
	return loss.frames;
}

static uint64_t run_file(const char *path, unsigned workers)
{
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *pipeline = NULL;
	NR_AUTO(nr_capture_closep) struct nr_capture *capture = NULL;
	const struct nr_pipeline_conf conf = {.sense = &adder, .workers = workers};
	if (nr_capture_open(path, &capture, NULL) || nr_pipeline_new(&conf, &pipeline, NULL) ||
		nr_pipeline_read(pipeline, capture, NULL))
		return 0;
	return nr_pipeline_loss(pipeline)->frames;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"copy", "read", "decode", "workers"};
	static double spent[NR_COUNT(names)][ROUNDS_MAX];
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
	uint64_t packets = argc > 1 ? read_file(argv[1]) : 0;
	if (!packets || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: stages FILE [ROUNDS]\n");
		return 2;
	}
	for (size_t r = 0; r < rounds; r++)
		for (size_t k = 0; k < NR_COUNT(names); k++) {
			double from = now();
			if (k == 0)
				copy_file(argv[1]);
			else if (k == 1)
				read_file(argv[1]);
			else
				run_file(argv[1], k == 2 ? 1 : 2);
			spent[k][r] = (now() - from) / (double)packets;
		}
	printf("{\"packets\": %llu", (unsigned long long)packets);
	for (size_t k = 0; k < NR_COUNT(names); k++) {
		qsort(spent[k], rounds, sizeof spent[k][0], compare);
		printf(", \"%s_ns\": %.2f", names[k], spent[k][rounds / 2]);
	}
	printf("}\n");
	return 0;
}
