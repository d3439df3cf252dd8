/* SPDX-License-Identifier: Apache-2.0 */
/* "pkcs11:token=house;object=tsa" (RFC 7512 section 2.3): the path; the query has nothing that we take. */
#include "trust/signer/token.h"

#include <errno.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded; -1: malformed or more than room. */
static int decode(const char *text, size_t length, uint8_t *ret_bytes, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++, n++) {
		int byte = (uint8_t)text[i];
		if (n == room)
			return -1;
		if (byte == '%') {
			int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
			if (low < 0)
				return -1;
			byte = high << 4 | low;
			i += 2;
		}
		ret_bytes[n] = (uint8_t)byte;
	}
	return (int)n;
}

static const struct {
	const char *name;
	size_t offset;
} texts[] = {
	{"token", offsetof(struct nr_token_uri, token)},
	{"manufacturer", offsetof(struct nr_token_uri, manufacturer)},
	{"model", offsetof(struct nr_token_uri, model)},
	{"serial", offsetof(struct nr_token_uri, serial)},
	{"object", offsetof(struct nr_token_uri, object)},
};

static bool slot_parse(const char *text, size_t length, struct nr_token_uri *uri)
{
	unsigned long slot = 0;
	if (length == 0 || length > 9)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		slot = slot * 10 + (unsigned long)(text[i] - '0');
	}
	uri->slot = slot;
	uri->slot_named = true;
	return true;
}

/* One "name=value". */
static bool attribute_parse(const char *text, size_t length, struct nr_token_uri *uri)
{
	const char *equal = memchr(text, '=', length);
	if (!equal)
		return false;
	size_t name = (size_t)(equal - text), rest = length - name - 1;
	const char *value = equal + 1;
	if (name == 2 && memcmp(text, "id", 2) == 0) {
		int n = decode(value, rest, uri->id, sizeof uri->id);
		uri->id_length = n > 0 ? (size_t)n : 0;
		return n > 0;
	}
	if (name == 4 && memcmp(text, "type", 4) == 0)
		return rest == 7 && memcmp(value, "private", 7) == 0;
	if (name == 7 && memcmp(text, "slot-id", 7) == 0)
		return slot_parse(value, rest, uri);
	for (size_t i = 0; i < NR_COUNT(texts); i++) {
		if (strlen(texts[i].name) != name || memcmp(text, texts[i].name, name) != 0)
			continue;
		char *out = (char *)uri + texts[i].offset;
		int n = decode(value, rest, (uint8_t *)out, NR_TOKEN_TEXT_MAX);
		if (n <= 0 || memchr(out, 0, (size_t)n))
			return false;
		out[n] = 0;
		return true;
	}
	return false;
}

int nr_token_uri_parse(const char *text, struct nr_token_uri *ret_uri, struct nr_error *error)
{
	struct nr_token_uri uri = {.slot_named = false};
	const char *at = text + strlen("pkcs11:");
	if (!nr_token_names(text))
		return nr_fail(error, -EINVAL, "%.80s: not a pkcs11: URI (RFC 7512)", text);
	if (strchr(text, '?'))
		return nr_fail(error, -EINVAL,
			"%.80s: nothing behind \"?\" is taken: PIN and library are options of their own",
			text);
	for (;;) {
		size_t length = strcspn(at, ";");
		if (!attribute_parse(at, length, &uri))
			return nr_fail(error, -EINVAL,
				"%.80s: \"%.*s\": token, manufacturer, model, serial, object, id, slot-id "
				"and "
				"type=private are known (RFC 7512)",
				text, (int)NR_MIN(length, (size_t)60), at);
		if (!at[length])
			break;
		at += length + 1;
	}
	if (!uri.object[0] && uri.id_length == 0)
		return nr_fail(error, -EINVAL, "%.80s: names no key: object=LABEL or id=%%01", text);
	*ret_uri = uri;
	return 0;
}
