/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/look_gather.h"

#include <errno.h>

#define FILTER_BITS (1u << 22) /* 512 KiB: 200,000 candidates set one in 21 */
#define PORTION     64

struct wanted_entry {
	struct nr_flow_entry entry;
	struct nr_flow_server server;
	uint32_t number;
};

static bool is_wanted(const struct wanted_entry *entry, const struct nr_flow_server *server)
{
	return entry->server.port == server->port && entry->server.protocol == server->protocol &&
	       nr_address_equal(&entry->server.address, &server->address);
}

static void want(struct nr_flow_gather *g, const struct nr_flow_server_entry *server, uint32_t number)
{
	struct nr_flow_server key = {server->address, server->port, server->protocol};
	uint64_t hash = nr_flow_server_hash(&g->detect->key, &key);
	struct wanted_entry *entry =
		nr_flow_clock_table_at(&g->wanted, nr_flow_clock_table_place(&g->wanted, hash));
	entry->server = key;
	entry->number = number;
	uint64_t bit = hash % FILTER_BITS;
	g->filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

int nr_flow_gather_init(struct nr_flow_gather *gather, struct nr_flow_detect *detect,
	const struct nr_flow_choice *choice, struct nr_error *error)
{
	struct nr_flow_gather g = {.detect = detect, .from = choice->from, .to = choice->to};
	size_t bytes = (choice->count + 64) * (sizeof(struct wanted_entry) + 2 * sizeof(uint64_t));
	g.filter = calloc(FILTER_BITS / 64, sizeof *g.filter);
	int e = g.filter ? 0 : nr_fail(error, -ENOMEM, "out of memory");
	if (!e)
		e = nr_flow_clock_table_init(&g.wanted, sizeof(struct wanted_entry), bytes, error);
	if (!e)
		e = nr_flow_beats_store_init(
			&g.store, choice->count, detect->look_bytes, &detect->key, error);
	if (!e)
		e = nr_flow_orient_init(&g.orient, &detect->key, NULL, 0, 0, error);
	pthread_mutex_init(&g.lock, NULL);
	if (e) {
		nr_flow_gather_fini(&g);
		return e;
	}
	for (size_t i = 0; i < choice->count; i++)
		want(&g, &choice->items[i].server, (uint32_t)i);
	*gather = g;
	return 0;
}

void nr_flow_gather_fini(struct nr_flow_gather *gather)
{
	nr_flow_orient_fini(&gather->orient);
	nr_flow_beats_store_fini(&gather->store);
	if (gather->wanted.slots)
		nr_flow_clock_table_fini(&gather->wanted);
	free(gather->filter);
	pthread_mutex_destroy(&gather->lock);
}

/* ---- rows ---- */

static const struct wanted_entry *find(const struct nr_flow_gather *g, const struct nr_flow_server *server)
{
	uint64_t hash = nr_flow_server_hash(&g->detect->key, server), bit = hash % FILTER_BITS;
	if (!(g->filter[bit / 64] >> bit % 64 & 1))
		return NULL;
	return NR_FLOW_CLOCK_TABLE_FIND(&g->wanted, hash, is_wanted, server);
}

/* The same record with the other side as server. */
static struct nr_flow_talk turned(const struct nr_flow_talk *talk)
{
	struct nr_flow_talk t = *talk;
	t.server = (struct nr_flow_server){talk->client, talk->client_port, talk->server.protocol};
	t.client = talk->server.address;
	t.client_port = talk->server.port;
	t.up_packets = talk->down_packets;
	t.up_bytes = talk->down_bytes;
	t.up_flags = talk->down_flags;
	t.down_packets = talk->up_packets;
	t.down_bytes = talk->up_bytes;
	t.down_flags = talk->up_flags;
	if (t.sides == NR_FLOW_UP || t.sides == NR_FLOW_DOWN)
		t.sides ^= NR_FLOW_UP | NR_FLOW_DOWN;
	return t;
}

/* Which candidate's talk it is; what the packets themselves say of client and server stands. */
static const struct wanted_entry *match(const struct nr_flow_gather *g, struct nr_flow_talk *talk)
{
	const struct wanted_entry *entry = find(g, &talk->server);
	if (entry || talk->oriented <= NR_FLOW_BY_SYN)
		return entry;
	struct nr_flow_talk other = turned(talk);
	entry = find(g, &other.server);
	if (entry)
		*talk = other;
	return entry;
}

static uint32_t saturated(uint64_t value)
{
	return (uint32_t)NR_MIN(value, (uint64_t)UINT32_MAX);
}

static struct nr_flow_beat beat_of(const struct nr_flow_talk *talk, uint16_t exporter)
{
	const uint16_t timeless = NR_FLOW_MARK_TIME_OF_EXPORT | NR_FLOW_MARK_TIME_SUSPECT;
	struct nr_flow_beat beat = {
		.first = talk->first,
		.last = talk->last,
		.up_bytes = saturated(talk->up_bytes),
		.down_bytes = saturated(talk->down_bytes),
		.up_packets = saturated(talk->up_packets),
		.down_packets = saturated(talk->down_packets),
		.client_port = talk->client_port,
		.exporter = exporter,
		.sides = talk->sides,
		.end_reason = talk->end_reason,
		.refused = nr_flow_talk_is_refused(talk),
		.timeless = talk->marks & timeless,
	};
	if (nr_flow_talk_is_established(talk))
		beat.sides |= NR_FLOW_BEAT_ESTABLISHED;
	return beat;
}

struct portion {
	uint32_t count;
	struct nr_flow_beat beats[PORTION];
	struct nr_address clients[PORTION];
	uint32_t numbers[PORTION];
};

static void put_in(struct nr_flow_gather *g, struct portion *portion)
{
	pthread_mutex_lock(&g->lock);
	for (uint32_t i = 0; i < portion->count; i++)
		nr_flow_beats_store_add(
			&g->store, portion->numbers[i], &portion->clients[i], &portion->beats[i]);
	pthread_mutex_unlock(&g->lock);
	portion->count = 0;
}

int nr_flow_gather_take(void *taker, const struct nr_flow_block *block)
{
	struct nr_flow_gather *g = taker;
	uint16_t numbers[NR_FLOW_STREAMS] = {0};
	struct nr_flow_view view;
	struct portion portion;
	portion.count = 0;
	nr_flow_view_init(&view, block);
	pthread_mutex_lock(&g->detect->lock);
	for (uint32_t i = 0; i < block->stream_count; i++)
		numbers[i] = nr_flow_detect_exporters_find(&g->detect->exporters, &block->streams[i]);
	pthread_mutex_unlock(&g->detect->lock);
	for (uint32_t row = 0; row < block->count; row++) {
		struct nr_flow_talk talk;
		if (nr_flow_orient_row(&g->orient, &view, row, false, &talk) != NR_FLOW_ROW_TALK)
			continue;
		const struct wanted_entry *entry = match(g, &talk);
		if (!entry || talk.first < g->from || talk.first > g->to)
			continue;
		portion.beats[portion.count] = beat_of(&talk, numbers[talk.exporter]);
		portion.clients[portion.count] = talk.client;
		portion.numbers[portion.count++] = entry->number;
		if (portion.count == PORTION)
			put_in(g, &portion);
	}
	if (portion.count)
		put_in(g, &portion);
	return 0;
}
