/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows one after another, as files of others have them, into blocks: a reader fills one row, with every
 * column of the model as a member, and adds it; which columns a block has is seen here.
 */
#ifndef NR_SENSE_FLOW_FILE_FILL_H
#define NR_SENSE_FLOW_FILE_FILL_H

#include "model/flow.h"

struct nr_flow_row {
#define NR_FLOW_MEMBER(NAME, ctype, kind, json) ctype NAME;
	NR_FLOW_COLUMN_LIST(NR_FLOW_MEMBER)
#undef NR_FLOW_MEMBER
};

struct nr_flow_fill;

/* The sink is the caller's. */
int nr_flow_fill_new(struct nr_flow_sink *sink, struct nr_flow_fill **ret_fill, struct nr_error *error);
void nr_flow_fill_free(struct nr_flow_fill *fill);
void nr_flow_fill_freep(struct nr_flow_fill **fill);
/* The row to fill, all zero. The same one until it is added. */
struct nr_flow_row *nr_flow_fill_row(struct nr_flow_fill *fill);
/* STREAM is set here. The error is the sink's. */
int nr_flow_fill_add(struct nr_flow_fill *fill, const struct nr_flow_stream *stream, struct nr_error *error);
/* Hands over what is begun. */
int nr_flow_fill_flush(struct nr_flow_fill *fill, struct nr_error *error);
uint64_t nr_flow_fill_count(const struct nr_flow_fill *fill);

#endif
