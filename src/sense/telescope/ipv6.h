/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv6 dark space. Nobody finds it by chance: who knocks has an address from a hit list, DNS, a certificate
 * log, or guesses interface identifiers by a pattern. And one scanner has as many addresses as it likes. So
 * besides what holds for every packet, IPv6 packets are counted by the pattern of the address they were sent
 * to (RFC 7707, 4.1), and sources by /128, /64, /48 and /32. Private to this room.
 */
#ifndef NR_SENSE_TELESCOPE_IPV6_H
#define NR_SENSE_TELESCOPE_IPV6_H

#include "base/area.h"
#include "base/hll.h"
#include "base/json.h"
#include "model/table.h"

struct nr_packet;
struct nr_parts;
struct nr_day_end;
struct nr_merged;

/* How the low 64 bits of a destination may have been chosen. */
enum nr_ipv6_pattern {
	NR_IPV6_LOW_BYTE,      /* all zero but the last two bytes: ::1, ::443 */
	NR_IPV6_EMBEDDED_IPV4, /* an IPv4 address in the last 32 bits, or spelt: 192:0:2:33 */
	NR_IPV6_EUI_64,        /* made from a MAC address: ff:fe in the middle */
	NR_IPV6_SEQUENTIAL,    /* nibbles that repeat or count: 1111:..., 1234:5678:9abc:def0 */
	NR_IPV6_RANDOM,        /* none of these: privacy addresses, hit lists */
	NR_IPV6_PATTERNS
};
extern const char *const nr_ipv6_pattern_names[NR_IPV6_PATTERNS];
enum nr_ipv6_pattern nr_ipv6_pattern_of(const struct nr_address *address);

#define NR_IPV6_LENGTHS 4 /* /128, /64, /48, /32 */
extern const uint8_t nr_ipv6_lengths[NR_IPV6_LENGTHS];
#define NR_IPV6_NETWORKS_MAX                                                                                 \
	1000 /* networks of one length and day that are kept: those with most packets                        \
	      */
/* A network whose many addresses scan like one research scanner: rules.h says so of a single source. */
#define NR_IPV6_SCANNER_SOURCES 2

/* telescope_ipv6: a UTC day by pattern of the destination, and in all by length of the source's prefix. */
struct nr_ipv6_row {
	const char *sensor;
	nr_time time;
	const char *dimension; /* "pattern", "length" */
	const char *key;       /* "low-byte" ...; "/128" ... */
	uint64_t packets, sources;
	double error;          /* relative standard error of sources; 0 = exact */
	uint64_t destinations; /* distinct dark addresses, estimated (1.6 %); 0 for lengths */
	struct nr_bytes sketch;
};

/* telescope_ipv6_network: source networks of a UTC day. */
struct nr_ipv6_network_row {
	const char *sensor;
	nr_time time;
	uint8_t length;
	struct nr_address network;
	uint64_t packets, sources; /* sources: distinct /128 */
	uint32_t ports;            /* distinct (protocol, destination port) of scan packets */
	nr_time first, last;
	const char *country;
	uint32_t asn;
	const char *as_name;
};
extern const struct nr_table nr_ipv6_table, nr_ipv6_network_table;

/* One worker's view of one UTC day. */
struct nr_ipv6_sketches {
	struct nr_hll sources[NR_IPV6_PATTERNS], destinations[NR_IPV6_PATTERNS];
};
struct nr_ipv6_day {
	struct nr_area *area;
	struct nr_ipv6_sketches *sketches; /* nr_pages; NULL before the first IPv6 packet */
	uint64_t packets[NR_IPV6_PATTERNS];
	uint64_t uncounted; /* packets that found no memory for the sketches */
};
/* member: nr_member_of() of its source. */
void nr_ipv6_observe(struct nr_ipv6_day *day, const struct nr_packet *packet, uint64_t member);
void nr_ipv6_day_fini(struct nr_ipv6_day *day);

struct nr_ipv6_network {
	struct nr_address address;
	uint64_t packets, sources;
	nr_time first, last; /* in the day */
	uint32_t ports, last_group;
	uint8_t length;
};

/* The run so far. */
struct nr_ipv6_run {
	uint64_t packets[NR_IPV6_PATTERNS];
	struct nr_ipv6_sketches patterns;
	struct nr_hll lengths[NR_IPV6_LENGTHS];
	uint64_t exact[NR_IPV6_LENGTHS]; /* of the only day */
	unsigned days;
	/* the first day's, or over days those with most packets */
	struct nr_ipv6_network networks[NR_IPV6_LENGTHS][NR_IPV6_NETWORKS_MAX];
	size_t network_count[NR_IPV6_LENGTHS];
};

/* Rows and findings of the finished day; folds it into merged->ipv6. parts: the day's pairs. */
int nr_ipv6_judge(const struct nr_day_end *end, const struct nr_parts *parts, struct nr_error *error);
/* "ipv6": {...} of the report; null where there was no IPv6 packet. */
void nr_ipv6_write_json(const struct nr_ipv6_run *run, struct nr_json *json);

#endif
