/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define JSON_ROOM_FIRST  4096
#define JSON_ROOM_STREAM 65536

void nr_json_init(struct nr_json *json)
{
	memset(json, 0, sizeof *json);
}

void nr_json_init_stream(struct nr_json *json, FILE *stream)
{
	nr_json_init(json);
	json->stream = stream;
}

void nr_json_fini(struct nr_json *json)
{
	free(json->bytes);
	json->bytes = NULL;
	json->length = json->room = 0;
}

static void json_hand_over(struct nr_json *json)
{
	fwrite(json->bytes, 1, json->length, json->stream);
	json->length = 0;
}

/* json_reserve() where the room is used up. */
static __attribute__((noinline)) char *json_grow(struct nr_json *json, size_t n)
{
	if (json->failed)
		return NULL;
	if (json->stream && json->length)
		json_hand_over(json);
	size_t room = json->room ? json->room : json->stream ? JSON_ROOM_STREAM : JSON_ROOM_FIRST;
	while (room - json->length < n && room <= SIZE_MAX / 2)
		room *= 2;
	char *bytes = room - json->length < n ? NULL
		      : room > json->room     ? realloc(json->bytes, room)
					      : json->bytes;
	if (!bytes) {
		json->failed = true;
		return NULL;
	}
	json->bytes = bytes;
	json->room = room;
	return bytes + json->length;
}

/* Makes room for n more bytes and answers where they go; NULL once memory has run out. The length is not
 * moved. */
static inline char *json_reserve(struct nr_json *json, size_t n)
{
	if (NR_LIKELY(json->room - json->length >= n))
		return json->failed ? NULL : json->bytes + json->length;
	return json_grow(json, n);
}

static inline void json_append(struct nr_json *json, const char *text, size_t length)
{
	char *out = json_reserve(json, length);
	if (!out)
		return;
	memcpy(out, text, length);
	json->length += length;
}

static inline void json_char(struct nr_json *json, char c)
{
	char *out = json_reserve(json, 1);
	if (!out)
		return;
	*out = c;
	json->length++;
}

static void json_new_line(struct nr_json *json)
{
	size_t n = 1 + 2 * (size_t)json->depth;
	char *out = json_reserve(json, n);
	if (!out)
		return;
	memset(out, ' ', n);
	*out = '\n';
	json->length += n;
}

/* Length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) of two or more bytes at p; 0: there is
 * none. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t length;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2;
	} else if ((p[0] & 0xf0) == 0xe0) {
		length = 3;
		low = p[0] == 0xe0 ? 0xa0 : 0x80;
		high = p[0] == 0xed ? 0x9f : 0xbf; /* no surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4;
		low = p[0] == 0xf0 ? 0x90 : 0x80;
		high = p[0] == 0xf4 ? 0x8f : 0xbf; /* nothing above U+10FFFF */
	} else {
		return 0;
	}
	if (left < length || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static void json_escape(struct nr_json *json, uint8_t c)
{
	static const char short_form[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	char text[6] = {'\\', (char)c};
	if (c >= 0x20) { /* '"' and '\\' */
		json_append(json, text, 2);
	} else if (short_form[c]) {
		text[1] = short_form[c];
		json_append(json, text, 2);
	} else {
		text[1] = 'u';
		text[2] = text[3] = '0';
		text[4] = "0123456789abcdef"[c >> 4];
		text[5] = "0123456789abcdef"[c & 15];
		json_append(json, text, 6);
	}
}

/* ASCII that stands for itself. */
static const bool json_plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};

/* Copies runs that need no change at once; stops only at escapes and at what is not UTF-8. */
static void json_quote(struct nr_json *json, const char *text, size_t length)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t run = 0, i = 0;
	json_char(json, '"');
	for (;;) {
		while (i < length && json_plain[p[i]])
			i++;
		if (i == length)
			break;
		size_t step = p[i] >= 0x80 ? utf8_sequence(p + i, length - i) : 0;
		if (step) {
			i += step;
			continue;
		}
		json_append(json, text + run, i - run);
		if (p[i] >= 0x80)
			json_append(json, "\xef\xbf\xbd", 3); /* U+FFFD */
		else
			json_escape(json, p[i]);
		run = ++i;
	}
	json_append(json, text + run, i - run);
	json_char(json, '"');
}

/* Of eight characters none is a control character, a quote, a backslash or beyond ASCII. */
static inline bool json_plain_eight(const char *text)
{
	const uint64_t each = UINT64_C(0x0101010101010101), top = each << 7;
	uint64_t word;
	memcpy(&word, text, sizeof word);
	const uint64_t quote = word ^ each * '"', slash = word ^ each * '\\';
	const uint64_t odd = (word - each * ' ') & ~word, quotes = (quote - each) & ~quote,
		       slashes = (slash - each) & ~slash;
	return !((word | odd | quotes | slashes) & top);
}

/* A key that needs no escape, as those of programs do; false, and nothing was written, where it does. */
static bool json_plain_key(struct nr_json *json, const char *key)
{
	size_t length = strlen(key);
	char *out = json_reserve(json, length + 10);
	if (!out)
		return true;
	out[0] = '"';
	memcpy(out + 1, key, length);
	memset(out + 1 + length, ' ', 8); /* so that the last eight are whole */
	for (size_t i = 0; i < length; i += 8)
		if (!json_plain_eight(out + 1 + i))
			return false;
	out[length + 1] = '"';
	out[length + 2] = ':';
	json->length += length + (json->pretty ? 4 : 3);
	return true;
}

/* What stands before every value: comma, line, key. At the top, values are lines (JSON lines). */
static void json_before(struct nr_json *json, const char *key)
{
	if (json->depth == 0) {
		if (json->comma[0])
			json_char(json, '\n');
	} else {
		if (json->comma[json->depth])
			json_char(json, ',');
		if (json->pretty)
			json_new_line(json);
	}
	json->comma[json->depth] = true;
	if (key && !json_plain_key(json, key)) {
		json_quote(json, key, strlen(key));
		json_append(json, ": ", json->pretty ? 2 : 1);
	}
}

static void json_open(struct nr_json *json, const char *key, char bracket)
{
	json_before(json, key);
	json_char(json, bracket);
	assert(json->depth + 1 < NR_JSON_DEPTH);
	json->depth++;
	json->comma[json->depth] = false;
}

static void json_close(struct nr_json *json, char bracket)
{
	assert(json->depth > 0);
	bool filled = json->comma[json->depth];
	json->depth--;
	if (filled && json->pretty)
		json_new_line(json);
	json_char(json, bracket);
}

void nr_json_begin_part(struct nr_json *part, const struct nr_json *of, bool behind)
{
	part->length = 0;
	part->pretty = of->pretty;
	part->depth = of->depth;
	part->comma[part->depth] = behind || of->comma[of->depth];
}

void nr_json_add_part(struct nr_json *json, const struct nr_json *part)
{
	assert(part->depth == json->depth);
	json->failed = json->failed || part->failed;
	if (!part->length)
		return;
	json_append(json, part->bytes, part->length);
	json->comma[json->depth] = true;
}

int nr_json_finish(struct nr_json *json, struct nr_error *error)
{
	char *end = json_reserve(json, 1);
	if (!end)
		return nr_fail(error, -ENOMEM, "out of memory while writing JSON");
	assert(json->depth == 0);
	if (json->stream)
		json_hand_over(json);
	else
		*end = '\0';
	return 0;
}

void nr_json_object(struct nr_json *json, const char *key)
{
	json_open(json, key, '{');
}

void nr_json_object_end(struct nr_json *json)
{
	json_close(json, '}');
}

void nr_json_array(struct nr_json *json, const char *key)
{
	json_open(json, key, '[');
}

void nr_json_array_end(struct nr_json *json)
{
	json_close(json, ']');
}

void nr_json_text(struct nr_json *json, const char *key, const char *text)
{
	if (text)
		nr_json_text_n(json, key, text, strlen(text));
	else
		nr_json_null(json, key);
}

void nr_json_text_n(struct nr_json *json, const char *key, const char *text, size_t length)
{
	json_before(json, key);
	json_quote(json, text, length);
}

/* The digits end at end; answers their start. */
static inline char *uint_write(char *end, uint64_t value)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

void nr_json_uint(struct nr_json *json, const char *key, uint64_t value)
{
	char text[20], *end = text + sizeof text, *start = uint_write(end, value);
	json_before(json, key);
	json_append(json, start, (size_t)(end - start));
}

void nr_json_int(struct nr_json *json, const char *key, int64_t value)
{
	char text[21], *end = text + sizeof text;
	char *start = uint_write(end, value < 0 ? -(uint64_t)value : (uint64_t)value);
	if (value < 0)
		*--start = '-';
	json_before(json, key);
	json_append(json, start, (size_t)(end - start));
}

void nr_json_real(struct nr_json *json, const char *key, double value)
{
	char text[32];
	if (!isfinite(value)) {
		nr_json_null(json, key);
		return;
	}
	/* whole numbers that 15 digits hold are what they look like; -0 is none of them */
	if (fabs(value) < 1e15 && (double)(int64_t)value == value && (value != 0 || !signbit(value))) {
		nr_json_int(json, key, (int64_t)value);
		return;
	}
	int length = 0;
	for (int digits = 15; digits <= 17; digits++) {
		length = snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	json_before(json, key);
	json_append(json, text, (size_t)length);
}

void nr_json_bool(struct nr_json *json, const char *key, bool value)
{
	json_before(json, key);
	json_append(json, value ? "true" : "false", value ? 4 : 5);
}

void nr_json_null(struct nr_json *json, const char *key)
{
	json_before(json, key);
	json_append(json, "null", 4);
}

void nr_json_time(struct nr_json *json, const char *key, nr_time value)
{
	char text[NR_TIME_TEXT];
	if (value == NR_TIME_MIN || value == NR_TIME_MAX)
		nr_json_null(json, key);
	else
		nr_json_text(json, key, nr_time_write(value, text));
}

void nr_json_address(struct nr_json *json, const char *key, const struct nr_address *value)
{
	char text[NR_ADDRESS_TEXT];
	nr_json_text(json, key, nr_address_write(value, text));
}

void nr_json_raw(struct nr_json *json, const char *key, const char *json_text)
{
	json_before(json, key);
	json_append(json, json_text, strlen(json_text));
}
