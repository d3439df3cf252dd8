/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/usual.h"
#include "sense/telescope/state.h"

#include <string.h>

/* ---- into the tally ---- */

bool nr_local_make_room(struct nr_local *l, size_t items)
{
	struct nr_error error = {0};
	struct nr_window *w = l->window;
	if (NR_UNLIKELY(!w))
		return true;
	bool full = nr_tally_bytes(&w->log) >= w->full_bytes;
	if (NR_LIKELY(!full) && NR_LIKELY(NR_MIN(w->log.words.room - w->log.words.count,
						  w->log.wides.room - w->log.wides.count) >= items))
		return true;
	if (full && nr_tally_sort(&w->log, &error)) {
		nr_local_fail(l, &error);
		return false;
	}
	if (full) /* not again with the next packets, however little sorting won */
		w->full_bytes = NR_MAX(l->log_bytes, nr_tally_bytes(&w->log) + l->log_bytes / 4);
	if (nr_tally_reserve(&w->log, items, &error)) {
		nr_local_fail(l, &error);
		return false;
	}
	return true;
}

/* A pair of a source that has an entry. */
static void put_of(struct nr_local *l, struct nr_source *s, uint64_t member, uint32_t group, uint32_t packets,
	uint32_t size)
{
	if (group < NR_GROUP_OTHER && l->usual.number_of[group])
		s->facts |= NR_SOURCE_IN_TALLY;
	nr_local_put(l, group, member, packets, size);
}

void nr_local_remember(struct nr_local *l, const struct nr_source_table *table, struct nr_source *s,
	uint64_t member, uint32_t group, uint32_t wire)
{
	struct nr_recent *recent = &s->recent;
	uint32_t packets = 1;
	if (group < NR_GROUP_OTHER) {
		unsigned number = l->usual.number_of[group];
		if (number) /* here and not when it is put: most pairs are put without a look at their group
			     */
			s->facts |= NR_SOURCE_IN_TALLY;
		if (number && l->usual.size[number] == wire) { /* its nibble is full */
			s->usual &= ~((uint64_t)NR_USUAL_MAX << (number * 4 - 4));
			packets += NR_USUAL_MAX;
		}
	}
	if (recent->group == group && recent->size == wire && recent->packets &&
		recent->packets + packets <= UINT16_MAX) {
		recent->packets = (uint16_t)(recent->packets + packets);
		return;
	}
	if (NR_UNLIKELY(wire > UINT16_MAX)) { /* would not fit the entry's 16 bits */
		put_of(l, s, member, group, packets, NR_MIN(wire, NR_FRAME_BYTES_MAX));
		return;
	}
	if (recent->packets)
		put_of(l, s, member, recent->group, recent->packets, recent->size);
	*recent = (struct nr_recent){group, (uint16_t)packets, (uint16_t)wire};
	nr_source_mark_dirty(table, nr_source_entry(table, s));
}

/* ---- draining ---- */

static void drain_recent(struct nr_local *l, struct nr_source *s, uint64_t member)
{
	if (!s->recent.packets)
		return;
	put_of(l, s, member, s->recent.group, s->recent.packets, s->recent.size);
	s->recent.packets = 0;
}

static void drain_usual(struct nr_local *l, struct nr_source *s, uint64_t member)
{
	for (uint64_t rest = s->usual; rest;) { /* as many stores as nibbles: the process may end between */
		unsigned number = (unsigned)__builtin_ctzll(rest) / 4 + 1, shift = number * 4 - 4;
		put_of(l, s, member, l->usual.group[number], (uint32_t)(rest >> shift) & NR_USUAL_MAX,
			l->usual.size[number]);
		rest &= ~((uint64_t)NR_USUAL_MAX << shift);
		s->usual = rest;
	}
}

static void sum_usual(struct nr_source *s, struct nr_usual_sum *sums)
{
	for (uint64_t rest = s->usual; rest;) {
		unsigned number = (unsigned)__builtin_ctzll(rest) / 4 + 1, shift = number * 4 - 4;
		sums[number].packets += rest >> shift & NR_USUAL_MAX;
		sums[number].sources++;
		rest &= ~((uint64_t)NR_USUAL_MAX << shift);
	}
	s->usual = 0;
}

/* sums NULL: everything becomes pairs. Else only of sources that will be judged by their pairs, or that have
 * such pairs already. */
static bool drain_table(struct nr_local *l, const struct nr_source_table *table, struct nr_usual_sum *sums)
{
	for (size_t word = 0; word * 64 < table->used; word++) {
		if (!table->dirty[word])
			continue;
		if (!nr_local_make_room(l, 64 * (NR_USUAL_GROUPS + 1)))
			return false;
		for (uint64_t bits = table->dirty[word]; bits; bits &= bits - 1) {
			struct nr_source *s =
				nr_source_at(table, word * 64 + (unsigned)__builtin_ctzll(bits));
			uint64_t member = nr_source_member(table, s);
			drain_recent(l, s, member);
			if (sums && !nr_source_is_busy(s) && !(s->facts & NR_SOURCE_IN_TALLY))
				sum_usual(s, sums);
			else
				drain_usual(l, s, member);
		}
		table->dirty[word] = 0;
	}
	return true;
}

void nr_telescope_drain(struct nr_local *l, struct nr_usual_sum *sums)
{
	if (!l->window || !l->day)
		return;
	/* of the few IPv6 sources everything is wanted */
	if (drain_table(l, &l->day->table4, sums) && drain_table(l, &l->day->table6, NULL))
		(void)nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}

/* ---- choosing ---- */

int nr_usual_init(struct nr_usual *usual, struct nr_area *area, struct nr_error *error)
{
	nr_usual_forget(usual, 0);
	return nr_pages_resize(area, (void **)&usual->number_of, 0, NR_GROUP_OTHER, error);
}

void nr_usual_fini(struct nr_usual *usual, struct nr_area *area)
{
	nr_pages_unmap(area, usual->number_of, NR_GROUP_OTHER);
	usual->number_of = NULL;
}

void nr_usual_forget(struct nr_usual *usual, uint64_t packets)
{
	for (unsigned i = 1; i <= usual->count; i++)
		usual->number_of[usual->group[i]] = 0;
	usual->count = 0;
	usual->size[0] = NR_USUAL_NO_SIZE;
	usual->choose_at = packets + NR_USUAL_SAMPLE;
}

struct most {
	uint32_t group, size;
	uint64_t packets;
};

/* Keeps the largest, the largest first. */
static void offer(struct most *most, size_t *count, const struct most *candidate)
{
	if (candidate->packets < NR_USUAL_SAMPLE / NR_USUAL_SHARE || candidate->size > NR_WORD_SIZE_MAX)
		return;
	if (*count < NR_USUAL_GROUPS)
		most[(*count)++] = (struct most){0};
	size_t at = *count - 1;
	if (most[at].packets >= candidate->packets)
		return;
	for (; at && most[at - 1].packets < candidate->packets; at--)
		most[at] = most[at - 1];
	most[at] = *candidate;
}

/* By the sorted tally of the window: one packet size a group, that of its first source. */
static void choose_from(struct nr_usual *usual, const struct nr_tally *tally)
{
	struct most most[NR_USUAL_GROUPS], one = {NR_GROUP_COUNT, 0, 0};
	size_t count = 0;
	struct nr_tally_sum sum;
	for (struct nr_tally_walk walk = {tally, 0, 0};
		nr_tally_next(&walk, &sum) && nr_sum_group(&sum) < NR_GROUP_OTHER;) {
		if (nr_sum_group(&sum) != one.group) {
			offer(most, &count, &one);
			one = (struct most){nr_sum_group(&sum), (uint32_t)(sum.bytes / sum.packets), 0};
		}
		one.packets += sum.packets;
	}
	offer(most, &count, &one);
	for (size_t i = 0; i < count && most[i].packets; i++) {
		unsigned number = usual->count + 1;
		usual->group[number] = most[i].group;
		usual->size[number] = most[i].size;
		NR_IN_ORDER();
		usual->count = number;
		usual->number_of[most[i].group] = (uint8_t)number;
	}
}

static void mark_in_tally(const struct nr_source_table *table)
{
	for (size_t i = 0; i < table->used; i++)
		nr_source_at(table, i)->facts |= NR_SOURCE_IN_TALLY;
}

bool nr_local_choose_usual(struct nr_local *l)
{
	struct nr_error error = {0};
	l->usual.choose_at = UINT64_MAX;
	nr_telescope_drain(l, NULL);
	if (!l->window || l->failure.code)
		return !l->failure.code;
	if (nr_tally_sort(&l->window->log, &error)) {
		nr_local_fail(l, &error);
		return false;
	}
	choose_from(&l->usual, &l->window->log);
	for (size_t i = 0; i < NR_COUNT(l->days); i++) {
		mark_in_tally(&l->days[i].table4);
		mark_in_tally(&l->days[i].table6);
	}
	return nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET);
}
