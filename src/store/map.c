/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SQLite VFS that hands out pages of the file out of one mapping for all connections of the process.
 * SQLite's own maps 2 GiB of a file at most (SQLITE_MAX_MMAP_SIZE, fixed when the library is built) and
 * copies what lies behind; a year is four times as long. All else is done by the VFS below, whose files these
 * are: only xFetch and what belongs to it are replaced.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a file may grow by before reading falls back to copying: addresses alone, no memory. A mapping may be
 * longer than its file, and shows what is appended (Linux). */
#define MAP_GROWTH ((size_t)64 << 30)

/* A file that some connection has open. Closing any descriptor of a file drops the process' POSIX locks on
 * it, those of SQLite among them: ours is closed behind the last connection. */
struct map {
	struct map *next;
	dev_t device;
	ino_t inode;
	size_t users;
	int file;
	uint8_t *bytes; /* NULL: it could not be mapped */
	size_t length;
	_Atomic(sqlite3_int64) size; /* of the file, when last looked at */
};

/* Stands behind the file of the VFS below. */
struct handle {
	sqlite3_io_methods methods;
	const sqlite3_io_methods *below;
	struct map *map;
};

static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *maps;
static sqlite3_vfs vfs, *below;

NR_INLINE size_t handle_offset(void)
{
	return ((size_t)below->szOsFile + _Alignof(struct handle) - 1) / _Alignof(struct handle) *
	       _Alignof(struct handle);
}

static struct handle *handle_of(sqlite3_file *file)
{
	return (struct handle *)((char *)file + handle_offset());
}

/* ---- maps ---- */

static void map_free(struct map *map)
{
	if (map->bytes)
		munmap(map->bytes, map->length);
	close(map->file);
	free(map);
}

static void map_give_back(struct map *map)
{
	pthread_mutex_lock(&maps_lock);
	if (--map->users == 0) {
		struct map **at = &maps;
		while (*at != map)
			at = &(*at)->next;
		*at = map->next;
		map_free(map);
	}
	pthread_mutex_unlock(&maps_lock);
}

static void look_at_size(struct map *map)
{
	struct stat status;
	atomic_store(&map->size, fstat(map->file, &status) == 0 ? status.st_size : 0);
}

static struct map *map_new(const char *path)
{
	struct map *map = calloc(1, sizeof *map);
	if (!map)
		return NULL;
	map->file = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (map->file < 0 || fstat(map->file, &status) != 0) {
		nr_close_fd(&map->file);
		free(map);
		return NULL;
	}
	map->device = status.st_dev;
	map->inode = status.st_ino;
	map->size = status.st_size;
	map->length = 2 * (size_t)status.st_size + MAP_GROWTH;
	void *bytes = mmap(NULL, map->length, PROT_READ, MAP_SHARED, map->file, 0);
	map->bytes = bytes == MAP_FAILED ? NULL : bytes;
	return map;
}

/* NULL: it is read by copying. */
static struct map *map_take(const char *path)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return NULL;
	pthread_mutex_lock(&maps_lock);
	struct map *map = maps;
	while (map && (map->inode != status.st_ino || map->device != status.st_dev))
		map = map->next;
	if (!map && (map = map_new(path))) {
		map->next = maps;
		maps = map;
	}
	if (map)
		map->users++;
	pthread_mutex_unlock(&maps_lock);
	return map;
}

/* ---- files ---- */

static int fetch(sqlite3_file *file, sqlite3_int64 offset, int amount, void **ret_page)
{
	struct map *map = handle_of(file)->map;
	sqlite3_int64 end = offset + amount;
	*ret_page = NULL;
	if (!map->bytes || (size_t)end > map->length)
		return SQLITE_OK;
	if (end > atomic_load(&map->size))
		look_at_size(map);
	if (end <= atomic_load(&map->size))
		*ret_page = map->bytes + offset;
	return SQLITE_OK;
}

/* Without a page: the file has changed, and may have become shorter. */
static int unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
	(void)offset;
	if (!page)
		look_at_size(handle_of(file)->map);
	return SQLITE_OK;
}

static int close_file(sqlite3_file *file)
{
	struct handle *handle = handle_of(file);
	struct map *map = handle->map;
	int code = handle->below->xClose(file);
	map_give_back(map);
	return code;
}

/* Between the two openings another file may have been put in place. */
static bool is_same_file(sqlite3_file *file)
{
	int moved = 1;
	return file->pMethods->xFileControl(file, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && !moved;
}

static int open_file(sqlite3_vfs *self, sqlite3_filename path, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)self;
	int code = below->xOpen(below, path, file, flags, ret_flags);
	if (code != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB) || file->pMethods->iVersion < 3)
		return code;
	struct map *map = map_take(path);
	if (map && !is_same_file(file)) {
		map_give_back(map);
		map = NULL;
	}
	if (!map)
		return code;
	struct handle *handle = handle_of(file);
	*handle = (struct handle){*file->pMethods, file->pMethods, map};
	handle->methods.xClose = close_file;
	handle->methods.xFetch = fetch;
	handle->methods.xUnfetch = unfetch;
	file->pMethods = &handle->methods;
	return code;
}

static void make(void)
{
	below = sqlite3_vfs_find(NULL);
	if (!below)
		return;
	vfs = *below;
	vfs.zName = "noroshi";
	vfs.szOsFile = (int)(handle_offset() + sizeof(struct handle));
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 0);
}

const char *nr_store_map(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make);
	return vfs.zName;
}
