/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many ports each source of a day knocked at, and how often, without a table of the sources: counters
 * that are shared by whoever falls into the same one. They never say too little. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_PORT_COUNTS_H
#define NR_SENSE_TELESCOPE_PORT_COUNTS_H

#include "sense/telescope/tally.h"

struct nr_port_count {
	uint32_t pairs; /* (source, port) */
	uint32_t packets;
};

struct nr_port_counts {
	struct nr_port_count *cells; /* nr_pages, released with the day */
	size_t cell_count;           /* a power of two */
};

/* From a sorted tally; what is not a scan does not count. key_of(member): what is counted, e.g. its /24;
 * UINT64_MAX: nothing. */
int nr_port_counts_init(struct nr_port_counts *counts, uint64_t memory_bytes, const struct nr_tally *tally,
	uint64_t (*key_of)(uint64_t member), struct nr_error *error);
void nr_port_counts_fini(struct nr_port_counts *counts);

NR_INLINE const struct nr_port_count *nr_port_counts_of(const struct nr_port_counts *counts, uint64_t key)
{
	return &counts->cells[nr_hll_hash(key) & (counts->cell_count - 1)];
}

/* The least number of ports that at most `share` of the sources exceed; *ret_sources: how many there are. */
uint32_t nr_port_counts_quantile(const struct nr_port_counts *counts, double share, uint64_t *ret_sources);

#endif
