/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distributions on top of the world's dice. Only +, -, *, / and sqrt of IEEE doubles, without fused
 * operations (the library is built with -ffp-contract=off) and without libm's log and exp, whose last bit
 * depends on the machine: the same seed gives the same bytes everywhere. Read-only after _init.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_CHANCE_H
#define NR_TRAIN_WORLD_FLOWS_CHANCE_H

#include "train/world/random.h"

#define NR_CHANCE_CELLS 1024

struct nr_chance {
	double exponential[NR_CHANCE_CELLS], normal[NR_CHANCE_CELLS]; /* quantiles i / NR_CHANCE_CELLS */
};

/* Natural logarithm of a positive normal number; e^x for |x| < 700. Good to about 1e-14. */
double nr_chance_log(double x);
double nr_chance_exp(double x);

void nr_chance_init(struct nr_chance *chance);

/* [0, 1) */
NR_INLINE double nr_chance_uniform(struct nr_random *random)
{
	return (double)(nr_random_next(random) >> 11) * 0x1p-53;
}
/* Mean 1. */
double nr_chance_exponential(const struct nr_chance *chance, struct nr_random *random);
/* Mean 0, deviation 1. */
double nr_chance_normal(const struct nr_chance *chance, struct nr_random *random);
uint64_t nr_chance_poisson(const struct nr_chance *chance, struct nr_random *random, double mean);

/* A probability with what drawing by it needs. */
struct nr_odds {
	double p;
	double gap; /* -1 / ln(1 - p): how many trials a mean exponential draw passes over; 0 where p is 1 */
};
struct nr_odds nr_odds_of(double p);
/* Successes in n trials: exact while few are expected, beyond that by the normal distribution. */
uint64_t nr_chance_binomial(
	const struct nr_chance *chance, struct nr_random *random, uint64_t n, const struct nr_odds *odds);

/* A log-normal distribution whose top 256th is a Pareto tail: sizes and times of traffic. Small, for there
 * are many of them. */
#define NR_QUANTILE_CELLS 256
struct nr_quantiles {
	float body[NR_QUANTILE_CELLS], tail[NR_QUANTILE_CELLS];
};
/* alpha: of the tail (smaller is heavier); cap: nothing is greater. */
void nr_quantiles_init(struct nr_quantiles *q, double median, double sigma, double alpha, double cap);
double nr_quantiles_draw(const struct nr_quantiles *q, struct nr_random *random);

#endif
