/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the exporter booted, and what the times of its records mean (flow reference 5).
 */
#ifndef NR_SENSE_FLOW_COLLECT_TIME_H
#define NR_SENSE_FLOW_COLLECT_TIME_H

#include "base/time.h"
#include "wire/netflow.h"

/*
 * NetFlow v9 says its export time in whole seconds: seconds - SysUptime is up to one second early, and the
 * earliness walks. The largest of the last minutes is nearest to the truth; without that every start of a
 * flow would carry a comb of the collector's own making. Two halves of a window: the older one is let go
 * whole.
 */
struct nr_flow_boot {
	int64_t now_ms, before_ms; /* the largest of this half and of the one before */
	nr_time half_ends;         /* by export time */
	uint32_t uptime_ms;        /* the last one: falls at a reboot, and every 49.7 days */
	uint8_t jumps;             /* estimates in sequence that are far from what stands */
	bool known, before_known;
	int64_t said_us; /* IPFIX: IE 160 of options, us UTC; 0: not said */
};

/*
 * Fractions of NTP times (IE 154 to 157) are 2^-32 s. Some exporters write microseconds there: below a
 * million each time, which of true fractions one in four thousand is. Zeros say nothing.
 */
#define NR_FLOW_FRACTIONS 32 /* in sequence that are small: microseconds from here on */
struct nr_flow_fractions {
	uint32_t small;
	bool sound; /* one was not small: never microseconds */
};
NR_INLINE bool nr_flow_fractions_are_us(const struct nr_flow_fractions *fractions)
{
	return !fractions->sound && fractions->small >= NR_FLOW_FRACTIONS;
}

/* A header that came. */
void nr_flow_boot_note(struct nr_flow_boot *boot, const struct nr_export_header *header);
/* When the exporter booted as well as is known, for that header, which may be an older one; ms UTC. */
int64_t nr_flow_boot_of(const struct nr_flow_boot *boot, const struct nr_export_header *header);

#endif
