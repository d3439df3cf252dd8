/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every number that decides something in the telescope, with its source. docs/guide/telescope.md explains
 * them.
 */
#ifndef NR_SENSE_TELESCOPE_RULES_H
#define NR_SENSE_TELESCOPE_RULES_H

#include "wire/packet.h"

/* Windows: NICTERWEB shows 5 minutes, 1 hour, 1 day. */
#define NR_STEP_WINDOW 300
#define NR_STEP_HOUR   3600
#define NR_STEP_DAY    86400
/* Packets up to two windows late still find their window open. */
#define NR_SLACK_WINDOWS 2

/* Research scanners: NICT's yearly report as commonly cited, and the same per dark address (300,000 /
 * 290,000). */
#define NR_NICTER_PORTS    30
#define NR_NICTER_PACKETS  300000
#define NR_SCALED_PACKETS  1000
#define NR_SCALED_PER_DARK 1.03

/* DDoS victims: Moore et al. 2001/2006 as coded in corsaro3, plugins/corsaro_dos.c. All limits are inclusive.
 */
#define NR_VICTIM_PACKETS        25
#define NR_VICTIM_DURATION       (60 * NR_SECOND)
#define NR_VICTIM_WINDOW_PACKETS 30
#define NR_VICTIM_WINDOW         (60 * NR_SECOND)
#define NR_VICTIM_SLIDE          (10 * NR_SECOND)
#define NR_VICTIM_INTERVAL       (60 * NR_SECOND)

/* Carpet attacks (telescope reference 9.5): answers in a window, each address once a bucket, and addresses in
 * a minute; of a network of the larger length twice as many addresses. Literal as the rule above, which was
 * written for a /8; scaled by the telescope's share of one, but no lower than what chance does not reach:
 * eight of 256 hosts that each send one stray answer a day do so within one minute with 2e-11. */
#define NR_CARPET_PACKETS         NR_VICTIM_WINDOW_PACKETS
#define NR_CARPET_ADDRESSES       16
#define NR_CARPET_DARK            16777216.0
#define NR_CARPET_PACKETS_LEAST   12
#define NR_CARPET_ADDRESSES_LEAST 8

/* A "victim" that sends from so many times as many ports as it sends to is a SYN-ACK scan. */
#define NR_SCAN_PORTS_RATIO 4

/* Tools. */
#define NR_ZMAP_ID         54321 /* zmap src/probe_modules/packet.c before 4.1.0 */
#define NR_ZMAP_WINDOW     65535
#define NR_ZMAP_PORT_FIRST 32768
#define NR_ZMAP_PORT_LAST  61000
#define NR_ZMAP_NEW_SYNS   3
#define NR_MASSCAN_WINDOW  1024
#define NR_TTL_STATELESS   200 /* start value 255 less the hops */
#define NR_NMAP_SYNS       3
#define NR_TAG_CHANCE                                                                                        \
	1e-6 /* that SYNs without the tool match a 16-bit rule so often: at most, per source                 \
	      */
#define NR_MIRAI_SINGLE_SYNS 4000 /* one match in so many random SYNs stays below 1e-6 */
#define NR_CAMPAIGN_SYNS     4
#define NR_CAMPAIGN_SOURCES  5

/* Spoofed flood: many one-packet sources with one signature, spread over the whole address space. */
#define NR_FLOOD_SOURCES 1000
#define NR_FLOOD_ENTROPY 7.0 /* bits of the first octet; 8 would be uniform */

enum nr_category {
	NR_CATEGORY_TCP_SYN,
	NR_CATEGORY_TCP_SYN_ACK,
	NR_CATEGORY_TCP_RST,
	NR_CATEGORY_TCP_OTHER,
	NR_CATEGORY_UDP,
	NR_CATEGORY_ICMP,
	NR_CATEGORY_OTHER,
	NR_CATEGORY_PROTOCOLS, /* every packet is in exactly one of those above */
	NR_CATEGORY_SCAN = NR_CATEGORY_PROTOCOLS,
	NR_CATEGORY_BACKSCATTER,
	NR_CATEGORY_SPOOFED,
	NR_CATEGORY_MALFORMED,
	NR_CATEGORY_MISCONFIGURED,
	NR_CATEGORY_COUNT
};
extern const char *const nr_category_names[NR_CATEGORY_COUNT];

#define NR_BIT(n) (1u << (n))

/* TCP flags, RFC 9293 3.1. ECE and CWR do not matter (a SYN with ECN is a SYN). */
#define NR_TCP_FIN  0x01
#define NR_TCP_SYN  0x02
#define NR_TCP_RST  0x04
#define NR_TCP_ACK  0x10
#define NR_TCP_MASK 0x3f

NR_INLINE bool nr_is_syn(const struct nr_packet *p)
{
	return p->protocol == NR_TCP && (p->marks & NR_MARK_FLAGS) && (p->flags & NR_TCP_MASK) == NR_TCP_SYN;
}

/* Which of the seven; telescope reference 6, order: SYN, RST, SYN-ACK, other. */
NR_INLINE enum nr_category nr_category_of(const struct nr_packet *p)
{
	if (NR_LIKELY(p->protocol == NR_TCP)) {
		if (!(p->marks & NR_MARK_FLAGS))
			return NR_CATEGORY_TCP_OTHER;
		if (NR_LIKELY((p->flags & NR_TCP_MASK) == NR_TCP_SYN))
			return NR_CATEGORY_TCP_SYN;
		if (p->flags & NR_TCP_RST)
			return NR_CATEGORY_TCP_RST;
		if ((p->flags & (NR_TCP_SYN | NR_TCP_ACK)) == (NR_TCP_SYN | NR_TCP_ACK))
			return NR_CATEGORY_TCP_SYN_ACK;
		return NR_CATEGORY_TCP_OTHER;
	}
	if (p->protocol == NR_UDP)
		return NR_CATEGORY_UDP;
	if (p->protocol == NR_ICMP || p->protocol == NR_ICMPV6)
		return NR_CATEGORY_ICMP;
	return NR_CATEGORY_OTHER;
}

/* ICMP types that answer: corsaro's list for IPv4; RFC 4443 errors and echo reply for IPv6. */
bool nr_icmp_is_backscatter(const struct nr_packet *p);

NR_INLINE bool nr_is_backscatter(const struct nr_packet *p, enum nr_category c)
{
	switch (c) {
	case NR_CATEGORY_TCP_SYN:
		return false;
	case NR_CATEGORY_TCP_RST:
	case NR_CATEGORY_TCP_SYN_ACK:
		return true;
	case NR_CATEGORY_UDP:
		return (p->marks & NR_MARK_ANSWER) != 0;
	case NR_CATEGORY_ICMP:
		return nr_icmp_is_backscatter(p);
	default:
		return false;
	}
}

#endif
