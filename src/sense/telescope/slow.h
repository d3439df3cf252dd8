/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Low and slow: few packets a day, for days, to many ports or many addresses, below every rule that looks at
 *one day. Judged at the end of each UTC day over the last seven:
 *
 *	a source, or a /24, that was there on at least NR_SLOW_DAYS days with at most NR_SLOW_PACKETS packets
 *on each, and knocked at NR_SLOW_PORTS ports, or (a source) reached NR_SLOW_COVERAGE of the dark addresses
 *and NR_SLOW_DESTINATIONS of them; an autonomous system with NR_SLOW_HOSTS such sources of a third of the
 *ports.
 *
 * Research scanners that a rule or list names, and sources whose SYNs are Mirai's, are left out. The table
 *has a fixed size: in come, day by day, sources of NR_SLOW_DAY_PORTS ports and those whose events (hitters.h)
 *were slow. How many addresses a source reached is reckoned from its events as if targets were random.
 *Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_SLOW_H
#define NR_SENSE_TELESCOPE_SLOW_H

#include "sense/telescope/early.h"
#include "sense/telescope/port_counts.h"
#include "sense/telescope/warning.h"

#define NR_SLOW_WEEK         7
#define NR_SLOW_DAYS         3
#define NR_SLOW_PACKETS      2880 /* a day: two a minute */
#define NR_SLOW_PORTS        50
#define NR_SLOW_COVERAGE     0.05
#define NR_SLOW_DESTINATIONS 500
#define NR_SLOW_DAY_PORTS    4 /* of a source; of a /24 twice as many */
#define NR_SLOW_HOSTS        10
#define NR_SLOW_PORT_BITS    128   /* linear counting: */
#define NR_SLOW_PORTS_MOST   400.0 /* good up to so many */

#define NR_SLOW_PRESENT (1u << 20)

struct nr_slow_entry {
	uint64_t key; /* address + 1; | NR_SLOW_NETWORK: number of its /24 + 1; 0: empty */
	uint32_t packets[NR_SLOW_WEEK];
	float missed[NR_SLOW_WEEK]; /* ln of the share of dark addresses that it did not reach */
	uint64_t ports[NR_SLOW_WEEK][NR_SLOW_PORT_BITS / 64];
	uint64_t hosts;     /* of a network: a bit each */
	uint32_t last_day;  /* since 1970 */
	uint32_t first_day; /* of the stretch without a pause of a week */
	bool tainted;       /* too many packets on a day of the week, or tagged: judged anew a week later */
	uint32_t tainted_day;
};
#define NR_SLOW_NETWORK NR_PORTS_NETWORK

struct nr_slow {
	struct nr_area *area;
	struct nr_slow_entry *entries; /* nr_pages, a power of two */
	uint64_t *keys;                /* nr_pages: of the entries, close together for those who seek */
	size_t room, count;
	uint64_t *full; /* nr_pages, a bit per home: on full_day all its places were taken, and still are */
	uint32_t full_day;
	uint64_t beyond;                        /* pairs of candidates that found no room */
	uint64_t present[NR_SLOW_PRESENT / 64]; /* a bit for who may be in the table */
};

int nr_slow_new(
	struct nr_area *area, uint64_t memory_bytes, struct nr_slow **ret_slow, struct nr_error *error);
void nr_slow_free(struct nr_slow *slow); /* NULL allowed */
/* Left by a predecessor in an area, which may have ended while it entered somebody; -EBADMSG: not whole. */
int nr_slow_resume(struct nr_slow *slow, struct nr_area *area);
/* The workers' ended events, before nr_aggressive_take() takes them. */
void nr_slow_events(
	struct nr_slow *slow, const struct nr_telescope_conf *conf, const struct nr_merged *merged);
/* May the source and its /24 enter? By their counters of the day (port_counts.h). */
struct nr_slow_candidate {
	bool source, network;
};
/* A pair (IPv4 source, port) of the day that ends. */
void nr_slow_count(struct nr_slow *slow, const struct nr_known_scanners *known, uint32_t day,
	const struct nr_tally_sum *sum, const struct nr_slow_candidate *candidate);

/* ---- slow_judge.c ---- */
/* All pairs have been counted. */
int nr_slow_judge(struct nr_slow *slow, const struct nr_day_end *end, const struct nr_known_scanners *known,
	struct nr_error *error);

#endif
