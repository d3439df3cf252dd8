/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of Zeek as a biflow: the originator's direction is the flow, the responder's the reverse one.
 */
#include "sense/flow/file/zeek_inside.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

/* ---- texts ---- */

static bool read_uint(const struct nr_zeek_text *text, uint64_t maximum, uint64_t *ret_value)
{
	uint64_t value = 0;
	for (size_t i = 0; i < text->length; i++) {
		unsigned digit = (unsigned)(text->at[i] - '0');
		if (digit > 9 || value > (maximum - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value; /* unset: 0 */
	return true;
}

/* "1677024003.714845", "0.20696377754211426" -> us, rounded. False: another form, or too large. */
static bool read_decimal(const struct nr_zeek_text *text, nr_time *ret_us)
{
	const char *p = text->at, *end = p + text->length;
	uint64_t us = 0;
	int decimals = -1;
	bool up = false;
	for (; p < end; p++) {
		unsigned digit = (unsigned)(*p - '0');
		if (*p == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (digit > 9 || us > INT64_MAX / 100)
			return false;
		if (decimals == 6)
			up = digit >= 5;
		if (decimals >= 6) {
			decimals = 7;
			continue;
		}
		us = us * 10 + digit;
		decimals += decimals >= 0;
	}
	for (int i = NR_MAX(decimals, 0); i < 6; i++) {
		if (us > INT64_MAX / 100)
			return false;
		us *= 10;
	}
	*ret_us = (nr_time)(us + up);
	return text->length > 0;
}

static bool copy(const struct nr_zeek_text *text, char *to, size_t room)
{
	if (!text->length || text->length >= room)
		return false;
	memcpy(to, text->at, text->length);
	to[text->length] = '\0';
	return true;
}

/* A number, or RFC 3339 (JSON::TS_ISO8601). */
static bool read_time(const struct nr_zeek_text *text, nr_time *ret_time)
{
	char buffer[64];
	return read_decimal(text, ret_time) ||
	       (copy(text, buffer, sizeof buffer) && !nr_time_parse(buffer, ret_time, NULL));
}

/* JSON may write a very short one as 2.1457672119140625e-06. */
static bool read_duration(const struct nr_zeek_text *text, nr_time *ret_duration)
{
	char buffer[64], *end;
	*ret_duration = 0;
	if (!text->length || read_decimal(text, ret_duration))
		return true;
	if (!copy(text, buffer, sizeof buffer))
		return false;
	double seconds = strtod(buffer, &end);
	if (*end || !(seconds >= 0 && seconds < 1e11))
		return false;
	*ret_duration = (nr_time)(seconds * 1e6 + 0.5);
	return true;
}

static bool read_address(const struct nr_zeek_text *text, uint64_t *ret_high, uint64_t *ret_low)
{
	char buffer[NR_ADDRESS_TEXT];
	struct nr_address address;
	if (!copy(text, buffer, sizeof buffer) || nr_address_parse(buffer, &address, NULL))
		return false;
	nr_flow_address_split(&address, ret_high, ret_low);
	return true;
}

/* "c4:23:60:3d:fd:d3"; anything else is no MAC and 0. */
static uint64_t read_mac(const struct nr_zeek_text *text)
{
	char buffer[18];
	unsigned octets[6];
	int used = 0;
	if (!copy(text, buffer, sizeof buffer) ||
		sscanf(buffer, "%2x:%2x:%2x:%2x:%2x:%2x%n", &octets[0], &octets[1], &octets[2], &octets[3],
			&octets[4], &octets[5], &used) != 6 ||
		buffer[used])
		return 0;
	uint64_t mac = 0;
	for (size_t i = 0; i < 6; i++)
		mac = mac << 8 | octets[i];
	return mac;
}

/* ---- meaning ---- */

static bool text_is(const struct nr_zeek_text *text, const char *word)
{
	return text->length == strlen(word) && !memcmp(text->at, word, text->length);
}

static bool read_protocol(const struct nr_zeek_line *line, bool ipv6, uint8_t *ret_protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}, {"unknown_transport", 0}};
	uint64_t number = 0;
	if (!read_uint(&line->values[NR_ZEEK_IP_PROTO], UINT8_MAX, &number))
		return false;
	*ret_protocol = (uint8_t)number;
	const struct nr_zeek_text *proto = &line->values[NR_ZEEK_PROTO];
	if (number || !proto->length)
		return true;
	if (text_is(proto, "icmp"))
		*ret_protocol = ipv6 ? 58 : 1;
	for (size_t i = 0; i < NR_COUNT(names); i++)
		if (text_is(proto, names[i].name))
			*ret_protocol = names[i].number;
	return true;
}

/* Letters of `history` (Zeek's base/protocols/conn): capitals are the originator's. What a letter does not
 * say (whether data was pushed) is not set. */
static void read_history(const struct nr_zeek_text *history, uint16_t *ret_flags, uint16_t *ret_reverse)
{
	static const uint8_t flags['z' - 'a' + 1] = {['s' - 'a'] = SYN,
		['h' - 'a'] = SYN | ACK,
		['a' - 'a'] = ACK,
		['d' - 'a'] = ACK,
		['f' - 'a'] = FIN,
		['r' - 'a'] = RST,
		['i' - 'a'] = FIN | RST,
		['q' - 'a'] = SYN};
	for (size_t i = 0; i < history->length; i++) {
		char c = history->at[i];
		if (c >= 'a' && c <= 'z')
			*ret_reverse |= flags[c - 'a'];
		else if (c >= 'A' && c <= 'Z')
			*ret_flags |= flags[c - 'A'];
	}
}

static bool set_counters(struct nr_flow_row *row, const struct nr_zeek_line *line)
{
	const struct nr_zeek_text *v = line->values;
	const struct nr_zeek_text *bytes =
		&v[v[NR_ZEEK_ORIG_IP_BYTES].length ? NR_ZEEK_ORIG_IP_BYTES : NR_ZEEK_ORIG_BYTES];
	const struct nr_zeek_text *reverse =
		&v[v[NR_ZEEK_RESP_IP_BYTES].length ? NR_ZEEK_RESP_IP_BYTES : NR_ZEEK_RESP_BYTES];
	return read_uint(&v[NR_ZEEK_ORIG_PKTS], UINT64_MAX, &row->PACKETS) &&
	       read_uint(bytes, UINT64_MAX, &row->BYTES) &&
	       read_uint(&v[NR_ZEEK_RESP_PKTS], UINT64_MAX, &row->REVERSE_PACKETS) &&
	       read_uint(reverse, UINT64_MAX, &row->REVERSE_BYTES);
}

/* Of ICMP the log has type and code where others have ports. */
static bool set_ports(struct nr_flow_row *row, const struct nr_zeek_line *line)
{
	uint64_t source, destination;
	if (!read_uint(&line->values[NR_ZEEK_ORIG_P], UINT16_MAX, &source) ||
		!read_uint(&line->values[NR_ZEEK_RESP_P], UINT16_MAX, &destination))
		return false;
	bool icmp = row->PROTOCOL == 1 || row->PROTOCOL == 58;
	row->SOURCE_PORT = icmp ? 0 : (uint16_t)source;
	row->DESTINATION_PORT =
		icmp ? (uint16_t)((source & 255) << 8 | (destination & 255)) : (uint16_t)destination;
	return true;
}

static bool fill(struct nr_flow_row *row, const struct nr_zeek_line *line)
{
	const struct nr_zeek_text *v = line->values;
	nr_time duration;
	uint64_t vlan;
	if (!read_time(&v[NR_ZEEK_TS], &row->FIRST) || !read_duration(&v[NR_ZEEK_DURATION], &duration) ||
		!read_address(&v[NR_ZEEK_ORIG_H], &row->SOURCE_HIGH, &row->SOURCE_LOW) ||
		!read_address(&v[NR_ZEEK_RESP_H], &row->DESTINATION_HIGH, &row->DESTINATION_LOW) ||
		!read_uint(&v[NR_ZEEK_VLAN], UINT16_MAX, &vlan) || row->FIRST > INT64_MAX - duration)
		return false;
	bool ipv6 = row->SOURCE_HIGH || row->SOURCE_LOW >> 32 != 0xffff;
	if (!read_protocol(line, ipv6, &row->PROTOCOL) || !set_ports(row, line) || !set_counters(row, line))
		return false;
	row->LAST = row->FIRST + duration;
	row->VLAN = (uint16_t)vlan;
	row->SOURCE_MAC = read_mac(&v[NR_ZEEK_ORIG_MAC]);
	row->DESTINATION_MAC = read_mac(&v[NR_ZEEK_RESP_MAC]);
	if (row->PROTOCOL == 6)
		read_history(&v[NR_ZEEK_HISTORY], &row->TCP_FLAGS, &row->REVERSE_TCP_FLAGS);
	row->MARKS = NR_FLOW_MARK_BIFLOW;
	return true;
}

bool nr_zeek_fill(struct nr_flow_row *row, const struct nr_zeek_line *line)
{
	bool filled = fill(row, line);
	if (!filled)
		*row = (struct nr_flow_row){0};
	return filled;
}

int nr_zeek_field_find(const char *name, size_t length)
{
	static const char *const names[] = {
#define NR_ZEEK_NAME(NAME, name) name,
		NR_ZEEK_FIELDS(NR_ZEEK_NAME)
#undef NR_ZEEK_NAME
	};
	for (size_t i = 0; i < NR_COUNT(names); i++)
		if (strlen(names[i]) == length && !memcmp(names[i], name, length))
			return (int)i;
	return -1;
}
