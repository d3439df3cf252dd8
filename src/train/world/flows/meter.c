/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow cache of an exporter. Of a flow's packets, some are sampled; they come at random times between its
 * start and its end. The cache makes a record of them until none comes for the idle time, or the active time
 * is over: then the next one begins another record.
 */
#include "train/world/flows/flows.h"

#include <string.h>

#define TCP_FIN      0x01
#define TCP_SYN      0x02
#define TCP_ACK      0x10
#define LARGE        1500
#define SURE         32 /* gaps this many times shorter than the idle time never reach it: e^-32 */
#define PROTOCOL_TCP 6

/* The earliest of `rest` packets that come at random between two times. */
static nr_time earliest(
	const struct nr_chance *chance, struct nr_random *random, nr_time from, nr_time to, uint64_t rest)
{
	double e = nr_chance_exponential(chance, random) / (double)rest;
	return from + (nr_time)((double)(to - from) * (1 - nr_chance_exp(-NR_MIN(e, 500.0))));
}

static nr_time latest(const struct nr_chance *chance, struct nr_random *random, const struct nr_entry *entry,
	nr_time from, uint64_t rest)
{
	if (entry->whole)
		return entry->end;
	return from + entry->end - earliest(chance, random, from, entry->end, rest);
}

static uint64_t part(uint64_t of, uint64_t taken, uint64_t left)
{
	return taken == left ? of : (uint64_t)((unsigned __int128)of * taken / left);
}

/* So many of the packets that are left go into the record. */
static void take(struct nr_entry *entry, uint64_t packets, nr_time last)
{
	struct nr_flow_record *r = &entry->record;
	r->packets = packets;
	r->bytes = part(entry->bytes_left, packets, entry->left);
	r->reverse_packets = part(entry->reverse_left, packets, entry->left);
	r->reverse_bytes = part(entry->reverse_bytes_left, packets, entry->left);
	r->first = entry->at;
	r->last = last;
	entry->left -= packets;
	entry->bytes_left -= r->bytes;
	entry->reverse_left -= r->reverse_packets;
	entry->reverse_bytes_left -= r->reverse_bytes;
}

static void close_active(const struct nr_exporter *exporter, struct nr_entry *entry)
{
	entry->record.end_reason = NR_END_ACTIVE;
	entry->due = entry->record.first + exporter->active;
}

static void close_idle(const struct nr_exporter *exporter, struct nr_entry *entry)
{
	entry->record.end_reason = NR_END_IDLE;
	entry->due = entry->record.last + exporter->kind->idle;
}

/* All that is left: the last record. */
static void take_all(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry)
{
	uint64_t rest = entry->left - 1;
	nr_time last = entry->at;
	if (rest)
		last = latest(chance, &exporter->random, entry, entry->at, rest);
	take(entry, entry->left, last);
	close_idle(exporter, entry);
	if (entry->fin) {
		entry->record.end_reason = NR_END_DETECTED;
		entry->due = entry->record.last;
	}
}

/* Dense packets: as many as fall into the active time. */
static void take_dense(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry)
{
	nr_time span = entry->end - entry->at;
	uint64_t rest = entry->left - 1;
	struct nr_odds odds = {.p = (double)exporter->active / (double)span};
	double mean = (double)rest * odds.p, gap = (double)span / (double)rest;
	if (mean <= SURE) /* else no need: the normal distribution */
		odds = nr_odds_of(odds.p);
	uint64_t count = nr_chance_binomial(chance, &exporter->random, rest, &odds);
	count = NR_MIN(count, rest - 1); /* the last packet ends the flow */
	nr_time until = entry->at + exporter->active;
	nr_time short_of = (nr_time)(gap * nr_chance_exponential(chance, &exporter->random));
	nr_time over = (nr_time)(gap * nr_chance_exponential(chance, &exporter->random));
	take(entry, 1 + count, count ? NR_MAX(entry->at, until - short_of) : entry->at);
	entry->at = NR_MIN(until + over, entry->end);
	close_active(exporter, entry);
}

/* Sparse packets: one by one. */
static void take_sparse(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry)
{
	nr_time last = entry->at;
	for (uint64_t count = 1; count < entry->left; count++) {
		uint64_t rest = entry->left - count;
		nr_time next = entry->whole && rest == 1
				       ? entry->end
				       : earliest(chance, &exporter->random, last, entry->end, rest);
		bool idle = next - last > exporter->kind->idle;
		if (idle || next - entry->at >= exporter->active) {
			take(entry, count, last);
			entry->at = next;
			if (idle)
				close_idle(exporter, entry);
			else
				close_active(exporter, entry);
			return;
		}
		last = next;
	}
	take(entry, entry->left, last);
	close_idle(exporter, entry);
	if (entry->fin) {
		entry->record.end_reason = NR_END_DETECTED;
		entry->due = last;
	}
}

/* No cache (sFlow): each packet by itself, when it comes. */
static void take_packet(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry)
{
	nr_time at = entry->at;
	take(entry, 1, at);
	entry->due = at;
	if (entry->left)
		entry->at = earliest(chance, &exporter->random, at, entry->end, entry->left);
}

void nr_meter_next(const struct nr_chance *chance, struct nr_exporter *exporter, struct nr_entry *entry)
{
	nr_time span = entry->end - entry->at, idle = exporter->kind->idle;
	uint64_t rest = entry->left - 1;
	if (!idle)
		take_packet(chance, exporter, entry);
	else if (!rest || (span < exporter->active && (span <= idle || span / (nr_time)rest * SURE < idle)))
		take_all(chance, exporter, entry);
	else if (span >= exporter->active && span / (nr_time)rest * SURE < idle)
		take_dense(chance, exporter, entry);
	else
		take_sparse(chance, exporter, entry);
	entry->record.tcp_flags = entry->flags;
	if (entry->fresh && entry->syn)
		entry->record.tcp_flags |= TCP_SYN;
	if (!entry->left && entry->fin)
		entry->record.tcp_flags |= TCP_FIN;
	entry->fresh = false;
}

/* ---- sampling ---- */

/* How many of a direction's packets are sampled, when at least one of both directions is (first: its place
 * among all packets; SIZE_MAX: none). */
static void sample(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *c, uint64_t *ret_up, uint64_t *ret_down)
{
	uint64_t total = c->up.packets + c->down.packets;
	*ret_up = c->up.packets;
	*ret_down = c->down.packets;
	if (exporter->sampling == 1)
		return;
	double first = nr_chance_exponential(&world->chance, &exporter->random) * exporter->odds.gap;
	*ret_up = *ret_down = 0;
	if (c->surely) /* sampling is sparse: any of them is as likely the first one */
		first = nr_chance_uniform(&exporter->random) * (double)total;
	if (first >= (double)total)
		return;
	uint64_t more = nr_chance_binomial(
		&world->chance, &exporter->random, total - (uint64_t)first - 1, &exporter->odds);
	struct nr_odds up = nr_odds_of((double)c->up.packets / (double)total);
	if (c->up.packets)
		*ret_up = nr_chance_binomial(&world->chance, &exporter->random, 1 + more, &up);
	*ret_up = NR_MIN(*ret_up, c->up.packets);
	*ret_down = NR_MIN(1 + more - *ret_up, c->down.packets);
}

/* Bytes of the sampled packets: small and large ones, so that their mean is the flow's. */
static uint64_t sampled_bytes(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *c, const struct nr_flows_amount *amount, uint64_t sampled)
{
	if (sampled == amount->packets)
		return amount->bytes;
	double mean = (double)amount->bytes / (double)amount->packets;
	double headers = (c->ipv6 ? 40 : 20) + (c->protocol == PROTOCOL_TCP ? 32 : 8);
	double small = NR_MIN(mean, headers), large = NR_MAX(mean, LARGE);
	struct nr_odds odds = nr_odds_of((mean - small) / (large - small));
	uint64_t big = odds.p > 0 ? nr_chance_binomial(&world->chance, &exporter->random, sampled, &odds) : 0;
	double bytes = (double)(sampled - big) * small + (double)big * large;
	return (uint64_t)(bytes + nr_chance_uniform(&exporter->random));
}

static bool is_sampled(struct nr_exporter *exporter, uint64_t sampled, uint64_t packets)
{
	return sampled == packets || nr_chance_uniform(&exporter->random) < (double)sampled / (double)packets;
}

static void open_direction(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *c, const struct nr_flows_amount *amount, uint64_t sampled,
	struct nr_entry *entry)
{
	memset(entry, 0, sizeof *entry);
	entry->exporter = (uint8_t)exporter->number;
	entry->generation = exporter->generation;
	entry->whole = sampled == amount->packets;
	entry->fresh = true;
	entry->at = c->start;
	entry->end = c->start + c->length;
	entry->left = sampled;
	entry->bytes_left = sampled_bytes(world, exporter, c, amount, sampled);
	if (!entry->whole)
		entry->at = earliest(&world->chance, &exporter->random, c->start, entry->end, sampled);
	if (c->protocol == PROTOCOL_TCP) {
		entry->flags = amount->tcp_flags & (uint8_t) ~(TCP_SYN | TCP_FIN);
		entry->syn = amount->tcp_flags & TCP_SYN && is_sampled(exporter, sampled, amount->packets);
		entry->fin = amount->tcp_flags & TCP_FIN && is_sampled(exporter, sampled, amount->packets);
		/* One packet is a SYN (a server's has ACK, too), or a FIN, or neither. */
		if (sampled == 1 && amount->packets > 2 && entry->syn) {
			entry->fin = false;
			entry->flags = amount == &c->down ? TCP_ACK : 0;
			entry->bytes_left = c->ipv6 ? 80 : 60;
		}
	}
}

size_t nr_meter_open(struct nr_flows_world *world, struct nr_exporter *exporter,
	const struct nr_conversation *c, struct nr_entry entries[static 2])
{
	uint64_t up, down;
	size_t count = 0;
	sample(world, exporter, c, &up, &down);
	if (up)
		open_direction(world, exporter, c, &c->up, up, &entries[count++]);
	if (exporter->kind->biflow && up) {
		struct nr_entry *entry = &entries[0];
		entry->reverse_left = down;
		entry->reverse_bytes_left = down ? sampled_bytes(world, exporter, c, &c->down, down) : 0;
		entry->record.reverse_tcp_flags = c->down.tcp_flags;
	} else if (down) {
		open_direction(world, exporter, c, &c->down, down, &entries[count]);
		entries[count++].subject = 1; /* the way back */
	}
	return count;
}
