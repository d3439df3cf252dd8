/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Signatures (RFC 7515) as JAdES uses them (ETSI TS 119 182-1), read strictly: compact, flattened
 * and general JSON. What was signed stays the text that it is.
 */
#ifndef NR_TRUST_SEAL_JWS_H
#define NR_TRUST_SEAL_JWS_H

#include "base/error.h"

#include <json-c/json.h>

#define NR_JWS_SIGNATURES_MAX 16

struct nr_text {
	const char *at; /* NULL: not there */
	size_t length;
};

struct nr_jws_signature {
	struct nr_text protected_header, signature; /* base64url, as it stands */
	json_object *header;                        /* unprotected; NULL: none; belongs to the document */
	json_object *named;                         /* the protected header, read; owned */
};

struct nr_jws {
	bool compact;
	json_object *document; /* owned; NULL: compact */
	struct nr_text payload;
	struct nr_jws_signature signatures[NR_JWS_SIGNATURES_MAX];
	size_t count;
};

/* bytes must outlive *ret_jws. -EBADMSG says what is wrong; -ENOMEM. */
int nr_jws_read(const uint8_t *bytes, size_t length, struct nr_jws *ret_jws, struct nr_error *error);
void nr_jws_fini(struct nr_jws *jws);

/* JSON of strangers: nr_json_check() first. *ret_value is the caller's (json_object_put). */
int nr_jws_parse_json(const void *bytes, size_t length, json_object **ret_value, struct nr_error *error);
/* Base64 (url: base64url) into new memory, with a NUL behind it. */
int nr_jws_decode(
	struct nr_text text, bool url, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);
/* And back, likewise. */
char *nr_jws_encode(const void *bytes, size_t length, bool url);

/* A string member; at NULL: not there, or no string. */
struct nr_text nr_jws_member(json_object *object, const char *name);
bool nr_text_is(struct nr_text text, const char *wanted);

/* The unsigned header's etsiU array (clause 5.3.1); NULL: none. */
json_object *nr_jws_etsiu(const struct nr_jws_signature *signature);
/* Its element as an object with one member. *ret_value: the caller's. text (NULL allowed): as it stands,
 * where it is base64url; at NULL: it is clear JSON. */
int nr_jws_etsiu_element(json_object *etsiu, size_t index, json_object **ret_value, const char **ret_name,
	struct nr_text *ret_text, struct nr_error *error);

#endif
