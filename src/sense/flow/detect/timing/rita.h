/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beacon score of RITA v5 (activecm/rita at a3c5150), re-expressed from its description (flow reference
 * 13.3): the baseline that others publish, beside which ours is measured. It ranks pairs of client and
 * server; it does not decide.
 *
 * Pure functions over arrays, in memory of the caller; any thread, each with its own work.
 */
#ifndef NR_SENSE_FLOW_DETECT_TIMING_RITA_H
#define NR_SENSE_FLOW_DETECT_TIMING_RITA_H

#include "sense/flow/detect/features.h"

#define NR_FLOW_RITA_ENTRIES 86400 /* of a list; a pair with as many connections is a strobe */
#define NR_FLOW_RITA_BINS    24
#define NR_FLOW_RITA_STROBE  0.8 /* the threat score of a strobe */

struct nr_flow_rita_work { /* 2 MiB: the caller's, contents do not matter */
	uint64_t values[NR_FLOW_RITA_ENTRIES], seconds[NR_FLOW_RITA_ENTRIES], sorting[NR_FLOW_RITA_ENTRIES];
};

/* How evenly values lie around their median: quartiles (the middle one of an odd list is in no half),
 * Bowley's skew, median absolute deviation. */
struct nr_flow_rita_spread {
	double q1, q2, q3, skew, mad, score;
};
/* values are sorted and overwritten; sorting: as many. fallback: the deviation's part where the median is
 * under
 * 1. count 0: all is 0. */
struct nr_flow_rita_spread nr_flow_rita_spread(
	uint64_t *values, uint64_t *sorting, size_t count, double fallback);

struct nr_flow_rita_histogram {
	uint32_t bins[NR_FLOW_RITA_BINS];
	unsigned bars, run; /* not empty; longest run of these on the circle */
	double variation, bimodal, score;
};
/* seconds: sorted or not; those outside [from, to] are left out. bins 1..24; bars_min: from so many on it can
 * be bimodal (RITA raises a setting below 6 to 11). */
struct nr_flow_rita_histogram nr_flow_rita_histogram(
	const uint64_t *seconds, size_t count, uint64_t from, uint64_t to, unsigned bins, unsigned bars_min);
#define NR_FLOW_RITA_BARS_MIN 11

struct nr_flow_rita_duration {
	double coverage, consistency, score;
};
struct nr_flow_rita_duration nr_flow_rita_duration(
	uint64_t first, uint64_t last, uint64_t from, uint64_t to, unsigned bars, unsigned run);

/* A quarter of each, rounded. */
double nr_flow_rita_beacon(double timestamp, double size, double duration, double histogram);
/* 100 * beacon -> 0 .. 0.8 by steps of 50, 70, 90, 100. */
double nr_flow_rita_threat(double percent);

struct nr_flow_rita {
	bool scored, strobe; /* neither: fewer than four different seconds */
	double timestamp, size, histogram, duration, beacon, threat;
};
/* One client's beats, any order; from, to: first and last time of the whole data. size: bytes of the client.
 */
struct nr_flow_rita nr_flow_rita_score(struct nr_flow_rita_work *work, nr_time from, nr_time to,
	const struct nr_flow_beat *beats, size_t count);

#endif
