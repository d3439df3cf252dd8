/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/payload.h"

#include "hex.h"
#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the above first */
#include <cmocka.h>

struct answer {
	const char *name;
	uint16_t port;
	const char *hex;
	bool answer;
	size_t least; /* the shortest prefix that is still an answer; 0: not asked */
};

#define DNS_QUESTION "03 77 77 77 00 00 01 00 01 "
#define NTP_REST                                                                                             \
	"00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "   \
	"00 00 00 00 00 00 00 00 00 00 00 00 "

static const struct answer answers[] = {
	{"DNS answer", 53, "12 34 81 80 00 01 00 01 00 00 00 00 " DNS_QUESTION "c0 0c 00 01 00 01", true, 12},
	{"DNS answer without a question", 53, "12 34 84 00 00 00 00 01 00 00 00 00 c0 0c", true, 12},
	{"DNS refused", 53, "12 34 81 05 00 01 00 00 00 00 00 00 " DNS_QUESTION, true, 12},
	{"DNS query", 53, "12 34 01 00 00 01 00 00 00 00 00 00 " DNS_QUESTION, false, 0},
	{"DNS answer from elsewhere", 54, "12 34 81 80 00 01 00 01 00 00 00 00 " DNS_QUESTION, false, 0},
	{"DNS reserved bit", 53, "12 34 81 c0 00 01 00 01 00 00 00 00 " DNS_QUESTION, false, 0},
	{"DNS opcode 15", 53, "12 34 f8 00 00 01 00 01 00 00 00 00 " DNS_QUESTION, false, 0},
	{"DNS two questions", 53, "12 34 81 80 00 02 00 01 00 00 00 00 " DNS_QUESTION, false, 0},
	{"DNS label of 64", 53, "12 34 81 80 00 01 00 01 00 00 00 00 40 77 77 77", false, 0},
	{"NTP server", 123, "24 02 06 e9 " NTP_REST, true, 16},
	{"NTP broadcast", 123, "25 02 06 e9 " NTP_REST, true, 16},
	{"NTP client", 123, "23 02 06 e9 " NTP_REST, false, 0},
	{"NTP stratum 17", 123, "24 11 06 e9 " NTP_REST, false, 0},
	{"NTP version 0", 123, "04 02 06 e9 " NTP_REST, false, 0},
	{"NTP control answer", 123, "16 82 00 01 00 00 00 00 00 00 00 00", true, 12},
	{"NTP control question", 123, "16 02 00 01 00 00 00 00 00 00 00 00", false, 0},
	{"NTP monlist answer", 123, "d7 00 03 2a 00 06 00 48 00", true, 8},
	{"NTP monlist question", 123, "17 00 03 2a 00 00 00 00 00", false, 0},
	{"SNMP v2c response", 161,
		"30 26 02 01 01 04 06 70 75 62 6c 69 63 a2 19 02 01 01 02 01 00 02 01 00 30 0e 30 0c 06 08",
		true, 14},
	{"SNMP v1 response, long length", 161, "30 82 01 00 02 01 00 04 00 a2 81 f0 02", true, 10},
	{"SNMP request", 161, "30 26 02 01 01 04 06 70 75 62 6c 69 63 a0 19 02 01 01", false, 0},
	{"SNMP v1 has no report", 161, "30 26 02 01 00 04 00 a8 19 02 01 01", false, 0},
	{"SNMP v3 report", 161,
		"30 2b 02 01 03 30 0d 02 01 01 02 02 05 78 04 01 00 02 01 03 04 00 30 17 04 05 80 00 00 00 "
		"00 04 00 a8 0c",
		true, 34},
	{"SNMP v3 encrypted", 161, "30 2b 02 01 03 30 03 02 01 01 04 00 04 05 80 00 00 00 00 04 00 a8 0c",
		false, 0},
	{"SNMP indefinite length", 161, "30 80 02 01 01 04 00 a2 19", false, 0},
	{"SNMP community beyond the end", 161, "30 26 02 01 01 04 7f 70 75 62 6c 69 63 a2 19", false, 0},
	{"CLDAP entry", 389, "30 84 00 00 00 10 02 01 07 64 84 00 00 00 07 04 00", true, 10},
	{"CLDAP done", 389, "30 0c 02 01 07 65 07 0a 01 00 04 00 04 00", true, 6},
	{"CLDAP search", 389, "30 25 02 01 01 63 20 04 00 0a 01 00", false, 0},
	{"QUIC version negotiation", 443, "80 00 00 00 00 00 04 01 02 03 04 00 00 00 01", true, 15},
	{"QUIC version negotiation, long ids", 443,
		"ff 00 00 00 00 15 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
		"00 01",
		true, 32},
	{"QUIC server initial", 443, "c1 00 00 00 01 00 04 01 02 03 04 00 40", true, 12},
	{"QUIC initial with a token: a client's", 443, "c1 00 00 00 01 00 04 01 02 03 04 02 40", false, 0},
	{"QUIC handshake", 443, "e1 00 00 00 01 00 04 01 02 03 04 40", true, 12},
	{"QUIC retry", 443, "f1 00 00 00 01 00 04 01 02 03 04 40", true, 12},
	{"QUIC 0-RTT: a client's", 443, "d1 00 00 00 01 00 04 01 02 03 04 40", false, 0},
	{"QUIC version 2 initial", 443, "d1 6b 33 43 cf 00 04 01 02 03 04 00", true, 12},
	{"QUIC draft 29", 443, "c1 ff 00 00 1d 00 04 01 02 03 04 00", true, 12},
	{"QUIC id of 21", 443,
		"c1 00 00 00 01 15 04 01 02 03 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
		false, 0},
	{"QUIC short header", 443, "41 00 00 00 01 00 04 01 02 03 04 00", false, 0},
	{"SSDP answer", 1900, "48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b", true, 12},
	{"SSDP notify", 1900, "4e 4f 54 49 46 59 20 2a", true, 7},
	{"SSDP search", 1900, "4d 2d 53 45 41 52 43 48 20 2a", false, 0},
	{"memcached STAT", 11211, "00 01 00 00 00 02 00 00 53 54 41 54 20 70 69 64", true, 13},
	{"memcached END", 11211, "00 01 00 00 00 01 00 00 45 4e 44 0d 0a", true, 13},
	{"memcached later datagram", 11211, "00 01 00 01 00 02 00 00 ff", true, 9},
	{"memcached binary answer", 11211, "00 01 00 00 00 01 00 00 81 00", true, 9},
	{"memcached command", 11211, "00 01 00 00 00 01 00 00 73 74 61 74 73 0d 0a", false, 0},
	{"memcached datagram 2 of 2 from 0", 11211, "00 01 00 02 00 02 00 00 ff", false, 0},
};

static void recognises_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(answers); i++) {
		const struct answer *a = &answers[i];
		uint8_t bytes[512];
		size_t length = hex_parse(a->hex, bytes, sizeof bytes);
		if (nr_payload_is_answer(a->port, bytes, length) != a->answer)
			fail_msg("%s: %s", a->name, a->answer ? "not recognised" : "taken for an answer");
		for (size_t cut = 0; a->least && cut < length; cut++)
			if (nr_payload_is_answer(a->port, bytes, cut) != (cut >= a->least))
				fail_msg("%s, cut to %zu bytes", a->name, cut);
	}
}

static void knows_no_other_port(void **state)
{
	(void)state;
	uint8_t bytes[64];
	size_t length = hex_parse(answers[0].hex, bytes, sizeof bytes);
	for (unsigned port = 0; port < 65536; port++)
		if (port != 53)
			assert_false(nr_payload_is_answer((uint16_t)port, bytes, length));
	assert_false(nr_payload_is_answer(53, bytes, 0));
}

struct pattern {
	const char *name;
	uint16_t source, destination;
	size_t ip_length;
	const char *hex;
	bool misconfigured;
};

#define ZEROS_8  "00 00 00 00 00 00 00 00 "
#define ZEROS_12 ZEROS_8 "00 00 00 00 "
#define ZEROS_20 ZEROS_12 ZEROS_8
#define BT_HELLO "13 42 69 74 54 6f 72 72 65 6e 74 20 70 72 6f 74 6f 63 6f 6c"
#define DHT_TAIL "64 32 3a 69 64 32 30 3a"
#define WORDS    "7f ff ff ff ab 02 04 00 01 00 00 00 08 00 00 00 00 00 00 00 "
#define NETBIOS  "20 43 4b 41 41 41 41 41 "

static const struct pattern patterns[] = {
	{"nothing", 1000, 1000, 40, ZEROS_12, false},
	{"udp-0x31", 1000, 1000, 58, ZEROS_8 "31 00 " ZEROS_20, true},
	{"udp-0x31 of another length", 1000, 1000, 59, ZEROS_8 "31 00 " ZEROS_20 "00", false},
	{"udp-0x31 cut", 1000, 1000, 58, ZEROS_8 "31", false},
	{"sip-status", 5060, 5060, 60, "53 49 50 2f 32 2e 30 20 32 30 30", true},
	{"sip-status over IPv6", 5060, 5060, 0, "53 49 50 2f 32 2e 30 20 32 30 30", true},
	{"sip-status from elsewhere", 5061, 5060, 60, "53 49 50 2f 32 2e 30 20 32 30 30", false},
	{"length 96", 1000, 1000, 96, "", true},
	{"length 1500", 1000, 1000, 1500, "", true},
	{"length 97", 1000, 1000, 97, "", false},
	{"dns-resp-non-standard", 1000, 1000, 43, "12 34 81 83 00 01 00 00 00 00 00 00 00 00 00", true},
	{"the same, IP length 42", 1000, 1000, 42, "12 34 81 83 00 01 00 00 00 00 00 00 00 00", false},
	{"the same, 10 questions", 1000, 1000, 43, "12 34 81 83 00 0a 00 00 00 00 00 00 00 00 00", false},
	{"the same, not recursive", 1000, 1000, 43, "12 34 81 03 00 01 00 00 00 00 00 00 00 00 00", false},
	{"the same, 11 bytes", 1000, 1000, 43, "12 34 81 83 00 01 00 00 00 00 00", false},
	{"netbios-query-name", 137, 137, 78, ZEROS_12 NETBIOS, true},
	{"netbios-query-name, IP length 48", 137, 137, 48, ZEROS_12 NETBIOS, false},
	{"netbios-query-name to elsewhere", 137, 138, 78, ZEROS_12 NETBIOS, false},
	{"DHT query", 1000, 1000, 90, "64 31 3a 61 " DHT_TAIL, true},
	{"DHT answer", 1000, 1000, 90, "64 31 3a 72 " DHT_TAIL, true},
	{"DHT error", 1000, 1000, 90, "64 31 3a 65 " DHT_TAIL, false},
	{"BitTorrent protocol", 1000, 1000, 90, ZEROS_20 BT_HELLO, true},
	{"BitTorrent protocol one byte early", 1000, 1000, 90, ZEROS_12 "00 00 00 00 00 00 00 " BT_HELLO,
		false},
	{"uTP 4102", 1000, 1000, 58, "41 02 " ZEROS_12 "00 00 00 00 00 00 00 08 " ZEROS_8, true},
	{"uTP 1102", 1000, 1000, 58, "11 02 " ZEROS_12 "00 00 00 00 00 00 00 08 " ZEROS_8, true},
	{"uTP 4102, another tail", 1000, 1000, 58, "41 02 " ZEROS_12 "00 00 00 00 00 00 00 09 " ZEROS_8,
		false},
	{"uTP 4102, the tail not captured", 1000, 1000, 58, "41 02 " ZEROS_12 "00 00 00 00 00 00 00 08 ",
		false},
	{"uTP 4100, IP length 48", 1000, 1000, 48, "41 00 " ZEROS_12 "00 00 00 00 00 00", true},
	{"uTP 4100, IP length 49", 1000, 1000, 49, "41 00 " ZEROS_12 "00 00 00 00 00 00 00", false},
	{"uTP of 61 bytes", 1000, 1000, 61, ZEROS_12 WORDS "00", true},
	{"uTP of 62 bytes", 1000, 1000, 62, ZEROS_12 WORDS "00 00", false},
};

static void recognises_misconfigurations(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(patterns); i++) {
		const struct pattern *p = &patterns[i];
		uint8_t bytes[512];
		size_t length = hex_parse(p->hex, bytes, sizeof bytes);
		if (nr_payload_is_misconfigured(p->source, p->destination, p->ip_length, bytes, length) !=
			p->misconfigured)
			fail_msg("%s: %s", p->name,
				p->misconfigured ? "not recognised" : "taken for a misconfiguration");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recognises_answers),
		cmocka_unit_test(knows_no_other_port),
		cmocka_unit_test(recognises_misconfigurations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
