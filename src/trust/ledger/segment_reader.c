/* SPDX-License-Identifier: Apache-2.0 */
/* Segments are read through a window, so that many small frames cost few calls. */
#include "trust/ledger/segment_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int nr_segment_reader_file(struct nr_segment_reader *reader, uint64_t first, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_segment_path(reader->folder, first);
	NR_AUTO(nr_close_fd) int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (file < 0)
		return nr_fail(error, path ? -errno : -ENOMEM, "%s: %s", path ? path : "segment",
			strerror(path ? errno : ENOMEM));
	int e = nr_segment_read_head(file, path, first, &reader->mark, error);
	if (e)
		return e;
	if (reader->file >= 0)
		close(reader->file);
	reader->file = file;
	file = -1;
	reader->offset = NR_SEGMENT_HEAD_BYTES;
	reader->index = first;
	reader->window_length = 0;
	return 0;
}

/* Reads on from the reader's place, `length` bytes or more. What was read before may be older than the file.
 */
static int fill_window(struct nr_segment_reader *reader, size_t length, struct nr_error *error)
{
	size_t room = NR_MAX(length, NR_SEGMENT_LOOK_BYTES);
	reader->window_length = 0;
	if (room > reader->window_room) {
		uint8_t *window = realloc(reader->window, room);
		if (!window)
			return nr_fail(error, -ENOMEM, "out of memory");
		reader->window = window;
		reader->window_room = room;
	}
	ssize_t got = pread(reader->file, reader->window, reader->window_room, (off_t)reader->offset);
	if (got < 0)
		return nr_fail(error, -errno, "%s: %s", reader->folder, strerror(errno));
	reader->window_offset = reader->offset;
	reader->window_length = (size_t)got;
	return 0;
}

/* Bytes at the reader's place; NULL: there are not so many in the window. */
static const uint8_t *seen(const struct nr_segment_reader *reader, size_t length)
{
	if (reader->offset < reader->window_offset)
		return NULL;
	uint64_t skip = reader->offset - reader->window_offset;
	if (skip > reader->window_length || reader->window_length - skip < length)
		return NULL;
	return reader->window + skip;
}

static bool head_fits(const struct nr_segment_reader *reader, const struct nr_frame_head *head)
{
	return head->mark == reader->mark && head->first == reader->index &&
	       head->length <= NR_FRAME_PAYLOAD_MAX && head->count > 0;
}

/* The frame at the reader's place as far as the window has it. */
static bool see_frame(
	const struct nr_segment_reader *reader, struct nr_frame_head *ret_head, const uint8_t **ret_payload)
{
	const uint8_t *at = seen(reader, sizeof *ret_head);
	if (!at)
		return false;
	memcpy(ret_head, at, sizeof *ret_head);
	if (!head_fits(reader, ret_head))
		return false;
	at = seen(reader, sizeof *ret_head + ret_head->length);
	*ret_payload = at ? at + sizeof *ret_head : NULL;
	return at && nr_frame_crc(*ret_head, *ret_payload) == ret_head->crc;
}

int nr_segment_read_frame(struct nr_segment_reader *reader, struct nr_frame_head *ret_head,
	const uint8_t **ret_payload, struct nr_error *error)
{
	size_t wanted = sizeof *ret_head;
	for (unsigned i = 0; i < 3; i++) { /* what is in the window; the head; the whole */
		struct nr_frame_head head;
		if (see_frame(reader, ret_head, ret_payload))
			return 0;
		int e = i < 2 ? fill_window(reader, wanted, error) : -ENODATA;
		if (e)
			return e;
		const uint8_t *at = seen(reader, sizeof head);
		if (!at)
			return -ENODATA;
		memcpy(&head, at, sizeof head);
		if (!head_fits(reader, &head))
			return -ENODATA;
		wanted = sizeof head + head.length;
	}
	return -ENODATA;
}

/* Passes over the frame at the reader's place by its head alone; false: there is none, or it holds index. */
static bool pass_over(struct nr_segment_reader *reader, uint64_t index)
{
	struct nr_frame_head head;
	if (!seen(reader, sizeof head) && fill_window(reader, sizeof head, NULL))
		return false;
	const uint8_t *at = seen(reader, sizeof head);
	if (!at)
		return false;
	memcpy(&head, at, sizeof head);
	if (!head_fits(reader, &head) || head.first + head.count > index)
		return false;
	reader->offset += nr_frame_bytes(head.length);
	reader->index += head.count;
	return true;
}

int nr_segment_reader_open(
	const char *folder, uint64_t index, struct nr_segment_reader *ret_reader, struct nr_error *error)
{
	struct nr_segment_reader reader = {.file = -1};
	uint64_t first, next;
	bool found;
	int e = nr_segment_find(folder, index, &first, &next, &found, error);
	if (!e && !found)
		e = nr_fail(error, -EUCLEAN, "%s: no segment holds entry %llu", folder,
			(unsigned long long)index);
	if (!e && !(reader.folder = strdup(folder)))
		e = nr_fail(error, -ENOMEM, "out of memory");
	e = e ? e : nr_segment_reader_file(&reader, first, error);
	while (!e && reader.index < index && pass_over(&reader, index))
		;
	struct nr_frame_head head;
	const uint8_t *payload;
	if (!e && reader.index < index)
		e = nr_segment_read_frame(&reader, &head, &payload, error);
	if (e == -ENODATA)
		e = nr_fail(error, -EUCLEAN, "%s: ends before entry %llu", folder, (unsigned long long)index);
	if (e) {
		nr_segment_reader_close(&reader);
		return e;
	}
	*ret_reader = reader;
	return 0;
}

void nr_segment_reader_close(struct nr_segment_reader *reader)
{
	if (reader->file >= 0)
		close(reader->file);
	free(reader->folder);
	free(reader->window);
	*reader = (struct nr_segment_reader){.file = -1};
}

int nr_segment_reader_next(struct nr_segment_reader *reader, struct nr_frame_head *ret_head,
	const uint8_t **ret_payload, struct nr_error *error)
{
	struct nr_frame_head head;
	int e = nr_segment_read_frame(reader, &head, ret_payload, error);
	if (e == -ENODATA) { /* the end of this one: goes on in the next, or nowhere */
		uint64_t first, next, index = reader->index;
		bool found;
		e = nr_segment_find(reader->folder, index, &first, &next, &found, error);
		if (e)
			return e;
		if (next != UINT64_MAX && first != index)
			return nr_fail(error, -EUCLEAN, "%s: entries from %llu to %llu are missing",
				reader->folder, (unsigned long long)index, (unsigned long long)next - 1);
		if (!found || first != index || reader->offset == NR_SEGMENT_HEAD_BYTES)
			return nr_fail(error, -ENODATA, "%s: no entry %llu", reader->folder,
				(unsigned long long)index);
		e = nr_segment_reader_file(reader, first, error);
		e = e ? e : nr_segment_read_frame(reader, &head, ret_payload, NULL);
		if (e)
			return nr_fail(
				error, e, "%s: no entry %llu", reader->folder, (unsigned long long)index);
	}
	if (e)
		return e;
	reader->offset += nr_frame_bytes(head.length);
	reader->index += head.count;
	*ret_head = head;
	return 0;
}
