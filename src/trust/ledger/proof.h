/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proof that travels with an entry (C2SP tlog-proof, "c2sp.org/tlog-proof@v1"): index, hashes, checkpoint.
 * With the entry and the log's key it is enough; nobody is asked.
 */
#ifndef NR_TRUST_LEDGER_PROOF_H
#define NR_TRUST_LEDGER_PROOF_H

#include "trust/ledger/policy.h"

#define NR_TLOG_PROOF_MAX (NR_NOTE_MAX + 16 * 1024) /* bytes of a file */

struct nr_tlog_proof {
	const char *extra; /* base64, not signed by anybody; NULL: none */
	size_t extra_length;
	uint64_t index;
	struct nr_proof proof;
	const char *checkpoint; /* the note */
	size_t checkpoint_length;
};

/* Slices point into bytes. -EBADMSG. */
int nr_tlog_proof_parse(
	const void *bytes, size_t length, struct nr_tlog_proof *ret_proof, struct nr_error *error);
/* *ret_text is the caller's. */
int nr_tlog_proof_write(uint64_t index, const struct nr_proof *proof, const void *checkpoint,
	size_t checkpoint_length, char **ret_text, size_t *ret_length, struct nr_error *error);

/* Whether the entry is in the log. 0, and *ret_verdict says who signed and cosigned. -EKEYREJECTED, -ENOKEY:
 * not signed by the policy's log. -EUCLEAN: signed, but the proof does not lead there from this entry. */
int nr_tlog_proof_check(const struct nr_tlog_proof *proof, const void *entry, size_t length,
	const struct nr_tlog_policy *policy, struct nr_tlog_policy_verdict *ret_verdict,
	struct nr_error *error);

#endif
