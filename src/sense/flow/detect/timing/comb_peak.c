/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the comb's places is the beat. */
#include "sense/flow/detect/timing/comb_inside.h"

#define PEAKS   6    /* whose bursts are looked at */
#define NEARLY  0.9  /* of the largest z: as good */
#define SCALLOP 0.88 /* of z is seen at least where the top lies between two places */

/* Between the places of the search: a step is a quarter of a comb's width, and the top can lie between. */
static struct nr_flow_comb_peak refine(struct nr_flow_comb *comb, const struct place *top, unsigned k)
{
	unsigned level = nr_flow_comb_level(top->period);
	const struct level *l = &comb->levels[level];
	const struct place *best = top;
	struct place places[LANES];
	for (int i = 0; i < LANES; i++) {
		int step = i < LANES / 2 ? i - LANES / 2 : i - LANES / 2 + 1;
		places[i] = nr_flow_comb_place(l, top->period * (1 + step * 0.25 / (LANES / 2 + 1) / k));
	}
	nr_flow_comb_sum(comb, level, k, places, LANES);
	for (size_t i = 0; i < LANES; i++)
		if (places[i].z > best->z && places[i].period >= comb->period_min &&
			places[i].period <= comb->period_max)
			best = &places[i];
	return (struct nr_flow_comb_peak){best->z, best->period, k, best->lags};
}

/* ---- bursts ---- */

/* Sum over pairs of a client's cells in the comb's window of their powers. */
static double pairs_of(const double *powers, size_t cells, size_t reach)
{
	double sum = 0, ahead = 0;
	for (size_t i = 1; i <= reach && i < cells; i++)
		ahead += powers[i];
	for (size_t i = 0; i < cells; i++) {
		sum += powers[i] * ahead;
		ahead -= i + 1 < cells ? powers[i + 1] : 0;
		ahead += i + 1 + reach < cells ? powers[i + 1 + reach] : 0;
	}
	return sum;
}

/* The cells of one client, in pieces where a silence is longer than the window or there is no more room. */
static double client_pairs(
	struct nr_flow_comb *comb, const nr_time *times, size_t count, double period, size_t reach)
{
	double real = 0, imaginary = 0, pairs = 0;
	size_t cell = 0, cells = 0;
	for (size_t i = 0; i <= count; i++) {
		double at = i < count ? (double)nr_flow_lag(times[0], times[i]) / NR_SECOND / period : 1e9;
		size_t now = (size_t)fmin(2 * at, 1e9);
		if (now != cell) {
			comb->powers[cells++] = real * real + imaginary * imaginary;
			real = imaginary = 0;
			bool apart = now - cell > reach;
			while (!apart && ++cell < now && cells < CELLS)
				comb->powers[cells++] = 0;
			if (apart || cells == CELLS) {
				pairs += pairs_of(comb->powers, cells, reach);
				cells = 0;
			}
			cell = now;
		}
		real += cos(TWO_PI * at);
		imaginary += sin(TWO_PI * at);
	}
	return pairs;
}

/*
 * The formula takes lags for independent. Those between two bursts are not: m records here and m there make m
 * * m nearly equal lags, and z grows by m of nothing. So time is cut into cells of half a period, each with
 * the power of its beats at that period: m where they are random, m * m where they are one burst, 1 where
 * there is one. The variance of the sum is half of the sum of products of powers over pairs of cells; it
 * stands in place of n / 2 where it is more. Where no cell has two beats this is the formula itself.
 */
static double without_bursts(struct nr_flow_comb *comb, const struct nr_flow_comb_peak *peak)
{
	size_t reach = (size_t)(2 * nr_flow_comb_longest(peak->period, peak->k) / peak->period);
	double pairs = 0;
	for (size_t i = 0, n; i < comb->beat_count; i += n) {
		n = nr_flow_client_run(comb->beats + i, comb->beat_count - i);
		size_t count = nr_flow_comb_choose(comb, comb->beats + i, n);
		pairs += count ? client_pairs(comb, comb->chosen, count, peak->period, reach) : 0;
	}
	return pairs > peak->lags ? peak->z * sqrt(peak->lags / pairs) : peak->z;
}

static unsigned k_of(const struct nr_flow_comb *comb, uint32_t place)
{
	unsigned k = 0;
	while (place >= comb->first[k + 1])
		k++;
	return k;
}

static bool is_peak(const struct nr_flow_comb *comb, uint32_t i, unsigned k)
{
	const struct place *p = &comb->places[i];
	return (i == comb->first[k] || p->z >= p[-1].z) && (i + 1 == comb->first[k + 1] || p->z >= p[1].z);
}

/* A period whose comb has a half or a third of it is the beat: the largest that is nearly as good. Each K has
 * its own end, so all are asked. */
static struct nr_flow_comb_peak slowest(struct nr_flow_comb *comb, uint32_t top)
{
	struct nr_flow_comb_peak best = refine(comb, &comb->places[top], nr_flow_comb_ks[k_of(comb, top)]),
				 other;
	double enough = best.z * NEARLY, roughly = enough * SCALLOP;
	for (unsigned k = 0; k < NR_FLOW_COMB_KS; k++)
		for (uint32_t i = comb->first[k]; i < comb->first[k + 1]; i++) {
			const struct place *p = &comb->places[i];
			if (p->z < roughly || p->period < 1.5 * best.period || !is_peak(comb, i, k))
				continue;
			other = refine(comb, p, nr_flow_comb_ks[k]);
			if (other.z >= enough)
				best = other;
		}
	return best;
}

/* The highest place that was not taken; then it is. */
static bool next_peak(struct nr_flow_comb *comb, struct nr_flow_comb_peak *ret_peak)
{
	uint32_t top = 0;
	for (uint32_t i = 1; i < comb->first[NR_FLOW_COMB_KS]; i++)
		if (comb->places[i].z > comb->places[top].z)
			top = i;
	if (comb->places[top].z <= 0)
		return false;
	*ret_peak = slowest(comb, top);
	for (uint32_t i = 0; i < comb->first[NR_FLOW_COMB_KS]; i++) /* half a width of the broadest comb */
		if (fabs(comb->places[i].period - ret_peak->period) <
			ret_peak->period / nr_flow_comb_ks[0] / 2)
			comb->places[i].z = 0;
	return true;
}

struct nr_flow_comb_peak nr_flow_comb_best(struct nr_flow_comb *comb)
{
	struct nr_flow_comb_peak best = {0}, peak;
	if (comb->lags < NR_FLOW_COMB_LAGS_MIN || !comb->first[NR_FLOW_COMB_KS])
		return best;
	nr_flow_comb_search(comb);
	for (unsigned i = 0; i < PEAKS && next_peak(comb, &peak) && peak.z * NEARLY > best.z; i++) {
		peak.z = without_bursts(comb, &peak);
		if (peak.z * NEARLY > best.z)
			best = peak;
	}
	return best;
}
