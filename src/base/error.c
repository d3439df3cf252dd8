/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Names of files and values of options reach messages: nothing in them may move the cursor or start a second
 * line. */
static void text_make_printable(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
}

/* A message that was cut must not end inside a UTF-8 sequence. */
static void text_trim_cut(char *text, size_t length)
{
	size_t start = length;
	while (start > 0 && length - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t need = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (length - (start - 1) < need)
		text[start - 1] = '\0';
}

static void text_finish(char *text, size_t room, int wanted)
{
	if (wanted >= 0 && (size_t)wanted >= room)
		text_trim_cut(text, room - 1);
	text_make_printable(text);
}

int nr_fail(struct nr_error *error, int code, const char *format, ...)
{
	if (!error)
		return code;
	char text[sizeof error->text]; /* an argument may be error->text itself */
	va_list arguments;
	va_start(arguments, format);
	int wanted = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	text_finish(text, sizeof text, wanted);
	error->code = code;
	memcpy(error->text, text, sizeof text);
	return code;
}

int nr_error_prefix(struct nr_error *error, const char *format, ...)
{
	if (!error)
		return -EINVAL;
	char prefix[sizeof error->text], text[sizeof error->text];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(prefix, sizeof prefix, format, arguments);
	va_end(arguments);
	int wanted = snprintf(text, sizeof text, "%s: %s", prefix, error->text);
	text_finish(text, sizeof text, wanted);
	memcpy(error->text, text, sizeof text);
	return error->code;
}
