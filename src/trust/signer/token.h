/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in PKCS#11 tokens (OASIS PKCS #11 v2.40), named by URI (RFC 7512). The module is a stranger's code: it
 * is loaded into the signer's process alone, after the fork, and keys that could leave their token are
 * refused. One thread; one session.
 */
#ifndef NR_TRUST_SIGNER_TOKEN_H
#define NR_TRUST_SIGNER_TOKEN_H

#include "trust/signer/keyfile.h"

NR_INLINE bool nr_token_names(const char *key)
{
	return key[0] == 'p' && key[1] == 'k' && key[2] == 'c' && key[3] == 's' && key[4] == '1' &&
	       key[5] == '1' && key[6] == ':';
}

/* What a URI says; empty: not said. */
#define NR_TOKEN_TEXT_MAX 64
struct nr_token_uri {
	char token[NR_TOKEN_TEXT_MAX + 1], manufacturer[NR_TOKEN_TEXT_MAX + 1], model[NR_TOKEN_TEXT_MAX + 1],
		serial[NR_TOKEN_TEXT_MAX + 1], object[NR_TOKEN_TEXT_MAX + 1];
	uint8_t id[NR_TOKEN_TEXT_MAX];
	size_t id_length;
	bool slot_named;
	unsigned long slot;
};
/* Query attributes (module-path, pin-source, pin-value) are refused: they are options of their own, and a PIN
 * has no place in an argument. */
int nr_token_uri_parse(const char *text, struct nr_token_uri *ret_uri, struct nr_error *error);

struct nr_token_module;
int nr_token_module_open(const char *path, struct nr_token_module **ret_module, struct nr_error *error);
void nr_token_module_close(struct nr_token_module *module); /* NULL allowed */

struct nr_token_key;
/* Finds token and key, logs in with the PIN, checks that the key is sensitive and cannot be extracted. */
int nr_token_key_open(struct nr_token_module *module, const char *uri, const struct nr_secret *pin,
	enum nr_key_algorithm algorithm, struct nr_token_key **ret_key, struct nr_error *error);
void nr_token_key_close(struct nr_token_key *key); /* NULL allowed */

/* Signs a digest of the key's algorithm: ECDSA-Sig-Value, or PKCS#1 v1.5. *length: room, then bytes. -EIO:
 * the token did not; after a lost session or a removed token every further call answers that, too. */
int nr_token_key_sign(struct nr_token_key *key, const uint8_t *digest, size_t digest_length,
	uint8_t *ret_signature, size_t *length);

#endif
