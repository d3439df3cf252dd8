/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settling: a segment that was cut gets its name for good. Where it has many small parts (as it grew slowly)
 * they are put together and packed again, which is smaller and faster to search; else it is renamed as it is.
 */
#include "store/flows/archive_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Parts as full as this are left as they are. */
#define FULL_ENOUGH (NR_FLOW_PART_ROWS / 4 * 3)

int nr_flow_measure(int file, uint64_t size, struct nr_flow_totals *ret_totals)
{
	struct nr_flow_walk walk;
	struct nr_flow_totals totals = NR_FLOW_TOTALS_NONE;
	nr_flow_walk_init(&walk, file, size);
	int e;
	while ((e = nr_flow_walk_next(&walk)) == 1)
		nr_flow_totals_add_part(&totals, &walk.head);
	if (e)
		return e;
	totals.bytes = walk.end;
	totals.damaged = walk.skipped;
	*ret_totals = totals;
	return 0;
}

static int remove_one(const char *folder, const char *stem, const char *kind, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(folder, stem, kind);
	if (!path)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (unlink(path) < 0 && errno != ENOENT)
		return nr_fail(error, -errno, "%s: cannot be erased (%s)", path, strerror(errno));
	return 0;
}

int nr_flow_segment_erase(const char *folder, const char *stem, struct nr_error *error)
{
	static const char *const kinds[] = {"tmp", "part", "flows"};
	int e = 0;
	for (size_t i = 0; i < NR_COUNT(kinds); i++) {
		int one = remove_one(folder, stem, kinds[i], error);
		e = e ? e : one;
	}
	if (e)
		return e;
	char *day;
	if (asprintf(&day, "%s/%.10s", folder, stem) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	bool gone = rmdir(day) == 0; /* when it was its last */
	free(day);
	return gone ? 0 : nr_flow_sync_folder(folder, stem, error);
}

/* ---- putting parts together ---- */

struct merger {
	struct nr_flow_packer packer;
	struct nr_flow_unpacker unpacker;
	struct nr_flow_file_source source;
	struct nr_flow_block *block;
	int file;
	uint64_t end;
	struct nr_flow_totals totals;
};

static int merger_flush(struct merger *m, uint64_t keep)
{
	if (!m->block->count)
		return 0;
	int e = nr_flow_part_pack(&m->packer, m->block, 0, m->block->count, keep, NULL);
	e = e ? e : nr_flow_write(m->file, m->packer.out.bytes, m->packer.out.length, m->end);
	if (e)
		return e;
	m->end += m->packer.out.length;
	nr_flow_totals_add_part(&m->totals, &m->packer.head);
	nr_flow_block_clear(m->block);
	return 0;
}

static int merger_add(struct merger *m, uint64_t keep)
{
	const struct nr_flow_block *rows = m->unpacker.block;
	for (uint32_t from = 0; from < rows->count;) {
		uint32_t count = NR_MIN(m->block->room - m->block->count, rows->count - from);
		int e = count ? nr_flow_rows_copy(m->block, rows, from, count) : -ENOSPC;
		if (e == -ENOSPC) { /* full of rows, or of streams */
			e = merger_flush(m, keep);
			if (e)
				return e;
			continue;
		}
		from += count;
	}
	return 0;
}

static int merge_parts(struct merger *m, const struct nr_flow_growth *g, uint64_t keep)
{
	struct nr_flow_walk walk;
	nr_flow_walk_init(&walk, g->file, g->end);
	int e;
	while ((e = nr_flow_walk_next(&walk)) == 1) {
		m->source.offset = walk.offset;
		e = nr_flow_part_unpack(
			&m->unpacker, &walk.head, walk.sections, &m->source.source, UINT64_MAX, NULL, 0);
		e = e ? e : merger_add(m, keep);
		if (e)
			return e;
	}
	e = e ? e : merger_flush(m, keep);
	return e || !walk.skipped ? e : -EBADMSG;
}

static int merge(struct nr_flow_archive *a, const struct nr_flow_growth *g, const char *path,
	struct nr_flow_totals *ret_totals)
{
	struct nr_flow_segment_head head;
	struct merger m = {.file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666),
		.end = sizeof head,
		.totals = NR_FLOW_TOTALS_NONE};
	int e = m.file < 0 ? -errno : nr_flow_packer_init(&m.packer, NULL);
	e = e ? e : nr_flow_unpacker_init(&m.unpacker, NULL);
	e = e ? e : nr_flow_block_new(NR_FLOW_PART_ROWS, &m.block, NULL);
	nr_flow_file_source_init(&m.source);
	m.source.file = g->file;
	nr_flow_segment_head_init(&head, g->begin);
	e = e ? e : nr_flow_write(m.file, &head, sizeof head, 0);
	e = e ? e : merge_parts(&m, g, a->conf.keep_columns);
	if (!e && fsync(m.file) < 0)
		e = -errno;
	m.totals.bytes = m.end;
	*ret_totals = m.totals;
	nr_flow_packer_fini(&m.packer);
	nr_flow_unpacker_fini(&m.unpacker);
	nr_flow_file_source_fini(&m.source);
	nr_flow_block_free(m.block);
	if (m.file >= 0)
		close(m.file);
	if (e)
		unlink(path);
	return e;
}

static int rename_to(const char *from, const char *to, struct nr_error *error)
{
	return rename(from, to) == 0 ? 0
				     : nr_fail(error, -errno, "%s: cannot be renamed to %s (%s)", from, to,
					       strerror(errno));
}

/* As it is, less a tail that is no whole part. */
static int settle_as_is(
	const struct nr_flow_growth *g, const char *part, const char *settled, struct nr_error *error)
{
	struct stat status;
	if (fstat(g->file, &status) < 0 ||
		((uint64_t)status.st_size > g->end && ftruncate(g->file, (off_t)g->end) < 0) ||
		fsync(g->file) < 0)
		return nr_fail(error, -errno, "%s: %s", part, strerror(errno));
	if (access(part, F_OK) < 0 && errno == ENOENT && access(settled, F_OK) == 0)
		return 0; /* what failed before came after it */
	return rename_to(part, settled, error);
}

int nr_flow_settle(struct nr_flow_archive *a, const struct nr_flow_growth *g,
	struct nr_flow_totals *ret_totals, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *part = nr_flow_segment_path(a->folder, g->stem, "part");
	NR_AUTO(nr_freep) char *temporary = nr_flow_segment_path(a->folder, g->stem, "tmp");
	NR_AUTO(nr_freep) char *settled = nr_flow_segment_path(a->folder, g->stem, "flows");
	struct nr_flow_totals totals = g->totals;
	if (!part || !temporary || !settled)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (!totals.parts) {
		*ret_totals = totals;
		return nr_flow_segment_erase(a->folder, g->stem, error);
	}
	bool small = totals.parts > 1 && totals.flows / totals.parts < FULL_ENOUGH;
	/* Damage stays as it is, to be seen; a disk without room for both takes the segment as it is. */
	bool merged = small && !totals.damaged && merge(a, g, temporary, &totals) == 0;
	int e = merged ? rename_to(temporary, settled, error) : settle_as_is(g, part, settled, error);
	e = e ? e : nr_flow_sync_folder(a->folder, g->stem, error);
	if (!e && merged)
		e = remove_one(a->folder, g->stem, "part", error);
	if (!e)
		*ret_totals = merged ? totals : g->totals;
	return e;
}
