/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/beats_store.h"

#include "base/pages.h"

#include <errno.h>

#define CLIENTS_SHARE 4  /* one in so many bytes is for addresses */
#define THIN_MAX      16 /* one client in 65,536 */

int nr_flow_beats_store_init(struct nr_flow_beats_store *store, size_t chains, uint64_t bytes,
	const struct nr_flow_hash_key *key, struct nr_error *error)
{
	struct nr_flow_beats_store s = {.key = *key, .chain_count = chains};
	void *pages = NULL;
	uint64_t room = (bytes - bytes / CLIENTS_SHARE) / sizeof *s.chunks;
	s.room = (uint32_t)NR_MIN(NR_MAX(room, UINT64_C(64)), (uint64_t)UINT32_MAX - 1);
	s.bytes = s.room * sizeof *s.chunks;
	s.chains = calloc(NR_MAX(chains, (size_t)1), sizeof *s.chains);
	if (!s.chains)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_flow_clock_table_init(
		&s.clients, sizeof(struct nr_flow_client_entry), bytes / CLIENTS_SHARE, error);
	if (!e)
		e = nr_pages_resize(NULL, &pages, 0, s.bytes, error);
	s.chunks = pages;
	if (e)
		nr_flow_beats_store_fini(&s);
	else
		*store = s;
	return e;
}

void nr_flow_beats_store_fini(struct nr_flow_beats_store *store)
{
	nr_pages_unmap(NULL, store->chunks, store->bytes);
	if (store->clients.slots)
		nr_flow_clock_table_fini(&store->clients);
	free(store->chains);
	*store = (struct nr_flow_beats_store){0};
}

static bool is_client(const struct nr_flow_client_entry *entry, const struct nr_address *address)
{
	return nr_address_equal(&entry->address, address);
}

/* False: there is no room for another address. */
static bool client_number(
	struct nr_flow_beats_store *store, const struct nr_address *address, uint32_t *ret_number)
{
	uint64_t hash = nr_flow_hash(&store->key, address, UINT64_C(4) << 32);
	struct nr_flow_client_entry *client =
		NR_FLOW_CLOCK_TABLE_FIND(&store->clients, hash, is_client, address);
	if (!client && store->clients.used == store->clients.room)
		return false;
	if (!client) {
		client = nr_flow_clock_table_at(
			&store->clients, nr_flow_clock_table_place(&store->clients, hash));
		client->address = *address;
	}
	*ret_number = nr_flow_clock_table_number(&store->clients, client);
	return true;
}

/* Whether a client is among those that are kept. */
static bool is_kept(const struct nr_flow_beats_store *store, uint32_t client, uint8_t thin)
{
	const struct nr_flow_entry *entry = nr_flow_clock_table_at(&store->clients, client);
	return (entry->tag & ((1u << thin) - 1)) == 0;
}

/* ---- chunks ---- */

static struct nr_flow_beats_chunk *chunk_at(const struct nr_flow_beats_store *store, uint32_t number)
{
	return &store->chunks[number - 1];
}

static uint32_t chunk_new(struct nr_flow_beats_store *store)
{
	uint32_t number = store->free;
	if (number)
		store->free = chunk_at(store, number)->next;
	else if (store->used < store->room)
		number = ++store->used;
	return number;
}

static bool append(
	struct nr_flow_beats_store *store, struct nr_flow_chain *chain, const struct nr_flow_beat *beat)
{
	if (!chain->chunk || chunk_at(store, chain->chunk)->count == NR_FLOW_BEATS_OF_CHUNK) {
		uint32_t number = chunk_new(store);
		if (!number)
			return false;
		chunk_at(store, number)->next = chain->chunk;
		chunk_at(store, number)->count = 0;
		chain->chunk = number;
	}
	struct nr_flow_beats_chunk *chunk = chunk_at(store, chain->chunk);
	chunk->beats[chunk->count++] = *beat;
	chain->count++;
	return true;
}

static uint32_t count_kept(
	const struct nr_flow_beats_store *store, const struct nr_flow_chain *chain, uint8_t thin)
{
	uint32_t kept = 0;
	for (uint32_t number = chain->chunk; number; number = chunk_at(store, number)->next)
		for (uint32_t i = 0; i < chunk_at(store, number)->count; i++)
			kept += is_kept(store, chunk_at(store, number)->beats[i].client, thin);
	return kept;
}

/* Lets about half of the clients go, or says that it cannot: then there are too few. */
static bool thin_out(struct nr_flow_beats_store *store, struct nr_flow_chain *chain)
{
	uint8_t thin = chain->thin;
	uint32_t kept = chain->count;
	while (thin < THIN_MAX && kept == chain->count)
		kept = count_kept(store, chain, ++thin);
	if (kept < chain->count / 8 || kept == chain->count)
		return false;
	struct nr_flow_chain old = *chain;
	chain->chunk = chain->count = 0;
	chain->thin = thin;
	chain->cut = true;
	for (uint32_t number = old.chunk; number;) {
		struct nr_flow_beats_chunk chunk = *chunk_at(store, number);
		chunk_at(store, number)->next = store->free; /* there is always room for what is kept */
		store->free = number;
		for (uint32_t i = 0; i < chunk.count; i++)
			if (is_kept(store, chunk.beats[i].client, thin))
				append(store, chain, &chunk.beats[i]);
		number = chunk.next;
	}
	store->let_go += old.count - chain->count;
	return true;
}

void nr_flow_beats_store_add(struct nr_flow_beats_store *store, size_t number,
	const struct nr_address *client, const struct nr_flow_beat *beat)
{
	struct nr_flow_chain *chain = &store->chains[number];
	struct nr_flow_beat b = *beat;
	if (!chain->full && client_number(store, client, &b.client)) {
		if (!is_kept(store, b.client, chain->thin)) {
			store->let_go++;
			return;
		}
		if (chain->count == NR_FLOW_BEATS_MAX)
			chain->full = !thin_out(store, chain);
		if (!chain->full && is_kept(store, b.client, chain->thin) && append(store, chain, &b))
			return;
	}
	chain->cut = true;
	store->let_go++;
}

void nr_flow_beats_store_copy(
	const struct nr_flow_beats_store *store, size_t number, struct nr_flow_beat *ret_beats)
{
	size_t at = 0;
	for (uint32_t n = store->chains[number].chunk; n; n = chunk_at(store, n)->next) {
		memcpy(ret_beats + at, chunk_at(store, n)->beats,
			chunk_at(store, n)->count * sizeof *ret_beats);
		at += chunk_at(store, n)->count;
	}
}
