/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <math.h>
#include <string.h>

static void expect(struct nr_json *json, const char *text)
{
	assert_int_equal(nr_json_finish(json, NULL), 0);
	assert_string_equal(json->bytes, text);
	assert_int_equal(json->length, strlen(text));
	nr_json_fini(json);
}

static void fill(struct nr_json *json)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "a", "x");
	nr_json_array(json, "b");
	nr_json_uint(json, NULL, 1);
	nr_json_object(json, NULL);
	nr_json_object_end(json);
	nr_json_array(json, NULL);
	nr_json_array_end(json);
	nr_json_array_end(json);
	nr_json_bool(json, "c", true);
	nr_json_bool(json, "d", false);
	nr_json_null(json, "e");
	nr_json_raw(json, "f", "[1,2]");
	nr_json_text(json, "g", NULL);
	nr_json_object_end(json);
}

static void test_nesting(void **state)
{
	struct nr_json json;
	(void)state;
	nr_json_init(&json);
	fill(&json);
	expect(&json,
		"{\"a\":\"x\",\"b\":[1,{},[]],\"c\":true,\"d\":false,\"e\":null,\"f\":[1,2],\"g\":null}");
	nr_json_init(&json);
	json.pretty = true;
	fill(&json);
	expect(&json, "{\n  \"a\": \"x\",\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"c\": true,\n  "
		      "\"d\": false,\n"
		      "  \"e\": null,\n  \"f\": [1,2],\n  \"g\": null\n}");
}

/* Many pieces, and a text that is longer than a piece. */
static void fill_long(struct nr_json *json)
{
	NR_AUTO(nr_freep) char *text = malloc(200001);
	assert_non_null(text);
	memset(text, 'x', 200000);
	text[200000] = 0;
	nr_json_array(json, NULL);
	for (uint64_t i = 0; i < 30000; i++) {
		nr_json_object(json, NULL);
		nr_json_uint(json, "number", i);
		nr_json_text(json, "a \"key\"", "\n");
		nr_json_object_end(json);
	}
	nr_json_text(json, NULL, text);
	nr_json_array_end(json);
}

static void test_stream(void **state)
{
	NR_AUTO(nr_freep) char *streamed = NULL;
	NR_AUTO(nr_json_fini) struct nr_json json;
	NR_AUTO(nr_json_fini) struct nr_json whole;
	nr_json_init(&json);
	nr_json_init(&whole);
	size_t length = 0;
	(void)state;
	FILE *stream = open_memstream(&streamed, &length);
	assert_non_null(stream);
	nr_json_init_stream(&json, stream);
	fill_long(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	assert_true(json.room < 1000000);
	assert_int_equal(fclose(stream), 0);
	nr_json_init(&whole);
	fill_long(&whole);
	assert_int_equal(nr_json_finish(&whole, NULL), 0);
	assert_int_equal(length, whole.length);
	assert_memory_equal(streamed, whole.bytes, length);
}

static void test_lines(void **state)
{
	struct nr_json json;
	(void)state;
	nr_json_init(&json);
	for (unsigned i = 0; i < 3; i++) {
		nr_json_array(&json, NULL);
		nr_json_uint(&json, NULL, i);
		nr_json_array_end(&json);
	}
	expect(&json, "[0]\n[1]\n[2]");
	nr_json_init(&json);
	expect(&json, "");
}

static void test_numbers(void **state)
{
	static const uint64_t uints[] = {0, 9, 10, 99, 100, UINT32_MAX, UINT64_MAX};
	static const int64_t ints[] = {0, -1, 42, INT64_MIN, INT64_MAX};
	char text[64];
	(void)state;
	for (size_t i = 0; i < NR_COUNT(uints); i++) {
		struct nr_json json;
		nr_json_init(&json);
		nr_json_uint(&json, NULL, uints[i]);
		snprintf(text, sizeof text, "%ju", (uintmax_t)uints[i]);
		expect(&json, text);
	}
	for (size_t i = 0; i < NR_COUNT(ints); i++) {
		struct nr_json json;
		nr_json_init(&json);
		nr_json_int(&json, NULL, ints[i]);
		snprintf(text, sizeof text, "%jd", (intmax_t)ints[i]);
		expect(&json, text);
	}
}

static void test_real(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1, "1"},
		{0.1, "0.1"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{-2.5, "-2.5"},
		{1e300, "1e+300"},
		{5e-324, "4.94065645841247e-324"},
		{NAN, "null"},
		{INFINITY, "null"},
		{-INFINITY, "null"},
		{0.01625, "0.01625"},
		{123456789012345678.0, "1.2345678901234568e+17"},
		{-0.0, "-0"},
		{-7, "-7"},
		{999999999999999.0, "999999999999999"},
		{-999999999999999.0, "-999999999999999"},
		{1e15, "1e+15"},
		{1e22, "1e+22"},
		{-1e19, "-1e+19"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_json json;
		nr_json_init(&json);
		nr_json_real(&json, NULL, cases[i].value);
		expect(&json, cases[i].text);
	}
}

/* A key is looked at eight characters at a time: what needs an escape may stand anywhere. */
static void test_keys(void **state)
{
	static const struct {
		char c;
		const char *text;
	} odd[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {0x1f, "\\u001f"},
		{(char)0x80, "\xef\xbf\xbd"}, {0x7f, "\x7f"}, {' ', " "}};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(odd); i++)
		for (size_t length = 1; length < 20; length++)
			for (size_t at = 0; at < length; at++) {
				char key[20] = "", text[64];
				memset(key, 'k', length);
				key[at] = 0;
				snprintf(text, sizeof text, "{\"%s%s%.*s\":1}", key, odd[i].text,
					(int)(length - at - 1), key + at + 1);
				key[at] = odd[i].c;
				struct nr_json json;
				nr_json_init(&json);
				nr_json_object(&json, NULL);
				nr_json_uint(&json, key, 1);
				nr_json_object_end(&json);
				expect(&json, text);
			}
}

static void fill_row(struct nr_json *json, uint64_t i)
{
	nr_json_object(json, NULL);
	nr_json_uint(json, "i", i);
	nr_json_object_end(json);
}

/* Parts, used again, some of them empty, make the same document as one writer, plain and pretty. */
static void test_parts(void **state)
{
	(void)state;
	for (unsigned pretty = 0; pretty < 2; pretty++)
		for (uint64_t rows = 0; rows < 12; rows++) {
			struct nr_json whole, json, parts[3] = {0};
			nr_json_init(&whole);
			nr_json_init(&json);
			whole.pretty = json.pretty = pretty;
			nr_json_array(&whole, NULL);
			nr_json_array(&json, NULL);
			for (uint64_t at = 0; at < rows; at += 6) {
				for (unsigned k = 0; k < 3; k++) {
					nr_json_begin_part(&parts[k], &json, k > 0);
					for (uint64_t i = at + 2 * k; i < NR_MIN(at + 2 * k + 2, rows); i++)
						fill_row(&parts[k], i);
				}
				for (unsigned k = 0; k < 3; k++)
					nr_json_add_part(&json, &parts[k]);
			}
			for (uint64_t i = 0; i < rows; i++)
				fill_row(&whole, i);
			nr_json_array_end(&whole);
			nr_json_array_end(&json);
			assert_int_equal(nr_json_finish(&whole, NULL), 0);
			expect(&json, whole.bytes);
			nr_json_fini(&whole);
			for (unsigned k = 0; k < 3; k++)
				nr_json_fini(&parts[k]);
		}
}

static void test_text(void **state)
{
	static const struct {
		const char *in;
		size_t length;
		const char *out;
	} cases[] = {
#define CASE(in, out) {(in), sizeof(in) - 1, "\"" out "\""}
		CASE("", ""),
		CASE("plain", "plain"),
		CASE("a\"b\\c", "a\\\"b\\\\c"),
		CASE("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
		CASE("\x00\x01\x1f\x7f", "\\u0000\\u0001\\u001f\x7f"),
		CASE("\xe7\x8b\xbc\xe7\x85\x99", "\xe7\x8b\xbc\xe7\x85\x99"),
		CASE("\xc3\xa9 \xf0\x9f\x94\xa5", "\xc3\xa9 \xf0\x9f\x94\xa5"),
		CASE("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"), /* U+10FFFF */
#define BAD "\xef\xbf\xbd"
		CASE("\x80", BAD),
		CASE("\xc0\x80", BAD BAD),                 /* overlong NUL */
		CASE("\xe0\x80\x80", BAD BAD BAD),         /* overlong */
		CASE("\xf0\x80\x80\x80", BAD BAD BAD BAD), /* overlong */
		CASE("\xed\xa0\x80", BAD BAD BAD),         /* a surrogate */
		CASE("\xf4\x90\x80\x80", BAD BAD BAD BAD), /* above U+10FFFF */
		CASE("\xf5\x80\x80\x80", BAD BAD BAD BAD),
		CASE("\xff\xfe", BAD BAD),
		CASE("a\xe7\x8b", "a" BAD BAD), /* cut */
		CASE("\xe7\x8b\"", BAD BAD "\\\""),
		CASE("\xc3", BAD),
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_json json;
		nr_json_init(&json);
		/* a copy without a byte to spare: the sanitizer sees a read beyond it */
		NR_AUTO(nr_freep) char *copy = malloc(cases[i].length + !cases[i].length);
		memcpy(copy, cases[i].in, cases[i].length);
		nr_json_text_n(&json, NULL, copy, cases[i].length);
		expect(&json, cases[i].out);
	}
}

static void test_types(void **state)
{
	struct nr_json json;
	struct nr_address a = nr_address_from_ipv4(0xc0000201);
	(void)state;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_time(&json, "t", 1767323045 * NR_SECOND + 6);
	nr_json_time(&json, "min", NR_TIME_MIN);
	nr_json_time(&json, "max", NR_TIME_MAX);
	nr_json_address(&json, "a", &a);
	nr_json_int(&json, "k\"\n", -7);
	nr_json_object_end(&json);
	expect(&json, "{\"t\":\"2026-01-02T03:04:05.000006Z\",\"min\":null,\"max\":null,\"a\":\"192.0.2.1\","
		      "\"k\\\"\\n\":-7}");
}

/* Over many growths of the buffer nothing is lost. */
static void test_growth(void **state)
{
	struct nr_json json;
	(void)state;
	nr_json_init(&json);
	nr_json_array(&json, NULL);
	for (unsigned i = 0; i < 100000; i++)
		nr_json_uint(&json, NULL, 10000000 + i);
	nr_json_array_end(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	assert_int_equal(json.length, 2 + 100000 * 9 - 1);
	for (unsigned i = 0; i < 100000; i += 777)
		assert_int_equal(strtoul(json.bytes + 1 + 9 * i, NULL, 10), 10000000 + i);
	nr_json_fini(&json);
}

static void test_deep(void **state)
{
	struct nr_json json;
	(void)state;
	nr_json_init(&json);
	for (int i = 0; i < NR_JSON_DEPTH - 1; i++)
		nr_json_array(&json, NULL);
	for (int i = 0; i < NR_JSON_DEPTH - 1; i++)
		nr_json_array_end(&json);
	assert_int_equal(nr_json_finish(&json, NULL), 0);
	assert_int_equal(json.length, 2 * (NR_JSON_DEPTH - 1));
	nr_json_fini(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
