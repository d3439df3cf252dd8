/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/seal/file_data.h"

#include "base/file.h"
#include "trust/certificate/signature.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool digest_stream(void *context, enum nr_oid digest, uint8_t ret_hash[64])
{
	struct nr_file_data *file = context;
	return fseeko(file->stream, 0, SEEK_SET) == 0 &&
	       nr_digest_stream(digest, file->stream, ret_hash, NULL) == 0;
}

int nr_file_data_open(struct nr_file_data *file, const char *path, bool whole, struct nr_error *error)
{
	*file = (struct nr_file_data){.stream = NULL, .data.name = strcmp(path, "-") == 0 ? NULL : path};
	struct stat status;
	bool once = stat(path, &status) == 0 && !S_ISREG(status.st_mode); /* a pipe is read once */
	if (whole || once || strcmp(path, "-") == 0) {
		const char *name = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
		int e = nr_file_read(name, NR_SEALED_MAX, &file->bytes, &file->data.length, error);
		file->data.bytes = file->bytes;
		return e;
	}
	file->stream = fopen(path, "re");
	if (!file->stream)
		return nr_fail(error, -errno, "%.150s: %s", path, strerror(errno));
	file->data.digest = digest_stream;
	file->data.context = file;
	return 0;
}

void nr_file_data_fini(struct nr_file_data *file)
{
	nr_closep(&file->stream);
	free(file->bytes);
	*file = (struct nr_file_data){.stream = NULL};
}
