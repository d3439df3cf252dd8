/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as bytes, and what they must become. Every frame is also cut at each of its bytes. */
#include "base/prefix_table.h"
#include "wire/link.h"

#include "hex.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define TIME (INT64_C(1700000000) * NR_SECOND) /* 0x6553f100 */

/* Pieces of frames. Source 198.51.100.7, destination 192.0.2.9; 2001:db8::7 and ::9. */
#define MAC                           "02 00 00 00 00 01 02 00 00 00 00 02 "
#define ETH4                          MAC "08 00 "
#define ETH6                          MAC "86 dd "
#define A                             "c6 33 64 07 "
#define B                             "c0 00 02 09 "
#define A6                            "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 07 "
#define B6                            "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09 "
#define IP(total, fragment, protocol) "45 00 " total " d4 31 " fragment " 37 " protocol " 00 00 " A B
#define IP6(length, next)             "60 00 00 00 " length " " next " 40 " A6 B6
#define TCP(offset, flags)            "9c 40 00 17 c0 00 02 09 00 00 00 00 " offset " " flags " ff fe 00 00 00 00 "
#define SYN                           TCP("50", "02")
#define UDP(sport, length)            sport " 11 5c " length " 00 00 "
#define ICMP(type, code)              type " " code " 00 00 00 00 00 00 "
#define TCP4                          IP("00 28", "00 00", "06") SYN
#define TCP6                          IP6("00 14", "06") SYN
#define QUOTED                        "45 00 00 28 00 01 00 00 30 06 00 00 " B A "00 17 00 50 00 00 00 00 "

#define TCP_MARKS (NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_OPTIONS)

struct frame_case {
	const char *name;
	uint16_t link;
	const char *hex;
	enum nr_drop drop;
	uint8_t protocol;
	uint16_t source_port, destination_port;
	uint8_t flags;
	uint16_t marks;
	uint8_t option_kind;
	bool quote;
};

#define SYN_FIELDS                                                                                           \
	.protocol = NR_TCP, .source_port = 40000, .destination_port = 23, .flags = 2, .marks = TCP_MARKS

static const struct frame_case cases[] = {
	/* link layers and tags */
	{"Ethernet", NR_LINK_ETHERNET, ETH4 TCP4, SYN_FIELDS},
	{"padded to 60 bytes", NR_LINK_ETHERNET, ETH4 TCP4 "00 00 00 00 00 00", SYN_FIELDS},
	{"802.1Q", NR_LINK_ETHERNET, MAC "81 00 00 20 08 00 " TCP4, SYN_FIELDS},
	{"QinQ", NR_LINK_ETHERNET, MAC "88 a8 00 20 81 00 00 21 08 00 " TCP4, SYN_FIELDS},
	{"old QinQ", NR_LINK_ETHERNET, MAC "91 00 00 20 92 00 00 20 93 00 00 21 08 00 " TCP4, SYN_FIELDS},
	{"8 tags", NR_LINK_ETHERNET,
		MAC "81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 "
		    "00 00 01 08 00 " TCP4,
		SYN_FIELDS},
	{"9 tags", NR_LINK_ETHERNET,
		MAC "81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 00 00 01 81 "
		    "00 00 01 81 00 "
		    "00 01 08 00 " TCP4,
		NR_DROP_MALFORMED},
	{"MPLS", NR_LINK_ETHERNET, MAC "88 47 00 3e 80 40 00 3e 81 40 " TCP4, SYN_FIELDS},
	{"MPLS without an end", NR_LINK_ETHERNET,
		MAC "88 48 00 3e 80 40 00 3e 80 40 00 3e 80 40 00 3e 80 40 00 3e 80 40 00 3e 80 40 00 3e 80 "
		    "40 00 3e 80 40 "
		    "00 3e 80 40",
		NR_DROP_MALFORMED},
	{"MPLS pseudo-wire", NR_LINK_ETHERNET, MAC "88 47 00 3e 81 40 00 00 00 00 " ETH4 TCP4, SYN_FIELDS},
	{"MPLS, something else", NR_LINK_ETHERNET, MAC "88 47 00 3e 81 40 90 00 00 00", NR_DROP_NON_IP},
	{"PPPoE", NR_LINK_ETHERNET, MAC "88 64 11 00 00 01 00 2a 00 21 " TCP4, SYN_FIELDS},
	{"PPPoE, IPv6", NR_LINK_ETHERNET, MAC "88 64 11 00 00 01 00 3e 00 57 " TCP6, .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2, .marks = TCP_MARKS | NR_MARK_IPV6},
	{"PPPoE, LCP", NR_LINK_ETHERNET, MAC "88 64 11 00 00 01 00 04 c0 21 01 00", NR_DROP_NON_IP},
	{"802.3, SNAP", NR_LINK_ETHERNET, MAC "00 30 aa aa 03 00 00 00 08 00 " TCP4, SYN_FIELDS},
	{"802.3, LLC", NR_LINK_ETHERNET, MAC "00 26 42 42 03 00 00 00 00", NR_DROP_NON_IP},
	{"802.3 behind a tag", NR_LINK_ETHERNET, MAC "81 00 00 20 00 26 42 42 03 00 00", NR_DROP_NON_IP},
	{"ARP", NR_LINK_ETHERNET, MAC "08 06 00 01", NR_DROP_NON_IP},
	{"6 bytes", NR_LINK_ETHERNET, "02 00 00 00 00 01", NR_DROP_TRUNCATED},
	{"nothing", NR_LINK_ETHERNET, "", NR_DROP_TRUNCATED},
	{"NULL, little-endian", NR_LINK_NULL, "02 00 00 00 " TCP4, SYN_FIELDS},
	{"NULL, big-endian", NR_LINK_NULL, "00 00 00 02 " TCP4, SYN_FIELDS},
	{"LOOP, IPv6 of OpenBSD", NR_LINK_LOOP, "00 00 00 18 " TCP6, .protocol = NR_TCP, .source_port = 40000,
		.destination_port = 23, .flags = 2, .marks = TCP_MARKS | NR_MARK_IPV6},
	{"NULL, AppleTalk", NR_LINK_NULL, "10 00 00 00 " TCP4, NR_DROP_NON_IP},
	{"raw 12", NR_LINK_RAW_BSD, TCP4, SYN_FIELDS},
	{"raw 14", NR_LINK_RAW_OPENBSD, TCP4, SYN_FIELDS},
	{"raw 101", NR_LINK_RAW, TCP4, SYN_FIELDS},
	{"raw 228", NR_LINK_IPV4, TCP4, SYN_FIELDS},
	{"raw 229", NR_LINK_IPV6, TCP6, .protocol = NR_TCP, .source_port = 40000, .destination_port = 23,
		.flags = 2, .marks = TCP_MARKS | NR_MARK_IPV6},
	{"raw, version 5", NR_LINK_RAW, "55 00", NR_DROP_MALFORMED},
	{"SLL", NR_LINK_SLL, "00 00 00 01 00 06 02 00 00 00 00 01 00 00 08 00 " TCP4, SYN_FIELDS},
	{"SLL, a number of Linux' own", NR_LINK_SLL,
		"00 00 00 01 00 06 02 00 00 00 00 01 00 00 00 60 " ETH4 TCP4, NR_DROP_NON_IP},
	{"SLL2", NR_LINK_SLL2, "08 00 00 00 00 00 00 02 00 01 00 06 02 00 00 00 00 01 00 00 " TCP4,
		SYN_FIELDS},
	{"radiotap", 127, "00 00 0c 00", NR_DROP_LINK_TYPE},
	{"802.11", 105, "00 00 0c 00", NR_DROP_LINK_TYPE},
	{"no packet", NR_LINK_NONE, "00", NR_DROP_METADATA},

	/* IPv4 */
	{"version 5", NR_LINK_ETHERNET, ETH4 "55 00 00 28", NR_DROP_MALFORMED},
	{"header length 16", NR_LINK_ETHERNET, ETH4 "44 00 00 28 00 00 00 00 37 06 00 00 " A B SYN,
		NR_DROP_MALFORMED},
	{"IP options", NR_LINK_ETHERNET, ETH4 "46 00 00 2c 00 00 00 00 37 06 00 00 " A B "07 04 04 00 " SYN,
		SYN_FIELDS},
	{"IP options cut", NR_LINK_ETHERNET, ETH4 "4f 00 00 50 00 00 00 00 37 06 00 00 " A B "07 04",
		NR_DROP_TRUNCATED},
	{"total length 0", NR_LINK_ETHERNET, ETH4 IP("00 00", "00 00", "06") SYN, SYN_FIELDS},
	{"total length 19", NR_LINK_ETHERNET, ETH4 IP("00 13", "00 00", "06") SYN, .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = TCP_MARKS | NR_MARK_BAD_HEADER},
	{"don't fragment", NR_LINK_ETHERNET, ETH4 IP("00 28", "40 00", "06") SYN, .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = TCP_MARKS | NR_MARK_DONT_FRAGMENT},
	{"first fragment", NR_LINK_ETHERNET, ETH4 IP("00 28", "20 00", "06") SYN, .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = TCP_MARKS | NR_MARK_FRAGMENT_FIRST},
	{"middle fragment", NR_LINK_ETHERNET, ETH4 IP("00 28", "20 10", "06") SYN, .protocol = NR_TCP,
		.marks = NR_MARK_FRAGMENT_LATER},
	{"last fragment", NR_LINK_ETHERNET, ETH4 IP("00 28", "00 01", "11") SYN, .protocol = NR_UDP,
		.marks = NR_MARK_FRAGMENT_LATER},
	{"GRE to nobody's end", NR_LINK_ETHERNET, ETH4 IP("00 40", "00 00", "2f") "00 00 08 00 " TCP4,
		.protocol = 47},

	/* TCP */
	{"Mirai: offset 6 in 40 bytes", NR_LINK_ETHERNET,
		ETH4 IP("00 28", "00 00", "06") TCP("60", "02") "00 00 00 00 00 00", .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_BAD_HEADER},
	{"offset 4", NR_LINK_ETHERNET, ETH4 IP("00 28", "00 00", "06") TCP("40", "02"), .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_BAD_HEADER},
	{"ECN", NR_LINK_ETHERNET, ETH4 IP("00 28", "00 00", "06") TCP("50", "c2"), .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 0xc2, .marks = TCP_MARKS},
	{"options not captured", NR_LINK_ETHERNET, ETH4 IP("00 2c", "00 00", "06") TCP("60", "02"),
		.protocol = NR_TCP, .source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_TRUNCATED},
	{"14 bytes of TCP", NR_LINK_ETHERNET,
		ETH4 IP("00 28", "00 00", "06") "9c 40 00 17 00 00 00 00 00 00 00 00 50 12",
		.protocol = NR_TCP, .source_port = 40000, .destination_port = 23, .flags = 0x12,
		.marks = NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_TRUNCATED},
	{"13 bytes of TCP", NR_LINK_ETHERNET,
		ETH4 IP("00 28", "00 00", "06") "9c 40 00 17 00 00 00 00 00 00 00 00 50", .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .marks = NR_MARK_PORTS | NR_MARK_TRUNCATED},
	{"3 bytes of TCP", NR_LINK_ETHERNET, ETH4 IP("00 28", "00 00", "06") "9c 40 00", .protocol = NR_TCP,
		.marks = NR_MARK_TRUNCATED},
	{"MSS 1460", NR_LINK_ETHERNET, ETH4 IP("00 2c", "00 00", "06") TCP("60", "02") "02 04 05 b4",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_MSS_1460},
	{"MSS 536", NR_LINK_ETHERNET, ETH4 IP("00 2c", "00 00", "06") TCP("60", "02") "02 04 02 18",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_MSS},
	{"ZMap windows", NR_LINK_ETHERNET,
		ETH4 IP("00 34", "00 00", "06") TCP("80", "02") "02 04 05 90 01 03 03 08 01 01 04 02",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_ZMAP_WINDOWS},
	{"ZMap linux", NR_LINK_ETHERNET,
		ETH4 IP("00 3c", "00 00", "06")
			TCP("a0", "02") "02 04 05 b4 04 02 08 0a 65 53 f1 3c 00 00 00 00 01 03 03 07",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_ZMAP_LINUX},
	{"a kernel's SYN: TSval 61 s off", NR_LINK_ETHERNET,
		ETH4 IP("00 3c", "00 00", "06")
			TCP("a0", "02") "02 04 05 b4 04 02 08 0a 65 53 f1 3d 00 00 00 00 01 03 03 07",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_OTHER},
	{"ZMap bsd", NR_LINK_ETHERNET,
		ETH4 IP("00 40", "00 00", "06") TCP(
			"b0", "02") "02 04 05 b4 01 03 03 06 01 01 08 0a 65 53 f0 c4 00 00 00 00 04 02 00 00",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_ZMAP_BSD},
	{"another window scale", NR_LINK_ETHERNET,
		ETH4 IP("00 34", "00 00", "06") TCP("80", "02") "02 04 05 b4 01 03 03 07 01 01 04 02",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_OTHER},
	{"broken options", NR_LINK_ETHERNET, ETH4 IP("00 2c", "00 00", "06") TCP("60", "02") "03 ff 00 00",
		SYN_FIELDS, .option_kind = NR_TCP_OPTIONS_OTHER},

	/* UDP */
	{"UDP", NR_LINK_ETHERNET, ETH4 IP("00 1e", "00 00", "11") UDP("10 00", "00 0a") "61 62",
		.protocol = NR_UDP, .source_port = 4096, .destination_port = 4444, .marks = NR_MARK_PORTS},
	{"ports 0", NR_LINK_ETHERNET, ETH4 IP("00 1c", "00 00", "11") "00 00 00 00 00 08 00 00",
		.protocol = NR_UDP, .marks = NR_MARK_PORTS},
	{"DNS answer", NR_LINK_ETHERNET,
		ETH4 IP("00 28", "00 00", "11") UDP("00 35", "00 14") "12 34 84 05 00 00 00 00 00 00 00 00",
		.protocol = NR_UDP, .source_port = 53, .destination_port = 4444,
		.marks = NR_MARK_PORTS | NR_MARK_ANSWER},
	{"DNS answer only in the padding", NR_LINK_ETHERNET,
		ETH4 IP("00 1c", "00 00", "11") UDP("00 35", "00 08") "12 34 84 05 00 00 00 00 00 00 00 00",
		.protocol = NR_UDP, .source_port = 53, .destination_port = 4444, .marks = NR_MARK_PORTS},
	{"DNS answer beyond the UDP length", NR_LINK_ETHERNET,
		ETH4 IP("00 28", "00 00", "11") UDP("00 35", "00 08") "12 34 84 05 00 00 00 00 00 00 00 00",
		.protocol = NR_UDP, .source_port = 53, .destination_port = 4444, .marks = NR_MARK_PORTS},
	{"UDP length 7", NR_LINK_ETHERNET, ETH4 IP("00 1e", "00 00", "11") UDP("10 00", "00 07") "61 62",
		.protocol = NR_UDP, .source_port = 4096, .destination_port = 4444,
		.marks = NR_MARK_PORTS | NR_MARK_BAD_HEADER},
	{"UDP length beyond the packet", NR_LINK_ETHERNET,
		ETH4 IP("00 1e", "00 00", "11") UDP("10 00", "00 0b") "61 62", .protocol = NR_UDP,
		.source_port = 4096, .destination_port = 4444, .marks = NR_MARK_PORTS | NR_MARK_BAD_HEADER},
	{"the same in a first fragment", NR_LINK_ETHERNET,
		ETH4 IP("00 1e", "20 00", "11") UDP("10 00", "00 0b") "61 62", .protocol = NR_UDP,
		.source_port = 4096, .destination_port = 4444,
		.marks = NR_MARK_PORTS | NR_MARK_FRAGMENT_FIRST},
	{"IP length 96", NR_LINK_ETHERNET, ETH4 IP("00 60", "00 00", "11") UDP("10 00", "00 4c"),
		.protocol = NR_UDP, .source_port = 4096, .destination_port = 4444,
		.marks = NR_MARK_PORTS | NR_MARK_MISCONFIGURED},
	{"UDP not captured", NR_LINK_ETHERNET, ETH4 IP("00 1e", "00 00", "11") "10 00 11 5c",
		.protocol = NR_UDP, .source_port = 4096, .destination_port = 4444,
		.marks = NR_MARK_PORTS | NR_MARK_TRUNCATED},
	{"no room for UDP in the packet", NR_LINK_ETHERNET,
		ETH4 IP("00 14", "00 00", "11") "10 00 11 5c 00 00 00 00", .protocol = NR_UDP,
		.marks = NR_MARK_BAD_HEADER},

	/* ICMP */
	{"echo request", NR_LINK_ETHERNET, ETH4 IP("00 1c", "00 00", "01") ICMP("08", "00"),
		.protocol = NR_ICMP, .source_port = 8, .marks = NR_MARK_PORTS},
	{"port unreachable", NR_LINK_ETHERNET, ETH4 IP("00 38", "00 00", "01") ICMP("03", "03") QUOTED,
		.protocol = NR_ICMP, .source_port = 3, .destination_port = 3,
		.marks = NR_MARK_PORTS | NR_MARK_QUOTES, .quote = true},
	{"quoted source is not ours", NR_LINK_ETHERNET,
		ETH4 IP("00 38", "00 00", "01") ICMP("0b", "00") "45 00 00 28 00 01 00 00 30 06 00 00 " A A
								 "00 17 00 50 00 00 00 00",
		.protocol = NR_ICMP, .source_port = 11, .marks = NR_MARK_PORTS | NR_MARK_QUOTE_MISMATCH},
	{"quoted GRE", NR_LINK_ETHERNET,
		ETH4 IP("00 38", "00 00", "01") ICMP("03", "02") "45 00 00 28 00 01 00 00 30 2f 00 00 " B A
								 "00 00 08 00 00 00 00 00",
		.protocol = NR_ICMP, .source_port = 3, .destination_port = 2,
		.marks = NR_MARK_PORTS | NR_MARK_QUOTES},
	{"an echo reply quotes nothing", NR_LINK_ETHERNET,
		ETH4 IP("00 38", "00 00", "01") ICMP("00", "00") QUOTED, .protocol = NR_ICMP,
		.marks = NR_MARK_PORTS},
	{"19 bytes quoted", NR_LINK_ETHERNET,
		ETH4 IP("00 2f", "00 00", "01") ICMP("03", "03") "45 00 00 28 00 01 00 00 30 06 00 00 " B
								 "c6 33 64",
		.protocol = NR_ICMP, .source_port = 3, .destination_port = 3, .marks = NR_MARK_PORTS},
	{"the quote is padding", NR_LINK_ETHERNET, ETH4 IP("00 1c", "00 00", "01") ICMP("03", "03") QUOTED,
		.protocol = NR_ICMP, .source_port = 3, .destination_port = 3, .marks = NR_MARK_PORTS},
	{"ICMPv6 in IPv4 is no ICMP", NR_LINK_ETHERNET, ETH4 IP("00 1c", "00 00", "3a") ICMP("01", "00"),
		.protocol = 58},

	/* IPv6 */
	{"IPv6", NR_LINK_ETHERNET, ETH6 TCP6, .protocol = NR_TCP, .source_port = 40000,
		.destination_port = 23, .flags = 2, .marks = TCP_MARKS | NR_MARK_IPV6},
	{"payload length 0", NR_LINK_ETHERNET, ETH6 IP6("00 00", "06") SYN, .protocol = NR_TCP,
		.source_port = 40000, .destination_port = 23, .flags = 2, .marks = TCP_MARKS | NR_MARK_IPV6},
	{"extension headers", NR_LINK_ETHERNET,
		ETH6 IP6("00 38", "00") "2b 00 00 00 00 00 00 00 3c 00 00 00 00 00 00 00 33 00 00 00 00 00 "
					"00 00 06 01 00 00 00 00 "
					"00 00 00 00 00 00 " SYN,
		.protocol = NR_TCP, .source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = TCP_MARKS | NR_MARK_IPV6},
	{"9 extension headers", NR_LINK_ETHERNET,
		ETH6 IP6("00 5c", "3c") "3c 00 00 00 00 00 00 00 3c 00 00 00 00 00 00 00 3c 00 00 00 00 00 "
					"00 00 3c 00 00 00 00 00 "
					"00 00 3c 00 00 00 00 00 00 00 3c 00 00 00 00 00 00 00 3c 00 00 00 "
					"00 00 00 00 3c 00 00 00 "
					"00 00 00 00 06 00 00 00 00 00 00 00 " SYN,
		NR_DROP_MALFORMED},
	{"IPv6 first fragment", NR_LINK_ETHERNET, ETH6 IP6("00 1c", "2c") "06 00 00 01 00 00 00 01 " SYN,
		.protocol = NR_TCP, .source_port = 40000, .destination_port = 23, .flags = 2,
		.marks = TCP_MARKS | NR_MARK_IPV6 | NR_MARK_FRAGMENT_FIRST},
	{"IPv6 later fragment", NR_LINK_ETHERNET, ETH6 IP6("00 1c", "2c") "06 00 00 08 00 00 00 01 " SYN,
		.protocol = NR_TCP, .marks = NR_MARK_IPV6 | NR_MARK_FRAGMENT_LATER},
	{"extension header not captured", NR_LINK_ETHERNET, ETH6 IP6("00 1c", "3c") "06 00 00",
		.protocol = 60, .marks = NR_MARK_IPV6 | NR_MARK_TRUNCATED},
	{"extension header beyond the packet", NR_LINK_ETHERNET,
		ETH6 IP6("00 08", "3c") "06 01 00 00 00 00 00 00 " SYN, .protocol = 60,
		.marks = NR_MARK_IPV6 | NR_MARK_BAD_HEADER},
	{"ICMPv6 unreachable", NR_LINK_ETHERNET,
		ETH6 IP6("00 44", "3a") ICMP("01", "04") "60 00 00 00 00 14 06 40 " B6 A6 SYN,
		.protocol = NR_ICMPV6, .source_port = 1, .destination_port = 4,
		.marks = NR_MARK_PORTS | NR_MARK_IPV6 | NR_MARK_QUOTES, .quote = true},
	{"IPv6 header cut", NR_LINK_ETHERNET, ETH6 "60 00 00 00 00 14 06 40 " A6, NR_DROP_TRUNCATED},
};

static struct nr_frame frame_of(const uint8_t *bytes, size_t length, uint16_t link)
{
	return (struct nr_frame){bytes, (uint32_t)length, (uint32_t)length + 4, TIME, link};
}

static void check(const struct frame_case *expected, const struct nr_packet *packet)
{
	if (packet->protocol != expected->protocol || packet->source_port != expected->source_port ||
		packet->destination_port != expected->destination_port || packet->flags != expected->flags ||
		packet->marks != expected->marks || packet->option_kind != expected->option_kind)
		fail_msg("%s: protocol %u, ports %u %u, flags %02x, marks %04x (not %04x), options %u",
			expected->name, packet->protocol, packet->source_port, packet->destination_port,
			packet->flags, packet->marks, expected->marks, packet->option_kind);
	struct nr_address ipv4 = nr_address_from_ipv4(0xc6336407);
	assert_int_equal(packet->kind, expected->marks & NR_MARK_IPV6 ? NR_PACKET_IPV6 : NR_PACKET_IPV4);
	assert_true(nr_address_is_ipv4(&packet->source) == (packet->kind == NR_PACKET_IPV4));
	if (packet->kind == NR_PACKET_IPV4)
		assert_true(nr_address_equal(&packet->source, &ipv4));
	assert_true(packet->time == TIME);
}

static void decodes(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		const struct frame_case *expected = &cases[i];
		uint8_t bytes[512];
		size_t length = hex_parse(expected->hex, bytes, sizeof bytes);
		struct nr_frame frame = frame_of(bytes, length, expected->link);
		struct nr_packet packets[2];
		size_t count = 9;
		enum nr_drop drop = nr_packet_decode(&frame, NULL, packets, &count);
		if (drop != expected->drop)
			fail_msg("%s: %s, not %s", expected->name, nr_drop_names[drop],
				nr_drop_names[expected->drop]);
		assert_int_equal(count, drop ? 0 : expected->quote ? 2 : 1);
		if (drop == NR_DROP_NONE)
			check(expected, packets);
	}
}

/* A shorter capture may lose marks, never gain ports or flags, and never reads a byte that is not there
 * (sanitizers). */
static void cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(cases); i++) {
		uint8_t bytes[512];
		size_t length = hex_parse(cases[i].hex, bytes, sizeof bytes);
		for (size_t cut = 0; cut < length; cut++) {
			uint8_t *copy = malloc(cut ? cut : 1);
			assert_non_null(copy);
			memcpy(copy, bytes, cut);
			struct nr_frame frame = frame_of(copy, cut, cases[i].link);
			struct nr_packet packets[2];
			size_t count;
			enum nr_drop drop = nr_packet_decode(&frame, NULL, packets, &count);
			assert_true((drop == NR_DROP_NONE) == (count > 0));
			if (drop == NR_DROP_NONE) {
				unsigned gained = packets[0].marks & (unsigned)~cases[i].marks;
				assert_false(gained & (NR_MARK_PORTS | NR_MARK_FLAGS | NR_MARK_QUOTES));
			}
			free(copy);
		}
	}
}

static enum nr_drop decode(
	const char *hex, uint16_t link, const struct nr_prefix_table *ends, struct nr_packet *ret)
{
	uint8_t bytes[512];
	struct nr_frame frame = frame_of(bytes, hex_parse(hex, bytes, sizeof bytes), link);
	size_t count;
	return nr_packet_decode(&frame, ends, ret, &count);
}

static void fills_every_field(void **state)
{
	(void)state;
	struct nr_packet p[2];
	assert_int_equal(decode(ETH4 TCP4, NR_LINK_ETHERNET, NULL, p), NR_DROP_NONE);
	struct nr_address destination = nr_address_from_ipv4(0xc0000209);
	assert_true(nr_address_equal(&p[0].destination, &destination));
	assert_int_equal(p[0].sequence, 0xc0000209);
	assert_int_equal(p[0].id, 54321);
	assert_int_equal(p[0].window, 0xfffe);
	assert_int_equal(p[0].ttl, 0x37);
	assert_int_equal(p[0].wire, 58);
	assert_int_equal(p[0].option_hash, 0);
	assert_int_equal(decode(ETH6 TCP6, NR_LINK_ETHERNET, NULL, p), NR_DROP_NONE);
	assert_int_equal(p[0].id, 0);
	assert_int_equal(p[0].ttl, 64);
	assert_int_equal(p[0].source.octets[0], 0x20);
	assert_int_equal(p[0].destination.octets[15], 9);
}

static void window_needs_its_bytes(void **state)
{
	(void)state;
	struct nr_packet p[2];
	decode(ETH4 IP("00 28", "00 00", "06") "9c 40 00 17 00 00 00 05 00 00 00 00 50 12 ff",
		NR_LINK_ETHERNET, NULL, p);
	assert_int_equal(p[0].window, 0);
	assert_int_equal(p[0].sequence, 5);
	decode(ETH4 IP("00 28", "00 00", "06") "9c 40 00 17 00 00 00 05 00 00 00 00 50 12 ff fe",
		NR_LINK_ETHERNET, NULL, p);
	assert_int_equal(p[0].window, 0xfffe);
}

static void quote_names_the_victim(void **state)
{
	(void)state;
	struct nr_packet p[2];
	struct nr_address victim = nr_address_from_ipv4(0xc6336407), dark = nr_address_from_ipv4(0xc0000209);
	decode(ETH4 IP("00 38", "00 00", "01") ICMP("03", "03") QUOTED, NR_LINK_ETHERNET, NULL, p);
	assert_int_equal(p[1].kind, NR_PACKET_QUOTE);
	assert_true(nr_address_equal(&p[1].source, &victim));
	assert_true(nr_address_equal(&p[1].destination, &dark));
	assert_int_equal(p[1].protocol, NR_TCP);
	assert_int_equal(p[1].source_port, 80);      /* the port that was attacked */
	assert_int_equal(p[1].destination_port, 23); /* the one the attacker forged */
	assert_int_equal(p[1].marks, NR_MARK_PORTS);
	assert_true(p[1].time == TIME);

	/* three bytes behind the quoted header: no ports; and a later fragment has none either */
	decode(ETH4 IP("00 33", "00 00", "01") ICMP("03", "03") "45 00 00 28 00 01 00 00 30 11 00 00 " B A
								"00 17 00",
		NR_LINK_ETHERNET, NULL, p);
	assert_int_equal(p[1].kind, NR_PACKET_QUOTE);
	assert_int_equal(p[1].protocol, NR_UDP);
	assert_int_equal(p[1].source_port | p[1].destination_port | p[1].marks, 0);
	decode(ETH4 IP("00 38", "00 00", "01") ICMP("0b", "01") "45 00 00 28 00 01 00 10 30 11 00 00 " B A
								"00 17 00 50 00 00 00 00",
		NR_LINK_ETHERNET, NULL, p);
	assert_int_equal(p[1].kind, NR_PACKET_QUOTE);
	assert_int_equal(p[1].source_port | p[1].destination_port | p[1].marks, 0);
}

static void frames_without_time(void **state)
{
	(void)state;
	uint8_t bytes[128];
	struct nr_frame frame = frame_of(bytes, hex_parse(ETH4 TCP4, bytes, sizeof bytes), NR_LINK_ETHERNET);
	frame.time = NR_TIME_MIN;
	struct nr_packet p[2];
	size_t count;
	assert_int_equal(nr_packet_decode(&frame, NULL, p, &count), NR_DROP_NONE);
	assert_int_equal(p[0].marks, TCP_MARKS | NR_MARK_TIMELESS);
}

static void option_hash_is_a_signature(void **state)
{
	(void)state;
	struct nr_packet a[2], b[2], c[2];
#define WITH(tsval, scale)                                                                                   \
	ETH4 IP("00 3c", "00 00", "06") TCP("a0", "02") "02 04 05 b4 04 02 08 0a " tsval                     \
							" 00 00 00 00 01 03 03 " scale
	decode(WITH("00 00 00 01", "07"), NR_LINK_ETHERNET, NULL, a);
	decode(WITH("00 00 ff 01", "07"), NR_LINK_ETHERNET, NULL, b);
	decode(WITH("00 00 00 01", "08"), NR_LINK_ETHERNET, NULL, c);
	assert_int_not_equal(a[0].option_hash, 0);
	assert_int_equal(a[0].option_hash, b[0].option_hash); /* time goes on */
	assert_int_not_equal(a[0].option_hash, c[0].option_hash);
}

/* --- tunnels: 192.0.2.9 is ours --- */

#define GRE(total, header) ETH4 IP(total, "00 00", "2f") header " "
#define INNER              IP("00 28", "00 00", "06") SYN
#define VXLAN(port, flags)                                                                                   \
	ETH4 IP("00 5a", "00 00", "11") "c0 00 " port " 00 46 00 00 " flags " 00 00 00 00 01 00 "
#define TO_OTHERS(protocol) "45 00 00 28 d4 31 00 00 37 " protocol " 00 00 " A "c0 00 02 0a "

struct tunnel_case {
	const char *name, *hex;
	enum nr_drop drop;
	uint8_t protocol;
};

static const struct tunnel_case tunnels[] = {
	{"GRE", GRE("00 40", "00 00 08 00") TO_OTHERS("06") SYN, NR_DROP_NONE, NR_TCP},
	{"GRE with checksum, key and sequence",
		GRE("00 4c", "b0 00 08 00 00 00 00 00 00 00 00 01 00 00 00 02") TO_OTHERS("06") SYN,
		NR_DROP_NONE, NR_TCP},
	{"GRE, IPv6", GRE("00 54", "00 00 86 dd") TCP6, NR_DROP_NONE, NR_TCP},
	{"GRE, Ethernet", GRE("00 4e", "00 00 65 58") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_TCP},
	{"GRE, ARP inside", GRE("00 40", "00 00 65 58") MAC "08 06 00 01", NR_DROP_NON_IP, 0},
	{"GRE, version 1", GRE("00 40", "00 01 88 0b") INNER, NR_DROP_NONE, 47},
	{"GRE, cut key", GRE("00 1a", "20 00 08 00 00 00"), NR_DROP_TRUNCATED, 0},
	{"GRE, control protocol", GRE("00 20", "00 00 00 0b") "00 00 00 00 00 00 00 00", NR_DROP_NON_IP, 0},
	{"ERSPAN I", GRE("00 4e", "00 00 88 be") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_TCP},
	{"ERSPAN II",
		GRE("00 5a", "10 00 88 be 00 00 00 01 10 00 00 00 00 00 00 00") ETH4 TO_OTHERS("06") SYN,
		NR_DROP_NONE, NR_TCP},
	{"ERSPAN III",
		GRE("00 5e", "10 00 22 eb 00 00 00 01 20 00 00 00 00 00 00 00 00 00 00 00")
			ETH4 TO_OTHERS("06") SYN,
		NR_DROP_NONE, NR_TCP},
	{"ERSPAN III with a subheader",
		GRE("00 66",
			"10 00 22 eb 00 00 00 01 20 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00")
			ETH4 TO_OTHERS("06") SYN,
		NR_DROP_NONE, NR_TCP},
	{"VXLAN", VXLAN("12 b5", "08 00") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_TCP},
	{"VXLAN of old Linux", VXLAN("21 18", "08 00") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_TCP},
	{"VXLAN without its flag", VXLAN("12 b5", "00 00") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_UDP},
	{"not VXLAN's port", VXLAN("12 b6", "08 00") ETH4 TO_OTHERS("06") SYN, NR_DROP_NONE, NR_UDP},
	{"VXLAN in GRE",
		GRE("00 72", "00 00 08 00") IP("00 5a", "00 00",
			"11") "c0 00 12 b5 00 46 00 00 08 00 00 00 00 00 01 00 " ETH4 TO_OTHERS("06") SYN,
		NR_DROP_NONE, NR_TCP},
	{"three tunnels",
		GRE("00 70", "00 00 08 00") IP("00 58", "00 00", "2f") "00 00 08 00 " IP(
			"00 40", "00 00", "2f") "00 00 08 00 " TO_OTHERS("06") SYN,
		NR_DROP_MALFORMED, 0},
	{"plain traffic to the tunnel's end", ETH4 TCP4, NR_DROP_NONE, NR_TCP},
};

static void opens_our_tunnels(void **state)
{
	(void)state;
	struct nr_prefix_table *ends;
	struct nr_prefix end = {nr_address_from_ipv4(0xc0000209), 128};
	assert_int_equal(nr_prefix_table_new(&ends, NULL), 0);
	assert_int_equal(nr_prefix_table_add(ends, &end, 1, NULL), 0);
	assert_int_equal(nr_prefix_table_seal(ends, NULL), 0);
	for (size_t i = 0; i < NR_COUNT(tunnels); i++) {
		struct nr_packet p[2] = {0};
		enum nr_drop drop = decode(tunnels[i].hex, NR_LINK_ETHERNET, ends, p);
		if (drop != tunnels[i].drop || (!drop && p[0].protocol != tunnels[i].protocol))
			fail_msg("%s: %s, protocol %u", tunnels[i].name, nr_drop_names[drop], p[0].protocol);
		/* to others, all of it is one outer packet */
		drop = decode(tunnels[i].hex, NR_LINK_ETHERNET, NULL, p);
		assert_int_equal(drop, NR_DROP_NONE);
		assert_int_equal(p[0].destination.octets[15], 9);
	}
	nr_prefix_table_free(ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(fills_every_field),
		cmocka_unit_test(window_needs_its_bytes),
		cmocka_unit_test(quote_names_the_victim),
		cmocka_unit_test(frames_without_time),
		cmocka_unit_test(option_hash_is_a_signature),
		cmocka_unit_test(opens_our_tunnels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
