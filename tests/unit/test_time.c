/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <time.h>

static void test_write(void **state)
{
	static const struct {
		nr_time time;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1, "1970-01-01T00:00:00.000001Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{951782400 * NR_SECOND, "2000-02-29T00:00:00.000000Z"},
		{951868799 * NR_SECOND + 999999, "2000-02-29T23:59:59.999999Z"},
		{951868800 * NR_SECOND, "2000-03-01T00:00:00.000000Z"},
		{INT64_C(4107542400) * NR_SECOND, "2100-03-01T00:00:00.000000Z"}, /* no leap day in 2100 */
		{INT64_C(4107542399) * NR_SECOND, "2100-02-28T23:59:59.000000Z"},
		{1767323045 * NR_SECOND + 6, "2026-01-02T03:04:05.000006Z"},
		{NR_TIME_MIN, "0001-01-01T00:00:00.000000Z"},
		{NR_TIME_MAX, "9999-12-31T23:59:59.999999Z"},
	};
	char text[NR_TIME_TEXT];
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_string_equal(nr_time_write(cases[i].time, text), cases[i].text);
}

/* Against the C library over 10,000 days around now and far from it. */
static void test_write_like_libc(void **state)
{
	char ours[NR_TIME_TEXT], theirs[NR_TIME_TEXT];
	(void)state;
	for (int64_t day = -700000; day < 2900000; day += 353) {
		time_t seconds = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		struct tm parts;
		assert_non_null(gmtime_r(&seconds, &parts));
		strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
		while (strlen(theirs) < 27) { /* strftime does not pad the year */
			memmove(theirs + 1, theirs, strlen(theirs) + 1);
			theirs[0] = '0';
		}
		assert_string_equal(nr_time_write(seconds * NR_SECOND, ours), theirs);
		nr_time back;
		assert_int_equal(nr_time_parse(ours, &back, NULL), 0);
		assert_int_equal(back, seconds * NR_SECOND);
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		nr_time time;
	} cases[] = {
		{"2026-01-02T03:04:05Z", 1767323045 * NR_SECOND},
		{"2026-01-02t03:04:05z", 1767323045 * NR_SECOND},
		{"2026-01-02 03:04:05Z", 1767323045 * NR_SECOND},
		{"2026-01-02T12:04:05+09:00", 1767323045 * NR_SECOND},
		{"2026-01-01T22:34:05-04:30", 1767323045 * NR_SECOND},
		{"2026-01-02T03:04:05.5Z", 1767323045 * NR_SECOND + 500000},
		{"2026-01-02T03:04:05.000006Z", 1767323045 * NR_SECOND + 6},
		{"2026-01-02T03:04:05.1234569999Z", 1767323045 * NR_SECOND + 123456},
		{"2016-12-31T23:59:60Z", 1483228800 * NR_SECOND}, /* a leap second */
		{"2026-01-02", 1767312000 * NR_SECOND},
		{"2024-02-29", 1709164800 * NR_SECOND},
		{"1767323045", 1767323045 * NR_SECOND},
		{"1767323045.25", 1767323045 * NR_SECOND + 250000},
		{"0", 0},
		{"-1.5", -1500000},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_error error = {0};
		nr_time time = 42;
		if (nr_time_parse(cases[i].text, &time, &error) != 0)
			fail_msg("%s: %s", cases[i].text, error.text);
		if (time != cases[i].time)
			fail_msg("%s: %jd", cases[i].text, (intmax_t)time);
	}
}

static void test_parse_bad(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"", -EINVAL},
		{"-", -EINVAL},
		{"now", -EINVAL},
		{"2026-13-01", -EINVAL},
		{"2026-00-01", -EINVAL},
		{"2026-02-29", -EINVAL},
		{"2100-02-29", -EINVAL},
		{"2026-01-32", -EINVAL},
		{"0000-01-01", -EINVAL},
		{"2026-1-2", -EINVAL},
		{"2026-01-02T03:04Z", -EINVAL},
		{"2026-01-02T03:04:05", -EINVAL},
		{"2026-01-02T24:00:00Z", -EINVAL},
		{"2026-01-02T23:60:00Z", -EINVAL},
		{"2026-01-02T23:59:61Z", -EINVAL},
		{"2026-01-02T03:04:05.Z", -EINVAL},
		{"2026-01-02T03:04:05+9:00", -EINVAL},
		{"2026-01-02T03:04:05+24:00", -EINVAL},
		{"2026-01-02T03:04:05Zx", -EINVAL},
		{"2026-01-02x", -EINVAL},
		{"1767323045.", -EINVAL},
		{"17673 ", -EINVAL},
		{"+5", -EINVAL},
		{"1e9", -EINVAL},
		{"99999999999999999999", -ERANGE},
		{"9223372036854775807", -ERANGE},
		{"-9223372036855", -ERANGE},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_error error = {0};
		nr_time time = 42;
		int rc = nr_time_parse(cases[i].text, &time, &error);
		if (rc != cases[i].code || time != 42 || error.text[0] == '\0')
			fail_msg("%s: %d, %jd, %s", cases[i].text, rc, (intmax_t)time, error.text);
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int code;
		nr_time duration;
	} cases[] = {
		{"90", 0, 90 * NR_SECOND},
		{"90s", 0, 90 * NR_SECOND},
		{"5m", 0, 5 * NR_MINUTE},
		{"1h", 0, NR_HOUR},
		{"7d", 0, 7 * NR_DAY},
		{"0", 0, 0},
		{"", -EINVAL, 42},
		{"s", -EINVAL, 42},
		{"-5s", -EINVAL, 42},
		{"5 s", -EINVAL, 42},
		{"5w", -EINVAL, 42},
		{"5ms", -EINVAL, 42},
		{"1.5h", -EINVAL, 42},
		{"99999999999999999999s", -ERANGE, 42},
		{"9223372036854775807", -ERANGE, 42},
		{"106751992d", -ERANGE, 42},
		{"106751991d", 0, 106751991 * NR_DAY},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		nr_time duration = 42;
		int rc = nr_duration_parse(cases[i].text, &duration, NULL);
		if (rc != cases[i].code || duration != cases[i].duration)
			fail_msg("%s: %d, %jd", cases[i].text, rc, (intmax_t)duration);
	}
}

static void test_floor(void **state)
{
	(void)state;
	assert_int_equal(nr_time_floor(NR_HOUR + 1, NR_HOUR), NR_HOUR);
	assert_int_equal(nr_time_floor(NR_HOUR, NR_HOUR), NR_HOUR);
	assert_int_equal(nr_time_floor(-1, NR_DAY), -NR_DAY);
	assert_int_equal(nr_time_floor(-NR_DAY, NR_DAY), -NR_DAY);
}

static void test_now(void **state)
{
	(void)state;
	assert_true(nr_time_now() > 1700000000 * NR_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_like_libc),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
