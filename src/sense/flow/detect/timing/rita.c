/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/timing/rita.h"

#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>
#include <string.h>

/* Half up, three decimals. The tiny term keeps 0.0005 from falling to its binary neighbour below. */
static double round3(double x)
{
	return floor(x * 1000 + 0.5 + 1e-9) / 1000;
}

static double ceil3(double x)
{
	return ceil(x * 1000 - 1e-9) / 1000;
}

static double median(const uint64_t *sorted, size_t count)
{
	if (!count)
		return 0;
	double upper = (double)sorted[count / 2];
	return count % 2 ? upper : ((double)sorted[count / 2 - 1] + upper) / 2;
}

/* The median of |value - q2|; values are doubled first, so that a median between two stays whole. */
static double deviation(uint64_t *values, uint64_t *sorting, size_t count, double q2)
{
	uint64_t middle = (uint64_t)fmin(2 * q2, 1.8e19); /* below 2^64 */
	for (size_t i = 0; i < count; i++) {
		uint64_t twice = values[i] > UINT64_MAX / 2 ? UINT64_MAX : 2 * values[i];
		values[i] = twice > middle ? twice - middle : middle - twice;
	}
	nr_flow_timing_sort(values, sorting, count);
	return median(values, count) / 2;
}

struct nr_flow_rita_spread nr_flow_rita_spread(
	uint64_t *values, uint64_t *sorting, size_t count, double fallback)
{
	struct nr_flow_rita_spread s = {0};
	if (!count)
		return s;
	nr_flow_timing_sort(values, sorting, count);
	size_t half = count / 2;
	s.q2 = median(values, count);
	s.q1 = half ? median(values, half) : s.q2;
	s.q3 = half ? median(values + count - half, half) : s.q2;
	double width = s.q3 - s.q1;
	if (width >= 10 && s.q2 != s.q1 && s.q2 != s.q3)
		s.skew = (s.q1 + s.q3 - 2 * s.q2) / width;
	s.mad = deviation(values, sorting, count, s.q2);
	double even = s.q2 >= 1 ? (s.q2 - s.mad) / s.q2 : fallback;
	s.score = round3((1 - fabs(s.skew) + fmax(even, 0)) / 2);
	return s;
}

static unsigned longest_run(const uint32_t *bins, unsigned count)
{
	unsigned best = 0, run = 0;
	for (unsigned i = 0; i < 2 * count; i++) {
		run = bins[i % count] ? run + 1 : 0;
		best = NR_MAX(best, run);
	}
	return NR_MIN(best, count);
}

/* The share of bars whose heights are of the two commonest, one bar not counted. */
static double bimodal(const uint32_t *bins, unsigned count, unsigned bars)
{
	uint32_t highest = 0, heights[NR_FLOW_RITA_BINS];
	unsigned sizes[NR_FLOW_RITA_BINS], groups = 0, first = 0, second = 0;
	for (unsigned i = 0; i < count; i++)
		highest = NR_MAX(highest, bins[i]);
	uint32_t width = (uint32_t)ceil(0.05 * highest);
	for (unsigned i = 0; i < count; i++) {
		unsigned g = 0;
		if (!bins[i])
			continue;
		while (g < groups && heights[g] != bins[i] / width)
			g++;
		if (g == groups) {
			heights[groups] = bins[i] / width;
			sizes[groups++] = 0;
		}
		sizes[g]++;
	}
	for (unsigned g = 0; g < groups; g++)
		if (sizes[g] > first) {
			second = first;
			first = sizes[g];
		} else if (sizes[g] > second)
			second = sizes[g];
	return fmin(round3((double)(first + second) / (double)NR_MAX(bars - 1, 1u)), 1);
}

static double variation_score(const uint32_t *bins, unsigned count)
{
	double sum = 0, squares = 0;
	for (unsigned i = 0; i < count; i++)
		sum += bins[i];
	if (sum <= 0)
		return 0;
	double mean = sum / count;
	for (unsigned i = 0; i < count; i++)
		squares += (bins[i] - mean) * (bins[i] - mean);
	double variation = sqrt(squares / count) / mean;
	return variation > 1 ? 0 : round3(1 - variation);
}

struct nr_flow_rita_histogram nr_flow_rita_histogram(
	const uint64_t *seconds, size_t count, uint64_t from, uint64_t to, unsigned bins, unsigned bars_min)
{
	struct nr_flow_rita_histogram h = {0};
	if (!bins || bins > NR_FLOW_RITA_BINS || to <= from)
		return h;
	double width = (double)(to - from) / bins;
	for (size_t i = 0; i < count; i++) {
		if (seconds[i] < from || seconds[i] > to)
			continue;
		unsigned bin = (unsigned)((double)(seconds[i] - from) / width);
		h.bins[NR_MIN(bin, bins - 1)]++;
	}
	for (unsigned i = 0; i < bins; i++)
		h.bars += h.bins[i] > 0;
	h.run = longest_run(h.bins, bins);
	h.variation = variation_score(h.bins, bins);
	if (h.bars >= (bars_min < 6 ? NR_FLOW_RITA_BARS_MIN : bars_min))
		h.bimodal = bimodal(h.bins, bins, h.bars);
	h.score = fmax(h.variation, h.bimodal);
	return h;
}

struct nr_flow_rita_duration nr_flow_rita_duration(
	uint64_t first, uint64_t last, uint64_t from, uint64_t to, unsigned bars, unsigned run)
{
	struct nr_flow_rita_duration d = {0};
	if (bars < 6 || to <= from || last < first)
		return d;
	d.coverage = fmin(ceil3((double)(last - first) / (double)(to - from)), 1);
	d.consistency = fmin(ceil3(run / 12.0), 1);
	d.score = fmax(d.coverage, d.consistency);
	return d;
}

double nr_flow_rita_beacon(double timestamp, double size, double duration, double histogram)
{
	return round3(0.25 * (timestamp + size + duration + histogram));
}

double nr_flow_rita_threat(double percent)
{
	static const double from[] = {50, 70, 90, 100}, score[] = {0.2, 0.4, 0.6, 0.8};
	if (!(percent >= from[0]))
		return 0;
	for (size_t i = 1; i < NR_COUNT(from); i++)
		if (percent < from[i])
			return score[i - 1] +
			       (score[i] - score[i - 1]) * (percent - from[i - 1]) / (from[i] - from[i - 1]);
	return score[NR_COUNT(score) - 1];
}

static uint64_t whole_seconds(nr_time t)
{
	return t > 0 ? (uint64_t)(t / NR_SECOND) : 0;
}

/* Steps between different seconds, into values. */
static size_t steps(const uint64_t *seconds, size_t count, uint64_t *values)
{
	size_t n = 0;
	for (size_t i = 1; i < count; i++)
		if (seconds[i] != seconds[i - 1])
			values[n++] = seconds[i] - seconds[i - 1];
	return n;
}

struct nr_flow_rita nr_flow_rita_score(struct nr_flow_rita_work *work, nr_time from, nr_time to,
	const struct nr_flow_beat *beats, size_t count)
{
	struct nr_flow_rita r = {0};
	if (count >= NR_FLOW_RITA_ENTRIES) {
		r.strobe = true;
		r.threat = NR_FLOW_RITA_STROBE;
		return r;
	}
	for (size_t i = 0; i < count; i++)
		work->seconds[i] = whole_seconds(beats[i].first);
	nr_flow_timing_sort(work->seconds, work->sorting, count);
	size_t gaps = steps(work->seconds, count, work->values);
	if (gaps < 3)
		return r;
	r.scored = true;
	r.timestamp = nr_flow_rita_spread(work->values, work->sorting, gaps, 1).score;
	for (size_t i = 0; i < count; i++)
		work->values[i] = beats[i].up_bytes;
	r.size = nr_flow_rita_spread(work->values, work->sorting, count, 0).score;
	uint64_t begin = whole_seconds(from), end = whole_seconds(to);
	struct nr_flow_rita_histogram h = nr_flow_rita_histogram(
		work->seconds, count, begin, end, NR_FLOW_RITA_BINS, NR_FLOW_RITA_BARS_MIN);
	r.histogram = h.score;
	r.duration =
		nr_flow_rita_duration(work->seconds[0], work->seconds[count - 1], begin, end, h.bars, h.run)
			.score;
	r.beacon = nr_flow_rita_beacon(r.timestamp, r.size, r.duration, r.histogram);
	r.threat = nr_flow_rita_threat(100 * r.beacon);
	return r;
}
