/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Research scanners: judged per UTC day over SYN and UDP scan packets, by the NICTER rule as cited, by the
 * same rule scaled to the number of dark addresses, and by lists (rules.h).
 */
#include "sense/telescope/merged.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct thresholds {
	bool nicter, scaled, listed;
	uint64_t scaled_packets;
};

static struct thresholds thresholds_of(const struct nr_telescope_conf *conf)
{
	const char *r = conf->research;
	bool all = !strcmp(r, "all");
	struct thresholds t = {
		all || !strcmp(r, "nicter"), all || !strcmp(r, "scaled"), all || !strcmp(r, "list"), 0};
	uint64_t n = conf->refs->dark_addresses;
	t.scaled = t.scaled && n; /* without N_dark there is nothing to scale by */
	t.scaled_packets =
		NR_MAX((uint64_t)NR_SCALED_PACKETS, (uint64_t)ceil(NR_SCALED_PER_DARK * (double)n));
	return t;
}

struct candidate {
	const struct nr_source_table *table;
	const struct nr_source *source;
	uint64_t member, scan_packets;
	uint32_t ports;
};
struct candidates {
	struct candidate *items; /* owned */
	size_t count, room;
	uint64_t beyond;
};

static void candidates_fini(struct candidates *c)
{
	free(c->items);
}

static void find_candidates(
	struct candidates *c, const struct nr_source_table *table, const struct thresholds *t)
{
	uint64_t least = t->scaled ? t->scaled_packets : UINT64_MAX;
	if (t->nicter)
		least = NR_MIN(least, (uint64_t)NR_NICTER_PACKETS);
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!s->packets || (s->packets < least && !(t->listed && s->marks & NR_SOURCE_LISTED)))
			continue;
		struct candidate *new = nr_list_add(c);
		if (new)
			*new = (struct candidate){table, s, nr_source_member(table, s), 0, 0};
	}
}

/* Whose pairs had to go: they are not judged by their ports. */
static uint64_t count_unjudged(const struct candidates *c, const struct nr_tally *tally)
{
	uint64_t count = 0;
	for (size_t i = 0; i < c->count && tally->busy_level; i++)
		count += !nr_member_is_sampled(c->items[i].member, tally->level) &&
			 !nr_member_is_kept_busy(c->items[i].member, tally->busy_level);
	return count;
}

static void count_part(struct candidates *c, const struct nr_tally *tally, const struct nr_member_set *set)
{
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;) {
		uint32_t i = nr_member_set_find(set, nr_sum_member(&sum));
		if (i == UINT32_MAX)
			continue;
		c->items[i].scan_packets += sum.packets;
		c->items[i].ports++;
	}
}

/* Counts each candidate's scan packets and distinct (protocol, port) pairs. */
static int count_candidates(struct candidates *c, const struct nr_parts *parts, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_member_set *set = malloc(sizeof *set);
	if (!set)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_member_set_init(set, c->count, error);
	if (e)
		return e;
	for (size_t i = 0; i < c->count; i++)
		nr_member_set_add(set, c->items[i].member, (uint32_t)i);
	for (size_t part = 0; part < parts->count; part++)
		count_part(c, &parts->tallies[part], set);
	nr_member_set_fini(set);
	return 0;
}

static bool judge(const struct nr_day_end *end, const struct thresholds *t, const struct candidate *c,
	struct nr_research_scanner *s)
{
	struct nr_address address = nr_source_address(c->table, c->source);
	if (t->nicter && c->ports >= NR_NICTER_PORTS && c->scan_packets >= NR_NICTER_PACKETS) {
		snprintf(s->rule, sizeof s->rule, "nicter");
	} else if (t->scaled && c->ports >= NR_NICTER_PORTS && c->scan_packets >= t->scaled_packets) {
		snprintf(s->rule, sizeof s->rule, "scaled");
	} else if (t->listed && c->source->marks & NR_SOURCE_LISTED) {
		const struct nr_lists *lists = &end->conf->refs->lists;
		const struct nr_list *list = &lists->lists[nr_prefix_table_find(lists->table, &address)];
		snprintf(s->rule, sizeof s->rule, "list:%s", list->name);
		s->list_version = list->version;
	} else {
		return false;
	}
	s->address = address;
	s->member = c->member;
	s->day = end->day->start;
	s->days = 1;
	s->packets = c->source->packets;
	s->scan_packets = c->scan_packets;
	s->ports = c->ports;
	s->first = end->day->start + ((nr_time)c->source->first << NR_SOURCE_TIME_SHIFT);
	s->last = end->day->start + ((nr_time)c->source->last << NR_SOURCE_TIME_SHIFT);
	return true;
}

static int by_packets(const void *a, const void *b)
{
	const struct nr_research_scanner *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return memcmp(&x->address, &y->address, sizeof x->address);
}

int nr_research_judge(
	const struct nr_day_end *end, const struct nr_parts *parts, size_t *ret_first, struct nr_error *error)
{
	struct thresholds t = thresholds_of(end->conf);
	NR_AUTO(candidates_fini) struct candidates c = {0};
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		find_candidates(&c, &day->table4, &t);
		find_candidates(&c, &day->table6, &t);
	}
	struct nr_merged *m = end->merged;
	m->no_room += c.beyond;
	size_t first = m->scanners.count;
	if (c.count) {
		uint64_t unjudged = 0;
		for (size_t part = 0; part < parts->count; part++)
			unjudged = NR_MAX(unjudged, count_unjudged(&c, &parts->tallies[part]));
		m->no_room += unjudged;
		int e = count_candidates(&c, parts, error);
		if (e)
			return e;
	}
	for (size_t i = 0; i < c.count; i++) {
		struct nr_research_scanner s = {0};
		if (!judge(end, &t, &c.items[i], &s))
			continue;
		struct nr_research_scanner *kept = nr_kept_add(&m->scanners);
		if (kept)
			*kept = s;
	}
	if (m->scanners.count > first)
		qsort(m->scanners.items + first, m->scanners.count - first, sizeof *m->scanners.items,
			by_packets);
	*ret_first = first;
	return 0;
}

#define NR_FOLD_FROM (NR_KEPT_MAX / 2)

/* By address, the day with most packets first: its rule and times stand for all. */
static int by_address(const void *a, const void *b)
{
	const struct nr_research_scanner *x = a, *y = b;
	int c = memcmp(&x->address, &y->address, sizeof x->address);
	return c ? c : (x->packets < y->packets) - (x->packets > y->packets);
}

void nr_research_fold(struct nr_merged *m)
{
	if (m->scanners.count < NR_FOLD_FROM)
		return;
	struct nr_research_scanner *items = m->scanners.items;
	size_t kept = 0;
	qsort(items, m->scanners.count, sizeof *items, by_address);
	for (size_t i = 1; i < m->scanners.count; i++) {
		if (!nr_address_equal(&items[kept].address, &items[i].address)) {
			items[++kept] = items[i];
			continue;
		}
		items[kept].packets += items[i].packets;
		items[kept].scan_packets += items[i].scan_packets;
		items[kept].ports = NR_MAX(items[kept].ports, items[i].ports);
		items[kept].days += items[i].days;
		items[kept].first = NR_MIN(items[kept].first, items[i].first);
		items[kept].last = NR_MAX(items[kept].last, items[i].last);
	}
	m->scanners.count = kept + 1;
}
