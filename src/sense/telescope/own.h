/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets from own networks into the dark range (the idea of NICT's DAEDALUS): a live host has no reason to
 * send them. The kind decides what the owner must be told, because the remedy differs.
 */
#ifndef NR_SENSE_TELESCOPE_OWN_H
#define NR_SENSE_TELESCOPE_OWN_H

#include "base/area.h"
#include "sense/telescope/rules.h"

enum nr_own_kind {
	NR_OWN_INFECTED,      /* SYN, UDP probe, echo request: scans */
	NR_OWN_ATTACKED,      /* SYN-ACK, RST, ICMP error, UDP answer: a DDoS victim or reflector */
	NR_OWN_MISCONFIGURED, /* known patterns of misconfiguration */
	NR_OWN_KIND_COUNT
};
extern const char *const nr_own_kind_names[NR_OWN_KIND_COUNT]; /* "infected-host" ...: the finding's kind */

#define NR_OWN_PORTS 16
#define NR_OWN_MAX   65536 /* hosts per worker and day; forged own sources are cheap to send */

struct nr_own_host {
	struct nr_address address;
	uint8_t kind, protocol, ttl_min, ttl_max;
	uint8_t port_count; /* NR_OWN_PORTS: perhaps more */
	uint64_t packets;   /* 0: empty slot */
	nr_time first, last;
	struct {
		uint8_t protocol;
		uint16_t port;
		uint32_t packets;
	} ports[NR_OWN_PORTS];   /* destination ports (scans) or source ports (answers) */
	struct nr_packet sample; /* the first packet */
	/* alarm.c, live alone: when a person was last told of it (0: never), what was told */
	nr_time told;
	uint64_t told_packets;
	uint16_t told_classes;
};

struct nr_own {
	struct nr_own_host *slots; /* nr_pages */
	struct nr_area *area;
	size_t limit; /* entries; 0: NR_OWN_MAX */
	size_t capacity, used;
	uint64_t key;         /* random odd multiplier: addresses are chosen by strangers */
	uint64_t beyond;      /* packets of hosts that found no room */
	uint64_t told_beyond; /* of them, told to live listeners */
	/* alarm.c: packets that have been looked at, and where the next look begins */
	uint64_t packets, looked;
	size_t cursor;
};

void nr_own_fini(struct nr_own *own);
void nr_own_observe(struct nr_own *own, const struct nr_packet *packet, bool backscatter);

#endif
