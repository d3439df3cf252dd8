/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rank.h"

#include <errno.h>

#define ROOM_LEAST 16384

void nr_sums_fini(struct nr_sums *sums)
{
	free(sums->items);
	free(sums->slots);
	*sums = (struct nr_sums){0};
}

int nr_sums_fail(struct nr_error *error)
{
	return nr_fail(error, -ENOMEM, "out of memory for a ranking; ask for a shorter range");
}

NR_INLINE size_t hash_of(uint64_t high, uint64_t low)
{
	uint64_t hash = (low ^ high * UINT64_C(0xc2b2ae3d27d4eb4f)) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(hash ^ hash >> 32);
}

NR_INLINE size_t slot_of(const struct nr_sums *sums, uint64_t high, uint64_t low)
{
	return hash_of(high, low) & (sums->slot_count - 1);
}

void nr_sums_prefetch(const struct nr_sums *sums, uint64_t high, uint64_t low)
{
	if (sums->slot_count)
		__builtin_prefetch(&sums->slots[slot_of(sums, high, low)]);
}

void nr_sums_prefetch_sum(const struct nr_sums *sums, uint64_t high, uint64_t low)
{
	uint32_t slot = sums->slot_count ? sums->slots[slot_of(sums, high, low)] : 0;
	if (slot)
		__builtin_prefetch(&sums->items[slot - 1]);
}

static size_t free_slot(const struct nr_sums *sums, const struct nr_sum *item)
{
	size_t at = slot_of(sums, item->high, item->low);
	while (sums->slots[at])
		at = (at + 1) & (sums->slot_count - 1);
	return at;
}

static bool grow_to(struct nr_sums *sums, size_t room)
{
	if (room > NR_RANK_KEYS_MAX)
		return false;
	struct nr_sum *items = realloc(sums->items, room * sizeof *items);
	if (!items)
		return false;
	sums->items = items;
	uint32_t *slots = calloc(room * 2, sizeof *slots);
	if (!slots)
		return false;
	free(sums->slots);
	sums->slots = slots;
	sums->room = room;
	sums->slot_count = room * 2;
	for (size_t i = 0; i < sums->count; i++)
		slots[free_slot(sums, &sums->items[i])] = (uint32_t)i + 1;
	return true;
}

static bool grow(struct nr_sums *sums)
{
	if (sums->room == NR_RANK_KEYS_MAX)
		return false;
	return grow_to(sums, sums->room ? NR_MIN(sums->room * 4, (size_t)NR_RANK_KEYS_MAX) : ROOM_LEAST);
}

bool nr_sums_reserve(struct nr_sums *sums, size_t keys)
{
	size_t room = ROOM_LEAST;
	while (room < keys && room < NR_RANK_KEYS_MAX)
		room *= 2;
	return room <= sums->room || grow_to(sums, room);
}

struct nr_sum *nr_sums_at(struct nr_sums *sums, uint64_t high, uint64_t low)
{
	if (sums->count == sums->room && !grow(sums))
		return NULL;
	size_t at = slot_of(sums, high, low);
	for (; sums->slots[at]; at = (at + 1) & (sums->slot_count - 1)) {
		struct nr_sum *item = &sums->items[sums->slots[at] - 1];
		if (item->low == low && item->high == high)
			return item;
	}
	struct nr_sum *item = &sums->items[sums->count++];
	*item = (struct nr_sum){.high = high, .low = low};
	sums->slots[at] = (uint32_t)sums->count;
	return item;
}

bool nr_sums_has(const struct nr_sums *sums, uint64_t high, uint64_t low)
{
	if (!sums->count)
		return false;
	size_t at = slot_of(sums, high, low);
	for (; sums->slots[at]; at = (at + 1) & (sums->slot_count - 1)) {
		const struct nr_sum *item = &sums->items[sums->slots[at] - 1];
		if (item->low == low && item->high == high)
			return true;
	}
	return false;
}

/* ---- the page ---- */

void nr_page_fini(struct nr_page *page)
{
	free(page->items);
}

/* More packets first. */
static int compare_sums(const void *a, const void *b, void *context)
{
	const struct nr_order_of_sums *order = context;
	const struct nr_sum *x = *(const struct nr_sum *const *)a, *y = *(const struct nr_sum *const *)b;
	if (x->packets != y->packets)
		return x->packets > y->packets ? -1 : 1;
	return order->compare(order->context, x, y);
}

bool nr_rank_is_after(
	const struct nr_sum *sum, const struct nr_ask *ask, const struct nr_order_of_sums *order)
{
	if (!ask->after_count)
		return true;
	if (ask->after[0].type != NR_VALUE_INT)
		return false;
	if (sum->packets != ask->after[0].integer)
		return sum->packets < ask->after[0].integer;
	return order->position(order->context, sum, &ask->after[1]) > 0;
}

/* The worst of the page is on top of the heap, to be pushed out. */
static void sift(const struct nr_sum **heap, size_t count, size_t at, const struct nr_order_of_sums *order)
{
	for (;;) {
		size_t worst = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
			if (compare_sums(&heap[child], &heap[worst], (void *)order) > 0)
				worst = child;
		}
		if (worst == at)
			return;
		const struct nr_sum *moved = heap[at];
		heap[at] = heap[worst];
		heap[worst] = moved;
		at = worst;
	}
}

int nr_rank_page(const struct nr_sums *sums, const struct nr_ask *ask, const struct nr_order_of_sums *order,
	struct nr_page *ret_page, struct nr_error *error)
{
	size_t room = NR_MIN((size_t)ask->limit + 1, sums->count + 1), count = 0;
	const struct nr_sum **heap = malloc(room * sizeof(struct nr_sum *));
	if (!heap)
		return nr_sums_fail(error);
	for (size_t i = 0; i < sums->count; i++) {
		const struct nr_sum *sum = &sums->items[i];
		if (sum->packets <= 0 || !nr_rank_is_after(sum, ask, order))
			continue;
		if (count < room) {
			heap[count++] = sum;
			for (size_t j = count == room ? count / 2 : 0; j-- > 0;)
				sift(heap, count, j, order);
		} else if (compare_sums(&sum, &heap[0], (void *)order) < 0) {
			heap[0] = sum;
			sift(heap, count, 0, order);
		}
	}
	qsort_r(heap, count, sizeof *heap, compare_sums, (void *)order);
	*ret_page = (struct nr_page){heap, count};
	return 0;
}

/* ---- texts of keys ---- */

void nr_texts_by_word_fini(struct nr_texts_by_word *texts)
{
	for (size_t i = 0; i < texts->room; i++)
		free(texts->items[i].text);
	free(texts->items);
}

static struct nr_word_text *text_slot(const struct nr_texts_by_word *texts, uint64_t word)
{
	size_t at = hash_of(0, word) & (texts->room - 1);
	while (texts->items[at].text && texts->items[at].word != word)
		at = (at + 1) & (texts->room - 1);
	return &texts->items[at];
}

static bool grow_texts(struct nr_texts_by_word *texts)
{
	struct nr_texts_by_word grown = {
		texts->reading, NULL, texts->count, texts->room ? texts->room * 2 : 64};
	grown.items = calloc(grown.room, sizeof *grown.items);
	if (!grown.items)
		return false;
	for (size_t i = 0; i < texts->room; i++) {
		if (texts->items[i].text)
			*text_slot(&grown, texts->items[i].word) = texts->items[i];
	}
	free(texts->items);
	*texts = grown;
	return true;
}

int nr_texts_load(
	struct nr_texts_by_word *texts, uint64_t word, const char **ret_text, struct nr_error *error)
{
	if (texts->count * 2 >= texts->room && !grow_texts(texts))
		return nr_sums_fail(error);
	struct nr_word_text *slot = text_slot(texts, word);
	if (!slot->text) {
		const char *text;
		int status = nr_reading_text(texts->reading, word, &text, error);
		if (status)
			return status;
		*slot = (struct nr_word_text){word, strdup(text)};
		if (!slot->text)
			return nr_sums_fail(error);
		texts->count++;
	}
	if (ret_text)
		*ret_text = slot->text;
	return 0;
}

const char *nr_texts_at(const struct nr_texts_by_word *texts, uint64_t word)
{
	const char *text = texts->room ? text_slot(texts, word)->text : NULL;
	return text ? text : "";
}
