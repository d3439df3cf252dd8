/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ledger survives: processes that end at each of their calls to the system, disks that are full or
 * fail at each of them. Nothing that was acknowledged is lost, and no signed head is contradicted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "faults.h"
#include "ledger_memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

/* ---- calls to the system that fail, or end the process ---- */

WRAP(ssize_t, pwrite64, false, (int f, const void *b, size_t n, off_t o), (f, b, n, o))
WRAP(ssize_t, write, false, (int f, const void *b, size_t n), (f, b, n))
WRAP(int, fdatasync, true, (int f), (f))
WRAP(int, fsync, true, (int f), (f))
WRAP(int, syncfs, true, (int f), (f))
WRAP(int, rename, false, (const char *a, const char *b), (a, b))
WRAP(int, fallocate64, false, (int f, int m, off_t o, off_t n), (f, m, o, n))
WRAP(int, ftruncate64, false, (int f, off_t n), (f, n))
WRAP(int, mkdir, false, (const char *p, mode_t m), (p, m))

/* ---- each call in turn ---- */

static const char *starting_point(void)
{
	const char *folder = rig_folder();
	struct nr_ledger *ledger = open_ok(folder);
	assert_int_equal(rig_append(ledger, 0, 200, NULL), 0);
	nr_ledger_close(ledger);
	return folder;
}

/* Ends at call number `at`; true: there were not so many. */
static bool end_at(const char *folder, long at, struct memory *m)
{
	int ends[2], status;
	struct memory said;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct nr_ledger_conf conf = rig_conf(folder, &key);
		struct nr_ledger *ledger = NULL;
		arm(END, 0, at, true);
		if (nr_ledger_open(&conf, &ledger, NULL))
			_exit(1);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t first = nr_ledger_size(ledger);
			if (rig_append(ledger, first, 100, NULL))
				_exit(1);
			said = (struct memory){.acknowledged = first + 100};
			if (__real_write(ends[1], &said, sizeof said) != sizeof said)
				_exit(1);
			if (nr_ledger_publish(ledger, NULL))
				_exit(1);
			said.head_size = nr_ledger_published(ledger, &said.head_root);
			if (__real_write(ends[1], &said, sizeof said) != sizeof said)
				_exit(1);
		}
		nr_ledger_close(ledger);
		_exit(2);
	}
	close(ends[1]);
	while (read(ends[0], &said, sizeof said) == sizeof said) {
		m->acknowledged = said.acknowledged;
		if (said.head_size) {
			m->head_size = said.head_size;
			m->head_root = said.head_root;
		}
	}
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 1);
	return WEXITSTATUS(status) == 2;
}

/* What was not synced may be gone after a power cut: every tile of so small a ledger, and what the folder's
 * entry of the checkpoint was. */
static void cut_power(const char *folder)
{
	char command[256];
	snprintf(command, sizeof command,
		"find %s/tile -type f -exec truncate -s 0 {} + && rm -f %s/checkpoint %s/*.part", folder,
		folder, folder);
	assert_int_equal(system(command), 0);
}

static void test_ended_at_each_call(void **state)
{
	bool power = *state != NULL;
	bool done = false;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = starting_point();
		struct memory m = {0};
		done = end_at(folder, at, &m);
		if (power)
			cut_power(folder);
		check(folder, 0, &m);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 60); /* else the calls were not ours */
}

/* ---- disks ---- */

/* Appends that fill tiles, and publications; what fails, fails. Answers how many appends did. */
static unsigned work(struct nr_ledger *ledger, struct memory *m)
{
	unsigned failed = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t first = nr_ledger_size(ledger);
		if (rig_append(ledger, first, 100, NULL) == 0)
			m->acknowledged = first + 100;
		else
			failed++;
		if (nr_ledger_publish(ledger, NULL) == 0)
			m->head_size = nr_ledger_published(ledger, &m->head_root);
	}
	return failed;
}

/* Full from call number `at` on, for some time. Then the same ledger goes on as if nothing had been. */
static bool full_disk(const char *folder, long at)
{
	struct memory m = {0};
	struct nr_ledger *ledger = open_ok(folder);
	arm(FAIL_ON, ENOSPC, at, false);
	work(ledger, &m);
	bool done = calls < at;
	arm(NO_FAULT, 0, 0, false);
	assert_int_equal(work(ledger, &m), 0);
	assert_int_equal(m.head_size, m.acknowledged);
	nr_ledger_close(ledger);
	check(folder, 0, &m);
	return done;
}

static void test_a_full_disk_at_each_call(void **state)
{
	(void)state;
	bool done = false;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = starting_point();
		done = full_disk(folder, at);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 30);
}

/* An error of the disk, once: whoever writes does not write again. The next one finds everything. Only that
 * the folder's entry of a checkpoint did not get to the disk is nothing: it is made again. */
static bool bad_disk(const char *folder, long at, unsigned *harmless)
{
	struct memory m = {0};
	struct nr_ledger *ledger = open_ok(folder);
	struct nr_error error = {0};
	arm(FAIL_ONCE, EIO, at, true);
	work(ledger, &m);
	bool done = calls < at;
	arm(NO_FAULT, 0, 0, true);
	int e = rig_append(ledger, nr_ledger_size(ledger), 1, &error);
	*harmless += !done && e == 0;
	if (!done && e) {
		assert_int_equal(e, -EIO);
		assert_int_equal(nr_ledger_publish(ledger, NULL), -EIO);
		assert_int_equal(nr_ledger_trouble(ledger, NULL), -EIO);
		if (!strstr(error.text, folder))
			print_message("call %ld: %s\n", at, error.text);
		assert_non_null(strstr(error.text, folder));
	}
	nr_ledger_close(ledger);
	check(folder, 0, &m);
	return done;
}

static void test_an_error_of_the_disk_at_each_call(void **state)
{
	(void)state;
	bool done = false;
	unsigned harmless = 0;
	long at;
	for (at = 1; !done; at++) {
		const char *folder = starting_point();
		done = bad_disk(folder, at, &harmless);
		rig_remove(folder);
	}
	print_message("%ld calls\n", at - 2);
	assert_true(at > 40);
	assert_int_equal(harmless, 4); /* publications */
}

/* Many at once: what waits while the disk fails is not written after it. */
#define WRITERS 6

static void *write_until_it_fails(void *context)
{
	uint64_t first;
	const struct nr_ledger_entry entry = {"entry", 5};
	while (nr_ledger_append(context, &entry, 1, &first, NULL) == 0)
		;
	return NULL;
}

static void test_nothing_after_an_error_of_the_disk(void **state)
{
	(void)state;
	for (long at = 1; at <= 40; at++) {
		const char *folder = starting_point();
		struct nr_ledger *ledger = open_ok(folder);
		pthread_t writers[WRITERS];
		arm(FAIL_ONCE, EIO, at, true);
		for (unsigned i = 0; i < WRITERS; i++)
			assert_int_equal(pthread_create(&writers[i], NULL, write_until_it_fails, ledger), 0);
		for (unsigned i = 0; i < WRITERS; i++)
			pthread_join(writers[i], NULL);
		assert_int_equal(__atomic_load_n(&calls, __ATOMIC_RELAXED), at);
		arm(NO_FAULT, 0, 0, true);
		uint64_t size = nr_ledger_size(ledger);
		nr_ledger_close(ledger);
		ledger = open_ok(folder);
		assert_true(nr_ledger_size(ledger) >= size);
		nr_ledger_close(ledger);
		rig_remove(folder);
	}
}

/* Faults while it is being opened: it does not open, or it does; then everything is there. */
static bool fault_at_opening(const char *folder, int code, long at)
{
	struct memory m = {.acknowledged = 200};
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	struct nr_ledger *ledger = NULL;
	struct nr_error error = {0};
	arm(FAIL_ONCE, code, at, true);
	int e = nr_ledger_open(&conf, &ledger, &error);
	bool done = calls < at;
	arm(NO_FAULT, 0, 0, true);
	assert_true(!e == (ledger != NULL) && (!e || error.text[0]));
	nr_ledger_close(ledger);
	check(folder, 0, &m);
	return done;
}

static void test_faults_at_opening(void **state)
{
	(void)state;
	static const int codes[] = {EIO, ENOSPC};
	for (size_t i = 0; i < NR_COUNT(codes); i++) {
		bool done = false;
		for (long at = 1; !done; at++) {
			const char *folder = starting_point();
			done = fault_at_opening(folder, codes[i], at);
			rig_remove(folder);
		}
	}
}

/* A real one, in a mount name space of its own: full, then larger. */
static int fill_a_disk(const char *folder)
{
	struct memory m = {0};
	char options[] = "size=6m";
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", folder, "tmpfs", 0, options) < 0)
		return 77;
	struct nr_ledger *ledger = open_ok(folder);
	unsigned failed = 0;
	for (unsigned i = 0; i < 2000 && !failed; i++) {
		failed = work(ledger, &m);
		failed += nr_ledger_publish(ledger, NULL) != 0;
	}
	if (!failed || mount("tmpfs", folder, "tmpfs", MS_REMOUNT, "size=100m") < 0)
		return 1;
	if (work(ledger, &m) || m.head_size != m.acknowledged)
		return 2;
	nr_ledger_close(ledger);
	check(folder, 0, &m);
	return 0;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ended_at_each_call),
		cmocka_unit_test_prestate(test_ended_at_each_call, "by a power cut"),
		cmocka_unit_test(test_a_full_disk_at_each_call),
		cmocka_unit_test(test_an_error_of_the_disk_at_each_call),
		cmocka_unit_test(test_nothing_after_an_error_of_the_disk),
		cmocka_unit_test(test_faults_at_opening),
		cmocka_unit_test(test_a_disk_that_is_full),
	};
	rig_key_init(&key, 0, RIG_ORIGIN);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key.key);
	return failed;
}
