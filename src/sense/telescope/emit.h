/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows from tallies: one step (5 minutes, an hour, a day) of traffic, ports and origins. Private to this
 * room.
 */
#ifndef NR_SENSE_TELESCOPE_EMIT_H
#define NR_SENSE_TELESCOPE_EMIT_H

#include "sense/telescope/state.h"

struct nr_merged;

struct nr_step {
	const struct nr_telescope_conf *conf;
	const struct nr_merged *merged; /* knows the addresses of IPv6 members */
	struct nr_sink *sink;
	uint32_t seconds; /* NR_STEP_* */
	nr_time start;
	enum nr_traffic traffic;
};

/* Sketches go with hours and days. */
NR_INLINE bool nr_step_has_sketches(const struct nr_step *step)
{
	return step->seconds >= NR_STEP_HOUR;
}

struct nr_count {
	uint64_t packets, bytes, sources;
	double error;          /* relative standard error of sources; 0 = exact */
	struct nr_hll *sketch; /* NULL: not wanted */
};
/* One of 2^level sources stands in the sketch: its rank counts `level` more, as the largest of so many would
 * (Flajolet et al. 2007: the expected largest rank grows by one when the sources double). */
NR_INLINE uint64_t nr_sketch_hash(uint64_t member, uint8_t level)
{
	uint64_t hash = nr_hll_hash(member), index = hash >> (64 - NR_HLL_BITS) << (64 - NR_HLL_BITS);
	return index | (hash << NR_HLL_BITS >> NR_HLL_BITS >> level);
}
/* Adds the sources of sorted members (a sample of this level) by category; counts[NR_CATEGORY_COUNT] is
 * everything. */
void nr_telescope_count_members(
	const struct nr_wides *members, uint8_t level, struct nr_count counts[static NR_CATEGORY_COUNT + 1]);

/* Hands the rows of a sorted tally to the sink. */
int nr_telescope_emit(const struct nr_step *step, const struct nr_tally *tally, struct nr_error *error);
/* Of these, those of countries and networks (emit_origins.c): hours and days, where a database is given. */
int nr_origins_emit(const struct nr_step *step, const struct nr_tally *tally, struct nr_error *error);
/* One row of telescope_traffic, for what is not in a tally (tools of a day). */
int nr_telescope_emit_category(const struct nr_step *step, const char *category, const struct nr_count *count,
	struct nr_error *error);

#endif
