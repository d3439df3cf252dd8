/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/comb.h"

#include "sense/flow/detect/timing_inside.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586
#define LEVELS 14 /* octaves: level o has periods of 2^(o + 1) to 2^(o + 2) s in bins of 0.1 * 2^o s */
#define TICK   ((uint64_t)NR_SECOND / 10) /* bins of level 0 */
#define TICKS  ((uint64_t)NR_FLOW_COMB_LAG_MAX * 10)

#define FAST_LEVELS 3     /* up to 16 s: without the last K */
#define BINS        14424 /* of a level: 360.5 periods of 40 bins at most */
#define PERIODS     17400 /* of all Ks over all levels; counted by the test */
#define SPARSE      6     /* fewer than one bin in so many has lags: one by one */
#define LANES       16
#define FEW         4 /* lags at a time, where they are few */

#define CELLS   4096 /* of half a period, of one client at a time: what reaches over an end is not seen */
#define PEAKS   6    /* whose bursts are looked at */
#define NEARLY  0.9  /* of the largest z: as good */
#define SCALLOP 0.88 /* of z is seen at least where the top lies between two places */
#define FAR_K   16   /* up to this lags are as long as they are */

static const unsigned ks[NR_FLOW_COMB_KS] = {4, 16, 64, 360};

typedef float four __attribute__((vector_size(FEW * sizeof(float))));
typedef int32_t four_int __attribute__((vector_size(FEW * sizeof(int32_t))));

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
static double longest_of(double period, unsigned k)
{
	double longest =
		k <= FAR_K ? NR_FLOW_COMB_LAG_MAX : fmax(NR_FLOW_COMB_LAG_FAR, (FAR_K + 0.5) * period);
	return fmin((k + 0.5) * period, longest);
}

static unsigned level_of(double period)
{
	int octave = ilogb(period) - 1;
	return octave < 0 ? 0 : octave >= LEVELS ? LEVELS - 1 : (unsigned)octave;
}

static uint64_t level_ticks(unsigned o)
{
	unsigned k = ks[o < FAST_LEVELS ? NR_FLOW_COMB_KS - 2 : NR_FLOW_COMB_KS - 1];
	uint64_t ticks = (uint64_t)(longest_of((double)(4u << o), k) * 10);
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

static struct place place_of(const struct level *l, double period)
{
	double angle = TWO_PI * l->width / period;
	return (struct place){.period = period, .cosine = cos(angle), .sine = sin(angle)};
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
		double step = 1 + 0.25 / ks[k];
		comb->first[k] = n;
		for (double p = period_min; p <= period_max && n < PERIODS; p *= step) {
			unsigned o = level_of(p);
			if (k == NR_FLOW_COMB_KS - 1 && o < FAST_LEVELS)
				continue;
			if (k && longest_of(p, ks[k]) <= longest_of(p, ks[k - 1]))
				break; /* the same lags as with a smaller K */
			comb->places[n++] = place_of(&comb->levels[o], p);
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

static size_t choose(struct nr_flow_comb *comb, const struct nr_flow_beat *beats, size_t count, size_t share)
{
	size_t n = 0;
	for (size_t i = 0; i < count && n < NR_FLOW_COMB_CHOSEN; i++)
		if (!beats[i].timeless && (count <= share || chosen(i, share, count)))
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
		fill_client(comb, comb->chosen, choose(comb, beats + i, n, comb->share));
	}
	for (unsigned o = 0; comb->lags && o + 1 < LEVELS; o++)
		for (uint32_t b = 0; b < comb->levels[o].bins; b++)
			comb->levels[o + 1].counts[b / 2] += comb->levels[o].counts[b];
}

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
	double longest = fmin(longest_of(period, k), NR_FLOW_COMB_LAG_MAX);
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
static void zs_of(
	struct nr_flow_comb *comb, const struct level *l, unsigned k, struct place *places, size_t count)
{
	struct window windows[LANES];
	struct place *lanes_of[LANES];
	double sums[LANES];
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

static void search(struct nr_flow_comb *comb)
{
	uint32_t at[NR_FLOW_COMB_KS];
	memcpy(at, comb->first, sizeof(at));
	for (unsigned o = 0; o < LEVELS; o++) {
		const struct level *l = &comb->levels[o];
		look_at(comb, l);
		for (unsigned k = 0; k < NR_FLOW_COMB_KS; k++) {
			uint32_t from = at[k], to = from;
			while (to < comb->first[k + 1] && level_of(comb->places[to].period) == o)
				to++;
			at[k] = to;
			for (uint32_t i = from; i < to; i += LANES)
				zs_of(comb, l, ks[k], &comb->places[i], NR_MIN(LANES, to - i));
		}
	}
}

double nr_flow_comb_z(struct nr_flow_comb *comb, double period, unsigned k)
{
	if (!comb->lags || !(period >= NR_FLOW_COMB_PERIOD_MIN && period <= NR_FLOW_COMB_PERIOD_MAX))
		return 0;
	const struct level *l = &comb->levels[level_of(period)];
	struct place place = place_of(l, period);
	look_at(comb, l);
	zs_of(comb, l, k, &place, 1);
	return place.z;
}

/* Between the places of the search: a step is a quarter of a comb's width, and the top can lie between. */
static struct nr_flow_comb_peak refine(struct nr_flow_comb *comb, const struct place *top, unsigned k)
{
	const struct level *l = &comb->levels[level_of(top->period)];
	const struct place *best = top;
	struct place places[LANES];
	look_at(comb, l);
	for (int i = 0; i < LANES; i++) {
		int step = i < LANES / 2 ? i - LANES / 2 : i - LANES / 2 + 1;
		places[i] = place_of(l, top->period * (1 + step * 0.25 / (LANES / 2 + 1) / k));
	}
	zs_of(comb, l, k, places, LANES);
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
	size_t reach = (size_t)(2 * longest_of(peak->period, peak->k) / peak->period);
	double pairs = 0;
	for (size_t i = 0, n; i < comb->beat_count; i += n) {
		n = nr_flow_client_run(comb->beats + i, comb->beat_count - i);
		size_t count = choose(comb, comb->beats + i, n, comb->share);
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
	struct nr_flow_comb_peak best = refine(comb, &comb->places[top], ks[k_of(comb, top)]), other;
	double enough = best.z * NEARLY, roughly = enough * SCALLOP;
	for (unsigned k = 0; k < NR_FLOW_COMB_KS; k++)
		for (uint32_t i = comb->first[k]; i < comb->first[k + 1]; i++) {
			const struct place *p = &comb->places[i];
			if (p->z < roughly || p->period < 1.5 * best.period || !is_peak(comb, i, k))
				continue;
			other = refine(comb, p, ks[k]);
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
		if (fabs(comb->places[i].period - ret_peak->period) < ret_peak->period / ks[0] / 2)
			comb->places[i].z = 0;
	return true;
}

struct nr_flow_comb_peak nr_flow_comb_best(struct nr_flow_comb *comb)
{
	struct nr_flow_comb_peak best = {0}, peak;
	if (comb->lags < NR_FLOW_COMB_LAGS_MIN || !comb->first[NR_FLOW_COMB_KS])
		return best;
	search(comb);
	for (unsigned i = 0; i < PEAKS && next_peak(comb, &peak) && peak.z * NEARLY > best.z; i++) {
		peak.z = without_bursts(comb, &peak);
		if (peak.z * NEARLY > best.z)
			best = peak;
	}
	return best;
}
