/* SPDX-License-Identifier: Apache-2.0 */
#include "store/flows/segment.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

void nr_flow_totals_add(struct nr_flow_totals *t, const struct nr_flow_totals *more)
{
	t->flows += more->flows;
	t->bytes += more->bytes;
	t->parts += more->parts;
	t->damaged += more->damaged;
	t->oldest = NR_MIN(t->oldest, more->oldest);
	t->newest = NR_MAX(t->newest, more->newest);
}

void nr_flow_totals_add_part(struct nr_flow_totals *t, const struct nr_flow_part_head *head)
{
	t->flows += head->rows;
	t->bytes += head->bytes;
	t->parts++;
	t->oldest = NR_MIN(t->oldest, head->received_first);
	t->newest = NR_MAX(t->newest, head->received_last);
}

/* ---- names ---- */

char *nr_flow_segment_path(const char *folder, const char *stem, const char *kind)
{
	char *path;
	return asprintf(&path, "%s/%s.%s", folder, stem, kind) < 0 ? NULL : path;
}

void nr_flow_segment_stem(nr_time begin, unsigned number, char stem[static NR_FLOW_STEM_MAX])
{
	char text[NR_TIME_TEXT]; /* 2026-01-02T03:04:05.000006Z */
	nr_time_write(begin, text);
	snprintf(stem, NR_FLOW_STEM_MAX, "%.10s/%.2s%.2s%.2s-%04x", text, text + 11, text + 14, text + 17,
		number & 0xffff);
}

void nr_flow_segment_head_init(struct nr_flow_segment_head *head, nr_time begin)
{
	*head = (struct nr_flow_segment_head){.magic = NR_FLOW_SEGMENT_MAGIC, .begin = begin};
	head->checksum = XXH3_64bits(head, offsetof(struct nr_flow_segment_head, checksum));
}

/* Whether name is like pattern, whose 0 stand for a digit and x for a hexadecimal one. */
static bool is_like(const char *name, const char *pattern, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)name[i];
		if (pattern[i] == '0' ? !isdigit(c) : pattern[i] == 'x' ? !isxdigit(c) : c != pattern[i])
			return false;
	}
	return true;
}

/* ---- which there are ---- */

void nr_flow_segments_fini(struct nr_flow_segments *s)
{
	free(s->items);
	*s = (struct nr_flow_segments){0};
}

static int segments_add(struct nr_flow_segments *s, const char *day, const char *name)
{
	static const char pattern[] = "000000-xxxx";
	size_t length = sizeof pattern - 1;
	if (strlen(name) < length || !is_like(name, pattern, length))
		return 0;
	bool settled = !strcmp(name + length, ".flows"), growing = !strcmp(name + length, ".part");
	if (!settled && !growing)
		return 0;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct nr_flow_segment *grown = realloc(s->items, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		s->items = grown;
		s->room = room;
	}
	struct nr_flow_segment *item = &s->items[s->count++];
	*item = (struct nr_flow_segment){.settled = settled, .growing = growing};
	snprintf(item->stem, sizeof item->stem, "%.10s/%.11s", day, name);
	return 0;
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static int list_day(int root, const char *day, struct nr_flow_segments *s)
{
	int file = openat(root, day, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NR_AUTO(close_folder) DIR *folder = file < 0 ? NULL : fdopendir(file);
	if (!folder)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno; /* erased meanwhile, or not ours */
	int e = 0;
	errno = 0;
	for (const struct dirent *entry; !e && (entry = readdir(folder));)
		e = segments_add(s, day, entry->d_name);
	return e ? e : -errno;
}

static int list_once(const char *path, struct nr_flow_segments *s)
{
	NR_AUTO(close_folder) DIR *folder = opendir(path);
	int e = folder ? 0 : -errno;
	for (const struct dirent *entry; !e && (entry = readdir(folder));)
		if (strlen(entry->d_name) == 10 && is_like(entry->d_name, "0000-00-00", 10))
			e = list_day(dirfd(folder), entry->d_name, s);
	return e;
}

static int by_stem(const void *a, const void *b)
{
	return strcmp(((const struct nr_flow_segment *)a)->stem, ((const struct nr_flow_segment *)b)->stem);
}

/* Twice: reading a folder may miss both names of a segment while it is settled, but that happens to it once.
 */
int nr_flow_segments_list(const char *folder, struct nr_flow_segments *s, struct nr_error *error)
{
	*s = (struct nr_flow_segments){0};
	int e = list_once(folder, s);
	e = e ? e : list_once(folder, s);
	if (e) {
		nr_flow_segments_fini(s);
		return nr_fail(error, e, "%s: cannot be read (%s)", folder, strerror(-e));
	}
	if (s->count)
		qsort(s->items, s->count, sizeof *s->items, by_stem);
	size_t kept = 0;
	for (size_t i = 0; i < s->count; i++)
		if (kept && !strcmp(s->items[kept - 1].stem, s->items[i].stem)) {
			s->items[kept - 1].settled |= s->items[i].settled;
			s->items[kept - 1].growing |= s->items[i].growing;
		} else {
			s->items[kept++] = s->items[i];
		}
	s->count = kept;
	return 0;
}

/* ---- from part to part ---- */

int nr_flow_read(int file, void *bytes, size_t length, uint64_t offset)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = pread(file, (char *)bytes + done, length - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENODATA;
		done += (size_t)got;
	}
	return 0;
}

int nr_flow_segment_check(int file)
{
	struct nr_flow_segment_head head;
	int e = nr_flow_read(file, &head, sizeof head, 0);
	if (e)
		return e == -ENODATA ? -EBADMSG : e;
	bool sound = head.magic == NR_FLOW_SEGMENT_MAGIC &&
		     head.checksum == XXH3_64bits(&head, offsetof(struct nr_flow_segment_head, checksum));
	return sound ? 0 : -EBADMSG;
}

void nr_flow_walk_init(struct nr_flow_walk *walk, int file, uint64_t size)
{
	walk->file = file;
	walk->size = size;
	walk->skipped = walk->offset = 0;
	walk->at = walk->end = sizeof(struct nr_flow_segment_head);
}

int nr_flow_walk_look(struct nr_flow_walk *walk, uint64_t offset)
{
	const struct nr_flow_part_head *head;
	if (offset >= walk->size)
		return -ENODATA;
	size_t length = (size_t)NR_MIN(walk->size - offset, sizeof walk->bytes);
	int e = nr_flow_read(walk->file, walk->bytes, length, offset);
	e = e ? e : nr_flow_part_check(walk->bytes, length, &head, &walk->sections);
	if (e)
		return e;
	return head->bytes <= walk->size - offset ? 0 : -ENODATA;
}

/* The next place from `at` on where the magic of a part stands; the size: there is none. */
static int find_magic(struct nr_flow_walk *walk, uint64_t at, uint64_t *ret_at)
{
	uint64_t words[512];
	while (at < walk->size) {
		size_t length = (size_t)NR_MIN(walk->size - at, sizeof words) & ~(size_t)7;
		int e = length ? nr_flow_read(walk->file, words, length, at) : -ENODATA;
		if (e == -ENODATA)
			break;
		if (e)
			return e;
		for (size_t i = 0; i < length / 8; i++)
			if (words[i] == NR_FLOW_PART_MAGIC) {
				*ret_at = at + 8 * i;
				return 0;
			}
		at += length;
	}
	*ret_at = walk->size;
	return 0;
}

int nr_flow_walk_next(struct nr_flow_walk *walk)
{
	uint64_t at = walk->at;
	if (at >= walk->size)
		return 0;
	int e = nr_flow_walk_look(walk, at);
	while (e == -EBADMSG || e == -ENODATA) {
		e = find_magic(walk, at + 8, &at);
		if (e)
			return e;
		if (at >= walk->size) {
			walk->at = walk->size;
			walk->skipped++;
			return 0;
		}
		e = nr_flow_walk_look(walk, at);
	}
	if (e)
		return e;
	walk->skipped += at != walk->at;
	walk->offset = at;
	walk->at = walk->end = at + walk->head.bytes;
	return 1;
}

/* ---- a part's bytes ---- */

static const uint8_t *file_get(
	struct nr_flow_part_source *source, uint64_t offset, uint32_t length, int *ret_code)
{
	struct nr_flow_file_source *f = (struct nr_flow_file_source *)source;
	f->buffer.length = 0;
	*ret_code = nr_flow_bytes_reserve(&f->buffer, length + 1u);
	if (*ret_code)
		return NULL;
	int e = nr_flow_read(f->file, f->buffer.bytes, length, f->offset + offset);
	*ret_code = e == -ENODATA ? -EBADMSG : e;
	f->bytes_read += length;
	return e ? NULL : f->buffer.bytes;
}

void nr_flow_file_source_init(struct nr_flow_file_source *f)
{
	*f = (struct nr_flow_file_source){.source.get = file_get, .file = -1};
}

void nr_flow_file_source_fini(struct nr_flow_file_source *f)
{
	nr_flow_bytes_fini(&f->buffer);
}
