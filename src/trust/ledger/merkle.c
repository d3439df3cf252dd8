/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/merkle.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

/* ---- hashing ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t state_key;
static EVP_MD *sha256;
static _Thread_local EVP_MD_CTX *thread_state;

static void free_state(void *state)
{
	EVP_MD_CTX_free(state);
}

static void prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!sha256 || pthread_key_create(&state_key, free_state) != 0)
		abort();
}

/* A hash that could not be computed must not pass for one: without memory for the first state of a thread, or
 * without SHA-256, the process ends. After that nothing here can fail. */
static EVP_MD_CTX *state(void)
{
	if (NR_LIKELY(thread_state != NULL))
		return thread_state;
	pthread_once(&once, prepare);
	thread_state = EVP_MD_CTX_new();
	if (!thread_state || pthread_setspecific(state_key, thread_state) != 0)
		abort();
	return thread_state;
}

static void hash_parts(
	const void *head, size_t head_length, const void *data, size_t length, struct nr_hash *ret_hash)
{
	EVP_MD_CTX *md = state();
	unsigned size;
	int ok = EVP_DigestInit_ex2(md, sha256, NULL) == 1 && EVP_DigestUpdate(md, head, head_length) == 1 &&
		 EVP_DigestUpdate(md, data, length) == 1 &&
		 EVP_DigestFinal_ex(md, ret_hash->bytes, &size) == 1;
	if (!ok)
		abort();
}

bool nr_hash_equal(const struct nr_hash *a, const struct nr_hash *b)
{
	return memcmp(a->bytes, b->bytes, NR_HASH_BYTES) == 0;
}

void nr_hash_of(const void *bytes, size_t length, struct nr_hash *ret_hash)
{
	hash_parts("", 0, bytes, length, ret_hash);
}

void nr_merkle_empty(struct nr_hash *ret_hash)
{
	hash_parts("", 0, "", 0, ret_hash);
}

void nr_merkle_leaf(const void *data, size_t length, struct nr_hash *ret_hash)
{
	hash_parts("\0", 1, data, length, ret_hash);
}

void nr_merkle_node(const struct nr_hash *left, const struct nr_hash *right, struct nr_hash *ret_hash)
{
	uint8_t both[1 + 2 * NR_HASH_BYTES] = {1};
	memcpy(both + 1, left->bytes, NR_HASH_BYTES);
	memcpy(both + 1 + NR_HASH_BYTES, right->bytes, NR_HASH_BYTES);
	hash_parts("", 0, both, sizeof both, ret_hash);
}

void nr_merkle_perfect(const struct nr_hash *hashes, unsigned level, struct nr_hash *ret_hash)
{
	struct nr_hash stack[65]; /* one of each height, for 2^level leaves in one pass */
	assert(level < 64);
	for (uint64_t i = 0; i < UINT64_C(1) << level; i++) {
		struct nr_hash h = hashes[i];
		unsigned height = 0;
		for (; i >> height & 1; height++)
			nr_merkle_node(&stack[height], &h, &h);
		stack[height] = h;
	}
	*ret_hash = stack[level];
}

/* ---- checks ---- */

/* The smallest power of two that is not below n has this exponent; n > 0. */
static unsigned ceiling_bits(uint64_t n)
{
	return n == 1 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
}

/* The largest power of two below n; n > 1. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (ceiling_bits(n) - 1);
}

bool nr_merkle_is_subtree(uint64_t start, uint64_t end)
{
	if (start >= end)
		return start == end;
	unsigned bits = ceiling_bits(end - start);
	return bits == 64 ? start == 0 : (start & ((UINT64_C(1) << bits) - 1)) == 0;
}

bool nr_merkle_check_inclusion(uint64_t index, uint64_t size, const struct nr_hash *leaf,
	const struct nr_hash *proof, size_t count, const struct nr_hash *root)
{
	if (index >= size)
		return false;
	uint64_t fn = index, sn = size - 1; /* the names of RFC 9162 */
	struct nr_hash r = *leaf;
	for (size_t i = 0; i < count; i++) {
		if (sn == 0)
			return false;
		if (fn & 1 || fn == sn) {
			nr_merkle_node(&proof[i], &r, &r);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			nr_merkle_node(&r, &proof[i], &r);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && nr_hash_equal(&r, root);
}

bool nr_merkle_check_subtree_inclusion(uint64_t index, uint64_t start, uint64_t end,
	const struct nr_hash *leaf, const struct nr_hash *proof, size_t count, const struct nr_hash *root)
{
	if (!nr_merkle_is_subtree(start, end) || index < start || index >= end)
		return false;
	return nr_merkle_check_inclusion(index - start, end - start, leaf, proof, count, root);
}

/* The way from the subtree's last leaf up: sn, and fn of its first and tn of the tree's last leaf. */
struct climb {
	uint64_t fn, sn, tn;
};

static void climb_once(struct climb *c)
{
	c->fn >>= 1;
	c->sn >>= 1;
	c->tn >>= 1;
}

/* Up to the largest full subtree that ends where the subtree ends. */
static void climb_start(struct climb *c)
{
	if (c->sn == c->tn) {
		while (c->fn != c->sn)
			climb_once(c);
	} else {
		while (c->fn != c->sn && c->sn & 1)
			climb_once(c);
	}
}

static bool check_climb(struct climb c, const struct nr_hash *proof, size_t count,
	const struct nr_hash *subtree, const struct nr_hash *root)
{
	climb_start(&c);
	struct nr_hash fr = *subtree, sr = *subtree;
	size_t i = 0;
	if (c.fn != c.sn) {
		if (count == 0)
			return false;
		fr = sr = proof[i++];
	}
	for (; i < count; i++) {
		if (c.tn == 0)
			return false;
		if (c.sn & 1 || c.sn == c.tn) {
			if (c.fn < c.sn)
				nr_merkle_node(&proof[i], &fr, &fr);
			nr_merkle_node(&proof[i], &sr, &sr);
			while (!(c.sn & 1) && c.tn != 0)
				climb_once(&c);
		} else {
			nr_merkle_node(&sr, &proof[i], &sr);
		}
		climb_once(&c);
	}
	return c.tn == 0 && nr_hash_equal(&fr, subtree) && nr_hash_equal(&sr, root);
}

bool nr_merkle_check_subtree_consistency(uint64_t start, uint64_t end, uint64_t size,
	const struct nr_hash *proof, size_t count, const struct nr_hash *subtree, const struct nr_hash *root)
{
	if (end > size || !nr_merkle_is_subtree(start, end))
		return false;
	if (start == end) {
		struct nr_hash empty;
		nr_merkle_empty(&empty);
		return count == 0 && nr_hash_equal(subtree, &empty);
	}
	if (start == 0 && end == size)
		return count == 0 && nr_hash_equal(subtree, root);
	return check_climb((struct climb){start, end - 1, size - 1}, proof, count, subtree, root);
}

bool nr_merkle_check_consistency(uint64_t old_size, uint64_t size, const struct nr_hash *proof, size_t count,
	const struct nr_hash *old_root, const struct nr_hash *root)
{
	if (old_size == 0)
		return false;
	return nr_merkle_check_subtree_consistency(0, old_size, size, proof, count, old_root, root);
}

/* ---- proofs ---- */

int nr_merkle_root(const struct nr_merkle_nodes *nodes, uint64_t start, uint64_t end,
	struct nr_hash *ret_root, struct nr_error *error)
{
	struct nr_hash root, left;
	uint64_t length = end - start, at = end;
	if (!nr_merkle_is_subtree(start, end))
		return nr_fail(error, -EINVAL, "[%llu, %llu) is no subtree", (unsigned long long)start,
			(unsigned long long)end);
	nr_merkle_empty(&root);
	/* full subtrees from the right: one per bit of the length */
	for (bool first = true; length; first = false) {
		unsigned level = (unsigned)__builtin_ctzll(length);
		length &= length - 1;
		at -= UINT64_C(1) << level;
		int e = nodes->node(nodes->context, level, at >> level, &left, error);
		if (e)
			return e;
		if (first)
			root = left;
		else
			nr_merkle_node(&left, &root, &root);
	}
	*ret_root = root;
	return 0;
}

/* A range of leaves that a proof has a hash of. */
struct range {
	uint64_t start, end;
};

/* Ranges were found from the root down; a proof has them from the leaf up. */
static int fill(const struct nr_merkle_nodes *nodes, const struct range *ranges, size_t count,
	struct nr_proof *ret_proof, struct nr_error *error)
{
	struct nr_proof proof = {.count = count};
	for (size_t i = 0; i < count; i++) {
		const struct range *r = &ranges[count - 1 - i];
		int e = nr_merkle_root(nodes, r->start, r->end, &proof.hashes[i], error);
		if (e)
			return e;
	}
	*ret_proof = proof;
	return 0;
}

int nr_merkle_prove_inclusion(const struct nr_merkle_nodes *nodes, uint64_t index, uint64_t start,
	uint64_t end, struct nr_proof *ret_proof, struct nr_error *error)
{
	struct range ranges[NR_PROOF_MAX];
	size_t count = 0;
	if (!nr_merkle_is_subtree(start, end) || index < start || index >= end)
		return nr_fail(error, -EINVAL, "entry %llu is not in a tree of %llu",
			(unsigned long long)index, (unsigned long long)end);
	while (end - start > 1) {
		uint64_t middle = start + split(end - start);
		bool left = index < middle;
		ranges[count++] = left ? (struct range){middle, end} : (struct range){start, middle};
		if (left)
			end = middle;
		else
			start = middle;
	}
	return fill(nodes, ranges, count, ret_proof, error);
}

int nr_merkle_prove_consistency(const struct nr_merkle_nodes *nodes, uint64_t start, uint64_t end,
	uint64_t size, struct nr_proof *ret_proof, struct nr_error *error)
{
	struct range ranges[NR_PROOF_MAX];
	size_t count = 0;
	uint64_t low = 0, high = size; /* the part of the tree that [start, end) is in */
	bool whole = true;             /* the checker knows the hash of [start, end) */
	if (end > size || !nr_merkle_is_subtree(start, end))
		return nr_fail(error, -EINVAL, "[%llu, %llu) is no subtree of a tree of %llu",
			(unsigned long long)start, (unsigned long long)end, (unsigned long long)size);
	while (start < end && !(start == low && end == high)) {
		uint64_t middle = low + split(high - low);
		if (end <= middle) {
			ranges[count++] = (struct range){middle, high};
			high = middle;
		} else {
			whole = whole && start >= middle;
			ranges[count++] = (struct range){low, middle};
			low = middle;
			start = NR_MAX(start, middle);
		}
	}
	if (!whole)
		ranges[count++] = (struct range){start, end};
	return fill(nodes, ranges, count, ret_proof, error);
}
