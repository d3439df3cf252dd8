/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pdf.h"

static bool is_space(uint8_t octet)
{
	return octet == ' ' || octet == '\n' || octet == '\r' || octet == '\t' || octet == '\f' || octet == 0;
}

static bool is_delimiter(uint8_t octet)
{
	return octet && strchr("()<>[]{}/%", octet);
}

static bool is_regular(uint8_t octet)
{
	return !is_space(octet) && !is_delimiter(octet);
}

static bool is_digit(uint8_t octet)
{
	return octet >= '0' && octet <= '9';
}

static int hex_digit(uint8_t octet)
{
	if (is_digit(octet))
		return octet - '0';
	octet |= 0x20;
	return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

void nr_pdf_skip(struct nr_cursor *c)
{
	while (!c->failed && c->at < c->end && (is_space(*c->at) || *c->at == '%')) {
		if (*c->at == '%') {
			while (c->at < c->end && *c->at != '\n' && *c->at != '\r')
				c->at++;
		} else {
			c->at++;
		}
	}
}

bool nr_pdf_word(struct nr_cursor *c, const char *word)
{
	size_t length = strlen(word);
	nr_pdf_skip(c);
	if (c->failed || nr_cursor_left(c) < length || memcmp(c->at, word, length) != 0 ||
		(nr_cursor_left(c) > length && is_regular(c->at[length])))
		return false;
	c->at += length;
	return true;
}

/* ---- values ---- */

static void take_string(struct nr_cursor *c)
{
	unsigned open = 0;
	do {
		uint8_t octet = nr_cursor_u8(c);
		if (octet == '\\')
			nr_cursor_u8(c);
		else if (octet == '(')
			open++;
		else if (octet == ')')
			open--;
	} while (open && !c->failed);
}

static void take_hex(struct nr_cursor *c)
{
	uint8_t octet;
	nr_cursor_u8(c);
	do {
		octet = nr_cursor_u8(c);
		if (octet != '>' && hex_digit(octet) < 0 && !is_space(octet))
			c->failed = true;
	} while (octet != '>' && !c->failed);
}

static void take_regular(struct nr_cursor *c)
{
	while (c->at < c->end && is_regular(*c->at))
		c->at++;
}

/* At most 18 digits; false: another spelling. */
static bool read_integer(const uint8_t *text, size_t length, int64_t *ret_integer)
{
	bool sign = length && (*text == '-' || *text == '+');
	int64_t value = 0;
	if (length == sign || length > 18u + sign)
		return false;
	for (size_t i = sign; i < length; i++) {
		if (!is_digit(text[i]))
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*ret_integer = sign && *text == '-' ? -value : value;
	return true;
}

static bool is_real(const uint8_t *text, size_t length)
{
	size_t dots = 0, digits = 0;
	for (size_t i = 0; i < length; i++) {
		dots += text[i] == '.';
		digits += is_digit(text[i]);
		if (!is_digit(text[i]) && text[i] != '.' && !(i == 0 && (text[i] == '-' || text[i] == '+')))
			return false;
	}
	return dots == 1 && digits;
}

/* An integer without sign of at most ten digits, for what a reference holds. */
static bool take_number(struct nr_cursor *c, uint32_t limit, uint32_t *ret_number)
{
	const uint8_t *start;
	int64_t value;
	nr_pdf_skip(c);
	start = c->at;
	while (c->at < c->end && is_digit(*c->at))
		c->at++;
	size_t length = (size_t)(c->at - start);
	if (c->failed || length > 10 || !read_integer(start, length, &value) || value > limit ||
		(c->at < c->end && is_regular(*c->at)))
		return false;
	*ret_number = (uint32_t)value;
	return true;
}

/* A word: number, reference, true, false, null. */
static void take_word(struct nr_cursor *c, struct nr_pdf *value)
{
	static const struct {
		const char *word;
		enum nr_pdf_kind kind;
	} words[] = {{"true", NR_PDF_BOOLEAN}, {"false", NR_PDF_BOOLEAN}, {"null", NR_PDF_NULL}};
	take_regular(c);
	size_t length = (size_t)(c->at - value->start);
	if (read_integer(value->start, length, &value->integer)) {
		struct nr_cursor rest = *c;
		value->kind = NR_PDF_INTEGER;
		if (is_digit(*value->start) && value->integer > 0 && value->integer < NR_PDF_OBJECTS_MAX &&
			take_number(&rest, 65535, &value->generation) && nr_pdf_word(&rest, "R")) {
			value->kind = NR_PDF_REFERENCE;
			*c = rest;
		}
		return;
	}
	if (is_real(value->start, length))
		value->kind = NR_PDF_REAL;
	for (size_t i = 0; i < NR_COUNT(words); i++) {
		if (length == strlen(words[i].word) && memcmp(value->start, words[i].word, length) == 0)
			value->kind = words[i].kind;
	}
}

static struct nr_pdf take(struct nr_cursor *c, unsigned depth);

static void take_array(struct nr_cursor *c, unsigned depth)
{
	c->at++;
	for (;;) {
		nr_pdf_skip(c);
		if (c->failed || (c->at < c->end && *c->at == ']'))
			break;
		take(c, depth + 1);
	}
	nr_cursor_skip(c, 1);
}

static bool at_end_of_dictionary(const struct nr_cursor *c)
{
	return nr_cursor_left(c) >= 2 && c->at[0] == '>' && c->at[1] == '>';
}

static void take_dictionary(struct nr_cursor *c, unsigned depth)
{
	c->at += 2;
	for (;;) {
		nr_pdf_skip(c);
		if (c->failed || at_end_of_dictionary(c))
			break;
		if (take(c, depth + 1).kind != NR_PDF_NAME)
			c->failed = true;
		take(c, depth + 1);
	}
	nr_cursor_skip(c, 2);
}

static struct nr_pdf take(struct nr_cursor *c, unsigned depth)
{
	struct nr_pdf value = {.kind = NR_PDF_NONE};
	nr_pdf_skip(c);
	if (c->failed || c->at == c->end || depth > NR_PDF_DEPTH_MAX) {
		c->failed = true;
		return value;
	}
	value.start = c->at;
	uint8_t first = *c->at, second = nr_cursor_left(c) > 1 ? c->at[1] : 0;
	if (first == '(') {
		value.kind = NR_PDF_STRING;
		take_string(c);
	} else if (first == '<' && second == '<') {
		value.kind = NR_PDF_DICTIONARY;
		take_dictionary(c, depth);
	} else if (first == '<') {
		value.kind = NR_PDF_HEX;
		take_hex(c);
	} else if (first == '[') {
		value.kind = NR_PDF_ARRAY;
		take_array(c, depth);
	} else if (first == '/') {
		value.kind = NR_PDF_NAME;
		c->at++;
		take_regular(c);
	} else {
		take_word(c, &value);
	}
	value.length = (size_t)(c->at - value.start);
	if (value.kind == NR_PDF_NONE)
		c->failed = true;
	return c->failed ? (struct nr_pdf){.kind = NR_PDF_NONE} : value;
}

struct nr_pdf nr_pdf_take(struct nr_cursor *c)
{
	return take(c, 0);
}

/* ---- inside ---- */

struct nr_cursor nr_pdf_inside(const struct nr_pdf *value)
{
	size_t edge = value->kind == NR_PDF_DICTIONARY ? 2 : value->kind == NR_PDF_ARRAY ? 1 : 0;
	if (!edge)
		return nr_cursor_over("", 0);
	return nr_cursor_over(value->start + edge, value->length - 2 * edge);
}

bool nr_pdf_next(struct nr_cursor *c, struct nr_pdf *ret_value)
{
	nr_pdf_skip(c);
	if (c->failed || c->at == c->end)
		return false;
	*ret_value = take(c, 1);
	return !c->failed;
}

bool nr_pdf_next_member(struct nr_cursor *c, struct nr_pdf *ret_name, struct nr_pdf *ret_value)
{
	return nr_pdf_next(c, ret_name) && nr_pdf_next(c, ret_value);
}

/* The next character of a name; -1 at its end. */
static int name_character(struct nr_cursor *c)
{
	if (c->at == c->end)
		return -1;
	uint8_t octet = *c->at++;
	if (octet != '#' || nr_cursor_left(c) < 2 || hex_digit(c->at[0]) < 0 || hex_digit(c->at[1]) < 0)
		return octet;
	octet = (uint8_t)(hex_digit(c->at[0]) << 4 | hex_digit(c->at[1]));
	c->at += 2;
	return octet;
}

bool nr_pdf_name_is(const struct nr_pdf *name, const char *wanted)
{
	if (name->kind != NR_PDF_NAME)
		return false;
	struct nr_cursor c = nr_cursor_over(name->start + 1, name->length - 1);
	for (; *wanted; wanted++) {
		if (name_character(&c) != (uint8_t)*wanted)
			return false;
	}
	return c.at == c.end;
}

bool nr_pdf_names_equal(const struct nr_pdf *a, const struct nr_pdf *b)
{
	if (a->kind != NR_PDF_NAME || b->kind != NR_PDF_NAME)
		return false;
	struct nr_cursor left = nr_cursor_over(a->start + 1, a->length - 1),
			 right = nr_cursor_over(b->start + 1, b->length - 1);
	int character;
	do {
		character = name_character(&left);
		if (character != name_character(&right))
			return false;
	} while (character >= 0);
	return true;
}

unsigned nr_pdf_count(const struct nr_pdf *dictionary, const char *name, struct nr_pdf *ret_value)
{
	struct nr_cursor c = nr_pdf_inside(dictionary);
	struct nr_pdf key, value;
	unsigned count = 0;
	*ret_value = (struct nr_pdf){.kind = NR_PDF_NONE};
	while (dictionary->kind == NR_PDF_DICTIONARY && count < 2 && nr_pdf_next_member(&c, &key, &value)) {
		if (!nr_pdf_name_is(&key, name))
			continue;
		if (count++ == 0)
			*ret_value = value;
	}
	return count;
}

struct nr_pdf nr_pdf_get(const struct nr_pdf *dictionary, const char *name)
{
	struct nr_pdf value;
	if (nr_pdf_count(dictionary, name, &value) != 1)
		value = (struct nr_pdf){.kind = NR_PDF_NONE};
	return value;
}

bool nr_pdf_same(const struct nr_pdf *a, const struct nr_pdf *b)
{
	return a->kind == b->kind && a->length == b->length &&
	       (a->length == 0 || memcmp(a->start, b->start, a->length) == 0);
}

ssize_t nr_pdf_hex(const struct nr_pdf *value, uint8_t *ret_bytes, size_t room)
{
	size_t length = 0;
	if (value->kind != NR_PDF_HEX || value->length % 2)
		return -1;
	for (size_t i = 1; i + 2 < value->length; i += 2) {
		int high = hex_digit(value->start[i]), low = hex_digit(value->start[i + 1]);
		if (high < 0 || low < 0 || length == room)
			return -1;
		ret_bytes[length++] = (uint8_t)(high << 4 | low);
	}
	return (ssize_t)length;
}
