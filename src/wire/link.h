/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a frame to its IP header: link layers, tags and labels. Pure; every walk is bounded.
 */
#ifndef NR_WIRE_LINK_H
#define NR_WIRE_LINK_H

#include "wire/cursor.h"
#include "wire/packet.h"

/* LINKTYPE_ values (tcpdump.org/linktypes.html) that are understood. */
enum nr_link {
	NR_LINK_NULL = 0,
	NR_LINK_ETHERNET = 1,
	NR_LINK_RAW_BSD = 12, /* DLT_RAW of most systems, written to files by old programs */
	NR_LINK_RAW_OPENBSD = 14,
	NR_LINK_RAW = 101,
	NR_LINK_LOOP = 108,
	NR_LINK_SLL = 113,
	NR_LINK_IPV4 = 228,
	NR_LINK_IPV6 = 229,
	NR_LINK_SLL2 = 276,
	NR_LINK_NONE = 0xffff, /* a record that is no packet */
};

/* EtherTypes (IEEE registration authority). */
enum nr_ethertype {
	NR_ETHERTYPE_MINIMUM = 0x0600, /* below: an IEEE 802.3 length */
	NR_ETHERTYPE_IPV4 = 0x0800,
	NR_ETHERTYPE_TRANSPARENT_ETHERNET = 0x6558, /* RFC 1701 */
	NR_ETHERTYPE_VLAN = 0x8100,                 /* 802.1Q */
	NR_ETHERTYPE_IPV6 = 0x86dd,
	NR_ETHERTYPE_MPLS = 0x8847,
	NR_ETHERTYPE_MPLS_UPSTREAM = 0x8848,
	NR_ETHERTYPE_PPPOE_SESSION = 0x8864,
	NR_ETHERTYPE_QINQ = 0x88a8,      /* 802.1ad */
	NR_ETHERTYPE_QINQ_9100 = 0x9100, /* before 802.1ad; likewise the next two */
	NR_ETHERTYPE_QINQ_9200 = 0x9200,
	NR_ETHERTYPE_QINQ_9300 = 0x9300,
	NR_ETHERTYPE_ERSPAN_II = 0x88be, /* in GRE */
	NR_ETHERTYPE_ERSPAN_III = 0x22eb,
};

#define NR_ETHERNET_HEADER 14
#define NR_LINK_TAGS_MAX   8 /* VLAN tags, MPLS labels and frames inside frames; more is NR_DROP_MALFORMED */

/* Moves the cursor from the first byte of a frame to its IP header. Otherwise the cause; the cursor is then
 * anywhere. */
enum nr_drop nr_link_strip(struct nr_cursor *c, uint16_t link);

/* The same from the first byte behind an EtherType (GRE payloads) or of an Ethernet frame (VXLAN, ERSPAN). */
enum nr_drop nr_link_strip_ethertype(struct nr_cursor *c, uint16_t ethertype);
enum nr_drop nr_link_strip_ethernet(struct nr_cursor *c);

#endif
