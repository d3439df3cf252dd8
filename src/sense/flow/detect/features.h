/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What detection knows: the plain structs that its parts hand to each other.
 *
 *	blocks -> orient -> tables (servers, pairs, hosts) -> candidates -> beats -> timing --+
 *	          who is the server?   bounded, all of a day   the busiest   read once more   |
 *	                                                                                       v
 *	                           findings  <-  budget  <-  fusion of likelihoods (judge.h)  <-
 *
 * Counts are as exported unless a name says "estimated" (times the sampling rate). Addresses of clients are
 * whatever the flows hold: pseudonyms where they come from an archive.
 */
#ifndef NR_SENSE_FLOW_DETECT_FEATURES_H
#define NR_SENSE_FLOW_DETECT_FEATURES_H

#include "base/address.h"
#include "base/time.h"

/* ---- orient: one record seen from its client ---- */

enum nr_flow_oriented { /* by what the server was told from the client, in the order in which it is tried */
	NR_FLOW_BY_INITIATOR,  /* biflow, NSEL */
	NR_FLOW_BY_SYN,        /* SYN without ACK; SYN with ACK in the flags of a single packet */
	NR_FLOW_BY_KNOWN_PORT, /* before peers: a scanner that keeps its port has many */
	NR_FLOW_BY_CLIENT,     /* one side is a pseudonym or in an own network */
	NR_FLOW_BY_PEERS,      /* one side's port has many peers */
	NR_FLOW_BY_SMALLER_PORT,
	NR_FLOW_BY_ORDER, /* a guess, the same for both directions */
};
enum nr_flow_side { NR_FLOW_UP = 1, NR_FLOW_DOWN = 2 }; /* from the client, from the server */

struct nr_flow_server {
	struct nr_address address;
	uint16_t port;
	uint8_t protocol;
};
struct nr_flow_talk {
	struct nr_flow_server server;
	struct nr_address client;
	uint16_t client_port;
	uint8_t sides;    /* which directions the record tells of */
	uint8_t oriented; /* enum nr_flow_oriented */
	nr_time first, last;
	uint64_t up_packets, up_bytes, down_packets, down_bytes;
	uint16_t up_flags, down_flags; /* TCP */
	uint16_t marks;                /* NR_FLOW_MARK_... */
	uint8_t end_reason;
	uint32_t exporter; /* index of the detection's exporters, which have timers and rates */
	float sampling;    /* 0: not known */
};

/* ---- beats: a candidate's connections, in full ---- */

/* Sorted by client, then by first. */
struct nr_flow_beat {
	nr_time first, last;
	uint32_t client;                                         /* index of the candidate's clients */
	uint32_t up_bytes, down_bytes, up_packets, down_packets; /* saturated */
	uint16_t client_port;
	uint16_t exporter;
	uint8_t sides;
	uint8_t end_reason;
	bool refused;  /* SYN that nobody answered, or answered by RST: no payload came back */
	bool timeless; /* its time is the export's or suspect: not for timing */
};

/* What a flow cache does to time (flow reference 16). 0: not known. */
struct nr_flow_cache {
	nr_time active, inactive;
	float sampling;
};

/* ---- timing: of one server's beats (timing.h) ---- */

struct nr_flow_timing {
	uint32_t beats, clients; /* after continuations and retries were joined; clients with any */
	/* The lag comb pooled over clients, without what bursts add to it (comb.h). period in s; z of the
	 * exporters' own spectrum at that period. */
	double comb_z, comb_period, comb_pool_z;
	uint32_t comb_k, comb_lags;
	/* How far the period is from the active timeout of an exporter that its beats passed: relative to the
	 * smaller one, at most 1. Period lies in [timeout, timeout * (1 + 0.1)] -> 0. 1 where under a fifth
	 * of the steps between beats are from a record that lasted for most of the step to the next one of
	 * its connection: no timer makes others. */
	double timer_distance;
	/* Gaps of pairs: gamma shape pooled (1: Poisson, bursts below, beats above), its z against 1; the
	 * gaps' coefficient of variation, median of pairs. */
	double shape, shape_z, gap_median, gap_variation;
	/* Best pair by RITA v5's score: the baseline that others publish; and over pairs the median. */
	double rita_best, rita_median;
	double up_mode, down_mode; /* share of beats with the commonest size, 0..1 */
	double up_entropy;         /* bits */
	double persistence;        /* median over clients: share of the window's hours with a beat */
	double synchrony;          /* z of clients that begin within the same seconds, beyond their rates */
	double refused_share;      /* of beats */
	double refused_period;     /* s: clients call a dead server so often; 0: they do not */
	uint32_t refused_calls;    /* of the client that calls most */
	double longest;            /* s: joined connections */
	uint32_t long_clients;     /* with a connection of an hour and more */
	uint32_t strobe;           /* beats of the busiest client in a day */
};

/* ---- context: of the server table ---- */

struct nr_flow_context {
	nr_time first, last; /* of this window */
	nr_time known_since; /* earliest ever seen; NR_TIME_MIN: not remembered */
	uint64_t flows, up_packets, down_packets, up_bytes, down_bytes;
	double clients;       /* distinct, by HyperLogLog; exact where few */
	double established;   /* clients of whom both directions or ACK with payload were seen */
	double neighbourhood; /* distinct clients of the /24 (IPv6: /48), all ports */
	uint32_t services;    /* ports of this address that have clients */
	uint64_t hours[3];    /* bits: the 168 hours of the week in which it was seen */
	uint32_t as_number;   /* 0: not known */
	char country[3];
	float sampling;          /* of most of its flows */
	double scan_share;       /* share of clients that behave as scanners; see judge.h on its use */
	double client_services;  /* median number of other servers of its clients: low for devices */
	uint32_t known_infected; /* clients known as infected by other senses or lists */
	uint32_t known_clients;  /* clients that could be looked up at all */
	bool own, is_private;    /* the server lies in an own network */
};

struct nr_flow_client { /* of one candidate */
	struct nr_address address;
	nr_time first, last;
	uint32_t beats;
	bool refused_only, known_infected;
};

struct nr_flow_candidate {
	struct nr_flow_server server;
	struct nr_flow_context context;
	struct nr_flow_timing timing;
	const struct nr_flow_client *clients; /* NR_FLOW_CLIENTS_MAX of them at most */
	size_t client_count;
	const struct nr_flow_beat *beats; /* while it is visited */
	size_t beat_count;
	bool cut; /* more clients or beats than were held */
};
#define NR_FLOW_CLIENTS_MAX 4096

/* ---- hosts: what one address does to many ---- */

struct nr_flow_host {
	struct nr_address address;
	nr_time first, last;
	uint64_t flows, packets_out, packets_in, bytes_out, bytes_in;
	double estimated_packets_per_second_in, estimated_packets_per_second_out; /* of its busiest minute */
	double estimated_bits_per_second_in, estimated_bits_per_second_out;
	nr_time busiest_in, busiest_out; /* those minutes */
	double peers_out, peers_in;      /* distinct; of the busiest hour */
	double ports_out;                /* distinct destination ports */
	double answered;                 /* share of what it began that was answered, 0..1 */
	uint16_t top_port;               /* it goes to most */
	uint8_t top_protocol;
	double top_port_share;
	struct nr_address top_peer; /* most packets went to; for sources of attacks */
	double top_peer_share;
	uint16_t reflected_port; /* source port of most of what comes in: 53, 123 ...; 0: none */
	double reflected_share;
	float sampling;
	bool own;
};

#endif
