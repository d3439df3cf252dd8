/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crew.h"
#include "base/wait.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct member {
	struct nr_crew *crew;
	unsigned number;
	pthread_t thread;
};

struct nr_crew {
	struct nr_wait call;    /* counts calls: members wait for the next one */
	struct nr_wait working; /* members that have not yet returned: the caller waits for 0 */
	void (*work)(void *context, unsigned member);
	void *context;
	unsigned count, started;
	bool spin;
	struct member members[NR_CREW_MAX];
};

static void *member_main(void *argument)
{
	struct member *m = argument;
	struct nr_crew *crew = m->crew;
	for (unsigned seen = 0;;) {
		seen = nr_wait_while(&crew->call, seen, crew->spin);
		if (!crew->work)
			return NULL;
		crew->work(crew->context, m->number);
		if (atomic_fetch_sub(&crew->working.value, 1) == 1)
			nr_wait_wake(&crew->working);
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
	nr_wait_wake(&crew->call);
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

bool nr_crew_may_spin(const struct nr_crew *crew)
{
	return crew && crew->spin;
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
		left = nr_wait_while(&crew->working, left, crew->spin);
}
