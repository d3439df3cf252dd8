/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/verify.h"

#include "trust/ledger/folder.h"

#include <errno.h>
#include <string.h>

#define PROGRESS_EVERY 65536

int nr_folder_each(const char *folder, uint64_t size, uint64_t from, uint64_t to,
	int (*take)(
		void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error),
	void *context, struct nr_error *error)
{
	to = NR_MIN(to, size);
	int e = 0;
	for (uint64_t n = from / NR_TILE_HASHES; !e && n * NR_TILE_HASHES < to; n++) {
		NR_AUTO(nr_freep) uint8_t *bundle = NULL;
		size_t left, length;
		unsigned width = nr_tile_width(NR_TILE_ENTRIES, n, size);
		e = nr_folder_read_bundle(folder, n, width, &bundle, &left, error);
		const uint8_t *at = bundle, *entry;
		for (unsigned i = 0; !e && i < width; i++) {
			uint64_t index = n * NR_TILE_HASHES + i;
			nr_bundle_next(&at, &left, &entry, &length); /* whole: _read_bundle() looked */
			if (index >= from && index < to)
				e = take(context, index, entry, length, error);
		}
	}
	return e;
}

struct check {
	const char *folder;
	struct nr_tree *tree;
	struct nr_error *error;
	void (*progress)(void *context, uint64_t entries);
	void *context;
};

static int compare_tile(
	struct check *c, unsigned level, uint64_t index, unsigned width, const struct nr_hash *hashes)
{
	uint8_t bytes[NR_TILE_BYTES];
	char tile[NR_TILE_PATH];
	int e = nr_folder_read_tile(c->folder, level, index, width, bytes, c->error);
	if (!e && memcmp(bytes, hashes, (size_t)width * NR_HASH_BYTES) != 0)
		e = nr_fail(c->error, -EUCLEAN, "%s: %s: not the hashes of what is below it", c->folder,
			nr_tile_path(level, index, width, tile));
	return e;
}

static int compare_full(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes)
{
	return compare_tile(context, level, index, NR_TILE_HASHES, hashes);
}

static int add_entry(
	void *context, uint64_t index, const uint8_t *entry, size_t length, struct nr_error *error)
{
	struct check *c = context;
	struct nr_hash leaf;
	(void)error; /* c->error is the same */
	nr_merkle_leaf(entry, length, &leaf);
	if (c->progress && index % PROGRESS_EVERY == 0)
		c->progress(c->context, index);
	return nr_tree_add(c->tree, &leaf, compare_full, c);
}

static int compare_edge(struct check *c)
{
	int e = 0;
	for (unsigned level = 0; !e && level < NR_TILE_LEVELS; level++) {
		unsigned width = nr_tree_width(c->tree, level);
		if (width)
			e = compare_tile(
				c, level, c->tree->size >> (8 * level) >> 8, width, c->tree->edge[level]);
	}
	return e;
}

int nr_folder_check(const char *folder, uint64_t size, const struct nr_hash *root,
	void (*progress)(void *context, uint64_t entries), void *context, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_tree *tree = calloc(1, sizeof *tree);
	struct nr_hash got;
	struct check check = {folder, tree, error, progress, context};
	if (!tree)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_folder_each(folder, size, 0, size, add_entry, &check, error);
	e = e ? e : compare_edge(&check);
	if (e)
		return e;
	nr_tree_root(tree, &got);
	if (tree->size != size || !nr_hash_equal(&got, root))
		return nr_fail(error, -EUCLEAN, "%s: its %llu entries do not make the root of the checkpoint",
			folder, (unsigned long long)tree->size);
	return 0;
}
