/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/erf.h"
#include "wire/link.h"
#include <errno.h>

/* Types of the guide that carry, or may be taken for, packets. */
enum erf_type {
	ERF_HDLC_POS = 1,
	ERF_ETHERNET = 2,
	ERF_COLOR_ETHERNET = 11,
	ERF_DSM_COLOR_ETHERNET = 16,
	ERF_COLOR_HASH_ETHERNET = 20,
	ERF_IPV4 = 22,
	ERF_IPV6 = 23,
	ERF_METADATA = 27,
	ERF_LAST_KNOWN = 33,
	ERF_PAD = 48,
};

#define TYPE_EXTENDED        0x80 /* bit 7 of the type: extension headers follow; bit 7 of each: another one */
#define EXTENSION            8
#define FLAGS_RESERVED       0xc0
#define RECOGNISE_WIRE_MAX   16384 /* jumbo frames are shorter */
#define ETHERNET_PAD         2
#define RECOGNISE_CHAIN      8
#define RECOGNISE_TIME_SLACK (400 * NR_DAY) /* between neighbours of one file */
/* Link types of tcpdump.org for what is counted as not understood. */
#define LINKTYPE_ERF 197

/* 32.32 fixed point, little-endian. */
static nr_time to_time(uint64_t stamp)
{
	uint64_t fraction = (stamp & 0xffffffffu) * (uint64_t)NR_SECOND >> 32;
	return (nr_time)((stamp >> 32) * (uint64_t)NR_SECOND + fraction);
}

static bool is_ethernet(uint8_t type)
{
	return type == ERF_ETHERNET || type == ERF_COLOR_ETHERNET || type == ERF_DSM_COLOR_ETHERNET ||
	       type == ERF_COLOR_HASH_ETHERNET;
}

static uint16_t link_of(uint8_t type)
{
	if (is_ethernet(type))
		return NR_LINK_ETHERNET;
	if (type == ERF_IPV4)
		return NR_LINK_IPV4;
	return type == ERF_IPV6 ? NR_LINK_IPV6 : LINKTYPE_ERF;
}

static enum nr_record_status bad(struct nr_error *error, unsigned length)
{
	nr_fail(error, -EBADMSG, "ERF record of %u bytes is shorter than its own headers", length);
	return NR_RECORD_BAD;
}

enum nr_record_status nr_erf_next(struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error)
{
	struct nr_cursor record = *c;
	uint64_t stamp = nr_cursor_u64_le(&record);
	uint8_t type = nr_cursor_u8(&record);
	nr_cursor_skip(&record, 1); /* flags */
	uint16_t length = nr_cursor_u16(&record);
	nr_cursor_skip(&record, 2); /* loss counter, or colour */
	uint16_t wire = nr_cursor_u16(&record);
	if (record.failed)
		return NR_RECORD_NEED_MORE;
	if (length < NR_ERF_HEADER) {
		nr_fail(error, -EBADMSG, "ERF record length %u is less than %d", length, NR_ERF_HEADER);
		return NR_RECORD_DAMAGED;
	}
	if (nr_cursor_left(c) < length)
		return NR_RECORD_NEED_MORE;
	record.end = c->at + length;
	c->at += length;

	for (bool extended = type & TYPE_EXTENDED; extended && !record.failed;) {
		const uint8_t *extension = nr_cursor_take(&record, EXTENSION);
		extended = extension && extension[0] & 0x80;
	}
	type &= (uint8_t)~TYPE_EXTENDED;
	if (record.failed)
		return bad(error, length);
	if (type == ERF_METADATA || type == ERF_PAD)
		return NR_RECORD_METADATA;
	if (is_ethernet(type))
		nr_cursor_skip(&record, ETHERNET_PAD);
	if (record.failed)
		return bad(error, length);
	/* Records are padded to 8 bytes: what is beyond the wire length is not the packet's. */
	size_t captured = NR_MIN(nr_cursor_left(&record), (size_t)wire);
	*ret = (struct nr_frame){
		.data = record.at,
		.captured = (uint32_t)captured,
		.wire = wire,
		.time = to_time(stamp),
		.link = link_of(type),
	};
	return NR_RECORD_FRAME;
}

static size_t record_length(const uint8_t *record)
{
	return (size_t)(record[10] << 8 | record[11]);
}

static bool is_near(const uint8_t *record, const uint8_t *before)
{
	struct nr_cursor a = nr_cursor_over(before, 8), b = nr_cursor_over(record, 8);
	nr_time difference = to_time(nr_cursor_u64_le(&b)) - to_time(nr_cursor_u64_le(&a));
	return difference >= -RECOGNISE_TIME_SLACK && difference <= RECOGNISE_TIME_SLACK;
}

/* A header that ERF could have behind the one at `before`: known type, reserved flags 0, near in time. */
static bool is_header(const uint8_t *record, const uint8_t *before)
{
	uint8_t type = record[8] & (uint8_t)~TYPE_EXTENDED;
	bool known = (type > 0 && type <= ERF_LAST_KNOWN) || type == ERF_PAD;
	size_t wire = (size_t)(record[14] << 8 | record[15]);
	if (link_of(type) != LINKTYPE_ERF && (wire == 0 || wire > RECOGNISE_WIRE_MAX))
		return false;
	return known && !(record[9] & FLAGS_RESERVED) && record_length(record) >= NR_ERF_HEADER &&
	       is_near(record, before);
}

bool nr_erf_is(const uint8_t *bytes, size_t length)
{
	size_t at = 0, before = 0;
	unsigned needed = 1;
	for (unsigned chain = 0; chain < RECOGNISE_CHAIN; chain++) {
		if (length - at < NR_ERF_HEADER)
			return chain >= needed; /* the end, or cut in a header */
		if (!is_header(bytes + at, bytes + before))
			return false;
		if (link_of(bytes[at + 8] & (uint8_t)~TYPE_EXTENDED) == LINKTYPE_ERF)
			needed = 3; /* types that are not understood are weaker evidence */
		if (length - at < record_length(bytes + at))
			return chain >= needed; /* cut in a record */
		before = at;
		at += record_length(bytes + at);
	}
	return true;
}
