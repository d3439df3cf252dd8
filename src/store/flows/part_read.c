/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parts. Everything in a file is checked before it is believed: checksums find what time did to it,
 * the rest here what somebody did on purpose. */
#include "store/flows/part.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define ROWS NR_FLOW_PART_ROWS

enum { CLIENT, SERVER };

int nr_flow_unpacker_init(struct nr_flow_unpacker *u, struct nr_error *error)
{
	bool whole = true;
	*u = (struct nr_flow_unpacker){.turned = malloc(ROWS), .rows = malloc(ROWS * sizeof *u->rows)};
	for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
		u->names[lane] = nr_flow_lane_name(lane);
	for (unsigned side = CLIENT; side <= SERVER; side++) {
		u->high[side] = malloc(ROWS * sizeof *u->high[side]);
		u->low[side] = malloc(ROWS * sizeof *u->low[side]);
		u->ids[side] = malloc(ROWS * sizeof *u->ids[side]);
		u->hosts[side] = malloc(ROWS);
		u->values[side] = aligned_alloc(NR_CACHE_LINE, ROWS * sizeof *u->values[side]);
		whole = whole && u->high[side] && u->low[side] && u->ids[side] && u->hosts[side] &&
			u->values[side];
	}
	int e = nr_flow_coder_init(&u->coder);
	if (whole && !e && u->turned && u->rows && nr_flow_block_new(ROWS, &u->block, error) == 0)
		return 0;
	nr_flow_unpacker_fini(u);
	return nr_fail(error, -ENOMEM, "out of memory");
}

void nr_flow_unpacker_fini(struct nr_flow_unpacker *u)
{
	nr_flow_coder_fini(&u->coder);
	for (unsigned side = CLIENT; side <= SERVER; side++) {
		free(u->high[side]);
		free(u->low[side]);
		free(u->ids[side]);
		free(u->hosts[side]);
		free(u->values[side]);
	}
	free(u->turned);
	free(u->rows);
	nr_flow_block_free(u->block);
	*u = (struct nr_flow_unpacker){0};
}

/* ---- head and table ---- */

static bool section_is_sound(const struct nr_flow_part_head *h, const struct nr_flow_section *s)
{
	return s->offset >= h->head_bytes && s->offset <= h->bytes && s->length <= h->bytes - s->offset;
}

static bool head_is_sound(const struct nr_flow_part_head *h)
{
	return h->rows && h->rows <= ROWS && h->clients <= h->rows && h->servers <= h->rows &&
	       h->streams <= NR_FLOW_STREAMS && h->bytes % 8 == 0 && h->bytes <= NR_FLOW_PART_BYTES_MAX &&
	       h->sections <= NR_FLOW_SECTIONS_MAX && h->head_bytes <= h->bytes &&
	       h->head_bytes == sizeof *h + h->sections * sizeof(struct nr_flow_section);
}

static uint64_t head_checksum(const uint8_t *bytes, size_t length)
{
	struct nr_flow_part_head head;
	uint8_t copy[NR_FLOW_PART_HEAD_MAX];
	memcpy(copy, bytes, length);
	memcpy(&head, copy, sizeof head);
	head.checksum = 0;
	memcpy(copy, &head, sizeof head);
	return XXH3_64bits(copy, length);
}

int nr_flow_part_check(const uint8_t *bytes, size_t length, const struct nr_flow_part_head **ret_head,
	const struct nr_flow_section **ret_sections)
{
	const struct nr_flow_part_head *head = (const void *)bytes;
	const struct nr_flow_section *sections = (const void *)(head + 1);
	if (length < sizeof *head)
		return -ENODATA;
	if (head->magic != NR_FLOW_PART_MAGIC || !head_is_sound(head))
		return -EBADMSG;
	if (length < head->head_bytes)
		return -ENODATA;
	if (head_checksum(bytes, head->head_bytes) != head->checksum)
		return -EBADMSG;
	for (size_t i = 0; i < head->sections; i++)
		if (!section_is_sound(head, &sections[i]))
			return -EBADMSG;
	*ret_head = head;
	*ret_sections = sections;
	return 0;
}

/* ---- lanes ---- */

struct work {
	struct nr_flow_unpacker *u;
	const struct nr_flow_part_head *head;
	struct nr_flow_part_source *source;
	uint64_t columns; /* wanted, and there */
};

static void find_lanes(const struct work *w, const struct nr_flow_section *sections)
{
	struct nr_flow_unpacker *u = w->u;
	memset(u->lanes, 0, sizeof u->lanes);
	for (size_t i = 0; i < w->head->sections; i++)
		for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
			if (sections[i].name == u->names[lane])
				u->lanes[lane] = &sections[i];
}

static int section_get(const struct work *w, unsigned lane, const uint8_t **ret_bytes)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	int code = -EBADMSG;
	if (!s)
		return -EBADMSG;
	const uint8_t *bytes = w->source->get(w->source, s->offset, s->length, &code);
	if (!bytes)
		return code;
	if (XXH3_64bits(bytes, s->length) != s->checksum)
		return -EBADMSG;
	*ret_bytes = bytes;
	return 0;
}

static int lane_get(const struct work *w, unsigned lane, void *values, unsigned width, uint32_t count)
{
	const uint8_t *bytes = NULL;
	int e = section_get(w, lane, &bytes);
	return e ? e : nr_flow_lane_read(&w->u->coder, w->u->lanes[lane], bytes, values, width, count);
}

static int streams_get(const struct work *w)
{
	struct nr_flow_block *block = w->u->block;
	const uint8_t *bytes = NULL;
	int e = section_get(w, NR_FLOW_LANE_STREAMS, &bytes);
	if (e)
		return e;
	size_t length = w->head->streams * sizeof *block->streams;
	if (!length || w->u->lanes[NR_FLOW_LANE_STREAMS]->length != length)
		return -EBADMSG;
	memcpy(block->streams, bytes, length);
	block->stream_count = w->head->streams;
	return 0;
}

/* ---- sides ---- */

static uint32_t side_count(const struct work *w, unsigned side)
{
	return side == CLIENT ? w->head->clients : w->head->servers;
}

static int addresses_get(const struct work *w, unsigned side)
{
	uint64_t *high = w->u->high[side], *low = w->u->low[side];
	unsigned lane = side == CLIENT ? NR_FLOW_LANE_CLIENTS_HIGH : NR_FLOW_LANE_SERVERS_HIGH;
	uint32_t count = side_count(w, side);
	if (!count)
		return -EBADMSG;
	int e = lane_get(w, lane, high, 8, count);
	e = e ? e : lane_get(w, lane + 1, low, 8, count);
	for (uint32_t i = 1; !e && i < count; i++) {
		low[i] += high[i] ? 0 : low[i - 1];
		high[i] += high[i - 1];
	}
	return e;
}

/* Which client and which server each row has. */
static int ids_get(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t *counts = (uint32_t *)(void *)u->values[0], row = 0, most = 0;
	int e = lane_get(w, NR_FLOW_LANE_CLIENT_ROWS, counts, 4, w->head->clients);
	e = e ? e : lane_get(w, NR_FLOW_LANE_SERVER, u->ids[SERVER], 4, w->head->rows);
	e = e ? e : lane_get(w, NR_FLOW_LANE_TURNED, u->turned, 1, w->head->rows);
	if (e)
		return e;
	for (uint32_t i = 0; i < w->head->clients; i++) {
		if (counts[i] > w->head->rows - row)
			return -EBADMSG;
		for (uint32_t end = row + counts[i]; row < end; row++)
			u->ids[CLIENT][row] = i;
	}
	for (uint32_t i = 0; i < w->head->rows; i++) {
		most = NR_MAX(most, u->ids[SERVER][i]);
		u->turned[i] &= 1;
	}
	return row == w->head->rows && most < w->head->servers ? 0 : -EBADMSG;
}

static bool mark_hosts(const struct work *w, unsigned side, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t count = side_count(w, side);
	bool any = false;
	memset(u->hosts[side], 0, count);
	for (size_t h = 0; h < host_count; h++) {
		uint64_t high, low;
		nr_flow_address_split(&hosts[h], &high, &low);
		for (uint32_t i = 0; i < count; i++)
			if (u->low[side][i] == low && u->high[side][i] == high) {
				u->hosts[side][i] = 1;
				any = true;
				break;
			}
	}
	return any;
}

/* The rows that are wanted, and addresses and ids where they are needed. 0 rows: nothing more to do. */
static int sides_get(const struct work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	int e = addresses_get(w, CLIENT);
	e = e ? e : addresses_get(w, SERVER);
	if (e)
		return e;
	u->row_count = 0;
	bool client = host_count && mark_hosts(w, CLIENT, hosts, host_count);
	bool server = host_count && mark_hosts(w, SERVER, hosts, host_count);
	if (host_count && !client && !server)
		return 0;
	e = ids_get(w);
	if (e)
		return e;
	for (uint32_t i = 0; i < w->head->rows; i++) {
		u->rows[u->row_count] = i;
		u->row_count += !host_count || u->hosts[CLIENT][u->ids[CLIENT][i]] ||
				u->hosts[SERVER][u->ids[SERVER][i]];
	}
	return 0;
}

static void sides_fill(const struct work *w)
{
	const struct nr_flow_unpacker *u = w->u;
	uint64_t *high[] = {nr_flow_column_at(u->block, NR_FLOW_SOURCE_HIGH),
		nr_flow_column_at(u->block, NR_FLOW_DESTINATION_HIGH)};
	uint64_t *low[] = {nr_flow_column_at(u->block, NR_FLOW_SOURCE_LOW),
		nr_flow_column_at(u->block, NR_FLOW_DESTINATION_LOW)};
	for (unsigned end = 0; end < 2; end++) /* source, destination */
		for (uint32_t i = 0; i < u->row_count; i++) {
			uint32_t row = u->rows[i];
			unsigned side = u->turned[row] ^ end;
			uint32_t id = u->ids[side][row];
			high[end][i] = u->high[side][id];
			low[end][i] = u->low[side][id];
		}
}

/* ---- columns ---- */

#define PICK(T)                                                                                              \
	do {                                                                                                 \
		T *to = into;                                                                                \
		const T *a = values, *b = other;                                                             \
		if (!b)                                                                                      \
			for (uint32_t i = 0; i < u->row_count; i++)                                          \
				to[i] = a[rows[i]];                                                          \
		else                                                                                         \
			for (uint32_t i = 0; i < u->row_count; i++)                                          \
				to[i] = u->turned[rows[i]] ? b[rows[i]] : a[rows[i]];                        \
	} while (0)

/* Into a column: the wanted rows of `values`, or of `other` (NULL: none) where they are turned. */
static void pick(const struct work *w, unsigned column, const void *values, const void *other)
{
	const struct nr_flow_unpacker *u = w->u;
	const uint32_t *rows = u->rows;
	void *into = nr_flow_column_at(u->block, column);
	switch (nr_flow_columns[column].width) {
	case 1:
		PICK(uint8_t);
		break;
	case 2:
		PICK(uint16_t);
		break;
	case 4:
		PICK(uint32_t);
		break;
	default:
		PICK(uint64_t);
	}
}

static bool wants(const struct work *w, unsigned column)
{
	return w->columns >> column & 1;
}

static int pairs_get(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++) {
		const struct nr_flow_pair *pair = &nr_flow_pairs[i];
		unsigned width = nr_flow_columns[pair->source].width;
		if (!wants(w, pair->source) && !wants(w, pair->destination))
			continue;
		int e = lane_get(w, pair->source, u->values[0], width, w->head->rows);
		e = e ? e : lane_get(w, pair->destination, u->values[1], width, w->head->rows);
		if (e)
			return e;
		if (wants(w, pair->source))
			pick(w, pair->source, u->values[0], u->values[1]);
		if (wants(w, pair->destination))
			pick(w, pair->destination, u->values[1], u->values[0]);
	}
	return 0;
}

static void unscale(uint64_t *values, uint32_t count, uint8_t unit)
{
	static const uint64_t units[] = {1, 1000, 1000000, 1};
	uint64_t factor = units[unit & NR_FLOW_UNIT_MASK];
	if (unit & NR_FLOW_UNIT_SIGNED)
		for (uint32_t i = 0; i < count; i++)
			values[i] = (values[i] >> 1 ^ -(values[i] & 1)) * factor;
	else if (factor != 1)
		for (uint32_t i = 0; i < count; i++)
			values[i] *= factor;
}

static int times_get(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	bool first = u->lanes[NR_FLOW_FIRST];
	if (!wants(w, NR_FLOW_FIRST) && !wants(w, NR_FLOW_LAST))
		return 0;
	if (first) {
		int e = lane_get(w, NR_FLOW_FIRST, u->values[0], 8, w->head->rows);
		if (e)
			return e;
		unscale(u->values[0], w->head->rows, u->lanes[NR_FLOW_FIRST]->unit);
		if (wants(w, NR_FLOW_FIRST))
			pick(w, NR_FLOW_FIRST, u->values[0], NULL);
	}
	if (!wants(w, NR_FLOW_LAST))
		return 0;
	int e = lane_get(w, NR_FLOW_LAST, u->values[1], 8, w->head->rows);
	if (e)
		return e;
	unscale(u->values[1], w->head->rows, u->lanes[NR_FLOW_LAST]->unit);
	for (uint32_t i = 0; first && i < w->head->rows; i++)
		u->values[1][i] += u->values[0][i];
	pick(w, NR_FLOW_LAST, u->values[1], NULL);
	return 0;
}

static int columns_get(const struct work *w, uint64_t columns)
{
	struct nr_flow_unpacker *u = w->u;
	for (; columns; columns &= columns - 1) {
		unsigned c = (unsigned)__builtin_ctzll(columns), width = nr_flow_columns[c].width;
		int e = lane_get(w, c, u->values[0], width, w->head->rows);
		if (e)
			return e;
		if (c == NR_FLOW_STREAM)
			for (uint32_t i = 0; i < w->head->rows; i++)
				if (((const uint16_t *)(const void *)u->values[0])[i] >= w->head->streams)
					return -EBADMSG;
		pick(w, c, u->values[0], NULL);
	}
	return 0;
}

/* ---- the part ---- */

static void all_rows(const struct work *w)
{
	for (uint32_t i = 0; i < w->head->rows; i++)
		w->u->rows[i] = i;
	w->u->row_count = w->head->rows;
}

static uint64_t columns_there(const struct nr_flow_unpacker *u, bool sides)
{
	uint64_t there = sides ? NR_FLOW_ADDRESS_BITS : 0;
	for (unsigned c = 0; c < NR_FLOW_COLUMNS; c++)
		if (u->lanes[c])
			there |= UINT64_C(1) << c;
	return there;
}

static uint64_t pair_bits(void)
{
	uint64_t bits = 0;
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++)
		bits |= UINT64_C(1) << nr_flow_pairs[i].source | UINT64_C(1) << nr_flow_pairs[i].destination;
	return bits;
}

static int unpack(struct work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	bool sides = w->head->flags & NR_FLOW_PART_TURNED;
	uint64_t sided = sides ? NR_FLOW_ADDRESS_BITS | pair_bits() : 0;
	w->columns &= columns_there(u, sides);
	u->row_count = 0;
	if (host_count && !sides)
		return 0; /* nobody's addresses were kept */
	all_rows(w);
	int e = host_count || w->columns & sided ? sides_get(w, hosts, host_count) : 0;
	if (e || !u->row_count)
		return e;
	e = streams_get(w);
	if (e)
		return e;
	nr_flow_rows_open(u->block, u->row_count, w->columns);
	if (w->columns & NR_FLOW_ADDRESS_BITS)
		sides_fill(w);
	e = sides ? pairs_get(w) : 0;
	e = e ? e : times_get(w);
	e = e ? e : columns_get(w, w->columns & ~(sided | NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST)));
	return e;
}

int nr_flow_part_unpack(struct nr_flow_unpacker *u, const struct nr_flow_part_head *head,
	const struct nr_flow_section *sections, struct nr_flow_part_source *source, uint64_t columns,
	const struct nr_address *hosts, size_t host_count)
{
	struct work w = {u, head, source, columns | NR_FLOW_BIT(STREAM)};
	nr_flow_block_clear(u->block);
	find_lanes(&w, sections);
	int e = unpack(&w, hosts, host_count);
	if (e) {
		nr_flow_block_clear(u->block);
		return e;
	}
	nr_flow_rows_close(u->block, u->row_count);
	u->block->received_first = head->received_first;
	u->block->received_last = head->received_last;
	return 0;
}
