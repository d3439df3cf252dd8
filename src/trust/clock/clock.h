/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the time may be told to others. A guard compares this machine's clock with at least two references
 * and, at every moment, can say how far it is off at most; or that it does not know, and then nobody stamps.
 *
 *	bound(t) = |offset| + root dispersion + root delay / 2 + drift x (t - last answer)
 *
 * Quorum by intersecting intervals (Marzullo 1984; RFC 5905 section 11.2.1). A step (CLOCK_REALTIME against
 * CLOCK_MONOTONIC_RAW), a suspend (CLOCK_BOOTTIME), a leap second and silence each mean HOLD. Two pure parts,
 * so that thousands of faults can be simulated: what a reference says comes in as numbers, what time it is
 * comes in as an argument.
 */
#ifndef NR_TRUST_CLOCK_CLOCK_H
#define NR_TRUST_CLOCK_CLOCK_H

#include "base/json.h"
#include "base/time.h"

#define NR_CLOCK_LIMIT          (NR_SECOND / 2) /* JIS X 5094 practice: within 0.5 s of UTC */
#define NR_CLOCK_REFERENCES_MAX 8

enum nr_clock_state { NR_CLOCK_HOLD, NR_CLOCK_RUN };

/* Moments of the machine's clocks, read together. */
struct nr_clock_reading {
	nr_time real;                /* CLOCK_REALTIME, what would be stamped */
	nr_time monotonic, boottime; /* CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME */
};
void nr_clock_read(struct nr_clock_reading *ret_reading);

struct nr_clock_sample {
	bool answered;
	nr_time offset; /* reference minus machine */
	nr_time bound;  /* the reference's own uncertainty: dispersion + delay / 2 */
	uint8_t leap;   /* 0 none, 1 insert, 2 delete, 3 unsynchronised (RFC 5905 figure 9) */
};

struct nr_clock; /* the guard's state; one thread */

struct nr_clock_conf {
	unsigned references; /* how many there are */
	unsigned quorum;     /* how many must agree; at least 2 */
	nr_time limit;       /* 0: NR_CLOCK_LIMIT */
	double drift_ppm;    /* what the machine's oscillator may do; 0: 50 */
	nr_time fresh;       /* a reference's word counts that long; 0: 64 s */
	unsigned good_polls; /* polls in a row before HOLD becomes RUN; 0: 8 */
	nr_time good;        /* and over at least this time; 0: 60 s */
	bool confirm;        /* after a step or suspend an operator must confirm */
};
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
	NR_CLOCK_STEPPED,
	NR_CLOCK_SUSPENDED,
	NR_CLOCK_LEAP, /* half a second around a leap second, or the references differ about one */
	NR_CLOCK_SETTLING,
	NR_CLOCK_UNCONFIRMED,
	NR_CLOCK_REASONS
};
struct nr_clock_statement {
	enum nr_clock_state state;
	enum nr_clock_reason reason;
	nr_time offset; /* middle of what the quorum agrees on */
	nr_time bound;  /* |truth - machine| is at most this; NR_TIME_MAX: unknown */
	unsigned agreeing;
};
/* May a token be issued at `now`? Ask before every one; cheap (no system call). */
void nr_clock_state(
	struct nr_clock *clock, const struct nr_clock_reading *now, struct nr_clock_statement *ret);
void nr_clock_confirm(struct nr_clock *clock);
/* Leap second at this moment (UTC midnight), +1 or -1; 0: none is announced. */
void nr_clock_leap(struct nr_clock *clock, nr_time midnight, int what);
extern const char *const nr_clock_reason_names[NR_CLOCK_REASONS];

#endif
