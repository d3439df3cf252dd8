/* SPDX-License-Identifier: Apache-2.0 */
/* PDF values, objects, cross-references; and whole small files, good and hostile. */
#include "trust/seal/pdf_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nr_pdf value_of(const char *text, bool *ret_whole)
{
	struct nr_cursor c = nr_cursor_over(text, strlen(text));
	struct nr_pdf value = nr_pdf_take(&c);
	*ret_whole = !c.failed && c.at == c.end;
	return value;
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum nr_pdf_kind kind; /* NONE: cannot be read, or not to its end */
	} rows[] = {
		{"null", NR_PDF_NULL},
		{"true", NR_PDF_BOOLEAN},
		{"-12", NR_PDF_INTEGER},
		{"+.5", NR_PDF_REAL},
		{"4.", NR_PDF_REAL},
		{"12 0 R", NR_PDF_REFERENCE},
		{"/Name#20x", NR_PDF_NAME},
		{"/", NR_PDF_NAME},
		{"(a(b)c\\)\\\\)", NR_PDF_STRING},
		{"<48 65>", NR_PDF_HEX},
		{"[1 2 0 R /a (b) <<>> % comment\n]", NR_PDF_ARRAY},
		{"<</a/b/c[<</d 1>>]>>", NR_PDF_DICTIONARY},
		{"", NR_PDF_NONE},
		{"(a", NR_PDF_NONE},
		{"(a\\", NR_PDF_NONE},
		{"<4x>", NR_PDF_NONE},
		{"<48", NR_PDF_NONE},
		{"[1", NR_PDF_NONE},
		{"]", NR_PDF_NONE},
		{">>", NR_PDF_NONE},
		{"<</a>>", NR_PDF_NONE},
		{"<<1 2>>", NR_PDF_NONE},
		{"<</a 1", NR_PDF_NONE},
		{"1.2.3", NR_PDF_NONE},
		{"nul", NR_PDF_NONE},
		{"1234567890123456789012", NR_PDF_NONE},
		{"12 0 Rx", NR_PDF_NONE},
		{"12 99999 R", NR_PDF_NONE},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		bool whole;
		struct nr_pdf value = value_of(rows[i].text, &whole);
		if (whole != (rows[i].kind != NR_PDF_NONE) || (whole && value.kind != rows[i].kind))
			fail_msg("%s: kind %d", rows[i].text, value.kind);
	}
}

static void test_depth(void **state)
{
	(void)state;
	char text[256];
	for (size_t depth = NR_PDF_DEPTH_MAX; depth <= NR_PDF_DEPTH_MAX + 2; depth++) {
		bool whole;
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = 0;
		value_of(text, &whole);
		assert_int_equal(whole, depth <= NR_PDF_DEPTH_MAX + 1);
	}
}

static void test_names(void **state)
{
	(void)state;
	bool whole;
	struct nr_pdf found, dictionary = value_of("<</Type/Sig/#56 1/V 2/W(x)>>", &whole);
	assert_true(whole);
	assert_int_equal(nr_pdf_count(&dictionary, "Type", &found), 1);
	assert_true(nr_pdf_name_is(&found, "Sig"));
	assert_false(nr_pdf_name_is(&found, "Si"));
	assert_int_equal(nr_pdf_count(&dictionary, "V", &found), 2); /* one of them is escaped */
	assert_int_equal(nr_pdf_get(&dictionary, "V").kind, NR_PDF_NONE);
	assert_int_equal(nr_pdf_get(&dictionary, "X").kind, NR_PDF_NONE);
	uint8_t bytes[2];
	struct nr_pdf hex = value_of("<4aFf>", &whole);
	assert_int_equal(nr_pdf_hex(&hex, bytes, sizeof bytes), 2);
	assert_memory_equal(bytes, "\x4a\xff", 2);
	assert_int_equal(nr_pdf_hex(&hex, bytes, 1), -1);
	hex = value_of("<4a 0>", &whole);
	assert_int_equal(nr_pdf_hex(&hex, bytes, sizeof bytes), -1);
}

static void test_startxref(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int offset; /* -1: none */
	} rows[] = {
		{"%PDF-1.4 xx startxref\n3\n%%EOF", 3},
		{"%PDF-1.4 xx startxref\r\n3\r\n%%EOF\r\n  \n", 3},
		{"startxref\n1\n%%EOF\nstartxref\n2\n%%EOF\n", 2},
		{"startxref\n3\n%%EOF x", -1},
		{"startxref\n3\n", -1},
		{"startxref\n300\n%%EOF\n", -1},
		{"startxref\n-3\n%%EOF\n", -1},
		{"startxref\n%%EOF\n", -1},
		{"%%EOF", -1},
		{"", -1},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		size_t offset;
		bool found = nr_pdf_startxref((const uint8_t *)rows[i].text, strlen(rows[i].text), &offset);
		if (found != (rows[i].offset >= 0) || (found && offset != (size_t)rows[i].offset))
			fail_msg("row %zu", i);
	}
}

static void test_prediction(void **state)
{
	(void)state;
	uint8_t rows[] = {0, 1, 2, 3, 1, 1, 1, 1, 2, 1, 1, 1, 3, 2, 2, 2, 4, 1, 1, 1}, bad[] = {5, 1};
	static const uint8_t wanted[] = {1, 2, 3, 1, 2, 3, 2, 3, 4, 3, 5, 6, 4, 6, 7};
	size_t length = sizeof rows;
	assert_true(nr_pdf_unpredict(rows, &length, 3));
	assert_int_equal(length, sizeof wanted);
	assert_memory_equal(rows, wanted, sizeof wanted);
	length = sizeof bad;
	assert_false(nr_pdf_unpredict(bad, &length, 1));
	length = 3;
	assert_false(nr_pdf_unpredict(rows, &length, 3));
	assert_false(nr_pdf_unpredict(rows, &length, 0));
}

/* ---- whole files ---- */

/* A PDF whose objects are given, with a table that says where they are; `trailer` is part of its dictionary.
 */
static size_t write_pdf(
	char *text, size_t room, const char *const *objects, size_t count, const char *trailer)
{
	size_t at[16], length = (size_t)snprintf(text, room, "%%PDF-1.4\n");
	for (size_t i = 0; i < count; i++) {
		at[i] = length;
		length += (size_t)snprintf(
			text + length, room - length, "%zu 0 obj\n%s\nendobj\n", i + 1, objects[i]);
	}
	size_t table = length;
	length += (size_t)snprintf(
		text + length, room - length, "xref\n0 %zu\n0000000000 65535 f \n", count + 1);
	for (size_t i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, room - length, "%010zu 00000 n \n", at[i]);
	length += (size_t)snprintf(text + length, room - length,
		"trailer\n<</Size %zu/Root 1 0 R%s>>\nstartxref\n%zu\n%%%%EOF\n", count + 1, trailer, table);
	return length;
}

static const char *const small[] = {"<</Type/Catalog/Pages 2 0 R/X 3 0 R/Y 9 0 R/Z 4 0 R>>",
	"<</Type/Pages/Kids[]/Count 0>>", "(three)", "5 0 R", "4 0 R"};

static void test_file(void **state)
{
	(void)state;
	char text[4096];
	struct nr_pdf_reader reader;
	struct nr_pdf root, value;
	struct nr_error error = {0};
	size_t length = write_pdf(text, sizeof text, small, NR_COUNT(small), "");
	assert_int_equal(nr_pdf_reader_open((uint8_t *)text, length, &reader, &error), 0);
	assert_int_equal(reader.count, 6);
	assert_int_equal(reader.revisions, 1);
	assert_false(reader.streams);
	assert_int_equal(nr_pdf_reader_member(&reader, &reader.trailer, "Root", &root, &error), 0);
	assert_int_equal(root.kind, NR_PDF_DICTIONARY);
	assert_int_equal(nr_pdf_reader_member(&reader, &root, "X", &value, &error), 0);
	assert_int_equal(value.kind, NR_PDF_STRING);
	assert_int_equal(nr_pdf_reader_member(&reader, &root, "Y", &value, &error), 0);
	assert_int_equal(value.kind, NR_PDF_NULL); /* it is not there */
	assert_int_not_equal(nr_pdf_reader_member(&reader, &root, "Z", &value, &error), 0); /* a circle */
	nr_pdf_reader_fini(&reader);
}

static void test_hostile(void **state)
{
	(void)state;
	static const struct {
		const char *trailer, *from, *to, *why; /* what is replaced, as long as what stands for it */
	} rows[] = {
		{"/Encrypt 3 0 R", "", "", "encrypted"},
		{"/XRefStm 10", "", "", "hybrid"},
		{"/Size 3", "", "", "/Size"},
		{"/Root 2 0 R", "", "", "twice"},
		{"/Prev 99999", "", "", "out of the file"},
		{"/Prev 10", "", "", "one file"}, /* object 1 is no table */
		{"", "/Size 6", "/Size 0", "/Size"},
		{"", "/Size 6", "/Size 5", "not below"},
		{"", "/Root 1", "/Rooo 1", "catalog"},
		{"", "0 6\n", "6 0\n", "cannot be read"},
		{"", "00000 n", "0x000 n", "cannot be read"},
		{"", "%PDF", "%PDX", "not a PDF"},
		{"", "%%EOF\n", "%%EOFx", "startxref"},
	};
	for (size_t i = 0; i < NR_COUNT(rows); i++) {
		char text[4096];
		struct nr_pdf_reader reader;
		struct nr_error error = {0};
		size_t length = write_pdf(text, sizeof text, small, NR_COUNT(small), rows[i].trailer);
		char *place = *rows[i].from ? strstr(text, rows[i].from) : NULL;
		assert_true(!*rows[i].from || place);
		if (place)
			memcpy(place, rows[i].to, strlen(rows[i].to));
		if (nr_pdf_reader_open((uint8_t *)text, length, &reader, &error) == 0)
			fail_msg("row %zu: taken", i);
		if (!strstr(error.text, rows[i].why))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, error.text, rows[i].why);
	}
}

/* /Prev that leads back to its own section; and objects that are not where the table says. */
static void test_circle(void **state)
{
	(void)state;
	char text[4096], prev[32];
	struct nr_pdf_reader reader;
	struct nr_pdf_object object;
	struct nr_error error = {0};
	size_t length = write_pdf(text, sizeof text, small, NR_COUNT(small), "");
	snprintf(prev, sizeof prev, "/Prev %s", strstr(text, "startxref\n") + 10);
	*strchr(prev, '\n') = 0;
	length = write_pdf(text, sizeof text, small, NR_COUNT(small), prev);
	assert_int_not_equal(nr_pdf_reader_open((uint8_t *)text, length, &reader, &error), 0);
	assert_non_null(strstr(error.text, "circle"));

	/* a later revision that cuts objects off */
	length = write_pdf(text, sizeof text, small, NR_COUNT(small), "");
	size_t newest = length, table = (size_t)strtoul(strstr(text, "startxref\n") + 10, NULL, 10);
	length += (size_t)snprintf(text + length, sizeof text - length,
		"xref\n0 0\ntrailer\n<</Size 4/Root 1 0 R/Prev %zu>>\nstartxref\n%zu\n%%%%EOF\n", table,
		newest);
	assert_int_not_equal(nr_pdf_reader_open((uint8_t *)text, length, &reader, &error), 0);
	assert_non_null(strstr(error.text, "smaller"));

	length = write_pdf(text, sizeof text, small, NR_COUNT(small), "");
	memcpy(strstr(text, "3 0 obj"), "7 0 obj", 7);
	assert_int_equal(nr_pdf_reader_open((uint8_t *)text, length, &reader, &error), 0);
	assert_int_not_equal(nr_pdf_reader_object(&reader, 3, &object, &error), 0);
	assert_non_null(strstr(error.text, "object 3 is not where"));
	nr_pdf_reader_fini(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_startxref),
		cmocka_unit_test(test_prediction),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_circle),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
