/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the telescope, each with its reason in words and its evidence in numbers.
 */
#include "sense/telescope/alarm.h"
#include "sense/telescope/judged.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The report's own copy. */
static int keep_for_report(struct nr_merged *m, const struct nr_finding *f, struct nr_error *error)
{
	struct nr_kept_finding *k = nr_kept_add(&m->findings);
	if (!k)
		return 0;
	k->reason_en = strdup(f->reason_en);
	k->reason_ja = strdup(f->reason_ja);
	k->evidence = strdup(f->evidence);
	if (!k->reason_en || !k->reason_ja || !k->evidence)
		return nr_fail(error, -ENOMEM, "out of memory for findings");
	k->finding = *f;
	k->finding.reason_en = k->reason_en;
	k->finding.reason_ja = k->reason_ja;
	k->finding.evidence = k->evidence;
	return 0;
}

int nr_findings_keep(const struct nr_telescope_conf *conf, struct nr_merged *m, struct nr_sink *sink,
	struct nr_finding *f, const char *reason_en, const char *reason_ja, struct nr_json *json,
	struct nr_error *error)
{
	int e = nr_json_finish(json, error);
	if (e)
		return e;
	f->sensor = conf->sensor;
	f->sense = "telescope";
	f->reason_en = reason_en;
	f->reason_ja = reason_ja;
	f->evidence = json->bytes;
	if (sink)
		e = nr_sink_finding(sink, f, error);
	return e || conf->refs->endless ? e : keep_for_report(m, f, error);
}

/* ---- research scanners ---- */

static int keep_scanner(
	const struct nr_day_end *end, const struct nr_research_scanner *s, struct nr_error *error)
{
	char en[256], ja[320];
	uint64_t n = end->conf->refs->dark_addresses;
	snprintf(en, sizeof en, "%" PRIu64 " scan packets to %u ports in one UTC day (rule: %s)",
		s->scan_packets, s->ports, s->rule);
	snprintf(ja, sizeof ja, "1日（UTC）に%uポートへ%" PRIu64 "パケットのスキャン（規則: %s）", s->ports,
		s->scan_packets, s->rule);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "rule", s->rule);
	nr_json_uint(&json, "scan_packets", s->scan_packets);
	nr_json_uint(&json, "ports", s->ports);
	nr_json_uint(&json, "dark_addresses", n);
	if (s->list_version)
		nr_json_uint(&json, "list_version", s->list_version);
	nr_json_object_end(&json);
	struct nr_finding f = {
		.kind = "research-scanner",
		.subject = s->address,
		.first = s->first,
		.last = s->last,
		.count = s->packets,
		.confidence = !strncmp(s->rule, "list:", 5) ? 0.9 : 0.95,
		.severity = NR_SEVERITY_INFO,
	};
	return nr_findings_keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
}

/* ---- own hosts and victims (judged.c) ---- */

static int keep_judged(
	struct nr_merged *m, struct nr_sink *sink, const struct nr_finding *finding, struct nr_error *error)
{
	int e = sink ? nr_sink_finding(sink, finding, error) : 0;
	return e ? e : keep_for_report(m, finding, error);
}

static int keep_own(const struct nr_day_end *end, const struct nr_own_host *h, struct nr_error *error)
{
	NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
	const bool open = end->day->start + NR_DAY - h->last < NR_ALARM_SILENCE;
	const struct nr_alert told = {NR_CHANGE_FIGURES, open, h->told, h->told_classes};
	int e = nr_judge_own(end->conf, h, h->told ? &told : NULL, &judged, error);
	return e ? e : keep_judged(end->merged, end->sink, &judged.finding, error);
}

static int by_host(const void *a, const void *b)
{
	const struct nr_own_host *x = *(struct nr_own_host *const *)a, *y = *(struct nr_own_host *const *)b;
	int c = memcmp(&x->address, &y->address, sizeof x->address);
	return c ? c : x->kind - y->kind;
}

static int keep_own_hosts(const struct nr_day_end *end, struct nr_error *error)
{
	size_t count = 0;
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		count += day ? day->own.used : 0;
		end->merged->no_room += day ? day->own.beyond : 0;
	}
	if (!count)
		return 0;
	NR_AUTO(nr_freep) struct nr_own_host **hosts = calloc(count, sizeof *hosts);
	if (!hosts)
		return nr_fail(error, -ENOMEM, "out of memory for %zu own hosts", count);
	size_t n = 0;
	for (size_t i = 0; i < end->local_count; i++) {
		struct nr_day *day = nr_day_of(end, i);
		for (size_t k = 0; day && k < day->own.capacity; k++)
			if (day->own.slots[k].packets)
				hosts[n++] = &day->own.slots[k];
	}
	qsort(hosts, n, sizeof *hosts, by_host); /* the same order for any number of workers */
	for (size_t i = 0; i < n; i++) {
		int e = keep_own(end, hosts[i], error);
		if (e)
			return e;
	}
	return 0;
}

/* ---- floods ---- */

static int keep_flood(const struct nr_day_end *end, const struct nr_flood *flood, struct nr_error *error)
{
	char en[256], ja[320];
	snprintf(en, sizeof en,
		"%" PRIu64 " sources sent one equal SYN each to %u/TCP (window %u, TTL %u), from the whole "
		"address space: "
		"forged, not scanners",
		flood->sources, flood->port, flood->window, flood->ttl);
	snprintf(ja, sizeof ja,
		"%" PRIu64 "個の送信元から%u/TCPへ同一形式のSYNが1個ずつ（ウィンドウ%u、TTL "
		"%u）。アドレス空間全体に分布し、"
		"送信元詐称とみられる",
		flood->sources, flood->port, flood->window, flood->ttl);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "sources", flood->sources);
	nr_json_uint(&json, "port", flood->port);
	nr_json_uint(&json, "window", flood->window);
	nr_json_uint(&json, "ttl", flood->ttl);
	nr_json_real(&json, "first_octet_entropy_bits", flood->entropy);
	nr_json_object_end(&json);
	struct nr_finding f = {
		.kind = "spoofed-flood",
		.subject = flood->example,
		.first = flood->first,
		.last = flood->last,
		.count = flood->sources,
		.confidence = 0.9,
		.severity = NR_SEVERITY_LOW,
	};
	return nr_findings_keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
}

int nr_findings_of_day(
	const struct nr_day_end *end, size_t scanner_first, size_t flood_first, struct nr_error *error)
{
	int e = keep_own_hosts(end, error);
	for (size_t i = scanner_first; !e && i < end->merged->scanners.count; i++)
		e = keep_scanner(end, &end->merged->scanners.items[i], error);
	for (size_t i = flood_first; !e && i < end->merged->floods.count; i++)
		e = keep_flood(end, &end->merged->floods.items[i], error);
	return e;
}

/* ---- victims ---- */

static int keep_victim(const struct nr_telescope_conf *conf, struct nr_merged *m, const struct nr_victim *v,
	struct nr_sink *sink, struct nr_error *error)
{
	NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
	const struct nr_alert told = {NR_CHANGE_FIGURES, false, v->told, 0};
	int e = nr_judge_victim(conf, v, v->told ? &told : NULL, &judged, error);
	return e ? e : keep_judged(m, sink, &judged.finding, error);
}

int nr_findings_of_victims(const struct nr_telescope_conf *conf, struct nr_merged *m, size_t first,
	struct nr_sink *sink, struct nr_error *error)
{
	for (size_t i = first; i < m->victims.count; i++) {
		int e = sink ? nr_victim_emit(conf, &m->victims.items[i], sink, error) : 0;
		if (!e)
			e = keep_victim(conf, m, &m->victims.items[i], sink, error);
		if (e)
			return e;
	}
	return 0;
}

int nr_findings_of_carpets(const struct nr_telescope_conf *conf, struct nr_merged *m, size_t first,
	struct nr_sink *sink, struct nr_error *error)
{
	int e = 0;
	for (size_t i = first; !e && i < m->carpet_attacks.count; i++) {
		NR_AUTO(nr_judged_fini) struct nr_judged judged = {0};
		const struct nr_carpet *c = &m->carpet_attacks.items[i];
		const struct nr_alert told = {NR_CHANGE_FIGURES, false, c->told, 0};
		e = sink ? nr_carpet_emit(conf, c, sink, error) : 0;
		if (!e)
			e = nr_judge_carpet(conf, c, c->told ? &told : NULL, &judged, error);
		if (!e)
			e = keep_judged(m, sink, &judged.finding, error);
	}
	return e;
}
