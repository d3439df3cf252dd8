/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/collect/timers.h"

#define LOOKED_AT     32   /* rows of a call */
#define CALLS_ALL     4096 /* after so many calls one in 16 is looked at */
#define ENOUGH        20   /* records at the mode */
#define SHORTEST      5    /* seconds: timers are not shorter */
#define LONGEST       7200
#define REASON_IDLE   1
#define REASON_ACTIVE 2
#define WINDOW        (10 * NR_MINUTE)

void nr_flow_timers_learn(
	struct nr_flow_timers *timers, const struct nr_template *template, const struct nr_value *values)
{
	for (unsigned i = 0; i < template->count; i++) {
		const struct nr_element *field = &template->fields[i];
		if (field->enterprise || (field->id != 36 && field->id != 37))
			continue;
		uint64_t seconds = nr_value_uint(&values[i]);
		if (seconds == 0 || seconds > 86400)
			continue; /* nobody's timer */
		*(field->id == 36 ? &timers->active_told : &timers->inactive_told) = (uint32_t)seconds;
	}
}

/* ---- learnt from records ---- */

/* The most frequent durations: a new one takes the place of the least (SpaceSaving). */
static void count(struct nr_flow_timer_bins *bins, int64_t us)
{
	int64_t seconds = (us + NR_SECOND / 2) / NR_SECOND;
	if (seconds < SHORTEST || seconds > LONGEST)
		return;
	unsigned least = 0;
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		if (bins->bins[i].count && bins->bins[i].seconds == seconds) {
			least = i;
			break;
		}
		if (bins->bins[i].count < bins->bins[least].count)
			least = i;
	}
	bins->bins[least].seconds = (uint16_t)seconds;
	if (bins->bins[least].count < UINT32_MAX)
		bins->bins[least].count++;
	bins->total += bins->total < UINT32_MAX;
}

void nr_flow_timers_observe(struct nr_flow_timers *timers, const struct nr_flow_block *block, uint32_t row,
	uint32_t rows, nr_time exported)
{
	const nr_time *first = nr_flow_column(block, NR_FLOW_FIRST);
	const nr_time *last = nr_flow_column(block, NR_FLOW_LAST);
	const uint8_t *reason = nr_flow_column(block, NR_FLOW_END_REASON);
	const uint16_t *marks = nr_flow_column(block, NR_FLOW_MARKS);
	if (!first || !last || (timers->calls++ >= CALLS_ALL && timers->calls % 16))
		return;
	for (uint32_t i = row; i < row + NR_MIN(rows, (uint32_t)LOOKED_AT); i++) {
		const uint16_t not_own = NR_FLOW_MARK_TIME_OF_EXPORT | NR_FLOW_MARK_TIME_SUSPECT |
					 NR_FLOW_MARK_PACKET | NR_FLOW_MARK_EVENT;
		int64_t duration, age;
		if ((marks && marks[i] & not_own) || __builtin_sub_overflow(last[i], first[i], &duration) ||
			__builtin_sub_overflow(exported, last[i], &age))
			continue;
		unsigned why = reason ? reason[i] : 0;
		if (why == REASON_ACTIVE)
			count(&timers->active_reason, duration);
		count(&timers->active_any, duration);
		if (why == REASON_IDLE || (why == 0 && duration < SHORTEST * NR_SECOND))
			count(&timers->inactive, age);
	}
}

static uint32_t around(const struct nr_flow_timer_bins *bins, uint32_t seconds)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		uint32_t at = bins->bins[i].seconds;
		if (bins->bins[i].count && at + 1 >= seconds && at <= seconds + 1)
			sum += bins->bins[i].count;
	}
	return sum;
}

/* The second around which most are, if they are enough; `share`: of all, at least one in so many. */
static uint32_t mode(const struct nr_flow_timer_bins *bins, uint32_t share)
{
	uint32_t best = 0, best_sum = 0, best_count = 0;
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		uint32_t sum = bins->bins[i].count ? around(bins, bins->bins[i].seconds) : 0;
		bool more = sum > best_sum || (sum == best_sum && bins->bins[i].count > best_count);
		if (sum && more) {
			best = bins->bins[i].seconds;
			best_sum = sum;
			best_count = bins->bins[i].count;
		}
	}
	return best_sum >= ENOUGH && best_sum >= bins->total / share ? best : 0;
}

/* What lasts longer than a true active timeout by more than its rounding is nearly nothing. */
static bool is_ceiling(const struct nr_flow_timer_bins *bins, uint32_t seconds)
{
	uint32_t longer = 0;
	for (unsigned i = 0; i < NR_FLOW_TIMER_BINS; i++) {
		if (bins->bins[i].seconds > seconds + NR_MAX(2u, seconds / 10))
			longer += bins->bins[i].count;
	}
	return longer <= bins->total / 50;
}

static uint32_t answer(uint32_t told, uint32_t learnt, enum nr_flow_timers_from *ret_from)
{
	*ret_from = told ? NR_FLOW_TIMERS_OPTIONS : learnt ? NR_FLOW_TIMERS_LEARNT : NR_FLOW_TIMERS_UNKNOWN;
	return told ? told : learnt;
}

uint32_t nr_flow_timers_active(const struct nr_flow_timers *timers, enum nr_flow_timers_from *ret_from)
{
	uint32_t learnt = 0;
	if (!timers->active_told) {
		bool says = timers->active_reason.total >= ENOUGH;
		learnt = mode(says ? &timers->active_reason : &timers->active_any, says ? 4 : 10);
		if (!says && learnt && !is_ceiling(&timers->active_any, learnt))
			learnt = 0;
	}
	return answer(timers->active_told, learnt, ret_from);
}

uint32_t nr_flow_timers_inactive(const struct nr_flow_timers *timers, enum nr_flow_timers_from *ret_from)
{
	return answer(
		timers->inactive_told, timers->inactive_told ? 0 : mode(&timers->inactive, 4), ret_from);
}

/* ---- the clock ---- */

void nr_flow_timers_clock(struct nr_flow_timers *timers, nr_time exported, nr_time received)
{
	int64_t offset;
	if (__builtin_sub_overflow(exported, received, &offset))
		return;
	bool begins = timers->offsets == 0;
	if (begins || received - timers->window >= WINDOW || received < timers->window) {
		timers->offset[1] = timers->offset[0];
		timers->offset[0] = offset;
		timers->offsets = (uint8_t)(begins || received - timers->window >= 2 * WINDOW ? 1 : 2);
		timers->window = received;
	}
	timers->offset[0] = NR_MAX(timers->offset[0], offset);
}

bool nr_flow_timers_offset(const struct nr_flow_timers *timers, int64_t *ret_offset)
{
	if (!timers->offsets)
		return false;
	int64_t offset = timers->offset[0];
	if (timers->offsets == 2)
		offset = NR_MAX(offset, timers->offset[1]);
	*ret_offset = offset;
	return true;
}
