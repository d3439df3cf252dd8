/* SPDX-License-Identifier: Apache-2.0 */
/* The same report for people: the situation in a sentence, then short tables. */
#include "sense/telescope/report.h"

#include <inttypes.h>
#include <string.h>

#define NR_TEXT_ROWS 10

static const char *group_digits(uint64_t n, char text[static 32])
{
	char digits[24];
	int length = snprintf(digits, sizeof digits, "%" PRIu64, n), at = 0;
	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = 0;
	return text;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void write_situation(const struct nr_report *r, FILE *out)
{
	char a[32], b[32], first[NR_TIME_TEXT], last[NR_TIME_TEXT];
	fprintf(out, "%s packets from %s sources", group_digits(r->packets, a),
		group_digits(r->all[NR_CATEGORY_COUNT].sources, b));
	if (r->loss->first <= r->loss->last)
		fprintf(out, ", %s to %s", nr_time_write(r->loss->first, first),
			nr_time_write(r->loss->last, last));
	fprintf(out, "\n");
	const struct nr_count *scan = &r->all[NR_CATEGORY_SCAN];
	fprintf(out, "%.1f %% scans, %.1f %% backscatter; research scanners send %.1f %% of the scans\n",
		share(scan->packets, r->packets), share(r->all[NR_CATEGORY_BACKSCATTER].packets, r->packets),
		share(r->research[NR_CATEGORY_SCAN].packets, scan->packets));
}

static void write_ports(const struct nr_report *r, FILE *out)
{
	if (!r->port_count)
		return;
	fprintf(out, "\n%-12s %-13s %14s %7s %12s %18s\n", "PORT", "CLASS", "PACKETS", "SHARE", "SOURCES",
		"WITHOUT RESEARCH");
	for (size_t i = 0; i < NR_MIN(r->port_count, (size_t)NR_TEXT_ROWS); i++) {
		const struct nr_port_figure *p = &r->ports[i];
		char port[16], a[32], b[32], c[32];
		snprintf(port, sizeof port, "%u/%s", p->port, p->protocol == NR_TCP ? "tcp" : "udp");
		fprintf(out, "%-12s %-13s %14s %6.1f%% %12s %18s\n", port,
			nr_port_class(&r->conf->refs->classes, p->protocol == NR_UDP, p->port),
			group_digits(p->packets, a), share(p->packets, r->all[NR_CATEGORY_SCAN].packets),
			group_digits(p->sources, b), group_digits(p->packets_without_research, c));
	}
	if (r->port_count > NR_TEXT_ROWS)
		fprintf(out, "and %zu more ports\n", r->port_count - NR_TEXT_ROWS);
}

static void write_tools(const struct nr_report *r, FILE *out)
{
	fprintf(out, "\n%-12s %14s %12s\n", "TOOL", "PACKETS", "SOURCES");
	for (size_t t = 0; t < NR_TOOL_COUNT; t++) {
		char a[32], b[32];
		fprintf(out, "%-12s %14s %12s%s\n", nr_tool_names[t],
			group_digits(r->merged->tool_totals[t].packets, a),
			group_digits(r->tool_sources[t], b),
			r->merged->tool_totals[t].sampled ? "  estimates" : "");
	}
}

static void write_scanners(const struct nr_report *r, FILE *out)
{
	if (!r->scanner_count)
		return;
	fprintf(out, "\n%-40s %14s %7s  %s\n", "RESEARCH SCANNER", "PACKETS", "PORTS", "RULE");
	for (size_t i = 0; i < NR_MIN(r->scanner_count, (size_t)NR_TEXT_ROWS); i++) {
		const struct nr_scanner_figure *s = &r->scanners[i];
		char address[NR_ADDRESS_TEXT], a[32];
		fprintf(out, "%-40s %14s %7u  %s\n", nr_address_write(&s->best->address, address),
			group_digits(s->packets, a), s->ports, s->best->rule);
	}
	if (r->scanner_count > NR_TEXT_ROWS)
		fprintf(out, "and %zu more\n", r->scanner_count - NR_TEXT_ROWS);
}

static void write_victims(const struct nr_report *r, FILE *out)
{
	if (!r->victim_count)
		return;
	fprintf(out, "\n%-40s %12s %9s  %s\n", "DDOS VICTIM", "PACKETS", "PEAK/60S", "FIRST");
	for (size_t i = 0; i < NR_MIN(r->victim_count, (size_t)NR_TEXT_ROWS); i++) {
		const struct nr_victim_figure *v = &r->victims[i];
		char address[NR_ADDRESS_TEXT], first[NR_TIME_TEXT], a[32], b[32];
		fprintf(out, "%-40s %12s %9s  %s\n", nr_address_write(&v->address, address),
			group_digits(v->packets, a), group_digits(v->peak, b),
			nr_time_write(v->first, first));
	}
	if (r->victim_count > NR_TEXT_ROWS)
		fprintf(out, "and %zu more\n", r->victim_count - NR_TEXT_ROWS);
}

static bool is_in_tables(const struct nr_finding *f)
{
	return !strcmp(f->kind, "research-scanner") || !strcmp(f->kind, "ddos-victim");
}

static void write_findings(const struct nr_report *r, FILE *out)
{
	size_t shown = 0;
	for (size_t i = 0; i < r->merged->findings.count && shown < NR_TEXT_ROWS; i++) {
		const struct nr_finding *f = &r->merged->findings.items[i].finding;
		char address[NR_ADDRESS_TEXT];
		if (is_in_tables(f))
			continue;
		if (!shown++)
			fprintf(out, "\nFINDINGS\n");
		fprintf(out, "%-20s %-18s %s\n", f->kind, nr_address_write(&f->subject, address),
			f->reason_en);
	}
	fprintf(out, "\n%zu findings in all; --json shows each with its evidence\n",
		r->merged->findings.count);
}

static void write_loss(const struct nr_report *r, FILE *out)
{
	uint64_t dropped = 0;
	for (size_t i = 1; i < NR_DROP_COUNT; i++)
		dropped += r->loss->dropped[i];
	if (!dropped && !r->late)
		return;
	fprintf(out, "\nNot analysed:");
	for (size_t i = 1; i < NR_DROP_COUNT; i++)
		if (r->loss->dropped[i])
			fprintf(out, " %s %" PRIu64, nr_drop_names[i], r->loss->dropped[i]);
	if (r->late)
		fprintf(out, "; %" PRIu64 " packets came late and count in the oldest open interval",
			r->late);
	fprintf(out, "\n");
}

void nr_report_write_text(const struct nr_report *r, FILE *out)
{
	write_situation(r, out);
	write_ports(r, out);
	write_tools(r, out);
	write_scanners(r, out);
	write_victims(r, out);
	write_findings(r, out);
	write_loss(r, out);
}
