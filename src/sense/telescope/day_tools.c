/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools of a UTC day that ends: each worker's sources are judged by a member of the crew, then added up.
 */
#include "sense/telescope/admit.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A source that is tagged by the pattern of all its SYNs and has sent more than its entry counts. */
struct heavy {
	uint64_t member;
	enum nr_tool tool;
};

/* Of one worker's sources. */
struct tool_day {
	struct nr_error failure;
	uint64_t zmap_new, masscan_new;    /* sources of the newer variants */
	struct nr_tally tagged, suspected; /* group: tool */
	uint64_t packets[NR_TOOL_COUNT], sources[NR_TOOL_COUNT];
	double sources_variance[NR_TOOL_COUNT], variance[NR_TOOL_COUNT];
	bool sampled[NR_TOOL_COUNT];
	struct nr_hll sketches[NR_TOOL_COUNT];
	struct {
		struct heavy *items; /* owned */
		size_t count, room;
		uint64_t beyond;
	} heavy;
};

struct tool_days {
	const struct nr_day_end *end;
	struct tool_day *of; /* owned; by worker */
};

static void tool_days_fini(struct tool_days *days)
{
	for (size_t i = 0; days->of && i < days->end->local_count; i++) {
		free(days->of[i].heavy.items);
		nr_tally_fini(&days->of[i].tagged);
		nr_tally_fini(&days->of[i].suspected);
	}
	free(days->of);
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

static uint8_t suspects_level(const struct nr_day *day)
{
	return NR_MAX(day->level, day->suspects.level);
}

static bool is_by_suspects(enum nr_tool t, const struct nr_tool_verdict *v)
{
	return t == NR_TOOL_ZMAP && v->by_suspects;
}

/* A tagged source stands for 2^level where lines were sampled, or suspects; a busy one beside the sample for
 * none. */
static int count_tagged(struct tool_day *tools, uint8_t level, uint64_t member, enum nr_tool t,
	const struct nr_tool_verdict *v)
{
	if (!nr_member_counts(member, level))
		return 0;
	uint64_t weight = UINT64_C(1) << level;
	struct nr_tally *into = is_by_suspects(t, v) ? &tools->suspected : &tools->tagged;
	tools->sources[t] += weight;
	tools->sources_variance[t] += (double)weight * (double)(weight - 1);
	nr_hll_add(&tools->sketches[t], nr_sketch_hash(member, level));
	tools->zmap_new += t == NR_TOOL_ZMAP && v->zmap_new ? weight : 0;
	tools->masscan_new += t == NR_TOOL_MASSCAN && v->masscan_new ? weight : 0;
	int e = nr_tally_reserve(into, 1, &tools->failure);
	if (!e)
		nr_tally_add(into, t, member, 1, NR_WORD_SIZE_MIN);
	return e;
}

/* Where lines were sampled, a source's packets stand for those of 2^level sources; a busy one has a line in
 * any case and stands for itself. What the counter of its line had no room for is in the day's
 * count; not so of Mirai and Nmap, where the source's packets are taken for them. */
static void weigh_packets(struct tool_day *tools, uint8_t level, const struct nr_source *s, uint64_t member,
	enum nr_tool t, uint64_t marked)
{
	const bool busy = s->packets >= NR_BUSY_PACKETS;
	uint64_t weight = busy ? 1 : nr_member_counts(member, level) ? UINT64_C(1) << level : 0;
	const bool counted_on = t == NR_TOOL_ZMAP || t == NR_TOOL_MASSCAN;
	uint64_t packets = !counted_on && marked == UINT16_MAX ? s->packets : marked;
	tools->packets[t] += packets * weight;
	tools->variance[t] += (double)packets * (double)packets * (double)weight * ((double)weight - 1);
}

/* Exact: the day's matches, without those of sources that are not tagged, and what is tagged by its pattern.
 */
static void count_packets(struct tool_day *tools, const struct nr_source *s, uint64_t member, enum nr_tool t,
	const struct nr_tool_verdict *v)
{
	if (t == NR_TOOL_ZMAP)
		tools->packets[t] += v->datagrams;
	if (t != NR_TOOL_NMAP && !(t == NR_TOOL_ZMAP && v->zmap_new))
		return;
	struct heavy *heavy = s->syns == UINT16_MAX ? nr_list_add(&tools->heavy) : NULL;
	if (heavy)
		*heavy = (struct heavy){member, t};
	else
		tools->packets[t] += s->syns;
}

static int judge_tool(struct tool_day *tools, const struct nr_day *day, const struct nr_source *s,
	uint64_t member, enum nr_tool t, const struct nr_tool_verdict *v)
{
	const bool tagged = v->tools & NR_BIT(t), suspected = is_by_suspects(t, v);
	const uint8_t level = suspected ? suspects_level(day) : day->level;
	if (!day->level && (!tagged || suspected))
		tools->packets[t] -= nr_tools_chance(s, t);
	if (!tagged)
		return 0;
	if (level)
		weigh_packets(tools, level, s, member, t, v->packets[t]);
	else
		count_packets(tools, s, member, t, v);
	return count_tagged(tools, level, member, t, v);
}

static int judge_table(struct tool_day *tools, const struct nr_day *day, const struct nr_source_table *table)
{
	for (size_t i = 0; i < table->used; i++) {
		const struct nr_source *s = nr_source_at(table, i);
		if (!s->packets || !nr_tools_any_mark(s))
			continue;
		uint64_t member = nr_source_member(table, s);
		struct nr_tool_verdict v = nr_tools_judge(day, s, member);
		for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
			int e = judge_tool(tools, day, s, member, t, &v);
			if (e)
				return e;
		}
	}
	return 0;
}

/* Sources of all days; sampled where they are too many. */
static int bound_tools(struct nr_tally *tools, size_t full, struct nr_error *error)
{
	tools->limit = NR_PROMISE_THIN(full);
	return nr_tally_bytes(tools) < full ? 0 : nr_tally_sort(tools, error);
}

/* One worker's sources, by any member of the crew. */
static void judge_local(void *context, size_t local)
{
	const struct tool_days *days = context;
	const struct nr_day *day = nr_day_of(days->end, local);
	struct tool_day *tools = &days->of[local];
	for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
		tools->packets[t] += day->level ? day->beyond[t] : day->matched[t];
		tools->sampled[t] = (t == NR_TOOL_ZMAP ? suspects_level(day) : day->level) != 0;
	}
	tools->packets[NR_TOOL_ZMAP] += suspects_level(day) ? day->beyond_zmap_new : 0;
	if (!judge_table(tools, day, &day->table4))
		(void)judge_table(tools, day, &day->table6);
}

/* Adds the others to the first worker's. */
static int add_up(const struct tool_days *days, const struct nr_parts *parts, struct nr_error *error)
{
	struct nr_merged *m = days->end->merged;
	struct tool_day *sum = &days->of[0];
	for (size_t i = 0; i < days->end->local_count; i++) {
		struct tool_day *tools = &days->of[i];
		int e = tools->failure.code;
		if (e && error)
			*error = tools->failure;
		if (!e)
			e = count_heavy(tools, parts, error);
		if (!e)
			e = nr_tally_append(&m->tools, &tools->tagged, error);
		if (!e)
			e = nr_tally_append(&m->suspected, &tools->suspected, error);
		if (e)
			return e;
		nr_tally_fini(&tools->tagged);
		nr_tally_fini(&tools->suspected);
		m->tool_totals[NR_TOOL_ZMAP].zmap_new += tools->zmap_new;
		m->tool_totals[NR_TOOL_MASSCAN].masscan_new += tools->masscan_new;
		for (enum nr_tool t = 0; i && t < NR_TOOL_COUNT; t++) {
			sum->sampled[t] |= tools->sampled[t];
			sum->packets[t] += tools->packets[t];
			sum->sources[t] += tools->sources[t];
			sum->sources_variance[t] += tools->sources_variance[t];
			sum->variance[t] += tools->variance[t];
			nr_hll_merge(&sum->sketches[t], &tools->sketches[t]);
		}
	}
	return 0;
}

static int emit_tools(const struct nr_day_end *end, struct tool_day *tools, struct nr_error *error)
{
	int e = 0;
	for (enum nr_tool t = 0; !e && t < NR_TOOL_COUNT; t++) {
		if (!tools->sources[t])
			continue;
		struct nr_step step = {
			end->conf, end->merged, end->sink, NR_STEP_DAY, end->day->start, NR_TRAFFIC_ALL};
		char name[48];
		snprintf(name, sizeof name, "tool/%s", nr_tool_names[t]);
		struct nr_count count = {.packets = tools->packets[t],
			.sources = tools->sources[t],
			.error = sqrt(tools->sources_variance[t]) / (double)tools->sources[t],
			.sketch = &tools->sketches[t]};
		e = nr_telescope_emit_category(&step, name, &count, error);
	}
	return e;
}

int nr_tools_of_day(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error)
{
	NR_AUTO(tool_days_fini)
	struct tool_days days = {end, calloc(end->local_count, sizeof *days.of)};
	struct nr_merged *m = end->merged;
	if (!days.of)
		return nr_fail(error, -ENOMEM, "out of memory to judge tools");
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		if (!day)
			continue;
		m->heavy_error = NR_MAX(m->heavy_error, nr_admit_heavy_error(day));
		m->untracked += day->untracked;
		m->tools.level = NR_MAX(m->tools.level, day->level);
		m->suspected.level = NR_MAX(m->suspected.level, suspects_level(day));
		m->no_room += day->suspects.beyond;
	}
	nr_day_each(end, judge_local, &days);
	int e = add_up(&days, parts, error);
	const size_t share = nr_promise(end->conf, NR_PROMISE_LISTS, 4);
	if (!e)
		e = bound_tools(&m->tools, share / 4 * 3, error);
	if (!e)
		e = bound_tools(&m->suspected, share / 4, error);
	if (e)
		return e;
	struct tool_day *tools = &days.of[0];
	for (enum nr_tool t = 0; t < NR_TOOL_COUNT; t++) {
		m->tool_totals[t].packets += tools->packets[t];
		m->tool_totals[t].variance += tools->variance[t];
		m->tool_totals[t].sampled |= tools->sampled[t];
	}
	return end->sink && !end->unfinished ? emit_tools(end, tools, error) : 0;
}
