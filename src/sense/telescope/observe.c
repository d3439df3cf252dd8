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

/* Open when its tables stand: the process may end at any instruction, and what is not open is begun anew. */
static bool open_day(struct nr_local *l, struct nr_day *day, nr_time start)
{
	struct nr_error error = {0};
	*day = (struct nr_day){.start = start, .ipv6.area = l->area};
	if (nr_admit_open_day(l, day, &error)) {
		nr_admit_close_day(l, day);
		nr_local_fail(l, &error);
		return false;
	}
	NR_IN_ORDER();
	day->open = true;
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
		NR_IN_ORDER();
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

/* What the plain way needs of the open day and window, looked up again after every packet of another kind. */
struct view {
	const struct nr_day *day; /* NULL: none is open */
	const struct nr_source_table *table;
	uint8_t *entries;
	uint32_t *index;
	size_t capacity;
	uint64_t key;
	uint32_t entry_mask;
	nr_time day_start, open_first;
	uint64_t open_length;
};

static const struct nr_source nobody; /* the entry of a source that has none: no plain one */

/* What plain packets add up to. */
struct sums {
	uint64_t packets, bytes, mirai;
};

/* Port 0 and the marks of ZMap, each in the place of its field. */
static const uint16_t odd_fields[8] = {0, 0, 0, 0, NR_ZMAP_ID, NR_ZMAP_WINDOW};

/* Neither port 0 nor a mark of ZMap or Masscan, and not from its own destination. */
NR_INLINE bool is_plain_mark(const struct nr_packet *p, uint32_t source, uint32_t destination)
{
	const unsigned odd = NR_EQUAL_SOURCE_PORT | NR_EQUAL_DESTINATION_PORT | NR_EQUAL_ID | NR_EQUAL_WINDOW;
	return !(nr_syn_equal(&p->source_port, odd_fields) & odd) &&
	       p->id != nr_syn_masscan(destination, p->destination_port, p->sequence) &&
	       source != destination;
}

/* Seen before, not before this packet's time, and neither forged nor ours; Nmap's shape needs a closer look.
 */
NR_INLINE bool is_plain_source(const struct nr_source *s, uint32_t at)
{
	return s->syns && s->packets != UINT32_MAX && at >= s->last &&
	       !(s->marks & (NR_SOURCE_FORGED | NR_SOURCE_OWN)) && !(s->constant & NR_ONLY_NMAP_SHAPE);
}

/* False: nothing was done, the packet or the source is not so plain. */
NR_INLINE bool observe_plain(struct nr_local *l, const struct view *v, const struct nr_packet *p,
	struct nr_source *s, struct sums *sums)
{
	const uint32_t source = nr_address_low(&p->source), destination = nr_address_low(&p->destination);
	const uint32_t at = (uint32_t)((uint64_t)(p->time - v->day_start) >> NR_SOURCE_TIME_SHIFT);
	const uint32_t wire = p->wire;
	const uint16_t port = p->destination_port;
	if (NR_UNLIKELY(s->address != source) || NR_UNLIKELY(!is_plain_source(s, at)) ||
		NR_UNLIKELY(!is_plain_mark(p, source, destination)))
		return false;
	s->packets++;
	s->last = at;
	s->facts |= NR_BIT(NR_CATEGORY_TCP_SYN) | NR_BIT(NR_CATEGORY_SCAN);
	s->marks = (uint8_t)(s->marks | (p->ttl >= NR_TTL_STATELESS) * NR_SOURCE_TTL_200);
	nr_syn_compare_again(s, p, destination);
	nr_count_to_max(&s->syns);
	const bool mirai = p->sequence == destination;
	s->mirai = (uint16_t)(s->mirai + (mirai & (s->mirai != UINT16_MAX)));
	sums->mirai += mirai;
	sums->bytes += wire;
	sums->packets++;
	const size_t entry = (size_t)((uint8_t *)s - v->entries) / sizeof *s;
	if (!nr_usual_add(&l->usual, v->table, s, entry, port, wire) &&
		!nr_local_remember_plain(l, v->table, s, entry, source, port, wire))
		nr_local_remember(l, v->table, s, source, port, wire);
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
	struct view view; /* whose table the ring is for */
	uint64_t hash[NR_RING];
	const uint32_t *bucket[NR_RING];
	const struct nr_source *guess[NR_RING]; /* probably its entry; else nobody */
};

NR_INLINE void fetch_index(const struct view *v, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (NR_UNLIKELY(i >= batch->count))
		return;
	const uint32_t source = nr_address_low(&batch->packets[i].source);
	const uint64_t hash = (source ^ v->key >> 32) * v->key;
	const uint32_t *bucket = v->index + nr_source_bucket_of(v->capacity, hash);
	a->hash[i % NR_RING] = hash;
	a->bucket[i % NR_RING] = bucket;
	__builtin_prefetch(bucket);
}

/* Almost all stand in the first bucket of their chain, or nowhere. */
static __attribute__((noinline)) const struct nr_source *guess_further(
	const struct view *v, const uint32_t *bucket, uint64_t hash)
{
	const size_t entry = bucket[NR_SOURCE_BUCKET - 1] ? nr_source_guess(v->table, hash) : NR_SOURCE_NONE;
	return entry == NR_SOURCE_NONE ? &nobody : nr_source_at(v->table, entry);
}

NR_INLINE void fetch_entry(const struct view *v, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (NR_UNLIKELY(i >= batch->count))
		return;
	const uint32_t *bucket = a->bucket[i % NR_RING];
	const uint64_t hash = a->hash[i % NR_RING];
	const unsigned match = nr_source_match(bucket, (uint32_t)hash & ~v->entry_mask, v->entry_mask);
	const uint32_t word = match ? bucket[__builtin_ctz(match)] & v->entry_mask : 0;
	const struct nr_source *guess =
		(const struct nr_source *)(const void *)(v->entries + ((size_t)word - 1) * sizeof *guess);
	if (NR_UNLIKELY(!word))
		guess = guess_further(v, bucket, hash);
	a->guess[i % NR_RING] = guess;
	__builtin_prefetch(guess, 0, 2);
}

static struct view view_of(const struct nr_local *l)
{
	if (!l->day)
		return (struct view){0};
	const struct nr_source_table *table = &l->day->table4;
	return (struct view){l->day, table, table->entries, table->index, table->capacity, table->key,
		table->entry_mask, l->day_start, l->open_first, l->open_length};
}

/* Fills the ring for packet i and those behind it. */
static void look_ahead(const struct nr_batch *batch, size_t i, struct ahead *a)
{
	if (!a->view.day)
		return;
	for (size_t k = i; k < i + 2 * NR_AHEAD; k++)
		fetch_index(&a->view, batch, k, a);
	for (size_t k = i; k < i + NR_AHEAD; k++)
		fetch_entry(&a->view, batch, k, a);
}
/* What a block of packets may need is there before its first one. */
static bool prepare_block(struct nr_local *l)
{
	if (NR_UNLIKELY(l->packets >= l->usual.choose_at) && !nr_local_choose_usual(l))
		return false;
	return nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

/* After a packet that may have opened a day or a window, or made a table grow; i: the next packet. */
static void look_again(const struct nr_local *l, const struct nr_batch *batch, size_t i, struct ahead *a)
{
	const struct view before = a->view;
	a->view = view_of(l);
	if (a->view.day != before.day || a->view.entries != before.entries || a->view.index != before.index ||
		a->view.capacity != before.capacity || a->view.key != before.key)
		look_ahead(batch, i, a);
}

static void add_sums(struct nr_local *l, struct sums *sums)
{
	l->packets += sums->packets;
	l->bytes += sums->bytes;
	if (sums->mirai)
		l->day->matched[NR_TOOL_MIRAI] += sums->mirai;
	*sums = (struct sums){0};
}

/* Packets [from, to) of the batch; false: no memory. */
NR_INLINE bool observe_block(const struct nr_telescope_refs *refs, struct nr_local *l,
	const struct nr_batch *batch, size_t from, size_t to, struct ahead *a)
{
	struct sums sums = {0};
	struct view v = a->view;
	bool done = true;
	for (size_t i = from; i < to && done; i++) {
		const struct nr_packet *p = &batch->packets[i];
		if (NR_LIKELY(v.day != NULL)) {
			fetch_index(&v, batch, i + 2 * NR_AHEAD, a);
			fetch_entry(&v, batch, i + NR_AHEAD, a);
		}
		/* what an entry says changes, not where it is: the ring's pointers are to constant ones */
		struct nr_source *guess = (struct nr_source *)(uintptr_t)a->guess[i % NR_RING];
		if (NR_LIKELY(is_plain_syn(p)) &&
			NR_LIKELY((uint64_t)p->time - (uint64_t)v.open_first < v.open_length) &&
			NR_LIKELY(observe_plain(l, &v, p, guess, &sums)))
			continue;
		add_sums(l, &sums);
		done = observe_any(refs, l, p);
		look_again(l, batch, i + 1, a);
		v = a->view;
	}
	add_sums(l, &sums);
	return done;
}

void nr_telescope_observe(const void *conf, void *local, const struct nr_batch *batch)
{
	const struct nr_telescope_refs *refs = ((const struct nr_telescope_conf *)conf)->refs;
	struct nr_local *l = local;
	struct ahead a = {0};
	if (NR_UNLIKELY(l->failure.code))
		return;
	a.view = view_of(l);
	look_ahead(batch, 0, &a);
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
