/* SPDX-License-Identifier: Apache-2.0 */
/* Seeded servers for timing: beacons and what is not, seen through sampling. For tests and bench-flow-timing.
 */
#ifndef NR_TESTS_TIMING_RIG_H
#define NR_TESTS_TIMING_RIG_H

#include "sense/flow/detect/features.h"

#include <math.h>

struct random { /* splitmix64 */
	uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline double random_unit(struct random *r) /* above 0, below 1 */
{
	return ((double)(random_next(r) >> 12) + 0.5) / (double)(UINT64_C(1) << 52);
}

static inline double random_exponential(struct random *r, double mean)
{
	return -mean * log(random_unit(r));
}

static inline double random_normal(struct random *r)
{
	return sqrt(-2 * log(random_unit(r))) * cos(2 * M_PI * random_unit(r));
}

#endif
