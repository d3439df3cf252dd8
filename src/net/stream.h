/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one input, whatever it is: a plain file, a compressed one (gzip, bzip2, xz, zstd: recognised
 * by their first bytes), a pipe or "-" for standard input. Used by one thread; compressed input and pipes are
 * read ahead by a thread that the stream owns, into a few blocks, so memory is bounded whatever the input
 * says.
 */
#ifndef NR_NET_STREAM_H
#define NR_NET_STREAM_H

#include "base/error.h"

struct nr_stream; /* opaque; owned by the caller */

/* -ENOENT, -EACCES, -EISDIR, -EBADMSG (empty) ...; the message names the input and says what to do. */
int nr_stream_open(const char *path, struct nr_stream **ret_stream, struct nr_error *error);
void nr_stream_close(struct nr_stream *stream);

/* Up to max bytes, at least one; 0 at the end, and when reading or decompressing failed: then _error says
 * why. What was decoded before a failure has been delivered. */
size_t nr_stream_read(struct nr_stream *stream, uint8_t *bytes, size_t max);

/* Puts back what was read last (a copy): the next reads answer it again. For whoever looks at the first bytes
 * to see what it is. -ENOMEM. */
int nr_stream_unread(struct nr_stream *stream, const uint8_t *bytes, size_t length, struct nr_error *error);

/* NULL, or why the stream ended early; to be asked only after _read has answered 0. -EPIPE: the last
 * compressed member is cut; -EBADMSG: it is damaged. */
const struct nr_error *nr_stream_error(const struct nr_stream *stream);

/* "gzip", ... or NULL for plain bytes. */
const char *nr_stream_compression(const struct nr_stream *stream);

/* Bytes of the input taken so far, and in all (0: not known). */
void nr_stream_progress(const struct nr_stream *stream, uint64_t *ret_done, uint64_t *ret_total);

#endif
