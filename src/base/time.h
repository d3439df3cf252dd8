/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is int64 microseconds since 1970-01-01 UTC everywhere in C (RFC 3339 outside). No leap seconds, no
 * local zone.
 */
#ifndef NR_BASE_TIME_H
#define NR_BASE_TIME_H

#include "base/error.h"

typedef int64_t nr_time; /* us UTC; the one typedef of the house: a unit, not a struct */

#define NR_SECOND   INT64_C(1000000)
#define NR_MINUTE   (60 * NR_SECOND)
#define NR_HOUR     (60 * NR_MINUTE)
#define NR_DAY      (24 * NR_HOUR)
#define NR_TIME_MIN INT64_MIN /* "not known", "from the beginning" */
#define NR_TIME_MAX INT64_MAX /* "without end" */

#define NR_TIME_TEXT 32 /* bytes that hold any printed time with its NUL */

/* Floor to a multiple of step (step > 0), right for times before 1970 too. */
NR_INLINE nr_time nr_time_floor(nr_time t, nr_time step)
{
	nr_time r = t % step;
	return t - (r < 0 ? r + step : r);
}

/* "2026-01-02T03:04:05.000006Z" (RFC 3339, UTC, always six decimals). Years outside 0001..9999 are clamped.
 */
const char *nr_time_write(nr_time t, char text[static NR_TIME_TEXT]);

/* RFC 3339 date-time with any offset, or a date alone (midnight UTC), or Unix seconds with decimals. */
int nr_time_parse(const char *text, nr_time *ret_time, struct nr_error *error);

/* "90", "90s", "5m", "1h", "7d" -> us. */
int nr_duration_parse(const char *text, nr_time *ret_duration, struct nr_error *error);

nr_time nr_time_now(void); /* wall clock */

#endif
