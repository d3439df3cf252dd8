/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the descriptors say to people and to shells: help, man pages (scdoc source), completion. Inside base:
 * command.c is the only caller. Everything goes to out; its errors are the caller's to check.
 */
#ifndef NR_BASE_HELP_H
#define NR_BASE_HELP_H

#include "base/option.h"

#define NR_COMMON_OPTIONS 2

struct nr_command_table {
	const struct nr_command *const *items;
	size_t count;
};

/* --config FILE and --help, which every command has; offset is meaningless. Commands without options have no
 * --config. */
extern const struct nr_option nr_common_options[NR_COMMON_OPTIONS];
/* The i-th option of the command with the common ones last; NULL after the end. */
const struct nr_option *nr_command_option(const struct nr_command *command, size_t i);
/* The first command of the area at or after index from; NULL when there is none. *ret_next is where to go on.
 */
const struct nr_command *nr_command_in_area(
	const struct nr_command_table *table, const char *area, size_t from, size_t *ret_next);
/* The command is the first of its area in the table. */
bool nr_command_opens_area(const struct nr_command_table *table, size_t index);

/* "noroshi telescope read" */
const char *nr_command_name(const struct nr_command *command, char *text, size_t room);
/* "--dark CIDR", "--[no-]json" */
const char *nr_option_label(const struct nr_option *option, char *text, size_t room);
/* The option's text in the reader's language, then what it takes: "(default: 1; from 1 to 64)". */
const char *nr_option_describe(const struct nr_option *option, char *text, size_t room);

/* The commands of the program itself. */
struct nr_own_command {
	const char *name, *operands, *text_en, *text_ja;
};
extern const struct nr_own_command nr_own_commands[3];

void nr_help_program(const struct nr_command_table *table, FILE *out);
void nr_help_area(const struct nr_command_table *table, const char *area, FILE *out);
void nr_help_command(const struct nr_command *command, FILE *out);

/* scdoc(5) source of noroshi(1) (area NULL) or noroshi-AREA(1). */
void nr_manual_write(const struct nr_command_table *table, const char *area, FILE *out);

/* shell: "bash", "zsh" or "fish"; false for another. */
bool nr_completion_write(const struct nr_command_table *table, const char *shell, FILE *out);

/* The meaning of the exit statuses, 0..4, in the reader's language. */
const char *nr_exit_text(int status);

#endif
