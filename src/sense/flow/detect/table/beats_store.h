/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beats of candidates while they are gathered: chains of small chunks in one piece of memory. A candidate
 * that has too many keeps those of some of its clients, chosen by hash, so that what is left of it is whole
 * timelines; the same where the memory ends. Locks are the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_BEATS_STORE_H
#define NR_SENSE_FLOW_DETECT_TABLE_BEATS_STORE_H

#include "sense/flow/detect/features.h"
#include "sense/flow/detect/table/clock_table.h"

#define NR_FLOW_BEATS_MAX        131072 /* of one candidate */
#define NR_FLOW_BEAT_ESTABLISHED 0x80   /* in `sides`, here only */
#define NR_FLOW_BEATS_OF_CHUNK   8

struct nr_flow_beats_chunk {
	uint32_t next, count; /* next: number + 1 */
	struct nr_flow_beat beats[NR_FLOW_BEATS_OF_CHUNK];
};
struct nr_flow_chain {
	uint32_t chunk; /* the newest, its number + 1; 0: none */
	uint32_t count;
	uint8_t thin; /* clients whose hash has so many zeros at its end are kept */
	bool cut, full;
};
struct nr_flow_beats_store {
	struct nr_flow_beats_chunk *chunks; /* owned */
	uint32_t room, used, free;          /* chunks; free: a list, number + 1 */
	size_t bytes;
	struct nr_flow_chain *chains; /* owned; of each candidate */
	size_t chain_count;
	struct nr_flow_clock_table clients; /* addresses by number */
	struct nr_flow_hash_key key;
	uint64_t let_go;
};

struct nr_flow_client_entry {
	struct nr_flow_entry entry;
	struct nr_address address;
};

int nr_flow_beats_store_init(struct nr_flow_beats_store *store, size_t chains, uint64_t bytes,
	const struct nr_flow_hash_key *key, struct nr_error *error);
void nr_flow_beats_store_fini(struct nr_flow_beats_store *store);
/* beat->client is set here: the client's number. */
void nr_flow_beats_store_add(struct nr_flow_beats_store *store, size_t chain, const struct nr_address *client,
	const struct nr_flow_beat *beat);
/* Copies a chain, whose count it must have room for. */
void nr_flow_beats_store_copy(
	const struct nr_flow_beats_store *store, size_t chain, struct nr_flow_beat *ret_beats);
NR_INLINE const struct nr_address *nr_flow_beats_store_client(
	const struct nr_flow_beats_store *store, uint32_t number)
{
	return &((const struct nr_flow_client_entry *)nr_flow_clock_table_at(&store->clients, number))
			->address;
}

#endif
