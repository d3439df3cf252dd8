/* SPDX-License-Identifier: Apache-2.0 */
/* What clients do over a day: the hours in which they call, whether together, how long they stay, and whether
 * anybody answers (flow reference 14, 17). */
#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>

#define LONG            NR_HOUR
#define TOGETHER        (5 * NR_SECOND) /* clients that begin within it */
#define TOGETHER_MIN    3               /* clients */
#define BINS_OF_AN_HOUR ((uint64_t)(NR_HOUR / TOGETHER))
#define CLIENT_BITS     22
#define REFUSED_MIN     5   /* calls of one client */
#define REFUSED_SHARE   0.9 /* of that client's */
#define HOURS_MAX       (24 * 366)
#define MILLION         1000000

/* ---- persistence ---- */

static uint64_t units_since_ever(nr_time t, nr_time unit)
{
	return ((uint64_t)t ^ UINT64_C(1) << 63) / (uint64_t)unit;
}

static size_t hours_of(const struct nr_flow_beat *beats, size_t count)
{
	size_t n = 1;
	for (size_t i = 1; i < count; i++)
		n += units_since_ever(beats[i].first, NR_HOUR) !=
		     units_since_ever(beats[i - 1].first, NR_HOUR);
	return n;
}

static double persistence_of(const struct nr_flow_timing_conf *conf, const struct nr_flow_beat *beats,
	size_t count, struct nr_flow_room *room)
{
	uint64_t hours = (nr_flow_lag(conf->from, conf->to) + NR_HOUR - 1) / NR_HOUR;
	size_t clients = 0;
	hours = hours < 1 ? 1 : NR_MIN(hours, (uint64_t)HOURS_MAX);
	for (size_t i = 0, n; i < count && clients < NR_FLOW_VALUES; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		room->values[clients++] = hours_of(beats + i, n) * MILLION / hours;
	}
	nr_flow_timing_sort(room->values, room->other, clients);
	return clients ? fmin((double)room->values[clients / 2] / MILLION, 1) : 0;
}

/* ---- synchrony ---- */

/* Places of clients in time, each once: bin << CLIENT_BITS | client, sorted. */
static size_t places_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room)
{
	size_t step = count / NR_FLOW_VALUES + 1, n = 0, kept = 0;
	for (size_t i = 0; i < count; i += step) {
		uint64_t bin = units_since_ever(beats[i].first, TOGETHER);
		if (!beats[i].timeless)
			room->values[n++] =
				bin << CLIENT_BITS | (beats[i].client & ((UINT64_C(1) << CLIENT_BITS) - 1));
	}
	nr_flow_timing_sort(room->values, room->other, n);
	for (size_t i = 0; i < n; i++)
		if (!i || room->values[i] != room->values[i - 1])
			room->values[kept++] = room->values[i];
	return kept;
}

/* Counts are Poisson where clients do not know of each other; by their square roots (Anscombe) few are
 * compared like many. */
static double excess(uint64_t most, uint64_t others)
{
	double usual = (double)others / (double)(BINS_OF_AN_HOUR - 1);
	return most >= TOGETHER_MIN ? 2 * (sqrt((double)most + 0.375) - sqrt(usual + 0.375)) : 0;
}

static double synchrony_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room)
{
	size_t n = places_of(beats, count, room);
	uint64_t hour = 0, all = 0, most = 0, run = 0, bin = 0;
	double best = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t b = room->values[i] >> CLIENT_BITS;
		if (!i || b / BINS_OF_AN_HOUR != hour) {
			best = fmax(best, excess(most, all - most));
			hour = b / BINS_OF_AN_HOUR;
			all = most = run = 0;
		}
		run = i && b == bin ? run + 1 : 1;
		bin = b;
		most = NR_MAX(most, run);
		all++;
	}
	return fmax(best, excess(most, all - most));
}

/* ---- calls that nobody answers ---- */

static size_t refused_gaps(const struct nr_flow_beat *beats, size_t count, uint64_t *gaps)
{
	const struct nr_flow_beat *previous = NULL;
	size_t n = 0;
	for (size_t i = 0; i < count && n < NR_FLOW_VALUES; i++) {
		if (!beats[i].refused)
			continue;
		if (previous)
			gaps[n++] = nr_flow_lag(previous->first, beats[i].first);
		previous = &beats[i];
	}
	return n;
}

static void refused_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room,
	struct nr_flow_timing *timing)
{
	size_t most = 0, from = 0, length = 0, all = 0;
	for (size_t i = 0, n; i < count; i += n) {
		size_t refused = 0;
		n = nr_flow_client_run(beats + i, count - i);
		for (size_t k = i; k < i + n; k++)
			refused += beats[k].refused;
		all += refused;
		if (refused <= most)
			continue;
		most = refused;
		from = i;
		length = n;
	}
	timing->refused_share = count ? (double)all / (double)count : 0;
	timing->refused_calls = (uint32_t)NR_MIN(most, (size_t)UINT32_MAX);
	if (most < REFUSED_MIN || (double)most < REFUSED_SHARE * (double)length)
		return;
	size_t gaps = refused_gaps(beats + from, length, room->values);
	nr_flow_timing_sort(room->values, room->other, gaps);
	timing->refused_period = (double)room->values[gaps / 2] / NR_SECOND;
}

/* ---- lengths and rates ---- */

/* Most beats of one client within a day. */
static size_t day_of(const struct nr_flow_beat *beats, size_t count)
{
	size_t from = 0, most = 0;
	for (size_t i = 0; i < count; i++) {
		while (nr_flow_lag(beats[from].first, beats[i].first) >= NR_DAY)
			from++;
		most = NR_MAX(most, i - from + 1);
	}
	return most;
}

static void lengths_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_timing *timing)
{
	uint64_t longest = 0;
	size_t busiest = 0;
	for (size_t i = 0, n; i < count; i += n) {
		uint64_t of_client = 0;
		n = nr_flow_client_run(beats + i, count - i);
		for (size_t k = i; k < i + n; k++) {
			uint64_t length = nr_flow_lag(beats[k].first, beats[k].last);
			of_client = NR_MAX(of_client, length);
		}
		timing->long_clients += of_client >= LONG;
		longest = NR_MAX(longest, of_client);
		size_t day = day_of(beats + i, n);
		busiest = NR_MAX(busiest, day);
	}
	timing->longest = (double)longest / NR_SECOND;
	timing->strobe = (uint32_t)NR_MIN(busiest, (size_t)UINT32_MAX);
}

void nr_flow_habits_of(const struct nr_flow_timing_conf *conf, const struct nr_flow_beat *beats, size_t count,
	struct nr_flow_room *room, struct nr_flow_timing *timing)
{
	timing->persistence = persistence_of(conf, beats, count, room);
	timing->synchrony = synchrony_of(beats, count, room);
	refused_of(beats, count, room, timing);
	lengths_of(beats, count, timing);
}
