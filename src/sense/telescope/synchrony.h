/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synchronised spreading: many sources that are new at one port, from many networks, that come together and
 * stay. The idea is that of Dark-TRACER (Han et al., IEEE Access 2022), as a stream and with all sources.
 *
 * Per window of 5 minutes and port, x = networks (/16) with a source that the port has not seen for days
 * (seen_filter.h), research scanners taken out. Two things must hold:
 *
 * 1. A rise. Page's CUSUM of the log likelihood ratio between the usual rate and NR_SYNC_TIMES of it, divided
 *    by the port's own index of dispersion: S = max(0, S + (x ln 3 - 2 mu) / D). Where x is as usual, the
 * mean time until S passes h is at least e^h windows (Lorden 1971), so that all 131,072 ports together give
 * at most NR_SYNC_FALSE_PER_DAY false alarms a day. The onset is the window in which S left the ground
 *    (NR_SYNC_ONSET) for the last time.
 * 2. Company. From NR_SYNC_WATCH on the port is watched: its new hosts are remembered one by one. They must
 *    stand in NR_SYNC_NETWORKS networks, and a fifth of them must have come again in a later window: a flood
 *    of forged sources does not come again. Forged space among them, or one autonomous system that holds most
 *    of them (one scanner with many addresses), ends it.
 *
 * How much they act together is told besides: of the hosts present, the share active in slots of 50 s has a
 * binomial variance where hosts are independent; the ratio to it is the synchrony. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_SYNCHRONY_H
#define NR_SENSE_TELESCOPE_SYNCHRONY_H

#include "sense/telescope/early.h"
#include "sense/telescope/seen_filter.h"
#include "sense/telescope/warning.h"
#include "sense/telescope/watch.h"

#define NR_SYNC_WINDOWS       288 /* a day: memory of the usual rate, and the time before the first alarm */
#define NR_SYNC_TIMES         3.0
#define NR_SYNC_FALSE_PER_DAY 0.05
#define NR_SYNC_ALARM         20.44 /* ln(131072 ports * 288 windows / 0.05) */
#define NR_SYNC_WATCH         4.0
#define NR_SYNC_ONSET         1.2  /* one network at a quiet port is 1.1 */
#define NR_SYNC_RATE_MIN      0.01 /* networks a window that are usual anywhere */
#define NR_SYNC_NETWORKS      20   /* Dark-GLASSO asks for as many hosts */
#define NR_SYNC_RETURN_SHARE  0.2
#define NR_SYNC_RETURN_HOSTS  5
#define NR_SYNC_FORGED_SHARE  0.03 /* uniform over 2^32 it would be 0.14 */
#define NR_SYNC_FORGED_HOSTS  3
#define NR_SYNC_ONE_AS_SHARE  0.8
#define NR_SYNC_PORTS_MAX     64
#define NR_SYNC_SLOTS         1728 /* of 50 s: a day */
#define NR_SYNC_SYNCHRONOUS   3.0  /* ratio from which the reason says so, where chance is below 1e-6 */

struct nr_sync_host {
	uint64_t key;    /* group << 46 | address; 0: empty */
	uint32_t serial; /* of its watch: another one has ended */
	uint32_t packets;
	uint32_t last_window; /* number of the last window in which it came */
	uint16_t windows;     /* in which it came */
	uint16_t slots;       /* of 50 s in which it was active */
};

/* A watched port. */
struct nr_sync_port {
	bool open, alarmed;
	uint32_t group, serial;
	uint32_t example;           /* IPv4 address: the subject of its finding */
	nr_time since, onset, last; /* watched since; S left 0; end of the last window with new hosts */
	nr_time told, alarm;        /* when it was handed over last, and first */
	double usual;               /* networks a window, before */
	uint32_t hosts, returning, networks, forged;
	uint64_t beyond, packets; /* beyond: hosts that found no room */
	uint64_t told_hosts;
	uint64_t seen_networks[65536 / 64];
	int64_t first_slot; /* 50 s since 1970; of active[0] */
	uint32_t slot_count;
	uint16_t active[NR_SYNC_SLOTS], present[NR_SYNC_SLOTS];
};

struct nr_synchrony {
	struct nr_area *area;
	struct nr_seen_filter filter;
	struct nr_sync_host *hosts; /* nr_pages */
	size_t host_room, host_count;
	uint64_t not_watched; /* ports that found all places taken */
	uint32_t serial, windows;
	nr_time last_window;
	double weight;               /* of what sum holds: windows, discounted */
	float sum[NR_GROUP_OTHER];   /* networks, discounted */
	float noise[NR_GROUP_OTHER]; /* mean squared deviation over the mean */
	float cusum[NR_GROUP_OTHER];
	uint32_t onset[NR_GROUP_OTHER];   /* window number */
	uint16_t arrived[NR_GROUP_OTHER]; /* networks of the open window */
	uint8_t place[NR_GROUP_OTHER];    /* of its nr_sync_port + 1; 0: not watched */
	struct nr_sync_port ports[NR_SYNC_PORTS_MAX];
};

int nr_synchrony_new(struct nr_area *area, uint64_t memory_bytes, struct nr_synchrony **ret_synchrony,
	struct nr_error *error);
void nr_synchrony_free(struct nr_synchrony *synchrony); /* NULL allowed */
int nr_synchrony_window(struct nr_synchrony *synchrony, const struct nr_early_window *window,
	const struct nr_known_scanners *known, struct nr_error *error);

/* ---- synchrony_hosts.c: the hosts of watched ports ---- */
void nr_sync_open(struct nr_synchrony *synchrony, uint32_t group, nr_time window);
void nr_sync_close(struct nr_synchrony *synchrony, struct nr_sync_port *port);
/* NULL: not one of the port's. */
struct nr_sync_host *nr_sync_find(
	struct nr_synchrony *synchrony, const struct nr_sync_port *port, uint32_t address);
/* A new host, or one that came again. */
void nr_sync_see(struct nr_synchrony *synchrony, const struct nr_telescope_refs *refs,
	struct nr_sync_port *port, uint32_t address, uint64_t packets, uint32_t window, bool is_new);
/* Takes what the workers noted before `end`, and tells them what is watched. */
void nr_sync_collect(struct nr_synchrony *synchrony, const struct nr_merged *merged, nr_time end);

/* ---- synchrony_judge.c: what is told of them ---- */
struct nr_sync_figures {
	double activity, ratio, excess; /* share active in a slot; variance ratio; pairs active together */
	double chance;                  /* that independent hosts show such a ratio: log10 */
	uint32_t slots;
};
void nr_sync_measure(const struct nr_sync_port *port, struct nr_sync_figures *ret_figures);
bool nr_sync_is_company(const struct nr_sync_port *port);
int nr_sync_tell(struct nr_synchrony *synchrony, const struct nr_early_window *window,
	struct nr_sync_port *port, struct nr_error *error);

#endif
