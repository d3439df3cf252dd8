/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DDoS victims by their backscatter: Moore, Voelker, Savage 2001/2006 as coded in corsaro3 (rules.h). One
 * worker owns all packets of a victim: its own answers, and what ICMP errors of others quote
 * (NR_PACKET_QUOTE).
 *
 * A victim's entry lives until a whole 60 s interval passes without a packet of it. All three limits can only
 * be reached, never lost, while it lives, so judging it when it ends gives what judging it every interval
 * gives.
 */
#ifndef NR_SENSE_TELESCOPE_VICTIM_H
#define NR_SENSE_TELESCOPE_VICTIM_H

#include "base/area.h"
#include "sense/telescope/rules.h"

#define NR_VICTIM_BUCKETS 16     /* of 10 s: two windows and slack for packets out of order */
#define NR_VICTIMS_MAX    65536u /* live entries per worker at most; more are counted as not tracked */

struct nr_victim {
	struct nr_address address;
	uint8_t protocol; /* 0: empty slot */
	uint16_t first_target_port, first_attack_port;
	uint16_t target_port_min, target_port_max;
	bool other_than_syn_ack;
	nr_time first, last;
	uint64_t packets, bytes;
	uint64_t peak;                       /* largest window on the 10 s grid so far */
	int64_t newest;                      /* bucket number (time / 10 s) of the newest bucket */
	uint32_t buckets[NR_VICTIM_BUCKETS]; /* ring, by number modulo */
	uint64_t targets[8], attack_ports[8], target_ports[8]; /* linear counting, 512 bits each */
	/* alarm.c, live alone: when a person was last told of it (0: never), what was told, and when */
	nr_time told, updated;
	uint64_t told_packets;
	bool told_closed;
};

struct nr_victims {
	struct nr_victim *slots; /* nr_pages */
	struct nr_area *area;
	size_t limit; /* live entries, and ended ones until the next flush */
	size_t capacity, used;
	uint64_t key;
	uint64_t untracked;      /* packets of victims beyond the limit, or older than their entry by a whole
				    interval */
	uint64_t scans;          /* packets of SYN-ACK scans that looked like attacks */
	uint64_t mismatches;     /* ICMP errors whose quoted source was another address: never attributed */
	struct nr_victim *ended; /* nr_pages: attacks and short bursts whose entry has ended */
	size_t ended_count, ended_room;
};

int nr_victims_init(struct nr_victims *victims, struct nr_area *area, size_t limit, struct nr_error *error);
void nr_victims_fini(struct nr_victims *victims);
/* protocol: that the attack used (6, 17, 1). */
struct nr_backscatter {
	nr_time time;
	struct nr_address victim, dark;
	uint8_t protocol;
	uint16_t target_port, attack_port;
	uint32_t bytes;
	bool syn_ack; /* a TCP SYN-ACK of the victim itself */
};
void nr_victims_observe(struct nr_victims *victims, const struct nr_backscatter *b);
/* Ends the entries that have been silent for a whole interval before `now` (NR_TIME_MAX: all). */
void nr_victims_expire(struct nr_victims *victims, nr_time now);

/* Its entry has been silent for a whole interval before `now`. */
bool nr_victim_has_ended(const struct nr_victim *victim, nr_time now);

/* Estimate of a 512-bit linear counter. */
uint32_t nr_linear_count(const uint64_t bits[static 8]);

/* ZMap's SYN-ACK probe (tcp_synackscan) is no backscatter, though it looks like it: it comes from many ports
 * of ZMap's range to one or few ports, and a victim answers from one or few ports to many (telescope
 * reference 7.3). */
bool nr_victim_is_scan(const struct nr_victim *victim);

NR_INLINE bool nr_victim_is_attack(const struct nr_victim *v)
{
	return v->packets >= NR_VICTIM_PACKETS && v->peak >= NR_VICTIM_WINDOW_PACKETS &&
	       v->last - v->first >= NR_VICTIM_DURATION;
}
/* Large but shorter than an attack must be. */
NR_INLINE bool nr_victim_is_short(const struct nr_victim *v)
{
	return v->packets >= NR_VICTIM_PACKETS && v->peak >= NR_VICTIM_WINDOW_PACKETS &&
	       v->last - v->first < NR_VICTIM_DURATION;
}

#endif
