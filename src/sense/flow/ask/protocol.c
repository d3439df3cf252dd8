/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/ask/protocol.h"

#include <strings.h>

/* The first name of a number is the one that is shown. */
static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {{0, "HOPOPT"}, {1, "ICMP"}, {2, "IGMP"}, {3, "GGP"}, {4, "IPIP"}, {4, "IPENCAP"}, {5, "ST"},
	{6, "TCP"}, {7, "CBT"}, {8, "EGP"}, {9, "IGP"}, {12, "PUP"}, {17, "UDP"}, {20, "HMP"},
	{22, "XNS-IDP"}, {27, "RDP"}, {29, "ISO-TP4"}, {33, "DCCP"}, {36, "XTP"}, {37, "DDP"},
	{38, "IDPR-CMTP"}, {41, "IPv6"}, {43, "IPv6-Route"}, {44, "IPv6-Frag"}, {45, "IDRP"}, {46, "RSVP"},
	{47, "GRE"}, {50, "ESP"}, {51, "AH"}, {57, "SKIP"}, {58, "ICMP6"}, {58, "IPv6-ICMP"}, {58, "ICMPv6"},
	{59, "IPv6-NoNxt"}, {60, "IPv6-Opts"}, {73, "RSPF"}, {81, "VMTP"}, {88, "EIGRP"}, {89, "OSPF"},
	{89, "OSPFIGP"}, {93, "AX.25"}, {97, "ETHERIP"}, {98, "ENCAP"}, {103, "PIM"}, {108, "IPCOMP"},
	{112, "VRRP"}, {112, "CARP"}, {115, "L2TP"}, {124, "ISIS"}, {132, "SCTP"}, {133, "FC"},
	{135, "Mobility"}, {136, "UDPLite"}, {137, "MPLS-in-IP"}, {139, "HIP"}, {140, "Shim6"}, {141, "WESP"},
	{142, "ROHC"}, {240, "PFSYNC"}};

const char *nr_flow_protocol_name(uint8_t protocol)
{
	for (size_t i = 0; i < NR_COUNT(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return NULL;
}

int nr_flow_protocol_by_name(const char *name)
{
	for (size_t i = 0; i < NR_COUNT(protocols); i++)
		if (!strcasecmp(protocols[i].name, name))
			return protocols[i].number;
	return -1;
}

const char *nr_flow_protocol_listed(size_t n)
{
	return n < NR_COUNT(protocols) ? protocols[n].name : NULL;
}
