/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/tally.h"

#include <errno.h>
#include <string.h>

#define NR_DIGIT_BITS	11
#define NR_DIGITS	(1u << NR_DIGIT_BITS)
#define NR_SHORT_BITS	8    /* digits of short lists: fewer counters to clear */
#define NR_SHORT_SORT	4096 /* items */
#define NR_SMALL_SORT	48   /* insertion sort up to here */
#define NR_LARGE_SORT	(1u << 17) /* items: two buffers of 2 MiB; larger ones are first split by their top digit */

uint64_t nr_member_of(const struct nr_address *address)
{
	if (nr_address_is_ipv4(address))
		return nr_address_ipv4(address);
	uint64_t a, b;
	memcpy(&a, address->octets, 8);
	memcpy(&b, address->octets + 8, 8);
	unsigned __int128 m = (unsigned __int128)(a ^ 0x2d358dccaa6c78a5u) * (b ^ 0x8bb84b93962eacc9u);
	uint64_t h = ((uint64_t)m ^ (uint64_t)(m >> 64)) * 0x9e3779b97f4a7c15u;
	return NR_MEMBER_IPV6 | h >> 19;
}

void nr_tally_fini(struct nr_tally *tally)
{
	free(tally->items);
	*tally = (struct nr_tally){0};
}

int nr_tally_reserve(struct nr_tally *tally, size_t more, struct nr_error *error)
{
	if (NR_LIKELY(tally->room - tally->count >= more))
		return 0;
	size_t room = NR_MAX(tally->room + tally->room / 2, tally->count + more);
	room = NR_MAX(room, (size_t)256);
	struct nr_tally_item *items = realloc(tally->items, room * sizeof *items);
	if (!items)
		return nr_fail(error, -ENOMEM, "out of memory for %zu tallies", room);
	tally->items = items;
	tally->room = room;
	return 0;
}

int nr_tally_append(struct nr_tally *tally, const struct nr_tally *from, struct nr_error *error)
{
	if (!from->count)
		return 0;
	int e = nr_tally_reserve(tally, from->count, error);
	if (e)
		return e;
	memcpy(tally->items + tally->count, from->items, from->count * sizeof *from->items);
	tally->count += from->count;
	return 0;
}

/* ---- sorting: least significant digit first; digits in which all items agree cost nothing ---- */

static void insertion_sort(struct nr_tally_item *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct nr_tally_item item = items[i];
		size_t k = i;
		for (; k && items[k - 1].key > item.key; k--)
			items[k] = items[k - 1];
		items[k] = item;
	}
}

struct digit {
	unsigned shift, bits;
};

NR_INLINE uint32_t digit_of(uint64_t key, struct digit d)
{
	return (uint32_t)(key >> d.shift) & ((1u << d.bits) - 1);
}

static void scatter(const struct nr_tally_item *from, size_t count, struct nr_tally_item *to, struct digit digit, uint32_t starts[NR_DIGITS])
{
	for (size_t i = 0; i < count; i++)
		to[starts[digit_of(from[i].key, digit)]++] = from[i];
}

static void count_digits(const struct nr_tally_item *items, size_t count, struct digit digit, uint32_t starts[NR_DIGITS])
{
	memset(starts, 0, (sizeof *starts) << digit.bits);
	for (size_t i = 0; i < count; i++)
		starts[digit_of(items[i].key, digit)]++;
	uint32_t sum = 0;
	for (size_t d = 0; d < (size_t)1 << digit.bits; d++) {
		uint32_t n = starts[d];
		starts[d] = sum;
		sum += n;
	}
}

/* Sorts items by key bits in `varying`; other is a second buffer; the result is in items. */
static void radix_sort(struct nr_tally_item *items, struct nr_tally_item *other, size_t count, uint64_t varying)
{
	struct nr_tally_item *from = items, *to = other;
	if (count <= NR_SMALL_SORT) {
		insertion_sort(items, count);
		return;
	}
	unsigned bits = count <= NR_SHORT_SORT ? NR_SHORT_BITS : NR_DIGIT_BITS;
	for (struct digit digit = {0, bits}; digit.shift < 64 && varying >> digit.shift; digit.shift += bits) {
		digit.shift += (unsigned)__builtin_ctzll(varying >> digit.shift);
		uint32_t starts[NR_DIGITS];
		count_digits(from, count, digit, starts);
		scatter(from, count, to, digit, starts);
		struct nr_tally_item *swap = from;
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, count * sizeof *items);
}

static uint64_t varying_bits(const struct nr_tally_item *items, size_t count)
{
	uint64_t any = 0, all = ~UINT64_C(0);
	for (size_t i = 0; i < count; i++) {
		any |= items[i].key;
		all &= items[i].key;
	}
	return any ^ all;
}

/* One split by the topmost varying digit, then each part in cache. */
static void sort_items(struct nr_tally_item *items, struct nr_tally_item *other, size_t count)
{
	uint64_t varying = varying_bits(items, count);
	if (!varying)
		return;
	if (count <= NR_LARGE_SORT) {
		radix_sort(items, other, count, varying);
		return;
	}
	unsigned top = 63u - (unsigned)__builtin_clzll(varying);
	struct digit digit = {top >= NR_DIGIT_BITS - 1 ? top - (NR_DIGIT_BITS - 1) : 0, NR_DIGIT_BITS};
	uint32_t starts[NR_DIGITS], ends[NR_DIGITS];
	count_digits(items, count, digit, starts);
	memcpy(ends, starts, sizeof ends);
	scatter(items, count, other, digit, ends);
	for (size_t d = 0; d < NR_DIGITS; d++) {
		size_t n = ends[d] - starts[d];
		if (!n)
			continue;
		struct nr_tally_item *part = other + starts[d], *room = items + starts[d];
		if (n > NR_LARGE_SORT && digit.shift)
			sort_items(part, room, n);
		else
			radix_sort(part, room, n, varying_bits(part, n));
		memcpy(room, part, n * sizeof *part);
	}
}

static bool value_fits(uint64_t a, uint64_t b)
{
	return (a >> 40) + (b >> 40) <= NR_TALLY_PACKETS_MAX &&
	       (a & NR_TALLY_BYTES_MAX) + (b & NR_TALLY_BYTES_MAX) <= NR_TALLY_BYTES_MAX;
}

static void combine(struct nr_tally *tally, unsigned mask_bits)
{
	struct nr_tally_item *items = tally->items;
	size_t kept = 0;
	for (size_t i = 1; i < tally->count; i++) {
		if (items[kept].key >> mask_bits != items[i].key >> mask_bits) {
			items[++kept] = items[i];
			continue;
		}
		uint64_t key = items[kept].key | items[i].key;
		items[kept].key = key;
		if (value_fits(items[kept].value, items[i].value))
			items[kept].value += items[i].value;
		else
			items[++kept] = (struct nr_tally_item){key, items[i].value};
	}
	tally->count = tally->count ? kept + 1 : 0;
	tally->sorted = tally->count;
}

static int sort_and_combine(struct nr_tally *tally, unsigned mask_bits, struct nr_error *error)
{
	if (tally->sorted == tally->count)
		return 0;
	if (tally->count > UINT32_MAX)
		return nr_fail(error, -EOVERFLOW, "more than 2^32 tallies in one interval");
	NR_AUTO(nr_freep) struct nr_tally_item *other = malloc(tally->count * sizeof *other);
	if (!other)
		return nr_fail(error, -ENOMEM, "out of memory to sort %zu tallies", tally->count);
	sort_items(tally->items, other, tally->count);
	combine(tally, mask_bits);
	return 0;
}

int nr_tally_sort(struct nr_tally *tally, struct nr_error *error)
{
	return sort_and_combine(tally, 0, error);
}

bool nr_tally_next(const struct nr_tally *tally, size_t *at, unsigned mask_bits, struct nr_tally_sum *ret_sum)
{
	if (*at >= tally->count)
		return false;
	struct nr_tally_sum sum = {tally->items[*at].key, 0, 0};
	for (; *at < tally->count && tally->items[*at].key >> mask_bits == sum.key >> mask_bits; ++*at) {
		sum.key |= tally->items[*at].key;
		sum.packets += nr_tally_packets(&tally->items[*at]);
		sum.bytes += nr_tally_bytes(&tally->items[*at]);
	}
	*ret_sum = sum;
	return true;
}

void nr_tally_filter(struct nr_tally *tally, bool (*keep)(const void *context, const struct nr_tally_item *item), const void *context)
{
	size_t kept = 0;
	bool sorted = tally->sorted == tally->count;
	for (size_t i = 0; i < tally->count; i++)
		if (keep(context, &tally->items[i]))
			tally->items[kept++] = tally->items[i];
	tally->count = kept;
	tally->sorted = sorted ? kept : 0;
}

/* ---- members ---- */

int nr_members_sort(struct nr_tally *members, struct nr_error *error)
{
	return sort_and_combine(members, 16, error);
}

int nr_members_from(struct nr_tally *members, const struct nr_tally *tally, uint16_t (*mask_of)(const void *context, uint32_t group),
	const void *context, struct nr_error *error)
{
	int e = nr_tally_reserve(members, tally->count, error);
	if (e)
		return e;
	uint32_t last = UINT32_MAX;
	uint16_t mask = 0;
	for (size_t i = 0; i < tally->count; i++) {
		const struct nr_tally_item *item = &tally->items[i];
		uint32_t group = nr_tally_group(item);
		if (group != last) {
			last = group;
			mask = mask_of(context, group);
		}
		if (!mask)
			continue;
		uint64_t key = nr_tally_member(item) << 16 | mask;
		members->items[members->count++] = (struct nr_tally_item){key, group >= NR_GROUP_EXTRA ? 0 : item->value};
	}
	return nr_members_sort(members, error);
}
