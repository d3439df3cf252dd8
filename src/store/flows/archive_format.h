/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow archive's files. Little-endian, everything on multiples of 8 bytes.
 *
 *   FOLDER/lock                            one writer; the kernel releases it with its process
 *   FOLDER/YYYY-MM-DD/HHMMSS-NNNN.part     a segment that grows, by the time at which it began (received)
 *   FOLDER/YYYY-MM-DD/HHMMSS-NNNN.flows    a settled one; where both are, this one counts
 *   FOLDER/YYYY-MM-DD/HHMMSS-NNNN.tmp      one that is being settled: nobody reads it
 *
 * A segment is a struct nr_flow_segment_head and parts. A part is a struct nr_flow_part_head, its table of
 * struct nr_flow_section, and what they hold. Head and table have a checksum; so has each chunk of a section,
 * so that only what is read is checked. Where a head is damaged, the next one is searched by its magic.
 *
 * A part holds up to NR_FLOW_PART_ROWS flows. Each has a client and a server: the side that is marked as a
 * pseudonym is the client, else the one with the higher port. `turned` says where the destination is the
 * client; columns of source and destination, input and output are held as the client's and the server's. So
 * both directions of a connection look alike. Flows are sorted by client, server, the client's port. Then
 *
 *   clients.*, servers.*   sorted addresses: the first of each chunk whole (heads), and differences. A search
 *                          for a host reads the heads and one chunk: no filter could say it in fewer bytes
 *   client.rows            how many rows each client has
 *   server                 an index into servers.*
 *   every other column     a section by its name in model/flow.h; where a client's or server's address alone
 *                          decides (its AS), once for each address
 *
 * are lanes of numbers: less their minimum, in chunks of rows, each chunk cut into planes of bytes (all
 * lowest bytes, then the next), each plane constant, as it is, or by zstd (entropy coding does what packing
 * bits would). Times are in the coarsest unit that loses nothing; `last` is the duration.
 *
 * The floor. A flow of a provider's mix that shares nothing with its neighbours needs about: the client's
 * port 2 bytes (one connection's two directions share it), when it began within what one part spans 2, how
 * long it was 1.5, packets 1, bytes 2.2, the server among those of the part 1.5, the two lists of
 * addresses 1.5, and 1.5 for everything that few values share: 13 bytes. Packing touches each column three
 * times (copy, gather, split), each address once in a hash table, each row four or five times to sort it, and
 * each byte of a plane once in zstd, which is half of the time.
 */
#ifndef NR_STORE_FLOWS_ARCHIVE_FORMAT_H
#define NR_STORE_FLOWS_ARCHIVE_FORMAT_H

#include "model/flow.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they are");

#define NR_FLOW_SEGMENT_MAGIC  UINT64_C(0x3153574f4c46524e) /* "NRFLOWS1" */
#define NR_FLOW_PART_MAGIC     UINT64_C(0x50574f4c464e5291)
#define NR_FLOW_PART_ROWS      65536u
#define NR_FLOW_PART_BYTES_MAX (64u << 20)
#define NR_FLOW_SECTIONS_MAX   80
#define NR_FLOW_CHUNK_ROWS     12 /* bits: rows of a chunk */
#define NR_FLOW_CHUNK_HOSTS    11 /* addresses of one */
#define NR_FLOW_CHUNK_LEAST    10 /* so that a part has at most 64 chunks */
#define NR_FLOW_CHUNK_BITS     17 /* and at least one */

struct nr_flow_segment_head {
	uint64_t magic;
	nr_time begin; /* as in its name */
	uint64_t reserved[5];
	uint64_t checksum; /* XXH3 of what is before it */
};

enum { NR_FLOW_PART_TURNED = 1 }; /* clients and servers, as above; else the columns are as they were */

struct nr_flow_part_head {
	uint64_t magic;
	uint64_t checksum; /* XXH3 of head and table, while this is 0 */
	uint64_t bytes;    /* of the whole part */
	uint32_t head_bytes, rows;
	uint32_t clients, servers;
	uint32_t streams;
	uint16_t sections, flags;
	nr_time received_first, received_last;
	nr_time first, last; /* least and greatest; NR_TIME_MIN, _MAX where there are no times */
};

enum nr_flow_codec {
	NR_FLOW_CODEC_CONSTANT, /* base */
	NR_FLOW_CODEC_PLANES,   /* a table of chunks, then their bytes */
	NR_FLOW_CODEC_BYTES,    /* as they are */
};
/* The table has for each chunk the XXH3 of its bytes (8) and a word for each of its planes (4), filled up to
 * a multiple of 8. A plane's word: its bytes, and one of these. NR_FLOW_PLANE_CONSTANT: the value instead of
 * a length. */
#define NR_FLOW_PLANE_CONSTANT 0x80000000u
#define NR_FLOW_PLANE_RAW      0x40000000u

enum { /* nr_flow_section.unit */
	NR_FLOW_UNIT_MICRO,
	NR_FLOW_UNIT_MILLI,
	NR_FLOW_UNIT_SECOND,
	NR_FLOW_UNIT_MASK = 3,
	NR_FLOW_UNIT_SIGNED = 4,     /* 0, -1, 1, -2, ... */
	NR_FLOW_UNIT_BY_ADDRESS = 8, /* one for each client or server, not for each row */
};

struct nr_flow_section {
	uint32_t name;                      /* nr_flow_section_name() */
	uint8_t codec, planes, unit, chunk; /* rows of a chunk: 1 << chunk */
	uint64_t base;
	uint32_t offset, length; /* in the part */
	uint64_t checksum;       /* XXH3 of its table of chunks; of NR_FLOW_CODEC_BYTES: of its bytes */
};

static_assert(sizeof(struct nr_flow_segment_head) == 64 && sizeof(struct nr_flow_part_head) == 80 &&
		      sizeof(struct nr_flow_section) == 32 && sizeof(struct nr_flow_stream) == 24,
	"as it is in files");

/* Sections that are no column. */
#define NR_FLOW_SECTION_LIST(X)                                                                              \
	X(STREAMS, "streams")                                                                                \
	X(TURNED, "turned")                                                                                  \
	X(CLIENTS_HEADS, "clients.heads")                                                                    \
	X(CLIENTS_HIGH, "clients.high")                                                                      \
	X(CLIENTS_LOW, "clients.low")                                                                        \
	X(CLIENT_ROWS, "client.rows")                                                                        \
	X(SERVERS_HEADS, "servers.heads")                                                                    \
	X(SERVERS_HIGH, "servers.high")                                                                      \
	X(SERVERS_LOW, "servers.low")                                                                        \
	X(SERVER, "server")
enum nr_flow_lane { /* columns, then these */
	NR_FLOW_LANE_LAST_COLUMN = NR_FLOW_COLUMNS - 1,
#define NR_FLOW_ENUM(NAME, text) NR_FLOW_LANE_##NAME,
	NR_FLOW_SECTION_LIST(NR_FLOW_ENUM)
#undef NR_FLOW_ENUM
		NR_FLOW_LANES
};
const char *nr_flow_lane_text(unsigned lane);
/* The name in files: the low half of XXH3 of the text. */
uint32_t nr_flow_lane_name(unsigned lane);

struct nr_flow_head_address { /* clients.heads, servers.heads: the first of each chunk */
	uint64_t high, low;
};

/* Columns of a client and a server. */
struct nr_flow_pair {
	uint8_t source, destination;
};
#define NR_FLOW_PAIRS 5
extern const struct nr_flow_pair nr_flow_pairs[NR_FLOW_PAIRS];
#define NR_FLOW_ADDRESS_BITS                                                                                 \
	(NR_FLOW_BIT(SOURCE_HIGH) | NR_FLOW_BIT(SOURCE_LOW) | NR_FLOW_BIT(DESTINATION_HIGH) |                \
		NR_FLOW_BIT(DESTINATION_LOW))

#endif
