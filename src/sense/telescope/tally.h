/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tallies: who knocked where, how often. The telescope's one structure for "packets, bytes and unique sources per X":
 * a list of (group, member) -> packets, bytes, kept by appending and, when it is read, sorted and combined. Appending
 * costs a sequential write; sorting is a radix sort. A tally is exact.
 *
 * A group is a TCP port, a UDP port or a category; a member is a source address (IPv4 itself; IPv6 as a 45-bit hash, so
 * that two of a million IPv6 sources are taken for one with a probability of 2 %).
 */
#ifndef NR_SENSE_TELESCOPE_TALLY_H
#define NR_SENSE_TELESCOPE_TALLY_H

#include "base/address.h"
#include "base/hll.h"

#define NR_MEMBER_BITS	46
#define NR_MEMBER_MASK	((UINT64_C(1) << NR_MEMBER_BITS) - 1)
#define NR_MEMBER_IPV6	(UINT64_C(1) << 45)
#define NR_GROUP_UDP	0x10000u /* + port; TCP: the port itself */
#define NR_GROUP_OTHER	0x20000u /* + category * 2 + backscatter: packets that are not scans */
#define NR_GROUP_EXTRA	0x20100u /* + bit: counted besides the group of the packet (spoofed, malformed ...) */
#define NR_GROUP_COUNT	0x20200u

#define NR_TALLY_PACKETS_MAX ((UINT64_C(1) << 24) - 1)
#define NR_TALLY_BYTES_MAX   ((UINT64_C(1) << 40) - 1)

/* Where a sum would not fit its 24 or 40 bits, neighbours with the same key remain; readers add them up. */
struct nr_tally_item {
	uint64_t key;	/* group << 46 | member */
	uint64_t value; /* packets << 40 | bytes */
};

struct nr_tally {
	struct nr_tally_item *items; /* owned */
	size_t count, room;
	size_t sorted; /* the first `sorted` items are sorted and combined */
};

NR_INLINE uint64_t nr_tally_key(uint32_t group, uint64_t member)
{
	return (uint64_t)group << NR_MEMBER_BITS | member;
}
NR_INLINE uint32_t nr_tally_group(const struct nr_tally_item *item)
{
	return (uint32_t)(item->key >> NR_MEMBER_BITS);
}
NR_INLINE uint64_t nr_tally_member(const struct nr_tally_item *item)
{
	return item->key & NR_MEMBER_MASK;
}
NR_INLINE uint64_t nr_tally_packets(const struct nr_tally_item *item)
{
	return item->value >> 40;
}
NR_INLINE uint64_t nr_tally_bytes(const struct nr_tally_item *item)
{
	return item->value & NR_TALLY_BYTES_MAX;
}

uint64_t nr_member_of(const struct nr_address *address);

void nr_tally_fini(struct nr_tally *tally);
/* Makes room for `more` items; -ENOMEM. */
int nr_tally_reserve(struct nr_tally *tally, size_t more, struct nr_error *error);
/* Adds without a check of room: reserve first. */
NR_INLINE void nr_tally_add(struct nr_tally *tally, uint64_t key, uint64_t packets, uint64_t bytes)
{
	tally->items[tally->count++] = (struct nr_tally_item){key, packets << 40 | bytes};
}
/* Appends all items of `from` (which stays). */
int nr_tally_append(struct nr_tally *tally, const struct nr_tally *from, struct nr_error *error);
/* Sorts by key and combines equal keys. */
int nr_tally_sort(struct nr_tally *tally, struct nr_error *error);
/* The next key of a sorted tally with its whole sum (*at starts at 0). mask_bits: NR_TALLY_PAIRS or NR_TALLY_MEMBERS. */
struct nr_tally_sum {
	uint64_t key, packets, bytes;
};
#define NR_TALLY_PAIRS	 0
#define NR_TALLY_MEMBERS 16
bool nr_tally_next(const struct nr_tally *tally, size_t *at, unsigned mask_bits, struct nr_tally_sum *ret_sum);
/* Keeps the items for which keep() answers true; order stays. */
void nr_tally_filter(struct nr_tally *tally, bool (*keep)(const void *context, const struct nr_tally_item *item), const void *context);

/*
 * Members: the same sources seen from the other side, one item a source: key = member << 16 | mask of categories,
 * value = packets and bytes. Made from sorted or unsorted tallies, sorted by member and combined (masks OR-ed).
 */
NR_INLINE uint64_t nr_members_member(const struct nr_tally_item *item)
{
	return item->key >> 16;
}
NR_INLINE uint16_t nr_members_mask(const struct nr_tally_item *item)
{
	return (uint16_t)item->key;
}
/* mask_of(group): the bits of a group's packets, 0: leave the group out. Extra groups add bits but neither packets nor
 * bytes. *members must be empty. */
int nr_members_from(struct nr_tally *members, const struct nr_tally *tally, uint16_t (*mask_of)(const void *context, uint32_t group),
	const void *context, struct nr_error *error);
int nr_members_sort(struct nr_tally *members, struct nr_error *error);

#endif
