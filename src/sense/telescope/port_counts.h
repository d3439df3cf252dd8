/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many ports each source of a day knocked at, and how often, without a table of the sources: counters
 * that are shared by whoever falls into the same one. They never say too little. Then a bit per counter for
 * what is asked of it, so that the day's second walk looks at tables that stay in the processor's cache.
 * Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_PORT_COUNTS_H
#define NR_SENSE_TELESCOPE_PORT_COUNTS_H

#include "sense/telescope/tally.h"

/* A counter: pairs (source, port) 18 bits, their packets 14, both up to their limit. */
#define NR_PORT_PACKETS_BITS 14
#define NR_PORT_PACKETS_MAX  ((1u << NR_PORT_PACKETS_BITS) - 1)
#define NR_PORT_PAIRS_MAX    (UINT32_MAX >> NR_PORT_PACKETS_BITS)

struct nr_port_counts {
	uint32_t *cells; /* nr_pages, released with the day */
	size_t count;    /* a power of two */
};

/* Of a day: its IPv4 sources, and their /24s. */
struct nr_day_ports {
	struct nr_port_counts sources, networks;
};

/* The key of a source's /24; no source has such a key. */
#define NR_PORTS_NETWORK (UINT64_C(1) << 40)
NR_INLINE uint64_t nr_ports_network(uint64_t member)
{
	return NR_PORTS_NETWORK | ((member >> 8) + 1);
}

/* From a sorted tally; what is not a scan does not count. */
int nr_day_ports_init(struct nr_day_ports *ports, uint64_t memory_bytes, const struct nr_tally *tally,
	struct nr_error *error);
void nr_day_ports_fini(struct nr_day_ports *ports);

/* The least number of ports that at most `share` of the sources exceed; *ret_sources: how many there are. */
uint32_t nr_port_counts_quantile(const struct nr_port_counts *counts, double share, uint64_t *ret_sources);

/* The counters with at least so many pairs and at most so many packets. */
struct nr_port_marks {
	uint64_t *words; /* a bit per counter */
	size_t count;
};
/* most_packets: below NR_PORT_PACKETS_MAX; this itself: any number. */
int nr_port_marks_init(struct nr_port_marks *marks, const struct nr_port_counts *counts, uint32_t least_pairs,
	uint32_t most_packets, struct nr_error *error);
void nr_port_marks_fini(struct nr_port_marks *marks);

/* hash: nr_hll_hash() of the key, a member or nr_ports_network(). */
NR_INLINE void nr_port_marks_fetch(const struct nr_port_marks *marks, uint64_t hash)
{
	__builtin_prefetch(&marks->words[(hash & (marks->count - 1)) / 64]);
}
NR_INLINE bool nr_port_marks_has(const struct nr_port_marks *marks, uint64_t hash)
{
	size_t at = (size_t)hash & (marks->count - 1);
	return marks->words[at / 64] >> (at % 64) & 1;
}

#endif
