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

/* The array is made where there is none. */
static int begin_etsiu(struct lift *lift, struct nr_error *error)
{
	struct nr_jws_signature *signature = lift->signature;
	if (nr_jws_etsiu(signature))
		return 0;
	if (!signature->header) {
		signature->header = json_object_new_object();
		if (!signature->header ||
			json_object_object_add(lift->jws.document, "header", signature->header) != 0)
			return nr_fail(error, -ENOMEM, "out of memory");
	}
	json_object *etsiu = json_object_new_array();
	if (!etsiu || json_object_object_add(signature->header, "etsiU", etsiu) != 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}

int nr_jades_add_element(
	const struct nr_jws_signature *signature, json_object *element, struct nr_error *error)
{
	const char *json = json_object_to_json_string_ext(
		element, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	NR_AUTO(nr_freep) char *text = json ? nr_jws_encode(json, strlen(json), true) : NULL;
	json_object *etsiu = nr_jws_etsiu(signature), *made = text ? json_object_new_string(text) : NULL;
	if (!etsiu || !made || json_object_array_add(etsiu, made) != 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	return 0;
}

/* {"sigTst": {"tstTokens": [{"val": base64}]}}, and the same of arcTst (clause 5.4.3.3). */
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
	json_object *value = json_object_new_object(), *tokens = json_object_new_array(),
		    *container = json_object_new_object(), *element = json_object_new_object();
	if (!text || !value || !tokens || !container || !element ||
		json_object_object_add(value, "val", json_object_new_string(text)) != 0 ||
		json_object_array_add(tokens, value) != 0 ||
		json_object_object_add(container, "tstTokens", tokens) != 0 ||
		json_object_object_add(element, name, container) != 0)
		e = nr_fail(error, -ENOMEM, "out of memory");
	else
		e = nr_jades_add_element(lift->signature, element, error);
	json_object_put(element);
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

/* Elements that are clear JSON have no agreed form, and cannot be covered. */
static int add_archive_token(struct lift *lift, struct nr_error *error)
{
	uint8_t imprint[NR_DIGEST_MAX];
	size_t index = json_object_array_length(nr_jws_etsiu(lift->signature));
	if (!nr_jades_archive_imprint(&lift->jws, lift->signature, lift->data, index, TOKEN_DIGEST, imprint))
		return nr_fail(error, -EINVAL,
			"an archive token needs the sealed data, and elements of etsiU in base64url");
	return add_token(lift, "arcTst", imprint, error);
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
	bool archived = !e && has_element(&lift, "arcTst");
	if (!e)
		e = begin_etsiu(&lift, error);
	if (!e)
		e = add_signature_token(&lift, error);
	if (!e && maker->level >= NR_SEAL_BLT)
		e = nr_jades_add_validation(maker, lift.signature, archived, error);
	if (!e && maker->level >= NR_SEAL_BLTA)
		e = add_archive_token(&lift, error);
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
