/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/telescope/rest.h"
#include "sense/telescope/merged.h"

void nr_rest_init(struct nr_rest *rest, struct nr_area *area)
{
	rest->state = (struct nr_rest_state){0};
	for (size_t i = 0; i < 2; i++) {
		nr_tally_init(&rest->hour[i], area);
		nr_tally_init(&rest->day[i], area);
	}
}

void nr_rest_fini(struct nr_rest *rest)
{
	for (size_t i = 0; i < 2; i++) {
		nr_tally_fini(&rest->hour[i]);
		nr_tally_fini(&rest->day[i]);
	}
}

const struct nr_tally *nr_rest_of_hour(const struct nr_rest *rest, unsigned hour)
{
	static const struct nr_tally none = {0};
	return rest->state.hour == hour ? &rest->hour[rest->state.hour_at] : &none;
}

int nr_rest_append(const struct nr_rest *rest, struct nr_tally *into, struct nr_error *error)
{
	int e = nr_tally_append(into, &rest->hour[rest->state.hour_at], error);
	return e ? e : nr_tally_append(into, &rest->day[rest->state.day_at], error);
}

/* From here on the other sums count. */
static void commit(struct nr_rest *rest, struct nr_rest_state state)
{
	NR_IN_ORDER();
	__atomic_store(&rest->state, &state, __ATOMIC_RELAXED);
	NR_IN_ORDER();
	nr_tally_fini(&rest->hour[!state.hour_at]);
	nr_tally_fini(&rest->day[!state.day_at]);
}

static int add_window(struct nr_tally *into, const struct nr_tally *window, struct nr_error *error)
{
	for (size_t i = 0; i < window->wides.count; i++) {
		const struct nr_wide *w = &window->wides.items[i];
		struct nr_tally_sum sum = {w->key, w->packets, w->bytes};
		int e = nr_sum_member(&sum) == NR_MEMBER_REST ? nr_tally_add_sum(into, &sum, error) : 0;
		if (e)
			return e;
	}
	return 0;
}

int nr_rest_settle(struct nr_merged_day *day, struct nr_error *error)
{
	struct nr_rest_state state = day->rest.state;
	if (state.stale == state.stale_to)
		return 0;
	for (unsigned i = state.stale; i < state.stale_to; i++) {
		int e = nr_tally_drop_rest(&day->windows[i], error);
		if (e)
			return e;
	}
	state.stale = state.stale_to = 0;
	commit(&day->rest, state);
	return 0;
}

static bool any_rest(const struct nr_merged_day *day, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		const struct nr_wides *wides = &day->windows[i].wides;
		for (size_t k = 0; day->windows[i].level && k < wides->count; k++)
			if ((wides->items[k].key & NR_MEMBER_MASK) == NR_MEMBER_REST)
				return true;
	}
	return false;
}

int nr_rest_fold(struct nr_merged_day *day, unsigned from, unsigned to, struct nr_error *error)
{
	struct nr_rest *rest = &day->rest;
	struct nr_rest_state state = rest->state;
	unsigned hour = from / NR_WINDOWS_PER_HOUR;
	if (hour > state.hour || !any_rest(day, from, to))
		return 0;
	bool told = hour < state.hour;
	struct nr_tally *sums = told ? rest->day : rest->hour;
	uint8_t *at = told ? &state.day_at : &state.hour_at;
	struct nr_tally *into = &sums[!*at];
	nr_tally_fini(into);
	int e = nr_tally_append(into, &sums[*at], error);
	for (unsigned i = from; !e && i < to; i++)
		e = add_window(into, &day->windows[i], error);
	if (!e)
		e = nr_tally_sort(into, error);
	if (e)
		return e;
	nr_tally_trim(into);
	*at = !*at;
	state.stale = (uint16_t)from;
	state.stale_to = (uint16_t)to;
	commit(rest, state);
	return nr_rest_settle(day, error);
}

int nr_rest_end_hours(struct nr_merged_day *day, struct nr_error *error)
{
	struct nr_rest *rest = &day->rest;
	struct nr_rest_state state = rest->state;
	for (; state.hour < day->hours_emitted; state = rest->state) {
		struct nr_tally *into = &rest->day[!state.day_at];
		nr_tally_fini(into);
		int e = nr_rest_append(rest, into, error);
		if (!e)
			e = nr_tally_sort(into, error);
		if (e)
			return e;
		nr_tally_trim(into);
		nr_tally_fini(&rest->hour[!state.hour_at]);
		state.day_at = !state.day_at;
		state.hour_at = !state.hour_at;
		state.hour++;
		commit(rest, state);
		e = nr_rest_fold(
			day, (state.hour - 1) * NR_WINDOWS_PER_HOUR, state.hour * NR_WINDOWS_PER_HOUR, error);
		if (e)
			return e;
	}
	return 0;
}
