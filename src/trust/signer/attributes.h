/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signed attributes that stand around a TSTInfo (RFC 3161 section 2.4.2, RFC 5816, RFC 5652 section 5.4):
 * content type id-ct-TSTInfo, message digest, signing certificate v2. The signer makes them to sign, and the
 * token's builder to write the same bytes; the digest is SHA-256, or SHA-384 with P-384 (SHA-512 with
 * Ed25519, RFC 8419).
 */
#ifndef NR_TRUST_SIGNER_ATTRIBUTES_H
#define NR_TRUST_SIGNER_ATTRIBUTES_H

#include "trust/signer/signer.h"
#include "wire/oid.h"

#define NR_TST_ATTRIBUTES_MAX 512

struct nr_tst_attributes {
	uint8_t bytes[NR_TST_ATTRIBUTES_MAX]; /* DER SET OF (0x31) in DER order */
	size_t length;
	size_t digest; /* offset of the message digest, the only part that differs between tokens */
	size_t digest_length;
};

/* Everything but the digest. certificate: DER. */
int nr_tst_attributes_init(struct nr_tst_attributes *attributes, enum nr_key_algorithm algorithm,
	const uint8_t *certificate, size_t length, struct nr_error *error);

/* digestAlgorithm and signatureAlgorithm of a SignerInfo that such a key signs. RSA's parameters are NULL
 * (RFC 3370 section 3.2), of the others absent. */
enum nr_oid nr_key_digest(enum nr_key_algorithm algorithm);
enum nr_oid nr_key_signature(enum nr_key_algorithm algorithm);

#endif
