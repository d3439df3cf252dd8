/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an exporter's own timers do to the times of records (flow reference 16). A timer can only cut one
 * connection: so its comb stands in the steps between records of the same client and port, the former of
 * which lasted for most of the step. New connections and single packets are not in it, however many servers
 * have them.
 */
#include "sense/flow/detect/timing/timing_inside.h"

#include <errno.h>
#include <math.h>

#define BINS      192  /* of steps, 5 % wide, from 2 s to above 6 h */
#define BIN_WIDTH 0.05 /* about; of the logarithm */
#define FIRST     2.0  /* s */
#define NEAR      2    /* bins on either side that a timer spreads over: it waits for the next packet */
#define AROUND    8    /* bins that tell what is usual there */
#define STEPS_MIN 2    /* of one server in one bin: once is chance */

#define SECONDS      3700 /* of durations and silences: 1800 and 3600 are the longest timers in use */
#define RECORDS      64   /* of one server that teach timers: a server counts once, however busy it is */
#define LEARN_MIN    50   /* records */
#define PILE         0.95 /* of the active timeout: what it cuts lasted as long */
#define PILE_RATIO   3.0  /* records there against as many seconds before */
#define BEYOND_SHARE 0.005
#define BEFORE_SHARE 0.005

#define SLOTS 1024

struct nr_flow_spectrum {
	uint32_t servers[BINS];
	uint32_t durations[SECONDS], silences[SECONDS];
	uint64_t duration_count, silence_count;
	uint8_t steps[BINS]; /* of the server that is being added */
};

int nr_flow_spectrum_new(struct nr_flow_spectrum **ret_spectrum, struct nr_error *error)
{
	struct nr_flow_spectrum *s = calloc(1, sizeof(*s));
	if (!s)
		return nr_fail(error, -ENOMEM, "no memory for the spectrum of an exporter");
	*ret_spectrum = s;
	return 0;
}

void nr_flow_spectrum_free(struct nr_flow_spectrum *spectrum)
{
	free(spectrum);
}

void nr_flow_spectrum_freep(struct nr_flow_spectrum **spectrum)
{
	nr_flow_spectrum_free(*spectrum);
}

static int bin_of(double period)
{
	double b = log(period / FIRST) / BIN_WIDTH;
	return b >= 0 && b < BINS ? (int)b : -1;
}

static uint32_t second_of(uint64_t lag)
{
	uint64_t s = lag / NR_SECOND;
	return (uint32_t)NR_MIN(s, (uint64_t)SECONDS - 1);
}

/* b follows a of the same client and port; longest: of this server's records. */
static void add_step(struct nr_flow_spectrum *s, const struct nr_flow_beat *a, const struct nr_flow_beat *b,
	uint64_t longest, unsigned *records)
{
	uint64_t duration = nr_flow_lag(a->first, a->last), step = nr_flow_lag(a->first, b->first);
	if (b->first <= a->last || !step) /* the other direction */
		return;
	if (++*records <= RECORDS) {
		s->durations[second_of(duration)]++;
		s->duration_count++;
		if (duration < longest / 2) { /* not cut, but fallen silent */
			s->silences[second_of(step - duration)]++;
			s->silence_count++;
		}
	}
	int bin = bin_of((double)step / NR_SECOND);
	if (duration >= step / 2 && bin >= 0 && s->steps[bin] < STEPS_MIN)
		if (++s->steps[bin] == STEPS_MIN)
			s->servers[bin]++;
}

void nr_flow_spectrum_add(struct nr_flow_spectrum *spectrum, const struct nr_flow_beat *beats, size_t count)
{
	uint32_t slots[SLOTS] = {0};
	uint64_t longest = 0;
	unsigned records = 0;
	for (unsigned i = 0; i < BINS; i++)
		spectrum->steps[i] = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t duration = nr_flow_lag(beats[i].first, beats[i].last);
		longest = NR_MAX(longest, duration);
	}
	for (size_t i = 0; i < count && i < UINT32_MAX; i++) {
		const struct nr_flow_beat *b = &beats[i];
		uint32_t *slot = &slots[b->client_port % SLOTS];
		const struct nr_flow_beat *a = *slot ? &beats[*slot - 1] : NULL;
		if (b->timeless)
			continue;
		*slot = (uint32_t)i + 1;
		if (a && a->client == b->client && a->client_port == b->client_port)
			add_step(spectrum, a, b, longest, &records);
	}
}

double nr_flow_spectrum_z(const struct nr_flow_spectrum *spectrum, double period)
{
	int at = bin_of(period);
	double top = 0, around = 0;
	unsigned n = 0;
	if (at < 0)
		return 0;
	for (int b = NR_MAX(at - AROUND, 0); b <= at + AROUND && b < BINS; b++)
		if (b >= at - NEAR && b <= at + NEAR)
			top = fmax(top, spectrum->servers[b]);
		else {
			around += spectrum->servers[b];
			n++;
		}
	around = n ? around / n : 0;
	return (top - around) / sqrt(around + 1);
}

/* ---- learning timers ---- */

static uint64_t sum(const uint32_t *seconds, uint32_t from, uint32_t to)
{
	uint64_t n = 0;
	for (uint32_t i = from; i < to && i < SECONDS; i++)
		n += seconds[i];
	return n;
}

/* No record lasts longer than the active timeout, and many last just as long. */
static uint32_t active_of(const struct nr_flow_spectrum *s)
{
	uint64_t beyond = 0, few = (uint64_t)(BEYOND_SHARE * (double)s->duration_count);
	uint32_t top = SECONDS - 1;
	while (top && (beyond += s->durations[top]) <= few)
		top--;
	uint32_t pile = (uint32_t)(top * PILE), before = (uint32_t)(top * (2 * PILE - 1));
	uint64_t there = sum(s->durations, pile, top + 1), less = sum(s->durations, before, pile);
	bool plain = (double)there >= PILE_RATIO * (double)(less + 1) && there > few;
	return plain && top >= 10 && top < SECONDS - 1 ? top + 1 : 0;
}

/* A record ends where its connection has been silent for so long: the next one does not begin before. */
static uint32_t inactive_of(const struct nr_flow_spectrum *s)
{
	uint64_t n = 0, few = (uint64_t)(BEFORE_SHARE * (double)s->silence_count);
	uint32_t second = 0;
	if (s->silence_count < LEARN_MIN)
		return 0;
	while (second < SECONDS - 1 && (n += s->silences[second]) <= few)
		second++;
	return second < SECONDS - 1 ? second : 0;
}

struct nr_flow_cache nr_flow_spectrum_timers(const struct nr_flow_spectrum *spectrum)
{
	struct nr_flow_cache c = {0};
	if (spectrum->duration_count >= LEARN_MIN)
		c.active = active_of(spectrum) * NR_SECOND;
	if (c.active)
		c.inactive = inactive_of(spectrum) * NR_SECOND;
	return c;
}
