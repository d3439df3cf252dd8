/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct nr_stream {
	int file;
	uint64_t done, total;
	struct nr_error error;
};

static int open_input(const char *path, int *ret_file, uint64_t *ret_total, struct nr_error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	int file = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				  : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	struct stat status;
	if (fstat(file, &status) != 0) {
		int code = -errno;
		close(file);
		return nr_fail(error, code, "%s: %s", path, strerror(-code));
	}
	if (S_ISDIR(status.st_mode)) {
		close(file);
		return nr_fail(error, -EISDIR, "%s: is a directory; name the capture files in it", path);
	}
	*ret_file = file;
	*ret_total = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
	return 0;
}

int nr_stream_open(const char *path, struct nr_stream **ret_stream, struct nr_error *error)
{
	struct nr_stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	int code = open_input(path, &stream->file, &stream->total, error);
	if (code < 0) {
		free(stream);
		return code;
	}
	posix_fadvise(stream->file, 0, 0, POSIX_FADV_SEQUENTIAL);
	*ret_stream = stream;
	return 0;
}

void nr_stream_close(struct nr_stream *stream)
{
	if (!stream)
		return;
	close(stream->file);
	free(stream);
}

size_t nr_stream_read(struct nr_stream *stream, uint8_t *bytes, size_t max)
{
	ssize_t n;
	do
		n = read(stream->file, bytes, max);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		nr_fail(&stream->error, -errno, "%s", strerror(errno));
		return 0;
	}
	stream->done += (uint64_t)n;
	return (size_t)n;
}

const struct nr_error *nr_stream_error(const struct nr_stream *stream)
{
	return stream->error.code ? &stream->error : NULL;
}

const char *nr_stream_compression(const struct nr_stream *stream)
{
	(void)stream;
	return NULL;
}

void nr_stream_progress(const struct nr_stream *stream, uint64_t *ret_done, uint64_t *ret_total)
{
	*ret_done = stream->done;
	*ret_total = stream->total;
}
