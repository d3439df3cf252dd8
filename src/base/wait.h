/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number that some threads change and others wait for: first by spinning for some microseconds, then
 * asleep. Changes are made with sequential consistency, so that a sleeper either has seen them or is woken.
 */
#ifndef NR_BASE_WAIT_H
#define NR_BASE_WAIT_H

#include "base/base.h"

#include <stdatomic.h>

struct nr_wait {
	_Alignas(NR_CACHE_LINE) atomic_uint value;
	atomic_uint sleepers;
};

/* Waits while the value is `old`; answers the other one. spin false: there are more threads than processors,
 * so that spinning would only keep the others from their work. */
unsigned nr_wait_while(struct nr_wait *wait, unsigned old, bool spin);
/* After a change. */
void nr_wait_wake(struct nr_wait *wait);

#endif
