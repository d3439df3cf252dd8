/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/changefinder.h"

#include <math.h>

/* Singular values below it, relative to the largest, count as zero: the square root of the machine's epsilon.
 */
#define NR_PINV_CUT 1.4901161193847656e-08
/* A residual below it, relative to its terms, is rounding: on a constant series it would decide alone. */
#define NR_ROUNDING 1e-12

/*
 * The Yule-Walker weights: pinv([a b; b a]) (c1 c2). A symmetric Toeplitz matrix of two rows has the
 * eigenvectors (1 1) and (1 -1) with the eigenvalues a + b and a - b, whose magnitudes are its singular
 * values.
 */
static void solve(const double c[static NR_SDAR_ORDER + 1], double weights[static NR_SDAR_ORDER])
{
	double sum = c[0] + c[1], difference = c[0] - c[1];
	double cut = NR_PINV_CUT * fmax(fabs(sum), fabs(difference));
	double along = fabs(sum) > cut ? (c[1] + c[2]) / sum : 0;
	double across = fabs(difference) > cut ? (c[1] - c[2]) / difference : 0;
	weights[0] = (along + across) / 2;
	weights[1] = (along - across) / 2;
}

static double learn(struct nr_sdar *s, double x)
{
	const double r = NR_SDAR_FORGETTING;
	double weights[NR_SDAR_ORDER];
	s->mean = (1 - r) * s->mean + r * x;
	s->covariance[0] = (1 - r) * s->covariance[0] + r * (x - s->mean) * (x - s->mean);
	for (size_t j = 1; j <= NR_SDAR_ORDER; j++)
		s->covariance[j] =
			(1 - r) * s->covariance[j] + r * (x - s->mean) * (s->past[j - 1] - s->mean);
	solve(s->covariance, weights);
	double expected = 0;
	for (size_t j = 0; j < NR_SDAR_ORDER; j++)
		expected += weights[j] * (s->past[j] - s->mean);
	expected += s->mean;
	double miss = x - expected;
	if (fabs(miss) <= NR_ROUNDING * (fabs(x) + fabs(expected)))
		miss = 0;
	miss *= miss;
	s->variance = (1 - r) * s->variance + r * miss;
	if (!(s->variance > 0))
		return 0;
	return (log(2 * M_PI * s->variance) + miss / s->variance) / 2;
}

static double step(struct nr_sdar *s, double x)
{
	double score = 0;
	if (s->seen < NR_SDAR_ORDER)
		s->seen++;
	else
		score = learn(s, x);
	s->past[1] = s->past[0];
	s->past[0] = x;
	return score;
}

/* Mean of the last `width` scores, oldest first; of those there are while they are fewer. */
static double smooth(double *ring, uint64_t width, uint64_t slot, double score)
{
	uint64_t count = NR_MIN(slot + 1, width);
	double sum = 0;
	ring[slot % width] = score;
	for (uint64_t i = slot + 1 - count; i <= slot; i++)
		sum += ring[i % width];
	return sum / (double)count;
}

double nr_changefinder_add(struct nr_changefinder *f, double value)
{
	double level = smooth(f->first, NR_CHANGE_SMOOTH_FIRST, f->slots, step(&f->stages[0], value));
	f->score = smooth(f->second, NR_CHANGE_SMOOTH_SECOND, f->slots, step(&f->stages[1], level));
	f->slots++;
	return f->score;
}

bool nr_changefinder_alerts(const struct nr_changefinder *f)
{
	return f->slots > NR_CHANGE_QUIET_SLOTS && f->score > NR_CHANGE_SCORE;
}
