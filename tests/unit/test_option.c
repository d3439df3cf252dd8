/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

struct conf {
	bool json, colour;
	uint64_t workers, size, limit, any;
	double rate;
	nr_time keep, from;
	const char *store, *out, *by;
	struct nr_texts ports;
	struct nr_prefixes dark;
};

static const char *const by_choices[] = {"port", "source", NULL};
#define OPTION(field, kind, ...)                                                                             \
	{                                                                                                    \
		.name = #field, .type = kind, .offset = offsetof(struct conf, field), __VA_ARGS__            \
	}
static const struct nr_option options[] = {
	OPTION(json, NR_OPTION_FLAG, ),
	OPTION(colour, NR_OPTION_FLAG, .fallback = "true"),
	OPTION(workers, NR_OPTION_UINT, .fallback = "1", .minimum = 1, .maximum = 64, .value = "N"),
	OPTION(any, NR_OPTION_UINT, ),
	OPTION(size, NR_OPTION_SIZE, .fallback = "64K", .minimum = 512),
	OPTION(limit, NR_OPTION_SIZE, .minimum = 65536, .maximum = 3 << 20),
	OPTION(rate, NR_OPTION_REAL, .maximum = 1),
	OPTION(keep, NR_OPTION_DURATION, .fallback = "7d"),
	OPTION(from, NR_OPTION_TIME, ),
	OPTION(store, NR_OPTION_TEXT, ),
	OPTION(out, NR_OPTION_PATH, .fallback = "-"),
	OPTION(by, NR_OPTION_CHOICE, .fallback = "port", .choices = by_choices),
	OPTION(ports, NR_OPTION_TEXTS, .fallback = "22,23"),
	OPTION(dark, NR_OPTION_PREFIXES, .value = "CIDR"),
};
#define COUNT NR_COUNT(options)

static void conf_init(struct conf *conf)
{
	memset(conf, 0, sizeof *conf);
	assert_int_equal(nr_options_default(options, COUNT, conf, NULL), 0);
}

static void conf_fini(struct conf *conf)
{
	nr_options_fini(options, COUNT, conf);
	assert_null(conf->ports.items);
	assert_null(conf->store);
}

static void test_default(void **state)
{
	struct conf conf;
	(void)state;
	conf_init(&conf);
	assert_false(conf.json);
	assert_true(conf.colour);
	assert_int_equal(conf.workers, 1);
	assert_int_equal(conf.size, 65536);
	assert_int_equal(conf.keep, 7 * NR_DAY);
	assert_null(conf.store);
	assert_string_equal(conf.out, "-");
	assert_string_equal(conf.by, "port");
	assert_int_equal(conf.ports.count, 2);
	assert_string_equal(conf.ports.items[1], "23");
	assert_int_equal(conf.dark.count, 0);
	conf_fini(&conf);
}

static void test_set(void **state)
{
	static const struct {
		const char *name, *text;
		int code;
	} cases[] = {
		{"json", "true", 0},
		{"json", "no", 0},
		{"json", "maybe", -EINVAL},
		{"json", "", -EINVAL},
		{"workers", "64", 0},
		{"workers", "0", -ERANGE},
		{"workers", "65", -ERANGE},
		{"workers", "-1", -EINVAL},
		{"workers", "1K", -EINVAL},
		{"workers", "", -EINVAL},
		{"workers", "0x10", -EINVAL},
		{"workers", " 1", -EINVAL},
		{"workers", "18446744073709551616", -ERANGE},
		{"any", "18446744073709551615", 0},
		{"size", "1G", 0},
		{"size", "1m", 0},
		{"size", "511", -ERANGE},
		{"size", "K", -EINVAL},
		{"size", "1KB", -EINVAL},
		{"size", "1X", -EINVAL},
		{"size", "16777216T", -ERANGE},
		{"size", "16777215T", 0},
		{"rate", "0.5", 0},
		{"rate", "1e-3", 0},
		{"rate", "1.01", -ERANGE},
		{"rate", "-0.1", -ERANGE},
		{"rate", "nan", -EINVAL},
		{"rate", "inf", -EINVAL},
		{"rate", "0x1", -EINVAL},
		{"rate", "1e999", -EINVAL},
		{"rate", "", -EINVAL},
		{"rate", " 0.5", -EINVAL},
		{"keep", "90s", 0},
		{"keep", "soon", -EINVAL},
		{"from", "2026-01-02", 0},
		{"from", "2026-02-30", -EINVAL},
		{"store", "", 0},
		{"by", "source", 0},
		{"by", "sources", -EINVAL},
		{"ports", "1, 2 ,3", 0},
		{"ports", "1,,2", -EINVAL},
		{"ports", "", -EINVAL},
		{"dark", "192.0.2.0/24,2001:db8::/32", 0},
		{"dark", "192.0.2.1/24", -EINVAL},
		{"dark", ",", -EINVAL},
		{"nothing", "1", -ENOENT},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct conf conf;
		struct nr_error error = {0};
		conf_init(&conf);
		int rc = nr_options_set(options, COUNT, &conf, cases[i].name, cases[i].text, &error);
		if (rc != cases[i].code)
			fail_msg("%s=%s: %d, %s", cases[i].name, cases[i].text, rc, error.text);
		if (rc < 0 && strncmp(error.text, cases[i].name, strlen(cases[i].name)) != 0)
			fail_msg("the message does not begin with %s: %s", cases[i].name, error.text);
		conf_fini(&conf);
	}
}

static void test_set_values(void **state)
{
	struct conf conf;
	(void)state;
	conf_init(&conf);
	assert_int_equal(nr_options_set(options, COUNT, &conf, "size", "3M", NULL), 0);
	assert_int_equal(conf.size, 3 << 20);
	assert_int_equal(nr_options_set(options, COUNT, &conf, "rate", "0.25", NULL), 0);
	assert_true(conf.rate == 0.25);
	assert_int_equal(nr_options_set(options, COUNT, &conf, "ports", "80, 443 ", NULL), 0);
	assert_int_equal(conf.ports.count, 4); /* set adds */
	assert_string_equal(conf.ports.items[3], "443");
	assert_int_equal(nr_options_set(options, COUNT, &conf, "store", "a", NULL), 0);
	assert_int_equal(nr_options_set(options, COUNT, &conf, "store", "b", NULL), 0);
	assert_string_equal(conf.store, "b");
	conf_fini(&conf);
}

/* Parses words separated by spaces; the operands come back joined by "|". */
static int parse(struct conf *conf, const char *line, char *operands, struct nr_error *error)
{
	char copy[256], *argv[32], *rest = copy, *word;
	int argc = 0;
	snprintf(copy, sizeof copy, "%s", line);
	while ((word = strsep(&rest, " ")) != NULL) {
		if (*word)
			argv[argc++] = word;
	}
	const char **items = NULL;
	size_t count = 0;
	int rc = nr_options_parse(options, COUNT, conf, argc, argv, &items, &count, error);
	operands[0] = '\0';
	for (size_t i = 0; rc == 0 && i < count; i++)
		strcat(strcat(operands, i ? "|" : ""), items[i]);
	free(items);
	return rc;
}

static void test_parse(void **state)
{
	struct conf conf;
	char operands[256];
	(void)state;
	conf_init(&conf);
	assert_int_equal(parse(&conf,
				 "a --workers 4 --json --no-colour - --store=x=y --ports 1 --ports 2,3 "
				 "--dark 192.0.2.0/24 b -- --json -c --",
				 operands, NULL),
		0);
	assert_string_equal(operands, "a|-|b|--json|-c|--");
	assert_int_equal(conf.workers, 4);
	assert_true(conf.json);
	assert_false(conf.colour);
	assert_string_equal(conf.store, "x=y");
	assert_int_equal(conf.ports.count, 3); /* the default is replaced, the flags add up */
	assert_string_equal(conf.ports.items[0], "1");
	assert_int_equal(conf.dark.count, 1);
	conf_fini(&conf);
	conf_init(&conf);
	assert_int_equal(parse(&conf, "--json=false --store - --out --", operands, NULL), -EINVAL);
	assert_int_equal(parse(&conf, "--json=false --store - --out=--", operands, NULL), 0);
	assert_string_equal(conf.out, "--");
	assert_string_equal(conf.store, "-");
	assert_int_equal(parse(&conf, "", operands, NULL), 0);
	conf_fini(&conf);
}

static void test_parse_bad(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *text;
	} cases[] = {
		{"--workrs 3", -ENOENT, "--workrs: no such option; did you mean --workers?"},
		{"--wrokers 3", -ENOENT, "--wrokers: no such option; did you mean --workers?"},
		{"--work 3", -ENOENT, "--work: no such option; did you mean --workers?"},
		{"--frobnicate", -ENOENT, "--frobnicate: no such option"},
		{"--workers", -EINVAL, "--workers needs a value: --workers N"},
		{"--workers --json", -EINVAL, "--workers needs a value before --json: --workers N"},
		{"--workers=", -EINVAL, "--workers: : not a whole number"},
		{"--workers x", -EINVAL, "--workers: x: not a whole number"},
		{"--workers 99", -ERANGE, "--workers: the value must be from 1 to 64"},
		{"--size 100", -ERANGE, "--size: the value must be at least 512"},
		{"--limit 2K", -ERANGE, "--limit: the value must be from 64K to 3M"},
		{"--json=maybe", -EINVAL, "--json: maybe: write true or false"},
		{"--no-json=true", -EINVAL, "--no-json takes no value"},
		{"--no-workers", -ENOENT, "--no-workers: no such option; did you mean --workers?"},
		{"--by sauce", -EINVAL, "--by: sauce: write one of port, source"},
		{"-w", -ENOENT, "-w: no such option; options begin with --, a file name like this is ./-w"},
		{"--=", -ENOENT, "--: no such option"},
		{"--dark 192.0.2.1/24", -EINVAL,
			"--dark: 192.0.2.1/24: address bits are set beyond /24; write 192.0.2.0/24"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct conf conf;
		struct nr_error error = {0};
		char operands[256];
		conf_init(&conf);
		int rc = parse(&conf, cases[i].line, operands, &error);
		if (rc != cases[i].code || strcmp(error.text, cases[i].text) != 0)
			fail_msg("%s: %d, %s", cases[i].line, rc, error.text);
		conf_fini(&conf);
	}
}

static char path[] = "/tmp/noroshi-option-XXXXXX";

static int read_yaml(struct conf *conf, const char *yaml, size_t length, struct nr_error *error)
{
	assert_int_equal(nr_file_write(path, yaml, length, NULL), 0);
	return nr_options_read_yaml(options, COUNT, conf, path, "telescope", error);
}

static void test_yaml(void **state)
{
	static const char yaml[] = "# comment\n"
				   "serve: {listen: x}\n"
				   "telescope:\n"
				   "  json: true\n"
				   "  workers: 8\n"
				   "  store: \"\"\n"
				   "  by: 'source'\n"
				   "  dark:\n"
				   "    - 192.0.2.0/24\n"
				   "    - 198.51.100.0/24\n"
				   "  ports: [80, \"443\"]\n"
				   "  keep: 1h\n";
	struct conf conf;
	char operands[256];
	(void)state;
	conf_init(&conf);
	assert_int_equal(read_yaml(&conf, yaml, sizeof yaml - 1, NULL), 0);
	assert_true(conf.json);
	assert_int_equal(conf.workers, 8);
	assert_string_equal(conf.store, "");
	assert_string_equal(conf.by, "source");
	assert_int_equal(conf.dark.count, 2);
	assert_int_equal(conf.ports.count, 2);
	assert_string_equal(conf.ports.items[0], "80");
	assert_int_equal(conf.keep, NR_HOUR);
	/* flags win over the file */
	assert_int_equal(parse(&conf, "--dark 203.0.113.0/24 --workers 2", operands, NULL), 0);
	assert_int_equal(conf.dark.count, 1);
	assert_int_equal(conf.workers, 2);
	assert_int_equal(conf.ports.count, 2);
	conf_fini(&conf);
}

static void test_yaml_without_the_area(void **state)
{
	static const char *const cases[] = {
		"", "# nothing\n", "serve:\n  listen: x\n", "telescope:\n", "---\n...\n"};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct conf conf;
		struct nr_error error = {0};
		conf_init(&conf);
		if (read_yaml(&conf, cases[i], strlen(cases[i]), &error) != 0)
			fail_msg("case %zu: %s", i, error.text);
		assert_int_equal(conf.workers, 1);
		conf_fini(&conf);
	}
}

static void test_yaml_bad(void **state)
{
	static const struct {
		const char *yaml;
		int code;
		const char *place; /* what follows the file's name */
	} cases[] = {
		{"telescope:\n  workers: x\n", -EINVAL, ":2:12: workers: x: not a whole number"},
		{"telescope:\n  workers: 99\n", -ERANGE, ":2:12: workers: the value must be from 1 to 64"},
		{"telescope:\n  workrs: 1\n", -ENOENT,
			":2:3: workrs: no such key in telescope; did you mean workers?"},
		{"telescope:\n  x: 1\n", -ENOENT, ":2:3: x: no such key in telescope"},
		{"telescope:\n  workers: 1\n  workers: 2\n", -EEXIST,
			":3:3: the key stands here a second time"},
		{"telescope:\n  json: 1\ntelescope:\n  json: no\n", -EINVAL,
			":2:9: json: 1: write true or false"},
		{"telescope: {}\ntelescope: {}\n", -EEXIST, ":2:1: the area stands here a second time"},
		{"telescope:\n  workers:\n", -EINVAL, ":2:11: workers: the value is missing"},
		{"telescope:\n  workers: [1]\n", -EINVAL, ":2:12: workers: a plain value is expected here"},
		{"telescope:\n  dark: [192.0.2.0/24, 192.0.2.1/24]\n", -EINVAL,
			":2:24: dark: 192.0.2.1/24: address bits are set beyond /24; write 192.0.2.0/24"},
		{"telescope:\n  dark: [[1]]\n", -EINVAL, ":2:10: dark: a plain value is expected here"},
		{"telescope:\n  dark: {a: b}\n", -EINVAL, ":2:9: dark: a plain value is expected here"},
		{"telescope: [1]\n", -EINVAL, ":1:12: keys and values are expected below the area"},
		{"telescope: word\n", -EINVAL, ":1:12: keys and values are expected below the area"},
		{"- 1\n", -EINVAL, ":1:1: the file must be a mapping of areas"},
		{"telescope:\n  [a]: 1\n", -EINVAL, ":2:3: a key must be a plain word"},
		{"telescope:\n\tworkers: 1\n", -EBADMSG, ":2:1: found character that cannot start any token"},
		{"telescope: [\n", -EBADMSG, ":2:1: did not find expected node content"},
		{"telescope: *unknown\n", -EBADMSG, ":1:12: found undefined alias"},
		{"telescope: {}\n---\ntelescope: {}\n", -EINVAL,
			":2:1: a second YAML document; only one is read"},
		{"telescope:\n  store: \"a\\0b\"\n", -EINVAL, ":2:10: store: a plain value is expected here"},
		{"telescope: \xff\n", -EBADMSG, ": byte 11: invalid leading UTF-8 octet"},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		struct conf conf;
		struct nr_error error = {0};
		conf_init(&conf);
		int rc = read_yaml(&conf, cases[i].yaml, strlen(cases[i].yaml), &error);
		if (rc != cases[i].code || strncmp(error.text, path, strlen(path)) != 0 ||
			strcmp(error.text + strlen(path), cases[i].place) != 0)
			fail_msg("case %zu: %d, %s", i, rc, error.text);
		conf_fini(&conf);
	}
}

/* Deep nesting, anchors that would unfold without end, and a file over the limit: refused or ignored, never
 * slow. */
static void test_yaml_hostile(void **state)
{
	struct conf conf;
	struct nr_error error = {0};
	size_t length = 200000;
	NR_AUTO(nr_freep) char *deep = malloc(length);
	(void)state;
	conf_init(&conf);
	memset(deep, '[', length);
	memcpy(deep, "telescope: ", 11);
	assert_int_equal(read_yaml(&conf, deep, length, &error), -EBADMSG);
	assert_non_null(strstr(error.text, ": nested deeper than 16"));

	static const char laughs[] = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
				     "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
				     "telescope:\n  dark: *d\n";
	assert_int_equal(read_yaml(&conf, laughs, sizeof laughs - 1, &error), -EINVAL);

	static const char loop[] = "telescope: &t\n  dark: *t\n";
	assert_true(read_yaml(&conf, loop, sizeof loop - 1, &error) < 0);

	NR_AUTO(nr_freep) char *large = malloc((1 << 20) + 1);
	memset(large, '#', (1 << 20) + 1);
	assert_int_equal(read_yaml(&conf, large, (1 << 20) + 1, &error), -EFBIG);
	assert_int_equal(
		nr_options_read_yaml(options, COUNT, &conf, "/nonexistent", "telescope", &error), -ENOENT);
	assert_int_equal(nr_options_read_yaml(options, COUNT, &conf, "/tmp", "telescope", &error), -EISDIR);
	conf_fini(&conf);
}

static int set_up(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_set_values),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_yaml),
		cmocka_unit_test(test_yaml_without_the_area),
		cmocka_unit_test(test_yaml_bad),
		cmocka_unit_test(test_yaml_hostile),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
