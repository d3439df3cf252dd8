/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demonstration authority: certificates with the extensions that time stamps and seals need, whose names
 * and policy say that they are for demonstration, and their revocation list. For trials, tests and exercises;
 * who relies on a seal relies on a real authority.
 */
#ifndef NR_TRUST_SIGNER_AUTHORITY_H
#define NR_TRUST_SIGNER_AUTHORITY_H

#include "trust/signer/keyfile.h"

/* Certificate policy of everything that is made here, and of the tokens that its keys sign; 2.999 is the arc
 * for examples (ITU-T X.660). */
#define NR_DEMONSTRATION_POLICY "2.999.7823.1"

enum nr_certificate_kind { NR_CERTIFICATE_AUTHORITY, NR_CERTIFICATE_TIMESTAMP, NR_CERTIFICATE_SEAL };

struct nr_certificate_wish {
	enum nr_certificate_kind kind;
	const char *organisation; /* NULL: "noroshi demonstration" */
	const char *country;      /* two letters */
	const char *number;       /* 13 digits, checked (nr_corporate_number_check); NULL: none. Seals only */
	nr_time from, until;
};

/* issuer, issuer_key: NULL for the authority itself. */
int nr_certificate_make(const struct nr_certificate_wish *wish, EVP_PKEY *key, X509 *issuer,
	EVP_PKEY *issuer_key, X509 **ret_certificate, struct nr_error *error);

/* A list that says what `old` (NULL: nothing) says, and that `revoked` (NULL: nobody) is revoked from now on.
 * reason: name of RFC 5280 section 5.3.1 ("keyCompromise"); NULL: none is said. Number one above the old
 * one's. */
struct nr_crl_wish {
	X509 *issuer;
	EVP_PKEY *issuer_key;
	X509_CRL *old;
	X509 *revoked;
	const char *reason;
	nr_time from, until;
};
int nr_crl_make(const struct nr_crl_wish *wish, X509_CRL **ret_crl, struct nr_error *error);
extern const char *const nr_crl_reason_names[]; /* NULL-terminated */

/* Whether it was made for demonstration: by its policy. */
bool nr_certificate_is_demonstration(X509 *certificate);

/* Corporate number (法人番号): 13 digits, the first of which checks the others. */
int nr_corporate_number_check(const char *number, struct nr_error *error);

#endif
