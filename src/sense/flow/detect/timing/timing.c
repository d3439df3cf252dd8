/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/timing/comb.h"
#include "sense/flow/detect/timing/rita.h"
#include "sense/flow/detect/timing/timing_inside.h"

#include <errno.h>
#include <math.h>

struct nr_flow_timing_scratch {
	struct nr_flow_comb *comb;
	struct nr_flow_rita_work rita;
	struct nr_flow_room room;
};

int nr_flow_timing_scratch_new(struct nr_flow_timing_scratch **ret_scratch, struct nr_error *error)
{
	NR_AUTO(nr_flow_timing_scratch_freep) struct nr_flow_timing_scratch *s = calloc(1, sizeof(*s));
	if (!s)
		return nr_fail(error, -ENOMEM, "no memory for the timing of servers");
	int r = nr_flow_comb_new(&s->comb, error);
	if (r < 0)
		return r;
	*ret_scratch = nr_steal(&s);
	return 0;
}

void nr_flow_timing_scratch_free(struct nr_flow_timing_scratch *scratch)
{
	if (scratch)
		nr_flow_comb_free(scratch->comb);
	free(scratch);
}

void nr_flow_timing_scratch_freep(struct nr_flow_timing_scratch **scratch)
{
	nr_flow_timing_scratch_free(*scratch);
}

static void comb_of(const struct nr_flow_timing_conf *conf, struct nr_flow_comb *comb,
	const struct nr_flow_beat *beats, size_t count, struct nr_flow_timing *timing)
{
	nr_flow_comb_range(comb, conf->period_min > 0 ? conf->period_min : NR_FLOW_PERIOD_MIN,
		conf->period_max > 0 ? conf->period_max : NR_FLOW_PERIOD_MAX);
	nr_flow_comb_fill(comb, beats, count);
	struct nr_flow_comb_peak peak = nr_flow_comb_best(comb);
	timing->comb_z = peak.z;
	timing->comb_period = peak.period;
	timing->comb_k = peak.k;
	timing->comb_lags = peak.lags;
}

static void rita_of(const struct nr_flow_timing_conf *conf, struct nr_flow_timing_scratch *scratch,
	const struct nr_flow_beat *beats, size_t count, struct nr_flow_timing *timing)
{
	struct nr_flow_room *room = &scratch->room;
	size_t pairs = 0;
	for (size_t i = 0, n; i < count; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		struct nr_flow_rita r =
			nr_flow_rita_score(&scratch->rita, conf->from, conf->to, beats + i, n);
		timing->rita_best = fmax(timing->rita_best, r.beacon);
		if (pairs < NR_FLOW_VALUES)
			room->values[pairs++] = (uint64_t)(r.beacon * 1000 + 0.5);
	}
	nr_flow_timing_sort(room->values, room->other, pairs);
	timing->rita_median = pairs ? (double)room->values[pairs / 2] / 1000 : 0;
}

void nr_flow_timing_of(const struct nr_flow_timing_conf *conf, struct nr_flow_timing_scratch *scratch,
	const struct nr_flow_beat *beats, size_t count, struct nr_flow_timing *ret_timing)
{
	struct nr_flow_timing t = {0};
	t.beats = (uint32_t)NR_MIN(count, UINT32_MAX);
	for (size_t i = 0, n; i < count; i += n) {
		n = nr_flow_client_run(beats + i, count - i);
		t.clients++;
	}
	comb_of(conf, scratch->comb, beats, count, &t);
	nr_flow_timers_of(conf, beats, count, &t);
	nr_flow_sizes_of(beats, count, &scratch->room, &t);
	nr_flow_shape_of(beats, count, &scratch->room, &t);
	nr_flow_habits_of(conf, beats, count, &scratch->room, &t);
	if (conf->baseline)
		rita_of(conf, scratch, beats, count, &t);
	*ret_timing = t;
}
