/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/resume.h"
#include "sense/telescope/admit.h"
#include "sense/telescope/early.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

static bool holds(struct nr_area *area, const void *pages, size_t count, size_t width)
{
	return pages && count <= SIZE_MAX / width && nr_area_holds(area, pages, count * width);
}

/* What was being given back. */
static void release(struct nr_area *area, void *pages, size_t bytes)
{
	if (holds(area, pages, bytes, 1))
		nr_pages_unmap(area, pages, bytes);
}

/* ---- days ---- */

static int resume_suspects(struct nr_suspects *s, struct nr_area *area)
{
	s->area = area;
	if (!s->slots && !s->capacity)
		return 0;
	if (!holds(area, s->slots, s->capacity, sizeof *s->slots))
		return -EBADMSG;
	s->used = 0;
	for (size_t i = 0; i < s->capacity; i++) {
		s->slots[i].count = NR_MIN(s->slots[i].count, (uint8_t)NR_SUSPECT_TARGETS);
		s->used += s->slots[i].count || s->slots[i].datagrams;
	}
	return s->used < s->capacity ? 0 : -EBADMSG;
}

static int resume_own(struct nr_own *own, struct nr_area *area)
{
	own->area = area;
	own->cursor = 0;
	if (!own->slots && !own->capacity)
		return 0;
	if (!holds(area, own->slots, own->capacity, sizeof *own->slots))
		return -EBADMSG;
	own->used = 0;
	for (size_t i = 0; i < own->capacity; i++) {
		struct nr_own_host *host = &own->slots[i];
		if (host->kind >= NR_OWN_KIND_COUNT || host->port_count > NR_OWN_PORTS)
			memset(host, 0, sizeof *host);
		own->used += host->packets != 0;
	}
	return own->used < own->capacity ? 0 : -EBADMSG;
}

static int resume_heavy(struct nr_day *day, struct nr_area *area)
{
	size_t bytes = nr_space_saving_bytes(NR_HEAVY_COUNTERS);
	if (!day->heavy)
		return 0;
	if (!holds(area, day->heavy, bytes, 1))
		return -EBADMSG;
	nr_space_saving_resume(day->heavy, NR_HEAVY_COUNTERS);
	return 0;
}

static int resume_day(struct nr_local *l, struct nr_day *day)
{
	if (!day->open) { /* it was being closed, or opened */
		nr_source_table_release(&day->table4, l->area);
		nr_source_table_release(&day->table6, l->area);
		release(l->area, day->heavy, nr_space_saving_bytes(NR_HEAVY_COUNTERS));
		release(l->area, day->suspects.slots, day->suspects.capacity * sizeof *day->suspects.slots);
		release(l->area, day->own.slots, day->own.capacity * sizeof *day->own.slots);
		release(l->area, day->ipv6.sketches, sizeof *day->ipv6.sketches);
		*day = (struct nr_day){0};
		return 0;
	}
	day->ipv6.area = l->area;
	if (day->ipv6.sketches && !holds(l->area, day->ipv6.sketches, 1, sizeof *day->ipv6.sketches))
		return -EBADMSG;
	int e = nr_source_table_resume(&day->table4, l->area, sizeof(struct nr_source));
	if (!e)
		e = nr_source_table_resume(&day->table6, l->area, sizeof(struct nr_source6));
	if (!e)
		e = resume_suspects(&day->suspects, l->area);
	if (!e)
		e = resume_own(&day->own, l->area);
	return e ? e : resume_heavy(day, l->area);
}

/* ---- windows ---- */

static int resume_tally(struct nr_tally *t, bool open, struct nr_area *area, const struct nr_keeper *keeper)
{
	if (open)
		return nr_tally_resume(t, area, keeper);
	release(area, t->words.items, t->words.room * sizeof *t->words.items);
	release(area, t->wides.items, t->wides.room * sizeof *t->wides.items);
	release(area, t->spare, sizeof *t->spare);
	nr_tally_init(t, area);
	return 0;
}

static int resume_windows(struct nr_local *l)
{
	int e = 0;
	for (size_t i = 0; !e && i < NR_WINDOWS_OPEN; i++)
		e = resume_tally(&l->windows[i].log, l->windows[i].open, l->area, &l->keeper);
	return e;
}

static bool is_one_of(const void *pointer, const void *array, size_t count, size_t width)
{
	size_t at = (size_t)((uintptr_t)pointer - (uintptr_t)array);
	return at < count * width && at % width == 0;
}

/* Sources are dirty in the open window of the open day alone. */
static int resume_place(struct nr_local *l)
{
	if (l->day && (!is_one_of(l->day, l->days, NR_COUNT(l->days), sizeof *l->days)))
		return -EBADMSG;
	if (l->window && (!is_one_of(l->window, l->windows, NR_WINDOWS_OPEN, sizeof *l->windows)))
		return -EBADMSG;
	if (l->day && (!l->day->open || l->day->start != l->day_start))
		l->day = NULL;
	if (l->window && (!l->day || !l->window->open || l->window->number * l->step != l->window_start))
		nr_local_leave_window(l);
	nr_local_open(l);
	return l->step > 0 ? 0 : -EBADMSG;
}

/* ---- what is kept beside the days ---- */

static int resume_usual(struct nr_usual *usual, struct nr_area *area)
{
	if (!holds(area, usual->number_of, NR_GROUP_OTHER, 1) || usual->count > NR_USUAL_GROUPS)
		return -EBADMSG;
	memset(usual->number_of, 0, NR_GROUP_OTHER);
	usual->size[0] = NR_USUAL_NO_SIZE;
	for (unsigned number = 1; number <= usual->count; number++) {
		if (usual->group[number] >= NR_GROUP_OTHER)
			return -EBADMSG;
		usual->number_of[usual->group[number]] = (uint8_t)number;
	}
	return 0;
}

static int resume_victims(struct nr_victims *v, struct nr_area *area)
{
	v->area = area;
	if (!holds(area, v->slots, v->capacity, sizeof *v->slots) || v->ended_count > v->ended_room ||
		(v->ended_room && !holds(area, v->ended, v->ended_room, sizeof *v->ended)))
		return -EBADMSG;
	v->used = 0;
	for (size_t i = 0; i < v->capacity; i++)
		v->used += v->slots[i].protocol != 0;
	return v->used < v->capacity ? 0 : -EBADMSG;
}

static int resume_merged_day(struct nr_merged *m, struct nr_merged_day *day)
{
	int e = 0;
	for (size_t i = 0; !e && i < NR_WINDOWS_PER_DAY; i++)
		e = resume_tally(&day->windows[i], day->open, m->area, &m->keeper);
	for (size_t i = 0; !e && i < 2; i++) {
		e = resume_tally(&day->rest.hour[i], day->open, m->area, NULL);
		if (!e)
			e = resume_tally(&day->rest.day[i], day->open, m->area, NULL);
	}
	struct nr_rest_state *rest = &day->rest.state;
	if (rest->hour_at > 1 || rest->day_at > 1 || rest->stale > rest->stale_to ||
		rest->stale_to > NR_WINDOWS_PER_DAY)
		return -EBADMSG;
	day->hours_emitted = NR_MIN(day->hours_emitted, 24u);
	if (!day->open)
		*day = (struct nr_merged_day){0};
	return e;
}

static int resume_merged(const struct nr_telescope_conf *conf, struct nr_local *l)
{
	struct nr_merged *m = l->merged;
	if (!holds(l->area, m, 1, sizeof *m))
		return -EBADMSG;
	m->area = l->area;
	nr_merged_resume(m, conf);
	if (m->early && nr_early_resume(m->early, l->area))
		m->early = NULL; /* it was being made */
	int e = nr_carpets_resume(&m->carpets, l->area);
	if (!e)
		e = resume_merged_day(m, &m->days[0]);
	return e ? e : resume_merged_day(m, &m->days[1]);
}

int nr_telescope_resume(const void *conf, void *local, struct nr_area *area, struct nr_error *error)
{
	struct nr_local *l = local;
	l->area = area;
	l->pulse = NULL;
	l->failure = (struct nr_error){0};
	nr_local_configure(l, conf);
	int e = resume_usual(&l->usual, area);
	for (size_t i = 0; !e && i < NR_COUNT(l->days); i++)
		e = resume_day(l, &l->days[i]);
	if (!e)
		e = resume_place(l);
	if (!e)
		e = resume_windows(l);
	if (!e)
		e = resume_victims(&l->victims, area);
	if (!e)
		e = nr_carpet_cells_resume(&l->carpet_cells, area);
	if (!e && l->early)
		e = nr_early_local_resume(l->early, area);
	if (!e)
		e = resume_merged(conf, l);
	if (!e && !nr_local_make_room(l, NR_BLOCK * NR_ITEMS_PACKET))
		e = -EBADMSG;
	return e ? nr_fail(error, e, "the state that a predecessor left is not sound") : 0;
}
