/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only shows over many sources of a day: campaigns (sources that share an unusual invariant and its
 * value) and spoofed floods (one packet each, one signature, addresses from everywhere).
 */
#include "base/hash.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

/* There may be as many as lines, so they hold a hash of their signature; its key is fixed, so that the answer
 * depends on the packets alone. */
struct signed_source {
	uint64_t signature;
	const struct nr_source *source;
};
struct signed_sources {
	struct signed_source *items; /* owned */
	size_t count, room, most;
	uint64_t beyond;
};

static void signed_sources_fini(struct signed_sources *s)
{
	free(s->items);
}

static int by_signature(const void *a, const void *b)
{
	const struct signed_source *x = a, *y = b;
	if (x->signature != y->signature)
		return x->signature < y->signature ? -1 : 1;
	return (x->source->destination_port > y->source->destination_port) -
	       (x->source->destination_port < y->source->destination_port);
}

/* Sources that sent one SYN and nothing else, as far as they are sampled. */
static bool is_single(const struct nr_source *s, uint8_t level)
{
	return s->packets == 1 && s->syns && nr_member_is_sampled(s->address, level);
}

/* One look at each source, as lines come from memory: who has a signature, and how many are single. */
static uint64_t find_signed(struct signed_sources *out, const struct nr_day *day, uint8_t level)
{
	uint64_t singles = 0;
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		char text[128];
		singles += is_single(s, level);
		if (!s->packets || s->syns < NR_CAMPAIGN_SYNS || !nr_member_is_sampled(s->address, level) ||
			nr_tools_judge(day, s, s->address).tools || !nr_tools_signature(s, text))
			continue;
		struct signed_source *new = out->count < out->most ? nr_list_add(out) : NULL;
		if (new)
			*new = (struct signed_source){nr_siphash(text, strlen(text), 0, 0), s};
		else
			out->beyond += out->count >= out->most;
	}
	return singles << level;
}

/* items[0..count) share a signature and are ordered by the port of their first SYN. */
static void add_campaign(const struct nr_day_end *end, const struct signed_source *items, size_t count)
{
	struct nr_campaign *c = nr_kept_add(&end->merged->campaigns);
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
	c->sources = (uint64_t)count << nr_day_level(end);
	(void)nr_tools_signature(items[0].source, c->signature);
}

static int campaign_by_signature(const void *a, const void *b)
{
	const struct nr_campaign *x = a, *y = b;
	return strcmp(x->signature, y->signature);
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

/* What each worker's sources were found to be. */
struct found {
	const struct nr_day_end *end;
	uint8_t level;
	struct signed_sources *of; /* owned; by worker */
	uint64_t *singles;         /* owned; likewise */
};

static void found_fini(struct found *found)
{
	for (size_t i = 0; found->of && i < found->end->local_count; i++)
		signed_sources_fini(&found->of[i]);
	free(found->of);
	free(found->singles);
}

/* One worker's sources, by any member of the crew. */
static void look_local(void *context, size_t local)
{
	const struct found *found = context;
	const struct nr_day *day = nr_day_of(found->end, local);
	found->singles[local] = find_signed(&found->of[local], day, found->level);
}

/* The others' behind the first one's; memory that runs out counts as a full list. */
static struct signed_sources *all_signed(const struct found *found)
{
	struct signed_sources *all = &found->of[0];
	for (size_t i = 1; i < found->end->local_count; i++) {
		struct signed_sources *more = &found->of[i];
		all->beyond += more->beyond;
		for (size_t k = 0; k < more->count; k++) {
			struct signed_source *new = nr_list_add(all);
			if (new)
				*new = more->items[k];
		}
		signed_sources_fini(more);
		*more = (struct signed_sources){0};
	}
	return all;
}

static int judge_campaigns(const struct nr_day_end *end, const struct found *found, struct nr_error *error)
{
	struct signed_sources s = *all_signed(found);
	end->merged->no_room += s.beyond;
	if (!s.count)
		return 0;
	qsort(s.items, s.count, sizeof *s.items, by_signature);
	size_t first = end->merged->campaigns.count;
	for (size_t from = 0, to; from < s.count; from = to) {
		for (to = from + 1; to < s.count && s.items[to].signature == s.items[from].signature;)
			to++;
		if (to - from >= NR_CAMPAIGN_SOURCES)
			add_campaign(end, s.items + from, to - from);
	}
	if (end->merged->campaigns.count > first)
		qsort(end->merged->campaigns.items + first, end->merged->campaigns.count - first,
			sizeof *end->merged->campaigns.items, campaign_by_signature);
	for (size_t i = first; end->sink && i < end->merged->campaigns.count; i++) {
		int e = emit_campaign(end, &end->merged->campaigns.items[i], error);
		if (e)
			return e;
	}
	return 0;
}

/* ---- floods: key = port, window, TTL, options ---- */

static uint64_t flood_key(const struct nr_source *s)
{
	return (uint64_t)s->destination_port << 32 | (uint64_t)s->window << 16 | (uint64_t)s->ttl << 8 |
	       s->option_hash;
}

/* Signatures are counted by SpaceSaving: those of floods are among its counters, whatever strangers send. */
#define NR_FLOOD_COUNTERS 65536

static void count_signatures(struct nr_space_saving *signatures, const struct nr_day *day, uint8_t level)
{
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		if (is_single(s, level))
			nr_space_saving_add(signatures, flood_key(s), 1);
	}
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

/* A signature of very many sources, and what is known of them. */
struct suspected {
	struct nr_flood flood;
	uint64_t octets[256]; /* sources by the first octet of their address */
};
struct suspecteds {
	struct suspected *items; /* owned; in the order of their keys */
	size_t count, room;
	uint64_t beyond;
};

static void suspecteds_fini(struct suspecteds *s)
{
	free(s->items);
}

static int by_key(const void *a, const void *b)
{
	const struct suspected *x = a, *y = b;
	return (x->flood.key > y->flood.key) - (x->flood.key < y->flood.key);
}

static int key_of(const void *key, const void *item)
{
	uint64_t k = *(const uint64_t *)key;
	const struct suspected *s = item;
	return (k > s->flood.key) - (k < s->flood.key);
}

static void find_suspected(
	const struct nr_day_end *end, const struct nr_space_saving *signatures, struct suspecteds *out)
{
	/* fewer cannot have so many bits of entropy */
	const uint64_t spread = UINT64_C(1) << (unsigned)NR_FLOOD_ENTROPY;
	uint64_t least = NR_MAX((uint64_t)NR_FLOOD_SOURCES >> nr_day_level(end), spread);
	size_t most = nr_promise(end->conf, NR_PROMISE_LOGS, 3) / sizeof *out->items; /* as of campaigns */
	for (uint32_t i = 0; i < signatures->used; i++) {
		const struct nr_space_counter *c = nr_space_saving_at(signatures, i);
		if (c->count < least)
			continue;
		struct suspected *new = out->count < most ? nr_list_add(out) : NULL;
		end->merged->no_room += out->count >= most && !new;
		if (new)
			new->flood = (struct nr_flood){.day = end->day->start,
				.first = NR_TIME_MAX,
				.last = NR_TIME_MIN,
				.key = c->key,
				.port = (uint16_t)(c->key >> 32),
				.window = (uint16_t)(c->key >> 16),
				.ttl = (uint8_t)(c->key >> 8)};
	}
	if (out->count > 1)
		qsort(out->items, out->count, sizeof *out->items, by_key);
}

static void add_source(const struct nr_day_end *end, struct suspected *suspected, const struct nr_source *s)
{
	struct nr_flood *flood = &suspected->flood;
	nr_time time = end->day->start + ((nr_time)s->first << NR_SOURCE_TIME_SHIFT);
	if (time < flood->first || (time == flood->first && s->address < nr_address_ipv4(&flood->example)))
		flood->example = nr_address_from_ipv4(s->address);
	flood->first = NR_MIN(flood->first, time);
	flood->last = NR_MAX(flood->last, time);
	flood->sources++;
	suspected->octets[s->address >> 24]++;
}

/* One walk over the sources for all floods: forged packets can make thousands of them. */
static void add_sources(const struct nr_day_end *end, const struct nr_day *day, struct suspecteds *suspecteds)
{
	const uint8_t level = nr_day_level(end);
	for (size_t i = 0; i < day->table4.used; i++) {
		const struct nr_source *s = nr_source_at(&day->table4, i);
		if (!is_single(s, level))
			continue;
		uint64_t key = flood_key(s);
		struct suspected *found = bsearch(
			&key, suspecteds->items, suspecteds->count, sizeof *suspecteds->items, key_of);
		if (found)
			add_source(end, found, s);
	}
}

static void keep_floods(const struct nr_day_end *end, const struct suspecteds *suspecteds)
{
	for (size_t i = 0; i < suspecteds->count; i++) {
		const struct suspected *s = &suspecteds->items[i];
		double entropy = entropy_of(s->octets, s->flood.sources);
		uint64_t sources = s->flood.sources << nr_day_level(end);
		if (sources < NR_FLOOD_SOURCES || entropy < NR_FLOOD_ENTROPY)
			continue;
		struct nr_flood *flood = nr_kept_add(&end->merged->floods);
		if (!flood)
			return;
		*flood = s->flood;
		flood->sources = sources;
		flood->entropy = entropy;
	}
}

static int judge_floods(const struct nr_day_end *end, const struct found *found, struct nr_error *error)
{
	uint64_t singles = 0;
	for (size_t i = 0; i < end->local_count; i++)
		singles += found->singles[i];
	if (singles < NR_FLOOD_SOURCES)
		return 0;
	NR_AUTO(nr_freep)
	struct nr_space_saving *signatures = malloc(nr_space_saving_bytes(NR_FLOOD_COUNTERS));
	NR_AUTO(suspecteds_fini) struct suspecteds suspecteds = {0};
	uint64_t seed;
	if (!signatures)
		return nr_fail(error, -ENOMEM, "out of memory to look for floods");
	if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	nr_space_saving_init(signatures, NR_FLOOD_COUNTERS, seed);
	for (size_t i = 0; i < end->local_count; i++)
		if (nr_day_of(end, i))
			count_signatures(signatures, nr_day_of(end, i), nr_day_level(end));
	find_suspected(end, signatures, &suspecteds);
	for (size_t i = 0; suspecteds.count && i < end->local_count; i++)
		if (nr_day_of(end, i))
			add_sources(end, nr_day_of(end, i), &suspecteds);
	keep_floods(end, &suspecteds);
	return 0;
}

int nr_patterns_judge(const struct nr_day_end *end, struct nr_error *error)
{
	/* the windows are closed: their share is free; growing and sorting take as much again each */
	const size_t most = nr_promise(end->conf, NR_PROMISE_LOGS, 3) / sizeof(struct signed_source);
	NR_AUTO(found_fini)
	struct found found = {end, nr_day_level(end), calloc(end->local_count, sizeof *found.of),
		calloc(end->local_count, sizeof *found.singles)};
	if (!found.of || !found.singles)
		return nr_fail(error, -ENOMEM, "out of memory to look for campaigns");
	for (size_t i = 0; i < end->local_count; i++)
		found.of[i].most = most / end->local_count;
	nr_day_each(end, look_local, &found);
	int e = judge_campaigns(end, &found, error);
	return e ? e : judge_floods(end, &found, error);
}
