/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/report.h"
#include "sense/telescope/radix.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- figures ---- */

/* What a tally says of each group. */
struct group_sum {
	uint64_t packets, bytes, sources;
	double variance; /* of sources, where they are a sample */
};

static struct group_sum *new_groups(struct nr_error *error)
{
	struct group_sum *groups = calloc(NR_GROUP_COUNT, sizeof *groups);
	if (!groups)
		nr_fail(error, -ENOMEM, "out of memory for the report");
	return groups;
}

/* A tally is in the order of groups: each is summed up before it is written down. */
static void sum_groups(
	struct group_sum *groups, const struct nr_tally *tally, uint32_t from_group, uint32_t to_group)
{
	const uint64_t weight = UINT64_C(1) << tally->level;
	struct nr_tally_walk walk = nr_tally_walk_from(tally, from_group);
	struct nr_tally_sum sum;
	for (bool more = nr_tally_next(&walk, &sum); more && nr_sum_group(&sum) < to_group;) {
		const uint32_t group = nr_sum_group(&sum);
		uint64_t packets = 0, bytes = 0, counted = 0;
		do {
			packets += sum.packets;
			bytes += sum.bytes;
			counted += nr_member_counts(nr_sum_member(&sum), tally->level);
			more = nr_tally_next(&walk, &sum);
		} while (more && nr_sum_group(&sum) == group);
		struct group_sum *g = &groups[group];
		g->packets += packets;
		g->bytes += bytes;
		g->sources += counted * weight;
		g->variance += (double)counted * (double)weight * (double)(weight - 1);
	}
}

struct summing {
	struct group_sum *groups;
	const struct nr_merged *merged;
	unsigned members;
};

/* Where a member's range of groups begins: where its share of the longest part's pairs does. */
static uint32_t range_from(const struct summing *summing, unsigned member)
{
	const struct nr_words *longest = &summing->merged->parts[0].words;
	for (size_t i = 1; i < NR_PARTS_MAX; i++)
		if (summing->merged->parts[i].words.count > longest->count)
			longest = &summing->merged->parts[i].words;
	if (member == summing->members)
		return NR_GROUP_COUNT;
	if (!member || !longest->count)
		return 0;
	const struct nr_tally_sum sum =
		nr_word_sum(longest->items[longest->count / summing->members * member]);
	return nr_sum_group(&sum);
}

/* Each member sums up a range of groups over all parts: nobody writes where another one does. */
static void sum_range(void *context, unsigned member)
{
	const struct summing *summing = context;
	const uint32_t from = range_from(summing, member), to = range_from(summing, member + 1);
	for (size_t i = 0; i < NR_PARTS_MAX; i++)
		sum_groups(summing->groups, &summing->merged->parts[i], from, to);
}

/* What workers summed instead of keeping pairs. */
static void sum_usual(struct group_sum *groups, const struct nr_merged *m)
{
	for (size_t i = 0; i < m->usual_count; i++) {
		struct group_sum *g = &groups[m->usual[i].group];
		g->packets += m->usual[i].packets;
		g->bytes += m->usual[i].bytes;
		g->sources += m->usual[i].sources;
	}
}

/* Groups that got packets, those with most first, TCP before UDP, low ports before high ones. Each is one
 * number: what its packets lack to NR_ORDER_PACKETS, then the group. */
#define NR_ORDER_GROUP_BITS 17
#define NR_ORDER_PACKETS    (UINT64_MAX >> NR_ORDER_GROUP_BITS)
_Static_assert(NR_GROUP_OTHER <= 1u << NR_ORDER_GROUP_BITS, "a port's group fits its bits");

static int order_ports(
	const struct group_sum *all, uint64_t **ret_order, size_t *ret_count, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint64_t *order = malloc(NR_GROUP_OTHER * sizeof *order);
	size_t n = 0;
	if (!order)
		return nr_fail(error, -ENOMEM, "out of memory for the report");
	for (uint32_t group = 0; group < NR_GROUP_OTHER; group++)
		if (all[group].packets)
			order[n++] = (NR_ORDER_PACKETS - NR_MIN(all[group].packets, NR_ORDER_PACKETS))
					     << NR_ORDER_GROUP_BITS |
				     group;
	int e = nr_radix_sort_8(order, n, 0, error);
	if (e)
		return e;
	*ret_count = n;
	*ret_order = nr_steal(&order);
	return 0;
}

/* research NULL: there was none. */
static int make_ports(struct nr_report *r, const struct group_sum *all, const struct group_sum *research,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) uint64_t *order = NULL;
	size_t n = 0;
	int e = order_ports(all, &order, &n, error);
	if (e)
		return e;
	r->ports = malloc((n + 1) * sizeof *r->ports);
	if (!r->ports)
		return nr_fail(error, -ENOMEM, "out of memory for the report");
	for (; r->port_count < n; r->port_count++) {
		const uint32_t group = (uint32_t)(order[r->port_count] & ((1u << NR_ORDER_GROUP_BITS) - 1));
		const struct group_sum *g = &all[group];
		r->ports[r->port_count] = (struct nr_port_figure){
			.protocol = group >= NR_GROUP_UDP ? NR_UDP : NR_TCP,
			.port = (uint16_t)group,
			.packets = g->packets,
			.bytes = g->bytes,
			.sources = g->sources,
			.error = g->sources ? sqrt(g->variance) / (double)g->sources
					    : 1, /* all of them were left out */
			.packets_without_research = g->packets - nr_research_packets(r->merged, group),
			.sources_without_research =
				g->sources - (research ? NR_MIN(g->sources, research[group].sources) : 0),
		};
	}
	return 0;
}

static void count_packets(
	const struct group_sum *groups, struct nr_count counts[static NR_CATEGORY_COUNT + 1])
{
	for (uint32_t group = 0; group < NR_GROUP_COUNT; group++) {
		unsigned mask = groups[group].packets ? nr_telescope_mask_of_group(NULL, group) : 0;
		if (mask && group < NR_GROUP_EXTRA)
			mask |= NR_BIT(NR_CATEGORY_COUNT);
		for (; mask; mask &= mask - 1) {
			counts[__builtin_ctz(mask)].packets += groups[group].packets;
			counts[__builtin_ctz(mask)].bytes += groups[group].bytes;
		}
	}
}

static int scanner_by_address(const void *a, const void *b)
{
	const struct nr_research_scanner *x = *(const struct nr_research_scanner *const *)a,
					 *y = *(const struct nr_research_scanner *const *)b;
	int c = memcmp(&x->address, &y->address, sizeof x->address);
	return c ? c : (x->packets < y->packets) - (x->packets > y->packets);
}

static int scanner_by_packets(const void *a, const void *b)
{
	const struct nr_scanner_figure *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return memcmp(&x->best->address, &y->best->address, sizeof x->best->address);
}

static int make_scanners(struct nr_report *r, struct nr_error *error)
{
	size_t count = r->merged->scanners.count;
	if (!count)
		return 0;
	NR_AUTO(nr_freep) const struct nr_research_scanner **order = malloc(count * sizeof *order);
	r->scanners = calloc(count, sizeof *r->scanners);
	if (!order || !r->scanners)
		return nr_fail(error, -ENOMEM, "out of memory for the report");
	for (size_t i = 0; i < count; i++)
		order[i] = &r->merged->scanners.items[i];
	qsort(order, count, sizeof *order, scanner_by_address);
	for (size_t i = 0; i < count; i++) {
		struct nr_scanner_figure *f = r->scanner_count ? &r->scanners[r->scanner_count - 1] : NULL;
		if (!f || !nr_address_equal(&f->best->address, &order[i]->address)) {
			f = &r->scanners[r->scanner_count++];
			f->best = order[i];
		}
		f->packets += order[i]->packets;
		f->ports = NR_MAX(f->ports, order[i]->ports);
		f->days += order[i]->days;
	}
	qsort(r->scanners, r->scanner_count, sizeof *r->scanners, scanner_by_packets);
	return 0;
}

static int attack_by_address(const void *a, const void *b)
{
	const struct nr_victim *x = *(const struct nr_victim *const *)a,
			       *y = *(const struct nr_victim *const *)b;
	return memcmp(&x->address, &y->address, sizeof x->address);
}

static int victim_by_packets(const void *a, const void *b)
{
	const struct nr_victim_figure *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return memcmp(&x->address, &y->address, sizeof x->address);
}

static void add_attack(struct nr_victim_figure *f, const struct nr_victim *v)
{
	if (!f->attacks++) {
		f->address = v->address;
		f->first = v->first;
		f->last = v->last;
	}
	f->packets += v->packets;
	f->peak = NR_MAX(f->peak, v->peak);
	f->first = NR_MIN(f->first, v->first);
	f->last = NR_MAX(f->last, v->last);
	f->tcp |= v->protocol == NR_TCP;
	f->udp |= v->protocol == NR_UDP;
	f->icmp |= v->protocol == NR_ICMP;
}

static int make_victims(struct nr_report *r, struct nr_error *error)
{
	size_t count = r->merged->victims.count;
	if (!count)
		return 0;
	NR_AUTO(nr_freep) const struct nr_victim **order = malloc(count * sizeof *order);
	r->victims = calloc(count, sizeof *r->victims);
	if (!order || !r->victims)
		return nr_fail(error, -ENOMEM, "out of memory for the report");
	for (size_t i = 0; i < count; i++)
		order[i] = &r->merged->victims.items[i];
	qsort(order, count, sizeof *order, attack_by_address);
	for (size_t i = 0; i < count; i++) {
		if (!i || !nr_address_equal(&order[i]->address, &order[i - 1]->address))
			r->victim_count++;
		add_attack(&r->victims[r->victim_count - 1], order[i]);
	}
	qsort(r->victims, r->victim_count, sizeof *r->victims, victim_by_packets);
	return 0;
}

static int count_tools_of(
	struct nr_report *r, struct nr_tally *tools, double variance[NR_TOOL_COUNT], struct nr_error *error)
{
	int e = nr_tally_sort(tools, error);
	const double weight = (double)(UINT64_C(1) << tools->level);
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tools, 0, 0}; !e && nr_tally_next(&walk, &sum);) {
		if (!nr_member_counts(nr_sum_member(&sum), tools->level))
			continue;
		r->tool_sources[nr_sum_group(&sum)] += UINT64_C(1) << tools->level;
		variance[nr_sum_group(&sum)] += weight * (weight - 1);
	}
	return e;
}

/* Where nothing was seen in a sample, nothing is known. */
static int count_tools(struct nr_report *r, struct nr_error *error)
{
	double variance[NR_TOOL_COUNT] = {0};
	int e = count_tools_of(r, &r->merged->tools, variance, error);
	if (!e)
		e = count_tools_of(r, &r->merged->suspected, variance, error);
	for (size_t t = 0; t < NR_TOOL_COUNT; t++) {
		const bool sampled =
			r->merged->tools.level || (t == NR_TOOL_ZMAP && r->merged->suspected.level);
		if (sampled)
			r->tool_sources_error[t] =
				r->tool_sources[t] ? sqrt(variance[t]) / (double)r->tool_sources[t] : 1;
	}
	return e;
}

static void count_masks(struct nr_report *r)
{
	const struct nr_merged *m = r->merged;
	for (unsigned mask = 0; mask < NR_COUNT(m->mask_sources); mask++)
		for (unsigned rest = m->mask_sources[mask] ? mask | NR_BIT(NR_CATEGORY_COUNT) : 0; rest;
			rest &= rest - 1)
			r->all[__builtin_ctz(rest)].sources += m->mask_sources[mask];
	r->sources6 = m->sources6;
}

static int count_sources(struct nr_report *r, struct nr_error *error)
{
	struct nr_merged *m = r->merged;
	NR_AUTO(nr_members_fini) struct nr_wides research = {0};
	int e = m->summed ? 0 : nr_merged_sort_members(m, nr_promise_members(r->conf), error);
	if (!e)
		e = nr_members_from(&research, &m->research, &(struct nr_slice){0, 0, 1},
			nr_telescope_mask_of_group, NULL, error);
	if (e)
		return e;
	nr_telescope_count_members(&research, m->research.level, r->research);
	if (m->summed) {
		count_masks(r);
		return 0;
	}
	nr_telescope_count_members(&m->members, m->members_level, r->all);
	struct nr_tally_sum sum;
	for (size_t at = 0; nr_members_next(&m->members, &at, &sum);)
		r->sources6 += (nr_members_member(&sum) & NR_MEMBER_IPV6 ? UINT64_C(1) : 0)
			       << m->members_level;
	return 0;
}

static int count_groups(struct nr_report *r, struct nr_error *error)
{
	bool any_research = nr_tally_count(&r->merged->research) != 0;
	NR_AUTO(nr_freep) struct group_sum *all = new_groups(error);
	NR_AUTO(nr_freep) struct group_sum *research = all && any_research ? new_groups(error) : NULL;
	if (!all || (any_research && !research))
		return -ENOMEM;
	struct summing summing = {all, r->merged, nr_crew_members(r->crew)};
	nr_crew_run(r->crew, sum_range, &summing);
	sum_usual(all, r->merged);
	count_packets(all, r->all);
	if (research) {
		sum_groups(research, &r->merged->research, 0, NR_GROUP_COUNT);
		count_packets(research, r->research);
	}
	return make_ports(r, all, research, error);
}

int nr_report_init(struct nr_report *r, const struct nr_telescope_run *run, struct nr_error *error)
{
	*r = (struct nr_report){.conf = run->conf, .loss = run->loss, .crew = run->crew};
	r->merged = ((struct nr_local *)run->locals[0])->merged;
	for (size_t i = 0; i < run->local_count; i++) {
		const struct nr_local *l = run->locals[i];
		r->packets += l->packets;
		r->bytes += l->bytes;
		r->late += l->late;
		r->packets6 += l->packets6;
		r->victims_untracked += l->victims.untracked;
		r->carpets_untracked += l->carpet_cells.untracked;
		r->mismatches += l->victims.mismatches;
		r->synack_scans += l->victims.scans;
	}
	r->carpets_untracked += r->merged->carpets.untracked;
	r->synack_scans += r->merged->carpets.scans;
	int e = nr_tally_sort(&r->merged->research, error);
	for (size_t i = 0; !e && i < NR_PARTS_MAX; i++)
		e = nr_tally_sort(&r->merged->parts[i], error);
	if (!e)
		e = count_sources(r, error);
	if (!e)
		e = count_groups(r, error);
	if (!e)
		e = count_tools(r, error);
	if (!e)
		e = make_scanners(r, error);
	if (!e)
		e = make_victims(r, error);
	if (e)
		nr_report_fini(r);
	return e;
}

void nr_report_fini(struct nr_report *r)
{
	free(r->ports);
	free(r->scanners);
	free(r->victims);
	r->ports = NULL;
	r->scanners = NULL;
	r->victims = NULL;
}

void nr_telescope_run_row(
	const struct nr_telescope_run *run, struct nr_run_row *ret_row, char dropped[static 512])
{
	size_t at = (size_t)snprintf(dropped, 512, "{");
	for (size_t i = 1; i < NR_DROP_COUNT; i++)
		if (run->loss->dropped[i])
			at += (size_t)snprintf(dropped + at, 512 - at, "%s\"%s\":%llu", at > 1 ? "," : "",
				nr_drop_names[i], (unsigned long long)run->loss->dropped[i]);
	snprintf(dropped + at, 512 - at, "}");
	ret_row->sensor = run->conf->sensor;
	ret_row->frames = run->loss->frames;
	ret_row->first = run->loss->first;
	ret_row->last = run->loss->last;
	ret_row->dropped = dropped;
	ret_row->dark = run->conf->refs->dark_addresses;
	for (size_t i = 0; i < run->local_count; i++) {
		const struct nr_local *l = run->locals[i];
		ret_row->packets += l->packets;
		ret_row->bytes += l->bytes;
		ret_row->late += l->late;
	}
}
