/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of exporters, told and learnt; their clocks. */
#include "sense/flow/collect/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint32_t random_state;
static uint32_t chance(uint32_t below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

static void test_told(void **state)
{
	(void)state;
	struct nr_flow_timers timers = {0};
	struct nr_template template = {
		.options = true, .count = 3, .fields = {{0, 143, 4}, {0, 36, 2}, {0, 37, 2}}};
	uint8_t bytes[3][4] = {{1}, {7, 8}, {0, 15}};
	struct nr_value values[3] = {{bytes[0], 4}, {bytes[1], 2}, {bytes[2], 2}};
	enum nr_flow_timers_from from;
	assert_int_equal(nr_flow_timers_active(&timers, &from), 0);
	assert_int_equal(from, NR_FLOW_TIMERS_UNKNOWN);
	nr_flow_timers_learn(&timers, &template, values);
	assert_int_equal(nr_flow_timers_active(&timers, &from), 1800);
	assert_int_equal(from, NR_FLOW_TIMERS_OPTIONS);
	assert_int_equal(nr_flow_timers_inactive(&timers, &from), 15);
}

/* A cache with timers: short flows end by silence, long ones are cut again and again. */
struct cache {
	uint32_t active_s, inactive_s; /* active 0: nothing is cut */
	bool reasons;
	uint32_t one_in; /* sampled: the last packet comes before the cut */
};

static void run_cache(struct nr_flow_timers *timers, const struct cache *cache)
{
	struct nr_flow_block *block = NULL;
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM_UNIT, &block, NULL), 0);
	uint64_t columns = NR_FLOW_BIT(FIRST) | NR_FLOW_BIT(LAST);
	columns |= cache->reasons ? NR_FLOW_BIT(END_REASON) : 0;
	for (uint32_t call = 0; call < 1000; call++) {
		nr_flow_block_clear(block);
		nr_flow_rows_open(block, 24, columns);
		nr_time *first = nr_flow_column_at(block, NR_FLOW_FIRST),
			*last = nr_flow_column_at(block, NR_FLOW_LAST);
		uint8_t *reason = nr_flow_column_at(block, NR_FLOW_END_REASON);
		nr_time exported = (nr_time)(1700000000 + call) * NR_SECOND;
		for (uint32_t i = 0; i < 24; i++) {
			bool cut = cache->active_s && chance(8) == 0;
			int64_t age, length;
			if (cut) {
				age = chance(100000 * cache->one_in);
				length = (int64_t)cache->active_s * NR_SECOND - age;
			} else {
				age = (int64_t)cache->inactive_s * NR_SECOND + chance(1000000);
				length = chance(4) ? chance(3000000)
						   : chance(cache->active_s ? cache->active_s * 900000
									    : 600000000);
			}
			last[i] = exported - age;
			first[i] = last[i] - length;
			if (cache->reasons)
				reason[i] = cut ? 2 : chance(3) ? 1 : 3;
			if (cache->reasons && reason[i] == 3)
				last[i] = exported - chance(100000);
		}
		nr_flow_timers_observe(timers, block, 0, 24, exported);
		nr_flow_rows_close(block, 24);
	}
	nr_flow_block_free(block);
}

static void test_learnt(void **state)
{
	(void)state;
	static const struct cache caches[] = {
		{60, 15, true, 1},
		{60, 15, false, 1},
		{1800, 15, true, 1},
		{1800, 15, false, 1},
		{300, 30, true, 10},
		{120, 60, false, 10},
		{0, 15, false, 1},
	};
	for (size_t i = 0; i < NR_COUNT(caches); i++) {
		struct nr_flow_timers timers = {0};
		enum nr_flow_timers_from from;
		random_state = 1;
		run_cache(&timers, &caches[i]);
		uint32_t active = nr_flow_timers_active(&timers, &from);
		bool is_learnt = from == NR_FLOW_TIMERS_LEARNT;
		uint32_t inactive = nr_flow_timers_inactive(&timers, &from);
		if (is_learnt != (caches[i].active_s != 0) || active + 1 < caches[i].active_s ||
			active > caches[i].active_s || inactive < caches[i].inactive_s ||
			inactive > caches[i].inactive_s + 1)
			fail_msg("%u/%u: learnt %u/%u", caches[i].active_s, caches[i].inactive_s, active,
				inactive);
	}
}

static void test_clock(void **state)
{
	(void)state;
	struct nr_flow_timers timers = {0};
	int64_t offset;
	assert_false(nr_flow_timers_offset(&timers, &offset));
	random_state = 3;
	/* two and a half hours, not in step with seconds; the clock is 7 s ahead, then set to 3 s behind;
	 * delays up to 200 ms; whole seconds */
	nr_time received = 1700000000 * NR_SECOND;
	for (uint32_t i = 0; i < 9000; i++, received += 987654 + chance(1000)) {
		int64_t ahead = i < 4000 ? 7 * NR_SECOND : -3 * NR_SECOND;
		nr_time exported = received + ahead - chance(200000);
		nr_flow_timers_clock(&timers, nr_time_floor(exported, NR_SECOND), received);
		if (i == 3999) {
			assert_true(nr_flow_timers_offset(&timers, &offset));
			assert_in_range(offset, 6900000, 7000000);
		}
	}
	assert_true(nr_flow_timers_offset(&timers, &offset));
	assert_in_range(-offset, 3000000, 3100000);
	nr_flow_timers_clock(&timers, NR_TIME_MAX, -5); /* what cannot be subtracted is nothing */
	assert_true(nr_flow_timers_offset(&timers, &offset));
	assert_in_range(-offset, 3000000, 3100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_learnt),
		cmocka_unit_test(test_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
