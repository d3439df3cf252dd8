/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merkle trees (RFC 6962 section 2.1): hashes of leaves, nodes and ranges; proofs made and checked. Pure but
 * for SHA-256's state, of which each thread keeps one.
 *
 * Sizes and indices are all of uint64. A subtree is the range [start, end) of leaves, whose start is a
 * multiple of the smallest power of two that is not below its length; a tree is the subtree [0, size).
 */
#ifndef NR_TRUST_LEDGER_MERKLE_H
#define NR_TRUST_LEDGER_MERKLE_H

#include "base/error.h"

#define NR_HASH_BYTES 32

struct nr_hash {
	uint8_t bytes[NR_HASH_BYTES];
};

#define NR_PROOF_MAX 65 /* consistency of trees of nearly 2^64; a path has one fewer */
struct nr_proof {
	struct nr_hash hashes[NR_PROOF_MAX];
	size_t count;
};

bool nr_hash_equal(const struct nr_hash *a, const struct nr_hash *b);
void nr_hash_of(const void *bytes, size_t length, struct nr_hash *ret_hash); /* plain SHA-256 */

/* RFC 6962 section 2.1: SHA-256("") of no leaf, SHA-256(0, data), SHA-256(1, left, right). */
void nr_merkle_empty(struct nr_hash *ret_hash);
void nr_merkle_leaf(const void *data, size_t length, struct nr_hash *ret_hash);
void nr_merkle_node(const struct nr_hash *left, const struct nr_hash *right, struct nr_hash *ret_hash);

/* Root of 2^level hashes that stand one after another, by a binary tree. */
void nr_merkle_perfect(const struct nr_hash *hashes, unsigned level, struct nr_hash *ret_hash);

bool nr_merkle_is_subtree(uint64_t start, uint64_t end);

/* Checks. False is the answer to everything that does not hold, nonsense included. */

/* RFC 9162 section 2.1.3.2 */
bool nr_merkle_check_inclusion(uint64_t index, uint64_t size, const struct nr_hash *leaf,
	const struct nr_hash *proof, size_t count, const struct nr_hash *root);
/* RFC 9162 section 2.1.4.2. From size 0 nothing can be proved: false. */
bool nr_merkle_check_consistency(uint64_t old_size, uint64_t size, const struct nr_hash *proof, size_t count,
	const struct nr_hash *old_root, const struct nr_hash *root);
/* index counts from the beginning of the tree */
bool nr_merkle_check_subtree_inclusion(uint64_t index, uint64_t start, uint64_t end,
	const struct nr_hash *leaf, const struct nr_hash *proof, size_t count, const struct nr_hash *root);
bool nr_merkle_check_subtree_consistency(uint64_t start, uint64_t end, uint64_t size,
	const struct nr_hash *proof, size_t count, const struct nr_hash *subtree, const struct nr_hash *root);

/* Where a prover gets its hashes: those of full subtrees, [index << level, (index + 1) << level). */
struct nr_merkle_nodes {
	int (*node)(void *context, unsigned level, uint64_t index, struct nr_hash *ret_hash,
		struct nr_error *error);
	void *context;
};

/* The root of a subtree. */
int nr_merkle_root(const struct nr_merkle_nodes *nodes, uint64_t start, uint64_t end,
	struct nr_hash *ret_root, struct nr_error *error);
/* RFC 9162 section 2.1.3.1, in the subtree [start, end). -EINVAL: index is not in it. */
int nr_merkle_prove_inclusion(const struct nr_merkle_nodes *nodes, uint64_t index, uint64_t start,
	uint64_t end, struct nr_proof *ret_proof, struct nr_error *error);
/* RFC 9162 section 2.1.4.1 for start 0. -EINVAL: [start, end) is no subtree of a tree of `size`. */
int nr_merkle_prove_consistency(const struct nr_merkle_nodes *nodes, uint64_t start, uint64_t end,
	uint64_t size, struct nr_proof *ret_proof, struct nr_error *error);

#endif
