/* SPDX-License-Identifier: Apache-2.0 */
/* Months: days added up, right after every change of a day, whenever the writer ends, and after retention. */
#include "base/hll.h"
#include "sense/telescope/tables.h"
#include "store/packs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#define START   (INT64_C(1767225600) * NR_SECOND) /* 2026-01-01 */
#define DAYS    100                               /* to 2026-04-10: three whole months */
#define SOURCES 40 /* of port 23 each day; half of them come the next day, too */

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/noroshi-months-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command) == 0 ? 0 : -1;
}

static int make_path(void **state)
{
	static int number;
	(void)state;
	snprintf(path, sizeof path, "%s/%d.db", folder, number++);
	return 0;
}

static struct nr_store *open_store(enum nr_store_mode mode)
{
	struct nr_store *store = NULL;
	struct nr_error error = {0};
	if (nr_store_open(path, mode, nr_telescope_tables, nr_telescope_table_count, &store, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

/* Rows of a step: all of it is port 23, `packets` packets of sources that are numbered by the day. */
static void write_step(struct nr_store *store, uint32_t step, nr_time time, uint64_t packets)
{
	struct nr_sink *sink = nr_store_sink(store);
	struct nr_hll hll = {{0}};
	uint8_t bytes[NR_HLL_BYTES_MAX];
	for (uint64_t i = 0; i < SOURCES; i++)
		nr_hll_add(&hll, nr_hll_hash((uint64_t)(time / NR_DAY) * SOURCES / 2 + i));
	struct nr_bytes sketch = {bytes, nr_hll_write(&hll, bytes)};
	struct nr_traffic_row all = {"s", step, time, 0, "all", packets, packets * 60, SOURCES, 0, sketch};
	struct nr_port_row port = {
		"s", step, time, 0, 6, 23, "iot", packets, packets * 60, SOURCES, 0, sketch};
	struct nr_origin_row origin = {"s", step, time, 0, "JP", 7, "Net", packets, SOURCES, 0, sketch};
	assert_int_equal(sink->rows(sink, &nr_traffic_table, &all, 1, NULL), 0);
	assert_int_equal(sink->rows(sink, &nr_port_table, &port, 1, NULL), 0);
	assert_int_equal(sink->rows(sink, &nr_origin_table, &origin, 1, NULL), 0);
}

static void write_day(struct nr_store *store, int day, uint64_t packets)
{
	struct nr_sink *sink = nr_store_sink(store);
	nr_time time = START + day * NR_DAY;
	struct nr_source_row source = {.sensor = "s",
		.time = time,
		.address = nr_address_from_ipv4(7),
		.packets = packets,
		.first = time,
		.last = time + NR_HOUR,
		.tools = day % 2 ? "mirai" : "",
		.country = "JP"};
	struct nr_source_port_row knock = {"s", time, 6, 23, source.address, packets, packets * 60};
	write_step(store, 3600, time, packets);
	write_step(store, 86400, time, packets);
	assert_int_equal(sink->rows(sink, &nr_source_table, &source, 1, NULL), 0);
	assert_int_equal(sink->rows(sink, &nr_source_port_table, &knock, 1, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
}

static uint64_t packets_of[DAYS];

static struct nr_store *fill(void)
{
	struct nr_store *store = open_store(NR_STORE_CREATE);
	for (int day = 0; day < DAYS; day++) {
		packets_of[day] = 100 + (uint64_t)day;
		write_day(store, day, packets_of[day]);
	}
	return store;
}

/* Through SQLite itself: the months of a table that are there. */
static int64_t months_of(const char *name)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	char sql[256];
	snprintf(sql, sizeof sql,
		"SELECT count(*) FROM pack JOIN series ON series.id = pack.series WHERE name = '%s' AND step "
		"= 2678400"
		" AND traffic = 0",
		name);
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t count = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return count;
}

struct row {
	struct nr_value values[20];
	size_t rows;
};

static int take(void *context, const struct nr_value *values, size_t count)
{
	struct row *row = context;
	memcpy(row->values, values, count * sizeof *values);
	row->rows++;
	return 0;
}

/* The integer in a column of the one row that the query answers for days from low to high. */
static int64_t ask(
	const char *name, int low, int high, const char *parameter, const char *value, size_t column)
{
	const struct nr_query *query = nr_store_query(name);
	const char *values[16] = {0};
	char from[32], to[32];
	struct row row = {.rows = 0};
	struct nr_answer answer;
	struct nr_error error = {0};
	snprintf(from, sizeof from, "%lld", (long long)((START + low * NR_DAY) / NR_SECOND));
	snprintf(to, sizeof to, "%lld", (long long)((START + high * NR_DAY) / NR_SECOND));
	for (size_t i = 0; i < query->parameter_count; i++) {
		const char *text = query->parameters[i].name;
		values[i] = strcmp(text, "from") == 0 ? from : strcmp(text, "to") == 0 ? to : NULL;
		if (parameter && strcmp(text, parameter) == 0)
			values[i] = value;
	}
	struct nr_store *store = open_store(NR_STORE_READ);
	if (nr_store_ask(store, query, values, take, &row, &answer, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	nr_store_close(store);
	assert_int_equal(row.rows, 1);
	return row.values[column].integer;
}

static uint64_t sum_of(int low, int high, int parity)
{
	uint64_t sum = 0;
	for (int day = low; day < high; day++)
		sum += parity < 0 || day % 2 == parity ? packets_of[day] : 0;
	return sum;
}

/* Every kind of answer, over ranges that begin and end inside, at and around months. */
static void check_answers(void)
{
	static const int ranges[][2] = {
		{0, DAYS}, {0, 31}, {31, 59}, {5, 95}, {0, 59}, {31, DAYS}, {30, 60}, {32, 58}};
	for (size_t i = 0; i < NR_COUNT(ranges); i++) {
		int low = ranges[i][0], high = ranges[i][1];
		uint64_t sum = sum_of(low, high, -1);
		assert_int_equal(ask("telescope/ports", low, high, NULL, NULL, 3), sum);
		assert_int_equal(ask("telescope/countries", low, high, NULL, NULL, 1), sum);
		assert_int_equal(ask("telescope/networks", low, high, NULL, NULL, 3), sum);
		assert_int_equal(ask("telescope/categories", low, high, NULL, NULL, 1), sum);
		assert_int_equal(ask("telescope/summary", low, high, NULL, NULL, 0), sum);
		assert_int_equal(ask("telescope/sources", low, high, NULL, NULL, 1), sum);
		assert_int_equal(ask("telescope/sources", low, high, "port", "23", 1), sum);
		assert_int_equal(ask("telescope/sources", low, high, "protocol", "6", 1), sum);
		assert_int_equal(
			ask("telescope/sources", low, high, "tool", "mirai", 1), sum_of(low, high, 1));
		assert_int_equal(ask("telescope/source-ports", low, high, "address", "0.0.0.7", 3), sum);
		int64_t sources = ask("telescope/ports", low, high, NULL, NULL, 5);
		double truth = SOURCES / 2.0 * (high - low + 1);
		assert_true(fabs((double)sources - truth) < 4 * NR_HLL_ERROR * truth + 1);
	}
}

static void test_months_are_added_up(void **state)
{
	(void)state;
	struct nr_store *store = fill();
	assert_int_equal(months_of("telescope_port"), 3); /* while it was being written */
	nr_store_close(store);
	static const char *const names[] = {"telescope_traffic", "telescope_port", "telescope_origin",
		"country", "telescope_source", "telescope_source_port", "knock", "protocol_source"};
	for (size_t i = 0; i < NR_COUNT(names); i++)
		assert_int_equal(months_of(names[i]), 3);
	check_answers();
}

/* Before there were packs by protocol, months were added up without them. */
static void test_months_without_protocols(void **state)
{
	(void)state;
	sqlite3 *database;
	nr_store_close(fill());
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database,
				 "DELETE FROM pack WHERE series IN (SELECT id FROM series WHERE name = "
				 "'protocol_source')",
				 NULL, NULL, NULL),
		SQLITE_OK);
	assert_true(sqlite3_changes(database) > 0);
	sqlite3_close(database);
	check_answers();
}

static void test_a_day_is_written_again(void **state)
{
	(void)state;
	nr_store_close(fill());
	struct nr_store *store = open_store(NR_STORE_WRITE);
	packets_of[40] = 5000;
	write_day(store, 40, packets_of[40]);
	assert_int_equal(months_of("telescope_port"), 2); /* February is not there while it is not right */
	check_answers();
	write_day(store, 40,
		packets_of[40]); /* the same again is no change, and a commit that lets February be */
	assert_int_equal(months_of("telescope_port"), 3);
	check_answers();
	nr_store_close(store);
	check_answers();
}

static void test_the_writer_dies(void **state)
{
	(void)state;
	nr_store_close(fill());
	packets_of[10] = 9000;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		write_day(open_store(NR_STORE_WRITE), 10, packets_of[10]);
		_exit(0); /* committed, not closed */
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(months_of("telescope_port"), 2);
	check_answers();
	nr_store_close(open_store(NR_STORE_WRITE));
	assert_int_equal(months_of("telescope_port"), 3);
	check_answers();
}

static void test_retention_cuts_a_month(void **state)
{
	(void)state;
	nr_store_close(fill());
	struct nr_store *store = open_store(NR_STORE_WRITE);
	assert_int_equal(nr_store_retain(store, START + 40 * NR_DAY, NULL, NULL), 0);
	nr_store_close(store);
	assert_int_equal(months_of("telescope_port"), 2); /* what is left of February, and March */
	assert_int_equal(ask("telescope/ports", 0, DAYS, NULL, NULL, 3), sum_of(40, DAYS, -1));
	assert_int_equal(ask("telescope/sources", 0, DAYS, NULL, NULL, 1), sum_of(40, DAYS, -1));
}

static void test_calendar(void **state)
{
	(void)state;
	static const struct {
		const char *time, *floor, *next;
	} cases[] = {
		{"2026-01-01", "2026-01-01", "2026-02-01"},
		{"2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01"},
		{"2024-02-29", "2024-02-01", "2024-03-01"},
		{"2100-02-28", "2100-02-01", "2100-03-01"},
		{"2000-02-29T12:00:00Z", "2000-02-01", "2000-03-01"},
		{"1970-01-01", "1970-01-01", "1970-02-01"},
		{"1969-12-31", "1969-12-01", "1970-01-01"},
		{"0001-01-01", "0001-01-01", "0001-02-01"},
		{"9999-11-30", "9999-11-01", "9999-12-01"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		nr_time time, floor, next;
		assert_int_equal(nr_time_parse(cases[i].time, &time, NULL), 0);
		assert_int_equal(nr_time_parse(cases[i].floor, &floor, NULL), 0);
		assert_int_equal(nr_time_parse(cases[i].next, &next, NULL), 0);
		assert_int_equal(nr_month_floor(time), floor);
		assert_int_equal(nr_month_next(time), next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calendar),
		cmocka_unit_test_setup(test_months_are_added_up, make_path),
		cmocka_unit_test_setup(test_months_without_protocols, make_path),
		cmocka_unit_test_setup(test_a_day_is_written_again, make_path),
		cmocka_unit_test_setup(test_the_writer_dies, make_path),
		cmocka_unit_test_setup(test_retention_cuts_a_month, make_path),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
