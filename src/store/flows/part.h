/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a segment (archive_format.h): rows of a block into bytes, and back. A packer and a reader belong
 * to one thread each.
 */
#ifndef NR_STORE_FLOWS_PART_H
#define NR_STORE_FLOWS_PART_H

#include "store/flows/dictionary.h"
#include "store/flows/lane.h"

struct nr_flow_packer {
	struct nr_flow_coder coder;
	struct nr_flow_dictionary clients, servers;
	uint64_t *items, *spare;
	uint32_t *rows;            /* of the block, in the part's order */
	uint32_t *client, *server; /* of each row: as it came; then in the part's order, by rank */
	uint8_t *turned;
	uint64_t *by_address;
	uint64_t *values, *times; /* a lane's numbers, in the part's order */
	struct nr_flow_bytes out;
	struct nr_flow_part_head head;
	struct nr_flow_section sections[NR_FLOW_SECTIONS_MAX];
};
int nr_flow_packer_init(struct nr_flow_packer *packer, struct nr_error *error);
void nr_flow_packer_fini(struct nr_flow_packer *packer);

/* Rows [from, from + count) of the block, count 1 .. NR_FLOW_PART_ROWS, those columns of it that `keep` has.
 * packer->out is the part, until the next call. -ENOMEM. */
int nr_flow_part_pack(struct nr_flow_packer *packer, const struct nr_flow_block *block, uint32_t from,
	uint32_t count, uint64_t keep, struct nr_error *error);

/* The head and the table, which `bytes` begins with: 0; -ENODATA: more bytes are needed than `length`;
 * -EBADMSG: it is none. *ret_sections points into bytes, which are aligned to 8. */
int nr_flow_part_check(const uint8_t *bytes, size_t length, const struct nr_flow_part_head **ret_head,
	const struct nr_flow_section **ret_sections);
/* The longest that head and table can be. */
#define NR_FLOW_PART_HEAD_MAX                                                                                \
	(sizeof(struct nr_flow_part_head) + NR_FLOW_SECTIONS_MAX * sizeof(struct nr_flow_section))

#define NR_FLOW_HOSTS_FOUND 16 /* as many as can be asked for at once */
struct nr_flow_unpacker {
	struct nr_flow_coder coder;
	uint32_t names[NR_FLOW_LANES];
	const struct nr_flow_section *lanes[NR_FLOW_LANES]; /* of this part; NULL: it has none */
	uint64_t *high[2], *low[2];                         /* the clients', the servers' addresses */
	uint32_t *ids[2];                                   /* of each row: which client, which server */
	uint64_t *each;                                     /* a number of each client or server */
	uint32_t *counts;                                   /* rows of each client */
	uint32_t found[2][NR_FLOW_HOSTS_FOUND];             /* clients, servers that are wanted */
	unsigned found_count[2];
	uint8_t *turned;
	uint64_t *values[2]; /* a lane; two of a pair */
	uint32_t *rows;      /* those that are wanted */
	uint32_t row_count;
	struct nr_flow_block *block; /* room for NR_FLOW_PART_ROWS */
};
int nr_flow_unpacker_init(struct nr_flow_unpacker *unpacker, struct nr_error *error);
void nr_flow_unpacker_fini(struct nr_flow_unpacker *unpacker);

/* What a part holds of the wanted columns into unpacker->block; host_count > 0: only rows that have one of
 * the hosts, block->count 0 where there is none. -EBADMSG: damaged; or what source said. */
int nr_flow_part_unpack(struct nr_flow_unpacker *unpacker, const struct nr_flow_part_head *head,
	const struct nr_flow_section *sections, struct nr_flow_part_source *source, uint64_t columns,
	const struct nr_address *hosts, size_t host_count);

#endif
