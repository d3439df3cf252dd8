/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/judged.h"

#include <inttypes.h>
#include <string.h>

static const char *protocol_name(uint8_t protocol)
{
	return protocol == NR_TCP ? "TCP" : protocol == NR_UDP ? "UDP" : "ICMP";
}

static void write_alert(
	const struct nr_telescope_conf *conf, const struct nr_alert *alert, struct nr_json *json)
{
	static const char *const changes[] = {
		[NR_CHANGE_NEW] = "new",
		[NR_CHANGE_PORT_CLASS] = "port-class",
		[NR_CHANGE_AGAIN] = "again",
		[NR_CHANGE_CLOSED] = "closed",
		[NR_CHANGE_FIGURES] = "figures",
	};
	nr_json_object(json, "alert");
	nr_json_text(json, "state", alert->open ? "open" : "closed");
	nr_json_text(json, "change", changes[alert->change]);
	nr_json_time(json, "notified", alert->notified);
	nr_json_array(json, "port_classes");
	for (unsigned rest = alert->classes; rest; rest &= rest - 1)
		nr_json_text(json, NULL, conf->refs->classes.names[__builtin_ctz(rest)]);
	nr_json_array_end(json);
	nr_json_object_end(json);
}

static int finish(const struct nr_telescope_conf *conf, struct nr_judged *judged, struct nr_error *error)
{
	struct nr_finding *f = &judged->finding;
	f->sensor = conf->sensor;
	f->sense = "telescope";
	f->reason_en = judged->reason_en;
	f->reason_ja = judged->reason_ja;
	int e = nr_json_finish(&judged->evidence, error);
	f->evidence = e ? NULL : judged->evidence.bytes;
	return e;
}

void nr_judged_fini(struct nr_judged *judged)
{
	nr_json_fini(&judged->evidence);
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

/* A finding leaves the house: which dark address was hit stays within it. What is left is the /16 or the /32.
 */
static void write_masked(struct nr_json *json, const char *key, const struct nr_address *address)
{
	bool ipv4 = nr_address_is_ipv4(address);
	struct nr_prefix network = {*address, ipv4 ? 96 + 16 : 32};
	memset(network.address.octets + network.length / 8, 0, 16 - network.length / 8);
	char text[NR_ADDRESS_TEXT];
	nr_json_text(json, key, nr_prefix_write(&network, text));
}

static void write_own(const struct nr_own_host *h, struct nr_json *json)
{
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
	write_masked(json, "destination", &h->sample.destination);
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
}

static void say_own(const struct nr_own_host *h, struct nr_judged *ret)
{
	char ports_en[48] = "", ports_ja[64] = "";
	if (h->port_count) {
		const char *protocol = protocol_name(h->ports[0].protocol);
		snprintf(ports_en, sizeof ports_en, ", most %s %u/%s",
			h->kind == NR_OWN_ATTACKED ? "from" : "to", h->ports[0].port, protocol);
		snprintf(ports_ja, sizeof ports_ja, "（主に%u/%s）", h->ports[0].port, protocol);
	}
	snprintf(ret->reason_en, sizeof ret->reason_en, own_texts[h->kind].en, h->packets, ports_en);
	snprintf(ret->reason_ja, sizeof ret->reason_ja, own_texts[h->kind].ja, h->packets, ports_ja);
}

int nr_judge_own(const struct nr_telescope_conf *conf, const struct nr_own_host *host,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error)
{
	struct nr_own_host h = *host;
	qsort(h.ports, h.port_count, sizeof h.ports[0], by_port_packets);
	say_own(&h, ret);
	nr_json_init(&ret->evidence);
	nr_json_object(&ret->evidence, NULL);
	write_own(&h, &ret->evidence);
	if (alert)
		write_alert(conf, alert, &ret->evidence);
	nr_json_object_end(&ret->evidence);
	ret->finding = (struct nr_finding){
		.kind = nr_own_kind_names[h.kind],
		.subject = h.address,
		.first = h.first,
		.last = h.last,
		.count = h.packets,
		.confidence = own_confidence(&h),
		.severity = own_texts[h.kind].severity,
	};
	return finish(conf, ret, error);
}

/* ---- victims ---- */

static double rate_of(const struct nr_telescope_conf *conf, const struct nr_address *address, uint64_t peak)
{
	uint64_t n = conf->refs->dark_addresses;
	return n && nr_address_is_ipv4(address) ? (double)peak / 60 * 4294967296.0 / (double)n : 0;
}

int nr_victim_emit(const struct nr_telescope_conf *conf, const struct nr_victim *v, struct nr_sink *sink,
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
		.rate = rate_of(conf, &v->address, v->peak),
		.country = place.country,
		.asn = place.asn,
		.as_name = place.as_name,
		.prefix_length = nr_address_is_ipv4(&v->address) ? 32 : 128,
		.addresses = 1,
	};
	return sink->rows(sink, &nr_victim_table, &row, 1, error);
}

static void say_victim(const struct nr_victim *v, struct nr_judged *ret)
{
	const char *protocol = protocol_name(v->protocol);
	double seconds = (double)(v->last - v->first) / NR_SECOND;
	snprintf(ret->reason_en, sizeof ret->reason_en,
		"%" PRIu64 " answers of an attacked host (%s) over %.0f s, at most %" PRIu64 " in 60 s",
		v->packets, protocol, seconds, v->peak);
	snprintf(ret->reason_ja, sizeof ret->reason_ja,
		"DDoS攻撃を受けたホストからの応答（%s）を%.0f秒間に%" PRIu64 "個観測（60秒間の最大は%" PRIu64
		"個）",
		protocol, seconds, v->packets, v->peak);
}

static void write_rate(double rate, struct nr_json *json)
{
	if (rate <= 0)
		return;
	nr_json_real(json, "estimated_packets_per_second", rate);
	nr_json_text(json, "assumption", "forged sources are uniform over IPv4");
}

static void write_victim(
	const struct nr_telescope_conf *conf, const struct nr_victim *v, struct nr_json *json)
{
	nr_json_text(json, "rule",
		"25 packets, 60 s, 30 packets in a 60 s window slid by 10 s (Moore et al.; corsaro)");
	nr_json_uint(json, "packets", v->packets);
	nr_json_real(json, "seconds", (double)(v->last - v->first) / NR_SECOND);
	nr_json_uint(json, "peak_60s", v->peak);
	nr_json_text(json, "protocol", protocol_name(v->protocol));
	nr_json_uint(json, "target_port", v->first_target_port);
	nr_json_uint(json, "dark_addresses_seen", nr_linear_count(v->targets));
	write_rate(rate_of(conf, &v->address, v->peak), json);
}

int nr_judge_victim(const struct nr_telescope_conf *conf, const struct nr_victim *victim,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error)
{
	say_victim(victim, ret);
	nr_json_init(&ret->evidence);
	nr_json_object(&ret->evidence, NULL);
	write_victim(conf, victim, &ret->evidence);
	if (alert)
		write_alert(conf, alert, &ret->evidence);
	nr_json_object_end(&ret->evidence);
	ret->finding = (struct nr_finding){
		.kind = "ddos-victim",
		.subject = victim->address,
		.first = victim->first,
		.last = victim->last,
		.count = victim->packets,
		.confidence = 0.9,
		.severity = NR_SEVERITY_MEDIUM,
	};
	return finish(conf, ret, error);
}

/* ---- carpets ---- */

int nr_carpet_emit(const struct nr_telescope_conf *conf, const struct nr_carpet *c, struct nr_sink *sink,
	struct nr_error *error)
{
	struct nr_place place;
	const struct nr_prefix prefix = nr_carpet_prefix(c);
	nr_origin_find(&conf->refs->origin, &prefix.address, &place);
	struct nr_victim_row row = {
		.sensor = conf->sensor,
		.first = c->first,
		.address = prefix.address,
		.protocol = c->protocol,
		.prefix_length = c->length,
		.last = c->last,
		.packets = c->packets,
		.bytes = c->bytes,
		.peak_60s = c->peak_packets,
		.target_ports = nr_carpet_target_ports(c),
		.target_port = c->target_port,
		.rate = rate_of(conf, &prefix.address, c->peak_packets),
		.country = place.country,
		.asn = place.asn,
		.as_name = place.as_name,
		.addresses = nr_carpet_addresses(c),
	};
	return sink->rows(sink, &nr_victim_table, &row, 1, error);
}

static void say_carpet(const struct nr_carpet *c, const char *prefix, struct nr_judged *ret)
{
	const char *protocol = protocol_name(c->protocol);
	double seconds = (double)(c->last - c->first) / NR_SECOND;
	snprintf(ret->reason_en, sizeof ret->reason_en,
		"%" PRIu64 " answers of %" PRIu32
		" attacked addresses of %s (%s) over %.0f s: an attack spread "
		"over the network",
		c->packets, nr_carpet_addresses(c), prefix, protocol, seconds);
	snprintf(ret->reason_ja, sizeof ret->reason_ja,
		"%sの%" PRIu32 "アドレスからの応答（%s）を%.0f秒間に%" PRIu64
		"個観測。ネットワーク全体に分散したDDoS攻撃（絨毯爆撃型）",
		prefix, nr_carpet_addresses(c), protocol, seconds, c->packets);
}

static void write_carpet(const struct nr_telescope_conf *conf, const struct nr_carpet *c, const char *prefix,
	struct nr_json *json)
{
	const struct nr_address address = nr_carpet_prefix(c).address;
	nr_json_text(json, "prefix", prefix);
	nr_json_text(json, "rule",
		c->rank == NR_CARPET_LITERAL
			? "literal: 25 packets, 60 s, 30 in a 60 s window, each address once in 10 s; 16 "
			  "addresses in a minute, 32 of a /20 or /48"
			: "scaled by dark addresses: as the literal rule, down to 12 in a window and 8 "
			  "addresses in a minute, 16 of a /20 or /48");
	nr_json_uint(json, "packets", c->packets);
	nr_json_real(json, "seconds", (double)(c->last - c->first) / NR_SECOND);
	nr_json_uint(json, "peak_60s", c->peak_packets);
	nr_json_uint(json, "addresses", nr_carpet_addresses(c));
	nr_json_bool(json, "addresses_exact", c->length == NR_CARPET_LENGTH4);
	nr_json_uint(json, "most_addresses_in_a_minute", c->most_addresses);
	nr_json_uint(json, "addresses_judged_alone", c->singles);
	nr_json_text(json, "protocol", protocol_name(c->protocol));
	nr_json_uint(json, "target_port", c->target_port);
	nr_json_uint(json, "target_ports", nr_carpet_target_ports(c));
	nr_json_uint(json, "dark_addresses", conf->refs->dark_addresses);
	write_rate(rate_of(conf, &address, c->peak_packets), json);
}

int nr_judge_carpet(const struct nr_telescope_conf *conf, const struct nr_carpet *carpet,
	const struct nr_alert *alert, struct nr_judged *ret, struct nr_error *error)
{
	char prefix[NR_ADDRESS_TEXT];
	const struct nr_prefix network = nr_carpet_prefix(carpet);
	nr_prefix_write(&network, prefix);
	say_carpet(carpet, prefix, ret);
	nr_json_init(&ret->evidence);
	nr_json_object(&ret->evidence, NULL);
	write_carpet(conf, carpet, prefix, &ret->evidence);
	if (alert)
		write_alert(conf, alert, &ret->evidence);
	nr_json_object_end(&ret->evidence);
	ret->finding = (struct nr_finding){
		.kind = "ddos-carpet",
		.subject = network.address,
		.first = carpet->first,
		.last = carpet->last,
		.count = carpet->packets,
		.confidence = carpet->rank == NR_CARPET_LITERAL ? 0.9 : 0.7,
		.severity = NR_SEVERITY_MEDIUM,
	};
	return finish(conf, ret, error);
}
