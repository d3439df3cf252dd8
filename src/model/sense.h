/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sense contract: a sense observes batches per worker, without locks, and hands rows and findings to a
 * sink at each interval. Everything a user sees of it (options, help, tables, JSON, API) is derived from its
 * descriptor. Offline and live run the same code (net/pipeline.h).
 */
#ifndef NR_MODEL_SENSE_H
#define NR_MODEL_SENSE_H

#include "base/area.h"
#include "base/crew.h"
#include "base/json.h"
#include "base/option.h"
#include "model/sink.h"

struct nr_batch; /* wire/packet.h: decoded packets whose sources all belong to one worker */
struct nr_loss;  /* wire/packet.h: what was read and what was dropped, by cause */

struct nr_sense {
	const char *name, *text_en, *text_ja;
	const struct nr_table *const *tables; /* its observation tables */
	size_t table_count;
	const struct nr_option *options; /* configuration keys and flags */
	size_t option_count;
	size_t conf_size;
	size_t local_size; /* per-worker state; the core allocates it zeroed and cache-aligned */
	nr_time interval;  /* us; flush is called when time has passed a multiple of it */
	nr_time slack;     /* us: how far behind its newest packet a capture file's packets may come
			      (docs/adr/0004) */

	/* Called once per worker, before any batch, in the worker's own zeroed state. area: where the state
	 * and all that hangs on it must lie, so that it outlives the process; NULL: anywhere. */
	int (*start)(const void *conf, void *local, struct nr_area *area, struct nr_error *error);
	/* Instead of start: the state is a predecessor's, which ended at any instruction. Makes it sound
	 * again at the cost of the packet it was looking at; -EBADMSG: not possible, start anew. */
	int (*resume)(const void *conf, void *local, struct nr_area *area, struct nr_error *error);
	/* Hot: cannot fail, cannot allocate per packet, called by the worker that owns local. */
	void (*observe)(const void *conf, void *local, const struct nr_batch *batch);
	/* All workers are at rest, and their threads stand ready as the crew. What lies before `end`
	 * is final: nothing more is expected there, what comes all the same is late. NR_TIME_MAX: the
	 * source has ended. */
	int (*flush)(const void *conf, void *const *locals, size_t count, struct nr_crew *crew, nr_time end,
		struct nr_sink *sink, struct nr_error *error);
	/* Live alone, about four times a second, all workers at rest: what is new since the last call, for
	 * screens (rows of model/live.h) and alarms (findings). now: wall clock. Short: packets are waiting.
	 * NULL: none. */
	int (*pulse)(const void *conf, void *const *locals, size_t count, nr_time now, struct nr_sink *sink,
		struct nr_error *error);
	void (*stop)(void *local);
};

#endif
