/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tallies: who knocked where, how often. The telescope's one structure for "packets, bytes and unique sources
 * per X": a list of (group, member) -> packets, bytes, kept by appending and, when it is read, sorted and
 * combined. Appending costs a sequential write of 8 bytes; sorting is a radix sort.
 *
 * A tally is exact up to its limit. Above it, it keeps every 2nd, 4th ... source, chosen by a fixed hash
 * (distinct sampling, Gibbons 2001), and the packets of all others in one item a group: packets and bytes
 * stay exact, unique sources become an estimate with a known error.
 *
 * A group is a TCP port, a UDP port or a category; a member is a source address (IPv4 itself; IPv6 as a
 * 45-bit hash, so that two of a million IPv6 sources are taken for one with a probability of 2 %).
 *
 * Most pairs are small: an IPv4 source, at most 63 packets, all of one usual size. Such a pair is one 64-bit
 * word. What does not fit stands in the wide list, 16 bytes each. A key stands in one of the two once the
 * tally is sorted.
 */
#ifndef NR_SENSE_TELESCOPE_TALLY_H
#define NR_SENSE_TELESCOPE_TALLY_H

#include "base/address.h"
#include "base/hll.h"
#include "base/pages.h"

#define NR_MEMBER_BITS 46
#define NR_MEMBER_MASK ((UINT64_C(1) << NR_MEMBER_BITS) - 1)
#define NR_MEMBER_IPV6 (UINT64_C(1) << 45)
#define NR_GROUP_UDP   0x10000u /* + port; TCP: the port itself */
#define NR_GROUP_OTHER 0x20000u /* + category * 2 + backscatter: packets that are not scans */
#define NR_GROUP_EXTRA 0x20100u /* + bit: spoofed, malformed ...; besides the packet's group */
#define NR_GROUP_COUNT 0x20200u

/* Bits of a word: group 18, IPv4 member 32, packets 6, size 7 (bytes of each packet less NR_WORD_SIZE_MIN), 1
 * unused. */
#define NR_WORD_KEY_SHIFT   14
#define NR_WORD_PACKETS_MAX 63u
#define NR_WORD_SIZE_MIN    28u
#define NR_WORD_SIZE_MAX    (NR_WORD_SIZE_MIN + 127u)

struct nr_wide {
	uint64_t key; /* group << 46 | member */
	uint64_t packets : 24,
		bytes : 40; /* where a sum would not fit, neighbours with the same key remain */
};
#define NR_WIDE_PACKETS_MAX ((UINT64_C(1) << 24) - 1)
#define NR_WIDE_BYTES_MAX   ((UINT64_C(1) << 40) - 1)

/* packets and bytes within the limits above. */
NR_INLINE struct nr_wide nr_wide_of(uint64_t key, uint64_t packets, uint64_t bytes)
{
	return (struct nr_wide){key, packets & NR_WIDE_PACKETS_MAX, bytes & NR_WIDE_BYTES_MAX};
}

struct nr_words {
	uint64_t *items; /* nr_pages */
	size_t count, room;
	struct nr_area *area; /* where they lie */
};
struct nr_wides {
	struct nr_wide *items; /* nr_pages */
	size_t count, room;
	struct nr_area *area;
};

/* Members that are kept whatever the level, because they will be judged by what they did. They stand beside
 * the sample: only sampled members are counted as sources. */
struct nr_keeper {
	bool (*keeps)(const void *context, uint64_t member);
	const void *context;
};

struct nr_tally {
	struct nr_words words;
	struct nr_wides wides;
	bool unsorted; /* something was added since the last sort */
	uint8_t level; /* one of 2^level members is kept */
	/* and of those that the keeper keeps besides, one of 2^busy_level: they are chosen by strangers, too
	 */
	uint8_t busy_level;
	size_t limit; /* bytes above which sorting raises the level, down to a sample of half of them; 0: none
		       */
	const struct nr_keeper *keeper; /* NULL: nobody is kept besides the sample */
	/* In an area, where the process may end at any instruction: what a change makes, until it takes the
	 * tally's place (nr_pages; NULL: none yet). */
	struct nr_tally *spare;
	bool spare_counts; /* the spare is whole: it is the tally now */
};

#define NR_LEVEL_MAX      32 /* one source of four thousand million */
#define NR_BUSY_LEVEL_MAX 24
/* Stands for all members of a group that the sample leaves out: packets and bytes, but no source. */
#define NR_MEMBER_REST NR_MEMBER_MASK
NR_INLINE bool nr_member_is_sampled(uint64_t member, uint8_t level)
{
	uint64_t h = (member ^ member >> 23) * 0x2127599bf4325c37u;
	return (h >> 24 & ((UINT64_C(1) << level) - 1)) == 0;
}
/* The same for members that are kept besides the sample, by another hash. */
NR_INLINE bool nr_member_is_kept_busy(uint64_t member, uint8_t busy_level)
{
	uint64_t h = (member ^ member >> 21) * 0x9e3779b97f4a7c15u;
	return (h >> 32 & ((UINT64_C(1) << busy_level) - 1)) == 0;
}
/* Does the sum stand for 2^level sources? Not the rest, and not who is kept besides the sample. */
NR_INLINE bool nr_member_counts(uint64_t member, uint8_t level)
{
	return NR_LIKELY(!level) ? member != NR_MEMBER_REST
				 : member != NR_MEMBER_REST && nr_member_is_sampled(member, level);
}
/* Relative standard error of `kept` members that stand for kept << level. */
double nr_sample_error(uint64_t kept, uint8_t level);

/* One key of a sorted tally with its whole sum. */
struct nr_tally_sum {
	uint64_t key, packets, bytes;
};
NR_INLINE uint32_t nr_sum_group(const struct nr_tally_sum *sum)
{
	return (uint32_t)(sum->key >> NR_MEMBER_BITS);
}
NR_INLINE uint64_t nr_sum_member(const struct nr_tally_sum *sum)
{
	return sum->key & NR_MEMBER_MASK;
}

NR_INLINE uint64_t nr_tally_key(uint32_t group, uint64_t member)
{
	return (uint64_t)group << NR_MEMBER_BITS | member;
}

uint64_t nr_member_of(const struct nr_address *address);

/* Empty, in this area; all zero is empty without one. */
void nr_tally_init(struct nr_tally *tally, struct nr_area *area);
void nr_tally_fini(struct nr_tally *tally); /* empty again, in the same area */
NR_INLINE size_t nr_tally_count(const struct nr_tally *tally)
{
	return tally->words.count + tally->wides.count;
}
NR_INLINE size_t nr_tally_bytes(const struct nr_tally *tally)
{
	return tally->words.count * sizeof(uint64_t) + tally->wides.count * sizeof(struct nr_wide);
}
/* Of them, what a higher level can make smaller, and what a higher busy_level can. The rest is one item a
 * group for what the sample leaves out. */
struct nr_tally_shares {
	size_t sampled, busy;
};
struct nr_tally_shares nr_tally_shares(const struct nr_tally *tally);
/* Takes the items for what samples left out of a sorted tally: they have been added up elsewhere. */
int nr_tally_drop_rest(struct nr_tally *tally, struct nr_error *error);
/* Makes a tally sound whose process ended while it changed it; -EBADMSG: not possible. */
int nr_tally_resume(struct nr_tally *tally, struct nr_area *area, const struct nr_keeper *keeper);
/* Gives pages back that hold nothing. */
void nr_tally_trim(struct nr_tally *tally);
/* Makes room for `more` additions of either kind; -ENOMEM. */
int nr_tally_reserve(struct nr_tally *tally, size_t more, struct nr_error *error);

/* Adds `packets` packets of `size` bytes each, without a check of room: reserve first.
 * packets and size are below 2^16 and 2^24. */
NR_INLINE void nr_tally_add(
	struct nr_tally *tally, uint32_t group, uint64_t member, uint32_t packets, uint32_t size)
{
	uint32_t extra = size - NR_WORD_SIZE_MIN;
	tally->unsorted = true;
	if (NR_LIKELY(packets <= NR_WORD_PACKETS_MAX && extra <= NR_WORD_SIZE_MAX - NR_WORD_SIZE_MIN &&
		      member <= UINT32_MAX))
		tally->words.items[tally->words.count++] = (uint64_t)group << 46 |
							   member << NR_WORD_KEY_SHIFT |
							   (uint64_t)packets << 8 | (uint64_t)extra << 1;
	else
		tally->wides.items[tally->wides.count++] =
			nr_wide_of(nr_tally_key(group, member), packets, (uint64_t)packets * size);
}
/* The same for a sum that was read from another tally; it checks and makes room. */
int nr_tally_add_sum(struct nr_tally *tally, const struct nr_tally_sum *sum, struct nr_error *error);
/* Raises the levels (lower: nothing happens) of a sorted tally. */
int nr_tally_thin(struct nr_tally *tally, uint8_t level, uint8_t busy_level, struct nr_error *error);
/* Appends all of `from` (which stays); the level is the higher of the two. */
int nr_tally_append(struct nr_tally *tally, const struct nr_tally *from, struct nr_error *error);
/* Sorts by key and combines equal keys; keeps to the level and the limit. */
int nr_tally_sort(struct nr_tally *tally, struct nr_error *error);

/* Walks a sorted tally in the order of keys. */
struct nr_tally_walk {
	const struct nr_tally *tally;
	size_t word, wide;
};
/* From the first key of this group or a later one. */
struct nr_tally_walk nr_tally_walk_from(const struct nr_tally *tally, uint32_t group);
bool nr_tally_next_wide(
	struct nr_tally_walk *walk, struct nr_tally_sum *ret_sum); /* the next is a wide item */

NR_INLINE struct nr_tally_sum nr_word_sum(uint64_t word)
{
	uint64_t packets = word >> 8 & NR_WORD_PACKETS_MAX, size = (word >> 1 & 127) + NR_WORD_SIZE_MIN;
	uint64_t key = word >> 46 << 46 | (word >> NR_WORD_KEY_SHIFT & UINT32_MAX);
	return (struct nr_tally_sum){key, packets, packets * size};
}

NR_INLINE bool nr_tally_next(struct nr_tally_walk *walk, struct nr_tally_sum *ret_sum)
{
	const struct nr_words *words = &walk->tally->words;
	const struct nr_wides *wides = &walk->tally->wides;
	struct nr_tally_sum sum = {UINT64_MAX, 0, 0};
	if (NR_LIKELY(walk->word < words->count))
		sum = nr_word_sum(words->items[walk->word]);
	if (NR_UNLIKELY(walk->wide < wides->count && wides->items[walk->wide].key <= sum.key)) {
		/* copies: what a call gets to see lies in memory, and the caller's should be in registers */
		struct nr_tally_walk at = *walk;
		struct nr_tally_sum wide;
		bool more = nr_tally_next_wide(&at, &wide);
		*walk = at;
		*ret_sum = wide;
		return more;
	}
	if (NR_UNLIKELY(walk->word == words->count))
		return false;
	walk->word++;
	*ret_sum = sum;
	return true;
}

/*
 * Members: the same sources seen from the other side, one a source: key = member << 16 | mask of categories.
 * Sorted by member, equal members combined and their masks OR-ed.
 */
NR_INLINE uint64_t nr_members_member(const struct nr_tally_sum *sum)
{
	return sum->key >> 16;
}
NR_INLINE uint16_t nr_members_mask(const struct nr_tally_sum *sum)
{
	return (uint16_t)sum->key;
}
void nr_members_fini(struct nr_wides *members);
int nr_members_add(struct nr_wides *members, uint64_t member, uint16_t mask, uint64_t packets, uint64_t bytes,
	struct nr_error *error);
int nr_members_append(struct nr_wides *members, const struct nr_wides *from, struct nr_error *error);
int nr_members_sort(struct nr_wides *members, struct nr_error *error);
/* Keeps the members that are sampled at this level. */
void nr_members_thin(struct nr_wides *members, uint8_t level);
/* Members come in slices where all at once would take too much memory: each is in one of `of`. */
struct nr_slice {
	uint64_t key; /* random: members are chosen by strangers */
	size_t at, of;
	bool kept; /* those, too, that are kept besides the sample: they stand for themselves */
};
/* So many that one takes about `bytes`. */
int nr_slices_of(
	const struct nr_tally *tally, size_t bytes, struct nr_slice *ret_first, struct nr_error *error);
/* mask_of(group): the bits of a group's packets, 0: leave the group out. Extra groups add bits but neither
 * packets nor bytes; what a sample left out has no member. *members is emptied first; sorted afterwards. */
int nr_members_from(struct nr_wides *members, const struct nr_tally *tally, const struct nr_slice *slice,
	uint16_t (*mask_of)(const void *context, uint32_t group), const void *context,
	struct nr_error *error);
/* Walks sorted members; *at starts at 0. */
bool nr_members_next(const struct nr_wides *members, size_t *at, struct nr_tally_sum *ret_sum);

#endif
