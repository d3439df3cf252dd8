/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the certificates of a path are revoked (RFC 5280 section 6.3, RFC 6960), and since when and why.
 */
#ifndef NR_TRUST_CERTIFICATE_REVOCATION_H
#define NR_TRUST_CERTIFICATE_REVOCATION_H

#include "trust/certificate/chain.h"

enum nr_revocation_state { NR_REVOCATION_UNKNOWN, NR_REVOCATION_GOOD, NR_REVOCATION_REVOKED };

struct nr_revocation {
	enum nr_revocation_state state;
	nr_time since; /* REVOKED: revocationDate */
	int reason;    /* CRLReason (RFC 5280 5.3.1); -1: not said */
	bool stale;    /* UNKNOWN: what there is ended before the time of the question */
};

/* States of path[0 .. count-2], by lists and OCSP answers: who is revoked in one of them is revoked, whatever
 * the others say. ret: one for each certificate of the path. */
int nr_revocation_check(const struct nr_material *material, const struct nr_chain_question *question,
	STACK_OF(X509) * path, struct nr_revocation *ret, struct nr_error *error);

/* Whether a certificate in this state is good for a signature of `time`. RFC 3161 section 4: with a reason
 * that says nothing bad of the key, what was signed before stays valid; else nothing does that is a time
 * stamp.
 */
bool nr_revocation_allows(const struct nr_revocation *revocation, nr_time time, bool is_time_stamp);

#endif
