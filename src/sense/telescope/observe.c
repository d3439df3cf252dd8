/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path. While a packet's source is updated, the lines that later packets will need are fetched
 * (NR_AHEAD), so that their cache misses are under way at the same time. What almost all packets of a darknet
 * are, a SYN without any oddity of a source that was seen before, is done here; everything else in entry.c.
 */
#include "sense/telescope/admit.h"
#include "sense/telescope/entry.h"
#include "sense/telescope/pulse.h"
#include "sense/telescope/syn.h"

#include <errno.h>
#include <string.h>

/* ---- time: which day, which window ---- */

static bool open_day(struct nr_local *l, struct nr_day *day, nr_time start)
{
	struct nr_error error = {0};
	*day = (struct nr_day){.start = start, .open = true, .ipv6.area = l->area};
	if (nr_admit_open_day(l, day, &error)) {
		nr_local_fail(l, &error);
		return false;
	}
	return true;
}

static bool select_day(struct nr_local *l, nr_time start)
{
	struct nr_day *day = &l->days[(uint64_t)(start / NR_DAY) & 1];
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
	nr_telescope_drain(l, NULL);
	nr_local_leave_window(l);
	if ((!l->day || start != l->day_start) && !select_day(l, start))
		return false;
	int64_t number = nr_time_floor(time, l->step) / l->step;
	struct nr_window *w = &l->windows[(uint64_t)number % NR_WINDOWS_OPEN];
	if (!w->open) {
		w->number = number;
		nr_tally_init(&w->log, l->area);
		w->full_bytes = l->log_bytes;
		w->log.limit = NR_PROMISE_THIN(l->log_bytes);
		w->log.keeper = &l->keeper;
		w->open = true;
	}
	l->window = w;
	l->window_start = number * l->step;
	nr_local_open(l);
	return nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

/* ---- sources ---- */

static void observe_source6(
	const struct nr_telescope_refs *refs, struct nr_local *l, const struct nr_packet *p, nr_time time)
{
	struct nr_source_table *table = &l->day->table6;
	l->packets6++;
	uint64_t member = nr_member_of(&p->source);
	uint32_t earlier = 0;
	nr_ipv6_observe(&l->day->ipv6, p, member);
	struct nr_source *s = nr_source_find6(table, member, &p->source);
	if (!s) {
		s = nr_admit(l, table, member, &earlier) ? nr_source_add(table, member) : NULL;
		if (!s) {
			nr_entry_untracked(refs, l, member, p);
			return;
		}
		struct nr_source6 *s6 = (struct nr_source6 *)(void *)s;
		s6->address = p->source;
		s6->member = member;
		s->address = (uint32_t)member;
	}
	nr_entry_observe(refs, l, table, s, member, p, time);
	s->packets += NR_MIN(earlier, UINT32_MAX - s->packets);
}

static void observe_source4(
	const struct nr_telescope_refs *refs, struct nr_local *l, const struct nr_packet *p, nr_time time)
{
	struct nr_source_table *table = &l->day->table4;
	uint32_t address = nr_address_low(&p->source);
	uint64_t hash = nr_source_hash(table, address);
	struct nr_source *s = nr_source_find4(table, hash, address);
	uint32_t earlier = 0;
	if (!s) {
		s = nr_admit(l, table, address, &earlier) ? nr_source_add(table, address) : NULL;
		if (!s) {
			nr_entry_untracked(refs, l, address, p);
			return;
		}
		s->address = address;
	}
	nr_entry_observe(refs, l, table, s, address, p, time);
	s->packets += NR_MIN(earlier, UINT32_MAX - s->packets);
}

/* A packet of any kind. False: no memory. */
static __attribute__((noinline)) bool observe_any(
	const struct nr_telescope_refs *refs, struct nr_local *l, const struct nr_packet *p)
{
	nr_time time = p->time;
	if (p->kind == NR_PACKET_QUOTE) {
		nr_entry_victim(l, p);
		return true;
	}
	if (time < l->open_from) {
		time = l->open_from;
		l->late++;
	}
	if ((uint64_t)time - (uint64_t)l->open_first >= l->open_length && !select_time(l, time))
		return false;
	l->packets++;
	l->bytes += p->wire;
	if (p->kind == NR_PACKET_IPV4)
		observe_source4(refs, l, p, time);
	else
		observe_source6(refs, l, p, time);
	return true;
}

/* ---- what most packets are ---- */

/* A TCP SYN of IPv4 whose header says nothing else. */
NR_INLINE bool is_plain_syn(const struct nr_packet *p)
{
	static const uint8_t mask[4] = {0xff, NR_TCP_MASK, 0, 0xff},
			     want[4] = {NR_TCP, NR_TCP_SYN, 0, NR_PACKET_IPV4};
	const unsigned odd = NR_MARK_BAD_HEADER | NR_MARK_MISCONFIGURED,
		       usual = NR_MARK_PORTS | NR_MARK_FLAGS;
	uint32_t kind, mask_word, want_word;
	memcpy(&kind, &p->protocol, 4);
	memcpy(&mask_word, mask, 4);
	memcpy(&want_word, want, 4);
	return (kind & mask_word) == want_word && (p->marks & (odd | usual)) == usual;
}
_Static_assert(offsetof(struct nr_packet, flags) == offsetof(struct nr_packet, protocol) + 1 &&
		       offsetof(struct nr_packet, kind) == offsetof(struct nr_packet, protocol) + 3,
	"protocol, flags, TTL and kind are read at once");

/* Seen before, not before this packet's time, and neither forged nor ours; Nmap's shape needs a closer look.
 */
NR_INLINE bool is_plain_source(const struct nr_source *s, uint32_t at)
{
	return s->syns && s->packets != UINT32_MAX && at >= s->last &&
	       !(s->marks & (NR_SOURCE_FORGED | NR_SOURCE_OWN)) && !(s->constant & NR_ONLY_NMAP_SHAPE);
}

/* Neither port 0 nor a mark of ZMap or Masscan, and not from its own destination. */
NR_INLINE bool is_plain_mark(const struct nr_packet *p, uint32_t source, uint32_t destination)
{
	return p->source_port && p->destination_port && p->window != NR_ZMAP_WINDOW && p->id != NR_ZMAP_ID &&
	       p->id != nr_syn_masscan(destination, p->destination_port, p->sequence) &&
	       source != destination;
}

/* False: nothing was done, the packet or the source is not so plain. */
NR_INLINE bool observe_plain(struct nr_local *l, const struct nr_packet *p, size_t guess, uint32_t source)
{
	const struct nr_source_table *table = &l->day->table4;
	struct nr_source *s = nr_source_at(table, guess);
	uint32_t at = (uint32_t)((uint64_t)(p->time - l->day_start) >> NR_SOURCE_TIME_SHIFT);
	uint32_t destination = nr_address_low(&p->destination);
	if (NR_UNLIKELY(s->address != source) || NR_UNLIKELY(!is_plain_source(s, at)) ||
		NR_UNLIKELY(!is_plain_mark(p, source, destination)))
		return false;
	s->packets++;
	s->last = at;
	s->facts |= NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN);
	s->marks = (uint8_t)(s->marks | (p->ttl >= NR_TTL_STATELESS) * NR_SOURCE_TTL_200);
	nr_syn_compare_again(s, p, destination);
	nr_count_to_max(&s->syns);
	bool mirai = p->sequence == destination;
	s->mirai = (uint16_t)(s->mirai + (mirai & (s->mirai != UINT16_MAX)));
	l->day->matched[NR_TOOL_MIRAI] += mirai;
	uint16_t port = p->destination_port;
	if (!nr_usual_add(&l->usual, table, s, guess, port, p->wire) &&
		!nr_local_remember_plain(l, table, s, guess, source, port, p->wire))
		nr_local_remember(l, table, s, source, port, p->wire);
	return true;
}

/* ---- batches ---- */

/*
 * Packets are on their way in three steps: NR_AHEAD packets before its turn a packet's entry is fetched, as
 * many before that its index word. One fetch a packet and step, so that the misses are spread evenly. Entries
 * are fetched into the second-level cache, which can wait for more lines at once than the first one.
 */
#define NR_AHEAD 16
#define NR_RING  64 /* at least 2 * NR_AHEAD + 1, a power of two */

struct ahead {
	const struct nr_day *day; /* whose table the ring is for; NULL: of none */
	uint64_t hash[NR_RING];
	size_t guess[NR_RING];
};

NR_INLINE void fetch_index(
	const struct nr_source_table *table, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (NR_UNLIKELY(i >= batch->count))
		return;
	uint64_t hash = nr_source_hash(table, nr_address_low(&batch->packets[i].source));
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
	__builtin_prefetch(nr_source_at(table, guess == NR_SOURCE_NONE ? table->used : guess), 0, 2);
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

/* What a block of packets may need is there before its first one. */
static bool prepare_block(struct nr_local *l)
{
	if (NR_UNLIKELY(l->packets >= l->usual.choose_at) && !nr_local_choose_usual(l))
		return false;
	return nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

/* Packets [from, to) of the batch; false: no memory. */
NR_INLINE bool observe_block(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_batch *batch, size_t from, size_t to, struct ahead *a)
{
	uint64_t packets = 0, bytes = 0;
	bool done = true;
	for (size_t i = from; i < to && done; i++) {
		const struct nr_packet *p = &batch->packets[i];
		if (NR_UNLIKELY(a->day != l->day))
			look_ahead(l, batch, i, a);
		if (NR_LIKELY(a->day != NULL)) {
			fetch_index(&a->day->table4, batch, i + 2 * NR_AHEAD, a);
			fetch_entry(&a->day->table4, batch, i + NR_AHEAD, a);
		}
		size_t guess = a->guess[i % NR_RING];
		if (NR_LIKELY(is_plain_syn(p)) &&
			NR_LIKELY((uint64_t)p->time - (uint64_t)l->open_first < l->open_length) &&
			NR_LIKELY(guess != NR_SOURCE_NONE) &&
			NR_LIKELY(observe_plain(l, p, guess, nr_address_low(&p->source)))) {
			packets++;
			bytes += p->wire;
			continue;
		}
		done = observe_any(refs, l, p);
	}
	l->packets += packets;
	l->bytes += bytes;
	return done;
}

void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	const struct nr_telescope_refs *refs = ((const struct nr_telescope_conf *)conf)->refs;
	struct nr_local *l = local;
	struct ahead a = {0};
	if (NR_UNLIKELY(l->failure.code))
		return;
	look_ahead(l, batch, 0, &a);
	for (size_t from = 0; from < batch->count; from += NR_BLOCK) {
		size_t to = NR_MIN(from + NR_BLOCK, batch->count);
		if (!prepare_block(l) || !observe_block(refs, l, batch, from, to, &a))
			return;
	}
	if (l->early)
		nr_early_local_observe(l->early, batch);
	if (NR_UNLIKELY(l->pulse != NULL))
		nr_pulse_observe(l, batch);
}
