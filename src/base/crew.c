/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/* Longer than a round of packets is uneven, shorter than what anybody would notice in the process list. Where
 * there are more members than processors, spinning only keeps the others from their work. */
#define SPIN_NS    30000
#define SPIN_TURNS 64 /* pauses between two looks at the clock */

/* A number that some threads change and others wait for. */
struct word {
	_Alignas(NR_CACHE_LINE) atomic_uint value;
	atomic_uint sleepers;
};

struct member {
	struct nr_crew *crew;
	unsigned number;
	pthread_t thread;
};

struct nr_crew {
	struct word call;    /* counts calls: members wait for the next one */
	struct word working; /* members that have not yet returned: the caller waits for 0 */
	void (*work)(void *context, unsigned member);
	void *context;
	unsigned count, started;
	bool spin;
	struct member members[NR_CREW_MAX];
};

static void futex(atomic_uint *word, int operation, unsigned value)
{
	(void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Waits while the value is `old`; answers the other one. */
static unsigned wait_while(struct word *word, unsigned old, bool spin)
{
	unsigned value;
	for (uint64_t end = spin ? now_ns() + SPIN_NS : 0; spin && now_ns() < end;)
		for (unsigned i = 0; i < SPIN_TURNS; i++) {
			value = atomic_load_explicit(&word->value, memory_order_acquire);
			if (value != old)
				return value;
			pause_briefly();
		}
	while ((value = atomic_load(&word->value)) == old) {
		atomic_fetch_add(&word->sleepers, 1);
		futex(&word->value, FUTEX_WAIT, old); /* returns at once where the value has changed */
		atomic_fetch_sub(&word->sleepers, 1);
	}
	return value;
}

/* After a change that was made with sequential consistency: a sleeper either has seen it or is seen here. */
static void wake(struct word *word)
{
	if (atomic_load(&word->sleepers))
		futex(&word->value, FUTEX_WAKE, NR_CREW_MAX);
}

static void *member_main(void *argument)
{
	struct member *m = argument;
	struct nr_crew *crew = m->crew;
	for (unsigned seen = 0;;) {
		seen = wait_while(&crew->call, seen, crew->spin);
		if (!crew->work)
			return NULL;
		crew->work(crew->context, m->number);
		if (atomic_fetch_sub(&crew->working.value, 1) == 1)
			wake(&crew->working);
	}
}

/* Signals are the caller's: a member never runs a handler. */
static int start_members(struct nr_crew *crew, struct nr_error *error)
{
	sigset_t all, before;
	int e = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 1; !e && i < crew->count; i++) {
		crew->members[i] = (struct member){.crew = crew, .number = i};
		e = pthread_create(&crew->members[i].thread, NULL, member_main, &crew->members[i]);
		crew->started += !e;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e ? nr_fail(error, -e, "cannot start %u threads: %s", crew->count, strerror(e)) : 0;
}

int nr_crew_new(unsigned members, struct nr_crew **ret_crew, struct nr_error *error)
{
	assert(members >= 1 && members <= NR_CREW_MAX);
	NR_AUTO(nr_crew_freep)
	struct nr_crew *crew = aligned_alloc(_Alignof(struct nr_crew), sizeof *crew);
	if (!crew)
		return nr_fail(error, -ENOMEM, "out of memory");
	memset(crew, 0, sizeof *crew);
	crew->count = members;
	cpu_set_t processors;
	if (sched_getaffinity(0, sizeof processors, &processors) == 0)
		crew->spin = members <= (unsigned)CPU_COUNT(&processors);
	int e = start_members(crew, error);
	if (e)
		return e;
	*ret_crew = nr_steal(&crew);
	return 0;
}

static void call(struct nr_crew *crew, void (*work)(void *context, unsigned member), void *context)
{
	crew->work = work;
	crew->context = context;
	atomic_store(&crew->working.value, crew->started);
	atomic_fetch_add(&crew->call.value, 1);
	wake(&crew->call);
}

void nr_crew_free(struct nr_crew *crew)
{
	if (!crew)
		return;
	call(crew, NULL, NULL);
	for (unsigned i = 1; i <= crew->started; i++)
		pthread_join(crew->members[i].thread, NULL);
	free(crew);
}

void nr_crew_freep(struct nr_crew **crew)
{
	nr_crew_free(*crew);
}

unsigned nr_crew_members(const struct nr_crew *crew)
{
	return crew ? crew->count : 1;
}

void nr_crew_run(struct nr_crew *crew, void (*work)(void *context, unsigned member), void *context)
{
	if (!crew || !crew->started) {
		work(context, 0);
		return;
	}
	call(crew, work, context);
	work(context, 0);
	unsigned left = atomic_load(&crew->working.value);
	while (left)
		left = wait_while(&crew->working, left, crew->spin);
}
