/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FILE_READ_FIRST 65536

static int file_fail(struct nr_error *error, const char *path, int code)
{
	return nr_fail(error, -code, "%s: %s", path, strerror(code));
}

/* Reads up to limit + 1 bytes, so that "too large" shows whatever the file says of its size (pipes, /proc).
 */
static int stream_read(FILE *stream, const char *path, size_t limit, uint8_t **ret_bytes, size_t *ret_length,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length = 0, room = 0;
	do {
		room = room ? 2 * room : FILE_READ_FIRST;
		uint8_t *grown = realloc(bytes, room + 1);
		if (!grown)
			return file_fail(error, path, ENOMEM);
		bytes = grown;
		length += fread(bytes + length, 1, room - length, stream);
	} while (length == room && length <= limit);
	if (ferror(stream))
		return file_fail(error, path, errno ? errno : EIO);
	if (length > limit)
		return nr_fail(error, -EFBIG, "%s: larger than %zu bytes", path, limit);
	bytes[length] = '\0';
	*ret_bytes = nr_steal(&bytes);
	*ret_length = length;
	return 0;
}

int nr_file_read(
	const char *path, size_t limit, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error)
{
	struct stat status;
	NR_AUTO(nr_closep) FILE *stream = fopen(path, "rbe");
	if (!stream || fstat(fileno(stream), &status) < 0)
		return file_fail(error, path, errno);
	if (S_ISREG(status.st_mode) &&
		(uintmax_t)status.st_size > limit) /* without reading half of it first */
		return nr_fail(error, -EFBIG, "%s: larger than %zu bytes", path, limit);
	return stream_read(stream, path, limit, ret_bytes, ret_length, error);
}

/* ---- what a signal handler finds ---- */

enum { FREE, CHANGING, TAKEN };

/* Names are copies that are never released, so that a handler may read them at any moment. */
static struct {
	_Atomic int state;
	char part[PATH_MAX];
} unfinished[NR_FILES_ABANDONED];

static void note_part(const char *part)
{
	if (strlen(part) >= sizeof unfinished[0].part)
		return;
	for (size_t i = 0; i < NR_FILES_ABANDONED; i++) {
		int is_free = FREE;
		if (!atomic_compare_exchange_strong(&unfinished[i].state, &is_free, CHANGING))
			continue;
		strcpy(unfinished[i].part, part);
		atomic_store(&unfinished[i].state, TAKEN);
		return;
	}
}

static void forget_part(const char *part)
{
	for (size_t i = 0; i < NR_FILES_ABANDONED; i++)
		if (atomic_load(&unfinished[i].state) == TAKEN && strcmp(unfinished[i].part, part) == 0)
			atomic_store(&unfinished[i].state, FREE);
}

void nr_file_abandon_all(void)
{
	for (size_t i = 0; i < NR_FILES_ABANDONED; i++)
		if (atomic_load(&unfinished[i].state) == TAKEN)
			unlink(unfinished[i].part);
}

/* ---- writing ---- */

/* A new file beside path with a name that nobody else has; the kernel applies the umask. */
static int part_open(const char *path, char **ret_part, struct nr_error *error)
{
	size_t room = strlen(path) + sizeof ".01234567.part";
	NR_AUTO(nr_freep) char *part = malloc(room);
	if (!part)
		return file_fail(error, path, ENOMEM);
	for (int attempt = 0; attempt < 16; attempt++) {
		uint32_t number;
		if (getrandom(&number, sizeof number, 0) != sizeof number)
			return file_fail(error, path, errno);
		snprintf(part, room, "%s.%08x.part", path, number);
		note_part(part); /* before it is there: a signal may come in between */
		int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0) {
			*ret_part = nr_steal(&part);
			return fd;
		}
		forget_part(part);
		if (errno != EEXIST)
			return file_fail(error, path, errno);
	}
	return file_fail(error, path, EEXIST);
}

/* Replacing /dev/null by a file would be the last thing that a system sees. */
static int device_open(const char *path, struct nr_file *ret_file, struct nr_error *error)
{
	char *name = strdup(path);
	FILE *stream = name ? fopen(path, "wbe") : NULL;
	if (!stream) {
		int code = name ? errno : ENOMEM;
		free(name);
		return file_fail(error, path, code);
	}
	*ret_file = (struct nr_file){stream, name, NULL};
	return 0;
}

int nr_file_create(struct nr_file *file, const char *path, struct nr_error *error)
{
	struct stat status;
	bool exists = stat(path, &status) == 0;
	if (exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return device_open(path, file, error);
	NR_AUTO(nr_freep) char *name = exists ? realpath(path, NULL) : strdup(path);
	if (!name)
		return file_fail(error, path, errno);
	NR_AUTO(nr_freep) char *part = NULL;
	int fd = part_open(name, &part, error);
	if (fd < 0)
		return fd;
	bool mode_kept = !exists || fchmod(fd, status.st_mode & 07777) == 0;
	FILE *stream = mode_kept ? fdopen(fd, "wb") : NULL;
	if (!stream) {
		int code = errno;
		close(fd);
		unlink(part);
		forget_part(part);
		return file_fail(error, path, code);
	}
	*file = (struct nr_file){stream, nr_steal(&name), nr_steal(&part)};
	return 0;
}

/* The rename itself must reach the disk, too. A file system that cannot sync a folder is not our caller's
 * failure. */
static void folder_sync(const char *path)
{
	NR_AUTO(nr_freep) char *folder = strdup(path);
	if (!folder)
		return;
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	NR_AUTO(nr_close_fd) int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)!fsync(fd);
}

int nr_file_commit(struct nr_file *file, struct nr_error *error)
{
	errno = 0;
	bool written = fflush(file->stream) == 0 && !ferror(file->stream);
	if (written && !file->part)
		return 0;
	if (!written || fsync(fileno(file->stream)) < 0 || rename(file->part, file->path) < 0)
		return file_fail(error, file->path, errno ? errno : EIO);
	forget_part(file->part);
	folder_sync(file->path);
	free(nr_steal(&file->part)); /* nothing to remove any more */
	return 0;
}

void nr_file_fini(struct nr_file *file)
{
	if (file->stream)
		fclose(file->stream);
	if (file->part) {
		unlink(file->part);
		forget_part(file->part);
	}
	free(file->part);
	free(file->path);
	*file = (struct nr_file){0};
}

int nr_file_write(const char *path, const void *bytes, size_t length, struct nr_error *error)
{
	NR_AUTO(nr_file_fini) struct nr_file file = {0};
	int rc = nr_file_create(&file, path, error);
	if (rc < 0)
		return rc;
	fwrite(bytes, 1, length, file.stream); /* _commit finds a failure */
	return nr_file_commit(&file, error);
}
