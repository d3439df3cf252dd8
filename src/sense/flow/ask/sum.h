/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of flows: totals, the greatest keys ("top"), and both over time. Exact while the keys fit into the
 * memory that is allowed; beyond it the least are let go, and the answer says what is missing.
 *
 * Counters are what was exported; of a flow in both directions those of both, as at nfdump. The estimates
 * multiply each flow by its sampling rate; where that is not known the flow counts as it is, and is counted
 * as unknown.
 *
 * A flow belongs to the step in which it ended, as in the files of nfcapd and the graphs made of them; the
 * steps of a series add up to its totals. One that ended outside of [from, to) belongs to the nearest step.
 */
#ifndef NR_SENSE_FLOW_ASK_SUM_H
#define NR_SENSE_FLOW_ASK_SUM_H

#include "sense/flow/ask/field.h"
#include "sense/flow/ask/sum_table.h"

struct nr_flow_sum_conf {
	struct nr_flow_field fields[NR_FLOW_FIELDS_MAX];
	size_t field_count; /* 0: totals, and their series */
	enum nr_flow_order order;
	nr_time from, to, step; /* step 0: no series; from and to: NR_TIME_MIN, _MAX: open */
	unsigned threads;
	size_t memory; /* bytes for keys, of all threads together */
};

struct nr_flow_sum;

int nr_flow_sum_new(
	const struct nr_flow_sum_conf *conf, struct nr_flow_sum **ret_sum, struct nr_error *error);
void nr_flow_sum_free(struct nr_flow_sum *sum);
void nr_flow_sum_freep(struct nr_flow_sum **sum);

/* Columns that it reads. */
uint64_t nr_flow_sum_columns(const struct nr_flow_sum *sum);
/* Rows of the block by number; NULL: the first `count`. Threads 0 .. conf.threads - 1, each by itself. */
void nr_flow_sum_add(struct nr_flow_sum *sum, unsigned thread, const struct nr_flow_block *block,
	const uint32_t *rows, size_t count);
/* Once, when all threads are done. top: how many keys; 0: all. -ENOMEM. */
int nr_flow_sum_finish(struct nr_flow_sum *sum, size_t top, struct nr_error *error);

/* ---- after _finish ---- */

struct nr_flow_sums {
	uint64_t values[NR_FLOW_ORDERS]; /* by enum nr_flow_order */
	uint64_t unknown;                /* flows without a sampling rate */
};
struct nr_flow_sum_totals {
	struct nr_flow_sums sums;
	nr_time first, last; /* of all flows, where the question is one of time (to read times costs as much
			      * as to sum); NR_TIME_MAX, _MIN: none */
	uint64_t keys;       /* different ones */
	/* Not all fitted into memory: keys that were let go, their sum of `order`, and how much a row may be
	 * too low. 0: exact. */
	uint64_t forgotten, forgotten_value, error;
};
const struct nr_flow_sum_totals *nr_flow_sum_totals(const struct nr_flow_sum *sum);
size_t nr_flow_sum_count(const struct nr_flow_sum *sum); /* rows, the greatest first */
void nr_flow_sum_row(
	const struct nr_flow_sum *sum, size_t row, struct nr_flow_sums *ret_sums, const uint64_t **ret_key);

#define NR_FLOW_SUM_ALL SIZE_MAX
struct nr_flow_sum_point {
	nr_time time; /* the step's beginning */
	size_t row;   /* NR_FLOW_SUM_ALL where there are no fields */
	struct nr_flow_sums sums;
};
/* In order of time, then of rows; the sum's own. */
const struct nr_flow_sum_point *nr_flow_sum_series(const struct nr_flow_sum *sum, size_t *ret_count);

#endif
