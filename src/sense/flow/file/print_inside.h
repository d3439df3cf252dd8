/* SPDX-License-Identifier: Apache-2.0 */
/* What the printers of the three forms share; of this room alone. */
#ifndef NR_SENSE_FLOW_FILE_PRINT_INSIDE_H
#define NR_SENSE_FLOW_FILE_PRINT_INSIDE_H

#include "sense/flow/file/print.h"

/* Of one row in any form: 64 columns of at most 24 + 48 bytes, the stream's, marks. */
#define NR_FLOW_ROW_TEXT 8192
#define NR_FLOW_BUFFER   ((size_t)64 * 1024)

/* Values of named elements of one block; those of a row stand together. */
struct nr_flow_named_rows {
	const struct nr_flow_named *values;
	size_t count, next;
};

/* Each writes one row at `at`, with its line end, and answers the end. At most NR_FLOW_ROW_TEXT bytes. */
char *nr_flow_write_row_json(char *at, const struct nr_flow_block *block, uint32_t row);
char *nr_flow_write_row_csv(char *at, const struct nr_flow_block *block, uint32_t row);
char *nr_flow_write_row_table(char *at, const struct nr_flow_block *block, uint32_t row);
char *nr_flow_write_head_csv(char *at);
char *nr_flow_write_head_table(char *at);

NR_INLINE char *nr_flow_write_text(char *at, const char *text)
{
	return stpcpy(at, text);
}

NR_INLINE char *nr_flow_write_uint(char *at, uint64_t value)
{
	char digits[20], *end = digits + sizeof digits, *first = end;
	do
		*--first = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(at, first, (size_t)(end - first));
	return at + (end - first);
}

/* "1000", "1.5": the shortest that reads back. */
char *nr_flow_write_rate(char *at, float rate);
/* "00:00:5e:00:53:01" */
char *nr_flow_write_mac(char *at, uint64_t mac);
/* "ingress"; the number where the code has no name. */
char *nr_flow_write_code(char *at, enum nr_flow_column column, uint64_t code);
/* A value of any kind but addresses and rates, bare; 0 writes 0. */
char *nr_flow_write_value(char *at, enum nr_flow_column column, uint64_t value);
/* False: nobody exported it. */
bool nr_flow_row_address(const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row,
	struct nr_address *ret_address);
const struct nr_flow_stream *nr_flow_row_stream(const struct nr_flow_block *block, uint32_t row);
/* 5, 9, 10; 0: the export has no such number. */
unsigned nr_flow_export_version(uint32_t export);

struct nr_flow_mark_name {
	unsigned mark;
	const char *name;
};
#define NR_FLOW_MARK_NAMES 9
extern const struct nr_flow_mark_name nr_flow_mark_names[NR_FLOW_MARK_NAMES];

#endif
