/* SPDX-License-Identifier: Apache-2.0 */
/* One packet of any kind and the entry of its source. Private to this room. */
#ifndef NR_SENSE_TELESCOPE_ENTRY_H
#define NR_SENSE_TELESCOPE_ENTRY_H

#include "sense/telescope/state.h"

#include <string.h>

/* An IPv4 address, or the last four bytes of another. */
NR_INLINE uint32_t nr_address_low(const struct nr_address *address)
{
	uint32_t n;
	memcpy(&n, address->octets + 12, 4);
	return __builtin_bswap32(n);
}

/* The open window and day are those of `time`, and the tally has room for NR_ITEMS_PACKET. */
void nr_entry_observe(const struct nr_telescope_refs *refs, struct nr_local *local,
	const struct nr_source_table *table, struct nr_source *source, uint64_t member,
	const struct nr_packet *packet, nr_time time);
/* A source that found no room: its packets are counted, the source itself is not judged. */
void nr_entry_untracked(const struct nr_telescope_refs *refs, struct nr_local *local, uint64_t member,
	const struct nr_packet *packet);
/* Backscatter, or what an ICMP error quotes. */
void nr_entry_victim(struct nr_local *local, const struct nr_packet *packet);

#endif
