/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NR_SENSE_FLOW_COLLECT_REPORT_H
#define NR_SENSE_FLOW_COLLECT_REPORT_H

#include "base/base.h"

struct nr_flow_collector;
struct nr_flow_exporter;

/* All domains by address and number; the list is the caller's to free. -ENOMEM. */
int nr_flow_exporters_sorted(const struct nr_flow_collector *collector,
	struct nr_flow_exporter ***ret_exporters, size_t *ret_count);

#endif
