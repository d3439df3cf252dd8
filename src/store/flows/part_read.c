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
	*u = (struct nr_flow_unpacker){.turned = malloc(ROWS),
		.rows = malloc(ROWS * sizeof *u->rows),
		.counts = malloc(ROWS * sizeof *u->counts),
		.each = malloc(ROWS * sizeof *u->each)};
	for (unsigned lane = 0; lane < NR_FLOW_LANES; lane++)
		u->names[lane] = nr_flow_lane_name(lane);
	for (unsigned side = CLIENT; side <= SERVER; side++) {
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
	for (unsigned side = CLIENT; side <= SERVER; side++) {
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

struct work {
	struct nr_flow_unpacker *u;
	const struct nr_flow_part_head *head;
	struct nr_flow_part_source *source;
	uint64_t columns;                    /* wanted, and there */
	uint64_t chunks[NR_FLOW_CHUNK_BITS]; /* by the bits of a chunk's size: those that have wanted rows */
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

/* A section of `length` bytes, as they are. */
static int bytes_get(const struct work *w, unsigned lane, size_t length, const uint8_t **ret_bytes)
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

static int lane_get(
	const struct work *w, unsigned lane, void *values, unsigned width, uint32_t count, uint64_t chunks)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	return s ? nr_flow_lane_read(&w->u->coder, s, w->source, values, width, count, chunks) : -EBADMSG;
}

/* One number for each row, of the chunks that have rows that are wanted. */
static int rows_get(const struct work *w, unsigned lane, void *values, unsigned width)
{
	const struct nr_flow_section *s = w->u->lanes[lane];
	if (!s || s->chunk >= NR_FLOW_CHUNK_BITS)
		return -EBADMSG;
	return lane_get(w, lane, values, width, w->head->rows, w->chunks[s->chunk]);
}

static int streams_get(const struct work *w)
{
	struct nr_flow_block *block = w->u->block;
	const uint8_t *bytes = NULL;
	size_t length = w->head->streams * sizeof *block->streams;
	int e = length ? bytes_get(w, NR_FLOW_LANE_STREAMS, length, &bytes) : -EBADMSG;
	if (e)
		return e;
	memcpy(block->streams, bytes, length);
	block->stream_count = w->head->streams;
	return 0;
}

/* ---- rows that are wanted ---- */

static void find_chunks(struct work *w)
{
	const struct nr_flow_unpacker *u = w->u;
	for (unsigned bits = NR_FLOW_CHUNK_LEAST; bits < NR_FLOW_CHUNK_BITS; bits++) {
		w->chunks[bits] = u->row_count == w->head->rows ? UINT64_MAX : 0;
		for (uint32_t i = 0; !(w->chunks[bits] & 1 && ~w->chunks[bits] == 0) && i < u->row_count; i++)
			w->chunks[bits] |= UINT64_C(1) << (u->rows[i] >> bits);
	}
}

static void all_rows(struct work *w)
{
	for (uint32_t i = 0; i < w->head->rows; i++)
		w->u->rows[i] = i;
	w->u->row_count = w->head->rows;
	find_chunks(w);
}

/* ---- addresses ---- */

static uint32_t side_count(const struct work *w, unsigned side)
{
	return side == CLIENT ? w->head->clients : w->head->servers;
}

static unsigned heads_lane(unsigned side)
{
	return side == CLIENT ? NR_FLOW_LANE_CLIENTS_HEADS : NR_FLOW_LANE_SERVERS_HEADS;
}

#define HEADS_MAX (ROWS >> NR_FLOW_CHUNK_HOSTS)
struct heads {
	struct nr_flow_head_address items[HEADS_MAX];
	uint32_t count;
};

static int heads_get(const struct work *w, unsigned side, struct heads *heads)
{
	const uint8_t *bytes = NULL;
	uint32_t count = side_count(w, side);
	heads->count = (count + (1u << NR_FLOW_CHUNK_HOSTS) - 1) >> NR_FLOW_CHUNK_HOSTS;
	size_t length = heads->count * sizeof *heads->items;
	int e = count ? bytes_get(w, heads_lane(side), length, &bytes) : -EBADMSG;
	if (!e)
		memcpy(heads->items, bytes, length);
	return e;
}

/* Those chunks of a side's addresses. */
static int addresses_get(const struct work *w, unsigned side, const struct heads *heads, uint64_t chunks)
{
	uint64_t *high = w->u->high[side], *low = w->u->low[side];
	unsigned lane = heads_lane(side);
	uint32_t count = side_count(w, side);
	for (unsigned i = 1; i <= 2; i++)
		if (w->u->lanes[lane + i] && w->u->lanes[lane + i]->chunk != NR_FLOW_CHUNK_HOSTS)
			return -EBADMSG;
	int e = lane_get(w, lane + 1, high, 8, count, chunks);
	e = e ? e : lane_get(w, lane + 2, low, 8, count, chunks);
	for (uint32_t c = 0; !e && c < heads->count; c++) {
		uint32_t begin = c << NR_FLOW_CHUNK_HOSTS;
		uint32_t end = NR_MIN(begin + (1u << NR_FLOW_CHUNK_HOSTS), count);
		if (!(chunks >> c & 1))
			continue;
		high[begin] = heads->items[c].high;
		low[begin] = heads->items[c].low;
		for (uint32_t i = begin + 1; i < end; i++) {
			low[i] += high[i] ? 0 : low[i - 1];
			high[i] += high[i - 1];
		}
	}
	return e;
}

/* The chunks of the addresses of the rows that are wanted. */
static uint64_t chunks_of(const struct nr_flow_unpacker *u, unsigned side)
{
	uint64_t chunks = 0;
	for (uint32_t i = 0; i < u->row_count; i++)
		chunks |= UINT64_C(1) << (u->ids[side][u->rows[i]] >> NR_FLOW_CHUNK_HOSTS);
	return chunks;
}

static bool is_after(const struct nr_flow_head_address *head, uint64_t high, uint64_t low)
{
	return head->high > high || (head->high == high && head->low > low);
}

/* Finds hosts among a side's addresses: in the chunk whose head is the last one that is not after it. */
static int find_hosts(struct work *w, unsigned side, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	struct heads heads;
	uint64_t chunks = 0, high[NR_FLOW_HOSTS_FOUND], low[NR_FLOW_HOSTS_FOUND];
	uint32_t at[NR_FLOW_HOSTS_FOUND];
	int e = heads_get(w, side, &heads);
	for (size_t h = 0; !e && h < host_count; h++) {
		nr_flow_address_split(&hosts[h], &high[h], &low[h]);
		at[h] = 0;
		while (at[h] < heads.count && !is_after(&heads.items[at[h]], high[h], low[h]))
			at[h]++;
		chunks |= at[h] ? UINT64_C(1) << (at[h] - 1) : 0;
	}
	e = e || !chunks ? e : addresses_get(w, side, &heads, chunks);
	u->found_count[side] = 0;
	for (size_t h = 0; !e && h < host_count; h++) {
		uint32_t end = NR_MIN(at[h] << NR_FLOW_CHUNK_HOSTS, side_count(w, side));
		uint32_t i = at[h] ? (at[h] - 1) << NR_FLOW_CHUNK_HOSTS : end;
		while (i < end && (u->low[side][i] != low[h] || u->high[side][i] != high[h]))
			i++;
		if (i < end)
			u->found[side][u->found_count[side]++] = i;
	}
	return e;
}

/* ---- ids ---- */

/* Fills the clients of all rows that are wanted, which are in order. */
static int client_ids(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t client = 0, end = w->head->clients ? u->counts[0] : 0;
	for (uint32_t i = 0; i < u->row_count; i++) {
		uint32_t row = u->rows[i];
		while (row >= end) {
			if (++client >= w->head->clients || u->counts[client] > w->head->rows - end)
				return -EBADMSG;
			end += u->counts[client];
		}
		u->ids[CLIENT][row] = client;
	}
	return 0;
}

static int server_ids(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	uint32_t most = 0;
	int e = rows_get(w, NR_FLOW_LANE_SERVER, u->ids[SERVER], 4);
	for (uint32_t i = 0; !e && i < u->row_count; i++)
		most = NR_MAX(most, u->ids[SERVER][u->rows[i]]);
	return e ? e : most < w->head->servers ? 0 : -EBADMSG;
}

static int counts_get(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	int e = lane_get(w, NR_FLOW_LANE_CLIENT_ROWS, u->counts, 4, w->head->clients, UINT64_MAX);
	return e ? e : u->counts[0] <= w->head->rows ? 0 : -EBADMSG;
}

static bool is_found(const struct nr_flow_unpacker *u, unsigned side, uint32_t id)
{
	bool found = false;
	for (unsigned i = 0; i < u->found_count[side]; i++)
		found |= u->found[side][i] == id;
	return found;
}

/* The rows whose client or server was found, in order. */
static int select_rows(struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	bool servers = u->found_count[SERVER];
	uint32_t n = 0, row = 0;
	int e = servers ? lane_get(w, NR_FLOW_LANE_SERVER, u->ids[SERVER], 4, w->head->rows, UINT64_MAX) : 0;
	for (uint32_t c = 0; !e && c < w->head->clients; c++) {
		bool all = is_found(u, CLIENT, c);
		if (u->counts[c] > w->head->rows - row)
			return -EBADMSG;
		uint32_t end = row + u->counts[c];
		if (!all && !servers)
			row = end;
		for (; row < end; row++) {
			u->rows[n] = row;
			n += all || is_found(u, SERVER, u->ids[SERVER][row]);
		}
	}
	u->row_count = n;
	return e;
}

/* ---- sides ---- */

/* The rows that are wanted; 0: nothing more to do. */
static int find_rows(struct work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	if (!host_count) {
		all_rows(w);
		return 0;
	}
	u->row_count = 0;
	if (!(w->head->flags & NR_FLOW_PART_TURNED))
		return 0; /* nobody's addresses were kept */
	int e = find_hosts(w, CLIENT, hosts, host_count);
	e = e ? e : find_hosts(w, SERVER, hosts, host_count);
	if (e || (!u->found_count[CLIENT] && !u->found_count[SERVER]))
		return e;
	e = counts_get(w);
	e = e ? e : select_rows(w);
	if (!e)
		find_chunks(w);
	return e;
}

static int sides_get(struct work *w, bool counted)
{
	struct nr_flow_unpacker *u = w->u;
	int e = w->head->clients && w->head->servers ? 0 : -EBADMSG;
	e = e || counted ? e : counts_get(w);
	e = e ? e : client_ids(w);
	e = e ? e : server_ids(w);
	e = e ? e : rows_get(w, NR_FLOW_LANE_TURNED, u->turned, 1);
	for (uint32_t i = 0; !e && i < u->row_count; i++)
		u->turned[u->rows[i]] &= 1;
	for (unsigned side = CLIENT; !e && side <= SERVER && w->columns & NR_FLOW_ADDRESS_BITS; side++) {
		struct heads heads;
		e = heads_get(w, side, &heads);
		e = e ? e : addresses_get(w, side, &heads, chunks_of(u, side));
	}
	return e;
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

#define SPREAD(T)                                                                                            \
	do {                                                                                                 \
		T *to = values;                                                                              \
		const T *from = (const T *)(const void *)u->each;                                            \
		for (uint32_t i = 0; i < u->row_count; i++)                                                  \
			to[u->rows[i]] = from[u->ids[side][u->rows[i]]];                                     \
	} while (0)

/* A column's numbers of the clients or of the servers, for each row. */
static int half_get(const struct work *w, unsigned lane, unsigned side, void *values)
{
	struct nr_flow_unpacker *u = w->u;
	unsigned width = nr_flow_columns[lane].width;
	const struct nr_flow_section *s = u->lanes[lane];
	if (!s || !(s->unit & NR_FLOW_UNIT_BY_ADDRESS))
		return rows_get(w, lane, values, width);
	uint64_t chunks = s->chunk == NR_FLOW_CHUNK_HOSTS ? chunks_of(u, side) : UINT64_MAX;
	int e = lane_get(w, lane, u->each, width, side_count(w, side), chunks);
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

static int pairs_get(const struct work *w)
{
	struct nr_flow_unpacker *u = w->u;
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++) {
		const struct nr_flow_pair *pair = &nr_flow_pairs[i];
		if (!wants(w, pair->source) && !wants(w, pair->destination))
			continue;
		int e = half_get(w, pair->source, CLIENT, u->values[0]);
		e = e ? e : half_get(w, pair->destination, SERVER, u->values[1]);
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
		int e = rows_get(w, NR_FLOW_FIRST, u->values[0], 8);
		if (e)
			return e;
		unscale(u->values[0], w->head->rows, u->lanes[NR_FLOW_FIRST]->unit);
		if (wants(w, NR_FLOW_FIRST))
			pick(w, NR_FLOW_FIRST, u->values[0], NULL);
	}
	if (!wants(w, NR_FLOW_LAST))
		return 0;
	int e = rows_get(w, NR_FLOW_LAST, u->values[1], 8);
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
		int e = rows_get(w, c, u->values[0], width);
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

static int unpack(struct work *w, const struct nr_address *hosts, size_t host_count)
{
	struct nr_flow_unpacker *u = w->u;
	bool sides = w->head->flags & NR_FLOW_PART_TURNED;
	uint64_t sided = sides ? NR_FLOW_ADDRESS_BITS | pair_bits() : 0;
	w->columns &= columns_there(u, sides);
	int e = find_rows(w, hosts, host_count);
	if (e || !u->row_count)
		return e;
	e = w->columns & sided ? sides_get(w, host_count) : 0;
	if (e)
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
	struct work w = {u, head, source, columns | NR_FLOW_BIT(STREAM), {0}};
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
