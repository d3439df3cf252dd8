/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of one UTC day: one cache line each, in a table that one worker owns. An entry
 * answers "who is this and which tool does it use" and holds what it knocked at until that is written,
 * combined, into the window's tally.
 */
#ifndef NR_SENSE_TELESCOPE_SOURCE_H
#define NR_SENSE_TELESCOPE_SOURCE_H

#include "base/pages.h"
#include "sense/telescope/rules.h"
#include "sense/telescope/tally.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What is known of a source beyond its packets; bits of nr_source.marks. */
enum nr_source_mark {
	NR_SOURCE_TTL_200 = NR_BIT(0),    /* a packet, not ICMP, with TTL >= 200 */
	NR_SOURCE_PORT_0 = NR_BIT(1),     /* source or destination port 0 */
	NR_SOURCE_LAST_OCTET = NR_BIT(2), /* address ends in .0 or .255 */
	NR_SOURCE_BOGON = NR_BIT(3),      /* never routed: IANA special-purpose registry (RFC 6890) */
	NR_SOURCE_DARK = NR_BIT(4),       /* claims to come from the dark range itself */
	NR_SOURCE_SAME = NR_BIT(5),       /* source equals destination */
	NR_SOURCE_OWN = NR_BIT(6),        /* one of --own */
	NR_SOURCE_LISTED = NR_BIT(7),     /* on a list of research scanners */
};
#define NR_SOURCE_FORGED (NR_SOURCE_BOGON | NR_SOURCE_DARK)

/* Invariants over a source's SYNs; bits of nr_source.constant. Still set after n SYNs: constant so far. */
enum nr_invariant {
	NR_SAME_SEQUENCE = NR_BIT(0),
	NR_SAME_ID = NR_BIT(1),
	NR_SAME_SOURCE_PORT = NR_BIT(2),
	NR_SAME_WINDOW = NR_BIT(3),
	NR_SAME_TTL = NR_BIT(4),
	NR_SAME_OPTIONS = NR_BIT(5),
	NR_SAME_SEQUENCE_DESTINATION = NR_BIT(6), /* sequence ^ destination */
	NR_SAME_ID_TARGET = NR_BIT(7),       /* id ^ destination ^ destination port ^ sequence, low 16 bits */
	NR_SAME_MIRROR = NR_BIT(8),          /* (sequence >> 16) ^ (sequence & 0xffff) */
	NR_SAME_PORT_DIFFERENCE = NR_BIT(9), /* source port ^ destination port */
	NR_SAME_DESTINATION = NR_BIT(10),
	NR_SAME_DESTINATION_PORT = NR_BIT(11),
	NR_SAME_ALL = NR_BIT(12) - 1,
	/* facts kept in the same word */
	NR_SEEN_ZMAP_STRONG = NR_BIT(12),    /* id 54321 with window 65535 and TTL >= 200 */
	NR_SEEN_MASSCAN_STRONG = NR_BIT(13), /* formula with window 1024 and TTL >= 200 */
	NR_SEEN_MASSCAN_MSS = NR_BIT(14),    /* formula with the MSS option of November 2023 and later */
	NR_ONLY_NMAP_SHAPE = NR_BIT(15),     /* every SYN: window 1024..4096 and exactly MSS 1460 */
};

/* Packets of one group and size that are not in the tally yet. */
struct nr_recent {
	uint32_t group;
	uint16_t packets, size;
};

struct nr_source {
	uint32_t address;     /* IPv4; IPv6: low half of the member, the address stands behind the entry */
	uint32_t packets;     /* saturates */
	uint32_t first, last; /* since the start of the day, in 32 us */
	/* what it sent in the open window and the tally does not have yet: a nibble for each usual group
	 * (slots.h), and the latest other group */
	uint64_t usual;
	struct nr_recent recent;
	/* the first SYN; 12 bytes lie as in struct nr_packet, so that they are compared in two words */
	uint16_t source_port, destination_port;
	uint32_t sequence;
	uint16_t id, window;
	uint8_t ttl, option_hash;
	uint16_t constant;
	uint32_t destination;
	uint16_t syns; /* each of the four stops at 65535 */
	uint16_t mirai, zmap, masscan;
	uint16_t facts;   /* NR_BIT(enum nr_category) seen, and the two below */
	uint8_t zmap_new; /* shape of ZMap since 4.1; saturates */
	uint8_t marks;
};
_Static_assert(sizeof(struct nr_source) == 64, "one line per source");
/* A bit of facts: the tally has a pair of it with a usual group, so that it must get all of them. */
#define NR_SOURCE_IN_TALLY NR_BIT(15)
/* Another: it sent a UDP or ICMP probe with the id of ZMap before 4.1; the suspects have how many. */
#define NR_SOURCE_ZMAP_DATAGRAM NR_BIT(14)
_Static_assert(NR_CATEGORY_COUNT <= 14, "categories leave two bits of facts");
NR_INLINE uint16_t nr_source_categories(const struct nr_source *source)
{
	return source->facts & (NR_BIT(NR_CATEGORY_COUNT) - 1);
}
#define NR_SOURCE_TIME_SHIFT 5

struct nr_source6 {
	struct nr_source source;
	struct nr_address address;
	uint64_t member;
	uint8_t pad[40];
};
_Static_assert(sizeof(struct nr_source6) == 128, "two lines per IPv6 source");

/*
 * Entries lie one behind the other in the order of their arrival, so their index never changes and growing
 * moves nothing. They are found by an open-addressed index of 32-bit words, small enough for the cache. Its
 * low bits say which entry, as many as the room needs and 26 at most; the others are a piece of the hash, so
 * that almost every look into the entries is the right one. Probing starts at a bucket of eight words, which
 * is looked through at once: where in it the right word stands is chance, and no branch could guess it.
 *
 * Strangers choose the addresses. The hash has a key that nobody knows, so they cannot choose where an entry
 * goes; and should they know it, no entry stands more than NR_SOURCE_REACH buckets behind its place: the
 * index is made anew with another key instead, so often at most that the work stays bounded.
 */
#define NR_SOURCE_BUCKET     8
#define NR_SOURCE_REACH      32 /* at five eighths full chance does not come near it */
#define NR_SOURCE_REKEYS_MAX 64
struct nr_source_table {
	uint8_t *entries; /* nr_pages */
	uint32_t *index;  /* nr_pages; 0: empty, else tag | entry + 1; whole buckets, each filled from its
			     start */
	uint64_t *dirty;  /* nr_pages; a bit for each entry: something is not in the tally yet */
	struct nr_area *area;
	size_t stride, used, room, capacity; /* capacity: of the index */
	size_t space;                        /* entries that there are pages for: at least room */
	uint32_t entry_mask;                 /* the bits of a word that say which entry */
	uint64_t key;                        /* random odd multiplier */
	unsigned rekeys;                     /* how often it was another one */
};
#define NR_SOURCES_MAX ((size_t)(1u << 26) - 2)

int nr_source_table_init(struct nr_source_table *table, struct nr_area *area, size_t stride, size_t expected,
	struct nr_error *error);
void nr_source_table_fini(struct nr_source_table *table);
/* What it may hold in memory with its present room. */
size_t nr_source_table_bytes(const struct nr_source_table *table);
/* Room for more entries within bytes_max; pointers are void afterwards, entry numbers stay. False: it stays
 * as it is. */
bool nr_source_table_grow(struct nr_source_table *table, size_t bytes_max);
/* Keeps what keep() likes, in the same order, with new entry numbers. Nothing may be dirty. Answers how many
 * went. */
size_t nr_source_table_keep(struct nr_source_table *table,
	bool (*keep)(const void *context, const struct nr_source *source, uint64_t member),
	const void *context);
/* Makes a table sound whose process ended while it changed it: the index is made anew from the entries, an
 * address stands once. -EBADMSG: not possible. */
int nr_source_table_resume(struct nr_source_table *table, struct nr_area *area, size_t stride);
/* Gives back what a predecessor was giving back. */
void nr_source_table_release(struct nr_source_table *table, struct nr_area *area);
/* Gives back what it does not need; entry numbers stay. */
void nr_source_table_shrink(struct nr_source_table *table);

NR_INLINE bool nr_source_table_has_room(const struct nr_source_table *table, size_t more)
{
	return table->used + more <= table->room;
}
NR_INLINE struct nr_source *nr_source_at(const struct nr_source_table *table, size_t entry)
{
	return (struct nr_source *)(void *)(table->entries + entry * table->stride);
}
NR_INLINE uint64_t nr_source_hash(const struct nr_source_table *table, uint64_t member)
{
	return (member ^ table->key >> 32) * table->key;
}
NR_INLINE size_t nr_source_bucket_of(size_t capacity, uint64_t hash)
{
	return (size_t)(((hash >> 32) * (capacity / NR_SOURCE_BUCKET)) >> 32) * NR_SOURCE_BUCKET;
}
NR_INLINE size_t nr_source_home(const struct nr_source_table *table, uint64_t hash)
{
	return nr_source_bucket_of(table->capacity, hash);
}
NR_INLINE uint32_t nr_source_tag(const struct nr_source_table *table, uint64_t hash)
{
	return (uint32_t)hash & ~table->entry_mask;
}
NR_INLINE void nr_source_mark_dirty(const struct nr_source_table *table, size_t entry)
{
	table->dirty[entry / 64] |= UINT64_C(1) << (entry & 63);
}
NR_INLINE size_t nr_source_entry(const struct nr_source_table *table, const struct nr_source *source)
{
	return (size_t)((const uint8_t *)source - table->entries) / table->stride;
}
#define NR_SOURCE_NONE SIZE_MAX
/* A bit for each word of the bucket that has the tag; tag and mask 0: for each empty one. */
NR_INLINE unsigned nr_source_match(const uint32_t *bucket, uint32_t tag, uint32_t entry_mask)
{
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi32((int)tag), mask = _mm_set1_epi32((int)entry_mask);
	__m128i low = _mm_load_si128((const __m128i *)(const void *)bucket);
	__m128i high = _mm_load_si128((const __m128i *)(const void *)(bucket + 4));
	low = _mm_cmpeq_epi32(_mm_andnot_si128(mask, low), wanted);
	high = _mm_cmpeq_epi32(_mm_andnot_si128(mask, high), wanted);
	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
#else
	unsigned match = 0;
	for (unsigned i = 0; i < NR_SOURCE_BUCKET; i++)
		match |= (unsigned)((bucket[i] & ~entry_mask) == tag) << i;
	return match;
#endif
}
/* The entry that probably is the source's; NR_SOURCE_NONE: surely there is none. */
NR_INLINE size_t nr_source_guess(const struct nr_source_table *table, uint64_t hash)
{
	uint32_t tag = nr_source_tag(table, hash);
	size_t i = nr_source_home(table, hash);
	for (unsigned reach = NR_SOURCE_REACH; reach; reach--) {
		const uint32_t *bucket = table->index + i;
		unsigned match = nr_source_match(bucket, tag, table->entry_mask);
		/* an empty word has a tag like others: without an entry it is 0 - 1, NR_SOURCE_NONE */
		if (NR_LIKELY(match))
			return (size_t)(bucket[__builtin_ctz(match)] & table->entry_mask) - 1;
		if (!bucket[NR_SOURCE_BUCKET - 1])
			return NR_SOURCE_NONE;
		i += NR_SOURCE_BUCKET;
		if (NR_UNLIKELY(i == table->capacity))
			i = 0;
	}
	return NR_SOURCE_NONE;
}
/* NULL where there is none. */
struct nr_source *nr_source_find4(const struct nr_source_table *table, uint64_t hash, uint32_t address);
struct nr_source *nr_source_find6(
	const struct nr_source_table *table, uint64_t member, const struct nr_address *address);
/* A new, zeroed entry; the table must have room. NULL: so many members have one hash, whatever the key, that
 * it would not be found. */
struct nr_source *nr_source_add(struct nr_source_table *table, uint64_t member);
/* NULL where the day has no such source. */
struct nr_source *nr_source_lookup(
	const struct nr_source_table *table4, const struct nr_source_table *table6, uint64_t member);
struct nr_address nr_source_address(const struct nr_source_table *table, const struct nr_source *source);
uint64_t nr_source_member(const struct nr_source_table *table, const struct nr_source *source);

#endif
