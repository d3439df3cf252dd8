/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet of the world before it is bytes: what a behaviour says, what the truth counts and what frame.c
 * writes. Numbers in host order.
 */
#ifndef NR_TRAIN_WORLD_PACKET_H
#define NR_TRAIN_WORLD_PACKET_H

#include "base/address.h"
#include "base/time.h"

enum nr_world_protocol {
	NR_WORLD_ICMP = 1,
	NR_WORLD_TCP = 6,
	NR_WORLD_UDP = 17,
	NR_WORLD_GRE = 47,
	NR_WORLD_ESP = 50,
	NR_WORLD_ICMPV6 = 58,
};

enum nr_world_flag {
	NR_FIN = 0x01,
	NR_SYN = 0x02,
	NR_RST = 0x04,
	NR_PSH = 0x08,
	NR_ACK = 0x10,
	NR_URG = 0x20
};

/* TCP options. The layouts are those of the tools (telescope reference 7.3, 7.4) and of the kernels they
 * resemble. */
enum nr_world_layout {
	NR_LAYOUT_NONE,
	NR_LAYOUT_MSS,     /* 02 04 mss */
	NR_LAYOUT_WINDOWS, /* MSS, NOP, window scale 8, NOP, NOP, SACK permitted */
	NR_LAYOUT_LINUX,   /* MSS, SACK permitted, time stamp, NOP, window scale 7 */
	NR_LAYOUT_BSD,     /* MSS, NOP, window scale 6, NOP, NOP, time stamp, SACK permitted, end */
};

enum nr_world_payload {
	NR_PAYLOAD_NONE,
	NR_PAYLOAD_DNS_QUERY,
	NR_PAYLOAD_DNS_ANSWER,
	NR_PAYLOAD_NTP_MONLIST,
	NR_PAYLOAD_SNMP_GET,
	NR_PAYLOAD_SSDP_SEARCH,
	NR_PAYLOAD_SIP_OPTIONS,
	NR_PAYLOAD_SIP_STATUS,
	NR_PAYLOAD_LDAP_SEARCH,
	NR_PAYLOAD_MEMCACHED_STATS,
	NR_PAYLOAD_BACNET_WHOIS,
	NR_PAYLOAD_MDNS_QUERY,
	NR_PAYLOAD_ROUTER_BACKDOOR, /* 53413 */
	NR_PAYLOAD_DHT_PING,
	NR_PAYLOAD_NETBIOS_NAME,
	NR_PAYLOAD_ECHO,       /* 56 bytes of an ICMP echo */
	NR_PAYLOAD_FRAGMENT,   /* 64 bytes that belong to something larger */
	NR_PAYLOAD_QUOTE_UDP,  /* ICMP error: IPv4 + UDP header of the forged attack packet */
	NR_PAYLOAD_QUOTE_TCP,  /* ICMP error: IPv4 + 8 bytes of TCP */
	NR_PAYLOAD_INNER_IPV4, /* GRE: a whole IPv4 packet inside */
	NR_PAYLOAD_COUNT
};

/* Frames that are no sound IP packet; each is dropped by a reader under one of its causes. */
enum nr_world_damage {
	NR_DAMAGE_NONE,
	NR_DAMAGE_ARP,         /* non_ip */
	NR_DAMAGE_CUT_IP,      /* truncated: ten bytes of the IP header are captured */
	NR_DAMAGE_BAD_VERSION, /* malformed: version 5 */
	NR_DAMAGE_BAD_IHL,     /* malformed: header of 8 bytes */
	NR_DAMAGE_CUT_TCP,     /* still a packet: ports are captured, flags are not */
};

#define NR_DONT_FRAGMENT  0x4000
#define NR_MORE_FRAGMENTS 0x2000

/* How the low 64 bits of an IPv6 destination were chosen. */
enum nr_world_pattern {
	NR_PATTERN_NONE, /* IPv4 */
	NR_PATTERN_LOW_BYTE,
	NR_PATTERN_EMBEDDED_IPV4,
	NR_PATTERN_EUI_64,
	NR_PATTERN_SEQUENTIAL,
	NR_PATTERN_RANDOM,
	NR_PATTERN_COUNT
};

struct nr_world_packet {
	nr_time time;
	uint32_t source;      /* number of the source (truth.h) */
	uint64_t identifier;  /* IPv6: the low 64 bits of the destination, what the dark prefix leaves of them
			       */
	uint32_t destination; /* IPv4 */
	uint32_t sequence, acknowledgement;
	uint32_t timestamp; /* TSval of layouts that have one */
	uint32_t quoted_source, quoted_destination;
	uint16_t source_port, destination_port; /* ICMP: type, code */
	uint16_t quoted_source_port, quoted_destination_port;
	uint16_t id, window, mss;
	uint16_t fragment; /* the IPv4 field: flags and offset in units of 8 bytes */
	uint16_t victim;   /* number of the victim that this packet is evidence for, 0: none */
	uint8_t protocol, flags, ttl;
	uint8_t layout, payload, damage;
	bool mirai_header; /* data offset 6 where the IP length says 40: the four bytes are Ethernet padding
			    */
	bool answer;       /* UDP answer: backscatter, not a scan */
	bool match;        /* carries the mark of its source's tool */
	bool ipv6;
	uint8_t pattern; /* enum nr_world_pattern */
};

#define NR_FRAME_MAX 512

/* Writes the Ethernet frame of the packet (at least 60 bytes). *ret_captured is how much of it the capture
 * holds. dark6 is the dark IPv6 prefix for packet->ipv6. Returns the length on the wire, at most
 * NR_FRAME_MAX. */
uint32_t nr_frame_write(const struct nr_world_packet *packet, const struct nr_address *source,
	const struct nr_address *dark6, uint8_t frame[static NR_FRAME_MAX], uint32_t *ret_captured);

#endif
