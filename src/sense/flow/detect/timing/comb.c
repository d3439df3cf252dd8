/* SPDX-License-Identifier: Apache-2.0 */
/* The comb's memory, the places of its search, and lags. */
#include "sense/flow/detect/timing/comb_inside.h"

#include <errno.h>

#define TICK  ((uint64_t)NR_SECOND / 10) /* bins of level 0 */
#define TICKS ((uint64_t)NR_FLOW_COMB_LAG_MAX * 10)

static uint64_t level_ticks(unsigned o)
{
	unsigned k = nr_flow_comb_ks[o < FAST_LEVELS ? NR_FLOW_COMB_KS - 2 : NR_FLOW_COMB_KS - 1];
	uint64_t ticks = (uint64_t)(nr_flow_comb_longest((double)(4u << o), k) * 10);
	return NR_MIN(ticks, TICKS);
}

static void levels_init(struct nr_flow_comb *comb)
{
	uint32_t *counts = comb->counts;
	for (unsigned o = 0; o < LEVELS; o++) {
		struct level *l = &comb->levels[o];
		l->ticks = level_ticks(o);
		l->bins = (uint32_t)(l->ticks >> o) + 1;
		l->width = 0.1 * (double)(1u << o);
		l->offset = (l->width - 0.1) / 2;
		l->counts = counts;
		counts += l->bins;
	}
}

static size_t all_bins(void)
{
	size_t n = 0;
	for (unsigned o = 0; o < LEVELS; o++)
		n += (size_t)(level_ticks(o) >> o) + 1;
	return n;
}

int nr_flow_comb_new(struct nr_flow_comb **ret_comb, struct nr_error *error)
{
	struct nr_flow_comb *comb = calloc(1, sizeof(*comb) + all_bins() * sizeof(uint32_t));
	if (!comb)
		return nr_fail(error, -ENOMEM, "no memory for a lag comb");
	levels_init(comb);
	nr_flow_comb_range(comb, NR_FLOW_COMB_PERIOD_MIN, NR_FLOW_COMB_PERIOD_MAX);
	*ret_comb = comb;
	return 0;
}

void nr_flow_comb_free(struct nr_flow_comb *comb)
{
	free(comb);
}

void nr_flow_comb_freep(struct nr_flow_comb **comb)
{
	nr_flow_comb_free(*comb);
}

void nr_flow_comb_range(struct nr_flow_comb *comb, double period_min, double period_max)
{
	uint32_t n = 0;
	period_min = fmax(period_min, NR_FLOW_COMB_PERIOD_MIN);
	period_max = fmin(period_max, NR_FLOW_COMB_PERIOD_MAX);
	if (period_min == comb->period_min && period_max == comb->period_max)
		return;
	comb->period_min = period_min;
	comb->period_max = period_max;
	for (unsigned k = 0; k < NR_FLOW_COMB_KS; k++) {
		double step = 1 + 0.25 / nr_flow_comb_ks[k];
		comb->first[k] = n;
		for (double p = period_min; p <= period_max && n < PERIODS; p *= step) {
			unsigned o = nr_flow_comb_level(p);
			if (k == NR_FLOW_COMB_KS - 1 && o < FAST_LEVELS)
				continue;
			if (k && nr_flow_comb_longest(p, nr_flow_comb_ks[k]) <=
					 nr_flow_comb_longest(p, nr_flow_comb_ks[k - 1]))
				break; /* the same lags as with a smaller K */
			comb->places[n++] = nr_flow_comb_place(&comb->levels[o], p);
		}
	}
	comb->first[NR_FLOW_COMB_KS] = n;
}

/* ---- lags ---- */

static void fill_client(struct nr_flow_comb *comb, const nr_time *times, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned o = 0;
		for (size_t j = i + 1; j < count; j++) {
			uint64_t ticks = (nr_flow_lag(times[i], times[j]) + TICK / 2) / TICK;
			if (ticks > TICKS)
				break;
			while (ticks > comb->levels[o].ticks)
				o++;
			comb->levels[o].counts[ticks >> o]++;
			comb->lags++;
		}
	}
}

/* How many beats each client may have, so that all their lags find room. */
static size_t share_of(const struct nr_flow_beat *beats, size_t count)
{
	size_t share = (size_t)sqrt(2.0 * NR_FLOW_COMB_LAGS_MAX);
	for (; share > NR_FLOW_COMB_SHARE_MIN; share -= share / 4) {
		double lags = 0;
		for (size_t i = 0, n; i < count; i += n) {
			n = nr_flow_client_run(beats + i, count - i);
			double kept = (double)NR_MIN(n, share);
			lags += kept * (kept - 1) / 2;
		}
		if (lags <= NR_FLOW_COMB_LAGS_MAX)
			break;
	}
	return share;
}

/* Takes one in so many at random, as a sampling exporter does, but the same ones each time. */
static bool chosen(size_t i, size_t share, size_t count)
{
	uint64_t x = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
	return (double)(x >> 11) * 0x1p-53 * (double)count < (double)share;
}

size_t nr_flow_comb_choose(struct nr_flow_comb *comb, const struct nr_flow_beat *beats, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count && n < NR_FLOW_COMB_CHOSEN; i++)
		if (!beats[i].timeless && (count <= comb->share || chosen(i, comb->share, count)))
			comb->chosen[n++] = beats[i].first;
	return n;
}

void nr_flow_comb_fill(struct nr_flow_comb *comb, const struct nr_flow_beat *beats, size_t count)
{
	if (comb->lags)
		memset(comb->counts, 0, all_bins() * sizeof(uint32_t));
	comb->lags = 0;
	comb->at = NULL;
	comb->beats = beats;
	comb->beat_count = count;
	comb->share = share_of(beats, count);
	for (size_t i = 0, n; i < count; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		fill_client(comb, comb->chosen, nr_flow_comb_choose(comb, beats + i, n));
	}
	for (unsigned o = 0; comb->lags && o + 1 < LEVELS; o++)
		for (uint32_t b = 0; b < comb->levels[o].bins; b++)
			comb->levels[o + 1].counts[b / 2] += comb->levels[o].counts[b];
}
