/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp tokens as a client sees them (RFC 3161, RFC 5816): asking an authority for one, and judging one.
 * Tokens are bytes of strangers.
 */
#ifndef NR_TRUST_TIMESTAMP_TOKEN_H
#define NR_TRUST_TIMESTAMP_TOKEN_H

#include "trust/certificate/chain.h"
#include "wire/tsp.h"

#define NR_TOKEN_MAX   (256 * 1024)     /* bytes of an answer */
#define NR_TOKEN_AHEAD (60 * NR_SECOND) /* that an authority's clock may be ahead of the verifier's */

struct nr_token {
	nr_time time;     /* genTime */
	nr_time accuracy; /* -1: not said */
	bool ordering;
	char policy[64];     /* dotted */
	char serial[48];     /* hex, "-" before a negative one */
	char authority[256]; /* name in the certificate that was verified; "" where none was */
	enum nr_oid digest;
	uint8_t hash[NR_TSP_IMPRINT_MAX];
	size_t hash_length;
};

struct nr_token_question {
	const uint8_t *token; /* TimeStampResp or ContentInfo, DER */
	size_t length;
	/* Digest of what was stamped, by the token's algorithm. Answers false where it cannot be had. */
	bool (*digest)(void *context, enum nr_oid digest, uint8_t ret_hash[NR_TSP_IMPRINT_MAX]);
	void *context;
	const struct nr_tsp_request *request; /* NULL: not known; else nonce and imprint must be its */
	const struct nr_material *material;
	nr_time now; /* as of which revocation is known; a token of later than that proves nothing */
	bool require_revocation;
};

/* Judges in the order of shared rules: structure, imprint, nonce, signer by its identifier and never by its
 * place in the bag, ESSCertID(v2), attributes, signature, purpose, path at genTime, revocation (RFC 3161
 * section 4). *ret_path (NULL allowed): signer first, the caller's (sk_X509_pop_free); NULL where there is
 * none. 0, or -ENOMEM: what is wrong with the token is in *ret_judgement. */
int nr_token_verify(const struct nr_token_question *question, struct nr_token *ret_token,
	STACK_OF(X509) * *ret_path, struct nr_judgement *ret_judgement, struct nr_error *error);

/* What was judged, into the object that is open: "valid", "indication", "reasons", and of a token that could
 * be read "time", "authority", ... (token_json.c) */
void nr_token_write_json(
	const struct nr_token *token, const struct nr_judgement *judgement, struct nr_json *json);

/* For (*digest): of bytes in memory; context is a struct nr_bytes. */
struct nr_bytes {
	const uint8_t *bytes;
	size_t length;
};
bool nr_token_digest_bytes(void *context, enum nr_oid digest, uint8_t ret_hash[NR_TSP_IMPRINT_MAX]);

/* Asks the authority at url (RFC 3161 section 3.4) for a token over this hash, and sees that the answer is
 * one to this question (status, imprint, nonce, certificate); *ret_token is the ContentInfo, the caller's.
 * -EAGAIN: the authority has no time to tell at present; -EACCES: it refuses, error says why. */
int nr_token_fetch(const char *url, const char *ca, enum nr_oid digest, const uint8_t *hash,
	uint8_t **ret_token, size_t *ret_length, struct nr_error *error);

#endif
