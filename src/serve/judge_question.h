/* SPDX-License-Identifier: Apache-2.0 */
/* Within the process that judges and is thrown away (judge.h). */
#ifndef NR_SERVE_JUDGE_QUESTION_H
#define NR_SERVE_JUDGE_QUESTION_H

#include "base/json.h"
#include "trust/certificate/material.h"

/* Takes the JSON apart, judges, and writes the answer; answers its HTTP status, 0: none can be had. */
unsigned nr_judge_question(struct nr_material *material, bool require_revocation, const char *body,
	size_t length, struct nr_json *json);

#endif
