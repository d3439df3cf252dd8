/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message while it is read.
 */
#ifndef NR_SENSE_FLOW_COLLECT_MESSAGE_H
#define NR_SENSE_FLOW_COLLECT_MESSAGE_H

#include "sense/flow/collect/packet.h"
#include "sense/flow/collect/state.h"

struct nr_flow_message_in {
	struct nr_flow_collector *collector;
	struct nr_flow_exporter *exporter;
	struct nr_export_header header;
	nr_time received;
	int64_t exported_us; /* what the header says */
	int64_t uptime_us;   /* when SysUptime was what the header says; 0: it has none */
	uint32_t records, options, waiting, unread;
};

/* Its records are the exporter's, and the collector's. */
void nr_flow_message_count(const struct nr_flow_message_in *m);

#endif
