/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that do one thing together: each member gets its number, the caller is member 0, and the call
 * returns when all are done. Members wait by spinning for some microseconds, then asleep. A crew of one has
 * no threads. Used by one thread.
 */
#ifndef NR_BASE_CREW_H
#define NR_BASE_CREW_H

#include "base/error.h"

#define NR_CREW_MAX 64

struct nr_crew;

int nr_crew_new(unsigned members, struct nr_crew **ret_crew, struct nr_error *error);
void nr_crew_free(struct nr_crew *crew);
void nr_crew_freep(struct nr_crew **crew);
unsigned nr_crew_members(const struct nr_crew *crew); /* NULL: 1 */
bool nr_crew_may_spin(const struct nr_crew *crew);    /* each member has a processor */

/* Calls work(context, 0 .. members - 1), each in its own thread; what they wrote is visible afterwards.
 * crew NULL: one call. */
void nr_crew_run(struct nr_crew *crew, void (*work)(void *context, unsigned member), void *context);

#endif
