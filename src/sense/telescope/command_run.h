/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commands that run the telescope have in common (read, watch, export): the sandbox, the store as a sink
 * that may fail, the record of the run, the report.
 */
#ifndef NR_SENSE_TELESCOPE_COMMAND_RUN_H
#define NR_SENSE_TELESCOPE_COMMAND_RUN_H

#include "sense/telescope/telescope.h"
#include "store/store.h"

/* A store that may fail without ending the analysis: what it refused first is kept, to be said at the end. */
struct nr_store_sink {
	struct nr_sink sink;
	struct nr_sink *store;
	struct nr_error failure;
};
void nr_store_sink_init(struct nr_store_sink *sink, struct nr_store *store);

/* The sandbox, before the first packet; what this kernel lacks of it is said. allow: nr_sandbox_allow. */
int nr_telescope_enter(unsigned allow, struct nr_error *error);

#define NR_SESSION_TEXT 17
/* As the run's row has it. */
void nr_telescope_write_session(int64_t session, char text[static NR_SESSION_TEXT]);
/* The run's row, durable, of the sink's session. input: what was read. */
int nr_telescope_record(const struct nr_telescope_run *run, nr_time started, const char *input,
	struct nr_sink *sink, struct nr_error *error);
/* The report to standard output. */
int nr_telescope_print(const struct nr_telescope_run *run, bool json, struct nr_error *error);

#endif
