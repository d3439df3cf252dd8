/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a SYN says about the program that sent it: marks of known tools, and what it has in common with the
 * source's first SYN (rules.h, telescope reference 7). Inline, because it is done for every packet. Private
 * to this room.
 */
#ifndef NR_SENSE_TELESCOPE_SYN_H
#define NR_SENSE_TELESCOPE_SYN_H

#include "sense/telescope/source.h"

#include <string.h>

_Static_assert(offsetof(struct nr_packet, sequence) - offsetof(struct nr_packet, source_port) == 4 &&
		       offsetof(struct nr_packet, id) - offsetof(struct nr_packet, source_port) == 8 &&
		       offsetof(struct nr_source, sequence) - offsetof(struct nr_source, source_port) == 4 &&
		       offsetof(struct nr_source, id) - offsetof(struct nr_source, source_port) == 8,
	"the fields of a SYN lie alike in packet and source");

NR_INLINE void nr_syn_first(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	s->constant = NR_SAME_ALL | NR_ONLY_NMAP_SHAPE;
	memcpy(&s->source_port, &p->source_port, 12);
	s->destination = destination;
	s->ttl = p->ttl;
	s->option_hash = p->option_hash;
}

NR_INLINE uint16_t nr_syn_masscan(uint32_t destination, uint16_t port, uint32_t sequence)
{
	return (uint16_t)(destination ^ port ^ sequence);
}

NR_INLINE bool nr_syn_is_zmap_new_shape(const struct nr_packet *p)
{
	return p->window == NR_ZMAP_WINDOW && !(p->marks & NR_MARK_DONT_FRAGMENT) && p->id != NR_ZMAP_ID &&
	       p->source_port >= NR_ZMAP_PORT_FIRST && p->source_port <= NR_ZMAP_PORT_LAST &&
	       p->option_kind >= NR_TCP_OPTIONS_MSS_1460;
}

NR_INLINE bool nr_syn_is_nmap_shape(const struct nr_packet *p)
{
	return p->option_kind == NR_TCP_OPTIONS_MSS_1460 && !(p->window & 1023) && p->window &&
	       p->window <= 4096;
}

/* The fields that lie alike, compared at once: two bits for each that is equal, in their order. b: six fields
 * or more, 16 bytes. */
enum nr_syn_equal {
	NR_EQUAL_SOURCE_PORT = 3u << 0,
	NR_EQUAL_DESTINATION_PORT = 3u << 2,
	NR_EQUAL_ID = 3u << 8,
	NR_EQUAL_WINDOW = 3u << 10,
};
NR_INLINE unsigned nr_syn_equal(const uint16_t *packet, const uint16_t *other)
{
#ifdef __SSE2__
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)packet);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)other);
	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(a, b));
#else
	unsigned equal = 0;
	for (unsigned i = 0; i < 6; i++)
		equal |= (unsigned)(packet[i] == other[i]) * 3u << 2 * i;
	return equal;
#endif
}

/* Every invariant is a XOR of fields, so it differs from the first SYN's where the same XOR of the
 * differences is not zero. */
NR_INLINE void nr_syn_compare(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
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
	differs |=
		(unsigned)((uint16_t)(id ^ nr_syn_masscan(to, to_port, sequence)) != 0) * NR_SAME_ID_TARGET;
	differs |= (unsigned)((uint16_t)(sequence >> 16 ^ sequence) != 0) * NR_SAME_MIRROR;
	differs |= (unsigned)(from_port != to_port) * NR_SAME_PORT_DIFFERENCE;
	differs |= (unsigned)(to != 0) * NR_SAME_DESTINATION;
	differs |= (unsigned)(to_port != 0) * NR_SAME_DESTINATION_PORT;
	s->constant = (uint16_t)(s->constant & ~differs);
}

/* The same for a source that was seen before: what random SYNs break at once is left out once it is broken.
 */
NR_INLINE void nr_syn_compare_again(struct nr_source *s, const struct nr_packet *p, uint32_t destination)
{
	const unsigned soon = NR_SAME_SEQUENCE | NR_SAME_ID | NR_SAME_ID_TARGET | NR_SAME_MIRROR |
			      NR_SAME_PORT_DIFFERENCE | NR_SAME_DESTINATION | NR_SAME_DESTINATION_PORT;
	const unsigned equal = nr_syn_equal(&p->source_port, &s->source_port), constant = s->constant;
	if (NR_UNLIKELY(constant & soon) || NR_UNLIKELY(!(equal & NR_EQUAL_WINDOW)) ||
		NR_UNLIKELY(p->ttl != s->ttl) || NR_UNLIKELY(p->option_hash != s->option_hash)) {
		nr_syn_compare(s, p, destination);
		return;
	}
	bool sequence = (p->sequence ^ destination) != (s->sequence ^ s->destination);
	unsigned differs = sequence * NR_SAME_SEQUENCE_DESTINATION | (~equal << 2 & NR_SAME_SOURCE_PORT);
	s->constant = (uint16_t)(constant & ~differs);
}
_Static_assert(NR_SAME_SOURCE_PORT == NR_BIT(2), "the first bit of NR_EQUAL_SOURCE_PORT moves to it");

NR_INLINE void nr_count_to_max(uint16_t *counter)
{
	*counter = (uint16_t)(*counter + (*counter != UINT16_MAX));
}

#endif
