/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the reading of a part: its lanes (part_read.c), and who the clients and servers of its rows are
 * (part_sides.c). */
#ifndef NR_STORE_FLOWS_PART_INSIDE_H
#define NR_STORE_FLOWS_PART_INSIDE_H

#include "store/flows/part.h"

enum { NR_FLOW_CLIENT, NR_FLOW_SERVER };

struct nr_flow_part_work {
	struct nr_flow_unpacker *u;
	const struct nr_flow_part_head *head;
	struct nr_flow_part_source *source;
	uint64_t columns;                    /* wanted, and there */
	uint64_t chunks[NR_FLOW_CHUNK_BITS]; /* by the bits of a chunk's size: those that have wanted rows */
};

/* A section of `length` bytes, as they are. */
int nr_flow_part_bytes(
	const struct nr_flow_part_work *w, unsigned lane, size_t length, const uint8_t **ret_bytes);
int nr_flow_part_lane(const struct nr_flow_part_work *w, unsigned lane, void *values, unsigned width,
	uint32_t count, uint64_t chunks);
/* One number for each row, of the chunks that have rows that are wanted. */
int nr_flow_part_numbers(const struct nr_flow_part_work *w, unsigned lane, void *values, unsigned width);

/* Fills rows, row_count and chunks; 0 rows: none has one of the hosts. host_count 0: all rows. */
int nr_flow_part_find_rows(struct nr_flow_part_work *w, const struct nr_address *hosts, size_t host_count);
/* Fills `turned` of those rows; where they are needed ids and addresses. counted: after a search for hosts.
 */
int nr_flow_part_sides(struct nr_flow_part_work *w, bool counted);
void nr_flow_part_fill_sides(const struct nr_flow_part_work *w);

uint32_t nr_flow_part_side_count(const struct nr_flow_part_work *w, unsigned side);
/* The chunks of the addresses of the rows that are wanted. */
uint64_t nr_flow_part_chunks(const struct nr_flow_unpacker *u, unsigned side);

#endif
