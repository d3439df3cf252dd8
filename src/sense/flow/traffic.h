/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of flows for charts, which hold no client: by service, autonomous system, country, exporter and in
 *all, for each 5 minutes, hour and day by the time of receipt. Bounded: of each list the largest are kept by
 *name and the rest is one row, "other".
 *
 * Flows are given as they are kept (after the law): an address is looked at for its country and network
 *alone. NAT and firewall events are not traffic. Counters are summed as exported and, beside that, multiplied
 *by the sampling rate where it is known.
 *
 *	nr_flow_traffic_new(&conf, &traffic, error);       before rights are dropped: it opens databases
 *	nr_flow_traffic_take(traffic, block);              each block, in order of receipt
 *	nr_flow_traffic_flush(traffic, now, sink, error);  at least every few minutes; at the end with
 *NR_TIME_MAX
 *
 * One thread.
 */
#ifndef NR_SENSE_FLOW_TRAFFIC_H
#define NR_SENSE_FLOW_TRAFFIC_H

#include "model/flow.h"
#include "model/sink.h"

/* flow_traffic. dimension: "all", "service" (key "tcp/443", "icmp"), "as" and "country" (of the server's
 * side, "AS64500", "JP"; "AS0" and "": not known), "source_as", "destination_as", "exporter" ("192.0.2.1/5":
 * its domain); key "other": all that have no row of their own. */
struct nr_flow_traffic_row {
	const char *sensor;
	uint32_t step; /* seconds: 300, 3600, 86400 */
	nr_time time;  /* start of the step */
	const char *dimension, *key, *name;
	uint64_t flows, packets, bytes; /* as exported */
	uint64_t estimated_packets,
		estimated_bytes; /* times the rate; without flows whose rate is not known */
	uint64_t unknown_flows;  /* those */
};

/* flow_exporter: what is known of one observation domain; the newest row stands. */
struct nr_flow_exporter_row {
	const char *sensor;
	struct nr_address exporter;
	uint32_t domain;
	const char *export; /* "ipfix" */
	nr_time first, last;
	uint64_t datagrams, records, options_records, templates;
	const char *loss_unit; /* "records", "flows", "self", "messages" */
	uint64_t received, lost, lost_unknown;
	double sampling; /* the first rate that is known; 0: none */
	const char *sampling_from;
	uint32_t active_timeout, inactive_timeout; /* seconds; 0: not known */
	double clock_offset;                       /* seconds ahead of ours */
	const char *detail;                        /* JSON: as in the report */
};

extern const struct nr_table nr_flow_traffic_table, nr_flow_exporter_table;
/* For nr_store_open(). */
extern const struct nr_table *const nr_flow_tables[];
extern const size_t nr_flow_table_count;

struct nr_flow_traffic_conf {
	const char *sensor;
	const char *mmdb, *as_mmdb; /* MaxMind DB files; NULL: none, and AS only where exporters tell */
};

struct nr_flow_traffic;
int nr_flow_traffic_new(const struct nr_flow_traffic_conf *conf, struct nr_flow_traffic **ret_traffic,
	struct nr_error *error);
void nr_flow_traffic_free(struct nr_flow_traffic *traffic);
void nr_flow_traffic_freep(struct nr_flow_traffic **traffic);

void nr_flow_traffic_take(struct nr_flow_traffic *traffic, const struct nr_flow_block *block);

/* Hands over what is final before `end` in steps of 5 minutes, and hours and days as they stand: those are
 * handed over again. Does nothing where no 5 minutes have ended. -errno: the sink's; the rows are given up
 * and counted. */
int nr_flow_traffic_flush(
	struct nr_flow_traffic *traffic, nr_time end, struct nr_sink *sink, struct nr_error *error);

/* Hands over the exporters of a report (an object as nr_flow_collector_report() writes it). -EBADMSG: it is
 * none. */
int nr_flow_traffic_exporters(
	struct nr_flow_traffic *traffic, const char *report, struct nr_sink *sink, struct nr_error *error);

struct nr_flow_traffic_state {
	uint64_t flows, events; /* summed; passed over */
	uint64_t merged;        /* keys that went into "other" to make room */
	uint64_t rows, lost_rows;
};
struct nr_flow_traffic_state nr_flow_traffic_state(const struct nr_flow_traffic *traffic);

#endif
