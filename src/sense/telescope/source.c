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
	return (room + room / 2 + room / 10 + NR_SOURCE_BUCKET) / NR_SOURCE_BUCKET * NR_SOURCE_BUCKET;
}

/* Bits for 1 to room. */
static uint32_t entry_mask_for(size_t room)
{
	return UINT32_MAX >> __builtin_clz((uint32_t)room);
}

static size_t dirty_bytes(size_t room)
{
	return (room / 64 + 1) * sizeof(uint64_t);
}

size_t nr_source_table_bytes(const struct nr_source_table *table)
{
	if (!table->entries)
		return 0;
	/* while an index grows, the one before it stands beside it */
	size_t index = table->capacity * sizeof *table->index;
	return table->room * table->stride + index + index / 2 + dirty_bytes(table->room);
}

static size_t bytes_for(const struct nr_source_table *table, size_t room)
{
	return nr_source_table_bytes(&(struct nr_source_table){.entries = table->entries,
		.stride = table->stride,
		.room = room,
		.capacity = capacity_for(room)});
}

static int resize_entries(struct nr_source_table *table, size_t room, struct nr_error *error)
{
	size_t before = table->space * table->stride, dirty = table->space ? dirty_bytes(table->space) : 0;
	if (room <= table->space)
		return 0;
	int e = nr_pages_resize(
		table->area, (void **)&table->dirty, dirty, dirty_bytes(room), error); /* may be too large */
	if (!e)
		e = nr_pages_resize(
			table->area, (void **)&table->entries, before, room * table->stride, error);
	if (!e)
		table->space = room;
	return e;
}

static int make_room(struct nr_source_table *table, size_t room, struct nr_error *error)
{
	void *index = NULL;
	size_t capacity = capacity_for(room);
	int e = resize_entries(table, room, error);
	if (!e)
		e = nr_pages_resize(table->area, &index, 0, capacity * sizeof *table->index, error);
	if (e)
		return e;
	void *old = table->index;
	size_t old_bytes = table->capacity * sizeof *table->index;
	/* whoever ends between any two: the capacity is never larger than the index */
	table->room = NR_MIN(room, table->room);
	table->capacity = NR_MIN(capacity, table->capacity);
	NR_IN_ORDER();
	table->index = index;
	NR_IN_ORDER();
	table->room = room;
	table->capacity = capacity;
	table->entry_mask = entry_mask_for(room);
	nr_pages_unmap(table->area, old, old_bytes);
	return 0;
}

/* False: all within reach is full. */
static bool enter(struct nr_source_table *table, uint64_t member, size_t entry)
{
	uint64_t hash = nr_source_hash(table, member);
	size_t i = nr_source_home(table, hash);
	for (unsigned reach = NR_SOURCE_REACH; reach; reach--) {
		unsigned empty = nr_source_match(table->index + i, 0, 0);
		if (empty) {
			table->index[i + (unsigned)__builtin_ctz(empty)] =
				nr_source_tag(table, hash) | (uint32_t)(entry + 1);
			return true;
		}
		i = i + NR_SOURCE_BUCKET == table->capacity ? 0 : i + NR_SOURCE_BUCKET;
	}
	return false;
}

static uint64_t member_at(const struct nr_source_table *table, size_t entry)
{
	return nr_source_member(table, nr_source_at(table, entry));
}

/* Entries [0, count) under another key. False: one found no place, and the index lacks it. */
static bool rekey(struct nr_source_table *table, size_t count)
{
	bool all = false;
	while (!all && table->rekeys < NR_SOURCE_REKEYS_MAX) {
		uint64_t key;
		table->rekeys++;
		if (getrandom(&key, sizeof key, 0) != sizeof key)
			break;
		table->key = key | 1;
		memset(table->index, 0, table->capacity * sizeof *table->index);
		all = true;
		for (size_t i = 0; i < count; i++)
			all &= enter(table, member_at(table, i), i);
	}
	return all;
}

/* The next entry: all before it are in the index. */
static bool enter_next(struct nr_source_table *table, uint64_t member, size_t entry)
{
	return enter(table, member, entry) || (rekey(table, entry) && enter(table, member, entry));
}

/* What finds no place whatever the key keeps its line, and is not found again. */
static void enter_all(struct nr_source_table *table)
{
	bool all = true;
	for (size_t i = 0; i < table->used; i++)
		all &= enter(table, member_at(table, i), i);
	if (!all)
		(void)rekey(table, table->used);
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
	nr_pages_unmap(table->area, table->entries, table->space * table->stride);
	nr_pages_unmap(table->area, table->index, table->capacity * sizeof *table->index);
	nr_pages_unmap(table->area, table->dirty, dirty_bytes(table->space));
	*table = (struct nr_source_table){0};
}

/* Tables grow fast, because the index is made anew each time; not where pages are there as soon as they are
 * asked for. */
bool nr_source_table_grow(struct nr_source_table *table, size_t bytes_max)
{
	bool fast = !table->area || table->room < NR_ROOM_SMALL;
	size_t room = NR_MIN(table->room * (fast ? 4 : 2), NR_SOURCES_MAX);
	size_t each = table->stride + 10; /* an entry, its part of the index and its bit */
	if (table->area)                  /* there growing copies */
		bytes_max -= NR_MIN(table->room * table->stride, bytes_max);
	if (bytes_for(table, room) > bytes_max)
		room = bytes_max / each;
	if (room < table->room + table->room / 16 + NR_ROOM_MIN / 2 || make_room(table, room, NULL))
		return false;
	enter_all(table);
	return true;
}

size_t nr_source_table_keep(struct nr_source_table *table,
	bool (*keep)(const void *context, const struct nr_source *source, uint64_t member),
	const void *context)
{
	size_t kept = 0, before = table->used;
	for (size_t i = 0; i < before; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!keep(context, s, nr_source_member(table, s)))
			continue;
		if (kept != i)
			memcpy(nr_source_at(table, kept), s, table->stride);
		kept++;
	}
	table->used = kept;
	memset(nr_source_at(table, kept), 0, (before - kept) * table->stride);
	memset(table->index, 0, table->capacity * sizeof *table->index);
	enter_all(table);
	return before - kept;
}

void nr_source_table_shrink(struct nr_source_table *table)
{
	size_t room = NR_MAX(table->used + table->used / 8, (size_t)NR_ROOM_MIN);
	size_t space = table->space;
	if (room >= table->room || make_room(table, room, NULL))
		return;
	enter_all(table);
	table->space = room; /* smaller pages cannot fail */
	nr_pages_resize(
		table->area, (void **)&table->entries, space * table->stride, room * table->stride, NULL);
	nr_pages_resize(table->area, (void **)&table->dirty, dirty_bytes(space), dirty_bytes(room), NULL);
}

static const struct nr_source6 *as6(const struct nr_source *source)
{
	return (const struct nr_source6 *)(const void *)source;
}

/* Goes through the words where an entry with this hash may stand. */
struct chain {
	uint64_t hash;
	size_t at;
	unsigned left; /* words within reach */
};

static struct chain chain_of(const struct nr_source_table *table, uint64_t hash)
{
	return (struct chain){hash, nr_source_home(table, hash), NR_SOURCE_REACH * NR_SOURCE_BUCKET};
}

/* The next entry with the tag of the hash; NULL at the end of the chain. */
static struct nr_source *next_with_tag(const struct nr_source_table *table, struct chain *chain)
{
	while (chain->left) {
		uint32_t word = table->index[chain->at];
		if (!word)
			return NULL;
		chain->left--;
		chain->at = chain->at + 1 == table->capacity ? 0 : chain->at + 1;
		if ((word & ~table->entry_mask) == nr_source_tag(table, chain->hash))
			return nr_source_at(table, (size_t)(word & table->entry_mask) - 1);
	}
	return NULL;
}

struct nr_source *nr_source_find4(const struct nr_source_table *table, uint64_t hash, uint32_t address)
{
	struct chain chain = chain_of(table, hash);
	struct nr_source *s;
	while ((s = next_with_tag(table, &chain)) && s->address != address)
		;
	return s;
}

struct nr_source *nr_source_find6(
	const struct nr_source_table *table, uint64_t member, const struct nr_address *address)
{
	struct chain chain = chain_of(table, nr_source_hash(table, member));
	struct nr_source *s;
	while ((s = next_with_tag(table, &chain)) && !nr_address_equal(&as6(s)->address, address))
		;
	return s;
}

struct nr_source *nr_source_add(struct nr_source_table *table, uint64_t member)
{
	return enter_next(table, member, table->used) ? nr_source_at(table, table->used++) : NULL;
}

struct nr_source *nr_source_lookup(
	const struct nr_source_table *table4, const struct nr_source_table *table6, uint64_t member)
{
	bool v6 = (member & NR_MEMBER_IPV6) != 0;
	const struct nr_source_table *table = v6 ? table6 : table4;
	if (!table->index)
		return NULL;
	struct chain chain = chain_of(table, nr_source_hash(table, member));
	struct nr_source *s;
	while ((s = next_with_tag(table, &chain)) && nr_source_member(table, s) != member)
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

/* ---- left by a predecessor ---- */

/* Entries that were being moved stand twice; the last one may have no address yet. Those that are kept move
 * together. */
static void enter_once(struct nr_source_table *table)
{
	size_t kept = 0;
	for (size_t i = 0; i < table->used; i++) {
		struct nr_source *s = nr_source_at(table, i);
		uint64_t member = nr_source_member(table, s);
		struct chain chain = chain_of(table, nr_source_hash(table, member));
		struct nr_source *same;
		while ((same = next_with_tag(table, &chain)) && nr_source_member(table, same) != member)
			;
		if (same || !s->packets)
			continue;
		if (kept != i) {
			memcpy(nr_source_at(table, kept), s, table->stride);
			nr_source_mark_dirty(table, kept);
		}
		(void)enter_next(table, member, kept++);
	}
	memset(nr_source_at(table, kept), 0, (table->room - kept) * table->stride);
	table->used = kept;
}

int nr_source_table_resume(struct nr_source_table *table, struct nr_area *area, size_t stride)
{
	table->area = area;
	if (table->stride != stride || !table->room || table->room > table->space ||
		table->space > NR_SOURCES_MAX || table->used > table->room ||
		table->capacity <= table->used + table->used / 4 || table->capacity % NR_SOURCE_BUCKET ||
		!(table->key & 1) || !nr_area_holds(area, table->entries, table->space * stride) ||
		!nr_area_holds(area, table->index, table->capacity * sizeof *table->index) ||
		!nr_area_holds(area, table->dirty, dirty_bytes(table->space)))
		return -EBADMSG;
	memset(table->index, 0, table->capacity * sizeof *table->index);
	table->entry_mask = entry_mask_for(table->room);
	enter_once(table);
	return 0;
}

static void release(struct nr_area *area, void *pages, size_t bytes)
{
	if (pages && bytes && nr_area_holds(area, pages, bytes))
		nr_pages_unmap(area, pages, bytes);
}

void nr_source_table_release(struct nr_source_table *table, struct nr_area *area)
{
	release(area, table->entries, table->space * table->stride);
	release(area, table->index, table->capacity * sizeof *table->index);
	release(area, table->dirty, table->space ? dirty_bytes(table->space) : 0);
	*table = (struct nr_source_table){0};
}
