/* SPDX-License-Identifier: Apache-2.0 */
/* JSON that every reader understands alike, and JSON that some would. */
#include "wire/json_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int check(const char *text, struct nr_error *error)
{
	return nr_json_check((const uint8_t *)text, strlen(text), error);
}

static void test_good(void **state)
{
	(void)state;
	static const char *const rows[] = {"{}", "[]",
		" { \"a\" : [ 1 , -0.5e+3 , true , false , null ] } \r\n", "\"\"",
		"{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}", "\"\\u3042\\ud83d\\ude00\\n\\\"\"",
		"\"狼煙 \xf0\x9f\x98\x80\"", "0", "-1", "1E5", "{\"x5t#S256\":\"a\",\"x5t\":1}"};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct nr_error error = {0};
		if (check(rows[i], &error) != 0)
			fail_msg("%s: %s", rows[i], error.text);
	}
}

static void test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "missing"}, {"{\"a\":1,\"a\":2}", "twice"},
		{"{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "twice"}, {"{\"\\u0061lg\":1}", "escape in a name"},
		{"\"\\u0000\"", "U+0000"}, {"\"\\ud83d\"", "surrogate"}, {"\"\\ud83d\\u0041\"", "surrogate"},
		{"\"\\ude00\"", "surrogate"}, {"\"\xc0\x80\"", "UTF-8"}, /* longer than it need be */
		{"\"\xed\xa0\x80\"", "UTF-8"},                           /* a surrogate */
		{"\"\xf4\x90\x80\x80\"", "UTF-8"},                       /* above U+10FFFF */
		{"\"\xe7\x8b\"", "UTF-8"}, {"\"\x80\"", "UTF-8"}, {"\"a\nb\"", "control"},
		{"\"a", "without an end"}, {"\"\\x\"", "escape"}, {"{\"a\":1,}", "string is missing"},
		{"[1,]", "missing"}, {"[1 2]", "array without"}, {"{\"a\" 1}", "colon"},
		{"{a:1}", "string is missing"}, {"01", "after the end"}, {"+1", "missing"}, {"1.", "digits"},
		{"1e", "digits"}, {"-", "digits"}, {"NaN", "missing"}, {"'a'", "missing"},
		{"{} {}", "after the end"}, {"/**/{}", "missing"},
		{"\xef\xbb\xbf{}", "missing"}, /* a byte order mark */
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		struct nr_error error = {0};
		if (check(rows[i].text, &error) == 0)
			fail_msg("%s: taken", rows[i].text);
		if (!strstr(error.text, rows[i].why))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].text, error.text, rows[i].why);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	char text[8192];
	struct nr_error error = {0};
	for (size_t depth = NR_JSON_CHECK_DEPTH; depth <= NR_JSON_CHECK_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = 0;
		assert_int_equal(check(text, &error) == 0, depth == NR_JSON_CHECK_DEPTH);
	}
	assert_non_null(strstr(error.text, "deeply"));
	for (size_t names = NR_JSON_CHECK_NAMES; names <= NR_JSON_CHECK_NAMES + 1; names++) {
		size_t length = 0;
		for (size_t i = 0; i < names; i++)
			length += (size_t)snprintf(
				text + length, sizeof text - length, "%s\"%zu\":0", i ? "," : "{", i);
		snprintf(text + length, sizeof text - length, "}");
		assert_int_equal(check(text, &error) == 0, names == NR_JSON_CHECK_NAMES);
	}
	assert_non_null(strstr(error.text, "members"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
