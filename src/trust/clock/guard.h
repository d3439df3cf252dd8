/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard at work: a thread that asks the references, any number of threads that ask the guard. What
 * changed, and a summary of each hour, are entries of the ledger, from which the monthly audit is made.
 */
#ifndef NR_TRUST_CLOCK_GUARD_H
#define NR_TRUST_CLOCK_GUARD_H

#include "base/json.h"
#include "base/option.h"
#include "trust/clock/clock.h"

struct nr_guard;

/* Called by the guard's thread with one line of JSON (an entry of kind "clock"). */
typedef void nr_guard_record(void *context, const char *line, size_t length);

struct nr_guard_conf {
	/* "chrony" (its socket, else UDP on loopback), "chrony:PATH", "ntp:HOST" or "ntp:HOST:PORT"; none:
	 * the machine's clock is taken as it is, and every statement says so */
	const struct nr_texts *references;
	struct nr_clock_conf clock; /* its references are set from the list */
	nr_guard_record *record;    /* NULL: none */
	void *record_context;
	/* Reads the clocks; NULL: nr_clock_read(). For tests. */
	void (*read)(void *context, struct nr_clock_reading *ret_reading);
	void *read_context;
};

/* Resolves names and opens sockets; the thread starts. */
int nr_guard_start(const struct nr_guard_conf *conf, struct nr_guard **ret_guard, struct nr_error *error);
void nr_guard_stop(struct nr_guard *guard); /* NULL allowed */

/* May a token be issued now? *ret_reading is the moment that the statement is about, and what is to be
 * stamped. Any thread. */
void nr_guard_state(struct nr_guard *guard, struct nr_clock_reading *ret_reading,
	struct nr_clock_statement *ret_statement);
bool nr_guard_is_checked(const struct nr_guard *guard); /* false: there are no references */
void nr_guard_confirm(struct nr_guard *guard);

/* "clock": {"state","reason","offset_us","bound_us","agreeing","references":[{"name","answered","offset_us",
 * "bound_us","leap","age_s","why"}]} into the object that is open. */
void nr_guard_write_json(struct nr_guard *guard, struct nr_json *json);

#endif
