/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer of a whole run: figures first, then the stable JSON object and the text made from them.
 */
#ifndef NR_SENSE_TELESCOPE_REPORT_H
#define NR_SENSE_TELESCOPE_REPORT_H

#include "sense/telescope/merged.h"

struct nr_port_figure {
	uint8_t protocol;
	uint16_t port;
	double error; /* relative standard error of sources; 0 = exact */
	uint64_t packets, bytes, sources, packets_without_research, sources_without_research;
};

struct nr_scanner_figure {                      /* one address over all its days */
	const struct nr_research_scanner *best; /* the day with most packets */
	uint64_t packets;
	uint32_t ports, days;
};

struct nr_victim_figure { /* one address over all its attacks */
	struct nr_address address;
	uint64_t packets, peak;
	nr_time first, last;
	bool tcp, udp, icmp;
	uint32_t attacks;
};

struct nr_report {
	const struct nr_telescope_conf *conf;
	const struct nr_loss *loss;
	struct nr_merged *merged;
	struct nr_crew *crew; /* NULL: none */
	uint64_t packets, bytes, late, victims_untracked, carpets_untracked, synack_scans, mismatches;
	uint64_t packets6, sources6; /* of all, IPv6 */
	struct nr_count all[NR_CATEGORY_COUNT + 1], research[NR_CATEGORY_COUNT + 1];
	uint64_t tool_sources[NR_TOOL_COUNT];
	double tool_sources_error[NR_TOOL_COUNT]; /* relative standard error */
	struct nr_port_figure *ports;             /* owned; most packets first */
	size_t port_count;
	struct nr_scanner_figure *scanners; /* owned; most packets first */
	size_t scanner_count;
	struct nr_victim_figure *victims; /* owned; most packets first */
	size_t victim_count;
};

int nr_report_init(struct nr_report *report, const struct nr_telescope_run *run, struct nr_error *error);
void nr_report_fini(struct nr_report *report);
void nr_report_write_json(const struct nr_report *report, struct nr_json *json);
void nr_report_write_text(const struct nr_report *report, FILE *out);

#endif
