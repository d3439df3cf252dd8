/* SPDX-License-Identifier: Apache-2.0 */
/* Merkle trees: published vectors, and small trees by the definition of RFC 6962 section 2.1 itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust_vectors.h"

#include <errno.h>

#define VECTORS 518 /* in data/trust/merkle */
#define SMALL   40  /* leaves of the trees that are gone through whole */

/* MTH() as it is written in section 2.1. */
static void root_by_definition(const struct nr_hash *leaves, uint64_t n, struct nr_hash *ret)
{
	uint64_t k = 1;
	struct nr_hash left, right;
	if (n == 0) {
		nr_merkle_empty(ret);
		return;
	}
	if (n == 1) {
		*ret = leaves[0];
		return;
	}
	while (2 * k < n)
		k *= 2;
	root_by_definition(leaves, k, &left);
	root_by_definition(leaves + k, n - k, &right);
	nr_merkle_node(&left, &right, ret);
}

static int leaf_node(
	void *context, unsigned level, uint64_t index, struct nr_hash *ret, struct nr_error *error)
{
	(void)error;
	root_by_definition((const struct nr_hash *)context + (index << level), UINT64_C(1) << level, ret);
	return 0;
}

static void small_leaves(struct nr_hash leaves[static SMALL])
{
	for (unsigned i = 0; i < SMALL; i++) {
		char text[16];
		nr_merkle_leaf(text, (size_t)snprintf(text, sizeof text, "entry %u", i), &leaves[i]);
	}
}

static void test_definitions(void **state)
{
	(void)state;
	static const struct {
		const char *data, *hash;
	} leaves[] = {
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"4c313233343536", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"},
	};
	struct nr_hash got, wanted;
	for (size_t i = 0; i < NR_COUNT(leaves); i++) {
		uint8_t data[16];
		size_t length = hex_parse(leaves[i].data, data, sizeof data);
		nr_merkle_leaf(data, length, &got);
		assert_true(hash_read(leaves[i].hash, &wanted));
		assert_true(nr_hash_equal(&got, &wanted));
	}
	nr_merkle_empty(&got);
	assert_true(hash_read("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &wanted));
	assert_true(nr_hash_equal(&got, &wanted));
}

struct tally {
	size_t accepted, rejected, wrong;
};

/* Some consistency vectors have roots that are no hashes ("don't care"): equal texts are equal roots there.
 */
static void root_of(struct json_object *json, const char *name, struct nr_hash *ret_root)
{
	const char *text = text_of(json, name);
	if (!hash_read(text, ret_root))
		nr_hash_of(text, strlen(text), ret_root);
}

static void judge_vector(struct json_object *json, const char *name, void *context)
{
	struct tally *tally = context;
	struct nr_hash proof[128], root = {{0}}, root1 = {{0}}, root2 = {{0}}, leaf = {{0}};
	size_t count = proof_read(member(json, "proof"), proof, NR_COUNT(proof));
	bool is_inclusion = strstr(name, "inclusion"), is_subtree = strstr(name, "subtree"), valid = false;
	bool readable = count != SIZE_MAX;
	if (is_inclusion) {
		readable = readable && hash_read(text_of(json, "root"), &root) &&
			   hash_read(text_of(json, "leafHash"), &leaf);
	} else {
		root_of(json, "root1", &root1);
		root_of(json, "root2", &root2);
	}
	uint64_t start = number_of(json, "start"), end = number_of(json, "end");
	if (readable && is_inclusion && is_subtree)
		valid = nr_merkle_check_subtree_inclusion(
			number_of(json, "leafIdx"), start, end, &leaf, proof, count, &root);
	else if (readable && is_inclusion)
		valid = nr_merkle_check_inclusion(
			number_of(json, "leafIdx"), number_of(json, "treeSize"), &leaf, proof, count, &root);
	else if (readable && is_subtree)
		valid = nr_merkle_check_subtree_consistency(
			start, end, number_of(json, "size"), proof, count, &root1, &root2);
	else if (readable)
		valid = nr_merkle_check_consistency(
			number_of(json, "size1"), number_of(json, "size2"), proof, count, &root1, &root2);
	bool wanted = !json_object_get_boolean(member(json, "wantErr"));
	if (valid != wanted) {
		print_message("%s: %s\n", name, valid ? "accepted" : "rejected");
		tally->wrong++;
	}
	tally->accepted += valid;
	tally->rejected += !valid;
}

static void test_published_vectors(void **state)
{
	(void)state;
	struct tally tally = {0};
	size_t count = each_vector("merkle", judge_vector, &tally);
	if (!count) {
		print_message("skipped: no vectors\n");
		return;
	}
	assert_int_equal(tally.wrong, 0);
	assert_int_equal(count, VECTORS);
	assert_true(tally.accepted > 0 && tally.rejected > 0);
}

static void reference_inclusion(
	struct json_object *item, const struct nr_hash *leaves, const struct nr_hash *roots)
{
	struct nr_merkle_nodes nodes = {leaf_node, (void *)leaves};
	uint64_t index = number_of(item, "index"), size = number_of(item, "size");
	struct nr_hash wanted[8];
	struct nr_proof proof;
	size_t count = proof_read(member(item, "proof"), wanted, NR_COUNT(wanted));
	assert_int_equal(nr_merkle_prove_inclusion(&nodes, index, 0, size, &proof, NULL), 0);
	assert_int_equal(proof.count, count);
	assert_memory_equal(proof.hashes, wanted, count * NR_HASH_BYTES);
	assert_true(nr_merkle_check_inclusion(
		index, size, &leaves[index], proof.hashes, proof.count, &roots[size]));
}

static void reference_consistency(
	struct json_object *item, const struct nr_hash *leaves, const struct nr_hash *roots)
{
	struct nr_merkle_nodes nodes = {leaf_node, (void *)leaves};
	uint64_t old_size = number_of(item, "size1"), size = number_of(item, "size2");
	struct nr_hash wanted[8];
	struct nr_proof proof;
	size_t count = proof_read(member(item, "proof"), wanted, NR_COUNT(wanted));
	assert_int_equal(nr_merkle_prove_consistency(&nodes, 0, old_size, size, &proof, NULL), 0);
	assert_int_equal(proof.count, count);
	assert_memory_equal(proof.hashes, wanted, count * NR_HASH_BYTES);
	assert_true(nr_merkle_check_consistency(
		old_size, size, proof.hashes, proof.count, &roots[old_size], &roots[size]));
}

static void test_reference_tree(void **state)
{
	(void)state;
	struct json_object *tree = vector_read("rfc6962/reference-tree.json");
	if (!tree)
		return;
	struct nr_hash leaves[8], roots[9], got, wanted;
	for (size_t i = 0; i < 8; i++) {
		uint8_t data[32];
		const char *hex =
			json_object_get_string(json_object_array_get_idx(member(tree, "leaves"), i));
		nr_merkle_leaf(data, hex_parse(hex, data, sizeof data), &leaves[i]);
		hash_read(json_object_get_string(json_object_array_get_idx(member(tree, "leaf_hashes"), i)),
			&wanted);
		assert_true(nr_hash_equal(&leaves[i], &wanted));
	}
	for (size_t size = 0; size <= 8; size++) {
		struct nr_merkle_nodes nodes = {leaf_node, leaves};
		hash_read(json_object_get_string(
				  json_object_array_get_idx(member(tree, "roots_by_size"), size)),
			&roots[size]);
		assert_int_equal(nr_merkle_root(&nodes, 0, size, &got, NULL), 0);
		assert_true(nr_hash_equal(&got, &roots[size]));
	}
	struct json_object *list = member(tree, "inclusion");
	assert_int_equal(json_object_array_length(list), 36);
	for (size_t i = 0; i < 36; i++)
		reference_inclusion(json_object_array_get_idx(list, i), leaves, roots);
	list = member(tree, "consistency");
	assert_int_equal(json_object_array_length(list), 36);
	for (size_t i = 0; i < 36; i++)
		reference_consistency(json_object_array_get_idx(list, i), leaves, roots);
	json_object_put(tree);
}

static void test_every_subtree(void **state)
{
	(void)state;
	struct nr_hash leaves[SMALL], root, subtree;
	struct nr_proof proof;
	struct nr_merkle_nodes nodes = {leaf_node, leaves};
	small_leaves(leaves);
	for (uint64_t size = 1; size <= SMALL; size++) {
		root_by_definition(leaves, size, &root);
		for (uint64_t start = 0; start < size; start++) {
			for (uint64_t end = start + 1; end <= size; end++) {
				if (!nr_merkle_is_subtree(start, end))
					continue;
				root_by_definition(leaves + start, end - start, &subtree);
				assert_int_equal(
					nr_merkle_prove_consistency(&nodes, start, end, size, &proof, NULL),
					0);
				assert_true(nr_merkle_check_subtree_consistency(
					start, end, size, proof.hashes, proof.count, &subtree, &root));
				if (proof.count)
					assert_false(nr_merkle_check_subtree_consistency(start, end, size,
						proof.hashes, proof.count - 1, &subtree, &root));
				uint64_t index = start + (end - start) / 2;
				assert_int_equal(
					nr_merkle_prove_inclusion(&nodes, index, start, end, &proof, NULL),
					0);
				assert_true(nr_merkle_check_subtree_inclusion(index, start, end,
					&leaves[index], proof.hashes, proof.count, &subtree));
			}
		}
	}
}

static void test_what_is_a_subtree(void **state)
{
	(void)state;
	static const struct {
		uint64_t start, end;
		bool is;
	} cases[] = {
		{0, 0, true},
		{5, 5, true},
		{0, 7, true},
		{1, 2, true},
		{1, 3, false},
		{4, 7, true},
		{4, 8, true},
		{4, 9, false},
		{8, 7, false},
		{0, UINT64_MAX, true},
		{1, UINT64_MAX, false},
		{UINT64_C(1) << 63, UINT64_MAX, true},
		{UINT64_C(1) << 62, UINT64_MAX, false},
		{UINT64_MAX - 1, UINT64_MAX, true},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(nr_merkle_is_subtree(cases[i].start, cases[i].end), cases[i].is);
}

/* All nodes of one hash: a tree of any size in no memory. */
static int same_node(
	void *context, unsigned level, uint64_t index, struct nr_hash *ret, struct nr_error *error)
{
	(void)index, (void)error;
	*ret = ((const struct nr_hash *)context)[level];
	return 0;
}

static void test_sizes_up_to_the_last(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
		(UINT64_C(1) << 63) + 1, (UINT64_C(1) << 63) - 1};
	struct nr_hash level[64], root, old_root;
	struct nr_proof proof;
	struct nr_merkle_nodes nodes = {same_node, level};
	nr_merkle_leaf("x", 1, &level[0]);
	for (unsigned i = 1; i < 64; i++)
		nr_merkle_node(&level[i - 1], &level[i - 1], &level[i]);
	for (size_t i = 0; i < NR_COUNT(sizes); i++) {
		uint64_t size = sizes[i], indices[] = {0, 1, size / 2, size - 1};
		assert_int_equal(nr_merkle_root(&nodes, 0, size, &root, NULL), 0);
		for (size_t k = 0; k < NR_COUNT(indices); k++) {
			assert_int_equal(
				nr_merkle_prove_inclusion(&nodes, indices[k], 0, size, &proof, NULL), 0);
			assert_true(nr_merkle_check_inclusion(
				indices[k], size, &level[0], proof.hashes, proof.count, &root));
			assert_false(nr_merkle_check_inclusion(
				indices[k], size, &level[1], proof.hashes, proof.count, &root));
		}
		uint64_t old_size = size / 3;
		assert_int_equal(nr_merkle_root(&nodes, 0, old_size, &old_root, NULL), 0);
		assert_int_equal(nr_merkle_prove_consistency(&nodes, 0, old_size, size, &proof, NULL), 0);
		assert_true(nr_merkle_check_consistency(
			old_size, size, proof.hashes, proof.count, &old_root, &root));
	}
	assert_int_equal(nr_merkle_prove_inclusion(&nodes, 5, 0, 5, &proof, NULL), -EINVAL);
	assert_int_equal(nr_merkle_prove_consistency(&nodes, 0, 6, 5, &proof, NULL), -EINVAL);
}

/* Two leaves whose hashes stand in one leaf must not be a node. */
static void test_second_preimage(void **state)
{
	(void)state;
	struct nr_hash leaves[2], node, leaf;
	nr_merkle_leaf("a", 1, &leaves[0]);
	nr_merkle_leaf("b", 1, &leaves[1]);
	nr_merkle_node(&leaves[0], &leaves[1], &node);
	nr_merkle_leaf(leaves, sizeof leaves, &leaf);
	assert_false(nr_hash_equal(&node, &leaf));
	assert_false(nr_merkle_check_inclusion(0, 1, &leaf, NULL, 0, &node));
	assert_true(nr_merkle_check_inclusion(0, 1, &node, NULL, 0, &node));
}

static void test_from_nothing(void **state)
{
	(void)state;
	struct nr_hash empty, root;
	nr_merkle_empty(&empty);
	nr_merkle_leaf("a", 1, &root);
	assert_false(nr_merkle_check_consistency(0, 1, NULL, 0, &empty, &root));
	assert_false(nr_merkle_check_consistency(0, 0, NULL, 0, &empty, &empty));
	assert_false(nr_merkle_check_inclusion(0, 0, &root, NULL, 0, &empty));
	assert_true(nr_merkle_check_subtree_consistency(0, 0, 1, NULL, 0, &empty, &root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definitions),
		cmocka_unit_test(test_published_vectors),
		cmocka_unit_test(test_reference_tree),
		cmocka_unit_test(test_every_subtree),
		cmocka_unit_test(test_what_is_a_subtree),
		cmocka_unit_test(test_sizes_up_to_the_last),
		cmocka_unit_test(test_second_preimage),
		cmocka_unit_test(test_from_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
