/* SPDX-License-Identifier: Apache-2.0 */
/* Documents: what was put in comes out of both writers, escaped, bounded, on pages. */
#include "base/document.h"
#include "base/document_pdf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fill(struct nr_document *d, bool japanese, size_t rows)
{
	const struct nr_document_column columns[] = {{"Name <b>", false}, {"Number", true}};
	const double values[] = {1, NAN, 3}, parts[] = {30, 50, 20};
	nr_document_init(d, japanese, japanese ? "観測レポート" : "A report & more", "below");
	nr_document_footer(d, "foot");
	nr_document_heading(d, 1, "First");
	nr_document_paragraph(d, "%s has <%d> parts", "\"It\"", 3);
	nr_document_figures(d);
	nr_document_figure(d, "label", "value");
	nr_document_table(d, "Caption", columns, 2);
	for (size_t i = 0; i < rows; i++)
		nr_document_row(d, (const char *const[]){"a & b", "1,234"});
	nr_document_chart(d, NR_CHART_LINES, "Lines", "unit");
	for (int i = 0; i < 3; i++)
		nr_document_label(d, i == 0 ? "one" : "", 0);
	nr_document_series(d, "series", 0x123456, values);
	nr_document_chart(d, NR_CHART_RING, "Ring", "parts");
	for (int i = 0; i < 3; i++)
		nr_document_label(d, "part", 0x808080);
	nr_document_series(d, "", 0, parts);
	nr_document_note(d, "small");
}

static __attribute__((noinline)) char *html_of(const struct nr_document *d)
{
	char *bytes = NULL;
	size_t length = 0;
	assert_int_equal(nr_document_write_html(d, &bytes, &length, NULL), 0);
	assert_int_equal(strlen(bytes), length);
	return bytes;
}

static void html_is_escaped_and_stands_alone(void **state)
{
	(void)state;
	struct nr_document d;
	fill(&d, false, 2);
	char *html = html_of(&d);
	static const char *const there[] = {"<html lang=\"en\">", "<title>A report &amp; more</title>",
		"&quot;It&quot; has &lt;3&gt; parts", "<th scope=\"col\">Name &lt;b&gt;</th>",
		"<td class=\"n\">1,234</td>", "30.0 %", "role=\"img\"", "default-src 'none'"};
	static const char *const absent[] = {"<script", "src=", "href=", "url(", "Name <b>", "nan"};
	for (size_t i = 0; i < NR_COUNT(there); i++)
		if (!strstr(html, there[i]))
			fail_msg("there is no %s", there[i]);
	for (size_t i = 0; i < NR_COUNT(absent); i++)
		if (strstr(html, absent[i]))
			fail_msg("there is %s", absent[i]);
	free(html);
	nr_document_fini(&d);
}

static void a_gap_interrupts_a_line(void **state)
{
	(void)state;
	struct nr_document d;
	const double whole[] = {1, 2, 3, 4}, broken[] = {1, 2, NAN, 4};
	unsigned moves[2];
	for (int i = 0; i < 2; i++) {
		nr_document_init(&d, false, "t", "s");
		nr_document_chart(&d, NR_CHART_LINES, "c", "u");
		for (int l = 0; l < 4; l++)
			nr_document_label(&d, "", 0);
		nr_document_series(&d, "n", 0xabcdef, i ? broken : whole);
		char *html = html_of(&d);
		const char *path = strstr(html, "stroke=\"#abcdef\"");
		assert_non_null(path);
		moves[i] = 0;
		for (path = strstr(path, " d=\"") + 4; *path != '"'; path++)
			moves[i] += *path == 'M';
		free(html);
		nr_document_fini(&d);
	}
	assert_int_equal(moves[0], 1);
	assert_int_equal(moves[1], 2);
}

/* The page tree's root says how many there are. */
static size_t count_pages(const uint8_t *pdf, size_t length)
{
	const char *count = memmem(pdf, length, "/Count ", 7);
	assert_non_null(count);
	return strtoul(count + 7, NULL, 10);
}

static void tables_go_over_pages(void **state)
{
	(void)state;
	struct nr_document d;
	uint8_t *pdf = NULL;
	size_t length, pages[2];
	for (size_t i = 0; i < 2; i++) {
		fill(&d, false, i ? 300 : 3);
		assert_int_equal(nr_document_write_pdf(&d, &pdf, &length, NULL), 0);
		assert_memory_equal(pdf, "%PDF-", 5);
		pages[i] = count_pages(pdf, length);
		free(pdf);
		nr_document_fini(&d);
	}
	assert_in_range(pages[0], 1, 2);
	assert_true(pages[1] >= pages[0] + 5 && pages[1] <= pages[0] + 8);
}

static void pdf_says_its_language(void **state)
{
	(void)state;
	for (int japanese = 0; japanese < 2; japanese++) {
		struct nr_document d;
		uint8_t *pdf = NULL;
		size_t length;
		struct nr_error error;
		fill(&d, japanese, 2);
		if (nr_document_write_pdf(&d, &pdf, &length, &error)) {
			assert_non_null(
				strstr(error.text, "fonts-noto-cjk")); /* a machine without Japanese */
			nr_document_fini(&d);
			continue;
		}
		assert_non_null(memmem(pdf, length, japanese ? "/Lang (ja)" : "/Lang (en)", 10));
		assert_memory_equal(pdf + length - 6, "%%EOF\n", 6);
		free(pdf);
		nr_document_fini(&d);
	}
}

static void other_pdfs_are_left_alone(void **state)
{
	(void)state;
	static const char *const files[] = {"", "%PDF-1.5\n",
		"trailer\n<< /Size 3 /Root 1 0 R >>\nstartxref\n9\n%%EOF\n",
		("\n1 0 obj\n<< /Type /Catalog\ntrailer\n<< /Size 3 /Root 1 0 R /Info 2 0 R "
		 ">>\nstartxref\n9\n%%EOF\n")};
	for (size_t i = 0; i < NR_COUNT(files); i++) {
		uint8_t *bytes = (uint8_t *)strdup(files[i]);
		size_t length = strlen(files[i]);
		assert_int_equal(nr_pdf_set_language(&bytes, &length, "en", NULL), 0);
		assert_int_equal(length, strlen(files[i]));
		assert_memory_equal(bytes, files[i], length);
		free(bytes);
	}
}

static void numbers(void **state)
{
	(void)state;
	char text[32];
	assert_string_equal(nr_document_number(0, text), "0");
	assert_string_equal(nr_document_number(999, text), "999");
	assert_string_equal(nr_document_number(1000, text), "1,000");
	assert_string_equal(nr_document_number(UINT64_MAX, text), "18,446,744,073,709,551,615");
	assert_string_equal(nr_document_share(1, 3, text), "33.3 %");
	assert_string_equal(nr_document_share(1, 0, text), "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_escaped_and_stands_alone),
		cmocka_unit_test(a_gap_interrupts_a_line),
		cmocka_unit_test(tables_go_over_pages),
		cmocka_unit_test(pdf_says_its_language),
		cmocka_unit_test(other_pdfs_are_left_alone),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
