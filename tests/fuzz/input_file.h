/* SPDX-License-Identifier: Apache-2.0 */
/* The fuzzer's bytes as a file that exists in memory only, for what reads files by name. */
#ifndef NR_FUZZ_INPUT_FILE_H
#define NR_FUZZ_INPUT_FILE_H

#include "base/base.h"

#include <sys/mman.h>

struct input_file {
	int fd;
	char path[32];
};

static inline void input_file_open(struct input_file *file, const void *bytes, size_t length)
{
	file->fd = memfd_create("input", MFD_CLOEXEC);
	if (file->fd < 0)
		abort();
	for (size_t done = 0; done < length;) {
		ssize_t n = write(file->fd, (const char *)bytes + done, length - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
	snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

static inline void input_file_close(struct input_file *file)
{
	close(file->fd);
}

#endif
