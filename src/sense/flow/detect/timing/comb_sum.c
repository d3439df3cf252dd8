/* SPDX-License-Identifier: Apache-2.0 */
/* The comb's sums of cosines over histograms of lags. */
#include "sense/flow/detect/timing/comb_inside.h"

#define SPARSE 6 /* fewer than one bin in so many has lags: one by one */

typedef float four __attribute__((vector_size(FEW * sizeof(float))));
typedef int32_t four_int __attribute__((vector_size(FEW * sizeof(int32_t))));

/* Makes a level's histogram ready for sums: lags before each bin, bins as numbers, bins that have lags. */
static void look_at(struct nr_flow_comb *comb, const struct level *l)
{
	if (comb->at == l)
		return;
	comb->at = l;
	comb->filled = 0;
	for (uint32_t b = 0; b < l->bins; b++) {
		comb->before[b + 1] = comb->before[b] + l->counts[b];
		comb->dense[b] = (float)l->counts[b];
		if (!l->counts[b])
			continue;
		comb->middles[comb->filled] = (float)(b * l->width + l->offset);
		comb->heights[comb->filled++] = (float)l->counts[b];
	}
	for (unsigned i = 0; i < FEW; i++)
		comb->middles[comb->filled + i] = comb->heights[comb->filled + i] = 0;
}

/* ---- sums ---- */

struct window { /* bins, both within */
	int32_t low, high;
};

static struct window window_of(const struct level *l, double period, unsigned k)
{
	double longest = fmin(nr_flow_comb_longest(period, k), NR_FLOW_COMB_LAG_MAX);
	struct window w = {(int32_t)ceil((period / 2 - l->offset) / l->width),
		(int32_t)floor((longest - l->offset) / l->width)};
	w.high = NR_MIN(w.high, (int32_t)l->bins - 1);
	return w;
}

static double z_of(const struct nr_flow_comb *comb, struct window w, double sum, uint32_t *ret_lags)
{
	uint32_t n = w.low <= w.high ? comb->before[w.high + 1] - comb->before[w.low] : 0;
	*ret_lags = n;
	return n >= NR_FLOW_COMB_LAGS_MIN ? sum / sqrt(n / 2.0) : 0;
}

/* cos(2 pi t), t >= 0: of the distance to the next whole turn, by its series; within 1.1e-4. */
NR_INLINE four cosines(four t)
{
	four whole = __builtin_convertvector(__builtin_convertvector(t + 0.5f, four_int), four);
	four f = t - whole, g = f * f;
	four c = 60.2446414f + g * (-26.4262568f + g * 7.9035364f);
	c = -19.7392088f + g * (64.9393940f + g * (-85.4568172f + g * c));
	return 1.f + g * c;
}

/* The first of the bins with lags that is not before. */
static uint32_t filled_from(const struct nr_flow_comb *comb, float low)
{
	uint32_t from = 0, to = comb->filled;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (comb->middles[middle] < low)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Lag by lag, of the bins that have any. */
static double sum_sparse(
	const struct nr_flow_comb *comb, const struct level *l, struct window w, double period)
{
	uint32_t i = filled_from(comb, (float)(((double)w.low - 0.5) * l->width + l->offset));
	uint32_t end = filled_from(comb, (float)(((double)w.high + 0.5) * l->width + l->offset));
	float rate = (float)(1 / period);
	four sum = {0}, t, h;
	for (; i + FEW <= end; i += FEW) {
		memcpy(&t, &comb->middles[i], sizeof(t));
		memcpy(&h, &comb->heights[i], sizeof(h));
		sum += h * cosines(t * rate);
	}
	memcpy(&t, &comb->middles[i], sizeof(t));
	memcpy(&h, &comb->heights[i], sizeof(h));
	for (uint32_t k = 0; k < FEW; k++)
		h[k] = i + k < end ? h[k] : 0;
	sum += h * cosines(t * rate);
	return (double)(sum[0] + sum[1] + sum[2] + sum[3]);
}

struct lanes {
	four s1[LANES / FEW], s2[LANES / FEW], twice[LANES / FEW];
	four_int low[LANES / FEW], high[LANES / FEW];
};

/* One bin for all lanes. checked: is it in their windows? */
NR_INLINE void step(struct lanes *l, float height, int32_t b, bool checked)
{
	for (unsigned i = 0; i < LANES / FEW; i++) {
		four h = {height, height, height, height};
		if (checked)
			h = (four)((four_int)h & (b >= l->low[i]) & (b <= l->high[i]));
		four s = h - l->s2[i] + l->twice[i] * l->s1[i];
		l->s2[i] = l->s1[i];
		l->s1[i] = s;
	}
}

/* Goertzel: after the last bin, s1 - cosine * s2 and sine * s2 are the sums of h[b] cos and sin of the angle
 * from b to the last. Bins out of a lane's window count as empty. */
static void sum_dense(const struct nr_flow_comb *comb, const struct level *l,
	struct place *const places[LANES], const struct window windows[LANES], double sums[LANES])
{
	struct lanes s = {0};
	int32_t from = INT32_MAX, inner_from = 0, inner_to = INT32_MAX, to = -1, b;
	for (unsigned i = 0; i < LANES; i++) {
		s.low[i / FEW][i % FEW] = windows[i].low;
		s.high[i / FEW][i % FEW] = windows[i].high;
		s.twice[i / FEW][i % FEW] = (float)(2 * places[i]->cosine);
		from = NR_MIN(from, windows[i].low);
		inner_from = NR_MAX(inner_from, windows[i].low);
		inner_to = NR_MIN(inner_to, windows[i].high);
		to = NR_MAX(to, windows[i].high);
	}
	for (b = from; b < inner_from && b <= to; b++)
		step(&s, comb->dense[b], b, true);
	for (; b <= inner_to; b++)
		step(&s, comb->dense[b], b, false);
	for (; b <= to; b++)
		step(&s, comb->dense[b], b, true);
	for (unsigned i = 0; i < LANES; i++) {
		double angle = TWO_PI * ((double)to * l->width + l->offset) / places[i]->period;
		double s1 = (double)s.s1[i / FEW][i % FEW], s2 = (double)s.s2[i / FEW][i % FEW];
		sums[i] = (s1 - places[i]->cosine * s2) * cos(angle) + places[i]->sine * s2 * sin(angle);
	}
}

/* ---- search ---- */

/* Up to so many periods of one level, next to each other. */
void nr_flow_comb_sum(
	struct nr_flow_comb *comb, unsigned level, unsigned k, struct place *places, size_t count)
{
	const struct level *l = &comb->levels[level];
	struct window windows[LANES];
	struct place *lanes_of[LANES];
	double sums[LANES];
	look_at(comb, l);
	bool sparse = comb->filled < l->bins / SPARSE;
	for (size_t i = 0; i < LANES; i++) {
		lanes_of[i] = &places[NR_MIN(i, count - 1)];
		windows[i] = window_of(l, lanes_of[i]->period, k);
		if (sparse && i < count)
			sums[i] = sum_sparse(comb, l, windows[i], lanes_of[i]->period);
	}
	if (!sparse)
		sum_dense(comb, l, lanes_of, windows, sums);
	for (size_t i = 0; i < count; i++)
		places[i].z = z_of(comb, windows[i], sums[i], &places[i].lags);
}

void nr_flow_comb_search(struct nr_flow_comb *comb)
{
	uint32_t at[NR_FLOW_COMB_KS];
	memcpy(at, comb->first, sizeof(at));
	for (unsigned o = 0; o < LEVELS; o++) {
		for (unsigned k = 0; k < NR_FLOW_COMB_KS; k++) {
			uint32_t from = at[k], to = from;
			while (to < comb->first[k + 1] && nr_flow_comb_level(comb->places[to].period) == o)
				to++;
			at[k] = to;
			for (uint32_t i = from; i < to; i += LANES)
				nr_flow_comb_sum(
					comb, o, nr_flow_comb_ks[k], &comb->places[i], NR_MIN(LANES, to - i));
		}
	}
}

double nr_flow_comb_z(struct nr_flow_comb *comb, double period, unsigned k)
{
	if (!comb->lags || !(period >= NR_FLOW_COMB_PERIOD_MIN && period <= NR_FLOW_COMB_PERIOD_MAX))
		return 0;
	unsigned level = nr_flow_comb_level(period);
	struct place place = nr_flow_comb_place(&comb->levels[level], period);
	nr_flow_comb_sum(comb, level, k, &place, 1);
	return place.z;
}
