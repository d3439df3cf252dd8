/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A proof made from a ledger's folder, which may be anybody's: what it yields is checked like a proof that a
 * stranger sent.
 */
#ifndef NR_TRUST_LEDGER_SOURCE_PROOF_H
#define NR_TRUST_LEDGER_SOURCE_PROOF_H

#include "trust/ledger/proof.h"
#include "trust/ledger/source.h"

struct nr_source_proof {
	uint8_t *checkpoint, *entry; /* owned */
	size_t checkpoint_length, entry_length;
	struct nr_tlog_policy_verdict verdict; /* points into checkpoint */
	struct nr_tlog_proof proof;
};

/* -ENOENT: no such entry. -EUCLEAN: it does not lead to the root of the checkpoint. */
int nr_source_proof_make(const struct nr_ledger_source *source, uint64_t index,
	struct nr_source_proof *ret_proof, struct nr_error *error);
void nr_source_proof_fini(struct nr_source_proof *proof);
/* As a file (proof.h); *ret_text is the caller's. */
int nr_source_proof_write(
	const struct nr_source_proof *proof, char **ret_text, size_t *ret_length, struct nr_error *error);

#endif
