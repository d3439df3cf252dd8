/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only shows over many sources of a day: campaigns (sources that share an unusual invariant and its
 * value) and spoofed floods (one packet each, one signature, addresses from everywhere).
 */
#include "sense/telescope/merged.h"
#include "sense/telescope/radix.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct signed_source {
	char signature[128];
	const struct nr_source *source;
};
struct signed_sources {
	struct signed_source *items; /* owned */
	size_t count, room;
	uint64_t beyond;
};

static void signed_sources_fini(struct signed_sources *s)
{
	free(s->items);
}

static int by_signature(const void *a, const void *b)
{
	const struct signed_source *x = a, *y = b;
	int c = strcmp(x->signature, y->signature);
	if (c)
		return c;
	return (x->source->destination_port > y->source->destination_port) -
	       (x->source->destination_port < y->source->destination_port);
}

static void find_signed(struct signed_sources *out, const struct nr_day *day)
{
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		char text[128];
		if (!s->packets || s->syns < NR_CAMPAIGN_SYNS || nr_tools_judge(day, s, s->address).tools ||
			!nr_tools_signature(s, text))
			continue;
		struct signed_source *new = nr_list_add(out);
		if (!new)
			continue;
		memcpy(new->signature, text, sizeof text);
		new->source = s;
	}
}

/* items[0..count) share a signature and are ordered by the port of their first SYN. */
static void add_campaign(const struct nr_day_end *end, const struct signed_source *items, size_t count)
{
	struct nr_campaign *c = nr_list_add(&end->merged->campaigns);
	if (!c)
		return;
	uint32_t first = UINT32_MAX, last = 0;
	size_t run = 0, best = 0;
	for (size_t i = 0; i < count; i++) {
		const struct nr_source *s = items[i].source;
		c->packets += s->packets;
		first = NR_MIN(first, s->first);
		last = NR_MAX(last, s->last);
		run = i && items[i - 1].source->destination_port == s->destination_port ? run + 1 : 1;
		if (run > best) {
			best = run;
			c->port = s->destination_port;
		}
	}
	c->day = end->day->start;
	c->first = end->day->start + ((nr_time)first << NR_SOURCE_TIME_SHIFT);
	c->last = end->day->start + ((nr_time)last << NR_SOURCE_TIME_SHIFT);
	c->sources = count;
	memcpy(c->signature, items[0].signature, sizeof c->signature);
}

static int emit_campaign(const struct nr_day_end *end, const struct nr_campaign *c, struct nr_error *error)
{
	struct nr_campaign_row row = {
		.sensor = end->conf->sensor,
		.time = c->day,
		.signature = c->signature,
		.sources = c->sources,
		.packets = c->packets,
		.protocol = NR_TCP,
		.port = c->port,
		.first = c->first,
		.last = c->last,
	};
	return end->sink->rows(end->sink, &nr_campaign_table, &row, 1, error);
}

static int judge_campaigns(const struct nr_day_end *end, struct nr_error *error)
{
	NR_AUTO(signed_sources_fini) struct signed_sources s = {0};
	for (size_t i = 0; i < end->local_count; i++)
		if (nr_day_of(end, i))
			find_signed(&s, nr_day_of(end, i));
	end->merged->no_room += s.beyond;
	if (!s.count)
		return 0;
	qsort(s.items, s.count, sizeof *s.items, by_signature);
	size_t first = end->merged->campaigns.count;
	for (size_t from = 0, to; from < s.count; from = to) {
		for (to = from + 1; to < s.count && !strcmp(s.items[to].signature, s.items[from].signature);)
			to++;
		if (to - from >= NR_CAMPAIGN_SOURCES)
			add_campaign(end, s.items + from, to - from);
	}
	for (size_t i = first; end->sink && i < end->merged->campaigns.count; i++) {
		int e = emit_campaign(end, &end->merged->campaigns.items[i], error);
		if (e)
			return e;
	}
	return 0;
}

/* ---- floods: key = port, window, TTL, options, then the first octet of the source ---- */

static uint64_t flood_key(const struct nr_source *s)
{
	return (uint64_t)s->destination_port << 48 | (uint64_t)s->window << 32 | (uint64_t)s->ttl << 24 |
	       (uint64_t)s->option_hash << 16 | s->address >> 24;
}

struct keys {
	uint64_t *items; /* owned */
	size_t count;
};

static void keys_fini(struct keys *keys)
{
	free(keys->items);
}

static int find_single_packets(struct keys *out, const struct nr_day *day, struct nr_error *error)
{
	uint64_t *grown = realloc(out->items, (out->count + day->table4.used + 1) * sizeof *grown);
	if (!grown)
		return nr_fail(error, -ENOMEM, "out of memory to look for floods");
	out->items = grown;
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		if (s->packets == 1 && s->syns)
			out->items[out->count++] = flood_key(s);
	}
	return 0;
}

static double entropy_of(const uint64_t counts[static 256], uint64_t total)
{
	double bits = 0;
	for (size_t i = 0; i < 256; i++)
		if (counts[i]) {
			double p = (double)counts[i] / (double)total;
			bits -= p * log2(p);
		}
	return bits;
}

/* Floods of one day are in the order of their keys. */
static struct nr_flood *flood_of(struct nr_flood *floods, size_t count, uint64_t key)
{
	size_t from = 0;
	while (count) {
		size_t half = count / 2;
		if (floods[from + half].key == key)
			return &floods[from + half];
		if (floods[from + half].key < key) {
			from += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

/* One walk over the sources for all floods: forged packets can make thousands of them. */
static void find_spans(
	const struct nr_day_end *end, const struct nr_day *day, struct nr_flood *floods, size_t count)
{
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		struct nr_flood *flood =
			s->packets == 1 && s->syns ? flood_of(floods, count, flood_key(s) >> 16) : NULL;
		if (!flood)
			continue;
		nr_time time = end->day->start + ((nr_time)s->first << NR_SOURCE_TIME_SHIFT);
		if (time < flood->first ||
			(time == flood->first && s->address < nr_address_ipv4(&flood->example)))
			flood->example = nr_address_from_ipv4(s->address);
		flood->first = NR_MIN(flood->first, time);
		flood->last = NR_MAX(flood->last, time);
	}
}

/* keys: of sources with one signature, the first octet of each in the lowest byte. */
static void add_flood(const struct nr_day_end *end, uint64_t key, const uint64_t *keys, size_t total)
{
	uint64_t counts[256] = {0};
	for (size_t i = 0; i < total; i++)
		counts[keys[i] & 0xff]++;
	double entropy = entropy_of(counts, total);
	if (entropy < NR_FLOOD_ENTROPY)
		return;
	struct nr_flood *flood = nr_list_add(&end->merged->floods);
	if (!flood)
		return;
	*flood = (struct nr_flood){
		.day = end->day->start,
		.first = NR_TIME_MAX,
		.last = NR_TIME_MIN,
		.key = key,
		.sources = total,
		.entropy = entropy,
		.port = (uint16_t)(key >> 32),
		.window = (uint16_t)(key >> 16),
		.ttl = (uint8_t)(key >> 8),
	};
}

static int judge_floods(const struct nr_day_end *end, struct nr_error *error)
{
	NR_AUTO(keys_fini) struct keys singles = {0};
	size_t first = end->merged->floods.count;
	for (size_t i = 0; i < end->local_count; i++) {
		int e = nr_day_of(end, i) ? find_single_packets(&singles, nr_day_of(end, i), error) : 0;
		if (e)
			return e;
	}
	if (singles.count < NR_FLOOD_SOURCES)
		return 0;
	int e = nr_radix_sort_8(singles.items, singles.count, 0, error);
	if (e)
		return e;
	for (size_t from = 0, to; from < singles.count; from = to) {
		uint64_t key = singles.items[from] >> 16;
		for (to = from + 1; to < singles.count && singles.items[to] >> 16 == key;)
			to++;
		if (to - from >= NR_FLOOD_SOURCES)
			add_flood(end, key, singles.items + from, to - from);
	}
	size_t count = end->merged->floods.count - first;
	for (size_t i = 0; count && i < end->local_count; i++)
		if (nr_day_of(end, i))
			find_spans(end, nr_day_of(end, i), end->merged->floods.items + first, count);
	return 0;
}

int nr_patterns_judge(const struct nr_day_end *end, struct nr_error *error)
{
	int e = judge_campaigns(end, error);
	return e ? e : judge_floods(end, error);
}
