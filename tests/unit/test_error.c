/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void test_fail(void **state)
{
	struct nr_error error = {0};
	(void)state;
	assert_int_equal(nr_fail(&error, -EINVAL, "%s: offset %d: %s", "x.pcap", 24, "cut"), -EINVAL);
	assert_int_equal(error.code, -EINVAL);
	assert_string_equal(error.text, "x.pcap: offset 24: cut");
	assert_int_equal(nr_fail(NULL, -EIO, "%s", "nobody listens"), -EIO);
}

static void test_own_text_as_argument(void **state)
{
	struct nr_error error = {0};
	(void)state;
	nr_fail(&error, -EINVAL, "inner");
	nr_fail(&error, -EIO, "outer: %s", error.text);
	assert_string_equal(error.text, "outer: inner");
}

static void test_prefix(void **state)
{
	struct nr_error error = {0};
	(void)state;
	nr_fail(&error, -ENOENT, "inner");
	assert_int_equal(nr_error_prefix(&error, "%s:%d", "a.yaml", 3), -ENOENT);
	assert_string_equal(error.text, "a.yaml:3: inner");
	assert_int_equal(nr_error_prefix(NULL, "x"), -EINVAL);
}

/* A name of a file with control characters must not write to the terminal or start a line. */
static void test_control_characters(void **state)
{
	struct nr_error error = {0};
	(void)state;
	nr_fail(&error, -EINVAL, "%s", "a\x1b[31mb\nc\x7f");
	assert_string_equal(error.text, "a?[31mb?c?");
}

static void test_cut(void **state)
{
	struct nr_error error = {0};
	char text[400];
	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	nr_fail(&error, -EINVAL, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);
	nr_error_prefix(&error, "%s", text);
	assert_int_equal(strlen(error.text), sizeof error.text - 1);

	/* Three-byte characters: what does not fit goes as a whole. */
	for (size_t shift = 0; shift < 3; shift++) {
		memset(text, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof text; i += 3)
			memcpy(text + i, "狼", 3);
		text[396] = '\0';
		nr_fail(&error, -EINVAL, "%s", text);
		size_t length = strlen(error.text);
		assert_int_equal((length - shift) % 3, 0);
		assert_in_range(length, sizeof error.text - 3, sizeof error.text - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail),
		cmocka_unit_test(test_own_text_as_argument),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
