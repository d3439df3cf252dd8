/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flow.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* One byte for each byte of width: offsetof() is the sum of all widths before. */
struct widths {
#define NR_FLOW_WIDTH(NAME, ctype, kind, json) char NAME[sizeof(ctype)];
	NR_FLOW_COLUMN_LIST(NR_FLOW_WIDTH)
#undef NR_FLOW_WIDTH
};

static_assert(NR_FLOW_COLUMNS <= 64, "a column is a bit of `present`");
static_assert(sizeof(struct nr_flow_block) % 64 == 0, "columns begin on a cache line");

#define NR_FLOW_INFO(NAME, ctype, kind, json)                                                                \
	[NR_FLOW_##NAME] = {json ? json : #NAME, json != NULL, sizeof(ctype), NR_FLOW_KIND_##kind,           \
		offsetof(struct widths, NAME)},
const struct nr_flow_column_info nr_flow_columns[NR_FLOW_COLUMNS] = {NR_FLOW_COLUMN_LIST(NR_FLOW_INFO)};

/* ---- blocks ---- */

size_t nr_flow_block_bytes(uint32_t room)
{
	return sizeof(struct nr_flow_block) + (size_t)room * sizeof(struct widths);
}

void nr_flow_block_init(struct nr_flow_block *block, uint32_t room)
{
	assert(room && room % NR_FLOW_ROOM_UNIT == 0 && room <= NR_FLOW_ROOM_MAX);
	block->room = room;
	nr_flow_block_clear(block);
}

int nr_flow_block_new(uint32_t room, struct nr_flow_block **ret_block, struct nr_error *error)
{
	size_t bytes = (nr_flow_block_bytes(room) + 63) / 64 * 64;
	struct nr_flow_block *block = aligned_alloc(64, bytes);
	if (!block)
		return nr_fail(error, -ENOMEM, "out of memory");
	nr_flow_block_init(block, room);
	*ret_block = block;
	return 0;
}

void nr_flow_block_free(struct nr_flow_block *block)
{
	free(block);
}

void nr_flow_block_freep(struct nr_flow_block **block)
{
	nr_flow_block_free(*block);
}

void nr_flow_block_clear(struct nr_flow_block *block)
{
	block->count = block->stream_count = block->reserved = 0;
	block->present = 0;
	block->received_first = NR_TIME_MAX;
	block->received_last = NR_TIME_MIN;
}

bool nr_flow_block_is_sound(const struct nr_flow_block *block, size_t bytes)
{
	if (bytes < sizeof *block || !block->room || block->room % NR_FLOW_ROOM_UNIT ||
		block->room > NR_FLOW_ROOM_MAX || bytes < nr_flow_block_bytes(block->room) ||
		block->count > block->room || block->stream_count > NR_FLOW_STREAMS ||
		block->present >> NR_FLOW_COLUMNS)
		return false;
	const uint16_t *streams = nr_flow_column(block, NR_FLOW_STREAM);
	if (block->count && (streams ? false : !block->stream_count))
		return false;
	for (uint32_t i = 0; streams && i < block->count; i++)
		if (streams[i] >= block->stream_count)
			return false;
	return true;
}

int nr_flow_block_stream(struct nr_flow_block *block, const struct nr_flow_stream *stream)
{
	for (uint32_t i = block->stream_count; i-- > 0;) /* the last one is the likely one */
		if (!memcmp(&block->streams[i], stream, sizeof *stream))
			return (int)i;
	if (block->stream_count == NR_FLOW_STREAMS)
		return -1;
	block->streams[block->stream_count] = *stream;
	return (int)block->stream_count++;
}

/* ---- rows ---- */

static void zero(struct nr_flow_block *block, unsigned column, uint32_t from, uint32_t count)
{
	size_t width = nr_flow_columns[column].width;
	memset((char *)nr_flow_column_at(block, column) + from * width, 0, count * width);
}

void nr_flow_rows_open(struct nr_flow_block *block, uint32_t count, uint64_t columns)
{
	assert(block->room - block->count >= count);
	for (uint64_t fresh = columns & ~block->present; fresh; fresh &= fresh - 1)
		zero(block, (unsigned)__builtin_ctzll(fresh), 0, block->count);
	for (uint64_t absent = block->present & ~columns; absent; absent &= absent - 1)
		zero(block, (unsigned)__builtin_ctzll(absent), block->count, count);
	block->present |= columns;
}

static int map_streams(struct nr_flow_block *into, const struct nr_flow_block *block, uint32_t from,
	uint32_t count, uint16_t *map)
{
	const uint16_t *streams = nr_flow_column(block, NR_FLOW_STREAM);
	bool used[NR_FLOW_STREAMS] = {!streams && block->stream_count};
	for (uint32_t i = from; streams && i < from + count; i++)
		used[streams[i]] = true;
	uint32_t before = into->stream_count;
	for (uint32_t i = 0; i < block->stream_count; i++) {
		int at = used[i] ? nr_flow_block_stream(into, &block->streams[i]) : 0;
		if (at < 0) {
			into->stream_count = before;
			return -ENOSPC;
		}
		map[i] = (uint16_t)at;
	}
	return 0;
}

int nr_flow_rows_copy(
	struct nr_flow_block *into, const struct nr_flow_block *block, uint32_t from, uint32_t count)
{
	uint16_t map[NR_FLOW_STREAMS];
	int e = count ? map_streams(into, block, from, count, map) : 0;
	if (e || !count)
		return e;
	nr_flow_rows_open(into, count, block->present | NR_FLOW_BIT(STREAM));
	for (uint64_t left = block->present & ~NR_FLOW_BIT(STREAM); left; left &= left - 1) {
		unsigned c = (unsigned)__builtin_ctzll(left);
		size_t width = nr_flow_columns[c].width;
		memcpy((char *)nr_flow_column_at(into, c) + into->count * width,
			(const char *)nr_flow_column(block, c) + from * width, count * width);
	}
	const uint16_t *streams = nr_flow_column(block, NR_FLOW_STREAM);
	uint16_t *to = (uint16_t *)nr_flow_column_at(into, NR_FLOW_STREAM) + into->count;
	for (uint32_t i = 0; i < count; i++)
		to[i] = map[streams ? streams[from + i] : 0];
	nr_flow_rows_close(into, count);
	into->received_first = NR_MIN(into->received_first, block->received_first);
	into->received_last = NR_MAX(into->received_last, block->received_last);
	return 0;
}

uint64_t nr_flow_value(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	const void *at = nr_flow_column(block, column);
	if (!at)
		return 0;
	switch (nr_flow_columns[column].width) {
	case 1:
		return ((const uint8_t *)at)[row];
	case 2:
		return ((const uint16_t *)at)[row];
	case 4:
		return ((const uint32_t *)at)[row];
	default:
		return ((const uint64_t *)at)[row];
	}
}

float nr_flow_sampling(const struct nr_flow_block *block, uint32_t row)
{
	const float *at = nr_flow_column(block, NR_FLOW_SAMPLING);
	return at ? at[row] : 0;
}

struct nr_address nr_flow_address(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row)
{
	struct nr_address address;
	uint64_t high = __builtin_bswap64(nr_flow_value(block, column - 1, row));
	uint64_t low = __builtin_bswap64(nr_flow_value(block, column, row));
	memcpy(address.octets, &high, 8);
	memcpy(address.octets + 8, &low, 8);
	return address;
}

/* ---- names ---- */

const char *nr_flow_export_name(enum nr_flow_export export)
{
	switch (export) {
	case NR_FLOW_NETFLOW5:
		return "netflow5";
	case NR_FLOW_NETFLOW9:
		return "netflow9";
	case NR_FLOW_IPFIX:
		return "ipfix";
	case NR_FLOW_SFLOW5:
		return "sflow5";
	case NR_FLOW_NFDUMP:
		return "nfdump";
	case NR_FLOW_ZEEK:
		return "zeek";
	}
	return "unknown";
}

static const char *const sampling_from[] = {[NR_FLOW_SAMPLING_UNKNOWN] = "unknown",
	[NR_FLOW_SAMPLING_RECORD] = "record",
	[NR_FLOW_SAMPLING_SELECTOR] = "selector",
	[NR_FLOW_SAMPLING_INTERFACE] = "interface",
	[NR_FLOW_SAMPLING_LINE_CARD] = "line-card",
	[NR_FLOW_SAMPLING_EXPORTER] = "exporter",
	[NR_FLOW_SAMPLING_HEADER] = "header",
	[NR_FLOW_SAMPLING_OVERRIDE] = "override",
	[NR_FLOW_SAMPLING_COUNTED] = "counted",
	[NR_FLOW_SAMPLING_FILE] = "file"};
static const char *const directions[] = {NULL, "ingress", "egress"};
static const char *const end_reasons[] = {NULL, "idle", "active", "end", "forced", "resources"};
static const char *const events[] = {[1] = "nat-create",
	[2] = "nat-delete",
	[3] = "addresses-exhausted",
	[4] = "nat44-create",
	[5] = "nat44-delete",
	[6] = "nat64-create",
	[7] = "nat64-delete",
	[8] = "nat44-bib-create",
	[9] = "nat44-bib-delete",
	[10] = "nat64-bib-create",
	[11] = "nat64-bib-delete",
	[12] = "ports-exhausted",
	[13] = "quota-exceeded",
	[14] = "binding-create",
	[15] = "binding-delete",
	[16] = "port-block-allocate",
	[17] = "port-block-release",
	[18] = "threshold",
	[NR_FLOW_EVENT_FIREWALL + 1] = "created",
	[NR_FLOW_EVENT_FIREWALL + 2] = "deleted",
	[NR_FLOW_EVENT_FIREWALL + 3] = "denied",
	[NR_FLOW_EVENT_FIREWALL + 4] = "alert",
	[NR_FLOW_EVENT_FIREWALL + 5] = "updated"};

static const char *name_at(const char *const *names, size_t count, uint64_t code)
{
	return code < count ? names[code] : NULL;
}

const char *nr_flow_code_name(enum nr_flow_column column, uint64_t code)
{
	switch (column) {
	case NR_FLOW_SAMPLING_FROM:
		return name_at(sampling_from, NR_COUNT(sampling_from), code);
	case NR_FLOW_DIRECTION:
		return name_at(directions, NR_COUNT(directions), code);
	case NR_FLOW_END_REASON:
		return name_at(end_reasons, NR_COUNT(end_reasons), code);
	case NR_FLOW_EVENT:
		return name_at(events, NR_COUNT(events), code);
	default:
		return NULL;
	}
}
