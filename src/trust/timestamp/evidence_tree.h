/* SPDX-License-Identifier: Apache-2.0 */
/* Inside evidence records: trees, and what a record consists of. */
#ifndef NR_TRUST_TIMESTAMP_EVIDENCE_TREE_H
#define NR_TRUST_TIMESTAMP_EVIDENCE_TREE_H

#include "trust/timestamp/evidence.h"

enum nr_oid nr_evidence_tree_digest(const struct nr_evidence_tree *tree);
/* The lists that lead from leaf `index` to the root, as [2] of an ArchiveTimeStamp; a tree of one leaf has
 * none. */
void nr_evidence_tree_put(const struct nr_evidence_tree *tree, size_t index, struct nr_der_writer *w);

/* H(hashes in ascending order); at most NR_EVIDENCE_LIST_MAX of them. */
#define NR_EVIDENCE_LIST_MAX 1024
bool nr_evidence_node(enum nr_oid digest, const uint8_t *const *hashes, size_t count, uint8_t *ret_hash);

#endif
