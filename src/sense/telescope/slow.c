/* SPDX-License-Identifier: Apache-2.0 */
/* The table of those who might be slow scanners, day by day. */
#include "sense/telescope/slow.h"
#include "base/pages.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NR_PROBES 16 /* addresses are chosen by strangers */

static size_t room_of(uint64_t memory_bytes)
{
	size_t room = 1024;
	while (room * 2 * sizeof(struct nr_slow_entry) <= memory_bytes / 128)
		room *= 2;
	return room;
}

static size_t full_bytes(size_t room)
{
	return room / 64 * sizeof(uint64_t);
}

int nr_slow_new(
	struct nr_area *area, uint64_t memory_bytes, struct nr_slow **ret_slow, struct nr_error *error)
{
	void *pages = NULL;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_slow), error);
	if (e)
		return e;
	struct nr_slow *s = pages;
	s->area = area;
	s->room = room_of(memory_bytes);
	e = nr_pages_resize(area, (void **)&s->entries, 0, s->room * sizeof *s->entries, error);
	if (!e)
		e = nr_pages_resize(area, (void **)&s->keys, 0, s->room * sizeof *s->keys, error);
	if (!e)
		e = nr_pages_resize(area, (void **)&s->full, 0, full_bytes(s->room), error);
	if (e) {
		nr_slow_free(s);
		return e;
	}
	*ret_slow = s;
	return 0;
}

void nr_slow_free(struct nr_slow *s)
{
	if (!s)
		return;
	nr_pages_unmap(s->area, s->full, full_bytes(s->room));
	nr_pages_unmap(s->area, s->keys, s->room * sizeof *s->keys);
	nr_pages_unmap(s->area, s->entries, s->room * sizeof *s->entries);
	nr_pages_unmap(s->area, s, sizeof *s);
}

int nr_slow_resume(struct nr_slow *s, struct nr_area *area)
{
	if (!nr_area_holds(area, s, sizeof *s) ||
		!nr_area_holds(area, s->entries, s->room * sizeof *s->entries) ||
		!nr_area_holds(area, s->keys, s->room * sizeof *s->keys) ||
		!nr_area_holds(area, s->full, full_bytes(s->room)))
		return -EBADMSG;
	s->area = area;
	for (size_t i = 0; i < s->room; i++)
		s->keys[i] = s->entries[i].key;
	return 0;
}

/* ---- entries ---- */

static uint32_t day_of(nr_time time)
{
	return (uint32_t)(time / NR_DAY);
}

/* Days of the ring that are over a week old are emptied. */
static void catch_up(struct nr_slow_entry *n, uint32_t day)
{
	if (day <= n->last_day)
		return;
	uint32_t gap = day - n->last_day;
	if (gap >= NR_SLOW_WEEK)
		n->first_day = day;
	for (uint32_t k = 1; k <= NR_MIN(gap, (uint32_t)NR_SLOW_WEEK); k++) {
		uint32_t slot = (n->last_day + k) % NR_SLOW_WEEK;
		n->packets[slot] = 0;
		n->missed[slot] = 0;
		memset(n->ports[slot], 0, sizeof n->ports[slot]);
	}
	n->last_day = day;
}

struct slow_key {
	uint64_t key, hash;
};

static struct slow_key slow_key_of(uint64_t key)
{
	return (struct slow_key){key, nr_hll_hash(key)};
}

/* Where keys of this hash start, all places were found taken by entries that are not stale: that holds for
 * the rest of the day, and for earlier days. */
static bool is_full(const struct nr_slow *s, uint64_t hash, uint32_t day)
{
	size_t home = hash & (s->room - 1);
	return day <= s->full_day && s->full[home / 64] >> (home % 64) & 1;
}

static void note_full(struct nr_slow *s, uint64_t hash, uint32_t day)
{
	size_t home = hash & (s->room - 1);
	if (day > s->full_day) {
		memset(s->full, 0, full_bytes(s->room));
		s->full_day = day;
	}
	if (day == s->full_day)
		s->full[home / 64] |= UINT64_C(1) << (home % 64);
}

static uint64_t *present_word(struct nr_slow *s, uint64_t hash)
{
	return &s->present[hash >> 44 & (NR_SLOW_PRESENT / 64 - 1)];
}

static bool may_be_present(struct nr_slow *s, const struct slow_key *k)
{
	return *present_word(s, k->hash) >> (k->hash >> 58) & 1;
}

/* Looks at a key's places in turn until one is empty. True: it stands at *ret_at. */
static bool find(const struct nr_slow *s, const struct slow_key *k, size_t *ret_at)
{
	for (size_t i = 0; i < NR_PROBES; i++) {
		*ret_at = (k->hash + i) & (s->room - 1);
		if (s->keys[*ret_at] == k->key)
			return true;
		if (!s->keys[*ret_at])
			break;
	}
	return false;
}

/* The first place that a key may take: empty, or of an entry that is stale. NULL: none. */
static struct nr_slow_entry *place_for(const struct nr_slow *s, const struct slow_key *k, uint32_t day)
{
	for (size_t i = 0; i < NR_PROBES; i++) {
		struct nr_slow_entry *n = &s->entries[(k->hash + i) & (s->room - 1)];
		if (!n->key || day > n->last_day + NR_SLOW_WEEK)
			return n;
	}
	return NULL;
}

static struct nr_slow_entry *enter(struct nr_slow *s, const struct slow_key *k, uint32_t day)
{
	struct nr_slow_entry *n = place_for(s, k, day);
	if (!n) {
		note_full(s, k->hash, day);
		s->beyond++;
		return NULL;
	}
	s->count += !n->key;
	*present_word(s, k->hash) |= UINT64_C(1) << (k->hash >> 58);
	*n = (struct nr_slow_entry){.key = k->key, .last_day = day, .first_day = day};
	s->keys[n - s->entries] = k->key;
	return n;
}

/* NULL: not there (and, with add, no room). */
static struct nr_slow_entry *entry_of(struct nr_slow *s, const struct slow_key *k, uint32_t day, bool add)
{
	size_t at;
	if (may_be_present(s, k) && find(s, k, &at)) {
		catch_up(&s->entries[at], day);
		return &s->entries[at];
	}
	if (add && !is_full(s, k->hash, day))
		return enter(s, k, day);
	s->beyond += add;
	return NULL;
}

/* ---- events ---- */

void nr_slow_events(struct nr_slow *s, const struct nr_telescope_conf *conf, const struct nr_merged *m)
{
	double dark = (double)conf->refs->dark_addresses;
	for (size_t i = 0; dark > 0 && i < m->local_count; i++) {
		const struct nr_hitters *h = &m->locals[i]->early->hitters;
		for (size_t k = 0; k < h->due; k++) {
			const struct nr_event_end *v = &h->ended[k];
			double seconds = NR_MAX((double)(v->last - v->first) / NR_SECOND, 1.0);
			bool slow = v->packets * 86400.0 / seconds <= NR_SLOW_PACKETS;
			uint32_t day = day_of(v->first);
			struct slow_key key = slow_key_of((uint64_t)v->source + 1);
			struct nr_slow_entry *n = entry_of(s, &key, day, slow);
			if (!n || n->last_day >= day + NR_SLOW_WEEK)
				continue;
			double missed = NR_MAX(1 - (double)v->destinations / dark, 1e-6);
			n->missed[day % NR_SLOW_WEEK] += (float)log(missed);
		}
	}
}

/* ---- the day's tally ---- */

static void count_into(struct nr_slow_entry *n, const struct nr_tally_sum *sum, uint32_t day, bool tagged)
{
	uint32_t slot = day % NR_SLOW_WEEK;
	uint64_t bit = nr_hll_hash(nr_sum_group(sum)) >> 8 & (NR_SLOW_PORT_BITS - 1);
	n->packets[slot] += (uint32_t)NR_MIN(sum->packets, (uint64_t)(UINT32_MAX - n->packets[slot]));
	n->ports[slot][bit / 64] |= UINT64_C(1) << (bit % 64);
	if (n->key & NR_SLOW_NETWORK)
		n->hosts |= UINT64_C(1) << (nr_hll_hash(nr_sum_member(sum)) >> 8 & 63);
	if (tagged || n->packets[slot] > NR_SLOW_PACKETS) {
		n->tainted = true;
		n->tainted_day = day;
	}
}

void nr_slow_count(struct nr_slow *s, const struct nr_known_scanners *known, uint32_t day,
	const struct nr_tally_sum *sum, const struct nr_slow_candidate *candidate)
{
	uint64_t member = nr_sum_member(sum);
	struct slow_key source = slow_key_of(member + 1), network = slow_key_of(nr_ports_network(member));
	/* most are neither candidates nor entries */
	if (!candidate->source && !candidate->network && !may_be_present(s, &source) &&
		!may_be_present(s, &network))
		return;
	bool tagged = nr_is_known_scanner(known, member);
	struct nr_slow_entry *n = entry_of(s, &source, day, candidate->source && !tagged);
	if (n)
		count_into(n, sum, day, tagged);
	n = tagged ? NULL : entry_of(s, &network, day, candidate->network);
	if (n)
		count_into(n, sum, day, false);
}
