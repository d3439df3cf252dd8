/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys and certificates as files: PKCS#8 in PEM (RFC 5958, RFC 7468), plain or encrypted under a
 * passphrase by scrypt (RFC 7914) and AES-256-CBC. Secrets are wiped before their memory is given back.
 */
#ifndef NR_TRUST_SIGNER_KEYFILE_H
#define NR_TRUST_SIGNER_KEYFILE_H

#include "trust/ledger/note.h"
#include "trust/signer/signer.h"

#include <openssl/x509.h>

#define NR_PASSPHRASE_MAX 1024

/* scrypt takes 16 MiB and 8 rounds of them: the work of N = 2^17, within the 32 MiB that OpenSSL's own reader
 * allows, so that its tools can read our keys. */
#define NR_SCRYPT_N (1 << 14)
#define NR_SCRYPT_R 8
#define NR_SCRYPT_P 8

struct nr_secret {
	char text[NR_PASSPHRASE_MAX + 1];
	size_t length; /* 0: there is none */
};
void nr_secret_wipe(struct nr_secret *secret); /* NR_AUTO(nr_secret_wipe) */

void nr_pkey_freep(EVP_PKEY **key);
void nr_x509_freep(X509 **certificate);
void nr_bio_freep(BIO **bio);

/* The first line of a file ("/dev/fd/N" for a descriptor that is open). path NULL: no secret. */
int nr_secret_read(const char *path, struct nr_secret *ret_secret, struct nr_error *error);

extern const char *const nr_key_algorithm_names[]; /* for the option; NULL-terminated */
int nr_key_generate(const char *algorithm, EVP_PKEY **ret_key, struct nr_error *error);

/* The first private key of a PEM file. Errors tell a missing passphrase from a wrong one, and another format
 * from none. */
int nr_key_read(
	const char *path, const struct nr_secret *passphrase, EVP_PKEY **ret_key, struct nr_error *error);
/* PEM into memory; secret without length: not encrypted. The BIO's memory is wiped when it is freed. */
int nr_key_write(EVP_PKEY *key, const struct nr_secret *passphrase, BIO **ret_pem, struct nr_error *error);

/* A new file with these contents (a memory BIO), on the disk when this answers 0; never one that is there
 * already (-EEXIST). secret: for its owner alone, mode 0600. On failure nothing is left behind. */
int nr_key_file_write(const char *path, BIO *contents, bool secret, struct nr_error *error);

/* The first certificate of a PEM file. */
int nr_certificate_read(const char *path, X509 **ret_certificate, struct nr_error *error);

/* What the house signs with: RSA from 2048 bits, P-256, P-384, Ed25519; else -EKEYREJECTED and why. */
int nr_key_classify(
	const EVP_PKEY *key, const char *name, enum nr_key_algorithm *ret_algorithm, struct nr_error *error);
const char *nr_key_algorithm_text(const EVP_PKEY *key, char *text, size_t room); /* "RSA 2048", "P-256" */

#define NR_KEY_ID_TEXT 65
/* Hex SHA-256 of the SubjectPublicKeyInfo. */
int nr_key_id(const EVP_PKEY *key, char ret_text[static NR_KEY_ID_TEXT], struct nr_error *error);

/* The verifier key of an Ed25519 key that signs notes under that name. */
int nr_key_vkey(const char *name, const EVP_PKEY *key, char ret_text[static NR_NOTE_VKEY_TEXT],
	struct nr_error *error);

/* OpenSSL's last reason, for people; clears its queue. */
const char *nr_openssl_reason(void);

#endif
