/* SPDX-License-Identifier: Apache-2.0 */
/* Captures through the pipeline. One worker takes what was read piece by piece; several: together.c. */
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
void nr_frames_read(struct nr_pipeline *p, struct nr_capture *capture, struct nr_frames *f)
{
	f->at = 0;
	f->count = nr_capture_read(capture, f->frames, NR_ROUND, &p->loss);
	if (f->count && !p->named && p->conf.session_of_input && p->conf.sink)
		name_session(p, &f->frames[0]);
	p->named = p->named || f->count;
	nr_frames_part(p, f);
}

int nr_pipeline_pass(struct nr_pipeline *p, nr_time start, struct nr_error *error)
{
	return start == NR_TIME_MIN ? 0 : nr_pipeline_flush(p, start - p->conf.sense->slack, error);
}

void nr_pipeline_progress(struct nr_pipeline *p, const struct nr_capture *capture, uint64_t *calls)
{
	uint64_t done, total;
	if (!p->conf.progress || (*calls)++ % PROGRESS_READS)
		return;
	nr_capture_progress(capture, &done, &total);
	p->conf.progress(p->conf.progress_context, done, total);
}

static int read_alone(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	struct nr_frames *f = &p->frames[0];
	uint64_t reads = 0;
	for (nr_frames_read(p, capture, f); f->count; nr_frames_read(p, capture, f)) {
		for (; f->at < f->count; nr_frames_part(p, f)) {
			int e = nr_pipeline_pass(p, f->flush, error);
			if (e)
				return e;
			for (size_t end = f->at + f->part; f->at < end;) {
				size_t count = NR_MIN(end - f->at, (size_t)NR_GATHER);
				nr_frames_observe(p, 0, f->frames + f->at, count);
				f->at += count;
			}
		}
		nr_pipeline_progress(p, capture, &reads);
	}
	return 0;
}

int nr_pipeline_read(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error)
{
	return p->crew ? nr_pipeline_read_together(p, capture, error) : read_alone(p, capture, error);
}
