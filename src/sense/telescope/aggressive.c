/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/aggressive.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define NR_PROBES 64 /* addresses are chosen by strangers */

static struct nr_aggressor *aggressor_of(struct nr_aggressive *a, uint32_t source, bool add)
{
	uint64_t hash = nr_hll_hash(source);
	for (size_t i = 0; i < NR_PROBES; i++) {
		struct nr_aggressor *g = &a->aggressors[(hash + i) & (NR_AGGRESSIVE_MAX - 1)];
		if (g->definitions && g->source == source)
			return g;
		if (g->definitions)
			continue;
		if (!add || a->count >= NR_AGGRESSIVE_MAX / 4 * 3)
			break;
		*g = (struct nr_aggressor){.source = source, .first = NR_TIME_MAX, .last = NR_TIME_MIN};
		a->count++;
		return g;
	}
	a->beyond += add;
	return NULL;
}

static void blame(struct nr_aggressive *a, const struct nr_event_end *v, uint8_t definitions)
{
	struct nr_aggressor *g = aggressor_of(a, v->source, true);
	if (!g)
		return;
	g->definitions |= definitions;
	g->events++;
	g->packets += v->packets;
	g->first = NR_MIN(g->first, v->first);
	g->last = NR_MAX(g->last, v->last);
	g->most_packets = NR_MAX(g->most_packets, v->packets);
	if (v->destinations <= g->most_destinations)
		return;
	g->most_destinations = v->destinations;
	g->error = v->error;
	g->port = v->port;
	g->type = v->type;
}

/* ---- events ---- */

static void definitions_text(uint8_t definitions, char text[static 8])
{
	size_t used = 0;
	for (unsigned i = 0; i < 3; i++)
		if (definitions >> i & 1) {
			if (used)
				text[used++] = ',';
			text[used++] = (char)('1' + i);
		}
	text[used] = 0;
}

static double coverage_of(const struct nr_telescope_conf *conf, uint32_t destinations)
{
	uint64_t n = conf->refs->dark_addresses;
	return n ? NR_MIN((double)destinations / (double)n, 1.0) : 0;
}

uint32_t nr_aggressive_least(uint64_t dark_addresses)
{
	const double p = NR_AGGRESSIVE_COVERAGE, n = (double)dark_addresses, needed = -log(NR_TAG_CHANCE) / n;
	double low = p, high = 1; /* the share whose relative entropy to p is `needed` */
	if (!dark_addresses)
		return UINT32_MAX;
	for (unsigned i = 0; i < 60; i++) {
		double x = (low + high) / 2;
		double entropy = x * log(x / p) + (1 - x) * log((1 - x) / (1 - p));
		*(entropy < needed ? &low : &high) = x;
	}
	return (uint32_t)NR_MIN(ceil(high * n), (double)UINT32_MAX);
}

static int emit_event(const struct nr_telescope_conf *conf, const struct nr_hitters *h,
	const struct nr_event_end *v, uint8_t definitions, struct nr_sink *sink, struct nr_error *error)
{
	char text[8];
	struct nr_place place;
	definitions_text(definitions, text);
	struct nr_event_row row = {
		.sensor = conf->sensor,
		.first = v->first,
		.address = nr_address_from_ipv4(v->source),
		.type = v->type,
		.port = v->port,
		.last = v->last,
		.packets = v->packets,
		.bytes = v->bytes,
		.destinations = v->destinations,
		.error = (double)v->error,
		.rate = nr_event_rate(h, v->packets, v->first, v->last),
		.coverage = coverage_of(conf, v->destinations),
		.definitions = text,
	};
	nr_origin_find(&conf->refs->origin, &row.address, &place);
	row.country = place.country;
	row.asn = place.asn;
	row.as_name = place.as_name;
	return sink->rows(sink, &nr_event_table, &row, 1, error);
}

static void note_largest(struct nr_aggressive *a, const struct nr_event_end *v)
{
	size_t i = a->largest_count < NR_AGGRESSIVE_EVENTS ? a->largest_count++ : NR_AGGRESSIVE_EVENTS;
	for (; i > 0 && v->packets > a->largest[i - 1].packets; i--)
		if (i < NR_AGGRESSIVE_EVENTS)
			a->largest[i] = a->largest[i - 1];
	if (i < NR_AGGRESSIVE_EVENTS)
		a->largest[i] = *v;
}

static size_t bin_of(uint32_t packets)
{
	return (size_t)NR_MIN(log2((double)NR_MAX(packets, 1u)) * 32, NR_AGGRESSIVE_BINS - 1.0);
}

static int by_first(const void *one, const void *other)
{
	const struct nr_event_end *x = one, *y = other;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return x->port != y->port ? x->port - y->port : x->type - y->type;
}

int nr_aggressive_take(struct nr_aggressive *a, const struct nr_telescope_conf *conf,
	const struct nr_merged *m, struct nr_sink *sink, struct nr_error *error)
{
	int e = 0;
	const uint32_t least = nr_aggressive_least(conf->refs->dark_addresses);
	for (size_t i = 0; i < m->local_count; i++) {
		struct nr_hitters *h = &m->locals[i]->early->hitters;
		if (h->due > 1)
			qsort(h->ended, h->due, sizeof *h->ended, by_first);
		for (size_t k = 0; !e && k < h->due; k++) {
			const struct nr_event_end *v = &h->ended[k];
			bool scan = nr_event_is_scan(v->type);
			bool wide = scan && coverage_of(conf, v->destinations) >= NR_AGGRESSIVE_COVERAGE;
			bool named = wide && v->destinations >= least;
			if (named || (scan && aggressor_of(a, v->source, false)))
				blame(a, v, named);
			if (scan) {
				a->events++;
				a->bins[bin_of(v->packets)]++;
				note_largest(a, v);
			}
			e = emit_event(conf, h, v, wide, sink, error);
		}
		h->ended_count -= h->due;
		memmove(h->ended, h->ended + h->due, h->ended_count * sizeof *h->ended);
		h->due = 0;
	}
	return e;
}

/* ---- the day ---- */

static int judge_packets(struct nr_aggressive *a, const struct nr_day_end *end, struct nr_error *error)
{
	uint64_t above = 0, most = (uint64_t)(NR_AGGRESSIVE_TOP * (double)a->events);
	size_t bin = NR_AGGRESSIVE_BINS;
	int e = 0;
	if (a->events < NR_AGGRESSIVE_ENOUGH)
		return 0;
	while (bin > 0 && above + a->bins[bin - 1] <= most)
		above += a->bins[--bin];
	for (size_t i = 0; !e && i < a->largest_count && bin_of(a->largest[i].packets) >= bin; i++) {
		const struct nr_event_end *v = &a->largest[i];
		bool wide = coverage_of(end->conf, v->destinations) >= NR_AGGRESSIVE_COVERAGE;
		struct nr_aggressor *g = aggressor_of(a, v->source, false);
		if (g)
			g->definitions |= NR_BIT(1);
		else
			blame(a, v, NR_BIT(1));
		e = emit_event(end->conf, &end->locals[0]->early->hitters, v,
			(uint8_t)(NR_BIT(1) | (wide ? NR_BIT(0) : 0)), end->sink, error);
	}
	return e;
}

void nr_aggressive_count(struct nr_aggressive *a, const struct nr_tally_sum *sum)
{
	struct nr_aggressor *g = aggressor_of(a, (uint32_t)nr_sum_member(sum), true);
	if (!g)
		return;
	g->definitions |= NR_BIT(7); /* being counted */
	g->ports++;
	if (!g->events)
		g->packets += sum->packets;
}

static void judge_ports(struct nr_aggressive *a, uint32_t least)
{
	for (size_t i = 0; i < NR_AGGRESSIVE_MAX; i++) {
		struct nr_aggressor *g = &a->aggressors[i];
		if (g->definitions & NR_BIT(7) && g->ports > least)
			g->definitions |= NR_BIT(2);
		g->definitions &= NR_BIT(3) - 1;
	}
}

static int tell(
	const struct nr_aggressor *g, const struct nr_day_end *end, bool research, struct nr_error *error)
{
	char definitions[8], key[NR_ADDRESS_TEXT], en[256], ja[320];
	double coverage = coverage_of(end->conf, g->most_destinations);
	struct nr_address address = nr_address_from_ipv4(g->source);
	definitions_text(g->definitions, definitions);
	nr_address_write(&address, key);
	snprintf(en, sizeof en,
		"aggressive hitter (ORION definition %s): %" PRIu64
		" packets, one event reached %.1f %% of the dark addresses%s",
		definitions, g->packets, coverage * 100, research ? "; a research scanner" : "");
	snprintf(ja, sizeof ja,
		"大量スキャン（ORIONの定義%s）: %" PRIu64
		"パケット、1つのイベントでダークネットの%.1f%%に到達%s",
		definitions, g->packets, coverage * 100, research ? "。調査目的のスキャン" : "");
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "definitions", definitions);
	nr_json_uint(&json, "events", g->events);
	nr_json_uint(&json, "most_packets", g->most_packets);
	nr_json_uint(&json, "most_destinations", g->most_destinations);
	nr_json_real(&json, "destinations_error", (double)g->error);
	nr_json_real(&json, "coverage", coverage);
	nr_json_uint(&json, "dark_addresses", end->conf->refs->dark_addresses);
	nr_json_uint(&json, "destinations_needed", nr_aggressive_least(end->conf->refs->dark_addresses));
	nr_json_uint(&json, "event_type", g->type);
	nr_json_uint(&json, "event_port", g->port);
	if (g->ports)
		nr_json_uint(&json, "ports", g->ports);
	nr_json_bool(&json, "research_scanner", research);
	nr_json_object_end(&json);
	bool timed = g->first != NR_TIME_MAX;
	struct nr_warning w = {
		.kind = NR_WARNING_AGGRESSIVE,
		.onset = timed ? g->first : end->day->start,
		.last = timed ? g->last : end->day->start + NR_DAY,
		.key = key,
		.value = coverage,
		.score = __builtin_popcount(g->definitions),
		.sources = 1,
		.packets = g->packets,
		.reason_en = en,
		.reason_ja = ja,
		.evidence = &json,
		.subject = address,
		.confidence = 0.9,
		.severity = research ? 0 : NR_SEVERITY_LOW,
	};
	return nr_warning_emit(end->conf, end->sink, &w, error);
}

int nr_aggressive_day(struct nr_aggressive *a, const struct nr_day_end *end,
	const struct nr_port_counts *ports, uint32_t *ret_least, struct nr_error *error)
{
	for (size_t i = 0; i < end->local_count; i++)
		nr_hitters_forget(&end->locals[i]->early->hitters);
	int e = nr_aggressive_take(a, end->conf, end->merged, end->sink, error);
	if (!e)
		e = judge_packets(a, end, error);
	uint64_t sources;
	uint32_t least = nr_port_counts_quantile(ports, NR_AGGRESSIVE_TOP, &sources);
	*ret_least = sources < NR_AGGRESSIVE_ENOUGH ? UINT32_MAX : least;
	return e;
}

int nr_aggressive_tell(struct nr_aggressive *a, const struct nr_day_end *end, uint32_t least,
	const struct nr_known_scanners *known, struct nr_error *error)
{
	int e = 0;
	judge_ports(a, least);
	for (size_t i = 0; !e && i < NR_AGGRESSIVE_MAX; i++)
		if (a->aggressors[i].definitions)
			e = tell(&a->aggressors[i], end, nr_is_known_scanner(known, a->aggressors[i].source),
				error);
	if (a->count)
		memset(a->aggressors, 0, sizeof a->aggressors);
	memset(a->bins, 0, sizeof a->bins);
	a->count = a->largest_count = 0;
	a->events = a->beyond = 0;
	return e;
}
