/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ChangeFinder (Takeuchi and Yamanishi, IEEE TKDE 18(4), 2006) with the parameters that NICT published: two
 * stages of sequentially discounting autoregression (SDAR), each followed by a trailing mean. A number goes
 * in for every slot, a score comes out: how surprising the last slots were. Pure arithmetic in IEEE doubles,
 * in the order of the formulas, so that alerts can be compared exactly with another implementation.
 */
#ifndef NR_SENSE_TELESCOPE_CHANGEFINDER_H
#define NR_SENSE_TELESCOPE_CHANGEFINDER_H

#include "base/base.h"

#define NR_SDAR_ORDER           2
#define NR_SDAR_FORGETTING      0.005
#define NR_CHANGE_SMOOTH_FIRST  10
#define NR_CHANGE_SMOOTH_SECOND 5
#define NR_CHANGE_SCORE         3.0 /* above it: an alert */
#define NR_CHANGE_QUIET_SLOTS   15  /* the first ones never alert */

struct nr_sdar {
	double mean, covariance[NR_SDAR_ORDER + 1], variance;
	double past[NR_SDAR_ORDER]; /* [0]: the last value */
	uint32_t seen;              /* stops at NR_SDAR_ORDER */
};

/* All zero: nothing seen. */
struct nr_changefinder {
	struct nr_sdar stages[2];
	double first[NR_CHANGE_SMOOTH_FIRST], second[NR_CHANGE_SMOOTH_SECOND]; /* rings of scores */
	uint64_t slots;
	double score; /* of the last slot */
};

/* The next slot's value; answers its score. Where the formula has no value (the variance is still 0, as after
 * a constant) the score of a stage is 0: there was nothing to be surprised by. A residual of less than 1e-12
 * of its terms counts as none. */
double nr_changefinder_add(struct nr_changefinder *finder, double value);
bool nr_changefinder_alerts(const struct nr_changefinder *finder);

#endif
