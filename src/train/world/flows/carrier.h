/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between exporters and a collector: carries datagrams into a capture or over UDP, and loses,
 * doubles and overtakes some of them by chance. Those up to an exporter's first templates and its last one
 * before its end arrive, so that every loss can be told from sequence numbers. One thread.
 */
#ifndef NR_TRAIN_WORLD_FLOWS_CARRIER_H
#define NR_TRAIN_WORLD_FLOWS_CARRIER_H

#include "base/address.h"
#include "base/time.h"
#include "net/pcap_writer.h"
#include "train/world/random.h"

#define NR_EXPORTERS_MAX 16
#define NR_DATAGRAM_MAX  1464

struct nr_datagram {
	nr_time time;
	uint32_t length;
	uint32_t records, options; /* data records; of options */
	uint32_t units;            /* that its exporter's sequence numbers count */
	uint8_t bytes[NR_DATAGRAM_MAX];
};

struct nr_carried {             /* truth of one exporter's way */
	uint64_t sent, written; /* datagrams that the exporter sent; that arrived, doubles too */
	uint64_t doubled, overtaken, doubled_records, doubled_options;
	uint64_t lost, lost_records, lost_options, lost_units;
	uint64_t records_written, options_written;
};

struct nr_carrier_port {
	struct nr_address source;
	uint16_t source_port, port;
	int socket; /* -1: the capture */
	enum { NR_HOLD_NOTHING, NR_HOLD_LATE, NR_HOLD_LOST } hold;
	struct nr_datagram held;
	struct nr_carried truth;
};

struct nr_carrier {
	struct nr_pcap_writer *pcap; /* NULL: UDP */
	struct nr_address target;    /* UDP: where to */
	uint16_t target_port;
	uint64_t rate; /* UDP: records a second at most; 0: no limit */
	double speed;  /* UDP: so many times as fast as the world's time; 0: as the rate lets */
	double loss;   /* probability */
	struct nr_random random;
	nr_time last, begun, first; /* newest time written; UDP: when it began, by both clocks */
	uint64_t records;
	uint16_t number;                                /* of the IPv4 packet */
	struct nr_carrier_port ports[NR_EXPORTERS_MAX]; /* one for each exporter */
	int failure;                                    /* -errno of the first failed send */
};

/* "udp:ADDR:PORT" or "udp:[ADDR]:PORT"; false: it is the name of a file. -EINVAL: it begins like one and is
 * none. */
bool nr_carrier_is_udp(const char *out);
int nr_carrier_parse_udp(
	const char *out, struct nr_address *ret_address, uint16_t *ret_port, struct nr_error *error);

/* pcap, target and the rest are the caller's to fill in. */
void nr_carrier_init(struct nr_carrier *carrier, uint64_t seed);
void nr_carrier_fini(struct nr_carrier *carrier);
/* Exporter `number` sends from source, in a capture to the collector's port; over UDP from a socket of its
 * own. */
int nr_carrier_open_port(struct nr_carrier *carrier, unsigned number, const struct nr_address *source,
	uint16_t source_port, uint16_t port, struct nr_error *error);

/* first: of those that always arrive after an exporter's start. */
void nr_carrier_send(
	struct nr_carrier *carrier, unsigned number, const struct nr_datagram *datagram, bool first);
/* Once a second at least: what was to be overtaken and was not arrives. */
void nr_carrier_tick(struct nr_carrier *carrier, unsigned number, nr_time now);
/* The exporter ends or starts anew: what is held arrives. */
void nr_carrier_settle(struct nr_carrier *carrier, unsigned number);

#endif
