/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/der.h"

#define DER_HIGH_TAG    0x1f /* tag number 31: more octets follow */
#define DER_CONSTRUCTED 0x20
#define DER_CLASS       0xc0
#define DER_LONG        0x80 /* length: the low bits say how many octets follow */

static struct nr_der fail(struct nr_cursor *c)
{
	c->failed = true;
	return (struct nr_der){0};
}

/* Length octets (X.690 8.1.3, 10.1): definite and minimal. */
static size_t length_read(struct nr_cursor *c)
{
	uint8_t first = nr_cursor_u8(c);
	if (first < DER_LONG)
		return first;
	unsigned octets = first & ~(unsigned)DER_LONG;
	if (octets == 0 || octets > 4) {
		c->failed = true;
		return 0;
	}
	uint32_t length = 0;
	for (unsigned i = 0; i < octets; i++) {
		uint8_t octet = nr_cursor_u8(c);
		if (i == 0 && octet == 0)
			c->failed = true;
		length = length << 8 | octet;
	}
	if (length < DER_LONG)
		c->failed = true;
	return length;
}

struct nr_der nr_der_any(struct nr_cursor *c)
{
	struct nr_cursor ahead = *c;
	struct nr_der element = {.start = c->at};
	element.tag = nr_cursor_u8(&ahead);
	if ((element.tag & DER_HIGH_TAG) == DER_HIGH_TAG || element.tag == 0)
		return fail(c);
	element.length = length_read(&ahead);
	element.value = nr_cursor_take(&ahead, element.length);
	if (ahead.failed)
		return fail(c);
	*c = ahead;
	return element;
}

bool nr_der_integer_ok(const uint8_t *value, size_t length)
{
	if (length == 0)
		return false;
	if (length == 1)
		return true;
	return !(value[0] == 0x00 && value[1] < 0x80) && !(value[0] == 0xff && value[1] >= 0x80);
}

bool nr_der_oid_ok(const uint8_t *value, size_t length)
{
	if (length == 0 || value[length - 1] & 0x80)
		return false;
	for (size_t i = 0; i < length; i++)
		if (value[i] == 0x80 && (i == 0 || !(value[i - 1] & 0x80)))
			return false; /* an arc with an idle octet in front */
	return true;
}

bool nr_der_bits_ok(const uint8_t *value, size_t length)
{
	if (length == 0 || value[0] > 7 || (length == 1 && value[0] != 0))
		return false;
	return length == 1 || (value[length - 1] & ((1u << value[0]) - 1)) == 0;
}

/* ---- times ---- */

static bool digits_copy(const uint8_t **at, const uint8_t *end, unsigned count, char **out)
{
	for (; count > 0; count--, (*at)++) {
		if (*at == end || **at < '0' || **at > '9')
			return false;
		*(*out)++ = (char)**at;
	}
	return true;
}

/* The fraction without its dot; DER leaves trailing zeros away. */
static bool fraction_copy(const uint8_t **at, const uint8_t *end, char **out)
{
	const uint8_t *first = ++*at;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
		if (*at < first + 6)
			*(*out)++ = (char)**at;
	return *at > first && (*at)[-1] != '0';
}

/* Through the form that base/time.h reads, which knows the calendar. */
static bool time_read(const uint8_t *value, size_t length, bool utc, bool fraction, nr_time *ret_time)
{
	const uint8_t *at = value, *end = value + length;
	char text[NR_TIME_TEXT + 1], *out = text;
	bool ok = true;
	if (utc) {
		*out++ = length > 0 && value[0] >= '5' ? '1' : '2';
		*out++ = text[0] == '1' ? '9' : '0';
		ok = digits_copy(&at, end, 2, &out);
	} else {
		ok = digits_copy(&at, end, 4, &out);
	}
	static const char after[] = {'-', '-', 'T', ':', ':'};
	for (size_t i = 0; ok && i < NR_COUNT(after); i++) {
		*out++ = after[i];
		ok = digits_copy(&at, end, 2, &out);
	}
	if (!ok || memcmp(out - 2, "60", 2) == 0) /* a leap second has no place on our scale */
		return false;
	if (fraction && at < end && *at == '.') {
		*out++ = '.';
		ok = fraction_copy(&at, end, &out);
	}
	memcpy(out, "Z", 2);
	return ok && end - at == 1 && *at == 'Z' && nr_time_parse(text, ret_time, NULL) == 0;
}

/* Contents of the universal types. */
static bool contents_ok(uint8_t tag, const uint8_t *value, size_t length)
{
	nr_time time;
	switch (tag) {
	case NR_DER_BOOLEAN:
		return length == 1 && (value[0] == 0x00 || value[0] == 0xff);
	case NR_DER_INTEGER:
	case NR_DER_ENUMERATED:
		return nr_der_integer_ok(value, length);
	case NR_DER_BIT_STRING:
		return nr_der_bits_ok(value, length);
	case NR_DER_NULL:
		return length == 0;
	case NR_DER_OID:
		return nr_der_oid_ok(value, length);
	case NR_DER_UTC_TIME:
		return time_read(value, length, true, false, &time);
	case NR_DER_GENERALIZED_TIME:
		return time_read(value, length, false, true, &time);
	default:
		return true;
	}
}

/* SEQUENCE, SET, EXTERNAL and EMBEDDED PDV are constructed; in DER no other universal type is. */
static bool form_ok(uint8_t tag)
{
	if ((tag & DER_CLASS) != 0)
		return true;
	uint8_t number = tag & DER_HIGH_TAG;
	bool constructed = number == 0x10 || number == 0x11 || number == 0x08 || number == 0x0b;
	return constructed == ((tag & DER_CONSTRUCTED) != 0);
}

struct nr_der nr_der_take(struct nr_cursor *c, uint8_t tag)
{
	struct nr_cursor ahead = *c;
	struct nr_der element = nr_der_any(&ahead);
	if (ahead.failed || element.tag != tag || !contents_ok(tag, element.value, element.length))
		return fail(c);
	*c = ahead;
	return element;
}

bool nr_der_optional(struct nr_cursor *c, uint8_t tag, struct nr_der *ret_element)
{
	*ret_element = (struct nr_der){0};
	if (!nr_der_next_is(c, tag))
		return false;
	*ret_element = nr_der_take(c, tag);
	return !c->failed;
}

struct nr_cursor nr_der_inside(const struct nr_der *element)
{
	struct nr_cursor inner = {element->value, NULL, element->value == NULL};
	inner.end = element->value ? element->value + element->length : NULL;
	return inner;
}

struct nr_cursor nr_der_open(struct nr_cursor *c, uint8_t tag)
{
	struct nr_der element = nr_der_take(c, tag);
	if (c->failed)
		return (struct nr_cursor){c->at, c->at, true};
	return nr_der_inside(&element);
}

void nr_der_close(struct nr_cursor *outer, const struct nr_cursor *inner)
{
	if (outer->failed || nr_der_done(inner))
		return;
	outer->failed = true;
	if (inner->at)
		outer->at = inner->at;
}

uint64_t nr_der_uint(struct nr_cursor *c)
{
	struct nr_cursor ahead = *c;
	struct nr_der element = nr_der_take(&ahead, NR_DER_INTEGER);
	bool nine = element.length == 9 && element.value[0] == 0;
	if (ahead.failed || element.value[0] & 0x80 || (element.length > 8 && !nine)) {
		c->failed = true;
		return 0;
	}
	uint64_t value = 0;
	for (size_t i = 0; i < element.length; i++)
		value = value << 8 | element.value[i];
	*c = ahead;
	return value;
}

bool nr_der_bool(struct nr_cursor *c)
{
	struct nr_der element = nr_der_take(c, NR_DER_BOOLEAN);
	return !c->failed && element.value[0] != 0;
}

bool nr_der_default_false(struct nr_cursor *c)
{
	if (!nr_der_next_is(c, NR_DER_BOOLEAN))
		return false;
	struct nr_cursor ahead = *c;
	if (!nr_der_bool(&ahead)) {
		c->failed = true;
		return false;
	}
	*c = ahead;
	return true;
}

static nr_time time_take(struct nr_cursor *c, uint8_t tag, bool fraction)
{
	struct nr_cursor ahead = *c;
	struct nr_der element = nr_der_take(&ahead, tag);
	nr_time time;
	if (ahead.failed ||
		!time_read(element.value, element.length, tag == NR_DER_UTC_TIME, fraction, &time)) {
		c->failed = true;
		return 0;
	}
	*c = ahead;
	return time;
}

nr_time nr_der_generalized_time(struct nr_cursor *c)
{
	return time_take(c, NR_DER_GENERALIZED_TIME, true);
}

nr_time nr_der_time(struct nr_cursor *c)
{
	return time_take(
		c, nr_der_next_is(c, NR_DER_UTC_TIME) ? NR_DER_UTC_TIME : NR_DER_GENERALIZED_TIME, false);
}

bool nr_der_oid_write(const struct nr_der *oid, char *ret_text, size_t room)
{
	if (!nr_der_oid_ok(oid->value, oid->length))
		return false;
	size_t used = 0;
	uint64_t arc = 0;
	bool first = true;
	for (size_t i = 0; i < oid->length; i++) {
		if (arc >> 56)
			return false;
		arc = arc << 7 | (oid->value[i] & 0x7f);
		if (oid->value[i] & 0x80)
			continue;
		uint64_t top = arc < 80 ? arc / 40 : 2;
		int n = first ? snprintf(ret_text + used, room - used, "%u.%llu", (unsigned)top,
					(unsigned long long)(arc - top * 40))
			      : snprintf(ret_text + used, room - used, ".%llu", (unsigned long long)arc);
		if (n < 0 || (size_t)n >= room - used)
			return false;
		used += (size_t)n;
		arc = 0;
		first = false;
	}
	return true;
}

/* ---- whole structures ---- */

/* X.690 11.6: as octet strings, the shorter one padded with zeros at its end; equal ones may follow. */
static int element_compare(const struct nr_der *a, const struct nr_der *b)
{
	size_t a_size = nr_der_size(a), b_size = nr_der_size(b);
	int order = memcmp(a->start, b->start, NR_MIN(a_size, b_size));
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

struct level {
	struct nr_cursor inside;
	bool set;
	struct nr_der before; /* the element before, in a set */
};

/* The next element at this level, held to everything but what is inside it. */
static struct nr_der step(struct level *level)
{
	struct nr_cursor ahead = level->inside;
	struct nr_der element = nr_der_any(&ahead);
	if (ahead.failed || !form_ok(element.tag) ||
		!contents_ok(element.tag, element.value, element.length) ||
		(level->set && level->before.start && element_compare(&level->before, &element) > 0))
		return fail(&level->inside);
	level->inside = ahead;
	level->before = element;
	return element;
}

void nr_der_check(struct nr_cursor *c)
{
	struct level levels[NR_DER_DEPTH_MAX];
	levels[0] = (struct level){.inside = *c};
	unsigned depth = 0;
	do {
		struct level *level = &levels[depth];
		if (depth > 0 && nr_der_done(&level->inside)) {
			depth--;
			continue;
		}
		struct nr_der element = step(level);
		bool deeper = !level->inside.failed && (element.tag & DER_CONSTRUCTED);
		if (level->inside.failed || (deeper && depth + 1 == NR_DER_DEPTH_MAX)) {
			c->at = level->inside.failed ? level->inside.at : element.start;
			c->failed = true;
			return;
		}
		if (deeper)
			levels[++depth] = (struct level){
				.inside = nr_der_inside(&element), .set = element.tag == NR_DER_SET};
	} while (depth > 0);
	*c = levels[0].inside;
}

bool nr_der_check_whole(const void *bytes, size_t length, size_t *ret_offset)
{
	struct nr_cursor c = nr_cursor_over(bytes, length);
	nr_der_check(&c);
	if (nr_der_done(&c))
		return true;
	if (ret_offset)
		*ret_offset = (size_t)(c.at - (const uint8_t *)bytes);
	return false;
}

/* ---- writing ---- */

static uint8_t *room_take(struct nr_der_writer *w, size_t length)
{
	if (w->failed || (size_t)(w->at - w->start) < length) {
		w->failed = true;
		return NULL;
	}
	return w->at -= length;
}

void nr_der_put(struct nr_der_writer *w, const void *bytes, size_t length)
{
	uint8_t *at = room_take(w, length);
	if (at && length)
		memcpy(at, bytes, length);
}

static void put_octet(struct nr_der_writer *w, uint8_t octet)
{
	uint8_t *at = room_take(w, 1);
	if (at)
		*at = octet;
}

void nr_der_wrap(struct nr_der_writer *w, uint8_t tag, size_t mark)
{
	size_t length = nr_der_mark(w) - mark;
	if (length < DER_LONG) {
		put_octet(w, (uint8_t)length);
	} else {
		uint8_t octets = 0;
		for (; length > 0; length >>= 8, octets++)
			put_octet(w, (uint8_t)length);
		put_octet(w, (uint8_t)(DER_LONG | octets));
	}
	put_octet(w, tag);
}

void nr_der_put_value(struct nr_der_writer *w, uint8_t tag, const void *value, size_t length)
{
	size_t mark = nr_der_mark(w);
	nr_der_put(w, value, length);
	nr_der_wrap(w, tag, mark);
}

void nr_der_put_unsigned(struct nr_der_writer *w, const uint8_t *bytes, size_t length)
{
	while (length > 1 && bytes[0] == 0) {
		bytes++;
		length--;
	}
	size_t mark = nr_der_mark(w);
	nr_der_put(w, bytes, length);
	if (length == 0 || bytes[0] & 0x80)
		put_octet(w, 0);
	nr_der_wrap(w, NR_DER_INTEGER, mark);
}

void nr_der_put_uint(struct nr_der_writer *w, uint64_t value)
{
	uint64_t big = __builtin_bswap64(value);
	nr_der_put_unsigned(w, (const uint8_t *)&big, sizeof big);
}

void nr_der_put_time(struct nr_der_writer *w, uint8_t tag, nr_time time)
{
	char text[NR_TIME_TEXT], out[NR_TIME_TEXT], *at = out;
	nr_time_write(time, text); /* 2026-01-02T03:04:05.000006Z */
	static const uint8_t digits[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
	for (size_t i = 0; i < NR_COUNT(digits); i++)
		*at++ = text[digits[i]];
	size_t fraction = 6;
	while (fraction > 0 && text[19 + fraction] == '0')
		fraction--;
	if (fraction > 0) {
		memcpy(at, text + 19, fraction + 1);
		at += fraction + 1;
	}
	*at++ = 'Z';
	nr_der_put_value(w, tag, out, (size_t)(at - out));
}

bool nr_der_sort(uint8_t *bytes, size_t length, uint8_t *scratch, size_t scratch_room)
{
	struct nr_der elements[64];
	size_t count = 0;
	struct nr_cursor c = nr_cursor_over(bytes, length);
	while (!c.failed && nr_cursor_left(&c) > 0 && count < NR_COUNT(elements)) {
		struct nr_der next = nr_der_any(&c);
		if (c.failed)
			break;
		size_t place = count++;
		for (; place > 0 && element_compare(&elements[place - 1], &next) > 0; place--)
			elements[place] = elements[place - 1];
		elements[place] = next;
	}
	if (!nr_der_done(&c) || length > scratch_room)
		return false;
	uint8_t *out = scratch;
	for (size_t i = 0; i < count; i++) {
		memcpy(out, elements[i].start, nr_der_size(&elements[i]));
		out += nr_der_size(&elements[i]);
	}
	if (length)
		memcpy(bytes, scratch, length);
	return true;
}

/* ---- signatures ---- */

#define HALF_MAX 66 /* P-521 */

size_t nr_der_from_rs(const uint8_t *rs, size_t half, uint8_t *ret_der, size_t room)
{
	uint8_t buffer[2 * HALF_MAX + 16];
	if (half == 0 || half > HALF_MAX)
		return 0;
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, sizeof buffer);
	nr_der_put_unsigned(&w, rs + half, half);
	nr_der_put_unsigned(&w, rs, half);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	size_t length = nr_der_mark(&w);
	if (w.failed || length > room)
		return 0;
	memcpy(ret_der, w.at, length);
	return length;
}

/* A positive INTEGER, right-aligned in `half` bytes. */
static void half_read(struct nr_cursor *c, uint8_t *ret_bytes, size_t half)
{
	struct nr_der number = nr_der_take(c, NR_DER_INTEGER);
	const uint8_t *value = number.value;
	size_t length = number.length;
	if (c->failed || value[0] & 0x80) {
		c->failed = true;
		return;
	}
	if (value[0] == 0) {
		value++;
		length--;
	}
	if (length > half) {
		c->failed = true;
		return;
	}
	memset(ret_bytes, 0, half - length);
	if (length)
		memcpy(ret_bytes + half - length, value, length);
}

bool nr_der_to_rs(const uint8_t *der, size_t length, uint8_t *ret_rs, size_t half)
{
	uint8_t rs[2 * HALF_MAX];
	if (half == 0 || half > HALF_MAX)
		return false;
	struct nr_cursor c = nr_cursor_over(der, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	half_read(&body, rs, half);
	half_read(&body, rs + half, half);
	nr_der_close(&c, &body);
	if (!nr_der_done(&c))
		return false;
	memcpy(ret_rs, rs, 2 * half);
	return true;
}
