/* SPDX-License-Identifier: Apache-2.0 */
/* Crews: each member works once per call, and what it wrote is there afterwards. */
#include "base/crew.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>

struct board {
	uint64_t marks[NR_CREW_MAX]; /* not atomic: the crew's calls order them */
	pthread_t threads[NR_CREW_MAX];
	atomic_uint inside, most;
	unsigned members;
	bool nap;
};

static void mark(void *context, unsigned member)
{
	struct board *b = context;
	b->threads[member] = pthread_self();
	b->marks[member]++;
	if (b->nap && member)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void test_every_member_once(void **state)
{
	static const unsigned members[] = {1, 2, 3, 8, NR_CREW_MAX};
	(void)state;
	for (size_t k = 0; k < NR_COUNT(members); k++) {
		struct nr_crew *crew;
		struct board b = {.members = members[k]};
		assert_int_equal(nr_crew_new(members[k], &crew, NULL), 0);
		assert_int_equal(nr_crew_members(crew), members[k]);
		for (uint64_t call = 1; call <= 300; call++) {
			b.nap = call % 50 == 0; /* the caller has to sleep for the others, and they for it */
			nr_crew_run(crew, mark, &b);
			for (unsigned i = 0; i < members[k]; i++)
				assert_int_equal(b.marks[i], call);
		}
		assert_true(pthread_equal(b.threads[0], pthread_self()));
		for (unsigned i = 1; i < members[k]; i++)
			assert_false(pthread_equal(b.threads[i], pthread_self()));
		if (members[k] < NR_CREW_MAX)
			assert_int_equal(b.marks[members[k]], 0);
		nr_crew_free(crew);
	}
}

/* All are inside at the same time: each waits for the last one. */
static void meet(void *context, unsigned member)
{
	struct board *b = context;
	(void)member;
	atomic_fetch_add(&b->inside, 1);
	while (atomic_load(&b->inside) < b->members)
		nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
}

static void test_together(void **state)
{
	struct nr_crew *crew;
	struct board b = {.members = 5};
	(void)state;
	assert_int_equal(nr_crew_new(5, &crew, NULL), 0);
	nr_crew_run(crew, meet, &b);
	assert_int_equal(atomic_load(&b.inside), 5);
	nr_crew_free(crew);
}

/* A pause longer than any spinning: the members sleep and are woken. */
static void test_idle(void **state)
{
	struct nr_crew *crew;
	struct board b = {.members = 3};
	(void)state;
	assert_int_equal(nr_crew_new(3, &crew, NULL), 0);
	for (unsigned i = 1; i <= 5; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
		nr_crew_run(crew, mark, &b);
		assert_int_equal(b.marks[2], i);
	}
	nr_crew_free(crew);
}

static void note_signals(void *context, unsigned member)
{
	sigset_t blocked;
	(void)context;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	assert_int_equal(sigismember(&blocked, SIGTERM), member != 0);
}

/* A signal for the process finds the caller, never a member. */
static void test_signals(void **state)
{
	struct nr_crew *crew;
	(void)state;
	assert_int_equal(nr_crew_new(2, &crew, NULL), 0);
	nr_crew_run(crew, note_signals, NULL);
	nr_crew_free(crew);
}

static void test_nobody(void **state)
{
	struct board b = {.members = 1};
	(void)state;
	nr_crew_run(NULL, mark, &b);
	assert_int_equal(b.marks[0], 1);
	assert_int_equal(nr_crew_members(NULL), 1);
	nr_crew_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member_once),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_nobody),
	};
	return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
