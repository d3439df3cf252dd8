/* SPDX-License-Identifier: Apache-2.0 */
/* What people see on a terminal: wrapped text, log lines, the progress line, suggestions. */
#include "base/log.h"
#include "base/nearest.h"
#include "base/progress.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <string.h>

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(nr_text_width(""), 0);
	assert_int_equal(nr_text_width("abc"), 3);
	assert_int_equal(nr_text_width("狼煙"), 4);
	assert_int_equal(nr_text_width("é"), 1);
	assert_int_equal(nr_text_width("1～64"), 5);
	assert_int_equal(
		nr_text_width("\xe7\x8b"), 2); /* cut: two bytes, two columns, no read beyond the end */
	assert_int_equal(nr_text_width("\xf0"), 1);
}

static void expect_wrapped(const char *text, size_t indent, size_t width, const char *wanted)
{
	char *printed = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&printed, &length);
	assert_non_null(stream);
	nr_text_wrap(stream, text, indent, width);
	fclose(stream);
	assert_string_equal(printed, wanted);
	free(printed);
}

static void test_wrap(void **state)
{
	(void)state;
	expect_wrapped("", 0, 10, "\n");
	expect_wrapped("one two three", 0, 7, "one two\nthree\n");
	expect_wrapped("one two three", 2, 9, "one two\n  three\n");
	expect_wrapped("unbreakable", 0, 4, "unbreakable\n");
	expect_wrapped("a  b", 0, 10, "a  b\n");
	expect_wrapped("観測の対象", 0, 4, "観測\nの対\n象\n");
	expect_wrapped("観測、対象", 0, 4, "観\n測、\n対象\n"); /* no line begins with a comma */
	expect_wrapped("観（対）", 0, 4, "観\n（対）\n");       /* no line ends with an opening bracket */
	expect_wrapped("JSON で出力", 0, 8, "JSON で\n出力\n");
}

static void test_shorten(void **state)
{
	static const struct {
		const char *text;
		size_t columns, room;
		const char *wanted;
	} cases[] = {
		{"", 4, 8, ""}, {"four", 4, 8, "four"}, {"fiver", 4, 8, "fiv…"},
		{"観測の対象", 10, 64, "観測の対象"}, {"観測の対象", 9, 64, "観測の対…"},
		{"観測の対象", 8, 64, "観測の…"}, /* half a character is none */
		{"観測の対象", 10, 16, "観測の対象"},
		{"観測の対象", 10, 15, "観測の…"}, /* nor are two of its three bytes */
		{"観測の対象", 10, 13, "観測の…"}, {"観測の対象", 10, 12, "観測…"},
		{"a\x1b[2Jb\xc2\x9b", 20, 64, "a?[2Jb?"}, /* nothing moves the cursor */
		{"a\xc1\x81z\xed\xa0\x80z\xff", 20, 64,
			"a?z?z?"},              /* too long a form, a surrogate, no character */
		{"観\xe6\xb8", 20, 64, "観??"}, /* was cut before: no read beyond the end */
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char *out = malloc(cases[i].room); /* so that a sanitizer sees its end */
		nr_text_shorten(cases[i].text, cases[i].columns, out, cases[i].room);
		assert_string_equal(out, cases[i].wanted);
		free(out);
	}
}

static void test_nearest(void **state)
{
	static const struct {
		const char *word, *wanted;
	} cases[] = {
		{"telescope", "telescope"},
		{"telscope", "telescope"},
		{"teelscope", "telescope"},
		{"tele", "telescope"},
		{"sreve", "serve"},
		{"wordl", "world"},
		{"xyz", NULL},
		{"", NULL},
		{"t", NULL},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
	};
	static const char *const names[] = {"serve", "telescope", "world", "help"};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_nearest nearest = {.word = cases[i].word};
		for (size_t n = 0; n < NR_COUNT(names); n++)
			nr_nearest_offer(&nearest, names[n]);
		if (!cases[i].wanted)
			assert_null(nearest.best);
		else
			assert_string_equal(nearest.best, cases[i].wanted);
	}
}

static void test_log(void **state)
{
	static const char *const pairs[] = {"file", "a b.pcap", "plain", "x-1", "left-out", NULL, "quote",
		"a\"\\b", "empty", "", "control", "a\nb\x1b", NULL};
	char line[NR_LOG_LINE];
	(void)state;
	size_t length = nr_log_format(line, 6, NR_LOG_WARNING, "read", pairs);
	assert_string_equal(line,
		"time=1970-01-01T00:00:00.000006Z level=warning event=read file=\"a b.pcap\" plain=x-1 "
		"quote=\"a\\\"\\\\b\" empty=\"\" control=\"a\\x0ab\\x1b\"");
	assert_int_equal(length, strlen(line));
}

static void test_log_limit(void **state)
{
	char line[NR_LOG_LINE], value[5000];
	(void)state;
	memset(value, '\n', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	const char *const pairs[] = {"a", value, "b", value, NULL};
	assert_int_equal(nr_log_format(line, 0, NR_LOG_INFO, "x", pairs), NR_LOG_LINE - 1);
}

static void test_progress(void **state)
{
	static const struct {
		uint64_t total, done;
		nr_time now;
		const char *unit, *text;
	} cases[] = {
		{1000000, 420000, 2 * NR_SECOND, "B",
			" 42 % [========            ] 210.0 kB/s, 00:00:02 left"},
		{1000000, 1000000, 2 * NR_SECOND, "B",
			"100 % [====================] 500.0 kB/s, 00:00:00 left"},
		{1000, 5000, NR_SECOND, "B", "100 % [====================] 5.0 kB/s, 00:00:00 left"},
		{1000, 0, NR_SECOND, "B", "  0 % [                    ] 0 B/s, 00:00:00 left"},
		{UINT64_MAX, 1, NR_HOUR, "B", "  0 % [                    ] 0 B/s, 99:00:00 left"},
		{0, 3000000, 2 * NR_SECOND, "packets", "3.0 Mpackets, 1.5 Mpackets/s"},
		{100, 10, 0, "B", " 10 % [==                  ] 10.0 MB/s, 00:00:00 left"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_progress progress = {.total = cases[i].total, .unit = cases[i].unit};
		char text[NR_PROGRESS_TEXT];
		assert_string_equal(
			nr_progress_write(&progress, cases[i].done, cases[i].now, text), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_shorten),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_progress),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
