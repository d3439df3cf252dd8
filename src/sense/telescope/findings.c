/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings of the telescope, each with its reason in words and its evidence in numbers.
 */
#include "sense/telescope/merged.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Fills the owned texts, keeps the finding for the report and hands it to the sink. json is finished here. */
static int keep(const struct nr_telescope_conf *conf, struct nr_merged *m, struct nr_sink *sink,
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
	if (sink) {
		e = nr_sink_finding(sink, f, error);
		if (e)
			return e;
	}
	struct nr_kept_finding *k = nr_list_add(&m->findings);
	if (!k)
		return 0;
	k->reason_en = strdup(reason_en);
	k->reason_ja = strdup(reason_ja);
	k->evidence = strdup(json->bytes);
	if (!k->reason_en || !k->reason_ja || !k->evidence)
		return nr_fail(error, -ENOMEM, "out of memory for findings");
	k->finding = *f;
	k->finding.reason_en = k->reason_en;
	k->finding.reason_ja = k->reason_ja;
	k->finding.evidence = k->evidence;
	return 0;
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
	return keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
}

/* ---- own hosts ---- */

static const struct {
	const char *en, *ja;
	uint8_t severity;
} own_texts[NR_OWN_KIND_COUNT] = {
	[NR_OWN_INFECTED] = {"sent %" PRIu64 " scan packets into the dark range%s: probably infected",
		"ダークネットへ%" PRIu64 "個のスキャンパケットを送信%s。マルウェア感染の疑い",
		NR_SEVERITY_HIGH},
	[NR_OWN_ATTACKED] =
		{"sent %" PRIu64
		 " answers into the dark range%s: probably attacked with forged addresses, not infected",
			"ダークネットへ%" PRIu64
			"個の応答パケットを送信%s。送信元詐称によるDDoS攻撃の被害の疑い（感染ではない）",
			NR_SEVERITY_MEDIUM},
	[NR_OWN_MISCONFIGURED] = {"sent %" PRIu64
				  " packets of a known misconfiguration into the dark range%s",
		"ダークネットへ設定不備とみられるパケットを%" PRIu64 "個送信%s", NR_SEVERITY_LOW},
};

/* One packet is evidence, but can be forged; repetition and one stable distance make that unlikely. */
static double own_confidence(const struct nr_own_host *h)
{
	bool stable = h->ttl_max - h->ttl_min <= 2;
	if (h->packets == 1)
		return 0.5;
	return h->packets < 10 ? (stable ? 0.7 : 0.6) : (stable ? 0.9 : 0.7);
}

static int by_port_packets(const void *a, const void *b)
{
	const __typeof__(((struct nr_own_host *)0)->ports[0]) *x = a, *y = b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return x->port - y->port;
}

static void write_own(const struct nr_own_host *h, struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_uint(json, "packets", h->packets);
	nr_json_array(json, h->kind == NR_OWN_ATTACKED ? "source_ports" : "destination_ports");
	for (size_t i = 0; i < h->port_count; i++) {
		nr_json_object(json, NULL);
		nr_json_uint(json, "protocol", h->ports[i].protocol);
		nr_json_uint(json, "port", h->ports[i].port);
		nr_json_uint(json, "packets", h->ports[i].packets);
		nr_json_object_end(json);
	}
	nr_json_array_end(json);
	nr_json_bool(json, "more_ports", h->port_count == NR_OWN_PORTS);
	nr_json_uint(json, "ttl_min", h->ttl_min);
	nr_json_uint(json, "ttl_max", h->ttl_max);
	nr_json_object(json, "sample");
	nr_json_time(json, "time", h->sample.time);
	nr_json_address(json, "destination", &h->sample.destination);
	nr_json_uint(json, "protocol", h->sample.protocol);
	if (h->sample.marks & NR_MARK_PORTS) {
		nr_json_uint(json, "source_port", h->sample.source_port);
		nr_json_uint(json, "destination_port", h->sample.destination_port);
	}
	nr_json_uint(json, "tcp_flags", h->sample.flags);
	nr_json_uint(json, "ttl", h->sample.ttl);
	nr_json_bool(json, "mirai",
		nr_is_syn(&h->sample) && h->sample.kind == NR_PACKET_IPV4 &&
			h->sample.sequence == nr_address_ipv4(&h->sample.destination));
	nr_json_object_end(json);
	nr_json_object_end(json);
}

static int keep_own(const struct nr_day_end *end, struct nr_own_host *h, struct nr_error *error)
{
	char ports_en[48] = "", ports_ja[64] = "", en[256], ja[384];
	qsort(h->ports, h->port_count, sizeof h->ports[0], by_port_packets);
	if (h->port_count) {
		const char *protocol = h->ports[0].protocol == NR_TCP   ? "TCP"
				       : h->ports[0].protocol == NR_UDP ? "UDP"
									: "ICMP";
		snprintf(ports_en, sizeof ports_en, ", most %s %u/%s",
			h->kind == NR_OWN_ATTACKED ? "from" : "to", h->ports[0].port, protocol);
		snprintf(ports_ja, sizeof ports_ja, "（主に%u/%s）", h->ports[0].port, protocol);
	}
	snprintf(en, sizeof en, own_texts[h->kind].en, h->packets, ports_en);
	snprintf(ja, sizeof ja, own_texts[h->kind].ja, h->packets, ports_ja);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	write_own(h, &json);
	struct nr_finding f = {
		.kind = nr_own_kind_names[h->kind],
		.subject = h->address,
		.first = h->first,
		.last = h->last,
		.count = h->packets,
		.confidence = own_confidence(h),
		.severity = own_texts[h->kind].severity,
	};
	return keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
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
	return keep(end->conf, end->merged, end->sink, &f, en, ja, &json, error);
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

static double rate_of(const struct nr_telescope_conf *conf, const struct nr_victim *v)
{
	uint64_t n = conf->refs->dark_addresses;
	return n && nr_address_is_ipv4(&v->address) ? (double)v->peak / 60 * 4294967296.0 / (double)n : 0;
}

static int emit_victim(const struct nr_telescope_conf *conf, const struct nr_victim *v, struct nr_sink *sink,
	struct nr_error *error)
{
	struct nr_place place;
	nr_origin_find(&conf->refs->origin, &v->address, &place);
	struct nr_victim_row row = {
		.sensor = conf->sensor,
		.first = v->first,
		.address = v->address,
		.protocol = v->protocol,
		.last = v->last,
		.packets = v->packets,
		.bytes = v->bytes,
		.peak_60s = v->peak,
		.targets = nr_linear_count(v->targets),
		.attack_ports = nr_linear_count(v->attack_ports),
		.target_ports = nr_linear_count(v->target_ports),
		.target_port = v->first_target_port,
		.rate = rate_of(conf, v),
		.country = place.country,
		.asn = place.asn,
		.as_name = place.as_name,
	};
	return sink->rows(sink, &nr_victim_table, &row, 1, error);
}

static int keep_victim(const struct nr_telescope_conf *conf, struct nr_merged *m, const struct nr_victim *v,
	struct nr_sink *sink, struct nr_error *error)
{
	const char *protocol = v->protocol == NR_TCP ? "TCP" : v->protocol == NR_UDP ? "UDP" : "ICMP";
	double seconds = (double)(v->last - v->first) / NR_SECOND;
	char en[256], ja[320];
	snprintf(en, sizeof en,
		"%" PRIu64 " answers of an attacked host (%s) over %.0f s, at most %" PRIu64 " in 60 s",
		v->packets, protocol, seconds, v->peak);
	snprintf(ja, sizeof ja,
		"DDoS攻撃を受けたホストからの応答（%s）を%.0f秒間に%" PRIu64 "個観測（60秒間の最大は%" PRIu64
		"個）",
		protocol, seconds, v->packets, v->peak);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "rule",
		"25 packets, 60 s, 30 packets in a 60 s window slid by 10 s (Moore et al.; corsaro)");
	nr_json_uint(&json, "packets", v->packets);
	nr_json_real(&json, "seconds", seconds);
	nr_json_uint(&json, "peak_60s", v->peak);
	nr_json_text(&json, "protocol", protocol);
	nr_json_uint(&json, "target_port", v->first_target_port);
	nr_json_uint(&json, "dark_addresses_seen", nr_linear_count(v->targets));
	if (rate_of(conf, v) > 0) {
		nr_json_real(&json, "estimated_packets_per_second", rate_of(conf, v));
		nr_json_text(&json, "assumption", "forged sources are uniform over IPv4");
	}
	nr_json_object_end(&json);
	struct nr_finding f = {
		.kind = "ddos-victim",
		.subject = v->address,
		.first = v->first,
		.last = v->last,
		.count = v->packets,
		.confidence = 0.9,
		.severity = NR_SEVERITY_MEDIUM,
	};
	return keep(conf, m, sink, &f, en, ja, &json, error);
}

int nr_findings_of_victims(const struct nr_telescope_conf *conf, struct nr_merged *m, size_t first,
	struct nr_sink *sink, struct nr_error *error)
{
	for (size_t i = first; i < m->victims.count; i++) {
		int e = sink ? emit_victim(conf, &m->victims.items[i], sink, error) : 0;
		if (!e)
			e = keep_victim(conf, m, &m->victims.items[i], sink, error);
		if (e)
			return e;
	}
	return 0;
}
