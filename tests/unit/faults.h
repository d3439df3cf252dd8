/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the system that fail at a chosen moment, or end the process there. A test names the calls with
 * WRAP() and is linked with -Wl,--wrap=NAME for each. Included once in a test.
 */
#ifndef NR_TEST_FAULTS_H
#define NR_TEST_FAULTS_H

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

enum fault { NO_FAULT, FAIL_ONCE, FAIL_ON, END };
static enum fault fault;
static int fault_code;
static long fault_at;    /* the number of the call */
static bool fault_syncs; /* those that wait for the disk or erase, too: they do not fail for want of room */
static long calls;

/* Whether this call is to fail. */
static bool strikes(bool sync)
{
	if (sync && !fault_syncs)
		return false;
	long number = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (fault == NO_FAULT || number < fault_at || (fault != FAIL_ON && number > fault_at))
		return false;
	if (fault == END)
		_exit(0);
	errno = fault_code;
	return true;
}

static void arm(enum fault f, int code, long at, bool syncs)
{
	fault_syncs = syncs;
	fault = f;
	fault_code = code;
	fault_at = at;
	calls = 0;
}

#define WRAP(type, name, sync, parameters, arguments)                                                        \
	type __real_##name parameters;                                                                       \
	type __wrap_##name parameters;                                                                       \
	type __wrap_##name parameters                                                                        \
	{                                                                                                    \
		return strikes(sync) ? -1 : __real_##name arguments;                                         \
	}

#endif
