/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/time.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_PAIRS_MAX ((size_t)32)

static _Atomic int log_level = NR_LOG_INFO;

void nr_log_set_level(enum nr_log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

struct log_line {
	char *text;
	size_t length;
};

/* One byte stays for the end of the line. */
static void line_add(struct log_line *line, const char *text, size_t length)
{
	length = NR_MIN(length, NR_LOG_LINE - 1 - line->length);
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static bool value_is_plain(const char *value)
{
	if (*value == '\0')
		return false;
	for (; *value; value++) {
		if ((unsigned char)*value <= ' ' || *value == '"' || *value == '=' || *value == '\\' ||
			*value == 0x7f)
			return false;
	}
	return true;
}

static void value_add(struct log_line *line, const char *value)
{
	if (value_is_plain(value)) {
		line_add(line, value, strlen(value));
		return;
	}
	line_add(line, "\"", 1);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		char escape[5];
		if (c == '"' || c == '\\')
			snprintf(escape, sizeof escape, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			snprintf(escape, sizeof escape, "\\x%02x", c);
		else
			snprintf(escape, sizeof escape, "%c", c);
		line_add(line, escape, strlen(escape));
	}
	line_add(line, "\"", 1);
}

static void pair_add(struct log_line *line, const char *key, const char *value)
{
	if (!value)
		return;
	if (line->length)
		line_add(line, " ", 1);
	line_add(line, key, strlen(key));
	line_add(line, "=", 1);
	value_add(line, value);
}

size_t nr_log_format(char line[static NR_LOG_LINE], int64_t time, enum nr_log_level level, const char *event,
	const char *const *pairs)
{
	static const char *const levels[] = {"error", "warning", "info", "debug"};
	struct log_line out = {line, 0};
	char text[NR_TIME_TEXT];
	pair_add(&out, "time", nr_time_write(time, text));
	pair_add(&out, "level", levels[level]);
	pair_add(&out, "event", event);
	for (; pairs[0]; pairs += 2)
		pair_add(&out, pairs[0], pairs[1]);
	line[out.length] = '\0';
	return out.length;
}

void nr_log(enum nr_log_level level, const char *event, ...)
{
	char line[NR_LOG_LINE];
	const char *pairs[2 * LOG_PAIRS_MAX + 1] = {NULL};
	if ((int)level > atomic_load_explicit(&log_level, memory_order_relaxed))
		return;
	va_list arguments;
	va_start(arguments, event);
	for (size_t i = 0; i < 2 * LOG_PAIRS_MAX; i += 2) {
		pairs[i] = va_arg(arguments, const char *);
		if (!pairs[i])
			break;
		pairs[i + 1] = va_arg(arguments, const char *);
	}
	va_end(arguments);
	size_t length = nr_log_format(line, nr_time_now(), level, event, pairs);
	line[length] = '\n'; /* in the place of the NUL */
	(void)!write(STDERR_FILENO, line, length + 1);
}
