/* SPDX-License-Identifier: Apache-2.0 */
/* What the probes and answers of the world say: the smallest well-formed message of each protocol. */
#include "train/world/payload.h"

#include <string.h>

#define NAME "\7example\3com\0"

/* RFC 1035, 4.1: query for example.com A; the authoritative answer has one A record (192.0.2.1). The first
 * two bytes are the id. */
static const char dns_query[] = "\x13\x37\x01\x00\0\1\0\0\0\0\0\0" NAME "\0\1\0\1";
static const char dns_answer[] = "\x13\x37\x85\x80\0\1\0\1\0\0\0\0" NAME "\0\1\0\1"
				 "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1";
/* ntpd mode 7, request 42 (MON_GETLIST_1). */
static const char ntp_monlist[] = "\x17\x00\x03\x2a\0\0\0\0";
/* SNMPv1 GetRequest, community "public", sysDescr.0. */
static const char snmp_get[] =
	"\x30\x26\x02\x01\x00\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00"
	"\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";
static const char ssdp_search[] =
	"M-SEARCH * HTTP/1.1\r\nHOST:239.255.255.250:1900\r\nMAN:\"ssdp:discover\"\r\n"
	"MX:2\r\nST:ssdp:all\r\n\r\n";
static const char sip_options[] = "OPTIONS sip:100@invalid SIP/2.0\r\nVia: SIP/2.0/UDP invalid:5060;rport\r\n"
				  "From: <sip:100@invalid>;tag=1\r\nTo: <sip:100@invalid>\r\nCall-ID: 1\r\n"
				  "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
static const char sip_status[] =
	"SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP invalid:5060\r\nFrom: <sip:100@invalid>;tag=1\r\n"
	"To: <sip:100@invalid>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n";
/* CLDAP searchRequest for the root DSE (RFC 4511, 4.5.1). */
static const char ldap_search[] =
	"\x30\x25\x02\x01\x01\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00"
	"\x01\x01\x00\x87\x0bobjectclass\x30\x00";
static const char memcached_stats[] = "\0\1\0\0\0\1\0\0stats\r\n";
static const char bacnet_whois[] = "\x81\x0b\x00\x0c\x01\x20\xff\xff\x00\xff\x10\x08";
static const char mdns_query[] = "\0\0\0\0\0\1\0\0\0\0\0\0\11_services\7_dns-sd\4_udp\5local\0\0\x0c\0\1";
static const char router_backdoor[] = "AA\0\0AAAA cd /tmp";
/* BEP 5: ping with a 20-byte node id. */
static const char dht_ping[] = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
/* RFC 1002, 4.2.12: NODE STATUS REQUEST for "*". */
static const char netbios_name[] = "\x80\xf0\x00\x10\0\1\0\0\0\0\0\0\x20"
				   "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\1";
static const char echo[] = "abcdefghijklmnopqrstuvwabcdefghijklmnopqrstuvwabcdefghij";
static const char fragment[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#define TEXT(literal)                                                                                        \
	{                                                                                                    \
		(literal), sizeof(literal) - 1                                                               \
	}
static const struct nr_payload payloads[NR_PAYLOAD_COUNT] = {
	[NR_PAYLOAD_DNS_QUERY] = TEXT(dns_query),
	[NR_PAYLOAD_DNS_ANSWER] = TEXT(dns_answer),
	[NR_PAYLOAD_NTP_MONLIST] = TEXT(ntp_monlist),
	[NR_PAYLOAD_SNMP_GET] = TEXT(snmp_get),
	[NR_PAYLOAD_SSDP_SEARCH] = TEXT(ssdp_search),
	[NR_PAYLOAD_SIP_OPTIONS] = TEXT(sip_options),
	[NR_PAYLOAD_SIP_STATUS] = TEXT(sip_status),
	[NR_PAYLOAD_LDAP_SEARCH] = TEXT(ldap_search),
	[NR_PAYLOAD_MEMCACHED_STATS] = TEXT(memcached_stats),
	[NR_PAYLOAD_BACNET_WHOIS] = TEXT(bacnet_whois),
	[NR_PAYLOAD_MDNS_QUERY] = TEXT(mdns_query),
	[NR_PAYLOAD_ROUTER_BACKDOOR] = TEXT(router_backdoor),
	[NR_PAYLOAD_DHT_PING] = TEXT(dht_ping),
	[NR_PAYLOAD_NETBIOS_NAME] = TEXT(netbios_name),
	[NR_PAYLOAD_ECHO] = TEXT(echo),
	[NR_PAYLOAD_FRAGMENT] = TEXT(fragment),
};

struct nr_payload nr_payload_find(uint8_t payload)
{
	return payload < NR_PAYLOAD_COUNT ? payloads[payload] : (struct nr_payload){NULL, 0};
}
