/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp tokens (RFC 3161, RFC 5816): the request, the answer, and what a verifier says of one. Requests
 * and tokens are bytes of strangers.
 */
#ifndef NR_TRUST_TIMESTAMP_TOKEN_H
#define NR_TRUST_TIMESTAMP_TOKEN_H

#include "trust/certificate/chain.h"

enum nr_digest {
	NR_SHA256,
	NR_SHA384,
	NR_SHA512,
	NR_SHA3_256,
	NR_SHA3_384,
	NR_SHA3_512,
	NR_SHA1,
	NR_DIGESTS
};

/* A request for `imprint`; nonce 8 random bytes, certReq. *ret_request is the caller's. */
int nr_tsp_request(enum nr_digest digest, const uint8_t *imprint, uint8_t **ret_request, size_t *ret_length,
	struct nr_error *error);

struct nr_token {
	nr_time time;     /* genTime */
	nr_time accuracy; /* -1: not said */
	bool ordering;
	char policy[64], serial[48] /* hex, with sign */, authority[256] /* of the verified certificate */;
	enum nr_digest digest;
	uint8_t imprint[64];
	size_t imprint_length;
	bool has_nonce;
	uint8_t nonce[32];
	size_t nonce_length;
};

struct nr_token_question {
	const uint8_t *token; /* TimeStampResp or ContentInfo, DER */
	size_t length;
	const uint8_t
		*imprints[NR_DIGESTS]; /* of the data, by digest; NULL: not known. At least the token's own */
	const uint8_t *request;        /* NULL: not known; else nonce, policy and imprint must agree */
	size_t request_length;
	const struct nr_material *material;
	bool require_revocation;
	/* when the token is known to have existed (a later token over it); NR_TIME_MAX: now */
	nr_time proven;
};
/* Judges by trust.md's order: parse, imprint, nonce, signer by sid, ESSCertID, attributes, signature,
 * purpose, path at genTime, revocation (RFC 3161 section 4). 0, or -errno when it could not be judged at all.
 */
int nr_token_verify(const struct nr_token_question *question, struct nr_token *ret_token,
	struct nr_judgement *ret_judgement, struct nr_error *error);

/* Asks an authority over HTTP(S) and checks that the answer is one to this imprint (status, imprint, nonce);
 * *ret_token is the ContentInfo, the caller's. */
int nr_tsp_fetch(const char *url, enum nr_digest digest, const uint8_t *imprint, uint8_t **ret_token,
	size_t *ret_length, struct nr_error *error);

#endif
