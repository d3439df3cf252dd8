/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/carpet.h"
#include "base/hll.h"
#include "base/pages.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define NR_CARPETS_START 256

int nr_carpets_init(struct nr_carpets *c, struct nr_area *area, size_t limit, struct nr_error *error)
{
	*c = (struct nr_carpets){.area = area, .limit = limit, .taken = INT32_MIN};
	if (getrandom(&c->key, sizeof c->key, 0) != sizeof c->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	c->key |= 1;
	return 0;
}

void nr_carpets_fini(struct nr_carpets *c)
{
	nr_pages_unmap(c->area, c->slots, c->capacity * sizeof *c->slots);
	*c = (struct nr_carpets){0};
}

int nr_carpets_resume(struct nr_carpets *c, struct nr_area *area)
{
	c->area = area;
	c->used = 0;
	if (!c->slots && !c->capacity)
		return 0;
	if (!c->slots || c->capacity > SIZE_MAX / sizeof *c->slots ||
		!nr_area_holds(area, c->slots, c->capacity * sizeof *c->slots))
		return -EBADMSG;
	for (size_t i = 0; i < c->capacity; i++)
		c->used += c->slots[i].length != 0;
	return c->used < c->capacity ? 0 : -EBADMSG;
}

/* ---- the table ---- */

static struct nr_carpet *find(const struct nr_carpets *c, struct nr_carpet *slots, size_t capacity,
	uint64_t prefix, uint8_t length, uint8_t protocol)
{
	uint64_t h =
		(prefix * 0x9e3779b97f4a7c15u ^ prefix >> 32 ^ (uint64_t)length << 8 ^ protocol) * c->key;
	for (size_t i = (size_t)(((h >> 32) * capacity) >> 32);;) {
		struct nr_carpet *s = &slots[i];
		if (!s->length || (s->prefix == prefix && s->length == length && s->protocol == protocol))
			return s;
		if (++i == capacity)
			i = 0;
	}
}

static bool rebuild(struct nr_carpets *c, size_t capacity, nr_time now)
{
	void *pages = NULL;
	if (nr_pages_resize(c->area, &pages, 0, capacity * sizeof *c->slots, NULL))
		return false;
	size_t used = 0;
	for (size_t i = 0; i < c->capacity; i++) {
		const struct nr_carpet *s = &c->slots[i];
		if (!s->length || nr_carpet_has_ended(s, now))
			continue;
		*find(c, pages, capacity, s->prefix, s->length, s->protocol) = *s;
		used++;
	}
	void *old = c->slots;
	size_t old_bytes = c->capacity * sizeof *c->slots;
	c->slots = pages;
	c->capacity = capacity;
	c->used = used;
	nr_pages_unmap(c->area, old, old_bytes);
	return true;
}

/* ---- what a network is ---- */

static bool is_wide(const struct nr_carpet *s)
{
	return s->length == NR_CARPET_WIDE4 || s->length == NR_CARPET_WIDE6;
}

static bool is_ipv6(const struct nr_carpet *s)
{
	return s->length == NR_CARPET_LENGTH6 || s->length == NR_CARPET_WIDE6;
}

static uint64_t wide_prefix(uint64_t prefix, bool ipv6)
{
	return ipv6 ? prefix & ~UINT64_C(0xffff) : prefix & ~UINT64_C(0xfff);
}

struct nr_prefix nr_carpet_prefix(const struct nr_carpet *s)
{
	struct nr_prefix p = {.length = s->length};
	if (!is_ipv6(s)) {
		p.address = nr_address_from_ipv4((uint32_t)s->prefix);
		p.length = (uint8_t)(s->length + 96);
		return p;
	}
	for (unsigned i = 0; i < 8; i++)
		p.address.octets[i] = (uint8_t)(s->prefix >> (56 - 8 * i));
	return p;
}

bool nr_carpet_holds(const struct nr_carpet *s, const struct nr_address *address)
{
	const struct nr_prefix prefix = nr_carpet_prefix(s);
	return nr_prefix_contains(&prefix, address);
}

/* Estimate of a linear counter of `bits` bits of which `set` are set (Whang et al. 1990). */
static uint32_t linear(unsigned set, unsigned bits)
{
	double zero = set < bits ? bits - set : 0.5;
	return (uint32_t)lround(-(double)bits * log(zero / bits));
}

static uint32_t count_addresses(const struct nr_carpet *s, const uint64_t bits[static 8])
{
	unsigned set = 0;
	for (size_t i = 0; i < 8; i++)
		set += (unsigned)__builtin_popcountll(bits[i]);
	return s->length == NR_CARPET_LENGTH4 ? set : linear(set, is_wide(s) ? 512 : 256);
}

uint32_t nr_carpet_addresses(const struct nr_carpet *s)
{
	return count_addresses(s, s->addresses);
}

uint32_t nr_carpet_target_ports(const struct nr_carpet *s)
{
	return linear((unsigned)__builtin_popcount(s->target_ports), 16);
}

bool nr_carpet_has_ended(const struct nr_carpet *s, nr_time now)
{
	if (now == NR_TIME_MAX)
		return true;
	return now >= nr_time_floor(s->last, NR_VICTIM_INTERVAL) + 2 * NR_VICTIM_INTERVAL;
}

/* ---- the rule ---- */

struct limits {
	uint32_t window, addresses;
};

/* scaled: literal limits shrunk by the telescope's share of a /8, but not below the floor. */
static struct limits limits_of(const struct nr_carpet *s, uint64_t dark_addresses, bool scaled)
{
	struct limits l = {NR_CARPET_PACKETS, NR_CARPET_ADDRESSES};
	if (scaled) {
		double share = NR_MIN((double)dark_addresses / NR_CARPET_DARK, 1.0);
		l.window = (uint32_t)NR_MAX(ceil(l.window * share), NR_CARPET_PACKETS_LEAST);
		l.addresses = (uint32_t)NR_MAX(ceil(l.addresses * share), NR_CARPET_ADDRESSES_LEAST);
	}
	if (is_wide(s))
		l.addresses *= 2;
	return l;
}

/* ZMap's SYN-ACK probes of a whole network (see nr_victim_is_scan). */
static bool is_scan(const struct nr_carpet *s)
{
	unsigned target = (unsigned)__builtin_popcount(s->target_ports),
		 attack = (unsigned)__builtin_popcount(s->attack_ports);
	return s->protocol == NR_TCP && !(s->flags & (NR_CELL_OTHER | NR_CELL_NOT_ZMAP)) &&
	       linear(target, 16) >= NR_SCAN_PORTS_RATIO * linear(attack, 8);
}

enum nr_carpet_rank nr_carpet_rank(const struct nr_carpet *s, uint64_t dark_addresses, uint32_t singles)
{
	if (s->last - s->first < NR_VICTIM_DURATION)
		return NR_CARPET_NONE;
	for (unsigned scaled = 0; scaled <= (dark_addresses != 0); scaled++) {
		const struct limits l = limits_of(s, dark_addresses, scaled);
		uint64_t packets = scaled ? l.window : NR_VICTIM_PACKETS;
		if (s->packets >= packets && s->peak >= l.window + (uint64_t)singles * NR_CARPET_WINDOW &&
			s->most_addresses >= l.addresses + (uint64_t)singles)
			return scaled ? NR_CARPET_SCALED : NR_CARPET_LITERAL;
	}
	return NR_CARPET_NONE;
}

/* A smaller network in it qualifies: rare enough to look at them all. */
static bool has_narrower(
	struct nr_carpets *c, const struct nr_carpet_context *context, const struct nr_carpet *wide)
{
	for (size_t i = 0; i < c->capacity; i++) {
		struct nr_carpet *s = &c->slots[i];
		if (s->length && !is_wide(s) && is_ipv6(s) == is_ipv6(wide) &&
			s->protocol == wide->protocol && wide_prefix(s->prefix, is_ipv6(s)) == wide->prefix &&
			nr_carpet_judge(c, context, s) != NR_CARPET_NONE)
			return true;
	}
	return false;
}

enum nr_carpet_rank nr_carpet_judge(
	struct nr_carpets *c, const struct nr_carpet_context *context, struct nr_carpet *s)
{
	if (s->told)
		return s->rank;
	if (!nr_carpet_rank(s, context->dark_addresses, s->singles) || is_scan(s))
		return NR_CARPET_NONE;
	s->singles = NR_MAX(s->singles, context->singles(context->context, s));
	s->rank = nr_carpet_rank(s, context->dark_addresses, s->singles);
	if (s->rank && is_wide(s))
		s->narrower = s->narrower || has_narrower(c, context, s);
	return s->narrower ? NR_CARPET_NONE : s->rank;
}

/* ---- cells ---- */

static int by_key(const void *a, const void *b)
{
	const struct nr_carpet_cell *x = a, *y = b;
	if (x->bucket != y->bucket)
		return x->bucket < y->bucket ? -1 : 1;
	if ((x->flags ^ y->flags) & NR_CELL_IPV6)
		return x->flags & NR_CELL_IPV6 ? 1 : -1;
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return x->protocol - y->protocol;
}

/* The same ten seconds of a network, seen by another worker. */
static void merge_cell(struct nr_carpet_cell *into, const struct nr_carpet_cell *from)
{
	bool earlier = from->first_us < into->first_us ||
		       (from->first_us == into->first_us && from->target_port < into->target_port);
	into->target_port = earlier ? from->target_port : into->target_port;
	into->packets = NR_MIN((uint32_t)into->packets + from->packets, NR_CELL_PACKETS_MAX) & 0xffffff;
	into->bytes += NR_MIN(from->bytes, UINT32_MAX - into->bytes);
	into->first_us = NR_MIN((uint32_t)into->first_us, (uint32_t)from->first_us) & 0xffffff;
	into->last_us = NR_MAX((uint32_t)into->last_us, (uint32_t)from->last_us) & 0xffffff;
	into->flags = (into->flags | from->flags) & 0xff;
	into->target_ports |= from->target_ports;
	into->attack_ports = (into->attack_ports | from->attack_ports) & 0xff;
	for (size_t i = 0; i < NR_CARPET_WORDS; i++)
		into->addresses[i] |= from->addresses[i];
}

/* A network's addresses in the bits of its carpet: those of a cell, or for the larger network a hash. */
static void mark_addresses(uint64_t bits[static 8], const struct nr_carpet_cell *cell, bool wide)
{
	/* an IPv4 prefix ends in an octet of zeroes, that of a /64 has none */
	const uint64_t base = cell->flags & NR_CELL_IPV6 ? cell->prefix << 8 : cell->prefix;
	for (size_t i = 0; i < NR_CARPET_WORDS; i++) {
		if (!wide)
			bits[i] |= cell->addresses[i];
		for (uint64_t rest = wide ? cell->addresses[i] : 0; rest; rest &= rest - 1) {
			uint64_t address = base + i * 64 + (unsigned)__builtin_ctzll(rest);
			uint64_t h = nr_hll_hash(address) >> 55;
			bits[h / 64] |= UINT64_C(1) << (h % 64);
		}
	}
}

static uint32_t addresses_of(const struct nr_carpet_cell *cell)
{
	unsigned set = 0;
	for (size_t i = 0; i < NR_CARPET_WORDS; i++)
		set += (unsigned)__builtin_popcountll(cell->addresses[i]);
	return cell->flags & NR_CELL_IPV6 ? linear(set, 256) : set;
}

static void add_to_window(struct nr_carpet *s, const struct nr_carpet_cell *cell)
{
	const int32_t minute = cell->bucket / NR_CARPET_WINDOW;
	if (minute != s->newest / NR_CARPET_WINDOW)
		memset(s->minute_addresses, 0, sizeof s->minute_addresses);
	for (int64_t n = NR_MAX((int64_t)s->newest + 1, (int64_t)cell->bucket - NR_CARPET_WINDOW + 1);
		n <= cell->bucket; n++)
		s->window[(uint64_t)n % NR_CARPET_WINDOW] = s->packets_in[(uint64_t)n % NR_CARPET_WINDOW] = 0;
	s->newest = cell->bucket;
	size_t at = (size_t)((uint64_t)(int64_t)cell->bucket % NR_CARPET_WINDOW);
	s->window[at] += addresses_of(cell);
	s->packets_in[at] += cell->packets;
	uint32_t sum = 0, packets = 0;
	for (size_t i = 0; i < NR_CARPET_WINDOW; i++) {
		sum += s->window[i];
		packets += s->packets_in[i];
	}
	s->peak = NR_MAX(s->peak, sum);
	s->peak_packets = NR_MAX(s->peak_packets, packets);
	mark_addresses(s->minute_addresses, cell, is_wide(s));
	mark_addresses(s->addresses, cell, is_wide(s));
	s->most_addresses = NR_MAX(s->most_addresses, count_addresses(s, s->minute_addresses));
}

static void end_carpet(struct nr_carpets *c, const struct nr_carpet_context *context, struct nr_carpet *s)
{
	enum nr_carpet_rank rank = nr_carpet_judge(c, context, s);
	if (rank) {
		if (!is_wide(s) && c->capacity) {
			bool ipv6 = is_ipv6(s);
			struct nr_carpet *wide = find(c, c->slots, c->capacity, wide_prefix(s->prefix, ipv6),
				ipv6 ? NR_CARPET_WIDE6 : NR_CARPET_WIDE4, s->protocol);
			wide->narrower = wide->length != 0;
		}
		s->rank = rank;
		context->ended(context->context, s);
	} else if (is_scan(s) && nr_carpet_rank(s, context->dark_addresses, 0)) {
		c->scans += is_wide(s) ? 0 : s->packets;
	}
}

/* The entry of the network; NULL: no room. */
static struct nr_carpet *entry_of(struct nr_carpets *c, const struct nr_carpet_context *context,
	const struct nr_carpet_cell *cell, uint8_t length, nr_time first)
{
	bool wide = length == NR_CARPET_WIDE4 || length == NR_CARPET_WIDE6;
	uint64_t prefix = wide ? wide_prefix(cell->prefix, cell->flags & NR_CELL_IPV6) : cell->prefix;
	if (c->used * 2 >= c->capacity &&
		(c->capacity / 2 >= c->limit ||
			!rebuild(c, c->capacity ? c->capacity * 2 : NR_CARPETS_START, NR_TIME_MIN)))
		return NULL;
	struct nr_carpet *s = find(c, c->slots, c->capacity, prefix, length, cell->protocol);
	if (s->length && !nr_carpet_has_ended(s, nr_time_floor(first, NR_VICTIM_INTERVAL)))
		return s;
	if (s->length)
		end_carpet(c, context, s);
	c->used += !s->length;
	*s = (struct nr_carpet){.prefix = prefix,
		.length = length,
		.protocol = cell->protocol,
		.target_port = cell->target_port,
		.first = first,
		.last = first,
		.newest = cell->bucket};
	return s;
}

static void add_cell(struct nr_carpets *c, const struct nr_carpet_context *context,
	const struct nr_carpet_cell *cell, uint8_t length)
{
	nr_time start = (nr_time)cell->bucket * NR_VICTIM_SLIDE;
	struct nr_carpet *s = entry_of(c, context, cell, length, start + cell->first_us);
	if (!s) {
		c->untracked += cell->packets;
		return;
	}
	if (start + cell->first_us < s->first && !s->told) {
		s->first = start + cell->first_us;
		s->target_port = cell->target_port;
	}
	s->last = NR_MAX(s->last, start + cell->last_us);
	s->packets += cell->packets;
	s->bytes += cell->bytes;
	s->flags = (uint8_t)(s->flags | cell->flags);
	s->target_ports |= cell->target_ports;
	s->attack_ports = (uint8_t)(s->attack_ports | cell->attack_ports);
	add_to_window(s, cell);
}

/* ---- taking ---- */

static void expire(struct nr_carpets *c, const struct nr_carpet_context *context, nr_time end)
{
	size_t ended = 0, capacity = NR_CARPETS_START;
	for (unsigned wide = 0; wide <= 1; wide++) /* the larger ones ask what became of the smaller */
		for (size_t i = 0; i < c->capacity; i++) {
			struct nr_carpet *s = &c->slots[i];
			if (!s->length || is_wide(s) != wide || !nr_carpet_has_ended(s, end))
				continue;
			end_carpet(c, context, s);
			ended++;
		}
	if (!ended)
		return;
	while (capacity / 2 <= c->used - ended)
		capacity *= 2;
	if (!rebuild(c, capacity, end)) { /* no memory: start over rather than judge twice */
		memset(c->slots, 0, c->capacity * sizeof *c->slots);
		c->used = 0;
	}
}

/* What all workers have of buckets before `before`; sorted. NULL: nothing, or no memory (counted). */
static struct nr_carpet_cell *collect(
	const struct nr_carpet_context *context, int32_t before, size_t *ret_count)
{
	size_t count = 0, at = 0;
	for (size_t i = 0; i < context->count; i++)
		count += nr_carpet_cells_before(context->cells[i], before);
	struct nr_carpet_cell *all = count ? malloc(count * sizeof *all) : NULL;
	for (size_t i = 0; i < context->count; i++) {
		size_t part = nr_carpet_cells_before(context->cells[i], before);
		nr_carpet_cells_take(context->cells[i], before, all ? all + at : NULL);
		at += part;
	}
	if (all)
		qsort(all, count, sizeof *all, by_key);
	*ret_count = all ? count : 0;
	return all;
}

void nr_carpets_take(struct nr_carpets *c, const struct nr_carpet_context *context, nr_time end)
{
	int32_t before;
	size_t count, merged;
	if (end == NR_TIME_MAX)
		before = INT32_MAX;
	else if (!nr_carpet_bucket(end, &before))
		return;
	if (end != NR_TIME_MAX && before <= c->taken)
		return;
	NR_AUTO(nr_freep) struct nr_carpet_cell *all = collect(context, before, &count);
	for (size_t i = 0; i < count; i += merged) {
		for (merged = 1; i + merged < count && !by_key(&all[i], &all[i + merged]); merged++)
			merge_cell(&all[i], &all[i + merged]);
		bool ipv6 = all[i].flags & NR_CELL_IPV6;
		add_cell(c, context, &all[i], ipv6 ? NR_CARPET_LENGTH6 : NR_CARPET_LENGTH4);
		add_cell(c, context, &all[i], ipv6 ? NR_CARPET_WIDE6 : NR_CARPET_WIDE4);
	}
	c->taken = before == INT32_MAX ? c->taken : before;
	expire(c, context, end);
}
