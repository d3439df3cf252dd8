/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums by a number, bounded: where there is no room the smaller half goes into one sum, "other", so that the
 * total stays exact and the largest keep their names.
 */
#ifndef NR_SENSE_FLOW_TRAFFIC_SUMS_H
#define NR_SENSE_FLOW_TRAFFIC_SUMS_H

#include "base/base.h"

#define NR_FLOW_SUMS_ROOM 8192

struct nr_flow_amount {
	uint64_t flows, packets, bytes, unknown_flows;
	double estimated_packets, estimated_bytes;
};

struct nr_flow_key_sum {
	uint64_t key;
	struct nr_flow_amount amount;
};

struct nr_flow_sums {
	struct nr_flow_key_sum *items; /* owned */
	uint32_t *slots;               /* owned: item + 1 */
	uint32_t count;
	uint32_t recent; /* index of the item that was asked for last */
	struct nr_flow_amount other;
	uint64_t merged; /* keys, ever */
};

/* -ENOMEM. */
int nr_flow_sums_init(struct nr_flow_sums *sums);
void nr_flow_sums_fini(struct nr_flow_sums *sums);
void nr_flow_sums_clear(struct nr_flow_sums *sums);
void nr_flow_sums_add(struct nr_flow_sums *sums, uint64_t key, const struct nr_flow_amount *amount);
/* The largest by bytes first. */
void nr_flow_sums_sort(struct nr_flow_sums *sums);

/* No sum goes beyond this, so that sums of rows can be added up in 64 bits, and read in JavaScript. */
#define NR_FLOW_SUM_MAX (UINT64_C(1) << 53)
/* Both are at most that. */
NR_INLINE uint64_t nr_flow_add_up(uint64_t a, uint64_t b)
{
	return NR_MIN(a + b, NR_FLOW_SUM_MAX);
}
NR_INLINE void nr_flow_amount_add(struct nr_flow_amount *to, const struct nr_flow_amount *amount)
{
	to->flows += amount->flows;
	to->packets = nr_flow_add_up(to->packets, amount->packets);
	to->bytes = nr_flow_add_up(to->bytes, amount->bytes);
	to->unknown_flows += amount->unknown_flows;
	to->estimated_packets += amount->estimated_packets;
	to->estimated_bytes += amount->estimated_bytes;
}

#endif
