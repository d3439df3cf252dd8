/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of flows: what every part of the flow sense hands to the next one. It is one piece of memory
 * without pointers (a ring between processes can hold it), with a column for each field, so that a set of
 * records is decoded, filtered, summed and packed column by column.
 *
 * A column that no flow of the block fills is not present: its memory is not touched and its value is 0 for
 * all. Zero says "not exported"; what can be zero and exported is coded so that it is not (direction, NAT
 * events). Counters are raw: never multiplied by the sampling rate, which stands beside them with where it
 * came from.
 *
 * Writers open rows, fill every column that they named, and close them; one thread. Readers do not change it.
 */
#ifndef NR_MODEL_FLOW_H
#define NR_MODEL_FLOW_H

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"

/* X(NAME, ctype, kind, json name or NULL): columns of addresses are pairs, the first half has no name. The
 * order is that of JSON and CSV. Archives name columns by these names, not by their place. */
#define NR_FLOW_COLUMN_LIST(X)                                                                               \
	X(FIRST, int64_t, TIME, "first") /* us UTC, as nr_time */                                            \
	X(LAST, int64_t, TIME, "last")                                                                       \
	X(SOURCE_HIGH, uint64_t, ADDRESS_HIGH, NULL) /* host order; IPv4: 0 */                               \
	X(SOURCE_LOW, uint64_t, ADDRESS, "source")   /* host order; IPv4: 0xffff << 32 | address */          \
	X(DESTINATION_HIGH, uint64_t, ADDRESS_HIGH, NULL)                                                    \
	X(DESTINATION_LOW, uint64_t, ADDRESS, "destination")                                                 \
	X(SOURCE_PORT, uint16_t, PORT, "source_port")                                                        \
	X(DESTINATION_PORT, uint16_t, PORT, "destination_port") /* ICMP: type << 8 | code */                 \
	X(PROTOCOL, uint8_t, PROTOCOL, "protocol")                                                           \
	X(TCP_FLAGS, uint16_t, TCP_FLAGS, "tcp_flags")                                                       \
	X(PACKETS, uint64_t, COUNT, "packets")                                                               \
	X(BYTES, uint64_t, COUNT, "bytes")                                                                   \
	X(SAMPLING, float, RATE, "sampling")             /* one in so many; 0: not known */                  \
	X(SAMPLING_FROM, uint8_t, CODE, "sampling_from") /* enum nr_flow_sampling_from */                    \
	X(INPUT, uint32_t, NUMBER, "input")              /* ifIndex */                                       \
	X(OUTPUT, uint32_t, NUMBER, "output")                                                                \
	X(SOURCE_AS, uint32_t, NUMBER, "source_as")                                                          \
	X(DESTINATION_AS, uint32_t, NUMBER, "destination_as")                                                \
	X(STREAM, uint16_t, STREAM, NULL) /* index into the block's streams */                               \
	X(MARKS, uint16_t, CODE, NULL)    /* NR_FLOW_MARK_... */                                             \
	X(TOS, uint8_t, NUMBER, "tos")                                                                       \
	X(SOURCE_MASK, uint8_t, NUMBER, "source_mask") /* bits of prefix */                                  \
	X(DESTINATION_MASK, uint8_t, NUMBER, "destination_mask")                                             \
	X(NEXT_HOP_HIGH, uint64_t, ADDRESS_HIGH, NULL)                                                       \
	X(NEXT_HOP_LOW, uint64_t, ADDRESS, "next_hop")                                                       \
	X(DIRECTION, uint8_t, CODE, "direction")            /* 1: ingress, 2: egress (IE 61 + 1) */          \
	X(END_REASON, uint8_t, CODE, "end_reason")          /* IE 136 */                                     \
	X(FORWARDING, uint8_t, NUMBER, "forwarding_status") /* IE 89 */                                      \
	X(TTL, uint8_t, NUMBER, "ttl")                                                                       \
	X(FLOW_LABEL, uint32_t, NUMBER, "flow_label")                                                        \
	X(VLAN, uint16_t, NUMBER, "vlan")                                                                    \
	X(POST_VLAN, uint16_t, NUMBER, "post_vlan")                                                          \
	X(MPLS, uint32_t, NUMBER, "mpls_label") /* top label */                                              \
	X(SOURCE_MAC, uint64_t, MAC, "source_mac")                                                           \
	X(DESTINATION_MAC, uint64_t, MAC, "destination_mac")                                                 \
	X(APPLICATION, uint32_t, NUMBER, "application") /* IE 95: engine << 24 | selector */                 \
	X(CONNECTION, uint64_t, NUMBER, "connection")   /* IE 148 */                                         \
	X(POST_SOURCE_HIGH, uint64_t, ADDRESS_HIGH, NULL)                                                    \
	X(POST_SOURCE_LOW, uint64_t, ADDRESS, "post_source")                                                 \
	X(POST_DESTINATION_HIGH, uint64_t, ADDRESS_HIGH, NULL)                                               \
	X(POST_DESTINATION_LOW, uint64_t, ADDRESS, "post_destination")                                       \
	X(POST_SOURCE_PORT, uint16_t, PORT, "post_source_port") /* a port block: its first port */           \
	X(POST_DESTINATION_PORT, uint16_t, PORT, "post_destination_port")                                    \
	X(PORT_BLOCK_END, uint16_t, PORT, "port_block_end")                                                  \
	X(EVENT, uint8_t, CODE, "event") /* enum nr_flow_event */                                            \
	X(INPUT_VRF, uint32_t, NUMBER, "input_vrf")                                                          \
	X(OUTPUT_VRF, uint32_t, NUMBER, "output_vrf")                                                        \
	X(REVERSE_PACKETS, uint64_t, COUNT, "reverse_packets") /* of a biflow (RFC 5103) or NSEL */          \
	X(REVERSE_BYTES, uint64_t, COUNT, "reverse_bytes")                                                   \
	X(REVERSE_TCP_FLAGS, uint16_t, TCP_FLAGS, "reverse_tcp_flags")

enum nr_flow_column {
#define NR_FLOW_ENUM(NAME, ctype, kind, json) NR_FLOW_##NAME,
	NR_FLOW_COLUMN_LIST(NR_FLOW_ENUM)
#undef NR_FLOW_ENUM
		NR_FLOW_COLUMNS
};
#define NR_FLOW_BIT(column) (UINT64_C(1) << NR_FLOW_##column)

enum nr_flow_kind {
	NR_FLOW_KIND_TIME,
	NR_FLOW_KIND_ADDRESS_HIGH,
	NR_FLOW_KIND_ADDRESS,
	NR_FLOW_KIND_PORT,
	NR_FLOW_KIND_PROTOCOL,
	NR_FLOW_KIND_TCP_FLAGS,
	NR_FLOW_KIND_COUNT, /* adds up */
	NR_FLOW_KIND_RATE,
	NR_FLOW_KIND_NUMBER, /* names something */
	NR_FLOW_KIND_CODE,   /* one of few, with names: nr_flow_code_name() */
	NR_FLOW_KIND_STREAM,
	NR_FLOW_KIND_MAC,
};
struct nr_flow_column_info {
	const char *name; /* "source_port"; of what is not printed the C name, "SOURCE_HIGH" */
	bool printed;
	uint8_t width; /* bytes: 1, 2, 4, 8 */
	enum nr_flow_kind kind;
	uint32_t before; /* widths of all columns before it */
};
extern const struct nr_flow_column_info nr_flow_columns[NR_FLOW_COLUMNS];

/* Where a sampling rate came from, the nearest first (flow reference 4). */
enum nr_flow_sampling_from {
	NR_FLOW_SAMPLING_UNKNOWN,
	NR_FLOW_SAMPLING_RECORD,    /* the record itself: IE 34, 50, 305 ...; sFlow's sample */
	NR_FLOW_SAMPLING_SELECTOR,  /* IE 302 or 48 in the record, the rate from options */
	NR_FLOW_SAMPLING_INTERFACE, /* options of its interface */
	NR_FLOW_SAMPLING_LINE_CARD,
	NR_FLOW_SAMPLING_EXPORTER, /* options of the exporter (scope system) */
	NR_FLOW_SAMPLING_HEADER,   /* NetFlow v5 */
	NR_FLOW_SAMPLING_OVERRIDE, /* the configuration of this house */
	NR_FLOW_SAMPLING_COUNTED,  /* the effective rate, from the exporter's own counts (IE 318/319) */
	NR_FLOW_SAMPLING_FILE,     /* as an archive or log of somebody else says */
};

enum nr_flow_event { /* IE 230 by RFC 8158's numbers, IE 233 above them */
	NR_FLOW_EVENT_NONE = 0,
	NR_FLOW_EVENT_FIREWALL = 64, /* + 1 created, 2 deleted, 3 denied, 4 alert, 5 update */
};

enum nr_flow_mark {
	NR_FLOW_MARK_TIME_OF_EXPORT = 1 << 0, /* no time, or one that cannot be: the export's stands */
	NR_FLOW_MARK_TIME_SUSPECT = 1 << 1,   /* what it gave was after its end, or a day away */
	NR_FLOW_MARK_PACKET = 1 << 2,         /* one sampled packet, not a flow (sFlow, IE 313, 315) */
	NR_FLOW_MARK_DISCARDED = 1 << 3,      /* the exporter dropped it */
	NR_FLOW_MARK_BIFLOW = 1 << 4,         /* both directions: reverse_... */
	NR_FLOW_MARK_EVENT = 1 << 5,          /* an event of a NAT or firewall, not traffic */
	NR_FLOW_MARK_SOURCE_CLIENT = 1 << 6,  /* source is a pseudonym */
	NR_FLOW_MARK_DESTINATION_CLIENT = 1 << 7,
	NR_FLOW_MARK_TIME_SECONDS = 1 << 8, /* its times are whole seconds */
};

enum nr_flow_export {
	NR_FLOW_NETFLOW5 = 5,
	NR_FLOW_NETFLOW9 = 9,
	NR_FLOW_IPFIX = 10,
	NR_FLOW_SFLOW5 = 105,
	NR_FLOW_NFDUMP = 200, /* files of others */
	NR_FLOW_ZEEK = 201,
};
const char *nr_flow_export_name(
	enum nr_flow_export export); /* "netflow5" "netflow9" "ipfix" "sflow5" "nfdump" "zeek" */

/* Who exported: an exporter's observation domain. */
struct nr_flow_stream {
	struct nr_address exporter; /* the UDP source; sFlow: the agent; files: all zero where not known */
	uint32_t domain;            /* observation domain, source id, engine, sub-agent */
	uint32_t export;            /* enum nr_flow_export */
};

#define NR_FLOW_STREAMS   512  /* of one block: a writer that meets more begins the next one */
#define NR_FLOW_ROOM_UNIT 64   /* rooms are multiples of it */
#define NR_FLOW_ROOM      8192 /* rows of a usual block */
#define NR_FLOW_ROOM_MAX  (1u << 20)

struct nr_flow_block {
	uint32_t room, count; /* rows */
	uint32_t stream_count;
	uint32_t reserved;
	uint64_t present;                      /* bits of columns */
	nr_time received_first, received_last; /* by the collector's clock: what ages are counted from */
	_Alignas(
		64) struct nr_flow_stream streams[NR_FLOW_STREAMS]; /* so that columns begin on cache lines */
								    /* the columns, each room * width bytes */
};

size_t nr_flow_block_bytes(uint32_t room);
/* In memory of at least that size, aligned to 64. */
void nr_flow_block_init(struct nr_flow_block *block, uint32_t room);
int nr_flow_block_new(uint32_t room, struct nr_flow_block **ret_block, struct nr_error *error);
void nr_flow_block_free(struct nr_flow_block *block);
void nr_flow_block_freep(struct nr_flow_block **block);
/* Empty again: no rows, columns, streams. */
void nr_flow_block_clear(struct nr_flow_block *block);
/* For a block that came from another process: false where its numbers cannot be. */
bool nr_flow_block_is_sound(const struct nr_flow_block *block, size_t bytes);

/* The index of the stream in the block, entered where it is new; -1: the block is full of them. */
int nr_flow_block_stream(struct nr_flow_block *block, const struct nr_flow_stream *stream);

/* A column's memory whether it is present or not. */
NR_INLINE void *nr_flow_column_at(struct nr_flow_block *block, enum nr_flow_column column)
{
	return (char *)(block + 1) + (size_t)block->room * nr_flow_columns[column].before;
}
/* NULL where the column is not present. */
NR_INLINE const void *nr_flow_column(const struct nr_flow_block *block, enum nr_flow_column column)
{
	return block->present >> column & 1
		       ? (const char *)(block + 1) + (size_t)block->room * nr_flow_columns[column].before
		       : NULL;
}
/* Any column but SAMPLING, of one row; 0 where it is not present. */
uint64_t nr_flow_value(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row);
float nr_flow_sampling(const struct nr_flow_block *block, uint32_t row);
/* column: the ..._LOW one. */
struct nr_address nr_flow_address(
	const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row);
NR_INLINE void nr_flow_address_split(const struct nr_address *a, uint64_t *ret_high, uint64_t *ret_low)
{
	memcpy(ret_high, a->octets, 8);
	memcpy(ret_low, a->octets + 8, 8);
	*ret_high = __builtin_bswap64(*ret_high);
	*ret_low = __builtin_bswap64(*ret_low);
}

/* Makes the next `count` rows (which must have room) ready for a writer that fills `columns`: columns that
 * are new to the block are zero in the rows before, columns that it does not fill are zero in these. The
 * writer fills rows [block->count, block->count + count), then closes them. */
void nr_flow_rows_open(struct nr_flow_block *block, uint32_t count, uint64_t columns);
NR_INLINE void nr_flow_rows_close(struct nr_flow_block *block, uint32_t count)
{
	block->count += count;
}
/* Copies rows [from, from + count) with their streams; the rows must have room. -ENOSPC: no room for streams;
 * nothing is copied. */
int nr_flow_rows_copy(
	struct nr_flow_block *into, const struct nr_flow_block *block, uint32_t from, uint32_t count);

/* What a code is called, "ingress", "nat44-create"; NULL where it has no name. */
const char *nr_flow_code_name(enum nr_flow_column column, uint64_t code);

/* Whoever takes blocks. The block is valid during the call. */
struct nr_flow_sink {
	int (*take)(struct nr_flow_sink *sink, const struct nr_flow_block *block, struct nr_error *error);
	/* The block to fill next, empty: writers ask before the first row and after each take(), and hand
	 * back what was lent. NULL, or it answers NULL: a block of the writer's own. */
	struct nr_flow_block *(*lend)(struct nr_flow_sink *sink);
};

#endif
