/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a UTC day: who was a research scanner, what is left without the scanners, what the run keeps of
 * it.
 */
#include "sense/telescope/admit.h"
#include "sense/telescope/early.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

struct day_parts {
	struct nr_tally tallies[NR_PARTS_MAX];
};

static void day_parts_freep(struct day_parts **parts)
{
	for (size_t i = 0; *parts && i < NR_PARTS_MAX; i++)
		nr_tally_fini(&(*parts)->tallies[i]);
	free(*parts);
}

/* All windows in one, or what each worker saw of the day. */
static int day_tally(const struct nr_day_end *end, struct nr_parts *parts, struct nr_error *error)
{
	parts->count = end->sink ? 1 : end->local_count;
	if (!end->sink) {
		memcpy(parts->tallies, end->day->parts, sizeof end->day->parts);
		memset(end->day->parts, 0, sizeof end->day->parts);
		return 0; /* sorted logs */
	}
	struct nr_tally *tally = parts->tallies;
	tally->limit = nr_promise(end->conf, NR_PROMISE_SORT, 1);
	tally->keeper = &end->merged->keeper;
	int e = nr_rest_append(&end->day->rest, tally, error);
	for (size_t i = 0; !e && i < NR_WINDOWS_PER_DAY; i++)
		e = nr_tally_append(tally, &end->day->windows[i], error);
	return e ? e : nr_tally_sort(tally, error);
}

/* ---- figures without research scanners: what the scanners contributed is taken off ---- */

static int filtered(const struct nr_member_set *set, const struct nr_tally *from, struct nr_tally *into,
	struct nr_error *error)
{
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {from, 0, 0}; nr_tally_next(&walk, &sum);) {
		if (NR_LIKELY(nr_member_set_find(set, nr_sum_member(&sum)) == UINT32_MAX))
			continue;
		int e = nr_tally_add_sum(into, &sum, error);
		if (e)
			return e;
	}
	return 0;
}

static int emit_research(const struct nr_day_end *end, uint32_t seconds, nr_time start,
	struct nr_tally *tally, struct nr_error *error)
{
	int e = nr_tally_sort(tally, error);
	if (e)
		return e;
	struct nr_step step = {end->conf, end->merged, end->sink, seconds, start, NR_TRAFFIC_RESEARCH};
	return nr_telescope_emit(&step, tally, error);
}

static int emit_research_steps(
	const struct nr_day_end *end, const struct nr_member_set *set, struct nr_error *error)
{
	const unsigned per_hour = NR_STEP_HOUR / NR_STEP_WINDOW;
	for (unsigned hour = 0; hour < 24; hour++) {
		NR_AUTO(nr_tally_fini) struct nr_tally of_hour = {0};
		for (unsigned i = hour * per_hour; i < (hour + 1) * per_hour; i++) {
			NR_AUTO(nr_tally_fini) struct nr_tally of_window = {0};
			int e = filtered(set, &end->day->windows[i], &of_window, error);
			nr_time start = end->day->start + (nr_time)i * NR_STEP_WINDOW * NR_SECOND;
			if (!e)
				e = emit_research(end, NR_STEP_WINDOW, start, &of_window, error);
			if (!e)
				e = nr_tally_append(&of_hour, &of_window, error);
			if (e)
				return e;
		}
		int e = emit_research(end, NR_STEP_HOUR, end->day->start + hour * NR_HOUR, &of_hour, error);
		if (e)
			return e;
	}
	return 0;
}

static int take_off_research(
	const struct nr_day_end *end, const struct nr_parts *parts, size_t first, struct nr_error *error)
{
	struct nr_merged *m = end->merged;
	if (m->scanners.count == first)
		return 0;
	NR_AUTO(nr_freep) struct nr_member_set *set = malloc(sizeof *set);
	if (!set)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_member_set_init(set, m->scanners.count - first, error);
	if (e)
		return e;
	for (size_t i = first; i < m->scanners.count; i++)
		nr_member_set_add(set, m->scanners.items[i].member, 0);
	NR_AUTO(nr_tally_fini) struct nr_tally of_day = {0};
	for (size_t i = 0; !e && i < parts->count; i++)
		e = filtered(set, &parts->tallies[i], &of_day, error);
	if (!e)
		e = nr_tally_sort(&of_day, error);
	if (!e && !m->research_packets) {
		m->research_packets = calloc(NR_GROUP_COUNT, sizeof *m->research_packets);
		e = m->research_packets ? 0 : nr_fail(error, -ENOMEM, "out of memory for research scanners");
	}
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {&of_day, 0, 0}; !e && nr_tally_next(&walk, &sum);)
		m->research_packets[nr_sum_group(&sum)] += sum.packets;
	if (!e)
		e = nr_tally_append(&m->research, &of_day, error);
	m->research.limit = NR_PROMISE_THIN(nr_promise(end->conf, NR_PROMISE_LISTS, 4));
	if (!e && nr_tally_bytes(&m->research) > nr_promise(end->conf, NR_PROMISE_LISTS, 4))
		e = nr_tally_sort(&m->research, error);
	if (!e && end->sink)
		e = emit_research_steps(end, set, error);
	if (!e && end->sink && !end->unfinished)
		e = emit_research(end, NR_STEP_DAY, end->day->start, &of_day, error);
	nr_member_set_fini(set);
	return e;
}

/* ---- the day into the run ---- */

/* Sorted again whenever it is full: what sources repeat from day to day takes no room. */
static int fold_tally(
	const struct nr_day_end *end, const struct nr_parts *parts, size_t part, struct nr_error *error)
{
	struct nr_tally *into = &end->merged->parts[part], *tally = &parts->tallies[part];
	size_t full = nr_promise_run(end->conf) / parts->count;
	int e = 0;
	if (nr_tally_count(into) || into->words.area != tally->words.area) {
		e = nr_tally_append(into, tally, error);
	} else {
		nr_tally_fini(into);
		*into = *tally;
		into->keeper = NULL; /* judged: from here on only counts are read */
		nr_tally_init(tally, tally->words.area);
	}
	nr_tally_fini(tally);
	into->limit = NR_PROMISE_THIN(full);
	if (!e && nr_tally_bytes(into) >= full && end->merged->days_folded) {
		e = nr_tally_sort(into, error);
		nr_tally_trim(into);
	}
	return e;
}

int nr_merged_sort_members(struct nr_merged *m, size_t limit, struct nr_error *error)
{
	int e = m->members_unsorted ? nr_members_sort(&m->members, error) : 0;
	m->members_unsorted = false;
	if (m->members_level)
		nr_members_thin(&m->members, m->members_level);
	while (!e && m->members.count > limit)
		nr_members_thin(&m->members, ++m->members_level);
	return e;
}

static int add_members(
	const struct nr_day_end *end, const struct nr_source_table *table, struct nr_error *error)
{
	struct nr_merged *m = end->merged;
	size_t full = nr_promise_members(end->conf);
	int e = 0;
	for (size_t i = 0; !e && i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		uint64_t member = nr_source_member(table, s);
		if (!s->packets || !nr_member_is_sampled(member, m->members_level))
			continue;
		e = nr_members_add(&m->members, member, nr_source_categories(s), 0, 0, error);
		if (!e && m->members.count >= full) {
			m->members_unsorted = true;
			e = nr_merged_sort_members(m, full / 4 * 3, error);
			m->members_unsorted = true;
		}
	}
	return e;
}

/* Where some sources have no line. */
static int add_members_of(const struct nr_day_end *end, const struct nr_tally *tally, struct nr_error *error)
{
	NR_AUTO(nr_members_fini) struct nr_wides members = {0};
	struct nr_merged *m = end->merged;
	struct nr_slice slice;
	int e = nr_slices_of(tally, nr_promise(end->conf, NR_PROMISE_MEMBERS, 1), &slice, error);
	for (; !e && slice.at < slice.of; slice.at++) {
		e = nr_members_from(&members, tally, &slice, nr_telescope_mask_of_group, NULL, error);
		nr_members_thin(&members, m->members_level);
		if (!e)
			e = nr_members_append(&m->members, &members, error);
		m->members_unsorted = true;
		if (!e && m->members.count >= nr_promise_members(end->conf))
			e = nr_merged_sort_members(m, nr_promise_members(end->conf) / 4 * 3, error);
	}
	m->members_unsorted = true;
	return e;
}

/* Sources of one worker by the categories that they were seen in. */
struct mask_counts {
	uint64_t sources[1u << NR_CATEGORY_COUNT], sources6;
};
struct counting {
	const struct nr_day_end *end;
	struct mask_counts *of; /* by worker */
};

static void count_masks_in(struct mask_counts *counts, const struct nr_source_table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		counts->sources[nr_source_categories(s)] += s->packets != 0;
		counts->sources6 += s->packets && table->stride == sizeof(struct nr_source6);
	}
}

static void count_masks_of(void *context, size_t local)
{
	const struct counting *counting = context;
	const struct nr_day *day = nr_day_of(counting->end, local);
	count_masks_in(&counting->of[local], &day->table4);
	count_masks_in(&counting->of[local], &day->table6);
}

/* One day is all there is: nothing has to be told apart. */
static int count_masks(const struct nr_day_end *end, struct nr_error *error)
{
	struct nr_merged *m = end->merged;
	NR_AUTO(nr_freep) struct mask_counts *of = calloc(end->local_count, sizeof *of);
	if (!of)
		return nr_fail(error, -ENOMEM, "out of memory to count sources");
	nr_day_each(end, count_masks_of, &(struct counting){end, of});
	for (size_t i = 0; i < end->local_count; i++) {
		for (size_t mask = 0; mask < NR_COUNT(m->mask_sources); mask++)
			m->mask_sources[mask] += of[i].sources[mask];
		m->sources6 += of[i].sources6;
	}
	return 0;
}

/* The day's sources with their categories: from the source tables, or, where some found no room, from the
 * tally. */
static int fold_members(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error)
{
	struct nr_merged *m = end->merged;
	uint64_t untracked = 0;
	m->members_unsorted =
		m->members_unsorted || m->members.count; /* one day alone names each source once */
	for (size_t i = 0; i < end->local_count; i++)
		untracked += nr_day_of(end, i) ? nr_day_of(end, i)->untracked : 0;
	int e = 0;
	for (size_t i = 0; !e && untracked && i < parts->count; i++) {
		e = add_members_of(end, &parts->tallies[i], error);
		m->members_level = NR_MAX(m->members_level, parts->tallies[i].level);
	}
	for (size_t i = 0; !e && !untracked && i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		e = add_members(end, &day->table4, error);
		if (!e)
			e = add_members(end, &day->table6, error);
	}
	if (!e && m->members.count >= nr_promise_members(end->conf))
		e = nr_merged_sort_members(m, nr_promise_members(end->conf) / 4 * 3, error);
	return e;
}

static int fold_day(const struct nr_day_end *end, struct nr_parts *parts, struct nr_error *error)
{
	int e = 0;
	if (end->conf->refs->endless)
		return 0;
	nr_research_fold(end->merged);
	if (end->merged->summed)
		e = count_masks(end, error);
	else
		e = fold_members(end, parts, error);
	for (size_t i = 0; !e && i < parts->count; i++)
		e = fold_tally(end, parts, i, error);
	return e;
}

int nr_day_finish(const struct nr_day_end *end, struct nr_error *error)
{
	NR_AUTO(day_parts_freep) struct day_parts *owned = calloc(1, sizeof *owned);
	if (!owned)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct nr_parts parts = {owned->tallies, 0};
	size_t scanner_first = 0, flood_first = end->merged->floods.count;
	int e = day_tally(end, &parts, error);
	if (!e && end->sink && !end->unfinished) {
		struct nr_step step = {
			end->conf, end->merged, end->sink, NR_STEP_DAY, end->day->start, NR_TRAFFIC_ALL};
		e = nr_telescope_emit(&step, &parts.tallies[0], error);
	}
	if (!e)
		e = nr_tools_of_day(end, &parts, error);
	if (!e)
		e = nr_research_judge(end, &parts, &scanner_first, error);
	if (!e)
		e = take_off_research(end, &parts, scanner_first, error);
	if (!e)
		e = nr_patterns_judge(end, error);
	if (!e && end->sink)
		e = nr_sources_emit(end, &parts.tallies[0], scanner_first, error);
	if (!e)
		e = nr_findings_of_day(end, scanner_first, flood_first, error);
	if (!e)
		e = nr_ipv6_judge(end, &parts, error);
	if (!e && end->sink)
		e = nr_early_day(end, &parts.tallies[0], scanner_first, error);
	return e ? e : fold_day(end, &parts, error);
}
