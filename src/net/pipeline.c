/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work goes in rounds. A round is at most NR_ROUND frames of one interval: 1. every worker decodes its slice
 * of the frames into one outbox per owner, 2. every owner observes what the workers put there for it, slice
 * by slice, which is the order of the input. The calling thread is worker 0.
 */
#include "net/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#define NR_ROUND           4096 /* frames; 4096 packets of 64 bytes stay in the second-level cache */
#define NR_PROGRESS_ROUNDS 256
/* Times that can be written (RFC 3339: years 0001 to 9999). Beyond them arithmetic with intervals would
 * overflow. */
#define NR_TIME_FIRST (-INT64_C(62135596800) * NR_SECOND)
#define NR_TIME_LAST  (INT64_C(253402300800) * NR_SECOND - 1)

struct nr_worker {
	struct nr_pipeline *pipeline;
	unsigned index;
	pthread_t thread;
	void *local;
	/* outbox[o]: packets decoded here whose source belongs to owner o; room for a whole slice with quotes
	 */
	struct nr_packet **outbox;
	size_t *outbox_count;
	uint32_t dark_first, dark_last; /* a dark range; first > last: none yet */
	uint64_t dropped[NR_DROP_COUNT];
};

struct nr_pipeline {
	struct nr_pipeline_conf conf;
	struct nr_worker *workers;
	void **locals;
	uint64_t spread_key;
	pthread_barrier_t barrier;
	bool threaded; /* barrier and threads exist */
	bool stopping;
	bool stepped; /* the first interval is known */
	struct nr_frame *frames;
	size_t frame_count;
	nr_time last_time; /* for frames without a time of their own; the first known one before there is any
			    */
	nr_time boundary;  /* the first time of the next interval */
	struct nr_loss loss;
};

static unsigned owner_of(const struct nr_pipeline *p, const struct nr_address *source)
{
	uint64_t a, b;
	memcpy(&a, source->octets, 8);
	memcpy(&b, source->octets + 8, 8);
	unsigned __int128 m = (unsigned __int128)(a ^ b ^ p->spread_key) * 0x9e3779b97f4a7c15u;
	uint64_t h = (uint64_t)m ^ (uint64_t)(m >> 64);
	return (unsigned)(((h >> 32) * p->conf.workers) >> 32);
}

/* Dark ranges are few and long: the last one that matched is asked first. */
static bool is_dark(struct nr_worker *w, const struct nr_packet *packet)
{
	const struct nr_prefix_table *dark = w->pipeline->conf.dark;
	if (NR_UNLIKELY(!nr_address_is_ipv4(&packet->destination)))
		return nr_prefix_table_find(dark, &packet->destination) != NR_PREFIX_NONE;
	uint32_t address = nr_address_ipv4(&packet->destination);
	if (NR_LIKELY(address >= w->dark_first && address <= w->dark_last))
		return true;
	return nr_prefix_table_range_ipv4(dark, address, &w->dark_first, &w->dark_last);
}

static void decode_slice(struct nr_worker *w)
{
	struct nr_pipeline *p = w->pipeline;
	unsigned n = p->conf.workers;
	size_t from = p->frame_count * w->index / n, to = p->frame_count * (w->index + 1) / n;
	memset(w->outbox_count, 0, n * sizeof *w->outbox_count);
	for (size_t i = from; i < to; i++) {
		struct nr_packet *box = w->outbox[0] + w->outbox_count[0], scratch[2];
		struct nr_packet *into = n == 1 ? box : scratch;
		size_t count;
		enum nr_drop drop = nr_packet_decode(&p->frames[i], p->conf.tunnel_ends, into, &count);
		if (NR_UNLIKELY(drop != NR_DROP_NONE)) {
			w->dropped[drop]++;
			continue;
		}
		if (NR_UNLIKELY(p->frames[i].untimed))
			into[0].marks |= NR_MARK_TIMELESS;
		if (p->conf.dark && NR_UNLIKELY(!is_dark(w, &into[0]))) {
			w->dropped[NR_DROP_NOT_DARK]++;
			continue;
		}
		if (n == 1) {
			w->outbox_count[0] += count;
			continue;
		}
		for (size_t k = 0; k < count; k++) {
			unsigned owner = owner_of(p, &scratch[k].source);
			w->outbox[owner][w->outbox_count[owner]++] = scratch[k];
		}
	}
}

static void observe_own(struct nr_worker *w)
{
	struct nr_pipeline *p = w->pipeline;
	for (unsigned i = 0; i < p->conf.workers; i++) {
		struct nr_worker *from = &p->workers[i];
		struct nr_batch batch = {from->outbox[w->index], from->outbox_count[w->index]};
		if (batch.count)
			p->conf.sense->observe(p->conf.sense_conf, w->local, &batch);
	}
}

static void *worker_main(void *argument)
{
	struct nr_worker *w = argument;
	struct nr_pipeline *p = w->pipeline;
	for (;;) {
		pthread_barrier_wait(&p->barrier);
		if (p->stopping)
			return NULL;
		decode_slice(w);
		pthread_barrier_wait(&p->barrier);
		observe_own(w);
		pthread_barrier_wait(&p->barrier);
	}
}

static void run_round(struct nr_pipeline *p)
{
	if (!p->threaded) {
		decode_slice(&p->workers[0]);
		observe_own(&p->workers[0]);
		return;
	}
	pthread_barrier_wait(&p->barrier);
	decode_slice(&p->workers[0]);
	pthread_barrier_wait(&p->barrier);
	observe_own(&p->workers[0]);
	pthread_barrier_wait(&p->barrier);
}

static int pass_boundary(struct nr_pipeline *p, nr_time time, struct nr_error *error)
{
	nr_time interval = p->conf.sense->interval;
	nr_time end = nr_time_floor(time, interval);
	p->stepped = true;
	p->boundary = end + interval;
	return p->conf.sense->flush(
		p->conf.sense_conf, p->locals, p->conf.workers, NULL, end - p->conf.sense->slack, p->conf.sink, error);
}

/* A frame with a time: one that a damaged or hostile file gives (pcapng holds 64 bits of it) may be none. */
static bool has_time(const struct nr_frame *frame)
{
	return frame->time >= NR_TIME_FIRST && frame->time <= NR_TIME_LAST;
}

/* Gives times to frames without one; answers the number of frames before the first that lies beyond the
 * interval. */
static size_t within_interval(struct nr_pipeline *p, struct nr_frame *frames, size_t count)
{
	if (NR_UNLIKELY(p->last_time == NR_TIME_MIN))
		for (size_t i = 0; i < count && p->last_time == NR_TIME_MIN; i++)
			p->last_time = has_time(&frames[i]) ? frames[i].time : NR_TIME_MIN;
	for (size_t i = 0; i < count; i++) {
		if (NR_UNLIKELY(!has_time(&frames[i]))) {
			p->loss.untimed +=
				frames[i].time != NR_TIME_MIN; /* the capture counted those without one */
			frames[i].time = p->last_time == NR_TIME_MIN ? 0 : p->last_time;
			frames[i].untimed = true;
		}
		if (NR_UNLIKELY(!p->stepped || frames[i].time >= p->boundary))
			return i;
		p->last_time = frames[i].time;
	}
	return count;
}

int nr_pipeline_read(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	struct nr_frame *frames = p->frames;
	uint64_t rounds = 0;
	for (;;) {
		size_t count = nr_capture_read(capture, p->frames, NR_ROUND, &p->loss);
		if (!count)
			break;
		for (size_t i = 0; i < count; i++)
			frames[i].untimed = false;
		for (size_t from = 0; from < count;) {
			size_t here = within_interval(p, frames + from, count - from);
			if (here) {
				p->frames = frames + from;
				p->frame_count = here;
				run_round(p);
				p->frames = frames;
				from += here;
			}
			if (from < count) {
				int e = pass_boundary(p, frames[from].time, error);
				if (e)
					return e;
			}
		}
		if (p->conf.progress && rounds++ % NR_PROGRESS_ROUNDS == 0) {
			uint64_t done, total;
			nr_capture_progress(capture, &done, &total);
			p->conf.progress(p->conf.progress_context, done, total);
		}
	}
	return 0;
}

int nr_pipeline_finish(struct nr_pipeline *p, struct nr_error *error)
{
	return p->conf.sense->flush(
		p->conf.sense_conf, p->locals, p->conf.workers, NULL, NR_TIME_MAX, p->conf.sink, error);
}

static int worker_init(struct nr_pipeline *p, unsigned index, struct nr_error *error)
{
	struct nr_worker *w = &p->workers[index];
	unsigned n = p->conf.workers;
	size_t local = (p->conf.sense->local_size + NR_CACHE_LINE - 1) & ~(size_t)(NR_CACHE_LINE - 1);
	w->pipeline = p;
	w->index = index;
	w->dark_first = 1;
	w->outbox = calloc(n, sizeof *w->outbox);
	w->outbox_count = calloc(n, sizeof *w->outbox_count);
	w->local = aligned_alloc(NR_CACHE_LINE, local);
	if (!w->outbox || !w->outbox_count || !w->local)
		return nr_fail(error, -ENOMEM, "out of memory for worker %u", index);
	for (unsigned i = 0; i < n; i++) {
		size_t room = 2 * ((size_t)NR_ROUND / n + 1);
		w->outbox[i] = aligned_alloc(NR_CACHE_LINE, room * sizeof **w->outbox);
		if (!w->outbox[i])
			return nr_fail(error, -ENOMEM, "out of memory for worker %u", index);
	}
	memset(w->local, 0, local);
	int e = p->conf.sense->start(p->conf.sense_conf, w->local, NULL, error);
	if (e)
		return e;
	p->locals[index] = w->local;
	return 0;
}

static int start_threads(struct nr_pipeline *p, struct nr_error *error)
{
	if (p->conf.workers == 1)
		return 0;
	if (pthread_barrier_init(&p->barrier, NULL, p->conf.workers))
		return nr_fail(error, -ENOMEM, "no barrier for %u workers", p->conf.workers);
	for (unsigned i = 1; i < p->conf.workers; i++) {
		int e = pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
		if (e) /* the started ones wait at the barrier for ever: the process is about to end */
			return nr_fail(error, -e, "cannot start worker %u: %s", i, strerror(e));
	}
	p->threaded = true;
	return 0;
}

int nr_pipeline_new(
	const struct nr_pipeline_conf *conf, struct nr_pipeline **ret_pipeline, struct nr_error *error)
{
	assert(conf->workers >= 1 && conf->workers <= NR_PIPELINE_WORKERS_MAX);
	NR_AUTO(nr_pipeline_freep) struct nr_pipeline *p = calloc(1, sizeof *p);
	if (!p)
		return nr_fail(error, -ENOMEM, "out of memory");
	p->conf = *conf;
	p->last_time = NR_TIME_MIN;
	p->loss.first = NR_TIME_MAX;
	p->loss.last = NR_TIME_MIN;
	p->workers = calloc(conf->workers, sizeof *p->workers);
	p->locals = calloc(conf->workers, sizeof *p->locals);
	p->frames = calloc(NR_ROUND, sizeof *p->frames);
	if (!p->workers || !p->locals || !p->frames)
		return nr_fail(error, -ENOMEM, "out of memory");
	if (getrandom(&p->spread_key, sizeof p->spread_key, 0) < 0)
		return nr_fail(error, -errno, "no random numbers: %s", strerror(errno));
	for (unsigned i = 0; i < conf->workers; i++) {
		int e = worker_init(p, i, error);
		if (e)
			return e;
	}
	int e = start_threads(p, error);
	if (e)
		return e;
	*ret_pipeline = nr_steal(&p);
	return 0;
}

void nr_pipeline_free(struct nr_pipeline *p)
{
	if (!p)
		return;
	if (p->threaded) {
		p->stopping = true;
		pthread_barrier_wait(&p->barrier);
		for (unsigned i = 1; i < p->conf.workers; i++)
			pthread_join(p->workers[i].thread, NULL);
		pthread_barrier_destroy(&p->barrier);
	}
	for (unsigned i = 0; p->workers && i < p->conf.workers; i++) {
		struct nr_worker *w = &p->workers[i];
		if (p->locals && p->locals[i])
			p->conf.sense->stop(w->local);
		for (unsigned k = 0; w->outbox && k < p->conf.workers; k++)
			free(w->outbox[k]);
		free(w->outbox);
		free(w->outbox_count);
		free(w->local);
	}
	free(p->workers);
	free(p->locals);
	free(p->frames);
	free(p);
}

void nr_pipeline_freep(struct nr_pipeline **p)
{
	nr_pipeline_free(*p);
}

const struct nr_loss *nr_pipeline_loss(struct nr_pipeline *p)
{
	for (unsigned i = 0; i < p->conf.workers; i++)
		for (size_t k = 0; k < NR_DROP_COUNT; k++) {
			p->loss.dropped[k] += p->workers[i].dropped[k];
			p->workers[i].dropped[k] = 0;
		}
	return &p->loss;
}

void *const *nr_pipeline_locals(const struct nr_pipeline *p, size_t *ret_count)
{
	*ret_count = p->conf.workers;
	return p->locals;
}
