/* SPDX-License-Identifier: Apache-2.0 */
/* Segments that grow: made, taken over from a dead writer. */
#include "store/flows/archive_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int nr_flow_write(int file, const void *bytes, size_t length, uint64_t offset)
{
	for (size_t done = 0; done < length;) {
		ssize_t put = pwrite(file, (const char *)bytes + done, length - done, (off_t)(offset + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -ENOSPC;
		done += (size_t)put;
	}
	return 0;
}

static int sync_path(const char *path, struct nr_error *error)
{
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file < 0 || fsync(file) < 0)
		return nr_fail(error, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int nr_flow_sync_folder(const char *folder, const char *stem, struct nr_error *error)
{
	char *path;
	if (asprintf(&path, "%s/%.10s", folder, stem) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = sync_path(path, error);
	free(path);
	return e;
}

static int make_day(const char *folder, const char *stem, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = NULL;
	if (asprintf(&path, "%s/%.10s", folder, stem) < 0) {
		path = NULL;
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	if (mkdir(path, 0777) == 0)
		return sync_path(folder, error);
	return errno == EEXIST ? 0 : nr_fail(error, -errno, "%s: cannot be made (%s)", path, strerror(errno));
}

/* Makes FOLDER/STEM.part: 1; 0: that stem is taken. The settler may have made the settled one of that name
 * between a look and the making, so the look comes after. */
static int make_part(const char *folder, const char *stem, int *ret_file, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *settled = nr_flow_segment_path(folder, stem, "flows");
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(folder, stem, "part");
	if (!path || !settled)
		return nr_fail(error, -ENOMEM, "out of memory");
	int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (file < 0)
		return errno == EEXIST
			       ? 0
			       : nr_fail(error, -errno, "%s: cannot be made (%s)", path, strerror(errno));
	if (access(settled, F_OK) == 0) {
		unlink(path);
		close(file);
		return 0;
	}
	*ret_file = file;
	return 1;
}

/* A stem that neither a settled nor a growing segment has. */
static int choose_stem(const char *folder, nr_time begin, char stem[static NR_FLOW_STEM_MAX], int *ret_file,
	struct nr_error *error)
{
	for (unsigned number = 0; number <= 0xffff; number++) {
		nr_flow_segment_stem(begin, number, stem);
		int made = make_part(folder, stem, ret_file, error);
		if (made)
			return made < 0 ? made : 0;
	}
	return nr_fail(error, -EEXIST, "%s: 65536 segments of one second; lengthen their time", folder);
}

/* The day's folder may be removed, as it is empty, before the file is in it. */
static int make_file(const char *folder, nr_time begin, char stem[static NR_FLOW_STEM_MAX], int *ret_file,
	struct nr_error *error)
{
	int e = -ENOENT;
	for (unsigned attempt = 0; attempt < 8 && e == -ENOENT; attempt++) {
		e = make_day(folder, stem, error);
		e = e ? e : choose_stem(folder, begin, stem, ret_file, error);
	}
	return e;
}

int nr_flow_growth_new(
	struct nr_flow_archive *a, nr_time begin, struct nr_flow_growth **ret_growth, struct nr_error *error)
{
	struct nr_flow_segment_head head;
	struct nr_flow_growth *g = malloc(sizeof *g);
	if (!g)
		return nr_fail(error, -ENOMEM, "out of memory");
	*g = (struct nr_flow_growth){
		.file = -1, .begin = begin, .end = sizeof head, .totals = NR_FLOW_TOTALS_NONE};
	nr_flow_segment_stem(begin, 0, g->stem);
	nr_flow_segment_head_init(&head, begin);
	int e = make_file(a->folder, begin, g->stem, &g->file, error);
	if (!e) {
		e = nr_flow_write(g->file, &head, sizeof head, 0);
		e = e ? nr_fail(error, e, "%s/%s.part: %s", a->folder, g->stem, strerror(-e))
		      : nr_flow_sync_folder(a->folder, g->stem, error);
		if (e)
			nr_flow_segment_erase(a->folder, g->stem, NULL);
	}
	if (e) {
		nr_flow_growth_free(g);
		return e;
	}
	g->totals.bytes = sizeof head;
	*ret_growth = g;
	return 0;
}

int nr_flow_growth_take(struct nr_flow_archive *a, const char *stem, struct nr_flow_growth **ret_growth,
	struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(a->folder, stem, "part");
	struct nr_flow_growth *g = calloc(1, sizeof *g);
	struct stat status;
	if (!path || !g) {
		free(g);
		return nr_fail(error, -ENOMEM, "out of memory");
	}
	snprintf(g->stem, sizeof g->stem, "%s", stem);
	g->cut = true;
	g->file = open(path, O_RDWR | O_CLOEXEC);
	int e = g->file < 0 || fstat(g->file, &status) < 0 ? -errno : 0;
	e = e ? e : nr_flow_measure(g->file, (uint64_t)status.st_size, &g->totals);
	if (e) {
		nr_flow_growth_free(g);
		return nr_fail(error, e, "%s: cannot be read (%s)", path, strerror(-e));
	}
	g->end = g->totals.bytes;
	*ret_growth = g;
	return 0;
}

void nr_flow_growth_free(struct nr_flow_growth *g)
{
	if (g && g->file >= 0)
		close(g->file);
	free(g);
}
