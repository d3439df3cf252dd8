/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of gaps between beats: k of a gamma distribution, 1 for Poisson, below for bursts, above for
 *beats (20 % jitter: 25). For what is jittered and little sampled (flow reference 15, 17).
 *
 * Of n gaps s = ln(mean) - mean(ln). Where they are exponential, s does not depend on the rate: with D the
 * shares of a Dirichlet(1, ..., 1), s = -ln n - mean(ln D), so
 *
 *	E s = psi(n) - ln n + gamma        Var s = (pi^2 / 6) / n - psi'(n)
 *
 * exactly, for each client by itself; sums over clients are compared with sums of these.
 */
#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>

#define EULER       0.5772156649015329
#define PI2_6       1.6449340668482264
#define GAPS_MIN    2
#define SHAPE_MAX   10000.0
#define SLEEP       10   /* gaps of so many medians are silences of the host, not of its beat */
#define SLEEP_SHARE 0.05 /* where they are no more than that */
#define MILLISECOND (NR_SECOND / 1000)
#define GAP_LEAST   (100 * MILLISECOND)

/* n >= 2: better than 2e-4. */
static double digamma(double n)
{
	return log(n) - 1 / (2 * n) - 1 / (12 * n * n) + 1 / (120 * n * n * n * n);
}

static double trigamma(double n)
{
	return 1 / n + 1 / (2 * n * n) + 1 / (6 * n * n * n) - 1 / (30 * pow(n, 5));
}

/* Maximum likelihood (Minka's approximation, within 1.5 %). */
static double shape_of(double s)
{
	if (!(s > 0))
		return SHAPE_MAX;
	return fmin((3 - s + sqrt((s - 3) * (s - 3) + 24 * s)) / (12 * s), SHAPE_MAX);
}

struct pool {
	double s, count; /* sum of n s, and of n - 1 */
	double excess, variance;
};

/* Gaps of one client, us, sorted, without its sleeps. Joining leaves no gap below its own length: it is taken
 * off, so that what is exponential stays so. */
static void pool_add(struct pool *pool, const uint64_t *gaps, size_t count, uint64_t dead)
{
	double sum = 0, logs = 0, n = (double)count;
	for (size_t i = 0; i < count; i++) {
		uint64_t gap = gaps[i] > dead + GAP_LEAST ? gaps[i] - dead : (uint64_t)GAP_LEAST;
		sum += (double)gap;
		logs += log((double)gap);
	}
	double s = log(sum / n) - logs / n;
	pool->s += n * s;
	pool->count += n - 1;
	pool->excess += n * (digamma(n) - log(n) + EULER - s);
	pool->variance += n * n * (PI2_6 / n - trigamma(n));
}

static double variation_of(const uint64_t *gaps, size_t count)
{
	double mean = 0, squares = 0;
	for (size_t i = 0; i < count; i++)
		mean += (double)gaps[i] / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += ((double)gaps[i] - mean) * ((double)gaps[i] - mean);
	return mean > 0 ? sqrt(squares / (double)count) / mean : 0;
}

static size_t gaps_of(const struct nr_flow_beat *beats, size_t count, uint64_t *gaps)
{
	const struct nr_flow_beat *previous = NULL;
	size_t n = 0;
	for (size_t i = 0; i < count && n < NR_FLOW_VALUES; i++) {
		if (beats[i].timeless)
			continue;
		if (previous)
			gaps[n++] = nr_flow_lag(previous->first, beats[i].first);
		previous = &beats[i];
	}
	return n;
}

/* How many of the sorted gaps are not sleep. */
static size_t awake(const uint64_t *gaps, size_t count)
{
	size_t n = count;
	while (n && gaps[n - 1] / SLEEP > gaps[count / 2])
		n--;
	return (double)(count - n) <= fmax(SLEEP_SHARE * (double)count, count >= 8) ? n : count;
}

void nr_flow_shape_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room,
	struct nr_flow_timing *timing)
{
	struct pool pool = {0};
	size_t pairs = 0;
	for (size_t i = 0, n; i < count; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		size_t gaps = gaps_of(beats + i, n, room->values);
		nr_flow_timing_sort(room->values, room->other, gaps);
		gaps = awake(room->values, gaps);
		if (gaps < GAPS_MIN)
			continue;
		pool_add(&pool, room->values, gaps, (uint64_t)nr_flow_retry_within(beats + i, n));
		if (pairs < NR_FLOW_VALUES) {
			room->first[pairs] = room->values[gaps / 2] / MILLISECOND;
			room->second[pairs++] = (uint64_t)(variation_of(room->values, gaps) * 1000000);
		}
	}
	if (!pairs)
		return;
	timing->shape = shape_of(pool.s / pool.count);
	timing->shape_z = pool.variance > 0 ? pool.excess / sqrt(pool.variance) : 0;
	nr_flow_timing_sort(room->first, room->other, pairs);
	nr_flow_timing_sort(room->second, room->other, pairs);
	timing->gap_median = (double)room->first[pairs / 2] / 1000;
	timing->gap_variation = (double)room->second[pairs / 2] / 1000000;
}
