/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a UTC day: who was a research scanner, which tools were used, what is left without the scanners.
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

/* ---- tools ---- */

/* A source that is tagged by the pattern of all its SYNs and has sent more than its entry counts. */
struct heavy {
	uint64_t member;
	enum nr_tool tool;
};

struct tool_day {
	uint64_t packets[NR_TOOL_COUNT], sources[NR_TOOL_COUNT];
	uint64_t kept[NR_TOOL_COUNT]; /* of the sources, those that were counted */
	double variance[NR_TOOL_COUNT];
	bool sampled;
	struct nr_hll sketches[NR_TOOL_COUNT];
	struct {
		struct heavy *items; /* owned */
		size_t count, room;
		uint64_t beyond;
	} heavy;
};

static void tool_day_freep(struct tool_day **tools)
{
	if (*tools)
		free((*tools)->heavy.items);
	free(*tools);
}

static void count_heavy_part(
	struct tool_day *tools, const struct nr_tally *tally, const struct nr_member_set *set)
{
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_UDP;) {
		uint32_t tool = nr_member_set_find(set, nr_sum_member(&sum));
		if (tool != UINT32_MAX)
			tools->packets[tool] += sum.packets;
	}
}

/* What the entries could not count stands in the day's tally. */
static int count_heavy(struct tool_day *tools, const struct nr_parts *parts, struct nr_error *error)
{
	if (!tools->heavy.count)
		return 0;
	NR_AUTO(nr_freep) struct nr_member_set *set = malloc(sizeof *set);
	if (!set)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_member_set_init(set, tools->heavy.count, error);
	if (e)
		return e;
	for (size_t i = 0; i < tools->heavy.count; i++)
		nr_member_set_add(set, tools->heavy.items[i].member, tools->heavy.items[i].tool);
	for (size_t i = 0; i < parts->count; i++)
		count_heavy_part(tools, &parts->tallies[i], set);
	nr_member_set_fini(set);
	return 0;
}

/* A tagged source stands for 2^level where lines were sampled; a busy one beside the sample for none. */
static int count_tagged(struct nr_merged *m, uint8_t level, uint64_t member, enum nr_tool t,
	const struct nr_tool_verdict *v, struct tool_day *tools, struct nr_error *error)
{
	if (!nr_member_counts(member, level))
		return 0;
	uint64_t weight = UINT64_C(1) << level;
	tools->kept[t]++;
	tools->sources[t] += weight;
	nr_hll_add(&tools->sketches[t], nr_sketch_hash(member, level));
	m->tool_totals[t].zmap_new += t == NR_TOOL_ZMAP && v->zmap_new ? weight : 0;
	m->tool_totals[t].masscan_new += t == NR_TOOL_MASSCAN && v->masscan_new ? weight : 0;
	int e = nr_tally_reserve(&m->tools, 1, error);
	if (!e)
		nr_tally_add(&m->tools, t, member, 1, NR_WORD_SIZE_MIN);
	return e;
}

/* Where lines were sampled, a source's packets stand for those of 2^level sources; a busy one has a line in
 * any case and stands for itself. Its marks are counted to 65535: beyond that its packets are taken for them.
 */
static void weigh_packets(struct tool_day *tools, const struct nr_day *day, const struct nr_source *s,
	uint64_t member, enum nr_tool t, uint64_t marked)
{
	const bool busy = s->packets >= NR_BUSY_PACKETS;
	uint64_t weight = busy ? 1 : nr_member_counts(member, day->level) ? UINT64_C(1) << day->level : 0;
	uint64_t packets = marked == UINT16_MAX ? s->packets : marked;
	tools->packets[t] += packets * weight;
	tools->variance[t] += (double)packets * (double)packets * (double)weight * ((double)weight - 1);
}

/* Exact: the day's matches, without those of sources that are not tagged, and what is tagged by its pattern.
 */
static void count_packets(struct tool_day *tools, const struct nr_source *s, uint64_t member, enum nr_tool t,
	const struct nr_tool_verdict *v)
{
	if (t != NR_TOOL_NMAP && !(t == NR_TOOL_ZMAP && v->zmap_new))
		return;
	struct heavy *heavy = s->syns == UINT16_MAX ? nr_list_add(&tools->heavy) : NULL;
	if (heavy)
		*heavy = (struct heavy){member, t};
	else
		tools->packets[t] += v->packets[t];
}

static int judge_tools_of(struct nr_merged *m, const struct nr_day *day, const struct nr_source_table *table,
	struct tool_day *tools, struct nr_error *error)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!s->packets || !nr_tools_any_mark(s))
			continue;
		uint64_t member = nr_source_member(table, s);
		struct nr_tool_verdict v = nr_tools_judge(day, s, member);
		for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
			if (!(v.tools & NR_BIT(t))) {
				tools->packets[t] -= day->level ? 0 : nr_tools_chance(s, t);
				continue;
			}
			if (day->level)
				weigh_packets(tools, day, s, member, t, v.packets[t]);
			else
				count_packets(tools, s, member, t, &v);
			int e = count_tagged(m, day->level, member, t, &v, tools, error);
			if (e)
				return e;
		}
	}
	return 0;
}

/* Sources of all days; sampled where they are too many. */
static int bound_tools(const struct nr_day_end *end, struct nr_error *error)
{
	struct nr_tally *tools = &end->merged->tools;
	size_t full = nr_promise(end->conf, NR_PROMISE_LISTS, 4);
	tools->limit = NR_PROMISE_THIN(full);
	return nr_tally_bytes(tools) < full ? 0 : nr_tally_sort(tools, error);
}

static int judge_tools(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error)
{
	NR_AUTO(tool_day_freep) struct tool_day *tools = calloc(1, sizeof *tools);
	if (!tools)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct nr_merged *m = end->merged;
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++)
			tools->packets[t] += day->level ? 0 : day->matched[t];
		tools->sampled |= day->level != 0;
		m->heavy_error = NR_MAX(m->heavy_error, nr_admit_heavy_error(day));
		m->untracked += day->untracked;
		m->tools.level = NR_MAX(m->tools.level, day->level);
		m->no_room += day->suspects.beyond;
		int e = judge_tools_of(m, day, &day->table4, tools, error);
		if (!e)
			e = judge_tools_of(m, day, &day->table6, tools, error);
		if (e)
			return e;
	}
	int e = count_heavy(tools, parts, error);
	if (!e)
		e = bound_tools(end, error);
	if (e)
		return e;
	for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
		m->tool_totals[t].packets += tools->packets[t];
		m->tool_totals[t].variance += tools->variance[t];
		m->tool_totals[t].sampled |= tools->sampled;
		if (!end->sink || end->unfinished || !tools->sources[t])
			continue;
		struct nr_step step = {
			end->conf, end->merged, end->sink, NR_STEP_DAY, end->day->start, NR_TRAFFIC_ALL};
		char name[48];
		snprintf(name, sizeof name, "tool/%s", nr_tool_names[t]);
		struct nr_count count = {.packets = tools->packets[t],
			.sources = tools->sources[t],
			.error = nr_sample_error(tools->kept[t], nr_day_level(end)),
			.sketch = &tools->sketches[t]};
		e = nr_telescope_emit_category(&step, name, &count, error);
		if (e)
			return e;
	}
	return 0;
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

static void count_masks_of(struct nr_merged *m, const struct nr_source_table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		m->mask_sources[nr_source_categories(s)] += s->packets != 0;
		m->sources6 += s->packets && table->stride == sizeof(struct nr_source6);
	}
}

/* One day is all there is: nothing has to be told apart. */
static void count_masks(const struct nr_day_end *end)
{
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		count_masks_of(end->merged, &day->table4);
		count_masks_of(end->merged, &day->table6);
	}
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
		count_masks(end);
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
		e = judge_tools(end, &parts, error);
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
