/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "sense/telescope/port_class.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

static char path[] = "/tmp/noroshi-ports-XXXXXX";
static struct nr_port_classes classes; /* large */

static int read_text(const char *text, size_t length, struct nr_error *error)
{
	assert_int_equal(nr_file_write(path, text, length, NULL), 0);
	return nr_port_classes_read(&classes, path, error);
}

static unsigned index_of(const char *name)
{
	for (unsigned i = 0; i < classes.count; i++)
		if (!strcmp(classes.names[i], name))
			return i;
	fail_msg("no class %s", name);
	return 0;
}

static void test_builtin(void **state)
{
	static const struct {
		bool udp;
		uint16_t port;
		const char *owner;
	} cases[] = {
		{false, 23, "iot"},
		{false, 2323, "iot"},
		{false, 80, "iot"},
		{false, 445, "windows"},
		{false, 443, "web"},
		{false, 8443, "iot"},
		{false, 8888, "web"},
		{true, 137, "windows"},
		{true, 53, "amplification"},
		{true, 23, "other"},
		{true, 445, "other"},
		{false, 0, "other"},
		{false, 65535, "other"},
		{true, 65535, "other"},
	};
	(void)state;
	assert_int_equal(nr_port_classes_read(&classes, NULL, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		if (strcmp(nr_port_class(&classes, cases[i].udp, cases[i].port), cases[i].owner))
			fail_msg("%s/%u is %s", cases[i].udp ? "udp" : "tcp", cases[i].port,
				nr_port_class(&classes, cases[i].udp, cases[i].port));
	assert_true(strlen(classes.version) > 0);
	/* a port is in all of its classes, whoever owns it */
	assert_int_equal(classes.member[0][80], 1u << index_of("iot") | 1u << index_of("web"));
	assert_int_equal(classes.member[1][137], 1u << index_of("windows") | 1u << index_of("amplification"));
}

/* The class that is named first owns, whichever line comes first for the port. */
static void test_order(void **state)
{
	static const char text[] = "# version 7 of our own\r\n"
				   "\n"
				   "  late\ttcp 1,2\r\n"
				   "early tcp 3 # comment\n"
				   "late tcp 3,65535\n"
				   "early udp 0,1,2,1";
	(void)state;
	assert_int_equal(read_text(text, sizeof text - 1, NULL), 0);
	assert_string_equal(classes.version, "7");
	assert_int_equal(classes.count, 3);
	assert_string_equal(nr_port_class(&classes, false, 1), "late");
	assert_string_equal(nr_port_class(&classes, false, 3), "late");
	assert_string_equal(nr_port_class(&classes, false, 65535), "late");
	assert_string_equal(nr_port_class(&classes, true, 0), "early");
	assert_string_equal(nr_port_class(&classes, true, 3), "other");
	assert_int_equal(classes.member[0][3], 6);
}

static void test_errors(void **state)
{
	static const struct {
		const char *name, *text, *place, *reason;
	} cases[] = {
		{"two words", "a tcp 1\nb tcp\n", ":2:", "a line is"},
		{"four words", "a tcp 1 2\n", ":1:", "a line is"},
		{"protocol", "\n\na icmp 8\n", ":3:", "neither tcp nor udp"},
		{"other", "other tcp 1\n", ":1:", "cannot name a class"},
		{"capital", "Web tcp 1\n", ":1:", "cannot name a class"},
		{"slash", "a/b tcp 1\n", ":1:", "cannot name a class"},
		{"65536", "a tcp 65536\n", ":1:", "0 to 65535"},
		{"negative", "a tcp -1\n", ":1:", "0 to 65535"},
		{"negative around 2^64", "a tcp -18446744073709551596\n", ":1:", "0 to 65535"},
		{"plus", "a tcp +80\n", ":1:", "0 to 65535"},
		{"huge", "a tcp 99999999999999999999999\n", ":1:", "0 to 65535"},
		{"word", "a tcp 80,http\n", ":1:", "0 to 65535"},
		{"range", "a tcp 80-90\n", ":1:", "0 to 65535"},
		{"no port", "a tcp ,\n", ":1:", "0 to 65535"},
		{"empty port", "a tcp 80,,81\n", ":1:", "0 to 65535"},
		{"comma at the end", "a tcp 80,\n", ":1:", "0 to 65535"},
		{"long name", "abcdefghijklmnopqrstuvwxyz012345 tcp 1\n", ":1:", "31 letters"},
		{"15 classes",
			"a tcp 1\nb tcp 1\nc tcp 1\nd tcp 1\ne tcp 1\nf tcp 1\ng tcp 1\nh tcp 1\ni tcp 1\nj "
			"tcp 1\nk tcp 1\n"
			"l tcp 1\nm tcp 1\nn tcp 1\no tcp 1\n",
			":15:", "more than 14"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct nr_error error = {0};
		if (read_text(cases[i].text, strlen(cases[i].text), &error) >= 0)
			fail_msg("%s: taken", cases[i].name);
		if (!strstr(error.text, path) || !strstr(error.text, cases[i].place) ||
			!strstr(error.text, cases[i].reason))
			fail_msg("%s: %s", cases[i].name, error.text);
	}
}

/* What stands behind a NUL would be overlooked. */
static void test_nul(void **state)
{
	static const char text[] = "a tcp 1\n\0b tcp 2\n";
	struct nr_error error = {0};
	(void)state;
	assert_true(read_text(text, sizeof text - 1, &error) < 0);
	assert_non_null(strstr(error.text, path));
}

static void test_limits(void **state)
{
	struct nr_error error = {0};
	(void)state;
	static const char fourteen[] =
		"a tcp 1\nb tcp 1\nc tcp 1\nd tcp 1\ne tcp 1\nf tcp 1\ng tcp 1\nh tcp 1\ni tcp 1\nj tcp 1\n"
		"k tcp 1\nl tcp 1\nm tcp 1\nabcdefghijklmnopqrstuvwxyz01234 udp 1";
	assert_int_equal(read_text(fourteen, sizeof fourteen - 1, NULL), 0);
	assert_int_equal(classes.count, 15);
	assert_int_equal(classes.member[0][1], 0x3ffe);
	assert_string_equal(nr_port_class(&classes, true, 1), "abcdefghijklmnopqrstuvwxyz01234");
	assert_int_equal(read_text("", 0, NULL), 0); /* every port is "other" then */
	assert_string_equal(nr_port_class(&classes, false, 23), "other");
	NR_AUTO(nr_freep) char *large = malloc((1 << 20) + 1);
	memset(large, '\n', (1 << 20) + 1);
	assert_int_equal(read_text(large, 1 << 20, NULL), 0);
	assert_int_equal(read_text(large, (1 << 20) + 1, &error), -EFBIG);
	assert_int_equal(nr_port_classes_read(&classes, "/nonexistent/ports", &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/ports"));
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
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
