/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/timestamp/evidence_tree.h"

#include "trust/certificate/signature.h"

#include <errno.h>
#include <string.h>

#define LEVELS_MAX 64

struct nr_evidence_tree {
	enum nr_oid digest;
	size_t size; /* of a hash */
	size_t levels;
	uint8_t *hashes[LEVELS_MAX]; /* owned; level 0: leaves */
	size_t counts[LEVELS_MAX];
};

/* Children of a node: two, and three where one would be left over. */
static size_t group_start(size_t node)
{
	return 2 * node;
}
static size_t group_size(size_t count, size_t node)
{
	return 2 * node + 3 == count ? 3 : NR_MIN(2u, count - 2 * node);
}

bool nr_evidence_node(enum nr_oid digest, const uint8_t *const *hashes, size_t count, uint8_t *ret_hash)
{
	size_t size = nr_oid_digest_bytes(digest);
	const uint8_t *sorted[NR_EVIDENCE_LIST_MAX];
	if (count == 0 || count > NR_EVIDENCE_LIST_MAX)
		return false;
	for (size_t i = 0; i < count; i++) { /* two or three, of other makers' records more */
		size_t place = i;
		for (; place > 0 && memcmp(sorted[place - 1], hashes[i], size) > 0; place--)
			sorted[place] = sorted[place - 1];
		sorted[place] = hashes[i];
	}
	uint8_t few[3 * NR_DIGEST_MAX], *bytes = count * size <= sizeof few ? few : malloc(count * size);
	if (!bytes)
		return false;
	for (size_t i = 0; i < count; i++)
		memcpy(bytes + i * size, sorted[i], size);
	bool good = nr_digest(digest, bytes, count * size, ret_hash);
	if (bytes != few)
		free(bytes);
	return good;
}

static bool build_level(struct nr_evidence_tree *tree, size_t level)
{
	size_t below = tree->counts[level - 1], count = below / 2;
	tree->hashes[level] = malloc(count * tree->size);
	tree->counts[level] = count;
	tree->levels = level + 1;
	if (!tree->hashes[level])
		return false;
	for (size_t node = 0; node < count; node++) {
		const uint8_t *children[3];
		size_t size = group_size(below, node);
		uint8_t hash[NR_DIGEST_MAX];
		for (size_t i = 0; i < size; i++)
			children[i] = tree->hashes[level - 1] + (group_start(node) + i) * tree->size;
		if (!nr_evidence_node(tree->digest, children, size, hash))
			return false;
		memcpy(tree->hashes[level] + node * tree->size, hash, tree->size);
	}
	return true;
}

int nr_evidence_tree_new(enum nr_oid digest, const uint8_t *leaves, size_t count,
	struct nr_evidence_tree **ret_tree, struct nr_error *error)
{
	NR_AUTO(nr_evidence_tree_freep) struct nr_evidence_tree *tree = calloc(1, sizeof *tree);
	if (!tree || count == 0)
		return nr_fail(error, tree ? -EINVAL : -ENOMEM, tree ? "nothing to stamp" : "out of memory");
	tree->digest = digest;
	tree->size = nr_oid_digest_bytes(digest);
	tree->levels = 1;
	tree->counts[0] = count;
	tree->hashes[0] = malloc(count * tree->size);
	bool good = tree->hashes[0] != NULL;
	if (good)
		memcpy(tree->hashes[0], leaves, count * tree->size);
	while (good && tree->counts[tree->levels - 1] > 1)
		good = build_level(tree, tree->levels);
	if (!good)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_tree = nr_steal(&tree);
	return 0;
}

void nr_evidence_tree_free(struct nr_evidence_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->levels; i++)
		free(tree->hashes[i]);
	free(tree);
}

void nr_evidence_tree_freep(struct nr_evidence_tree **tree)
{
	nr_evidence_tree_free(*tree);
}

const uint8_t *nr_evidence_tree_root(const struct nr_evidence_tree *tree)
{
	return tree->hashes[tree->levels - 1];
}

enum nr_oid nr_evidence_tree_digest(const struct nr_evidence_tree *tree)
{
	return tree->digest;
}

void nr_evidence_tree_put(const struct nr_evidence_tree *tree, size_t index, struct nr_der_writer *w)
{
	size_t whole = nr_der_mark(w), places[LEVELS_MAX];
	if (tree->levels == 1)
		return;
	places[0] = index;
	for (size_t level = 1; level + 1 < tree->levels; level++)
		places[level] = NR_MIN(places[level - 1] / 2, tree->counts[level] - 1);
	for (size_t level = tree->levels - 1; level-- > 0;) { /* the last list first: written backwards */
		size_t mark = nr_der_mark(w), count = tree->counts[level];
		size_t node = NR_MIN(places[level] / 2, count / 2 - 1), size = group_size(count, node);
		for (size_t i = size; i-- > 0;) {
			size_t place = group_start(node) + i;
			if (level > 0 && place == places[level])
				continue; /* the verifier comes with this one */
			nr_der_put_value(
				w, NR_DER_OCTET_STRING, tree->hashes[level] + place * tree->size, tree->size);
		}
		nr_der_wrap(w, NR_DER_SEQUENCE, mark);
	}
	nr_der_wrap(w, NR_DER_CONSTRUCTED(2), whole);
}
