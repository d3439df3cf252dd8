/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/ledger/segment_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <zlib.h>

#define MAGIC       "noroshi ledger 1"
#define NAME_DIGITS 20
#define SET_ASIDE   ((uint64_t)4 * 1024 * 1024)

struct segment_head {
	char magic[16];
	uint64_t mark, first;
	uint32_t crc; /* of what is before it */
};

uint32_t nr_frame_crc(struct nr_frame_head head, const uint8_t *payload)
{
	head.crc = 0;
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)&head, sizeof head);
	return (uint32_t)crc32(crc, payload, head.length);
}

char *nr_segment_path(const char *folder, uint64_t first)
{
	char *path = NULL;
	return asprintf(&path, "%s/%0*llu", folder, NAME_DIGITS, (unsigned long long)first) < 0 ? NULL : path;
}

/* ---- the folder ---- */

int nr_segment_find(const char *folder, uint64_t most, uint64_t *ret_first, uint64_t *ret_next,
	bool *ret_found, struct nr_error *error)
{
	DIR *entries = opendir(folder);
	if (!entries)
		return nr_fail(error, -errno, "%s: %s", folder, strerror(errno));
	uint64_t first = 0, next = UINT64_MAX;
	bool found = false;
	for (struct dirent *entry; (entry = readdir(entries));) {
		char *end;
		uint64_t name = strtoull(entry->d_name, &end, 10);
		if (*end || end - entry->d_name != NAME_DIGITS)
			continue;
		if (name <= most) {
			first = found ? NR_MAX(first, name) : name;
			found = true;
		} else {
			next = NR_MIN(next, name);
		}
	}
	closedir(entries);
	*ret_first = first;
	*ret_next = next;
	*ret_found = found;
	return 0;
}

int nr_segment_read_head(
	int file, const char *path, uint64_t first, uint64_t *ret_mark, struct nr_error *error)
{
	struct segment_head head;
	ssize_t got = pread(file, &head, sizeof head, 0);
	if (got < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct segment_head, crc));
	if (got < (ssize_t)sizeof head || memcmp(head.magic, MAGIC, sizeof head.magic) != 0 ||
		crc != head.crc)
		return nr_fail(error, -ENODATA, "%s: no head of a segment", path);
	if (head.first != first)
		return nr_fail(error, -EUCLEAN, "%s: is the segment of entry %llu", path,
			(unsigned long long)head.first);
	*ret_mark = head.mark;
	return 0;
}

/* ---- the end ---- */

static bool is_zero(const uint8_t *bytes, size_t length)
{
	return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/* Whether anything stands behind the end; -EUCLEAN: a whole frame, then the end is no end. */
static int look_behind(
	struct nr_segment_reader *reader, const char *path, bool *ret_torn, struct nr_error *error)
{
	NR_AUTO(nr_freep) uint8_t *window = malloc(NR_SEGMENT_LOOK_BYTES);
	uint64_t end = reader->offset, index = reader->index;
	if (!window)
		return nr_fail(error, -ENOMEM, "out of memory");
	*ret_torn = false;
	for (off_t at = (off_t)end; (at = lseek(reader->file, at, SEEK_DATA)) >= 0;
		at += (off_t)NR_SEGMENT_LOOK_BYTES) {
		at = at / NR_FRAME_ALIGN * NR_FRAME_ALIGN; /* frames stand there */
		ssize_t got = pread(reader->file, window, NR_SEGMENT_LOOK_BYTES, at);
		if (got <= 0)
			break;
		if (is_zero(window, (size_t)got))
			continue;
		*ret_torn = true;
		for (size_t i = 0; i + sizeof(uint64_t) <= (size_t)got; i += NR_FRAME_ALIGN) {
			struct nr_frame_head head;
			const uint8_t *payload;
			if (memcmp(window + i, &reader->mark, sizeof reader->mark) != 0 ||
				(uint64_t)at + i == end)
				continue;
			if (pread(reader->file, &head, sizeof head, at + (off_t)i) != (ssize_t)sizeof head ||
				head.first <= index)
				continue;
			reader->offset = (uint64_t)at + i;
			reader->index = head.first;
			if (nr_segment_read_frame(reader, &head, &payload, NULL) == 0)
				return nr_fail(error, -EUCLEAN,
					"%s: offset %llu: damaged; entries behind it are whole", path,
					(unsigned long long)end);
		}
	}
	reader->offset = end;
	reader->index = index;
	return 0;
}

/* Goes through the last segment. */
static int find_end(
	struct nr_segments *s, uint64_t sure, struct nr_segment_reader *reader, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_segment_path(s->folder, s->file_first);
	struct nr_frame_head head;
	const uint8_t *payload;
	struct stat status;
	int e = 0;
	s->sure = NR_SEGMENT_HEAD_BYTES;
	while (!(e = nr_segment_read_frame(reader, &head, &payload, error))) {
		reader->offset += nr_frame_bytes(head.length);
		reader->index += head.count;
		if (reader->index <= sure)
			s->sure = reader->offset;
	}
	if (e != -ENODATA)
		return e;
	if (!path || fstat(reader->file, &status) < 0)
		return nr_fail(error, path ? -errno : -ENOMEM, "%s: cannot be read", s->folder);
	e = look_behind(reader, path, &s->torn, error);
	if (e)
		return e;
	s->mark = reader->mark;
	s->offset = reader->offset;
	s->size = reader->index;
	s->reserved = (uint64_t)status.st_size;
	s->file = open(path, O_RDWR | O_CLOEXEC);
	return s->file < 0 ? nr_fail(error, -errno, "%s: %s", path, strerror(errno)) : 0;
}

/* A segment that was made and whose head did not get to the disk: nothing else can be in it. */
static int is_unborn(const char *folder, uint64_t first, bool *ret_unborn, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_segment_path(folder, first);
	NR_AUTO(nr_close_fd) int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	uint64_t mark;
	uint8_t byte;
	if (file < 0)
		return nr_fail(error, path ? -errno : -ENOMEM, "%s: cannot be opened", folder);
	int e = nr_segment_read_head(file, path, first, &mark, error);
	*ret_unborn = e == -ENODATA;
	if (e != -ENODATA)
		return e;
	for (off_t at = NR_SEGMENT_HEAD_BYTES; pread(file, &byte, 1, at) == 1; at += 512)
		if (byte)
			return nr_fail(error, -EUCLEAN, "%s: the head is damaged", path);
	return 0;
}

/* The last one. Unborn ones are removed: they were never told of. */
static int last_segment(const char *folder, uint64_t *ret_first, bool *ret_found, struct nr_error *error)
{
	bool unborn = true;
	int e = 0;
	while (unborn) {
		uint64_t next;
		e = nr_segment_find(folder, UINT64_MAX, ret_first, &next, ret_found, error);
		if (e || !*ret_found)
			return e;
		e = is_unborn(folder, *ret_first, &unborn, error);
		if (e && e != -ENODATA)
			return e;
		NR_AUTO(nr_freep) char *path = unborn ? nr_segment_path(folder, *ret_first) : NULL;
		if (unborn && (!path || unlink(path) < 0))
			return nr_fail(error, path ? -errno : -ENOMEM,
				"%s: an empty segment cannot be removed", folder);
	}
	return 0;
}

int nr_segments_open(const char *folder, uint64_t size, uint64_t sure, struct nr_segments *ret_segments,
	struct nr_error *error)
{
	struct nr_segments s = {.file = -1, .size = size};
	struct nr_segment_reader reader = {.file = -1};
	bool found = false;
	int e = last_segment(folder, &s.file_first, &found, error);
	s.folder = strdup(folder);
	reader.folder = strdup(folder);
	if (!e && (!s.folder || !reader.folder))
		e = nr_fail(error, -ENOMEM, "out of memory");
	if (!e && found)
		e = nr_segment_reader_file(&reader, s.file_first, error);
	if (!e && found)
		e = find_end(&s, sure, &reader, error);
	nr_segment_reader_close(&reader);
	if (e) {
		nr_segments_close(&s);
		return e;
	}
	*ret_segments = s;
	return 0;
}

void nr_segments_close(struct nr_segments *segments)
{
	if (segments->file >= 0)
		close(segments->file);
	free(segments->folder);
	*segments = (struct nr_segments){.file = -1};
}

/* ---- writing ---- */

/* 0, or what pwrite said; a short count is a full disk. */
static int write_all(int file, const uint8_t *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t put = pwrite(file, bytes, length, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		bytes += put;
		length -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

/* Room for many frames at once, so that only data must get to the disk with each. Not every file system can.
 */
static int set_aside(struct nr_segments *s, uint64_t until)
{
	if (until <= s->reserved)
		return 0;
	uint64_t wanted = NR_MAX(until, s->reserved + SET_ASIDE);
	bool can = fallocate(s->file, 0, (off_t)s->reserved, (off_t)(wanted - s->reserved)) == 0;
	if (!can && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	s->reserved = wanted;
	return 0;
}

int nr_segments_trim(struct nr_segments *s, struct nr_error *error)
{
	if (s->file < 0)
		return 0;
	NR_AUTO(nr_freep) uint8_t *piece = malloc(NR_SEGMENT_LOOK_BYTES);
	int e = piece ? 0 : -ENOMEM;
	if (!e && s->torn) {
		e = ftruncate(s->file, (off_t)s->offset) < 0 ? -errno : 0;
		s->reserved = s->offset;
	}
	for (uint64_t at = s->sure; !e && at < s->offset;) {
		size_t wanted = (size_t)NR_MIN(s->offset - at, (uint64_t)NR_SEGMENT_LOOK_BYTES);
		ssize_t got = pread(s->file, piece, wanted, (off_t)at);
		if (got <= 0)
			e = got < 0 ? -errno : -EIO;
		else
			e = write_all(s->file, piece, (size_t)got, at);
		at += got > 0 ? (uint64_t)got : 0;
	}
	bool changed = s->torn || s->sure < s->offset;
	if (!e && changed && fsync(s->file) < 0)
		e = -errno;
	return e ? nr_fail(error, e, "%s: %s", s->folder, strerror(-e)) : 0;
}

/* The head is on the disk, and the name, before the first frame is written. */
static int birth(const char *folder, int file, uint64_t mark, uint64_t first)
{
	struct segment_head head = {.mark = mark, .first = first};
	memcpy(head.magic, MAGIC, sizeof head.magic);
	head.crc = (uint32_t)crc32(0, (const Bytef *)&head, offsetof(struct segment_head, crc));
	uint8_t bytes[NR_SEGMENT_HEAD_BYTES] = {0};
	memcpy(bytes, &head, sizeof head);
	int e = write_all(file, bytes, sizeof bytes, 0);
	if (!e && fsync(file) < 0)
		e = -EIO;
	NR_AUTO(nr_close_fd) int place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!e && (place < 0 || fsync(place) < 0))
		e = place < 0 ? -errno : -EIO;
	return e;
}

static int next_segment(struct nr_segments *s, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_segment_path(s->folder, s->size);
	uint64_t mark;
	if (!path || getrandom(&mark, sizeof mark, 0) != sizeof mark)
		return nr_fail(error, -ENOMEM, "out of memory");
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int e = file < 0 ? -errno : birth(s->folder, file, mark, s->size);
	if (e) {
		if (file >= 0) {
			unlink(path);
			close(file);
		}
		return nr_fail(error, e, "%s: %s", path, strerror(-e));
	}
	if (s->file >= 0)
		close(s->file);
	s->file = file;
	s->file_first = s->size;
	s->mark = mark;
	s->offset = s->reserved = NR_SEGMENT_HEAD_BYTES;
	return 0;
}

int nr_segments_write(
	struct nr_segments *s, uint8_t *bytes, size_t payload_length, uint32_t count, struct nr_error *error)
{
	uint64_t whole = nr_frame_bytes(payload_length);
	if (s->file < 0 || s->offset + whole > NR_SEGMENT_BYTES) {
		int e = next_segment(s, error);
		if (e)
			return e;
	}
	struct nr_frame_head head = {
		.mark = s->mark, .first = s->size, .count = count, .length = (uint32_t)payload_length};
	head.crc = nr_frame_crc(head, bytes + sizeof head);
	memcpy(bytes, &head, sizeof head);
	memset(bytes + sizeof head + payload_length, 0, whole - sizeof head - payload_length);
	int e = set_aside(s, s->offset + whole);
	e = e ? e : write_all(s->file, bytes, whole, s->offset);
	if (!e && fdatasync(s->file) < 0)
		e = -EIO;
	if (e)
		return nr_fail(error, e, "%s: %s", s->folder, strerror(-e));
	s->offset += whole;
	s->size += count;
	return 0;
}

void nr_segments_drop(struct nr_segments *s, uint64_t index)
{
	uint64_t keep, next;
	bool found;
	if (nr_segment_find(s->folder, index, &keep, &next, &found, NULL) || !found)
		return;
	for (bool more = keep > 0; more;) {
		uint64_t first;
		NR_AUTO(nr_freep) char *path = NULL;
		if (nr_segment_find(s->folder, keep - 1, &first, &next, &found, NULL) || !found)
			return;
		path = nr_segment_path(s->folder, first);
		more = path && unlink(path) == 0 && first > 0;
	}
}
