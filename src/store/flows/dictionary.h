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

struct nr_flow_keyed {
	uint64_t key;
	uint64_t index;
};

int nr_flow_dictionary_init(struct nr_flow_dictionary *dictionary);
void nr_flow_dictionary_fini(struct nr_flow_dictionary *dictionary);
void nr_flow_dictionary_clear(struct nr_flow_dictionary *dictionary);
/* The address's number in order of arrival. At most NR_FLOW_PART_ROWS different ones. */
uint32_t nr_flow_dictionary_enter(struct nr_flow_dictionary *dictionary, uint64_t high, uint64_t low);
/* items, spare: NR_FLOW_PART_ROWS of each. */
void nr_flow_dictionary_sort(
	struct nr_flow_dictionary *dictionary, struct nr_flow_keyed *items, struct nr_flow_keyed *spare);

/* Stable, by the low `bits` of the keys. */
void nr_flow_sort(struct nr_flow_keyed *items, struct nr_flow_keyed *spare, uint32_t count, unsigned bits);

#endif
