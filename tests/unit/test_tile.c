/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles: paths, widths, nodes, and the tree of 70,000 entries whose every tile is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trust/ledger/tile.h"
#include "trust_vectors.h"

#include <errno.h>

#define LARGE 70000

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		unsigned level;
		uint64_t index;
		unsigned width;
		const char *path;
	} cases[] = {
		{0, 0, 256, "tile/0/000"},
		{0, 999, 256, "tile/0/999"},
		{0, 1000, 256, "tile/0/x001/000"},
		{1, 1234067, 256, "tile/1/x001/x234/067"},
		{0, 273, 112, "tile/0/273.p/112"},
		{NR_TILE_ENTRIES, 1234067, 1, "tile/entries/x001/x234/067.p/1"},
		{7, UINT64_MAX, 255, "tile/7/x018/x446/x744/x073/x709/x551/615.p/255"},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		char path[NR_TILE_PATH];
		nr_tile_path(cases[i].level, cases[i].index, cases[i].width, path);
		assert_string_equal(path, cases[i].path);
	}
}

static void test_widths(void **state)
{
	(void)state;
	static const struct {
		unsigned level;
		uint64_t index, size;
		unsigned width;
	} cases[] = {
		{0, 0, 0, 0},
		{0, 0, 1, 1},
		{0, 0, 255, 255},
		{0, 0, 256, 256},
		{0, 1, 256, 0},
		{0, 1, 257, 1},
		{1, 0, 255, 0},
		{1, 0, 256, 1},
		{0, 273, 70000, 112},
		{1, 1, 70000, 17},
		{2, 0, 70000, 1},
		{3, 0, 70000, 0},
		{NR_TILE_ENTRIES, 273, 70000, 112},
		{7, 0, UINT64_MAX, 255},
		{0, UINT64_MAX >> 8, UINT64_MAX, 255},
		{8, 0, UINT64_MAX, 0},
		{63, 0, UINT64_MAX, 0},
	};
	for (size_t i = 0; i < NR_COUNT(cases); i++)
		assert_int_equal(
			nr_tile_width(cases[i].level, cases[i].index, cases[i].size), cases[i].width);
}

/* All tiles of the large tree in memory, and its leaves. */
struct forest {
	struct nr_hash *hashes[3]; /* by level */
	struct nr_tree tree;
	size_t filled; /* tiles that became full */
	size_t asked;  /* tiles that were read */
};

static int note_full(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes)
{
	struct forest *f = context;
	assert_true(level < 2);
	if (level == 0)
		assert_memory_equal(&f->hashes[0][index * 256], hashes, NR_TILE_BYTES);
	nr_merkle_perfect(hashes, 8, &f->hashes[level + 1][index]);
	f->filled++;
	return 0;
}

static void plant(struct forest *f, uint64_t size)
{
	memset(f, 0, sizeof *f);
	for (unsigned level = 0; level < 3; level++)
		f->hashes[level] = calloc((size >> (8 * level)) + 1, NR_HASH_BYTES);
	for (uint64_t i = 0; i < size; i++) {
		char text[32];
		size_t length = (size_t)snprintf(text, sizeof text, "entry %llu", (unsigned long long)i);
		nr_merkle_leaf(text, length, &f->hashes[0][i]);
		assert_int_equal(nr_tree_add(&f->tree, &f->hashes[0][i], note_full, f), 0);
	}
}

static void fell(struct forest *f)
{
	for (unsigned level = 0; level < 3; level++)
		free(f->hashes[level]);
}

static int read_tile(void *context, unsigned level, uint64_t index, unsigned width,
	uint8_t bytes[static NR_TILE_BYTES], struct nr_error *error)
{
	struct forest *f = context;
	(void)error;
	f->asked++;
	memcpy(bytes, &f->hashes[level][index * 256], width * NR_HASH_BYTES);
	return 0;
}

static void digest_of(const void *bytes, size_t length, struct json_object *resource)
{
	struct nr_hash got, wanted;
	nr_hash_of(bytes, length, &got);
	assert_int_equal(number_of(resource, "bytes"), length);
	assert_true(hash_read(text_of(resource, "sha256"), &wanted));
	assert_true(nr_hash_equal(&got, &wanted));
}

/* The resource that has this path, if the vectors list it. */
static struct json_object *listed(struct json_object *resources, const char *path)
{
	for (size_t i = 0; resources && i < json_object_array_length(resources); i++) {
		struct json_object *r = json_object_array_get_idx(resources, i);
		if (!strcmp(text_of(r, "path"), path))
			return r;
	}
	return NULL;
}

static size_t check_resources(struct forest *f, uint64_t size, struct json_object *resources)
{
	size_t found = 0;
	char path[NR_TILE_PATH];
	NR_AUTO(nr_freep) uint8_t *bundle = malloc(NR_TILE_HASHES * 32);
	for (unsigned level = 0; level < 3; level++) {
		unsigned width;
		for (uint64_t n = 0; (width = nr_tile_width(level, n, size)) > 0; n++) {
			struct json_object *r = listed(resources, nr_tile_path(level, n, width, path));
			if (!r)
				continue;
			digest_of(&f->hashes[level][n * 256], width * NR_HASH_BYTES, r);
			found++;
		}
	}
	for (uint64_t n = 0; n * 256 < size; n++) {
		unsigned width = nr_tile_width(NR_TILE_ENTRIES, n, size);
		struct json_object *r = listed(resources, nr_tile_path(NR_TILE_ENTRIES, n, width, path));
		size_t length = 0;
		for (unsigned i = 0; r && i < width; i++) {
			int text = snprintf((char *)bundle + length + 2, 30, "entry %llu",
				(unsigned long long)(n * 256 + i));
			bundle[length] = 0;
			bundle[length + 1] = (uint8_t)text;
			length += 2 + (size_t)text;
		}
		if (r)
			digest_of(bundle, length, r);
		found += r != NULL;
	}
	return found;
}

static void test_70000_entries(void **state)
{
	(void)state;
	struct json_object *file = vector_read("rfc6962/tiles-70000.json");
	if (!file)
		return;
	struct forest f;
	struct json_object *sizes = member(file, "sizes");
	for (size_t i = 0; i < json_object_array_length(sizes); i++) {
		struct json_object *item = json_object_array_get_idx(sizes, i);
		uint64_t size = number_of(item, "size");
		struct nr_hash root, wanted;
		plant(&f, size);
		nr_tree_root(&f.tree, &root);
		assert_true(hash_read(text_of(item, "root"), &wanted));
		assert_true(nr_hash_equal(&root, &wanted));
		struct json_object *resources = member(item, "resources");
		size_t listed_count = resources ? json_object_array_length(resources) : 0;
		assert_int_equal(check_resources(&f, size, resources), listed_count);
		fell(&f);
	}
	json_object_put(file);
}

static void test_proofs_of_70000_entries(void **state)
{
	(void)state;
	struct json_object *file = vector_read("rfc6962/tiles-70000.json");
	if (!file)
		return;
	struct forest f;
	plant(&f, LARGE);
	NR_AUTO(nr_freep) struct nr_tiles *tiles = calloc(1, sizeof *tiles);
	*tiles = (struct nr_tiles){.read = read_tile, .context = &f};
	nr_tiles_init(tiles, LARGE);
	struct nr_merkle_nodes nodes = nr_tiles_nodes(tiles);
	struct nr_hash wanted[64];
	struct nr_proof proof;
	struct json_object *list = member(file, "inclusion");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		size_t count = proof_read(member(item, "proof"), wanted, 64);
		assert_int_equal(nr_merkle_prove_inclusion(&nodes, number_of(item, "index"), 0,
					 number_of(item, "size"), &proof, NULL),
			0);
		assert_int_equal(proof.count, count);
		assert_memory_equal(proof.hashes, wanted, count * NR_HASH_BYTES);
	}
	list = member(file, "consistency");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		size_t count = proof_read(member(item, "proof"), wanted, 64);
		assert_int_equal(nr_merkle_prove_consistency(&nodes, 0, number_of(item, "size1"),
					 number_of(item, "size2"), &proof, NULL),
			0);
		assert_int_equal(proof.count, count);
		assert_memory_equal(proof.hashes, wanted, count * NR_HASH_BYTES);
	}
	f.asked = 0; /* a proof reads each tile once: a path of three levels, and the right edge */
	nr_tiles_init(tiles, LARGE);
	assert_int_equal(nr_merkle_prove_inclusion(&nodes, 5, 0, LARGE, &proof, NULL), 0);
	assert_in_range(f.asked, 1, 6);
	fell(&f);
	json_object_put(file);
}

static void test_beyond_the_tree(void **state)
{
	(void)state;
	struct forest f;
	struct nr_hash hash;
	plant(&f, 300);
	NR_AUTO(nr_freep) struct nr_tiles *tiles = calloc(1, sizeof *tiles);
	*tiles = (struct nr_tiles){.read = read_tile, .context = &f};
	nr_tiles_init(tiles, 300);
	struct nr_merkle_nodes nodes = nr_tiles_nodes(tiles);
	assert_int_equal(nodes.node(nodes.context, 0, 299, &hash, NULL), 0);
	assert_int_equal(nodes.node(nodes.context, 0, 300, &hash, NULL), -EINVAL);
	assert_int_equal(nodes.node(nodes.context, 0, 512, &hash, NULL), -EINVAL);
	assert_int_equal(nodes.node(nodes.context, 8, 1, &hash, NULL), -EINVAL);
	assert_int_equal(nodes.node(nodes.context, 3, 37, &hash, NULL), -EINVAL); /* 296..303 */
	fell(&f);
}

static void test_bundles(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0, 3, 'a', 'b', 'c', 0, 0, 0, 2, 'd'};
	const uint8_t *at = bytes, *entry;
	size_t left = sizeof bytes, length;
	assert_true(nr_bundle_next(&at, &left, &entry, &length));
	assert_int_equal(length, 3);
	assert_memory_equal(entry, "abc", 3);
	assert_true(nr_bundle_next(&at, &left, &entry, &length));
	assert_int_equal(length, 0);
	assert_false(nr_bundle_next(&at, &left, &entry, &length)); /* two bytes said, one there */
	assert_int_equal(left, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_70000_entries),
		cmocka_unit_test(test_proofs_of_70000_entries),
		cmocka_unit_test(test_beyond_the_tree),
		cmocka_unit_test(test_bundles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
