/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger whose process is killed a thousand times: nothing that was acknowledged is lost, and no checkpoint
 * contradicts an earlier one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_memory.h"

#include <signal.h>
#include <sys/wait.h>

#define KILLS       1000
#define KILL_US_MAX 2500

/* Appends small batches and tells of each; publishes now and then. */
static _Noreturn void live(const char *folder, int report)
{
	struct nr_ledger_conf conf = rig_conf(folder, &key);
	struct nr_ledger *ledger = NULL;
	if (nr_ledger_open(&conf, &ledger, NULL))
		_exit(1);
	for (unsigned i = 0;; i++) {
		uint64_t size = nr_ledger_size(ledger);
		size_t count = 1 + (size * 7 + i) % 5;
		if (rig_append(ledger, size, count, NULL))
			_exit(1);
		size += count;
		if (write(report, &size, sizeof size) != sizeof size)
			_exit(1);
		if (i % 3 == 2 && nr_ledger_publish(ledger, NULL))
			_exit(1);
	}
}

/* One life and its end after some time, which begins with it or, `later`, when it has acknowledged something.
 * Answers whether it ended by itself. */
static bool live_and_die(const char *folder, bool later, unsigned us, uint64_t *acknowledged)
{
	int ends[2], status;
	uint64_t said;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		live(folder, ends[1]);
	}
	close(ends[1]);
	if (later && read(ends[0], &said, sizeof said) == sizeof said)
		*acknowledged = said;
	usleep(us);
	kill(child, SIGKILL);
	while (read(ends[0], &said, sizeof said) == sizeof said)
		*acknowledged = said;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status);
}

static void test_killed_a_thousand_times(void **state)
{
	(void)state;
	const char *folder = rig_folder();
	struct memory m = {0};
	unsigned seed = 20261124, heard = 0;
	for (unsigned i = 0; i < KILLS; i++) {
		uint64_t from = m.acknowledged;
		seed = seed * 1103515245 + 12345;
		assert_false(live_and_die(folder, i % 2, seed / 65536 % KILL_US_MAX, &m.acknowledged));
		heard += m.acknowledged > from;
		check(folder, from, &m);
	}
	struct nr_ledger *ledger = open_ok(folder);
	for (uint64_t i = 0; i < m.acknowledged; i++)
		assert_true(rig_holds(ledger, i));
	nr_ledger_close(ledger);
	print_message("%u lives, %u of them acknowledged something, %llu entries\n", KILLS, heard,
		(unsigned long long)m.acknowledged);
	assert_true(heard >= KILLS / 2);
	rig_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_a_thousand_times),
	};
	rig_key_init(&key, 0, RIG_ORIGIN);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_PKEY_free(key.key);
	return failed;
}
