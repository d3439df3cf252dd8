/* SPDX-License-Identifier: Apache-2.0 */
/* The detectors' state in one place: made at the first window, shown each window and day. */
#include "sense/telescope/early.h"
#include "base/pages.h"
#include "sense/telescope/aggressive.h"
#include "sense/telescope/change.h"
#include "sense/telescope/early_walk.h"
#include "sense/telescope/slow.h"
#include "sense/telescope/synchrony.h"
#include "sense/telescope/warning.h"

#include <errno.h>
#include <stdlib.h>

#define NR_JUDGED_MAX 65536 /* research scanners of one day that are left out on the next */

struct nr_early {
	struct nr_area *area;
	struct nr_change *change;
	struct nr_synchrony *synchrony;
	struct nr_slow *slow;
	struct nr_aggressive aggressive;
	uint64_t judged[NR_JUDGED_MAX]; /* ascending */
	size_t judged_count;
};

static int make(const struct nr_early_window *window, struct nr_error *error)
{
	struct nr_area *area = window->merged->locals[0]->area;
	const uint64_t memory = nr_promise_shared(window->conf);
	void *pages = NULL;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_early), error);
	if (e)
		return e;
	struct nr_early *early = pages;
	early->area = area;
	window->merged->early = early;
	e = nr_change_new(area, memory, &early->change, error);
	if (!e)
		e = nr_synchrony_new(area, memory, &early->synchrony, error);
	if (!e)
		e = nr_slow_new(area, memory, &early->slow, error);
	return e;
}

static struct nr_known_scanners known_of(const struct nr_early *early, const struct nr_telescope_conf *conf)
{
	return (struct nr_known_scanners){conf->refs, early->judged, early->judged_count};
}

static int take_events(struct nr_early *early, const struct nr_early_window *window, struct nr_error *error)
{
	const struct nr_merged *m = window->merged;
	nr_time now = window->start + NR_STEP_WINDOW * NR_SECOND;
	for (size_t i = 0; i < m->local_count; i++)
		nr_hitters_expire(&m->locals[i]->early->hitters, now);
	nr_slow_events(early->slow, window->conf, m);
	return nr_aggressive_take(&early->aggressive, window->conf, m, window->sink, error);
}

int nr_early_window(const struct nr_early_window *window, struct nr_error *error)
{
	int e = window->merged->early ? 0 : make(window, error);
	if (e)
		return e;
	struct nr_early *early = window->merged->early;
	struct nr_known_scanners known = known_of(early, window->conf);
	e = nr_change_window(early->change, window, &known, error);
	if (!e)
		e = nr_synchrony_window(early->synchrony, window, &known, error);
	return e ? e : take_events(early, window, error);
}

static int by_member(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Whom a rule marked today is left out tomorrow; what a day's slots have said stands. */
static void remember_scanners(struct nr_early *early, const struct nr_merged *m, size_t first)
{
	early->judged_count = 0;
	for (size_t i = first; i < m->scanners.count && early->judged_count < NR_JUDGED_MAX; i++)
		early->judged[early->judged_count++] = m->scanners.items[i].member;
	if (early->judged_count > 1)
		qsort(early->judged, early->judged_count, sizeof *early->judged, by_member);
}

static uint64_t take(uint64_t *counter)
{
	uint64_t count = *counter;
	*counter = 0;
	return count;
}

/* What found no room since the day before, for the report. */
static uint64_t count_beyond(struct nr_early *early, const struct nr_day_end *end)
{
	uint64_t count = take(&early->change->refused) + take(&early->synchrony->not_watched) +
			 take(&early->slow->beyond) + early->aggressive.beyond;
	for (size_t i = 0; i < end->local_count; i++) {
		struct nr_early_local *local = end->locals[i]->early;
		count += take(&local->hitters.beyond) + take(&local->hitters.pushed_out) +
			 take(&local->watch.beyond);
	}
	return count;
}

/* The pairs of the day that ends, for all who look at them one by one. */
struct day_pairs {
	struct nr_early *early;
	const struct nr_known_scanners *known;
	uint32_t day;
	uint32_t least;                           /* ports that an aggressive hitter exceeds */
	struct nr_port_marks many;                /* sources that may be one */
	struct nr_port_marks slow, slow_networks; /* sources and /24s that may be slow scanners */
};

static void day_pairs_fini(struct day_pairs *p)
{
	nr_port_marks_fini(&p->many);
	nr_port_marks_fini(&p->slow);
	nr_port_marks_fini(&p->slow_networks);
}

static int mark(struct day_pairs *p, const struct nr_day_ports *ports, struct nr_error *error)
{
	uint32_t more = p->least == UINT32_MAX ? UINT32_MAX : p->least + 1;
	int e = nr_port_marks_init(&p->many, &ports->sources, more, NR_PORT_PACKETS_MAX, error);
	if (!e)
		e = nr_port_marks_init(&p->slow, &ports->sources, NR_SLOW_DAY_PORTS, NR_SLOW_PACKETS, error);
	if (!e)
		e = nr_port_marks_init(
			&p->slow_networks, &ports->networks, 2 * NR_SLOW_DAY_PORTS, NR_SLOW_PACKETS, error);
	return e;
}

static void count_pairs(const struct day_pairs *p, const struct nr_tally_sum *sums, size_t count)
{
	uint64_t hashes[NR_WALK_AHEAD], networks[NR_WALK_AHEAD];
	for (size_t i = 0; i < count; i++) {
		hashes[i] = nr_hll_hash(nr_sum_member(&sums[i]));
		networks[i] = nr_hll_hash(nr_ports_network(nr_sum_member(&sums[i])));
		nr_port_marks_fetch(&p->many, hashes[i]);
		nr_port_marks_fetch(&p->slow, hashes[i]);
		nr_port_marks_fetch(&p->slow_networks, networks[i]);
	}
	for (size_t i = 0; i < count; i++) {
		struct nr_slow_candidate candidate = {nr_port_marks_has(&p->slow, hashes[i]),
			nr_port_marks_has(&p->slow_networks, networks[i])};
		if (nr_sum_member(&sums[i]) > UINT32_MAX)
			continue;
		if (NR_UNLIKELY(nr_port_marks_has(&p->many, hashes[i])))
			nr_aggressive_count(&p->early->aggressive, &sums[i]);
		nr_slow_count(p->early->slow, p->known, p->day, &sums[i], &candidate);
	}
}

static void walk_day(const struct day_pairs *p, const struct nr_tally *tally)
{
	struct nr_tally_sum sums[NR_WALK_AHEAD];
	struct nr_tally_walk walk = {tally, 0, 0};
	for (size_t count; (count = nr_scans_next(&walk, sums)) > 0;)
		count_pairs(p, sums, count);
}

static int judge_day(struct day_pairs *p, const struct nr_day_end *end, const struct nr_tally *tally,
	struct nr_error *error)
{
	NR_AUTO(nr_day_ports_fini) struct nr_day_ports ports = {0};
	int e = nr_day_ports_init(&ports, nr_promise_shared(end->conf), tally, error);
	if (!e)
		e = nr_aggressive_day(&p->early->aggressive, end, &ports.sources, &p->least, error);
	if (!e)
		e = mark(p, &ports, error);
	if (e)
		return e;
	walk_day(p, tally);
	return nr_aggressive_tell(&p->early->aggressive, end, p->least, p->known, error);
}

int nr_early_day(const struct nr_day_end *end, const struct nr_tally *tally, size_t scanner_first,
	struct nr_error *error)
{
	struct nr_early *early = end->merged->early;
	if (!early)
		return 0;
	remember_scanners(early, end->merged, scanner_first);
	struct nr_known_scanners known = known_of(early, end->conf);
	for (size_t i = 0; i < end->local_count; i++)
		nr_hitters_expire(&end->locals[i]->early->hitters, NR_TIME_MAX);
	nr_slow_events(early->slow, end->conf, end->merged);
	end->merged->no_room += count_beyond(early, end);
	NR_AUTO(day_pairs_fini)
	struct day_pairs pairs = {
		.early = early, .known = &known, .day = (uint32_t)(end->day->start / NR_DAY)};
	int e = judge_day(&pairs, end, tally, error);
	return e ? e : nr_slow_judge(early->slow, end, &known, error);
}

int nr_early_resume(struct nr_early *early, struct nr_area *area)
{
	if (!nr_area_holds(area, early, sizeof *early) || early->judged_count > NR_JUDGED_MAX ||
		!early->change || !nr_area_holds(area, early->change, sizeof *early->change) ||
		!early->synchrony || !nr_area_holds(area, early->synchrony, sizeof *early->synchrony) ||
		!early->slow)
		return -EBADMSG;
	early->area = early->change->area = early->synchrony->area = area;
	return nr_slow_resume(early->slow, area);
}

void nr_early_free(struct nr_early *early)
{
	if (!early)
		return;
	nr_change_free(early->change);
	nr_synchrony_free(early->synchrony);
	nr_slow_free(early->slow);
	nr_pages_unmap(early->area, early, sizeof *early);
}
