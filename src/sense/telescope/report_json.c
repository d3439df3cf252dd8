/* SPDX-License-Identifier: Apache-2.0 */
/* The stable JSON object of `noroshi telescope read --json`; documented in docs/guide/telescope.md. */
#include "sense/telescope/report.h"

#include <math.h>
#include <string.h>

static const char *protocol_name(uint8_t protocol)
{
	return protocol == NR_TCP ? "tcp" : protocol == NR_UDP ? "udp" : "icmp";
}

static void write_capture(const struct nr_report *r, struct nr_json *json)
{
	nr_json_object(json, "capture");
	nr_json_uint(json, "frames", r->loss->frames);
	nr_json_uint(json, "bytes", r->loss->frame_bytes);
	nr_json_time(json, "first", r->loss->first);
	nr_json_time(json, "last", r->loss->last);
	nr_json_uint(json, "untimed", r->loss->untimed);
	nr_json_object_end(json);
	nr_json_object(json, "dropped");
	for (size_t i = 1; i < NR_DROP_COUNT; i++)
		if (r->loss->dropped[i])
			nr_json_uint(json, nr_drop_names[i], r->loss->dropped[i]);
	nr_json_object_end(json);
	nr_json_uint(json, "late", r->late);
}

static void write_sources(const char *key, const struct nr_count *count, struct nr_json *json)
{
	nr_json_object(json, key);
	nr_json_uint(json, "count", count->sources);
	nr_json_bool(json, "exact", count->error <= 0);
	nr_json_real(json, "error", count->error);
	nr_json_object_end(json);
}

static void write_versions(const struct nr_report *r, struct nr_json *json)
{
	const uint64_t packets[] = {r->packets - r->packets6, r->packets6};
	const uint64_t sources[] = {r->all[NR_CATEGORY_COUNT].sources - r->sources6, r->sources6};
	static const char *const names[] = {"ipv4", "ipv6"};
	const uint8_t level = r->merged->summed ? 0 : r->merged->members_level;
	nr_json_object(json, "by_version");
	for (size_t i = 0; i < 2; i++) {
		nr_json_object(json, names[i]);
		nr_json_uint(json, "packets", packets[i]);
		nr_json_uint(json, "sources", sources[i]);
		nr_json_real(
			json, "sources_error", packets[i] ? nr_sample_error(sources[i] >> level, level) : 0);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_without_research(const struct nr_report *r, struct nr_json *json)
{
	const struct nr_count *all = &r->all[NR_CATEGORY_COUNT], *research = &r->research[NR_CATEGORY_COUNT];
	nr_json_object(json, "without_research");
	nr_json_uint(json, "packets", all->packets - research->packets);
	nr_json_uint(json, "bytes", all->bytes - research->bytes);
	nr_json_uint(json, "sources", all->sources - research->sources);
	nr_json_real(json, "sources_error", all->error);
	nr_json_uint(json, "scan_packets",
		r->all[NR_CATEGORY_SCAN].packets - r->research[NR_CATEGORY_SCAN].packets);
	nr_json_object_end(json);
}

static void write_categories(
	const struct nr_report *r, const char *key, size_t from, size_t to, struct nr_json *json)
{
	nr_json_object(json, key);
	for (size_t i = from; i < to; i++) {
		nr_json_object(json, nr_category_names[i]);
		nr_json_uint(json, "packets", r->all[i].packets);
		nr_json_uint(json, "bytes", r->all[i].bytes);
		nr_json_uint(json, "sources", r->all[i].sources);
		nr_json_real(json, "sources_error", r->all[i].packets ? r->all[i].error : 0);
		nr_json_uint(json, "packets_without_research", r->all[i].packets - r->research[i].packets);
		nr_json_uint(json, "sources_without_research", r->all[i].sources - r->research[i].sources);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_port(const struct nr_report *r, const struct nr_port_figure *p, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "protocol", protocol_name(p->protocol));
	nr_json_uint(json, "port", p->port);
	nr_json_uint(json, "packets", p->packets);
	nr_json_uint(json, "bytes", p->bytes);
	nr_json_uint(json, "sources", p->sources);
	nr_json_real(json, "sources_error", p->error);
	nr_json_uint(json, "packets_without_research", p->packets_without_research);
	nr_json_uint(json, "sources_without_research", p->sources_without_research);
	nr_json_text(json, "class", nr_port_class(&r->conf->refs->classes, p->protocol == NR_UDP, p->port));
	nr_json_object_end(json);
}

/* Ports are written by the crew, NR_PART_PORTS by each member at a time, and put out in their order. */
#define NR_PART_PORTS 512
struct port_parts {
	const struct nr_report *report;
	const struct nr_json *json;
	size_t at; /* the first port of this time */
	struct nr_json parts[NR_CREW_MAX];
};

static void write_part(void *context, unsigned member)
{
	struct port_parts *w = context;
	struct nr_json *part = &w->parts[member];
	const size_t from = w->at + (size_t)member * NR_PART_PORTS;
	nr_json_begin_part(part, w->json, member > 0);
	for (size_t i = from; i < NR_MIN(from + NR_PART_PORTS, w->report->port_count); i++)
		write_port(w->report, &w->report->ports[i], part);
}

static void write_ports(const struct nr_report *r, struct nr_json *json)
{
	const unsigned members = nr_crew_members(r->crew);
	struct port_parts w = {.report = r, .json = json};
	nr_json_array(json, "by_port");
	for (size_t i = 0; members == 1 && i < r->port_count; i++)
		write_port(r, &r->ports[i], json);
	for (; members > 1 && w.at < r->port_count; w.at += (size_t)members * NR_PART_PORTS) {
		nr_crew_run(r->crew, write_part, &w);
		for (unsigned i = 0; i < members; i++)
			nr_json_add_part(json, &w.parts[i]);
	}
	for (unsigned i = 0; i < members; i++)
		nr_json_fini(&w.parts[i]);
	nr_json_array_end(json);
}

static void write_scanners(const struct nr_report *r, struct nr_json *json)
{
	nr_json_array(json, "research_scanners");
	for (size_t i = 0; i < r->scanner_count; i++) {
		const struct nr_scanner_figure *s = &r->scanners[i];
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &s->best->address);
		nr_json_uint(json, "packets", s->packets);
		nr_json_uint(json, "ports", s->ports);
		nr_json_text(json, "rule", s->best->rule);
		nr_json_uint(json, "days", s->days);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

/* Relative standard error of a tool's packets; where nothing was seen in a sample, nothing is known. */
static double tool_error(const struct nr_tool_total *total)
{
	if (!total->sampled)
		return 0;
	return total->packets ? sqrt(total->variance) / (double)total->packets : 1;
}

static void write_tools(const struct nr_report *r, struct nr_json *json)
{
	nr_json_object(json, "tools");
	for (size_t t = 0; t < NR_TOOL_COUNT; t++) {
		const struct nr_tool_total *total = &r->merged->tool_totals[t];
		nr_json_object(json, nr_tool_names[t]);
		nr_json_uint(json, "packets", total->packets);
		nr_json_uint(json, "sources", r->tool_sources[t]);
		nr_json_bool(json, "exact", !total->sampled && r->tool_sources_error[t] <= 0);
		nr_json_real(json, "packets_error", tool_error(total));
		nr_json_real(json, "sources_error", r->tool_sources_error[t]);
		if (t == NR_TOOL_ZMAP)
			nr_json_uint(json, "source_days_4_1", total->zmap_new);
		if (t == NR_TOOL_MASSCAN)
			nr_json_uint(json, "source_days_2023_11", total->masscan_new);
		nr_json_object_end(json);
	}
	nr_json_object_end(json);
}

static void write_victims(const struct nr_report *r, struct nr_json *json)
{
	nr_json_array(json, "victims");
	for (size_t i = 0; i < r->victim_count; i++) {
		const struct nr_victim_figure *v = &r->victims[i];
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &v->address);
		nr_json_uint(json, "packets", v->packets);
		nr_json_time(json, "first", v->first);
		nr_json_time(json, "last", v->last);
		nr_json_uint(json, "peak_60s", v->peak);
		nr_json_array(json, "protocols");
		if (v->tcp)
			nr_json_text(json, NULL, "tcp");
		if (v->udp)
			nr_json_text(json, NULL, "udp");
		if (v->icmp)
			nr_json_text(json, NULL, "icmp");
		nr_json_array_end(json);
		nr_json_uint(json, "attacks", v->attacks);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_array(json, "short_bursts"); /* as large as an attack, but below its 60 s */
	for (size_t i = 0; i < r->merged->bursts.count; i++) {
		const struct nr_victim *v = &r->merged->bursts.items[i];
		nr_json_object(json, NULL);
		nr_json_address(json, "address", &v->address);
		nr_json_uint(json, "packets", v->packets);
		nr_json_time(json, "first", v->first);
		nr_json_time(json, "last", v->last);
		nr_json_uint(json, "peak_60s", v->peak);
		nr_json_text(json, "protocol", protocol_name(v->protocol));
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_carpets(const struct nr_report *r, struct nr_json *json)
{
	nr_json_array(
		json, "carpet_attacks"); /* spread over a network, in which no address is judged alone */
	for (size_t i = 0; i < r->merged->carpet_attacks.count; i++) {
		const struct nr_carpet *c = &r->merged->carpet_attacks.items[i];
		const struct nr_prefix network = nr_carpet_prefix(c);
		char prefix[NR_ADDRESS_TEXT];
		nr_json_object(json, NULL);
		nr_json_text(json, "prefix", nr_prefix_write(&network, prefix));
		nr_json_uint(json, "addresses", nr_carpet_addresses(c));
		nr_json_bool(json, "addresses_exact", c->length == NR_CARPET_LENGTH4);
		nr_json_uint(json, "packets", c->packets);
		nr_json_time(json, "first", c->first);
		nr_json_time(json, "last", c->last);
		nr_json_uint(json, "peak_60s", c->peak_packets);
		nr_json_text(json, "protocol", protocol_name(c->protocol));
		nr_json_uint(json, "target_port", c->target_port);
		nr_json_uint(json, "target_ports", nr_carpet_target_ports(c));
		nr_json_text(json, "rule", c->rank == NR_CARPET_LITERAL ? "literal" : "scaled");
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_campaigns(const struct nr_report *r, struct nr_json *json)
{
	nr_json_array(json, "campaigns");
	for (size_t i = 0; i < r->merged->campaigns.count; i++) {
		const struct nr_campaign *c = &r->merged->campaigns.items[i];
		nr_json_object(json, NULL);
		nr_json_time(json, "day", c->day);
		nr_json_text(json, "signature", c->signature);
		nr_json_uint(json, "sources", c->sources);
		nr_json_uint(json, "packets", c->packets);
		nr_json_uint(json, "port", c->port);
		nr_json_time(json, "first", c->first);
		nr_json_time(json, "last", c->last);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

static void write_findings(const struct nr_report *r, struct nr_json *json)
{
	nr_json_array(json, "findings");
	for (size_t i = 0; i < r->merged->findings.count; i++) {
		const struct nr_finding *f = &r->merged->findings.items[i].finding;
		nr_json_object(json, NULL);
		nr_json_text(json, "kind", f->kind);
		nr_json_address(json, "subject", &f->subject);
		nr_json_time(json, "first", f->first);
		nr_json_time(json, "last", f->last);
		nr_json_uint(json, "count", f->count);
		nr_json_real(json, "confidence", f->confidence);
		nr_json_text(json, "severity", nr_severity_name(f->severity));
		nr_json_text(json, "reason_en", f->reason_en);
		nr_json_text(json, "reason_ja", f->reason_ja);
		nr_json_raw(json, "evidence", f->evidence);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
}

/* What this run did not keep, because a limit was reached. All zero on ordinary input. */
static void write_limits(const struct nr_report *r, struct nr_json *json)
{
	const struct nr_merged *m = r->merged;
	nr_json_object(json, "limits");
	nr_json_uint(json, "packets_of_sources_not_judged", m->untracked);
	nr_json_uint(json, "one_source_counted_of",
		UINT64_C(1) << nr_merged_level(m)); /* 1: all; unique sources per port are exact */
	nr_json_uint(json, "packets_missing_of_busy_sources_at_most", m->heavy_error);
	nr_json_uint(json, "no_room_to_judge", m->no_room);
	nr_json_uint(json, "packets_of_victims_not_tracked", r->victims_untracked);
	nr_json_uint(json, "packets_of_carpets_not_tracked", r->carpets_untracked);
	nr_json_uint(json, "icmp_quote_mismatches", r->mismatches);
	nr_json_uint(json, "packets_of_syn_ack_scans", r->synack_scans);
	nr_json_uint(json, "not_listed",
		m->scanners.beyond + m->campaigns.beyond + m->floods.beyond + m->victims.beyond +
			m->carpet_attacks.beyond + m->bursts.beyond + m->findings.beyond);
	nr_json_object_end(json);
}

static void write_rules(const struct nr_report *r, struct nr_json *json)
{
	const struct nr_telescope_refs *refs = r->conf->refs;
	nr_json_object(json, "rules");
	nr_json_text(json, "research", r->conf->research);
	nr_json_text(json, "port_classes", refs->classes.version);
	nr_json_array(json, "lists");
	for (size_t i = 0; i < refs->lists.count; i++) {
		nr_json_object(json, NULL);
		nr_json_text(json, "name", refs->lists.lists[i].name);
		nr_json_uint(json, "version", refs->lists.lists[i].version);
		nr_json_uint(json, "entries", refs->lists.lists[i].entries);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_object_end(json);
}

void nr_report_write_json(const struct nr_report *r, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "noroshi", NR_VERSION);
	nr_json_text(json, "sensor", r->conf->sensor);
	nr_json_uint(json, "packets", r->packets);
	nr_json_uint(json, "bytes", r->bytes);
	nr_json_time(json, "first", r->loss->first);
	nr_json_time(json, "last", r->loss->last);
	write_capture(r, json);
	if (r->conf->refs->dark_addresses)
		nr_json_uint(json, "dark_addresses", r->conf->refs->dark_addresses);
	else
		nr_json_null(json, "dark_addresses");
	write_sources("sources", &r->all[NR_CATEGORY_COUNT], json);
	write_versions(r, json);
	write_without_research(r, json);
	write_ports(r, json);
	write_categories(r, "by_category", 0, NR_CATEGORY_PROTOCOLS, json);
	write_categories(r, "by_kind", NR_CATEGORY_SCAN, NR_CATEGORY_COUNT, json);
	write_scanners(r, json);
	write_tools(r, json);
	write_victims(r, json);
	write_carpets(r, json);
	write_campaigns(r, json);
	nr_ipv6_write_json(r->merged->ipv6, json);
	write_findings(r, json);
	write_limits(r, json);
	write_rules(r, json);
	nr_json_object_end(json);
}
