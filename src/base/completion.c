/* SPDX-License-Identifier: Apache-2.0 */
/* Completion scripts. They are static: the shell never has to start the program to complete a word. */
#include "base/help.h"

#include <string.h>

/* "telescope" or "telescope read": the words before the options. */
static const char *command_words(const struct nr_command *command, char *text, size_t room)
{
	snprintf(text, room, "%s%s%s", command->area, command->verb ? " " : "",
		command->verb ? command->verb : "");
	return text;
}

static void areas_write(const struct nr_command_table *table, FILE *out)
{
	const char *separator = "";
	for (size_t i = 0; i < table->count; i++) {
		if (!nr_command_opens_area(table, i))
			continue;
		fprintf(out, "%s%s", separator, table->items[i]->area);
		separator = " ";
	}
}

static void verbs_write(const struct nr_command_table *table, const char *area, FILE *out)
{
	const struct nr_command *command;
	const char *separator = "";
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &i)) != NULL;) {
		if (!command->verb)
			continue;
		fprintf(out, "%s%s", separator, command->verb);
		separator = " ";
	}
}

/* What follows "--name ": a choice, a file, or something that only the user knows. */
static void bash_values_write(const struct nr_command *command, const char *words, FILE *out)
{
	const struct nr_option *option;
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++) {
		if (option->type == NR_OPTION_FLAG)
			continue;
		fprintf(out, "\t\"%s --%s\")", words, option->name);
		if (option->type == NR_OPTION_PATH) {
			fputs(" _noroshi_files;", out);
		} else if (option->choices) {
			fputs(" COMPREPLY=($(compgen -W \"", out);
			for (const char *const *choice = option->choices; *choice; choice++)
				fprintf(out, "%s%s", choice == option->choices ? "" : " ", *choice);
			fputs("\" -- \"$current\"));", out);
		}
		fputs(" return ;;\n", out);
	}
}

static void bash_options_write(const struct nr_command *command, const char *words, FILE *out)
{
	const struct nr_option *option;
	fprintf(out, "\t\"%s\") files=%s options=\"", words, command->operands ? "yes" : "");
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++)
		fprintf(out, "%s--%s", i ? " " : "", option->name);
	fputs("\" ;;\n", out);
}

static void bash_commands_write(const struct nr_command_table *table, FILE *out,
	void (*write)(const struct nr_command *, const char *, FILE *), const char *subject)
{
	char words[96];
	fprintf(out, "\tcase \"%s\" in\n", subject);
	for (size_t i = 0; i < table->count; i++)
		write(table->items[i], command_words(table->items[i], words, sizeof words), out);
	fputs("\tesac\n", out);
}

/* The verbs of "$area"; an area that is itself a command has none. */
static void bash_verbs_write(const struct nr_command_table *table, FILE *out)
{
	fputs("\tcase \"$area\" in\n", out);
	for (size_t i = 0; i < table->count; i++) {
		if (!nr_command_opens_area(table, i) || !table->items[i]->verb)
			continue;
		fprintf(out, "\t%s) verbs=\"", table->items[i]->area);
		verbs_write(table, table->items[i]->area, out);
		fputs("\" ;;\n", out);
	}
	fputs("\tesac\n", out);
}

static void bash_write(const struct nr_command_table *table, FILE *out)
{
	fputs("# Completion of noroshi for bash: source <(noroshi completion bash)\n"
	      /* names with spaces in them */
	      "_noroshi_files()\n{\n\tlocal IFS=$'\\n'\n\tCOMPREPLY=($(compgen -f -- \"$current\"))\n}\n"
	      "_noroshi()\n{\n"
	      "\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
	      "\tlocal area=\"${COMP_WORDS[1]}\" at=2 verbs= command options= files=\n"
	      "\tCOMPREPLY=()\n"
	      /* bash splits --by=port into three words */
	      "\tif [ \"$previous\" = = ]; then previous=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n"
	      "\tif [ \"$current\" = = ]; then current=; fi\n"
	      "\tif [ \"$COMP_CWORD\" -gt 1 ] && [ \"$area\" = help ]; then area=\"${COMP_WORDS[2]}\" at=3; "
	      "fi\n"
	      "\tif [ \"$COMP_CWORD\" -eq $((at - 1)) ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"",
		out);
	areas_write(table, out);
	fputs("$([ $at = 2 ] && echo ' help completion version')\" -- \"$current\"))\n\t\treturn\n\tfi\n"
	      "\tif [ \"$area\" = completion ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"bash zsh fish\" -- \"$current\"))\n\t\treturn\n\tfi\n",
		out);
	bash_verbs_write(table, out);
	fputs("\tif [ -n \"$verbs\" ] && [ \"$COMP_CWORD\" -eq \"$at\" ]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$verbs\" -- \"$current\"))\n\t\treturn\n\tfi\n"
	      "\tif [ \"$at\" = 3 ]; then return; fi\n"
	      "\tcommand=\"$area${verbs:+ ${COMP_WORDS[2]}}\"\n",
		out);
	bash_commands_write(table, out, bash_values_write, "$command $previous");
	bash_commands_write(table, out, bash_options_write, "$command");
	fputs("\tcase \"$current\" in\n"
	      "\t-*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
	      "\t*) if [ -n \"$files\" ]; then _noroshi_files; fi ;;\n"
	      "\tesac\n}\n"
	      "complete -o filenames -F _noroshi noroshi\n",
		out);
}

static void zsh_write(const struct nr_command_table *table, FILE *out)
{
	fputs("# Completion of noroshi for zsh: source <(noroshi completion zsh)\n"
	      "autoload -U +X bashcompinit && bashcompinit\n",
		out);
	bash_write(table, out);
}

/* A text between single quotes of fish. */
static void fish_text_write(const char *text, FILE *out)
{
	putc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			putc('\\', out);
		putc(*text, out);
	}
	putc('\'', out);
}

static void fish_command_write(const struct nr_command *command, FILE *out)
{
	const struct nr_option *option;
	char condition[160];
	if (command->verb) {
		fprintf(out,
			"complete -c noroshi -n '__fish_seen_subcommand_from %s; and test (count "
			"(commandline -opc)) "
			"-eq 2' -f -a %s -d ",
			command->area, command->verb);
		fish_text_write(command->text_en, out);
		putc('\n', out);
	}
	snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s%s%s", command->area,
		command->verb ? "; and __fish_seen_subcommand_from " : "",
		command->verb ? command->verb : "");
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++) {
		fprintf(out, "complete -c noroshi -n '%s' -l %s", condition, option->name);
		if (option->type == NR_OPTION_PATH)
			fputs(" -r -F", out);
		else if (option->type != NR_OPTION_FLAG)
			fputs(" -x", out);
		for (const char *const *c = option->choices; c && *c; c++)
			fprintf(out, "%s%s%s", c == option->choices ? " -a '" : " ", *c, c[1] ? "" : "'");
		fputs(" -d ", out);
		fish_text_write(option->text_en, out);
		putc('\n', out);
	}
}

static void fish_write(const struct nr_command_table *table, FILE *out)
{
	fputs("# Completion of noroshi for fish: noroshi completion fish | source\n"
	      "complete -c noroshi -n __fish_use_subcommand -f -a '",
		out);
	areas_write(table, out);
	fputs(" help completion version'\n"
	      "complete -c noroshi -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n",
		out);
	for (size_t i = 0; i < table->count; i++)
		fish_command_write(table->items[i], out);
}

bool nr_completion_write(const struct nr_command_table *table, const char *shell, FILE *out)
{
	static const struct {
		const char *shell;
		void (*write)(const struct nr_command_table *, FILE *);
	} writers[] = {{"bash", bash_write}, {"zsh", zsh_write}, {"fish", fish_write}};
	for (size_t i = 0; i < NR_COUNT(writers); i++) {
		if (strcmp(writers[i].shell, shell) == 0) {
			writers[i].write(table, out);
			return true;
		}
	}
	return false;
}
