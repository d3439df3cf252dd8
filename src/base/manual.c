/* SPDX-License-Identifier: Apache-2.0 */
/* Man pages from the descriptors, as scdoc(5) source. */
#include "base/help.h"
#include "base/language.h"

#include <string.h>

/* Everything that scdoc would read as markup is escaped. */
static void escaped_write(const char *text, FILE *out)
{
	for (const char *p = text; *p; p++) {
		if (strchr("\\*_<>#[]|-`.'~", *p))
			putc('\\', out);
		putc(*p, out);
	}
}

static void heading_write(const char *en, const char *ja, FILE *out)
{
	fprintf(out, "# %s\n\n", nr_says(en, ja));
}

static void bold_write(const char *text, FILE *out)
{
	putc('*', out);
	escaped_write(text, out);
	putc('*', out);
}

static void synopsis_write(const struct nr_command *command, FILE *out)
{
	char name[96];
	bold_write(nr_command_name(command, name, sizeof name), out);
	fprintf(out, " [_%s_]", nr_says("options", "オプション"));
	if (command->operands) {
		putc(' ', out);
		escaped_write(command->operands, out);
	}
	fputs("\n\n", out);
}

static void option_write(const struct nr_option *option, FILE *out)
{
	char text[512], label[128];
	bold_write(nr_option_label(option, label, sizeof label), out);
	fputs("\n\t", out);
	escaped_write(nr_option_describe(option, text, sizeof text), out);
	fputs("\n\n", out);
}

static void command_write(const struct nr_command *command, FILE *out)
{
	char name[96];
	const struct nr_option *option;
	heading_write(nr_command_name(command, name, sizeof name), name, out);
	escaped_write(nr_says(command->text_en, command->text_ja), out);
	fputs("\n\n", out);
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++)
		option_write(option, out);
	if (command->example)
		fprintf(out, "%s:\n\n```\n%s\n```\n\n", nr_says("Example", "例"), command->example);
}

static void exit_write(FILE *out)
{
	heading_write("EXIT STATUS", "終了コード", out);
	for (int i = NR_EXIT_OK; i <= NR_EXIT_ENVIRONMENT; i++) {
		fprintf(out, "*%d*\n\t", i);
		escaped_write(nr_exit_text(i), out);
		fputs("\n\n", out);
	}
}

/* Every other page. area NULL: the reader is at the program's. */
static void see_also_write(const struct nr_command_table *table, const char *area, FILE *out)
{
	heading_write("SEE ALSO", "関連項目", out);
	fputs(area ? "*noroshi*(1)" : "", out);
	bool first = !area;
	for (size_t i = 0; i < table->count; i++) {
		if (!nr_command_opens_area(table, i) || (area && strcmp(table->items[i]->area, area) == 0))
			continue;
		fprintf(out, "%s*noroshi-%s*(1)", first ? "" : ", ", table->items[i]->area);
		first = false;
	}
	putc('\n', out);
}

static void area_manual_write(const struct nr_command_table *table, const char *area, FILE *out)
{
	size_t next = 0;
	const struct nr_command *command;
	fprintf(out, "noroshi-%s(1)\n\n", area);
	heading_write("NAME", "名前", out);
	fprintf(out, "noroshi-%s - ", area);
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &next)) != NULL; i = next) {
		fputs(i ? "; " : "", out);
		escaped_write(nr_says(command->text_en, command->text_ja), out);
	}
	fputs("\n\n", out);
	heading_write("SYNOPSIS", "書式", out);
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &next)) != NULL; i = next)
		synopsis_write(command, out);
	for (size_t i = 0; (command = nr_command_in_area(table, area, i, &next)) != NULL; i = next)
		command_write(command, out);
	exit_write(out);
	see_also_write(table, area, out);
}

static void program_manual_write(const struct nr_command_table *table, FILE *out)
{
	fputs("noroshi(1)\n\n", out);
	heading_write("NAME", "名前", out);
	fprintf(out, "noroshi - %s\n\n",
		nr_says("an open cyber\\-defence observatory", "オープンなサイバー防御観測所"));
	heading_write("SYNOPSIS", "書式", out);
	fprintf(out, "*noroshi* _AREA_ _VERB_ [_%s_] [_%s_]\n\n", nr_says("options", "オプション"),
		nr_says("files", "ファイル"));
	heading_write("COMMANDS", "コマンド", out);
	for (size_t i = 0; i < table->count; i++) {
		char name[96];
		bold_write(nr_command_name(table->items[i], name, sizeof name), out);
		fputs("\n\t", out);
		escaped_write(nr_says(table->items[i]->text_en, table->items[i]->text_ja), out);
		fputs("\n\n", out);
	}
	for (size_t i = 0; i < NR_COUNT(nr_own_commands); i++) {
		const struct nr_own_command *own = &nr_own_commands[i];
		fprintf(out, "*noroshi %s*%s", own->name, own->operands ? " " : "");
		escaped_write(own->operands ? own->operands : "", out);
		fputs("\n\t", out);
		escaped_write(nr_says(own->text_en, own->text_ja), out);
		fputs("\n\n", out);
	}
	exit_write(out);
	see_also_write(table, NULL, out);
}

void nr_manual_write(const struct nr_command_table *table, const char *area, FILE *out)
{
	if (area)
		area_manual_write(table, area, out);
	else
		program_manual_write(table, out);
}
