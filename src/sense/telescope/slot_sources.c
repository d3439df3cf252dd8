/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/slot_sources.h"
#include "base/pages.h"

#include <string.h>

#define NR_PROBES 64 /* looks at the table for one member: addresses are chosen by strangers */

int nr_slot_sources_init(
	struct nr_slot_sources *s, struct nr_area *area, size_t capacity, struct nr_error *error)
{
	void *pages = NULL;
	int e = nr_pages_resize(area, &pages, 0, capacity * sizeof *s->entries, error);
	if (!e)
		*s = (struct nr_slot_sources){.entries = pages, .capacity = capacity, .generation = 1};
	return e;
}

void nr_slot_sources_fini(struct nr_slot_sources *s, struct nr_area *area)
{
	nr_pages_unmap(area, s->entries, s->capacity * sizeof *s->entries);
	*s = (struct nr_slot_sources){0};
}

void nr_slot_sources_clear(struct nr_slot_sources *s)
{
	s->used = 0;
	s->beyond = 0;
	if (++s->generation)
		return;
	memset(s->entries, 0, s->capacity * sizeof *s->entries);
	s->generation = 1;
}

static uint32_t classify(const struct nr_known_scanners *known, uint64_t member)
{
	if (nr_is_known_scanner(known, member))
		return NR_CLASS_SCANNER;
	if (!known->refs->origin.count || member & NR_MEMBER_IPV6)
		return NR_COUNTRY_UNKNOWN; /* IPv6 members are hashes */
	struct nr_address address = nr_address_from_ipv4((uint32_t)member);
	struct nr_place place;
	nr_origin_find(&known->refs->origin, &address, &place);
	unsigned first = (unsigned)(place.country[0] - 'A'), second = (unsigned)(place.country[1] - 'A');
	return first < 26 && second < 26 ? first * 26 + second : NR_COUNTRY_UNKNOWN;
}

uint32_t nr_slot_sources_add(
	struct nr_slot_sources *s, const struct nr_known_scanners *known, uint64_t member, bool *ret_new)
{
	uint64_t tag = (uint64_t)s->generation << 56;
	size_t home = (size_t)(nr_slot_sources_home(s, member) - s->entries);
	uint64_t *empty = NULL;
	*ret_new = false;
	for (size_t i = 0; i < NR_PROBES; i++) {
		uint64_t *entry = &s->entries[(home + i) & (s->capacity - 1)];
		if (*entry >> 56 != s->generation) {
			empty = entry;
			break;
		}
		if ((*entry & NR_MEMBER_MASK) == member)
			return (uint32_t)(*entry >> NR_MEMBER_BITS) & 1023;
	}
	uint32_t class = classify(known, member);
	if (!empty || s->used >= s->capacity / 8 * 7) {
		s->beyond++;
		return class;
	}
	*empty = tag | (uint64_t) class << NR_MEMBER_BITS | member;
	s->used++;
	*ret_new = true;
	return class;
}

const char *nr_country_text(uint32_t country, char text[static 4])
{
	text[0] = 0;
	if (country < NR_COUNTRY_UNKNOWN)
		snprintf(text, 4, "%c%c", 'A' + (char)(country / 26), 'A' + (char)(country % 26));
	return text;
}
