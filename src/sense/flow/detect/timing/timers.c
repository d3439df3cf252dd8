/* SPDX-License-Identifier: Apache-2.0 */
/* Is the period that of a timer? (flow reference 16) */
#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>

#define WAIT      0.1 /* of a timer: how long the next packet may take */
#define CUT_SHARE 0.2 /* of steps: fewer were not made by a timer */

/* Active timeouts in use, s, where an exporter's is not known. */
static const double usual[] = {60, 120, 180, 300, 600, 900, 1800, 3600};

/* The share of steps that a timer can have made: from a record that lasted for most of the step to the next
 * one of the same port. */
static double cut_share(const struct nr_flow_beat *beats, size_t count)
{
	size_t steps = 0, cut = 0;
	for (size_t i = 1; i < count; i++) {
		const struct nr_flow_beat *a = &beats[i - 1], *b = &beats[i];
		if (a->client != b->client)
			continue;
		steps++;
		cut += a->client_port == b->client_port &&
		       nr_flow_lag(a->first, a->last) >= nr_flow_lag(a->first, b->first) / 2;
	}
	return steps ? (double)cut / (double)steps : 0;
}

/* The inactive timeout makes no beat out of what has none: a record lasts as long as its packets happen to be
 * near. */
static double distance_of(double active, double period)
{
	if (period < active)
		return (active - period) / period;
	return fmax(period / active - (1 + WAIT), 0);
}

static double least_distance(const struct nr_flow_cache *cache, double period)
{
	double least = 1;
	if (cache && cache->active > 0)
		return fmin(distance_of((double)cache->active / NR_SECOND, period), 1);
	for (size_t i = 0; i < NR_COUNT(usual); i++)
		least = fmin(least, distance_of(usual[i], period));
	return least;
}

void nr_flow_timers_of(const struct nr_flow_timing_conf *conf, const struct nr_flow_beat *beats, size_t count,
	struct nr_flow_timing *timing)
{
	bool cut = cut_share(beats, count) >= CUT_SHARE;
	timing->timer_distance = 1;
	for (size_t i = 0; i < count && timing->comb_period > 0; i++) {
		uint32_t e = beats[i].exporter;
		bool known = e < conf->cache_count;
		if (i && e == beats[i - 1].exporter)
			continue;
		if (cut)
			timing->timer_distance = fmin(timing->timer_distance,
				least_distance(known && conf->caches ? &conf->caches[e] : NULL,
					timing->comb_period));
		if (known && conf->spectra && conf->spectra[e])
			timing->comb_pool_z = fmax(timing->comb_pool_z,
				nr_flow_spectrum_z(conf->spectra[e], timing->comb_period));
	}
}
