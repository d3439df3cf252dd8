/* SPDX-License-Identifier: Apache-2.0 */
/* What a JAdES seal brings along and what its archive tokens cover. */
#include "trust/certificate/signature.h"
#include "trust/seal/jades.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

bool nr_jades_is_unencoded(const struct nr_jws_signature *signature)
{
	json_object *value;
	return json_object_object_get_ex(signature->named, "b64", &value) &&
	       json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value);
}

bool nr_jades_is_detached(const struct nr_jws *jws)
{
	return jws->payload.length == 0;
}

/* ---- what a token covers ---- */

static bool add_data(EVP_MD_CTX *context, const struct nr_jws *jws, const struct nr_jws_signature *signature,
	const struct nr_seal_data *data)
{
	if (!nr_jades_is_detached(jws))
		return EVP_DigestUpdate(context, jws->payload.at, jws->payload.length) == 1;
	if (!data || !data->bytes)
		return false;
	if (nr_jades_is_unencoded(signature))
		return EVP_DigestUpdate(context, data->bytes, data->length) == 1;
	NR_AUTO(nr_freep) char *text = nr_jws_encode(data->bytes, data->length, true);
	return text && EVP_DigestUpdate(context, text, strlen(text)) == 1;
}

static bool add_elements(EVP_MD_CTX *context, json_object *etsiu, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_object *element = json_object_array_get_idx(etsiu, i);
		if (!json_object_is_type(element, json_type_string) ||
			EVP_DigestUpdate(context, json_object_get_string(element),
				(size_t)json_object_get_string_len(element)) != 1)
			return false;
	}
	return true;
}

bool nr_jades_archive_imprint(const struct nr_jws *jws, const struct nr_jws_signature *signature,
	const struct nr_seal_data *data, size_t index, enum nr_oid digest, uint8_t ret_imprint[64])
{
	const EVP_MD *md = nr_digest_of(digest);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const struct nr_text *header = &signature->protected_header, *value = &signature->signature;
	bool good = md && context && EVP_DigestInit_ex(context, md, NULL) == 1 &&
		    add_data(context, jws, signature, data) && EVP_DigestUpdate(context, ".", 1) == 1 &&
		    EVP_DigestUpdate(context, header->at, header->length) == 1 &&
		    EVP_DigestUpdate(context, ".", 1) == 1 &&
		    EVP_DigestUpdate(context, value->at, value->length) == 1 &&
		    EVP_DigestUpdate(context, ".", 1) == 1 &&
		    add_elements(context, nr_jws_etsiu(signature), index) &&
		    EVP_DigestFinal_ex(context, ret_imprint, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* ---- certificates and lists ---- */

static int push_certificate(
	struct nr_text text, STACK_OF(X509) * bag, struct nr_material *material, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *der = NULL;
	size_t length;
	int e = nr_jws_decode(text, false, &der, &length, error);
	if (e || sk_X509_num(bag) >= NR_MATERIAL_CERTIFICATES_MAX)
		return e == -EBADMSG ? 0 : e;
	const uint8_t *at = der;
	X509 *certificate = d2i_X509(NULL, &at, (long)length);
	bool good = certificate && at == der + length;
	ERR_clear_error();
	if (!good || !sk_X509_push(bag, certificate)) {
		X509_free(certificate);
		return good ? nr_fail(error, -ENOMEM, "out of memory") : 0;
	}
	if (material)
		e = nr_material_add_certificate(material, der, length, NULL);
	return e == -EINVAL ? 0 : e;
}

int nr_jades_take_chain(json_object *x5c, STACK_OF(X509) * bag, struct nr_error *error)
{
	size_t count = json_object_is_type(x5c, json_type_array) ? json_object_array_length(x5c) : 0;
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		json_object *one = json_object_array_get_idx(x5c, i);
		if (json_object_is_type(one, json_type_string))
			e = push_certificate((struct nr_text){json_object_get_string(one),
						     (size_t)json_object_get_string_len(one)},
				bag, NULL, error);
	}
	return e;
}

/* [{"x509Cert": {"val": base64}}, ...] (clause 5.3.5.1) */
static int take_certificates(
	json_object *values, struct nr_material *material, STACK_OF(X509) * bag, struct nr_error *error)
{
	size_t count = json_object_is_type(values, json_type_array) ? json_object_array_length(values) : 0;
	int e = 0;
	for (size_t i = 0; !e && i < count; i++) {
		json_object *one = json_object_array_get_idx(values, i), *holder;
		if (json_object_is_type(one, json_type_object) &&
			json_object_object_get_ex(one, "x509Cert", &holder))
			e = push_certificate(nr_jws_member(holder, "val"), bag, material, error);
	}
	return e;
}

/* {"crlVals": [{"val": base64}, ...], "ocspVals": [...]} (clause 5.3.5.2) */
static int take_lists(json_object *values, const char *name, struct nr_material *material,
	int (*add)(struct nr_material *, const uint8_t *, size_t, struct nr_error *), bool *ret_lists,
	struct nr_error *error)
{
	json_object *array;
	int e = 0;
	if (!json_object_is_type(values, json_type_object) ||
		!json_object_object_get_ex(values, name, &array) ||
		!json_object_is_type(array, json_type_array))
		return 0;
	for (size_t i = 0; !e && i < json_object_array_length(array); i++) {
		NR_AUTO(nr_freep) uint8_t *der = NULL;
		size_t length;
		e = nr_jws_decode(nr_jws_member(json_object_array_get_idx(array, i), "val"), false, &der,
			&length, error);
		if (!e)
			e = add(material, der, length, NULL);
		*ret_lists = *ret_lists || !e;
		e = e == -EINVAL || e == -EBADMSG ? 0 : e;
	}
	return e;
}

static int take_element(json_object *element, const char *name, struct nr_material *material,
	STACK_OF(X509) * bag, bool *ret_lists, struct nr_error *error)
{
	json_object *value, *certificates = NULL, *lists = NULL;
	if (!json_object_object_get_ex(element, name, &value))
		return 0;
	if (strcmp(name, "xVals") == 0 || strcmp(name, "axVals") == 0)
		certificates = value;
	else if (strcmp(name, "rVals") == 0 || strcmp(name, "arVals") == 0)
		lists = value;
	else if (strcmp(name, "tstVD") == 0 && json_object_is_type(value, json_type_object)) {
		json_object_object_get_ex(value, "xVals", &certificates);
		json_object_object_get_ex(value, "rVals", &lists);
	}
	int e = take_certificates(certificates, material, bag, error);
	if (!e)
		e = take_lists(lists, "crlVals", material, nr_material_add_crl, ret_lists, error);
	return e ? e : take_lists(lists, "ocspVals", material, nr_material_add_ocsp, ret_lists, error);
}

int nr_jades_take_values(json_object *etsiu, struct nr_material *material, STACK_OF(X509) * bag,
	bool *ret_lists, struct nr_error *error)
{
	size_t count = etsiu ? json_object_array_length(etsiu) : 0;
	int e = 0;
	*ret_lists = false;
	for (size_t i = 0; !e && i < count; i++) {
		json_object *element = NULL;
		const char *name;
		struct nr_text text;
		e = nr_jws_etsiu_element(etsiu, i, &element, &name, &text, NULL);
		if (e == -EBADMSG) { /* said where tokens are looked for */
			e = 0;
			continue;
		}
		if (!e)
			e = take_element(element, name, material, bag, ret_lists, error);
		json_object_put(element);
	}
	return e ? nr_fail(error, e, "the seal holds too many certificates or revocation lists") : 0;
}
