/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip, bzip2, xz and zstd behind one face. Concatenated members are one stream; zero bytes between or after
 * them (tape blocks) are ignored. What a file may make a decoder allocate is bounded by NR_DECOMPRESS_MEMORY.
 */
#ifndef NR_NET_DECOMPRESS_H
#define NR_NET_DECOMPRESS_H

#include "base/error.h"

#define NR_DECOMPRESS_MAGIC_MAX 6                     /* bytes that tell all of them */
#define NR_DECOMPRESS_MEMORY    (UINT64_C(256) << 20) /* xz; zstd windows: half of it */

struct nr_decompress; /* opaque; owned by the caller, used by one thread at a time */

/* A decoder for what begins with these bytes. -ENOENT: not compressed (no message); -ENOMEM. */
int nr_decompress_new(
	const uint8_t *magic, size_t length, struct nr_decompress **ret_decompress, struct nr_error *error);
void nr_decompress_free(struct nr_decompress *decompress);

const char *nr_decompress_name(const struct nr_decompress *decompress); /* "gzip" */

struct nr_decompress_span {
	const uint8_t *in;
	size_t in_left;
	uint8_t *out;
	size_t out_left;
};

/* Decodes as far as input and room go, and moves the span. -EBADMSG: damaged, or wants more memory than
 * allowed; what was decoded before is in the output. */
int nr_decompress_run(
	struct nr_decompress *decompress, struct nr_decompress_span *span, struct nr_error *error);

/* At the end of the input: is a member incomplete? */
bool nr_decompress_inside(const struct nr_decompress *decompress);

#endif
