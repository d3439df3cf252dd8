/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/change.h"
#include "base/pages.h"
#include "sense/telescope/early_walk.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

int nr_change_new(
	struct nr_area *area, uint64_t memory_bytes, struct nr_change **ret_change, struct nr_error *error)
{
	void *pages = NULL;
	size_t capacity = 1024;
	while (capacity * 2 * sizeof(uint64_t) <= memory_bytes / 256)
		capacity *= 2;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_change), error);
	if (e)
		return e;
	struct nr_change *c = pages;
	e = nr_slot_sources_init(&c->sources, area, capacity, error);
	if (e) {
		nr_pages_unmap(area, pages, sizeof *c);
		return e;
	}
	c->area = area;
	*ret_change = c;
	return 0;
}

void nr_change_free(struct nr_change *c)
{
	if (!c)
		return;
	nr_slot_sources_fini(&c->sources, c->area);
	nr_pages_unmap(c->area, c, sizeof *c);
}

/* ---- series ---- */

static struct nr_change_series *series_of(struct nr_change *c, uint32_t key)
{
	return c->index[key] ? &c->series[c->index[key] - 1] : NULL;
}

static struct nr_change_series *admit(struct nr_change *c, uint32_t key)
{
	if (c->count == NR_CHANGE_SERIES_MAX) {
		c->refused++;
		return NULL;
	}
	struct nr_change_series *s = &c->series[c->count++];
	*s = (struct nr_change_series){.key = key};
	c->index[key] = (uint16_t)c->count;
	return s;
}

/* The last series takes the place of the one that goes. */
static void retire(struct nr_change *c, size_t i)
{
	c->index[c->series[i].key] = 0;
	if (i != --c->count) {
		c->series[i] = c->series[c->count];
		c->index[c->series[i].key] = (uint16_t)(i + 1);
	}
}

static void add(struct nr_change_count *count, uint64_t member, uint64_t packets, uint64_t hosts)
{
	count->packets += packets;
	count->hosts += hosts;
	if (packets > count->busiest_packets && member != NR_MEMBER_REST) {
		count->busiest = member;
		count->busiest_packets = packets;
	}
}

/* ---- the open slot ---- */

struct counting {
	struct nr_change *change;
	const struct nr_known_scanners *known;
	uint8_t level; /* of the tally: one of 2^level hosts stands in it */
	uint32_t group;
	struct nr_change_count port;
};

/* Countries: each source once a slot, in whatever groups and windows it stands. False: a research scanner. */
static bool count_country(struct counting *k, const struct nr_tally_sum *sum, bool has_packets)
{
	uint64_t member = nr_sum_member(sum);
	bool new = false;
	if (member == NR_MEMBER_REST)
		return true;
	uint32_t class = nr_slot_sources_add(&k->change->sources, k->known, member, &new);
	if (class == NR_CLASS_SCANNER)
		return false;
	if (class == NR_COUNTRY_UNKNOWN || !has_packets)
		return true;
	struct nr_change_series *s = series_of(k->change, NR_CHANGE_COUNTRIES + class);
	if (!s)
		s = admit(k->change, NR_CHANGE_COUNTRIES + class);
	if (s)
		add(&s->slot, member, sum->packets,
			(uint64_t)(new &&nr_member_counts(member, k->level)) << k->level);
	return true;
}

static void end_port(struct counting *k)
{
	if (k->group >= NR_GROUP_OTHER)
		return;
	struct nr_change_series *s = series_of(k->change, k->group);
	if (!s && k->port.hosts >= NR_CHANGE_HOSTS)
		s = admit(k->change, k->group);
	if (s)
		s->slot = k->port;
}

static void count_sum(struct counting *k, const struct nr_tally_sum *sum, bool new_packets)
{
	uint32_t group = nr_sum_group(sum);
	uint64_t member = nr_sum_member(sum);
	if (group != k->group) {
		end_port(k);
		k->group = group;
		k->port = (struct nr_change_count){0};
	}
	if (!count_country(k, sum, new_packets) || group >= NR_GROUP_OTHER)
		return;
	add(&k->port, member, sum->packets, (uint64_t)nr_member_counts(member, k->level) << k->level);
}

/* Both windows of a slot in the order of keys; a key that stands in both comes once. */
struct both_windows {
	struct nr_tally_walk later, earlier;
	struct nr_tally_sum next_later, next_earlier;
	bool has_later, has_earlier;
};
struct pair {
	struct nr_tally_sum sum; /* of the later window, where it stands there */
	uint64_t earlier;        /* packets of the earlier window, where it stands in both */
	bool is_later, is_both;
};

static bool next_pair(struct both_windows *w, struct pair *ret_pair)
{
	struct nr_tally_sum a = w->next_later, b = w->next_earlier;
	bool is_later = w->has_later && (!w->has_earlier || a.key <= b.key);
	bool is_both = is_later && w->has_earlier && a.key == b.key;
	if (!w->has_later && !w->has_earlier)
		return false;
	*ret_pair = (struct pair){is_later ? a : b, is_both ? b.packets : 0, is_later, is_both};
	if (is_later)
		w->has_later = nr_tally_next(&w->later, &w->next_later);
	if (!is_later || is_both)
		w->has_earlier = nr_tally_next(&w->earlier, &w->next_earlier);
	return true;
}

static void count_pair(struct counting *k, struct pair *pair)
{
	if (nr_sum_group(&pair->sum) >= NR_GROUP_EXTRA) /* besides the packets' own groups */
		return;
	if (pair->is_both) { /* the country has the earlier packets already */
		(void)count_country(k, &pair->sum, true);
		pair->sum.packets += pair->earlier;
	}
	count_sum(k, &pair->sum, pair->is_later && !pair->is_both);
}

static void count_windows(struct counting *k, const struct nr_tally *tally, const struct nr_tally *before)
{
	static const struct nr_tally none = {0};
	struct both_windows w = {.later = {tally, 0, 0}, .earlier = {before ? before : &none, 0, 0}};
	w.has_later = nr_tally_next(&w.later, &w.next_later);
	w.has_earlier = nr_tally_next(&w.earlier, &w.next_earlier);
	struct pair pairs[NR_WALK_AHEAD];
	for (size_t count = 1; count;) {
		for (count = 0; count < NR_WALK_AHEAD && next_pair(&w, &pairs[count]); count++)
			nr_slot_sources_fetch(&k->change->sources, nr_sum_member(&pairs[count].sum));
		for (size_t i = 0; i < count; i++)
			count_pair(k, &pairs[i]);
	}
	end_port(k);
}

/* ---- alerts ---- */

/* The discounted mean starts at 0; this is what it is the mean of. */
static double usual(const struct nr_changefinder *f)
{
	double weight = 1 - pow(1 - NR_SDAR_FORGETTING, (double)f->slots - NR_SDAR_ORDER);
	return f->slots > NR_SDAR_ORDER ? f->stages[0].mean / weight : 0;
}

static double times(double now, double before)
{
	return now / fmax(before, 0.1);
}

static void write_reasons(
	const struct nr_change_series *s, const char *key, char en[static 256], char ja[static 384])
{
	const struct nr_change_episode *p = &s->episode;
	bool country = s->key >= NR_CHANGE_COUNTRIES;
	snprintf(en, 256,
		"%s %s: %" PRIu64 " hosts and %" PRIu64
		" packets in 10 minutes, usually %.1f and %.1f (ChangeFinder score %.1f over %u slots)",
		country ? "country" : "port", key, p->most.hosts, p->most.packets, p->usual_hosts,
		p->usual_packets, p->score, p->slots);
	snprintf(ja, 384,
		"%s %s: 10分間に%" PRIu64 "ホスト・%" PRIu64
		"パケット（通常は%.1fと%.1f）。ChangeFinderのスコア%.1f、%u区間",
		country ? "国" : "ポート", key, p->most.hosts, p->most.packets, p->usual_hosts,
		p->usual_packets, p->score, p->slots);
}

/* Worth a person's time: a rise, and not of many countries at once (a flood of forged sources). */
static bool is_finding(const struct nr_change *c, const struct nr_change_series *s)
{
	bool crowd = c->crowded && s->episode.last - c->crowded <= NR_CHANGE_CALM_SLOTS * NR_CHANGE_SLOT;
	const struct nr_change_count *most = &s->episode.most;
	if (s->episode.found)
		return true;
	if (s->key >= NR_CHANGE_COUNTRIES && crowd)
		return false;
	return most->busiest_packets && !(most->busiest & NR_MEMBER_IPV6) &&
	       most->hosts >= NR_CHANGE_FINDING_HOSTS &&
	       times((double)most->hosts, s->episode.usual_hosts) >= NR_CHANGE_FINDING_TIMES;
}

static int emit(const struct nr_change *c, const struct nr_early_window *window, struct nr_change_series *s,
	struct nr_error *error)
{
	struct nr_change_episode *p = &s->episode;
	char key[NR_GROUP_TEXT], en[256], ja[384];
	bool country = s->key >= NR_CHANGE_COUNTRIES;
	if (country)
		nr_country_text(s->key - NR_CHANGE_COUNTRIES, key);
	else
		nr_group_text(s->key, key);
	write_reasons(s, key, en, ja);
	NR_AUTO(nr_json_fini) struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text(&json, "method", "ChangeFinder, order 2, r 0.005, smoothing 10 and 5, score > 3");
	nr_json_uint(&json, "slot_seconds", NR_CHANGE_SLOT / NR_SECOND);
	nr_json_uint(&json, "alerting_slots", p->slots);
	nr_json_real(&json, "score_packets", s->packets.score);
	nr_json_real(&json, "score_hosts", s->hosts.score);
	nr_json_real(&json, "usual_hosts", p->usual_hosts);
	nr_json_real(&json, "usual_packets", p->usual_packets);
	if (c->sources.beyond)
		nr_json_uint(&json, "sources_not_counted", c->sources.beyond);
	nr_json_object_end(&json);
	if (is_finding(c, s) && !p->found) {
		p->found = true;
		p->example = (uint32_t)p->most.busiest;
	}
	struct nr_warning w = {
		.kind = NR_WARNING_CHANGE,
		.onset = p->onset,
		.last = p->last + NR_CHANGE_SLOT,
		.key = key,
		.value = (double)p->most.hosts,
		.score = p->score,
		.sources = p->most.hosts,
		.packets = p->most.packets,
		.reason_en = en,
		.reason_ja = ja,
		.evidence = &json,
		.subject = nr_address_from_ipv4(p->example),
		.confidence = 0.5,
		.severity = p->found ? NR_SEVERITY_LOW : 0,
	};
	return nr_warning_emit(window->conf, window->sink, &w, error);
}

/* True: the episode has news. */
static bool judge(struct nr_change_series *s, nr_time slot)
{
	double usual_hosts = usual(&s->hosts), usual_packets = usual(&s->packets);
	nr_changefinder_add(&s->packets, (double)s->slot.packets);
	nr_changefinder_add(&s->hosts, (double)s->slot.hosts);
	bool packets = nr_changefinder_alerts(&s->packets), hosts = nr_changefinder_alerts(&s->hosts);
	struct nr_change_episode *p = &s->episode;
	if (!packets && !hosts) {
		if (p->onset && slot - p->last > NR_CHANGE_CALM_SLOTS * NR_CHANGE_SLOT)
			*p = (struct nr_change_episode){0};
		return false;
	}
	if (!p->onset)
		*p = (struct nr_change_episode){
			.onset = slot, .usual_hosts = usual_hosts, .usual_packets = usual_packets};
	p->last = slot;
	p->slots++;
	p->score = fmax(p->score, packets ? s->packets.score : 0);
	p->score = fmax(p->score, hosts ? s->hosts.score : 0);
	if (p->slots == 1 || s->slot.hosts > p->most.hosts)
		p->most = s->slot;
	return true;
}

static int close_slot(struct nr_change *c, const struct nr_early_window *window, struct nr_error *error)
{
	int e = 0;
	size_t countries = 0;
	for (size_t i = 0; i < c->count; i++) {
		struct nr_change_series *s = &c->series[i];
		s->silent = s->slot.packets ? 0 : s->silent + 1;
		s->news = judge(s, c->slot);
		countries += s->news && s->key >= NR_CHANGE_COUNTRIES;
		s->slot = (struct nr_change_count){0};
	}
	if (countries > NR_CHANGE_FINDING_COUNTRIES)
		c->crowded = c->slot;
	for (size_t i = 0; !e && i < c->count; i++)
		if (c->series[i].news)
			e = emit(c, window, &c->series[i], error);
	for (size_t i = c->count; i > 0; i--)
		if (c->series[i - 1].silent >= NR_CHANGE_SILENT_SLOTS)
			retire(c, i - 1);
	nr_slot_sources_clear(&c->sources);
	c->open = false;
	return e;
}

/* Closes what lies before `slot`: the open one, and those without packets. */
static int advance(
	struct nr_change *c, const struct nr_early_window *window, nr_time slot, struct nr_error *error)
{
	int e = c->open ? close_slot(c, window, error) : 0;
	if (c->started && slot - c->slot > NR_CHANGE_GAP_SLOTS * NR_CHANGE_SLOT) {
		c->count = 0;
		memset(c->index, 0, sizeof c->index);
	} else {
		while (!e && c->started && c->slot + NR_CHANGE_SLOT < slot) {
			c->slot += NR_CHANGE_SLOT;
			e = close_slot(c, window, error);
		}
	}
	c->slot = slot;
	c->started = c->open = true;
	return e;
}

int nr_change_window(struct nr_change *c, const struct nr_early_window *window,
	const struct nr_known_scanners *known, struct nr_error *error)
{
	nr_time slot = nr_time_floor(window->start, NR_CHANGE_SLOT);
	bool second = window->start != slot;
	if (c->started && (slot < c->slot || (slot == c->slot && !c->open)))
		return 0; /* an older capture read afterwards, or a flush begun anew: series run forward */
	int e = !c->open || c->slot != slot ? advance(c, window, slot, error) : 0;
	if (e)
		return e;
	struct counting k = {c, known, window->tally->level, UINT32_MAX, {0}};
	count_windows(&k, window->tally, second ? window->before : NULL);
	return second ? close_slot(c, window, error) : 0;
}
