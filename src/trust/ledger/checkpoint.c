/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/checkpoint.h"

#include "wire/base64.h"
#include "wire/note.h"

#include <errno.h>
#include <string.h>

/* Takes a line off; *ret_length is without its newline. NULL: there is none. */
static const char *take_line(const char **at, const char *end, size_t *ret_length)
{
	const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
	if (!newline)
		return NULL;
	*ret_length = (size_t)(newline - line);
	*at = newline + 1;
	return line;
}

int nr_checkpoint_parse(
	const char *text, size_t length, struct nr_checkpoint *ret_checkpoint, struct nr_error *error)
{
	const char *at = text, *end = text + length;
	size_t origin_length, size_length, root_length, extra_length;
	const char *origin = take_line(&at, end, &origin_length);
	const char *size = origin ? take_line(&at, end, &size_length) : NULL;
	const char *root = size ? take_line(&at, end, &root_length) : NULL;
	if (!root)
		return nr_fail(error, -EBADMSG, "checkpoint: not three lines of origin, size and root");
	if (!origin_length)
		return nr_fail(error, -EBADMSG, "checkpoint: the origin is empty");
	struct nr_checkpoint got = {.origin = origin,
		.origin_length = origin_length,
		.extension = at,
		.extension_length = (size_t)(end - at)};
	if (nr_note_number(size, size_length, &got.size))
		return nr_fail(error, -EBADMSG, "checkpoint: \"%.*s\" is no size",
			(int)NR_MIN(size_length, (size_t)40), size);
	if (nr_base64_read(root, root_length, got.root.bytes, NR_HASH_BYTES) != NR_HASH_BYTES)
		return nr_fail(
			error, -EBADMSG, "checkpoint: the root is no base64 of %d bytes", NR_HASH_BYTES);
	while (at < end) {
		if (!take_line(&at, end, &extra_length) || !extra_length)
			return nr_fail(error, -EBADMSG, "checkpoint: an empty line of extension");
	}
	*ret_checkpoint = got;
	return 0;
}

size_t nr_checkpoint_write(
	const char *origin, uint64_t size, const struct nr_hash *root, char text[static NR_CHECKPOINT_TEXT])
{
	char base64[NR_BASE64_TEXT(NR_HASH_BYTES) + 1];
	nr_base64_write(root->bytes, NR_HASH_BYTES, base64);
	return (size_t)snprintf(text, NR_CHECKPOINT_TEXT, "%.*s\n%llu\n%s\n", NR_NOTE_NAME_MAX, origin,
		(unsigned long long)size, base64);
}

bool nr_checkpoint_is_of(const struct nr_checkpoint *checkpoint, const char *origin)
{
	return strlen(origin) == checkpoint->origin_length &&
	       memcmp(checkpoint->origin, origin, checkpoint->origin_length) == 0;
}
