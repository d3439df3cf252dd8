/* SPDX-License-Identifier: Apache-2.0 */
/* What writing and reading the record of uses have in common. */
#ifndef NR_SENSE_FLOW_LAW_USES_INSIDE_H
#define NR_SENSE_FLOW_LAW_USES_INSIDE_H

#include "sense/flow/law/uses.h"

#define NR_FLOW_USES_FILE  "uses.jsonl"
#define NR_FLOW_USES_HEAD  "uses.head"
#define NR_FLOW_HEAD_BYTES 86 /* 20 digits, a space, 64 hex, a new line */

void nr_flow_use_hash(const char *line, size_t length, char ret_hash[static NR_FLOW_HEAD_TEXT]);
/* "number" of a line that has a NUL behind it; false: no line of a record. */
bool nr_flow_use_number(const char *line, size_t length, uint64_t *ret_number);

/* The record does not hold at this line, because. */
void nr_flow_uses_trouble(struct nr_flow_uses_state *state, uint64_t line, const char *format, ...)
	NR_PRINTF(3, 4);

#endif
