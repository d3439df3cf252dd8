/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAdES (ETSI EN 319 122-1): what making, extending and verifying have in common. PAdES uses the same
 * messages.
 */
#ifndef NR_TRUST_SEAL_CADES_H
#define NR_TRUST_SEAL_CADES_H

#include "trust/seal/cms_build.h"
#include "trust/seal/seal.h"

/* What the signed attributes say besides the digest. */
struct nr_cades_attributes {
	nr_time claimed;  /* signing time; NR_TIME_MIN: none (PAdES has it in the PDF) */
	const char *type; /* media type (clause 5.2.5); NULL: none */
};

/* Signed attributes for the seal's key, DER SET OF in order: what the signer signs. */
int nr_cades_attributes_write(const struct nr_keys *keys, const struct nr_cades_attributes *attributes,
	const uint8_t *digest, struct nr_pile *ret_pile, struct nr_error *error);
/* The digest that goes into them. */
enum nr_oid nr_cades_digest(const struct nr_keys *keys);

/* B-B: SignedData around attributes and signature, with the certificate. content: NULL: detached. */
int nr_cades_assemble(const struct nr_keys *keys, const struct nr_pile *attributes,
	const struct nr_signed *signature, const struct nr_seal_data *content, struct nr_cms_parts *ret_parts,
	struct nr_error *error);

/* B-T: a token over the signature's octets (clause 5.3). */
int nr_cades_add_signature_token(struct nr_cms_parts *parts, const struct nr_cms_signer *signer,
	const char *tsa, const char *tsa_ca, struct nr_error *error);

/*
 * Archive tokens (clause 5.5.3): the index of what is there (clause 5.5.2), and what the token's imprint is
 * made of. The index hashes every certificate, every list and OCSP answer, and every value of every unsigned
 * attribute.
 */
struct nr_archive_cover {
	size_t indexed;   /* hashes in the index */
	size_t missing;   /* of them: nothing that is there has that hash */
	size_t uncovered; /* things that are there and not indexed: added later */
};
/* The index over what the message holds now, ATSHashIndexV3 in DER. */
int nr_archive_index_write(const struct nr_cms *cms, const struct nr_cms_signer *signer, enum nr_oid digest,
	struct nr_pile *ret_index, struct nr_error *error);
/* -EBADMSG: not an index, or one over another digest. */
int nr_archive_index_check(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	const struct nr_der *index, enum nr_oid digest, struct nr_archive_cover *ret_cover,
	struct nr_error *error);
/* content_hash: of the content, by `digest`. index: ATSHashIndexV3, as stored. */
bool nr_archive_imprint(const struct nr_cms *cms, const struct nr_cms_signer *signer,
	const uint8_t *content_hash, const uint8_t *index, size_t index_length, enum nr_oid digest,
	uint8_t ret_imprint[64]);
/* The token with the index put among the unsigned attributes of its own SignerInfo. */
int nr_archive_token_write(const uint8_t *token, size_t length, const struct nr_pile *index,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error);

/* From the level that a message has to maker->level; see seal.h. One signer. */
int nr_cades_lift(const struct nr_seal_maker *maker, const uint8_t *seal, size_t length,
	const struct nr_seal_data *data, uint8_t **ret_seal, size_t *ret_length, struct nr_error *error);

/* One verdict for each signer. */
int nr_cades_verify(const struct nr_seal_question *question, struct nr_seal_verdict *ret_verdicts,
	size_t room, size_t *ret_count, struct nr_error *error);
/* What a message brings along becomes material: certificates, lists, OCSP answers; what cannot be read is
 * left out. */
int nr_cades_take_material(const struct nr_cms *cms, struct nr_material *material, struct nr_error *error);

/* Everything that verifying the paths of seal and tokens took, put into certificates and lists (B-LT). */
int nr_cades_add_validation(struct nr_cms_parts *parts, const struct nr_material *material,
	STACK_OF(X509) *const *paths, size_t count, struct nr_error *error);

#endif
