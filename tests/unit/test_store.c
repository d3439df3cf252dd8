/* SPDX-License-Identifier: Apache-2.0 */
/* The store's file: rows in and out, durability, schema, and everything that can be wrong with a path. */
#include "sense/telescope/tables.h"
#include "store/migrations.h"
#include "store/packs.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
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

/* A name inside the test's folder; the last four stay valid. */
static const char *path_of(const char *name)
{
	static char paths[4][160];
	static unsigned turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static int make_folder(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%.40s/noroshi-store-XXXXXX", base ? base : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	char command[192];
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

/* ---- blocks and commits ---- */

/* The third row of the block is longer than the connection takes. */
static void test_a_block_is_kept_whole_or_not_at_all(void **state)
{
	(void)state;
	const char *path = path_of("block.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	struct nr_sink *sink = nr_store_sink(store);
	struct nr_error error = {0};
	write_samples(store, 100, 2);
	static const uint8_t long_bytes[2000];
	struct sample_row rows[] = {{.sensor = "s", .time = 1}, {.sensor = "s", .time = 2},
		{.sensor = "s", .time = 3, .sketch = {long_bytes, sizeof long_bytes}}};
	sqlite3_limit(store->writer, SQLITE_LIMIT_LENGTH, 1000);
	assert_int_not_equal(sink->rows(sink, &sample_table, rows, 3, &error), 0);
	assert_non_null(strstr(error.text, path));
	write_samples(store, 200, 2);
	assert_int_equal(sink->rows(sink, &sample_table, rows, 0, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0); /* nothing to do */
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 4);
	assert_int_equal(number(path, "SELECT count(*) FROM sample WHERE time < 100"), 0);
}

static void test_unknown_table(void **state)
{
	(void)state;
	struct nr_store *store = open_sample(path_of("unknown.db"), NR_STORE_CREATE);
	struct nr_sink *sink = nr_store_sink(store);
	struct nr_victim_row row = {.sensor = "s"};
	assert_int_equal(sink->rows(sink, &nr_victim_table, &row, 1, NULL), -EINVAL);
	nr_store_close(store);
}

static void test_readers_see_what_is_committed(void **state)
{
	(void)state;
	const char *path = path_of("see.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	write_samples(store, 0, 3);
	assert_int_equal(nr_store_sink(store)->commit(nr_store_sink(store), NULL), 0);
	write_samples(store, 10, 3);
	struct nr_store *reader = open_sample(path, NR_STORE_READ); /* beside the writer */
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 3);
	nr_store_close(reader);
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 6);
}

/* Writes, commits, says so, writes on, until it is killed. */
static void write_until_killed(const char *path, int acknowledge)
{
	struct nr_store *store = open_sample(path, NR_STORE_WRITE);
	struct nr_sink *sink = nr_store_sink(store);
	for (int64_t batch = 0;; batch++) {
		for (int i = 0; i < 50; i++) {
			struct sample_row row = {
				.sensor = "killed", .time = getpid() * INT64_C(1000000) + batch * 50 + i};
			if (sink->rows(sink, &sample_table, &row, 1, NULL) != 0)
				_exit(1);
		}
		int64_t rows = (batch + 1) * 50;
		if (sink->commit(sink, NULL) != 0 || write(acknowledge, &rows, sizeof rows) != sizeof rows)
			_exit(1);
	}
}

/* How much of a file this process has mapped; 0: nothing. */
static size_t mapped(const char *path)
{
	char line[512];
	size_t bytes = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof line, maps)) {
		unsigned long low, high;
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) > strlen(path) && strcmp(line + strlen(line) - strlen(path), path) == 0 &&
			sscanf(line, "%lx-%lx", &low, &high) == 2)
			bytes += high - low;
	}
	fclose(maps);
	return bytes;
}

static bool is_locked(const char *path)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int file = open(path, O_RDWR | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(fcntl(file, F_OFD_GETLK, &lock), 0);
	close(file); /* and with it the locks themselves: look once */
	return lock.l_type != F_UNLCK;
}

/* One mapping, however many read; it is gone with the last of them, and takes no lock of another along. */
static void test_one_mapping(void **state)
{
	(void)state;
	const char *path = path_of("mapped.db");
	struct nr_store *writer = open_sample(path, NR_STORE_CREATE);
	write_samples(writer, 0, 1);
	assert_int_equal(nr_store_sink(writer)->commit(nr_store_sink(writer), NULL), 0);
	struct nr_store *first = open_sample(path, NR_STORE_READ);
	size_t once = mapped(path);
	assert_true(once > 0);
	struct nr_store *second = open_sample(path, NR_STORE_READ);
	assert_int_equal(mapped(path), once);
	nr_store_close(first);
	nr_store_close(second);
	assert_true(is_locked(path));
	nr_store_close(writer);
	assert_int_equal(mapped(path), 0);
}

static void test_kill_loses_nothing_acknowledged(void **state)
{
	(void)state;
	const char *path = path_of("kill.db");
	nr_store_close(open_sample(path, NR_STORE_CREATE));
	for (int round = 0; round < 12; round++) {
		int pipes[2];
		int64_t acknowledged = 0, rows;
		assert_int_equal(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0)
			write_until_killed(path, pipes[1]);
		close(pipes[1]);
		for (int i = 0; i <= round * 3 && read(pipes[0], &rows, sizeof rows) == sizeof rows; i++)
			acknowledged = rows;
		kill(child, SIGKILL); /* somewhere in the next batch */
		while (read(pipes[0], &rows, sizeof rows) == sizeof rows)
			acknowledged = rows;
		waitpid(child, NULL, 0);
		close(pipes[0]);
		char sql[160];
		snprintf(
			sql, sizeof sql, "SELECT count(*) FROM sample WHERE time / 1000000 = %d", (int)child);
		int64_t kept = number(path, sql);
		assert_true(acknowledged > 0);
		if (kept != acknowledged &&
			kept != acknowledged + 50) /* committed, and killed before it could say so */
			fail_msg("%lld rows of %lld", (long long)kept, (long long)acknowledged);
	}
	nr_store_close(open_sample(path, NR_STORE_WRITE));
}

/* Reads again and again, a millisecond each; two of them overlap. */
struct reading {
	const char *path;
	atomic_bool over;
};

static void *read_often(void *context)
{
	struct reading *reading = context;
	sqlite3 *database;
	if (sqlite3_open(reading->path, &database) != SQLITE_OK)
		return context;
	while (!atomic_load(&reading->over)) {
		sqlite3_exec(database, "BEGIN; SELECT count(*) FROM sample LIMIT 1", NULL, NULL, NULL);
		usleep(1000);
		sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
	}
	sqlite3_close(database);
	return NULL;
}

/* Readers that overlap each other without a break must not let the log grow without end. */
static void test_the_log_stays_short(void **state)
{
	(void)state;
	const char *path = path_of("log.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	struct nr_sink *sink = nr_store_sink(store);
	static uint8_t bytes[40000];
	struct reading reading = {.path = path};
	pthread_t threads[2];
	struct stat status;
	char log_path[192];
	store->log_pages_max = 500;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_often, &reading), 0);
	for (int i = 0; i < 1000; i++) { /* 3 or 4 pages each */
		struct sample_row row = {.sensor = "log", .time = i, .sketch = {bytes, sizeof bytes}};
		assert_int_equal(sink->rows(sink, &sample_table, &row, 1, NULL), 0);
		assert_int_equal(sink->commit(sink, NULL), 0);
	}
	atomic_store(&reading.over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	snprintf(log_path, sizeof log_path, "%s-wal", path);
	assert_int_equal(stat(log_path, &status), 0);
	assert_true(status.st_size < 1500 * INT64_C(16384)); /* 50 MB without */
	nr_store_close(store);
}

/* ---- a full disk ---- */

static size_t count_until_full(struct nr_store *store, struct nr_error *error)
{
	static uint8_t bytes[1000];
	struct nr_sink *sink = nr_store_sink(store);
	for (size_t i = 0;; i++) {
		struct sample_row row = {
			.sensor = "full", .time = (nr_time)i, .sketch = {bytes, sizeof bytes}};
		if (sink->rows(sink, &sample_table, &row, 1, error) != 0 || sink->commit(sink, error) != 0)
			return i;
		assert_true(i < 100000);
	}
}

static void check_full(struct nr_store *store, const char *path)
{
	struct nr_error error = {0};
	size_t accepted = count_until_full(store, &error);
	assert_int_equal(error.code, -ENOSPC);
	assert_non_null(strstr(error.text, path));
	assert_non_null(strstr(error.text, "disk is full"));
	assert_null(strchr(error.text, '\n'));
	assert_true(accepted > 10);
	assert_true(number(path, "SELECT count(*) FROM sample") >= (int64_t)accepted);
}

static void test_full(void **state)
{
	(void)state;
	const char *path = path_of("full.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	assert_int_equal(nr_sqlite_run(store->writer, path, "PRAGMA max_page_count = 80", NULL), 0);
	check_full(store, path);
	/* Blocks that were accepted and then rolled back with the transaction are told at commit, once. */
	struct nr_sink *sink = nr_store_sink(store);
	struct sample_row row = {.sensor = "again", .time = 1};
	int status = 0;
	for (int i = 0; i < 1000 && !status; i++) {
		row.time++;
		row.sketch = (struct nr_bytes){(const uint8_t *)folder, sizeof folder};
		status = sink->rows(sink, &sample_table, &row, 1, NULL);
	}
	assert_int_equal(status, -ENOSPC);
	bool rolled_back = sqlite3_get_autocommit(store->writer);
	assert_int_equal(sink->commit(sink, NULL), rolled_back ? -ENOSPC : 0);
	/* With room again it goes on. */
	assert_int_equal(nr_sqlite_run(store->writer, path, "PRAGMA max_page_count = 100000", NULL), 0);
	write_samples(store, 0, 1000);
	assert_int_equal(sink->commit(sink, NULL), 0);
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample WHERE sensor = 's'"), 1000);
}

/* A real small file system, where one may be mounted. */
static void test_full_file_system(void **state)
{
	(void)state;
	const char *mount_point = path_of("small");
	assert_int_equal(mkdir(mount_point, 0755), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
			mount("tmpfs", mount_point, "tmpfs", 0, "size=1m") != 0)
			_exit(77);
		char path[192];
		snprintf(path, sizeof path, "%s/store.db", mount_point);
		struct nr_store *store = open_sample(path, NR_STORE_CREATE);
		struct nr_error error = {0};
		size_t accepted = count_until_full(store, &error);
		bool good = error.code == -ENOSPC && accepted > 10 && strstr(error.text, "disk is full");
		nr_store_close(store);
		store = open_sample(path, NR_STORE_READ);
		nr_store_close(store);
		_exit(good && number(path, "SELECT count(*) FROM sample") >= (int64_t)accepted ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		print_message("small file system: skipped, mounting is not allowed\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- one writer ---- */

static void test_second_writer(void **state)
{
	(void)state;
	const char *path = path_of("lock.db"), *link_path = path_of("link.db");
	struct nr_store *first = open_sample(path, NR_STORE_CREATE), *second = NULL;
	assert_int_equal(symlink("lock.db", link_path), 0);
	const char *const names[] = {path, link_path};
	for (size_t i = 0; i < 2; i++) {
		struct nr_error error = {0};
		char pid[32];
		snprintf(pid, sizeof pid, "process %d (", (int)getpid());
		assert_int_equal(
			nr_store_open(names[i], NR_STORE_WRITE, sample_tables, 1, &second, &error), -EBUSY);
		assert_null(second);
		assert_non_null(strstr(error.text, pid));
		assert_non_null(strstr(error.text, "wait until it has finished"));
	}
	nr_store_close(first);
	nr_store_close(open_sample(path, NR_STORE_WRITE));
}

/* Another program holds SQLite's own lock. */
static void test_locked_by_another_program(void **state)
{
	(void)state;
	const char *path = path_of("busy.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	sqlite3_busy_timeout(store->writer, 10);
	sqlite3 *other;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	struct nr_sink *sink = nr_store_sink(store);
	struct sample_row row = {.sensor = "s"};
	struct nr_error error = {0};
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, &error), -EBUSY);
	assert_non_null(strstr(error.text, "locked by another program"));
	sqlite3_close(other);
	assert_int_equal(sink->rows(sink, &sample_table, &row, 1, &error), 0);
	nr_store_close(store);
}

/* ---- schema ---- */

#define OUR_FILE "PRAGMA application_id = 1314017107;" /* NR_STORE_APPLICATION */

static void test_newer_is_refused(void **state)
{
	(void)state;
	const char *path = path_of("newer.db");
	nr_store_close(open_sample(path, NR_STORE_CREATE));
	execute(path, "PRAGMA user_version = 99");
	static const enum nr_store_mode modes[] = {NR_STORE_READ, NR_STORE_WRITE, NR_STORE_CREATE};
	for (size_t i = 0; i < NR_COUNT(modes); i++) {
		struct nr_store *store = NULL;
		struct nr_error error = {0};
		assert_int_equal(nr_store_open(path, modes[i], sample_tables, 1, &store, &error), -EPROTO);
		assert_non_null(strstr(error.text, "newer noroshi (schema 99"));
	}
	assert_int_equal(number(path, "PRAGMA user_version"), 99);
}

static void make_older(const char *path)
{
	execute(path, OUR_FILE
		"CREATE TABLE sample (sensor TEXT NOT NULL, time INTEGER NOT NULL, address BLOB NOT NULL,"
		" packets INTEGER NOT NULL, PRIMARY KEY (sensor, time, address)) STRICT, WITHOUT ROWID;"
		"INSERT INTO sample VALUES ('old', 1, x'', 5)");
}

static void test_older_is_copied_and_migrated(void **state)
{
	(void)state;
	const char *path = path_of("older.db");
	char copy[192];
	snprintf(copy, sizeof copy, "%s.before-%zu", path, nr_migration_count);
	make_older(path);
	struct nr_store *store = NULL;
	struct nr_error error = {0};
	assert_int_equal(nr_store_open(path, NR_STORE_READ, sample_tables, 1, &store, &error), -EPROTO);
	assert_non_null(strstr(error.text, "older noroshi"));
	assert_int_equal(access(copy, F_OK), -1); /* reading changes nothing */
	store = open_sample(path, NR_STORE_WRITE);
	write_samples(store, 10, 1);
	nr_store_close(store);
	assert_int_equal(number(path, "PRAGMA user_version"), nr_migration_count);
	assert_int_equal(
		number(path, "SELECT packets FROM sample WHERE sensor = 'old' AND text = '' AND rate = 0"),
		5);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 2);
	assert_int_equal(number(copy, "SELECT count(*) FROM sample"), 1);
	assert_int_equal(number(copy, "PRAGMA user_version"), 0);
	nr_store_close(open_sample(path, NR_STORE_READ));
}

static void test_absent_column_is_added(void **state)
{
	(void)state;
	const char *path = path_of("column.db");
	nr_store_close(open_sample(path, NR_STORE_CREATE));
	execute(path, "ALTER TABLE sample DROP COLUMN rate");
	struct nr_store *store = NULL;
	assert_int_equal(nr_store_open(path, NR_STORE_READ, sample_tables, 1, &store, NULL), -EPROTO);
	nr_store_close(open_sample(path, NR_STORE_WRITE));
	assert_int_equal(
		number(path, "SELECT count(*) FROM pragma_table_info('sample') WHERE name = 'rate'"), 1);
	nr_store_close(open_sample(path, NR_STORE_READ));
}

static void test_absent_key_is_refused(void **state)
{
	(void)state;
	const char *path = path_of("key.db");
	execute(path, OUR_FILE "CREATE TABLE sample (sensor TEXT PRIMARY KEY) STRICT, WITHOUT ROWID");
	struct nr_store *store = NULL;
	assert_int_equal(nr_store_open(path, NR_STORE_WRITE, sample_tables, 1, &store, NULL), -ENOTSUP);
	assert_int_equal(number(path, "PRAGMA user_version"), 0); /* as it was */
	assert_int_equal(number(path, "SELECT count(*) FROM sqlite_schema"), 1);
}

/* Every schema that was ever released can be opened today. */
static void test_every_migration_leads_here(void **state)
{
	(void)state;
	for (size_t version = 1; version <= nr_migration_count; version++) {
		char name[32], pragma[64];
		snprintf(name, sizeof name, "schema-%zu.db", version);
		const char *path = path_of(name);
		for (size_t i = 0; i < version; i++)
			execute(path, nr_migrations[i].sql);
		snprintf(pragma, sizeof pragma, OUR_FILE "PRAGMA user_version = %zu", version);
		execute(path, pragma);
		struct nr_store *store;
		struct nr_error error = {0};
		static const enum nr_store_mode modes[] = {NR_STORE_WRITE, NR_STORE_READ};
		for (size_t i = 0; i < 2; i++) {
			if (nr_store_open(path, modes[i], nr_telescope_tables, nr_telescope_table_count,
				    &store, &error))
				fail_msg("%s", error.text);
			nr_store_close(store);
		}
	}
}

static void test_tables_are_strict_and_keyed(void **state)
{
	(void)state;
	const char *path = path_of("strict.db");
	struct nr_store *store;
	assert_int_equal(nr_store_open(path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count,
				 &store, NULL),
		0);
	nr_store_close(store);
	assert_int_equal(
		number(path, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
			     " AND name NOT LIKE 'sqlite_%' AND NOT strict"),
		0);
	for (size_t i = 0; i < nr_telescope_table_count; i++) {
		const struct nr_table *table = nr_telescope_tables[i];
		enum nr_pack_kind kind;
		if (nr_keeping_of(table, &kind) == NR_KEEP_PACKS)
			continue;
		for (size_t j = 0, key = 0; j < table->column_count; j++) {
			char sql[192];
			key = table->columns[j].key ? j + 1 : 0;
			snprintf(sql, sizeof sql, "SELECT pk FROM pragma_table_info('%s') WHERE name = '%s'",
				table->name, table->columns[j].name);
			assert_int_equal(number(path, sql), key);
		}
	}
}

/* ---- wrong paths ---- */

static void test_wrong_paths(void **state)
{
	(void)state;
	FILE *text = fopen(path_of("text.db"), "w");
	for (int i = 0; i < 1000; i++)
		fprintf(text, "%d\n", i);
	fclose(text);
	execute(path_of("other.db"), "CREATE TABLE theirs (x)");
	fclose(fopen(path_of("empty.db"), "w"));
	assert_int_equal(mkfifo(path_of("fifo"), 0644), 0);
	static const struct {
		const char *name; /* "/...": as it is */
		enum nr_store_mode mode;
		int status;
		const char *word;
	} cases[] = {
		{"/", NR_STORE_CREATE, -EISDIR, "is a folder"},
		{"none.db", NR_STORE_READ, -ENOENT, "no such store"},
		{"none.db", NR_STORE_WRITE, -ENOENT, "no such store"},
		{"no/such/x.db", NR_STORE_CREATE, -ENOENT, "mkdir -p"},
		{"text.db", NR_STORE_READ, -EBADMSG, "not a noroshi store"},
		{"text.db", NR_STORE_WRITE, -EBADMSG, "not a noroshi store"},
		{"text.db/x.db", NR_STORE_CREATE, -ENOTDIR, "text.db"},
		{"other.db", NR_STORE_READ, -EBADMSG, "another program"},
		{"other.db", NR_STORE_CREATE, -EBADMSG, "another program"},
		{"empty.db", NR_STORE_READ, -ENODATA, "empty file"},
		{"/dev/null", NR_STORE_CREATE, -EBADMSG, "not a file"},
		{"fifo", NR_STORE_READ, -EBADMSG, "not a file"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_store *store = NULL;
		struct nr_error error = {0};
		const char *path = cases[i].name[0] == '/' ? cases[i].name : path_of(cases[i].name);
		int status = nr_store_open(path, cases[i].mode, sample_tables, 1, &store, &error);
		if (status != cases[i].status || !strstr(error.text, cases[i].word))
			fail_msg("%s: %d (%s)", path, status, error.text);
		assert_null(store);
		assert_null(strchr(error.text, '\n'));
	}
	struct nr_store *store = NULL;
	assert_int_equal(
		nr_store_open("clickhouse://host/db", NR_STORE_CREATE, sample_tables, 1, &store, NULL),
		-ENOTSUP);
	assert_int_equal(nr_store_open("", NR_STORE_CREATE, sample_tables, 1, &store, NULL), -EINVAL);
	assert_int_equal(nr_store_open("sqlite:", NR_STORE_CREATE, sample_tables, 1, &store, NULL), -EINVAL);
	assert_int_equal(
		number(path_of("other.db"), "SELECT count(*) FROM sqlite_schema"), 1); /* untouched */
	char prefixed[192];
	snprintf(prefixed, sizeof prefixed, "sqlite:%s", path_of("prefixed.db"));
	nr_store_close(open_sample(prefixed, NR_STORE_CREATE));
	assert_int_equal(access(path_of("prefixed.db"), F_OK), 0);
}

/* As a user who may not: root may everything. */
static void test_no_permission(void **state)
{
	(void)state;
	const char *path = path_of("mine.db");
	char inside[192];
	nr_store_close(open_sample(path, NR_STORE_CREATE));
	snprintf(inside, sizeof inside, "%s/closed", folder);
	assert_int_equal(mkdir(inside, 0500), 0);
	snprintf(inside, sizeof inside, "%s/closed/x.db", folder);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		struct nr_store *store = NULL;
		struct nr_error write_error = {0}, create_error = {0};
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(77);
		nr_store_open(path, NR_STORE_WRITE, sample_tables, 1, &store, &write_error);
		nr_store_open(inside, NR_STORE_CREATE, sample_tables, 1, &store, &create_error);
		_exit(write_error.code == -EACCES && create_error.code == -EACCES && !store ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_damaged(void **state)
{
	(void)state;
	const char *path = path_of("damaged.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	write_samples(store, 0, 5000);
	nr_store_close(store);
	int file = open(path, O_WRONLY);
	char noise[4096];
	memset(noise, 0xa5, sizeof noise);
	for (off_t page = 1; page < 20; page++)
		assert_int_equal(pwrite(file, noise, sizeof noise, page * 4096), sizeof noise);
	close(file);
	struct nr_error error = {0};
	store = NULL;
	int status = nr_store_open(path, NR_STORE_WRITE, sample_tables, 1, &store, &error);
	if (status == 0) {
		struct nr_sink *sink = nr_store_sink(store);
		struct sample_row row = {.sensor = "s", .time = 2500};
		status = sink->rows(sink, &sample_table, &row, 1, &error);
		nr_store_close(store);
	}
	assert_int_equal(status, -EBADMSG);
	assert_non_null(strstr(error.text, "damaged"));
}

/* ---- retention ---- */

static void test_retention(void **state)
{
	(void)state;
	const char *path = path_of("retain.db");
	struct nr_store *store = open_sample(path, NR_STORE_CREATE);
	write_samples(store, 0, 10);
	write_samples(store, NR_DAY - 5, 10); /* five on either side of midnight */
	uint64_t rows = 77;
	assert_int_equal(nr_store_retain(store, NR_DAY + NR_HOUR, &rows, NULL), 0); /* days go whole */
	assert_int_equal(rows, 15);
	assert_int_equal(nr_store_retain(store, NR_DAY + NR_HOUR, NULL, NULL), 0);
	assert_int_equal(nr_store_retain(store, NR_TIME_MIN + NR_DAY, &rows, NULL), 0);
	assert_int_equal(rows, 0);
	nr_store_close(store);
	assert_int_equal(number(path, "SELECT count(*) FROM sample"), 5);
	assert_int_equal(number(path, "SELECT min(time) = 86400000000 FROM sample"), 1);
}

/* Every sensor and step of a table, by its key. */
static void test_retention_of_all_tables(void **state)
{
	(void)state;
	const char *path = path_of("ages.db");
	struct nr_store *store;
	assert_int_equal(nr_store_open(path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count,
				 &store, NULL),
		0);
	struct nr_sink *sink = nr_store_sink(store);
	static const char *const sensors[] = {"", "a", "b"};
	static const uint32_t steps[] = {300, 3600, 86400};
	for (int i = 0; i < 9; i++) {
		for (int day = 0; day < 4; day++) {
			nr_time time = day * NR_DAY;
			struct nr_traffic_row traffic = {
				.sensor = sensors[i / 3], .step = steps[i % 3], .time = time};
			struct nr_source_row source = {
				.sensor = sensors[i / 3], .time = time, .address = {{(uint8_t)i}}};
			struct nr_victim_row victim = {.sensor = sensors[i / 3],
				.first = time - i,
				.last = time,
				.protocol = (uint8_t)i};
			assert_int_equal(sink->rows(sink, &nr_traffic_table, &traffic, 1, NULL), 0);
			assert_int_equal(sink->rows(sink, &nr_source_table, &source, 1, NULL), 0);
			assert_int_equal(sink->rows(sink, &nr_victim_table, &victim, 1, NULL), 0);
		}
	}
	uint64_t rows;
	assert_int_equal(nr_store_retain(store, 3 * NR_DAY, &rows, NULL), 0);
	assert_int_equal(rows, 9 * 3 * 3);
	nr_store_close(store);
	static const char packs[] = "SELECT count(*) FROM pack p JOIN series s ON p.series = s.id WHERE "
				    "s.name = 'telescope_traffic'";
	char sql[256];
	snprintf(sql, sizeof sql, "%s AND time = 3 * 86400000000", packs);
	assert_int_equal(number(path, sql), 9);
	assert_int_equal(number(path, packs), 9);
	assert_int_equal(number(path, "SELECT count(*) FROM telescope_source"), 9);
	assert_int_equal(number(path, "SELECT count(*) FROM telescope_victim"), 9);
}

static void test_findings_age_by_last(void **state)
{
	(void)state;
	const char *path = path_of("findings.db");
	struct nr_store *store;
	assert_int_equal(nr_store_open(path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count,
				 &store, NULL),
		0);
	struct nr_sink *sink = nr_store_sink(store);
	struct nr_finding finding = {
		.sensor = "s", .sense = "telescope", .kind = "k", .first = 0, .last = 3 * NR_DAY};
	assert_int_equal(nr_sink_finding(sink, &finding, NULL), 0);
	finding.kind = "old";
	finding.last = NR_DAY;
	assert_int_equal(nr_sink_finding(sink, &finding, NULL), 0);
	uint64_t rows;
	assert_int_equal(nr_store_retain(store, 2 * NR_DAY, &rows, NULL), 0);
	assert_int_equal(rows, 1);
	nr_store_close(store);
}

static int count_row(void *context, const struct nr_value *values, size_t count)
{
	(void)values;
	(void)count;
	(*(int *)context)++;
	return 0;
}

static void test_interrupt(void **state)
{
	(void)state;
	const char *path = path_of("interrupt.db");
	struct nr_store *store;
	assert_int_equal(nr_store_open(path, NR_STORE_CREATE, nr_telescope_tables, nr_telescope_table_count,
				 &store, NULL),
		0);
	struct nr_sink *sink = nr_store_sink(store);
	for (unsigned i = 0; i < 20000; i++) {
		struct nr_source_row row = {
			.sensor = "s", .address = nr_address_from_ipv4(i), .packets = 1, .last = 1};
		assert_int_equal(sink->rows(sink, &nr_source_table, &row, 1, NULL), 0);
	}
	struct nr_traffic_row hour = {.sensor = "s", .step = 3600, .category = "all"};
	assert_int_equal(sink->rows(sink, &nr_traffic_table, &hour, 1, NULL), 0);
	assert_int_equal(sink->commit(sink, NULL), 0);
	const struct nr_query *query = nr_store_query("telescope/sources");
	const char *values[16] = {0};
	struct nr_answer answer;
	int rows = 0;
	assert_int_equal(nr_store_ask(store, query, values, count_row, &rows, &answer, NULL), 0);
	assert_int_equal(rows, 100);
	nr_store_interrupt(store);
	assert_int_equal(nr_store_ask(store, query, values, count_row, &rows, &answer, NULL), -ETIMEDOUT);
	nr_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type),
		cmocka_unit_test(test_large_counter_is_clamped),
		cmocka_unit_test(test_committed_on_close),
		cmocka_unit_test(test_a_block_is_kept_whole_or_not_at_all),
		cmocka_unit_test(test_unknown_table),
		cmocka_unit_test(test_readers_see_what_is_committed),
		cmocka_unit_test(test_one_mapping),
		cmocka_unit_test(test_kill_loses_nothing_acknowledged),
		cmocka_unit_test(test_the_log_stays_short),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_full_file_system),
		cmocka_unit_test(test_second_writer),
		cmocka_unit_test(test_locked_by_another_program),
		cmocka_unit_test(test_newer_is_refused),
		cmocka_unit_test(test_older_is_copied_and_migrated),
		cmocka_unit_test(test_absent_column_is_added),
		cmocka_unit_test(test_absent_key_is_refused),
		cmocka_unit_test(test_every_migration_leads_here),
		cmocka_unit_test(test_tables_are_strict_and_keyed),
		cmocka_unit_test(test_wrong_paths),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_retention_of_all_tables),
		cmocka_unit_test(test_findings_age_by_last),
		cmocka_unit_test(test_interrupt),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
