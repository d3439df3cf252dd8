/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protected header of a JWS, read by a process that holds keys: a strict reader of one JSON object that
 * keeps nothing but two strings. Names must not repeat (RFC 7515 section 4).
 */
#include "trust/signer/policy.h"
#include "wire/base64.h"
#include "wire/cursor.h"

#define HEADER_MAX (16 * 1024) /* bytes of JSON; certificates (x5c) are in it */
#define DEPTH_MAX  8
#define NAMES_MAX  64

struct text {
	const uint8_t *at;
	size_t length;
};

static bool equal(const struct text *text, const char *wanted)
{
	return text->length == strlen(wanted) && memcmp(text->at, wanted, text->length) == 0;
}

static void skip_space(struct nr_cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
		c->at++;
}

static bool take(struct nr_cursor *c, uint8_t wanted)
{
	skip_space(c);
	if (c->failed || c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* A string without escapes: names and values that matter have none, and with them one name has two spellings.
 */
static struct text string_take(struct nr_cursor *c)
{
	struct text text = {NULL, 0};
	if (!take(c, '"'))
		c->failed = true;
	text.at = c->at;
	while (!c->failed) {
		uint8_t octet = nr_cursor_u8(c);
		if (octet == '"' && !c->failed) {
			text.length = (size_t)(c->at - 1 - text.at);
			return text;
		}
		if (octet < ' ' || octet == '\\')
			c->failed = true;
	}
	return text;
}

/* A number, true, false or null: to where it ends; its spelling is nobody's business here. */
static void word_skip(struct nr_cursor *c)
{
	const uint8_t *first = c->at;
	while (c->at < c->end && strchr("+-.0123456789Eaeflnrstu", *c->at) && *c->at)
		c->at++;
	if (c->at == first)
		c->failed = true;
}

static void value_skip(struct nr_cursor *c, unsigned depth);

static void members_skip(struct nr_cursor *c, uint8_t end, unsigned depth)
{
	if (depth == DEPTH_MAX)
		c->failed = true;
	if (c->failed || take(c, end))
		return;
	do {
		if (end == '}') {
			string_take(c);
			if (!take(c, ':'))
				c->failed = true;
		}
		value_skip(c, depth + 1);
	} while (!c->failed && take(c, ','));
	if (!take(c, end))
		c->failed = true;
}

static void value_skip(struct nr_cursor *c, unsigned depth)
{
	skip_space(c);
	if (c->failed || c->at == c->end)
		c->failed = true;
	else if (*c->at == '"')
		string_take(c);
	else if (take(c, '{'))
		members_skip(c, '}', depth);
	else if (take(c, '['))
		members_skip(c, ']', depth);
	else
		word_skip(c);
}

static bool name_is_new(struct text *names, size_t *count, const struct text *name)
{
	if (*count == NAMES_MAX)
		return false;
	for (size_t i = 0; i < *count; i++)
		if (names[i].length == name->length && memcmp(names[i].at, name->at, name->length) == 0)
			return false;
	names[(*count)++] = *name;
	return true;
}

/* The whole object; *ret_algorithm and *ret_hash are empty where they are not there. */
static bool header_read(struct nr_cursor *c, struct text *ret_algorithm, struct text *ret_hash)
{
	struct text names[NAMES_MAX];
	size_t count = 0;
	if (!take(c, '{'))
		return false;
	do {
		struct text name = string_take(c);
		if (c->failed || !take(c, ':') || !name_is_new(names, &count, &name))
			return false;
		if (equal(&name, "alg"))
			*ret_algorithm = string_take(c);
		else if (equal(&name, "x5t#S256"))
			*ret_hash = string_take(c);
		else
			value_skip(c, 1);
	} while (!c->failed && take(c, ','));
	bool whole = take(c, '}');
	skip_space(c);
	return whole && !c->failed && nr_cursor_left(c) == 0;
}

bool nr_policy_jws_header_ok(const struct nr_policy *policy, const char *base64, size_t length)
{
	static const char *const algorithms[] = {[NR_KEY_RSA] = "RS256",
		[NR_KEY_P256] = "ES256",
		[NR_KEY_P384] = "ES384",
		[NR_KEY_ED25519] = "EdDSA"};
	uint8_t bytes[HEADER_MAX], hash[32];
	struct text algorithm = {NULL, 0}, named = {NULL, 0};
	ssize_t count = nr_base64url_read(base64, length, bytes, sizeof bytes);
	if (count <= 0)
		return false;
	struct nr_cursor c = nr_cursor_over(bytes, (size_t)count);
	if (!header_read(&c, &algorithm, &named) || !equal(&algorithm, algorithms[policy->algorithm]))
		return false;
	return nr_base64url_read((const char *)named.at, named.length, hash, sizeof hash) == sizeof hash &&
	       memcmp(hash, policy->sha256, sizeof hash) == 0;
}
