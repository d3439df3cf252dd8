/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's threads: packers, and the settler. A write that fails waits, and whoever appends is told. */
#include "store/flows/archive_inside.h"

#include <errno.h>
#include <string.h>

void nr_flow_archive_trouble(struct nr_flow_archive *a, const struct nr_error *error)
{
	if (!a->trouble.code)
		a->trouble = *error;
}

int nr_flow_archive_know(
	struct nr_flow_archive *a, const char *stem, const struct nr_flow_totals *totals, bool growing)
{
	if (a->known_count == a->known_room) {
		size_t room = a->known_room ? 2 * a->known_room : 64;
		struct nr_flow_known *grown = realloc(a->known, room * sizeof *grown);
		if (!grown)
			return -ENOMEM;
		a->known = grown;
		a->known_room = room;
	}
	size_t at = a->known_count++;
	for (; at && strcmp(a->known[at - 1].stem, stem) > 0; at--)
		a->known[at] = a->known[at - 1];
	a->known[at] = (struct nr_flow_known){.totals = *totals, .growing = growing};
	snprintf(a->known[at].stem, sizeof a->known[at].stem, "%s", stem);
	return 0;
}

/* ---- packers ---- */

/* Behind the last whole part, or not at all. */
static int write_part(struct nr_flow_archive *a, struct nr_flow_growth *g, const struct nr_flow_packer *p,
	struct nr_error *error)
{
	pthread_mutex_lock(&a->writing);
	int e = nr_flow_write(g->file, p->out.bytes, p->out.length, g->end);
	if (e)
		(void)!ftruncate(g->file, (off_t)g->end); /* what stays behind is written over */
	pthread_mutex_lock(&a->lock);
	if (!e) {
		g->end += p->out.length;
		g->unsynced = true;
		a->paused = false;
		nr_flow_totals_add_part(&g->totals, &p->head);
	}
	pthread_mutex_unlock(&a->lock);
	pthread_mutex_unlock(&a->writing);
	return e ? nr_fail(error, e, "%s/%s.part: %s; free space, nothing that was written is lost",
			   a->folder, g->stem, strerror(-e))
		 : 0;
}

static int pack_and_write(struct nr_flow_archive *a, struct nr_flow_packer *p, const struct nr_flow_job *job,
	bool packed, struct nr_error *error)
{
	const struct nr_flow_block *block = job->block;
	int e = packed ? 0 : nr_flow_part_pack(p, block, 0, block->count, a->conf.keep_columns, error);
	return e ? e : write_part(a, job->growth, p, error);
}

static void sync_growth(struct nr_flow_archive *a, struct nr_flow_growth *g, struct nr_error *error)
{
	pthread_mutex_lock(&a->lock);
	bool needed = g->unsynced;
	g->unsynced = false;
	pthread_mutex_unlock(&a->lock);
	if (!needed || fdatasync(g->file) == 0)
		return;
	int code = -errno;
	nr_fail(error, code, "%s/%s.part: %s; flows of the last seconds may be lost, check the disk",
		a->folder, g->stem, strerror(-code));
	pthread_mutex_lock(&a->lock);
	g->sync_failed = code;
	nr_flow_archive_trouble(a, error);
	pthread_mutex_unlock(&a->lock);
}

void nr_flow_archive_try_again(struct nr_flow_archive *a)
{
	pthread_mutex_lock(&a->lock);
	a->turn++;
	a->stuck = 0;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

/* Waits until somebody wants it tried again; true: it is not to be. With the lock held. */
static bool wait_for_turn(struct nr_flow_archive *a, const struct nr_flow_growth *g)
{
	unsigned turn = a->turn;
	a->stuck++;
	a->paused = true;
	pthread_cond_broadcast(&a->changed);
	while (!a->stopping && a->turn == turn)
		pthread_cond_wait(&a->changed, &a->lock);
	return a->stopping || g->doomed;
}

/* Tries until it is written, or is to be erased anyway, or the archive closes. */
static void do_job(struct nr_flow_archive *a, struct nr_flow_packer *p, const struct nr_flow_job *job)
{
	struct nr_error error;
	pthread_mutex_lock(&a->lock);
	bool given_up = job->growth->doomed;
	pthread_mutex_unlock(&a->lock);
	p->out.length = 0;
	while (!given_up && pack_and_write(a, p, job, p->out.length != 0, &error)) {
		pthread_mutex_lock(&a->lock);
		nr_flow_archive_trouble(a, &error);
		given_up = wait_for_turn(a, job->growth);
		pthread_mutex_unlock(&a->lock);
	}
	if (given_up) {
		pthread_mutex_lock(&a->lock);
		a->erased += job->block->count;
		pthread_mutex_unlock(&a->lock);
	} else if (job->sync) {
		sync_growth(a, job->growth, &error);
	}
}

struct packer_start {
	struct nr_flow_archive *archive;
	struct nr_flow_packer packer;
};

static void *pack_all(void *context)
{
	struct packer_start *start = context;
	struct nr_flow_archive *a = start->archive;
	pthread_mutex_lock(&a->lock);
	while (!a->stopping) {
		if (!a->job_count) {
			pthread_cond_wait(&a->changed, &a->lock);
			continue;
		}
		struct nr_flow_job job = a->jobs[a->job_first];
		a->job_first = (a->job_first + 1) % (unsigned)NR_COUNT(a->jobs);
		a->job_count--;
		a->busy++;
		nr_flow_coder_hurry(&start->packer.coder, a->hurry);
		pthread_mutex_unlock(&a->lock);
		do_job(a, &start->packer, &job);
		pthread_mutex_lock(&a->lock);
		a->busy--;
		nr_flow_block_clear(job.block);
		a->free_blocks[a->free_count++] = job.block;
		job.growth->users--;
		pthread_cond_broadcast(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	nr_flow_packer_fini(&start->packer);
	free(start);
	return NULL;
}

/* ---- the settler ---- */

static struct nr_flow_growth *next_to_settle(struct nr_flow_archive *a)
{
	for (struct nr_flow_growth *g = a->growths; g; g = g->next)
		if (g->cut && !g->users)
			return g;
	return NULL;
}

static void forget_growth(struct nr_flow_archive *a, struct nr_flow_growth *g)
{
	struct nr_flow_growth **at = &a->growths;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	nr_flow_growth_free(g);
}

/* Called and returns with the lock held. */
static void settle_one(struct nr_flow_archive *a, struct nr_flow_growth *g)
{
	struct nr_flow_totals totals = g->totals;
	struct nr_error error = {0};
	bool doomed = g->doomed;
	g->settling = true;
	pthread_mutex_unlock(&a->lock);
	int e = doomed ? nr_flow_segment_erase(a->folder, g->stem, &error)
		       : nr_flow_settle(a, g, &totals, &error);
	pthread_mutex_lock(&a->lock);
	g->settling = false;
	if (!e && !doomed && g->doomed)
		return; /* its time came meanwhile */
	if (!e && doomed)
		a->erased += totals.flows;
	else if (!e && totals.parts)
		e = nr_flow_archive_know(a, g->stem, &totals, false);
	if (!e) {
		while (g->users) /* who syncs may have come meanwhile */
			pthread_cond_wait(&a->changed, &a->lock);
		forget_growth(a, g);
	} else {
		nr_flow_archive_trouble(a, &error);
		unsigned turn = a->turn;
		while (!a->stopping && a->turn == turn)
			pthread_cond_wait(&a->changed, &a->lock);
	}
	pthread_cond_broadcast(&a->changed);
}

/* What grows as fast as it can be packed is never old in memory, but would be in the kernel's. Called and
 * returns with the lock held. */
static void sync_all(struct nr_flow_archive *a)
{
	struct nr_error error;
	a->sync_wanted = false;
	for (struct nr_flow_growth *g = a->growths; g; g = g->next) {
		g->users++;
		pthread_mutex_unlock(&a->lock);
		sync_growth(a, g, &error);
		pthread_mutex_lock(&a->lock);
		g->users--;
	}
	pthread_cond_broadcast(&a->changed);
}

static void *settle_all(void *context)
{
	struct nr_flow_archive *a = context;
	pthread_mutex_lock(&a->lock);
	while (!a->stopping) {
		struct nr_flow_growth *g = next_to_settle(a);
		if (a->sync_wanted)
			sync_all(a);
		else if (g)
			settle_one(a, g);
		else
			pthread_cond_wait(&a->changed, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* ---- start and stop ---- */

static int start_packer(struct nr_flow_archive *a, struct nr_error *error)
{
	struct packer_start *start = malloc(sizeof *start);
	if (!start)
		return nr_fail(error, -ENOMEM, "out of memory");
	start->archive = a;
	int e = nr_flow_packer_init(&start->packer, error);
	if (!e) {
		int code = pthread_create(&a->threads[a->thread_count], NULL, pack_all, start);
		if (!code) {
			a->thread_count++;
			return 0;
		}
		e = nr_fail(error, -code, "no thread for the archive: %s", strerror(code));
		nr_flow_packer_fini(&start->packer);
	}
	free(start);
	return e;
}

int nr_flow_archive_start(struct nr_flow_archive *a, struct nr_error *error)
{
	for (unsigned i = 0; i < a->conf.threads + NR_FLOW_SPARE_BLOCKS; i++) {
		struct nr_flow_block *block;
		int e = nr_flow_block_new(NR_FLOW_PART_ROWS, &block, error);
		if (e)
			return e;
		a->free_blocks[a->free_count++] = block;
	}
	for (unsigned i = 0; i < a->conf.threads; i++) {
		int e = start_packer(a, error);
		if (e)
			return e;
	}
	int code = pthread_create(&a->threads[a->thread_count], NULL, settle_all, a);
	if (code)
		return nr_fail(error, -code, "no thread for the archive: %s", strerror(code));
	a->thread_count++;
	return 0;
}

void nr_flow_archive_stop(struct nr_flow_archive *a)
{
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	for (unsigned i = 0; i < a->thread_count; i++)
		pthread_join(a->threads[i], NULL);
	for (; a->job_count; a->job_count--) {
		nr_flow_block_free(a->jobs[a->job_first].block);
		a->job_first = (a->job_first + 1) % (unsigned)NR_COUNT(a->jobs);
	}
	while (a->free_count)
		nr_flow_block_free(a->free_blocks[--a->free_count]);
	nr_flow_block_free(a->filling);
	while (a->growths)
		forget_growth(a, a->growths);
}
