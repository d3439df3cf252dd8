/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the comb share; for these alone. */
#ifndef NR_SENSE_FLOW_DETECT_TIMING_COMB_INSIDE_H
#define NR_SENSE_FLOW_DETECT_TIMING_COMB_INSIDE_H

#include "sense/flow/detect/timing/comb.h"
#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586
#define LEVELS 14 /* octaves: level o has periods of 2^(o + 1) to 2^(o + 2) s in bins of 0.1 * 2^o s */

#define FAST_LEVELS 3     /* up to 16 s: without the last K */
#define BINS        14424 /* of a level: 360.5 periods of 40 bins at most */
#define PERIODS     17400 /* room for places: as many as the widest search has without its short cuts */
#define LANES       16    /* periods at a time, where lags are many */
#define FEW         4     /* lags at a time, where they are few */
#define CELLS       4096 /* of half a period, of one client at a time: what reaches over an end is not seen */
#define FAR_K       16   /* up to this lags are as long as they are */

static const unsigned nr_flow_comb_ks[NR_FLOW_COMB_KS] = {4, 16, 64, 360};

struct place {                       /* of the search */
	double period, cosine, sine; /* of a bin's angle at this period */
	double z;
	uint32_t lags;
};
struct level {
	uint32_t bins;        /* in use */
	uint64_t ticks;       /* longest lag that it needs */
	double width, offset; /* s: bin b has lags around b * width + offset */
	uint32_t *counts;
};
struct nr_flow_comb {
	double period_min, period_max;
	uint32_t first[NR_FLOW_COMB_KS + 1]; /* of each K's places */
	struct place places[PERIODS];
	struct level levels[LEVELS];
	uint64_t lags;
	const struct nr_flow_beat *beats; /* borrowed, of the last fill */
	size_t beat_count, share;
	nr_time chosen[NR_FLOW_COMB_CHOSEN]; /* of one client */
	double powers[CELLS];
	/* the level that is being looked at */
	const struct level *at;
	uint32_t before[BINS + 1]; /* lags in the bins before */
	float dense[BINS];
	uint32_t filled;                                /* bins with lags */
	float middles[BINS + FEW], heights[BINS + FEW]; /* and FEW empty ones */
	uint32_t counts[];                              /* of all levels */
};

/* Beyond six hours the longer Ks add no lags: what drifts is lost there, and what does not shows within. */
NR_INLINE double nr_flow_comb_longest(double period, unsigned k)
{
	double longest =
		k <= FAR_K ? NR_FLOW_COMB_LAG_MAX : fmax(NR_FLOW_COMB_LAG_FAR, (FAR_K + 0.5) * period);
	return fmin((k + 0.5) * period, longest);
}

NR_INLINE unsigned nr_flow_comb_level(double period)
{
	int octave = ilogb(period) - 1;
	return octave < 0 ? 0 : octave >= LEVELS ? LEVELS - 1 : (unsigned)octave;
}

NR_INLINE struct place nr_flow_comb_place(const struct level *l, double period)
{
	double angle = TWO_PI * l->width / period;
	return (struct place){.period = period, .cosine = cos(angle), .sine = sin(angle)};
}

/* Times of one client's beats that count, into comb->chosen: how many. */
size_t nr_flow_comb_choose(struct nr_flow_comb *comb, const struct nr_flow_beat *beats, size_t count);
/* z of up to LANES places of one level, next to each other. k: 4, 16 ... */
void nr_flow_comb_sum(
	struct nr_flow_comb *comb, unsigned level, unsigned k, struct place *places, size_t count);
/* z of all places. */
void nr_flow_comb_search(struct nr_flow_comb *comb);

#endif
