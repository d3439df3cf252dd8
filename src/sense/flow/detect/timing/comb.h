/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lag comb pooled over the clients of a server (flow reference 15):
 *
 *	z(P, K) = sum over lags d in [P/2, (K + 1/2) P] of cos(2 pi d / P) / sqrt(n / 2),  n lags, n >= 6
 *
 * for K in {4, 16, 64, 360} and P by steps of P * 0.25 / K. Lags are between beats of the same client, so
 *that neither beats that sampling lost nor the phases of different clients matter.
 *
 * Lags lie in histograms, one for each octave of periods, of 20 to 40 bins a period: what a bin rounds off
 *costs z less than 0.5 %, and a comb costs the same for 20 s and for 6 h. Where a histogram has many lags,
 *sums of sixteen periods at a time are taken by Goertzel's recurrence; where it has few, lag by lag.
 *
 * K = 360 is for periods of 16 s and more (faster ones show with fewer), lags are at most a day. Memory 1.5
 *MiB, of nr_flow_comb_new(); nothing else allocates. One thread.
 */
#ifndef NR_SENSE_FLOW_DETECT_TIMING_COMB_H
#define NR_SENSE_FLOW_DETECT_TIMING_COMB_H

#include "base/error.h"
#include "sense/flow/detect/features.h"

#define NR_FLOW_COMB_KS         4
#define NR_FLOW_COMB_PERIOD_MIN 2.0     /* s: the widest search */
#define NR_FLOW_COMB_PERIOD_MAX 21600.0 /* 6 h: four of them in a day */
#define NR_FLOW_COMB_LAG_MAX    86400   /* s */
#define NR_FLOW_COMB_LAG_FAR    21600   /* s: of K = 64 and 360, where K = 16 has no longer ones */
#define NR_FLOW_COMB_LAGS_MIN   6
/* Of one server. Where its clients have more, as many beats of each are taken at random as there is room for,
 * none of those who have few: a beat shows through sampling, and no client drowns the others. */
#define NR_FLOW_COMB_LAGS_MAX  1000000
#define NR_FLOW_COMB_SHARE_MIN 8
#define NR_FLOW_COMB_CHOSEN    4096 /* of one client; a share is less than half of it */

struct nr_flow_comb;
int nr_flow_comb_new(struct nr_flow_comb **ret_comb, struct nr_error *error);
void nr_flow_comb_free(struct nr_flow_comb *comb); /* NULL allowed */
void nr_flow_comb_freep(struct nr_flow_comb **comb);

/* Periods to search, in s; what is beyond the widest search is left out. Costs when it changes. */
void nr_flow_comb_range(struct nr_flow_comb *comb, double period_min, double period_max);

/* All lags of these beats, in place of those before. beats sorted by client, first; timeless ones do not
 * count. */
void nr_flow_comb_fill(struct nr_flow_comb *comb, const struct nr_flow_beat *beats, size_t count);

struct nr_flow_comb_peak {
	double z, period; /* period 0: there is none */
	uint32_t k, lags;
};
/* The largest z of the search, without what bursts add to it (see its source); of periods whose z is within
 * 10 % of it the largest: a beat has nearly the same z at a half and a third of its period. */
struct nr_flow_comb_peak nr_flow_comb_best(struct nr_flow_comb *comb);
/* z at one place; 0 where there are too few lags. k: one of the four. */
double nr_flow_comb_z(struct nr_flow_comb *comb, double period, unsigned k);

/* ln of the chance that a server of so many clients, none of whom has a beat, has such a z or a higher one in
 *the widest search: 0 to below; measured to 5e-5, extrapolated beyond (see its source). So many servers a day
 *have one of them by chance above
 *
 *	clients      10,000 servers   100,000   1,000,000   10,000,000
 *	1                 11.7         13.5        15.2         17.0
 *	10                 9.9         11.5        13.0         14.6
 *	30                 9.2         10.7        12.2         13.7
 *	100                7.6          8.8        10.0         11.1
 *	1000 and more      6.6          7.4         8.3          9.1
 */
double nr_flow_comb_log_chance(double z, double clients);

#endif
