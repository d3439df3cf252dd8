/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DER (ITU-T X.690 section 10 and 11), read strictly and written backwards. Pure: no allocation, no I/O.
 *
 * Reading: an element that BER would allow and DER does not (indefinite, or longer than minimal length; an
 * integer with idle octets; a constructed OCTET STRING; a boolean that is neither 00 nor FF) fails the
 *cursor, and the cursor's error is sticky: a parser reads like the ASN.1 and asks once at its end.
 *
 *	struct nr_cursor c = nr_cursor_over(bytes, length);
 *	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
 *	uint64_t version = nr_der_uint(&body);
 *	struct nr_der policy = nr_der_take(&body, NR_DER_OID);
 *	nr_der_close(&c, &body);
 *	if (!nr_der_done(&c))
 *		... at c.at - bytes
 *
 * Unknown parts that are skipped are not looked into: nr_der_check() goes through a whole structure of
 * strangers before anything else (OpenSSL's reader takes BER).
 */
#ifndef NR_WIRE_DER_H
#define NR_WIRE_DER_H

#include "base/time.h"
#include "wire/cursor.h"

/* Identifier octets (X.690 8.1.2). Tag numbers above 30 occur in none of our formats and are refused. */
enum nr_der_tag {
	NR_DER_BOOLEAN = 0x01,
	NR_DER_INTEGER = 0x02,
	NR_DER_BIT_STRING = 0x03,
	NR_DER_OCTET_STRING = 0x04,
	NR_DER_NULL = 0x05,
	NR_DER_OID = 0x06,
	NR_DER_ENUMERATED = 0x0a,
	NR_DER_UTF8_STRING = 0x0c,
	NR_DER_PRINTABLE_STRING = 0x13,
	NR_DER_IA5_STRING = 0x16,
	NR_DER_UTC_TIME = 0x17,
	NR_DER_GENERALIZED_TIME = 0x18,
	NR_DER_SEQUENCE = 0x30,
	NR_DER_SET = 0x31,
};
#define NR_DER_CONTEXT(n) ((uint8_t)(0x80 | (n))) /* [n] IMPLICIT of a primitive type */
#define NR_DER_CONSTRUCTED(n)                                                                                \
	((uint8_t)(0xa0 | (n))) /* [n] EXPLICIT, or IMPLICIT of a constructed                                \
				   type */

#define NR_DER_DEPTH_MAX 32 /* deepest nesting that nr_der_check() follows */

/* An element in the input; all zero where there is none. */
struct nr_der {
	const uint8_t *start; /* identifier octet */
	const uint8_t *value; /* contents */
	size_t length;        /* of the contents */
	uint8_t tag;
};
NR_INLINE size_t nr_der_size(const struct nr_der *element) /* header and contents */
{
	return (size_t)(element->value - element->start) + element->length;
}

/* ---- reading ---- */

/* The next element, whatever it is; all zero when the cursor has failed. */
struct nr_der nr_der_any(struct nr_cursor *c);
/* The next element, which must have this tag. Contents of INTEGER, ENUMERATED, BOOLEAN, NULL, BIT STRING, OID
 * and the times are held to DER too; with a context tag that is the caller's (nr_der_*_ok below). */
struct nr_der nr_der_take(struct nr_cursor *c, uint8_t tag);
/* Whether an element with this tag comes next. */
NR_INLINE bool nr_der_next_is(const struct nr_cursor *c, uint8_t tag)
{
	return !c->failed && c->at < c->end && *c->at == tag;
}
/* OPTIONAL: false where another or none comes next; then *ret_element is all zero. */
bool nr_der_optional(struct nr_cursor *c, uint8_t tag, struct nr_der *ret_element);

/* Goes into a constructed element; the outer cursor stands behind it already. */
struct nr_cursor nr_der_open(struct nr_cursor *c, uint8_t tag);
struct nr_cursor nr_der_inside(const struct nr_der *element);
/* Ends that: what was not read, or failed inside, fails the outer cursor too (its `at` then says where). */
void nr_der_close(struct nr_cursor *outer, const struct nr_cursor *inner);
/* Not failed, and nothing is left. */
NR_INLINE bool nr_der_done(const struct nr_cursor *c)
{
	return !c->failed && c->at == c->end;
}

uint64_t nr_der_uint(struct nr_cursor *c); /* INTEGER from 0 to 2^64-1 */
bool nr_der_bool(struct nr_cursor *c);
/* BOOLEAN DEFAULT FALSE: absent is false, and a false that is written fails (X.690 11.5). */
bool nr_der_default_false(struct nr_cursor *c);
/* GeneralizedTime as RFC 3161 section 2.4.2 has it: seconds, "Z", a fraction without trailing zeros; digits
 * after the sixth are cut. */
nr_time nr_der_generalized_time(struct nr_cursor *c);
/* UTCTime or GeneralizedTime without fraction (RFC 5280 section 4.1.2.5); two-digit years are 1950..2049. */
nr_time nr_der_time(struct nr_cursor *c);

/* Contents alone, for implicit tags. */
bool nr_der_integer_ok(const uint8_t *value, size_t length);
bool nr_der_oid_ok(const uint8_t *value, size_t length);
bool nr_der_bits_ok(const uint8_t *value, size_t length);

NR_INLINE bool nr_der_equal(const struct nr_der *element, const void *value, size_t length)
{
	return element->length == length && (length == 0 || memcmp(element->value, value, length) == 0);
}
/* "1.2.840.113549.1.9.3"; false where it does not fit or is no OID. */
bool nr_der_oid_write(const struct nr_der *oid, char *ret_text, size_t room);

/*
 * Goes through the next element with everything in it: lengths, contents of the universal types, constructed
 * or not as the type demands, elements of every SET in ascending order (all SETs of our formats are SET OF,
 * X.690 11.6), nesting up to NR_DER_DEPTH_MAX. The cursor then stands behind it, or has failed where the
 * first fault is. Linear in the input.
 */
void nr_der_check(struct nr_cursor *c);
/* The same for bytes that must be one element and nothing else. *ret_offset (NULL allowed): of the fault. */
bool nr_der_check_whole(const void *bytes, size_t length, size_t *ret_offset);

/* ---- writing ---- */

/*
 * From the end of a buffer to its start: contents first, then their header, so that no length has to be known
 * before. Elements of a SEQUENCE are therefore put last one first. Sticky error: no room.
 *
 *	nr_der_writer_init(&w, buffer, sizeof buffer);
 *	size_t whole = nr_der_mark(&w);
 *	nr_der_put_uint(&w, 5);                           second
 *	nr_der_put_value(&w, NR_DER_OID, oid, length);    first
 *	nr_der_wrap(&w, NR_DER_SEQUENCE, whole);
 *	... w.at, nr_der_mark(&w) bytes
 */
struct nr_der_writer {
	uint8_t *start, *at, *end;
	bool failed;
};
NR_INLINE void nr_der_writer_init(struct nr_der_writer *w, uint8_t *buffer, size_t room)
{
	*w = (struct nr_der_writer){buffer, buffer + room, buffer + room, false};
}
/* Bytes written so far. */
NR_INLINE size_t nr_der_mark(const struct nr_der_writer *w)
{
	return (size_t)(w->end - w->at);
}
void nr_der_put(struct nr_der_writer *w, const void *bytes, size_t length); /* as they are */
void nr_der_wrap(struct nr_der_writer *w, uint8_t tag, size_t mark);        /* header of all since mark */
void nr_der_put_value(struct nr_der_writer *w, uint8_t tag, const void *value, size_t length);
void nr_der_put_uint(struct nr_der_writer *w, uint64_t value);
/* INTEGER of an unsigned big-endian number with any leading zeros (r and s of a signature). */
void nr_der_put_unsigned(struct nr_der_writer *w, const uint8_t *bytes, size_t length);
/* GeneralizedTime, RFC 3161 form; years 1 to 9999. */
void nr_der_put_time(struct nr_der_writer *w, uint8_t tag, nr_time time);
/* Sorts the elements of a SET OF, which lie one after the other in bytes, in place; at most 64, together at
 * most 64 KiB. False: more, or no elements. */
bool nr_der_sort(uint8_t *bytes, size_t length, uint8_t *scratch, size_t scratch_room);

/* r || s, each `half` bytes, as ECDSA-Sig-Value (RFC 3279 section 2.2.3), and back. At most 66 each. 0: no
 * room, or no such value. */
size_t nr_der_from_rs(const uint8_t *rs, size_t half, uint8_t *ret_der, size_t room);
bool nr_der_to_rs(const uint8_t *der, size_t length, uint8_t *ret_rs, size_t half);

#endif
