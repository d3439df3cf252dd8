/* SPDX-License-Identifier: Apache-2.0 */
/*
 * _seal turns the nested prefixes into disjoint ranges over the 128-bit address line, then takes the part
 * that is IPv4 out of it: a sorted array for the search, and before it two bitmaps over the /16s, "something
 * here" and "one value all over".
 */
#include "base/prefix_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define PREFIX_BLOCKS    65536      /* IPv4 /16s */
#define PREFIX_COUNT_MAX (1u << 26) /* far over the routes of the whole Internet */
#define PREFIX_DEPTH_MAX 129        /* prefixes that can hold each other: lengths 0..128 */
#define PREFIX_IPV4_LOW  ((prefix_number)0xffff << 32)
#define PREFIX_IPV4_HIGH (PREFIX_IPV4_LOW | UINT32_MAX)

__extension__ typedef unsigned __int128 prefix_number; /* an address as a number */

struct prefix_entry {
	prefix_number first, last;
	uint32_t value;
	uint32_t sequence; /* order of _add: the first of two equal ones wins */
};

struct prefix_range {
	prefix_number first, last;
	uint32_t value;
};

struct prefix_range_ipv4 {
	uint32_t last, value;
};

struct nr_prefix_table {
	uint64_t touched[PREFIX_BLOCKS / 64]; /* some prefix lies in this /16 */
	uint64_t whole[PREFIX_BLOCKS / 64];   /* one value covers this /16 */
	uint32_t *block_start; /* per /16: the first range that ends in it or later; one more at the end */

	uint32_t *ipv4_first; /* apart from the rest of the range: the search reads only these */
	struct prefix_range_ipv4 *ipv4;
	size_t ipv4_count;
	uint64_t ipv4_addresses;

	struct prefix_range *ranges; /* the whole line, IPv4 included */
	size_t range_count;

	struct prefix_entry *entries; /* until _seal */
	size_t count;
	bool sealed;
};

static int no_memory(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "out of memory for the prefix table");
}

int nr_prefix_table_new(struct nr_prefix_table **ret_table, struct nr_error *error)
{
	struct nr_prefix_table *table = calloc(1, sizeof *table);
	if (!table)
		return no_memory(error);
	*ret_table = table;
	return 0;
}

void nr_prefix_table_free(struct nr_prefix_table *table)
{
	if (!table)
		return;
	free(table->block_start);
	free(table->ipv4_first);
	free(table->ipv4);
	free(table->ranges);
	free(table->entries);
	free(table);
}

void nr_prefix_table_freep(struct nr_prefix_table **table)
{
	nr_prefix_table_free(*table);
}

static prefix_number prefix_number_of(const struct nr_address *a)
{
	uint64_t high, low;
	memcpy(&high, a->octets, 8);
	memcpy(&low, a->octets + 8, 8);
	return (prefix_number)__builtin_bswap64(high) << 64 | __builtin_bswap64(low);
}

int nr_prefix_table_add(
	struct nr_prefix_table *table, const struct nr_prefix *prefix, uint32_t value, struct nr_error *error)
{
	assert(!table->sealed && value != NR_PREFIX_NONE && prefix->length <= 128);
	if (table->count == PREFIX_COUNT_MAX)
		return nr_fail(error, -ENOSPC, "too many prefixes (limit %u)", PREFIX_COUNT_MAX);
	if ((table->count & (table->count - 1)) == 0) { /* doubles at powers of two */
		size_t room = table->count ? 2 * table->count : 1;
		struct prefix_entry *entries = reallocarray(table->entries, room, sizeof *entries);
		if (!entries)
			return no_memory(error);
		table->entries = entries;
	}
	prefix_number host_bits =
		prefix->length == 0 ? ~(prefix_number)0 : ((prefix_number)1 << (128 - prefix->length)) - 1;
	prefix_number first = prefix_number_of(&prefix->address) & ~host_bits;
	table->entries[table->count] =
		(struct prefix_entry){first, first | host_bits, value, (uint32_t)table->count};
	table->count++;
	return 0;
}

/* The outer prefix before those inside it; equal ones as they came. */
static int entry_compare(const void *left, const void *right)
{
	const struct prefix_entry *a = left, *b = right;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return a->sequence < b->sequence ? -1 : 1;
}

static void entries_sort(struct nr_prefix_table *table)
{
	size_t kept = 0;
	if (table->count > 1)
		qsort(table->entries, table->count, sizeof *table->entries, entry_compare);
	for (size_t i = 0; i < table->count; i++) {
		const struct prefix_entry *entry = &table->entries[i];
		const struct prefix_entry *before = kept ? &table->entries[kept - 1] : NULL;
		if (before && before->first == entry->first && before->last == entry->last)
			continue;
		table->entries[kept++] = *entry;
	}
	table->count = kept;
}

/* Neighbours with one value become one range: fewer to search, and a /16 made of many pieces counts as whole.
 */
static void range_append(
	struct nr_prefix_table *table, prefix_number first, prefix_number last, uint32_t value)
{
	struct prefix_range *before = table->range_count ? &table->ranges[table->range_count - 1] : NULL;
	if (before && before->value == value && before->last + 1 == first)
		before->last = last;
	else
		table->ranges[table->range_count++] = (struct prefix_range){first, last, value};
}

/* Walks the line from left to right; the stack holds the prefixes that we are inside of, the innermost on
 * top. */
static void entries_flatten(struct nr_prefix_table *table)
{
	const struct prefix_entry *stack[PREFIX_DEPTH_MAX];
	size_t depth = 0;
	prefix_number here = 0; /* everything before it is written */
	bool at_end = false;    /* here has passed the last address */
	for (size_t i = 0; i <= table->count; i++) {
		const struct prefix_entry *entry = i < table->count ? &table->entries[i] : NULL;
		while (depth > 0 && (!entry || stack[depth - 1]->last < entry->first)) {
			const struct prefix_entry *inner = stack[--depth];
			if (!at_end && here <= inner->last)
				range_append(table, here, inner->last, inner->value);
			here = inner->last + 1;
			at_end = here == 0;
		}
		if (!entry)
			break;
		if (depth > 0 && here < entry->first)
			range_append(table, here, entry->first - 1, stack[depth - 1]->value);
		here = entry->first;
		stack[depth++] = entry;
	}
}

static void blocks_mark(struct nr_prefix_table *table, uint32_t first, uint32_t last)
{
	for (uint32_t block = first >> 16; block <= last >> 16; block++) {
		uint64_t bit = UINT64_C(1) << (block & 63);
		table->touched[block >> 6] |= bit;
		if (first <= block << 16 && last >= (block << 16 | 0xffff))
			table->whole[block >> 6] |= bit;
	}
}

static void blocks_index(struct nr_prefix_table *table)
{
	uint32_t range = 0;
	for (uint32_t block = 0; block < PREFIX_BLOCKS; block++) {
		while (range < table->ipv4_count && table->ipv4[range].last < block << 16)
			range++;
		table->block_start[block] = range;
	}
	table->block_start[PREFIX_BLOCKS] = (uint32_t)table->ipv4_count;
}

static int ipv4_build(struct nr_prefix_table *table)
{
	size_t room = NR_MAX(table->range_count, 1);
	table->ipv4_first = calloc(room, sizeof *table->ipv4_first);
	table->ipv4 = calloc(room, sizeof *table->ipv4);
	table->block_start = calloc(PREFIX_BLOCKS + 1, sizeof *table->block_start);
	if (!table->ipv4_first || !table->ipv4 || !table->block_start)
		return -ENOMEM;
	for (size_t i = 0; i < table->range_count; i++) {
		const struct prefix_range *range = &table->ranges[i];
		if (range->last < PREFIX_IPV4_LOW || range->first > PREFIX_IPV4_HIGH)
			continue;
		uint32_t first = (uint32_t)NR_MAX(range->first, PREFIX_IPV4_LOW);
		uint32_t last = (uint32_t)NR_MIN(range->last, PREFIX_IPV4_HIGH);
		blocks_mark(table, first, last);
		table->ipv4_first[table->ipv4_count] = first;
		table->ipv4[table->ipv4_count++] = (struct prefix_range_ipv4){last, range->value};
		table->ipv4_addresses += (uint64_t)last - first + 1;
	}
	blocks_index(table);
	return 0;
}

int nr_prefix_table_seal(struct nr_prefix_table *table, struct nr_error *error)
{
	assert(!table->sealed);
	entries_sort(table);
	/* Each prefix opens at most one range and lets its outer one open again once. */
	table->ranges = calloc(NR_MAX(2 * table->count, 1), sizeof *table->ranges);
	if (!table->ranges)
		return no_memory(error);
	entries_flatten(table);
	if (ipv4_build(table) < 0)
		return no_memory(error);
	free(nr_steal(&table->entries));
	table->sealed = true;
	return 0;
}

/* The last range that begins at or before the address, in a /16 that some prefix touches. The one that ends
 * in a later /16 may begin in this one. */
static size_t ipv4_search(const struct nr_prefix_table *table, uint32_t address)
{
	uint32_t block = address >> 16;
	const uint32_t *first = table->ipv4_first;
	size_t at = table->block_start[block];
	size_t end = NR_MIN(table->block_start[block + 1] + (size_t)1, table->ipv4_count);
	for (size_t left = end - at; left > 1;) {
		size_t half = left / 2;
		at += first[at + half] <= address ? half : 0;
		left -= half;
	}
	return at;
}

static bool ipv4_is_touched(const struct nr_prefix_table *table, uint32_t address)
{
	uint32_t block = address >> 16;
	return table->touched[block >> 6] >> (block & 63) & 1;
}

uint32_t nr_prefix_table_find_ipv4(const struct nr_prefix_table *table, uint32_t address)
{
	uint32_t block = address >> 16;
	if (NR_LIKELY(!ipv4_is_touched(table, address)))
		return NR_PREFIX_NONE;
	if (table->whole[block >> 6] >> (block & 63) & 1)
		return table->ipv4[table->block_start[block]].value;
	size_t at = ipv4_search(table, address);
	bool inside = table->ipv4_first[at] <= address && address <= table->ipv4[at].last;
	return inside ? table->ipv4[at].value : NR_PREFIX_NONE;
}

bool nr_prefix_table_range_ipv4(
	const struct nr_prefix_table *table, uint32_t address, uint32_t *ret_first, uint32_t *ret_last)
{
	if (!ipv4_is_touched(table, address))
		return false;
	size_t at = ipv4_search(table, address);
	if (address < table->ipv4_first[at] || address > table->ipv4[at].last)
		return false;
	*ret_first = table->ipv4_first[at];
	*ret_last = table->ipv4[at].last;
	return true;
}

static uint32_t range_find(const struct nr_prefix_table *table, prefix_number number)
{
	size_t at = 0;
	if (table->range_count == 0)
		return NR_PREFIX_NONE;
	for (size_t left = table->range_count; left > 1;) {
		size_t half = left / 2;
		at += table->ranges[at + half].first <= number ? half : 0;
		left -= half;
	}
	const struct prefix_range *range = &table->ranges[at];
	return range->first <= number && number <= range->last ? range->value : NR_PREFIX_NONE;
}

uint32_t nr_prefix_table_find(const struct nr_prefix_table *table, const struct nr_address *address)
{
	if (nr_address_is_ipv4(address))
		return nr_prefix_table_find_ipv4(table, nr_address_ipv4(address));
	return range_find(table, prefix_number_of(address));
}

size_t nr_prefix_table_count(const struct nr_prefix_table *table)
{
	return table->count;
}

uint64_t nr_prefix_table_ipv4_addresses(const struct nr_prefix_table *table)
{
	return table->ipv4_addresses;
}
