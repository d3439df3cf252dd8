/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options and commands as descriptors. One array drives the flags (--name), the configuration file
 * (area.name), help, man page, shell completion and the check of values, so that they cannot disagree.
 */
#ifndef NR_BASE_OPTION_H
#define NR_BASE_OPTION_H

#include "base/error.h"
#include "base/json.h"

enum nr_option_type {
	NR_OPTION_FLAG,     /* bool: --x, --no-x; in YAML true/false */
	NR_OPTION_UINT,     /* uint64_t within min..max */
	NR_OPTION_SIZE,     /* uint64_t bytes: 512, 64K, 1M, 1G (powers of 1024) */
	NR_OPTION_REAL,     /* double within min..max */
	NR_OPTION_DURATION, /* nr_time: 90s, 5m, 1h, 7d */
	NR_OPTION_TIME,     /* nr_time: RFC 3339, date, Unix seconds */
	NR_OPTION_TEXT,     /* const char * */
	NR_OPTION_PATH,     /* const char *; completion offers files */
	NR_OPTION_CHOICE,   /* const char *, one of choices */
	NR_OPTION_TEXTS,    /* struct nr_texts; may be given many times, or comma-separated */
	NR_OPTION_PREFIXES, /* struct nr_prefixes; likewise */
};

struct nr_texts {
	const char **items;
	size_t count;
};
struct nr_prefixes {
	struct nr_prefix *items;
	size_t count;
};

struct nr_option {
	const char *name; /* "dark": --dark, and dark: under the area in YAML */
	enum nr_option_type type;
	size_t offset;        /* of the value in the conf struct */
	const char *value;    /* metavariable in help: "CIDR" */
	const char *fallback; /* default as text, parsed like input; NULL = zero/empty */
	double minimum,
		maximum; /* for UINT, SIZE, REAL; both 0 = any; maximum not above minimum = no upper limit */
	const char *const *choices; /* NULL-terminated, for CHOICE */
	const char *text_en, *text_ja;
	char letter; /* 'i': -i says the same; 0: none. For the few that people know by it */
};

/* A run() answers one of these; they are the program's exit status (DESIGN section 4). */
enum nr_exit {
	NR_EXIT_OK = 0,
	NR_EXIT_NO = 1,
	NR_EXIT_USAGE = 2,
	NR_EXIT_INPUT = 3,
	NR_EXIT_ENVIRONMENT = 4
};

struct nr_command {
	const char *area, *verb; /* "telescope", "read"; verb NULL: the area is the command ("serve") */
	const char *operands;    /* "FILE..." or NULL */
	size_t operand_min, operand_max; /* max 0 with operands != NULL: without limit */
	const char *text_en, *text_ja;   /* one line */
	const char *example;             /* a whole command line that works; shown in help and man */
	const struct nr_option *options; /* may be NULL */
	size_t option_count;
	size_t conf_size;
	/* conf: conf_size bytes, parsed; owned by the caller. Answers an enum nr_exit; on failure the message
	 * is in error and the caller prints it. */
	int (*run)(
		const void *conf, const char *const *operands, size_t operand_count, struct nr_error *error);
	/* Another area of the configuration file whose keys it takes, too, where they are its options; its
	 * own area has precedence. NULL: none. */
	const char *also;
};

/*
 * Every text and list inside conf is a copy that conf owns: fill it with these functions only, and release it
 * with nr_options_fini(). At most 128 options.
 */

/* Fills conf with the defaults. conf must be zeroed, conf_size bytes. */
int nr_options_default(const struct nr_option *options, size_t count, void *conf, struct nr_error *error);
/* Sets one option from text. -ENOENT: no such option (the message suggests the nearest); -EINVAL, -ERANGE:
 * bad value. Lists grow by what is given here; the command line and the file replace them by their own. */
int nr_options_set(const struct nr_option *options, size_t count, void *conf, const char *name,
	const char *text, struct nr_error *error);
/* Parses argv after AREA VERB. "--" ends options; "-" is an operand; a value that
 * begins with "--" needs the form --name=value. *ret_operands is owned by the caller (array only). */
int nr_options_parse(const struct nr_option *options, size_t count, void *conf, int argc, char *const *argv,
	const char ***ret_operands, size_t *ret_operand_count, struct nr_error *error);
/* Reads the mapping `area:` of a YAML file; errors name file, line and column. Unknown keys are errors. */
int nr_options_read_yaml(const struct nr_option *options, size_t count, void *conf, const char *path,
	const char *area, struct nr_error *error);
/* Releases the texts and lists inside conf; every option's value becomes zero. */
void nr_options_fini(const struct nr_option *options, size_t count, void *conf);

/* The exit status where reading what the user named (words, or a file given by an option) failed with this
 * -errno: NR_EXIT_USAGE for what is wrong or not there, NR_EXIT_ENVIRONMENT for what cannot be opened or
 * held. */
enum nr_exit nr_exit_of_input(int code);

/* Dispatch: finds AREA VERB in the table, answers help, completion and usage errors, runs. Returns an exit
 * status. Every command has --help, and --config FILE when it has options; precedence: flag, file, default.
 */
int nr_command_main(const struct nr_command *const *commands, size_t count, int argc, char **argv);

/* For the command that runs: its configuration from the same command line and from the file as it is now;
 * conf is owned by the caller, who gives it back with _forget. One thread. */
int nr_command_read_again(void **ret_conf, struct nr_error *error);
void nr_command_forget(void *conf);
/* For the command that runs, where it writes files and has nothing else to bring to an end: from here on
 * SIGINT, SIGTERM and SIGHUP remove what is unfinished (nr_file_abandon_all) and end the process with one
 * line and NR_EXIT_ENVIRONMENT. A signal that is ignored (nohup) stays so. */
void nr_command_end_on_signal(void);
/* The file that --config names; NULL: none. */
const char *nr_command_config(void);

#endif
