/* SPDX-License-Identifier: Apache-2.0 */
#include "store/flows/part.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#define ROWS NR_FLOW_PART_ROWS

const struct nr_flow_pair nr_flow_pairs[NR_FLOW_PAIRS] = {
	{NR_FLOW_SOURCE_PORT, NR_FLOW_DESTINATION_PORT},
	{NR_FLOW_INPUT, NR_FLOW_OUTPUT},
	{NR_FLOW_SOURCE_AS, NR_FLOW_DESTINATION_AS},
	{NR_FLOW_SOURCE_MASK, NR_FLOW_DESTINATION_MASK},
	{NR_FLOW_SOURCE_MAC, NR_FLOW_DESTINATION_MAC},
};

const char *nr_flow_lane_text(unsigned lane)
{
	static const char *const others[] = {
#define NR_FLOW_TEXT(NAME, text) text,
		NR_FLOW_SECTION_LIST(NR_FLOW_TEXT)
#undef NR_FLOW_TEXT
	};
	return lane < NR_FLOW_COLUMNS ? nr_flow_columns[lane].name : others[lane - NR_FLOW_COLUMNS];
}

uint32_t nr_flow_lane_name(unsigned lane)
{
	const char *text = nr_flow_lane_text(lane);
	return (uint32_t)XXH3_64bits(text, strlen(text));
}

int nr_flow_packer_init(struct nr_flow_packer *p, struct nr_error *error)
{
	*p = (struct nr_flow_packer){0};
	int e = nr_flow_coder_init(&p->coder);
	e = e ? e : nr_flow_dictionary_init(&p->clients);
	e = e ? e : nr_flow_dictionary_init(&p->servers);
	p->items = malloc(ROWS * sizeof *p->items);
	p->spare = malloc(ROWS * sizeof *p->spare);
	p->rows = malloc(ROWS * sizeof *p->rows);
	p->client = malloc(ROWS * sizeof *p->client);
	p->server = malloc(ROWS * sizeof *p->server);
	p->turned = malloc(ROWS);
	p->by_address = malloc(ROWS * sizeof *p->by_address);
	p->values = aligned_alloc(NR_CACHE_LINE, ROWS * sizeof *p->values);
	p->times = aligned_alloc(NR_CACHE_LINE, ROWS * sizeof *p->times);
	if (!e && p->items && p->spare && p->rows && p->client && p->server && p->turned && p->by_address &&
		p->values && p->times)
		return 0;
	nr_flow_packer_fini(p);
	return nr_fail(error, -ENOMEM, "out of memory");
}

void nr_flow_packer_fini(struct nr_flow_packer *p)
{
	nr_flow_coder_fini(&p->coder);
	nr_flow_dictionary_fini(&p->clients);
	nr_flow_dictionary_fini(&p->servers);
	nr_flow_bytes_fini(&p->out);
	free(p->items);
	free(p->spare);
	free(p->rows);
	free(p->client);
	free(p->server);
	free(p->turned);
	free(p->by_address);
	free(p->values);
	free(p->times);
	*p = (struct nr_flow_packer){0};
}

/* ---- order ---- */

/* A part being packed: rows [from, from + count) of the block. */
struct work {
	struct nr_flow_packer *p;
	const struct nr_flow_block *block;
	uint32_t from, count;
	uint64_t keep;    /* bits of columns */
	uint64_t present; /* and kept */
	int failed;
};

static const void *column(const struct work *w, unsigned c)
{
	if (!(w->present >> c & 1))
		return NULL;
	return (const char *)nr_flow_column(w->block, c) + (size_t)w->from * nr_flow_columns[c].width;
}

#define CLIENT_MARKS (NR_FLOW_MARK_SOURCE_CLIENT | NR_FLOW_MARK_DESTINATION_CLIENT)

/* Which rows have their client as the destination. */
static void find_clients(const struct work *w)
{
	uint8_t *turned = w->p->turned;
	const uint16_t *source = column(w, NR_FLOW_SOURCE_PORT);
	const uint16_t *destination = column(w, NR_FLOW_DESTINATION_PORT);
	const uint16_t *marks = column(w, NR_FLOW_MARKS);
	if (source && destination)
		for (uint32_t i = 0; i < w->count; i++)
			turned[i] = destination[i] > source[i];
	else
		memset(turned, 0, w->count);
	for (uint32_t i = 0; marks && i < w->count; i++) {
		unsigned sides = marks[i] & CLIENT_MARKS;
		if (sides == NR_FLOW_MARK_SOURCE_CLIENT)
			turned[i] = 0;
		else if (sides == NR_FLOW_MARK_DESTINATION_CLIENT)
			turned[i] = 1;
	}
}

static uint64_t at64(const uint64_t *values, uint32_t row)
{
	return values ? values[row] : 0;
}

static void enter_addresses(const struct work *w)
{
	struct nr_flow_packer *p = w->p;
	const uint64_t *high[] = {column(w, NR_FLOW_SOURCE_HIGH), column(w, NR_FLOW_DESTINATION_HIGH)};
	const uint64_t *low[] = {column(w, NR_FLOW_SOURCE_LOW), column(w, NR_FLOW_DESTINATION_LOW)};
	nr_flow_dictionary_clear(&p->clients);
	nr_flow_dictionary_clear(&p->servers);
	for (uint32_t i = 0; i < w->count; i++) {
		unsigned client = p->turned[i], server = !client;
		p->client[i] =
			nr_flow_dictionary_enter(&p->clients, at64(high[client], i), at64(low[client], i));
		p->server[i] =
			nr_flow_dictionary_enter(&p->servers, at64(high[server], i), at64(low[server], i));
	}
	nr_flow_dictionary_sort(&p->clients, p->items, p->spare);
	nr_flow_dictionary_sort(&p->servers, p->items, p->spare);
}

static unsigned bits_of(uint32_t count)
{
	return count < 2 ? 0 : 32 - (unsigned)__builtin_clz(count - 1);
}

/* From the block's order and order of arrival to the part's order and ranks. */
static void order_ids(const struct work *w, const struct nr_flow_dictionary *d, uint32_t *ids)
{
	uint32_t *ordered = (uint32_t *)(void *)w->p->spare;
	for (uint32_t i = 0; i < w->count; i++)
		ordered[i] = d->ranks[ids[w->p->rows[i]]];
	memcpy(ids, ordered, w->count * sizeof *ids);
}

static_assert(ROWS <= 1u << NR_FLOW_INDEX_BITS, "client, server, port and row are numbers of 16 bits");

static void order_rows(const struct work *w)
{
	struct nr_flow_packer *p = w->p;
	const uint16_t *ports[] = {column(w, NR_FLOW_SOURCE_PORT), column(w, NR_FLOW_DESTINATION_PORT)};
	unsigned server_bits = bits_of(p->servers.count);
	for (uint32_t i = 0; i < w->count; i++) {
		const uint16_t *port = ports[p->turned[i]];
		uint64_t key = (uint64_t)p->clients.ranks[p->client[i]] << server_bits |
			       p->servers.ranks[p->server[i]];
		p->items[i] = (key << 16 | (port ? port[i] : 0)) << NR_FLOW_INDEX_BITS | i;
	}
	nr_flow_sort(p->items, p->spare, w->count, bits_of(p->clients.count) + server_bits + 16);
	for (uint32_t i = 0; i < w->count; i++)
		p->rows[i] = nr_flow_sorted_index(p->items[i]);
	order_ids(w, &p->clients, p->client);
	order_ids(w, &p->servers, p->server);
}

/* ---- lanes ---- */

static struct nr_flow_section *section_add(struct work *w, unsigned lane)
{
	struct nr_flow_section *s = &w->p->sections[w->p->head.sections++];
	*s = (struct nr_flow_section){.name = nr_flow_lane_name(lane), .offset = (uint32_t)w->p->out.length};
	return s;
}

static void lane_add_in(struct work *w, unsigned lane, const void *values, unsigned width, uint32_t count,
	uint8_t unit, unsigned chunk)
{
	struct nr_flow_section *s = section_add(w, lane);
	s->unit = unit;
	if (!w->failed)
		w->failed = nr_flow_lane_pack(&w->p->coder, values, width, count, chunk, &w->p->out, s);
}

/* One number for each row. */
static void lane_add(struct work *w, unsigned lane, const void *values, unsigned width, uint8_t unit)
{
	lane_add_in(w, lane, values, width, w->count, unit, NR_FLOW_CHUNK_ROWS);
}

/* One for each client or server. */
static void lane_add_hosts(
	struct work *w, unsigned lane, const void *values, unsigned width, uint32_t count, uint8_t unit)
{
	lane_add_in(w, lane, values, width, count, unit, NR_FLOW_CHUNK_HOSTS);
}

#define GATHER(T, from, other)                                                                               \
	do {                                                                                                 \
		T *to = (T *)(void *)w->p->values;                                                           \
		const T *a = (from), *b = (other);                                                           \
		if (!b)                                                                                      \
			for (uint32_t i = 0; i < w->count; i++)                                              \
				to[i] = a[rows[i]];                                                          \
		else                                                                                         \
			for (uint32_t i = 0; i < w->count; i++)                                              \
				to[i] = (turned[rows[i]] ? b : a)[rows[i]];                                  \
	} while (0)

/* Into values, in the part's order: `from`, or `other` where the row is turned. */
static void gather(const struct work *w, const void *from, const void *other, unsigned width)
{
	const uint32_t *rows = w->p->rows;
	const uint8_t *turned = w->p->turned;
	switch (width) {
	case 1:
		GATHER(uint8_t, from, other);
		break;
	case 2:
		GATHER(uint16_t, from, other);
		break;
	case 4:
		GATHER(uint32_t, from, other);
		break;
	default:
		GATHER(uint64_t, from, other);
	}
}

#define DECIDES_FIRST 1024 /* rows that show most columns that addresses do not decide */

/* Whether the address alone decides the numbers in values (of rows in the part's order), which are then in
 * by_address. */
#define DECIDES(T)                                                                                           \
	do {                                                                                                 \
		const T *values = (const T *)(const void *)w->p->values;                                     \
		T *each = (T *)(void *)w->p->by_address;                                                     \
		bool differs = false;                                                                        \
		for (uint32_t i = 0; i < count; i++)                                                         \
			each[ids[i]] = values[i];                                                            \
		for (uint32_t i = 0; i < count; i++)                                                         \
			differs |= each[ids[i]] != values[i];                                                \
		return !differs;                                                                             \
	} while (0)

static bool ids_decide(const struct work *w, const uint32_t *ids, unsigned width, uint32_t count)
{
	switch (width) {
	case 1:
		DECIDES(uint8_t);
	case 2:
		DECIDES(uint16_t);
	case 4:
		DECIDES(uint32_t);
	default:
		DECIDES(uint64_t);
	}
}

static void half_add(struct work *w, unsigned lane, bool client)
{
	struct nr_flow_packer *p = w->p;
	const struct nr_flow_dictionary *d = client ? &p->clients : &p->servers;
	unsigned width = nr_flow_columns[lane].width;
	const uint32_t *ids = client ? p->client : p->server;
	if (d->count < w->count && ids_decide(w, ids, width, NR_MIN(w->count, DECIDES_FIRST)) &&
		ids_decide(w, ids, width, w->count))
		lane_add_hosts(w, lane, p->by_address, width, d->count, NR_FLOW_UNIT_BY_ADDRESS);
	else
		lane_add(w, lane, p->values, width, 0);
}

/* A pair: absent of one side only is zero on that side. */
static void pair_add(struct work *w, const struct nr_flow_pair *pair)
{
	static const uint64_t zeros[ROWS];
	const void *source = column(w, pair->source), *destination = column(w, pair->destination);
	unsigned width = nr_flow_columns[pair->source].width;
	if (!source && !destination)
		return;
	source = source ? source : zeros;
	destination = destination ? destination : zeros;
	gather(w, source, destination, width);
	half_add(w, pair->source, true);
	gather(w, destination, source, width);
	half_add(w, pair->destination, false);
}

/* Divides all by the unit where they are multiples of it (a constant: no division is made). */
NR_INLINE bool divide(uint64_t *values, uint32_t count, int64_t unit)
{
	for (uint32_t i = 0; i < count; i++)
		if ((int64_t)values[i] % unit)
			return false;
	for (uint32_t i = 0; i < count; i++)
		values[i] = (uint64_t)((int64_t)values[i] / unit);
	return true;
}

/* In the coarsest unit that loses nothing, and coded so that small negative ones are small. */
static uint8_t scale(uint64_t *values, uint32_t count)
{
	uint64_t signs = 0;
	uint8_t unit = divide(values, count, 1000000) ? NR_FLOW_UNIT_SECOND
		       : divide(values, count, 1000)  ? NR_FLOW_UNIT_MILLI
						      : NR_FLOW_UNIT_MICRO;
	for (uint32_t i = 0; i < count; i++)
		signs |= values[i];
	if (!(signs >> 63))
		return unit;
	for (uint32_t i = 0; i < count; i++)
		values[i] = values[i] << 1 ^ (uint64_t)((int64_t)values[i] >> 63);
	return unit | NR_FLOW_UNIT_SIGNED;
}

static void times_add(struct work *w)
{
	struct nr_flow_packer *p = w->p;
	const int64_t *first = column(w, NR_FLOW_FIRST), *last = column(w, NR_FLOW_LAST);
	p->head.first = NR_TIME_MIN;
	p->head.last = NR_TIME_MAX;
	if (first) {
		gather(w, first, NULL, 8);
		memcpy(p->times, p->values, w->count * sizeof *p->times);
		uint8_t unit = scale(p->values, w->count);
		lane_add(w, NR_FLOW_FIRST, p->values, 8, unit);
	}
	if (last) {
		gather(w, last, NULL, 8);
		for (uint32_t i = 0; first && i < w->count; i++)
			p->values[i] -= p->times[i];
		uint8_t unit = scale(p->values, w->count);
		lane_add(w, NR_FLOW_LAST, p->values, 8, unit);
	}
	if (!first || !last)
		return;
	p->head.first = NR_TIME_MAX;
	p->head.last = NR_TIME_MIN;
	for (uint32_t i = 0; i < w->count; i++) {
		p->head.first = NR_MIN(p->head.first, NR_MIN(first[i], last[i]));
		p->head.last = NR_MAX(p->head.last, NR_MAX(first[i], last[i]));
	}
}

static void bytes_add(struct work *w, unsigned lane, const void *bytes, size_t length)
{
	struct nr_flow_section *s = section_add(w, lane);
	s->codec = NR_FLOW_CODEC_BYTES;
	s->length = (uint32_t)length;
	s->checksum = XXH3_64bits(bytes, length);
	if (w->failed || nr_flow_bytes_reserve(&w->p->out, length)) {
		w->failed = -ENOMEM;
		return;
	}
	memcpy(w->p->out.bytes + w->p->out.length, bytes, length);
	w->p->out.length += length;
}

#define HEADS_MAX (ROWS >> NR_FLOW_CHUNK_HOSTS)
static bool begins_chunk(uint32_t i)
{
	return i % (1u << NR_FLOW_CHUNK_HOSTS) == 0;
}

/* lane: of the heads; high and low follow. */
static void addresses_add(struct work *w, const struct nr_flow_dictionary *d, unsigned lane)
{
	uint64_t *values = w->p->values;
	struct nr_flow_head_address heads[HEADS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < d->count; i += 1u << NR_FLOW_CHUNK_HOSTS)
		heads[count++] = (struct nr_flow_head_address){d->high[i], d->low[i]};
	bytes_add(w, lane, heads, count * sizeof *heads);
	for (uint32_t i = 0; i < d->count; i++)
		values[i] = begins_chunk(i) ? 0 : d->high[i] - d->high[i - 1];
	lane_add_hosts(w, lane + 1, values, 8, d->count, 0);
	for (uint32_t i = 0; i < d->count; i++)
		values[i] = begins_chunk(i)                ? 0
			    : d->high[i] == d->high[i - 1] ? d->low[i] - d->low[i - 1]
							   : d->low[i];
	lane_add_hosts(w, lane + 2, values, 8, d->count, 0);
}

static void sides_add(struct work *w)
{
	struct nr_flow_packer *p = w->p;
	uint32_t *numbers = (uint32_t *)(void *)p->values;
	p->head.flags |= NR_FLOW_PART_TURNED;
	p->head.clients = p->clients.count;
	p->head.servers = p->servers.count;
	addresses_add(w, &p->clients, NR_FLOW_LANE_CLIENTS_HEADS);
	addresses_add(w, &p->servers, NR_FLOW_LANE_SERVERS_HEADS);
	memset(numbers, 0, p->clients.count * sizeof *numbers);
	for (uint32_t i = 0; i < w->count; i++)
		numbers[p->client[i]]++;
	lane_add_hosts(w, NR_FLOW_LANE_CLIENT_ROWS, numbers, 4, p->clients.count, 0);
	lane_add(w, NR_FLOW_LANE_SERVER, p->server, 4, 0);
	gather(w, p->turned, NULL, 1);
	lane_add(w, NR_FLOW_LANE_TURNED, p->values, 1, 0);
	for (size_t i = 0; i < NR_FLOW_PAIRS; i++)
		pair_add(w, &nr_flow_pairs[i]);
}

static void streams_add(struct work *w)
{
	static const struct nr_flow_stream nobody = {0};
	bool kept =
		w->keep & NR_FLOW_BIT(STREAM) && w->block->stream_count; /* without the column: the first */
	w->p->head.streams = kept ? w->block->stream_count : 1;
	bytes_add(w, NR_FLOW_LANE_STREAMS, kept ? w->block->streams : &nobody,
		w->p->head.streams * sizeof nobody);
}

static bool all_equal(const void *values, unsigned width, uint32_t count)
{
	return memcmp(values, (const char *)values + width, (size_t)(count - 1) * width) == 0;
}

static void columns_add(struct work *w, uint64_t columns)
{
	for (; columns; columns &= columns - 1) {
		unsigned c = (unsigned)__builtin_ctzll(columns), width = nr_flow_columns[c].width;
		const void *values = column(w, c);
		if (all_equal(values, width, w->count)) {
			lane_add_in(w, c, values, width, 1, 0, NR_FLOW_CHUNK_ROWS);
			continue;
		}
		gather(w, values, NULL, width);
		lane_add(w, c, w->p->values, width, 0);
	}
}

/* ---- the part ---- */

/* Head and table, which stand where room was left for them. */
static int part_close(struct nr_flow_packer *p)
{
	size_t table = p->head.sections * sizeof *p->sections;
	size_t left = NR_FLOW_PART_HEAD_MAX - sizeof p->head - table;
	size_t padding = -p->out.length & 7;
	if (nr_flow_bytes_reserve(&p->out, padding))
		return -ENOMEM;
	memset(p->out.bytes + p->out.length, 0, padding);
	p->out.length += padding;
	for (size_t i = 0; i < p->head.sections; i++)
		p->sections[i].offset -= (uint32_t)left;
	p->out.length -= left;
	memmove(p->out.bytes + sizeof p->head + table, p->out.bytes + NR_FLOW_PART_HEAD_MAX,
		p->out.length - sizeof p->head - table);
	p->head.magic = NR_FLOW_PART_MAGIC;
	p->head.bytes = p->out.length;
	p->head.head_bytes = (uint32_t)(sizeof p->head + table);
	memcpy(p->out.bytes, &p->head, sizeof p->head);
	memcpy(p->out.bytes + sizeof p->head, p->sections, table);
	p->head.checksum = XXH3_64bits(p->out.bytes, p->head.head_bytes);
	memcpy(p->out.bytes, &p->head, sizeof p->head);
	return 0;
}

static void order_as_given(const struct work *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		w->p->rows[i] = i;
}

int nr_flow_part_pack(struct nr_flow_packer *p, const struct nr_flow_block *block, uint32_t from,
	uint32_t count, uint64_t keep, struct nr_error *error)
{
	struct work w = {.p = p,
		.block = block,
		.from = from,
		.count = count,
		.keep = keep,
		.present = block->present & keep};
	assert(count && count <= ROWS && from + count <= block->count);
	uint64_t others = w.present & ~(NR_FLOW_ADDRESS_BITS | NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST));
	p->head = (struct nr_flow_part_head){.rows = count,
		.received_first = block->received_first,
		.received_last = block->received_last};
	p->out.length = 0;
	if (nr_flow_bytes_reserve(&p->out, NR_FLOW_PART_HEAD_MAX))
		return nr_fail(error, -ENOMEM, "out of memory");
	p->out.length = NR_FLOW_PART_HEAD_MAX;
	streams_add(&w);
	if (w.present & NR_FLOW_ADDRESS_BITS) {
		find_clients(&w);
		enter_addresses(&w);
		order_rows(&w);
		sides_add(&w);
		for (size_t i = 0; i < NR_FLOW_PAIRS; i++)
			others &= ~(UINT64_C(1) << nr_flow_pairs[i].source |
				    UINT64_C(1) << nr_flow_pairs[i].destination);
	} else {
		order_as_given(&w);
	}
	times_add(&w);
	columns_add(&w, others);
	if (w.failed || part_close(p))
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}
