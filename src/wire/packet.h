/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames (raw bytes with a time) and packets (what the senses see). Decoding is pure: no I/O, no allocation,
 * bounded. Only the outermost IP header is a packet; what an ICMP error quotes is handed over apart
 * (NR_PACKET_QUOTE).
 */
#ifndef NR_WIRE_PACKET_H
#define NR_WIRE_PACKET_H

#include "base/address.h"
#include "base/time.h"

/* One record of a capture. Owned by the source; valid until its next read. */
struct nr_frame {
	const uint8_t *data;
	uint32_t captured; /* bytes at data */
	uint32_t wire;     /* bytes that were on the wire; at least captured after reading */
	nr_time time;      /* NR_TIME_MIN: the record carries none */
	uint16_t link;     /* LINKTYPE_ value (tcpdump.org/linktypes), or NR_LINK_NONE for a record that is no
			      packet */
	bool untimed;      /* `time` is a neighbour's, given by the pipeline; readers say false */
};

/* Why a frame did not become a packet, or a record not a frame. Always counted, always shown. */
enum nr_drop {
	NR_DROP_NONE = 0,
	NR_DROP_NON_IP,         /* ARP, LLC, IPX, EAPOL ... */
	NR_DROP_LINK_TYPE,      /* link type that is not understood */
	NR_DROP_TRUNCATED,      /* shorter than its own link or IP header */
	NR_DROP_MALFORMED,      /* header contradicts itself: version, IHL, nesting too deep */
	NR_DROP_NOT_DARK,       /* destination outside --dark */
	NR_DROP_METADATA,       /* records that are not packets (ERF provenance, padding) */
	NR_DROP_RECORD_CUT,     /* the file ends inside a record */
	NR_DROP_RECORD_DAMAGED, /* impossible lengths in the file; bytes were skipped */
	NR_DROP_COUNT
};
/* "non_ip", "link_type", "truncated" ...: the names in JSON, store and documents. */
extern const char *const nr_drop_names[NR_DROP_COUNT];

struct nr_loss {
	uint64_t frames;      /* records read */
	uint64_t frame_bytes; /* their bytes on the wire */
	nr_time first, last;  /* over all records with a time; NR_TIME_MAX/NR_TIME_MIN while there is none */
	uint64_t untimed;     /* records without a time: they got the last known one */
	uint64_t dropped[NR_DROP_COUNT];
};

enum nr_packet_kind {
	NR_PACKET_IPV4,
	NR_PACKET_IPV6,
	NR_PACKET_QUOTE, /* not a packet on the wire: source = victim quoted by an ICMP error, ports and
			    protocol quoted */
};

enum nr_protocol { NR_ICMP = 1, NR_TCP = 6, NR_UDP = 17, NR_ICMPV6 = 58 };

/* What the payload or header says beyond the fields; bits of nr_packet.marks. */
enum nr_mark {
	NR_MARK_FRAGMENT_FIRST = 1 << 0, /* MF, offset 0: ports are there */
	NR_MARK_FRAGMENT_LATER = 1 << 1, /* offset > 0: no ports, no flags */
	NR_MARK_PORTS = 1 << 2, /* source_port and destination_port are valid (TCP, UDP, ICMP type/code) */
	NR_MARK_FLAGS = 1 << 3, /* TCP flags, sequence and window are valid */
	NR_MARK_ANSWER =
		1 << 4, /* UDP payload parses as an answer of its source port's protocol (backscatter) */
	NR_MARK_BAD_HEADER =
		1 << 5, /* TCP data offset beyond the packet, UDP length impossible, bad IP length */
	NR_MARK_MISCONFIGURED = 1 << 6, /* a misconfiguration pattern (telescope reference 10.2) */
	NR_MARK_DONT_FRAGMENT = 1 << 7,
	NR_MARK_TIMELESS = 1 << 8, /* the frame had no time stamp */
	NR_MARK_OPTIONS = 1 << 9,  /* all TCP options were captured; option_kind is meaningful */
	NR_MARK_IPV6 = 1 << 10,
	NR_MARK_QUOTE_MISMATCH = 1 << 11, /* quoted source is not the outer destination: never attributed */
	NR_MARK_TRUNCATED = 1 << 12,      /* captured less than the transport header */
	NR_MARK_QUOTES = 1 << 13, /* an ICMP error that quotes a whole IP header: whoever is hit, it is not
				   * the source. With an NR_PACKET_QUOTE where the quote can be attributed */
};

/* TCP option layouts that tools are known by; nr_packet.option_kind. */
enum nr_option_kind {
	NR_TCP_OPTIONS_NONE,
	NR_TCP_OPTIONS_OTHER,
	NR_TCP_OPTIONS_MSS,          /* exactly one MSS option: 02 04 xx xx */
	NR_TCP_OPTIONS_MSS_1460,     /* exactly 02 04 05 b4 */
	NR_TCP_OPTIONS_ZMAP_WINDOWS, /* telescope reference 7.3, any MSS */
	NR_TCP_OPTIONS_ZMAP_LINUX,   /* and TSval within 60 s of the capture time */
	NR_TCP_OPTIONS_ZMAP_BSD,     /* likewise */
};

/* 64 bytes, one cache line, no pointers. Numbers in host order. */
struct nr_packet {
	nr_time time;
	struct nr_address source, destination;
	uint16_t source_port, destination_port; /* ICMP: type, code */
	uint32_t sequence;
	uint16_t id;                        /* IPv4 identification; 0 for IPv6 */
	uint16_t window;                    /* TCP */
	uint8_t protocol, flags, ttl, kind; /* kind: enum nr_packet_kind */
	uint32_t wire;                      /* frame bytes on the wire */
	uint8_t option_kind,
		option_hash; /* TCP options: layout; hash of the option kinds and values, 0 where none */
	uint16_t marks;
};
_Static_assert(sizeof(struct nr_packet) == 64, "one line per packet");

struct nr_batch {
	const struct nr_packet *packets;
	size_t count;
};

/*
 * Decodes one frame. ret[0] is the packet; where it is an ICMP error with a usable quoted header and the
 * quoted source is the outer destination, ret[1] is the NR_PACKET_QUOTE with *ret_count = 2. On a drop
 * *ret_count is 0 and the cause is returned. VLAN/QinQ (8 tags at most), MPLS, PPPoE, SLL, SLL2, NULL/LOOP,
 * raw IP are removed; GRE, ERSPAN and VXLAN only where the outer destination is one of `tunnel_ends` (NULL:
 * none), then the inner packet is the packet.
 */
struct nr_prefix_table;
enum nr_drop nr_packet_decode(const struct nr_frame *frame, const struct nr_prefix_table *tunnel_ends,
	struct nr_packet ret[static 2], size_t *ret_count);

/* Many frames: packets has room for two per frame. Answers how many there are; drops are counted. */
size_t nr_packets_decode(const struct nr_frame *frames, size_t count,
	const struct nr_prefix_table *tunnel_ends, struct nr_packet *packets,
	uint64_t dropped[static NR_DROP_COUNT]);

#endif
