/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "trust/ledger/ledger_inside.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define MAGIC "noroshi tree 1\n"

/* head, then the hashes of each level's edge, then the CRC of all that */
struct head {
	char magic[sizeof MAGIC];
	uint64_t size;
};

int nr_tree_write(const char *path, const struct nr_tree *tree, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = malloc(sizeof(struct head) + sizeof tree->edge + sizeof(uint32_t));
	if (!bytes)
		return nr_fail(error, -ENOMEM, "out of memory");
	struct head head = {.magic = MAGIC, .size = tree->size};
	size_t length = sizeof head;
	memcpy(bytes, &head, sizeof head);
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++) {
		size_t edge = (size_t)nr_tree_width(tree, level) * NR_HASH_BYTES;
		memcpy(bytes + length, tree->edge[level], edge);
		length += edge;
	}
	uint32_t crc = (uint32_t)crc32(0, bytes, (uInt)length);
	memcpy(bytes + length, &crc, sizeof crc);
	return nr_file_write(path, bytes, length + sizeof crc, error);
}

int nr_tree_read(const char *path, struct nr_tree *ret_tree, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(
		path, sizeof(struct head) + sizeof ret_tree->edge + sizeof(uint32_t), &bytes, &length, error);
	if (e)
		return e;
	struct head head;
	uint32_t crc;
	if (length < sizeof head + sizeof crc)
		return nr_fail(error, -EUCLEAN, "%s: too short", path);
	memcpy(&head, bytes, sizeof head);
	memcpy(&crc, bytes + length - sizeof crc, sizeof crc);
	if (memcmp(head.magic, MAGIC, sizeof head.magic) != 0 ||
		crc != (uint32_t)crc32(0, bytes, (uInt)(length - sizeof crc)))
		return nr_fail(error, -EUCLEAN, "%s: damaged", path);
	size_t at = sizeof head;
	ret_tree->size = head.size;
	for (unsigned level = 0; level < NR_TILE_LEVELS; level++) {
		size_t edge = (size_t)nr_tree_width(ret_tree, level) * NR_HASH_BYTES;
		if (edge > length - sizeof crc - at)
			return nr_fail(error, -EUCLEAN, "%s: too short", path);
		memcpy(ret_tree->edge[level], bytes + at, edge);
		at += edge;
	}
	return 0;
}
