/* SPDX-License-Identifier: Apache-2.0 */
/* From one level to the next: elements of etsiU are added behind those that are there, which stay as they
 * are. */
#include "trust/certificate/signature.h"
#include "trust/seal/jades.h"

#include <errno.h>
#include <string.h>

#define TOKEN_DIGEST NR_OID_SHA256

struct lift {
	const struct nr_seal_maker *maker;
	const struct nr_seal_data *data; /* NULL: attached */
	struct nr_jws jws;
	struct nr_jws_signature *signature;
};

/* ---- elements ---- */

/* The array, which is made where there is none. */
static json_object *etsiu_of(struct lift *lift)
{
	struct nr_jws_signature *signature = lift->signature;
	json_object *etsiu = nr_jws_etsiu(signature);
	if (etsiu)
		return etsiu;
	if (!signature->header) {
		signature->header = json_object_new_object();
		if (!signature->header ||
			json_object_object_add(lift->jws.document, "header", signature->header) != 0)
			return NULL;
	}
	etsiu = json_object_new_array();
	return etsiu && json_object_object_add(signature->header, "etsiU", etsiu) == 0 ? etsiu : NULL;
}

static int add_element(struct lift *lift, const struct nr_json *json, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *text = nr_jws_encode(json->bytes, json->length, true);
	json_object *etsiu = etsiu_of(lift), *element = text ? json_object_new_string(text) : NULL;
	if (!etsiu || !element || json_object_array_add(etsiu, element) != 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}

/* {"sigTst": {"tstTokens": [{"val": base64}]}}, and the same of arcTst. */
static int add_token(
	struct lift *lift, const char *name, const uint8_t imprint[NR_DIGEST_MAX], struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *token = NULL;
	size_t length;
	int e = nr_token_fetch(
		lift->maker->tsa, lift->maker->tsa_ca, TOKEN_DIGEST, imprint, &token, &length, error);
	if (e)
		return e;
	NR_AUTO(nr_freep) char *text = nr_jws_encode(token, length, false);
	struct nr_json json;
	nr_json_init(&json);
	nr_json_object(&json, NULL);
	nr_json_object(&json, name);
	nr_json_array(&json, "tstTokens");
	nr_json_object(&json, NULL);
	nr_json_text(&json, "val", text);
	nr_json_object_end(&json);
	nr_json_array_end(&json);
	nr_json_object_end(&json);
	nr_json_object_end(&json);
	e = text ? nr_json_finish(&json, error) : nr_fail(error, -ENOMEM, "out of memory");
	if (!e)
		e = add_element(lift, &json, error);
	nr_json_fini(&json);
	return e;
}

static bool has_element(const struct lift *lift, const char *wanted)
{
	json_object *etsiu = nr_jws_etsiu(lift->signature);
	bool found = false;
	for (size_t i = 0; etsiu && !found && i < json_object_array_length(etsiu); i++) {
		json_object *element = NULL;
		const char *name;
		struct nr_text text;
		if (nr_jws_etsiu_element(etsiu, i, &element, &name, &text, NULL) == 0)
			found = strcmp(name, wanted) == 0;
		json_object_put(element);
	}
	return found;
}

/* ---- levels ---- */

static int add_signature_token(struct lift *lift, struct nr_error *error)
{
	uint8_t imprint[NR_DIGEST_MAX];
	const struct nr_text *value = &lift->signature->signature;
	if (has_element(lift, "sigTst"))
		return 0;
	if (!lift->maker->tsa)
		return nr_fail(error, -EINVAL, "a seal from B-T on needs a time-stamp authority: --tsa URL");
	if (!nr_digest(TOKEN_DIGEST, value->at, value->length, imprint))
		return nr_fail(error, -EIO, "the signature cannot be hashed");
	return add_token(lift, "sigTst", imprint, error);
}

static int read_seal(const uint8_t *seal, size_t length, struct lift *lift, struct nr_error *error)
{
	int e = nr_jws_read(seal, length, &lift->jws, error);
	if (!e && lift->jws.compact)
		e = nr_fail(error, -EINVAL,
			"a compact JWS has no place for time stamps: seal anew with --form jades-json");
	if (!e && (lift->jws.count != 1 || nr_jws_member(lift->jws.document, "signature").at == NULL))
		e = nr_fail(error, -EINVAL,
			"a JWS with a list of signatures: one flattened signature can be extended");
	lift->signature = &lift->jws.signatures[0];
	return e;
}

int nr_jades_lift(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error)
{
	struct lift lift = {.maker = maker, .data = data};
	int e = read_seal(seal, length, &lift, error);
	if (!e && maker->level >= NR_SEAL_BLT)
		e = nr_fail(error, -EINVAL, "JAdES seals are made up to B-T");
	if (!e)
		e = add_signature_token(&lift, error);
	if (!e) {
		const char *text = json_object_to_json_string_ext(
			lift.jws.document, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
		*ret_seal = text ? (uint8_t *)strdup(text) : NULL;
		if (*ret_seal)
			*ret_length = strlen(text);
		else
			e = nr_fail(error, -ENOMEM, "out of memory");
	}
	nr_jws_fini(&lift.jws);
	return e;
}
