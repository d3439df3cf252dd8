/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a UDP payload says: an answer (backscatter of a reflected or flooded server) or a known
 * misconfiguration. Pure and bounded: no loop is longer than the payload.
 */
#ifndef NR_WIRE_PAYLOAD_H
#define NR_WIRE_PAYLOAD_H

#include "base/base.h"

/*
 * True where the payload parses as an answer of the protocol that lives on source_port: DNS 53, NTP 123, SNMP
 * 161, CLDAP 389, QUIC 443, SSDP 1900, memcached 11211 (telescope reference 8). The port alone is no answer:
 * scans are sent from port 53 too. A payload that was cut behind its first fields still counts.
 */
bool nr_payload_is_answer(uint16_t source_port, const uint8_t *bytes, size_t length);

/*
 * True for the misconfiguration patterns of telescope reference 10.2. ip_length: IPv4 total length; 0 for
 * IPv6, where the patterns that are made of it do not apply. length: payload bytes that were captured.
 */
bool nr_payload_is_misconfigured(uint16_t source_port, uint16_t destination_port, size_t ip_length,
	const uint8_t *bytes, size_t length);

#endif
