/* SPDX-License-Identifier: Apache-2.0 */
/* The rise: new networks a window and port against what is usual there. */
#include "sense/telescope/synchrony.h"
#include "base/pages.h"
#include "sense/telescope/early_walk.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NR_KEEP         (1 - 1.0 / NR_SYNC_WINDOWS) /* of the past, each window */
#define NR_NEW_MAX      65536                       /* new hosts of one port and window that are looked at */
#define NR_CUSUM_MAX    (float)(2 * NR_SYNC_ALARM)
#define NR_SUM_NONE     0.05f /* discounted so far, it says no more than the least rate */
#define NR_PRIOR_WEIGHT 12    /* windows that a port is taken to have been quiet before it was watched */

static size_t host_room(uint64_t memory_bytes)
{
	size_t room = 1024;
	while (room * 2 * sizeof(struct nr_sync_host) <= memory_bytes / 512)
		room *= 2;
	return room;
}

int nr_synchrony_new(struct nr_area *area, uint64_t memory_bytes, struct nr_synchrony **ret_synchrony,
	struct nr_error *error)
{
	void *pages = NULL, *hosts = NULL;
	int e = nr_pages_resize(area, &pages, 0, sizeof(struct nr_synchrony), error);
	if (e)
		return e;
	struct nr_synchrony *y = pages;
	y->area = area;
	y->host_room = host_room(memory_bytes);
	e = nr_pages_resize(area, &hosts, 0, y->host_room * sizeof *y->hosts, error);
	if (!e) {
		y->hosts = hosts;
		e = nr_seen_filter_init(&y->filter, area, (size_t)(memory_bytes / 128), error);
	}
	if (e) {
		nr_pages_unmap(area, hosts, y->host_room * sizeof *y->hosts);
		nr_pages_unmap(area, pages, sizeof *y);
		return e;
	}
	*ret_synchrony = y;
	return 0;
}

void nr_synchrony_free(struct nr_synchrony *y)
{
	if (!y)
		return;
	nr_seen_filter_fini(&y->filter, y->area);
	nr_pages_unmap(y->area, y->hosts, y->host_room * sizeof *y->hosts);
	nr_pages_unmap(y->area, y, sizeof *y);
}

/* ---- the usual rate ---- */

static double rate_of(const struct nr_synchrony *y, uint32_t group)
{
	double rate = (double)y->sum[group] / (y->weight + NR_PRIOR_WEIGHT);
	return fmax(rate, NR_SYNC_RATE_MIN);
}

static double noise_of(const struct nr_synchrony *y, uint32_t group)
{
	return fmax(1, (double)y->noise[group]);
}

/* The port's window is over: x networks were new. What is out of the ordinary teaches little, and while a
 * rise is suspected nothing, so that a slow one does not become usual; after a day it has. */
static void learn(struct nr_synchrony *y, uint32_t group, nr_time window)
{
	double x = y->arrived[group], rate = rate_of(y, group), noise = noise_of(y, group);
	bool warm = y->windows >= NR_SYNC_WINDOWS;
	double step = (x * log(NR_SYNC_TIMES) - rate * (NR_SYNC_TIMES - 1)) / noise;
	if (warm && y->cusum[group] < (float)NR_SYNC_ONSET && step > 0)
		y->onset[group] = (uint32_t)(window / (NR_STEP_WINDOW * NR_SECOND));
	y->cusum[group] = warm ? fminf(fmaxf(0, y->cusum[group] + (float)step), NR_CUSUM_MAX) : 0;
	const struct nr_sync_port *port = y->place[group] ? &y->ports[y->place[group] - 1] : NULL;
	bool suspected = port && window - port->since < NR_DAY;
	double most = suspected ? rate : rate + 3 * sqrt(noise * rate) + 1;
	double taught = warm ? fmin(x, most) : x;
	double miss = (x - rate) * (x - rate) / fmax(rate, 0.05);
	y->sum[group] = (float)(NR_KEEP * (double)y->sum[group] + taught);
	if (!suspected)
		y->noise[group] = (float)(NR_KEEP * (double)y->noise[group] + (1 - NR_KEEP) * fmin(miss, 25));
}

/* The window is over for all ports at which nobody was new; `arrivals` has the others. */
static void learn_window(struct nr_synchrony *y, nr_time window)
{
	for (uint32_t group = 0; group < NR_GROUP_OTHER; group++)
		if (!y->arrived[group] && (y->sum[group] > NR_SUM_NONE || y->cusum[group] > 0))
			learn(y, group, window);
	memset(y->arrived, 0, sizeof y->arrived);
	y->weight = NR_KEEP * y->weight + 1;
	y->windows++;
	y->last_window = window;
}

/* ---- one window ---- */

struct arrival {
	uint32_t address;
	uint32_t packets;
};

struct arrivals {
	struct nr_synchrony *synchrony;
	const struct nr_early_window *window;
	const struct nr_known_scanners *known;
	uint32_t number;          /* of the window */
	uint32_t group, network;  /* network: the last new one */
	uint32_t networks, count; /* of the group; count: new hosts */
	struct arrival *items;    /* owned, NR_NEW_MAX: the new hosts of the group */
};

static void arrivals_fini(struct arrivals *a)
{
	free(a->items);
}

/* The hosts that made the port suspicious are the first to be followed. */
static void follow(struct arrivals *a)
{
	struct nr_synchrony *y = a->synchrony;
	nr_sync_open(y, a->group, a->window->start);
	if (!y->place[a->group])
		return;
	struct nr_sync_port *port = &y->ports[y->place[a->group] - 1];
	for (uint32_t i = 0; i < NR_MIN(a->count, (uint32_t)NR_NEW_MAX); i++)
		nr_sync_see(
			y, a->known->refs, port, a->items[i].address, a->items[i].packets, a->number, true);
	port->beyond += a->count - NR_MIN(a->count, (uint32_t)NR_NEW_MAX);
}

static void end_port(struct arrivals *a)
{
	struct nr_synchrony *y = a->synchrony;
	if (a->group >= NR_GROUP_OTHER || !a->networks)
		return;
	y->arrived[a->group] = (uint16_t)NR_MIN(a->networks, (uint32_t)UINT16_MAX);
	learn(y, a->group, a->window->start);
	if (y->cusum[a->group] >= (float)NR_SYNC_WATCH && !y->place[a->group])
		follow(a);
}

static void arrive(struct arrivals *a, uint32_t address, uint64_t packets)
{
	if (a->count < NR_NEW_MAX)
		a->items[a->count] =
			(struct arrival){address, (uint32_t)NR_MIN(packets, (uint64_t)UINT32_MAX)};
	a->count++;
	if (address >> 16 != a->network) {
		a->network = address >> 16;
		a->networks++;
	}
}

/* Sums come by port, then by address, so that the addresses of a network come one after the other. */
static void look(struct arrivals *a, const struct nr_tally_sum *sum)
{
	uint32_t group = nr_sum_group(sum);
	uint64_t member = nr_sum_member(sum);
	struct nr_synchrony *y = a->synchrony;
	if (group != a->group) {
		end_port(a);
		a->group = group;
		a->networks = a->count = 0;
		a->network = UINT32_MAX;
	}
	if (member > UINT32_MAX || !nr_member_counts(member, a->window->tally->level))
		return;
	bool is_new = !nr_seen_filter_add(&y->filter, sum->key) && !nr_is_known_scanner(a->known, member);
	if (y->place[group])
		nr_sync_see(y, a->known->refs, &y->ports[y->place[group] - 1], (uint32_t)member, sum->packets,
			a->number, is_new);
	if (is_new)
		arrive(a, (uint32_t)member, sum->packets);
}

static void look_at_window(struct arrivals *a)
{
	struct nr_tally_sum sums[NR_WALK_AHEAD];
	struct nr_tally_walk walk = {a->window->tally, 0, 0};
	for (size_t count; (count = nr_scans_next(&walk, sums)) > 0;) {
		for (size_t i = 0; i < count; i++)
			nr_seen_filter_fetch(&a->synchrony->filter, sums[i].key);
		for (size_t i = 0; i < count; i++)
			look(a, &sums[i]);
	}
	end_port(a);
}

/* ---- watched ports ---- */

static int tell_ports(struct nr_synchrony *y, const struct nr_early_window *window, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; i < NR_SYNC_PORTS_MAX; i++) {
		struct nr_sync_port *port = &y->ports[i];
		if (!port->open)
			continue;
		float cusum = y->cusum[port->group];
		if (!e && cusum >= (float)NR_SYNC_ALARM && nr_sync_is_company(port))
			e = nr_sync_tell(y, window, port, error);
		if (cusum <= 0)
			nr_sync_close(y, port);
	}
	return e;
}

int nr_synchrony_window(struct nr_synchrony *y, const struct nr_early_window *window,
	const struct nr_known_scanners *known, struct nr_error *error)
{
	const nr_time step = NR_STEP_WINDOW * NR_SECOND;
	if (y->windows && window->start <= y->last_window)
		return 0; /* an older capture read afterwards */
	/* windows without a packet; after a day of them it was off, and says nothing about what is usual */
	for (nr_time t = y->last_window + step;
		y->windows && t < window->start && window->start - y->last_window < NR_DAY; t += step)
		learn_window(y, t);
	nr_seen_filter_age(&y->filter, window->start);
	NR_AUTO(arrivals_fini)
	struct arrivals arrivals = {y, window, known, (uint32_t)(window->start / step), UINT32_MAX,
		UINT32_MAX, 0, 0, malloc(NR_NEW_MAX * sizeof(struct arrival))};
	if (!arrivals.items)
		return nr_fail(error, -ENOMEM, "out of memory for new sources");
	look_at_window(&arrivals);
	learn_window(y, window->start);
	nr_sync_collect(y, window->merged, window->start + step);
	return tell_ports(y, window, error);
}
