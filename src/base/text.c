/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

struct text_char {
	uint32_t code;
	size_t bytes;
};

/* The texts are our own; a broken sequence only has to be survived. */
static struct text_char char_read(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t bytes = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
	uint32_t code = bytes == 1 ? p[0] : p[0] & (0xffu >> (bytes + 1));
	for (size_t i = 1; i < bytes; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return (struct text_char){p[0], 1};
		code = code << 6 | (p[i] & 0x3f);
	}
	return (struct text_char){code, bytes};
}

/* The blocks of East Asian wide and full-width characters (Unicode Annex 11). */
static bool code_is_wide(uint32_t code)
{
	static const uint32_t blocks[][2] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},
		{0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff},
		{0x20000, 0x3fffd}};
	for (size_t i = 0; i < NR_COUNT(blocks); i++) {
		if (code >= blocks[i][0] && code <= blocks[i][1])
			return true;
	}
	return false;
}

/* code is one of the characters of the list. */
static bool code_is_one_of(uint32_t code, const char *list)
{
	while (*list) {
		struct text_char c = char_read(list);
		if (c.code == code)
			return true;
		list += c.bytes;
	}
	return false;
}

static bool may_break(uint32_t before, uint32_t after)
{
	if (code_is_one_of(after, "、。，．・：；）」』】〕｝ー！？ゃゅょっャュョッ,.:;)!?") ||
		code_is_one_of(before, "（「『【〔｛("))
		return false;
	return code_is_wide(before) || code_is_wide(after);
}

/* Bytes that stay together. */
static size_t piece_length(const char *text)
{
	struct text_char c = char_read(text);
	size_t length = c.bytes;
	while (text[length] && text[length] != ' ') {
		struct text_char next = char_read(text + length);
		if (may_break(c.code, next.code))
			break;
		length += next.bytes;
		c = next;
	}
	return length;
}

static size_t piece_width(const char *text, size_t length)
{
	size_t width = 0;
	for (size_t i = 0; i < length;) {
		struct text_char c = char_read(text + i);
		width += code_is_wide(c.code) ? 2 : 1;
		i += c.bytes;
	}
	return width;
}

size_t nr_text_width(const char *text)
{
	return piece_width(text, strlen(text));
}

#define ELLIPSIS "…"

/* No control, and the shortest form of a character that there may be (RFC 3629). */
static bool is_printable(struct text_char c)
{
	static const uint32_t least[] = {0, 0x20, 0xa0, 0x800, 0x10000};
	bool surrogate = c.code >= 0xd800 && c.code <= 0xdfff;
	return c.code >= least[c.bytes] && c.code <= 0x10ffff && !surrogate && (c.bytes > 1 || c.code < 0x7f);
}

void nr_text_shorten(const char *text, size_t columns, char *out, size_t room)
{
	bool whole = nr_text_width(text) <= columns && strlen(text) < room;
	size_t width = 0, at = 0;
	if (!whole) {
		columns -= 1;
		room -= sizeof ELLIPSIS - 1;
	}
	while (*text) {
		struct text_char c = char_read(text);
		width += code_is_wide(c.code) ? 2 : 1;
		if (width > columns || at + c.bytes >= room)
			break;
		if (is_printable(c)) {
			memcpy(out + at, text, c.bytes);
			at += c.bytes;
		} else {
			out[at++] = '?';
		}
		text += c.bytes;
	}
	strcpy(out + at, whole ? "" : ELLIPSIS);
}

void nr_text_wrap(FILE *out, const char *text, size_t indent, size_t width)
{
	size_t column = indent;
	while (*text) {
		size_t spaces = strspn(text, " ");
		text += spaces;
		if (*text == '\0')
			break;
		size_t length = piece_length(text), columns = piece_width(text, length);
		if (column > indent && column + spaces + columns > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			spaces = 0;
		}
		fprintf(out, "%*s%.*s", (int)spaces, "", (int)length, text);
		column += spaces + columns;
		text += length;
	}
	putc('\n', out);
}
