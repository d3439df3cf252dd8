/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/source.h"
#include "base/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NR_CAPACITY_MIN 1024
#define NR_QUADRUPLE_BELOW                                                                                   \
	(1u << 20) /* slots: small tables grow faster, so that a busy hour is not spent moving */

static int map_slots(size_t bytes, uint8_t **ret_slots, struct nr_error *error)
{
	void *pages = NULL;
	int e = nr_pages_resize(&pages, 0, bytes, error);
	if (!e)
		*ret_slots = pages;
	return e;
}

int nr_source_table_init(
	struct nr_source_table *table, size_t stride, size_t expected, struct nr_error *error)
{
	size_t capacity = NR_CAPACITY_MIN;
	while (capacity * 7 < expected * 10)
		capacity *= 2;
	uint64_t key;
	if (getrandom(&key, sizeof key, 0) != sizeof key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	uint8_t *slots = NULL;
	int e = map_slots(capacity * stride, &slots, error);
	if (e)
		return e;
	*table = (struct nr_source_table){slots, stride, capacity, 0, key | 1};
	return 0;
}

void nr_source_table_fini(struct nr_source_table *table)
{
	if (table->slots)
		nr_pages_unmap(table->slots, table->capacity * table->stride);
	*table = (struct nr_source_table){0};
}

size_t nr_source_table_next(const struct nr_source_table *table, size_t bytes_max)
{
	size_t most = bytes_max / table->stride;
	if (table->capacity < NR_QUADRUPLE_BELOW && table->capacity * 4 <= most)
		return table->capacity * 4;
	return table->capacity * 2 <= most ? table->capacity * 2 : 0;
}

int nr_source_table_grow(struct nr_source_table *table, size_t capacity, struct nr_error *error)
{
	struct nr_source_table next = *table;
	next.capacity = capacity;
	int e = map_slots(next.capacity * next.stride, &next.slots, error);
	if (e)
		return e;
	for (size_t i = 0; i < table->capacity; i++) {
		const struct nr_source *from = nr_source_at(table, i);
		if (!from->packets)
			continue;
		size_t at = nr_source_home(&next, nr_source_member(table, from));
		while (nr_source_at(&next, at)->packets)
			at = at + 1 == next.capacity ? 0 : at + 1;
		memcpy(nr_source_at(&next, at), from, table->stride);
	}
	nr_pages_unmap(table->slots, table->capacity * table->stride);
	*table = next;
	return 0;
}

static const struct nr_source6 *as6(const struct nr_source *source)
{
	return (const struct nr_source6 *)(const void *)source;
}

struct nr_source *nr_source_find6(
	const struct nr_source_table *table, uint64_t member, const struct nr_address *address)
{
	for (size_t i = nr_source_home(table, member);;) {
		struct nr_source *s = nr_source_at(table, i);
		if (!s->packets || (as6(s)->member == member && nr_address_equal(&as6(s)->address, address)))
			return s;
		if (++i == table->capacity)
			i = 0;
	}
}

struct nr_source *nr_source_lookup(
	const struct nr_source_table *table4, const struct nr_source_table *table6, uint64_t member)
{
	bool v6 = (member & NR_MEMBER_IPV6) != 0;
	const struct nr_source_table *table = v6 ? table6 : table4;
	if (!table->slots)
		return NULL;
	for (size_t i = nr_source_home(table, member);;) {
		struct nr_source *s = nr_source_at(table, i);
		if (!s->packets)
			return NULL;
		if (v6 ? as6(s)->member == member : s->address == member)
			return s;
		if (++i == table->capacity)
			i = 0;
	}
}

struct nr_address nr_source_address(const struct nr_source_table *table, const struct nr_source *source)
{
	return table->stride == sizeof(struct nr_source6) ? as6(source)->address
							  : nr_address_from_ipv4(source->address);
}

uint64_t nr_source_member(const struct nr_source_table *table, const struct nr_source *source)
{
	return table->stride == sizeof(struct nr_source6) ? as6(source)->member : source->address;
}
