/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telescope's observation tables: row structs and their descriptors. The store makes tables from them,
 * its named queries read them.
 */
#ifndef NR_SENSE_TELESCOPE_TABLES_H
#define NR_SENSE_TELESCOPE_TABLES_H

#include "model/table.h"

/* Column `traffic`: a figure without research scanners is "all" minus "research". */
enum nr_traffic { NR_TRAFFIC_ALL = 0, NR_TRAFFIC_RESEARCH = 1 };

/* telescope_traffic. category: "all", "scan", "backscatter", "spoofed", "malformed", "misconfigured",
 * "tcp_syn", "tcp_syn_ack", "tcp_rst", "tcp_other", "udp", "icmp", "other", "class/<port class>", and per day
 * "tool/<tool>". */
struct nr_traffic_row {
	const char *sensor;
	uint32_t step; /* seconds: 300, 3600, 86400 */
	nr_time time;  /* start of the step */
	uint8_t traffic;
	const char *category;
	uint64_t packets, bytes, sources;
	double error;           /* relative standard error of sources; 0 = exact */
	struct nr_bytes sketch; /* HyperLogLog of the sources (base/hll.h); only for 3600 and 86400 */
};

/* telescope_port: scan packets by protocol and destination port. */
struct nr_port_row {
	const char *sensor;
	uint32_t step;
	nr_time time;
	uint8_t traffic;
	uint8_t protocol; /* 6, 17 */
	uint16_t port;
	const char *class; /* owner class of the port file: "iot", "windows" ..., "other" */
	uint64_t packets, bytes, sources;
	double error;
	struct nr_bytes sketch;
};

/* telescope_origin: by country and autonomous system, per hour and day. country "" = unknown. */
struct nr_origin_row {
	const char *sensor;
	uint32_t step; /* 3600, 86400 */
	nr_time time;
	uint8_t traffic;
	const char *country; /* ISO 3166-1 alpha-2 */
	uint32_t asn;        /* 0 = unknown */
	const char *as_name;
	uint64_t packets, sources;
	double error;
	struct nr_bytes sketch;
};

/* telescope_source: one source on one UTC day. All judged sources (tool, research, victim, own) and the
 * busiest others. */
struct nr_source_row {
	const char *sensor;
	nr_time time; /* start of the day */
	struct nr_address address;
	uint64_t packets, scan_packets;
	uint32_t ports; /* distinct (protocol, destination port) of scan packets */
	nr_time first, last;
	const char *categories; /* "tcp_syn,udp" */
	const char *tools;      /* "mirai", "zmap,masscan", "" */
	const char *research;   /* rule: "nicter", "scaled", "list:NAME"; "" = not a research scanner */
	const char *marks;      /* evidence bits: "bogon,ttl-200,port-0" */
	const char *country;
	uint32_t asn;
	const char *as_name;
	const char *evidence; /* JSON object */
};

/* telescope_source_port: which ports a kept source knocked at on one UTC day. */
struct nr_source_port_row {
	const char *sensor;
	nr_time time;
	uint8_t protocol;
	uint16_t port;
	struct nr_address address;
	uint64_t packets, bytes;
};

/* telescope_victim: one attack seen by backscatter, on a host or, spread, on a network. */
struct nr_victim_row {
	const char *sensor;
	nr_time first;
	struct nr_address address;
	uint8_t protocol; /* that the attack used: 6, 17, 1 */
	nr_time last;
	uint64_t packets, bytes; /* bytes: wire bytes of the answers */
	uint64_t peak_60s;       /* most packets in a 60 s window on the 10 s grid */
	uint32_t targets; /* distinct dark addresses that received answers; linear counting, up to 3194 */
	uint32_t attack_ports, target_ports;
	uint16_t target_port; /* first one */
	double rate; /* estimated packets/s at the victim: peak/60 * 2^32/N_dark; 0 = N_dark unknown */
	const char *country;
	uint32_t asn;
	const char *as_name;
	uint8_t prefix_length; /* 32, 128: a host; 24, 20, 64, 48: a network, address is its first */
	uint32_t addresses;    /* distinct ones of the network that answered; of a /24 exact */
};

/* telescope_campaign: sources that share invariants and their values on one UTC day. */
struct nr_campaign_row {
	const char *sensor;
	nr_time time;
	const char *signature; /* "window=1024,source_port=40000 ..." */
	uint64_t sources, packets;
	uint8_t protocol;
	uint16_t port; /* destination port of most first packets */
	nr_time first, last;
};

/* telescope_run: one reading, and what it lost. */
struct nr_run_row {
	const char *sensor;
	nr_time time;      /* when the reading started (wall clock) */
	const char *input; /* file names, comma-separated */
	uint64_t frames, packets, bytes, late;
	nr_time first, last;
	const char *dropped; /* JSON object {cause: n} */
	uint64_t dark;       /* N_dark; 0 = not given */
	const char *rules;   /* names and versions of rule files used */
	const char *session; /* hexadecimal; runs of one session replace each other's rows */
};

/* telescope_warning: one episode of early warning; handed over again while it lasts. */
struct nr_warning_row {
	const char *sensor;
	nr_time time;     /* slot in which it began */
	const char *kind; /* "changefinder", "synchrony", "slow-scanner", "aggressive" */
	const char *key;  /* "tcp/23", "JP", an address or prefix */
	nr_time last;     /* end of the last slot in which it lasted */
	double value, score;
	uint64_t sources, packets;
	uint8_t notable;      /* 1: a finding, too; 0: the method alerted, but nobody needs to look */
	const char *evidence; /* JSON object */
	const char *reason_en, *reason_ja;
};

/* telescope_event: a scanning event as ORION defines it. */
struct nr_event_row {
	const char *sensor;
	nr_time first;
	struct nr_address address;
	uint8_t type; /* 0 to 17, hitters.h */
	uint16_t port;
	nr_time last;
	uint64_t packets, bytes;
	uint32_t destinations;   /* distinct dark addresses */
	double error;            /* relative standard error of destinations; 0 = exact */
	double rate;             /* packets/s to the whole Internet */
	double coverage;         /* share of the dark addresses */
	const char *definitions; /* "1", "1,2" ...: which make the source an aggressive hitter */
	const char *country;
	uint32_t asn;
	const char *as_name;
};

extern const struct nr_table nr_warning_table, nr_event_table;
extern const struct nr_table nr_traffic_table, nr_port_table, nr_origin_table, nr_source_table,
	nr_source_port_table, nr_victim_table, nr_campaign_table, nr_run_table;

/* All of them and the finding table, in one list for nr_store_open(). */
extern const struct nr_table *const nr_telescope_tables[];
extern const size_t nr_telescope_table_count;

#endif
