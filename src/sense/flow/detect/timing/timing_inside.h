/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of timing share; for these alone. */
#ifndef NR_SENSE_FLOW_DETECT_TIMING_TIMING_INSIDE_H
#define NR_SENSE_FLOW_DETECT_TIMING_TIMING_INSIDE_H

#include "sense/flow/detect/timing/timing.h"

/* us from a to b; 0 where b is not after a. Right for any two times. */
NR_INLINE uint64_t nr_flow_lag(nr_time a, nr_time b)
{
	return b > a ? (uint64_t)b - (uint64_t)a : 0;
}

/* How many beats from the first on are of its client. count > 0. */
NR_INLINE size_t nr_flow_client_run(const struct nr_flow_beat *beats, size_t count)
{
	size_t n = 1;
	while (n < count && beats[n].client == beats[0].client)
		n++;
	return n;
}

/* The timers of an exporter, or the smallest that are common. */
struct nr_flow_cache nr_flow_cache_of(
	const struct nr_flow_cache *caches, size_t cache_count, uint32_t exporter);

/* Ascending; other: as many. Linear in count, whatever the values. */
void nr_flow_timing_sort(uint64_t *values, uint64_t *other, size_t count);

/* Silence that ends an attempt of this client. */
nr_time nr_flow_retry_within(const struct nr_flow_beat *beats, size_t count);

/* Lists for sorting and medians; what has more is cut, or every second, third ... is taken. */
#define NR_FLOW_VALUES 65536
struct nr_flow_room {
	uint64_t values[NR_FLOW_VALUES], other[NR_FLOW_VALUES];
	uint64_t first[NR_FLOW_VALUES], second[NR_FLOW_VALUES];
};

/* Parts of nr_flow_timing_of(), each fills its fields. */
void nr_flow_sizes_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room,
	struct nr_flow_timing *timing);
void nr_flow_shape_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room,
	struct nr_flow_timing *timing);
void nr_flow_habits_of(const struct nr_flow_timing_conf *conf, const struct nr_flow_beat *beats, size_t count,
	struct nr_flow_room *room, struct nr_flow_timing *timing);
/* After the comb: of its period. */
void nr_flow_timers_of(const struct nr_flow_timing_conf *conf, const struct nr_flow_beat *beats, size_t count,
	struct nr_flow_timing *timing);

#endif
