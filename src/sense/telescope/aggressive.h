/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggressive hitters: the sources of a day's scanning events (SYN, UDP, echo request) that one of ORION's
 * three definitions names.
 *
 * 1. An event reached a tenth of the dark addresses. On a small telescope so many that a source which reaches
 *    less than a tenth of the Internet does so with a chance below NR_TAG_CHANCE (nr_aggressive_least).
 * 2. An event's packets lie in the top 1e-4 of the day's events; asked where there are 10,000 of them.
 * 3. The source's ports lie in the top 1e-4 of the day's sources; likewise.
 *
 * Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_AGGRESSIVE_H
#define NR_SENSE_TELESCOPE_AGGRESSIVE_H

#include "sense/telescope/early.h"
#include "sense/telescope/hitters.h"
#include "sense/telescope/port_counts.h"
#include "sense/telescope/warning.h"

#define NR_AGGRESSIVE_COVERAGE 0.1
#define NR_AGGRESSIVE_TOP      1e-4
#define NR_AGGRESSIVE_ENOUGH   10000 /* 1 / NR_AGGRESSIVE_TOP */
#define NR_AGGRESSIVE_MAX      16384 /* sources of a day; a power of two */
#define NR_AGGRESSIVE_EVENTS   256   /* largest events of a day, for definition 2 */
#define NR_AGGRESSIVE_BINS     1024  /* 32 per octave: packets within 2.2 % */

struct nr_aggressor {
	uint32_t source;
	uint8_t definitions; /* bit 0: definition 1 ...; 0: empty */
	uint32_t events, ports;
	uint64_t packets;
	nr_time first, last;
	uint32_t most_packets, most_destinations; /* of one event */
	float error;                              /* of most_destinations */
	uint16_t port;                            /* of the event with most destinations */
	uint8_t type;
};

struct nr_aggressive {
	struct nr_aggressor aggressors[NR_AGGRESSIVE_MAX];
	size_t count;
	uint64_t beyond, events;
	struct nr_event_end largest[NR_AGGRESSIVE_EVENTS]; /* most packets first */
	size_t largest_count;
	uint64_t bins[NR_AGGRESSIVE_BINS]; /* events by packets */
};

/* Destinations from which definition 1 names a source. Targets at random: of N_dark addresses a scan of the
 * share p reaches k or more with a chance of at most exp(-N_dark D(k / N_dark || p)) (Chernoff), D being the
 * relative entropy. 55 of 256, 513 of 4096, 6974 of 65,536; UINT32_MAX where N_dark is not known. */
uint32_t nr_aggressive_least(uint64_t dark_addresses);

/* Takes the ended events of all workers: rows of telescope_event. */
int nr_aggressive_take(struct nr_aggressive *aggressive, const struct nr_telescope_conf *conf,
	const struct nr_merged *merged, struct nr_sink *sink, struct nr_error *error);
/* The day is over. First its last events, and rows of those whom definition 2 names; then every pair of
 * (source, port) whose counter shows more than *ret_least ports is counted exactly; then the warnings, and a
 * clean sheet. */
int nr_aggressive_day(struct nr_aggressive *aggressive, const struct nr_day_end *end,
	const struct nr_port_counts *ports, uint32_t *ret_least, struct nr_error *error);
void nr_aggressive_count(struct nr_aggressive *aggressive, const struct nr_tally_sum *sum);
int nr_aggressive_tell(struct nr_aggressive *aggressive, const struct nr_day_end *end, uint32_t least,
	const struct nr_known_scanners *known, struct nr_error *error);

#endif
