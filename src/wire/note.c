/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/note.h"

#include "wire/base64.h"
#include "wire/cursor.h"

#include <errno.h>

#define DASH      "\xe2\x80\x94 " /* U+2014 and a space */
#define DASH_SIZE (sizeof DASH - 1)
#define ID_SIZE   4
#define ID_HEX    8

/* The character at text, of at most length bytes, in *ret_size bytes; -1: not UTF-8 (Unicode 15, table 3-7).
 */
static int32_t character(const char *text, size_t length, size_t *ret_size)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (size > length || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4)
		return -1;
	*ret_size = size;
	if (size == 1)
		return p[0];
	int32_t c = p[0] & (0x7f >> size);
	for (size_t i = 1; i < size; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (p[i] & 0x3f);
	}
	bool shorter = (size == 3 && c < 0x800) || (size == 4 && c < 0x10000);
	bool surrogate = c >= 0xd800 && c < 0xe000;
	return shorter || surrogate || c > 0x10ffff ? -1 : c;
}

/* Unicode 15, property White_Space. */
static bool is_space(int32_t c)
{
	return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

bool nr_note_name_ok(const char *name, size_t length)
{
	if (length == 0 || length > NR_NOTE_NAME_MAX)
		return false;
	size_t size;
	for (size_t i = 0; i < length; i += size) {
		int32_t c = character(name + i, length - i, &size);
		if (c < 0x20 || c == '+' || is_space(c))
			return false;
	}
	return true;
}

static int check_text(const char *text, size_t length, struct nr_error *error)
{
	size_t size;
	for (size_t i = 0; i < length; i += size) {
		int32_t c = character(text + i, length - i, &size);
		if (c < 0)
			return nr_fail(error, -EBADMSG, "note: byte %zu: not UTF-8", i);
		if (c < 0x20 && c != '\n')
			return nr_fail(error, -EBADMSG, "note: byte %zu: control character", i);
	}
	return 0;
}

int nr_note_line_parse(const char *line, size_t length, struct nr_note_line *ret_line, struct nr_error *error)
{
	if (length < DASH_SIZE + 1 || memcmp(line, DASH, DASH_SIZE) != 0 || line[length - 1] != '\n')
		return nr_fail(error, -EBADMSG, "signature line: does not begin with a dash or has no end");
	struct nr_note_line got = {.name = line + DASH_SIZE};
	const char *end = line + length - 1;
	const char *space = memchr(got.name, ' ', (size_t)(end - got.name));
	if (!space || !nr_note_name_ok(got.name, (size_t)(space - got.name)))
		return nr_fail(error, -EBADMSG, "signature line: no name of a key");
	got.name_length = (size_t)(space - got.name);
	got.base64 = space + 1;
	got.base64_length = (size_t)(end - got.base64);
	ssize_t bytes = nr_base64_read(got.base64, got.base64_length, NULL, 0);
	if (bytes <= ID_SIZE)
		return nr_fail(error, -EBADMSG, "signature line of %.*s: no base64 of a signature",
			(int)got.name_length, got.name);
	got.length = (size_t)bytes - ID_SIZE;
	if (got.length > NR_NOTE_SIGNATURE_MAX)
		return nr_fail(error, -E2BIG, "signature line of %.*s: more than %d bytes",
			(int)got.name_length, got.name, NR_NOTE_SIGNATURE_MAX);
	uint8_t id[6];
	nr_base64_read(got.base64, 8, id, sizeof id);
	struct nr_cursor c = nr_cursor_over(id, ID_SIZE);
	got.id = nr_cursor_u32(&c);
	*ret_line = got;
	return 0;
}

size_t nr_note_signature(const struct nr_note_line *line, uint8_t bytes[static NR_NOTE_SIGNATURE_MAX])
{
	uint8_t whole[ID_SIZE + NR_NOTE_SIGNATURE_MAX];
	nr_base64_read(line->base64, line->base64_length, whole, sizeof whole);
	memcpy(bytes, whole + ID_SIZE, line->length);
	return line->length;
}

int nr_note_parse(const void *bytes, size_t length, struct nr_note *ret_note, struct nr_error *error)
{
	const char *text = bytes, *end = text + length;
	if (length > NR_NOTE_MAX)
		return nr_fail(error, -E2BIG, "note: more than %d bytes", NR_NOTE_MAX);
	if (length < 3 || end[-1] != '\n')
		return nr_fail(error, -EBADMSG, "note: does not end with a line");
	int e = check_text(text, length, error);
	if (e)
		return e;
	/* the last empty line parts text and signatures */
	const char *line = end - 1;
	while (line > text && !(line[-1] == '\n' && line[0] == '\n'))
		line--;
	if (line == text)
		return nr_fail(error, -EBADMSG, "note: no empty line before signatures");
	struct nr_note note = {.text = text, .text_length = (size_t)(line - text)};
	for (line++; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		size_t line_length = (size_t)(next + 1 - line);
		if (note.count == NR_NOTE_SIGNATURES_MAX)
			return nr_fail(
				error, -E2BIG, "note: more than %d signatures", NR_NOTE_SIGNATURES_MAX);
		e = nr_note_line_parse(line, line_length, &note.lines[note.count], error);
		if (e)
			return e;
		note.count++;
		line = next + 1;
	}
	if (!note.count)
		return nr_fail(error, -EBADMSG, "note: no signature");
	*ret_note = note;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int nr_vkey_parse(const char *text, size_t length, struct nr_vkey *ret_key, struct nr_error *error)
{
	const char *end = text + length, *plus = memchr(text, '+', length);
	if (!plus || !nr_note_name_ok(text, (size_t)(plus - text)))
		return nr_fail(error, -EBADMSG, "verifier key: no name before the first +");
	size_t name_length = (size_t)(plus - text);
	const char *hex = plus + 1;
	if (end - hex < ID_HEX + 2 || hex[ID_HEX] != '+')
		return nr_fail(error, -EBADMSG, "verifier key %.*s: no id of eight hexadecimal digits",
			(int)name_length, text);
	uint32_t id = 0;
	for (int i = 0; i < ID_HEX; i++) {
		int digit = hex_value(hex[i]);
		if (digit < 0)
			return nr_fail(error, -EBADMSG,
				"verifier key %.*s: \"%.8s\" is no id of eight hexadecimal digits",
				(int)name_length, text, hex);
		id = id << 4 | (uint32_t)digit;
	}
	const char *base64 = hex + ID_HEX + 1;
	uint8_t bytes[1 + NR_NOTE_KEY_MAX];
	ssize_t count = nr_base64_read(base64, (size_t)(end - base64), bytes, sizeof bytes);
	if (count < 2)
		return nr_fail(error, -EBADMSG, "verifier key %.*s: no base64 of a key after the second +",
			(int)name_length, text);
	ret_key->name = text;
	ret_key->name_length = name_length;
	ret_key->id = id;
	ret_key->type = bytes[0];
	ret_key->key_length = (size_t)count - 1;
	memcpy(ret_key->key, bytes + 1, ret_key->key_length);
	return 0;
}

int nr_note_number(const char *text, size_t length, uint64_t *ret_number)
{
	if (length == 0 || (text[0] == '0' && length > 1))
		return -EBADMSG;
	uint64_t number = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EBADMSG;
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(text[i] - '0'), &number))
			return -ERANGE;
	}
	*ret_number = number;
	return 0;
}
