/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence records (RFC 4998): one token proves any number of documents, and is renewed before it ends.
 *
 * A token stands over the root of a hash tree; a record holds, for its document, the hashes that lead there
 * (section 4.2). A token that will end is renewed by a new one over it, in the same chain; a digest that
 * grows weak by a new chain whose first token stands over document and all chains before (section 5.2).
 *
 * Our trees have no node with one child, so that no list of a record has one hash: what RFC 4998 says of such
 * a list is read in two ways.
 */
#ifndef NR_TRUST_TIMESTAMP_EVIDENCE_H
#define NR_TRUST_TIMESTAMP_EVIDENCE_H

#include "trust/timestamp/token.h"

#define NR_EVIDENCE_MAX (4u << 20) /* bytes of a record */

/* ---- trees ---- */

struct nr_evidence_tree;
/* leaves: count hashes of `digest`, one after the other; copied. */
int nr_evidence_tree_new(enum nr_oid digest, const uint8_t *leaves, size_t count,
	struct nr_evidence_tree **ret_tree, struct nr_error *error);
void nr_evidence_tree_free(struct nr_evidence_tree *tree);
void nr_evidence_tree_freep(struct nr_evidence_tree **tree);
const uint8_t *nr_evidence_tree_root(const struct nr_evidence_tree *tree);

/* ---- records ---- */

/* What the next token of a document must stand over: without a record (NULL) its digest; with one the last
 * token (a renewal), or, where `digest` is not that of the last chain, document and chains (section 5.2).
 * document: its digest by `digest`. */
int nr_evidence_leaf(const uint8_t *record, size_t length, enum nr_oid digest, const uint8_t *document,
	uint8_t ret_leaf[NR_TSP_IMPRINT_MAX], struct nr_error *error);

/* The record (NULL: a new one) with an archive time stamp more: leaf `index` of the tree whose root the token
 * stamps. *ret_record is the caller's. */
int nr_evidence_add(const uint8_t *record, size_t length, const struct nr_evidence_tree *tree, size_t index,
	const uint8_t *token, size_t token_length, uint8_t **ret_record, size_t *ret_length,
	struct nr_error *error);

struct nr_evidence {
	nr_time time;   /* of the first token: the document is at least that old */
	nr_time newest; /* of the last one */
	size_t chains, tokens;
	struct nr_token last;
};
/* question: as for a token (its token, length and request are not used); digest() is of the document. */
int nr_evidence_verify(const uint8_t *record, size_t length, const struct nr_token_question *question,
	struct nr_evidence *ret_evidence, struct nr_judgement *ret_judgement, struct nr_error *error);

#endif
