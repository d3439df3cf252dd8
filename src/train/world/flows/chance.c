/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/chance.h"

#include <math.h>
#include <string.h>

#define LN2        0.69314718055994530942
#define SQRT2      1.41421356237309504880
#define EXACT_MEAN 32.0 /* up to so many successes they are drawn one by one */

double nr_chance_log(double x)
{
	uint64_t bits;
	memcpy(&bits, &x, sizeof bits);
	int exponent = (int)(bits >> 52) - 1023;
	bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(1023) << 52;
	memcpy(&x, &bits, sizeof x); /* 1 .. 2 */
	if (x > SQRT2) {
		x /= 2;
		exponent++;
	}
	double z = (x - 1) / (x + 1), square = z * z, sum = 0; /* ln x = 2 artanh z */
	for (int i = 17; i >= 1; i -= 2)
		sum = sum * square + 1.0 / i;
	return 2 * z * sum + exponent * LN2;
}

double nr_chance_exp(double x)
{
	static const double inverse[] = {0, 1, 1.0 / 2, 1.0 / 3, 1.0 / 4, 1.0 / 5, 1.0 / 6, 1.0 / 7, 1.0 / 8,
		1.0 / 9, 1.0 / 10, 1.0 / 11, 1.0 / 12};
	double scaled = x * (1 / LN2);
	int exponent = (int)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
	double rest = x - exponent * LN2, sum = 1;
	for (int i = 12; i >= 1; i--) /* Taylor: |rest| is at most 0.35 */
		sum = 1 + sum * rest * inverse[i];
	uint64_t bits = (uint64_t)(exponent + 1023) << 52;
	double power;
	memcpy(&power, &bits, sizeof power);
	return sum * power;
}

/* Acklam's rational approximation of the normal quantile (relative error 1.2e-9); 0 < p < 1. */
static double normal_quantile(double p)
{
	static const double a[] = {-39.69683028665376, 220.9460984245205, -275.9285104469687,
		138.3577518672690, -30.66479806614716, 2.506628277459239};
	static const double b[] = {-54.47609879822406, 161.5858368580409, -155.6989798598866,
		66.80131188771972, -13.28068155288572};
	static const double c[] = {-0.007784894002430293, -0.3223964580411365, -2.400758277161838,
		-2.549732539343734, 4.374664141464968, 2.938163982698783};
	static const double d[] = {
		0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416};
	const double low = 0.02425;
	if (p > 1 - low)
		return -normal_quantile(1 - p);
	if (p < low) {
		double q = sqrt(-2 * nr_chance_log(p));
		return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
		       ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
	}
	double q = p - 0.5, r = q * q;
	return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
	       (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

void nr_chance_init(struct nr_chance *chance)
{
	chance->exponential[0] = 0;
	chance->normal[0] = 0; /* the lowest cell is drawn without the table */
	for (int i = 1; i < NR_CHANCE_CELLS; i++) {
		double p = (double)i / NR_CHANCE_CELLS;
		chance->exponential[i] = -nr_chance_log(1 - p);
		chance->normal[i] = normal_quantile(p);
	}
}

/* A cell of the table and where in it. */
static unsigned cell(struct nr_random *random, double *ret_within)
{
	uint64_t dice = nr_random_next(random);
	*ret_within = (double)(dice & UINT64_C(0xfffffffffff)) * 0x1p-44;
	return (unsigned)(dice >> 54);
}

double nr_chance_exponential(const struct nr_chance *chance, struct nr_random *random)
{
	double within, before = 0;
	unsigned i;
	/* It has no memory: beyond the last quantile it begins again. */
	while ((i = cell(random, &within)) == NR_CHANCE_CELLS - 1)
		before += chance->exponential[NR_CHANCE_CELLS - 1];
	const double *q = chance->exponential + i;
	return before + q[0] + (q[1] - q[0]) * within;
}

double nr_chance_normal(const struct nr_chance *chance, struct nr_random *random)
{
	double within;
	unsigned i = cell(random, &within);
	if (i == 0 || i == NR_CHANCE_CELLS - 1)
		return normal_quantile((i + NR_MAX(within, 0x1p-44)) / NR_CHANCE_CELLS);
	const double *q = chance->normal + i;
	return q[0] + (q[1] - q[0]) * within;
}

static uint64_t rounded(double x)
{
	return x <= 0 ? 0 : (uint64_t)(x + 0.5);
}

uint64_t nr_chance_poisson(const struct nr_chance *chance, struct nr_random *random, double mean)
{
	if (mean > EXACT_MEAN)
		return rounded(mean + sqrt(mean) * nr_chance_normal(chance, random));
	uint64_t count = 0;
	for (double sum = nr_chance_exponential(chance, random); sum < mean;
		sum += nr_chance_exponential(chance, random))
		count++;
	return count;
}

struct nr_odds nr_odds_of(double p)
{
	return (struct nr_odds){p, p >= 1 ? 0 : -1 / nr_chance_log(1 - p)};
}

uint64_t nr_chance_binomial(
	const struct nr_chance *chance, struct nr_random *random, uint64_t n, const struct nr_odds *odds)
{
	if (odds->p >= 1)
		return n;
	double mean = (double)n * odds->p;
	if (mean > EXACT_MEAN) {
		double deviation = sqrt(mean * (1 - odds->p));
		uint64_t drawn = rounded(mean + deviation * nr_chance_normal(chance, random));
		return NR_MIN(n, drawn);
	}
	/* Trials between two successes: geometric, which is the floor of an exponential. */
	uint64_t count = 0;
	for (double left = (double)n;; count++) {
		double gap = nr_chance_exponential(chance, random) * odds->gap;
		if (gap >= left)
			return count;
		left -= (double)((uint64_t)gap + 1);
	}
}

void nr_quantiles_init(struct nr_quantiles *q, double median, double sigma, double alpha, double cap)
{
	const int last = NR_QUANTILE_CELLS - 1;
	for (int i = 0; i <= last; i++) {
		double p = (i ? i : 0.25) / NR_QUANTILE_CELLS;
		q->body[i] = (float)NR_MIN(cap, median * nr_chance_exp(sigma * normal_quantile(p)));
	}
	for (int i = 0; i <= last; i++) {
		double over = nr_chance_exp(-nr_chance_log(1 - (double)i / NR_QUANTILE_CELLS) / alpha);
		q->tail[i] = (float)NR_MIN(cap, (double)q->body[last] * over);
	}
}

double nr_quantiles_draw(const struct nr_quantiles *q, struct nr_random *random)
{
	uint64_t dice = nr_random_next(random);
	unsigned i = (unsigned)(dice >> 56), last = NR_QUANTILE_CELLS - 1;
	const float *cells = q->body;
	dice <<= 8;
	if (i == last) {
		i = (unsigned)(dice >> 56);
		cells = q->tail;
		dice <<= 8;
		if (i == last)
			return (double)cells[last];
	}
	double low = (double)cells[i], high = (double)cells[i + 1];
	return low + (high - low) * ((double)(dice >> 16) * 0x1p-48);
}
