/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language: what people type at nfdump (nfdump(1), FILTER) works here, the words of this house
 * too: "src ip 192.0.2.1 and dst port 443", "proto tcp and flags S and not flags A", "host 192.0.2.1",
 * "net 10.0.0.0/8", "bytes > 10k", "src as in [1 2]", "exporter 192.0.2.9", "duration > 60000", "router ip".
 * Compiled once, applied to whole blocks.
 */
#ifndef NR_SENSE_FLOW_ASK_FILTER_H
#define NR_SENSE_FLOW_ASK_FILTER_H

#include "model/flow.h"

#define NR_FLOW_FILTER_TEXT_MAX 65536 /* bytes of an expression */

struct nr_flow_filter;

/* What is wrong with an expression, for people: it names what was expected, what was found, and the nearest
 * word that is known. */
struct nr_flow_filter_fault {
	unsigned column; /* of the first character that is wrong, from 1; several lines are one */
	char text_en[240], text_ja[240];
};

/* Empty text and "any" match all. -EINVAL: `ret_fault` says why and where. -ENOMEM. */
int nr_flow_filter_parse(
	const char *text, struct nr_flow_filter **ret_filter, struct nr_flow_filter_fault *ret_fault);
/* The same with the fault as an error's text, "column 5: ...". */
int nr_flow_filter_new(const char *text, struct nr_flow_filter **ret_filter, struct nr_error *error);
void nr_flow_filter_free(struct nr_flow_filter *filter);
void nr_flow_filter_freep(struct nr_flow_filter **filter);

/* Bits of the columns that it reads. */
uint64_t nr_flow_filter_columns(const struct nr_flow_filter *filter);
/* Hosts one of which every match has as source or destination; 0: it cannot be said. At most `max`. */
size_t nr_flow_filter_hosts(const struct nr_flow_filter *filter, struct nr_address *ret_hosts, size_t max);
/* ret_rows: numbers of the rows that match, in order; room for block->count. Answers how many. Many threads
 * may use one filter, each with its own scratch of nr_flow_filter_scratch() bytes for blocks of that room. */
size_t nr_flow_filter_scratch(const struct nr_flow_filter *filter, uint32_t room);
size_t nr_flow_filter_apply(const struct nr_flow_filter *filter, const struct nr_flow_block *block,
	void *scratch, uint32_t *ret_rows);

#endif
