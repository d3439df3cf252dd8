/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar months, UTC: days since 1970 to year and month and back (H. Hinnant, chrono-compatible date
 * algorithms, 2021). */
#include "store/packs.h"

#define DAYS_OF_ERA   146097 /* 400 years */
#define DAYS_TO_MARCH 719468 /* from 0000-03-01 to 1970-01-01 */

/* Months since 0000-03. */
static int64_t month_of(int64_t day)
{
	day += DAYS_TO_MARCH;
	int64_t era = (day >= 0 ? day : day - (DAYS_OF_ERA - 1)) / DAYS_OF_ERA;
	int64_t of_era = day - era * DAYS_OF_ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	return (era * 400 + year) * 12 + (5 * of_year + 2) / 153;
}

static int64_t first_day_of(int64_t month)
{
	int64_t year = (month >= 0 ? month : month - 11) / 12, of_year = month - year * 12;
	int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int64_t day = of_era * 365 + of_era / 4 - of_era / 100 + (153 * of_year + 2) / 5;
	return era * DAYS_OF_ERA + day - DAYS_TO_MARCH;
}

nr_time nr_month_floor(nr_time time)
{
	return first_day_of(month_of(nr_time_floor(time, NR_DAY) / NR_DAY)) * NR_DAY;
}

nr_time nr_month_next(nr_time time)
{
	return first_day_of(month_of(nr_time_floor(time, NR_DAY) / NR_DAY) + 1) * NR_DAY;
}

/* ---- the ladder ---- */

const uint32_t nr_rolled_steps[NR_ROLLED] = {NR_STEP_THIRD, NR_STEP_MONTH, NR_STEP_QUARTER};

static nr_time add_months(nr_time time, int64_t months)
{
	return first_day_of(month_of(nr_time_floor(time, NR_DAY) / NR_DAY) + months) * NR_DAY;
}

nr_time nr_rolled_floor(uint32_t step, nr_time time)
{
	nr_time month = nr_month_floor(time), of_month = time - month;
	if (step == NR_STEP_THIRD)
		return month + (of_month < 10 * NR_DAY ? 0 : of_month < 20 * NR_DAY ? 10 : 20) * NR_DAY;
	if (step == NR_STEP_MONTH)
		return month;
	/* months are counted from March of year 0: (month + 2) % 3 is 0 for January, April, July, October */
	int64_t since_january = (month_of(month / NR_DAY) + 2) % 3;
	return add_months(month, -(since_january < 0 ? since_january + 3 : since_january));
}

nr_time nr_rolled_next(uint32_t step, nr_time time)
{
	nr_time start = nr_rolled_floor(step, time);
	if (step == NR_STEP_THIRD)
		return start - nr_month_floor(start) < 20 * NR_DAY ? start + 10 * NR_DAY
								   : nr_month_next(start);
	return add_months(start, step == NR_STEP_MONTH ? 1 : 3);
}
