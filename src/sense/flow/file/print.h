/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows as text: a table for people, JSON lines and CSV, block by block. One printer, one stream, one thread.
 * What the stream refused is told by _flush.
 *
 * JSON (stable; docs/guide/flow.md): one object a line. Always there, null or 0 where unknown: exporter,
 * domain, version, export, first, last, source, destination, source_port, destination_port, protocol,
 * packets, bytes, sampling. Every other column where its value is not 0, under its name (model/flow.h); marks
 * as members that are true; elements that the configuration names in "fields".
 */
#ifndef NR_SENSE_FLOW_FILE_PRINT_H
#define NR_SENSE_FLOW_FILE_PRINT_H

#include "sense/flow/collect/collector.h"

enum nr_flow_print_form { NR_FLOW_PRINT_TABLE, NR_FLOW_PRINT_JSON, NR_FLOW_PRINT_CSV };

struct nr_flow_printer;

/* The stream stays the caller's. CSV's first line, the names, is written at once. */
int nr_flow_printer_new(enum nr_flow_print_form print, FILE *stream, struct nr_flow_printer **ret_printer,
	struct nr_error *error);
void nr_flow_printer_free(struct nr_flow_printer *printer);
void nr_flow_printer_freep(struct nr_flow_printer **printer);

/* The rows of the block whose numbers are given, in that order; rows NULL: the first `count`. collector: for
 * the values of named elements, where the block is the one that its sink is taking; else NULL. -EIO ...: the
 * stream does not take more. */
int nr_flow_print(struct nr_flow_printer *printer, const struct nr_flow_block *block, const uint32_t *rows,
	uint32_t count, const struct nr_flow_collector *collector, struct nr_error *error);

/* For lines of the caller's own between or after flows (JSON only): an object at the top is a line. */
struct nr_json *nr_flow_printer_json(struct nr_flow_printer *printer);
/* Hands over what is begun. */
int nr_flow_printer_flush(struct nr_flow_printer *printer, struct nr_error *error);

/* A sink that prints all rows. */
struct nr_flow_print_sink {
	struct nr_flow_sink sink; /* the first member */
	struct nr_flow_printer *printer;
	const struct nr_flow_collector *collector; /* NULL: no named elements */
	uint64_t printed;
};
void nr_flow_print_sink_init(struct nr_flow_print_sink *sink, struct nr_flow_printer *printer);

/* One row as an object, as a line of JSON has it: what the API answers. */
void nr_flow_row_write_json(
	struct nr_json *json, const char *key, const struct nr_flow_block *block, uint32_t row);

#endif
