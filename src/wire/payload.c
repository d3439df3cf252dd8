/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/payload.h"
#include "wire/cursor.h"

/* --- answers
 * --------------------------------------------------------------------------------------------------- */

#define DNS_HEADER     12
#define DNS_QR         0x8000
#define DNS_Z          0x0040 /* must be zero (RFC 1035, 4.1.1) */
#define DNS_LABELS_MAX 128    /* 255 octets of a name */
#define DNS_RCODE_MAX  11     /* DSOTYPENI; larger ones need EDNS */
#define DNS_OPCODE_MAX 6      /* DSO */

/* Walks one name. False if it cannot be one; a name that the payload's end cuts passes, with the cursor
 * failed. */
static bool dns_name(struct nr_cursor *c)
{
	for (unsigned labels = 0; labels <= DNS_LABELS_MAX; labels++) {
		uint8_t length = nr_cursor_u8(c);
		if (c->failed || length == 0)
			return true;
		if (length >= 0xc0) { /* compression pointer: ends the name */
			nr_cursor_skip(c, 1);
			return true;
		}
		if (length > 63)
			return false;
		nr_cursor_skip(c, length);
	}
	return false;
}

/* RFC 1035. */
static bool is_dns_answer(struct nr_cursor *c)
{
	nr_cursor_skip(c, 2);
	unsigned flags = nr_cursor_u16(c);
	unsigned questions = nr_cursor_u16(c);
	unsigned answers = nr_cursor_u16(c);
	nr_cursor_skip(c, 4);
	unsigned opcode = flags >> 11 & 15;
	if (c->failed || !(flags & DNS_QR) || flags & DNS_Z || opcode > DNS_OPCODE_MAX ||
		(flags & 15) > DNS_RCODE_MAX || questions > 1)
		return false;
	if (questions) {
		if (!dns_name(c))
			return false;
		nr_cursor_skip(c, 4);
	}
	return !answers || dns_name(c);
}

/* RFC 5905 modes 4 and 5; control (mode 6, RFC 9327) and private (mode 7, ntpd) messages with the response
 * bit. */
static bool is_ntp_answer(struct nr_cursor *c)
{
	size_t length = nr_cursor_left(c);
	uint8_t first = nr_cursor_u8(c);
	uint8_t second = nr_cursor_u8(c);
	unsigned version = first >> 3 & 7;
	if (c->failed || version == 0 || version > 4)
		return false;
	switch (first & 7) {
	case 4:
	case 5:
		return length >= 16 && second <= 16; /* up to the reference identifier; stratum */
	case 6:
		return length >= 12 && second & 0x80;
	case 7:
		return length >= 8 && first & 0x80;
	default:
		return false;
	}
}

/* One BER header (X.690, 8.1). Moves behind it; the content may be longer than what is there. */
static bool ber_enter(struct nr_cursor *c, uint8_t tag, size_t *ret_length)
{
	uint8_t found = nr_cursor_u8(c);
	size_t length = nr_cursor_u8(c);
	if (length == 0x80 || length > 0x84)
		return false; /* indefinite, or longer than any datagram */
	if (length > 0x80) {
		unsigned octets = length & 15;
		length = 0;
		while (octets--)
			length = length << 8 | nr_cursor_u8(c);
	}
	*ret_length = length;
	return !c->failed && found == tag;
}

static bool ber_skip(struct nr_cursor *c, uint8_t tag)
{
	size_t length;
	if (!ber_enter(c, tag, &length))
		return false;
	nr_cursor_skip(c, length);
	return !c->failed;
}

enum { BER_INTEGER = 0x02, BER_OCTETS = 0x04, BER_SEQUENCE = 0x30 };
enum { SNMP_RESPONSE = 0xa2, SNMP_REPORT = 0xa8 };
enum { LDAP_SEARCH_ENTRY = 0x64, LDAP_SEARCH_DONE = 0x65, LDAP_SEARCH_REFERENCE = 0x73 };

/* RFC 1157, 3416 (GetResponse), RFC 3412 (also Report: the answer to a discovery). */
static bool is_snmp_answer(struct nr_cursor *c)
{
	size_t length;
	if (!ber_enter(c, BER_SEQUENCE, &length) || !ber_enter(c, BER_INTEGER, &length) || length != 1)
		return false;
	uint8_t version = nr_cursor_u8(c);
	if (version == 3) {
		/* global data, security parameters, then the scoped PDU: engine id, context name, PDU */
		if (!ber_skip(c, BER_SEQUENCE) || !ber_skip(c, BER_OCTETS) ||
			!ber_enter(c, BER_SEQUENCE, &length) || !ber_skip(c, BER_OCTETS) ||
			!ber_skip(c, BER_OCTETS))
			return false;
	} else if (version > 1 || !ber_skip(c, BER_OCTETS)) {
		return false; /* community */
	}
	uint8_t pdu = nr_cursor_u8(c);
	return !c->failed && (pdu == SNMP_RESPONSE || (version == 3 && pdu == SNMP_REPORT));
}

/* RFC 1798, RFC 4511: the two (or three) messages that a search is answered with. */
static bool is_cldap_answer(struct nr_cursor *c)
{
	size_t length;
	if (!ber_enter(c, BER_SEQUENCE, &length) || !ber_skip(c, BER_INTEGER))
		return false;
	uint8_t message = nr_cursor_u8(c);
	return !c->failed && (message == LDAP_SEARCH_ENTRY || message == LDAP_SEARCH_DONE ||
				     message == LDAP_SEARCH_REFERENCE);
}

enum quic_packet { QUIC_INITIAL, QUIC_ZERO_RTT, QUIC_HANDSHAKE, QUIC_RETRY };

#define QUIC_LONG      0x80
#define QUIC_FIXED     0x40
#define QUIC_VERSION_2 0x6b3343cfu /* RFC 9369 */
#define QUIC_DRAFT     0xff000000u /* draft-ietf-quic-transport-01 .. -34 */
#define QUIC_MVFST     0xfaceb000u
#define QUIC_CID_MAX   20

/* False where the version's packet types are not known. */
static bool quic_packet_type(uint32_t version, uint8_t first, enum quic_packet *ret)
{
	unsigned type = first >> 4 & 3;
	bool like_1 = version == 1 || (version & 0xffffff00u) == QUIC_DRAFT ||
		      (version & 0xfffffff0u) == QUIC_MVFST;
	if (version == QUIC_VERSION_2)
		type = (type + 3) & 3; /* RFC 9369, 3.2: retry, initial, 0-RTT, handshake */
	else if (!like_1)
		return false;
	*ret = (enum quic_packet)type;
	return true;
}

/* RFC 8999 and RFC 9000, 17.2: what a server sends with a long header. */
static bool is_quic_answer(struct nr_cursor *c)
{
	uint8_t first = nr_cursor_u8(c);
	uint32_t version = nr_cursor_u32(c);
	for (unsigned i = 0; i < 2; i++) { /* destination and source connection id */
		uint8_t length = nr_cursor_u8(c);
		if (version != 0 && length > QUIC_CID_MAX)
			return false;
		nr_cursor_skip(c, length);
	}
	if (c->failed || !(first & QUIC_LONG))
		return false;
	if (version == 0) /* version negotiation: a list of versions follows */
		return nr_cursor_left(c) >= 4;
	enum quic_packet type;
	if (!(first & QUIC_FIXED) || !quic_packet_type(version, first, &type))
		return false;
	switch (type) {
	case QUIC_INITIAL:
		return nr_cursor_u8(c) == 0 && !c->failed; /* a server's has no token (17.2.2) */
	case QUIC_HANDSHAKE:
	case QUIC_RETRY:
		return nr_cursor_left(c) > 0;
	case QUIC_ZERO_RTT: /* only clients send it */
		break;
	}
	return false;
}

static bool starts_with(const uint8_t *bytes, size_t length, const char *text)
{
	size_t n = strlen(text);
	return length >= n && memcmp(bytes, text, n) == 0;
}

static bool is_one_of(const uint8_t *bytes, size_t length, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (starts_with(bytes, length, texts[i]))
			return true;
	return false;
}

/* UPnP Device Architecture 1.1, 1.3.3 and 1.2. */
static bool is_ssdp_answer(const uint8_t *bytes, size_t length)
{
	static const char *const starts[] = {"HTTP/1.1 200", "HTTP/1.0 200", "NOTIFY "};
	return is_one_of(bytes, length, starts, NR_COUNT(starts));
}

#define MEMCACHED_HEADER 8
#define MEMCACHED_BINARY 0x81 /* magic of a binary response */

/* memcached doc/protocol.txt, "UDP protocol". Only the first datagram of an answer begins with a word of the
 * protocol. */
static bool is_memcached_answer(struct nr_cursor *c)
{
	static const char *const words[] = {"STAT ", "VALUE ", "END\r\n", "VERSION ", "STORED\r\n",
		"ERROR\r\n", "SERVER_ERROR ", "CLIENT_ERROR ", "NOT_FOUND\r\n", "OK\r\n"};
	nr_cursor_skip(c, 2);
	unsigned sequence = nr_cursor_u16(c);
	unsigned datagrams = nr_cursor_u16(c);
	unsigned reserved = nr_cursor_u16(c);
	size_t left = nr_cursor_left(c);
	if (c->failed || reserved != 0 || sequence >= datagrams || left == 0)
		return false;
	return sequence > 0 || *c->at == MEMCACHED_BINARY || is_one_of(c->at, left, words, NR_COUNT(words));
}

/* Without branches: source ports are random, and a mispredicted tree of comparisons costs more than the
 * packet. */
static bool has_answers(uint16_t port)
{
	return (port == 53) | (port == 123) | (port == 161) | (port == 389) | (port == 443) | (port == 1900) |
	       (port == 11211);
}

bool nr_payload_is_answer(uint16_t source_port, const uint8_t *bytes, size_t length)
{
	if (NR_LIKELY(!has_answers(source_port)))
		return false;
	struct nr_cursor c = nr_cursor_over(bytes, length);
	switch (source_port) {
	case 53:
		return is_dns_answer(&c);
	case 123:
		return is_ntp_answer(&c);
	case 161:
		return is_snmp_answer(&c);
	case 389:
		return is_cldap_answer(&c);
	case 443:
		return is_quic_answer(&c);
	case 1900:
		return is_ssdp_answer(bytes, length);
	case 11211:
		return is_memcached_answer(&c);
	default:
		return false;
	}
}

/* --- misconfigurations (telescope reference 10.2; the names are corsaro's)
 * ---------------------------------------- */

#define UDP_OVERHEAD 28 /* IPv4 and UDP header */

static bool same_at(const uint8_t *bytes, size_t length, size_t at, const void *pattern, size_t n)
{
	return length >= at + n && memcmp(bytes + at, pattern, n) == 0;
}

/* any answer with recursion, of a server that nobody here has asked */
static bool is_dns_nonstandard(size_t ip_length, const uint8_t *bytes, size_t length)
{
	if (length < DNS_HEADER || bytes[2] != 0x81 || (bytes[3] & 0xf0) != 0x80 ||
		(ip_length != 0 && ip_length <= 42))
		return false;
	for (size_t i = 4; i < DNS_HEADER; i += 2) /* the four counts */
		if (bytes[i] != 0 || bytes[i + 1] >= 10)
			return false;
	return true;
}

static bool is_bittorrent_dht(const uint8_t *bytes, size_t length)
{
	return same_at(bytes, length, 0, "d1:ad2:id20:", 12) ||
	       same_at(bytes, length, 0, "d1:rd2:id20:", 12) ||
	       same_at(bytes, length, 20,
		       "\x13"
		       "BitTorrent protocol",
		       20);
}

/* uTP (BEP 29) hand-shakes, recognised by first word, length and tail. */
static bool is_bittorrent_utp(size_t ip_length, const uint8_t *bytes, size_t length)
{
	static const uint8_t tail[10] = {0, 8};
	static const uint8_t words_3_to_7[20] = {0x7f, 0xff, 0xff, 0xff, 0xab, 0x02, 0x04, 0, 1, 0, 0, 0, 8};
	if (ip_length < 48 || length < 2)
		return false;
	unsigned first = (unsigned)(bytes[0] << 8 | bytes[1]);
	size_t payload = ip_length - UDP_OVERHEAD;
	bool extended = first == 0x4102 || first == 0x2102 || first == 0x3102 || first == 0x1102;
	bool plain = first == 0x4100 || first == 0x2100 || first == 0x3102 || first == 0x1100;
	return (extended && ip_length >= 58 &&
		       same_at(bytes, length, payload - sizeof tail, tail, sizeof tail)) ||
	       (plain && ip_length == 48) ||
	       (ip_length == 61 && same_at(bytes, length, 12, words_3_to_7, sizeof words_3_to_7));
}

bool nr_payload_is_misconfigured(uint16_t source_port, uint16_t destination_port, size_t ip_length,
	const uint8_t *bytes, size_t length)
{
	static const uint8_t udp_0x31[10] = {0, 0, 0, 0, 0, 0, 0, 0, 0x31, 0};
	static const uint8_t netbios_name[8] = {
		0x20, 0x43, 0x4b, 0x41, 0x41, 0x41, 0x41, 0x41}; /* "*", padded */
	if (ip_length == 96 || ip_length == 1500)
		return true; /* udp-ip-len-96, udp-ip-len-1500 */
	if (ip_length == 58 && same_at(bytes, length, 0, udp_0x31, sizeof udp_0x31))
		return true;
	if (source_port == 5060 && destination_port == 5060 && starts_with(bytes, length, "SIP/2.0"))
		return true;
	if (source_port == 137 && destination_port == 137 && (ip_length == 0 || ip_length > 48) &&
		same_at(bytes, length, 12, netbios_name, sizeof netbios_name))
		return true;
	return is_dns_nonstandard(ip_length, bytes, length) || is_bittorrent_dht(bytes, length) ||
	       is_bittorrent_utp(ip_length, bytes, length);
}
