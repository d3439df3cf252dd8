/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running window, hour and day that are written again each second, as live capture does, beside readers:
 * every answer is one commit's, whole, and none is older than the one before.
 */
#include "sense/telescope/tables.h"
#include "store/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START   (INT64_C(1767225600) * NR_SECOND) /* 2026-01-01T00:00:00Z */
#define SECONDS 400                               /* more than one window */
#define READERS 3
#define PORTS   40 /* second n has n + 1 packets of each port in all, from n + 1 sources of each */

static char folder[64], path[96];
static struct nr_store *store;
static atomic_bool done;

static void write_step(struct nr_sink *sink, uint32_t step, nr_time time, uint64_t packets)
{
	struct nr_port_row rows[PORTS];
	struct nr_traffic_row scan = {.sensor = "s", .step = step, .time = time, .category = "scan"};
	for (uint16_t i = 0; i < PORTS; i++)
		rows[i] = (struct nr_port_row){.sensor = "s",
			.step = step,
			.time = time,
			.protocol = i % 2 ? 6 : 17,
			.port = i,
			.class = "other",
			.packets = packets,
			.bytes = 60 * packets,
			.sources = packets};
	scan.packets = PORTS * packets;
	scan.sources = packets;
	assert_int_equal(sink->rows(sink, &nr_port_table, rows, PORTS, NULL), 0);
	assert_int_equal(sink->rows(sink, &nr_traffic_table, &scan, 1, NULL), 0);
}

/* What is known at the end of a second: the running window's rows, the hour's, the day's. */
static void write_second(struct nr_sink *sink, uint64_t second)
{
	nr_time window = START + (nr_time)(second / 300) * 300 * NR_SECOND;
	write_step(sink, 300, window, second % 300 + 1);
	write_step(sink, 3600, START, second + 1);
	write_step(sink, 86400, START, second + 1);
	assert_int_equal(sink->commit(sink, NULL), 0);
}

/* One answer: its rows, what they add up to, and whether all of them say the same. */
struct sight {
	uint64_t rows;
	int64_t packets, sum;
	bool differs;
};

static int see(void *context, const struct nr_value *values, size_t count)
{
	struct sight *sight = context;
	int64_t packets = values[count == 8 ? 3 : 2].integer; /* of ports, of a series */
	sight->differs |= sight->rows && packets != sight->packets;
	sight->packets = packets;
	sight->sum += packets;
	sight->rows++;
	return 0;
}

static bool look(const char *name, const char *const *texts, struct sight *ret_sight)
{
	const struct nr_query *query = nr_store_query(name);
	const char *values[16] = {0};
	struct nr_answer answer;
	struct nr_error error = {0};
	for (size_t i = 0; texts[i]; i += 2) {
		for (size_t j = 0; j < query->parameter_count; j++) {
			if (strcmp(query->parameters[j].name, texts[i]) == 0)
				values[j] = texts[i + 1];
		}
	}
	*ret_sight = (struct sight){0};
	if (nr_store_ask(store, query, values, see, ret_sight, &answer, &error) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", name, error.text);
	return false;
}

/* In *context: what was wrong, or NULL. Threads do not assert. */
static void *read_on(void *context)
{
	static const char *const all[] = {NULL};
	static const char *const line[] = {"step", "5m", "by", "category", "category", "scan", NULL};
	const char **wrong = context;
	int64_t before = 0, line_before = 0;
	while (!*wrong && !atomic_load(&done)) {
		struct sight ports, series;
		if (!look("telescope/ports", all, &ports) || !look("telescope/series", line, &series))
			*wrong = "a question failed";
		else if (ports.differs || (ports.rows && ports.rows != PORTS))
			*wrong = "an answer of two commits";
		else if (ports.packets < before || series.sum < line_before)
			*wrong = "an answer older than the one before";
		else if (series.sum < PORTS * ports.packets)
			*wrong = "the series is behind what was seen before it";
		before = ports.packets;
		line_before = series.sum;
	}
	return NULL;
}

static void test_readers_beside_upserts(void **state)
{
	(void)state;
	pthread_t threads[READERS];
	const char *wrong[READERS] = {0};
	struct nr_sink *sink = nr_store_sink(store);
	write_second(sink, 0);
	for (size_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &wrong[i]), 0);
	for (uint64_t second = 1; second < SECONDS; second++)
		write_second(sink, second);
	atomic_store(&done, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < READERS; i++) {
		if (wrong[i])
			fail_msg("%s", wrong[i]);
	}
	struct sight ports, windows;
	assert_true(look("telescope/ports", (const char *const[]){NULL}, &ports));
	assert_int_equal(ports.rows, PORTS);
	assert_int_equal(ports.sum, PORTS * SECONDS);
	assert_true(look("telescope/series",
		(const char *const[]){"step", "5m", "by", "port", "protocol", "6", "port", "1", NULL},
		&windows));
	assert_int_equal(windows.rows, 2);
	assert_int_equal(windows.sum, SECONDS);
	assert_int_equal(windows.packets, SECONDS - 300);
}

static int make_store(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.40s/noroshi-upserts-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/store.db", folder);
	return nr_store_open(
		path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count, &store, NULL);
}

static int remove_store(void **state)
{
	(void)state;
	nr_store_close(store);
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_readers_beside_upserts)};
	return cmocka_run_group_tests(tests, make_store, remove_store);
}
