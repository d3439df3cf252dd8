/* SPDX-License-Identifier: Apache-2.0 */
/* ChangeFinder against changefinder.txt, which another implementation wrote (changefinder.py). */
#include "sense/telescope/changefinder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define FILE_OF_REFERENCE "tests/unit/changefinder.txt"

static void test_reference(void **state)
{
	(void)state;
	FILE *file = fopen(FILE_OF_REFERENCE, "re");
	assert_non_null(file);
	char name[16], last[16] = "";
	double value, score, worst = 0;
	int alert;
	unsigned slots = 0, alerts = 0, series = 0;
	struct nr_changefinder finder = {0};
	while (fscanf(file, "%15s %lf %lf %d", name, &value, &score, &alert) == 4) {
		if (strcmp(name, last) != 0) {
			finder = (struct nr_changefinder){0};
			series++;
		}
		snprintf(last, sizeof last, "%s", name);
		double ours = nr_changefinder_add(&finder, value);
		double off = fabs(ours - score) / fmax(1, fabs(score));
		worst = fmax(worst, off);
		if (!(off < 1e-9))
			fail_msg("%s, slot %u: score %.17g, the reference says %.17g", name,
				(unsigned)finder.slots, ours, score);
		if (nr_changefinder_alerts(&finder) != alert)
			fail_msg("%s, slot %u: alert %d, the reference says %d", name, (unsigned)finder.slots,
				!alert, alert);
		slots++;
		alerts += (unsigned)alert;
	}
	fclose(file);
	print_message("%u series, %u slots, %u alerts; largest difference of a score %.2g\n", series, slots,
		alerts, worst);
	assert_int_equal(series, 11);
	assert_true(slots > 3000 && alerts > 50 && alerts < slots / 2);
}

/* The first slots never alert, whatever comes. */
static void test_quiet_start(void **state)
{
	(void)state;
	struct nr_changefinder finder = {0};
	double x = 1;
	for (unsigned i = 0; i < NR_CHANGE_QUIET_SLOTS; i++, x *= -7) {
		nr_changefinder_add(&finder, x);
		assert_false(nr_changefinder_alerts(&finder));
	}
}

/* Whatever is counted: a score is a number, and the state stays one. */
static void test_extremes(void **state)
{
	(void)state;
	static const double values[] = {0, 1, 1e18, 0, 0, 1.8446744073709552e19, 3, 1e18, 1e18, 1e18, 0};
	struct nr_changefinder finder = {0};
	for (unsigned i = 0; i < 500; i++)
		assert_true(isfinite(nr_changefinder_add(&finder, values[i * 7 % NR_COUNT(values)])));
	for (unsigned i = 0; i < 200000; i++) /* long enough for the variance to underflow */
		assert_true(isfinite(nr_changefinder_add(&finder, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_quiet_start),
		cmocka_unit_test(test_extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
