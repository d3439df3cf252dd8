/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pcapng.h"
#include <errno.h>

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a, /* reads the same in both byte orders */
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};

enum option_code { OPTION_END = 0, OPTION_IF_TSRESOL = 9, OPTION_IF_TSOFFSET = 14 };

#define BYTE_ORDER_MAGIC   0x1a2b3c4du
#define BLOCK_OVERHEAD     12 /* type, length, length again */
#define BLOCK_MIN          BLOCK_OVERHEAD
#define RESOLUTION_DEFAULT 6
#define RESOLUTION_BINARY  0x80

/* One block: its body between the two lengths. */
struct block {
	uint32_t type, length;
	struct nr_cursor body;
};

static uint16_t u16(const struct nr_pcapng *pcapng, struct nr_cursor *c)
{
	uint16_t v = nr_cursor_u16_le(c);
	return pcapng->swapped ? __builtin_bswap16(v) : v;
}

static uint32_t u32(const struct nr_pcapng *pcapng, struct nr_cursor *c)
{
	uint32_t v = nr_cursor_u32_le(c);
	return pcapng->swapped ? __builtin_bswap32(v) : v;
}

bool nr_pcapng_is(const uint8_t *bytes, size_t length)
{
	uint32_t type;
	if (length < sizeof type)
		return false;
	memcpy(&type, bytes, sizeof type);
	return type == BLOCK_SECTION;
}

/* --- times --- */

/*
 * Units of an interface to us. Powers are walked without overflow: a resolution so fine that a 64-bit count
 * of it stays below a microsecond gives 0. False where the result is no time.
 */
static bool to_time(const struct nr_pcapng_interface *interface, uint64_t units, nr_time *ret)
{
	unsigned exponent = interface->resolution & 0x7f;
	unsigned __int128 us = units;
	if (interface->resolution & RESOLUTION_BINARY) {
		us = exponent < 84 ? us * NR_SECOND >> exponent : 0; /* 64 bits of count, 20 of the factor */
	} else {
		for (; exponent < 6; exponent++)
			us *= 10;
		for (; exponent > 6 && us > 0; exponent--)
			us /= 10;
	}
	int64_t time, offset;
	if (us > INT64_MAX || __builtin_mul_overflow(interface->offset, NR_SECOND, &offset) ||
		__builtin_add_overflow((int64_t)us, offset, &time) || time == NR_TIME_MIN)
		return false;
	*ret = time;
	return true;
}

/* --- blocks that describe --- */

static void read_interface_options(
	const struct nr_pcapng *pcapng, struct nr_cursor *c, struct nr_pcapng_interface *ret)
{
	while (nr_cursor_left(c) >= 4) {
		uint16_t code = u16(pcapng, c);
		uint16_t length = u16(pcapng, c);
		struct nr_cursor value = *c;
		nr_cursor_skip(c, ((size_t)length + 3) & ~(size_t)3);
		if (code == OPTION_END || c->failed)
			return;
		if (code == OPTION_IF_TSRESOL && length == 1) {
			ret->resolution = nr_cursor_u8(&value);
		} else if (code == OPTION_IF_TSOFFSET && length == 8) {
			uint64_t offset = nr_cursor_u64_le(&value);
			ret->offset = (int64_t)(pcapng->swapped ? __builtin_bswap64(offset) : offset);
		}
	}
}

static enum nr_record_status read_interface(
	struct nr_pcapng *pcapng, struct block *block, struct nr_error *error)
{
	struct nr_pcapng_interface interface = {.resolution = RESOLUTION_DEFAULT};
	interface.link = u16(pcapng, &block->body);
	nr_cursor_skip(&block->body, 2);
	interface.snap = u32(pcapng, &block->body);
	if (block->body.failed) {
		nr_fail(error, -EBADMSG, "interface block of %u bytes is too short", block->length);
		return NR_RECORD_BAD;
	}
	read_interface_options(pcapng, &block->body, &interface);
	if (pcapng->interface_count < NR_PCAPNG_INTERFACES_MAX)
		pcapng->interfaces[pcapng->interface_count] = interface;
	if (pcapng->interface_count < UINT32_MAX)
		pcapng->interface_count++;
	return NR_RECORD_SKIP;
}

static void begin_section(struct nr_pcapng *pcapng, bool swapped)
{
	pcapng->section = true;
	pcapng->swapped = swapped;
	pcapng->interface_count = 0;
}

/* --- blocks that hold a packet --- */

static const struct nr_pcapng_interface *find_interface(
	const struct nr_pcapng *pcapng, uint32_t number, struct nr_error *error)
{
	if (number < pcapng->interface_count && number < NR_PCAPNG_INTERFACES_MAX)
		return &pcapng->interfaces[number];
	nr_fail(error, -EBADMSG, "packet of interface %u, but the section has %u (and %d are kept)", number,
		pcapng->interface_count, NR_PCAPNG_INTERFACES_MAX);
	return NULL;
}

static enum nr_record_status take_frame(struct block *block, uint32_t captured, uint32_t wire, uint16_t link,
	struct nr_frame *ret, struct nr_error *error)
{
	const uint8_t *data = nr_cursor_take(&block->body, captured);
	if (!data || captured > NR_RECORD_CAPTURED_MAX) {
		nr_fail(error, -EBADMSG, "packet of %u captured bytes in a block of %u bytes", captured,
			block->length);
		return NR_RECORD_BAD;
	}
	ret->data = data;
	ret->captured = captured;
	ret->wire = NR_MAX(wire, captured);
	ret->link = link;
	ret->untimed = false;
	return NR_RECORD_FRAME;
}

/* Enhanced, and the obsolete one, which has 16 bits of interface and 16 of drop count in its first word. */
static enum nr_record_status read_packet(
	const struct nr_pcapng *pcapng, struct block *block, struct nr_frame *ret, struct nr_error *error)
{
	uint32_t number = block->type == BLOCK_PACKET ? u16(pcapng, &block->body) : u32(pcapng, &block->body);
	if (block->type == BLOCK_PACKET)
		nr_cursor_skip(&block->body, 2);
	uint64_t units = (uint64_t)u32(pcapng, &block->body) << 32;
	units |= u32(pcapng, &block->body);
	uint32_t captured = u32(pcapng, &block->body);
	uint32_t wire = u32(pcapng, &block->body);
	const struct nr_pcapng_interface *interface = find_interface(pcapng, number, error);
	if (!interface)
		return NR_RECORD_BAD;
	struct nr_frame frame;
	enum nr_record_status status = take_frame(block, captured, wire, interface->link, &frame, error);
	if (status != NR_RECORD_FRAME)
		return status;
	if (!to_time(interface, units, &frame.time))
		frame.time = NR_TIME_MIN; /* a time that cannot be: the packet counts, without it */
	*ret = frame;
	return NR_RECORD_FRAME;
}

/* Interface 0, no time, captured up to the snap length or the end of the block. */
static enum nr_record_status read_simple(
	const struct nr_pcapng *pcapng, struct block *block, struct nr_frame *ret, struct nr_error *error)
{
	uint32_t wire = u32(pcapng, &block->body);
	const struct nr_pcapng_interface *interface = find_interface(pcapng, 0, error);
	if (!interface)
		return NR_RECORD_BAD;
	uint32_t captured = interface->snap ? NR_MIN(wire, interface->snap) : wire;
	captured = (uint32_t)NR_MIN((size_t)captured, nr_cursor_left(&block->body));
	struct nr_frame frame = {.time = NR_TIME_MIN};
	enum nr_record_status status = take_frame(block, captured, wire, interface->link, &frame, error);
	if (status == NR_RECORD_FRAME)
		*ret = frame;
	return status;
}

/* --- the chain --- */

static enum nr_record_status damaged(struct nr_error *error, const char *reason, uint32_t value)
{
	nr_fail(error, -EBADMSG, reason, value);
	return NR_RECORD_DAMAGED;
}

/* Type and length of the block at c. A section header decides the byte order that its own length is in. */
static enum nr_record_status begin_block(const struct nr_pcapng *pcapng, struct nr_cursor c,
	struct block *ret, bool *ret_swapped, struct nr_error *error)
{
	struct nr_pcapng order = {.swapped = pcapng->swapped};
	ret->type = u32(&order, &c);
	if (ret->type == BLOCK_SECTION) {
		struct nr_cursor magic = c;
		nr_cursor_skip(&magic, 4);
		uint32_t value = nr_cursor_u32_le(&magic);
		if (magic.failed)
			return NR_RECORD_NEED_MORE;
		order.swapped = value == __builtin_bswap32(BYTE_ORDER_MAGIC);
		if (!order.swapped && value != BYTE_ORDER_MAGIC)
			return damaged(error, "section with byte-order magic %08x", value);
	}
	ret->length = u32(&order, &c);
	if (c.failed)
		return NR_RECORD_NEED_MORE;
	if (!pcapng->section && ret->type != BLOCK_SECTION)
		return damaged(error, "block of type %08x before any section", ret->type);
	if (ret->length < BLOCK_MIN || ret->length % 4 != 0)
		return damaged(error, "block length %u is not a multiple of 4, or less than 12", ret->length);
	*ret_swapped = order.swapped;
	return NR_RECORD_FRAME;
}

static bool holds_packet(uint32_t type)
{
	return type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_ENHANCED;
}

static bool is_read(uint32_t type)
{
	return holds_packet(type) || type == BLOCK_SECTION || type == BLOCK_INTERFACE;
}

static enum nr_record_status pass_over(struct nr_pcapng *pcapng, struct nr_cursor *c)
{
	size_t n = (size_t)NR_MIN(pcapng->skip, (uint64_t)nr_cursor_left(c));
	nr_cursor_skip(c, n);
	pcapng->skip -= n;
	return pcapng->skip ? NR_RECORD_NEED_MORE : NR_RECORD_SKIP;
}

static enum nr_record_status read_block(struct nr_pcapng *pcapng, struct block *block, bool swapped,
	struct nr_frame *ret, struct nr_error *error)
{
	switch (block->type) {
	case BLOCK_SECTION:
		begin_section(pcapng, swapped);
		return NR_RECORD_SKIP;
	case BLOCK_INTERFACE:
		return read_interface(pcapng, block, error);
	case BLOCK_SIMPLE:
		return read_simple(pcapng, block, ret, error);
	default:
		return read_packet(pcapng, block, ret, error);
	}
}

enum nr_record_status nr_pcapng_next(
	struct nr_pcapng *pcapng, struct nr_cursor *c, struct nr_frame *ret, struct nr_error *error)
{
	if (pcapng->skip)
		return pass_over(pcapng, c);
	struct block block;
	bool swapped = false;
	enum nr_record_status status = begin_block(pcapng, *c, &block, &swapped, error);
	if (status != NR_RECORD_FRAME)
		return status;
	if (block.length > NR_PCAPNG_BLOCK_MAX) {
		if (holds_packet(block.type))
			return damaged(error, "packet block of %u bytes", block.length);
		pcapng->skip = block.length;
		if (block.type == BLOCK_SECTION)
			begin_section(pcapng, swapped);
		return pass_over(pcapng, c);
	}
	if (nr_cursor_left(c) < block.length)
		return NR_RECORD_NEED_MORE;
	struct nr_cursor tail = nr_cursor_over(c->at + block.length - 4, 4);
	uint32_t again = nr_cursor_u32_le(&tail);
	if ((swapped ? __builtin_bswap32(again) : again) != block.length)
		return damaged(error, "block length %u is not repeated at the block's end", block.length);
	block.body = nr_cursor_over(c->at + 8, block.length - BLOCK_OVERHEAD);
	nr_cursor_skip(c, block.length);
	return is_read(block.type) ? read_block(pcapng, &block, swapped, ret, error) : NR_RECORD_SKIP;
}

static bool is_block(const struct nr_pcapng *pcapng, struct nr_cursor c)
{
	struct block block;
	bool swapped = false;
	if (begin_block(pcapng, c, &block, &swapped, NULL) != NR_RECORD_FRAME || !is_read(block.type) ||
		block.length > NR_PCAPNG_BLOCK_MAX || block.length > nr_cursor_left(&c))
		return false;
	nr_cursor_skip(&c, block.length - 4);
	uint32_t again = nr_cursor_u32_le(&c);
	return (swapped ? __builtin_bswap32(again) : again) == block.length;
}

size_t nr_pcapng_resync(const struct nr_pcapng *pcapng, const struct nr_cursor *c, size_t within)
{
	struct nr_cursor ahead = *c;
	for (size_t skip = 1; skip <= within && skip < nr_cursor_left(c); skip++) {
		ahead.at = c->at + skip;
		if (is_block(pcapng, ahead))
			return skip;
	}
	return 0;
}
