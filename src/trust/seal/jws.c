/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/jws.h"

#include "wire/base64.h"
#include "wire/json_check.h"

#include <errno.h>
#include <string.h>

#define HEADER_MAX (64 * 1024) /* characters of a protected header */

/* ---- parts ---- */

bool nr_text_is(struct nr_text text, const char *wanted)
{
	return text.at && text.length == strlen(wanted) && memcmp(text.at, wanted, text.length) == 0;
}

struct nr_text nr_jws_member(json_object *object, const char *name)
{
	json_object *value;
	if (!json_object_is_type(object, json_type_object) ||
		!json_object_object_get_ex(object, name, &value) ||
		!json_object_is_type(value, json_type_string))
		return (struct nr_text){NULL, 0};
	return (struct nr_text){json_object_get_string(value), (size_t)json_object_get_string_len(value)};
}

int nr_jws_parse_json(const void *bytes, size_t length, json_object **ret_value, struct nr_error *error)
{
	if (length > INT32_MAX)
		return nr_fail(error, -EBADMSG, "JSON of %zu bytes: too much", length);
	int e = nr_json_check(bytes, length, error);
	if (e)
		return e;
	json_tokener *tokener = json_tokener_new_ex(NR_JSON_CHECK_DEPTH + 1);
	if (!tokener)
		return nr_fail(error, -ENOMEM, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	json_object *value = json_tokener_parse_ex(tokener, bytes, (int)length);
	enum json_tokener_error state = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (state != json_tokener_success)
		return nr_fail(error, -EBADMSG, "JSON: %s", json_tokener_error_desc(state));
	*ret_value = value;
	return 0;
}

int nr_jws_decode(
	struct nr_text text, bool url, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	uint8_t *bytes = malloc(text.length + 1);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	ssize_t length =
		text.at ? (url ? nr_base64url_read : nr_base64_read)(text.at, text.length, bytes, text.length)
			: -EINVAL;
	if (length < 0) {
		free(bytes);
		return nr_fail(error, -EBADMSG, url ? "not base64url (RFC 4648 section 5)" : "not base64");
	}
	bytes[length] = 0;
	*ret_bytes = bytes;
	*ret_length = (size_t)length;
	return 0;
}

char *nr_jws_encode(const void *bytes, size_t length, bool url)
{
	char *text = malloc(NR_BASE64_TEXT(length) + 1);
	if (text)
		(url ? nr_base64url_write : nr_base64_write)(bytes, length, text);
	return text;
}

/* ---- reading ---- */

static int read_compact(const char *text, size_t length, struct nr_jws *jws, struct nr_error *error)
{
	while (length && strchr(" \t\r\n", text[length - 1]) && text[length - 1])
		length--;
	const char *first = memchr(text, '.', length);
	const char *second = first ? memchr(first + 1, '.', (size_t)(text + length - (first + 1))) : NULL;
	if (!second || memchr(second + 1, '.', (size_t)(text + length - (second + 1))))
		return nr_fail(error, -EBADMSG, "a compact JWS has three parts (RFC 7515 section 7.1)");
	jws->compact = true;
	jws->count = 1;
	jws->payload = (struct nr_text){first + 1, (size_t)(second - (first + 1))};
	jws->signatures[0].protected_header = (struct nr_text){text, (size_t)(first - text)};
	jws->signatures[0].signature = (struct nr_text){second + 1, (size_t)(text + length - (second + 1))};
	return 0;
}

static int read_signature(json_object *object, struct nr_jws *jws, struct nr_error *error)
{
	struct nr_jws_signature *signature = &jws->signatures[jws->count++];
	signature->protected_header = nr_jws_member(object, "protected");
	signature->signature = nr_jws_member(object, "signature");
	json_object_object_get_ex(object, "header", &signature->header);
	if (!signature->protected_header.at || !signature->signature.at ||
		(signature->header && !json_object_is_type(signature->header, json_type_object)))
		return nr_fail(error, -EBADMSG,
			"a signature without protected header or value (RFC 7515 section 7.2.1)");
	return 0;
}

static int read_json(const uint8_t *bytes, size_t length, struct nr_jws *jws, struct nr_error *error)
{
	json_object *payload, *signatures;
	int e = nr_jws_parse_json(bytes, length, &jws->document, error);
	if (e)
		return e;
	if (json_object_object_get_ex(jws->document, "payload", &payload) &&
		!json_object_is_type(payload, json_type_string))
		return nr_fail(error, -EBADMSG, "the payload is not a string (RFC 7515 section 7.2.1)");
	jws->payload = nr_jws_member(jws->document, "payload");
	if (!json_object_object_get_ex(jws->document, "signatures", &signatures))
		return read_signature(jws->document, jws, error);
	size_t count =
		json_object_is_type(signatures, json_type_array) ? json_object_array_length(signatures) : 0;
	if (count == 0 || count > NR_JWS_SIGNATURES_MAX || nr_jws_member(jws->document, "signature").at)
		return nr_fail(error, -EBADMSG,
			"%zu signatures: from 1 to %d can be read (RFC 7515 section 7.2)", count,
			NR_JWS_SIGNATURES_MAX);
	for (size_t i = 0; !e && i < count; i++) {
		json_object *one = json_object_array_get_idx(signatures, i);
		e = json_object_is_type(one, json_type_object)
			    ? read_signature(one, jws, error)
			    : nr_fail(error, -EBADMSG, "a signature that is not an object");
	}
	return e;
}

static int read_header(struct nr_jws_signature *signature, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	if (signature->protected_header.length > HEADER_MAX)
		return nr_fail(error, -EBADMSG, "a protected header of more than %d characters", HEADER_MAX);
	int e = nr_jws_decode(signature->protected_header, true, &bytes, &length, error);
	if (!e)
		e = nr_jws_parse_json(bytes, length, &signature->named, error);
	if (!e && !json_object_is_type(signature->named, json_type_object))
		e = nr_fail(error, -EBADMSG, "not an object");
	if (e && e != -ENOMEM)
		nr_error_prefix(error, "the protected header");
	return e;
}

int nr_jws_read(const uint8_t *bytes, size_t length, struct nr_jws *ret_jws, struct nr_error *error)
{
	struct nr_jws jws = {.count = 0};
	bool compact =
		length && bytes[0] == 'e'; /* of {" in base64url; white space may stand before JSON only */
	int e = compact ? read_compact((const char *)bytes, length, &jws, error)
			: read_json(bytes, length, &jws, error);
	for (size_t i = 0; !e && i < jws.count; i++)
		e = read_header(&jws.signatures[i], error);
	if (e) {
		nr_jws_fini(&jws);
		return e;
	}
	*ret_jws = jws;
	return 0;
}

void nr_jws_fini(struct nr_jws *jws)
{
	for (size_t i = 0; i < jws->count; i++)
		json_object_put(jws->signatures[i].named);
	json_object_put(jws->document);
	*jws = (struct nr_jws){.count = 0};
}

/* ---- what is not signed ---- */

json_object *nr_jws_etsiu(const struct nr_jws_signature *signature)
{
	json_object *etsiu;
	return signature->header && json_object_object_get_ex(signature->header, "etsiU", &etsiu) &&
			       json_object_is_type(etsiu, json_type_array)
		       ? etsiu
		       : NULL;
}

static int decode_element(struct nr_text text, json_object **ret_value, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_jws_decode(text, true, &bytes, &length, error);
	return e ? e : nr_jws_parse_json(bytes, length, ret_value, error);
}

int nr_jws_etsiu_element(json_object *etsiu, size_t index, json_object **ret_value, const char **ret_name,
	struct nr_text *ret_text, struct nr_error *error)
{
	json_object *element = json_object_array_get_idx(etsiu, index), *value = NULL;
	struct nr_text text = {NULL, 0};
	int e = 0;
	if (json_object_is_type(element, json_type_string)) {
		text = (struct nr_text){
			json_object_get_string(element), (size_t)json_object_get_string_len(element)};
		e = decode_element(text, &value, error);
	} else {
		value = json_object_get(element);
	}
	if (!e && (!json_object_is_type(value, json_type_object) || json_object_object_length(value) != 1))
		e = nr_fail(error, -EBADMSG, "an element of etsiU that is not one component (clause 5.3.1)");
	if (e) {
		json_object_put(value);
		return e;
	}
	struct json_object_iterator first = json_object_iter_begin(value);
	*ret_name = json_object_iter_peek_name(&first);
	*ret_value = value;
	*ret_text = text;
	return 0;
}
