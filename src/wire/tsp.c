/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/tsp.h"

#include <errno.h>
#include <stdio.h>

#define FAILURE_BITS 26
#define TOKEN_MAX    (1u << 20)

const char *nr_tsp_failure_name(enum nr_tsp_failure failure)
{
	switch (failure) {
	case NR_TSP_BAD_ALG:
		return "badAlg";
	case NR_TSP_BAD_REQUEST:
		return "badRequest";
	case NR_TSP_BAD_DATA_FORMAT:
		return "badDataFormat";
	case NR_TSP_TIME_NOT_AVAILABLE:
		return "timeNotAvailable";
	case NR_TSP_UNACCEPTED_POLICY:
		return "unacceptedPolicy";
	case NR_TSP_UNACCEPTED_EXTENSION:
		return "unacceptedExtension";
	case NR_TSP_ADD_INFO_NOT_AVAILABLE:
		return "addInfoNotAvailable";
	case NR_TSP_SYSTEM_FAILURE:
		return "systemFailure";
	}
	return "unknown";
}

/* ---- requests ---- */

static int refuse(struct nr_error *error, enum nr_tsp_failure *ret_failure, enum nr_tsp_failure failure,
	const char *text)
{
	*ret_failure = failure;
	return nr_fail(error, -EBADMSG, "time-stamp request: %s (RFC 3161 section 2.4.1)", text);
}

static bool is_served(enum nr_oid digest)
{
	return digest == NR_OID_SHA256 || digest == NR_OID_SHA384 || digest == NR_OID_SHA512;
}

static bool nonce_fits(const struct nr_der *nonce)
{
	size_t zero = nonce->length > 1 && nonce->value[0] == 0;
	return nonce->length - zero <= NR_TSP_NONCE_MAX;
}

/* messageImprint; the algorithm is UNKNOWN where it has parameters, or is none of ours. */
static enum nr_oid read_imprint(struct nr_cursor *c, struct nr_der *ret_imprint, struct nr_der *ret_hash)
{
	*ret_imprint = nr_der_take(c, NR_DER_SEQUENCE);
	struct nr_cursor inside = nr_der_inside(ret_imprint);
	enum nr_oid digest = nr_oid_algorithm(&inside);
	*ret_hash = nr_der_take(&inside, NR_DER_OCTET_STRING);
	nr_der_close(c, &inside);
	return digest;
}

int nr_tsp_read_request(const uint8_t *bytes, size_t length, const uint8_t *policy, size_t policy_length,
	struct nr_tsp_request *ret_request, enum nr_tsp_failure *ret_failure, struct nr_error *error)
{
	size_t offset = 0;
	if (!nr_der_check_whole(bytes, length, &offset)) {
		*ret_failure = NR_TSP_BAD_DATA_FORMAT;
		return nr_fail(error, -EBADMSG, "time-stamp request: not DER at byte %zu (X.690)", offset);
	}
	struct nr_tsp_request request = {.digest = NR_OID_UNKNOWN};
	struct nr_der hash, policy_asked = {NULL, NULL, 0, 0}, extensions;
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	struct nr_der version = nr_der_take(&body, NR_DER_INTEGER);
	request.digest = read_imprint(&body, &request.imprint, &hash);
	request.policy_named = nr_der_optional(&body, NR_DER_OID, &policy_asked);
	nr_der_optional(&body, NR_DER_INTEGER, &request.nonce);
	request.certificate_wanted = nr_der_default_false(&body);
	bool extended = nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &extensions);
	nr_der_close(&c, &body);
	if (!nr_der_done(&c))
		return refuse(error, ret_failure, NR_TSP_BAD_DATA_FORMAT, "not a TimeStampReq");
	if (!nr_der_equal(&version, "\1", 1))
		return refuse(error, ret_failure, NR_TSP_BAD_REQUEST, "the version is not 1");
	if (!is_served(request.digest))
		return refuse(error, ret_failure, NR_TSP_BAD_ALG,
			"the imprint's algorithm must be SHA-256, SHA-384 or SHA-512, without parameters");
	if (hash.length != nr_oid_digest_bytes(request.digest))
		return refuse(error, ret_failure, NR_TSP_BAD_DATA_FORMAT,
			"the imprint is not as long as its digest");
	if (policy && request.policy_named && !nr_der_equal(&policy_asked, policy, policy_length))
		return refuse(error, ret_failure, NR_TSP_UNACCEPTED_POLICY,
			"another policy than the one served here");
	if (extended)
		return refuse(
			error, ret_failure, NR_TSP_UNACCEPTED_EXTENSION, "an extension; none is known here");
	if (request.nonce.value && !nonce_fits(&request.nonce))
		return refuse(error, ret_failure, NR_TSP_BAD_DATA_FORMAT, "a nonce of more than 20 octets");
	request.hash = hash.value;
	*ret_request = request;
	return 0;
}

static size_t finish(struct nr_der_writer *w, uint8_t **ret_bytes)
{
	*ret_bytes = w->at;
	return w->failed ? 0 : nr_der_mark(w);
}

size_t nr_tsp_write_request(enum nr_oid digest, const uint8_t *hash, const uint8_t *nonce,
	size_t nonce_length, uint8_t *buffer, size_t room, uint8_t **ret_bytes)
{
	static const uint8_t yes = 0xff;
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	nr_der_put_value(&w, NR_DER_BOOLEAN, &yes, 1);
	nr_der_put_unsigned(&w, nonce, nonce_length);
	size_t imprint = nr_der_mark(&w);
	nr_der_put_value(&w, NR_DER_OCTET_STRING, hash, nr_oid_digest_bytes(digest));
	nr_oid_put_algorithm(&w, digest, false);
	nr_der_wrap(&w, NR_DER_SEQUENCE, imprint);
	nr_der_put_uint(&w, 1);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	return finish(&w, ret_bytes);
}

/* ---- answers ---- */

/* A named-bit BIT STRING ends with its last set bit (X.690 section 11.2.2). */
static void put_failure(struct nr_der_writer *w, enum nr_tsp_failure failure)
{
	uint8_t bits[1 + FAILURE_BITS / 8 + 1] = {0};
	size_t last = 1 + (unsigned)failure / 8;
	bits[0] = (uint8_t)(7 - (unsigned)failure % 8);
	bits[last] = (uint8_t)(0x80 >> ((unsigned)failure % 8));
	nr_der_put_value(w, NR_DER_BIT_STRING, bits, last + 1);
}

size_t nr_tsp_write_rejection(
	enum nr_tsp_failure failure, const char *text, uint8_t *buffer, size_t room, uint8_t **ret_bytes)
{
	struct nr_der_writer w;
	nr_der_writer_init(&w, buffer, room);
	put_failure(&w, failure);
	if (text) {
		size_t free_text = nr_der_mark(&w); /* PKIFreeText: SEQUENCE OF UTF8String */
		nr_der_put_value(&w, NR_DER_UTF8_STRING, text, strnlen(text, 128));
		nr_der_wrap(&w, NR_DER_SEQUENCE, free_text);
	}
	nr_der_put_uint(&w, 2);
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0); /* PKIStatusInfo */
	nr_der_wrap(&w, NR_DER_SEQUENCE, 0);
	return finish(&w, ret_bytes);
}

/* The first bit that is set; -1: none. */
static int first_bit(const struct nr_der *bits)
{
	for (size_t i = 1; i < bits->length; i++) {
		if (bits->value[i])
			return (int)(8 * (i - 1)) + __builtin_clz(bits->value[i]) - 24;
	}
	return -1;
}

static void copy_text(const struct nr_der *free_text, char *ret_text, size_t room)
{
	struct nr_cursor c = nr_der_inside(free_text);
	struct nr_der first = nr_der_any(&c);
	size_t length = NR_MIN(first.length, room - 1);
	for (size_t i = 0; i < length; i++)
		ret_text[i] = first.value[i] >= ' ' && first.value[i] < 0x7f ? (char)first.value[i] : '?';
	ret_text[length] = 0;
}

static bool read_status(struct nr_cursor *c, struct nr_tsp_response *response)
{
	struct nr_der text, bits;
	struct nr_cursor status = nr_der_open(c, NR_DER_SEQUENCE);
	uint64_t value = nr_der_uint(&status);
	response->status = (unsigned)NR_MIN(value, 100u);
	if (nr_der_optional(&status, NR_DER_SEQUENCE, &text))
		copy_text(&text, response->text, sizeof response->text);
	if (nr_der_optional(&status, NR_DER_BIT_STRING, &bits))
		response->failure = first_bit(&bits);
	nr_der_close(c, &status);
	return !c->failed;
}

int nr_tsp_read_response(
	const uint8_t *bytes, size_t length, struct nr_tsp_response *ret_response, struct nr_error *error)
{
	struct nr_tsp_response response = {.failure = -1};
	if (length > TOKEN_MAX)
		return nr_fail(error, -EBADMSG, "time-stamp answer of %zu bytes", length);
	struct nr_cursor whole = nr_cursor_over(bytes, length), c = whole;
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	if (nr_der_next_is(&body, NR_DER_OID)) { /* a ContentInfo, which begins with its type */
		response.token = nr_der_take(&whole, NR_DER_SEQUENCE);
		c = whole;
	} else {
		bool read = read_status(&body, &response);
		bool granted = read && response.status <= 1;
		if (granted)
			response.token = nr_der_take(&body, NR_DER_SEQUENCE);
		nr_der_close(&c, &body);
	}
	if (!nr_der_done(&c))
		return nr_fail(error, -EBADMSG,
			"neither a time-stamp answer nor a token: byte %zu of %zu (RFC 3161 section 2.4.2)",
			(size_t)(c.at - bytes), length);
	*ret_response = response;
	return 0;
}

/* ---- TSTInfo ---- */

/* Accuracy: a part that is zero is left out; millis and micros are 1 to 999. */
static nr_time read_accuracy(struct nr_cursor *c)
{
	nr_time parts[3] = {0};
	static const nr_time units[3] = {NR_SECOND, NR_SECOND / 1000, 1};
	static const uint8_t tags[3] = {NR_DER_INTEGER, NR_DER_CONTEXT(0), NR_DER_CONTEXT(1)};
	struct nr_cursor body = nr_der_open(c, NR_DER_SEQUENCE);
	for (size_t i = 0; i < NR_COUNT(parts); i++) {
		struct nr_der part;
		if (!nr_der_optional(&body, tags[i], &part))
			continue;
		if (part.length == 0 || part.length > 4 || !nr_der_integer_ok(part.value, part.length) ||
			part.value[0] & 0x80) {
			c->failed = true;
			return -1;
		}
		for (size_t k = 0; k < part.length; k++)
			parts[i] = parts[i] << 8 | part.value[k];
		c->failed = c->failed || (i > 0 && (parts[i] < 1 || parts[i] > 999));
	}
	nr_der_close(c, &body);
	return parts[0] * units[0] + parts[1] * units[1] + parts[2] * units[2];
}

int nr_tst_read(const uint8_t *bytes, size_t length, struct nr_tst_info *ret_info, struct nr_error *error)
{
	struct nr_tst_info info = {.accuracy = -1};
	size_t offset = 0;
	if (!nr_der_check_whole(bytes, length, &offset))
		return nr_fail(error, -EBADMSG, "TSTInfo: not DER at byte %zu (X.690)", offset);
	struct nr_cursor c = nr_cursor_over(bytes, length);
	struct nr_cursor body = nr_der_open(&c, NR_DER_SEQUENCE);
	uint64_t version = nr_der_uint(&body);
	struct nr_der hash, extensions;
	info.policy = nr_der_take(&body, NR_DER_OID);
	info.digest = read_imprint(&body, &info.imprint, &hash);
	info.serial = nr_der_take(&body, NR_DER_INTEGER);
	info.time = nr_der_generalized_time(&body);
	if (nr_der_next_is(&body, NR_DER_SEQUENCE))
		info.accuracy = read_accuracy(&body);
	info.ordering = nr_der_default_false(&body);
	nr_der_optional(&body, NR_DER_INTEGER, &info.nonce);
	nr_der_optional(&body, NR_DER_CONSTRUCTED(0), &info.authority);
	info.extensions = nr_der_optional(&body, NR_DER_CONSTRUCTED(1), &extensions);
	nr_der_close(&c, &body);
	if (!nr_der_done(&c))
		return nr_fail(error, -EBADMSG, "not a TSTInfo: byte %zu of %zu (RFC 3161 section 2.4.2)",
			(size_t)(c.at - bytes), length);
	if (version != 1)
		return nr_fail(error, -EBADMSG, "TSTInfo of version %llu; only 1 is known",
			(unsigned long long)version);
	info.hash = hash.value;
	info.hash_length = hash.length;
	*ret_info = info;
	return 0;
}
