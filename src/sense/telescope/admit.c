/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/admit.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NR_ADMIT_LEVEL_MAX 32

/* ---- days ---- */

int nr_admit_open_day(struct nr_local *l, struct nr_day *day, struct nr_error *error)
{
	day->own.area = day->suspects.area = l->area;
	day->own.limit = NR_MIN(l->own_max, (size_t)NR_OWN_MAX);
	day->suspects.limit = NR_MIN(l->suspects_max, (size_t)NR_SUSPECTS_MAX);
	int e = nr_source_table_init(
		&day->table4, l->area, sizeof(struct nr_source), l->sources_expected, error);
	if (!e)
		e = nr_source_table_init(&day->table6, l->area, sizeof(struct nr_source6), 0, error);
	return e;
}

void nr_admit_close_day(struct nr_local *l, struct nr_day *day)
{
	nr_source_table_fini(&day->table4);
	nr_source_table_fini(&day->table6);
	nr_pages_unmap(l->area, day->heavy, nr_space_saving_bytes(NR_HEAVY_COUNTERS));
	day->heavy = NULL;
}

/* ---- room ---- */

static bool stays(const void *context, const struct nr_source *s, uint64_t member)
{
	const struct nr_day *day = context;
	return nr_member_is_sampled(member, day->level) || nr_source_is_busy(s);
}

static void count_lost(struct nr_day *day, const struct nr_source_table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!stays(day, s, nr_source_member(table, s)))
			day->untracked += s->packets;
	}
}

/* One of twice as many sources keeps its line. What it holds is drained. */
static void raise_level(struct nr_day *day)
{
	day->level++;
	count_lost(day, &day->table4);
	count_lost(day, &day->table6);
	nr_source_table_keep(&day->table4, stays, day);
	nr_source_table_keep(&day->table6, stays, day);
}

/* Bytes that `table` may have beside the others. */
static size_t bytes_beside(const struct nr_local *l, const struct nr_source_table *table)
{
	size_t others = 0;
	for (size_t i = 0; i < NR_COUNT(l->days); i++) {
		const struct nr_day *day = &l->days[i];
		others += &day->table4 != table ? nr_source_table_bytes(&day->table4) : 0;
		others += &day->table6 != table ? nr_source_table_bytes(&day->table6) : 0;
	}
	return l->table_bytes_max - NR_MIN(others, l->table_bytes_max);
}

/* The day before this one is about to end: it gives way as long as it holds more. */
static bool older_day_gives_way(struct nr_local *l)
{
	struct nr_day *older = &l->days[0] == l->day ? &l->days[1] : &l->days[0];
	if (!older->open || older->level == NR_ADMIT_LEVEL_MAX || older->table4.used <= l->day->table4.used)
		return false;
	raise_level(older);
	nr_source_table_shrink(&older->table4);
	nr_source_table_shrink(&older->table6);
	return true;
}

static bool make_room(struct nr_local *l, struct nr_source_table *table)
{
	while (!nr_source_table_has_room(table, 1)) {
		if (nr_source_table_grow(table, bytes_beside(l, table)) || older_day_gives_way(l))
			continue;
		if (l->day->level == NR_ADMIT_LEVEL_MAX)
			return false; /* busy sources fill it: the others are counted only */
		nr_telescope_drain(l, NULL);
		raise_level(l->day);
	}
	return true;
}

/* ---- admission ---- */

/* Packets that the source surely sent, this one included. */
static uint64_t count_heavy(struct nr_local *l, uint64_t member)
{
	struct nr_day *day = l->day;
	if (!day->heavy) {
		void *pages = NULL;
		uint64_t seed;
		if (getrandom(&seed, sizeof seed, 0) != sizeof seed ||
			nr_pages_resize(l->area, &pages, 0, nr_space_saving_bytes(NR_HEAVY_COUNTERS), NULL))
			return 0;
		nr_space_saving_init(pages, NR_HEAVY_COUNTERS, seed);
		day->heavy = pages;
	}
	const struct nr_space_counter *c = nr_space_saving_add(day->heavy, member, 1);
	return c->count - c->error;
}

uint64_t nr_admit_heavy_error(const struct nr_day *day)
{
	return day->heavy ? (day->heavy->added + NR_HEAVY_COUNTERS - 1) / NR_HEAVY_COUNTERS : 0;
}

bool nr_admit(struct nr_local *l, struct nr_source_table *table, uint64_t member, uint32_t *ret_earlier)
{
	uint64_t packets = 0;
	if (!nr_member_is_sampled(member, l->day->level)) {
		packets = count_heavy(l, member);
		if (packets < NR_BUSY_PACKETS)
			return false;
	}
	if (!make_room(l, table))
		return false;
	/* making room may have raised the level */
	if (!packets && !nr_member_is_sampled(member, l->day->level))
		return false;
	*ret_earlier = packets ? (uint32_t)NR_MIN(packets - 1, UINT32_MAX) : 0;
	return true;
}
