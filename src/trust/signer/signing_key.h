/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One key inside the signer's process: what it may sign, how often, and the contexts that sign. One thread.
 */
#ifndef NR_TRUST_SIGNER_SIGNING_KEY_H
#define NR_TRUST_SIGNER_SIGNING_KEY_H

#include "trust/signer/attributes.h"
#include "trust/signer/keyfile.h"
#include "trust/signer/policy.h"

struct nr_token_key; /* a key in a PKCS#11 token (token.h) */

/* Signatures that may be made: `rate` more a second, never more than `burst` at once. */
struct nr_allowance {
	double rate, burst, left; /* rate 0: without limit */
	nr_time filled;           /* CLOCK_MONOTONIC */
};
void nr_allowance_init(struct nr_allowance *allowance, double rate, unsigned burst, nr_time now);
bool nr_allowance_take(struct nr_allowance *allowance, nr_time now);

struct nr_signing_key {
	struct nr_policy policy;
	struct nr_tst_attributes attributes; /* for time stamps */
	struct nr_allowance allowance;
	uint64_t counter;
	nr_time from, until; /* when the certificate lets it sign */
	uint8_t *certificate, *spki;
	size_t certificate_length, spki_length;
	char id[NR_KEY_ID_TEXT];
	EVP_PKEY *pkey;         /* private; only public where the private one is in a token */
	EVP_PKEY_CTX *sign;     /* RSA, ECDSA: signs digests */
	EVP_MD_CTX *hash;       /* of what is signed; Ed25519: signs messages */
	EVP_MD *digest;         /* NULL for Ed25519's signatures, see digest_of_content */
	EVP_MD *content_digest; /* of a TSTInfo in its attributes */
	EVP_MD_CTX *content_hash;
	struct nr_token_key *token;
	nr_time released_from, released_until; /* two-person release; 0..NR_TIME_MAX: none is asked for */
};

/* Reads the files that conf names. A key in a token ("pkcs11:") has its certificate read; nr_token_key_open()
 * does the rest. Errors name the file. */
int nr_signing_key_open(const struct nr_signer_key *conf, const struct nr_secret *passphrase, nr_time now,
	struct nr_signing_key *ret_key, struct nr_error *error);
void nr_signing_key_fini(struct nr_signing_key *key);

/* Checks and signs. real, monotonic: the clocks now. */
void nr_signing_key_sign(struct nr_signing_key *key, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, nr_time real, nr_time monotonic, struct nr_signed *ret_signed);

/* That the private half belongs to the certificate: signs something and verifies it. */
int nr_signing_key_prove(struct nr_signing_key *key, const char *name, struct nr_error *error);

#endif
