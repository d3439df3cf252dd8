/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack: all rows of one table, sensor, traffic and step of time, column by column in one block of bytes.
 * Reading a port out of a hundred packs costs microseconds, adding up a million rows milliseconds, and a row
 * takes about 9 bytes instead of about 100 (docs/adr/0014-packs-and-months.md). Pure: no I/O.
 *
 * A pack's columns are lanes of 64-bit numbers. A lane is written as a base and numbers of one width (0 to 8
 * bytes) above it; what does not fit has all bits set there and stands in a list of exceptions, so that one
 * busy port does not make the lane of a thousand quiet ones wide. Any row can be read by itself.
 *
 *	byte 0      version, 2
 *	byte 1      lanes, with the sketch's length as the last one where the layout has sketches
 *	bytes 2-5   rows
 *	per lane    width (1), base (8), exceptions (4)
 *	per lane    rows * width, then exceptions * (row (4), value (8)), in order of rows
 *	8 bytes     zero, so that the last number can be loaded as eight bytes
 *
 * Numbers are little-endian. Sketches stand in a block of their own, each with the length that its row says:
 *the longest first, those of one length in order of rows, because a ranking's page is of the busiest rows,
 *and SQLite walks through all of a block that lies before what is read. Of version 1 they are in order of
 *rows.
 */
#ifndef NR_STORE_PACK_H
#define NR_STORE_PACK_H

#include "model/table.h"

#define NR_PACK_LANES_MAX 16
#define NR_PACK_ROWS_MAX  (16u << 20) /* rows of one pack; more is damage */
#define NR_SKETCH_MAX     4608        /* bytes of one sketch; more is damage */

/* Text is the number of a word (words.h), an address two lanes, a real number its bits. */
struct nr_lane {
	const char *name;
	enum nr_type type;
};

struct nr_layout {
	const char *name; /* of the table, or of what the store derives from one */
	size_t keys;      /* lanes that rows are in the order of; they come first */
	size_t identity;  /* lanes that a later row replaces an earlier one by; most often the keys */
	size_t lanes;
	struct nr_lane lane[NR_PACK_LANES_MAX];
	bool sketch;        /* each row has bytes, too */
	uint32_t part_rows; /* a longer pack is cut where nr_pack_part() changes; 0: never */
};

/* ---- writing ---- */

/* Rows on their way into a pack: lanes, and where the sketch is. Zeroed is empty. */
struct nr_packer {
	const struct nr_layout *layout;
	uint64_t *rows; /* owned; count * nr_packer_stride() */
	size_t count, room;
	uint8_t *bytes; /* owned */
	size_t used, bytes_room;
};

void nr_packer_fini(struct nr_packer *packer);
NR_INLINE size_t nr_packer_stride(const struct nr_packer *packer)
{
	return packer->layout->lanes + 2;
}
/* Of its rows. */
NR_INLINE size_t nr_packer_bytes(const struct nr_packer *packer)
{
	return packer->count * nr_packer_stride(packer) * sizeof(uint64_t) + packer->used;
}
/* A row; sketch may be NULL. -ENOMEM; -E2BIG: more than NR_PACK_ROWS_MAX. */
int nr_packer_add(struct nr_packer *packer, const uint64_t *lanes, const uint8_t *sketch, size_t length,
	struct nr_error *error);
/* All rows of another one of the same layout behind its own. */
int nr_packer_append(struct nr_packer *packer, const struct nr_packer *more, struct nr_error *error);
/* Brings the rows into the order of their keys; of rows with one identity the last stays. */
int nr_packer_sort(struct nr_packer *packer, struct nr_error *error);
/* The order alone: rows of one key as they came. */
int nr_packer_order(struct nr_packer *packer, struct nr_error *error);
NR_INLINE const uint64_t *nr_packer_row(const struct nr_packer *packer, size_t row)
{
	return packer->rows + row * nr_packer_stride(packer);
}

struct nr_pack_bytes {
	uint8_t *numbers, *sketches; /* owned; sketches may be NULL */
	size_t numbers_length, sketches_length;
};
void nr_pack_bytes_fini(struct nr_pack_bytes *bytes);
/* Rows first to end of a sorted packer. */
int nr_packer_write(const struct nr_packer *packer, size_t first, size_t end, struct nr_pack_bytes *ret_bytes,
	struct nr_error *error);

/* ---- reading ---- */

struct nr_pack_lane {
	uint64_t base, mask;
	const uint8_t *values, *exceptions;
	uint32_t width, exception_count;
};

/* Points into the bytes it was opened on. */
struct nr_pack {
	const struct nr_layout *layout;
	uint32_t rows;
	bool by_length;                                  /* the order of its sketches */
	struct nr_pack_lane lane[NR_PACK_LANES_MAX + 1]; /* the last one: lengths of sketches */
};

/* -EBADMSG: not a pack of this layout. */
int nr_pack_open(struct nr_pack *ret_pack, const struct nr_layout *layout, const uint8_t *bytes,
	size_t length, struct nr_error *error);
uint64_t nr_pack_get(const struct nr_pack *pack, size_t lane, uint32_t row);
/* Rows first to first + count of a lane. */
void nr_pack_read(const struct nr_pack *pack, size_t lane, uint32_t first, uint32_t count, uint64_t *out);
/* The first row whose key is not below; pack->rows where there is none. keys: how many lanes of it are given.
 */
uint32_t nr_pack_find(const struct nr_pack *pack, const uint64_t *key, size_t keys);
/* The same from a row on; quick where it is near. */
uint32_t nr_pack_find_from(const struct nr_pack *pack, const uint64_t *key, size_t keys, uint32_t first);
bool nr_pack_is(const struct nr_pack *pack, uint32_t row, const uint64_t *key, size_t keys);
/* Where sketches are. Zeroed and begun, it is asked for rows one after the other. */
struct nr_pack_places {
	const struct nr_pack *pack;
	uint64_t next[NR_SKETCH_MAX + 1]; /* by length; of version 1 all in the first */
};
/* -EBADMSG: a length that no sketch has. */
int nr_pack_places_begin(struct nr_pack_places *places, const struct nr_pack *pack, struct nr_error *error);
NR_INLINE uint64_t nr_pack_place(struct nr_pack_places *places, uint64_t length)
{
	uint64_t *next = &places->next[places->pack->by_length ? length : 0], place = *next;
	*next += length;
	return place;
}
/* A row, and where its sketch is in the block. */
struct nr_sketch_place {
	uint32_t row, length;
	uint64_t offset;
};
/* Fills in the places of rows of the pack that ascend. -EBADMSG as above. */
int nr_pack_locate(
	const struct nr_pack *pack, struct nr_sketch_place *places, size_t count, struct nr_error *error);
/* Where sketches of each length begin, out of how many there are: the longest first. Returns where they end.
 */
uint64_t nr_sketch_lengths_begin(uint64_t next[static NR_SKETCH_MAX + 1]);
/* All rows of a pack into a packer, in front of those that will replace them. */
int nr_packer_take(struct nr_packer *packer, const struct nr_pack *pack, const uint8_t *sketches,
	size_t sketches_length, struct nr_error *error);

/* ---- the layouts ---- */

enum nr_pack_kind {
	NR_PACK_TRAFFIC,
	NR_PACK_PORT,
	NR_PACK_ORIGIN,
	NR_PACK_COUNTRY,     /* derived: origins by country, days and months */
	NR_PACK_SOURCE,      /* derived: what a ranking of sources needs, days and months */
	NR_PACK_SOURCE_PORT, /* by port, then by source: days and months */
	NR_PACK_KNOCK,       /* derived: the same by source, then by port */
	NR_PACK_PROTOCOL,    /* derived: the same by protocol and source, months alone */
	NR_PACK_KINDS
};
extern const struct nr_layout nr_layouts[NR_PACK_KINDS];

/* Lanes by name, in the order of the layouts. */
enum { NR_TRAFFIC_CATEGORY, NR_TRAFFIC_PACKETS, NR_TRAFFIC_BYTES, NR_TRAFFIC_SOURCES, NR_TRAFFIC_ERROR };
enum {
	NR_PORT_PROTOCOL,
	NR_PORT_PORT,
	NR_PORT_CLASS,
	NR_PORT_PACKETS,
	NR_PORT_BYTES,
	NR_PORT_SOURCES,
	NR_PORT_ERROR
};
enum {
	NR_ORIGIN_COUNTRY,
	NR_ORIGIN_ASN,
	NR_ORIGIN_AS_NAME,
	NR_ORIGIN_PACKETS,
	NR_ORIGIN_SOURCES,
	NR_ORIGIN_ERROR
};
enum { NR_COUNTRY_COUNTRY, NR_COUNTRY_PACKETS, NR_COUNTRY_SOURCES, NR_COUNTRY_ERROR };
enum {
	NR_SOURCE_HIGH,
	NR_SOURCE_LOW,
	NR_SOURCE_COUNTRY,
	NR_SOURCE_TOOLS,
	NR_SOURCE_RESEARCH,
	NR_SOURCE_PACKETS,
	NR_SOURCE_SCAN_PACKETS,
	NR_SOURCE_PORTS,
	NR_SOURCE_FIRST,
	NR_SOURCE_LAST,
	NR_SOURCE_CATEGORIES,
	NR_SOURCE_MARKS,
	NR_SOURCE_ASN,
	NR_SOURCE_AS_NAME
};
enum {
	NR_SOURCE_PORT_PROTOCOL,
	NR_SOURCE_PORT_PORT,
	NR_SOURCE_PORT_HIGH,
	NR_SOURCE_PORT_LOW,
	NR_SOURCE_PORT_COUNTRY, /* these three: months alone, out of the day's row of the source */
	NR_SOURCE_PORT_TOOLS,
	NR_SOURCE_PORT_RESEARCH,
	NR_SOURCE_PORT_PACKETS,
	NR_SOURCE_PORT_BYTES
};

enum { NR_KNOCK_HIGH, NR_KNOCK_LOW, NR_KNOCK_PROTOCOL, NR_KNOCK_PORT, NR_KNOCK_PACKETS, NR_KNOCK_BYTES };

/* Protocol and source as of source ports, without the port: the port's lane and bytes left out. */
enum {
	NR_PROTOCOL_PROTOCOL,
	NR_PROTOCOL_HIGH,
	NR_PROTOCOL_LOW,
	NR_PROTOCOL_COUNTRY,
	NR_PROTOCOL_TOOLS,
	NR_PROTOCOL_RESEARCH,
	NR_PROTOCOL_PACKETS
};

/* The number of the part that begins with a row, of packs that are kept in parts: ascending with the first
 * two lanes. */
int64_t nr_pack_part(const struct nr_layout *layout, uint64_t first, uint64_t second);

/* An address as two lanes and back. */
void nr_pack_address(const struct nr_address *address, uint64_t *ret_high, uint64_t *ret_low);
struct nr_address nr_pack_address_of(uint64_t high, uint64_t low);

#endif
