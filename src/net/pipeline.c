/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a pipeline: workers, their states, what was lost. */
#include "net/pipeline_inside.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

int nr_pipeline_flush(struct nr_pipeline *p, nr_time end, struct nr_error *error)
{
	return p->conf.sense->flush(
		p->conf.sense_conf, p->locals, p->conf.workers, p->crew, end, p->conf.sink, error);
}

int nr_pipeline_finish(struct nr_pipeline *p, struct nr_error *error)
{
	return nr_pipeline_flush(p, NR_TIME_MAX, error);
}

/* Zeroed memory for the state, or a predecessor's state. */
static void *state_of(struct nr_pipeline *p, unsigned index, bool *ret_found, struct nr_error *error)
{
	size_t bytes = (p->conf.sense->local_size + NR_CACHE_LINE - 1) & ~(size_t)(NR_CACHE_LINE - 1);
	if (p->conf.areas)
		return nr_area_root(p->conf.areas[index], bytes, ret_found, error);
	void *local = aligned_alloc(NR_CACHE_LINE, bytes);
	if (!local) {
		nr_fail(error, -ENOMEM, "out of memory for worker %u", index);
		return NULL;
	}
	memset(local, 0, bytes);
	*ret_found = false;
	return local;
}

int nr_worker_start(struct nr_pipeline *p, unsigned index, struct nr_error *error)
{
	const struct nr_sense *sense = p->conf.sense;
	struct nr_worker *w = &p->workers[index];
	struct nr_area *area = p->conf.areas ? p->conf.areas[index] : NULL;
	bool found = false;
	w->local = state_of(p, index, &found, error);
	if (!w->local)
		return error && error->code ? error->code : -ENOMEM;
	if (found && sense->resume && sense->resume(p->conf.sense_conf, w->local, area, NULL) == 0) {
		p->resumed++;
		p->locals[index] = w->local;
		return 0;
	}
	if (found) {
		p->discarded++;
		nr_area_clear(area);
		w->local = state_of(p, index, &found, error);
		if (!w->local)
			return error && error->code ? error->code : -ENOMEM;
	}
	int e = sense->start(p->conf.sense_conf, w->local, area, error);
	if (!e)
		p->locals[index] = w->local;
	return e;
}

int nr_worker_restart(struct nr_pipeline *p, unsigned index, struct nr_error *error)
{
	struct nr_worker *w = &p->workers[index];
	p->conf.sense->stop(w->local);
	p->locals[index] = NULL;
	if (p->conf.areas)
		nr_area_clear(p->conf.areas[index]);
	else
		free(w->local);
	return nr_worker_start(p, index, error);
}

/* The states of all workers are one session: without one of them the others would hand over less than before,
 * in place of it. */
static int resume_all_or_none(struct nr_pipeline *p, struct nr_error *error)
{
	unsigned resumed = p->resumed;
	int e = 0;
	if (resumed == 0 || resumed == p->conf.workers)
		return 0;
	for (unsigned i = 0; i < p->conf.workers && !e; i++)
		e = nr_worker_restart(p, i, error);
	p->resumed = 0;
	p->discarded += resumed;
	return e;
}

static int workers_new(struct nr_pipeline *p, struct nr_error *error)
{
	for (unsigned i = 0; i < p->conf.workers; i++) {
		struct nr_worker *w = &p->workers[i];
		w->dark_first = 1;
		w->read.first = NR_TIME_MAX;
		w->read.last = NR_TIME_MIN;
		w->gathered = aligned_alloc(NR_CACHE_LINE, (size_t)2 * NR_GATHER * sizeof *w->gathered);
		if (!w->gathered)
			return nr_fail(error, -ENOMEM, "out of memory for worker %u", i);
		int e = nr_worker_start(p, i, error);
		if (e)
			return e;
	}
	int e = resume_all_or_none(p, error);
	return e || p->conf.workers == 1 ? e : nr_crew_new(p->conf.workers, &p->crew, error);
}

static int buffers_new(struct nr_pipeline *p, struct nr_error *error)
{
	for (size_t i = 0; i < NR_ROUNDS; i++) {
		int e = nr_round_init(&p->rounds[i], p->conf.workers, error);
		if (e)
			return e;
	}
	for (size_t i = 0; i < p->conf.workers; i++) {
		p->frames[i].frames = calloc(NR_ROUND, sizeof *p->frames[i].frames);
		if (!p->frames[i].frames)
			return nr_fail(error, -ENOMEM, "out of memory");
	}
	return 0;
}

int nr_pipeline_new(
	const struct nr_pipeline_conf *conf, struct nr_pipeline **ret_pipeline, struct nr_error *error)
{
	assert(conf->workers >= 1 && conf->workers <= NR_PIPELINE_WORKERS_MAX);
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *p = calloc(1, sizeof *p);
	if (!p)
		return nr_fail(error, -ENOMEM, "out of memory");
	size_t bytes = conf->workers * sizeof *p->workers;
	p->conf = *conf;
	p->last_time = NR_TIME_MIN;
	p->down_since = NR_TIME_MAX;
	p->loss.first = NR_TIME_MAX;
	p->loss.last = NR_TIME_MIN;
	p->workers = aligned_alloc(_Alignof(struct nr_worker), bytes);
	p->locals = calloc(conf->workers, sizeof *p->locals);
	if (!p->workers || !p->locals)
		return nr_fail(error, -ENOMEM, "out of memory");
	memset(p->workers, 0, bytes);
	if (!conf->spread_key && getrandom(&p->conf.spread_key, sizeof p->conf.spread_key, 0) < 0)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	int e = buffers_new(p, error);
	if (!e)
		e = workers_new(p, error);
	if (e)
		return e;
	*ret_pipeline = nr_steal(&p);
	return 0;
}

void nr_pipeline_free(struct nr_pipeline *p)
{
	if (!p)
		return;
	nr_crew_free(p->crew);
	for (unsigned i = 0; p->workers && i < p->conf.workers; i++) {
		struct nr_worker *w = &p->workers[i];
		if (!p->conf.areas) { /* what lies in an area stays for a successor */
			if (p->locals && p->locals[i])
				p->conf.sense->stop(w->local);
			free(w->local);
		}
		free(w->gathered);
	}
	for (size_t i = 0; i < NR_ROUNDS; i++)
		nr_round_fini(&p->rounds[i]);
	for (size_t i = 0; i < p->conf.workers; i++)
		free(p->frames[i].frames);
	free(p->workers);
	free(p->locals);
	free(p);
}

void nr_pipeline_freep(struct nr_pipeline **p)
{
	nr_pipeline_free(*p);
}

void nr_pipeline_resumed(const struct nr_pipeline *p, unsigned *ret_resumed, unsigned *ret_discarded)
{
	*ret_resumed = p->resumed;
	*ret_discarded = p->discarded;
}

static void add_read(struct nr_loss *into, struct nr_loss *from)
{
	into->frames += from->frames;
	into->frame_bytes += from->frame_bytes;
	into->untimed += from->untimed;
	into->first = NR_MIN(into->first, from->first);
	into->last = NR_MAX(into->last, from->last);
	*from = (struct nr_loss){.first = NR_TIME_MAX, .last = NR_TIME_MIN};
}

const struct nr_loss *nr_pipeline_loss(struct nr_pipeline *p)
{
	for (unsigned i = 0; i < p->conf.workers; i++) {
		for (size_t k = 0; k < NR_DROP_COUNT; k++) {
			p->workers[i].dropped[k] += p->workers[i].read.dropped[k];
			p->loss.dropped[k] += p->workers[i].dropped[k];
			p->workers[i].dropped[k] = 0;
		}
		add_read(&p->loss, &p->workers[i].read);
	}
	return &p->loss;
}

struct nr_crew *nr_pipeline_crew(const struct nr_pipeline *p)
{
	return p->crew;
}

void *const *nr_pipeline_locals(const struct nr_pipeline *p, size_t *ret_count)
{
	*ret_count = p->conf.workers;
	return p->locals;
}
