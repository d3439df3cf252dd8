/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is a client, and what a client is called: the 64 leftmost bits of AES-256 of the address, under the
 * period's key, as an address in 100::/64. docs/adr says why AES: what hides 2^32 possible addresses must
 * be a pseudorandom function under its key, and the processor has this one.
 *
 * Clients are addresses of own networks and those for private use (RFC 1918, 6598, 3927, 4193), which no
 * server on the Internet has; IPv4 within IPv6 (6to4, NAT64, IPv4-compatible, Teredo) counts as what it
 * holds. Addresses that came as pseudonyms are replaced, too: nobody can forge one.
 */
#ifndef NR_SENSE_FLOW_LAW_PSEUDONYM_H
#define NR_SENSE_FLOW_LAW_PSEUDONYM_H

#include "base/prefix_table.h"
#include "sense/flow/law/keys.h"
#include "sense/flow/law/law.h"

#define NR_FLOW_PSEUDONYM_HIGH UINT64_C(0x0100000000000000) /* 100::/64, RFC 6666 */

/* The table's values. */
enum { NR_FLOW_PLAIN, NR_FLOW_CLIENT };
/* The table of clients: of own networks where they are not plain, and of private use. */
int nr_flow_clients_new(
	const struct nr_flow_policy *policy, struct nr_prefix_table **ret_clients, struct nr_error *error);

#define NR_FLOW_BATCH 512
struct nr_flow_batch { /* addresses that wait for their pseudonyms */
	uint8_t blocks[NR_FLOW_BATCH][16];
	uint32_t rows[NR_FLOW_BATCH];
	size_t count;
};

struct nr_flow_pseudonyms;
int nr_flow_pseudonyms_new(
	const struct nr_flow_key *key, struct nr_flow_pseudonyms **ret_pseudonyms, struct nr_error *error);
void nr_flow_pseudonyms_free(struct nr_flow_pseudonyms *pseudonyms); /* wipes; NULL allowed */
void nr_flow_pseudonyms_freep(struct nr_flow_pseudonyms **pseudonyms);

/* high and low in host order, as columns have them. IPv6: of the /64. */
NR_INLINE void nr_flow_batch_add(struct nr_flow_batch *batch, uint32_t row, uint64_t high, uint64_t low)
{
	uint64_t first = __builtin_bswap64(high);
	bool ipv4 = !high && low >> 32 == 0xffff;
	/* a mapped IPv4 address begins its second half with zeros: no /64 is taken for one */
	uint64_t second = ipv4 ? __builtin_bswap64(low) : UINT64_C(0x3436746e65696c63); /* "client64" */
	memcpy(batch->blocks[batch->count], &first, 8);
	memcpy(batch->blocks[batch->count] + 8, &second, 8);
	batch->rows[batch->count++] = row;
}
/* ret_low[i]: of blocks[i]; empties nothing. False: the library failed. */
bool nr_flow_pseudonyms_map(
	struct nr_flow_pseudonyms *pseudonyms, struct nr_flow_batch *batch, uint64_t ret_low[NR_FLOW_BATCH]);

#endif
