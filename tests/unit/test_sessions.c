/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of sessions: of one they replace each other, of several they add up, in every table and step, in days
 * that nobody wrote, and in what is rolled up.
 */
#include "base/hll.h"
#include "sense/telescope/ipv6.h"
#include "sense/telescope/tables.h"
#include "store/packs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START (INT64_C(1767225600) * NR_SECOND) /* 2026-01-01 */
#define A     11
#define B     22

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/noroshi-sessions-XXXXXX");
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

static void put(struct nr_store *store, int64_t session, const struct nr_table *table, const void *row)
{
	struct nr_sink *sink = nr_store_sink(store);
	struct nr_error error = {0};
	sink->session = session;
	if (sink->rows(sink, table, row, 1, &error) != 0)
		fail_msg("%s: %s", table->name, error.text);
}

static void commit(struct nr_store *store)
{
	struct nr_error error = {0};
	if (nr_store_sink(store)->commit(nr_store_sink(store), &error) != 0)
		fail_msg("%s", error.text);
}

/* What a session saw in one step: sources first to first + count, all at port 23, from JP. */
struct seen {
	uint64_t packets;
	uint32_t first, count;
};

static void write_step(
	struct nr_store *store, int64_t session, uint32_t step, nr_time time, const struct seen *seen)
{
	struct nr_hll hll = {{0}};
	uint8_t bytes[NR_HLL_BYTES_MAX];
	for (uint32_t i = 0; i < seen->count; i++)
		nr_hll_add(&hll, nr_hll_hash(seen->first + i));
	struct nr_bytes sketch = {bytes, step == 300 ? 0 : nr_hll_write(&hll, bytes)};
	uint64_t n = seen->packets;
	struct nr_traffic_row all = {"s", step, time, 0, "all", n, n * 60, seen->count, 0, sketch};
	struct nr_port_row port = {"s", step, time, 0, 6, 23, "iot", n, n * 60, seen->count, 0, sketch};
	struct nr_origin_row origin = {"s", step, time, 0, "JP", 7, "Net", n, seen->count, 0, sketch};
	put(store, session, &nr_traffic_table, &all);
	put(store, session, &nr_port_table, &port);
	if (step > 300)
		put(store, session, &nr_origin_table, &origin);
}

struct row {
	struct nr_value values[20];
	char texts[20][128];
	size_t rows;
};

static int take(void *context, const struct nr_value *values, size_t count)
{
	struct row *row = context;
	for (size_t i = 0; i < count; i++) {
		row->values[i] = values[i];
		if (values[i].type == NR_VALUE_TEXT || values[i].type == NR_VALUE_JSON)
			snprintf(row->texts[i], sizeof row->texts[i], "%s", values[i].text);
	}
	row->rows++;
	return 0;
}

/* The last row that a query answers for [from, to). */
static struct row ask(const char *name, nr_time from, nr_time to)
{
	const struct nr_query *query = nr_store_query(name);
	const char *values[16] = {0};
	char from_text[32], to_text[32];
	struct row row = {.rows = 0};
	struct nr_answer answer;
	struct nr_error error = {0};
	snprintf(from_text, sizeof from_text, "%lld", (long long)(from / NR_SECOND));
	snprintf(to_text, sizeof to_text, "%lld", (long long)(to / NR_SECOND));
	for (size_t i = 0; i < query->parameter_count; i++) {
		const char *text = query->parameters[i].name;
		values[i] = strcmp(text, "from") == 0 ? from_text : strcmp(text, "to") == 0 ? to_text : NULL;
	}
	struct nr_store *store = open_store(NR_STORE_READ);
	if (nr_store_ask(store, query, values, take, &row, &answer, &error) != 0)
		fail_msg("%s: %s", name, error.text);
	nr_store_close(store);
	return row;
}

static size_t column_of(const char *name, const char *column)
{
	const struct nr_query *query = nr_store_query(name);
	for (size_t i = 0; i < query->column_count; i++)
		if (strcmp(query->columns[i].name, column) == 0)
			return i;
	fail_msg("%s has no column %s", name, column);
	return 0;
}

static int64_t number(const char *name, const char *column, nr_time from, nr_time to)
{
	struct row row = ask(name, from, to);
	assert_int_equal(row.rows, 1);
	return row.values[column_of(name, column)].integer;
}

static void check_packets(nr_time from, nr_time to, uint64_t packets)
{
	assert_int_equal(number("telescope/ports", "packets", from, to), packets);
	assert_int_equal(number("telescope/ports", "bytes", from, to), packets * 60);
	assert_int_equal(number("telescope/summary", "packets", from, to), packets);
	if (to - from >= NR_HOUR) {
		assert_int_equal(number("telescope/countries", "packets", from, to), packets);
		assert_int_equal(number("telescope/networks", "packets", from, to), packets);
	}
}

/* ---- one step ---- */

/* Writes of one step, in order, and what must be answered in the end. */
static const struct {
	struct {
		int64_t session;
		struct seen seen;
	} writes[6];
	uint64_t packets;
	uint32_t sources;
} steps[] = {
	{{{A, {10, 0, 5}}}, 10, 5}, {{{A, {10, 0, 5}}, {A, {30, 0, 9}}}, 30, 9},      /* replaced */
	{{{A, {10, 0, 5}}, {B, {7, 5, 5}}}, 17, 10},                                  /* added */
	{{{A, {10, 0, 5}}, {B, {7, 0, 5}}}, 17, 5},                                   /* the same sources */
	{{{A, {10, 0, 5}}, {B, {1, 5, 1}}, {B, {7, 5, 5}}}, 17, 10},                  /* the second grows */
	{{{A, {10, 0, 5}}, {B, {7, 5, 5}}, {A, {12, 0, 6}}}, 19, 10},                 /* the first does */
	{{{A, {10, 0, 5}}, {B, {7, 5, 5}}, {A, {10, 0, 5}}, {B, {7, 5, 5}}}, 17, 10}, /* sent again */
	{{{0, {10, 0, 5}}, {B, {7, 5, 5}}, {A, {3, 10, 1}}, {B, {8, 5, 6}}}, 21, 11}, /* three */
	{{{A, {INT64_MAX, 0, 5}}, {B, {INT64_MAX, 0, 5}}}, INT64_MAX, 5},             /* no overflow */
};

static void check_step(size_t i, uint32_t step, bool together)
{
	struct nr_store *store = open_store(NR_STORE_CREATE);
	for (size_t k = 0; k < NR_COUNT(steps[i].writes) && steps[i].writes[k].seen.packets; k++) {
		write_step(store, steps[i].writes[k].session, step, START, &steps[i].writes[k].seen);
		if (step == NR_STEP_DAY) /* coverage is told by hours */
			write_step(store, steps[i].writes[k].session, NR_STEP_HOUR, START,
				&steps[i].writes[k].seen);
		if (!together)
			commit(store);
	}
	commit(store);
	nr_store_close(store);
	nr_time length = step * NR_SECOND;
	if (steps[i].packets < INT64_MAX)
		check_packets(START, START + length, steps[i].packets);
	assert_int_equal(number("telescope/ports", "packets", START, START + length), steps[i].packets);
	struct row row = ask("telescope/ports", START, START + length);
	int64_t sources = row.values[column_of("telescope/ports", "sources")].integer;
	double error = row.values[column_of("telescope/ports", "sources_error")].real;
	if (step > 300) {
		assert_int_equal(sources, steps[i].sources); /* so few are exact in a sketch */
	} else {
		assert_true(sources <= steps[i].sources);
		assert_true(error == 0 || error == -1); /* "at least" */
		assert_true(error == -1 || sources == steps[i].sources);
	}
	unlink(path);
}

static void test_steps(void **state)
{
	static const uint32_t lengths[] = {300, NR_STEP_HOUR, NR_STEP_DAY};
	for (size_t i = 0; i < NR_COUNT(steps); i++)
		for (size_t k = 0; k < NR_COUNT(lengths); k++)
			for (int together = 0; together < 2; together++) {
				make_path(state);
				check_step(i, lengths[k], together);
			}
}

/* ---- days ---- */

static void write_hours(struct nr_store *store, int64_t session, int day, int from, int to, uint64_t packets)
{
	for (int hour = from; hour < to; hour++)
		write_step(store, session, NR_STEP_HOUR, START + day * NR_DAY + hour * NR_HOUR,
			&(struct seen){packets, 0, 5});
}

/* A was lost at 10:40, B took over and wrote the day. */
static void test_a_day_that_was_lost(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	write_hours(store, A, 0, 0, 11, 100);
	commit(store);
	write_hours(store, B, 0, 10, 24, 10);
	write_step(store, B, NR_STEP_DAY, START, &(struct seen){140, 3, 5});
	commit(store);
	nr_store_close(store);
	check_packets(START, START + NR_DAY, 1100 + 140);
	check_packets(START + 10 * NR_HOUR, START + 11 * NR_HOUR, 110);
	assert_int_equal(number("telescope/ports", "sources", START, START + NR_DAY), 8);
	/* the same is sent again, and A's day comes after all */
	store = open_store(NR_STORE_WRITE);
	write_step(store, B, NR_STEP_DAY, START, &(struct seen){140, 3, 5});
	write_step(store, A, NR_STEP_DAY, START, &(struct seen){1100, 0, 5});
	commit(store);
	nr_store_close(store);
	check_packets(START, START + NR_DAY, 1100 + 140);
}

/* A stopped in the first day and never came back; days later B has its first whole day. */
static void test_days_that_nobody_wrote(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	write_hours(store, A, 0, 0, 24, 1);
	write_step(store, A, NR_STEP_DAY, START, &(struct seen){24, 0, 5});
	write_hours(store, A, 1, 0, 5, 100);
	commit(store);
	write_hours(store, B, 3, 2, 4, 10);
	commit(store);
	nr_store_close(store);
	check_packets(START, START + 4 * NR_DAY, 24 + 500 + 20); /* hours speak for themselves */
	store = open_store(NR_STORE_WRITE);
	write_hours(store, B, 4, 0, 24, 1);
	write_step(store, B, NR_STEP_DAY, START + 4 * NR_DAY, &(struct seen){24, 0, 5});
	commit(store);
	nr_store_close(store);
	check_packets(START, START + 5 * NR_DAY, 24 + 500 + 20 + 24);
	check_packets(START + NR_DAY, START + 2 * NR_DAY, 500);
	check_packets(START + 3 * NR_DAY, START + 4 * NR_DAY, 20);
}

/* A capture of the morning was read into the store of a telescope that watches: the day is there, and grows.
 */
static void test_a_day_that_goes_on(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	write_hours(store, A, 0, 0, 2, 100);
	write_step(store, A, NR_STEP_DAY, START, &(struct seen){200, 0, 5});
	commit(store);
	for (int hour = 1; hour < 4; hour++) {
		write_hours(store, B, 0, hour, hour + 1, 10);
		commit(store);
		check_packets(START, START + NR_DAY, 200 + (uint64_t)hour * 10);
	}
	write_step(store, B, NR_STEP_DAY, START, &(struct seen){31, 0, 5}); /* it knows better */
	commit(store);
	nr_store_close(store);
	check_packets(START, START + NR_DAY, 231);
}

static int64_t rolled_up(void)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(database,
			"SELECT count(*) FROM pack JOIN series ON series.id = pack.series WHERE step > "
			"86400 AND name = 'telescope_port'",
			-1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t count = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return count;
}

/* Two sessions of every day of a quarter, and a third one afterwards. */
static void test_rolled_up(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	for (int day = 0; day < 95; day++) {
		write_hours(store, A, day, 3, 4, 5);
		write_hours(store, B, day, 3, 4, 2);
		write_step(store, B, NR_STEP_DAY, START + day * NR_DAY, &(struct seen){2, 0, 5});
		commit(store);
	}
	nr_store_close(store);
	assert_int_equal(rolled_up(), 3 * 3 + 3 + 1);
	check_packets(START, START + 95 * NR_DAY, 95 * 7);
	store = open_store(NR_STORE_WRITE);
	write_step(store, 33, NR_STEP_DAY, START + 40 * NR_DAY, &(struct seen){1000, 0, 5});
	commit(store);
	nr_store_close(store);
	assert_int_equal(rolled_up(), 3 * 3 + 3 + 1);
	check_packets(START, START + 95 * NR_DAY, 95 * 7 + 1000);
	/* what goes with age takes its parts along */
	store = open_store(NR_STORE_WRITE);
	uint64_t rows = 0;
	assert_int_equal(nr_store_retain(store, START + 41 * NR_DAY, &rows, NULL), 0);
	nr_store_close(store);
	sqlite3 *database;
	int64_t left = -1;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(
		nr_sqlite_integer(database, path,
			"SELECT count(*) FROM pack_session WHERE time < 1770768000000000", &left, NULL),
		0);
	assert_int_equal(left, 0);
	sqlite3_close(database);
	check_packets(START + 41 * NR_DAY, START + 95 * NR_DAY, 54 * 7);
}

/* ---- tables of rows ---- */

static struct nr_source_row source(uint64_t packets, nr_time first, nr_time last, uint32_t ports,
	const char *tools, const char *research, const char *evidence)
{
	return (struct nr_source_row){.sensor = "s",
		.time = START,
		.address = nr_address_from_ipv4(7),
		.packets = packets,
		.scan_packets = packets,
		.ports = ports,
		.first = START + first,
		.last = START + last,
		.categories = "tcp_syn",
		.tools = tools,
		.research = research,
		.country = "JP",
		.evidence = evidence};
}

static void check_source(
	uint64_t packets, int64_t first, int64_t last, const char *tools, const char *evidence)
{
	static const char name[] = "telescope/sources";
	struct row row = ask(name, START, START + NR_DAY);
	assert_int_equal(row.rows, 1);
	assert_int_equal(row.values[column_of(name, "packets")].integer, packets);
	assert_int_equal(row.values[column_of(name, "scan_packets")].integer, packets);
	assert_int_equal(row.values[column_of(name, "ports")].integer, 3);
	assert_int_equal(row.values[column_of(name, "first")].integer, START + first);
	assert_int_equal(row.values[column_of(name, "last")].integer, START + last);
	assert_string_equal(row.texts[column_of(name, "tools")], tools);
	sqlite3 *database;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, "SELECT packets, tools, evidence FROM telescope_source",
				 -1, &statement, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(statement, 0), packets);
	assert_string_equal((const char *)sqlite3_column_text(statement, 1), tools);
	assert_string_equal((const char *)sqlite3_column_text(statement, 2), evidence);
	sqlite3_finalize(statement);
	sqlite3_close(database);
}

static void test_sources(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	struct nr_source_row a = source(10, 5, 9, 3, "mirai", "", "{\"a\":1}");
	struct nr_source_row b = source(90, 20, 30, 2, "zmap", "scaled", "{\"b\":1}");
	struct nr_source_port_row knock = {"s", START, 6, 23, a.address, 10, 600};
	write_hours(store, A, 0, 0, 1, 1);
	put(store, A, &nr_source_table, &a);
	put(store, A, &nr_source_port_table, &knock);
	commit(store);
	check_source(10, 5, 9, "mirai", "{\"a\":1}");
	put(store, B, &nr_source_table, &b);
	put(store, B, &nr_source_port_table, &knock);
	commit(store);
	check_source(100, 5, 30, "mirai,zmap", "{\"b\":1}");
	put(store, B, &nr_source_table, &b); /* again */
	a = source(200, 5, 40, 3, "", "", "{\"a\":2}");
	put(store, A, &nr_source_table, &a); /* it went on */
	put(store, A, &nr_source_port_table, &knock);
	commit(store);
	nr_store_close(store);
	check_source(290, 5, 40, "zmap", "{\"a\":2}");
	struct row row = ask("telescope/sources", START, START + NR_DAY);
	assert_string_equal(row.texts[column_of("telescope/sources", "research")], "scaled");
}

static int64_t integer(const char *sql)
{
	sqlite3 *database;
	int64_t value = -1;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(nr_sqlite_integer(database, path, sql, &value, NULL), 0);
	sqlite3_close(database);
	return value;
}

static void write_ipv6(struct nr_store *store, int64_t session, uint32_t first, uint32_t count)
{
	struct nr_hll hll = {{0}};
	uint8_t bytes[NR_HLL_BYTES_MAX];
	for (uint32_t i = 0; i < count; i++)
		nr_hll_add(&hll, nr_hll_hash(first + i));
	struct nr_ipv6_row row = {.sensor = "s",
		.time = START,
		.dimension = "length",
		.key = "/64",
		.packets = count,
		.sources = count,
		.sketch = {bytes, nr_hll_write(&hll, bytes)}};
	put(store, session, &nr_ipv6_table, &row);
}

static void test_other_tables(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	struct nr_campaign_row campaign = {"s", START, "window=1", 5, 50, 6, 23, START + 1, START + 9};
	struct nr_victim_row victim = {.sensor = "s", .first = START + 3, .protocol = 6, .packets = 40};
	struct nr_warning_row warning = {.sensor = "s",
		.time = START,
		.kind = "changefinder",
		.key = "tcp/23",
		.last = START + NR_HOUR,
		.score = 3,
		.packets = 10,
		.evidence = "{}"};
	for (int64_t session = A; session <= B; session += B - A) {
		put(store, session, &nr_campaign_table, &campaign);
		put(store, session, &nr_victim_table, &victim); /* the same first packet: the same attack */
		put(store, session, &nr_warning_table, &warning);
		campaign.packets = 7, campaign.sources = 9, campaign.first = START;
		warning.score = 9, warning.packets = 30, warning.last = START + 1;
	}
	write_ipv6(store, A, 0, 10);
	write_ipv6(store, B, 5, 10);
	write_ipv6(store, B, 5, 11);
	commit(store);
	nr_store_close(store);
	assert_int_equal(integer("SELECT packets FROM telescope_campaign"), 57);
	assert_int_equal(integer("SELECT sources FROM telescope_campaign"), 9); /* at least */
	assert_int_equal(integer("SELECT first FROM telescope_campaign"), START);
	assert_int_equal(integer("SELECT sum(packets) FROM telescope_victim"), 40);
	assert_int_equal(integer("SELECT score FROM telescope_warning"), 9);
	assert_int_equal(integer("SELECT last FROM telescope_warning"), START + NR_HOUR);
	assert_int_equal(integer("SELECT packets FROM telescope_ipv6"), 21);
	assert_int_equal(integer("SELECT sources FROM telescope_ipv6"), 16); /* of the sketches */
	assert_int_equal(integer("SELECT length(sketch) > 0 AND error > 0 FROM telescope_ipv6"), 1);
	assert_int_equal(integer("SELECT count(*) FROM telescope_campaign_session"), 2);
}

/* One session costs nothing: its rows have no parts. */
static void test_alone(void **state)
{
	(void)state;
	struct nr_store *store = open_store(NR_STORE_CREATE);
	struct nr_source_row row = source(10, 5, 9, 3, "mirai", "", "{}");
	for (int i = 0; i < 3; i++) {
		write_hours(store, A, 0, 0, 24, 10);
		write_step(store, A, NR_STEP_DAY, START, &(struct seen){240, 0, 5});
		put(store, A, &nr_source_table, &row);
		commit(store);
	}
	nr_store_close(store);
	assert_int_equal(integer("SELECT count(*) FROM pack_session"), 0);
	assert_int_equal(integer("SELECT count(*) FROM telescope_source_session"), 0);
	assert_int_equal(integer("SELECT count(*) FROM pack WHERE session NOT IN (0, 11)"), 0);
	check_packets(START, START + NR_DAY, 240);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_steps, make_path),
		cmocka_unit_test_setup(test_a_day_that_was_lost, make_path),
		cmocka_unit_test_setup(test_days_that_nobody_wrote, make_path),
		cmocka_unit_test_setup(test_a_day_that_goes_on, make_path),
		cmocka_unit_test_setup(test_rolled_up, make_path),
		cmocka_unit_test_setup(test_sources, make_path),
		cmocka_unit_test_setup(test_other_tables, make_path),
		cmocka_unit_test_setup(test_alone, make_path),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
