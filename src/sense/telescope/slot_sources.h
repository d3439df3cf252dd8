/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The distinct sources of one 10-minute slot, each with its class: a country, or a research scanner. It has a
 * fixed size: what finds no room is classed again each time and counted by nobody (`beyond`). Private to this
 * room.
 */
#ifndef NR_SENSE_TELESCOPE_SLOT_SOURCES_H
#define NR_SENSE_TELESCOPE_SLOT_SOURCES_H

#include "sense/telescope/warning.h"

#define NR_COUNTRY_UNKNOWN (26 * 26u)
#define NR_COUNTRY_COUNT   (NR_COUNTRY_UNKNOWN + 1)
#define NR_CLASS_SCANNER   NR_COUNTRY_COUNT

struct nr_slot_sources {
	/* nr_pages: generation 8, class 10, member 46; of another generation: empty. A line of memory after
	 * the other is filled, so that a look at one is nearly always enough. */
	uint64_t *entries;
	size_t capacity; /* a power of two */
	size_t used;
	uint8_t generation; /* 1 .. 255 */
	uint64_t beyond;    /* sources without room, in this slot */
};

int nr_slot_sources_init(
	struct nr_slot_sources *sources, struct nr_area *area, size_t capacity, struct nr_error *error);
void nr_slot_sources_fini(struct nr_slot_sources *sources, struct nr_area *area);
/* Forgets all; the next slot begins. */
void nr_slot_sources_clear(struct nr_slot_sources *sources);
#define NR_SLOT_LINE 8
NR_INLINE uint64_t *nr_slot_sources_home(const struct nr_slot_sources *sources, uint64_t member)
{
	return &sources->entries[nr_hll_hash(member) & (sources->capacity - 1) &
				 ~(uint64_t)(NR_SLOT_LINE - 1)];
}
/* The member will be added soon. */
NR_INLINE void nr_slot_sources_fetch(const struct nr_slot_sources *sources, uint64_t member)
{
	__builtin_prefetch(nr_slot_sources_home(sources, member), 1);
}
/* The member's class; *ret_new: it was not there before in this slot. */
uint32_t nr_slot_sources_add(struct nr_slot_sources *sources, const struct nr_known_scanners *known,
	uint64_t member, bool *ret_new);
/* "JP"; "" for NR_COUNTRY_UNKNOWN. */
const char *nr_country_text(uint32_t country, char text[static 4]);

#endif
