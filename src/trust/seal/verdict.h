/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a seal that was verified: the same on the command line and over HTTP. */
#ifndef NR_TRUST_SEAL_VERDICT_H
#define NR_TRUST_SEAL_VERDICT_H

#include "trust/seal/seal.h"

/* Never "one good is good": all signers, and at least one. */
bool nr_seal_all_passed(const struct nr_seal_verdict *verdicts, size_t count);

/* What strangers made into the seal that it is not is an answer, too. why: in English, from the parser. */
void nr_seal_verdict_of_none(struct nr_seal_verdict *ret_verdict, const char *why);

/* "valid", "signatures": [...] into the object that is open. */
void nr_seal_verdicts_write_json(const struct nr_seal_verdict *verdicts, size_t count, struct nr_json *json);

#endif
