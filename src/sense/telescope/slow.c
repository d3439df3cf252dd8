/* SPDX-License-Identifier: Apache-2.0 */
/* The table of those who might be slow scanners, day by day. */
#include "sense/telescope/slow.h"
#include "base/pages.h"

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

int nr_slow_new(
	struct nr_area *area, uint64_t memory_bytes, struct nr_slow **ret_slow, struct nr_error *error)
{
	void *pages = NULL, *entries = NULL;
	size_t room = room_of(memory_bytes);
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_slow), error);
	if (e)
		return e;
	e = nr_pages_resize(area, &entries, 0, room * sizeof(struct nr_slow_entry), error);
	if (e) {
		nr_pages_unmap(area, pages, sizeof(struct nr_slow));
		return e;
	}
	*ret_slow = pages;
	**ret_slow = (struct nr_slow){.area = area, .entries = entries, .room = room};
	return 0;
}

void nr_slow_free(struct nr_slow *s)
{
	if (!s)
		return;
	nr_pages_unmap(s->area, s->entries, s->room * sizeof *s->entries);
	nr_pages_unmap(s->area, s, sizeof *s);
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

/* NULL: not there (and, with add, no room). */
static struct nr_slow_entry *entry_of(struct nr_slow *s, uint64_t key, uint32_t day, bool add)
{
	uint64_t hash = nr_hll_hash(key);
	uint64_t *present = &s->present[hash >> 44 & (NR_SLOW_PRESENT / 64 - 1)];
	uint64_t bit = UINT64_C(1) << (hash >> 58);
	struct nr_slow_entry *place = NULL;
	if (!add && !(*present & bit))
		return NULL;
	for (size_t i = 0; i < NR_PROBES; i++) {
		struct nr_slow_entry *n = &s->entries[(hash + i) & (s->room - 1)];
		if (n->key == key) {
			catch_up(n, day);
			return n;
		}
		bool stale = n->key && day > n->last_day + NR_SLOW_WEEK;
		if (!place && (!n->key || stale))
			place = n;
		if (!n->key)
			break;
	}
	if (!add || !place)
		s->beyond += add;
	if (!add || !place)
		return NULL;
	s->count += !place->key;
	*present |= bit;
	*place = (struct nr_slow_entry){.key = key, .last_day = day, .first_day = day};
	return place;
}

/* ---- events ---- */

void nr_slow_events(struct nr_slow *s, const struct nr_telescope_conf *conf, const struct nr_merged *m)
{
	double dark = (double)conf->refs->dark_addresses;
	for (size_t i = 0; dark > 0 && i < m->local_count; i++) {
		const struct nr_hitters *h = &m->locals[i]->early->hitters;
		for (size_t k = 0; k < h->ended_count; k++) {
			const struct nr_event_end *v = &h->ended[k];
			double seconds = NR_MAX((double)(v->last - v->first) / NR_SECOND, 1.0);
			bool slow = v->packets * 86400.0 / seconds <= NR_SLOW_PACKETS;
			uint32_t day = day_of(v->first);
			struct nr_slow_entry *n = entry_of(s, (uint64_t)v->source + 1, day, slow);
			if (!n || n->last_day >= day + NR_SLOW_WEEK)
				continue;
			double missed = NR_MAX(1 - (double)v->destinations / dark, 1e-6);
			n->missed[day % NR_SLOW_WEEK] += (float)log(missed);
		}
	}
}

/* ---- the day's tally ---- */

static uint64_t network_of(uint64_t member)
{
	return member <= UINT32_MAX ? NR_SLOW_NETWORK | ((member >> 8) + 1) : UINT64_MAX;
}

struct counting {
	struct nr_slow *slow;
	const struct nr_known_scanners *known;
	const struct nr_port_counts *sources, *networks;
	uint32_t day;
};

static bool may_enter(const struct nr_port_counts *counts, uint64_t key, uint32_t ports)
{
	const struct nr_port_count *cell = nr_port_counts_of(counts, key);
	return cell->pairs >= ports && cell->packets <= NR_SLOW_PACKETS;
}

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

static void count_sum(const struct counting *k, const struct nr_tally_sum *sum)
{
	uint64_t member = nr_sum_member(sum);
	if (member > UINT32_MAX)
		return;
	bool enters = may_enter(k->sources, member, NR_SLOW_DAY_PORTS);
	if (nr_is_known_scanner(k->known, member)) {
		struct nr_slow_entry *tagged = entry_of(k->slow, member + 1, k->day, false);
		if (tagged)
			count_into(tagged, sum, k->day, true);
		return;
	}
	struct nr_slow_entry *n = entry_of(k->slow, member + 1, k->day, enters);
	if (n)
		count_into(n, sum, k->day, false);
	uint64_t network = network_of(member);
	enters = may_enter(k->networks, network, 2 * NR_SLOW_DAY_PORTS);
	n = entry_of(k->slow, network, k->day, enters);
	if (n)
		count_into(n, sum, k->day, false);
}

int nr_slow_day(struct nr_slow *s, const struct nr_day_end *end, const struct nr_tally *tally,
	const struct nr_port_counts *sources, const struct nr_known_scanners *known, struct nr_error *error)
{
	NR_AUTO(nr_port_counts_fini) struct nr_port_counts networks = {0};
	int e = nr_port_counts_init(&networks, end->conf->memory_bytes, tally, network_of, error);
	if (e)
		return e;
	struct counting k = {s, known, sources, &networks, day_of(end->day->start)};
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;)
		count_sum(&k, &sum);
	return nr_slow_judge(s, end, known, error);
}
