/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command's run(), and from its answer to one line on stderr and an exit status. */
#include "base/file.h"
#include "base/help.h"
#include "base/language.h"
#include "base/nearest.h"
#include "base/option_value.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* "noroshi: reason" on stderr; the one place where a command line's failure is printed. */
static int command_fail(int status, const struct nr_error *error)
{
	fprintf(stderr, "noroshi: %s\n", error->text);
	return status;
}

static int area_unknown(const struct nr_command_table *table, const char *word, struct nr_error *error)
{
	struct nr_nearest nearest = {.word = word};
	for (size_t i = 0; i < table->count; i++)
		nr_nearest_offer(&nearest, table->items[i]->area);
	for (size_t i = 0; i < NR_COUNT(nr_own_commands); i++)
		nr_nearest_offer(&nearest, nr_own_commands[i].name);
	if (nearest.best)
		return nr_fail(error, -ENOENT, "%.60s: no such area; did you mean %s?", word, nearest.best);
	return nr_fail(error, -ENOENT, "%.60s: no such area; see noroshi help", word);
}

static int verb_unknown(
	const struct nr_command_table *table, const char *area, const char *word, struct nr_error *error)
{
	struct nr_nearest nearest = {.word = word};
	const struct nr_command *command;
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &i)) != NULL;) {
		if (command->verb)
			nr_nearest_offer(&nearest, command->verb);
	}
	if (nearest.best)
		return nr_fail(
			error, -ENOENT, "%s %.60s: no such verb; did you mean %s?", area, word, nearest.best);
	return nr_fail(error, -ENOENT, "%s %.60s: no such verb; see noroshi help %s", area, word, area);
}

/* words: AREA [VERB]. *ret_used is how many of them name the command; NULL command: the area alone was given.
 */
static int command_find(const struct nr_command_table *table, char *const *words, size_t count,
	const struct nr_command **ret_command, size_t *ret_used, struct nr_error *error)
{
	const struct nr_command *command;
	bool known = false;
	for (size_t i = 0; (command = nr_command_in_area(table, words[0], i, &i)) != NULL;) {
		known = true;
		if (command->verb && (count < 2 || strcmp(command->verb, words[1]) != 0))
			continue;
		*ret_command = command;
		*ret_used = command->verb ? 2 : 1;
		return 0;
	}
	if (!known)
		return area_unknown(table, words[0], error);
	if (count >= 2 && words[1][0] != '-')
		return verb_unknown(table, words[0], words[1], error);
	*ret_command = NULL;
	*ret_used = 1;
	return 0;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help_main(const struct nr_command_table *table, int argc, char *const *argv)
{
	struct nr_error error;
	const struct nr_command *command = NULL;
	size_t used;
	bool manual = argc > 0 && strcmp(argv[0], "--man") == 0;
	argc -= manual;
	argv += manual;
	if (argc > 0 && is_help(argv[0]))
		argc = 0;
	if (argc > 0 && command_find(table, argv, (size_t)argc, &command, &used, &error) < 0)
		return command_fail(NR_EXIT_USAGE, &error);
	if (manual)
		nr_manual_write(table, argc > 0 ? argv[0] : NULL, stdout);
	else if (argc == 0)
		nr_help_program(table, stdout);
	else if (command)
		nr_help_command(command, stdout);
	else
		nr_help_area(table, argv[0], stdout);
	return NR_EXIT_OK;
}

static int completion_main(const struct nr_command_table *table, int argc, char *const *argv)
{
	struct nr_error error;
	if (argc == 1 && nr_completion_write(table, argv[0], stdout))
		return NR_EXIT_OK;
	nr_fail(&error, -EINVAL, "completion: write noroshi completion bash, zsh or fish");
	return command_fail(NR_EXIT_USAGE, &error);
}

static int version_main(const struct nr_command_table *table, int argc, char *const *argv)
{
	(void)table;
	(void)argc;
	(void)argv;
	printf("noroshi %s\n", NR_VERSION);
	return NR_EXIT_OK;
}

/* What the common options say, and the arguments without them. */
struct common {
	bool help;
	const char *config;
	char **argv; /* owned array */
	int argc;
};

/* Takes --help and --config out. A value never begins with "--", so every such word before "--" is an option.
 */
static int common_take(const struct nr_command *command, int argc, char *const *argv, struct common *common,
	struct nr_error *error)
{
	common->argv = calloc((size_t)argc + 1, sizeof *common->argv);
	if (!common->argv)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (int i = 0; i < argc; i++) {
		const char *argument = argv[i];
		if (strcmp(argument, "--") == 0) {
			memcpy(common->argv + common->argc, argv + i, (size_t)(argc - i) * sizeof *argv);
			common->argc += argc - i;
			break;
		}
		if (is_help(argument)) {
			common->help = true;
		} else if (command->option_count && strncmp(argument, "--config=", 9) == 0) {
			common->config = argument + 9;
		} else if (command->option_count && strcmp(argument, "--config") == 0) {
			if (i + 1 >= argc)
				return nr_fail(error, -EINVAL, "--config needs a value: --config FILE");
			common->config = argv[++i];
		} else {
			common->argv[common->argc++] = argv[i];
		}
	}
	return 0;
}

/* Another command of the area may own the key. */
static bool key_known(const void *data, const char *area, const char *key)
{
	const struct nr_command_table *table = data;
	const struct nr_command *command;
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &i)) != NULL;) {
		if (!key || nr_option_find(command->options, command->option_count, key))
			return true;
	}
	return false;
}

static int operands_check(
	const struct nr_command *command, const char *const *operands, size_t count, struct nr_error *error)
{
	size_t most = command->operands && command->operand_max == 0 ? SIZE_MAX : command->operand_max;
	if (!command->operands)
		most = 0;
	if (count < command->operand_min)
		return nr_fail(error, -EINVAL, "%s is missing", command->operands);
	if (count > most)
		return nr_fail(error, -E2BIG, "%.60s: one operand too many", operands[most]);
	return 0;
}

/* Default, then file, then flags. */
static int conf_fill(const struct nr_command_table *table, const struct nr_command *command,
	const struct common *common, void *conf, const char ***ret_operands, size_t *ret_count,
	struct nr_error *error)
{
	const struct nr_option_names names = {key_known, table};
	int rc = nr_options_default(command->options, command->option_count, conf, error);
	if (rc == 0 && common->config && command->also)
		rc = nr_options_read_yaml_shared(command->options, command->option_count, conf,
			common->config, command->also, &names, error);
	if (rc == 0 && common->config)
		rc = nr_options_read_yaml_shared(command->options, command->option_count, conf,
			common->config, command->area, &names, error);
	if (rc == 0)
		rc = nr_options_parse(command->options, command->option_count, conf, common->argc,
			common->argv, ret_operands, ret_count, error);
	if (rc == 0)
		rc = operands_check(command, *ret_operands, *ret_count, error);
	return rc;
}

/* A wrong word is the user's; a file that cannot be opened or memory that is short is not. */
enum nr_exit nr_exit_of_input(int code)
{
	static const int codes[] = {-EINVAL, -ERANGE, -ENOENT, -EEXIST, -E2BIG, -EBADMSG};
	for (size_t i = 0; i < NR_COUNT(codes); i++) {
		if (codes[i] == code)
			return NR_EXIT_USAGE;
	}
	return NR_EXIT_ENVIRONMENT;
}

static int usage_fail(const struct nr_command *command, int code, const struct nr_error *error)
{
	char name[96];
	struct nr_error text;
	if (nr_exit_of_input(code) != NR_EXIT_USAGE)
		return command_fail(NR_EXIT_ENVIRONMENT, error);
	nr_command_name(command, name, sizeof name);
	nr_fail(&text, code, "%.170s (%s --help)", error->text, name);
	return command_fail(NR_EXIT_USAGE, &text);
}

/* What nr_command_read_again() starts from. */
static struct {
	const struct nr_command_table *table;
	const struct nr_command *command;
	const struct common *common;
} running;

int nr_command_read_again(void **ret_conf, struct nr_error *error)
{
	NR_AUTO(nr_freep) const char **operands = NULL;
	size_t count;
	void *conf = calloc(1, NR_MAX(running.command->conf_size, 1));
	if (!conf)
		return nr_fail(error, -ENOMEM, "out of memory");
	int rc = conf_fill(running.table, running.command, running.common, conf, &operands, &count, error);
	if (rc < 0) {
		nr_command_forget(conf);
		return rc;
	}
	*ret_conf = conf;
	return 0;
}

void nr_command_forget(void *conf)
{
	nr_options_fini(running.command->options, running.command->option_count, conf);
	free(conf);
}

static const char *farewell;
static bool on_terminal;

static void end_on_signal(int number)
{
	static const char clear[] = "\r\033[K"; /* a progress bar may stand there */
	(void)number;
	nr_file_abandon_all();
	if (on_terminal)
		(void)!write(STDERR_FILENO, clear, sizeof clear - 1);
	(void)!write(STDERR_FILENO, farewell, strlen(farewell));
	_exit(NR_EXIT_ENVIRONMENT);
}

void nr_command_end_on_signal(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction action = {.sa_handler = end_on_signal};
	struct sigaction before;
	on_terminal = isatty(STDERR_FILENO);
	farewell = nr_says("noroshi: interrupted; what was not finished has been removed\n",
		"noroshi: 中断しました。書きかけのファイルは削除しました\n");
	for (size_t i = 0; i < NR_COUNT(numbers); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

const char *nr_command_config(void)
{
	return running.common ? running.common->config : NULL;
}

/* -errno is no exit status: a run() that answers it means "the environment failed". */
static int command_run(
	const struct nr_command *command, const void *conf, const char *const *operands, size_t count)
{
	struct nr_error error = {0};
	int status = command->run(conf, operands, count, &error);
	if (status < 0)
		status = NR_EXIT_ENVIRONMENT;
	if (status != NR_EXIT_OK && error.text[0])
		command_fail(status, &error);
	return status;
}

static int command_main(
	const struct nr_command_table *table, const struct nr_command *command, int argc, char *const *argv)
{
	struct nr_error error = {0};
	struct common common = {0};
	NR_AUTO(nr_freep) const char **operands = NULL;
	NR_AUTO(nr_freep) void *conf = calloc(1, NR_MAX(command->conf_size, 1));
	size_t count = 0;
	int status;
	int rc = conf ? common_take(command, argc, argv, &common, &error)
		      : nr_fail(&error, -ENOMEM, "out of memory");
	if (rc == 0 && !common.help)
		rc = conf_fill(table, command, &common, conf, &operands, &count, &error);
	if (rc < 0) {
		status = usage_fail(command, rc, &error);
	} else if (common.help) {
		nr_help_command(command, stdout);
		status = NR_EXIT_OK;
	} else {
		running.table = table;
		running.command = command;
		running.common = &common;
		status = command_run(command, conf, operands, count);
	}
	if (conf)
		nr_options_fini(command->options, command->option_count, conf);
	free(common.argv);
	return status;
}

static int table_main(const struct nr_command_table *table, int argc, char *const *argv)
{
	static const struct {
		const char *word;
		int (*main)(const struct nr_command_table *, int, char *const *);
	} own[] = {{"help", help_main}, {"--help", help_main}, {"-h", help_main},
		{"completion", completion_main}, {"version", version_main}, {"--version", version_main}};
	struct nr_error error;
	const struct nr_command *command;
	size_t used;
	if (argc < 2) {
		nr_help_program(table, stderr);
		return NR_EXIT_USAGE;
	}
	for (size_t i = 0; i < NR_COUNT(own); i++) {
		if (strcmp(argv[1], own[i].word) == 0)
			return own[i].main(table, argc - 2, argv + 2);
	}
	if (command_find(table, argv + 1, (size_t)argc - 1, &command, &used, &error) < 0)
		return command_fail(NR_EXIT_USAGE, &error);
	if (command)
		return command_main(table, command, argc - 1 - (int)used, argv + 1 + used);
	bool asked = argc > 2 && is_help(argv[2]);
	nr_help_area(table, argv[1], asked ? stdout : stderr);
	return asked ? NR_EXIT_OK : NR_EXIT_USAGE;
}

int nr_command_main(const struct nr_command *const *commands, size_t count, int argc, char **argv)
{
	const struct nr_command_table table = {commands, count};
	int status = table_main(&table, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		struct nr_error error;
		nr_fail(&error, -errno, "standard output: %s", strerror(errno ? errno : EIO));
		return command_fail(NR_EXIT_ENVIRONMENT, &error);
	}
	return status;
}
