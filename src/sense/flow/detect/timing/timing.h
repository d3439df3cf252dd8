/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timing of a server's beats (flow reference 13.3, 15, 16): pure functions over arrays; memory of the caller.
 *
 *	nr_flow_spectrum_add(spectra[exporter], beats, n);             each candidate, first
 *	n = nr_flow_beats_join(beats, n, caches, cache_count);         continuations, retries
 *	nr_flow_timing_of(&conf, scratch, beats, n, &timing);          then each candidate
 *
 * Any thread, each with its own scratch.
 */
#ifndef NR_SENSE_FLOW_DETECT_TIMING_TIMING_H
#define NR_SENSE_FLOW_DETECT_TIMING_TIMING_H

#include "base/error.h"
#include "sense/flow/detect/features.h"

/* Joins in place what one connection was cut into: records of one client and port that follow each other by
 * less than the inactive timeout and a second after an active timeout; both directions of one connection; and
 * retries (connections of one client within 3 s). beats sorted by client, first. Answers how many remain. */
size_t nr_flow_beats_join(
	struct nr_flow_beat *beats, size_t count, const struct nr_flow_cache *caches, size_t cache_count);

/* The combs that an exporter itself makes, by its timers: steps between records of one connection, counted
 * over servers. */
struct nr_flow_spectrum;
int nr_flow_spectrum_new(struct nr_flow_spectrum **ret_spectrum, struct nr_error *error);
void nr_flow_spectrum_free(struct nr_flow_spectrum *spectrum); /* NULL allowed */
void nr_flow_spectrum_freep(struct nr_flow_spectrum **spectrum);
/* One server's beats, as exported: before they are joined. A server counts once, however busy it is. */
void nr_flow_spectrum_add(struct nr_flow_spectrum *spectrum, const struct nr_flow_beat *beats, size_t count);
/* How far servers with records of such a step stand out from those with steps around it. */
double nr_flow_spectrum_z(const struct nr_flow_spectrum *spectrum, double period);
/* Timers as these records show them; 0: they do not. */
struct nr_flow_cache nr_flow_spectrum_timers(const struct nr_flow_spectrum *spectrum);

#define NR_FLOW_PERIOD_MIN 2.0     /* s */
#define NR_FLOW_PERIOD_MAX 21600.0 /* s: four of them in a day */
struct nr_flow_timing_conf {
	nr_time from, to;                        /* the window */
	const struct nr_flow_cache *caches;      /* by exporter */
	struct nr_flow_spectrum *const *spectra; /* by exporter; NULL: none */
	size_t cache_count;
	bool baseline;                 /* RITA's scores too: only evaluation needs them */
	double period_min, period_max; /* s, of the comb; 0: NR_FLOW_PERIOD_MIN, _MAX */
};
struct nr_flow_timing_scratch;
int nr_flow_timing_scratch_new(struct nr_flow_timing_scratch **ret_scratch, struct nr_error *error);
void nr_flow_timing_scratch_free(struct nr_flow_timing_scratch *scratch); /* NULL allowed */
void nr_flow_timing_scratch_freep(struct nr_flow_timing_scratch **scratch);
/* beats: joined. */
void nr_flow_timing_of(const struct nr_flow_timing_conf *conf, struct nr_flow_timing_scratch *scratch,
	const struct nr_flow_beat *beats, size_t count, struct nr_flow_timing *ret_timing);

#endif
