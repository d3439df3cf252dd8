/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of beats: bots send the same small record (flow reference 17). */
#include "sense/flow/detect/timing/timing_inside.h"

#include <math.h>

struct mode {
	double share, entropy;
};

/* values: sorted. */
static struct mode mode_of(const uint64_t *values, size_t count)
{
	struct mode m = {0};
	for (size_t i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && values[i + n] == values[i]; n++)
			;
		double share = (double)n / (double)count;
		m.share = fmax(m.share, share);
		m.entropy -= share * log2(share);
	}
	m.entropy = fmax(m.entropy, 0);
	return m;
}

/* Sizes of one side, of the beats that tell of it; at most NR_FLOW_VALUES, evenly chosen. */
static size_t collect(
	const struct nr_flow_beat *beats, size_t count, enum nr_flow_side side, uint64_t *values)
{
	size_t step = count / NR_FLOW_VALUES + 1, n = 0;
	for (size_t i = 0; i < count; i += step)
		if (beats[i].sides & side)
			values[n++] = side == NR_FLOW_UP ? beats[i].up_bytes : beats[i].down_bytes;
	return n;
}

void nr_flow_sizes_of(const struct nr_flow_beat *beats, size_t count, struct nr_flow_room *room,
	struct nr_flow_timing *timing)
{
	size_t n = collect(beats, count, NR_FLOW_UP, room->values);
	nr_flow_timing_sort(room->values, room->other, n);
	struct mode up = mode_of(room->values, n);
	n = collect(beats, count, NR_FLOW_DOWN, room->values);
	nr_flow_timing_sort(room->values, room->other, n);
	timing->up_mode = up.share;
	timing->up_entropy = up.entropy;
	timing->down_mode = mode_of(room->values, n).share;
}
