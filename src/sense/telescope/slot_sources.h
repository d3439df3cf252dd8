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
	uint64_t *entries; /* nr_pages: generation 8, class 10, member 46; of another generation: empty */
	size_t capacity;   /* a power of two */
	size_t used;
	uint8_t generation; /* 1 .. 255 */
	uint64_t beyond;    /* sources without room, in this slot */
};

int nr_slot_sources_init(
	struct nr_slot_sources *sources, struct nr_area *area, size_t capacity, struct nr_error *error);
void nr_slot_sources_fini(struct nr_slot_sources *sources, struct nr_area *area);
/* Forgets all; the next slot begins. */
void nr_slot_sources_clear(struct nr_slot_sources *sources);
/* The member's class; *ret_new: it was not there before in this slot. */
uint32_t nr_slot_sources_add(struct nr_slot_sources *sources, const struct nr_known_scanners *known,
	uint64_t member, bool *ret_new);
/* "JP"; "" for NR_COUNTRY_UNKNOWN. */
const char *nr_country_text(uint32_t country, char text[static 4]);

#endif
