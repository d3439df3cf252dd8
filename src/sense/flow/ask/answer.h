/* SPDX-License-Identifier: Apache-2.0 */
/* Sums for people and as CSV; as JSON: nr_flow_query_write_json(). */
#ifndef NR_SENSE_FLOW_ASK_ANSWER_H
#define NR_SENSE_FLOW_ASK_ANSWER_H

#include "sense/flow/ask/query.h"

/* Numbers of bytes and packets in powers of 1000 with their units; what is estimated begins with "~". */
void nr_flow_answer_print(
	const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out);
/* A line of names; rows, or the points of the series with their time in front. Counters in full. */
void nr_flow_answer_print_csv(
	const struct nr_flow_query *query, const struct nr_flow_query_conf *conf, FILE *out);

/* "12.3 G", "999", "~1.00 k": three digits, and the power of 1000. */
#define NR_FLOW_AMOUNT_TEXT 24
const char *nr_flow_amount_write(
	uint64_t amount, bool estimated, const char *unit, char text[static NR_FLOW_AMOUNT_TEXT]);

#endif
