/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question: which flows (expression, time), and what of them: the flows themselves, or sums (top, series,
 * totals). Blocks come from an archive, by several threads, or from files, as from any writer of blocks.
 *
 *	nr_flow_query_new(&conf, &query, error);
 *	nr_flow_query_archive(query, "archive", error);    or blocks by nr_flow_query_take()
 *	nr_flow_query_finish(query, error);
 *	nr_flow_query_write_json(query, &json);            of sums
 */
#ifndef NR_SENSE_FLOW_ASK_QUERY_H
#define NR_SENSE_FLOW_ASK_QUERY_H

#include "sense/flow/ask/filter.h"
#include "sense/flow/ask/sum.h"
#include "store/flows/archive.h"

struct nr_flow_query_conf {
	const char *expression;
	nr_time from, to;            /* flows that touch [from, to); NR_TIME_MIN, _MAX: all */
	struct nr_flow_sum_conf sum; /* fields, order, step, memory; the rest is the query's */
	size_t top;                  /* rows of sums; 0: all */
	/* The flows themselves: their rows, in the order of the archive, by one thread. NULL: sums. */
	int (*list)(void *context, const struct nr_flow_block *block, const uint32_t *rows, uint32_t count,
		struct nr_error *error);
	void *list_context;
	uint64_t limit;   /* of flows that are listed; 0: all */
	unsigned threads; /* that scan an archive for sums */
	nr_time deadline; /* of nr_flow_query_clock(); 0: none */
	void (*progress)(void *context, uint64_t done, uint64_t total); /* bytes; NULL: none */
	void *progress_context;
};

struct nr_flow_query;

/* -EINVAL: the expression (*ret_fault where it is given). */
int nr_flow_query_new(const struct nr_flow_query_conf *conf, struct nr_flow_query **ret_query,
	struct nr_flow_filter_fault *ret_fault, struct nr_error *error);
void nr_flow_query_free(struct nr_flow_query *query);
void nr_flow_query_freep(struct nr_flow_query **query);

/* Monotonic, in us. */
nr_time nr_flow_query_clock(void);

/* -ECANCELED: as many flows as the limit allows were listed. -ETIME: the deadline has passed. Others are of
 * list(). Threads as in conf, each by itself; one where flows are listed. */
int nr_flow_query_take(struct nr_flow_query *query, unsigned thread, const struct nr_flow_block *block,
	struct nr_error *error);
/* Scans a whole archive; the limit is no error. What was damaged is in `scanned`, the first of it in *error's
 * text though the call answers 0. */
int nr_flow_query_archive(
	struct nr_flow_query *query, struct nr_flow_archive *archive, struct nr_error *error);
/* Once, after all blocks. */
int nr_flow_query_finish(struct nr_flow_query *query, struct nr_error *error);

uint64_t nr_flow_query_matched(const struct nr_flow_query *query);
bool nr_flow_query_is_cut(const struct nr_flow_query *query); /* the limit ended it */
const struct nr_flow_scan *nr_flow_query_scanned(const struct nr_flow_query *query);
const struct nr_flow_sum *nr_flow_query_sum(const struct nr_flow_query *query);

/* Members of the open object: "scanned", "totals", "columns", "rows", "series" (docs/guide/flow.md). */
void nr_flow_query_write_json(const struct nr_flow_query *query, struct nr_json *json);
/* "scanned" alone, for lists. */
void nr_flow_query_write_scanned(const struct nr_flow_query *query, struct nr_json *json);

#endif
