/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that judge a JAdES seal; nobody else's. */
#ifndef NR_TRUST_SEAL_JADES_INSIDE_H
#define NR_TRUST_SEAL_JADES_INSIDE_H

#include "trust/seal/jades.h"

/* One signature. */
struct nr_jades_work {
	const struct nr_seal_question *question;
	struct nr_seal_verdict *verdict;
	const struct nr_jws *jws;
	const struct nr_jws_signature *signature;
	const struct nr_jws_algorithm *algorithm;
	STACK_OF(X509) * bag;
	X509 *certificate;
	size_t element; /* of etsiU: the archive token that is being looked at */
	bool signature_token, archive_token;
};

void nr_jades_fail(struct nr_jades_work *work, const char *code, const char *en, const char *ja);
void nr_jades_doubt(struct nr_jades_work *work, const char *code, const char *en, const char *ja);
/* A parameter of the protected header; NULL: not there. */
json_object *nr_jades_header(const struct nr_jades_work *work, const char *name);
/* "S256" and its like (clause 5.2.2.2); UNKNOWN: none of SHA-2. */
enum nr_oid nr_jades_digest_named(struct nr_text name);
/* Adds its reasons to the verdict. */
void nr_jades_check_data(struct nr_jades_work *work);

#endif
