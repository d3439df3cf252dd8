/* SPDX-License-Identifier: Apache-2.0 */
/* The handle: opened and mended, fed, synced, cut, described. */
#include "store/flows/archive_inside.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- open and close ---- */

static struct nr_flow_archive_conf conf_of(const struct nr_flow_archive_conf *given)
{
	struct nr_flow_archive_conf conf = given ? *given : (struct nr_flow_archive_conf){0};
	conf.cut = conf.cut > 0 ? conf.cut : 5 * NR_MINUTE;
	conf.settle = conf.settle > 0 ? conf.settle : 5 * NR_SECOND;
	conf.keep = conf.keep > 0 ? conf.keep : 7 * NR_DAY;
	conf.keep_columns = conf.keep_columns ? conf.keep_columns : NR_FLOW_ARCHIVE_COLUMNS;
	conf.threads = NR_MIN(NR_MAX(conf.threads, 1u), (unsigned)NR_FLOW_PACKERS_MAX);
	return conf;
}

static int take_lock(struct nr_flow_archive *a, struct nr_error *error)
{
	char *path;
	if (mkdir(a->folder, 0777) < 0 && errno != EEXIST)
		return nr_fail(error, -errno, "%s: cannot be made (%s)", a->folder, strerror(errno));
	if (asprintf(&path, "%s/lock", a->folder) < 0)
		return nr_fail(error, -ENOMEM, "out of memory");
	int e = nr_store_lock(path, a->folder, &a->lock_file, error);
	free(path);
	return e;
}

static int measure_settled(
	const char *folder, const char *stem, struct nr_flow_totals *ret_totals, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(folder, stem, "flows");
	struct stat status;
	if (!path)
		return nr_fail(error, -ENOMEM, "out of memory");
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC);
	int e = file < 0 || fstat(file, &status) < 0 ? -errno : 0;
	e = e ? e : nr_flow_measure(file, (uint64_t)status.st_size, ret_totals);
	if (!e)
		ret_totals->bytes = (uint64_t)status.st_size;
	return e ? nr_fail(error, e, "%s: cannot be read (%s)", path, strerror(-e)) : 0;
}

static int remove_leftover(const char *folder, const char *stem, const char *kind, struct nr_error *error)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(folder, stem, kind);
	if (!path || (unlink(path) < 0 && errno != ENOENT))
		return nr_fail(
			error, path ? -errno : -ENOMEM, "%s/%s.%s: cannot be erased", folder, stem, kind);
	return 0;
}

/* What a dead writer left: what it was settling is settled again, what was settled counts once. */
static int mend(struct nr_flow_archive *a, const struct nr_flow_segment *s, struct nr_error *error)
{
	struct nr_flow_totals totals;
	int e = remove_leftover(a->folder, s->stem, "tmp", error);
	if (e)
		return e;
	if (!s->settled) {
		struct nr_flow_growth *g = NULL;
		e = nr_flow_growth_take(a, s->stem, &g, error);
		if (!e) {
			g->next = a->growths;
			a->growths = g;
		}
		return e;
	}
	e = s->growing ? remove_leftover(a->folder, s->stem, "part", error) : 0;
	e = e ? e : measure_settled(a->folder, s->stem, &totals, error);
	return e ? e : nr_flow_archive_know(a, s->stem, &totals, false);
}

static int measure_growing(const char *folder, const char *stem, struct nr_flow_totals *ret_totals)
{
	NR_AUTO(nr_freep) char *path = nr_flow_segment_path(folder, stem, "part");
	struct stat status;
	if (!path)
		return -ENOMEM;
	NR_AUTO(nr_close_fd) int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 || fstat(file, &status) < 0
		       ? -errno
		       : nr_flow_measure(file, (uint64_t)status.st_size, ret_totals);
}

/* What a reader sees. What vanishes meanwhile was erased, or is settled now. */
static int see(struct nr_flow_archive *a, const struct nr_flow_segment *s, struct nr_error *error)
{
	struct nr_flow_totals totals;
	int e = s->settled ? -ENOENT : measure_growing(a->folder, s->stem, &totals);
	bool growing = !e;
	if (e == -ENOENT)
		e = measure_settled(a->folder, s->stem, &totals, error);
	else if (e)
		return nr_fail(error, e, "%s/%s.part: cannot be read (%s)", a->folder, s->stem, strerror(-e));
	if (e == -ENOENT)
		return 0;
	return e ? e : nr_flow_archive_know(a, s->stem, &totals, growing);
}

static int look_around(struct nr_flow_archive *a, struct nr_error *error)
{
	NR_AUTO(nr_flow_segments_fini) struct nr_flow_segments segments = {0};
	int e = nr_flow_segments_list(a->folder, &segments, error);
	for (size_t i = 0; !e && i < segments.count; i++)
		e = a->mode == NR_FLOW_ARCHIVE_WRITE ? mend(a, &segments.items[i], error)
						     : see(a, &segments.items[i], error);
	return e;
}

int nr_flow_archive_open(const char *folder, enum nr_flow_archive_mode mode,
	const struct nr_flow_archive_conf *conf, struct nr_flow_archive **ret_archive, struct nr_error *error)
{
	NR_AUTO(nr_flow_archive_closep) struct nr_flow_archive *a = calloc(1, sizeof *a);
	if (!a)
		return nr_fail(error, -ENOMEM, "out of memory");
	a->lock_file = -1;
	a->mode = mode;
	a->conf = conf_of(conf);
	a->folder = strdup(folder);
	if (!a->folder)
		return nr_fail(error, -ENOMEM, "out of memory");
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->writing, NULL);
	pthread_cond_init(&a->changed, NULL);
	a->locks_made = true;
	int e = mode == NR_FLOW_ARCHIVE_WRITE ? take_lock(a, error) : 0;
	e = e ? e : look_around(a, error);
	if (!e && mode == NR_FLOW_ARCHIVE_WRITE)
		e = nr_flow_archive_start(a, error);
	if (!e)
		*ret_archive = nr_steal(&a);
	return e;
}

void nr_flow_archive_close(struct nr_flow_archive *a)
{
	if (!a)
		return;
	if (a->locks_made) {
		nr_flow_archive_stop(a);
		pthread_cond_destroy(&a->changed);
		pthread_mutex_destroy(&a->writing);
		pthread_mutex_destroy(&a->lock);
	}
	free(a->known);
	free(a->folder);
	if (a->lock_file >= 0)
		close(a->lock_file);
	free(a);
}

void nr_flow_archive_closep(struct nr_flow_archive **a)
{
	nr_flow_archive_close(*a);
}

/* ---- append ---- */

/* The block that is being filled goes to the packers. */
static void hand_over(struct nr_flow_archive *a, bool sync)
{
	if (!a->filling || !a->filling->count)
		return;
	pthread_mutex_lock(&a->lock);
	a->jobs[(a->job_first + a->job_count++) % (unsigned)NR_COUNT(a->jobs)] =
		(struct nr_flow_job){a->filling, a->current, sync};
	a->current->users++;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	a->filling = NULL;
}

static void cut(struct nr_flow_archive *a, bool doomed)
{
	if (!a->current)
		return;
	hand_over(a, false);
	pthread_mutex_lock(&a->lock);
	a->current->cut = true;
	a->current->doomed = doomed;
	a->current = NULL;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* The segment that takes what was received then. */
static int have_segment(struct nr_flow_archive *a, nr_time received, struct nr_error *error)
{
	nr_time cut_us = a->conf.cut;
	if (a->current && received >= a->current->begin - cut_us && received < a->current->begin + cut_us)
		return 0;
	cut(a, false);
	struct nr_flow_growth *g;
	int e = nr_flow_growth_new(a, nr_time_floor(received, cut_us), &g, error);
	a->create_failed = e != 0;
	if (e)
		return e;
	pthread_mutex_lock(&a->lock);
	g->next = a->growths;
	a->growths = a->current = g;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

/* A block to fill: waits for a packer; -ENOSPC when they all wait for room. */
static int have_block(struct nr_flow_archive *a, struct nr_error *error)
{
	if (a->filling)
		return 0;
	pthread_mutex_lock(&a->lock);
	while (!a->free_count && !a->paused)
		pthread_cond_wait(&a->changed, &a->lock);
	if (a->free_count)
		a->filling = a->free_blocks[--a->free_count];
	pthread_mutex_unlock(&a->lock);
	return a->filling ? 0
			  : nr_fail(error, -ENOSPC,
				    "%s: no room on the disk; flows are refused until there is", a->folder);
}

static int fill(struct nr_flow_archive *a, const struct nr_flow_block *block, uint32_t from,
	uint32_t *ret_count, struct nr_error *error)
{
	int e = have_block(a, error);
	if (e)
		return e;
	uint32_t count = NR_MIN(a->filling->room - a->filling->count, block->count - from);
	*ret_count = 0;
	if (nr_flow_rows_copy(a->filling, block, from, count) == 0)
		*ret_count = count;
	if (!*ret_count || a->filling->count == a->filling->room) /* or full of streams */
		hand_over(a, false);
	return 0;
}

static bool is_paused(struct nr_flow_archive *a)
{
	pthread_mutex_lock(&a->lock);
	bool paused = a->paused || a->create_failed;
	pthread_mutex_unlock(&a->lock);
	return paused;
}

int nr_flow_archive_append(
	struct nr_flow_archive *a, const struct nr_flow_block *block, struct nr_error *error)
{
	int e = 0;
	uint32_t from = 0;
	if (!block->count)
		return 0;
	if (is_paused(a))
		e = nr_fail(error, -ENOSPC, "%s: no room on the disk; flows are refused until there is",
			a->folder);
	e = e ? e : have_segment(a, block->received_first, error);
	while (!e && from < block->count) {
		uint32_t count;
		e = fill(a, block, from, &count, error);
		from += e ? 0 : count;
	}
	a->refused += block->count - from;
	return e;
}

/* ---- time, and the disk ---- */

static int told(struct nr_flow_archive *a, struct nr_error *error)
{
	pthread_mutex_lock(&a->lock);
	struct nr_error trouble = a->trouble;
	a->trouble = (struct nr_error){0};
	pthread_mutex_unlock(&a->lock);
	return trouble.code ? nr_fail(error, trouble.code, "%s", trouble.text) : 0;
}

/* Marks what is not settled and was received before that time; whoever has it erases it. What waits for room
 * on the disk counts by its segment's beginning. */
static void doom(struct nr_flow_archive *a, nr_time before)
{
	pthread_mutex_lock(&a->lock);
	for (struct nr_flow_growth *g = a->growths; g; g = g->next)
		g->doomed = g->doomed ||
			    (g->cut && (g->totals.oldest < before || (a->stuck && g->begin < before)));
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

static bool is_any_doomed(const struct nr_flow_archive *a)
{
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next)
		if (g->doomed)
			return true;
	return false;
}

static bool is_current_older(struct nr_flow_archive *a, nr_time before)
{
	bool filling = a->filling && a->filling->count && a->filling->received_first < before;
	pthread_mutex_lock(&a->lock);
	bool older = a->current && (filling || a->current->totals.oldest < before);
	for (unsigned i = 0; a->current && i < a->job_count; i++)
		older = older ||
			a->jobs[(a->job_first + i) % NR_COUNT(a->jobs)].block->received_first < before;
	pthread_mutex_unlock(&a->lock);
	return older;
}

static void cut_what_is_older(struct nr_flow_archive *a, nr_time before)
{
	if (is_current_older(a, before))
		cut(a, true);
	doom(a, before);
}

static void want_sync(struct nr_flow_archive *a, nr_time now)
{
	if (now >= a->synced && now < a->synced + a->conf.settle)
		return;
	a->synced = now;
	pthread_mutex_lock(&a->lock);
	a->sync_wanted = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

void nr_flow_archive_hurry(struct nr_flow_archive *a, bool hurry)
{
	pthread_mutex_lock(&a->lock);
	a->hurry = hurry;
	pthread_mutex_unlock(&a->lock);
}

int nr_flow_archive_tick(struct nr_flow_archive *a, nr_time now, struct nr_error *error)
{
	const struct nr_flow_block *filling = a->filling;
	nr_flow_archive_try_again(a);
	a->create_failed = false;
	if (filling && filling->count && filling->received_first <= now - a->conf.settle)
		hand_over(a, true);
	if (a->current && now >= a->current->begin + a->conf.cut)
		cut(a, false);
	want_sync(a, now);
	cut_what_is_older(a, now - a->conf.keep);
	int e = nr_flow_archive_retain(a, now, error);
	return e ? e : told(a, error);
}

/* Waits until all blocks are written (true), or none can be. */
static bool wait_for_packers(struct nr_flow_archive *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->busy > a->stuck || (a->job_count && a->stuck < a->conf.threads))
		pthread_cond_wait(&a->changed, &a->lock);
	bool written = !a->busy && !a->job_count;
	pthread_mutex_unlock(&a->lock);
	return written;
}

int nr_flow_archive_erase(
	struct nr_flow_archive *a, nr_time before, uint64_t *ret_flows, struct nr_error *error)
{
	pthread_mutex_lock(&a->lock);
	uint64_t erased = a->erased;
	pthread_mutex_unlock(&a->lock);
	hand_over(a, false);
	nr_flow_archive_try_again(a);
	(void)wait_for_packers(a); /* then each segment knows its oldest flow */
	cut_what_is_older(a, before);
	nr_flow_archive_try_again(a);
	pthread_mutex_lock(&a->lock);
	while (is_any_doomed(a) && !a->trouble.code)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	int e = nr_flow_archive_erase_older(a, before, error);
	e = e ? e : told(a, error);
	if (e)
		return e;
	pthread_mutex_lock(&a->lock);
	*ret_flows = a->erased - erased;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

static int sync_one(struct nr_flow_archive *a, struct nr_flow_growth *g, struct nr_error *error)
{
	g->users++;
	bool needed = g->unsynced;
	int e = g->sync_failed;
	g->unsynced = false;
	pthread_mutex_unlock(&a->lock);
	if (!e && needed && fdatasync(g->file) < 0)
		e = -errno;
	pthread_mutex_lock(&a->lock);
	g->sync_failed = e;
	g->users--;
	pthread_cond_broadcast(&a->changed);
	return e ? nr_fail(error, e, "%s/%s.part: %s; flows of the last seconds may be lost, check the disk",
			   a->folder, g->stem, strerror(-e))
		 : 0;
}

static bool is_any_settling_unsynced(const struct nr_flow_archive *a)
{
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next)
		if (g->settling && g->unsynced)
			return true;
	return false;
}

int nr_flow_archive_sync(struct nr_flow_archive *a, struct nr_error *error)
{
	hand_over(a, false);
	nr_flow_archive_try_again(a);
	if (!wait_for_packers(a)) {
		int e = told(a, error);
		return e ? e : nr_fail(error, -ENOSPC, "%s: no room on the disk", a->folder);
	}
	int e = 0;
	pthread_mutex_lock(&a->lock);
	while (is_any_settling_unsynced(a) && !a->trouble.code)
		pthread_cond_wait(&a->changed, &a->lock);
	for (struct nr_flow_growth *g = a->growths; g && !e; g = g->next)
		e = sync_one(a, g, error);
	pthread_mutex_unlock(&a->lock);
	if (e)
		cut(a, false); /* what comes now does not depend on that file */
	return e;
}

/* ---- what is there ---- */

static void close_totals(struct nr_flow_archive_state *s, const struct nr_flow_totals *t)
{
	s->flows = t->flows;
	s->bytes = t->bytes;
	s->oldest = t->parts ? t->oldest : NR_TIME_MIN;
	s->newest = t->parts ? t->newest : NR_TIME_MIN;
}

struct nr_flow_archive_state nr_flow_archive_state(const struct nr_flow_archive *archive)
{
	struct nr_flow_archive *a = (struct nr_flow_archive *)archive; /* for its lock */
	struct nr_flow_archive_state state = {.refused = a->refused};
	struct nr_flow_totals totals = NR_FLOW_TOTALS_NONE;
	pthread_mutex_lock(&a->lock);
	state.paused = a->paused || a->create_failed;
	state.segments = a->known_count;
	for (size_t i = 0; i < a->known_count; i++)
		nr_flow_totals_add(&totals, &a->known[i].totals);
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next) {
		nr_flow_totals_add(&totals, &g->totals);
		state.segments++;
	}
	pthread_mutex_unlock(&a->lock);
	close_totals(&state, &totals);
	return state;
}

static void describe_one(
	struct nr_json *json, const char *stem, const char *state, const struct nr_flow_totals *t)
{
	nr_json_object(json, NULL);
	nr_json_text(json, "segment", stem);
	nr_json_text(json, "state", state);
	nr_json_uint(json, "flows", t->flows);
	nr_json_uint(json, "bytes", t->bytes);
	nr_json_uint(json, "parts", t->parts);
	nr_json_uint(json, "damaged", t->damaged);
	nr_json_time(json, "oldest", t->parts ? t->oldest : NR_TIME_MIN);
	nr_json_time(json, "newest", t->parts ? t->newest : NR_TIME_MIN);
	nr_json_object_end(json);
}

void nr_flow_archive_describe(const struct nr_flow_archive *archive, struct nr_json *json)
{
	struct nr_flow_archive *a = (struct nr_flow_archive *)archive; /* for its lock */
	nr_json_array(json, "segments");
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->known_count; i++)
		describe_one(json, a->known[i].stem, a->known[i].growing ? "growing" : "settled",
			&a->known[i].totals);
	for (const struct nr_flow_growth *g = a->growths; g; g = g->next)
		describe_one(json, g->stem, g->cut ? "settling" : "growing", &g->totals);
	pthread_mutex_unlock(&a->lock);
	nr_json_array_end(json);
}
