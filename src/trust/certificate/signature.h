/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a signature is this certificate's, by the algorithms that are good enough: RSA PKCS#1 v1.5 and PSS
 * from 2048 bits, ECDSA on P-256, P-384 and P-521, Ed25519 (RFC 8419); over SHA-2. And digests by name.
 */
#ifndef NR_TRUST_CERTIFICATE_SIGNATURE_H
#define NR_TRUST_CERTIFICATE_SIGNATURE_H

#include "base/error.h"
#include "trust/certificate/judgement.h"
#include "wire/cms.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* OpenSSL and the C library read their configuration (algorithms, time zone): call it before a sandbox
 * closes. */
void nr_crypto_prepare(void);

/* The digest; NULL: none of ours. Fetched once. */
const EVP_MD *nr_digest_of(enum nr_oid digest);
/* ret_hash: NR_DIGEST_MAX bytes. False: no such digest, or OpenSSL failed. */
#define NR_DIGEST_MAX 64
bool nr_digest(enum nr_oid digest, const void *bytes, size_t length, uint8_t ret_hash[NR_DIGEST_MAX]);

/* The same of a stream from where it stands to its end. -EIO, or what reading says. */
int nr_digest_stream(
	enum nr_oid digest, FILE *stream, uint8_t ret_hash[NR_DIGEST_MAX], struct nr_error *error);
/* "sha256" and so on, as options and JSON have it; NULL: none of ours. And back: UNKNOWN. */
const char *nr_digest_name(enum nr_oid digest);
enum nr_oid nr_digest_named(const char *name);

enum nr_signature_state {
	NR_SIGNATURE_GOOD,
	NR_SIGNATURE_WRONG,        /* not made by this key over these bytes */
	NR_SIGNATURE_NOT_ALLOWED,  /* an algorithm, curve, key length or parameters that are not accepted */
	NR_SIGNATURE_CONTRADICTION /* signatureAlgorithm does not go with digestAlgorithm or the key */
};

/* algorithm: AlgorithmIdentifier as stored. digest: of the SignerInfo (digestAlgorithm). message: what is
 * signed, not its digest. */
enum nr_signature_state nr_signature_verify(EVP_PKEY *key, const struct nr_der *algorithm, enum nr_oid digest,
	const uint8_t *message, size_t length, const struct nr_der *signature);

/* Whether a SignerInfo's signature over its signed attributes (RFC 5652 section 5.4) is this certificate's;
 * what is against it is added to *judgement. 0, or -ENOMEM. */
int nr_signature_judge(const struct nr_cms_signer *signer, X509 *certificate, struct nr_judgement *judgement,
	struct nr_error *error);

/* Finds the certificate that a SignerInfo's sid names, in the stack and then among others (NULL allowed):
 * borrowed, or NULL. */
X509 *nr_signature_find(const struct nr_der *sid, STACK_OF(X509) * in, STACK_OF(X509) * others);

/*
 * What the signed attributes say of the certificate: ESSCertID (RFC 2634, SHA-1, read only) and ESSCertIDv2
 * (RFC 5035).
 */
enum nr_ess_state {
	NR_ESS_GOOD,    /* v2, and it is this certificate */
	NR_ESS_SHA1,    /* only v1, and it is this certificate */
	NR_ESS_MISSING, /* neither, or one twice */
	NR_ESS_WRONG,   /* another certificate, or not to be read */
};
enum nr_ess_state nr_ess_check(const struct nr_der *signed_attributes, X509 *certificate);

#endif
