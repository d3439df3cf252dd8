/* SPDX-License-Identifier: Apache-2.0 */
#include "base/help.h"

#include "base/language.h"
#include "base/option_value.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>

#define HELP_WIDTH       80
#define HELP_LABEL_WIDTH 26 /* wider labels stand on a line of their own */

const struct nr_option nr_common_options[NR_COMMON_OPTIONS] = {
	{.name = "config",
		.type = NR_OPTION_PATH,
		.value = "FILE",
		.text_en = "read options from the area's mapping of this YAML file; flags win over it",
		.text_ja = "この YAML ファイルから領域の設定を読む。コマンドラインの指定が優先"},
	{.name = "help",
		.type = NR_OPTION_FLAG,
		.text_en = "show this help",
		.text_ja = "この説明を表示する"},
};

const struct nr_own_command nr_own_commands[3] = {
	{"help", "[AREA [VERB]]", "Explain an area or a command", "領域やコマンドを説明する"},
	{"completion", "SHELL", "Write the completion script for bash, zsh or fish",
		"bash・zsh・fish の補完スクリプトを出力する"},
	{"version", NULL, "Print the version", "バージョンを表示する"},
};

const char *nr_exit_text(int status)
{
	static const char *const texts[][2] = {
		{"done", "完了"},
		{"done, and the answer is no", "完了したが、答えは「否」"},
		{"wrong usage", "使い方の誤り"},
		{"some input was unreadable; the rest was processed",
			"一部の入力が読めなかった（残りは処理済み）"},
		{"the environment failed", "実行環境の障害"},
	};
	return nr_says(texts[status][0], texts[status][1]);
}

const struct nr_option *nr_command_option(const struct nr_command *command, size_t i)
{
	if (i < command->option_count)
		return &command->options[i];
	i -= command->option_count;
	if (command->option_count == 0)
		i++; /* nothing that a file could set */
	return i < NR_COMMON_OPTIONS ? &nr_common_options[i] : NULL;
}

const struct nr_command *nr_command_in_area(
	const struct nr_command_table *table, const char *area, size_t from, size_t *ret_next)
{
	for (size_t i = from; i < table->count; i++) {
		if (strcmp(table->items[i]->area, area) == 0) {
			*ret_next = i + 1;
			return table->items[i];
		}
	}
	return NULL;
}

bool nr_command_opens_area(const struct nr_command_table *table, size_t index)
{
	size_t next;
	return nr_command_in_area(table, table->items[index]->area, 0, &next) == table->items[index];
}

const char *nr_command_name(const struct nr_command *command, char *text, size_t room)
{
	const char *verb = command->verb ? command->verb : "";
	snprintf(text, room, "noroshi %s%s%s", command->area, *verb ? " " : "", verb);
	return text;
}

const char *nr_option_label(const struct nr_option *option, char *text, size_t room)
{
	if (option->letter)
		snprintf(text, room, "-%c, --%s %s", option->letter, option->name,
			option->value ? option->value : "VALUE");
	else if (option->type != NR_OPTION_FLAG)
		snprintf(text, room, "--%s %s", option->name, option->value ? option->value : "VALUE");
	else
		snprintf(text, room, "--%s%s", option->fallback ? "[no-]" : "", option->name);
	return text;
}

struct line {
	char *text;
	size_t room, length;
};

static void line_add(struct line *line, const char *format, ...) NR_PRINTF(2, 3);
static void line_add(struct line *line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(line->text + line->length, line->room - line->length, format, arguments);
	va_end(arguments);
	line->length = NR_MIN(line->length + (size_t)NR_MAX(n, 0), line->room - 1);
}

static void line_add_range(struct line *line, const struct nr_option *option, const char *separator)
{
	double low = option->minimum, high = option->maximum;
	char low_text[32], high_text[32];
	if (low == 0 && high == 0)
		return;
	nr_option_limit(option, low, low_text, sizeof low_text);
	nr_option_limit(option, high, high_text, sizeof high_text);
	if (high > low)
		line_add(line, nr_says("%s%s to %s", "%s%s～%s"), separator, low_text, high_text);
	else
		line_add(line, nr_says("%sat least %s", "%s%s 以上"), separator, low_text);
}

const char *nr_option_describe(const struct nr_option *option, char *text, size_t room)
{
	struct line line = {text, room, 0};
	const char *open = nr_says(" (", "（"), *close = nr_says(")", "）"), *between = nr_says("; ", "、");
	line_add(&line, "%s", nr_says(option->text_en, option->text_ja));
	size_t before = line.length;
#define SEPARATOR (line.length == before ? open : between)
	for (const char *const *c = option->choices; c && *c; c++)
		line_add(&line, "%s%s", c != option->choices ? ", " : SEPARATOR, *c);
	if (option->type == NR_OPTION_TEXTS || option->type == NR_OPTION_PREFIXES)
		line_add(&line, nr_says("%smay be given several times", "%s複数指定可"), SEPARATOR);
	if (option->type == NR_OPTION_FLAG && option->fallback)
		line_add(&line, nr_says("%sdefault: %s", "%s既定: %s"), SEPARATOR,
			strcmp(option->fallback, "true") == 0 ? nr_says("on", "有効")
							      : nr_says("off", "無効"));
	else if (option->fallback)
		line_add(&line, nr_says("%sdefault: %s", "%s既定: %s"), SEPARATOR, option->fallback);
	line_add_range(&line, option, SEPARATOR);
	if (line.length > before)
		line_add(&line, "%s", close);
#undef SEPARATOR
	return text;
}

/* "  label    text", the text in a column of its own. */
static void entry_write(const char *label, const char *text, size_t label_width, FILE *out)
{
	size_t width = nr_text_width(label), indent = 2 + label_width + 2;
	fprintf(out, "  %s", label);
	if (width > label_width)
		fprintf(out, "\n%*s", (int)indent, "");
	else
		fprintf(out, "%*s", (int)(label_width - width + 2), "");
	nr_text_wrap(out, text, indent, HELP_WIDTH);
}

static const char *command_label(const struct nr_command *command, char *text, size_t room)
{
	char name[96];
	snprintf(text, room, "%s%s%s", nr_command_name(command, name, sizeof name) + strlen("noroshi "),
		command->operands ? " " : "", command->operands ? command->operands : "");
	return text;
}

static void commands_write(const struct nr_command_table *table, const char *area, FILE *out)
{
	char label[128];
	for (size_t i = 0; i < table->count; i++) {
		const struct nr_command *command = table->items[i];
		if (!area || strcmp(command->area, area) == 0)
			entry_write(command_label(command, label, sizeof label),
				nr_says(command->text_en, command->text_ja), HELP_LABEL_WIDTH, out);
	}
}

void nr_help_program(const struct nr_command_table *table, FILE *out)
{
	char label[128];
	fprintf(out, "noroshi %s: %s\n\n", NR_VERSION,
		nr_says("an open cyber-defence observatory", "オープンなサイバー防御観測所"));
	fprintf(out, "%s: noroshi AREA VERB [%s] [%s]\n\n", nr_says("Usage", "使い方"),
		nr_says("OPTIONS", "オプション"), nr_says("FILES", "ファイル"));
	commands_write(table, NULL, out);
	putc('\n', out);
	for (size_t i = 0; i < NR_COUNT(nr_own_commands); i++) {
		const struct nr_own_command *own = &nr_own_commands[i];
		snprintf(label, sizeof label, "%s%s%s", own->name, own->operands ? " " : "",
			own->operands ? own->operands : "");
		entry_write(label, nr_says(own->text_en, own->text_ja), HELP_LABEL_WIDTH, out);
	}
	for (size_t i = 0; i < table->count; i++) {
		if (!table->items[i]->example)
			continue;
		fprintf(out, "\n%s:\n  %s\n", nr_says("Example", "例"), table->items[i]->example);
		break;
	}
	fprintf(out, "\n%s\n", nr_says("More: noroshi help AREA VERB", "詳しくは: noroshi help 領域 動詞"));
}

void nr_help_area(const struct nr_command_table *table, const char *area, FILE *out)
{
	size_t next = 0;
	const struct nr_command *first = nr_command_in_area(table, area, 0, &next);
	if (first && !nr_command_in_area(table, area, next, &next)) {
		nr_help_command(first, out);
		return;
	}
	fprintf(out, "%s: noroshi %s VERB [%s]\n\n", nr_says("Usage", "使い方"), area,
		nr_says("OPTIONS", "オプション"));
	commands_write(table, area, out);
	fprintf(out, nr_says("\nMore: noroshi help %s VERB\n", "\n詳しくは: noroshi help %s 動詞\n"), area);
}

void nr_help_command(const struct nr_command *command, FILE *out)
{
	char text[512], label[128];
	const struct nr_option *option;
	size_t width = 0;
	fprintf(out, "%s: %s [%s]%s%s\n\n", nr_says("Usage", "使い方"),
		nr_command_name(command, label, sizeof label), nr_says("OPTIONS", "オプション"),
		command->operands ? " " : "", command->operands ? command->operands : "");
	nr_text_wrap(out, nr_says(command->text_en, command->text_ja), 0, HELP_WIDTH);
	fprintf(out, "\n%s:\n", nr_says("Options", "オプション"));
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++) {
		size_t columns = strlen(nr_option_label(option, label, sizeof label));
		width = columns <= HELP_LABEL_WIDTH ? NR_MAX(width, columns) : width;
	}
	for (size_t i = 0; (option = nr_command_option(command, i)) != NULL; i++)
		entry_write(nr_option_label(option, label, sizeof label),
			nr_option_describe(option, text, sizeof text), width, out);
	if (command->example)
		fprintf(out, "\n%s:\n  %s\n", nr_says("Example", "例"), command->example);
	fprintf(out, "\n%s:\n", nr_says("Exit status", "終了コード"));
	for (int i = NR_EXIT_OK; i <= NR_EXIT_ENVIRONMENT; i++)
		fprintf(out, "  %d  %s\n", i, nr_exit_text(i));
}
