/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files: read with a limit, written so that a reader sees the old one or the new one and never a part.
 */
#ifndef NR_BASE_FILE_H
#define NR_BASE_FILE_H

#include "base/error.h"

/* Reads path; more than limit bytes is -EFBIG. *ret_bytes is owned by the caller and has a NUL after its
 * length bytes. */
int nr_file_read(
	const char *path, size_t limit, uint8_t **ret_bytes, size_t *ret_length, struct nr_error *error);

/*
 * Writes path whole: a temporary file beside it, fsync, rename, fsync of the folder. On failure nothing is
 * left behind and an older file stays. A new file has the mode 0666 less the umask, a replaced one keeps its
 * own; through a symbolic link the file behind it is replaced. A device or a pipe (/dev/stdout) is written to
 * as it is.
 */
int nr_file_write(const char *path, const void *bytes, size_t length, struct nr_error *error);

/*
 * The same in parts. stream is where to write; it must not be closed. _commit makes the file appear; _fini
 * without it removes what was written. One thread. A write error of the stream is found by _commit.
 */
struct nr_file {
	FILE *stream;
	char *path, *part; /* owned: the name to be, and the temporary one; part NULL: written in place or
			      committed */
};

int nr_file_create(struct nr_file *file, const char *path, struct nr_error *error);
int nr_file_commit(struct nr_file *file, struct nr_error *error);
void nr_file_fini(struct nr_file *file);

/* For a signal handler that is about to end the process (async-signal-safe, any thread): removes the
 * temporary files of this process. Of those that are open at once the first NR_FILES_ABANDONED are known to
 * it. */
#define NR_FILES_ABANDONED 8
void nr_file_abandon_all(void);

#endif
