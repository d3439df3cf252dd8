/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key signs for which purpose. The signer reads each structure itself, strictly, and signs nothing
 * that it does not understand to its last byte. Pure; the bytes are taken for a stranger's.
 */
#ifndef NR_TRUST_SIGNER_POLICY_H
#define NR_TRUST_SIGNER_POLICY_H

#include "trust/signer/signer.h"
#include "wire/note.h"

#define NR_POLICY_CLOCK      NR_SECOND /* how far a time in a structure may be off the signer's clock */
#define NR_POLICY_SERIAL_MAX 20        /* octets; RFC 3161 section 2.4.2: clients take up to 160 bits */

struct nr_policy {
	unsigned purposes;
	enum nr_key_algorithm algorithm;
	bool certificate;
	uint8_t sha256[32], sha384[48], sha512[64]; /* of the certificate */
	char name[NR_NOTE_NAME_MAX + 1];            /* of a note key */
	/* what was allowed last; moves with every structure that is allowed */
	uint8_t serial[NR_POLICY_SERIAL_MAX + 1]; /* first octet not 0 */
	size_t serial_length;
	bool head;
	uint64_t size;
	uint8_t root[32];
};

/* now: of the signer's own clock. 0: may be signed, and is remembered; -EPERM: not this structure with this
 * key; -ETIME: its time is not now. */
int nr_policy_check(struct nr_policy *policy, enum nr_signer_purpose purpose, const uint8_t *bytes,
	size_t length, nr_time now);

/* Part of it: whether a JWS protected header (base64url) names this certificate and algorithm, each once. */
bool nr_policy_jws_header_ok(const struct nr_policy *policy, const char *base64, size_t length);

#endif
