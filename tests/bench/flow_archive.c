/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What packing and scanning flows costs, in processor time, and where the bytes of an archive are.
 * usage: bench-flow-archive FOLDER [MILLIONS | FILE...]
 * FOLDER is made and filled with so many made-up flows, or with those of files (exports, nfdump, Zeek) in
 * segments as if they arrived live; with neither it is only read.
 */
#include "../unit/flow_archive_rig.h"

#include "sense/flow/file/file.h"
#include "store/flows/segment.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))

static double processor_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double wall_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

#define BLOCKS 64 /* of NR_FLOW_ROOM rows, which are appended over and over */

static void fill_archive(const char *folder, uint64_t millions)
{
	static struct nr_flow_block *blocks[BLOCKS];
	const struct nr_flow_archive_conf conf = {.threads = 1};
	struct nr_error error = {0};
	struct nr_flow_archive *a = NULL;
	uint64_t seed = 1, flows = 0;
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (nr_flow_block_new(NR_FLOW_ROOM, &blocks[i], &error))
			FAIL("%s", error.text);
		rig_fill(blocks[i], NR_FLOW_ROOM, RIG_BEGIN + i * NR_SECOND / 100, &seed);
	}
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, &conf, &a, &error))
		FAIL("%s", error.text);
	double processor = processor_seconds(), wall = wall_seconds();
	for (; flows < millions * 1000000; flows += NR_FLOW_ROOM)
		if (nr_flow_archive_append(a, blocks[flows / NR_FLOW_ROOM % BLOCKS], &error))
			FAIL("%s", error.text);
	double processor_append = processor_seconds() - processor;
	if (nr_flow_archive_sync(a, &error))
		FAIL("%s", error.text);
	processor = processor_seconds() - processor;
	printf("append: %.1f ns of processor time per flow (%.2f s for %.2f M flows; wall %.2f s; until the "
	       "last append %.2f s)\n",
		processor * 1e9 / (double)flows, processor, (double)flows / 1e6, wall_seconds() - wall,
		processor_append);
	nr_flow_archive_tick(a, RIG_BEGIN + NR_HOUR, NULL);
	usleep(200000);
	nr_flow_archive_close(a);
	for (unsigned i = 0; i < BLOCKS; i++)
		nr_flow_block_free(blocks[i]);
}

struct live {
	struct nr_flow_sink sink; /* first: the sink is it */
	struct nr_flow_archive *archive;
};

static int take_live(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error)
{
	struct nr_flow_archive *a = ((struct live *)sink)->archive;
	int e = nr_flow_archive_append(a, block, error);
	return e || !block->count ? e : nr_flow_archive_tick(a, block->received_last, error);
}

static void fill_from_files(const char *folder, char **paths, int count)
{
	const struct nr_flow_archive_conf conf = {.threads = 1, .keep = 36500 * NR_DAY};
	struct live live = {.sink.take = take_live};
	const struct nr_flow_collector_conf collecting = {.exporters_max = 10000, .memory = 512u << 20};
	struct nr_flow_collector *collector = NULL;
	struct nr_flow_file_report report;
	struct nr_error error = {0};
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, &conf, &live.archive, &error) ||
		nr_flow_collector_new(&collecting, &live.sink, &collector, &error))
		FAIL("%s", error.text);
	for (int i = 0; i < count; i++)
		if (nr_flow_file_read(paths[i], collector, &live.sink, &report, &error))
			FAIL("%s", error.text);
	nr_flow_collector_free(collector);
	if (nr_flow_archive_sync(live.archive, &error) ||
		nr_flow_archive_tick(
			live.archive, nr_flow_archive_state(live.archive).newest + NR_HOUR, &error))
		FAIL("%s", error.text);
	usleep(500000);
	nr_flow_archive_close(live.archive);
}

static uint64_t sizes[NR_FLOW_LANES + 1], rows;

static void measure_file(const char *path)
{
	struct stat status;
	struct nr_flow_walk walk;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) < 0)
		FAIL("%s: %s", path, strerror(errno));
	nr_flow_walk_init(&walk, file, (uint64_t)status.st_size);
	while (nr_flow_walk_next(&walk) == 1) {
		rows += walk.head.rows;
		sizes[NR_FLOW_LANES] += walk.head.bytes;
		for (unsigned s = 0; s < walk.head.sections; s++)
			for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
				if (walk.sections[s].name == nr_flow_lane_name(lane))
					sizes[lane] += walk.sections[s].length;
	}
	close(file);
}

static void print_sizes(const char *folder)
{
	struct nr_flow_segments segments;
	struct nr_error error = {0};
	if (nr_flow_segments_list(folder, &segments, &error))
		FAIL("%s", error.text);
	for (size_t i = 0; i < segments.count; i++) {
		char *path = nr_flow_segment_path(
			folder, segments.items[i].stem, segments.items[i].settled ? "flows" : "part");
		measure_file(path);
		free(path);
	}
	nr_flow_segments_fini(&segments);
	printf("size: %.2f B per flow of %llu\n", (double)sizes[NR_FLOW_LANES] / (double)rows,
		(unsigned long long)rows);
	for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
		if (sizes[lane])
			printf("  %-20s %.3f\n", nr_flow_lane_text(lane), (double)sizes[lane] / (double)rows);
}

static int look(void *context, unsigned thread, const struct nr_flow_block *block)
{
	(void)context;
	(void)thread;
	(void)block;
	return 0;
}

static void scan(const char *what, const char *folder, struct nr_flow_wanted wanted)
{
	struct nr_flow_archive *a = NULL;
	struct nr_error error = {0};
	struct nr_flow_scan s;
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_READ, NULL, &a, &error))
		FAIL("%s", error.text);
	double processor = processor_seconds(), wall = wall_seconds();
	if (nr_flow_archive_scan(a, &wanted, look, NULL, &s, &error))
		FAIL("%s", error.text);
	processor = processor_seconds() - processor;
	printf("scan of %s: %.2f ns of processor time per flow of the archive, wall %.3f s; %llu flows of "
	       "%llu parts, %llu skipped, %llu damaged\n",
		what, processor * 1e9 / (double)rows, wall_seconds() - wall, (unsigned long long)s.flows,
		(unsigned long long)s.parts, (unsigned long long)s.parts_skipped,
		(unsigned long long)s.damaged);
	nr_flow_archive_close(a);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		FAIL("usage: bench-flow-archive FOLDER [MILLIONS | FILE...]");
	struct nr_flow_wanted wanted = {
		.from = NR_TIME_MIN, .to = NR_TIME_MAX, .columns = UINT64_MAX, .threads = 1};
	if (argc > 2 && strtoull(argv[2], NULL, 10))
		fill_archive(argv[1], strtoull(argv[2], NULL, 10));
	else if (argc > 2)
		fill_from_files(argv[1], argv + 2, argc - 2);
	print_sizes(argv[1]);
	scan("all columns", argv[1], wanted);
	wanted.columns = NR_FLOW_BIT(DESTINATION_PORT) | NR_FLOW_BIT(PROTOCOL) | NR_FLOW_BIT(BYTES);
	scan("port, protocol, bytes", argv[1], wanted);
	wanted.columns = NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(BYTES);
	scan("source, bytes", argv[1], wanted);
	wanted.columns = UINT64_MAX;
	wanted.threads = 2;
	wanted.host_count = 1;
	wanted.hosts[0] = nr_address_from_ipv4(0x64400000 + 1500);
	scan("a client", argv[1], wanted);
	wanted.hosts[0] = nr_address_from_ipv4((uint32_t)(rig_mix(3000 ^ UINT64_C(0x5e27e2)) & 0xdfffffff));
	scan("a server", argv[1], wanted);
	wanted.hosts[0] = nr_address_from_ipv4(1);
	scan("nobody", argv[1], wanted);
	return 0;
}
