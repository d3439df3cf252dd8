/* SPDX-License-Identifier: Apache-2.0 */
/* Reading parts. Everything in a file is checked before it is believed: checksums find what time did to it,
 * the rest here what somebody did on purpose. */
#include "store/flows/part_inside.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define ROWS NR_FLOW_PART_ROWS

int nr_flow_unpacker_init(struct nr_flow_unpacker *u, struct nr_error *error)
{
	bool whole = true;
	*u = (struct nr_flow_unpacker){.turned = malloc(ROWS),
		.rows = malloc(ROWS * sizeof *u->rows),
		.counts = malloc(ROWS * sizeof *u->counts),
		.each = malloc(ROWS * sizeof *u->each)};
	for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
		u->names[lane] = nr_flow_lane_name(lane);
	for (unsigned side = NR_FLOW_CLIENT; side <= NR_FLOW_SERVER; side++) {
		u->high[side] = malloc(ROWS * sizeof *u->high[side]);
		u->low[side] = malloc(ROWS * sizeof *u->low[side]);
		u->ids[side] = malloc(ROWS * sizeof *u->ids[side]);
		u->values[side] = aligned_alloc(NR_CACHE_LINE, ROWS * sizeof *u->values[side]);
		whole = whole && u->high[side] && u->low[side] && u->ids[side] && u->values[side];
	}
	int e = nr_flow_coder_init(&u->coder);
	if (whole && !e && u->turned && u->rows && u->counts && u->each &&
		nr_flow_block_new(ROWS, &u->block, error) == 0)
		return 0;
	nr_flow_unpacker_fini(u);
	return nr_fail(error, -ENOMEM, "out of memory");
}

void nr_flow_unpacker_fini(struct nr_flow_unpacker *u)
{
	nr_flow_coder_fini(&u->coder);
	for (unsigned side = NR_FLOW_CLIENT; side <= NR_FLOW_SERVER; side++) {
		free(u->high[side]);
		free(u->low[side]);
		free(u->ids[side]);
		free(u->values[side]);
	}
	free(u->turned);
	free(u->rows);
	free(u->counts);
	free(u->each);
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

static void find_lanes(const struct nr_flow_part_work *w, const struct nr_flow_section *sections)
{
	struct nr_flow_unpacker *u = w->u;
	memset(u->lanes, 0, sizeof u->lanes);
	for (size_t i = 0; i < w->head->sections; i++)
		for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
			if (sections[i].name == u->names[lane])
				u->lanes[lane] = &sections[i];
}

int nr_flow_part_bytes(
	const struct nr_flow_part_work *w, unsigned lane, size_t length, const uint8_t **ret_bytes)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	int code = -EBADMSG;
	if (!s || s->codec != NR_FLOW_CODEC_BYTES || s->length != length)
		return -EBADMSG;
	const uint8_t *bytes = w->source->get(w->source, s->offset, s->length, &code);
	if (!bytes)
		return code;
	if (XXH3_64bits(bytes, s->length) != s->checksum)
		return -EBADMSG;
	*ret_bytes = bytes;
	return 0;
}

int nr_flow_part_lane(const struct nr_flow_part_work *w, unsigned lane, void *values, unsigned width,
	uint32_t count, uint64_t chunks)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	return s ? nr_flow_lane_read(&w->u->coder, s, w->source, values, width, count, chunks) : -EBADMSG;
}

int nr_flow_part_numbers(const struct nr_flow_part_work *w, unsigned lane, void *values, unsigned width)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	if (!s || s->chunk >= NR_FLOW_CHUNK_BITS)
		return -EBADMSG;
	return nr_flow_part_lane(w, lane, values, width, w->head->rows, w->chunks[s->chunk]);
}

static int streams_get(const struct nr_flow_part_work *w)
{
	struct nr_flow_block *block = w->u->block;
	const uint8_t *bytes = NULL;
	size_t length = w->head->streams * sizeof *block->streams;
	int e = length ? nr_flow_part_bytes(w, NR_FLOW_LANE_STREAMS, length, &bytes) : -EBADMSG;
	if (e)
		return e;
	memcpy(block->streams, bytes, length);
	block->stream_count = w->head->streams;
	return 0;
}

/* ---- columns ---- */

#define PICK(T)                                                                                              \
	do {                                                                                                 \
		T *to = into;                                                                                \
		const T *a = values, *b = other;                                                             \
		if (b && u->row_count == w->head->rows)                                                      \
			for (uint32_t i = 0; i < u->row_count; i++)                                          \
				to[i] = u->turned[i] ? b[i] : a[i];                                          \
		else if (!b)                                                                                 \
			for (uint32_t i = 0; i < u->row_count; i++)                                          \
				to[i] = a[rows[i]];                                                          \
		else                                                                                         \
			for (uint32_t i = 0; i < u->row_count; i++)                                          \
				to[i] = u->turned[rows[i]] ? b[rows[i]] : a[rows[i]];                        \
	} while (0)

/* Into a column: the wanted rows of `values`, or of `other` (NULL: none) where they are turned. */
static void pick(const struct nr_flow_part_work *w, unsigned column, const void *values, const void *other)
{
	const struct nr_flow_unpacker *u = w->u;
	const uint32_t *rows = u->rows;
	void *into = nr_flow_column_at(u->block, column);
	if (!other && u->row_count == w->head->rows) { /* all of them */
		memcpy(into, values, (size_t)u->row_count * nr_flow_columns[column].width);
		return;
	}
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

static bool wants(const struct nr_flow_part_work *w, unsigned column)
{
	return w->columns >> column & 1;
}

#define SPREAD(T)                                                                                            \
	do {                                                                                                 \
		T *to = values;                                                                              \
		const T *from = (const T *)(const void *)u->each;                                            \
		for (uint32_t i = 0; i < u->row_count; i++)                                                  \
			to[u->rows[i]] = from[u->ids[side][u->rows[i]]];                                     \
	} while (0)

/* A column's numbers of the clients or of the servers, for each row. */
static int half_get(const struct nr_flow_part_work *w, unsigned lane, unsigned side, void *values)
{
	struct nr_flow_unpacker *u = w->u;
	unsigned width = nr_flow_columns[lane].width;
	const struct nr_flow_section *s = u->lanes[lane];
	if (!s || !(s->unit & NR_FLOW_UNIT_BY_ADDRESS))
		return nr_flow_part_numbers(w, lane, values, width);
	uint64_t chunks = s->chunk == NR_FLOW_CHUNK_HOSTS ? nr_flow_part_chunks(u, side) : UINT64_MAX;
	int e = nr_flow_part_lane(w, lane, u->each, width, nr_flow_part_side_count(w, side), chunks);
	if (e)
		return e;
	switch (width) {
	case 1:
		SPREAD(uint8_t);
		break;
	case 2:
		SPREAD(uint16_t);
		break;
	case 4:
		SPREAD(uint32_t);
		break;
	default:
		SPREAD(uint64_t);
	}
	return 0;
}

static int pairs_get(const struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++) {
		const struct nr_flow_pair *pair = &nr_flow_pairs[i];
		if (!wants(w, pair->source) && !wants(w, pair->destination))
			continue;
		int e = half_get(w, pair->source, NR_FLOW_CLIENT, u->values[0]);
		e = e ? e : half_get(w, pair->destination, NR_FLOW_SERVER, u->values[1]);
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

static int times_get(const struct nr_flow_part_work *w)
{
	struct nr_flow_unpacker *u = w->u;
	bool first = u->lanes[NR_FLOW_FIRST];
	if (!wants(w, NR_FLOW_FIRST) && !wants(w, NR_FLOW_LAST))
		return 0;
	if (first) {
		int e = nr_flow_part_numbers(w, NR_FLOW_FIRST, u->values[0], 8);
		if (e)
			return e;
		unscale(u->values[0], w->head->rows, u->lanes[NR_FLOW_FIRST]->unit);
		if (wants(w, NR_FLOW_FIRST))
			pick(w, NR_FLOW_FIRST, u->values[0], NULL);
	}
	if (!wants(w, NR_FLOW_LAST))
		return 0;
	int e = nr_flow_part_numbers(w, NR_FLOW_LAST, u->values[1], 8);
	if (e)
		return e;
	unscale(u->values[1], w->head->rows, u->lanes[NR_FLOW_LAST]->unit);
	for (uint32_t i = 0; first && i < w->head->rows; i++)
		u->values[1][i] += u->values[0][i];
	pick(w, NR_FLOW_LAST, u->values[1], NULL);
	return 0;
}

static int columns_get(const struct nr_flow_part_work *w, uint64_t columns)
{
	struct nr_flow_unpacker *u = w->u;
	for (; columns; columns &= columns - 1) {
		unsigned c = (unsigned)__builtin_ctzll(columns), width = nr_flow_columns[c].width;
		int e = nr_flow_part_numbers(w, c, u->values[0], width);
		if (e)
			return e;
		if (c == NR_FLOW_STREAM)
			for (uint32_t i = 0; i < u->row_count; i++)
				if (((const uint16_t *)(const void *)u->values[0])[u->rows[i]] >=
					w->head->streams)
					return -EBADMSG;
		pick(w, c, u->values[0], NULL);
	}
	return 0;
}

/* ---- the part ---- */

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

static int unpack(struct nr_flow_part_work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	bool sides = w->head->flags & NR_FLOW_PART_TURNED;
	uint64_t sided = sides ? NR_FLOW_ADDRESS_BITS | pair_bits() : 0;
	w->columns &= columns_there(u, sides);
	int e = nr_flow_part_find_rows(w, hosts, host_count);
	if (e || !u->row_count)
		return e;
	e = w->columns & sided ? nr_flow_part_sides(w, host_count) : 0;
	if (e)
		return e;
	e = streams_get(w);
	if (e)
		return e;
	nr_flow_rows_open(u->block, u->row_count, w->columns);
	if (w->columns & NR_FLOW_ADDRESS_BITS)
		nr_flow_part_fill_sides(w);
	e = sides ? pairs_get(w) : 0;
	e = e ? e : times_get(w);
	e = e ? e : columns_get(w, w->columns & ~(sided | NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST)));
	return e;
}

int nr_flow_part_unpack(struct nr_flow_unpacker *u, const struct nr_flow_part_head *head,
	const struct nr_flow_section *sections, struct nr_flow_part_source *source, uint64_t columns,
	const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_part_work w = {u, head, source, columns | NR_FLOW_BIT(STREAM), {0}};
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
