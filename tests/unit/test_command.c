/* SPDX-License-Identifier: Apache-2.0 */
/* Whole command lines: what is printed where, and the exit status. */
#include "base/file.h"
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct conf {
	uint64_t workers;
	const char *store, *by;
	bool json;
};

static const char *const by_choices[] = {"port", "source", NULL};
static const struct nr_option read_options[] = {
	{"workers", NR_OPTION_UINT, offsetof(struct conf, workers), "N", "1", 1, 64, NULL, "Threads",
		"スレッド数"},
	{"store", NR_OPTION_PATH, offsetof(struct conf, store), "STORE", NULL, 0, 0, NULL, "Where to write",
		"保存先"},
	{"json", NR_OPTION_FLAG, offsetof(struct conf, json), NULL, NULL, 0, 0, NULL, "One JSON document",
		"JSON"},
};
static const struct nr_option report_options[] = {
	{"by", NR_OPTION_CHOICE, offsetof(struct conf, by), "WHAT", "port", 0, 0, by_choices, "Group by",
		"集計単位"},
};

static int read_run(const void *data, const char *const *operands, size_t count, struct nr_error *error)
{
	const struct conf *conf = data;
	printf("workers=%ju store=%s json=%d", (uintmax_t)conf->workers, conf->store ? conf->store : "-",
		conf->json);
	for (size_t i = 0; i < count; i++)
		printf(" %s", operands[i]);
	putchar('\n');
	if (strcmp(operands[0], "bad") == 0) {
		nr_fail(error, -EBADMSG, "bad: byte 24: cut");
		return NR_EXIT_INPUT;
	}
	return strcmp(operands[0], "errno") == 0 ? nr_fail(error, -EIO, "the disk") : NR_EXIT_OK;
}

static int report_run(const void *data, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)operands;
	(void)count;
	(void)error;
	printf("by=%s\n", ((const struct conf *)data)->by);
	return NR_EXIT_NO;
}

static int serve_run(const void *data, const char *const *operands, size_t count, struct nr_error *error)
{
	(void)data;
	(void)operands;
	(void)count;
	(void)error;
	puts("serving");
	return NR_EXIT_OK;
}

static const struct nr_command read_command = {"telescope", "read", "FILE...", 1, 0, "Analyse captures",
	"キャプチャを分析する", "noroshi telescope read a.pcap", read_options, NR_COUNT(read_options),
	sizeof(struct conf), read_run};
static const struct nr_command report_command = {"telescope", "report", NULL, 0, 0, "Ask the store",
	"集計する", NULL, report_options, NR_COUNT(report_options), sizeof(struct conf), report_run};
static const struct nr_command serve_command = {"serve", NULL, "[ROOM]", 0, 1, "Serve the console",
	"コンソールを提供する", NULL, NULL, 0, 0, serve_run};
static const struct nr_command *const commands[] = {&read_command, &report_command, &serve_command};

static char out_path[] = "/tmp/noroshi-command-out-XXXXXX", err_path[] = "/tmp/noroshi-command-err-XXXXXX",
	    conf_path[] = "/tmp/noroshi-command-conf-XXXXXX";
static char out[65536], err[8192];

static int redirect(FILE *stream, const char *path)
{
	fflush(stream);
	int kept = dup(fileno(stream));
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	dup2(fd, fileno(stream));
	close(fd);
	return kept;
}

static void restore(FILE *stream, int kept, const char *path, char *text, size_t room)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0;
	fflush(stream);
	dup2(kept, fileno(stream));
	close(kept);
	assert_int_equal(nr_file_read(path, room - 1, &bytes, &length, NULL), 0);
	memcpy(text, bytes, length + 1);
}

/* Runs "noroshi " + line; what it printed is in out and err. */
static int run(const char *line)
{
	char copy[512], *argv[32] = {(char[]){"noroshi"}}, *rest = copy, *word;
	int argc = 1;
	snprintf(copy, sizeof copy, "%s", line);
	while ((word = strsep(&rest, " ")) != NULL) {
		if (*word)
			argv[argc++] = word;
	}
	int kept_out = redirect(stdout, out_path), kept_err = redirect(stderr, err_path);
	int status = nr_command_main(commands, NR_COUNT(commands), argc, argv);
	restore(stdout, kept_out, out_path, out, sizeof out);
	restore(stderr, kept_err, err_path, err, sizeof err);
	return status;
}

static void test_run(void **state)
{
	static const struct {
		const char *line;
		int status;
		const char *out, *err;
	} cases[] = {
		{"telescope read a b", 0, "workers=1 store=- json=0 a b\n", ""},
		{"telescope read --json a --store=x -- --help", 0, "workers=1 store=x json=1 a --help\n", ""},
		{"telescope read bad", 3, "workers=1 store=- json=0 bad\n", "noroshi: bad: byte 24: cut\n"},
		{"telescope read errno", 4, "workers=1 store=- json=0 errno\n", "noroshi: the disk\n"},
		{"telescope report", 1, "by=port\n", ""},
		{"serve", 0, "serving\n", ""},
		{"serve a", 0, "serving\n", ""},
		{"version", 0, "noroshi " NR_VERSION "\n", ""},
		{"--version", 0, "noroshi " NR_VERSION "\n", ""},
	};
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		int status = run(cases[i].line);
		if (status != cases[i].status || strcmp(out, cases[i].out) != 0 ||
			strcmp(err, cases[i].err) != 0)
			fail_msg("%s: %d\n%s\n%s", cases[i].line, status, out, err);
	}
}

static void test_usage(void **state)
{
	static const struct {
		const char *line, *err;
	} cases[] = {
		{"telescop read", "telescop: no such area; did you mean telescope?"},
		{"hlep", "hlep: no such area; did you mean help?"},
		{"xyz", "xyz: no such area; see noroshi help"},
		{"telescope raed x", "telescope raed: no such verb; did you mean read?"},
		{"telescope xyz", "telescope xyz: no such verb; see noroshi help telescope"},
		{"telescope read", "FILE... is missing (noroshi telescope read --help)"},
		{"telescope report x", "x: one operand too many (noroshi telescope report --help)"},
		{"serve a b", "b: one operand too many (noroshi serve --help)"},
		{"serve --config x", "--config: no such option (noroshi serve --help)"},
		{"telescope read --workers 0 x",
			"--workers: the value must be from 1 to 64 (noroshi telescope read --help)"},
		{"telescope read --config",
			"--config needs a value: --config FILE (noroshi telescope read --help)"},
		{"telescope read --config /nonexistent x",
			"/nonexistent: No such file or directory (noroshi telescope read --help)"},
		{"help telescop", "telescop: no such area; did you mean telescope?"},
		{"help telescope raed", "telescope raed: no such verb; did you mean read?"},
		{"help --man telescop", "telescop: no such area; did you mean telescope?"},
		{"completion", "completion: write noroshi completion bash, zsh or fish"},
		{"completion tcsh", "completion: write noroshi completion bash, zsh or fish"},
	};
	char wanted[300];
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		int status = run(cases[i].line);
		snprintf(wanted, sizeof wanted, "noroshi: %s\n", cases[i].err);
		if (status != NR_EXIT_USAGE || strcmp(err, wanted) != 0 || out[0])
			fail_msg("%s: %d\n%s\n%s", cases[i].line, status, out, err);
	}
}

static void write_conf(const char *yaml)
{
	assert_int_equal(nr_file_write(conf_path, yaml, strlen(yaml), NULL), 0);
}

static void test_config(void **state)
{
	char line[200];
	(void)state;
	/* "by" belongs to another command of the area, "serve" to another area */
	write_conf("telescope:\n  workers: 8\n  store: s\n  by: source\nserve: {}\n");
	snprintf(line, sizeof line, "telescope read --config %s --workers 2 a", conf_path);
	assert_int_equal(run(line), 0);
	assert_string_equal(out, "workers=2 store=s json=0 a\n");
	snprintf(line, sizeof line, "telescope report --config=%s", conf_path);
	assert_int_equal(run(line), NR_EXIT_NO);
	assert_string_equal(out, "by=source\n");

	write_conf("telescop:\n  workers: 8\n");
	assert_int_equal(run(line), NR_EXIT_USAGE);
	assert_non_null(strstr(err, ":1:1: no such area; see noroshi help"));
	write_conf("telescope:\n  frob: 8\n");
	assert_int_equal(run(line), NR_EXIT_USAGE);
	assert_non_null(strstr(err, ":2:3: frob: no such key in telescope"));
}

static void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s\nis not in:\n%s", part, text);
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(run(""), NR_EXIT_USAGE);
	expect_in(err, "telescope read FILE...");
	assert_string_equal(out, "");
	assert_int_equal(run("help"), 0);
	expect_in(out, "telescope report            Ask the store\n");
	expect_in(out, "serve [ROOM]                Serve the console\n");
	assert_null(strstr(out, "--man"));
	assert_int_equal(run("help --help"), 0);
	expect_in(out, "serve [ROOM]");
	assert_int_equal(run("help telescope"), 0);
	expect_in(out, "telescope read FILE...      Analyse captures\n");
	assert_null(strstr(out, "serve"));
	assert_int_equal(run("help telescope read"), 0);
	expect_in(out, "Usage: noroshi telescope read [OPTIONS] FILE...\n");
	expect_in(out, "  --workers N    Threads (default: 1; 1 to 64)\n");
	expect_in(out, "  --json         One JSON document\n");
	expect_in(out, "  --config FILE  read options");
	expect_in(out, "noroshi telescope read a.pcap\n");
	char kept[sizeof out];
	strcpy(kept, out);
	assert_int_equal(run("telescope read --nonsense --help"), 0); /* help wins over errors */
	assert_string_equal(out, kept);
	assert_int_equal(run("telescope --help"), 0);
	expect_in(out, "telescope read FILE...");
	assert_int_equal(run("telescope"), NR_EXIT_USAGE);
	expect_in(err, "telescope read FILE...");
	assert_int_equal(run("serve --help"), 0);
	assert_null(strstr(out, "--config"));
	assert_int_equal(run("help telescope report"), 0);
	expect_in(out, "--by WHAT      Group by (port, source; default: port)\n");
}

static void test_help_japanese(void **state)
{
	(void)state;
	setenv("LANG", "ja_JP.UTF-8", 1);
	assert_int_equal(run("help telescope read"), 0);
	expect_in(out, "使い方: noroshi telescope read");
	expect_in(out, "  --workers N    スレッド数（既定: 1、1～64）\n");
	setenv("LC_ALL", "C", 1); /* wins over LANG */
	assert_int_equal(run("help telescope read"), 0);
	expect_in(out, "Usage: ");
	unsetenv("LC_ALL");
	unsetenv("LANG");
}

static void test_manual(void **state)
{
	(void)state;
	assert_int_equal(run("help --man"), 0);
	expect_in(out, "noroshi(1)\n");
	expect_in(out, "*noroshi-telescope*(1), *noroshi-serve*(1)\n");
	assert_int_equal(run("help --man telescope"), 0);
	assert_int_equal(strncmp(out, "noroshi-telescope(1)\n\n", 22), 0);
	for (size_t i = 0; i < NR_COUNT(read_options); i++) {
		char option[64];
		snprintf(option, sizeof option, "*\\-\\-%s", read_options[i].name);
		expect_in(out, option);
	}
	expect_in(out, "*\\-\\-by WHAT*\n\tGroup by (port, source; default: port)\n");
}

static void test_completion(void **state)
{
	(void)state;
	assert_int_equal(run("completion bash"), 0);
	expect_in(out, "complete -o filenames -F _noroshi noroshi\n");
	expect_in(out, "telescope) verbs=\"read report\" ;;");
	expect_in(
		out, "\"telescope read\") files=yes options=\"--workers --store --json --config --help\" ;;");
	expect_in(out, "\"telescope report --by\") COMPREPLY=($(compgen -W \"port source\" -- "
		       "\"$current\")); return ;;");
	assert_int_equal(run("completion zsh"), 0);
	expect_in(out, "bashcompinit");
	assert_int_equal(run("completion fish"), 0);
	expect_in(out, "-l by -x -a 'port source' -d 'Group by'\n");
}

/* The answer did not reach the disk: that must not look like success. */
static void test_full_output(void **state)
{
	char *argv[] = {(char[]){"noroshi"}, (char[]){"help"}, NULL};
	(void)state;
	int kept_out = redirect(stdout, "/dev/full"), kept_err = redirect(stderr, err_path);
	int status = nr_command_main(commands, NR_COUNT(commands), 2, argv);
	clearerr(stdout);
	dup2(kept_out, STDOUT_FILENO);
	close(kept_out);
	restore(stderr, kept_err, err_path, err, sizeof err);
	assert_int_equal(status, NR_EXIT_ENVIRONMENT);
	assert_string_equal(err, "noroshi: standard output: No space left on device\n");
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	unsetenv("LANG");
	int a = mkstemp(out_path), b = mkstemp(err_path), c = mkstemp(conf_path);
	return a < 0 || b < 0 || c < 0 ? -1 : close(a) + close(b) + close(c);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(out_path) + unlink(err_path) + unlink(conf_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_japanese),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_full_output),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
