/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "sense/telescope/lists.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <string.h>

static char path[] = "/tmp/noroshi-list-XXXXXX";

static int read_bytes(struct nr_lists *lists, const char *text, size_t length, struct nr_error *error)
{
	assert_int_equal(nr_file_write(path, text, length, NULL), 0);
	return nr_lists_read(lists, path, error);
}

static int read_text(struct nr_lists *lists, const char *text, struct nr_error *error)
{
	return read_bytes(lists, text, strlen(text), error);
}

static uint32_t find(const struct nr_lists *lists, const char *address)
{
	struct nr_address a;
	assert_int_equal(nr_address_parse(address, &a, NULL), 0);
	return nr_prefix_table_find(lists->table, &a);
}

static void test_misp(void **state)
{
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	(void)state;
	assert_int_equal(read_text(&lists,
				 " \n{\"name\": \"A scanner\", \"version\": 20250101, \"type\": \"cidr\","
				 "\"description\": {\"nested\": [1]}, \"list\": [\"1.2.3.0/24\", "
				 "\"2001:db8::/32\", \"9.9.9.9\"]} \n",
				 NULL),
		0);
	assert_int_equal(read_text(&lists, "{\"list\": [\"1.2.3.4\"], \"version\": 2}", NULL),
		0); /* no name: the file's */
	assert_int_equal(read_text(&lists, "{\"list\": []}", NULL), 0);
	assert_int_equal(nr_lists_seal(&lists, NULL), 0);
	assert_int_equal(lists.count, 3);
	assert_string_equal(lists.lists[0].name, "A scanner");
	assert_int_equal(lists.lists[0].version, 20250101);
	assert_int_equal(lists.lists[0].entries, 3);
	assert_string_equal(lists.lists[1].name, strrchr(path, '/') + 1);
	assert_int_equal(lists.lists[2].entries, 0);
	assert_int_equal(find(&lists, "1.2.3.5"), 0);
	assert_int_equal(find(&lists, "1.2.3.4"), 1); /* the longer prefix */
	assert_int_equal(find(&lists, "2001:db8:1::"), 0);
	assert_int_equal(find(&lists, "9.9.9.9"), 0);
	assert_true(find(&lists, "9.9.9.8") == NR_PREFIX_NONE);
}

static void test_text(void **state)
{
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	(void)state;
	assert_int_equal(read_text(&lists,
				 "# ours\r\n\r\n  10.1.0.0/16  # lab\r\n\t192.0.2.7\n2001:db8::1/128 "
				 "trailing words\n10.1.0.0/16",
				 NULL),
		0);
	assert_int_equal(nr_lists_seal(&lists, NULL), 0);
	assert_int_equal(lists.lists[0].entries, 4);
	assert_int_equal(lists.lists[0].version, 0);
	assert_int_equal(find(&lists, "10.1.255.255"), 0);
	assert_int_equal(find(&lists, "192.0.2.7"), 0);
	assert_int_equal(find(&lists, "2001:db8::1"), 0);
	assert_true(find(&lists, "192.0.2.8") == NR_PREFIX_NONE);
}

static void test_broken(void **state)
{
	static const struct {
		const char *name, *text, *reason;
	} cases[] = {
		{"cut", "{\"list\": [\"1.2.3.4\"", "offset"},
		{"not JSON", "{list}", "offset"},
		{"not UTF-8", "{\"list\": [], \"name\": \"\xe7\x8b\"}", "offset"},
		{"deep", "{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]],\"list\":[]}", "offset"},
		{"something behind it", "{\"list\": []} {\"list\": [\"1.2.3.4\"]}", "behind"},
		{"no list", "{\"name\": \"x\"}", "not a MISP warning list"},
		{"list is null", "{\"list\": null}", "not a MISP warning list"},
		{"list is an object", "{\"list\": {\"1.2.3.4\": 1}}", "not a MISP warning list"},
		{"another type", "{\"type\": \"hostname\", \"list\": [\"example.org\"]}", "hostname"},
		{"type is null", "{\"type\": null, \"list\": []}", "only \"cidr\""},
		{"type is a number", "{\"type\": 4, \"list\": []}", "only \"cidr\""},
		{"number", "{\"list\": [\"1.2.3.4\", 5]}", "entry 2"},
		{"null", "{\"list\": [null]}", "entry 1"},
		{"nested", "{\"list\": [[\"1.2.3.4\"]]}", "entry 1"},
		{"no address", "{\"list\": [\"1.2.3.4\", \"1.2.3.4/24x\"]}", "entry 2"},
		{"host bits", "{\"list\": [\"1.2.3.4/24\"]}", "1.2.3.0/24"},
		{"empty entry", "{\"list\": [\"\"]}", "entry 1"},
		{"NUL in an entry", "{\"list\": [\"1.2.3.4\\u0000/8\"]}", "entry 1"},
		{"text", "1.2.3.4\n\n# comment\nexample.org\n", "line 4"},
		{"an array", "[\"1.2.3.4\"]", "line 1"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
		struct nr_error error = {0};
		if (read_text(&lists, cases[i].text, &error) >= 0)
			fail_msg("%s: taken", cases[i].name);
		if (!strstr(error.text, path) || !strstr(error.text, cases[i].reason))
			fail_msg("%s: %s", cases[i].name, error.text);
	}
}

/* What stands behind a NUL would be overlooked. */
static void test_nul(void **state)
{
	static const char text[] = "1.2.3.4\n\0\n5.6.7.8\n";
	static const char json[] = "{\"list\": [\"1.2.3.4\"]}\0";
	struct nr_error error = {0};
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	(void)state;
	assert_true(read_bytes(&lists, text, sizeof text - 1, &error) < 0);
	assert_non_null(strstr(error.text, path));
	assert_true(read_bytes(&lists, json, sizeof json - 1, &error) < 0);
}

/* A name that is cut stays UTF-8: 31 times three bytes fit into 95. */
static void test_long_name(void **state)
{
	char text[512] = "{\"list\": [], \"name\": \"";
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	(void)state;
	for (size_t i = 0; i < 40; i++)
		strcat(text, "\xe7\x8b\xbc");
	strcat(text, "\"}");
	assert_int_equal(read_text(&lists, text, NULL), 0);
	assert_int_equal(strlen(lists.lists[0].name), 93);
	assert_int_equal(read_text(&lists, "{\"list\": [], \"name\": \"a\\u001b[2J\\n\"}", NULL), 0);
	assert_string_equal(lists.lists[1].name, "a?[2J?"); /* nothing that a terminal obeys */
}

static void test_files(void **state)
{
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	struct nr_error error = {0};
	(void)state;
	assert_int_equal(nr_lists_seal(&lists, NULL), 0); /* none given */
	assert_null(lists.table);
	assert_int_equal(nr_lists_read(&lists, "/nonexistent/list", &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/list"));
	assert_int_equal(read_text(&lists, "", NULL), 0); /* an empty list is a list */
	assert_int_equal(nr_lists_seal(&lists, NULL), 0);
	assert_true(find(&lists, "1.2.3.4") == NR_PREFIX_NONE);
}

/* The published lists: every entry is read. */
static void test_published(void **state)
{
	const char *shared = getenv("NOROSHI_SHARED");
	char pattern[512];
	glob_t files;
	(void)state;
	snprintf(pattern, sizeof pattern, "%s/data/telescope/misp-warninglists",
		shared && *shared ? shared : "../shared");
	if (access(pattern, R_OK)) {
		print_message("skipped: no shared data\n");
		skip();
	}
	strcat(pattern, "/*.json");
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	NR_AUTO(nr_lists_fini) struct nr_lists lists = {0};
	size_t entries = 0;
	for (size_t i = 0; i < files.gl_pathc; i++) {
		struct nr_error error = {0};
		if (nr_lists_read(&lists, files.gl_pathv[i], &error))
			fail_msg("%s", error.text);
		entries += lists.lists[i].entries;
		assert_true(lists.lists[i].version > 0);
	}
	assert_int_equal(lists.count, 33);
	assert_int_equal(entries, 4019);
	assert_int_equal(nr_lists_seal(&lists, NULL), 0);
	globfree(&files);
}

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_misp),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_broken),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
