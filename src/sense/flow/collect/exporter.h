/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One observation domain of one exporter, and what is known of it: inside collect/ only. The collector owns
 * the table of them (state.h); templates, times and options have files of their own, whose state stands here.
 */
#ifndef NR_SENSE_FLOW_COLLECT_EXPORTER_H
#define NR_SENSE_FLOW_COLLECT_EXPORTER_H

#include "model/flow.h"
#include "sense/flow/collect/cause.h"
#include "sense/flow/collect/options.h"
#include "sense/flow/collect/template.h"
#include "sense/flow/collect/time.h"

/* What tells one domain from another (flow reference 3.1). Compared as bytes: no padding, unused parts zero.
 * Ports and the collector's address are IPFIX's over UDP only; NetFlow v9's port is not kept, exporters
 * change it when they restart. */
struct nr_flow_domain {
	struct nr_address exporter; /* sFlow: the agent */
	struct nr_address collector;
	uint32_t domain, export; /* as in struct nr_flow_stream */
	uint16_t exporter_port, collector_port;
	uint32_t stream; /* 0: UDP; state of a stream is its own */
};
_Static_assert(sizeof(struct nr_flow_domain) == 48, "no padding");

struct nr_flow_exporter {
	struct nr_flow_domain key;
	struct nr_flow_stream stream;  /* what blocks call it */
	nr_time first_seen, seen;      /* by the collector's clock */
	struct nr_flow_exporter *next; /* in the table's chain; NULL: the last one */
	uint64_t block;                /* serial of the block that holds its stream ... */
	uint16_t block_stream;         /* ... at this index */
	bool closed;                   /* its stream has ended */
	bool nat_draft;                /* numbers NAT events by the draft */

	struct nr_flow_templates templates;
	struct nr_flow_pending *pending,
		**pending_end; /* sets that wait for their template, the oldest first */
	size_t pending_bytes;
	struct nr_flow_boot boot;
	struct nr_flow_fractions fractions;
	struct nr_flow_options options;

	uint64_t messages, records, options_records;
	uint64_t dropped[NR_FLOW_CAUSES];
	uint64_t times_suspect, times_of_export;
};

#endif
