/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PART "/.state/part" /* one writer, one file at a time */

void nr_folder_fini(struct nr_folder *folder)
{
	free(folder->old);
	folder->old = NULL;
}

int nr_folder_make(const char *path, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *copy = strdup(path);
	if (!copy)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			return nr_fail(error, -errno, "%s: %s", copy, strerror(errno));
		*slash = '/';
	}
	return 0;
}

static char *tile_place(const char *folder, unsigned level, uint64_t index, unsigned width)
{
	char tile[NR_TILE_PATH], *path = NULL;
	nr_tile_path(level, index, width, tile);
	return asprintf(&path, "%s/%s", folder, tile) < 0 ? NULL : path;
}

static int write_part(const char *part, const void *bytes, size_t length)
{
	NR_AUTO(nr_close_fd) int file = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0)
		return -errno;
	for (size_t done = 0; done < length;) {
		ssize_t put = write(file, (const uint8_t *)bytes + done, length - done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		done += (size_t)put;
	}
	return 0;
}

/* Whether the file holds these bytes already. */
static bool is_there(struct nr_folder *folder, const char *path, const void *bytes, size_t length)
{
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (file < 0 || fstat(file, &status) < 0 || status.st_size != (off_t)length)
		return false;
	if (!folder->old && !(folder->old = malloc(NR_BUNDLE_BYTES)))
		return false;
	return read(file, folder->old, length) == (ssize_t)length && memcmp(folder->old, bytes, length) == 0;
}

int nr_folder_write(struct nr_folder *folder, unsigned level, uint64_t index, unsigned width,
	const void *bytes, size_t length, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = tile_place(folder->path, level, index, width);
	NR_AUTO(nr_freep) char *part = NULL;
	if (!path || asprintf(&part, "%s" PART, folder->path) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (folder->compare && is_there(folder, path, bytes, length))
		return 0;
	int e = write_part(part, bytes, length);
	if (!e && rename(part, path) < 0) {
		e = -errno;
		if (e == -ENOENT && !(e = nr_folder_make(path, error)))
			e = rename(part, path) < 0 ? -errno : 0;
	}
	return e ? nr_fail(error, e, "%s: %s", path, strerror(-e)) : 0;
}

void nr_folder_drop_partial(const struct nr_folder *folder, unsigned level, uint64_t index)
{
	NR_AUTO(nr_freep) char *path = tile_place(folder->path, level, index, 1);
	if (!path)
		return;
	*strrchr(path, '/') = '\0';
	DIR *entries = opendir(path);
	if (!entries)
		return;
	for (struct dirent *entry; (entry = readdir(entries));)
		if (entry->d_name[0] != '.')
			(void)!unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
	rmdir(path);
}

int nr_folder_read_file(
	const char *path, size_t limit, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return nr_fail(error, -EUCLEAN, "%s: not a file", path);
	return nr_file_read(path, limit, ret_bytes, ret_length, error);
}

/* The file of a partial tile, or of the full one that has taken its place. */
static int read_either(const char *folder, unsigned level, uint64_t index, unsigned width, size_t limit,
	uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = tile_place(folder, level, index, width);
	int e = path ? nr_folder_read_file(path, limit, ret_bytes, ret_length, error) : -ENOMEM;
	if (e != -ENOENT || width == NR_TILE_HASHES)
		return e;
	NR_AUTO(nr_freep) char *full = tile_place(folder, level, index, NR_TILE_HASHES);
	int again = full ? nr_folder_read_file(full, limit, ret_bytes, ret_length, NULL) : -ENOMEM;
	return again == -ENOENT ? e : again ? nr_fail(error, again, "%s: %s", full, strerror(-again)) : 0;
}

int nr_folder_read_tile(const char *folder, unsigned level, uint64_t index, unsigned width,
	uint8_t bytes[static NR_TILE_BYTES], struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *read = NULL;
	size_t length, wanted = (size_t)width * NR_HASH_BYTES;
	char tile[NR_TILE_PATH];
	int e = read_either(folder, level, index, width, NR_TILE_BYTES, &read, &length, error);
	if (e)
		return e;
	if (length != wanted && length != NR_TILE_BYTES)
		return nr_fail(error, -EUCLEAN, "%s: %s: %zu bytes instead of %zu", folder,
			nr_tile_path(level, index, width, tile), length, wanted);
	memcpy(bytes, read, wanted);
	return 0;
}

int nr_folder_read_bundle(const char *folder, uint64_t index, unsigned width, uint8_t **ret_bytes,
	size_t *ret_length, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *read = NULL;
	size_t length;
	char tile[NR_TILE_PATH];
	int e = read_either(folder, NR_TILE_ENTRIES, index, width, NR_BUNDLE_BYTES, &read, &length, error);
	if (e)
		return e;
	const uint8_t *at = read, *entry;
	size_t left = length, entry_length;
	for (unsigned i = 0; i < width; i++) {
		if (!nr_bundle_next(&at, &left, &entry, &entry_length))
			return nr_fail(error, -EUCLEAN, "%s: %s: only %u entries", folder,
				nr_tile_path(NR_TILE_ENTRIES, index, width, tile), i);
	}
	*ret_bytes = nr_steal(&read);
	*ret_length = length - left;
	return 0;
}
