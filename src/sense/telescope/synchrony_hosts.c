/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts of watched ports, one by one. */
#include "sense/telescope/synchrony.h"

#include <errno.h>
#include <string.h>

#define NR_PROBES 64 /* addresses are chosen by strangers */

/* ---- the table ---- */

static bool is_alive(const struct nr_synchrony *y, const struct nr_sync_host *host)
{
	uint8_t place = y->place[host->key >> NR_MEMBER_BITS];
	return place && y->ports[place - 1].serial == host->serial;
}

/* The host with that key, or where it would stand; NULL: no room. */
static struct nr_sync_host *slot_of(const struct nr_synchrony *y, uint64_t key)
{
	uint64_t hash = nr_hll_hash(key);
	for (size_t i = 0; i < NR_PROBES; i++) {
		struct nr_sync_host *host = &y->hosts[(hash + i) & (y->host_room - 1)];
		if (!host->key || host->key == key)
			return host;
	}
	return NULL;
}

/* Hosts of watches that ended make room: the others are taken out and put back. */
static void sweep(struct nr_synchrony *y)
{
	size_t kept = 0;
	NR_AUTO(nr_freep) struct nr_sync_host *alive = malloc(y->host_count * sizeof *alive + 1);
	for (size_t i = 0; alive && i < y->host_room; i++)
		if (y->hosts[i].key && is_alive(y, &y->hosts[i]))
			alive[kept++] = y->hosts[i];
	memset(y->hosts, 0, y->host_room * sizeof *y->hosts);
	y->host_count = 0;
	for (size_t i = 0; i < kept; i++) {
		struct nr_sync_host *slot = slot_of(y, alive[i].key);
		if (!slot)
			continue;
		*slot = alive[i];
		y->host_count++;
	}
}

struct nr_sync_host *nr_sync_find(struct nr_synchrony *y, const struct nr_sync_port *port, uint32_t address)
{
	struct nr_sync_host *host = slot_of(y, nr_tally_key(port->group, address));
	return host && host->key && host->serial == port->serial ? host : NULL;
}

static struct nr_sync_host *add_host(
	struct nr_synchrony *y, const struct nr_sync_port *port, uint32_t address)
{
	if (y->host_count >= y->host_room / 4 * 3)
		return NULL;
	struct nr_sync_host *host = slot_of(y, nr_tally_key(port->group, address));
	if (!host)
		return NULL;
	y->host_count += !host->key;
	*host = (struct nr_sync_host){.key = nr_tally_key(port->group, address), .serial = port->serial};
	return host;
}

/* ---- watching ---- */

void nr_sync_open(struct nr_synchrony *y, uint32_t group, nr_time window)
{
	size_t i = 0;
	while (i < NR_SYNC_PORTS_MAX && y->ports[i].open)
		i++;
	if (i == NR_SYNC_PORTS_MAX) { /* the least suspicious one makes room */
		size_t least = 0;
		for (i = 1; i < NR_SYNC_PORTS_MAX; i++)
			if (y->cusum[y->ports[i].group] < y->cusum[y->ports[least].group])
				least = i;
		y->not_watched++;
		if (y->cusum[y->ports[least].group] >= y->cusum[group])
			return;
		nr_sync_close(y, &y->ports[least]);
		i = least;
	}
	struct nr_sync_port *port = &y->ports[i];
	memset(port, 0, sizeof *port);
	port->open = true;
	port->group = group;
	port->serial = ++y->serial;
	port->since = window;
	port->onset = (nr_time)y->onset[group] * NR_STEP_WINDOW * NR_SECOND;
	port->usual = (double)y->sum[group] / (double)NR_MAX(y->weight, 1.0);
	port->first_slot = window / NR_WATCH_SLOT;
	y->place[group] = (uint8_t)(i + 1);
}

void nr_sync_close(struct nr_synchrony *y, struct nr_sync_port *port)
{
	y->place[port->group] = 0;
	port->open = false;
	if (y->host_count >= y->host_room / 2)
		sweep(y);
}

static void note_network(struct nr_sync_port *port, uint32_t address)
{
	uint64_t *word = &port->seen_networks[address >> 22], bit = UINT64_C(1) << (address >> 16 & 63);
	port->networks += !(*word & bit);
	*word |= bit;
}

void nr_sync_see(struct nr_synchrony *y, const struct nr_telescope_refs *refs, struct nr_sync_port *port,
	uint32_t address, uint64_t packets, uint32_t window, bool is_new)
{
	struct nr_sync_host *host = nr_sync_find(y, port, address);
	if (!host && !is_new)
		return;
	if (!host) {
		host = add_host(y, port, address);
		if (!host) {
			port->beyond++;
			return;
		}
		port->hosts++;
		port->forged += nr_prefix_table_find_ipv4(refs->bogon, address) != NR_PREFIX_NONE;
		port->last = ((nr_time)window + 1) * NR_STEP_WINDOW * NR_SECOND;
		note_network(port, address);
	}
	if (host->windows < UINT16_MAX && (!host->windows || host->last_window != window))
		host->windows++;
	port->returning += host->windows == 2 && host->last_window != window;
	host->last_window = window;
	host->packets += (uint32_t)NR_MIN(packets, (uint64_t)(UINT32_MAX - host->packets));
	port->packets += packets;
}

/* ---- slots of 50 seconds ---- */

static void count_record(struct nr_synchrony *y, uint64_t record, int64_t now_slot)
{
	uint32_t group = (uint32_t)(record >> (32 + NR_WATCH_SLOT_BITS));
	const uint64_t mask = (1u << NR_WATCH_SLOT_BITS) - 1;
	int64_t slot = now_slot - (int64_t)(((uint64_t)now_slot - record) & mask);
	struct nr_sync_port *port = y->place[group] ? &y->ports[y->place[group] - 1] : NULL;
	if (!port || slot < port->first_slot || slot - port->first_slot >= NR_SYNC_SLOTS)
		return;
	struct nr_sync_host *host = nr_sync_find(y, port, (uint32_t)(record >> NR_WATCH_SLOT_BITS));
	if (!host)
		return;
	uint16_t *active = &port->active[slot - port->first_slot];
	*active = (uint16_t)(*active + (*active != UINT16_MAX));
	host->slots = (uint16_t)(host->slots + (host->slots != UINT16_MAX));
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Records of one worker before `end`; what is younger stays until its window comes. */
static void collect_from(struct nr_synchrony *y, struct nr_watch *watch, nr_time end)
{
	const uint64_t mask = (1u << NR_WATCH_SLOT_BITS) - 1;
	int64_t now_slot = end / NR_WATCH_SLOT + (int64_t)mask / 2; /* the future may be in the log, too */
	size_t kept = 0;
	uint64_t last = 0;
	if (watch->count > 1)
		qsort(watch->log, watch->count, sizeof *watch->log, by_value);
	for (size_t i = 0; i < watch->count; i++) {
		uint64_t record = watch->log[i];
		int64_t slot = now_slot - (int64_t)(((uint64_t)now_slot - record) & mask);
		if (slot >= end / NR_WATCH_SLOT)
			watch->log[kept++] = record;
		else if (record != last || !i)
			count_record(y, record, now_slot);
		last = record;
	}
	watch->count = kept;
}

static void count_present(struct nr_sync_port *port, nr_time end)
{
	int64_t slots = end / NR_WATCH_SLOT - port->first_slot;
	for (; port->slot_count < NR_SYNC_SLOTS && port->slot_count < slots; port->slot_count++)
		port->present[port->slot_count] = (uint16_t)NR_MIN(port->hosts, (uint32_t)UINT16_MAX);
}

void nr_sync_collect(struct nr_synchrony *y, const struct nr_merged *m, nr_time end)
{
	bool any = false;
	for (size_t i = 0; i < m->local_count; i++)
		if (m->locals[i]->early)
			collect_from(y, &m->locals[i]->early->watch, end);
	for (size_t i = 0; i < NR_SYNC_PORTS_MAX; i++) {
		if (y->ports[i].open)
			count_present(&y->ports[i], end);
		any = any || y->ports[i].open;
	}
	for (size_t i = 0; i < m->local_count; i++) {
		if (!m->locals[i]->early)
			continue;
		struct nr_watch *watch = &m->locals[i]->early->watch;
		memset(watch->ports, 0, sizeof watch->ports);
		for (size_t k = 0; k < NR_SYNC_PORTS_MAX; k++)
			if (y->ports[k].open)
				watch->ports[y->ports[k].group / 64] |= UINT64_C(1)
									<< (y->ports[k].group % 64);
		watch->any = any;
	}
}
