/* SPDX-License-Identifier: Apache-2.0 */
#include "train/world/flows/calendar.h"

#include <errno.h>
#include <string.h>

#define FIRST_ROOM 4096

int nr_calendar_init(struct nr_calendar *calendar, nr_time start, struct nr_error *error)
{
	*calendar = (struct nr_calendar){.now = nr_time_floor(start, NR_CALENDAR_SLOT)};
	calendar->slots = calloc(NR_CALENDAR_SLOTS, sizeof *calendar->slots);
	if (!calendar->slots)
		return nr_fail(error, -ENOMEM, "world: out of memory");
	return 0;
}

void nr_calendar_fini(struct nr_calendar *calendar)
{
	free(calendar->slots);
	free(calendar->entries);
	*calendar = (struct nr_calendar){0};
}

static bool grow(struct nr_calendar *calendar)
{
	uint32_t room = calendar->room ? calendar->room * 2 : FIRST_ROOM;
	struct nr_entry *entries = NULL;
	if (room > calendar->room)
		entries = realloc(calendar->entries, room * sizeof *entries);
	if (!entries)
		return false;
	calendar->entries = entries;
	calendar->room = room;
	return true;
}

struct nr_entry *nr_calendar_new(struct nr_calendar *calendar)
{
	struct nr_entry *entry;
	if (calendar->free) {
		entry = &calendar->entries[calendar->free - 1];
		calendar->free = entry->next;
	} else {
		if (calendar->used == calendar->room && !grow(calendar))
			return NULL;
		entry = &calendar->entries[calendar->used++];
	}
	memset(entry, 0, sizeof *entry);
	return entry;
}

static uint32_t *slot_of(struct nr_calendar *calendar, nr_time due)
{
	nr_time latest = calendar->now + (nr_time)(NR_CALENDAR_SLOTS - 1) * NR_CALENDAR_SLOT;
	due = NR_MAX(calendar->now, NR_MIN(due, latest));
	return &calendar->slots[(uint64_t)(due / NR_CALENDAR_SLOT) & (NR_CALENDAR_SLOTS - 1)];
}

static void link_in(struct nr_calendar *calendar, struct nr_entry *entry)
{
	uint32_t *slot = slot_of(calendar, entry->due);
	entry->next = *slot;
	*slot = (uint32_t)(entry - calendar->entries) + 1;
}

void nr_calendar_put(struct nr_calendar *calendar, struct nr_entry *entry)
{
	link_in(calendar, entry);
	calendar->waiting++;
	calendar->most = NR_MAX(calendar->most, calendar->waiting);
}

void nr_calendar_drop(struct nr_calendar *calendar, struct nr_entry *entry)
{
	entry->next = calendar->free;
	calendar->free = (uint32_t)(entry - calendar->entries) + 1;
}

uint32_t nr_calendar_turn(struct nr_calendar *calendar)
{
	uint32_t *slot = slot_of(calendar, calendar->now);
	uint32_t list = *slot;
	*slot = 0;
	calendar->now += NR_CALENDAR_SLOT;
	return list;
}

struct nr_entry *nr_calendar_pop(struct nr_calendar *calendar, uint32_t *list)
{
	while (*list) {
		struct nr_entry *entry = &calendar->entries[*list - 1];
		*list = entry->next;
		if (*list)
			__builtin_prefetch(&calendar->entries[*list - 1]);
		if (entry->due < calendar->now) {
			calendar->waiting--;
			return entry;
		}
		link_in(calendar, entry);
	}
	return NULL;
}
