/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between writing (remember.c) and reading (recall.c) what is remembered of exporters.
 */
#ifndef NR_SENSE_FLOW_COLLECT_REMEMBER_H
#define NR_SENSE_FLOW_COLLECT_REMEMBER_H

#include "sense/flow/collect/state.h"

enum nr_flow_memory_entry {
	NR_FLOW_MEMORY_DOMAIN = 1, /* what follows is of this one, until the next */
	NR_FLOW_MEMORY_TEMPLATE,   /* the older definition of an id first */
	NR_FLOW_MEMORY_RATE,
	NR_FLOW_MEMORY_INTERFACE,
	NR_FLOW_MEMORY_BINS,
	NR_FLOW_MEMORY_END,
};
uint64_t nr_flow_memory_sum(uint32_t type, const uint8_t *payload, uint32_t length);

#endif
