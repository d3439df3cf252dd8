/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Longer than a round of packets is uneven, shorter than what anybody would notice in the process list. */
#define SPIN_NS    30000
#define SPIN_TURNS 64 /* pauses between two looks at the clock */

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

unsigned nr_wait_while(struct nr_wait *wait, unsigned old, bool spin)
{
	unsigned value;
	for (uint64_t end = spin ? now_ns() + SPIN_NS : 0; spin && now_ns() < end;)
		for (unsigned i = 0; i < SPIN_TURNS; i++) {
			value = atomic_load_explicit(&wait->value, memory_order_acquire);
			if (value != old)
				return value;
			pause_briefly();
		}
	while ((value = atomic_load(&wait->value)) == old) {
		atomic_fetch_add(&wait->sleepers, 1);
		futex(&wait->value, FUTEX_WAIT, old); /* returns at once where the value has changed */
		atomic_fetch_sub(&wait->sleepers, 1);
	}
	return value;
}

void nr_wait_wake(struct nr_wait *wait)
{
	if (atomic_load(&wait->sleepers))
		futex(&wait->value, FUTEX_WAKE, INT_MAX);
}
