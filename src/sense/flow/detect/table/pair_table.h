/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of servers, one line of the cache each: of servers that not everybody uses, and of pairs that come
 * again (admit.h). While the table is less than half full every pair is let in at once. Locks are the
 * caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_PAIR_TABLE_H
#define NR_SENSE_FLOW_DETECT_TABLE_PAIR_TABLE_H

#include "sense/flow/detect/table/admit.h"
#include "sense/flow/detect/table/server_table.h"

#define NR_FLOW_GAP_BINS 8 /* of the gaps between first times: below 4 s, 16, 64 ... 16,384, more */

struct nr_flow_pair_entry {
	struct nr_flow_entry entry;
	struct nr_address client;
	uint32_t server;            /* its number in the table of servers */
	uint16_t server_generation; /* another one: the server was let go, and this means nothing any more */
	uint16_t refused;           /* flows; saturated */
	uint32_t first, last;       /* s since 1970, when its flows began */
	uint32_t flows;
	uint32_t hours; /* bits of the hours of the day */
	float gap_mean,
		gap_square; /* s: of gaps; sum of squares of what they differ from it (Welford 1962) */
	uint8_t gaps[NR_FLOW_GAP_BINS]; /* all halved when one is full */
};
_Static_assert(sizeof(struct nr_flow_pair_entry) == 64, "one line of the cache");

struct nr_flow_pairs {
	struct nr_flow_clock_table table;
	struct nr_flow_admit admit;
	uint64_t not_admitted; /* flows */
};
int nr_flow_pairs_init(
	struct nr_flow_pairs *pairs, uint64_t bytes, uint64_t admit_bytes, struct nr_error *error);
void nr_flow_pairs_fini(struct nr_flow_pairs *pairs);
int nr_flow_pairs_clear(struct nr_flow_pairs *pairs, struct nr_error *error);

NR_INLINE uint64_t nr_flow_pair_hash(uint64_t server_hash, uint64_t client_hash)
{
	return nr_flow_fold(server_hash | 1, client_hash ^ UINT64_C(0x9e3779b97f4a7c15));
}
/* Counts a talk for the pair; server: its entry, whose `regular` counts gaps like those before. */
void nr_flow_pairs_take(struct nr_flow_pairs *pairs, const struct nr_flow_talk *talk,
	struct nr_flow_server_entry *server, uint32_t server_number, uint64_t hash);

#endif
