/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carpet attacks: victims of which none can be judged alone, because the attack is spread over their /24 or
 * /20 (IPv6: /64, /48). The rule of victim.h, asked of the network, with two additions that keep ordinary
 * victims and noise from looking like one:
 *
 *	- in a window an address counts once per ten seconds, so that one that is hit hard adds six at most;
 *	- many addresses answer within the same minute.
 *
 * Each address that is a victim of its own raises both limits by what it adds. The larger network is judged
 * where none of the smaller ones in it qualifies.
 *
 * The limits are literal (those of corsaro3, written for a /8) or scaled by N_dark, down to a floor that
 * chance does not reach (rules.h). State is bounded, lies in the area of worker 0, and is used while all
 * workers rest. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_CARPET_H
#define NR_SENSE_TELESCOPE_CARPET_H

#include "sense/telescope/carpet_cells.h"

#define NR_CARPET_WIDE4 20
#define NR_CARPET_WIDE6 48

#define NR_CARPET_WINDOW 6 /* buckets */
_Static_assert(NR_CARPET_WINDOW *NR_VICTIM_SLIDE == NR_VICTIM_WINDOW, "the grid of victims");
/* Live, cells are taken so long after their ten seconds. */
#define NR_CARPET_LATE_US (5 * NR_SECOND)

enum nr_carpet_rank { NR_CARPET_NONE, NR_CARPET_SCALED, NR_CARPET_LITERAL };

struct nr_carpet {
	uint64_t prefix; /* as in struct nr_carpet_cell */
	uint8_t length;  /* 24, 20, 64, 48; 0: an empty slot */
	uint8_t protocol, flags, attack_ports;
	uint16_t target_port, target_ports;
	nr_time first, last;
	uint64_t packets, bytes;
	int32_t newest;                        /* bucket */
	uint32_t window[NR_CARPET_WINDOW];     /* addresses by bucket, by number modulo */
	uint32_t packets_in[NR_CARPET_WINDOW]; /* likewise packets */
	uint32_t peak, peak_packets;           /* largest sums of a window */
	uint64_t addresses[8]; /* a /24: a bit each; else linear counting, of a /64 256 bits, wider 512 */
	uint64_t minute_addresses[8]; /* of the minute of the newest bucket */
	uint32_t most_addresses;      /* of a minute */
	uint32_t singles;             /* victims of their own in it, as far as was asked */
	bool narrower;                /* a smaller network in it qualified */
	enum nr_carpet_rank rank;     /* as judged */
	/* alarm.c, as in struct nr_victim */
	nr_time told, updated;
	uint64_t told_packets;
	bool told_closed;
};

struct nr_carpets {
	struct nr_carpet *slots; /* nr_pages; NULL until the first cell */
	struct nr_area *area;
	size_t capacity, used;
	size_t limit;
	uint64_t key;
	int32_t taken;      /* buckets before it are in */
	uint64_t untracked; /* packets that found no room */
	uint64_t scans;     /* packets of SYN-ACK scans that looked like attacks */
};

/* Bytes of the promise for each network: a table that is at most half full and stands there twice. */
#define NR_CARPET_SHARE (3 * sizeof(struct nr_carpet))

/* What a flush or a look asks: N_dark, the hosts that are victims, and whom to hand over what has ended. */
struct nr_carpet_context {
	uint64_t dark_addresses;
	struct nr_carpet_cells *const *cells; /* of all workers */
	size_t count;
	/* Victims of their own in the network between two times. */
	uint32_t (*singles)(void *context, const struct nr_carpet *carpet);
	/* A carpet that has ended. */
	void (*ended)(void *context, const struct nr_carpet *carpet);
	void *context;
};

int nr_carpets_init(struct nr_carpets *carpets, struct nr_area *area, size_t limit, struct nr_error *error);
void nr_carpets_fini(struct nr_carpets *carpets);
int nr_carpets_resume(struct nr_carpets *carpets, struct nr_area *area);

/* Takes all cells whose ten seconds are over at `end` (NR_TIME_MAX: all), and ends what has been silent for a
 * whole interval. */
void nr_carpets_take(struct nr_carpets *carpets, const struct nr_carpet_context *context, nr_time end);
/* Judges one that lives: rank says whether it is told. */
enum nr_carpet_rank nr_carpet_judge(
	struct nr_carpets *carpets, const struct nr_carpet_context *context, struct nr_carpet *carpet);
/* Its entry has been silent for a whole interval before `now`. */
bool nr_carpet_has_ended(const struct nr_carpet *carpet, nr_time now);

/* The rank of these figures alone. singles: see above. */
enum nr_carpet_rank nr_carpet_rank(const struct nr_carpet *carpet, uint64_t dark_addresses, uint32_t singles);
struct nr_prefix nr_carpet_prefix(const struct nr_carpet *carpet);
bool nr_carpet_holds(const struct nr_carpet *carpet, const struct nr_address *address);
uint32_t nr_carpet_addresses(const struct nr_carpet *carpet);
uint32_t nr_carpet_target_ports(const struct nr_carpet *carpet); /* 44: or more */

#endif
