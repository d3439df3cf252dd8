/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Merkle tree cut into tiles (C2SP tlog-tiles): tile n of level L holds the hashes of the full subtrees of
 * 256^L leaves from number n * 256 on, 256 of them at most; entry bundle n the 256 entries below tile n of
 * level 0. Paths, widths, and nodes looked up in tiles. Pure: bytes come from the caller.
 */
#ifndef NR_TRUST_LEDGER_TILE_H
#define NR_TRUST_LEDGER_TILE_H

#include "trust/ledger/merkle.h"

#define NR_TILE_HASHES  256
#define NR_TILE_BYTES   (NR_TILE_HASHES * NR_HASH_BYTES)
#define NR_TILE_LEVELS  8  /* a level has a 256th of the hashes below it: of 2^64 leaves no more */
#define NR_TILE_ENTRIES 64 /* in place of a level: the entry bundle */
#define NR_BUNDLE_BYTES (NR_TILE_HASHES * (2 + 65535))

/* "tile/0/x001/234", "tile/0/x001/234.p/17", "tile/entries/000". width NR_TILE_HASHES: the full one. */
#define NR_TILE_PATH 64
const char *nr_tile_path(unsigned level, uint64_t index, unsigned width, char path[static NR_TILE_PATH]);

/* How many hashes or entries the tile has in a tree of `size`: 256, fewer at its right edge, 0 beyond it. */
unsigned nr_tile_width(unsigned level, uint64_t index, uint64_t size);

/* Nodes by tiles. One tile of each level is kept, so that a proof reads each only once. */
struct nr_tiles {
	/* width * NR_HASH_BYTES bytes of a tile of hashes */
	int (*read)(void *context, unsigned level, uint64_t index, unsigned width,
		uint8_t bytes[static NR_TILE_BYTES], struct nr_error *error);
	void *context;
	uint64_t size; /* of the tree whose tiles they are */
	struct nr_kept_tile {
		uint64_t index;
		unsigned width; /* 0: none */
		struct nr_hash hashes[NR_TILE_HASHES];
	} kept[NR_TILE_LEVELS];
};
void nr_tiles_init(struct nr_tiles *tiles, uint64_t size);
/* For the provers of merkle.h; valid as long as tiles. */
struct nr_merkle_nodes nr_tiles_nodes(struct nr_tiles *tiles);

/* Entries of a bundle: u16 length, bytes. Takes the next one off *bytes; false: nothing, or not a whole one.
 */
bool nr_bundle_next(
	const uint8_t **bytes, size_t *length, const uint8_t **ret_entry, size_t *ret_entry_length);

/* A tree that grows: the hashes of its right edge, those of tiles that are not full. */
struct nr_tree {
	uint64_t size;
	struct nr_hash edge[NR_TILE_LEVELS][NR_TILE_HASHES];
};

/* Calls full() for each tile that the leaf fills, from the lowest up. Not 0: what full() said; then the tree
 * is of no use any more. */
int nr_tree_add(struct nr_tree *tree, const struct nr_hash *leaf,
	int (*full)(void *context, unsigned level, uint64_t index, const struct nr_hash *hashes),
	void *context);
void nr_tree_root(const struct nr_tree *tree, struct nr_hash *ret_root);
/* Hashes of the tile at the right edge of a level; 0..255. */
unsigned nr_tree_width(const struct nr_tree *tree, unsigned level);

#endif
