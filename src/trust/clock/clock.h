/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the time may be told to others. The guard compares this machine's clock with at least two
 * references and can say at every moment how far it is off at most, or that it does not know: HOLD, and
 * nobody stamps.
 *
 * Truth is carried forward by CLOCK_MONOTONIC_RAW, which nobody sets: a sample says where truth stood against
 * it, within the reference's own bound, and that interval widens with the oscillator's drift:
 *
 *	bound(t) = |offset(t)| + root dispersion + root delay / 2 + drift x (t - sample)
 *
 * so that a step of CLOCK_REALTIME is seen by the next question, not by the next answer of a reference. What
 * most references can agree on is found by intersecting intervals (Marzullo 1984; RFC 5905 section 11.2.1).
 * One that jumped against its own past is not believed, and where a quorum jumped to the same place beyond
 *the limit, nobody is; one that did not and still says that we are beyond the limit has a veto, unless three
 *or more, and twice as many, say otherwise.
 *
 * Pure: what references said and what time it is come in as arguments, so that thousands of faults can be
 * simulated (tests/unit/test_clock.c). Used by one thread at a time.
 */
#ifndef NR_TRUST_CLOCK_CLOCK_H
#define NR_TRUST_CLOCK_CLOCK_H

#include "base/time.h"

#define NR_CLOCK_LIMIT          (NR_SECOND / 2) /* practice of audits after JIS X 5094: within 0.5 s of UTC */
#define NR_CLOCK_REFERENCES_MAX 8

/* The machine's clocks, read together. */
struct nr_clock_reading {
	nr_time real;                /* CLOCK_REALTIME, what would be stamped */
	nr_time monotonic, boottime; /* CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME */
};
void nr_clock_read(struct nr_clock_reading *ret_reading);

/* What a reference said. */
struct nr_clock_sample {
	bool answered;
	nr_time offset; /* reference minus machine */
	nr_time bound;  /* its own uncertainty: root dispersion + root delay / 2 */
	uint8_t leap; /* RFC 5905 figure 9: 0 none, 1 insert, 2 delete at the end of the day, 3 unsynchronised
		       */
};

struct nr_clock_conf {
	unsigned references;
	unsigned quorum;     /* how many must agree; 0: 2 */
	nr_time limit;       /* 0: NR_CLOCK_LIMIT */
	double drift_ppm;    /* what the machine's oscillator may do; 0: 100 */
	nr_time fresh;       /* a reference's word counts that long; 0: 64 s */
	unsigned good_polls; /* samples in a row that agree before HOLD becomes RUN; 0: 8 */
	nr_time good_time;   /* over at least this time; 0: 60 s; less than 0: none */
	bool confirm;        /* after a step or a suspend, only an operator's word ends HOLD */
};

struct nr_clock;

/* -EINVAL: fewer than two references, or a quorum below two. */
int nr_clock_new(const struct nr_clock_conf *conf, struct nr_clock **ret_clock, struct nr_error *error);
void nr_clock_free(struct nr_clock *clock);
void nr_clock_freep(struct nr_clock **clock);

/* What reference `index` said at `now`. */
void nr_clock_observe(struct nr_clock *clock, unsigned index, const struct nr_clock_sample *sample,
	const struct nr_clock_reading *now);

enum nr_clock_reason {
	NR_CLOCK_FINE,
	NR_CLOCK_NO_QUORUM,
	NR_CLOCK_BEYOND_LIMIT,
	NR_CLOCK_VETO,
	NR_CLOCK_STEPPED,
	NR_CLOCK_SUSPENDED,
	NR_CLOCK_LEAP,
	NR_CLOCK_SETTLING,
	NR_CLOCK_UNCONFIRMED,
	NR_CLOCK_REASONS
};
extern const char *const nr_clock_reason_names[NR_CLOCK_REASONS]; /* "fine", "no-quorum", ... */

struct nr_clock_statement {
	bool run; /* a token may be issued */
	enum nr_clock_reason reason;
	nr_time low, high; /* truth minus machine lies between; not known where bound is NR_TIME_MAX */
	nr_time bound;     /* |truth - machine| is at most this */
	unsigned agreeing; /* references */
};

/* May a token be issued at `now`? To be asked before every one: no system call, and what it finds wrong is
 * remembered. */
void nr_clock_state(
	struct nr_clock *clock, const struct nr_clock_reading *now, struct nr_clock_statement *ret_statement);

/* An operator has looked at what happened. */
void nr_clock_confirm(struct nr_clock *clock);

#endif
