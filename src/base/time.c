/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define TIME_YEAR_1   (INT64_C(-62135596800) * NR_SECOND)     /* 0001-01-01T00:00:00Z */
#define TIME_YEAR_END (INT64_C(253402300800) * NR_SECOND - 1) /* 9999-12-31T23:59:59.999999Z */

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted in years that begin in March
 * (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_from_date(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t day_of_era = days - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153;
	*ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
	*ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

static char *digits_write(char *out, unsigned width, unsigned value)
{
	for (unsigned i = width; i-- > 0; value /= 10)
		out[i] = (char)('0' + value % 10);
	return out + width;
}

const char *nr_time_write(nr_time t, char text[static NR_TIME_TEXT])
{
	t = NR_MAX(NR_MIN(t, TIME_YEAR_END), TIME_YEAR_1);
	nr_time midnight = nr_time_floor(t, NR_DAY);
	unsigned second = (unsigned)((t - midnight) / NR_SECOND);
	unsigned fraction = (unsigned)((t - midnight) % NR_SECOND);
	int year, month, day;
	date_from_days(midnight / NR_DAY, &year, &month, &day);

	char *p = digits_write(text, 4, (unsigned)year);
	*p++ = '-';
	p = digits_write(p, 2, (unsigned)month);
	*p++ = '-';
	p = digits_write(p, 2, (unsigned)day);
	*p++ = 'T';
	p = digits_write(p, 2, second / 3600);
	*p++ = ':';
	p = digits_write(p, 2, second / 60 % 60);
	*p++ = ':';
	p = digits_write(p, 2, second % 60);
	*p++ = '.';
	p = digits_write(p, 6, fraction);
	*p++ = 'Z';
	*p = '\0';
	return text;
}

/* Reads exactly width digits. */
static bool digits_read(const char **p, unsigned width, int *ret_value)
{
	int value = 0;
	for (unsigned i = 0; i < width; i++) {
		char c = (*p)[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*p += width;
	*ret_value = value;
	return true;
}

static bool char_read(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* ".123456789" -> 123456 us; digits after the sixth are cut. No dot: 0. */
static bool fraction_read(const char **p, int *ret_us)
{
	int us = 0, weight = 100000;
	if (char_read(p, '.')) {
		if (**p < '0' || **p > '9')
			return false;
		for (; **p >= '0' && **p <= '9'; (*p)++, weight /= 10)
			us += (**p - '0') * weight;
	}
	*ret_us = us;
	return true;
}

static int month_days(int year, int month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

static bool date_read(const char **p, int64_t *ret_days)
{
	int year, month, day;
	if (!digits_read(p, 4, &year) || !char_read(p, '-') || !digits_read(p, 2, &month) ||
		!char_read(p, '-') || !digits_read(p, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
		return false;
	*ret_days = days_from_date(year, month, day);
	return true;
}

/* "Z" or "+09:00" -> seconds east of UTC. */
static bool offset_read(const char **p, int *ret_seconds)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;
	if (char_read(p, 'Z') || char_read(p, 'z')) {
		*ret_seconds = 0;
		return true;
	}
	if (!char_read(p, '+') && !char_read(p, '-'))
		return false;
	if (!digits_read(p, 2, &hours) || !char_read(p, ':') || !digits_read(p, 2, &minutes) || hours > 23 ||
		minutes > 59)
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* RFC 3339, section 5.6. Second 60 (a leap second) is the first one of the next minute, as in POSIX time. */
static bool rfc3339_read(const char *p, nr_time *ret_time)
{
	int64_t days;
	int hour = 0, minute = 0, second = 0, us = 0, offset = 0;
	if (!date_read(&p, &days))
		return false;
	if (*p != '\0') {
		if (!char_read(&p, 'T') && !char_read(&p, 't') && !char_read(&p, ' '))
			return false;
		if (!digits_read(&p, 2, &hour) || !char_read(&p, ':') || !digits_read(&p, 2, &minute) ||
			!char_read(&p, ':') || !digits_read(&p, 2, &second) || !fraction_read(&p, &us) ||
			!offset_read(&p, &offset) || *p != '\0')
			return false;
		if (hour > 23 || minute > 59 || second > 60)
			return false;
	}
	int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset;
	*ret_time = seconds * NR_SECOND + us;
	return true;
}

/* Digits without sign, at most limit. 1: read, 0: no digit here, -1: over the limit. */
static int uint_read(const char **p, int64_t limit, int64_t *ret_value)
{
	int64_t value = 0;
	const char *start = *p;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		int digit = **p - '0';
		if (value > (limit - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return *p != start;
}

int nr_time_parse(const char *text, nr_time *ret_time, struct nr_error *error)
{
	if (rfc3339_read(text, ret_time))
		return 0;
	const char *p = text;
	bool negative = char_read(&p, '-');
	int64_t seconds;
	int us;
	int digits = uint_read(&p, INT64_MAX / NR_SECOND - 1, &seconds);
	if (digits < 0)
		return nr_fail(error, -ERANGE, "%.60s: time is out of range", text);
	if (digits == 0 || !fraction_read(&p, &us) || *p != '\0')
		return nr_fail(error, -EINVAL,
			"%.60s: not a time; write 2026-01-02T03:04:05Z, 2026-01-02 or Unix seconds", text);
	nr_time value = seconds * NR_SECOND + us;
	*ret_time = negative ? -value : value;
	return 0;
}

int nr_duration_parse(const char *text, nr_time *ret_duration, struct nr_error *error)
{
	static const struct {
		const char *suffix;
		nr_time unit;
	} units[] = {{"", NR_SECOND}, {"s", NR_SECOND}, {"m", NR_MINUTE}, {"h", NR_HOUR}, {"d", NR_DAY}};
	const char *p = text;
	int64_t value;
	int digits = uint_read(&p, INT64_MAX, &value);
	for (size_t i = 0; digits != 0 && i < NR_COUNT(units); i++) {
		if (digits > 0 && strcmp(p, units[i].suffix) != 0)
			continue;
		if (digits < 0 || value > (NR_TIME_MAX - 1) / units[i].unit)
			return nr_fail(error, -ERANGE, "%.60s: duration is out of range", text);
		*ret_duration = value * units[i].unit;
		return 0;
	}
	return nr_fail(error, -EINVAL, "%.60s: not a duration; write 90s, 5m, 1h or 7d", text);
}

nr_time nr_time_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (nr_time)now.tv_sec * NR_SECOND + now.tv_nsec / 1000;
}
