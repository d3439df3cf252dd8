/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a sense's rows and findings go: the JSON printer, the store, or the socket to the keeper. Called only
 * from the thread that runs flush(). Pointers inside rows are valid only during the call. One sink's failure
 * is returned, kept by the caller and reported at the end; it never stops the analysis.
 */
#ifndef NR_MODEL_SINK_H
#define NR_MODEL_SINK_H

#include "model/finding.h"

struct nr_sink {
	/* rows: count structs of table->row_size bytes. One call is one block: all of it is kept or none. */
	int (*rows)(struct nr_sink *sink, const struct nr_table *table, const void *rows, size_t count,
		struct nr_error *error);
	/* Everything handed over before is durable when this answers 0. */
	int (*commit)(struct nr_sink *sink, struct nr_error *error);
	/* Of which counting the rows are that are handed over: of one state from its start until it is lost,
	 * or of one reading. Not negative. Rows with one key replace each other within a session; of
	 * different sessions they are parts of one step and add up (docs/adr/0018). Set by whoever knows; 0
	 * is a session like any other. */
	int64_t session;
};

/* A finding is a row of nr_finding_table. */
NR_INLINE int nr_sink_finding(struct nr_sink *sink, const struct nr_finding *finding, struct nr_error *error)
{
	return sink->rows(sink, &nr_finding_table, finding, 1, error);
}

#endif
