/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/tile.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define GROUPS 7 /* of three digits: indices are below 2^64 */

const char *nr_tile_path(unsigned level, uint64_t index, unsigned width, char path[static NR_TILE_PATH])
{
	unsigned groups[GROUPS], count = 0;
	do
		groups[count++] = (unsigned)(index % 1000);
	while (index /= 1000);
	int at = level == NR_TILE_ENTRIES ? snprintf(path, NR_TILE_PATH, "tile/entries")
					  : snprintf(path, NR_TILE_PATH, "tile/%u", level);
	while (count--)
		at += snprintf(
			path + at, NR_TILE_PATH - (size_t)at, count ? "/x%03u" : "/%03u", groups[count]);
	if (width < NR_TILE_HASHES)
		snprintf(path + at, NR_TILE_PATH - (size_t)at, ".p/%u", width);
	return path;
}

unsigned nr_tile_width(unsigned level, uint64_t index, uint64_t size)
{
	uint64_t hashes = level == NR_TILE_ENTRIES ? size : level < NR_TILE_LEVELS ? size >> (8 * level) : 0;
	if (index > hashes / NR_TILE_HASHES)
		return 0;
	uint64_t left = hashes - index * NR_TILE_HASHES;
	return (unsigned)NR_MIN(left, NR_TILE_HASHES);
}

void nr_tiles_init(struct nr_tiles *tiles, uint64_t size)
{
	tiles->size = size;
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++)
		tiles->kept[level].width = 0;
}

static int keep_tile(struct nr_tiles *tiles, unsigned level, uint64_t index, struct nr_error *error)
{
	struct nr_kept_tile *kept = &tiles->kept[level];
	unsigned width = nr_tile_width(level, index, tiles->size);
	if (kept->width && kept->index == index)
		return 0;
	kept->width = 0;
	if (!width)
		return nr_fail(error, -EINVAL, "no tile %llu of level %u in a tree of %llu",
			(unsigned long long)index, level, (unsigned long long)tiles->size);
	int e = tiles->read(tiles->context, level, index, width, kept->hashes[0].bytes, error);
	if (e)
		return e;
	kept->index = index;
	kept->width = width;
	return 0;
}

static int node(
	void *context, unsigned level, uint64_t index, struct nr_hash *ret_hash, struct nr_error *error)
{
	struct nr_tiles *tiles = context;
	unsigned tile_level = level / 8, inside = level % 8;
	uint64_t first = index << inside;
	assert(level < 64 && first >> inside == index);
	int e = keep_tile(tiles, tile_level, first / NR_TILE_HASHES, error);
	if (e)
		return e;
	const struct nr_kept_tile *kept = &tiles->kept[tile_level];
	size_t offset = first % NR_TILE_HASHES;
	if (offset + (1u << inside) > kept->width)
		return nr_fail(error, -EINVAL, "subtree %llu of level %u is not full in a tree of %llu",
			(unsigned long long)index, level, (unsigned long long)tiles->size);
	nr_merkle_perfect(&kept->hashes[offset], inside, ret_hash);
	return 0;
}

struct nr_merkle_nodes nr_tiles_nodes(struct nr_tiles *tiles)
{
	return (struct nr_merkle_nodes){node, tiles};
}

bool nr_bundle_next(
	const uint8_t **bytes, size_t *length, const uint8_t **ret_entry, size_t *ret_entry_length)
{
	const uint8_t *p = *bytes;
	if (*length < 2)
		return false;
	size_t entry = (size_t)p[0] << 8 | p[1];
	if (*length - 2 < entry)
		return false;
	*ret_entry = p + 2;
	*ret_entry_length = entry;
	*bytes = p + 2 + entry;
	*length -= 2 + entry;
	return true;
}

unsigned nr_tree_width(const struct nr_tree *tree, unsigned level)
{
	return (unsigned)(tree->size >> (8 * level) & (NR_TILE_HASHES - 1));
}

int nr_tree_add(struct nr_tree *tree, const struct nr_hash *leaf,
	int (*full)(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes),
	void *context)
{
	struct nr_hash hash = *leaf;
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++) {
		struct nr_hash *edge = tree->edge[level];
		unsigned width = nr_tree_width(tree, level);
		edge[width] = hash;
		if (width + 1 < NR_TILE_HASHES)
			break;
		int e = full(context, level, tree->size >> (8 * level) >> 8, edge);
		if (e)
			return e;
		nr_merkle_perfect(edge, 8, &hash);
	}
	tree->size++;
	return 0;
}

void nr_tree_root(const struct nr_tree *tree, struct nr_hash *ret_root)
{
	struct nr_hash root, left;
	bool first = true;
	nr_merkle_empty(&root);
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++) {
		unsigned width = nr_tree_width(tree, level);
		while (width) { /* full subtrees from the right: one per bit */
			unsigned bits = (unsigned)__builtin_ctz(width);
			width -= 1u << bits;
			nr_merkle_perfect(&tree->edge[level][width], bits, &left);
			if (first)
				root = left;
			else
				nr_merkle_node(&left, &root, &root);
			first = false;
		}
	}
	*ret_root = root;
}
