/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning what evidence weighs, in three steps that few examples allow:
 *
 *  1. each term by itself: the log ratio of its bins' shares among C&C servers and among others, drawn to 0
 *     where a bin holds few, and made to rise or fall where the term's sense says so (pool adjacent
 *     violators, Ayer et al. 1955);
 *  2. together: naive sums count twice what terms say in common, so each group gets a factor >= 0, and the
 *     whole a bias, by logistic regression whose factors are drawn to one half (Spiegelhalter and
 *     Knill-Jones 1984 shrink weights of evidence in this way).
 *
 *  3. bin by bin, by the same regression, drawn to what the second step says.
 *
 * What comes out are still weights per bin, which can be read, and whose sum is a log-odds that is right on
 * the examples.
 */
#include "sense/flow/detect/judge/calibration.h"

#include <errno.h>
#include <math.h>

#define DRAWN            4.0 /* examples' worth of "says nothing" in each term */
#define WEIGHT_MOST      5.0
#define FACTOR_MEAN      0.5
#define FACTOR_PRECISION 6.0
#define FACTOR_LEAST     0.1 /* so that the third step can find what the second did not */
#define ROUNDS           200
#define FACTORS          (NR_FLOW_TERMS_MAX + 1) /* the last is the bias */

struct counts {
	double bins[2][NR_FLOW_BINS_MAX]; /* by positive */
	double all[2];
};

static void count_term(const struct nr_flow_example *examples, size_t count, enum nr_flow_model model,
	const struct nr_flow_term *term, size_t at, struct counts *counts)
{
	*counts = (struct counts){.all = {0, 0}};
	for (size_t i = 0; i < count; i++) {
		double value = (double)examples[i].evidence.values[at];
		if (examples[i].model != model || isnan(value))
			continue;
		counts->bins[examples[i].positive][nr_flow_term_bin(term, value)]++;
		counts->all[examples[i].positive]++;
	}
}

static double ratio_of(double positive, double negative, const struct counts *counts)
{
	/* a bin that is equally likely under both is what is believed before */
	double share = (positive + negative) / (counts->all[0] + counts->all[1]);
	double p = (positive + DRAWN * share) / (counts->all[1] + DRAWN);
	double q = (negative + DRAWN * share) / (counts->all[0] + DRAWN);
	if (positive + negative == 0)
		return 0;
	return NR_MAX(-WEIGHT_MOST, NR_MIN(WEIGHT_MOST, log(p / q)));
}

/* Neighbouring bins that go against the slope become one. */
static void pool_adjacent(const struct nr_flow_term *term, const struct counts *counts, double *weights)
{
	struct {
		double positive, negative;
		unsigned first;
	} blocks[NR_FLOW_BINS_MAX];
	unsigned n = 0, bins = term->edge_count + 1;
	for (unsigned b = 0; b < bins; b++) {
		blocks[n].positive = counts->bins[1][b];
		blocks[n].negative = counts->bins[0][b];
		blocks[n++].first = b;
		while (n > 1) {
			double last = ratio_of(blocks[n - 1].positive, blocks[n - 1].negative, counts);
			double before = ratio_of(blocks[n - 2].positive, blocks[n - 2].negative, counts);
			bool is_empty = blocks[n - 1].positive + blocks[n - 1].negative == 0;
			if (!is_empty && (term->slope == 0 || (last - before) * term->slope >= 0))
				break;
			blocks[n - 2].positive += blocks[n - 1].positive;
			blocks[n - 2].negative += blocks[n - 1].negative;
			n--;
		}
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned b = blocks[i].first; b < (i + 1 < n ? blocks[i + 1].first : bins); b++)
			weights[b] = ratio_of(blocks[i].positive, blocks[i].negative, counts);
}

/* ---- factors ---- */

struct fit {
	const struct nr_flow_example *examples;
	size_t count;
	enum nr_flow_model model;
	const struct nr_flow_term *terms;
	size_t term_count;
	const struct nr_flow_weights *weights;
	double factors[FACTORS];
};

/* Terms of a group share a factor, so that the strongest one stays it. */
static size_t factor_of(const struct fit *fit, size_t term)
{
	for (size_t i = 0; fit->terms[term].group != NR_FLOW_ALONE && i < term; i++)
		if (fit->terms[i].group == fit->terms[term].group)
			return i;
	return term;
}

static void add_up(const struct fit *fit, const struct nr_flow_example *example, double *x)
{
	double weights[NR_FLOW_TERMS_MAX];
	nr_flow_fuse(fit->weights, fit->model, &example->evidence, weights);
	for (size_t i = 0; i < FACTORS; i++)
		x[i] = 0;
	for (size_t i = 0; i < fit->term_count; i++)
		x[factor_of(fit, i)] += weights[i];
	x[FACTORS - 1] = 1;
}

/* One round of Newton's steps, factor by factor; answers the largest. */
static double improve(struct fit *fit, const double *xs, const bool *positive, double *sums, size_t n)
{
	double largest = 0;
	for (size_t j = 0; j < FACTORS; j++) {
		bool is_bias = j == FACTORS - 1;
		double precision = is_bias ? 0.01 : FACTOR_PRECISION;
		double gradient = precision * (fit->factors[j] - (is_bias ? 0 : FACTOR_MEAN));
		double curve = precision;
		for (size_t i = 0; i < n; i++) {
			double x = xs[i * FACTORS + j];
			if (x == 0)
				continue;
			double p = nr_flow_sigmoid(sums[i]);
			gradient += (p - positive[i]) * x;
			curve += NR_MAX(p * (1 - p), 1e-4) * x * x;
		}
		double step = NR_MAX(-1, NR_MIN(1, -gradient / curve));
		if (!is_bias && fit->factors[j] + step < FACTOR_LEAST)
			step = FACTOR_LEAST - fit->factors[j];
		fit->factors[j] += step;
		for (size_t i = 0; i < n; i++)
			sums[i] += step * xs[i * FACTORS + j];
		largest = NR_MAX(largest, fabs(step));
	}
	return largest;
}

static int find_factors(struct fit *fit, size_t n, struct nr_error *error)
{
	NR_AUTO(nr_freep) double *xs = calloc(n, FACTORS * sizeof *xs);
	NR_AUTO(nr_freep) double *sums = calloc(n, sizeof *sums);
	NR_AUTO(nr_freep) bool *positive = calloc(n, sizeof *positive);
	if (!xs || !sums || !positive)
		return nr_fail(error, -ENOMEM, "out of memory for %zu examples", n);
	size_t at = 0;
	for (size_t i = 0; i < fit->count; i++) {
		if (fit->examples[i].model != fit->model)
			continue;
		positive[at] = fit->examples[i].positive;
		add_up(fit, &fit->examples[i], xs + at++ * FACTORS);
	}
	for (size_t j = 0; j + 1 < FACTORS; j++)
		fit->factors[j] = FACTOR_MEAN;
	fit->factors[FACTORS - 1] = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < FACTORS; j++)
			sums[i] += fit->factors[j] * xs[i * FACTORS + j];
	for (unsigned round = 0; round < ROUNDS && improve(fit, xs, positive, sums, n) > 1e-5; round++)
		;
	return 0;
}

/* ---- bins together ---- */

/*
 * What two terms say in common is said once: each bin's weight moves, as far as the examples outweigh what
 * stood there, to what it adds beside all others. Which term of a group counts is settled anew each round.
 */
struct bins {
	const struct fit *fit;
	struct nr_flow_weights *weights;
	struct nr_flow_weights before;
	uint8_t *at;  /* n * NR_FLOW_TERMS_MAX: the bin that counts; NO_BIN */
	double *sums; /* n */
	const bool *positive;
	size_t n;
};
#define NO_BIN        UINT8_MAX
#define BIN_PRECISION 2.0
#define BIN_ROUNDS    30

static void settle_bins(struct bins *bins)
{
	const struct fit *fit = bins->fit;
	double weights[NR_FLOW_TERMS_MAX];
	bool counts[NR_FLOW_TERMS_MAX];
	size_t row = 0;
	for (size_t i = 0; i < fit->count; i++) {
		const struct nr_flow_example *example = &fit->examples[i];
		if (example->model != fit->model)
			continue;
		bins->sums[row] = bins->weights->bias;
		bins->sums[row] +=
			nr_flow_fuse_which(bins->weights, fit->model, &example->evidence, weights, counts);
		for (size_t t = 0; t < fit->term_count; t++)
			bins->at[row * NR_FLOW_TERMS_MAX + t] =
				counts[t] ? (uint8_t)nr_flow_term_bin(
						    &fit->terms[t], (double)example->evidence.values[t])
					  : NO_BIN;
		row++;
	}
}

static void move_term(struct bins *bins, size_t t)
{
	double gradient[NR_FLOW_BINS_MAX], curve[NR_FLOW_BINS_MAX], *w = bins->weights->terms[t];
	for (unsigned b = 0; b < NR_FLOW_BINS_MAX; b++) {
		gradient[b] = BIN_PRECISION * (w[b] - bins->before.terms[t][b]);
		curve[b] = BIN_PRECISION;
	}
	for (size_t i = 0; i < bins->n; i++) {
		uint8_t b = bins->at[i * NR_FLOW_TERMS_MAX + t];
		if (b == NO_BIN)
			continue;
		double p = nr_flow_sigmoid(bins->sums[i]);
		gradient[b] += p - bins->positive[i];
		curve[b] += NR_MAX(p * (1 - p), 1e-4);
	}
	const struct nr_flow_term *term = &bins->fit->terms[t];
	double moved[NR_FLOW_BINS_MAX] = {0};
	for (unsigned b = 0; b <= term->edge_count; b++) {
		double to = w[b] + NR_MAX(-0.5, NR_MIN(0.5, -gradient[b] / curve[b]));
		if (b && term->slope && (to - w[b - 1]) * term->slope < 0) /* keeps its slope */
			to = w[b - 1];
		moved[b] = to - w[b];
		w[b] = to;
	}
	for (size_t i = 0; i < bins->n; i++)
		if (bins->at[i * NR_FLOW_TERMS_MAX + t] != NO_BIN)
			bins->sums[i] += moved[bins->at[i * NR_FLOW_TERMS_MAX + t]];
}

/*
 * A likelihood ratio's mean over those that are none is 1. Each term (of a group: what counts) is held to it
 * where it has a value, so that to have one says nothing by itself, and a usual value weighs about 0.
 */
static void make_ratios(struct bins *bins)
{
	const struct fit *fit = bins->fit;
	double mean[NR_FLOW_TERMS_MAX] = {0}, count[NR_FLOW_TERMS_MAX] = {0};
	for (size_t t = 0; t < fit->term_count; t++)
		for (size_t i = 0; i < bins->n; i++) {
			uint8_t b = bins->at[i * NR_FLOW_TERMS_MAX + t];
			if (b == NO_BIN || bins->positive[i])
				continue;
			mean[factor_of(fit, t)] += exp(bins->weights->terms[t][b]);
			count[factor_of(fit, t)]++;
		}
	for (size_t t = 0; t < fit->term_count; t++) {
		size_t f = factor_of(fit, t);
		for (unsigned b = 0; count[f] && b <= fit->terms[t].edge_count; b++) {
			bins->weights->terms[t][b] -= log(mean[f] / count[f]);
			bins->before.terms[t][b] -= log(mean[f] / count[f]);
		}
	}
}

static void move_bias(struct bins *bins)
{
	double gradient = 0, curve = 0.01;
	for (size_t i = 0; i < bins->n; i++) {
		double p = nr_flow_sigmoid(bins->sums[i]);
		gradient += p - bins->positive[i];
		curve += NR_MAX(p * (1 - p), 1e-4);
	}
	double step = NR_MAX(-0.5, NR_MIN(0.5, -gradient / curve));
	bins->weights->bias += step;
	for (size_t i = 0; i < bins->n; i++)
		bins->sums[i] += step;
}

static int refine(const struct fit *fit, size_t n, struct nr_flow_weights *weights, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *at = malloc(n * NR_FLOW_TERMS_MAX);
	NR_AUTO(nr_freep) double *sums = calloc(n, sizeof *sums);
	NR_AUTO(nr_freep) bool *positive = calloc(n, sizeof *positive);
	struct bins bins = {fit, weights, *weights, at, sums, positive, n};
	if (!at || !sums || !positive)
		return nr_fail(error, -ENOMEM, "out of memory for %zu examples", n);
	size_t row = 0;
	for (size_t i = 0; i < fit->count; i++)
		if (fit->examples[i].model == fit->model)
			positive[row++] = fit->examples[i].positive;
	for (unsigned round = 0; round < BIN_ROUNDS; round++) {
		settle_bins(&bins);
		for (size_t t = 0; t < fit->term_count; t++)
			if (!fit->terms[t].is_set)
				move_term(&bins, t);
		make_ratios(&bins);
		settle_bins(&bins);
		move_bias(&bins);
	}
	return 0;
}

static int learn_model(const struct nr_flow_example *examples, size_t count, enum nr_flow_model model,
	size_t n, struct nr_flow_weights *ret_weights, struct nr_error *error)
{
	struct nr_flow_weights weights = {.bias = 0};
	struct fit fit = {examples, count, model, .weights = &weights};
	fit.terms = nr_flow_terms(model, &fit.term_count);
	for (size_t i = 0; i < fit.term_count; i++) {
		struct counts counts;
		count_term(examples, count, model, &fit.terms[i], i, &counts);
		if (counts.all[0] && counts.all[1] && !fit.terms[i].is_set)
			pool_adjacent(&fit.terms[i], &counts, weights.terms[i]);
	}
	int e = find_factors(&fit, n, error);
	if (e)
		return e;
	for (size_t i = 0; i < fit.term_count; i++)
		for (size_t b = 0; b < NR_FLOW_BINS_MAX; b++)
			weights.terms[i][b] *= fit.factors[factor_of(&fit, i)];
	weights.bias = fit.factors[FACTORS - 1];
	for (size_t i = 0; i < fit.term_count; i++)
		if (fit.terms[i].is_set)
			memcpy(weights.terms[i], ret_weights->terms[i], sizeof weights.terms[i]);
	e = refine(&fit, n, &weights, error);
	if (e)
		return e;
	for (size_t i = 0; i < fit.term_count; i++) {
		struct counts counts;
		count_term(examples, count, model, &fit.terms[i], i, &counts);
		if (!counts.all[0] || !counts.all[1] ||
			fit.terms[i].is_set) /* nothing to learn from: what was believed stays */
			memcpy(weights.terms[i], ret_weights->terms[i], sizeof weights.terms[i]);
	}
	for (size_t i = 0; i < fit.term_count; i++)
		for (unsigned b = 0; b < NR_FLOW_BINS_MAX && !fit.terms[i].is_set; b++)
			weights.terms[i][b] = NR_MAX(-WEIGHT_MOST, NR_MIN(WEIGHT_MOST, weights.terms[i][b]));
	*ret_weights = weights;
	return 0;
}

int nr_flow_calibration_learn(const struct nr_flow_example *examples, size_t count,
	struct nr_flow_calibration *calibration, struct nr_error *error)
{
	int e = 0;
	for (unsigned m = 0; !e && m < NR_FLOW_MODELS; m++) {
		size_t n[2] = {0, 0};
		for (size_t i = 0; i < count; i++)
			if (examples[i].model == m)
				n[examples[i].positive]++;
		if (n[0] >= NR_FLOW_LEARN_MIN && n[1] >= NR_FLOW_LEARN_MIN)
			e = learn_model(examples, count, m, n[0] + n[1], &calibration->models[m], error);
	}
	return e;
}
