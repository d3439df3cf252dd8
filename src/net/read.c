/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures through the pipeline. One worker takes what was read slice by slice. Several work in steps that
 * overlap: in one step each observes its packets of one round, all decode the next one, and the last worker
 * first reads frames for the one after that. So there is one meeting a round, and nobody waits for the
 * reader.
 */
#include "net/pipeline_inside.h"

#include "base/hash.h"

#define PROGRESS_READS 128
/* Times that can be written (RFC 3339: years 0001 to 9999). Beyond them arithmetic with intervals would
 * overflow. */
#define TIME_FIRST (-INT64_C(62135596800) * NR_SECOND)
#define TIME_LAST  (INT64_C(253402300800) * NR_SECOND - 1)
/* A time that is so far ahead of the one before is believed when the next frames share it. */
#define NR_AHEAD_MAX    NR_DAY
#define NR_AHEAD_FRAMES 17

/* A frame with a time: one that a damaged or hostile file gives (pcapng holds 64 bits of it) may be none. */
static bool has_time(const struct nr_frame *frame)
{
	return frame->time >= TIME_FIRST && frame->time <= TIME_LAST;
}

/* A clock that was wrong for a moment: most of the next frames, and two at least, are more than a day older.
 * Taken at its word, it would make all of them late. */
static bool is_far_ahead(const struct nr_frame *frames, size_t count)
{
	size_t timed = 0, older = 0;
	for (size_t i = 1; i < NR_MIN(count, (size_t)NR_AHEAD_FRAMES); i++) {
		timed += has_time(&frames[i]);
		older += has_time(&frames[i]) && frames[i].time < frames[0].time - NR_AHEAD_MAX;
	}
	return older >= 2 && older * 2 > timed;
}

/* Answers the number of frames before the first that lies beyond the interval. */
static size_t within_interval(struct nr_pipeline *p, struct nr_frame *frames, size_t count)
{
	if (NR_UNLIKELY(p->last_time == NR_TIME_MIN))
		for (size_t i = 0; i < count && p->last_time == NR_TIME_MIN; i++)
			if (has_time(&frames[i]) && !is_far_ahead(frames + i, count - i))
				p->last_time = frames[i].time;
	for (size_t i = 0; i < count; i++) {
		if (NR_UNLIKELY(frames[i].time - NR_AHEAD_MAX > p->last_time) && has_time(&frames[i]) &&
			p->last_time != NR_TIME_MIN && is_far_ahead(frames + i, count - i)) {
			frames[i].time = p->last_time;
			frames[i].untimed = true;
			p->loss.untimed++;
		}
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

void nr_frames_part(struct nr_pipeline *p, struct nr_frames *f)
{
	f->flush = NR_TIME_MIN;
	f->part = within_interval(p, f->frames + f->at, f->count - f->at);
	if (f->part || f->at == f->count)
		return;
	f->flush = nr_time_floor(f->frames[f->at].time, p->conf.sense->interval);
	p->stepped = true;
	p->boundary = f->flush + p->conf.sense->interval;
	f->part = within_interval(p, f->frames + f->at, f->count - f->at);
}

static void name_session(struct nr_pipeline *p, const struct nr_frame *first)
{
	const uint64_t head[] = {(uint64_t)first->time, first->captured, first->wire};
	uint64_t key = nr_siphash(head, sizeof head, 0, 0);
	p->conf.sink->session = (int64_t)(nr_siphash(first->data, first->captured, key, 0) >> 1 | 1);
}

/* The first frames are read before any row is handed over. */
static void read_frames(struct nr_pipeline *p, struct nr_capture *capture, struct nr_frames *f)
{
	f->at = 0;
	f->count = nr_capture_read(capture, f->frames, NR_ROUND, &p->loss);
	if (f->count && !p->named && p->conf.session_of_input && p->conf.sink)
		name_session(p, &f->frames[0]);
	p->named = p->named || f->count;
	nr_frames_part(p, f);
}

/* What lies before the interval that begins at `start`, but for the slack of a file's order. */
static int pass_boundary(struct nr_pipeline *p, nr_time start, struct nr_error *error)
{
	return start == NR_TIME_MIN ? 0 : nr_pipeline_flush(p, start - p->conf.sense->slack, error);
}

static void show_progress(struct nr_pipeline *p, const struct nr_capture *capture, uint64_t *reads)
{
	uint64_t done, total;
	if (!p->conf.progress || (*reads)++ % PROGRESS_READS)
		return;
	nr_capture_progress(capture, &done, &total);
	p->conf.progress(p->conf.progress_context, done, total);
}

static int read_alone(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	struct nr_frames *f = &p->frames[0];
	uint64_t reads = 0;
	for (read_frames(p, capture, f); f->count; read_frames(p, capture, f)) {
		for (; f->at < f->count; nr_frames_part(p, f)) {
			int e = pass_boundary(p, f->flush, error);
			if (e)
				return e;
			for (size_t end = f->at + f->part; f->at < end;) {
				size_t count = NR_MIN(end - f->at, (size_t)NR_GATHER);
				nr_frames_observe(p, 0, f->frames + f->at, count);
				f->at += count;
			}
		}
		show_progress(p, capture, &reads);
	}
	return 0;
}

/* What the crew does in one step; each may be NULL. */
struct step {
	struct nr_pipeline *p;
	struct nr_round *observe, *decode;
	struct nr_frames *read;
	struct nr_capture *capture;
};

static void take_step(void *context, unsigned member)
{
	const struct step *s = context;
	if (s->read && member == s->p->conf.workers - 1)
		read_frames(s->p, s->capture, s->read);
	if (s->observe)
		nr_round_observe(s->p, member, s->observe);
	if (s->decode)
		nr_round_decode(s->p, &s->p->workers[member], s->decode);
}

/* The next part of what was read, as a round; NULL: there is none. */
static struct nr_round *next_round(struct nr_pipeline *p, struct nr_frames *f, struct nr_round *round)
{
	if (f->at == f->count)
		return NULL;
	nr_round_begin(round, f->frames + f->at, f->part, f->flush);
	f->at += f->part;
	if (f->at < f->count)
		nr_frames_part(p, f);
	return round;
}

static int read_together(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	struct step s = {.p = p, .capture = capture};
	unsigned f = 0;
	uint64_t reads = 0;
	read_frames(p, capture, &p->frames[f]);
	for (unsigned turn = 0;; turn ^= 1) {
		bool ended = p->frames[f].count == 0;
		s.observe = s.decode;
		s.decode = next_round(p, &p->frames[f], &p->rounds[turn]);
		s.read = !ended && p->frames[f].at == p->frames[f].count ? &p->frames[f ^ 1] : NULL;
		if (!s.observe && !s.decode)
			return 0;
		int e = s.observe ? pass_boundary(p, s.observe->flush, error) : 0;
		if (e)
			return e;
		nr_crew_run(p->crew, take_step, &s);
		if (s.read) {
			f ^= 1;
			show_progress(p, capture, &reads);
		}
	}
}

int nr_pipeline_read(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	return p->crew ? read_together(p, capture, error) : read_alone(p, capture, error);
}
