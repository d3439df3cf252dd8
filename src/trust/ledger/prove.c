/* SPDX-License-Identifier: Apache-2.0 */
/* Entries and proofs from the tiles in the folder. */
#include "trust/ledger/ledger_inside.h"

#include <errno.h>
#include <string.h>

static int read_tile(void *context, unsigned level, uint64_t index, unsigned width,
	uint8_t bytes[static NR_TILE_BYTES], struct nr_error *error)
{
	const struct nr_ledger *ledger = context;
	return nr_folder_read_tile(ledger->conf.folder, level, index, width, bytes, error);
}

/* Tiles of the tree that the folder has; the caller's to free. */
static int tiles_new(
	struct nr_ledger *ledger, uint64_t size, struct nr_tiles **ret_tiles, struct nr_error *error)
{
	pthread_mutex_lock(&ledger->lock);
	uint64_t provable = ledger->provable;
	pthread_mutex_unlock(&ledger->lock);
	if (size > provable)
		return nr_fail(error, -EINVAL, "%s: no tree of %llu entries yet, only of %llu",
			ledger->conf.folder, (unsigned long long)size, (unsigned long long)provable);
	struct nr_tiles *tiles = malloc(sizeof *tiles);
	if (!tiles)
		return nr_fail(error, -ENOMEM, "out of memory");
	tiles->read = read_tile;
	tiles->context = ledger;
	nr_tiles_init(tiles, provable);
	*ret_tiles = tiles;
	return 0;
}

int nr_ledger_prove_inclusion(struct nr_ledger *ledger, uint64_t index, uint64_t size,
	struct nr_proof *ret_proof, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_tiles *tiles = NULL;
	int e = tiles_new(ledger, size, &tiles, error);
	if (e)
		return e;
	struct nr_merkle_nodes nodes = nr_tiles_nodes(tiles);
	return nr_merkle_prove_inclusion(&nodes, index, 0, size, ret_proof, error);
}

int nr_ledger_prove_consistency(struct nr_ledger *ledger, uint64_t old_size, uint64_t size,
	struct nr_proof *ret_proof, struct nr_error *error)
{
	NR_AUTO(nr_freep) struct nr_tiles *tiles = NULL;
	int e = tiles_new(ledger, size, &tiles, error);
	if (e)
		return e;
	struct nr_merkle_nodes nodes = nr_tiles_nodes(tiles);
	return nr_merkle_prove_consistency(&nodes, 0, old_size, size, ret_proof, error);
}

int nr_ledger_read(struct nr_ledger *ledger, uint64_t index, uint8_t **ret_bytes, size_t *ret_length,
	struct nr_error *error)
{
	uint64_t published = nr_ledger_published(ledger, NULL);
	if (index >= published && index < nr_ledger_size(ledger)) {
		int e = nr_ledger_publish(ledger, error);
		if (e)
			return e;
		published = nr_ledger_published(ledger, NULL);
	}
	if (index >= published)
		return nr_fail(error, -ENOENT, "%s: no entry %llu; there are %llu", ledger->conf.folder,
			(unsigned long long)index, (unsigned long long)published);
	NR_AUTO(nr_freep) uint8_t *bundle = NULL;
	uint64_t number = index / NR_TILE_HASHES;
	size_t left, length = 0;
	int e = nr_folder_read_bundle(ledger->conf.folder, number,
		nr_tile_width(NR_TILE_ENTRIES, number, published), &bundle, &left, error);
	if (e)
		return e;
	const uint8_t *at = bundle, *entry = bundle;
	for (uint64_t i = 0; i <= index % NR_TILE_HASHES; i++)
		nr_bundle_next(&at, &left, &entry, &length); /* whole: _read_bundle() looked */
	uint8_t *bytes = malloc(length + 1);
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	memcpy(bytes, entry, length);
	bytes[length] = '\0';
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}
