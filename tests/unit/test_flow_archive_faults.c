/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a flow archive survives: processes that end at each of their calls to the system or are killed at any
 * moment, disks that are full or fail, bytes that change, readers while segments are cut and erased. Nothing
 * that was acknowledged is lost, nothing is there twice. Each row has a number of its own (its packets).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faults.h"
#include "flow_archive_rig.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* ---- calls to the system that fail, or end the process ---- */

WRAP(ssize_t, write, false, (int f, const void *b, size_t n), (f, b, n))
WRAP(int, fdatasync, true, (int f), (f))
WRAP(int, fsync, true, (int f), (f))
WRAP(int, rename, false, (const char *a, const char *b), (a, b))
WRAP(int, ftruncate64, true, (int f, off_t n), (f, n))
WRAP(int, mkdir, false, (const char *p, mode_t m), (p, m))
WRAP(int, unlink, true, (const char *p), (p))
WRAP(int, rmdir, true, (const char *p), (p))

/* Half of it is written before it fails or the process ends. */
ssize_t __real_pwrite64(int f, const void *b, size_t n, off_t o);
ssize_t __wrap_pwrite64(int f, const void *b, size_t n, off_t o);
ssize_t __wrap_pwrite64(int f, const void *b, size_t n, off_t o)
{
	long next = __atomic_load_n(&calls, __ATOMIC_RELAXED) + 1;
	if (fault != NO_FAULT && next == fault_at && n > 1)
		(void)!__real_pwrite64(f, b, n / 2, o);
	return strikes(false) ? -1 : __real_pwrite64(f, b, n, o);
}

/* ---- rows with numbers ---- */

#define NUMBERS 1000000
#define BLOCK   50 /* rows of a block */

static nr_time received_of(uint64_t number) /* 20 blocks are a segment */
{
	return RIG_BEGIN + (nr_time)(number / BLOCK) * 15 * NR_SECOND;
}

static void number_rows(struct nr_flow_block *block, uint64_t first)
{
	uint64_t seed = first;
	nr_flow_block_clear(block);
	rig_fill(block, BLOCK, received_of(first), &seed);
	for (uint32_t i = 0; i < BLOCK; i++)
		((uint64_t *)nr_flow_column_at(block, NR_FLOW_PACKETS))[i] = first + i + 1;
}

static struct nr_flow_block *new_block(void)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM_UNIT, &block, NULL), 0);
	return block;
}

struct seen {
	uint8_t *times; /* each number was seen */
	uint64_t rows, end;
	bool strange;
	pthread_mutex_t lock;
};

static int see(void *context, unsigned thread, const struct nr_flow_block *block)
{
	struct seen *s = context;
	(void)thread;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < block->count; i++) {
		uint64_t number = nr_flow_value(block, NR_FLOW_PACKETS, i) - 1;
		if (number >= NUMBERS) {
			s->strange = true;
			continue;
		}
		s->times[number]++;
		s->end = NR_MAX(s->end, number + 1);
	}
	s->rows += block->count;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static const struct nr_flow_wanted everything = {
	.from = NR_TIME_MIN, .to = NR_TIME_MAX, .columns = UINT64_MAX, .threads = 2};

static struct nr_flow_scan look(const char *folder, struct seen *s, struct nr_error *error)
{
	struct nr_flow_scan scan;
	struct nr_flow_archive *a = NULL;
	*s = (struct seen){.times = calloc(NUMBERS, 1)};
	assert_non_null(s->times);
	pthread_mutex_init(&s->lock, NULL);
	*error = (struct nr_error){0};
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_READ, NULL, &a, error) ||
		nr_flow_archive_scan(a, &everything, see, s, &scan, error))
		fail_msg("%s", error->text);
	nr_flow_archive_close(a);
	assert_false(s->strange);
	return scan;
}

/* All numbers in [from, to) are there, none twice; *ret_end: behind the last one. */
static void check_numbers(const char *folder, uint64_t from, uint64_t to, uint64_t *ret_end)
{
	struct seen s;
	struct nr_error error;
	struct nr_flow_scan scan = look(folder, &s, &error);
	if (scan.damaged)
		fail_msg("%s", error.text);
	for (uint64_t i = 0; i < NUMBERS; i++)
		if (s.times[i] > 1 || (i >= from && i < to && !s.times[i]))
			fail_msg("number %llu is there %u times", (unsigned long long)i, s.times[i]);
	free(s.times);
	if (ret_end)
		*ret_end = NR_MAX(s.end, to);
}

static void wait_until_settled(struct nr_flow_archive *a)
{
	for (bool settled = false; !settled;) {
		struct nr_json json;
		nr_flow_archive_tick(a, RIG_BEGIN, NULL); /* what failed is tried again */
		nr_json_init(&json);
		nr_flow_archive_describe(a, &json);
		assert_int_equal(nr_json_finish(&json, NULL), 0);
		settled = !strstr(json.bytes, "\"settling\"");
		nr_json_fini(&json);
		if (!settled)
			usleep(500);
	}
}

static struct nr_flow_archive *open_ok(const char *folder)
{
	struct nr_error error = {0};
	struct nr_flow_archive *a = NULL;
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, NULL, &a, &error))
		fail_msg("%s", error.text);
	return a;
}

/* As it is, and after a writer has mended it. */
static void check(const char *folder, uint64_t from, uint64_t to, uint64_t *ret_end)
{
	check_numbers(folder, from, to, NULL);
	struct nr_flow_archive *a = open_ok(folder);
	check_numbers(folder, from, to, NULL);
	wait_until_settled(a);
	nr_flow_archive_close(a);
	check_numbers(folder, from, to, ret_end);
	char command[256];
	snprintf(command, sizeof command, "test -z \"$(find %s -name '*.tmp' -o -name '*.part')\"", folder);
	assert_int_equal(system(command), 0);
}

/* ---- a writer that says what it has done ---- */

struct said {
	uint64_t erased, synced; /* numbers [erased, synced) must be there */
};

static void say(int to, const struct said *said)
{
	if (__real_write(to, said, sizeof *said) != sizeof *said)
		_exit(1);
}

/* Appends blocks from number `first` on, syncing some, with cuts as their time comes, and erases once. */
static int work(struct nr_flow_archive *a, struct said said, unsigned blocks, int to)
{
	struct nr_flow_block *block = new_block();
	uint64_t erased, next = said.synced;
	for (unsigned i = 1; i <= blocks; i++, next += BLOCK) {
		number_rows(block, next);
		if (nr_flow_archive_append(a, block, NULL))
			return -1;
		if (i % 3 == 0) {
			if (nr_flow_archive_sync(a, NULL))
				return -1;
			said.synced = next + BLOCK;
			say(to, &said);
		}
		if (i % 7 == 0 && nr_flow_archive_tick(a, received_of(next) + NR_SECOND, NULL))
			return -1;
	}
	/* whole segments: up to what may be in the one that has this time */
	said.erased = NR_MAX(said.erased, NR_MIN(said.synced, next - 10 * BLOCK));
	say(to, &said);
	if (nr_flow_archive_erase(a, received_of(next - 30 * BLOCK), &erased, NULL))
		return -1;
	nr_flow_block_free(block);
	return 0;
}

static struct said listen(int from, pid_t child, int *ret_status)
{
	struct said said = {0}, one;
	while (read(from, &one, sizeof one) == sizeof one)
		said = one;
	close(from);
	assert_int_equal(waitpid(child, ret_status, 0), child);
	return said;
}

/* Ends at call number `at`; true: there were not so many. */
static bool end_at(const char *folder, long at, struct said *ret_said)
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct nr_flow_archive *a = NULL;
		arm(END, 0, at, true);
		if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, NULL, &a, NULL) ||
			work(a, (struct said){0}, 50, ends[1]))
			_exit(1);
		wait_until_settled(a);
		nr_flow_archive_close(a);
		_exit(2);
	}
	close(ends[1]);
	*ret_said = listen(ends[0], child, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status) == 2;
}

static void test_ended_at_each_call(void **state)
{
	(void)state;
	bool done = false;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = rig_folder();
		struct said said;
		done = end_at(folder, at, &said);
		check(folder, said.erased, said.synced, NULL);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 60); /* else the calls were not ours */
}

/* ---- killed ---- */

static void write_until_killed(const char *folder, struct said said, int to)
{
	struct nr_flow_archive *a = NULL;
	if (nr_flow_archive_open(folder, NR_FLOW_ARCHIVE_WRITE, NULL, &a, NULL))
		_exit(1);
	for (;;) {
		if (work(a, said, 45, to))
			_exit(1);
		said.synced += 45 * BLOCK;
		said.erased = said.synced - 10 * BLOCK;
	}
}

/* begun: not before it has said something, however slow it is to begin. */
static struct said kill_after(const char *folder, struct said said, bool begun, long microseconds)
{
	int ends[2], status;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_until_killed(folder, said, ends[1]);
	close(ends[1]);
	if (begun)
		assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
	usleep((useconds_t)microseconds);
	kill(child, SIGKILL);
	struct said last = listen(ends[0], child, &status);
	assert_true(WIFSIGNALED(status));
	return last.synced ? last : said;
}

#ifdef __SANITIZE_ADDRESS__
#define KILLS 60 /* what is looked for there is found by few */
#else
#define KILLS 520
#endif
static void test_killed_at_any_moment(void **state)
{
	(void)state;
	uint64_t seed = 5, written = 0;
	const char *folder = NULL;
	struct said said = {0};
	for (unsigned i = 0; i < KILLS; i++) {
		if (i % 20 == 0)
			folder = rig_folder();
		if (i % 20 == 0)
			said = (struct said){0};
		uint64_t end, before = said.synced;
		said = kill_after(folder, said, i % 4 == 0, 500 + (long)(rig_random(&seed) % 9000));
		written += said.synced - before;
		if (i % 2)
			check(folder, said.erased, said.synced, &end);
		else
			check_numbers(folder, said.erased, said.synced, &end);
		said.synced = (end + BLOCK - 1) / BLOCK *
			      BLOCK; /* new numbers; what was not acknowledged may be there */
		said.erased = said.synced;
		if (i % 20 == 19)
			rig_remove(folder);
	}
	print_message("%llu rows\n", (unsigned long long)written);
	assert_true(written >= KILLS / 4 * BLOCK);
}

/* ---- disks ---- */

/* Appends `blocks`, a tick after each; counts those that were taken. Whole blocks are taken or refused. */
static void press_on(
	struct nr_flow_archive *a, struct nr_flow_block *block, uint64_t *next, unsigned blocks, bool *taken)
{
	for (unsigned i = 0; i < blocks; i++, *next += BLOCK) {
		number_rows(block, *next);
		taken[*next / BLOCK] = nr_flow_archive_append(a, block, NULL) == 0;
		nr_flow_archive_tick(a, received_of(*next) + 6 * NR_SECOND, NULL);
		if (i % 4 == 3)
			nr_flow_archive_sync(a, NULL);
	}
}

static uint64_t check_taken(const char *folder, const bool *taken, uint64_t end)
{
	struct seen s;
	struct nr_error error;
	uint64_t refused = 0;
	struct nr_flow_scan scan = look(folder, &s, &error);
	if (scan.damaged)
		fail_msg("%s", error.text);
	for (uint64_t i = 0; i < end; i++) {
		if (s.times[i] != taken[i / BLOCK])
			fail_msg("number %llu is there %u times", (unsigned long long)i, s.times[i]);
		refused += !taken[i / BLOCK];
	}
	free(s.times);
	return refused;
}

/* Full from call number `at` on, for some time; then the same archive goes on. */
static bool full_disk(const char *folder, long at)
{
	bool taken[100] = {0};
	uint64_t next = 0;
	struct nr_flow_block *block = new_block();
	struct nr_flow_archive *a = open_ok(folder);
	arm(FAIL_ON, ENOSPC, at, false);
	press_on(a, block, &next, 44, taken);
	bool done = __atomic_load_n(&calls, __ATOMIC_RELAXED) < at;
	arm(NO_FAULT, 0, 0, false);
	nr_flow_archive_sync(a, NULL);
	nr_flow_archive_tick(a, received_of(next), NULL);
	assert_int_equal(nr_flow_archive_sync(a, NULL), 0);
	uint64_t from = next / BLOCK;
	press_on(a, block, &next, 4, taken);
	for (uint64_t i = from; i < next / BLOCK; i++)
		assert_true(taken[i]); /* it goes on by itself */
	assert_int_equal(nr_flow_archive_sync(a, NULL), 0);
	uint64_t refused = nr_flow_archive_state(a).refused;
	assert_false(nr_flow_archive_state(a).paused);
	assert_int_equal(check_taken(folder, taken, next), refused);
	nr_flow_archive_close(a);
	check(folder, 0, 0, NULL);
	assert_int_equal(check_taken(folder, taken, next), refused);
	nr_flow_block_free(block);
	return done;
}

static void test_a_full_disk_at_each_call(void **state)
{
	(void)state;
	bool done = false;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = rig_folder();
		done = full_disk(folder, at);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 30);
}

/* An error of the disk, once. What was acknowledged before or after stays. */
static void test_an_error_of_the_disk_at_each_call(void **state)
{
	(void)state;
	bool done = false;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = rig_folder();
		struct nr_flow_block *block = new_block();
		struct nr_flow_archive *a = open_ok(folder);
		bool synced[60] = {0}, taken[60] = {0};
		arm(FAIL_ONCE, EIO, at, true);
		for (uint64_t i = 0; i < 50; i++) {
			number_rows(block, i * BLOCK);
			taken[i] = nr_flow_archive_append(a, block, NULL) == 0;
			nr_flow_archive_tick(a, received_of(i * BLOCK) + 6 * NR_SECOND, NULL);
			if (nr_flow_archive_sync(a, NULL) == 0)
				synced[i] = taken[i];
		}
		wait_until_settled(a);
		done = __atomic_load_n(&calls, __ATOMIC_RELAXED) < at;
		arm(NO_FAULT, 0, 0, true);
		nr_flow_archive_close(a);
		for (uint64_t i = 0; i < 50; i++)
			if (synced[i])
				check_numbers(folder, i * BLOCK, (i + 1) * BLOCK, NULL);
		check(folder, 0, 0, NULL);
		nr_flow_block_free(block);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 40);
}

/* A real one, in a mount name space of its own: full, then larger. */
static int fill_a_disk(const char *folder)
{
	char small[] = "size=1m", large[] = "size=100m";
	bool *taken = calloc(NUMBERS / BLOCK, sizeof *taken);
	uint64_t next = 0;
	if (!taken || unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", folder, "tmpfs", 0, small) < 0)
		return 77;
	struct nr_flow_block *block = new_block();
	struct nr_flow_archive *a = open_ok(folder);
	while (!nr_flow_archive_state(a).paused && next < NUMBERS / 2)
		press_on(a, block, &next, 4, taken);
	press_on(a, block, &next, 100, taken);
	if (!nr_flow_archive_state(a).refused || mount("tmpfs", folder, "tmpfs", MS_REMOUNT, large) < 0)
		return 1;
	nr_flow_archive_tick(a, received_of(next), NULL);
	if (nr_flow_archive_sync(a, NULL) || nr_flow_archive_state(a).paused)
		return 2;
	press_on(a, block, &next, 100, taken);
	if (!taken[next / BLOCK - 1] || nr_flow_archive_sync(a, NULL))
		return 3;
	uint64_t refused = nr_flow_archive_state(a).refused;
	nr_flow_archive_close(a);
	return check_taken(folder, taken, next) == refused ? 0 : 4;
}

static void test_a_disk_that_is_full(void **state)
{
	(void)state;
	int status;
	const char *folder = rig_folder();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(fill_a_disk(folder));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	rmdir(folder);
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: needs the right to mount a small disk\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- readers while segments are cut, settled and erased ---- */

static void test_readers_while_it_is_written(void **state)
{
	(void)state;
	int ends[2], status;
	const char *folder = rig_folder();
	struct said said = {0}, one;
	assert_int_equal(pipe(ends), 0);
	nr_flow_archive_close(open_ok(folder));
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		write_until_killed(folder, said, ends[1]);
	close(ends[1]);
	assert_true(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	struct timespec begin, now;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	unsigned scans = 0;
	do {
		uint64_t synced = said.synced; /* before the scan began */
		struct seen s;
		struct nr_error error;
		struct nr_flow_scan scan = look(folder, &s, &error);
		if (scan.damaged)
			fail_msg("%s", error.text);
		while (read(ends[0], &one, sizeof one) == sizeof one)
			said = one;
		for (uint64_t i = 0; i < NUMBERS; i++) /* erased: may be, by now */
			if (s.times[i] > 1 || (i >= said.erased && i < synced && !s.times[i]))
				fail_msg("number %llu is there %u times", (unsigned long long)i, s.times[i]);
		free(s.times);
		scans++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec < 4 || scans <= 3 || said.synced <= 1000) &&
		 said.synced < NUMBERS - 100 * BLOCK);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ends[0]);
	print_message("%u scans, %llu rows\n", scans, (unsigned long long)said.synced);
	assert_true(WIFSIGNALED(status) && scans > 3 && said.synced > 1000);
	rig_remove(folder);
}

/* ---- bytes that change ---- */

static void find_file(const char *folder, const char *kind, char path[static 256])
{
	char command[256];
	snprintf(command, sizeof command, "find %s -name '*.%s'", folder, kind);
	FILE *found = popen(command, "re");
	assert_true(found && fgets(path, 256, found));
	pclose(found);
	path[strcspn(path, "\n")] = '\0';
}

/* What is left is a part's rows or none of them, and what lacks is counted. */
static void check_damage(const char *folder, unsigned parts, bool growing, const char *what)
{
	struct seen s;
	struct nr_error error;
	struct nr_flow_scan scan = look(folder, &s, &error);
	unsigned there = 0;
	for (uint64_t p = 0; p < parts; p++) {
		for (uint64_t i = 1; i < BLOCK; i++)
			if (s.times[p * BLOCK + i] != s.times[p * BLOCK] || s.times[p * BLOCK] > 1)
				fail_msg("%s: part %llu is torn", what, (unsigned long long)p);
		there += s.times[p * BLOCK];
	}
	assert_int_equal(s.rows, there * BLOCK);
	assert_true(there + 1 >= parts);
	if (there < parts && !scan.damaged && !(growing && !s.times[(parts - 1) * BLOCK]))
		fail_msg("%s: damage was not counted", what);
	if (scan.damaged)
		assert_non_null(strstr(error.text, "damaged at byte"));
	free(s.times);
}

static void test_bytes_that_change(void **state)
{
	(void)state;
	char path[256];
	struct stat status;
	struct nr_flow_block *block = new_block();
	const char *folder = rig_folder();
	struct nr_flow_archive *a = open_ok(folder);
	for (uint64_t i = 0; i < 4; i++) {
		number_rows(block, i * BLOCK);
		assert_int_equal(nr_flow_archive_append(a, block, NULL), 0);
		assert_int_equal(nr_flow_archive_sync(a, NULL), 0);
	}
	nr_flow_archive_close(a);
	find_file(folder, "part", path);
	for (unsigned settled = 0; settled < 2; settled++) {
		int file = open(path, O_RDWR | O_CLOEXEC);
		assert_true(file >= 0 && fstat(file, &status) == 0 && status.st_size > 1000);
		for (off_t at = 0; at < status.st_size; at += settled ? 11 : 5) {
			uint8_t byte, other;
			char what[64];
			assert_int_equal(pread(file, &byte, 1, at), 1);
			other = (uint8_t)(byte ^ (1 << (at % 8)));
			assert_int_equal(__real_pwrite64(file, &other, 1, at), 1);
			snprintf(what, sizeof what, "byte %lld", (long long)at);
			check_damage(folder, 4, !settled, what);
			assert_int_equal(__real_pwrite64(file, &byte, 1, at), 1);
		}
		for (off_t length = status.st_size; settled == 0 && length > 0; length -= 7) {
			assert_int_equal(__real_ftruncate64(file, length), 0);
			struct seen s;
			struct nr_error error;
			assert_int_equal(look(folder, &s, &error).damaged, 0); /* a tail that grows */
			assert_true(s.rows % BLOCK == 0);
			free(s.times);
			if (length < 100)
				break;
		}
		close(file);
		if (settled)
			break;
		rig_remove(folder); /* and the same as a settled one */
		assert_int_equal(mkdir(folder, 0700), 0);
		a = open_ok(folder);
		for (uint64_t i = 0; i < 4; i++) {
			number_rows(block, i * BLOCK);
			assert_int_equal(nr_flow_archive_append(a, block, NULL), 0);
			assert_int_equal(nr_flow_archive_sync(a, NULL), 0);
		}
		nr_flow_archive_close(a);
		char from[256];
		find_file(folder, "part", from);
		snprintf(path, sizeof path, "%.*s.flows", (int)(strlen(from) - 5), from);
		assert_int_equal(rename(from, path), 0);
	}
	nr_flow_block_free(block);
	rig_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ended_at_each_call),
		cmocka_unit_test(test_killed_at_any_moment),
		cmocka_unit_test(test_a_full_disk_at_each_call),
		cmocka_unit_test(test_an_error_of_the_disk_at_each_call),
		cmocka_unit_test(test_a_disk_that_is_full),
		cmocka_unit_test(test_readers_while_it_is_written),
		cmocka_unit_test(test_bytes_that_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
