/* SPDX-License-Identifier: Apache-2.0 */
/* Inside live*.c. */
#ifndef NR_SENSE_TELESCOPE_LIVE_INSIDE_H
#define NR_SENSE_TELESCOPE_LIVE_INSIDE_H

#include "model/relay.h"
#include "sense/telescope/live.h"

#define PATH_ROOM 4200
/* Address space of a worker's area: what is in use is bounded by --memory, but pieces that are given back
 * leave holes, and a table that grows stands there twice for a moment. */
#define AREA_BYTES(memory_bytes) ((size_t)(memory_bytes)*2 + ((size_t)256 << 20))

struct nr_telescope_live {
	struct nr_telescope_live_source source;
	struct nr_telescope_conf sense; /* in force; texts are source's or blob's */
	struct nr_telescope_live_conf conf;
	struct nr_telescope_refs refs;
	void *blob; /* of the last reload; NULL: none yet */
	struct nr_live *rings;
	const char *note;
	struct nr_area *areas[NR_PIPELINE_WORKERS_MAX], *outbox;
	uint64_t spread_key;
};

/* live_run.c: the process that reads packets. */
int nr_telescope_live_run(void *context, const struct nr_child_start *start, struct nr_error *error);
/* And the one that at the end stores what a copy of its state holds of open intervals. */
int nr_telescope_live_finish(void *context, const struct nr_child_start *start, struct nr_error *error);

#endif
