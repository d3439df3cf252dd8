/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json_check.h"

#include "wire/cursor.h"

#include <errno.h>

struct name {
	const uint8_t *at;
	size_t length;
};

struct check {
	struct nr_cursor c;
	const char *why; /* the first fault; NULL: none */
	struct name names[NR_JSON_CHECK_NAMES];
	size_t name_count;
	unsigned depth;
};

static void fault(struct check *check, const char *why)
{
	if (!check->why)
		check->why = why;
	check->c.failed = true;
}

static void skip_space(struct nr_cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool next_is(struct check *check, uint8_t octet)
{
	skip_space(&check->c);
	return !check->c.failed && check->c.at < check->c.end && *check->c.at == octet;
}

static bool take(struct check *check, uint8_t octet)
{
	bool is = next_is(check, octet);
	check->c.at += is;
	return is;
}

/* ---- strings ---- */

/* What follows the first octet of a character of several (RFC 3629 section 4). */
static void check_utf8(struct check *check, uint8_t first)
{
	unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
	uint32_t value = first & (0x3fu >> more);
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	bool good = first >= 0xc2 && first <= 0xf4;
	for (unsigned i = 0; good && i < more; i++) {
		uint8_t octet = nr_cursor_u8(&check->c);
		good = !check->c.failed && (octet & 0xc0) == 0x80;
		value = value << 6 | (octet & 0x3f);
	}
	if (!good || value < least[more] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		fault(check, "not UTF-8");
}

static uint32_t take_hex(struct check *check)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++) {
		uint8_t octet = nr_cursor_u8(&check->c), lower = octet | 0x20;
		if (octet >= '0' && octet <= '9')
			value = value << 4 | (uint32_t)(octet - '0');
		else if (lower >= 'a' && lower <= 'f')
			value = value << 4 | (uint32_t)(lower - 'a' + 10);
		else
			fault(check, "an escape that is none");
	}
	return value;
}

static void check_escape(struct check *check)
{
	uint8_t octet = nr_cursor_u8(&check->c);
	if (octet && strchr("\"\\/bfnrt", octet))
		return;
	if (octet != 'u')
		fault(check, "an escape that is none");
	uint32_t value = take_hex(check);
	if (value == 0)
		fault(check, "U+0000 in a string");
	if (value >= 0xdc00 && value <= 0xdfff)
		fault(check, "half a surrogate pair");
	if (value < 0xd800 || value > 0xdbff)
		return;
	if (nr_cursor_u8(&check->c) != '\\' || nr_cursor_u8(&check->c) != 'u')
		fault(check, "half a surrogate pair");
	value = take_hex(check);
	if (value < 0xdc00 || value > 0xdfff)
		fault(check, "half a surrogate pair");
}

static struct name check_string(struct check *check, bool escapes)
{
	struct name name = {check->c.at + 1, 0};
	if (!take(check, '"'))
		fault(check, "a string is missing");
	name.at = check->c.at;
	while (!check->c.failed) {
		uint8_t octet = nr_cursor_u8(&check->c);
		if (check->c.failed)
			fault(check, "a string without an end");
		else if (octet == '"')
			break;
		else if (octet < ' ')
			fault(check, "a control character in a string");
		else if (octet == '\\' && !escapes)
			fault(check, "an escape in a name");
		else if (octet == '\\')
			check_escape(check);
		else if (octet >= 0x80)
			check_utf8(check, octet);
	}
	if (!check->c.failed)
		name.length = (size_t)(check->c.at - 1 - name.at);
	return name;
}

/* ---- values ---- */

static void check_digits(struct check *check)
{
	const uint8_t *first = check->c.at;
	while (check->c.at < check->c.end && *check->c.at >= '0' && *check->c.at <= '9')
		check->c.at++;
	if (check->c.at == first)
		fault(check, "a number without digits");
}

static bool take_here(struct check *check, const char *any_of)
{
	struct nr_cursor *c = &check->c;
	bool is = !c->failed && c->at < c->end && *c->at && strchr(any_of, *c->at);
	c->at += is;
	return is;
}

static void check_number(struct check *check)
{
	take_here(check, "-");
	if (!take_here(check, "0"))
		check_digits(check);
	if (take_here(check, "."))
		check_digits(check);
	if (take_here(check, "eE")) {
		take_here(check, "+-");
		check_digits(check);
	}
}

static void check_word(struct check *check)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < NR_COUNT(words); i++) {
		size_t length = strlen(words[i]);
		if (nr_cursor_left(&check->c) >= length && memcmp(check->c.at, words[i], length) == 0) {
			nr_cursor_skip(&check->c, length);
			return;
		}
	}
	fault(check, "a value is missing");
}

static void check_value(struct check *check);

static void check_name(struct check *check, size_t from)
{
	struct name name = check_string(check, false);
	for (size_t i = from; i < check->name_count; i++) {
		if (check->names[i].length == name.length &&
			memcmp(check->names[i].at, name.at, name.length) == 0)
			fault(check, "a name twice in an object");
	}
	if (check->name_count == NR_JSON_CHECK_NAMES)
		fault(check, "too many members");
	else
		check->names[check->name_count++] = name;
}

/* Of an object or array, behind its opening. */
static void check_members(struct check *check, uint8_t end)
{
	size_t names = check->name_count;
	if (check->depth == NR_JSON_CHECK_DEPTH) {
		fault(check, "nested too deeply");
		return;
	}
	check->depth++;
	bool empty = take(check, end);
	while (!empty && !check->c.failed) {
		if (end == '}') {
			check_name(check, names);
			if (!take(check, ':'))
				fault(check, "a colon is missing");
		}
		check_value(check);
		if (!take(check, ','))
			break;
	}
	if (!empty && !take(check, end))
		fault(check, end == '}' ? "an object without an end" : "an array without an end");
	check->depth--;
	check->name_count = names;
}

static void check_value(struct check *check)
{
	skip_space(&check->c);
	if (check->c.failed)
		return;
	uint8_t first = check->c.at < check->c.end ? *check->c.at : 0;
	if (first == '"')
		check_string(check, true);
	else if (take(check, '{'))
		check_members(check, '}');
	else if (take(check, '['))
		check_members(check, ']');
	else if (first == '-' || (first >= '0' && first <= '9'))
		check_number(check);
	else
		check_word(check);
}

int nr_json_check(const uint8_t *bytes, size_t length, struct nr_error *error)
{
	struct check check = {.c = nr_cursor_over(bytes, length)};
	check_value(&check);
	skip_space(&check.c);
	if (!check.c.failed && check.c.at < check.c.end)
		fault(&check, "something after the end");
	if (check.c.failed)
		return nr_fail(error, -EBADMSG, "JSON at byte %zu: %s", (size_t)(check.c.at - bytes),
			check.why ? check.why : "it ends too early");
	return 0;
}
