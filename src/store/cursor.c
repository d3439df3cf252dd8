/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyset cursor: the order keys of a page's last row as text that a URL carries as it is. Keys are joined
 * with ".": "i-12" an integer, "t6162" and "b00ff" text and bytes in hexadecimal. Whoever edits it gets
 * another page, no more.
 */
#include "store/ask.h"

#include <errno.h>

static bool write_hex(char kind, const uint8_t *bytes, size_t length, char *text, size_t room)
{
	if (length > sizeof((struct nr_key *)0)->bytes || room < 2 * length + 2)
		return false;
	*text++ = kind;
	for (size_t i = 0; i < length; i++)
		text += sprintf(text, "%02x", bytes[i]);
	*text = '\0';
	return true;
}

bool nr_cursor_write(const struct nr_key *keys, size_t count, char *text, size_t room)
{
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		const struct nr_key *key = &keys[i];
		if (i && used + 2 > room)
			return false;
		if (i)
			text[used++] = '.';
		bool fits = key->type == NR_VALUE_INT
				    ? (size_t)snprintf(text + used, room - used, "i%lld",
					      (long long)key->integer) < room - used
				    : write_hex(key->type == NR_VALUE_TEXT ? 't' : 'b', key->bytes,
					      key->length, text + used, room - used);
		if (!fits)
			return false;
		used += strlen(text + used);
	}
	return true;
}

struct nr_key nr_key_int(int64_t value)
{
	return (struct nr_key){.type = NR_VALUE_INT, .integer = value};
}

struct nr_key nr_key_bytes(enum nr_value_type type, const void *bytes, size_t length)
{
	struct nr_key key = {.type = type, .length = length};
	if (length)
		memcpy(key.bytes, bytes, NR_MIN(length, sizeof key.bytes));
	return key;
}

/* Integers stand before texts, and these before bytes, as in SQLite. */
static int rank_of(enum nr_value_type type)
{
	return type == NR_VALUE_INT ? 0 : type == NR_VALUE_TEXT ? 1 : 2;
}

int nr_key_compare_int(int64_t value, const struct nr_key *key)
{
	if (key->type != NR_VALUE_INT)
		return -1;
	return (value > key->integer) - (value < key->integer);
}

int nr_key_compare_bytes(enum nr_value_type type, const void *bytes, size_t length, const struct nr_key *key)
{
	if (rank_of(type) != rank_of(key->type))
		return rank_of(type) - rank_of(key->type);
	int order = memcmp(bytes, key->bytes, NR_MIN(length, key->length));
	return order ? order : (length > key->length) - (length < key->length);
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool parse_hex(const char *text, size_t length, struct nr_key *key)
{
	if (length % 2 || length / 2 > sizeof key->bytes)
		return false;
	for (size_t i = 0; i < length; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
		if (high < 0 || low < 0)
			return false;
		key->bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	key->length = length / 2;
	return true;
}

static bool parse_integer(const char *text, size_t length, struct nr_key *key)
{
	char *end;
	if (length == 0 || strspn(text, "-0123456789") != length)
		return false;
	errno = 0;
	key->integer = strtoll(text, &end, 10);
	return errno == 0 && end == text + length;
}

static bool parse_key(const char *text, size_t length, struct nr_key *ret_key)
{
	struct nr_key key = {.type = NR_VALUE_INT};
	bool good = false;
	if (length >= 1 && text[0] == 'i') {
		good = parse_integer(text + 1, length - 1, &key);
	} else if (length >= 1 && (text[0] == 't' || text[0] == 'b')) {
		key.type = text[0] == 't' ? NR_VALUE_TEXT : NR_VALUE_ADDRESS;
		good = parse_hex(text + 1, length - 1, &key);
	}
	if (good)
		*ret_key = key;
	return good;
}

int nr_cursor_parse(const char *text, const struct nr_plan *plan, struct nr_key *ret_keys, size_t *ret_count,
	struct nr_error *error)
{
	size_t expected = 0, count = 0;
	while (plan->order[expected].column)
		expected++;
	bool good = true;
	while (good && count < expected) {
		size_t length = strcspn(text, ".");
		good = parse_key(text, length, &ret_keys[count++]);
		text += length;
		if (count < expected)
			good = good && *text++ == '.';
	}
	if (!good || *text || count == 0)
		return nr_fail(error, -EINVAL, "after: not a cursor of %s; pass `next` of the page before",
			plan->query.name);
	*ret_count = count;
	return 0;
}
