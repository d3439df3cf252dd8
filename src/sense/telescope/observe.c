/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path. While a packet's source is updated, the lines that later packets will need are fetched
 * (NR_AHEAD), so that their cache misses are under way at the same time. An entry combines what its source
 * sends to its two latest groups; only what leaves it is appended to the window's tally.
 */
#include "sense/telescope/pulse.h"
#include "sense/telescope/state.h"

#include <errno.h>
#include <string.h>

#define NR_BLOCK        16 /* packets between two looks at the room that they may need */
#define NR_ITEMS_PACKET 4  /* most tally items that one packet can cause: one evicted, three extra groups */
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
		return (type >= 1 && type <= 4) || type == 129; /* RFC 4443: errors, echo reply */
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

/* ---- tallies ---- */

static void fail(struct nr_local *l, const struct nr_error *error)
{
	if (!l->failure.code)
		l->failure = *error;
}

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

/* ---- time: which day, which window ---- */

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
		w->log.keeper = &l->keeper;
		w->open = true;
		w->sort_at = l->sort_items;
	}
	l->window = w;
	l->window_start = number * l->step;
	l->window_slot = (uint32_t)((uint64_t)number % NR_WINDOWS_OPEN) << 18;
	return make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

/* ---- the two latest groups ---- */

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
		size_t index = (size_t)((const uint8_t *)s - table->entries) / table->stride;
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
	if (refs->own && nr_prefix_table_find(refs->own, &p->source) != NR_PREFIX_NONE) {
		marks |= NR_SOURCE_OWN;
		marks &= ~(unsigned)NR_SOURCE_BOGON; /* own networks may well be private */
	}
	if (refs->lists.table && nr_prefix_table_find(refs->lists.table, &p->source) != NR_PREFIX_NONE)
		marks |= NR_SOURCE_LISTED;
	if (p->kind == NR_PACKET_IPV6)
		marks &= ~(unsigned)NR_SOURCE_LAST_OCTET;
	s->marks = (uint8_t)marks;
}

_Static_assert(offsetof(struct nr_packet, sequence) - offsetof(struct nr_packet, source_port) == 4 &&
		       offsetof(struct nr_packet, id) - offsetof(struct nr_packet, source_port) == 8 &&
		       offsetof(struct nr_source, sequence) - offsetof(struct nr_source, source_port) == 4 &&
		       offsetof(struct nr_source, id) - offsetof(struct nr_source, source_port) == 8,
	"the fields of a SYN lie alike in packet and source");

static void first_syn(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	s->constant = NR_SAME_ALL | NR_ONLY_NMAP_SHAPE;
	memcpy(&s->source_port, &p->source_port, 12);
	s->destination = destination;
	s->ttl = p->ttl;
	s->option_hash = p->option_hash;
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

NR_INLINE bool is_nmap_shape(const struct nr_packet *p)
{
	return p->option_kind == NR_TCP_OPTIONS_MSS_1460 && !(p->window & 1023) && p->window &&
	       p->window <= 4096;
}

/* Every invariant is a XOR of fields, so it differs from the first SYN's where the same XOR of the
 * differences is not zero. */
NR_INLINE void compare_with_first(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	uint64_t a, b;
	uint32_t c, d;
	memcpy(&a, &p->source_port, 8);
	memcpy(&b, &s->source_port, 8);
	memcpy(&c, &p->id, 4);
	memcpy(&d, &s->id, 4);
	uint64_t ports_sequence = a ^ b;
	uint32_t id_window = c ^ d, to = destination ^ s->destination,
		 sequence = (uint32_t)(ports_sequence >> 32);
	uint16_t from_port = (uint16_t)ports_sequence, to_port = (uint16_t)(ports_sequence >> 16),
		 id = (uint16_t)id_window;
	unsigned differs = (unsigned)(sequence != 0) * NR_SAME_SEQUENCE;
	differs |= (unsigned)(id != 0) * NR_SAME_ID;
	differs |= (unsigned)(from_port != 0) * NR_SAME_SOURCE_PORT;
	differs |= (unsigned)(id_window >> 16 != 0) * NR_SAME_WINDOW;
	differs |= (unsigned)(p->ttl != s->ttl) * NR_SAME_TTL;
	differs |= (unsigned)(p->option_hash != s->option_hash) * NR_SAME_OPTIONS;
	differs |= (unsigned)(sequence != to) * NR_SAME_SEQUENCE_DESTINATION;
	differs |= (unsigned)((uint16_t)(id ^ masscan_of(to, to_port, sequence)) != 0) * NR_SAME_ID_TARGET;
	differs |= (unsigned)((uint16_t)(sequence >> 16 ^ sequence) != 0) * NR_SAME_MIRROR;
	differs |= (unsigned)(from_port != to_port) * NR_SAME_PORT_DIFFERENCE;
	differs |= (unsigned)(to != 0) * NR_SAME_DESTINATION;
	differs |= (unsigned)(to_port != 0) * NR_SAME_DESTINATION_PORT;
	s->constant = (uint16_t)(s->constant & ~differs);
}

NR_INLINE void count_to_max(uint16_t *counter)
{
	*counter = (uint16_t)(*counter + (*counter != UINT16_MAX));
}

/* A SYN that carries the mark of a tool. */
static void observe_mark(struct nr_day *day, struct nr_source *s, const struct nr_packet *p, bool mirai,
	bool zmap, bool masscan)
{
	unsigned facts = 0;
	if (mirai) {
		day->matched[NR_TOOL_MIRAI]++;
		count_to_max(&s->mirai);
	}
	if (zmap) {
		day->matched[NR_TOOL_ZMAP]++;
		count_to_max(&s->zmap);
		facts |= p->window == NR_ZMAP_WINDOW && p->ttl >= NR_TTL_STATELESS ? NR_SEEN_ZMAP_STRONG : 0;
	}
	if (masscan && !mirai) {
		day->matched[NR_TOOL_MASSCAN]++;
		count_to_max(&s->masscan);
		facts |= p->window == NR_MASSCAN_WINDOW && p->ttl >= NR_TTL_STATELESS ? NR_SEEN_MASSCAN_STRONG
										      : 0;
		facts |= p->option_kind == NR_TCP_OPTIONS_MSS_1460 ? NR_SEEN_MASSCAN_MSS : 0;
	}
	s->constant = (uint16_t)(s->constant | facts);
}

NR_INLINE void observe_syn(struct nr_day *day, struct nr_source *s, uint64_t member,
	const struct nr_packet *p, uint32_t destination, const bool ipv4)
{
	if (NR_UNLIKELY(!s->syns))
		first_syn(s, p, destination);
	else if (s->constant & NR_SAME_ALL)
		compare_with_first(s, p, destination);
	count_to_max(&s->syns);
	if (NR_UNLIKELY(s->constant & NR_ONLY_NMAP_SHAPE) && !is_nmap_shape(p))
		s->constant = (uint16_t)(s->constant & ~NR_ONLY_NMAP_SHAPE);
	if (!ipv4)
		return;
	bool mirai = p->sequence == destination, zmap = p->id == NR_ZMAP_ID;
	bool masscan = p->id == masscan_of(destination, p->destination_port, p->sequence);
	if (mirai | zmap | masscan)
		observe_mark(day, s, p, mirai, zmap, masscan);
	if (NR_UNLIKELY(p->window == NR_ZMAP_WINDOW) && is_zmap_new_shape(p)) {
		nr_suspects_observe(&day->suspects, member, p);
		s->zmap_new = (uint8_t)(s->zmap_new + (s->zmap_new != UINT8_MAX));
	}
}

/* ---- one packet ---- */

static void observe_victim(struct nr_local *l, const struct nr_packet *p)
{
	bool icmp = p->protocol == NR_ICMP || p->protocol == NR_ICMPV6;
	struct nr_backscatter b = {p->time, p->source, p->destination, icmp ? NR_ICMP : p->protocol,
		p->source_port, p->destination_port, p->wire};
	if (p->kind != NR_PACKET_QUOTE && icmp && (p->marks & (NR_MARK_QUOTES | NR_MARK_QUOTE_MISMATCH))) {
		l->victims.mismatches += (p->marks & NR_MARK_QUOTE_MISMATCH) != 0;
		return; /* the victim is whom it quotes, and comes as a packet of its own */
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
	if (p->protocol == NR_ICMP || p->protocol == NR_ICMPV6)
		return 0;
	unsigned no_port = (p->marks & NR_MARK_PORTS) && (!p->source_port || !p->destination_port);
	return (unsigned)(p->ttl >= NR_TTL_STATELESS) * NR_SOURCE_TTL_200 | no_port * NR_SOURCE_PORT_0;
}

/* What few packets need: extra groups, own hosts, victims. */
static void observe_rest(
	struct nr_local *l, struct nr_source *s, uint64_t member, const struct nr_packet *p, bool backscatter)
{
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

/* Where a packet belongs. */
struct place {
	uint32_t group;
	uint16_t categories;
	bool syn, backscatter;
};

NR_INLINE struct place place_of(const struct nr_packet *p)
{
	enum nr_category category = nr_category_of(p);
	if (NR_LIKELY(category == NR_CATEGORY_TCP_SYN))
		return (struct place){p->destination_port,
			NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN), true, false};
	bool backscatter = nr_is_backscatter(p, category);
	if (category == NR_CATEGORY_UDP && (p->marks & NR_MARK_PORTS) && !backscatter)
		return (struct place){NR_GROUP_UDP + p->destination_port,
			NR_BIT(NR_CATEGORY_UDP) | NR_BIT(NR_CATEGORY_SCAN), false, false};
	unsigned categories = NR_BIT(category) | (backscatter ? NR_BIT(NR_CATEGORY_BACKSCATTER) : 0);
	return (struct place){NR_GROUP_OTHER + (uint32_t)category * 2 + backscatter, (uint16_t)categories,
		false, backscatter};
}

NR_INLINE uint32_t low_bytes(const struct nr_address *address)
{
	uint32_t n;
	memcpy(&n, address->octets + 12, 4);
	return __builtin_bswap32(n);
}

NR_INLINE void observe_one(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_source_table *table, struct nr_source *s, uint64_t member, const struct nr_packet *p,
	nr_time time, const bool ipv4)
{
	struct place place = place_of(p);
	uint32_t destination = low_bytes(&p->destination);
	uint32_t at = (uint32_t)((uint64_t)(time - l->day_start) >> NR_SOURCE_TIME_SHIFT);
	if (NR_UNLIKELY(!s->packets)) {
		s->first = s->last = at;
		note_new_source(refs, s, p);
	}
	s->packets += s->packets != UINT32_MAX;
	s->first = NR_MIN(s->first, at);
	s->last = NR_MAX(s->last, at);
	s->categories |= place.categories;
	s->marks = (uint8_t)(s->marks | marks_of(p));
	remember(l, table, s, member, place.group, p->wire);
	if (NR_LIKELY(place.syn))
		observe_syn(l->day, s, member, p, destination, ipv4);
	const unsigned odd = NR_MARK_BAD_HEADER | NR_MARK_MISCONFIGURED;
	bool perhaps_same = (uint32_t)member == destination || !ipv4;
	bool other_tcp = p->protocol == NR_TCP && !place.syn;
	if (NR_UNLIKELY(place.backscatter || other_tcp || (p->marks & odd) ||
			(s->marks & (NR_SOURCE_FORGED | NR_SOURCE_OWN)) || perhaps_same))
		observe_rest(l, s, member, p, place.backscatter);
}

/* A source that found no room: its packets are counted, the source itself is not judged. */
static void observe_untracked(
	const struct nr_telescope_refs *refs, struct nr_local *l, uint64_t member, const struct nr_packet *p)
{
	struct nr_source scratch = {0};
	struct place place = place_of(p);
	note_new_source(refs, &scratch, p);
	put(l, l->window_slot | place.group, member, 1, NR_MIN(p->wire, NR_SIZE_MAX));
	observe_rest(l, &scratch, member, p, place.backscatter);
	l->day->untracked++;
}

/* ---- blocks ---- */

static void keep_room(struct nr_local *l, struct nr_source_table *table)
{
	if (NR_UNLIKELY(!nr_source_table_has_room(table, NR_BLOCK)))
		(void)nr_source_table_grow(
			table, l->table_bytes_max); /* else sources beyond are untracked, and said so */
}

NR_INLINE bool step_time(struct nr_local *l, nr_time *time)
{
	if (NR_UNLIKELY(*time < l->open_from)) {
		*time = l->open_from;
		l->late++;
	}
	if (NR_LIKELY((uint64_t)*time - (uint64_t)l->window_start < (uint64_t)l->step))
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
	if (!s) {
		if (!nr_source_table_has_room(table, 1)) {
			observe_untracked(refs, l, member, p);
			return;
		}
		s = nr_source_add(table, nr_source_hash(table, member));
		struct nr_source6 *s6 = (struct nr_source6 *)(void *)s;
		s6->address = p->source;
		s6->member = member;
		s->address = (uint32_t)member;
	}
	observe_one(refs, l, table, s, member, p, time, false);
}

/* A source that was not guessed: new, or behind another one with the same tag. NULL: no room for it. */
static __attribute__((noinline)) struct nr_source *find_or_add(
	struct nr_local *l, struct nr_source_table *table, uint64_t hash, uint32_t address)
{
	struct nr_source *s = nr_source_find4(table, hash, address);
	if (s)
		return s;
	if (NR_UNLIKELY(!nr_source_table_has_room(table, 1)))
		keep_room(l, table);
	if (NR_UNLIKELY(!nr_source_table_has_room(table, 1)))
		return NULL;
	s = nr_source_add(table, hash);
	s->address = address;
	return s;
}

/*
 * Packets are on their way in three steps: NR_AHEAD packets before its turn a packet's entry is fetched, as
 * many before that its index word. One fetch a packet and step, so that the misses are spread evenly.
 */
#define NR_AHEAD 12
#define NR_RING  32 /* at least 2 * NR_AHEAD + 1, a power of two */

struct ahead {
	const struct nr_day *day; /* whose table the ring is for */
	uint64_t hash[NR_RING];
	size_t guess[NR_RING];
};

NR_INLINE void fetch_index(
	const struct nr_source_table *table, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (NR_UNLIKELY(i >= batch->count))
		return;
	uint64_t hash = nr_source_hash(table, low_bytes(&batch->packets[i].source));
	a->hash[i % NR_RING] = hash;
	__builtin_prefetch(&table->index[nr_source_home(table, hash)]);
}

NR_INLINE void fetch_entry(
	const struct nr_source_table *table, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (NR_UNLIKELY(i >= batch->count))
		return;
	size_t guess = nr_source_guess(table, a->hash[i % NR_RING]);
	a->guess[i % NR_RING] = guess;
	__builtin_prefetch(nr_source_at(table, guess == NR_SOURCE_NONE ? table->used : guess), 1);
}

/* Fills the ring for packet i and those behind it. */
static void look_ahead(const struct nr_local *l, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	a->day = l->day;
	for (size_t k = i; l->day && k < i + 2 * NR_AHEAD; k++)
		fetch_index(&l->day->table4, batch, k, a);
	for (size_t k = i; l->day && k < i + NR_AHEAD; k++)
		fetch_entry(&l->day->table4, batch, k, a);
}

NR_INLINE void observe_source4(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_packet *p, nr_time time, const struct ahead *a, size_t i)
{
	struct nr_source_table *table = &l->day->table4;
	uint32_t address = low_bytes(&p->source);
	bool guessed = a->day == l->day;
	size_t guess = a->guess[i % NR_RING];
	struct nr_source *s = guessed && guess != NR_SOURCE_NONE ? nr_source_at(table, guess) : NULL;
	if (NR_UNLIKELY(!s || s->address != address)) {
		s = find_or_add(l, table, nr_source_hash(table, address), address);
		if (NR_UNLIKELY(!s)) {
			observe_untracked(refs, l, address, p);
			return;
		}
	}
	observe_one(refs, l, table, s, address, p, time, true);
}

/* What a block of packets may need is there before its first one. */
static bool prepare_block(struct nr_local *l)
{
	if (NR_LIKELY(l->day != NULL))
		keep_room(l, &l->day->table4);
	return make_dirty_room(l) && make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

NR_INLINE void observe_packet(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_batch *batch, size_t i, const struct ahead *a)
{
	const struct nr_packet *p = &batch->packets[i];
	nr_time time = p->time;
	if (NR_UNLIKELY(p->kind == NR_PACKET_QUOTE)) {
		observe_victim(l, p);
		return;
	}
	if (NR_UNLIKELY(!step_time(l, &time)))
		return;
	l->packets++;
	l->bytes += p->wire;
	if (NR_LIKELY(p->kind == NR_PACKET_IPV4))
		observe_source4(refs, l, p, time, a, i);
	else
		observe_source6(refs, l, p, time);
}

void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	const struct nr_telescope_refs *refs = ((const struct nr_telescope_conf *)conf)->refs;
	struct nr_local *l = local;
	struct ahead a;
	if (NR_UNLIKELY(l->failure.code))
		return;
	look_ahead(l, batch, 0, &a);
	for (size_t i = 0; i < batch->count; i++) {
		if (NR_UNLIKELY(i % NR_BLOCK == 0) && !prepare_block(l))
			return;
		if (NR_UNLIKELY(a.day != l->day))
			look_ahead(l, batch, i, &a);
		if (NR_LIKELY(a.day != NULL)) {
			fetch_index(&a.day->table4, batch, i + 2 * NR_AHEAD, &a);
			fetch_entry(&a.day->table4, batch, i + NR_AHEAD, &a);
		}
		observe_packet(refs, l, batch, i, &a);
	}
	if (NR_UNLIKELY(l->pulse != NULL))
		nr_pulse_observe(l, batch);
}
