/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens as bytes, written from their end into a fixed buffer: what is the same in all tokens of a key is
 * prepared once, nothing is allocated. RFC 3161 section 2.4.2, RFC 5652 section 5.
 */
#ifndef NR_TRUST_TIMESTAMP_BUILD_H
#define NR_TRUST_TIMESTAMP_BUILD_H

#include "trust/signer/attributes.h"
#include "wire/tsp.h"

#define NR_TSP_SERIAL    16          /* octets; the first is 01 to 7f, so that it is one positive INTEGER */
#define NR_TST_MAX       512         /* bytes of a TSTInfo */
#define NR_TSP_REPLY_MAX (16 * 1024) /* and of an answer with its certificates */

struct nr_token_builder {
	struct nr_tst_attributes attributes;
	enum nr_oid digest, signature; /* of the SignerInfo */
	uint8_t policy[NR_OID_BYTES_MAX + 17];
	size_t policy_length;
	uint8_t signer[1024]; /* IssuerAndSerialNumber */
	size_t signer_length;
	uint8_t *certificates; /* one after the other, signer first; owned */
	size_t certificates_length;
};

/* chain: DER certificates one after the other, the signer's first (certificates_length bytes). policy:
 * dotted. */
int nr_token_builder_init(struct nr_token_builder *builder, enum nr_key_algorithm algorithm,
	const uint8_t *chain, size_t chain_length, const char *policy, struct nr_error *error);
void nr_token_builder_fini(struct nr_token_builder *builder);

struct nr_tst_values {
	uint8_t serial[NR_TSP_SERIAL];
	nr_time time;
	nr_time accuracy; /* us, up to a day; below 0: not said */
	bool ordering;
};
/* The TSTInfo that answers request, at the end of buffer: its length, and where. 0: no room. */
size_t nr_tst_write(const struct nr_token_builder *builder, const struct nr_tsp_request *request,
	const struct nr_tst_values *values, uint8_t *buffer, size_t room, uint8_t **ret_bytes);

/* TimeStampResp "granted" around it. certificates: as the request wanted. */
size_t nr_token_write(const struct nr_token_builder *builder, const uint8_t *tst, size_t tst_length,
	bool certificates, const uint8_t *signature, size_t signature_length, uint8_t *buffer, size_t room,
	uint8_t **ret_bytes);

#endif
