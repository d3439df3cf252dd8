/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/tally.h"
#include "base/hash.h"
#include "sense/telescope/radix.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

#define NR_ROOM_MIN 512 /* items: a page of words */

/* IPv6 sources are chosen by strangers: their hash must not be invertible by a formula. The key is public and
 * fixed, so that members of different days and machines agree. */
uint64_t nr_member_of(const struct nr_address *address)
{
	if (nr_address_is_ipv4(address))
		return nr_address_ipv4(address);
	return NR_MEMBER_IPV6 | nr_siphash(address->octets, sizeof address->octets, 0, 0) >> 19;
}

/* ---- the two lists ---- */

static int reserve(struct nr_area *area, void **items, size_t count, size_t *room, size_t more, size_t width,
	struct nr_error *error)
{
	if (NR_LIKELY(*room - count >= more))
		return 0;
	/* pages of an area are there as soon as they are asked for, others when they are touched */
	size_t wanted =
		NR_MAX(NR_MAX(area ? *room + *room / 4 : *room * 2, count + more), (size_t)NR_ROOM_MIN);
	int e = nr_pages_resize(area, items, *room * width, wanted * width, error);
	if (!e)
		*room = wanted;
	return e;
}

static int reserve_words(struct nr_words *w, size_t more, struct nr_error *error)
{
	return reserve(w->area, (void **)&w->items, w->count, &w->room, more, sizeof *w->items, error);
}

static int reserve_wides(struct nr_wides *w, size_t more, struct nr_error *error)
{
	return reserve(w->area, (void **)&w->items, w->count, &w->room, more, sizeof *w->items, error);
}

/* Splits what is too large for one item. */
static int add_wide(
	struct nr_wides *w, uint64_t key, uint64_t packets, uint64_t bytes, struct nr_error *error)
{
	do {
		int e = reserve_wides(w, 1, error);
		if (e)
			return e;
		struct nr_wide part = nr_wide_of(
			key, NR_MIN(packets, NR_WIDE_PACKETS_MAX), NR_MIN(bytes, NR_WIDE_BYTES_MAX));
		w->items[w->count++] = part;
		packets -= part.packets;
		bytes -= part.bytes;
	} while (packets || bytes);
	return 0;
}

void nr_tally_init(struct nr_tally *tally, struct nr_area *area)
{
	*tally = (struct nr_tally){.words.area = area, .wides.area = area};
}

/* Who resumes finds either the pages or no word of them: they are forgotten before they are given back, and
 * what is said about them before they are. */
static void give_up_words(struct nr_words *w)
{
	uint64_t *pages = w->items;
	size_t bytes = w->room * sizeof *w->items;
	w->count = 0;
	NR_IN_ORDER();
	w->room = 0;
	NR_IN_ORDER();
	w->items = NULL;
	NR_IN_ORDER();
	nr_pages_unmap(w->area, pages, bytes);
}

void nr_tally_fini(struct nr_tally *tally)
{
	struct nr_area *area = tally->words.area;
	struct nr_tally *spare = tally->spare;
	give_up_words(&tally->words);
	nr_members_fini(&tally->wides);
	if (spare) {
		nr_tally_fini(spare);
		tally->spare = NULL;
		NR_IN_ORDER();
		nr_pages_unmap(area, spare, sizeof *spare);
	}
	nr_tally_init(tally, area);
}

/* ---- changes that are whole or have not happened ---- */

/* The content of the spare becomes that of the tally, and the other way round. */
static void take_spare(struct nr_tally *tally)
{
	struct nr_tally *spare = tally->spare;
	tally->spare_counts = true;
	NR_IN_ORDER();
	tally->words = spare->words;
	tally->wides = spare->wides;
	tally->level = spare->level;
	tally->busy_level = spare->busy_level;
	tally->unsorted = spare->unsorted;
	NR_IN_ORDER();
	tally->spare_counts = false;
	NR_IN_ORDER();
	nr_tally_init(spare, tally->words.area);
}

struct levels {
	uint8_t level, busy;
};

static int in_spare(struct nr_tally *tally,
	int (*change)(struct nr_tally *, struct levels, struct nr_error *), struct levels levels,
	struct nr_error *error)
{
	struct nr_area *area = tally->words.area;
	if (!area)
		return change(tally, levels, error);
	int e = tally->spare ? 0
			     : nr_pages_resize(area, (void **)&tally->spare, 0, sizeof *tally->spare, error);
	if (e)
		return e;
	struct nr_tally *spare = tally->spare;
	const struct nr_words words = tally->words;
	const struct nr_wides wides = tally->wides;
	nr_tally_fini(spare);
	nr_tally_init(spare, area);
	spare->limit = tally->limit;
	spare->keeper = tally->keeper;
	e = nr_tally_append(spare, tally, error);
	if (!e)
		e = change(spare, levels, error);
	if (e)
		return e;
	take_spare(tally);
	nr_pages_unmap(area, words.items, words.room * sizeof *words.items);
	nr_pages_unmap(area, wides.items, wides.room * sizeof *wides.items);
	return 0;
}

static bool is_sound(const void *items, size_t count, size_t room, size_t width, const struct nr_area *area)
{
	return count <= room && (!items ? !room : nr_area_holds(area, items, room * width));
}

/* What it holds was never whole, or is the tally's. */
static void forget_spare(struct nr_tally *spare, const struct nr_tally *tally, struct nr_area *area)
{
	const struct nr_words *words = &spare->words;
	const struct nr_wides *wides = &spare->wides;
	size_t bytes = words->room * sizeof *words->items;
	if (words->items != tally->words.items && nr_area_holds(area, words->items, bytes))
		nr_pages_unmap(area, words->items, bytes);
	bytes = wides->room * sizeof *wides->items;
	if (wides->items != tally->wides.items && nr_area_holds(area, wides->items, bytes))
		nr_pages_unmap(area, wides->items, bytes);
	nr_tally_init(spare, area);
}

int nr_tally_resume(struct nr_tally *tally, struct nr_area *area, const struct nr_keeper *keeper)
{
	if (tally->spare && !nr_area_holds(area, tally->spare, sizeof *tally->spare))
		return -EBADMSG;
	if (tally->spare_counts)
		take_spare(tally);
	if (tally->spare)
		forget_spare(tally->spare, tally, area);
	tally->words.area = tally->wides.area = area;
	tally->keeper = keeper;
	tally->unsorted = true;
	struct nr_words *words = &tally->words;
	struct nr_wides *wides = &tally->wides;
	if (!words->room) /* they were being given up */
		words->items = NULL;
	if (!wides->room)
		wides->items = NULL;
	if (!is_sound(words->items, words->count, words->room, sizeof *words->items, area) ||
		!is_sound(wides->items, wides->count, wides->room, sizeof *wides->items, area))
		return -EBADMSG;
	while (tally->words.count && !tally->words.items[tally->words.count - 1])
		tally->words.count--; /* counted before it was written */
	while (tally->wides.count && !tally->wides.items[tally->wides.count - 1].key &&
		!tally->wides.items[tally->wides.count - 1].packets)
		tally->wides.count--;
	return 0;
}

/* Smaller pages cannot fail. */
static void trim(struct nr_area *area, void **items, size_t count, size_t *room, size_t width)
{
	size_t before = *room;
	if (!*items || NR_MAX(count, (size_t)NR_ROOM_MIN) >= before)
		return;
	*room = NR_MAX(count, (size_t)NR_ROOM_MIN);
	(void)nr_pages_resize(area, items, before * width, *room * width, NULL);
}

void nr_tally_trim(struct nr_tally *tally)
{
	struct nr_words *words = &tally->words;
	struct nr_wides *wides = &tally->wides;
	trim(words->area, (void **)&words->items, words->count, &words->room, sizeof *words->items);
	trim(wides->area, (void **)&wides->items, wides->count, &wides->room, sizeof *wides->items);
}

int nr_tally_reserve(struct nr_tally *tally, size_t more, struct nr_error *error)
{
	int e = reserve_words(&tally->words, more, error);
	return e ? e : reserve_wides(&tally->wides, more, error);
}

int nr_tally_append(struct nr_tally *tally, const struct nr_tally *from, struct nr_error *error)
{
	if (!nr_tally_count(from))
		return 0;
	int e = reserve_words(&tally->words, from->words.count, error);
	if (!e)
		e = reserve_wides(&tally->wides, from->wides.count, error);
	if (e)
		return e;
	if (from->words.count)
		memcpy(tally->words.items + tally->words.count, from->words.items,
			from->words.count * sizeof *from->words.items);
	tally->words.count += from->words.count;
	if (from->wides.count)
		memcpy(tally->wides.items + tally->wides.count, from->wides.items,
			from->wides.count * sizeof *from->wides.items);
	tally->wides.count += from->wides.count;
	tally->level = NR_MAX(tally->level, from->level);
	tally->busy_level = NR_MAX(tally->busy_level, from->busy_level);
	tally->unsorted = true;
	return 0;
}

int nr_tally_add_sum(struct nr_tally *tally, const struct nr_tally_sum *sum, struct nr_error *error)
{
	int e = nr_tally_reserve(tally, 1, error);
	if (e)
		return e;
	uint64_t packets = sum->packets, bytes = sum->bytes;
	tally->unsorted = true;
	if (packets && packets <= NR_WORD_PACKETS_MAX && bytes % packets == 0) {
		nr_tally_add(tally, nr_sum_group(sum), nr_sum_member(sum), (uint32_t)packets,
			(uint32_t)(bytes / packets));
		return 0;
	}
	return add_wide(&tally->wides, sum->key, packets, bytes, error);
}

/* ---- sorting and combining ---- */

/* Equal keys (from bit mask_bits up) become one where their sum fits. */
static void combine_wides(struct nr_wides *w, unsigned mask_bits)
{
	size_t kept = 0;
	for (size_t i = 1; i < w->count; i++) {
		struct nr_wide *a = &w->items[kept], *b = &w->items[i];
		if (a->key >> mask_bits != b->key >> mask_bits) {
			w->items[++kept] = *b;
			continue;
		}
		a->key |= b->key;
		uint64_t packets = (uint64_t)a->packets + b->packets, bytes = (uint64_t)a->bytes + b->bytes;
		if (packets <= NR_WIDE_PACKETS_MAX && bytes <= NR_WIDE_BYTES_MAX)
			*a = nr_wide_of(a->key, packets, bytes);
		else
			w->items[++kept] = nr_wide_of(a->key, b->packets, b->bytes);
	}
	w->count = w->count ? kept + 1 : 0;
}

/* Words with one key: one word where the packets have one size and are few, else a wide item. */
static int combine_run(struct nr_tally *tally, size_t from, size_t to, size_t *kept, struct nr_error *error)
{
	uint64_t first = tally->words.items[from], packets = 0;
	struct nr_tally_sum sum = {nr_word_sum(first).key, 0, 0};
	bool same = true;
	for (size_t i = from; i < to; i++) {
		uint64_t word = tally->words.items[i];
		struct nr_tally_sum s = nr_word_sum(word);
		packets += s.packets;
		sum.packets += s.packets;
		sum.bytes += s.bytes;
		same = same && (word >> 1 & 127) == (first >> 1 & 127);
	}
	if (same && packets <= NR_WORD_PACKETS_MAX) {
		const uint64_t field = (uint64_t)NR_WORD_PACKETS_MAX << 8;
		tally->words.items[(*kept)++] = (first & ~field) | packets << 8;
		return 0;
	}
	return add_wide(&tally->wides, sum.key, sum.packets, sum.bytes, error);
}

static int combine_words(struct nr_tally *tally, struct nr_error *error)
{
	uint64_t *items = tally->words.items;
	size_t count = tally->words.count, kept = 0;
	for (size_t from = 0, to; from < count; from = to) {
		uint64_t key = items[from] >> NR_WORD_KEY_SHIFT;
		for (to = from + 1; to < count && items[to] >> NR_WORD_KEY_SHIFT == key;)
			to++;
		if (NR_LIKELY(to - from == 1)) {
			items[kept++] = items[from];
			continue;
		}
		int e = combine_run(tally, from, to, &kept, error);
		if (e)
			return e;
	}
	tally->words.count = kept;
	return 0;
}

/* A key that stands in both lists moves to the wide one. Both are sorted. */
static void move_shared(struct nr_tally *tally)
{
	struct nr_words *words = &tally->words;
	struct nr_wides *wides = &tally->wides;
	size_t kept = 0, k = 0;
	if (!wides->count)
		return;
	for (size_t i = 0; i < words->count; i++) {
		struct nr_tally_sum sum = nr_word_sum(words->items[i]);
		while (k < wides->count && wides->items[k].key < sum.key)
			k++;
		if (k == wides->count || wides->items[k].key != sum.key ||
			wides->items[k].packets + sum.packets > NR_WIDE_PACKETS_MAX ||
			wides->items[k].bytes + sum.bytes > NR_WIDE_BYTES_MAX) {
			words->items[kept++] = words->items[i];
			continue;
		}
		wides->items[k] = nr_wide_of(
			sum.key, wides->items[k].packets + sum.packets, wides->items[k].bytes + sum.bytes);
	}
	words->count = kept;
}

/* ---- sampling ---- */

double nr_sample_error(uint64_t kept, uint8_t level)
{
	return level ? 1 / sqrt((double)NR_MAX(kept, (uint64_t)1)) : 0;
}

static bool keeps(const struct nr_tally *tally, uint64_t key, struct levels levels)
{
	uint64_t member = key & NR_MEMBER_MASK;
	return member == NR_MEMBER_REST || nr_member_is_sampled(member, levels.level) ||
	       (tally->keeper && nr_member_is_kept_busy(member, levels.busy) &&
		       tally->keeper->keeps(tally->keeper->context, member));
}

/* Adds what is left out to the rest of its group: the last item of *rest where the group is the same. */
static int leave_out(struct nr_wides *rest, const struct nr_tally_sum *sum, struct nr_error *error)
{
	uint64_t key = nr_tally_key(nr_sum_group(sum), NR_MEMBER_REST);
	struct nr_wide *last = rest->count ? &rest->items[rest->count - 1] : NULL;
	if (last && last->key == key && last->packets + sum->packets <= NR_WIDE_PACKETS_MAX &&
		last->bytes + sum->bytes <= NR_WIDE_BYTES_MAX) {
		*last = nr_wide_of(key, last->packets + sum->packets, last->bytes + sum->bytes);
		return 0;
	}
	return add_wide(rest, key, sum->packets, sum->bytes, error);
}

static int thin(struct nr_tally *tally, struct levels levels, struct nr_error *error)
{
	levels.level = NR_MAX(tally->level, levels.level);
	levels.busy = NR_MAX(tally->busy_level, levels.busy);
	NR_AUTO(nr_members_fini) struct nr_wides rest = {0};
	int e = 0;
	size_t kept = 0;
	for (size_t i = 0; !e && i < tally->words.count; i++) {
		struct nr_tally_sum sum = nr_word_sum(tally->words.items[i]);
		if (keeps(tally, sum.key, levels))
			tally->words.items[kept++] = tally->words.items[i];
		else
			e = leave_out(&rest, &sum, error);
	}
	if (e)
		return e;
	tally->words.count = kept;
	kept = 0;
	for (size_t i = 0; !e && i < tally->wides.count; i++) {
		const struct nr_wide *w = &tally->wides.items[i];
		if (keeps(tally, w->key, levels))
			tally->wides.items[kept++] = *w;
		else
			e = leave_out(&rest, &(struct nr_tally_sum){w->key, w->packets, w->bytes}, error);
	}
	tally->wides.count = kept;
	tally->level = levels.level;
	tally->busy_level = levels.busy;
	if (!e)
		e = nr_members_append(&tally->wides, &rest, error);
	if (!e)
		e = nr_radix_sort_16(tally->wides.items, tally->wides.count, error);
	if (!e)
		combine_wides(&tally->wides, 0);
	return e;
}

static void share(struct nr_tally_shares *shares, uint64_t key, uint8_t level, size_t bytes)
{
	uint64_t member = key & NR_MEMBER_MASK;
	if (member == NR_MEMBER_REST)
		return;
	if (nr_member_is_sampled(member, level))
		shares->sampled += bytes;
	else
		shares->busy += bytes;
}

struct nr_tally_shares nr_tally_shares(const struct nr_tally *tally)
{
	const struct nr_words *words = &tally->words;
	const struct nr_wides *wides = &tally->wides;
	struct nr_tally_shares shares = {0};
	for (size_t i = 0; i < words->count; i++)
		share(&shares, nr_word_sum(words->items[i]).key, tally->level, sizeof *words->items);
	for (size_t i = 0; i < wides->count; i++)
		share(&shares, wides->items[i].key, tally->level, sizeof *wides->items);
	return shares;
}

static int drop_rest(struct nr_tally *tally, struct levels unused, struct nr_error *error)
{
	struct nr_wides *wides = &tally->wides;
	size_t kept = 0;
	(void)unused;
	(void)error;
	for (size_t i = 0; i < wides->count; i++)
		if ((wides->items[i].key & NR_MEMBER_MASK) != NR_MEMBER_REST)
			wides->items[kept++] = wides->items[i];
	wides->count = kept;
	tally->unsorted = false;
	nr_tally_trim(tally);
	return 0;
}

int nr_tally_drop_rest(struct nr_tally *tally, struct nr_error *error)
{
	return in_spare(tally, drop_rest, (struct levels){0}, error);
}

/* Down to the limit. What samples left out of 65,536 ports may alone be above it: no level helps, and both
 * the sample and who is kept besides may have a part of it each. */
static int bound(struct nr_tally *tally, struct nr_error *error)
{
	int e = 0;
	while (!e && nr_tally_bytes(tally) > tally->limit) {
		struct nr_tally_shares shares = nr_tally_shares(tally);
		struct levels levels = {tally->level, tally->busy_level};
		if (shares.sampled > tally->limit / 2 && levels.level < NR_LEVEL_MAX)
			levels.level++;
		else if (shares.busy > tally->limit / 3 && levels.busy < NR_BUSY_LEVEL_MAX)
			levels.busy++;
		else
			break;
		e = thin(tally, levels, error);
	}
	nr_tally_trim(tally);
	return e;
}

static int sort(struct nr_tally *tally, struct levels unused, struct nr_error *error)
{
	(void)unused;
	int e = nr_radix_sort_8(tally->words.items, tally->words.count, NR_WORD_KEY_SHIFT, error);
	if (!e)
		e = combine_words(tally, error);
	if (!e)
		e = nr_radix_sort_16(tally->wides.items, tally->wides.count, error);
	if (e)
		return e;
	combine_wides(&tally->wides, 0);
	move_shared(tally);
	tally->unsorted = false;
	if (tally->level)
		e = thin(tally, (struct levels){tally->level, tally->busy_level}, error);
	if (!e && tally->limit && nr_tally_bytes(tally) > tally->limit)
		e = bound(tally, error);
	return e;
}

int nr_tally_thin(struct nr_tally *tally, uint8_t level, uint8_t busy_level, struct nr_error *error)
{
	return in_spare(tally, thin, (struct levels){level, busy_level}, error);
}

int nr_tally_sort(struct nr_tally *tally, struct nr_error *error)
{
	return tally->unsorted ? in_spare(tally, sort, (struct levels){0}, error) : 0;
}

struct nr_tally_walk nr_tally_walk_from(const struct nr_tally *tally, uint32_t group)
{
	const uint64_t key = nr_tally_key(group, 0);
	struct nr_tally_walk walk = {tally, 0, 0};
	for (size_t high = tally->words.count; walk.word < high;) {
		size_t middle = walk.word + (high - walk.word) / 2;
		if (nr_word_sum(tally->words.items[middle]).key < key)
			walk.word = middle + 1;
		else
			high = middle;
	}
	for (size_t high = tally->wides.count; walk.wide < high;) {
		size_t middle = walk.wide + (high - walk.wide) / 2;
		if (tally->wides.items[middle].key < key)
			walk.wide = middle + 1;
		else
			high = middle;
	}
	return walk;
}

bool nr_tally_next_wide(struct nr_tally_walk *walk, struct nr_tally_sum *ret_sum)
{
	const struct nr_words *words = &walk->tally->words;
	const struct nr_wides *wides = &walk->tally->wides;
	uint64_t key = wides->items[walk->wide].key;
	struct nr_tally_sum sum = {key, 0, 0};
	/* a word with the same key: its sum did not fit the wide item */
	if (walk->word < words->count && nr_word_sum(words->items[walk->word]).key == key)
		sum = nr_word_sum(words->items[walk->word++]);
	for (; walk->wide < wides->count && wides->items[walk->wide].key == key; walk->wide++) {
		sum.packets += wides->items[walk->wide].packets;
		sum.bytes += wides->items[walk->wide].bytes;
	}
	*ret_sum = sum;
	return true;
}

/* ---- members ---- */

void nr_members_fini(struct nr_wides *members)
{
	struct nr_wide *pages = members->items; /* as give_up_words() */
	size_t bytes = members->room * sizeof *members->items;
	members->count = 0;
	NR_IN_ORDER();
	members->room = 0;
	NR_IN_ORDER();
	members->items = NULL;
	NR_IN_ORDER();
	nr_pages_unmap(members->area, pages, bytes);
}

int nr_members_add(struct nr_wides *members, uint64_t member, uint16_t mask, uint64_t packets, uint64_t bytes,
	struct nr_error *error)
{
	return add_wide(members, member << 16 | mask, packets, bytes, error);
}

int nr_members_append(struct nr_wides *members, const struct nr_wides *from, struct nr_error *error)
{
	int e = reserve_wides(members, from->count, error);
	if (e || !from->count)
		return e;
	memcpy(members->items + members->count, from->items, from->count * sizeof *from->items);
	members->count += from->count;
	return 0;
}

int nr_members_sort(struct nr_wides *members, struct nr_error *error)
{
	int e = nr_radix_sort_16(members->items, members->count, error);
	if (!e)
		combine_wides(members, 16);
	return e;
}

void nr_members_thin(struct nr_wides *members, uint8_t level)
{
	size_t kept = 0;
	for (size_t i = 0; i < members->count; i++)
		if (nr_member_is_sampled(members->items[i].key >> 16, level))
			members->items[kept++] = members->items[i];
	members->count = kept;
}

int nr_slices_of(
	const struct nr_tally *tally, size_t bytes, struct nr_slice *ret_first, struct nr_error *error)
{
	size_t whole = nr_tally_count(tally) * sizeof(struct nr_wide);
	*ret_first = (struct nr_slice){.of = whole / NR_MAX(bytes, (size_t)1) + 1};
	if (ret_first->of > 1 &&
		getrandom(&ret_first->key, sizeof ret_first->key, 0) != sizeof ret_first->key)
		return nr_fail(error, -EIO, "no random numbers: %s", strerror(errno));
	return 0;
}

NR_INLINE bool is_in_slice(const struct nr_slice *slice, uint64_t member)
{
	return slice->of == 1 ||
	       (size_t)((nr_hll_hash(member ^ slice->key) >> 32) * slice->of >> 32) == slice->at;
}

int nr_members_from(struct nr_wides *members, const struct nr_tally *tally, const struct nr_slice *slice,
	uint16_t (*mask_of)(const void *context, uint32_t group), const void *context, struct nr_error *error)
{
	uint32_t last = UINT32_MAX;
	uint16_t mask = 0;
	members->count = 0;
	int e = slice->of == 1 ? reserve_wides(members, nr_tally_count(tally), error) : 0;
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0}; !e && nr_tally_next(&walk, &sum);) {
		uint32_t group = nr_sum_group(&sum);
		if (group != last) {
			last = group;
			mask = mask_of(context, group);
		}
		bool extra = group >= NR_GROUP_EXTRA;
		uint64_t member = nr_sum_member(&sum);
		bool counts = slice->kept ? member != NR_MEMBER_REST : nr_member_counts(member, tally->level);
		if (mask && counts && is_in_slice(slice, member))
			e = nr_members_add(members, nr_sum_member(&sum), mask, extra ? 0 : sum.packets,
				extra ? 0 : sum.bytes, error);
	}
	return e ? e : nr_members_sort(members, error);
}

bool nr_members_next(const struct nr_wides *members, size_t *at, struct nr_tally_sum *ret_sum)
{
	if (*at >= members->count)
		return false;
	struct nr_tally_sum sum = {members->items[*at].key, 0, 0};
	for (; *at < members->count && members->items[*at].key >> 16 == sum.key >> 16; ++*at) {
		sum.key |= members->items[*at].key;
		sum.packets += members->items[*at].packets;
		sum.bytes += members->items[*at].bytes;
	}
	*ret_sum = sum;
	return true;
}
