/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a source beyond its line, where it may use ZMap. Of SYNs that look like 4.1 or later the
 * first targets, because one packet of that shape proves nothing (telescope reference 7.3): equal targets
 * must show equal sequence and id, three different destinations are needed. Of UDP and ICMP probes how many
 * have the id of the versions before 4.1. IPv4 only.
 *
 * Where the table is full it keeps one suspect of 2^level, by the same hash as lines are sampled (tally.h),
 * and the busy ones beside the sample: strangers can make anybody a suspect, but not hide others behind them
 * without its being said.
 */
#ifndef NR_SENSE_TELESCOPE_SUSPECT_H
#define NR_SENSE_TELESCOPE_SUSPECT_H

#include "base/area.h"
#include "wire/packet.h"

#define NR_SUSPECT_TARGETS 4
#define NR_SUSPECTS_MAX    (1 << 20) /* per worker and day, whatever is promised */

struct nr_suspect {
	uint32_t address;
	uint32_t datagrams; /* UDP and ICMP probes with the id; saturates */
	uint8_t count;      /* of targets */
	bool contradiction, busy;
	struct {
		uint32_t destination, sequence;
		uint16_t port, id;
	} targets[NR_SUSPECT_TARGETS];
};

struct nr_suspects {
	struct nr_suspect *slots; /* nr_pages */
	struct nr_area *area;
	size_t limit; /* entries; 0: NR_SUSPECTS_MAX */
	size_t capacity, used;
	uint64_t key;    /* random odd multiplier: addresses are chosen by strangers */
	uint64_t beyond; /* packets of sources that found no room, because busy ones filled it */
	uint8_t level;
};

void nr_suspects_fini(struct nr_suspects *suspects);
/* A SYN that looks like ZMap 4.1. busy: no sample leaves the source out. */
void nr_suspects_observe(
	struct nr_suspects *suspects, uint32_t address, bool busy, const struct nr_packet *packet);
/* A UDP or ICMP probe with the id. */
void nr_suspects_count_datagram(struct nr_suspects *suspects, uint32_t address, bool busy);
/* NULL: not suspected, or left out by the sample. */
const struct nr_suspect *nr_suspects_find(const struct nr_suspects *suspects, uint32_t address);
/* Distinct destinations among the targets kept. */
unsigned nr_suspect_destinations(const struct nr_suspect *suspect);

#endif
