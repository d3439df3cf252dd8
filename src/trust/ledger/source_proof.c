/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/source_proof.h"

#include <errno.h>

void nr_source_proof_fini(struct nr_source_proof *proof)
{
	free(proof->checkpoint);
	free(proof->entry);
	*proof = (struct nr_source_proof){0};
}

static int check(const struct nr_ledger_source *source, const struct nr_source_proof *made, uint64_t index,
	struct nr_error *error)
{
	struct nr_hash leaf;
	const struct nr_checkpoint *c = &made->verdict.checkpoint;
	nr_merkle_leaf(made->entry, made->entry_length, &leaf);
	if (nr_merkle_check_inclusion(
		    index, c->size, &leaf, made->proof.proof.hashes, made->proof.proof.count, &c->root))
		return 0;
	return nr_fail(error, -EUCLEAN,
		"%.120s: entry %llu does not lead to the root of its checkpoint: the folder is damaged or "
		"forged",
		source->folder, (unsigned long long)index);
}

int nr_source_proof_make(const struct nr_ledger_source *source, uint64_t index,
	struct nr_source_proof *ret_proof, struct nr_error *error)
{
	NR_AUTO(nr_ledger_closep) struct nr_ledger *ledger = NULL;
	NR_AUTO(nr_source_proof_fini) struct nr_source_proof made = {0};
	struct nr_note note;
	int e = nr_ledger_source_checkpoint(
		source, &made.checkpoint, &made.checkpoint_length, &note, &made.verdict, error);
	const struct nr_ledger_conf conf = {.folder = source->folder};
	e = e ? e : nr_ledger_open(&conf, &ledger, error);
	e = e ? e : nr_ledger_read(ledger, index, &made.entry, &made.entry_length, error);
	e = e ? e
	      : nr_ledger_prove_inclusion(
			ledger, index, made.verdict.checkpoint.size, &made.proof.proof, error);
	e = e ? e : check(source, &made, index, error);
	if (e)
		return e;
	made.proof.index = index;
	*ret_proof = made;
	made = (struct nr_source_proof){0};
	return 0;
}

int nr_source_proof_write(
	const struct nr_source_proof *proof, char **ret_text, size_t *ret_length, struct nr_error *error)
{
	return nr_tlog_proof_write(proof->proof.index, &proof->proof.proof, proof->checkpoint,
		proof->checkpoint_length, ret_text, ret_length, error);
}
