/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scans: first a list of the parts that may have what is wanted, then threads that take one after the other.
 * A segment that vanishes meanwhile was erased. One that grows is held open: it may be settled meanwhile, and
 * its parts then stand elsewhere.
 */
#include "base/crew.h"
#include "store/flows/archive_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

static_assert(NR_FLOW_HOSTS_MAX == NR_FLOW_HOSTS_FOUND, "a part looks for all of them");

struct ref {
	uint64_t offset, bytes;
	uint32_t segment;
};

struct scan {
	struct nr_flow_archive *archive;
	const struct nr_flow_wanted *wanted;
	int (*take)(void *context, unsigned thread, const struct nr_flow_block *block);
	void *context;
	struct nr_flow_segments segments;
	int *files; /* of each segment, where it grows; else -1 */
	struct ref *refs;
	size_t ref_count, ref_room;
	uint64_t total; /* bytes */
	atomic_size_t next;
	atomic_int status;    /* the first that ended it */
	pthread_mutex_t lock; /* of what is below */
	struct nr_flow_scan counts;
	uint64_t done;
	struct nr_error damage;
};

static void count_damage(struct scan *s, const char *stem, uint64_t offset, int code)
{
	pthread_mutex_lock(&s->lock);
	if (!s->counts.damaged++)
		nr_fail(&s->damage, code,
			"%s/%s: damaged at byte %llu, left out; the rest is whole (copy it from a backup, or "
			"leave it)",
			s->archive->folder, stem, (unsigned long long)offset);
	pthread_mutex_unlock(&s->lock);
}

/* ---- which parts ---- */

static int ref_add(struct scan *s, uint32_t segment, const struct nr_flow_walk *walk)
{
	if (walk->head.first >= s->wanted->to || walk->head.last < s->wanted->from) {
		s->counts.parts_skipped++;
		return 0;
	}
	if (s->ref_count == s->ref_room) {
		size_t room = s->ref_room ? 2 * s->ref_room : 256;
		struct ref *grown = realloc(s->refs, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		s->refs = grown;
		s->ref_room = room;
	}
	s->refs[s->ref_count++] = (struct ref){walk->offset, walk->head.bytes, segment};
	s->total += walk->head.bytes;
	return 0;
}

static int open_kind(const struct scan *s, const char *stem, const char *kind)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(s->archive->folder, stem, kind);
	int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	return file >= 0 ? file : path ? -errno : -ENOMEM;
}

static int list_parts(struct scan *s, uint32_t index, int file, bool growing)
{
	struct nr_flow_walk walk;
	struct stat status;
	if (fstat(file, &status) < 0)
		return -errno;
	nr_flow_walk_init(&walk, file, (uint64_t)status.st_size);
	int e = nr_flow_segment_check(file);
	if (e == -EBADMSG && !growing)
		count_damage(s, s->segments.items[index].stem, 0, e);
	else if (e && e != -EBADMSG)
		return e;
	uint64_t at = walk.at, skipped = 0;
	while ((e = nr_flow_walk_next(&walk)) == 1) {
		if (walk.skipped != skipped)
			count_damage(s, s->segments.items[index].stem, at, -EBADMSG);
		skipped = walk.skipped;
		at = walk.at;
		e = ref_add(s, index, &walk);
		if (e)
			return e;
	}
	if (!e && walk.skipped != skipped && !growing) /* a tail that grows is not damage */
		count_damage(s, s->segments.items[index].stem, at, -EBADMSG);
	return e;
}

static int list_segment(struct scan *s, uint32_t index)
{
	struct nr_flow_segment *segment = &s->segments.items[index];
	int file = segment->settled ? -ENOENT : open_kind(s, segment->stem, "part");
	bool growing = file >= 0;
	if (file == -ENOENT)
		file = open_kind(s, segment->stem, "flows");
	if (file == -ENOENT)
		return 0;
	int e = file < 0 ? file : list_parts(s, index, file, growing);
	if (growing)
		s->files[index] = file;
	else if (file >= 0)
		close(file);
	return e;
}

static int list_all(struct scan *s, struct nr_error *error)
{
	int e = nr_flow_segments_list(s->archive->folder, &s->segments, error);
	if (e || !s->segments.count)
		return e;
	s->files = malloc(s->segments.count * sizeof *s->files);
	if (!s->files)
		return nr_fail(error, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->segments.count; i++)
		s->files[i] = -1;
	for (uint32_t i = 0; !e && i < s->segments.count; i++) {
		e = list_segment(s, i);
		if (e)
			return nr_fail(error, e, "%s/%s: cannot be read (%s)", s->archive->folder,
				s->segments.items[i].stem, strerror(-e));
	}
	return 0;
}

/* ---- threads ---- */

struct worker {
	struct scan *scan;
	unsigned thread;
	struct nr_flow_unpacker unpacker;
	struct nr_flow_file_source source;
	struct nr_flow_walk walk;
	int file; /* of a settled segment; -1: none */
	uint32_t segment;
};

/* The segment's file; -ENOENT: it was erased. */
static int have_file(struct worker *w, uint32_t segment)
{
	struct scan *s = w->scan;
	if (s->files[segment] >= 0)
		return s->files[segment];
	if (w->file >= 0 && w->segment == segment)
		return w->file;
	nr_close_fd(&w->file);
	w->file = open_kind(s, s->segments.items[segment].stem, "flows");
	w->segment = segment;
	return w->file;
}

static int read_part(struct worker *w, const struct ref *ref)
{
	const struct nr_flow_wanted *wanted = w->scan->wanted;
	int file = have_file(w, ref->segment);
	if (file < 0)
		return file;
	w->source.file = file;
	w->source.offset = ref->offset;
	nr_flow_walk_init(&w->walk, file, ref->offset + ref->bytes);
	int e = nr_flow_walk_look(&w->walk, ref->offset);
	e = e == -ENODATA ? -EBADMSG : e;
	return e ? e
		 : nr_flow_part_unpack(&w->unpacker, &w->walk.head, w->walk.sections, &w->source.source,
			   wanted->columns, wanted->hosts, wanted->host_count);
}

static void count_part(struct scan *s, const struct ref *ref, const struct worker *w, bool vanished)
{
	const struct nr_flow_wanted *wanted = s->wanted;
	uint32_t rows = vanished ? 0 : w->unpacker.block->count;
	pthread_mutex_lock(&s->lock);
	s->counts.flows += rows;
	s->counts.parts += rows != 0;
	s->counts.parts_skipped += !rows;
	s->done += ref->bytes;
	if (wanted->progress)
		wanted->progress(wanted->progress_context, s->done, s->total);
	pthread_mutex_unlock(&s->lock);
}

static int take_part(struct worker *w, const struct ref *ref)
{
	struct scan *s = w->scan;
	int e = read_part(w, ref);
	if (e == -EBADMSG || e == -EIO) {
		count_damage(s, s->segments.items[ref->segment].stem, ref->offset, e);
		return 0;
	}
	if (e && e != -ENOENT)
		return e;
	count_part(s, ref, w, e != 0);
	return e || !w->unpacker.block->count ? 0 : s->take(s->context, w->thread, w->unpacker.block);
}

static void stop(struct scan *s, int status)
{
	int none = 0;
	if (status)
		atomic_compare_exchange_strong(&s->status, &none, status);
}

static void work(void *context, unsigned member)
{
	struct scan *s = context;
	struct worker w = {.scan = s, .thread = member, .file = -1};
	size_t i;
	nr_flow_file_source_init(&w.source);
	stop(s, nr_flow_unpacker_init(&w.unpacker, NULL));
	while (!atomic_load(&s->status) && (i = atomic_fetch_add(&s->next, 1)) < s->ref_count)
		stop(s, take_part(&w, &s->refs[i]));
	pthread_mutex_lock(&s->lock);
	s->counts.bytes_read += w.source.bytes_read;
	pthread_mutex_unlock(&s->lock);
	nr_flow_unpacker_fini(&w.unpacker);
	nr_flow_file_source_fini(&w.source);
	nr_close_fd(&w.file);
}

static int run(struct scan *s, struct nr_error *error)
{
	NR_AUTO(nr_crew_freep) struct nr_crew *crew = NULL;
	unsigned threads = NR_MIN(NR_MAX(s->wanted->threads, 1u), (unsigned)NR_CREW_MAX);
	int e = list_all(s, error);
	e = e ? e : nr_crew_new(threads, &crew, error);
	if (e)
		return e;
	nr_crew_run(crew, work, s);
	e = atomic_load(&s->status);
	return e ? nr_fail(error, e, "%s: %s", s->archive->folder, strerror(-e)) : 0;
}

int nr_flow_archive_scan(struct nr_flow_archive *archive, const struct nr_flow_wanted *wanted,
	int (*take)(void *context, unsigned thread, const struct nr_flow_block *block), void *context,
	struct nr_flow_scan *ret_scan, struct nr_error *error)
{
	struct scan s = {.archive = archive, .wanted = wanted, .take = take, .context = context};
	if (wanted->host_count > NR_FLOW_HOSTS_MAX)
		return nr_fail(error, -EINVAL, "%zu hosts at once; at most %d", wanted->host_count,
			NR_FLOW_HOSTS_MAX);
	pthread_mutex_init(&s.lock, NULL);
	int e = run(&s, error);
	for (size_t i = 0; s.files && i < s.segments.count; i++)
		nr_close_fd(&s.files[i]);
	nr_flow_segments_fini(&s.segments);
	pthread_mutex_destroy(&s.lock);
	free(s.files);
	free(s.refs);
	if (e)
		return e;
	if (s.counts.damaged)
		nr_fail(error, s.damage.code, "%s", s.damage.text);
	*ret_scan = s.counts;
	return 0;
}
