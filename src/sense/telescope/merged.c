/* SPDX-License-Identifier: Apache-2.0 */
/* The merged state: made, found again, released. */
#include "sense/telescope/merged.h"
#include "sense/telescope/early.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static bool any_local_keeps(const void *context, uint64_t member)
{
	const struct nr_merged *m = context;
	for (size_t i = 0; i < m->local_count; i++)
		if (nr_local_keeps(m->locals[i], member))
			return true;
	return false;
}

/* Lists of the report, of their half of NR_PROMISE_LISTS. */
static void limit_lists(struct nr_merged *m, const struct nr_telescope_conf *conf)
{
	size_t bytes = nr_promise(conf, NR_PROMISE_LISTS, 2);
	m->findings.most = NR_MIN(bytes / 2 / NR_FINDING_BYTES, (size_t)NR_KEPT_MAX);
	m->scanners.most = NR_MIN(bytes / 8 / sizeof *m->scanners.items, (size_t)NR_KEPT_MAX);
	m->victims.most = m->bursts.most = NR_MIN(bytes / 8 / sizeof *m->victims.items, (size_t)NR_KEPT_MAX);
	m->carpet_attacks.most = NR_MIN(bytes / 16 / sizeof *m->carpet_attacks.items, (size_t)NR_KEPT_MAX);
	m->campaigns.most = NR_MIN(bytes / 16 / sizeof *m->campaigns.items, (size_t)NR_KEPT_MAX);
	m->floods.most = NR_MIN(bytes / 16 / sizeof *m->floods.items, (size_t)NR_KEPT_MAX);
}

/* What this state will hand over is told from what others did by a number that no other has. */
static int draw_session(struct nr_merged *m, struct nr_error *error)
{
	uint64_t number;
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	m->session = (int64_t)(number >> 1 | 1);
	return 0;
}

int nr_merged_new(const struct nr_telescope_conf *conf, struct nr_area *area, struct nr_merged **ret_merged,
	struct nr_error *error)
{
	struct nr_merged *m = NULL;
	int e = nr_pages_resize(area, (void **)&m, 0, sizeof *m, error);
	if (e)
		return e;
	m->area = area;
	m->merged_window = NR_NO_WINDOW;
	limit_lists(m, conf);
	m->keeper = (struct nr_keeper){any_local_keeps, m};
	e = nr_carpets_init(
		&m->carpets, area, nr_promise(conf, NR_PROMISE_CARPETS, 2) / NR_CARPET_SHARE, error);
	if (!e && conf->refs->live)
		e = draw_session(m, error);
	if (e)
		nr_pages_unmap(area, m, sizeof *m);
	else
		*ret_merged = m;
	return e;
}

uint8_t nr_merged_level(const struct nr_merged *m)
{
	uint8_t level = 0;
	for (size_t i = 0; i < NR_PARTS_MAX; i++)
		level = NR_MAX(level, m->parts[i].level);
	return level;
}

void nr_merged_day_fini(struct nr_merged_day *day)
{
	day->open = false;
	NR_IN_ORDER();
	for (size_t i = 0; i < NR_WINDOWS_PER_DAY; i++)
		nr_tally_fini(&day->windows[i]);
	for (size_t i = 0; i < NR_PARTS_MAX; i++)
		nr_tally_fini(&day->parts[i]);
	nr_rest_fini(&day->rest);
	*day = (struct nr_merged_day){0};
}

/* What the report of a run is made of. */
static void fini_run(struct nr_merged *m)
{
	for (size_t i = 0; i < NR_PARTS_MAX; i++)
		nr_tally_fini(&m->parts[i]);
	nr_members_fini(&m->members);
	nr_tally_fini(&m->tools);
	nr_tally_fini(&m->suspected);
	nr_tally_fini(&m->research);
	for (size_t i = 0; i < m->findings.count; i++) {
		free(m->findings.items[i].reason_en);
		free(m->findings.items[i].reason_ja);
		free(m->findings.items[i].evidence);
	}
	free(m->findings.items);
	free(m->scanners.items);
	free(m->campaigns.items);
	free(m->floods.items);
	free(m->victims.items);
	free(m->bursts.items);
	free(m->carpet_attacks.items);
	free(m->research_packets);
	free(m->ipv6);
}

static void forget_run(struct nr_merged *m)
{
	memset(m->parts, 0, sizeof m->parts);
	m->members = (struct nr_wides){0};
	m->tools = m->suspected = m->research = (struct nr_tally){0};
	memset(&m->findings, 0, sizeof m->findings);
	memset(&m->scanners, 0, sizeof m->scanners);
	memset(&m->campaigns, 0, sizeof m->campaigns);
	memset(&m->floods, 0, sizeof m->floods);
	memset(&m->victims, 0, sizeof m->victims);
	memset(&m->bursts, 0, sizeof m->bursts);
	memset(&m->carpet_attacks, 0, sizeof m->carpet_attacks);
	m->research_packets = NULL;
	m->ipv6 = NULL;
	m->members_level = 0;
	m->members_unsorted = false;
}

void nr_merged_resume(struct nr_merged *m, const struct nr_telescope_conf *conf)
{
	m->locals = NULL;
	m->local_count = 0;
	m->keeper = (struct nr_keeper){any_local_keeps, m};
	forget_run(m);
	limit_lists(m, conf);
}

void nr_merged_forget_run(struct nr_merged *m, const struct nr_telescope_conf *conf)
{
	fini_run(m);
	forget_run(m);
	limit_lists(m, conf);
}

void nr_merged_free(struct nr_merged *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < NR_COUNT(m->days); i++)
		nr_merged_day_fini(&m->days[i]);
	fini_run(m);
	nr_early_free(m->early);
	nr_carpets_fini(&m->carpets);
	nr_pages_unmap(m->area, m, sizeof *m);
}

struct nr_day *nr_day_of(const struct nr_day_end *end, size_t local)
{
	struct nr_day *day = &end->locals[local]->days[(uint64_t)(end->day->start / NR_DAY) & 1];
	return day->open && day->start == end->day->start ? day : NULL;
}

struct each {
	const struct nr_day_end *end;
	void (*work)(void *context, size_t local);
	void *context;
};

static void work_each(void *context, unsigned member)
{
	const struct each *each = context;
	for (size_t i = member; i < each->end->local_count; i += nr_crew_members(each->end->crew))
		if (nr_day_of(each->end, i))
			each->work(each->context, i);
}

void nr_day_each(const struct nr_day_end *end, void (*work)(void *context, size_t local), void *context)
{
	nr_crew_run(end->crew, work_each, &(struct each){end, work, context});
}

void nr_parts_walk(struct nr_parts_walk *walk, const struct nr_parts *parts)
{
	walk->parts = parts;
	walk->part = parts->count;
	walk->group = 0;
	for (size_t i = 0; i < parts->count; i++) {
		struct nr_part_walk *at = &walk->at[i];
		at->walk = (struct nr_tally_walk){&parts->tallies[i], 0, 0};
		at->more = nr_tally_next(&at->walk, &at->next);
	}
}

/* The least group that is left; false: nothing is. */
static bool next_group(struct nr_parts_walk *walk)
{
	bool found = false;
	for (size_t i = 0; i < walk->parts->count; i++) {
		const struct nr_part_walk *at = &walk->at[i];
		if (!at->more || (found && nr_sum_group(&at->next) >= walk->group))
			continue;
		walk->group = nr_sum_group(&at->next);
		found = true;
	}
	walk->part = 0;
	return found;
}

bool nr_parts_next(struct nr_parts_walk *walk, struct nr_tally_sum *ret_sum)
{
	for (;;) {
		for (; walk->part < walk->parts->count; walk->part++) {
			struct nr_part_walk *at = &walk->at[walk->part];
			if (!at->more || nr_sum_group(&at->next) != walk->group)
				continue;
			*ret_sum = at->next;
			at->more = nr_tally_next(&at->walk, &at->next);
			return true;
		}
		if (!next_group(walk))
			return false;
	}
}

uint8_t nr_day_level(const struct nr_day_end *end)
{
	uint8_t level = 0;
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		level = day ? NR_MAX(level, day->level) : level;
	}
	return level;
}

bool nr_merged_address(const struct nr_merged *m, uint64_t member, struct nr_address *ret_address)
{
	if (!(member & NR_MEMBER_IPV6)) {
		*ret_address = nr_address_from_ipv4((uint32_t)member);
		return true;
	}
	for (size_t i = 0; i < m->local_count; i++)
		for (size_t k = 0; k < NR_COUNT(m->locals[i]->days); k++) {
			const struct nr_day *day = &m->locals[i]->days[k];
			const struct nr_source *s =
				day->open ? nr_source_lookup(&day->table4, &day->table6, member) : NULL;
			if (s) {
				*ret_address = nr_source_address(&day->table6, s);
				return true;
			}
		}
	return false;
}
