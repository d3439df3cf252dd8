/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What detection leaves in the house's store, by UTC day of the window: ranked servers, hosts, and of servers
 * the beats and meetings of their clients.
 *
 * Rows that hold a client die with the flows that they were made of: `since` is the earliest receipt of a
 * flow that they may rest on, and nr_store_flow_forget() deletes what rests on flows that are erased. Rows of
 * servers hold no client, unless the server is one: then they go likewise.
 */
#ifndef NR_SENSE_FLOW_C2_TABLES_H
#define NR_SENSE_FLOW_C2_TABLES_H

#include "model/table.h"

#define NR_FLOW_SERVERS_KEPT  1000 /* rows of a day: the ranked, and those that were alarms */
#define NR_FLOW_HOSTS_KEPT    10000
#define NR_FLOW_RASTERS_KEPT  200 /* servers of a day whose beats are kept */
#define NR_FLOW_BEAT_CLIENTS  64  /* of one server, the first of the day */
#define NR_FLOW_BEAT_BINS     288 /* five minutes each */
#define NR_FLOW_MEETINGS_KEPT 256 /* clients of one server, the busiest */

/* flow_server */
struct nr_flow_server_row {
	const char *sensor;
	nr_time time; /* start of the day */
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;
	nr_time since; /* NR_TIME_MAX: it holds no client */
	uint32_t rank; /* from 1, of the newest look */
	double confidence, llr;
	uint8_t alarm;
	uint64_t clients;
	nr_time first, last, looked;
	uint32_t as;
	const char *country;
	double period; /* s, of the lag comb; 0: none */
	const char *feedback;
	const char *reasons, *similar; /* JSON arrays */
};

/* flow_host */
struct nr_flow_host_row {
	const char *sensor;
	nr_time time;
	const char *kind;
	struct nr_address address;
	nr_time since;
	uint16_t port;
	uint8_t protocol;
	double confidence;
	uint8_t alarm;
	nr_time first, last, looked;
	const char *reasons;
};

/* flow_beat: one client of a server; bins: a hex digit for each five minutes, the beats that began in it. */
struct nr_flow_beat_row {
	const char *sensor;
	nr_time time;
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;
	struct nr_address client;
	nr_time since, first, last;
	uint64_t beats;
	uint8_t known_infected;
	const char *bins;
};

/* flow_meeting: an edge of the graph of servers and clients. */
struct nr_flow_meeting_row {
	const char *sensor;
	nr_time time;
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;
	struct nr_address client;
	nr_time since, first, last;
	uint64_t beats;
	uint8_t known_infected;
};

extern const struct nr_table nr_flow_server_table, nr_flow_host_table, nr_flow_beat_table,
	nr_flow_meeting_table;
/* For nr_store_open(). */
extern const struct nr_table *const nr_flow_c2_tables[];
extern const size_t nr_flow_c2_table_count;

#endif
