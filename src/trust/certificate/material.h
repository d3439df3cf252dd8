/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What certificates are judged with: the operator's anchors, and everything else that was found or sent
 * along, which is believed only as far as its signatures lead. Bounded, because some of it is strangers'.
 * Used by one thread at a time.
 */
#ifndef NR_TRUST_CERTIFICATE_MATERIAL_H
#define NR_TRUST_CERTIFICATE_MATERIAL_H

#include "base/error.h"

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#define NR_MATERIAL_CERTIFICATES_MAX 1000
#define NR_MATERIAL_CRLS_MAX         1000
#define NR_MATERIAL_OCSP_MAX         256
#define NR_MATERIAL_FILE_MAX         (64u * 1024 * 1024)

struct nr_material {
	STACK_OF(X509) * anchors, *certificates;
	STACK_OF(X509_CRL) * crls;
	OCSP_BASICRESP *ocsp[NR_MATERIAL_OCSP_MAX];
	size_t ocsp_count;
	X509_STORE *store; /* of the anchors */
};

int nr_material_init(struct nr_material *material, struct nr_error *error);
void nr_material_fini(struct nr_material *material);

/* Files of PEM blocks, or one DER object. -EINVAL names the file and what is wrong with it. An anchor file
 * without a certificate is an error; every certificate in it is an anchor, self-signed or not. */
int nr_material_add_anchors(struct nr_material *material, const char *path, struct nr_error *error);
int nr_material_add_certificates(struct nr_material *material, const char *path, struct nr_error *error);
int nr_material_add_crls(struct nr_material *material, const char *path, struct nr_error *error);
/* A certificate in DER as an object, the caller's: the one that is known already where its bytes are the same
 * (reading a key takes OpenSSL longer than verifying with it), else a new one; NULL: none. */
X509 *nr_material_certificate(const struct nr_material *material, const uint8_t *der, size_t length);
/* An OCSP answer in DER, one a file. */
int nr_material_add_answers(struct nr_material *material, const char *path, struct nr_error *error);

/* One object in DER; what follows it is an error. What is there already is not added again. */
int nr_material_add_certificate(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error);
int nr_material_add_crl(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error);
/* OCSPResponse or BasicOCSPResponse (RFC 6960). */
int nr_material_add_ocsp(
	struct nr_material *material, const uint8_t *der, size_t length, struct nr_error *error);

#endif
