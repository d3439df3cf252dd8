/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a pipeline: pipeline.c (its life), round.c (frames to packets to senses), read.c (captures),
 * together.c (captures by several workers), watch.c (interfaces).
 */
#ifndef NR_NET_PIPELINE_INSIDE_H
#define NR_NET_PIPELINE_INSIDE_H

#include "base/wait.h"
#include "net/pipeline.h"

#define NR_ROUND  8192 /* most frames that are read at once */
#define NR_SLICE  512  /* frames that a worker decodes at once: 32 KiB of packets */
#define NR_GATHER 2048 /* packets that a worker observes at once: 128 KiB, in the second-level cache */

#define NR_ROUNDS 8 /* that are on their way at once where several workers read; a power of two */

/* Decoded frames: 2 * NR_SLICE packets at most, as an ICMP error may give two. */
struct nr_slice {
	struct nr_packet *packets;
	size_t count;
	uint16_t *lists; /* owner by owner, 2 * NR_SLICE of room each: positions of its packets */
	uint16_t counts[NR_PIPELINE_WORKERS_MAX];
};

/* Frames of one interval on their way through the workers. */
struct nr_round {
	const struct nr_frame *frames;
	size_t count;
	struct nr_slice slices[NR_ROUND / NR_SLICE];
	atomic_size_t next;   /* slice that nobody has taken yet */
	unsigned lender;      /* together.c: whose frames they are */
	atomic_uint ready;    /* together.c: one more than its number, once it is decoded */
	atomic_uint watchers; /* together.c: workers that have not observed it yet */
};

struct nr_worker {
	_Alignas(NR_CACHE_LINE) void *local;
	struct nr_packet *gathered;     /* 2 * NR_GATHER */
	uint32_t dark_first, dark_last; /* a dark range; first > last: none yet */
	uint64_t dropped[NR_DROP_COUNT];
	struct nr_loss read; /* live: frames of its own ring */
	nr_time read_to;     /* live: nothing older is to be expected from its ring */
};

/* Frames as they were read, and how far they were given to rounds. */
struct nr_frames {
	struct nr_frame *frames; /* NR_ROUND */
	size_t count, at;
	size_t part;   /* frames from `at` that lie in one interval */
	nr_time flush; /* the interval's start: what lies before is flushed first. NR_TIME_MIN: the interval
			  goes on */
};

struct nr_pipeline {
	struct nr_pipeline_conf conf;
	struct nr_worker *workers;
	void **locals;
	unsigned resumed, discarded;
	struct nr_crew *crew;                             /* NULL: one worker */
	struct nr_frames frames[NR_PIPELINE_WORKERS_MAX]; /* what each worker read */
	struct nr_round rounds[NR_ROUNDS];
	bool named;        /* the sink's session */
	bool stepped;      /* the first interval is known */
	nr_time last_time; /* for frames without a time of their own; the first known one before there is any
			    */
	nr_time boundary;  /* the first time of the next interval */
	struct nr_loss loss;
	nr_time down_since; /* live: an interface-down gap that goes on; NR_TIME_MAX: none */
};

/* ---- pipeline.c ---- */
int nr_pipeline_flush(struct nr_pipeline *p, nr_time end, struct nr_error *error);
/* Gives the worker a state: a predecessor's, or a fresh one. */
int nr_worker_start(struct nr_pipeline *p, unsigned index, struct nr_error *error);
/* Ends its state and gives it a fresh one. */
int nr_worker_restart(struct nr_pipeline *p, unsigned index, struct nr_error *error);

/* ---- round.c ---- */
int nr_round_init(struct nr_round *round, unsigned owners, struct nr_error *error);
void nr_round_fini(struct nr_round *round);
void nr_round_begin(struct nr_round *round, const struct nr_frame *frames, size_t count);
/* Takes slices that nobody has taken yet, and decodes them, until there are none. */
void nr_round_decode(struct nr_pipeline *p, struct nr_worker *worker, struct nr_round *round);
/* Shows the worker its packets of a round that is decoded. */
void nr_round_observe(struct nr_pipeline *p, unsigned worker, const struct nr_round *round);
/* Decodes and observes at once, for the worker that owns all sources. At most NR_GATHER frames. */
void nr_frames_observe(struct nr_pipeline *p, unsigned worker, const struct nr_frame *frames, size_t count);

/* ---- read.c ---- */
/* Gives times to frames without one, and finds the part that begins at `at`. */
void nr_frames_part(struct nr_pipeline *p, struct nr_frames *frames);
/* Reads frames and finds their first part. */
void nr_frames_read(struct nr_pipeline *p, struct nr_capture *capture, struct nr_frames *frames);
/* Flushes what lies before the interval that begins at `start`, but for the slack of a file's order. */
int nr_pipeline_pass(struct nr_pipeline *p, nr_time start, struct nr_error *error);
/* Now and then, of many calls. */
void nr_pipeline_progress(struct nr_pipeline *p, const struct nr_capture *capture, uint64_t *calls);

/* ---- together.c ---- */
int nr_pipeline_read_together(struct nr_pipeline *p, struct nr_capture *capture, struct nr_error *error);

#endif
