/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this certificate good for that, at that time, and how do we know (RFC 5280 section 6). OpenSSL walks the
 * path at the time of the question. Revocation is asked as of now, of all lists and answers at hand, and then
 * weighed for that time: a list issued after it counts, and what a revocation does to older time stamps is
 * RFC 3161 section 4's. What a list does not cover is said as a note, or makes the answer INDETERMINATE.
 */
#ifndef NR_TRUST_CERTIFICATE_CHAIN_H
#define NR_TRUST_CERTIFICATE_CHAIN_H

#include "base/time.h"
#include "trust/certificate/judgement.h"
#include "trust/certificate/material.h"

enum nr_chain_purpose {
	NR_CHAIN_ANY,
	NR_CHAIN_TIMESTAMP, /* extended key usage critical and exactly id-kp-timeStamping (RFC 3161 2.3) */
	NR_CHAIN_SEAL,      /* key usage, where there is one, has digitalSignature or nonRepudiation; no CA */
};

/* RFC 5280 section 6.1.1 (c), (e) to (g). Zeroed: any policy will do. */
struct nr_chain_policy {
	const char *const *wanted; /* OIDs; NULL: any */
	size_t count;
	bool explicit_policy, inhibit_mapping, inhibit_any;
};

struct nr_chain_question {
	X509 *subject;
	STACK_OF(X509) * with; /* the message's own, untrusted; NULL allowed */
	enum nr_chain_purpose purpose;
	nr_time time;                         /* at which the path must be valid */
	nr_time now;                          /* as of which revocation is known */
	bool require_revocation;              /* else what is not covered is a note only */
	bool any_digest;                      /* signatures over SHA-1 are let pass (tests of paths alone) */
	const struct nr_chain_policy *policy; /* NULL: policies are not looked at */
};

struct nr_chain_answer {
	STACK_OF(X509) * path;   /* subject first, anchor last; NULL where there is none */
	bool revocation_checked; /* of every certificate below the anchor */
};
void nr_chain_answer_fini(struct nr_chain_answer *answer);

/* Adds its reasons to *judgement. 0 also for a bad certificate; -ENOMEM. */
int nr_chain_check(const struct nr_material *material, const struct nr_chain_question *question,
	struct nr_chain_answer *ret_answer, struct nr_judgement *judgement, struct nr_error *error);

/* "CN=..., O=..." (RFC 2253, UTF-8), cut to room. */
void nr_certificate_name(X509 *certificate, char *ret_text, size_t room);

#endif
