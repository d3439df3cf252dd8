/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of uses: ARCHIVE/uses.jsonl, one JSON object a line, each with the SHA-256 of the line before it
 * ("previous"), so that a line that is changed, put in or taken out breaks the chain. Beside it uses.head has
 * the number and hash of the last line: lines that are missing at the end are missed by it. Who can write
 * both files can still shorten both together, or write the whole chain anew; that is found by a head that
 * stands elsewhere (nr_flow_uses_head() in a ledger).
 *
 * An archive does not need a ledger and its keys to be lawful, so the chain is a file of its own; one writer
 * at a time, by a lock. docs/adr says more.
 */
#ifndef NR_SENSE_FLOW_LAW_USES_H
#define NR_SENSE_FLOW_LAW_USES_H

#include "sense/flow/law/law.h"
#include "trust/ledger/merkle.h"

#define NR_FLOW_USE_LINE_MAX     16384
#define NR_FLOW_USE_QUESTION_MAX 4000 /* bytes; longer ones are cut */

#define NR_FLOW_HEAD_TEXT 65 /* hex */
struct nr_flow_use {
	uint64_t number; /* from 1 */
	const char *line;
	size_t length;
	char hash[NR_FLOW_HEAD_TEXT]; /* of the line, without its end */
};
struct nr_flow_uses_state {
	uint64_t count;               /* lines that hold */
	char hash[NR_FLOW_HEAD_TEXT]; /* of the last of them; "" where there is none */
	/* What is wrong, and at which line; "" where all holds. */
	char trouble[200];
	uint64_t trouble_line;
};
/* Walks the chain and calls visit (NULL allowed) for each line that holds, until it answers other than 0. A
 * chain that does not hold is no error: it is in the state. -ENOENT: no record. */
int nr_flow_uses_read(const char *archive, int (*visit)(void *context, const struct nr_flow_use *use),
	void *context, struct nr_flow_uses_state *ret_state, struct nr_error *error);

/* What a ledger knows of it: which hash the line with that number had. */
struct nr_flow_head {
	uint64_t number;
	char hash[NR_FLOW_HEAD_TEXT];
};
/* The heads of this archive in what "noroshi ledger export" printed; *ret_heads is the caller's. */
#define NR_FLOW_HEADS_MAX 1000000
int nr_flow_heads_read(const char *path, const char *name, struct nr_flow_head **ret_heads, size_t *ret_count,
	struct nr_error *error);
/* Compares them with the record; what is wrong is in the state, as the chain's own trouble is. */
int nr_flow_heads_compare(const char *archive, const struct nr_flow_head *heads, size_t count,
	struct nr_flow_uses_state *state, struct nr_error *error);

/* A ledger's entry that says which line the record had reached: {"kind":"flow-uses",...}. Answers its length.
 */
#define NR_FLOW_HEAD_ENTRY_MAX 512
size_t nr_flow_uses_head(const struct nr_flow_uses_state *state, const char *name, nr_time now,
	char ret_entry[static NR_FLOW_HEAD_ENTRY_MAX]);

#endif
