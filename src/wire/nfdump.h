/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of nfdump: layout 1 (nfdump 1.6: records with extension maps) and layout 2 (1.7: V3 records), as they
 *lie on the disk of a little-endian machine; what is written is layout 2. Rewritten from the structures of
 *nfdump 1.6.25, 1.7.1 and 1.7.8 (BSD-3-Clause). Pure: no allocation, no I/O; blocks are unpacked by the
 *caller.
 *
 *	nr_nfdump_parse_header(bytes, length, &header, error);
 *	for each block: nr_nfdump_parse_block(bytes, &block, error); unpack where block.packed;
 *		while (nr_nfdump_next_record(&cursor, &record))
 *			by record.type: nr_nfdump_parse_flow(), _map(), _exporter(), _sampler()
 */
#ifndef NR_WIRE_NFDUMP_H
#define NR_WIRE_NFDUMP_H

#include "base/address.h"
#include "base/error.h"
#include "wire/cursor.h"

#define NR_NFDUMP_HEADER_MAX   276 /* layout 1: with the statistics behind it */
#define NR_NFDUMP_HEADER       40  /* layout 2 */
#define NR_NFDUMP_BLOCK_HEADER 12
#define NR_NFDUMP_BLOCK_MAX                                                                                  \
	(16u * 1024 * 1024) /* packed or unpacked; nfdump's own buffers are of 5 and 10 MiB */

enum nr_nfdump_compression { /* numbers of layout 2 */
	NR_NFDUMP_PLAIN = 0,
	NR_NFDUMP_LZO = 1,
	NR_NFDUMP_BZIP2 = 2,
	NR_NFDUMP_LZ4 = 3,
	NR_NFDUMP_ZSTD = 4,
};

struct nr_nfdump_header {
	uint16_t layout; /* 1, 2 */
	uint16_t length; /* bytes of the header: blocks begin behind it */
	enum nr_nfdump_compression compression;
	uint32_t
		blocks; /* of flows; 0: the file was not finished. Layout 2 has `appendix` more behind them */
	uint32_t appendix;
};

/* Its first bytes; on a big-endian machine they stand the other way round. */
bool nr_nfdump_is(const uint8_t *bytes, size_t length);
/* bytes: NR_NFDUMP_HEADER_MAX, or all that the file has. -EBADMSG: cut; -ENOTSUP: another layout,
 * compression, byte order, encrypted. */
int nr_nfdump_parse_header(
	const uint8_t *bytes, size_t length, struct nr_nfdump_header *ret_header, struct nr_error *error);

struct nr_nfdump_block {
	uint32_t records, size; /* as it lies in the file, without this header */
	bool packed;
	bool array; /* elements without headers of their own: nothing of flows (country and AS tables) */
};
/* -EBADMSG: a size that cannot be. */
int nr_nfdump_parse_block(const struct nr_nfdump_header *header,
	const uint8_t bytes[static NR_NFDUMP_BLOCK_HEADER], struct nr_nfdump_block *ret_block,
	struct nr_error *error);

enum nr_nfdump_type {
	NR_NFDUMP_FLOW_OLD = 1, /* layout 1, exporter in one byte */
	NR_NFDUMP_MAP = 2,      /* layout 1: which extensions stand in records, in which order */
	NR_NFDUMP_EXPORTER = 7,
	NR_NFDUMP_STATISTICS = 8,
	NR_NFDUMP_SAMPLER_OLD = 9,
	NR_NFDUMP_FLOW_MAPPED = 10, /* layout 1 */
	NR_NFDUMP_FLOW_V3 = 11,
	NR_NFDUMP_SAMPLER = 15,
	NR_NFDUMP_IDENT = 0x8001,
	NR_NFDUMP_TOTALS = 0x8002,
};
struct nr_nfdump_record {
	uint16_t type;
	struct nr_cursor body; /* behind type and size */
};
/* False at the end; cursor->failed: a size that cannot be, and what stands behind it cannot be found. */
bool nr_nfdump_next_record(struct nr_cursor *cursor, struct nr_nfdump_record *ret_record);

#define NR_NFDUMP_EXTENSIONS 64
struct nr_nfdump_map {
	uint16_t id, count;
	uint16_t extensions[NR_NFDUMP_EXTENSIONS];
};
/* False: cut, or more than NR_NFDUMP_EXTENSIONS. */
bool nr_nfdump_parse_map(const struct nr_nfdump_record *record, struct nr_nfdump_map *ret_map);

struct nr_nfdump_exporter {
	uint32_t version; /* 5, 9, 10; sFlow: 9999 */
	struct nr_address address;
	uint16_t number; /* by which records name it */
	uint32_t domain;
};
bool nr_nfdump_parse_exporter(const struct nr_nfdump_record *record, struct nr_nfdump_exporter *ret_exporter);

#define NR_NFDUMP_SAMPLER_OVERWRITE (-3) /* by the collector's configuration */
struct nr_nfdump_sampler {
	uint16_t exporter;
	int64_t id;
	float rate; /* one in so many */
};
bool nr_nfdump_parse_sampler(const struct nr_nfdump_record *record, struct nr_nfdump_sampler *ret_sampler);

/* What of a flow has a column in the model. 0: not there. Addresses that are not there are all zero. */
struct nr_nfdump_flow {
	uint64_t first_ms, last_ms, received_ms, event_ms;
	uint64_t packets, bytes;
	uint64_t out_packets, out_bytes; /* the other direction: NSEL, nfdump -B */
	struct nr_address source, destination, next_hop, router, post_source, post_destination;
	uint64_t source_mac, destination_mac, connection;
	uint32_t input, output, source_as, destination_as, input_vrf, output_vrf;
	uint32_t vlan, post_vlan, mpls, application;
	uint16_t exporter; /* its number */
	uint16_t source_port, destination_port, post_source_port, post_destination_port, block_begin,
		block_end;
	uint8_t protocol, tcp_flags, reverse_tcp_flags, forwarding, tos;
	uint8_t source_mask, destination_mask, direction, end_reason, ttl;
	uint8_t nat_event, firewall_event;
	uint8_t engine_type, engine_id;
	bool sampled; /* nfcapd has multiplied packets and bytes by the rate */
};
/* Of NR_NFDUMP_FLOW_V3. False: cut, or an extension that reaches beyond it. Extensions that are not known are
 * passed over. */
bool nr_nfdump_parse_flow(const struct nr_nfdump_record *record, struct nr_nfdump_flow *ret_flow);
/* Of NR_NFDUMP_FLOW_OLD and _MAPPED: the id of its map. */
bool nr_nfdump_flow_map(const struct nr_nfdump_record *record, uint16_t *ret_map);
bool nr_nfdump_parse_mapped(const struct nr_nfdump_record *record, const struct nr_nfdump_map *map,
	struct nr_nfdump_flow *ret_flow);

/* ---- writing layout 2 ---- */

#define NR_NFDUMP_RECORD_MAX 1024 /* bytes of any record that is written here */

struct nr_nfdump_totals {
	uint64_t flows[5], bytes[5], packets[5]; /* all, TCP, UDP, ICMP, others */
	uint64_t first_ms, last_ms;
};
void nr_nfdump_count(struct nr_nfdump_totals *totals, const struct nr_nfdump_flow *flow);

/* Each writes at `at` and answers how many bytes. */
size_t nr_nfdump_put_flow(uint8_t *at, const struct nr_nfdump_flow *flow, uint8_t version);
size_t nr_nfdump_put_exporter(uint8_t *at, const struct nr_nfdump_exporter *exporter);
size_t nr_nfdump_put_sampler(uint8_t *at, const struct nr_nfdump_sampler *sampler);
/* Ident and totals: the records of the appendix. */
size_t nr_nfdump_put_appendix(uint8_t *at, const struct nr_nfdump_totals *totals);
void nr_nfdump_put_block(uint8_t at[static NR_NFDUMP_BLOCK_HEADER], uint32_t records, uint32_t size);
/* appendix_at: where its block begins; there is one. */
void nr_nfdump_put_header(uint8_t at[static NR_NFDUMP_HEADER], enum nr_nfdump_compression compression,
	uint64_t created_seconds, uint64_t appendix_at, uint32_t blocks);

#endif
