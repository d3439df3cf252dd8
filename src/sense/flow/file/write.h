/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows into files of others: nfdump's layout 2 (LZ4 blocks, which nfdump 1.7 reads) and IPFIX messages one
 * behind the other (RFC 5655). The file appears when it is whole: a temporary one beside it until then. One
 * thread.
 */
#ifndef NR_SENSE_FLOW_FILE_WRITE_H
#define NR_SENSE_FLOW_FILE_WRITE_H

#include "base/file.h"
#include "model/flow.h"

enum nr_flow_out_kind { NR_FLOW_OUT_NFDUMP, NR_FLOW_OUT_IPFIX };

struct nr_flow_out {
	struct nr_file file;
	enum nr_flow_out_kind kind;
	void *writer; /* NULL: there is no such output, and every call does nothing */
};

/* path NULL: none. All zero before. */
int nr_flow_out_open(
	struct nr_flow_out *out, enum nr_flow_out_kind kind, const char *path, struct nr_error *error);
/* The rows whose numbers are given; NULL: the first `count`. */
int nr_flow_out_take(struct nr_flow_out *out, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t count, struct nr_error *error);
/* Ends the file and makes it appear. */
int nr_flow_out_finish(struct nr_flow_out *out, struct nr_error *error);
/* Without _finish before: what was written is removed. */
void nr_flow_out_fini(struct nr_flow_out *out);

#endif
