/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backscatter by network: what one worker saw of a /24 (IPv6: /64) in ten seconds. Attacks that are spread
 * over a network (carpet bombing) hit each address too little to be judged alone, and the addresses belong to
 * different workers; so each worker keeps cells, and carpet.h takes them together. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_CARPET_CELLS_H
#define NR_SENSE_TELESCOPE_CARPET_CELLS_H

#include "sense/telescope/victim.h"

#define NR_CARPET_LENGTH4 24
#define NR_CARPET_LENGTH6 64
#define NR_CARPET_WORDS   4 /* a bit for each address of a /24; of a /64, 256 bits of linear counting */

#define NR_CELL_IPV6     0x01u
#define NR_CELL_OTHER    0x02u /* not all of it were SYN-ACKs */
#define NR_CELL_NOT_ZMAP 0x04u /* a port outside of ZMap's range */

#define NR_CELL_PACKETS_MAX 0xffffffu /* ends there */

struct nr_carpet_cell {
	uint64_t prefix;                         /* IPv4: the address; IPv6: its first 8 octets */
	int32_t bucket;                          /* time / 10 s */
	uint32_t packets : 24, flags : 8;        /* packets 0: an empty slot */
	uint32_t first_us : 24, protocol : 8;    /* since the bucket began; protocol that the attack used */
	uint32_t last_us : 24, attack_ports : 8; /* attack_ports: linear counting, 8 bits */
	uint32_t bytes;                          /* ends at its maximum */
	uint16_t target_port, target_ports;      /* first one; linear counting, 16 bits */
	uint64_t addresses[NR_CARPET_WORDS];
};
_Static_assert(sizeof(struct nr_carpet_cell) == 64, "one line");

struct nr_carpet_cells {
	struct nr_carpet_cell *slots; /* nr_pages; NULL until the first packet */
	struct nr_area *area;
	size_t capacity, used;
	size_t limit; /* cells */
	uint64_t key;
	int32_t from;       /* cells of earlier buckets have been taken */
	uint64_t untracked; /* packets that found no room, or came after their bucket was taken */
};

/* Bytes of the promise for each cell: a table that is at most half full and stands there twice while it
 * grows; what is taken is copied. */
#define NR_CELL_SHARE (4 * sizeof(struct nr_carpet_cell))

int nr_carpet_cells_init(
	struct nr_carpet_cells *cells, struct nr_area *area, size_t limit, struct nr_error *error);
void nr_carpet_cells_fini(struct nr_carpet_cells *cells);
void nr_carpet_cells_observe(struct nr_carpet_cells *cells, const struct nr_backscatter *b);
/* How many cells are of buckets before `before`. */
size_t nr_carpet_cells_before(const struct nr_carpet_cells *cells, int32_t before);
/* Moves them, in no order, to `taken`, which has room for them; packets of such buckets that still come are
 * counted in `untracked`. NULL taken: they are lost, and counted so. */
void nr_carpet_cells_take(struct nr_carpet_cells *cells, int32_t before, struct nr_carpet_cell *taken);

/* Left by a predecessor in an area; -EBADMSG: the cells are not there. */
int nr_carpet_cells_resume(struct nr_carpet_cells *cells, struct nr_area *area);

/* Bucket of a time; false: out of all reason. */
bool nr_carpet_bucket(nr_time time, int32_t *ret_bucket);

#endif
