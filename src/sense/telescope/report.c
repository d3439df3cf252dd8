/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/report.h"

#include <errno.h>
#include <string.h>

/* ---- figures ---- */

static int by_packets(const void *a, const void *b)
{
	const struct nr_port_figure *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return x->protocol != y->protocol ? x->protocol - y->protocol : x->port - y->port;
}

static void count_ports(const struct nr_tally *tally, struct nr_port_figure *ports, bool research)
{
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0}; nr_tally_next(&walk, &sum);) {
		uint32_t group = nr_sum_group(&sum);
		if (group >= NR_GROUP_OTHER)
			break;
		struct nr_port_figure *p = &ports[group];
		p->packets += research ? 0 : sum.packets;
		p->bytes += research ? 0 : sum.bytes;
		if (!nr_member_counts(nr_sum_member(&sum), tally->level))
			continue;
		p->sources += research ? 0 : UINT64_C(1) << tally->level;
		p->sources_without_research += (research ? (uint64_t)-1 : 1) << tally->level;
	}
}

static int make_ports(struct nr_report *r, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_port_figure *ports = calloc(NR_GROUP_OTHER, sizeof *ports);
	if (!ports)
		return nr_fail(error, -ENOMEM, "out of memory for the report");
	count_ports(&r->merged->tally, ports, false);
	count_ports(&r->merged->research, ports, true);
	size_t n = 0;
	for (uint32_t group = 0; group < NR_GROUP_OTHER; group++) {
		if (!ports[group].packets)
			continue;
		struct nr_port_figure p = ports[group];
		p.protocol = group >= NR_GROUP_UDP ? NR_UDP : NR_TCP;
		p.port = (uint16_t)group;
		p.packets_without_research = p.packets - r->merged->research_packets[group];
		ports[n++] = p;
	}
	qsort(ports, n, sizeof *ports, by_packets);
	r->port_count = n;
	r->ports = nr_steal(&ports);
	return 0;
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

static int count_tools(struct nr_report *r, struct nr_error *error)
{
	int e = nr_tally_sort(&r->merged->tools, error);
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {&r->merged->tools, 0, 0}; !e && nr_tally_next(&walk, &sum);)
		r->tool_sources[nr_sum_group(&sum)]++;
	return e;
}

static int count_categories(struct nr_report *r, struct nr_error *error)
{
	struct nr_merged *m = r->merged;
	NR_AUTO(nr_members_fini) struct nr_wides research = {0};
	int e = nr_merged_sort_members(m, NR_TALLY_LIMIT(r->conf->memory_bytes) / 2, error);
	if (!e)
		e = nr_members_from(&research, &m->research, nr_telescope_mask_of_group, NULL, error);
	if (e)
		return e;
	nr_telescope_count(&m->tally, &m->members, m->members_level, r->all);
	struct nr_tally_sum sum;
	for (size_t at = 0; nr_members_next(&m->members, &at, &sum);)
		r->sources6 += (nr_members_member(&sum) & NR_MEMBER_IPV6 ? UINT64_C(1) : 0)
			       << m->members_level;
	nr_telescope_count(&m->research, &research, m->research.level, r->research);
	return 0;
}

int nr_report_init(struct nr_report *r, const struct nr_telescope_run *run, struct nr_error *error)
{
	*r = (struct nr_report){.conf = run->conf, .loss = run->loss};
	r->merged = ((struct nr_local *)run->locals[0])->merged;
	for (size_t i = 0; i < run->local_count; i++) {
		const struct nr_local *l = run->locals[i];
		r->packets += l->packets;
		r->bytes += l->bytes;
		r->late += l->late;
		r->packets6 += l->packets6;
		r->victims_untracked += l->victims.untracked;
		r->mismatches += l->victims.mismatches;
	}
	int e = nr_tally_sort(&r->merged->tally, error);
	if (!e)
		e = nr_tally_sort(&r->merged->research, error);
	if (!e)
		e = count_categories(r, error);
	if (!e)
		e = count_tools(r, error);
	if (!e)
		e = make_ports(r, error);
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
