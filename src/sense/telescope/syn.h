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
	unsigned differs = (unsigned)(p->window ^ s->window) | (unsigned)(p->ttl ^ s->ttl) |
			   (unsigned)(p->option_hash ^ s->option_hash);
	if (NR_UNLIKELY(s->constant & soon) || NR_UNLIKELY(differs != 0)) {
		nr_syn_compare(s, p, destination);
		return;
	}
	differs = (unsigned)((p->sequence ^ destination) != (s->sequence ^ s->destination)) *
			  NR_SAME_SEQUENCE_DESTINATION |
		  (unsigned)(p->source_port != s->source_port) * NR_SAME_SOURCE_PORT;
	s->constant = (uint16_t)(s->constant & ~differs);
}

NR_INLINE void nr_count_to_max(uint16_t *counter)
{
	*counter = (uint16_t)(*counter + (*counter != UINT16_MAX));
}

#endif
