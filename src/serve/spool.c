/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/spool.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX  (4 * (size_t)NR_SPOOL_BYTES_MAX) /* a longer file is not ours */
#define REWRITE_BYTES   (2 * (size_t)NR_SPOOL_BYTES_MAX)
#define RECEIVER_DIGITS 16

struct nr_spool {
	char *path; /* owned */
	int file;
	size_t file_bytes;
	bool unsynced;
	uint64_t receivers[NR_SPOOL_RECEIVERS_MAX];
	size_t receiver_count;
	uint64_t last_id;
	struct nr_message *messages; /* owned; a ring, oldest first */
	size_t first, count, bytes;
};

static struct nr_message *message_at(const struct nr_spool *spool, size_t i)
{
	return &spool->messages[(spool->first + i) % NR_SPOOL_MESSAGES_MAX];
}

/* ---- the ring ---- */

static void drop_first(struct nr_spool *spool)
{
	struct nr_message *message = message_at(spool, 0);
	spool->bytes -= message->length;
	free(message->body);
	spool->first = (spool->first + 1) % NR_SPOOL_MESSAGES_MAX;
	spool->count--;
}

static void drop_done(struct nr_spool *spool)
{
	while (spool->count && !message_at(spool, 0)->waiting)
		drop_first(spool);
}

static bool append(struct nr_spool *spool, uint64_t id, unsigned waiting, const char *body, size_t length,
	uint64_t *dropped)
{
	char *copy = malloc(length + 1);
	if (!copy)
		return false;
	memcpy(copy, body, length);
	copy[length] = '\0';
	while (spool->count == NR_SPOOL_MESSAGES_MAX || spool->bytes + length > NR_SPOOL_BYTES_MAX) {
		*dropped += message_at(spool, 0)->waiting != 0;
		drop_first(spool);
	}
	*message_at(spool, spool->count++) = (struct nr_message){id, waiting, length, copy};
	spool->bytes += length;
	spool->last_id = id;
	return true;
}

/* ids are ascending */
static struct nr_message *find(const struct nr_spool *spool, uint64_t id)
{
	size_t low = 0, high = spool->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (message_at(spool, middle)->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < spool->count && message_at(spool, low)->id == id ? message_at(spool, low) : NULL;
}

/* ---- the file ---- */

static int write_text(struct nr_spool *spool, const char *text, size_t length, struct nr_error *error)
{
	size_t done = 0;
	while (done < length) {
		ssize_t n = write(spool->file, text + done, length - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	spool->unsynced = true;
	if (done == length) {
		spool->file_bytes += length;
		return 0;
	}
	int code = errno ? errno : EIO;
	if (ftruncate(spool->file, (off_t)spool->file_bytes) != 0)
		spool->file_bytes += done; /* a torn line, passed over when it is read */
	return nr_fail(error, -code, "%s: %s; messages wait in memory alone", spool->path, strerror(code));
}

static void write_message(const struct nr_spool *spool, const struct nr_message *message, FILE *out)
{
	fprintf(out, "+ %" PRIu64 " ", message->id);
	const char *comma = "";
	for (size_t r = 0; r < spool->receiver_count; r++)
		if (message->waiting & 1u << r) {
			fprintf(out, "%s%016" PRIx64, comma, spool->receivers[r]);
			comma = ",";
		}
	fprintf(out, " %s\n", message->body);
}

static int write_line(struct nr_spool *spool, const struct nr_message *message, struct nr_error *error)
{
	char *line = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&line, &length);
	if (!out)
		return nr_fail(error, -ENOMEM, "out of memory");
	write_message(spool, message, out);
	bool bad = fclose(out) != 0;
	int e = bad ? nr_fail(error, -ENOMEM, "out of memory") : write_text(spool, line, length, error);
	free(line);
	return e;
}

static int open_file(struct nr_spool *spool, struct nr_error *error)
{
	int file = open(spool->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat info;
	if (file < 0 || fstat(file, &info) != 0) {
		int code = errno;
		if (file >= 0)
			close(file);
		return nr_fail(error, -code, "%s: %s", spool->path, strerror(code));
	}
	if (spool->file >= 0)
		close(spool->file);
	spool->file = file;
	spool->file_bytes = (size_t)info.st_size;
	return 0;
}

/* Writes what waits into a new file: the old one has grown by what is long delivered. */
static int rewrite(struct nr_spool *spool, struct nr_error *error)
{
	NR_AUTO(nr_file_fini) struct nr_file file = {0};
	int e = nr_file_create(&file, spool->path, error);
	if (e)
		return e;
	for (size_t i = 0; i < spool->count; i++)
		if (message_at(spool, i)->waiting)
			write_message(spool, message_at(spool, i), file.stream);
	e = nr_file_commit(&file, error);
	return e ? e : open_file(spool, error);
}

/* ---- reading it ---- */

/* "0123456789abcdef,..." up to a space; bits of the receivers that are ours. NULL: not such a list. */
static const char *read_receivers(
	const struct nr_spool *spool, const char *text, unsigned *ret_bits, unsigned *ret_others)
{
	for (;; text++) {
		char digits[RECEIVER_DIGITS + 1], *end;
		snprintf(digits, sizeof digits, "%.*s", RECEIVER_DIGITS, text);
		uint64_t receiver = strtoull(digits, &end, 16);
		if (end != digits + RECEIVER_DIGITS)
			return NULL;
		size_t r = 0;
		while (r < spool->receiver_count && spool->receivers[r] != receiver)
			r++;
		if (r < spool->receiver_count)
			*ret_bits |= 1u << r;
		else
			++*ret_others;
		text += RECEIVER_DIGITS;
		if (*text != ',')
			return *text == ' ' || !*text ? text : NULL;
	}
}

static void read_line(struct nr_spool *spool, char *line, uint64_t *given_up)
{
	char *end;
	if ((*line != '+' && *line != '-') || line[1] != ' ' || line[2] < '0' || line[2] > '9')
		return;
	uint64_t id = strtoull(line + 2, &end, 10);
	unsigned bits = 0, others = 0;
	const char *rest = *end == ' ' ? read_receivers(spool, end + 1, &bits, &others) : NULL;
	if (!rest)
		return;
	if (*line == '-') {
		struct nr_message *message = find(spool, id);
		if (message)
			message->waiting &= ~bits;
		return;
	}
	*given_up += others;
	size_t length = *rest ? strlen(rest + 1) : 0;
	if (bits && length && length <= NR_SPOOL_BODY_MAX && id > spool->last_id)
		(void)append(spool, id, bits, rest + 1, length, given_up);
}

static int read_file(struct nr_spool *spool, uint64_t *given_up, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *bytes = NULL;
	size_t length;
	int e = nr_file_read(spool->path, FILE_BYTES_MAX, &bytes, &length, error);
	if (e == -ENOENT)
		return 0;
	if (e)
		return e;
	/* a line without its end was torn by a crash */
	for (char *line = (char *)bytes, *end;
		(end = memchr(line, '\n', length - (size_t)(line - (char *)bytes))); line = end + 1) {
		*end = '\0';
		read_line(spool, line, given_up);
	}
	drop_done(spool);
	return 0;
}

/* ---- the spool ---- */

int nr_spool_open(const char *path, const uint64_t *receivers, size_t receiver_count,
	struct nr_spool **ret_spool, uint64_t *ret_given_up, struct nr_error *error)
{
	struct nr_spool *spool = calloc(1, sizeof *spool);
	if (!spool)
		return nr_fail(error, -ENOMEM, "out of memory");
	spool->file = -1;
	spool->receiver_count = NR_MIN(receiver_count, (size_t)NR_SPOOL_RECEIVERS_MAX);
	memcpy(spool->receivers, receivers, spool->receiver_count * sizeof *receivers);
	spool->path = strdup(path);
	spool->messages = calloc(NR_SPOOL_MESSAGES_MAX, sizeof *spool->messages);
	uint64_t given_up = 0;
	int e = spool->path && spool->messages ? read_file(spool, &given_up, error)
					       : nr_fail(error, -ENOMEM, "out of memory");
	if (!e)
		e = open_file(spool, error);
	if (!e && spool->file_bytes)
		e = rewrite(spool, error); /* it may end in a torn line, to which nothing may be added */
	if (e) {
		nr_spool_close(spool);
		return e;
	}
	*ret_spool = spool;
	*ret_given_up = given_up;
	return 0;
}

void nr_spool_close(struct nr_spool *spool)
{
	if (!spool)
		return;
	while (spool->count)
		drop_first(spool);
	if (spool->file >= 0)
		close(spool->file);
	free(spool->messages);
	free(spool->path);
	free(spool);
}

int nr_spool_add(struct nr_spool *spool, const char *body, size_t length, uint64_t *ret_dropped,
	struct nr_error *error)
{
	if (length > NR_SPOOL_BODY_MAX)
		return nr_fail(error, -EMSGSIZE, "a message of %zu bytes is too long to send", length);
	uint64_t id = NR_MAX(spool->last_id + 1, (uint64_t)nr_time_now());
	unsigned all = (1u << spool->receiver_count) - 1;
	*ret_dropped = 0;
	if (!append(spool, id, all, body, length, ret_dropped))
		return nr_fail(error, -ENOMEM, "out of memory for a message");
	int e = write_line(spool, message_at(spool, spool->count - 1), error);
	if (!e && spool->file_bytes > REWRITE_BYTES)
		e = rewrite(spool, error);
	return e;
}

int nr_spool_sync(struct nr_spool *spool, struct nr_error *error)
{
	if (!spool->unsynced)
		return 0;
	if (fdatasync(spool->file) != 0)
		return nr_fail(error, -errno, "%s: %s", spool->path, strerror(errno));
	spool->unsynced = false;
	return 0;
}

const struct nr_message *nr_spool_next(const struct nr_spool *spool, size_t receiver)
{
	for (size_t i = 0; i < spool->count; i++)
		if (message_at(spool, i)->waiting & 1u << receiver)
			return message_at(spool, i);
	return NULL;
}

size_t nr_spool_waiting(const struct nr_spool *spool, size_t receiver)
{
	size_t count = 0;
	for (size_t i = 0; i < spool->count; i++)
		count += message_at(spool, i)->waiting >> receiver & 1;
	return count;
}

int nr_spool_done(struct nr_spool *spool, uint64_t id, size_t receiver, struct nr_error *error)
{
	struct nr_message *message = find(spool, id);
	if (!message || !(message->waiting & 1u << receiver))
		return 0; /* it gave way */
	message->waiting &= ~(1u << receiver);
	drop_done(spool);
	if (!spool->count && ftruncate(spool->file, 0) == 0) {
		spool->file_bytes = 0;
		spool->unsynced = true;
		return 0;
	}
	char line[64];
	int length =
		snprintf(line, sizeof line, "- %" PRIu64 " %016" PRIx64 "\n", id, spool->receivers[receiver]);
	return write_text(spool, line, (size_t)length, error);
}
