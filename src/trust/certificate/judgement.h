/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verification says, in the words of ETSI EN 319 102-1 section 5.1.3: an indication, and reasons that
 * name the certificate or attribute and the rule. The same for certificates, time stamps, seals and proofs.
 */
#ifndef NR_TRUST_CERTIFICATE_JUDGEMENT_H
#define NR_TRUST_CERTIFICATE_JUDGEMENT_H

#include "base/json.h"

enum nr_verdict { NR_PASSED, NR_INDETERMINATE, NR_FAILED };

struct nr_reason {
	const char *code; /* sub-indication, a constant: "HASH_FAILURE", "REVOKED", "NO_POE", ... */
	bool fatal;       /* false: a note, such as what was not checked */
	char en[240], ja[240];
};

#define NR_REASONS_MAX 16
struct nr_judgement {
	enum nr_verdict verdict; /* the worst of its fatal reasons; PASSED while there is none */
	struct nr_reason reasons[NR_REASONS_MAX];
	size_t count;
};

/* A reason against: the verdict becomes `verdict` unless it is worse already. Texts are finished ones (see
 * nr_reason_format). Beyond NR_REASONS_MAX only the verdict is kept. */
void nr_judge(struct nr_judgement *judgement, enum nr_verdict verdict, const char *code, const char *en,
	const char *ja);
/* The same with a detail put where both texts have their one %s. */
void nr_judge_with(struct nr_judgement *judgement, enum nr_verdict verdict, const char *code, const char *en,
	const char *ja, const char *detail);
/* Not a reason against: something the reader must know. detail: NULL, or for the one %s of both texts. */
void nr_judge_note(
	struct nr_judgement *judgement, const char *code, const char *en, const char *ja, const char *detail);

const char *nr_verdict_name(enum nr_verdict verdict); /* "TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED" */

/* "indication", "reasons": [{"code","fatal","text_en","text_ja"}] into the object that is open. */
void nr_judgement_write_json(const struct nr_judgement *judgement, struct nr_json *json);

#endif
