/* SPDX-License-Identifier: Apache-2.0 */
/* The store's file: rows in and out, durability, schema, and everything that can be wrong with a path. */
#include "store/migrations.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

/* A table with every type. */
struct sample_row {
	const char *sensor;
	nr_time time;
	struct nr_address address;
	uint8_t small;
	uint16_t port;
	uint32_t wide;
	uint64_t packets;
	double rate;
	const char *text;
	struct nr_bytes sketch;
};

#define COLUMN(name, type, key)                                                                              \
	{                                                                                                    \
#name, type, offsetof(struct sample_row, name), key, false, #name, #name                     \
	}
static const struct nr_column sample_columns[] = {
	COLUMN(sensor, NR_TYPE_TEXT, true),
	COLUMN(time, NR_TYPE_TIME, true),
	COLUMN(address, NR_TYPE_ADDRESS, true),
	COLUMN(small, NR_TYPE_UINT8, false),
	COLUMN(port, NR_TYPE_UINT16, false),
	COLUMN(wide, NR_TYPE_UINT32, false),
	COLUMN(packets, NR_TYPE_UINT64, false),
	COLUMN(rate, NR_TYPE_REAL, false),
	COLUMN(text, NR_TYPE_TEXT, false),
	COLUMN(sketch, NR_TYPE_BYTES, false),
};
static const struct nr_table sample_table = {
	"sample", sample_columns, NR_COUNT(sample_columns), sizeof(struct sample_row), "time", "", ""};
static const struct nr_table *const sample_tables[] = {&sample_table};

static char folder[64];

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%s/noroshi-store-XXXXXX", getenv("TMPDIR") ? "." : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "chmod -R u+rwX %s; rm -rf %s", folder, folder);
	return system(command) == 0 ? 0 : -1;
}

static struct nr_store *open_sample(const char *path, enum nr_store_mode mode)
{
	struct nr_store *store = NULL;
	struct nr_error error = {0};
	if (nr_store_open(path, mode, sample_tables, 1, &store, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

static void write_samples(struct nr_store *store, nr_time from, size_t count)
{
	struct nr_sink *sink = nr_store_sink(store);
	for (size_t i = 0; i < count; i++) {
		struct sample_row row = {.sensor = "s", .time = from + (nr_time)i, .text = "x"};
		assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
	}
}

/* Asks through SQLite itself, so that the test does not trust the code it tests. */
static int64_t number(const char *path, const char *sql)
{
	sqlite3 *database;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
	int step = sqlite3_step(statement);
	assert_true(step == SQLITE_ROW || step == SQLITE_DONE);
	int64_t value = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	sqlite3_finalize(statement);
	sqlite3_close(database);
	return value;
}

static void execute(const char *path, const char *sql)
{
	sqlite3 *database;
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

static void test_every_type(void **state)
{
	(void)state;
	const char *path = path_of("types.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	struct sample_row row = {"s", NR_SECOND, nr_address_from_ipv4(0xc0000201), 255, 65535, UINT32_MAX,
		UINT64_MAX, 0.25, "狼煙", {(const uint8_t *)"\0\1", 2}};
	struct nr_sink *sink = nr_store_sink(store);
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
	row.packets = 7; /* the same key: replaces */
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
	row = (struct sample_row){.sensor = "empty"};
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 2);
	assert_int_equal(
		number(path,
			"SELECT count(*) FROM sample WHERE sensor='s' AND time=1000000 AND small=255 AND "
			"port=65535 AND "
			"wide=4294967295 AND packets=7 AND rate=0.25 AND text='狼煙' AND sketch=x'0001' AND "
			"address=x'00000000000000000000ffffc0000201'"),
		1);
	assert_int_equal(
		number(path, "SELECT count(*) FROM sample WHERE sensor='empty' AND text='' AND sketch=x''"),
		1);
}

static void test_large_counter_is_clamped(void **state)
{
	(void)state;
	const char *path = path_of("clamp.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	struct sample_row row = {.sensor = "s", .packets = UINT64_MAX};
	struct nr_sink *sink = nr_store_sink(store);
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
	nr_store_close(store); /* commits */
	assert_int_equal(number(path, "SELECT packets = 9223372036854775807 FROM sample"), 1);
}

static void test_committed_on_close(void **state)
{
	(void)state;
	const char *path = path_of("close.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	write_samples(store, 0, 10);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 0); /* nothing is seen before */
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_large_counter_is_clamped),
		cmocka_unit_test(test_committed_on_close),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
