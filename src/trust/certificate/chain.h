/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates: is this one good for that, at that time, and how do we know (RFC 5280 section 6; RFC 3161
 * section 4 for what a revocation does to older time stamps). Anchors are the operator's alone. OpenSSL walks
 * the path; purpose, time, revocation and the words are here.
 */
#ifndef NR_TRUST_CERTIFICATE_CHAIN_H
#define NR_TRUST_CERTIFICATE_CHAIN_H

#include "base/time.h"
#include "trust/certificate/judgement.h"

#include <openssl/x509.h>

enum nr_chain_purpose {
	NR_CHAIN_TIMESTAMP, /* extended key usage critical and exactly id-kp-timeStamping (RFC 3161 2.3) */
	NR_CHAIN_SEAL,      /* key usage digitalSignature or nonRepudiation, where it is there; no CA */
	NR_CHAIN_OCSP,
	NR_CHAIN_ANY,
};

/* The material: DER or PEM, any number in a file or memory. Everything is bounded: 1,000 certificates, 16 MiB
 * of revocation lists. */
struct nr_trust_store;
int nr_trust_store_new(struct nr_trust_store **ret_store, struct nr_error *error);
void nr_trust_store_free(struct nr_trust_store *store);
void nr_trust_store_freep(struct nr_trust_store **store);
int nr_trust_store_add_anchors(struct nr_trust_store *store, const char *path, struct nr_error *error);
int nr_trust_store_add_certificates(
	struct nr_trust_store *store, const char *path, struct nr_error *error); /* untrusted */
int nr_trust_store_add_crls(struct nr_trust_store *store, const char *path, struct nr_error *error);
int nr_trust_store_add_ocsp(
	struct nr_trust_store *store, const uint8_t *der, size_t length, struct nr_error *error);
int nr_trust_store_add_crl_der(
	struct nr_trust_store *store, const uint8_t *der, size_t length, struct nr_error *error);

struct nr_chain_question {
	X509 *subject;
	STACK_OF(X509) * with; /* further untrusted ones (the message's bag); NULL allowed */
	enum nr_chain_purpose purpose;
	nr_time time;            /* at which the path must be valid: the best signature time */
	bool require_revocation; /* unknown revocation is a reason to be INDETERMINATE, not a note */
};
struct nr_chain_answer {
	STACK_OF(X509) * path; /* subject first, anchor last; the caller's; NULL where there is none */
	bool revocation_checked;
	nr_time revoked; /* 0: not revoked */
};
void nr_chain_answer_fini(struct nr_chain_answer *answer);
/* Adds to *judgement. 0, or -ENOMEM. */
int nr_chain_check(struct nr_trust_store *store, const struct nr_chain_question *question,
	struct nr_chain_answer *ret_answer, struct nr_judgement *judgement, struct nr_error *error);

#endif
