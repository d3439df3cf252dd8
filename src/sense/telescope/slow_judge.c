/* SPDX-License-Identifier: Apache-2.0 */
/* Who was slow over the last seven days, and what is said of it. */
#include "sense/telescope/slow.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NR_SYSTEMS_MAX 1024 /* autonomous systems with slow hosts */

struct figures {
	unsigned days;
	uint64_t packets;
	double ports, destinations;
	uint64_t port_bits[NR_SLOW_PORT_BITS / 64];
};

static double linear_count(const uint64_t bits[static NR_SLOW_PORT_BITS / 64])
{
	unsigned set = 0;
	for (size_t i = 0; i < NR_SLOW_PORT_BITS / 64; i++)
		set += (unsigned)__builtin_popcountll(bits[i]);
	double zero = NR_MAX((double)NR_SLOW_PORT_BITS - set, 1.0);
	return -NR_SLOW_PORT_BITS * log(zero / NR_SLOW_PORT_BITS);
}

static struct figures figures_of(const struct nr_slow_entry *n, double dark)
{
	struct figures f = {0};
	double missed = 0;
	for (size_t day = 0; day < NR_SLOW_WEEK; day++) {
		f.days += n->packets[day] > 0;
		f.packets += n->packets[day];
		missed += (double)n->missed[day];
		for (size_t i = 0; i < NR_COUNT(f.port_bits); i++)
			f.port_bits[i] |= n->ports[day][i];
	}
	f.ports = linear_count(f.port_bits);
	f.destinations = dark * (1 - exp(missed));
	return f;
}

/* ---- telling ---- */

struct slow_case {
	const char *key;
	const struct figures *figures;
	uint32_t first_day;
	unsigned hosts; /* 0: one source */
	struct nr_address subject;
};

static int tell(const struct slow_case *c, const struct nr_day_end *end, struct nr_error *error)
{
	const struct figures *f = c->figures;
	char hosts_en[48] = "", hosts_ja[64] = "", en[320], ja[400];
	bool many = f->ports > NR_SLOW_PORTS_MOST;
	double ports = NR_MIN(round(f->ports), NR_SLOW_PORTS_MOST);
	if (c->hosts) {
		snprintf(hosts_en, sizeof hosts_en, "%u hosts, ", c->hosts);
		snprintf(hosts_ja, sizeof hosts_ja, "%uホスト、", c->hosts);
	}
	snprintf(en, sizeof en,
		"slow scan: %s%" PRIu64 " packets on %u of 7 days, to %s %.0f ports%s; below every rule that "
		"looks at one day",
		hosts_en, f->packets, f->days, many ? "more than" : "about", ports,
		f->destinations >= 1 ? " and many addresses" : "");
	snprintf(ja, sizeof ja,
		"低速スキャン: %s7日間のうち%u日に%" PRIu64
		"パケット、%s%.0fポート%s。1日単位の規則では検知されない",
		hosts_ja, f->days, f->packets, many ? "少なくとも" : "約", ports,
		f->destinations >= 1 ? "と多数のアドレス" : "");
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_uint(&json, "days", f->days);
	nr_json_uint(&json, "packets", f->packets);
	nr_json_real(&json, many ? "ports_at_least" : "ports", ports);
	nr_json_text(&json, "ports_method", "linear counting in 128 bits");
	if (!c->hosts) {
		nr_json_real(&json, "destinations", round(f->destinations));
		nr_json_text(&json, "destinations_method", "events of 10 addresses or more, random targets");
	} else {
		nr_json_uint(&json, "hosts", c->hosts);
	}
	nr_json_uint(&json, "dark_addresses", end->conf->refs->dark_addresses);
	nr_json_object_end(&json);
	struct nr_warning w = {
		.kind = NR_WARNING_SLOW,
		.onset = (nr_time)c->first_day * NR_DAY,
		.last = end->day->start + NR_DAY,
		.key = c->key,
		.value = NR_MAX(ports, round(f->destinations)),
		.score = f->days,
		.sources = NR_MAX(c->hosts, 1u),
		.packets = f->packets,
		.reason_en = en,
		.reason_ja = ja,
		.evidence = &json,
		.subject = c->subject,
		.confidence = 0.7,
		.severity = NR_SEVERITY_LOW,
	};
	return nr_warning_emit(end->conf, end->sink, &w, error);
}

/* ---- sources and networks ---- */

/* Mirai's SYNs today: an infected host that stays, known as such. */
static bool is_bot(const struct nr_day_end *end, uint64_t member)
{
	for (size_t i = 0; i < end->local_count; i++) {
		const struct nr_day *day = nr_day_of(end, i);
		const struct nr_source *s = day ? nr_source_lookup(&day->table4, &day->table6, member) : NULL;
		if (s && s->mirai)
			return true;
	}
	return false;
}

static bool is_slow(const struct figures *f, double dark, bool network)
{
	bool wide = f->destinations >= NR_MAX(NR_SLOW_COVERAGE * dark, (double)NR_SLOW_DESTINATIONS);
	return f->days >= NR_SLOW_DAYS && (f->ports >= NR_SLOW_PORTS || (wide && !network));
}

struct system {
	uint32_t asn, first_day, example;
	unsigned hosts;
	struct figures figures;
};

struct systems {
	struct system items[NR_SYSTEMS_MAX];
	size_t count;
};

/* A source that is not conspicuous alone counts for its autonomous system. */
static void count_for_system(struct systems *systems, const struct nr_telescope_refs *refs,
	const struct nr_slow_entry *n, const struct figures *f)
{
	struct nr_address address = nr_address_from_ipv4((uint32_t)(n->key - 1));
	struct nr_place place;
	nr_origin_find(&refs->origin, &address, &place);
	size_t i = 0;
	while (i < systems->count && systems->items[i].asn != place.asn)
		i++;
	if (!place.asn || i == NR_SYSTEMS_MAX)
		return;
	struct system *s = &systems->items[i];
	if (i == systems->count) {
		systems->count++;
		*s = (struct system){
			.asn = place.asn, .first_day = n->first_day, .example = (uint32_t)(n->key - 1)};
	}
	s->hosts++;
	s->first_day = NR_MIN(s->first_day, n->first_day);
	s->example = NR_MIN(s->example, (uint32_t)(n->key - 1));
	s->figures.days = NR_MAX(s->figures.days, f->days);
	s->figures.packets += f->packets;
	for (size_t k = 0; k < NR_COUNT(f->port_bits); k++)
		s->figures.port_bits[k] |= f->port_bits[k];
}

static int tell_systems(const struct systems *systems, const struct nr_day_end *end, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < systems->count; i++) {
		struct system s = systems->items[i];
		char key[16];
		s.figures.ports = linear_count(s.figures.port_bits);
		if (s.hosts < NR_SLOW_HOSTS || s.figures.ports < NR_SLOW_PORTS)
			continue;
		snprintf(key, sizeof key, "AS%u", s.asn);
		struct slow_case c = {key, &s.figures, s.first_day, s.hosts, nr_address_from_ipv4(s.example)};
		e = tell(&c, end, error);
	}
	return e;
}

static int tell_entry(const struct nr_slow_entry *n, const struct figures *f, const struct nr_day_end *end,
	struct nr_error *error)
{
	char key[NR_ADDRESS_TEXT];
	bool network = n->key & NR_SLOW_NETWORK;
	uint32_t number = (uint32_t)((n->key & (NR_SLOW_NETWORK - 1)) - 1);
	struct nr_address address = nr_address_from_ipv4(network ? number << 8 : number);
	unsigned hosts = network ? (unsigned)__builtin_popcountll(n->hosts) : 0;
	if (network && hosts < 2)
		return 0; /* the source speaks for itself */
	nr_address_write(&address, key);
	if (network)
		snprintf(key + strlen(key), sizeof key - strlen(key), "/24");
	struct slow_case c = {key, f, n->first_day, hosts, address};
	return tell(&c, end, error);
}

int nr_slow_judge(struct nr_slow *s, const struct nr_day_end *end, const struct nr_known_scanners *known,
	struct nr_error *error)
{
	double dark = (double)end->conf->refs->dark_addresses;
	uint32_t day = (uint32_t)(end->day->start / NR_DAY);
	NR_AUTO(nr_freep) struct systems *systems = calloc(1, sizeof *systems);
	int e = 0;
	if (!systems)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; !e && i < s->room; i++) {
		struct nr_slow_entry *n = &s->entries[i];
		if (!n->key || n->last_day != day)
			continue;
		n->tainted = n->tainted && day < n->tainted_day + NR_SLOW_WEEK;
		struct figures f = figures_of(n, dark);
		bool network = n->key & NR_SLOW_NETWORK;
		if (n->tainted || f.days < NR_SLOW_DAYS ||
			(!network && (nr_is_known_scanner(known, n->key - 1) || is_bot(end, n->key - 1))))
			continue;
		if (is_slow(&f, dark, network))
			e = tell_entry(n, &f, end, error);
		else if (!network && f.ports >= NR_SLOW_PORTS / 3.0)
			count_for_system(systems, end->conf->refs, n, &f);
	}
	return e ? e : tell_systems(systems, end, error);
}
