/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path. Blocks of packets: while one block's entries are updated, the home lines of the next block's
 * sources are fetched, so that as many cache misses are under way at once as the processor can hold. An entry
 * combines what its source sends to its two latest groups; only what leaves it is appended to the window's
 * tally.
 */
#include "sense/telescope/state.h"

#include <errno.h>
#include <string.h>

#define NR_BLOCK        16
#define NR_ITEMS_PACKET 4 /* most tally items that one packet can cause: one evicted, three extra groups */
#define NR_RECENT_GROUP 0x3ffffu
#define NR_SIZE_MAX     0xffffffu /* bytes of a frame that are counted; readers refuse records over 256 KiB */

const char *const nr_category_names[NR_CATEGORY_COUNT] = {"tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other",
	"udp", "icmp", "other", "scan", "backscatter", "spoofed", "malformed", "misconfigured"};
const char *const nr_tool_names[NR_TOOL_COUNT] = {"mirai", "zmap", "masscan", "nmap"};

bool nr_icmp_is_backscatter(const struct nr_packet *p)
{
	if (!(p->marks & NR_MARK_PORTS))
		return false;
	unsigned type = p->source_port;
	if (p->protocol == NR_ICMPV6)
		return type <= 4 || type == 129; /* RFC 4443: errors, echo reply */
	return type <= 18 && (NR_BIT(type) & (NR_BIT(0) | NR_BIT(3) | NR_BIT(4) | NR_BIT(5) | NR_BIT(11) |
						     NR_BIT(12) | NR_BIT(14) | NR_BIT(16) | NR_BIT(18)));
}

uint16_t nr_telescope_mask_of_group(const void *context, uint32_t group)
{
	(void)context;
	if (group < NR_GROUP_UDP)
		return NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN);
	if (group < NR_GROUP_OTHER)
		return NR_BIT(NR_CATEGORY_UDP) | NR_BIT(NR_CATEGORY_SCAN);
	if (group >= NR_GROUP_EXTRA)
		return (uint16_t)NR_BIT(group - NR_GROUP_EXTRA);
	uint32_t other = group - NR_GROUP_OTHER;
	return (uint16_t)(NR_BIT(other / 2) | (other & 1 ? NR_BIT(NR_CATEGORY_BACKSCATTER) : 0));
}

/* ---- time: which day, which window ---- */

static void fail(struct nr_local *l, const struct nr_error *error)
{
	if (!l->failure.code)
		l->failure = *error;
}

static bool open_day(struct nr_local *l, struct nr_day *day, nr_time start)
{
	struct nr_error error = {0};
	*day = (struct nr_day){.start = start, .open = true};
	if (nr_source_table_init(&day->table4, sizeof(struct nr_source), l->sources_expected, &error) ||
		nr_source_table_init(&day->table6, sizeof(struct nr_source6), 0, &error)) {
		fail(l, &error);
		return false;
	}
	return true;
}

static bool select_day(struct nr_local *l, nr_time start)
{
	struct nr_day *day = &l->days[(uint64_t)(start / NR_DAY) & 1];
	nr_telescope_drain(l);
	if (!day->open && !open_day(l, day, start))
		return false;
	l->day = day;
	l->day_start = start;
	return true;
}

/* Points the local at the day and window of `time`. False: no memory; the packet is lost and the run fails at
 * the flush. */
static bool select_time(struct nr_local *l, nr_time time)
{
	nr_time start = nr_time_floor(time, NR_DAY);
	if ((!l->day || start != l->day_start) && !select_day(l, start))
		return false;
	int64_t number = nr_time_floor(time, l->step) / l->step;
	struct nr_window *w = &l->windows[(uint64_t)number % NR_WINDOWS_OPEN];
	if (!w->open) {
		w->number = number;
		w->log.limit = l->tally_limit;
		w->open = true;
		w->sort_at = l->sort_items;
	}
	l->window = w;
	l->window_start = number * l->step;
	l->window_slot = (uint32_t)((uint64_t)number % NR_WINDOWS_OPEN) << 18;
	return true;
}

/* ---- tallies ---- */

NR_INLINE void put(struct nr_local *l, uint32_t recent_key, uint64_t member, uint32_t packets, uint32_t size)
{
	struct nr_window *w = &l->windows[recent_key >> 18];
	nr_tally_add(&w->log, recent_key & NR_RECENT_GROUP, member, packets, size);
}

NR_INLINE size_t room_of(const struct nr_tally *log)
{
	return NR_MIN(log->words.room - log->words.count, log->wides.room - log->wides.count);
}

static bool make_room(struct nr_local *l, size_t items)
{
	struct nr_error error = {0};
	for (size_t i = 0; i < NR_WINDOWS_OPEN; i++) {
		struct nr_window *w = &l->windows[i];
		if (!w->open || NR_LIKELY(room_of(&w->log) >= items && nr_tally_count(&w->log) < w->sort_at))
			continue;
		if (nr_tally_count(&w->log) >= w->sort_at) {
			if (nr_tally_sort(&w->log, &error)) {
				fail(l, &error);
				return false;
			}
			w->sort_at = NR_MAX(l->sort_items, nr_tally_count(&w->log) * 2);
		}
		if (nr_tally_reserve(&w->log, items, &error)) {
			fail(l, &error);
			return false;
		}
	}
	return true;
}

static void drain_source(struct nr_local *l, struct nr_source *s, uint64_t member)
{
	for (size_t k = 0; k < 2; k++)
		if (s->recent[k].packets) {
			put(l, s->recent[k].key, member, s->recent[k].packets, s->recent[k].size);
			s->recent[k].packets = 0;
		}
}

void nr_telescope_drain(struct nr_local *l)
{
	for (size_t i = 0; i < l->dirty_count; i++) {
		if (i % NR_BLOCK == 0 && !make_room(l, 2 * NR_BLOCK))
			return;
		if (i + NR_BLOCK < l->dirty_count && !(l->dirty[i + NR_BLOCK] & 1))
			__builtin_prefetch(nr_source_at(&l->day->table4, l->dirty[i + NR_BLOCK] >> 1), 1);
		const struct nr_source_table *table = l->dirty[i] & 1 ? &l->day->table6 : &l->day->table4;
		struct nr_source *s = nr_source_at(table, l->dirty[i] >> 1);
		drain_source(l, s, nr_source_member(table, s));
	}
	l->dirty_count = 0;
	(void)make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

static bool make_dirty_room(struct nr_local *l)
{
	if (NR_LIKELY(l->dirty_room - l->dirty_count >= NR_BLOCK))
		return true;
	size_t room = NR_MAX(l->dirty_room * 2, (size_t)1024);
	uint32_t *dirty = realloc(l->dirty, room * sizeof *dirty);
	if (!dirty) {
		nr_telescope_drain(l);
		return l->dirty_room >= NR_BLOCK;
	}
	l->dirty = dirty;
	l->dirty_room = room;
	return true;
}

/* The two latest groups of a source; the newest stands first. */
NR_INLINE void remember(struct nr_local *l, const struct nr_source_table *table, struct nr_source *s,
	uint64_t member, uint32_t group, uint32_t wire)
{
	uint32_t key = l->window_slot | group;
	struct nr_recent *newest = &s->recent[0], *older = &s->recent[1];
	if (newest->key == key && newest->size == wire && newest->packets &&
		NR_LIKELY(newest->packets != UINT16_MAX)) {
		newest->packets++;
		return;
	}
	if (NR_UNLIKELY(wire > UINT16_MAX)) { /* would not fit the entry's 16 bits */
		put(l, key, member, 1, NR_MIN(wire, NR_SIZE_MAX));
		return;
	}
	struct nr_recent swap = *newest;
	*newest = *older;
	*older = swap;
	if (newest->key == key && newest->size == wire && newest->packets &&
		NR_LIKELY(newest->packets != UINT16_MAX)) {
		newest->packets++;
		return;
	}
	if (newest->packets) {
		put(l, newest->key, member, newest->packets, newest->size);
	} else if (!swap.packets) {
		size_t index = (size_t)((const uint8_t *)s - table->slots) / table->stride;
		l->dirty[l->dirty_count++] =
			(uint32_t)(index << 1) | (table->stride == sizeof(struct nr_source6));
	}
	*newest = (struct nr_recent){key, 1, (uint16_t)wire};
}

/* ---- sources ---- */

static void note_new_source(
	const struct nr_telescope_refs *refs, struct nr_source *s, const struct nr_packet *p)
{
	uint8_t last = p->source.octets[15];
	unsigned marks = last == 0 || last == 255 ? NR_SOURCE_LAST_OCTET : 0;
	if (nr_prefix_table_find(refs->bogon, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_BOGON;
	if (refs->dark && nr_prefix_table_find(refs->dark, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_DARK;
	if (refs->own && nr_prefix_table_find(refs->own, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_OWN;
	if (refs->lists.table && nr_prefix_table_find(refs->lists.table, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_LISTED;
	if (p->kind == NR_PACKET_IPV6)
		marks &= ~(unsigned)NR_SOURCE_LAST_OCTET;
	s->marks = (uint8_t)marks;
}

static void first_syn(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	s->constant = NR_SAME_ALL | NR_ONLY_NMAP_SHAPE;
	s->sequence = p->sequence;
	s->destination = destination;
	s->id = p->id;
	s->source_port = p->source_port;
	s->destination_port = p->destination_port;
	s->window = p->window;
	s->ttl = p->ttl;
	s->option_hash = p->option_hash;
}

NR_INLINE uint16_t mirror_of(uint32_t sequence)
{
	return (uint16_t)(sequence >> 16 ^ sequence);
}

NR_INLINE uint16_t masscan_of(uint32_t destination, uint16_t port, uint32_t sequence)
{
	return (uint16_t)(destination ^ port ^ sequence);
}

NR_INLINE bool is_zmap_new_shape(const struct nr_packet *p)
{
	return p->window == NR_ZMAP_WINDOW && !(p->marks & NR_MARK_DONT_FRAGMENT) && p->id != NR_ZMAP_ID &&
	       p->source_port >= NR_ZMAP_PORT_FIRST && p->source_port <= NR_ZMAP_PORT_LAST &&
	       p->option_kind >= NR_TCP_OPTIONS_MSS_1460;
}

NR_INLINE void compare_with_first(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	unsigned differs = 0;
	differs |= p->sequence != s->sequence ? NR_SAME_SEQUENCE : 0;
	differs |= p->id != s->id ? NR_SAME_ID : 0;
	differs |= p->source_port != s->source_port ? NR_SAME_SOURCE_PORT : 0;
	differs |= p->window != s->window ? NR_SAME_WINDOW : 0;
	differs |= p->ttl != s->ttl ? NR_SAME_TTL : 0;
	differs |= p->option_hash != s->option_hash ? NR_SAME_OPTIONS : 0;
	differs |= (p->sequence ^ destination) != (s->sequence ^ s->destination)
			   ? NR_SAME_SEQUENCE_DESTINATION
			   : 0;
	differs |= (p->id ^ masscan_of(destination, p->destination_port, p->sequence)) !=
				   (s->id ^ masscan_of(s->destination, s->destination_port, s->sequence))
			   ? NR_SAME_ID_TARGET
			   : 0;
	differs |= mirror_of(p->sequence) != mirror_of(s->sequence) ? NR_SAME_MIRROR : 0;
	differs |= (p->source_port ^ p->destination_port) != (s->source_port ^ s->destination_port)
			   ? NR_SAME_PORT_DIFFERENCE
			   : 0;
	differs |= destination != s->destination ? NR_SAME_DESTINATION : 0;
	differs |= p->destination_port != s->destination_port ? NR_SAME_DESTINATION_PORT : 0;
	s->constant = (uint16_t)(s->constant & ~differs);
}

NR_INLINE void observe_syn(
	struct nr_day *day, struct nr_source *s, uint64_t member, const struct nr_packet *p)
{
	uint32_t destination;
	memcpy(&destination, p->destination.octets + 12, 4);
	destination = __builtin_bswap32(destination);
	if (NR_UNLIKELY(!s->syns))
		first_syn(s, p, destination);
	else
		compare_with_first(s, p, destination);
	bool ipv4 = p->kind == NR_PACKET_IPV4;
	bool mirai = ipv4 && p->sequence == destination;
	bool zmap = ipv4 && p->id == NR_ZMAP_ID;
	bool masscan = ipv4 && p->id == masscan_of(destination, p->destination_port, p->sequence) && !mirai;
	bool nmap = p->option_kind == NR_TCP_OPTIONS_MSS_1460 && !(p->window & 1023) && p->window &&
		    p->window <= 4096;
	day->matched[NR_TOOL_MIRAI] += mirai;
	day->matched[NR_TOOL_ZMAP] += zmap;
	day->matched[NR_TOOL_MASSCAN] += masscan;
	s->syns = (uint16_t)(s->syns + (s->syns != UINT16_MAX));
	s->mirai = (uint16_t)(s->mirai + (mirai && s->mirai != UINT16_MAX));
	s->zmap = (uint16_t)(s->zmap + (zmap && s->zmap != UINT16_MAX));
	s->masscan = (uint16_t)(s->masscan + (masscan && s->masscan != UINT16_MAX));
	unsigned facts = s->constant;
	facts |= zmap && p->window == NR_ZMAP_WINDOW && p->ttl >= NR_TTL_STATELESS ? NR_SEEN_ZMAP_STRONG : 0;
	facts |= masscan && p->window == NR_MASSCAN_WINDOW && p->ttl >= NR_TTL_STATELESS
			 ? NR_SEEN_MASSCAN_STRONG
			 : 0;
	facts |= masscan && p->option_kind == NR_TCP_OPTIONS_MSS_1460 ? NR_SEEN_MASSCAN_MSS : 0;
	facts &= nmap ? ~0u : ~(unsigned)NR_ONLY_NMAP_SHAPE;
	s->constant = (uint16_t)facts;
	if (NR_UNLIKELY(p->window == NR_ZMAP_WINDOW) && ipv4 && is_zmap_new_shape(p)) {
		nr_suspects_observe(&day->suspects, member, p);
		s->zmap_new = (uint8_t)(s->zmap_new + (s->zmap_new != UINT8_MAX));
	}
}

/* ---- one packet ---- */

static void observe_victim(struct nr_local *l, const struct nr_packet *p)
{
	struct nr_backscatter b = {p->time, p->source, p->destination, p->protocol, p->source_port,
		p->destination_port, p->wire};
	if (p->kind != NR_PACKET_QUOTE && (p->protocol == NR_ICMP || p->protocol == NR_ICMPV6)) {
		if (p->marks & (NR_MARK_QUOTES | NR_MARK_QUOTE_MISMATCH)) {
			l->victims.mismatches += (p->marks & NR_MARK_QUOTE_MISMATCH) != 0;
			return;
		}
		b.protocol = NR_ICMP;
	}
	nr_victims_observe(&l->victims, &b);
}

/* Spoofed, malformed, misconfigured: counted apart, besides the packet's own group. */
static unsigned extras_of(const struct nr_source *s, const struct nr_packet *p)
{
	unsigned extra = 0;
	if ((s->marks & NR_SOURCE_FORGED) || nr_address_equal(&p->source, &p->destination))
		extra |= NR_BIT(NR_CATEGORY_SPOOFED);
	if (p->marks & NR_MARK_BAD_HEADER)
		extra |= NR_BIT(NR_CATEGORY_MALFORMED);
	if (p->protocol == NR_TCP && (p->marks & NR_MARK_FLAGS) && (p->flags & NR_TCP_SYN) &&
		(p->flags & (NR_TCP_FIN | NR_TCP_RST)))
		extra |= NR_BIT(NR_CATEGORY_MALFORMED);
	if (p->marks & NR_MARK_MISCONFIGURED)
		extra |= NR_BIT(NR_CATEGORY_MISCONFIGURED);
	return extra;
}

static void put_extras(struct nr_local *l, unsigned extra, uint64_t member, uint32_t wire)
{
	for (unsigned rest = extra; rest; rest &= rest - 1)
		put(l, l->window_slot | (NR_GROUP_EXTRA + (uint32_t)__builtin_ctz(rest)), member, 1,
			NR_MIN(wire, NR_SIZE_MAX));
}

NR_INLINE unsigned marks_of(const struct nr_packet *p)
{
	unsigned marks = p->ttl >= NR_TTL_STATELESS && p->protocol != NR_ICMP ? NR_SOURCE_TTL_200 : 0;
	if ((p->marks & NR_MARK_PORTS) && p->protocol != NR_ICMP && p->protocol != NR_ICMPV6 &&
		NR_UNLIKELY(!p->source_port || !p->destination_port))
		marks |= NR_SOURCE_PORT_0;
	return marks;
}

static void observe_rest(const struct nr_telescope_refs *refs, struct nr_local *l, struct nr_source *s,
	uint64_t member, const struct nr_packet *p, bool backscatter)
{
	(void)refs;
	unsigned extra = extras_of(s, p);
	if (extra) {
		s->categories = (uint16_t)(s->categories | extra);
		put_extras(l, extra, member, p->wire);
		if (nr_address_equal(&p->source, &p->destination))
			s->marks |= NR_SOURCE_SAME;
	}
	if (s->marks & NR_SOURCE_OWN)
		nr_own_observe(&l->day->own, p, backscatter);
	if (backscatter)
		observe_victim(l, p);
}

NR_INLINE void observe_one(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_source_table *table, struct nr_source *s, uint64_t member, const struct nr_packet *p,
	nr_time time)
{
	enum nr_category category = nr_category_of(p);
	bool backscatter = nr_is_backscatter(p, category);
	uint32_t group = NR_GROUP_OTHER + (uint32_t)category * 2 + backscatter;
	uint16_t categories =
		(uint16_t)(NR_BIT(category) | (backscatter ? NR_BIT(NR_CATEGORY_BACKSCATTER) : 0));
	if (NR_LIKELY(category == NR_CATEGORY_TCP_SYN)) {
		group = p->destination_port;
		categories |= NR_BIT(NR_CATEGORY_SCAN);
	} else if (category == NR_CATEGORY_UDP && (p->marks & NR_MARK_PORTS) && !backscatter) {
		group = NR_GROUP_UDP + p->destination_port;
		categories |= NR_BIT(NR_CATEGORY_SCAN);
	}
	uint32_t at = (uint32_t)((uint64_t)(time - l->day_start) >> NR_SOURCE_TIME_SHIFT);
	if (NR_UNLIKELY(!s->packets)) {
		s->first = s->last = at;
		note_new_source(refs, s, p);
	}
	s->packets += s->packets != UINT32_MAX;
	s->first = NR_MIN(s->first, at);
	s->last = NR_MAX(s->last, at);
	s->categories |= categories;
	s->marks = (uint8_t)(s->marks | marks_of(p));
	remember(l, table, s, member, group, p->wire);
	if (NR_LIKELY(category == NR_CATEGORY_TCP_SYN))
		observe_syn(l->day, s, member, p);
	const unsigned odd = NR_MARK_BAD_HEADER | NR_MARK_MISCONFIGURED;
	if (NR_UNLIKELY(backscatter || (p->marks & odd) || (s->marks & (NR_SOURCE_FORGED | NR_SOURCE_OWN)) ||
			category == NR_CATEGORY_TCP_OTHER || nr_address_equal(&p->source, &p->destination)))
		observe_rest(refs, l, s, member, p, backscatter);
}

/* A source that found no room: its packets are counted, the source itself is not judged. */
static void observe_untracked(
	const struct nr_telescope_refs *refs, struct nr_local *l, uint64_t member, const struct nr_packet *p)
{
	struct nr_source scratch = {0};
	enum nr_category category = nr_category_of(p);
	bool backscatter = nr_is_backscatter(p, category);
	uint32_t group = NR_GROUP_OTHER + (uint32_t)category * 2 + backscatter;
	if (category == NR_CATEGORY_TCP_SYN)
		group = p->destination_port;
	else if (category == NR_CATEGORY_UDP && (p->marks & NR_MARK_PORTS) && !backscatter)
		group = NR_GROUP_UDP + p->destination_port;
	note_new_source(refs, &scratch, p);
	put(l, l->window_slot | group, member, 1, NR_MIN(p->wire, NR_SIZE_MAX));
	observe_rest(refs, l, &scratch, member, p, backscatter);
	l->day->untracked++;
}

/* ---- blocks ---- */

static void keep_room(struct nr_local *l, struct nr_source_table *table)
{
	if (NR_LIKELY(nr_source_table_has_room(table, NR_BLOCK)))
		return;
	if (table->capacity * table->stride * 2 > l->table_bytes_max)
		return;
	nr_telescope_drain(l); /* the dirty list holds indices */
	(void)nr_source_table_grow(
		table, NULL); /* without memory: sources beyond are untracked, and said so */
}

NR_INLINE bool step_time(struct nr_local *l, nr_time *time)
{
	if (NR_UNLIKELY(*time < l->open_from)) {
		*time = l->open_from;
		l->late++;
	}
	if (NR_LIKELY((uint64_t)(*time - l->window_start) < (uint64_t)l->step && l->window))
		return true;
	return select_time(l, *time);
}

static void observe_source6(
	const struct nr_telescope_refs *refs, struct nr_local *l, const struct nr_packet *p, nr_time time)
{
	struct nr_source_table *table = &l->day->table6;
	l->packets6++;
	keep_room(l, table);
	uint64_t member = nr_member_of(&p->source);
	struct nr_source *s = nr_source_find6(table, member, &p->source);
	if (!s->packets) {
		if (!nr_source_table_has_room(table, 1)) {
			observe_untracked(refs, l, member, p);
			return;
		}
		struct nr_source6 *s6 = (struct nr_source6 *)(void *)s;
		s6->address = p->source;
		s6->member = member;
		s->address = (uint32_t)member;
		table->used++;
	}
	observe_one(refs, l, table, s, member, p, time);
}

NR_INLINE void observe_source4(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_packet *p, nr_time time, size_t home)
{
	struct nr_source_table *table = &l->day->table4;
	uint32_t address = nr_address_ipv4(&p->source);
	struct nr_source *s = nr_source_find4(table, home, address);
	if (NR_UNLIKELY(!s->packets)) {
		if (NR_UNLIKELY(!nr_source_table_has_room(table, 1))) {
			keep_room(l, table); /* a day that was entered within a block */
			s = nr_source_find4(table, nr_source_home(table, address), address);
		}
		if (NR_UNLIKELY(!nr_source_table_has_room(table, 1))) {
			observe_untracked(refs, l, address, p);
			return;
		}
		s->address = address;
		table->used++;
	}
	observe_one(refs, l, table, s, address, p, time);
}

/* Where the sources of a block are at home, computed and prefetched while the block before it is observed. */
struct homes {
	const struct nr_day *day; /* the table they were computed for; NULL: none */
	size_t capacity;
	size_t at[NR_BLOCK];
};

NR_INLINE void prefetch_block(
	const struct nr_local *l, const struct nr_packet *packets, size_t count, struct homes *homes)
{
	homes->day = l->day;
	if (NR_UNLIKELY(!l->day))
		return;
	const struct nr_source_table *table = &l->day->table4;
	homes->capacity = table->capacity;
	for (size_t i = 0; i < count; i++) {
		homes->at[i] = nr_source_home(table, nr_address_ipv4(&packets[i].source));
		__builtin_prefetch(nr_source_at(table, homes->at[i]), 1);
	}
}

static void observe_block(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_packet *packets, size_t count, const struct homes *homes)
{
	if (NR_LIKELY(l->day != NULL))
		keep_room(l, &l->day->table4);
	for (size_t i = 0; i < count; i++) {
		const struct nr_packet *p = &packets[i];
		if (NR_UNLIKELY(p->kind == NR_PACKET_QUOTE)) {
			observe_victim(l, p);
			continue;
		}
		nr_time time = p->time;
		if (NR_UNLIKELY(!step_time(l, &time)))
			return;
		if (NR_UNLIKELY(room_of(&l->window->log) < NR_BLOCK * NR_ITEMS_PACKET) &&
			!make_room(l, NR_BLOCK * NR_ITEMS_PACKET))
			return;
		l->packets++;
		l->bytes += p->wire;
		if (NR_UNLIKELY(p->kind == NR_PACKET_IPV6)) {
			observe_source6(refs, l, p, time);
			continue;
		}
		size_t home = homes->at[i];
		if (NR_UNLIKELY(l->day != homes->day || l->day->table4.capacity != homes->capacity))
			home = nr_source_home(&l->day->table4, nr_address_ipv4(&p->source));
		observe_source4(refs, l, p, time, home);
	}
}

void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	const struct nr_telescope_refs *refs = ((const struct nr_telescope_conf *)conf)->refs;
	struct nr_local *l = local;
	struct homes homes[2];
	if (NR_UNLIKELY(l->failure.code || !batch->count))
		return;
	prefetch_block(l, batch->packets, NR_MIN(batch->count, (size_t)NR_BLOCK), &homes[0]);
	for (size_t i = 0, n = 0; i < batch->count; i += NR_BLOCK, n++) {
		size_t next = i + NR_BLOCK;
		if (NR_LIKELY(next < batch->count))
			prefetch_block(l, batch->packets + next,
				NR_MIN(batch->count - next, (size_t)NR_BLOCK), &homes[(n + 1) & 1]);
		if (!make_dirty_room(l) || !make_room(l, NR_BLOCK * NR_ITEMS_PACKET))
			return;
		observe_block(refs, l, batch->packets + i, NR_MIN(batch->count - i, (size_t)NR_BLOCK),
			&homes[n & 1]);
	}
}
