/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an element stands and what is its share: functions of the carriers' secret that all of them compute
 * alike, and that are noise to whoever has not got it (HMAC-SHA-256 for keys and elements, AES-128 for the
 * rest). An element is HMAC(key of the day, address, port, protocol), 128 bits.
 *
 * Each table has for each element a bin for each round and an order; tables 2i and 2i+1 share the order, the
 * second one backwards. In round r elements go into bins that were empty after round r - 1; of those that
 * want the same bin the first in the order wins, which turns round with each round.
 *
 * The share of a party x is P(x) for a polynomial of degree threshold - 1 with P(0) = 0 and coefficients of
 * element, table and round: threshold parties interpolate 0, fewer have noise.
 */
#ifndef NR_SENSE_FLOW_EXCHANGE_PLACE_H
#define NR_SENSE_FLOW_EXCHANGE_PLACE_H

#include "sense/flow/exchange/candidate.h"
#include "sense/flow/exchange/secret.h"

#define NR_EXCHANGE_ELEMENT_BYTES 16

struct nr_exchange_element {
	uint8_t bytes[NR_EXCHANGE_ELEMENT_BYTES];
};

/* All keys of a group's day. */
struct nr_exchange_schedule {
	uint8_t base[32];
};
int nr_exchange_schedule_make(const struct nr_exchange_secret *secret,
	struct nr_exchange_schedule *ret_schedule, struct nr_error *error);
void nr_exchange_schedule_wipe(struct nr_exchange_schedule *schedule);
int nr_exchange_elements(const struct nr_exchange_schedule *schedule,
	const struct nr_exchange_candidate *candidates, size_t count,
	struct nr_exchange_element *ret_elements, struct nr_error *error);

/* Those of one table; one thread. */
struct nr_exchange_table_keys {
	EVP_CIPHER_CTX *place, *order, *share[NR_EXCHANGE_ROUNDS], *mask[NR_EXCHANGE_ROUNDS];
};
int nr_exchange_table_keys_open(const struct nr_exchange_schedule *schedule, unsigned table,
	struct nr_exchange_table_keys *ret_keys, struct nr_error *error);
void nr_exchange_table_keys_close(struct nr_exchange_table_keys *keys);

struct nr_exchange_bins {
	uint32_t of_round[NR_EXCHANGE_ROUNDS];
};
/* Each of these answers false where the cipher fails. */
bool nr_exchange_places(const struct nr_exchange_table_keys *keys, const struct nr_exchange_element *elements,
	size_t count, uint64_t bins, struct nr_exchange_bins *ret_bins);
bool nr_exchange_orders(const struct nr_exchange_table_keys *keys, const struct nr_exchange_element *elements,
	size_t count, uint64_t *ret_orders);
bool nr_exchange_shares(const struct nr_exchange_table_keys *keys, unsigned round,
	const struct nr_exchange_element *elements, size_t count, unsigned threshold, unsigned party,
	uint64_t *ret_shares);
/* What the words of a party are masked with. */
bool nr_exchange_masks(const struct nr_exchange_table_keys *keys, unsigned round,
	const struct nr_exchange_element *elements, size_t count, unsigned party, uint16_t *ret_masks);

/* The word that travels beside a share: evidence and clients; the upper bits are zero, so that a mask that is
 * another one's is seen in most cases. */
NR_INLINE uint16_t nr_exchange_word(int8_t llr, uint8_t clients)
{
	return (uint16_t)((uint8_t)llr | clients << 8);
}
/* false: no such word. */
NR_INLINE bool nr_exchange_word_read(uint16_t word, int8_t *ret_llr, uint8_t *ret_clients)
{
	if (word >> 8 >= NR_C2_CLIENT_BUCKETS)
		return false;
	*ret_llr = (int8_t)(uint8_t)word;
	*ret_clients = (uint8_t)(word >> 8);
	return true;
}

#endif
