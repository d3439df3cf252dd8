/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/clock/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define QUORUM      2
#define DRIFT_PPM   100.0
#define FRESH       (64 * NR_SECOND)
#define GOOD_POLLS  8
#define GOOD_TIME   NR_MINUTE
#define STEP        (10 * NR_SECOND / 1000) /* a smaller one is a slew for all that matters here */
#define SLEW        0.1                     /* of the time that passed: chrony slews by 8.3 % at most */
#define LEAP_MARGIN (NR_SECOND / 2)         /* on both sides of a leap second nobody stamps */
#define LEAP_DOUBT  (2 * NR_SECOND)         /* and longer where references differ about it */

const char *const nr_clock_reason_names[NR_CLOCK_REASONS] = {
	[NR_CLOCK_FINE] = "fine",
	[NR_CLOCK_NO_QUORUM] = "no-quorum",
	[NR_CLOCK_BEYOND_LIMIT] = "beyond-limit",
	[NR_CLOCK_VETO] = "veto",
	[NR_CLOCK_STEPPED] = "stepped",
	[NR_CLOCK_SUSPENDED] = "suspended",
	[NR_CLOCK_LEAP] = "leap-second",
	[NR_CLOCK_SETTLING] = "settling",
	[NR_CLOCK_UNCONFIRMED] = "unconfirmed",
};

/* Where truth stands against CLOCK_MONOTONIC_RAW, according to one reference. */
struct track {
	bool known, doubted; /* doubted: it jumped */
	nr_time low, high;   /* of truth - monotonic, at the sample */
	nr_time at;          /* monotonic */
	nr_time jumped;      /* when it did last */
	uint8_t leap;
};

struct nr_clock {
	struct nr_clock_conf conf;
	struct track tracks[NR_CLOCK_REFERENCES_MAX];
	struct nr_clock_reading anchor; /* of the last question or sample */
	bool started;
	enum nr_clock_reason held;  /* FINE: it runs */
	bool unconfirmed;           /* a step or a suspend that nobody has looked at */
	enum nr_clock_reason cause; /* of that */
	unsigned good;              /* samples in a row that left nothing to object to */
	nr_time good_since;         /* monotonic */
	nr_time leap_day;           /* midnight whose leap second was announced; 0: none */
	bool leap_doubt;
};

static nr_time read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (nr_time)t.tv_sec * NR_SECOND + t.tv_nsec / 1000;
}

void nr_clock_read(struct nr_clock_reading *ret_reading)
{
	ret_reading->monotonic = read_clock(CLOCK_MONOTONIC_RAW);
	ret_reading->boottime = read_clock(CLOCK_BOOTTIME);
	ret_reading->real = read_clock(CLOCK_REALTIME);
}

int nr_clock_new(const struct nr_clock_conf *conf, struct nr_clock **ret_clock, struct nr_error *error)
{
	unsigned quorum = conf->quorum ? conf->quorum : QUORUM;
	if (conf->references < 2 || conf->references > NR_CLOCK_REFERENCES_MAX)
		return nr_fail(error, -EINVAL,
			"%u clock references: between 2 and %d are needed, so that one can be wrong",
			conf->references, NR_CLOCK_REFERENCES_MAX);
	if (quorum < 2 || quorum > conf->references)
		return nr_fail(error, -EINVAL, "a quorum of %u of %u clock references: must be at least 2",
			quorum, conf->references);
	struct nr_clock *clock = calloc(1, sizeof *clock);
	if (!clock)
		return nr_fail(error, -ENOMEM, "out of memory");
	clock->conf = *conf;
	clock->conf.quorum = quorum;
	clock->conf.limit = conf->limit ? conf->limit : NR_CLOCK_LIMIT;
	clock->conf.drift_ppm = conf->drift_ppm > 0 ? conf->drift_ppm : DRIFT_PPM;
	clock->conf.fresh = conf->fresh ? conf->fresh : FRESH;
	clock->conf.good_polls = conf->good_polls ? conf->good_polls : GOOD_POLLS;
	clock->conf.good_time = conf->good_time ? conf->good_time : GOOD_TIME;
	clock->held = NR_CLOCK_SETTLING;
	*ret_clock = clock;
	return 0;
}

void nr_clock_free(struct nr_clock *clock)
{
	free(clock);
}

void nr_clock_freep(struct nr_clock **clock)
{
	nr_clock_free(*clock);
}

void nr_clock_confirm(struct nr_clock *clock)
{
	clock->unconfirmed = false;
}

static nr_time absolute(nr_time t)
{
	return t < 0 ? -t : t;
}

/* What the oscillator may have done in that time. */
static nr_time drift(const struct nr_clock *clock, nr_time elapsed)
{
	return 1 + (nr_time)((double)elapsed * clock->conf.drift_ppm / 1e6);
}

/* ---- the machine's own clocks against each other ---- */

/* A step or a suspend since the last reading. */
static void compare(struct nr_clock *clock, const struct nr_clock_reading *now)
{
	struct nr_clock_reading before = clock->anchor;
	clock->anchor = *now;
	if (!clock->started) {
		clock->started = true;
		return;
	}
	nr_time elapsed = now->monotonic - before.monotonic;
	nr_time allowed = STEP + (nr_time)((double)NR_MAX(elapsed, 0) * SLEW);
	nr_time real = now->real - before.real - elapsed,
		boottime = now->boottime - before.boottime - elapsed;
	enum nr_clock_reason found = NR_CLOCK_FINE;
	if (elapsed < 0 || absolute(boottime) > allowed)
		found = NR_CLOCK_SUSPENDED; /* monotonic time stood still: nothing is known of truth */
	else if (absolute(real) > allowed &&
		 !(clock->leap_day && absolute(now->real - clock->leap_day) < LEAP_DOUBT))
		found = NR_CLOCK_STEPPED;
	if (found == NR_CLOCK_FINE)
		return;
	if (found == NR_CLOCK_SUSPENDED)
		memset(clock->tracks, 0, sizeof clock->tracks);
	clock->held = clock->cause = found;
	clock->unconfirmed = clock->conf.confirm;
	clock->good = 0;
}

/* ---- leap seconds ---- */

static nr_time next_midnight(nr_time t)
{
	return nr_time_floor(t, NR_DAY) + NR_DAY;
}

/* An announcement holds for the end of the UTC day; after that moment the references' truth has moved by a
 * second against monotonic time, so that nothing said before counts. */
static void look_at_leap(struct nr_clock *clock, nr_time real)
{
	if (clock->leap_day && real > clock->leap_day + (clock->leap_doubt ? LEAP_DOUBT : LEAP_MARGIN)) {
		clock->leap_day = 0;
		clock->leap_doubt = false;
		memset(clock->tracks, 0, sizeof clock->tracks);
		clock->held = NR_CLOCK_LEAP;
		clock->good = 0;
	}
	unsigned announced[3] = {0}, fresh = 0;
	for (unsigned i = 0; i < clock->conf.references; i++) {
		const struct track *track = &clock->tracks[i];
		if (!track->known || clock->anchor.monotonic - track->at > clock->conf.fresh)
			continue;
		announced[track->leap]++;
		fresh++;
	}
	if (announced[1] + announced[2] == 0) {
		/* a reference stops announcing at midnight; well before it, it has thought better of it */
		if (fresh > 0 && clock->leap_day - real > NR_HOUR)
			clock->leap_day = 0;
		return;
	}
	clock->leap_day = clock->leap_day ? clock->leap_day : next_midnight(real);
	clock->leap_doubt = announced[1] != fresh && announced[2] != fresh;
}

static bool is_leap(const struct nr_clock *clock, nr_time real)
{
	return clock->leap_day &&
	       absolute(real - clock->leap_day) <= (clock->leap_doubt ? LEAP_DOUBT : LEAP_MARGIN);
}

/* ---- what the references agree on ---- */

struct interval {
	nr_time low, high;
	unsigned index;
};

/* Intervals of truth minus machine as of now, of the references that count; or of those that jumped. */
static unsigned gather(const struct nr_clock *clock, const struct nr_clock_reading *now, bool doubted,
	struct interval *ret_intervals)
{
	unsigned count = 0;
	nr_time shift = now->monotonic - now->real;
	for (unsigned i = 0; i < clock->conf.references; i++) {
		const struct track *track = &clock->tracks[i];
		nr_time age = now->monotonic - track->at;
		if (!track->known || track->doubted != doubted || age > clock->conf.fresh)
			continue;
		nr_time widened = drift(clock, age);
		ret_intervals[count++] =
			(struct interval){track->low + shift - widened, track->high + shift + widened, i};
	}
	return count;
}

/* The part that most intervals share. Some low end begins it: with so few, each is tried. */
static unsigned intersect(
	const struct interval *intervals, unsigned count, nr_time *ret_low, nr_time *ret_high)
{
	unsigned most = 0;
	for (unsigned i = 0; i < count; i++) {
		nr_time low = intervals[i].low, high = NR_TIME_MAX;
		unsigned holds = 0;
		for (unsigned k = 0; k < count; k++) {
			if (intervals[k].low > low || intervals[k].high < low)
				continue;
			holds++;
			high = NR_MIN(high, intervals[k].high);
		}
		if (holds > most) {
			most = holds;
			*ret_low = low;
			*ret_high = high;
		}
	}
	return most;
}

/* Whether a reference outside of the agreed part says that the machine may be beyond the limit. */
static bool is_vetoed(const struct nr_clock *clock, const struct interval *intervals, unsigned count,
	nr_time low, nr_time high, unsigned agreeing)
{
	unsigned dissenting = count - agreeing;
	if (agreeing >= 3 && agreeing > 2 * dissenting)
		return false;
	for (unsigned i = 0; i < count; i++) {
		bool outside = intervals[i].low > high || intervals[i].high < low;
		if (outside &&
			NR_MAX(absolute(intervals[i].low), absolute(intervals[i].high)) > clock->conf.limit)
			return true;
	}
	return false;
}

/* One that jumped has lost truth. Where so many jump to the same place as would be believed otherwise, it may
 * be our own clocks that did. */
static bool is_left(const struct nr_clock *clock, const struct nr_clock_reading *now)
{
	struct interval intervals[NR_CLOCK_REFERENCES_MAX];
	nr_time low = 0, high = 0;
	unsigned count = gather(clock, now, true, intervals);
	return intersect(intervals, count, &low, &high) >= clock->conf.quorum &&
	       NR_MAX(absolute(low), absolute(high)) > clock->conf.limit;
}

static enum nr_clock_reason judge(const struct nr_clock *clock, const struct nr_clock_reading *now,
	struct nr_clock_statement *statement)
{
	struct interval intervals[NR_CLOCK_REFERENCES_MAX];
	nr_time low = 0, high = 0;
	unsigned count = gather(clock, now, false, intervals);
	statement->agreeing = intersect(intervals, count, &low, &high);
	if (statement->agreeing < clock->conf.quorum)
		return NR_CLOCK_NO_QUORUM;
	statement->low = low;
	statement->high = high;
	/* all that those say who agree: one of them may be wrong and still cut into what the others share */
	for (unsigned i = 0; i < count; i++) {
		if (intervals[i].low > high || intervals[i].high < low)
			continue;
		statement->low = NR_MIN(statement->low, intervals[i].low);
		statement->high = NR_MAX(statement->high, intervals[i].high);
	}
	statement->bound = NR_MAX(absolute(statement->low), absolute(statement->high));
	if (is_leap(clock, now->real))
		return NR_CLOCK_LEAP;
	if (is_vetoed(clock, intervals, count, low, high, statement->agreeing) || is_left(clock, now))
		return NR_CLOCK_VETO;
	return statement->bound > clock->conf.limit ? NR_CLOCK_BEYOND_LIMIT : NR_CLOCK_FINE;
}

/* ---- samples ---- */

/* Truth does not jump against monotonic time: a reference that does has lost it, or lies. It is believed
 * again when it is back with those that did not; where they are too few, when it has gone steadily for as
 * long as its word would count. */
static void follow(const struct nr_clock *clock, struct track *track, const struct nr_clock_sample *sample,
	const struct nr_clock_reading *now)
{
	nr_time middle = now->real + sample->offset - now->monotonic;
	nr_time widened = drift(clock, now->monotonic - track->at);
	struct track next = *track;
	next.known = true;
	next.low = middle - sample->bound;
	next.high = middle + sample->bound;
	next.at = now->monotonic;
	next.leap = sample->leap;
	if (track->known && (next.low > track->high + widened || next.high < track->low - widened)) {
		next.doubted = true;
		next.jumped = now->monotonic;
	}
	*track = next;
	if (!next.doubted)
		return;
	struct nr_clock_statement others = {.bound = NR_TIME_MAX};
	bool quorum = judge(clock, now, &others) != NR_CLOCK_NO_QUORUM;
	nr_time shift = now->monotonic - now->real;
	track->doubted = quorum ? next.low + shift > others.high || next.high + shift < others.low
				: now->monotonic - next.jumped < clock->conf.fresh;
}

void nr_clock_observe(struct nr_clock *clock, unsigned index, const struct nr_clock_sample *sample,
	const struct nr_clock_reading *now)
{
	if (index >= clock->conf.references)
		return;
	compare(clock, now);
	look_at_leap(clock, now->real);
	if (!sample->answered || sample->leap > 2 || sample->bound < 0 ||
		absolute(sample->offset) > NR_TIME_MAX / 4)
		return;
	follow(clock, &clock->tracks[index], sample, now);
	struct nr_clock_statement statement = {.bound = NR_TIME_MAX};
	if (judge(clock, now, &statement) != NR_CLOCK_FINE) {
		clock->good = 0;
		return;
	}
	if (clock->good++ == 0)
		clock->good_since = now->monotonic;
	bool long_enough = now->monotonic - clock->good_since >= clock->conf.good_time;
	if (clock->good >= clock->conf.good_polls * clock->conf.references && long_enough &&
		!clock->unconfirmed)
		clock->held = NR_CLOCK_FINE;
}

void nr_clock_state(
	struct nr_clock *clock, const struct nr_clock_reading *now, struct nr_clock_statement *ret_statement)
{
	struct nr_clock_statement statement = {.bound = NR_TIME_MAX};
	compare(clock, now);
	look_at_leap(clock, now->real);
	enum nr_clock_reason reason = judge(clock, now, &statement);
	if (reason != NR_CLOCK_FINE) {
		clock->held = clock->unconfirmed ? clock->cause : reason;
		clock->good = 0;
	} else if (clock->held != NR_CLOCK_FINE) {
		reason = clock->unconfirmed ? NR_CLOCK_UNCONFIRMED : NR_CLOCK_SETTLING;
	}
	statement.reason = reason;
	statement.run = reason == NR_CLOCK_FINE;
	*ret_statement = statement;
}
