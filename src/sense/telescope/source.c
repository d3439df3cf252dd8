/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/source.h"
#include "base/pages.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NR_ROOM_MIN   1024  /* entries */
#define NR_ROOM_SMALL 65536 /* entries */

/* The index is at most five eighths full. */
static size_t capacity_for(size_t room)
{
	return room + room / 2 + room / 10;
}

static size_t dirty_bytes(size_t room)
{
	return (room / 64 + 1) * sizeof(uint64_t);
}

size_t nr_source_table_bytes(const struct nr_source_table *table, size_t room)
{
	return room * table->stride + capacity_for(room) * sizeof *table->index + dirty_bytes(room);
}

static int make_room(struct nr_source_table *table, size_t room, struct nr_error *error)
{
	void *entries = table->entries, *index = NULL, *dirty = table->dirty;
	size_t capacity = capacity_for(room), before = table->dirty ? dirty_bytes(table->room) : 0;
	int e = nr_pages_resize(table->area, &index, 0, capacity * sizeof *table->index, error);
	if (e)
		return e;
	e = nr_pages_resize(table->area, &dirty, before, dirty_bytes(room), error);
	if (!e) {
		table->dirty = dirty; /* larger than needed, should the next one fail */
		e = nr_pages_resize(
			table->area, &entries, table->room * table->stride, room * table->stride, error);
	}
	if (e) {
		nr_pages_unmap(table->area, index, capacity * sizeof *table->index);
		return e;
	}
	nr_pages_unmap(table->area, table->index, table->capacity * sizeof *table->index);
	table->entries = entries;
	table->index = index;
	table->room = room;
	table->capacity = capacity;
	return 0;
}

static void enter(struct nr_source_table *table, uint64_t hash, size_t entry)
{
	size_t i = nr_source_home(table, hash);
	while (table->index[i])
		i = i + 1 == table->capacity ? 0 : i + 1;
	table->index[i] = (uint32_t)(entry + 1) << 6 | nr_source_tag(hash);
}

int nr_source_table_init(struct nr_source_table *table, struct nr_area *area, size_t stride, size_t expected,
	struct nr_error *error)
{
	*table = (struct nr_source_table){.area = area, .stride = stride};
	if (getrandom(&table->key, sizeof table->key, 0) != sizeof table->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	table->key |= 1;
	return make_room(table, NR_MAX(expected, (size_t)NR_ROOM_MIN), error);
}

void nr_source_table_fini(struct nr_source_table *table)
{
	nr_pages_unmap(table->area, table->entries, table->room * table->stride);
	nr_pages_unmap(table->area, table->index, table->capacity * sizeof *table->index);
	nr_pages_unmap(table->area, table->dirty, dirty_bytes(table->room));
	*table = (struct nr_source_table){0};
}

/* Small tables grow fast: the index is made anew each time. */
bool nr_source_table_grow(struct nr_source_table *table, size_t bytes_max)
{
	size_t room = NR_MIN(table->room * (table->room < NR_ROOM_SMALL ? 4 : 2), NR_SOURCES_MAX);
	size_t each = table->stride + 8; /* an entry, its part of the index and its bit */
	if (nr_source_table_bytes(table, room) > bytes_max)
		room = bytes_max / each;
	if (room < table->room + table->room / 16 + NR_ROOM_MIN / 2 || make_room(table, room, NULL))
		return false;
	for (size_t i = 0; i < table->used; i++)
		enter(table, nr_source_hash(table, nr_source_member(table, nr_source_at(table, i))), i);
	return true;
}

static const struct nr_source6 *as6(const struct nr_source *source)
{
	return (const struct nr_source6 *)(const void *)source;
}

/* The next entry with the tag of the hash, from index word *at on; NULL at the end of the chain. */
static struct nr_source *next_with_tag(const struct nr_source_table *table, uint64_t hash, size_t *at)
{
	for (;;) {
		uint32_t word = table->index[*at];
		if (!word)
			return NULL;
		*at = *at + 1 == table->capacity ? 0 : *at + 1;
		if ((word & 63) == nr_source_tag(hash))
			return nr_source_at(table, (size_t)(word >> 6) - 1);
	}
}

struct nr_source *nr_source_find4(const struct nr_source_table *table, uint64_t hash, uint32_t address)
{
	size_t at = nr_source_home(table, hash);
	struct nr_source *s;
	while ((s = next_with_tag(table, hash, &at)) && s->address != address)
		;
	return s;
}

struct nr_source *nr_source_find6(
	const struct nr_source_table *table, uint64_t member, const struct nr_address *address)
{
	uint64_t hash = nr_source_hash(table, member);
	size_t at = nr_source_home(table, hash);
	struct nr_source *s;
	while ((s = next_with_tag(table, hash, &at)) && !nr_address_equal(&as6(s)->address, address))
		;
	return s;
}

struct nr_source *nr_source_add(struct nr_source_table *table, uint64_t hash)
{
	enter(table, hash, table->used);
	return nr_source_at(table, table->used++);
}

struct nr_source *nr_source_lookup(
	const struct nr_source_table *table4, const struct nr_source_table *table6, uint64_t member)
{
	bool v6 = (member & NR_MEMBER_IPV6) != 0;
	const struct nr_source_table *table = v6 ? table6 : table4;
	if (!table->index)
		return NULL;
	uint64_t hash = nr_source_hash(table, member);
	size_t at = nr_source_home(table, hash);
	struct nr_source *s;
	while ((s = next_with_tag(table, hash, &at)) && nr_source_member(table, s) != member)
		;
	return s;
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
