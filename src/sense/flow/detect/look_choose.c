/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers get a second look: those with the greatest of a cheap score, of what the table of servers
 * knows. The score only orders; it decides nothing where all have room. Then a second pass over the table
 * adds what neighbours tell: the clients of the /24 (IPv6: /48), other services of the address.
 */
#include "sense/flow/detect/detect_inside.h"

#include <errno.h>
#include <math.h>

#define CHUNK       4096 /* entries that are looked at under one lock */
#define FLOWS_MIN   4    /* with less there is no rhythm, unless one was long */
#define LONG        3600 /* s */
#define HOURS_SCORE 1.5

/* ---- the score ---- */

/* Share of the commonest size, 0..1. */
static double same_size(const struct nr_flow_server_entry *server)
{
	double all = 0, most = 0;
	for (unsigned i = 0; i < NR_FLOW_SIZE_BINS; i++) {
		all += server->sizes[i];
		most = NR_MAX(most, (double)server->sizes[i]);
	}
	return all > 0 ? most / all : 0;
}

static double score_of(const struct nr_flow_server_entry *server)
{
	double clients = nr_flow_sketch_count(&server->clients, server->few);
	double flows = server->flows;
	unsigned hours = 0;
	for (unsigned i = 0; i < NR_COUNT(server->hours); i++)
		hours += (unsigned)__builtin_popcountll(server->hours[i]);
	double score = log2(1 + flows) + HOURS_SCORE * log2(1 + hours) + 2 * same_size(server);
	score += 2 * NR_MIN(1., (server->established + 2. * server->refused) / flows);
	score += 2 * log2(1 + server->regular);
	score += server->longest >= LONG ? 4 : 0;
	/* what everybody uses is judged last: most of what is periodic is there (flow reference 14) */
	score -= 2 * log2(1 + clients / 500);
	return server->popular ? score - 20 : score;
}

static bool is_eligible(const struct nr_flow_server_entry *server)
{
	return server->entry.live && server->flows && (server->flows >= FLOWS_MIN || server->longest >= LONG);
}

/* ---- the greatest: a heap with the least on top ---- */

static void sift_down(struct nr_flow_chosen *items, size_t count, size_t at)
{
	struct nr_flow_chosen item = items[at];
	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && items[child + 1].score < items[child].score)
			child++;
		if (items[child].score >= item.score)
			break;
		items[at] = items[child];
	}
	items[at] = item;
}

static void sift_up(struct nr_flow_chosen *items, size_t at)
{
	struct nr_flow_chosen item = items[at];
	for (; at && items[(at - 1) / 2].score > item.score; at = (at - 1) / 2)
		items[at] = items[(at - 1) / 2];
	items[at] = item;
}

static void offer(struct nr_flow_choice *choice, size_t room, const struct nr_flow_server_entry *server,
	uint32_t number)
{
	struct nr_flow_chosen item = {.score = score_of(server), .number = number, .server = *server};
	if (choice->count < room) {
		choice->items[choice->count] = item;
		sift_up(choice->items, choice->count++);
	} else if (item.score > choice->items[0].score) {
		choice->items[0] = item;
		sift_down(choice->items, choice->count, 0);
	}
}

/* Calls each(context, entry) for all servers that are held, letting take() in between. */
static void each_server(struct nr_flow_detect *d,
	void (*each)(void *context, const struct nr_flow_server_entry *server), void *context)
{
	uint32_t used = CHUNK;
	for (uint32_t at = 0; at < used; at += CHUNK) {
		pthread_mutex_lock(&d->lock);
		used = d->servers.used;
		for (uint32_t i = at; i < NR_MIN(used, at + CHUNK); i++)
			each(context, nr_flow_clock_table_at(&d->servers, i));
		pthread_mutex_unlock(&d->lock);
	}
}

struct choosing {
	const struct nr_flow_detect *detect;
	struct nr_flow_choice *choice;
	size_t room;
};

static void choose_one(void *context, const struct nr_flow_server_entry *server)
{
	struct choosing *c = context;
	if (is_eligible(server))
		offer(c->choice, c->room, server, nr_flow_clock_table_number(&c->detect->servers, server));
}

/* ---- neighbours ---- */

struct block_entry { /* a /24 or /48 that holds a candidate; or its address alone */
	struct nr_flow_entry entry;
	struct nr_address prefix;
	bool is_address;
	uint8_t few;
	uint32_t services;
	struct nr_flow_sketch clients;
};
struct block_key {
	struct nr_address prefix;
	bool is_address;
};
struct neighbours {
	struct nr_flow_detect *detect;
	struct nr_flow_clock_table table;
};

static bool is_block(const struct block_entry *entry, const struct block_key *key)
{
	return entry->is_address == key->is_address && nr_address_equal(&entry->prefix, &key->prefix);
}

static struct block_key key_of(const struct nr_address *address, bool is_address)
{
	struct block_key key = {*address, is_address};
	unsigned octets = nr_address_is_ipv4(address) ? 15 : 6;
	if (!is_address)
		memset(key.prefix.octets + octets, 0, 16 - octets);
	return key;
}

static struct block_entry *find_block(
	const struct neighbours *n, const struct nr_address *address, bool is_address, uint64_t *ret_hash)
{
	struct block_key key = key_of(address, is_address);
	*ret_hash = nr_flow_hash(&n->detect->key, &key.prefix, UINT64_C(3) << 32 | is_address);
	return NR_FLOW_CLOCK_TABLE_FIND(&n->table, *ret_hash, is_block, &key);
}

static void want_block(struct neighbours *n, const struct nr_address *address, bool is_address)
{
	uint64_t hash;
	if (find_block(n, address, is_address, &hash))
		return;
	struct block_entry *block =
		nr_flow_clock_table_at(&n->table, nr_flow_clock_table_place(&n->table, hash));
	block->prefix = key_of(address, is_address).prefix;
	block->is_address = is_address;
}

static void count_neighbour(void *context, const struct nr_flow_server_entry *server)
{
	struct neighbours *n = context;
	uint64_t hash;
	if (!server->entry.live || !server->flows)
		return;
	struct block_entry *block = find_block(n, &server->address, false, &hash);
	if (!block)
		return;
	nr_flow_sketch_merge(&block->clients, &block->few, &server->clients, server->few);
	block = find_block(n, &server->address, true, &hash);
	if (block)
		block->services++;
}

static int look_around(struct nr_flow_detect *d, struct nr_flow_choice *choice, struct nr_error *error)
{
	struct neighbours n = {.detect = d};
	size_t bytes = sizeof(struct block_entry) + 2 * sizeof(uint64_t);
	int e = nr_flow_clock_table_init(
		&n.table, sizeof(struct block_entry), 2 * (choice->count + 64) * bytes, error);
	if (e)
		return e;
	for (size_t i = 0; i < choice->count; i++) {
		want_block(&n, &choice->items[i].server.address, false);
		want_block(&n, &choice->items[i].server.address, true);
	}
	each_server(d, count_neighbour, &n);
	for (size_t i = 0; i < choice->count; i++) {
		struct nr_flow_chosen *item = &choice->items[i];
		uint64_t hash;
		const struct block_entry *block = find_block(&n, &item->server.address, false, &hash);
		if (block)
			item->neighbourhood = nr_flow_sketch_count(&block->clients, block->few);
		block = find_block(&n, &item->server.address, true, &hash);
		if (block)
			item->services = block->services;
	}
	nr_flow_clock_table_fini(&n.table);
	return 0;
}

/* ---- the choice ---- */

void nr_flow_choice_fini(struct nr_flow_choice *choice)
{
	free(choice->items);
	*choice = (struct nr_flow_choice){0};
}

static int greater_first(const void *a, const void *b)
{
	const struct nr_flow_chosen *x = a, *y = b;
	return (x->score < y->score) - (x->score > y->score);
}

int nr_flow_choose(struct nr_flow_detect *d, struct nr_flow_choice *ret_choice, struct nr_error *error)
{
	struct nr_flow_choice choice = {0};
	pthread_mutex_lock(&d->lock);
	struct choosing c = {d, &choice, NR_MIN((size_t)d->conf.candidates, (size_t)d->servers.used)};
	choice.from = d->state.from;
	choice.to = d->state.to;
	pthread_mutex_unlock(&d->lock);
	choice.items = malloc(NR_MAX(c.room, (size_t)1) * sizeof *choice.items);
	if (!choice.items)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (c.room)
		each_server(d, choose_one, &c);
	int e = look_around(d, &choice, error);
	if (e) {
		nr_flow_choice_fini(&choice);
		return e;
	}
	qsort(choice.items, choice.count, sizeof *choice.items, greater_first);
	*ret_choice = choice;
	return 0;
}
