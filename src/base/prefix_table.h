/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Longest-prefix match from prefixes to a 32-bit value. Built once, then read by any thread. A bitmap over
 * IPv4 /16s answers the common "no" in a few ns; matches cost a binary search over the disjoint ranges of one
 * /16. A prefix shorter than ::/96 that holds ::ffff:0:0/96 (::/0) covers IPv4, too.
 */
#ifndef NR_BASE_PREFIX_TABLE_H
#define NR_BASE_PREFIX_TABLE_H

#include "base/address.h"

struct nr_prefix_table; /* opaque; owned by the caller */

#define NR_PREFIX_NONE UINT32_MAX /* "no prefix covers this address"; not usable as a value */

int nr_prefix_table_new(struct nr_prefix_table **ret_table, struct nr_error *error);
void nr_prefix_table_free(struct nr_prefix_table *table);
void nr_prefix_table_freep(struct nr_prefix_table **table);

/* Adds before _seal; the same prefix twice keeps the first value. -ENOMEM. */
int nr_prefix_table_add(struct nr_prefix_table *table, const struct nr_prefix *prefix, uint32_t value,
	struct nr_error *error);
/* Sorts and flattens; afterwards the table is read-only and may be shared between threads. */
int nr_prefix_table_seal(struct nr_prefix_table *table, struct nr_error *error);

/* Value of the longest prefix that holds the address, or NR_PREFIX_NONE. Only after _seal. */
uint32_t nr_prefix_table_find(const struct nr_prefix_table *table, const struct nr_address *address);
/* The IPv4 path alone, host order. */
uint32_t nr_prefix_table_find_ipv4(const struct nr_prefix_table *table, uint32_t address);

/* The whole range around an IPv4 address that has one value; false: no prefix covers the address. For callers
 * that look up neighbours again and again. */
bool nr_prefix_table_range_ipv4(
	const struct nr_prefix_table *table, uint32_t address, uint32_t *ret_first, uint32_t *ret_last);

size_t nr_prefix_table_count(
	const struct nr_prefix_table *table); /* prefixes added; after _seal the distinct ones */
/* Number of distinct IPv4 addresses covered (the telescope's N_dark). */
uint64_t nr_prefix_table_ipv4_addresses(const struct nr_prefix_table *table);

#endif
