/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one address does to many: every address that is seen has an entry of two lines of the cache; what
 * takes more room (sketches of peers, the ports and peers that it meets most) is given to those that are
 * seen more often. Locks are the caller's.
 */
#ifndef NR_SENSE_FLOW_DETECT_TABLE_HOST_TABLE_H
#define NR_SENSE_FLOW_DETECT_TABLE_HOST_TABLE_H

#include "sense/flow/detect/features.h"
#include "sense/flow/detect/table/clock_table.h"
#include "sense/flow/detect/table/sketch.h"

#define NR_FLOW_HOST_BUSY 16 /* flows from which an address has the rest, too */
#define NR_FLOW_TOP_PORTS 6
#define NR_FLOW_TOP_PEERS 3

struct nr_flow_host_entry {
	struct nr_flow_entry entry;
	struct nr_address address;
	uint32_t first, last; /* s since 1970 */
	uint64_t packets_out, packets_in, bytes_out, bytes_in;
	/* -- */
	uint32_t flows;
	uint32_t busy;         /* number of its busy entry, + 1 */
	uint64_t services;     /* bits of servers that it is a client of, by their hash */
	float now[4], most[4]; /* estimated packets out, in, bytes out, in: of this minute, of the busiest */
	uint16_t minute;       /* since `first`, this one */
	uint16_t most_minute[2];  /* out, in */
	uint16_t began, answered; /* as client; both halved when one is full */
	uint16_t busy_generation; /* of its busy entry */
	float sampling;
};
_Static_assert(sizeof(struct nr_flow_host_entry) == 128, "two lines of the cache");

struct nr_flow_top_port {
	uint32_t count;
	uint16_t port;
	uint8_t protocol;
};
struct nr_flow_top_peer {
	struct nr_address address;
	float count;
};
struct nr_flow_busy_entry {
	struct nr_flow_entry entry;
	uint32_t hour; /* since 1970, of the sketches of peers */
	uint8_t few_out, few_in, few_ports, reserved;
	struct nr_flow_sketch peers_out, peers_in; /* of this hour */
	struct nr_flow_sketch ports_out;           /* of the window */
	float most_out, most_in;                   /* peers of the busiest hour before */
	uint64_t flows_out;                        /* of ports; what the tops are shares of */
	uint64_t reflected_packets, peer_packets;
	struct nr_flow_top_port ports[NR_FLOW_TOP_PORTS], reflected[NR_FLOW_TOP_PORTS];
	struct nr_flow_top_peer peers[NR_FLOW_TOP_PEERS];
};

struct nr_flow_hosts {
	struct nr_flow_clock_table hosts, busy;
};
int nr_flow_hosts_init(struct nr_flow_hosts *hosts, uint64_t bytes, struct nr_error *error);
void nr_flow_hosts_fini(struct nr_flow_hosts *hosts);
int nr_flow_hosts_clear(struct nr_flow_hosts *hosts, struct nr_error *error);

NR_INLINE uint64_t nr_flow_host_hash(const struct nr_flow_hash_key *key, const struct nr_address *address)
{
	return nr_flow_hash(key, address, UINT64_C(2) << 32);
}

/* Counts a talk for its client and its server. */
struct nr_flow_host_hashes {
	uint64_t client, server; /* of the table */
	uint64_t as_client, as_server,
		as_service; /* of sketches: the client, the server's address, and port */
};
void nr_flow_hosts_take(struct nr_flow_hosts *hosts, const struct nr_flow_talk *talk,
	const struct nr_flow_host_hashes *hashes);
/* Between the prefetch of a host's entry and its use: the rest, where it has that. */
void nr_flow_hosts_prefetch_busy(
	const struct nr_flow_hosts *hosts, const struct nr_address *address, uint64_t hash);
const struct nr_flow_host_entry *nr_flow_hosts_find(
	const struct nr_flow_hosts *hosts, const struct nr_address *address, uint64_t hash);
/* Distinct servers that it was a client of; from about 200 on it is too low. */
double nr_flow_host_services(const struct nr_flow_host_entry *host);
void nr_flow_host_describe(const struct nr_flow_hosts *hosts, const struct nr_flow_host_entry *entry,
	struct nr_flow_host *ret_host);

#endif
