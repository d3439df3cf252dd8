/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NR_SENSE_FLOW_FILE_WRITE_INSIDE_H
#define NR_SENSE_FLOW_FILE_WRITE_INSIDE_H

#include "sense/flow/file/write.h"

/* What a kind of file does. What the stream refuses is found by who commits the file. */
struct nr_flow_writing {
	int (*begin)(FILE *stream, void **ret_writer, struct nr_error *error);
	int (*take)(void *writer, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
		struct nr_error *error);
	int (*finish)(void *writer, struct nr_error *error);
	void (*end)(void *writer);
};
extern const struct nr_flow_writing nr_flow_writing_nfdump, nr_flow_writing_ipfix;

#endif
