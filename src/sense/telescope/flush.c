/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flush: windows whose slack is over are merged over the workers and emitted; hours and days follow when
 * their last window has closed.
 */
#include "sense/telescope/admit.h"
#include "sense/telescope/early.h"
#include "sense/telescope/merged.h"

#include <errno.h>
#include <string.h>

struct flush {
	const struct nr_telescope_conf *conf;
	struct nr_local *const *locals;
	size_t count;
	nr_time final; /* intervals that end at or before it are final */
	struct nr_sink *sink;
	struct nr_merged *merged;
	struct nr_crew *crew;
	unsigned days_finished;
	bool windows_finished;
};

/* ---- windows ---- */

static bool is_final(const struct flush *f, int64_t number, nr_time step)
{
	return f->final == NR_TIME_MAX || (number + 1) * step <= f->final;
}

/* The smallest number of an open, final window; false where there is none. */
static bool next_window(const struct flush *f, int64_t *ret_number)
{
	bool found = false;
	for (size_t i = 0; i < f->count; i++)
		for (size_t k = 0; k < NR_WINDOWS_OPEN; k++) {
			const struct nr_window *w = &f->locals[i]->windows[k];
			if (!w->open || !is_final(f, w->number, f->locals[i]->step) ||
				(found && w->number >= *ret_number))
				continue;
			*ret_number = w->number;
			found = true;
		}
	return found;
}

/* One worker brings its share of all final windows into order; it owns what it touches. */
static void ready_worker(void *context, unsigned member)
{
	const struct flush *f = context;
	for (size_t i = member; i < f->count; i += nr_crew_members(f->crew)) {
		struct nr_local *l = f->locals[i];
		struct nr_error error = {0};
		if (l->window && is_final(f, l->window->number, l->step)) {
			nr_telescope_drain(l, f->merged->summed ? l->usual_sums : NULL);
			nr_local_leave_window(l);
		}
		for (size_t k = 0; k < NR_WINDOWS_OPEN; k++) {
			struct nr_window *w = &l->windows[k];
			if (w->open && is_final(f, w->number, l->step) && nr_tally_sort(&w->log, &error))
				nr_local_fail(l, &error);
		}
	}
}

/* A run of one day without rows reads its pairs only for what is judged by them: the rest can be summed. */
static bool is_summed(const struct flush *f)
{
	const struct nr_merged *m = f->merged;
	nr_time start = NR_TIME_MIN;
	if (f->sink || f->final != NR_TIME_MAX || m->days_folded || m->days[0].open || m->days[1].open)
		return false;
	for (size_t i = 0; i < f->count; i++)
		for (size_t k = 0; k < NR_COUNT(f->locals[i]->days); k++) {
			const struct nr_day *day = &f->locals[i]->days[k];
			if (!day->open)
				continue;
			if (day->untracked || (start != NR_TIME_MIN && day->start != start))
				return false;
			start = day->start;
		}
	return true;
}

static void total_usual(struct nr_merged *m, const struct nr_local *l)
{
	for (unsigned number = 1; number <= l->usual.count; number++) {
		const struct nr_usual_sum *sum = &l->usual_sums[number];
		m->usual[m->usual_count++] = (struct nr_usual_total){l->usual.group[number], sum->packets,
			sum->packets * l->usual.size[number], sum->sources};
	}
}

static int ready_windows(const struct flush *f, struct nr_error *error)
{
	nr_crew_run(f->crew, ready_worker, (void *)f);
	for (size_t i = 0; f->merged->summed && i < f->count; i++)
		total_usual(f->merged, f->locals[i]);
	for (size_t i = 0; i < f->count; i++)
		if (f->locals[i]->failure.code) {
			if (error)
				*error = f->locals[i]->failure;
			return f->locals[i]->failure.code;
		}
	return 0;
}

/* Moves a sorted log to the end of a tally. */
static int take_log(struct nr_tally *into, struct nr_window *w, struct nr_error *error)
{
	int e = 0;
	if (nr_tally_count(into) || into->words.area != w->log.words.area) {
		e = nr_tally_append(into, &w->log, error);
		nr_tally_fini(&w->log);
	} else { /* no copy */
		const struct nr_tally before = *into;
		nr_tally_fini(into);
		*into = w->log;
		into->limit = before.limit;
		into->keeper = before.keeper;
		nr_tally_init(&w->log, before.words.area);
	}
	w->open = false;
	return e;
}

static struct nr_window *window_of(const struct flush *f, size_t local, int64_t number)
{
	struct nr_window *w = &f->locals[local]->windows[(uint64_t)number % NR_WINDOWS_OPEN];
	return w->open && w->number == number ? w : NULL;
}

/* Their content is in the day: the logs are empty from here on. */
static void close_window(const struct flush *f, int64_t number)
{
	for (size_t i = 0; i < f->count; i++) {
		struct nr_window *w = window_of(f, i, number);
		if (!w)
			continue;
		w->open = false;
		nr_tally_fini(&w->log);
	}
	f->merged->merged_window = NR_NO_WINDOW;
}

/* In areas logs stay until all are copied, so that the process may end at any instruction: before the mark
 * the merge is done anew, after it the logs are closed. */
static int merge_window(const struct flush *f, int64_t number, struct nr_tally *into, struct nr_error *error)
{
	bool in_area = f->merged->area != NULL;
	int e = 0;
	if (in_area)
		nr_tally_fini(into);
	into->keeper = &f->merged->keeper;
	for (size_t i = 0; !e && i < f->count; i++) {
		struct nr_window *w = window_of(f, i, number);
		if (w)
			e = in_area ? nr_tally_append(into, &w->log, error) : take_log(into, w, error);
	}
	if (!e)
		e = nr_tally_sort(into, error);
	NR_IN_ORDER();
	if (!e && in_area)
		f->merged->merged_window = number;
	return e;
}

static struct nr_merged_day *merged_day(struct nr_merged *m, nr_time start)
{
	struct nr_merged_day *day = &m->days[(uint64_t)(start / NR_DAY) & 1];
	if (!day->open) {
		day->start = start;
		day->hours_emitted = 0;
		for (size_t i = 0; i < NR_WINDOWS_PER_DAY; i++)
			nr_tally_init(&day->windows[i], m->area);
		nr_rest_init(&day->rest, m->area);
		NR_IN_ORDER();
		day->open = true;
	}
	return day;
}

static size_t day_bytes(const struct nr_merged_day *day)
{
	size_t bytes = 0;
	for (size_t i = 0; i < NR_WINDOWS_PER_DAY; i++)
		bytes += nr_tally_bytes(&day->windows[i]);
	return bytes;
}

static struct nr_tally_shares day_shares(const struct nr_merged_day *day)
{
	struct nr_tally_shares sum = {0};
	for (size_t i = 0; i < NR_WINDOWS_PER_DAY; i++) {
		struct nr_tally_shares shares = nr_tally_shares(&day->windows[i]);
		sum.sampled += shares.sampled;
		sum.busy += shares.busy;
	}
	return sum;
}

/* Hour by hour, so that what the sample leaves out does not pile up. Windows before `settled` alone are
 * folded.
 */
static int thin_day(struct nr_merged_day *day, unsigned settled, struct nr_error *error)
{
	int e = 0;
	for (unsigned i = 0; !e && i < NR_WINDOWS_PER_DAY; i++) {
		struct nr_tally *window = &day->windows[i];
		if (window->level < day->level || window->busy_level < day->busy_level) {
			e = nr_tally_thin(window, day->level, day->busy_level, error);
			nr_tally_trim(window);
		}
		unsigned hour = i - i % NR_WINDOWS_PER_HOUR;
		if (!e && i + 1 == hour + NR_WINDOWS_PER_HOUR && hour < settled)
			e = nr_rest_fold(day, hour, NR_MIN(i + 1, settled), error);
	}
	return e;
}

/* A day's windows are kept until its end, as a sample where they would not fit: first those that have come
 * since the day became one, at its level. */
static int bound_day(
	const struct flush *f, struct nr_merged_day *day, unsigned settled, struct nr_error *error)
{
	const size_t share = nr_promise(f->conf, NR_PROMISE_DAY, 1);
	int e = day_bytes(day) > share ? thin_day(day, settled, error) : 0;
	while (!e && day_bytes(day) > share) {
		struct nr_tally_shares shares = day_shares(day);
		if (shares.sampled > share / 2 && day->level < NR_LEVEL_MAX)
			day->level++;
		else if (shares.busy > share / 3 && day->busy_level < NR_BUSY_LEVEL_MAX)
			day->busy_level++;
		else
			break;
		e = thin_day(day, settled, error);
	}
	return e;
}

/* Without rows a window is a day, and each worker's part of it stays apart: nobody needs them in one order.
 */
static int take_day(const struct flush *f, struct nr_merged_day *day, int64_t number, struct nr_error *error)
{
	int e = 0;
	for (size_t i = 0; !e && i < f->count; i++) {
		if (!window_of(f, i, number))
			continue;
		day->parts[i].limit = NR_PROMISE_THIN(f->locals[i]->log_bytes);
		day->parts[i].keeper = &f->locals[i]->keeper;
		e = take_log(&day->parts[i], window_of(f, i, number), error);
	}
	return e;
}

/* A predecessor that ended after the merge has left the rest to do; its detectors may have seen the window.
 */
static int finish_window(struct flush *f, int64_t number, struct nr_error *error)
{
	nr_time step = f->locals[0]->step, start = number * step;
	struct nr_merged_day *day = merged_day(f->merged, nr_time_floor(start, NR_DAY));
	if (!f->sink)
		return take_day(f, day, number, error);
	unsigned index = (unsigned)((start - day->start) / step);
	struct nr_tally *tally = &day->windows[index];
	bool merged = f->merged->merged_window == number;
	int e = nr_rest_settle(day, error);
	if (!e && !merged)
		e = merge_window(f, number, tally, error);
	if (e)
		return e;
	struct nr_step emit = {f->conf, f->merged, f->sink, NR_STEP_WINDOW, start, NR_TRAFFIC_ALL};
	e = nr_telescope_emit(&emit, tally, error);
	struct nr_early_window early = {
		f->conf, f->merged, f->sink, start, tally, start == day->start ? NULL : tally - 1};
	if (!e && !merged)
		e = nr_early_window(&early, error);
	if (e)
		return e;
	close_window(f, number);
	f->windows_finished = true;
	/* early warning looks at two windows as one slot: until it has, the first stays as it is */
	unsigned settled = index + 1 - (index + 1) % 2;
	e = nr_rest_fold(day, index - index % NR_WINDOWS_PER_HOUR, settled, error);
	return e ? e : bound_day(f, day, settled, error);
}

/* ---- hours and days ---- */

static int emit_hour(
	const struct flush *f, const struct nr_merged_day *day, unsigned hour, struct nr_error *error)
{
	NR_AUTO(nr_tally_fini) struct nr_tally tally = {0};
	int e = nr_tally_append(&tally, nr_rest_of_hour(&day->rest, hour), error);
	for (unsigned i = 0; !e && i < NR_WINDOWS_PER_HOUR; i++)
		e = nr_tally_append(&tally, &day->windows[hour * NR_WINDOWS_PER_HOUR + i], error);
	if (!e)
		e = nr_tally_sort(&tally, error);
	struct nr_step emit = {
		f->conf, f->merged, f->sink, NR_STEP_HOUR, day->start + hour * NR_HOUR, NR_TRAFFIC_ALL};
	return e ? e : nr_telescope_emit(&emit, &tally, error);
}

static int finish_hours(const struct flush *f, struct nr_merged_day *day, struct nr_error *error)
{
	int e = nr_rest_settle(day, error);
	if (!e)
		e = nr_rest_end_hours(day, error);
	while (!e && day->hours_emitted < 24) {
		if (f->final != NR_TIME_MAX && day->start + (day->hours_emitted + 1) * NR_HOUR > f->final)
			break;
		e = emit_hour(f, day, day->hours_emitted, error);
		if (e)
			break;
		day->hours_emitted++;
		e = nr_rest_end_hours(day, error);
	}
	if (e)
		return e;
	/* questions are answered from hours: who watches sees the one that runs, too, window by window */
	if (f->conf->refs->endless && f->windows_finished && day->hours_emitted < 24)
		return emit_hour(f, day, day->hours_emitted, error);
	return 0;
}

static void close_local_day(struct nr_local *l, nr_time start)
{
	struct nr_day *day = &l->days[(uint64_t)(start / NR_DAY) & 1];
	if (!day->open || day->start != start)
		return;
	l->sources_expected = day->table4.used;
	day->open = false;
	NR_IN_ORDER();
	nr_admit_close_day(l, day);
	nr_suspects_fini(&day->suspects);
	nr_own_fini(&day->own);
	nr_ipv6_day_fini(&day->ipv6);
	*day = (struct nr_day){0};
	nr_usual_forget(&l->usual, l->packets);
	if (l->day == day) {
		l->day = NULL;
		nr_local_leave_window(l);
	}
}

static int finish_day(struct flush *f, struct nr_merged_day *day, struct nr_error *error)
{
	bool unfinished = f->conf->refs->endless && f->final == NR_TIME_MAX;
	struct nr_day_end end = {f->conf, f->locals, f->count, f->merged, day, f->sink, f->crew, unfinished};
	int e = day->told ? 0 : nr_day_finish(&end, error);
	if (e && f->merged->area)
		return e; /* once more at the next flush, or by a successor */
	day->told = true;
	NR_IN_ORDER();
	for (size_t i = 0; i < f->count; i++)
		close_local_day(f->locals[i], day->start);
	nr_merged_day_fini(day);
	f->days_finished++;
	f->merged->days_folded++;
	return e;
}

static int finish_days(struct flush *f, struct nr_error *error)
{
	struct nr_merged *m = f->merged;
	size_t first = m->days[0].open && m->days[1].open && m->days[1].start < m->days[0].start;
	for (size_t i = 0; i < 2; i++) {
		struct nr_merged_day *day = &m->days[(first + i) & 1];
		if (!day->open)
			continue;
		int e = f->sink ? finish_hours(f, day, error) : 0;
		if (!e && (f->final == NR_TIME_MAX || day->start + NR_DAY <= f->final))
			e = finish_day(f, day, error);
		if (e)
			return e;
	}
	return 0;
}

/* ---- victims ---- */

static int compare_victims(const void *a, const void *b)
{
	const struct nr_victim *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	int c = memcmp(&x->address, &y->address, sizeof x->address);
	return c ? c : x->protocol - y->protocol;
}

static void keep_carpet(void *context, const struct nr_carpet *carpet)
{
	struct nr_merged *m = context;
	struct nr_carpet *kept = nr_kept_add(&m->carpet_attacks);
	if (kept)
		*kept = *carpet;
}

static int compare_carpets(const void *a, const void *b)
{
	const struct nr_carpet *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return x->length != y->length ? x->length - y->length : x->protocol - y->protocol;
}

/* Before victims end: those who are one of their own do not make a carpet. */
static int finish_carpets(const struct flush *f, nr_time end, struct nr_error *error)
{
	struct nr_merged *m = f->merged;
	size_t first = m->carpet_attacks.count;
	struct nr_carpet_cells *cells[NR_PARTS_MAX];
	for (size_t i = 0; i < f->count; i++)
		cells[i] = &f->locals[i]->carpet_cells;
	const struct nr_carpet_context context = {
		f->conf->refs->dark_addresses, cells, f->count, nr_carpet_singles, keep_carpet, m};
	nr_carpets_take(&m->carpets, &context, end);
	if (m->carpet_attacks.count == first)
		return 0;
	qsort(m->carpet_attacks.items + first, m->carpet_attacks.count - first,
		sizeof *m->carpet_attacks.items, compare_carpets);
	return nr_findings_of_carpets(f->conf, m, first, f->sink, error);
}

static int finish_victims(const struct flush *f, nr_time end, struct nr_error *error)
{
	struct nr_merged *m = f->merged;
	size_t first = m->victims.count, burst_first = m->bursts.count;
	for (size_t i = 0; i < f->count; i++) {
		struct nr_victims *v = &f->locals[i]->victims;
		nr_victims_expire(v, end);
		for (size_t k = 0; k < v->ended_count; k++) {
			struct nr_victim *kept = nr_victim_is_attack(&v->ended[k]) ? nr_kept_add(&m->victims)
										   : nr_kept_add(&m->bursts);
			if (kept)
				*kept = v->ended[k];
		}
		v->ended_count = 0;
	}
	/* tables have no order of their own: the same input must give the same list */
	if (m->bursts.count > burst_first)
		qsort(m->bursts.items + burst_first, m->bursts.count - burst_first, sizeof *m->bursts.items,
			compare_victims);
	if (m->victims.count == first)
		return 0;
	qsort(m->victims.items + first, m->victims.count - first, sizeof *m->victims.items, compare_victims);
	return nr_findings_of_victims(f->conf, m, first, f->sink, error);
}

/* ---- the flush ----
 * A reading can be repeated, so its rows are made durable day by day, not window by window. */

int nr_telescope_flush(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
	struct nr_sink *sink, struct nr_error *error)
{
	struct flush f = {conf, (struct nr_local *const *)locals, count, end, NULL,
		((struct nr_local *)locals[0])->merged, crew, 0};
	f.sink = f.conf->refs->store ? sink : NULL;
	if (f.sink && f.conf->refs->live)
		f.sink->session = f.merged->session;
	f.merged->locals = f.locals;
	f.merged->local_count = count;
	f.merged->summed = is_summed(&f);
	int e = ready_windows(&f, error);
	if (!e && f.merged->merged_window != NR_NO_WINDOW)
		e = finish_window(&f, f.merged->merged_window, error);
	for (int64_t number = 0; !e && next_window(&f, &number);)
		e = finish_window(&f, number, error);
	if (!e)
		e = finish_carpets(&f, f.final, error);
	if (!e)
		e = finish_victims(&f, f.final, error);
	if (!e)
		e = finish_days(&f, error);
	if (!e && f.sink && f.days_finished)
		e = f.sink->commit(f.sink, error);
	if (!e && f.conf->refs->endless)
		nr_merged_forget_run(f.merged, f.conf);
	for (size_t i = 0; i < count && end != NR_TIME_MAX; i++) {
		f.locals[i]->open_from = f.final;
		nr_local_open(f.locals[i]);
	}
	return e;
}
