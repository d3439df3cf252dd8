/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlowTuples as CAIDA's corsaro3 counts them: packets of IPv4 by eight fields and interval, with corsaro's
 * own bits for "spoofed" and "Masscan" (libcorsaro_filtering.c). Those bits are facts about corsaro, not
 * verdicts of ours: they call every answer of a closed port spoofed.
 */
#ifndef NR_SENSE_TELESCOPE_FLOWTUPLE_H
#define NR_SENSE_TELESCOPE_FLOWTUPLE_H

#include "base/error.h"
#include "wire/locate.h"

/* Numbers in host order. */
struct nr_flowtuple {
	uint32_t source, destination;
	uint16_t source_port, destination_port; /* ICMP: type, code */
	uint16_t ip_length;
	uint8_t protocol, ttl, tcp_flags; /* flags without NS */
	/* of the first packet */
	bool spoofed, masscan;
	uint16_t syn_length; /* bytes of the TCP header of a SYN without any other flag, otherwise 0 */
	uint16_t syn_window;
	uint64_t packets; /* 0: an empty slot */
};

/* The flow tuple of one packet, packets = 1. False: not IPv4. */
bool nr_flowtuple_of(const struct nr_located *in, struct nr_flowtuple *ret);

/* One interval's flow tuples. One thread. */
struct nr_flowtuples {
	struct nr_flowtuple *slots; /* owned */
	size_t capacity, used, limit;
	uint64_t key[2];
};

int nr_flowtuples_init(struct nr_flowtuples *tuples, uint64_t memory_bytes, struct nr_error *error);
void nr_flowtuples_fini(struct nr_flowtuples *tuples);
/* -ENOSPC: the limit is reached; empty it and add again. -ENOMEM. */
int nr_flowtuples_add(struct nr_flowtuples *tuples, const struct nr_flowtuple *tuple, struct nr_error *error);
/* Puts them in corsaro's order: protocol, TTL, flags, source, destination, ports, length. *ret_tuples is
 * valid until the next call; the set is broken until _clear. */
size_t nr_flowtuples_sort(struct nr_flowtuples *tuples, struct nr_flowtuple **ret_tuples);
void nr_flowtuples_clear(struct nr_flowtuples *tuples);

#endif
