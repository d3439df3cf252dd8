/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The different addresses of a part, and sorting by radix. Strangers choose addresses: the hash has a key.
 */
#ifndef NR_STORE_FLOWS_DICTIONARY_H
#define NR_STORE_FLOWS_DICTIONARY_H

#include "store/flows/archive_format.h"

struct nr_flow_dictionary {
	uint64_t *high, *low; /* the addresses, in order of arrival; sorted after _sort */
	uint32_t count;
	uint32_t *slots; /* index + 1; 0: free */
	uint32_t *ranks; /* after _sort: where the address of that arrival stands */
	uint64_t key;
};

int nr_flow_dictionary_init(struct nr_flow_dictionary *dictionary);
void nr_flow_dictionary_fini(struct nr_flow_dictionary *dictionary);
void nr_flow_dictionary_clear(struct nr_flow_dictionary *dictionary);
/* The address's number in order of arrival. At most NR_FLOW_PART_ROWS different ones. */
uint32_t nr_flow_dictionary_enter(struct nr_flow_dictionary *dictionary, uint64_t high, uint64_t low);
/* items, spare: NR_FLOW_PART_ROWS of each. */
void nr_flow_dictionary_sort(struct nr_flow_dictionary *dictionary, uint64_t *items, uint64_t *spare);

/* Items are a key above and an index in the low 16 bits, so that a part's rows can be numbered. Stable, by
 * the low `bits` of the keys. */
#define NR_FLOW_INDEX_BITS 16
void nr_flow_sort(uint64_t *items, uint64_t *spare, uint32_t count, unsigned bits);
NR_INLINE uint32_t nr_flow_sorted_index(uint64_t item)
{
	return item & ((1u << NR_FLOW_INDEX_BITS) - 1);
}

#endif
