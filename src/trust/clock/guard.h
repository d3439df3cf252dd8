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

/* Called with one line of JSON, an entry of kind "clock":
 * {"kind","time","event","state","reason","offset_us", "bound_us","agreeing"}. event: "start", "change",
 * "confirm", and "hour", "end" with what was since the last of these:
 * {"hour","span_us","held_us":{reason:us,...},"offset_max_us","bound_max_us","leap":announced or not,
 * "references":[{"name","asked","answered","min_us","mean_us","max_us","p95_us","bound_max_us"}]}. Times of
 * day are the machine's. By the guard's thread, or the one that confirms; the guard's lock is not held. */
typedef void nr_guard_record(void *context, const char *line, size_t length);

struct nr_guard_conf {
	/* "chrony" (UDP on loopback), "chrony:PATH", "ntp:HOST" or "ntp:HOST:PORT"; none:
	 * the machine's clock is taken as it is, and every statement says so */
	const struct nr_texts *references;
	struct nr_clock_conf clock; /* its references are set from the list */
	nr_guard_record *record;    /* NULL: none */
	void *record_context;
	/* Reads the clocks; NULL: nr_clock_read(). For tests. */
	void (*read)(void *context, struct nr_clock_reading *ret_reading);
	void *read_context;
};

/* Resolves names and opens sockets; afterwards nothing is opened. */
int nr_guard_open(const struct nr_guard_conf *conf, struct nr_guard **ret_guard, struct nr_error *error);
/* The thread starts. Before it, nothing may be issued. */
int nr_guard_start(struct nr_guard *guard, struct nr_error *error);
/* NULL allowed. Nobody may ask it any more. */
void nr_guard_stop(struct nr_guard *guard);

/* May a token be issued now? *ret_reading is the moment that the statement is about, and what is to be
 * stamped. Any thread. */
void nr_guard_state(struct nr_guard *guard, struct nr_clock_reading *ret_reading,
	struct nr_clock_statement *ret_statement);
bool nr_guard_is_checked(const struct nr_guard *guard); /* false: there are no references */
void nr_guard_confirm(struct nr_guard *guard);          /* an entry, too */

/* "clock": {"state","reason","offset_us","bound_us","agreeing","references":[{"name","answered","offset_us",
 * "bound_us","leap","age_s","why"}]} into the object that is open. */
void nr_guard_write_json(struct nr_guard *guard, struct nr_json *json);

#endif
