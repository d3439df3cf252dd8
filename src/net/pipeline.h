/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Source -> decode -> spread by source hash -> sense. Frames are decoded by all workers in slices, handed to
 * the worker that owns the source, and observed there in the order of the input, so the answer does not
 * depend on the number of workers. With one worker there are no threads.
 */
#ifndef NR_NET_PIPELINE_H
#define NR_NET_PIPELINE_H

#include "base/prefix_table.h"
#include "model/sense.h"
#include "net/capture.h"

struct nr_pipeline; /* owns the workers and their locals */

#define NR_PIPELINE_WORKERS_MAX 64

struct nr_pipeline_conf {
	const struct nr_sense *sense;
	const void *sense_conf;
	unsigned workers;                          /* 1..NR_PIPELINE_WORKERS_MAX */
	const struct nr_prefix_table *dark;        /* NULL: every destination counts */
	const struct nr_prefix_table *tunnel_ends; /* NULL: none */
	struct nr_sink *sink;
	/* The sink's session (model/sink.h) is named after the first frame that is read: the same capture is
	 * the same session, whatever its file is called and however it is compressed. */
	bool session_of_input;
	/* NULL, or one per worker: where its state lies. A state that a predecessor left there is resumed. */
	struct nr_area *const *areas;
	uint64_t spread_key; /* which worker a source belongs to; 0: by chance. States that are resumed need
				their predecessor's */
	void (*progress)(
		void *context, uint64_t done, uint64_t total); /* may be NULL; about ten times a second */
	void *progress_context;
};

int nr_pipeline_new(
	const struct nr_pipeline_conf *conf, struct nr_pipeline **ret_pipeline, struct nr_error *error);
/* Runs one capture through. Files given one after the other are one stream of time. */
int nr_pipeline_read(struct nr_pipeline *pipeline, struct nr_capture *capture, struct nr_error *error);
/* The last flush (NR_TIME_MAX). */
int nr_pipeline_finish(struct nr_pipeline *pipeline, struct nr_error *error);
void nr_pipeline_free(struct nr_pipeline *pipeline);
void nr_pipeline_freep(struct nr_pipeline **pipeline);

/* How many workers went on with a predecessor's state, and how many had to discard one. */
void nr_pipeline_resumed(const struct nr_pipeline *pipeline, unsigned *ret_resumed, unsigned *ret_discarded);

const struct nr_loss *nr_pipeline_loss(struct nr_pipeline *pipeline);
void *const *nr_pipeline_locals(const struct nr_pipeline *pipeline, size_t *ret_count);
/* The workers' threads, at rest between calls of the pipeline; NULL where there is one worker. */
struct nr_crew *nr_pipeline_crew(const struct nr_pipeline *pipeline);

#endif
