/* SPDX-License-Identifier: Apache-2.0 */
/* What verifying any form of seal has in common: who the signer is, and what a verdict collects. */
#ifndef NR_TRUST_SEAL_VERIFY_H
#define NR_TRUST_SEAL_VERIFY_H

#include "trust/seal/seal.h"

/* Name, organisation and corporate number of the certificate. */
void nr_seal_describe_signer(struct nr_seal_verdict *verdict, X509 *certificate);

/* Says that a part was checked: a constant. */
void nr_seal_checked(struct nr_seal_verdict *verdict, const char *check);

/* A token over what `digest` hashes, kept among the verdict's tokens; valid ones lower verdict->proven. A
 * token that is not valid is a reason against the seal: somebody has put it there. *ret_path: the caller's,
 * or NULL. */
int nr_seal_check_token(struct nr_seal_verdict *verdict, const struct nr_seal_question *question,
	const char *kind, const struct nr_der *token, bool (*digest)(void *, enum nr_oid, uint8_t *),
	void *context, STACK_OF(X509) * *ret_path, struct nr_error *error);

/* An archive token whose authority's path this is: when it should be followed by another. */
void nr_seal_note_renewal(struct nr_seal_verdict *verdict, STACK_OF(X509) * path);

/* The certificate's path at the time that is proven, else now. within: the certificates that the seal itself
 * holds. *ret_complete: every certificate below the anchor is in it, and revocation is known of all. */
int nr_seal_check_path(struct nr_seal_verdict *verdict, const struct nr_seal_question *question,
	X509 *certificate, STACK_OF(X509) * within, bool *ret_complete, struct nr_error *error);

#endif
