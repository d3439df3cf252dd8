/* SPDX-License-Identifier: Apache-2.0 */
/* JAdES as a form of seal: making B-B. */
#include "trust/seal/jades.h"

#include "trust/certificate/signature.h"
#include "trust/signer/attributes.h"
#include "wire/base64.h"

#include <errno.h>
#include <string.h>

/* ---- algorithms ---- */

static const struct nr_jws_algorithm algorithms[] = {
	{"RS256", NR_OID_RSA_SHA256, NR_OID_SHA256, 0, 0},
	{"RS384", NR_OID_RSA_SHA384, NR_OID_SHA384, 0, 0},
	{"RS512", NR_OID_RSA_SHA512, NR_OID_SHA512, 0, 0},
	{"PS256", NR_OID_RSA_PSS, NR_OID_SHA256, 0, 0},
	{"PS384", NR_OID_RSA_PSS, NR_OID_SHA384, 0, 0},
	{"PS512", NR_OID_RSA_PSS, NR_OID_SHA512, 0, 0},
	{"ES256", NR_OID_ECDSA_SHA256, NR_OID_SHA256, 32, 256},
	{"ES384", NR_OID_ECDSA_SHA384, NR_OID_SHA384, 48, 384},
	{"ES512", NR_OID_ECDSA_SHA512, NR_OID_SHA512, 66, 521},
	{"EdDSA", NR_OID_ED25519, NR_OID_SHA512, 0, 0},
};

const struct nr_jws_algorithm *nr_jws_algorithm_named(struct nr_text name)
{
	for (size_t i = 0; i < NR_COUNT(algorithms); i++) {
		if (nr_text_is(name, algorithms[i].name))
			return &algorithms[i];
	}
	return NULL;
}

const struct nr_jws_algorithm *nr_jws_algorithm_of(enum nr_key_algorithm algorithm)
{
	static const char *const names[] = {[NR_KEY_RSA] = "RS256",
		[NR_KEY_P256] = "ES256",
		[NR_KEY_P384] = "ES384",
		[NR_KEY_ED25519] = "EdDSA"};
	return nr_jws_algorithm_named((struct nr_text){names[algorithm], strlen(names[algorithm])});
}

/* ---- the protected header ---- */

/* A relative reference that is the file's name (RFC 3986 section 2): everything unusual is percent-encoded.
 */
static void write_name(const char *path, char *ret_name, size_t room)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path ? path : "";
	size_t length = 0;
	for (; *name && length + 4 < room; name++) {
		uint8_t c = (uint8_t)*name;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			     strchr("-._~", c);
		length += (size_t)snprintf(ret_name + length, room - length, plain ? "%c" : "%%%02X", c);
	}
	ret_name[length] = 0;
}

static void write_hash(struct nr_json *json, const char *key, const uint8_t *hash, size_t length)
{
	char text[NR_BASE64_TEXT(NR_DIGEST_MAX) + 1];
	nr_base64url_write(hash, length, text);
	nr_json_text(json, key, text);
}

/* What is sealed, by name and hash; b64 false: the hash is over the file as it is. */
static int write_reference(const struct nr_seal_data *data, struct nr_json *json, struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	char name[512];
	bool known = data->bytes ? nr_digest(NR_OID_SHA256, data->bytes, data->length, hash)
				 : data->digest(data->context, NR_OID_SHA256, hash);
	if (!known)
		return nr_fail(error, -EIO, "the data cannot be hashed");
	write_name(data->name, name, sizeof name);
	nr_json_bool(json, "b64", false);
	nr_json_object(json, "sigD");
	nr_json_text(json, "mId", NR_JADES_BY_HASH);
	nr_json_array(json, "pars");
	nr_json_text(json, NULL, name);
	nr_json_array_end(json);
	nr_json_text(json, "hashM", "S256");
	nr_json_array(json, "hashV");
	write_hash(json, NULL, hash, 32);
	nr_json_array_end(json);
	nr_json_object_end(json);
	nr_json_array(json, "crit");
	nr_json_text(json, NULL, "b64");
	nr_json_text(json, NULL, "sigD");
	nr_json_array_end(json);
	return 0;
}

/* alg, x5t#S256, x5c (RFC 7515 section 4.1), iat (clause 5.1.11): what B-B wants. */
static int write_header(const struct nr_seal_maker *maker, const struct nr_seal_data *data,
	struct nr_json *json, struct nr_error *error)
{
	uint8_t hash[NR_DIGEST_MAX];
	size_t length;
	unsigned key = nr_keys_index(maker->keys, NR_SIGN_JWS);
	const uint8_t *certificate = nr_keys_certificate(maker->keys, NR_SIGN_JWS, &length);
	NR_AUTO(nr_freep) char *chain = certificate ? nr_jws_encode(certificate, length, false) : NULL;
	if (!chain || !nr_digest(NR_OID_SHA256, certificate, length, hash))
		return nr_fail(error, -ENOMEM, "the seal's certificate cannot be hashed");
	nr_json_object(json, NULL);
	nr_json_text(json, "alg",
		nr_jws_algorithm_of(nr_signer_algorithm(nr_keys_signer(maker->keys), key))->name);
	if (maker->attached)
		nr_json_text(json, "cty", "octet-stream");
	write_hash(json, "x5t#S256", hash, 32);
	nr_json_array(json, "x5c");
	nr_json_text(json, NULL, chain);
	nr_json_array_end(json);
	nr_json_int(json, "iat", nr_time_floor(maker->now, NR_SECOND) / NR_SECOND);
	int e = maker->attached ? 0 : write_reference(data, json, error);
	nr_json_object_end(json);
	return e;
}

/* ---- draft and seal ---- */

static void add_base64url(struct nr_pile *pile, const void *bytes, size_t length)
{
	NR_AUTO(nr_freep) char *text = nr_jws_encode(bytes, length, true);
	pile->failed = pile->failed || !text;
	if (text)
		nr_pile_add(pile, text, strlen(text));
}

static int draft(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	struct nr_seal_draft *draft, struct nr_error *error)
{
	(void)form;
	struct nr_json json;
	if (maker->attached && !data->bytes)
		return nr_fail(error, -EINVAL, "an attached seal needs the data in memory");
	nr_json_init(&json);
	int e = write_header(maker, data, &json, error);
	if (!e)
		e = nr_json_finish(&json, error);
	if (!e) {
		add_base64url(&draft->to_sign, json.bytes, json.length);
		nr_pile_add(&draft->to_sign, ".", 1);
		if (maker->attached)
			add_base64url(&draft->to_sign, data->bytes, data->length);
	}
	nr_json_fini(&json);
	if (!e && draft->to_sign.failed)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!e && draft->to_sign.length > NR_SIGNER_STRUCTURE_MAX)
		return nr_fail(error, -E2BIG,
			"%zu bytes are too many for an attached JAdES seal: leave out --attached",
			data->length);
	return e;
}

/* Flattened (RFC 7515 section 7.2.2). */
static int write_json(const char *header, size_t header_length, const char *payload, size_t payload_length,
	const char *signature, struct nr_pile *ret_pile, struct nr_error *error)
{
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_text_n(&json, "payload", payload, payload_length);
	nr_json_text_n(&json, "protected", header, header_length);
	nr_json_text(&json, "signature", signature);
	nr_json_object_end(&json);
	int e = nr_json_finish(&json, error);
	if (!e)
		nr_pile_add(ret_pile, json.bytes, json.length);
	nr_json_fini(&json);
	return e;
}

static int finish(const struct nr_seal_maker *maker, enum nr_seal_form form, const struct nr_seal_data *data,
	const struct nr_seal_draft *draft, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	(void)data;
	NR_AUTO(nr_pile_fini) struct nr_pile seal = {.bytes = NULL};
	char signature[NR_BASE64_TEXT(NR_SIGNATURE_MAX) + 1];
	if (form == NR_SEAL_JADES_COMPACT && maker->level > NR_SEAL_BB)
		return nr_fail(error, -EINVAL,
			"a compact JWS has no place for time stamps: --form jades-json, or --level B-B");
	size_t length = nr_base64url_write(draft->signature.signature, draft->signature.length, signature);
	const char *text = (const char *)draft->to_sign.bytes;
	int e = 0;
	if (form == NR_SEAL_JADES_COMPACT) {
		nr_pile_add(&seal, text, draft->to_sign.length);
		nr_pile_add(&seal, ".", 1);
		nr_pile_add(&seal, signature, length);
	} else {
		size_t header = (size_t)((const char *)memchr(text, '.', draft->to_sign.length) - text);
		e = write_json(text, header, text + header + 1, draft->to_sign.length - header - 1, signature,
			&seal, error);
	}
	if (!e && seal.failed)
		e = nr_fail(error, -ENOMEM, "out of memory");
	if (e)
		return e;
	*ret_length = seal.length;
	*ret_seal = nr_steal(&seal.bytes);
	return 0;
}

const struct nr_seal_format nr_jades_format = {
	.purpose = NR_SIGN_JWS,
	.draft = draft,
	.finish = finish,
	.lift = nr_jades_lift,
	.verify = nr_jades_verify,
};
