/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records into rows: operations down the columns, then what several columns together say.
 */
#ifndef NR_SENSE_FLOW_COLLECT_DECODE_H
#define NR_SENSE_FLOW_COLLECT_DECODE_H

#include "sense/flow/collect/map.h"
#include "sense/flow/collect/time.h"

#define NR_FLOW_RUN_ROWS 256 /* records that are decoded at once: their bytes stay in the first cache */

/* Rows of a block that are being filled from records of one set. */
struct nr_flow_run {
	struct nr_flow_block *block;
	uint32_t first, count; /* at most NR_FLOW_RUN_ROWS */
	uint16_t stream;
	bool nat_draft;
	uint32_t uptime_ms;  /* of the header */
	int64_t exported_us; /* the header's time; us UTC like the others */
	int64_t uptime_us;   /* when SysUptime was uptime_ms, as well as it is known; 0: not known */
	int64_t boot_us;     /* IPFIX: when it booted; 0: not known */
	uint64_t (*facts)[NR_FLOW_RUN_ROWS];
	struct nr_flow_fractions *fractions;     /* the exporter's */
	uint64_t times_suspect, times_of_export; /* added to */
};

/* The rows are open, with plan->columns. records: `count` of them, `length` bytes each. */
void nr_flow_decode(
	struct nr_flow_run *run, const struct nr_flow_plan *plan, const uint8_t *records, uint32_t length);
/* One record whose values lie anywhere, into row run->first + row. */
void nr_flow_decode_values(struct nr_flow_run *run, const struct nr_flow_plan *plan, uint32_t row,
	const struct nr_value *values);
/* Zero, in all rows, what no operation writes: before either of them. */
void nr_flow_decode_begin(struct nr_flow_run *run, const struct nr_flow_plan *plan);
/* Values into columns of `allowed` that are still zero in that row; for lists. */
void nr_flow_decode_missing(struct nr_flow_run *run, const struct nr_flow_plan *plan, uint32_t row,
	const struct nr_value *values, uint64_t allowed);
/* Durations, ICMP, times that cannot be, marks, stream: after everything else but sampling. */
void nr_flow_decode_end(struct nr_flow_run *run, const struct nr_flow_plan *plan);

#endif
