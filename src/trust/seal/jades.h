/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JAdES (ETSI TS 119 182-1): what making, lifting and verifying have in common. We make elements of etsiU in
 * base64url only: what a token covers is then a text, and no canonical form has to be agreed upon.
 */
#ifndef NR_TRUST_SEAL_JADES_H
#define NR_TRUST_SEAL_JADES_H

#include "trust/seal/form.h"
#include "trust/seal/jws.h"

/* sigD's way of naming what is sealed by a hash (clause 5.2.8.3.3). */
#define NR_JADES_BY_HASH "http://uri.etsi.org/19182/ObjectIdByURIHash"

/* An algorithm of a JWS (RFC 7518 section 3.1, RFC 8037 section 3.1). */
struct nr_jws_algorithm {
	const char *name;
	enum nr_oid signature, digest;
	size_t half; /* octets of r, and of s; 0: not ECDSA */
	int bits;    /* of the curve; 0: any key */
};
/* NULL: none that proves anything here: "none", MACs. */
const struct nr_jws_algorithm *nr_jws_algorithm_named(struct nr_text name);
const struct nr_jws_algorithm *nr_jws_algorithm_of(enum nr_key_algorithm algorithm);

/* Whether the payload is what was signed as it is, and not its base64url (RFC 7797). */
bool nr_jades_is_unencoded(const struct nr_jws_signature *signature);
bool nr_jades_is_detached(const struct nr_jws *jws);

/*
 * What an archive token in front of element `index` of etsiU covers (clause 5.3.6.3.1): the data, the
 * protected header, the signature, and all elements before it. data: NULL where the payload is inside. False:
 * the data are not in memory, or elements are clear JSON.
 */
bool nr_jades_archive_imprint(const struct nr_jws *jws, const struct nr_jws_signature *signature,
	const struct nr_seal_data *data, size_t index, enum nr_oid digest, uint8_t ret_imprint[64]);

/* Puts an object with one member behind the elements of etsiU, which must be there, as base64url. */
int nr_jades_add_element(
	const struct nr_jws_signature *signature, json_object *element, struct nr_error *error);
/* Everything that verifying the paths of seal and tokens took and that the seal has not yet (B-LT). archives:
 * of archive tokens too. */
int nr_jades_add_validation(const struct nr_seal_maker *maker, const struct nr_jws_signature *signature,
	bool archives, struct nr_error *error);

int nr_jades_lift(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error);
int nr_jades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error);

/* Certificates of an array of base64 (x5c) into the stack: what cannot be read is left out. */
int nr_jades_take_chain(json_object *x5c, STACK_OF(X509) * bag, struct nr_error *error);
/* xVals, rVals and their like of all elements of etsiU become material, the certificates also part of the
 * bag. *ret_lists: there was revocation. */
int nr_jades_take_values(json_object *etsiu, struct nr_material *material, STACK_OF(X509) * bag,
	bool *ret_lists, struct nr_error *error);

#endif
