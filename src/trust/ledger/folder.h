/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a ledger's folder: written so that a reader sees a whole one or none, read as a stranger's. They
 * are not made durable here: what a crash takes is made again from the segments.
 */
#ifndef NR_TRUST_LEDGER_FOLDER_H
#define NR_TRUST_LEDGER_FOLDER_H

#include "trust/ledger/tile.h"

struct nr_folder {
	const char *path;
	bool compare; /* leave a file alone that is there with the same bytes: after a crash */
	uint8_t *old; /* owned: room for that */
};
void nr_folder_fini(struct nr_folder *folder);

/* A tile of hashes or a bundle; width as in nr_tile_path(). */
int nr_folder_write(struct nr_folder *folder, unsigned level, uint64_t index, unsigned width,
	const void *bytes, size_t length, struct nr_error *error);
/* Removes the partial tiles of a full one. */
void nr_folder_drop_partial(const struct nr_folder *folder, unsigned level, uint64_t index);

/* Reads a tile of hashes: exactly width hashes; a partial one that is gone is the beginning of the full one.
 * -ENOENT; -EUCLEAN: another length. */
int nr_folder_read_tile(const char *path, unsigned level, uint64_t index, unsigned width,
	uint8_t bytes[static NR_TILE_BYTES], struct nr_error *error);
/* A bundle of at least width entries; *ret_bytes is the caller's. */
int nr_folder_read_bundle(const char *path, uint64_t index, unsigned width, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error);

/* As nr_file_read(), but regular files only: a stranger's folder may hold a pipe that never ends. */
int nr_folder_read_file(
	const char *path, size_t limit, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);

/* Makes folders up to the last slash of path. */
int nr_folder_make(const char *path, struct nr_error *error);

#endif
