/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain regular files are read by the caller's own read(2). Everything else has a thread that reads and
 * decompresses ahead into a ring of blocks; a block is handed over as soon as the input would have to be
 * waited for, so that a live pipe is not held back.
 */
#include "net/stream.h"
#include "net/decompress.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define BLOCK       ((size_t)256 * 1024)
#define BLOCK_COUNT 8
#define INPUT       ((size_t)64 * 1024) /* compressed bytes read at once */

struct block {
	uint8_t *bytes;
	size_t length, used;
};

struct nr_stream {
	int file;
	bool regular;
	_Atomic uint64_t done;
	uint64_t total;
	uint8_t *back; /* what was put back, and how much of it was read again */
	size_t back_length, back_used;
	struct nr_error error;

	/* Below: only where a thread reads ahead. */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* guards head, tail, finished */
	pthread_cond_t changed;
	struct block blocks[BLOCK_COUNT];
	unsigned head, tail; /* blocks[tail % COUNT .. head % COUNT) are full */
	bool finished;       /* the thread will add nothing more; error is final */
	atomic_bool stopping;
	int stop;                         /* eventfd: wakes the thread out of a wait for input */
	struct nr_decompress *decompress; /* NULL: plain */
	uint8_t *input;
	struct nr_decompress_span span;
	bool pending;                           /* the decoder may have output without new input */
	uint8_t first[NR_DECOMPRESS_MAGIC_MAX]; /* bytes of a pipe that were taken to recognise it */
	size_t first_length, first_used;
};

/* --- input --- */

static ssize_t read_again(int file, uint8_t *bytes, size_t max)
{
	ssize_t n;
	do
		n = read(file, bytes, max);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The thread's read: waits for input or for the order to stop; 0 at the end, when stopped and on failure. */
static size_t read_input(struct nr_stream *stream, uint8_t *bytes, size_t max)
{
	if (stream->first_used < stream->first_length) {
		size_t n = stream->first_length - stream->first_used;
		memcpy(bytes, stream->first + stream->first_used, n);
		stream->first_used += n;
		return n;
	}
	for (;;) {
		struct pollfd waits[2] = {
			{.fd = stream->file, .events = POLLIN}, {.fd = stream->stop, .events = POLLIN}};
		if (!stream->regular && poll(waits, 2, -1) < 0 && errno != EINTR) {
			nr_fail(&stream->error, -errno, "%s", strerror(errno));
			return 0;
		}
		if (atomic_load(&stream->stopping))
			return 0;
		if (!stream->regular && !waits[0].revents)
			continue;
		ssize_t n = read_again(stream->file, bytes, max);
		if (n >= 0) {
			atomic_fetch_add(&stream->done, (uint64_t)n);
			return (size_t)n;
		}
		if (errno != EAGAIN) {
			nr_fail(&stream->error, -errno, "%s", strerror(errno));
			return 0;
		}
	}
}

/* --- reading ahead --- */

static void cut_member(struct nr_stream *stream)
{
	nr_fail(&stream->error, -EPIPE, "the %s data ends early; was the file copied completely?",
		nr_decompress_name(stream->decompress));
}

/* Decodes into the block until it is full or input would have to be waited for. False: nothing more will
 * come. */
static bool decompress_block(struct nr_stream *stream, struct block *block)
{
	struct nr_decompress_span *span = &stream->span;
	span->out = block->bytes;
	span->out_left = BLOCK;
	while (span->out_left > 0) {
		if (span->in_left == 0 && !stream->pending) {
			if (span->out_left < BLOCK)
				break;
			span->in = stream->input;
			span->in_left = read_input(stream, stream->input, INPUT);
			if (span->in_left == 0) {
				if (!stream->error.code && nr_decompress_inside(stream->decompress))
					cut_member(stream);
				return false;
			}
		}
		int code = nr_decompress_run(stream->decompress, span, &stream->error);
		stream->pending = span->out_left == 0;
		if (code < 0)
			break;
	}
	block->length = BLOCK - span->out_left;
	return stream->error.code == 0;
}

static bool copy_block(struct nr_stream *stream, struct block *block)
{
	block->length = read_input(stream, block->bytes, BLOCK);
	return block->length > 0;
}

static bool wait_for_room(struct nr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	while (stream->head - stream->tail == BLOCK_COUNT && !atomic_load(&stream->stopping))
		pthread_cond_wait(&stream->changed, &stream->lock);
	pthread_mutex_unlock(&stream->lock);
	return !atomic_load(&stream->stopping);
}

/* Fills the block; blocks come into being when they are first needed. False: nothing more will come. */
static bool fill_block(struct nr_stream *stream, struct block *block)
{
	block->length = block->used = 0;
	if (!block->bytes && !(block->bytes = malloc(BLOCK))) {
		nr_fail(&stream->error, -ENOMEM, "out of memory");
		return false;
	}
	return stream->decompress ? decompress_block(stream, block) : copy_block(stream, block);
}

static void *read_ahead(void *argument)
{
	struct nr_stream *stream = argument;
	bool more = true;
	while (more && wait_for_room(stream)) {
		struct block *block = &stream->blocks[stream->head % BLOCK_COUNT];
		more = fill_block(stream, block);
		pthread_mutex_lock(&stream->lock);
		if (block->length > 0)
			stream->head++;
		pthread_cond_broadcast(&stream->changed);
		pthread_mutex_unlock(&stream->lock);
	}
	pthread_mutex_lock(&stream->lock);
	stream->finished = true;
	pthread_cond_broadcast(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
	return NULL;
}

/* The oldest full block, waiting for it; NULL at the end. */
static struct block *next_block(struct nr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	while (stream->head == stream->tail && !stream->finished)
		pthread_cond_wait(&stream->changed, &stream->lock);
	struct block *block =
		stream->head == stream->tail ? NULL : &stream->blocks[stream->tail % BLOCK_COUNT];
	pthread_mutex_unlock(&stream->lock);
	return block;
}

static void release_block(struct nr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->tail++;
	pthread_cond_broadcast(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
}

static size_t read_ahead_bytes(struct nr_stream *stream, uint8_t *bytes, size_t max)
{
	struct block *block = next_block(stream);
	if (!block)
		return 0;
	size_t n = NR_MIN(max, block->length - block->used);
	memcpy(bytes, block->bytes + block->used, n);
	block->used += n;
	if (block->used == block->length)
		release_block(stream);
	return n;
}

/* --- opening --- */

static int open_input(struct nr_stream *stream, const char *path, struct nr_error *error)
{
	bool standard_input = strcmp(path, "-") == 0;
	if (standard_input && isatty(STDIN_FILENO))
		return nr_fail(error, -EINVAL, "standard input is a terminal; give a file or a pipe");
	stream->file = standard_input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat status;
	if (stream->file < 0 || fstat(stream->file, &status) != 0) {
		int code = -errno;
		const char *remedy = code == -ENOENT   ? "; check its name"
				     : code == -EACCES ? "; it must be readable for the user of this program"
						       : "";
		return nr_fail(error, code, "%s: %s%s", path, strerror(-code), remedy);
	}
	if (S_ISDIR(status.st_mode))
		return nr_fail(error, -EISDIR, "%s: is a directory; name the capture files in it", path);
	stream->regular = S_ISREG(status.st_mode);
	stream->total = stream->regular ? (uint64_t)status.st_size : 0;
	return 0;
}

/* The first bytes; those of a pipe are kept for the thread, in a file they are only looked at. */
static int read_first(struct nr_stream *stream, const char *path, struct nr_error *error)
{
	while (stream->first_length < sizeof stream->first) {
		uint8_t *at = stream->first + stream->first_length;
		ssize_t n = read_again(stream->file, at, sizeof stream->first - stream->first_length);
		if (n < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){.fd = stream->file, .events = POLLIN}, 1, -1);
			continue;
		}
		if (n < 0)
			return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		stream->first_length += (size_t)n;
	}
	if (stream->first_length == 0)
		return nr_fail(error, -EBADMSG, "%s: is empty; a capture has at least a header", path);
	if (stream->regular && lseek(stream->file, -(off_t)stream->first_length, SEEK_CUR) >= 0)
		stream->first_used = stream->first_length;
	else
		atomic_store(&stream->done, stream->first_length);
	return 0;
}

static int start_thread(struct nr_stream *stream, const char *path, struct nr_error *error)
{
	if (stream->decompress && !(stream->input = malloc(INPUT)))
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	stream->stop = eventfd(0, EFD_CLOEXEC);
	if (stream->stop < 0)
		return nr_fail(error, -errno, "%s: cannot read ahead: %s", path, strerror(errno));
	int code = pthread_create(&stream->thread, NULL, read_ahead, stream);
	if (code != 0)
		return nr_fail(error, -code, "%s: cannot read ahead: %s", path, strerror(code));
	stream->threaded = true;
	return 0;
}

static int start(struct nr_stream *stream, const char *path, struct nr_error *error)
{
	int code = open_input(stream, path, error);
	if (code == 0)
		code = read_first(stream, path, error);
	if (code < 0)
		return code;
	code = nr_decompress_new(stream->first, stream->first_length, &stream->decompress, error);
	if (code < 0 && code != -ENOENT)
		return nr_error_prefix(error, "%s", path);
	if (stream->regular && !stream->decompress && stream->first_used == stream->first_length) {
		posix_fadvise(stream->file, 0, 0, POSIX_FADV_SEQUENTIAL);
		return 0;
	}
	return start_thread(stream, path, error);
}

int nr_stream_open(const char *path, struct nr_stream **ret_stream, struct nr_error *error)
{
	struct nr_stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return nr_fail(error, -ENOMEM, "%s: out of memory", path);
	stream->file = stream->stop = -1;
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->changed, NULL);
	int code = start(stream, path, error);
	if (code < 0) {
		nr_stream_close(stream);
		return code;
	}
	*ret_stream = stream;
	return 0;
}

static void stop_thread(struct nr_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	atomic_store(&stream->stopping, true);
	pthread_cond_broadcast(&stream->changed);
	pthread_mutex_unlock(&stream->lock);
	(void)eventfd_write(stream->stop, 1);
	pthread_join(stream->thread, NULL);
}

void nr_stream_close(struct nr_stream *stream)
{
	if (!stream)
		return;
	if (stream->threaded)
		stop_thread(stream);
	nr_close_fd(&stream->stop);
	nr_close_fd(&stream->file);
	nr_decompress_free(stream->decompress);
	free(stream->input);
	free(stream->back);
	for (unsigned i = 0; i < BLOCK_COUNT; i++)
		free(stream->blocks[i].bytes);
	pthread_cond_destroy(&stream->changed);
	pthread_mutex_destroy(&stream->lock);
	free(stream);
}

/* --- use --- */

int nr_stream_unread(struct nr_stream *stream, const uint8_t *bytes, size_t length, struct nr_error *error)
{
	size_t left = stream->back_length - stream->back_used;
	uint8_t *back = malloc(length + left + 1);
	if (!back)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (length)
		memcpy(back, bytes, length);
	if (left)
		memcpy(back + length, stream->back + stream->back_used, left);
	free(stream->back);
	stream->back = back;
	stream->back_length = length + left;
	stream->back_used = 0;
	return 0;
}

static size_t read_back(struct nr_stream *stream, uint8_t *bytes, size_t max)
{
	size_t n = NR_MIN(max, stream->back_length - stream->back_used);
	memcpy(bytes, stream->back + stream->back_used, n);
	stream->back_used += n;
	return n;
}

size_t nr_stream_read(struct nr_stream *stream, uint8_t *bytes, size_t max)
{
	if (stream->back_used < stream->back_length)
		return read_back(stream, bytes, max);
	if (stream->threaded)
		return read_ahead_bytes(stream, bytes, max);
	ssize_t n = read_again(stream->file, bytes, max);
	if (n < 0) {
		nr_fail(&stream->error, -errno, "%s", strerror(errno));
		return 0;
	}
	atomic_fetch_add_explicit(&stream->done, (uint64_t)n, memory_order_relaxed);
	return (size_t)n;
}

/* The thread's last word is seen through `finished`, which next_block() has read under the lock. */
const struct nr_error *nr_stream_error(const struct nr_stream *stream)
{
	return stream->error.code ? &stream->error : NULL;
}

const char *nr_stream_compression(const struct nr_stream *stream)
{
	return stream->decompress ? nr_decompress_name(stream->decompress) : NULL;
}

void nr_stream_progress(const struct nr_stream *stream, uint64_t *ret_done, uint64_t *ret_total)
{
	*ret_done = atomic_load(&stream->done);
	*ret_total = stream->total;
}
