/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources whose SYNs look like ZMap 4.1 or later: the first targets of each, because one packet of that shape
 * proves nothing (telescope reference 7.3). Equal targets must show equal sequence and id; three different
 * destinations are needed.
 */
#ifndef NR_SENSE_TELESCOPE_SUSPECT_H
#define NR_SENSE_TELESCOPE_SUSPECT_H

#include "base/area.h"
#include "wire/packet.h"

#define NR_SUSPECT_TARGETS 8
#define NR_SUSPECTS_MAX    65536 /* per worker and day; a suspect beyond it stays untagged */

struct nr_suspect {
	uint64_t member; /* 0: empty */
	uint8_t count;
	bool contradiction;
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
	uint64_t beyond; /* packets of sources that found no room */
};

void nr_suspects_fini(struct nr_suspects *suspects);
void nr_suspects_observe(struct nr_suspects *suspects, uint64_t member, const struct nr_packet *packet);
const struct nr_suspect *nr_suspects_find(const struct nr_suspects *suspects, uint64_t member);
/* Distinct destinations among the targets kept. */
unsigned nr_suspect_destinations(const struct nr_suspect *suspect);

#endif
