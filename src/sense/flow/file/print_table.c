/* SPDX-License-Identifier: Apache-2.0 */
/* For people: the columns that fit into a terminal of 132, in the order that users of nfdump know. What is
 * longer than its column (IPv6) moves the rest of its line. */
#include "sense/flow/file/print_inside.h"

#define WIDTH_ENDPOINT 21 /* 255.255.255.255:65535 */

static char *pad(char *from, char *at, size_t width, bool right)
{
	size_t length = (size_t)(at - from);
	if (length >= width)
		return at;
	size_t blanks = width - length;
	if (right) {
		memmove(from + blanks, from, length);
		memset(from, ' ', blanks);
	} else {
		memset(at, ' ', blanks);
	}
	return from + width;
}

static char *write_cell(char *at, const char *text, size_t width, bool right)
{
	return pad(at, nr_flow_write_text(at, text), width, right);
}

char *nr_flow_write_head_table(char *at)
{
	at = write_cell(at, "First seen (UTC)", 23, false);
	at = write_cell(at, "Duration", 11, true);
	*at++ = ' ';
	at = write_cell(at, "Proto", 5, false);
	*at++ = ' ';
	at = write_cell(at, "Source", WIDTH_ENDPOINT, true);
	at = nr_flow_write_text(at, "    ");
	at = write_cell(at, "Destination", WIDTH_ENDPOINT, false);
	*at++ = ' ';
	at = write_cell(at, "Flags", 8, false);
	at = write_cell(at, "Packets", 10, true);
	at = write_cell(at, "Bytes", 13, true);
	at = write_cell(at, "1 in", 8, true);
	return nr_flow_write_text(at, "  Exporter\n");
}

/* "2026-01-02 03:04:05.006" */
static char *write_time(char *at, nr_time time)
{
	if (!time)
		return write_cell(at, "-", 23, false);
	nr_time_write(time, at);
	at[10] = ' ';
	return at + 23;
}

static char *write_duration(char *at, nr_time first, nr_time last)
{
	char *from = at;
	if (!first || last < first)
		return write_cell(at, "-", 11, true);
	uint64_t ms = (uint64_t)(last - first) / 1000;
	at = nr_flow_write_uint(at, ms / 1000);
	*at++ = '.';
	*at++ = (char)('0' + ms / 100 % 10);
	*at++ = (char)('0' + ms / 10 % 10);
	*at++ = (char)('0' + ms % 10);
	return pad(from, at, 11, true);
}

static char *write_protocol(char *at, uint64_t protocol)
{
	static const char *const names[256] = {[1] = "ICMP",
		[2] = "IGMP",
		[6] = "TCP",
		[17] = "UDP",
		[41] = "IPv6",
		[47] = "GRE",
		[50] = "ESP",
		[51] = "AH",
		[58] = "ICMP6",
		[89] = "OSPF",
		[103] = "PIM",
		[112] = "VRRP",
		[132] = "SCTP"};
	char *from = at;
	at = protocol < NR_COUNT(names) && names[protocol] ? nr_flow_write_text(at, names[protocol])
							   : nr_flow_write_uint(at, protocol);
	return pad(from, at, 5, false);
}

/* "192.0.2.1:443", "[2001:db8::1]:443"; ICMP has no ports, its destination has "type.code". */
static char *write_endpoint(
	char *at, const struct nr_flow_block *block, enum nr_flow_column column, uint32_t row, bool right)
{
	bool source = column == NR_FLOW_SOURCE_LOW;
	uint64_t protocol = nr_flow_value(block, NR_FLOW_PROTOCOL, row);
	uint64_t port = nr_flow_value(block, source ? NR_FLOW_SOURCE_PORT : NR_FLOW_DESTINATION_PORT, row);
	struct nr_address address;
	char *from = at;
	if (!nr_flow_row_address(block, column, row, &address))
		return write_cell(at, "-", WIDTH_ENDPOINT, right);
	bool bracket = !nr_address_is_ipv4(&address);
	if (bracket)
		*at++ = '[';
	nr_address_write(&address, at);
	at += strlen(at);
	if (bracket)
		*at++ = ']';
	if (protocol != 1 && protocol != 58) {
		*at++ = ':';
		at = nr_flow_write_uint(at, port);
	} else if (!source) {
		*at++ = ':';
		at = nr_flow_write_uint(at, port >> 8);
		*at++ = '.';
		at = nr_flow_write_uint(at, port & 255);
	}
	return pad(from, at, WIDTH_ENDPOINT, right);
}

static char *write_flags(char *at, uint64_t flags, uint64_t protocol)
{
	static const char letters[] = "FSRPAUEC";
	char text[9];
	for (unsigned i = 0; i < 8; i++)
		text[7 - i] = flags >> i & 1 ? letters[i] : '.';
	text[8] = '\0';
	return nr_flow_write_text(at, protocol == 6 ? text : "        ");
}

static char *write_count(char *at, uint64_t count, size_t width)
{
	return pad(at, nr_flow_write_uint(at, count), width, true);
}

char *nr_flow_write_row_table(char *at, const struct nr_flow_block *block, uint32_t row)
{
	nr_time first = (nr_time)nr_flow_value(block, NR_FLOW_FIRST, row);
	nr_time last = (nr_time)nr_flow_value(block, NR_FLOW_LAST, row);
	uint64_t protocol = nr_flow_value(block, NR_FLOW_PROTOCOL, row);
	at = write_time(at, first);
	at = write_duration(at, first, last);
	*at++ = ' ';
	at = write_protocol(at, protocol);
	*at++ = ' ';
	at = write_endpoint(at, block, NR_FLOW_SOURCE_LOW, row, true);
	at = nr_flow_write_text(at, " -> ");
	at = write_endpoint(at, block, NR_FLOW_DESTINATION_LOW, row, false);
	*at++ = ' ';
	at = write_flags(at, nr_flow_value(block, NR_FLOW_TCP_FLAGS, row), protocol);
	at = write_count(at, nr_flow_value(block, NR_FLOW_PACKETS, row), 10);
	at = write_count(at, nr_flow_value(block, NR_FLOW_BYTES, row), 13);
	float rate = nr_flow_sampling(block, row);
	at = rate > 0 ? pad(at, nr_flow_write_rate(at, rate), 8, true) : write_cell(at, "?", 8, true);
	static const struct nr_address unknown;
	const struct nr_flow_stream *stream = nr_flow_row_stream(block, row);
	at = nr_flow_write_text(at, "  ");
	if (nr_address_equal(&stream->exporter, &unknown)) {
		at = nr_flow_write_text(at, nr_flow_export_name(stream->export));
	} else {
		nr_address_write(&stream->exporter, at);
		at += strlen(at);
	}
	*at++ = '\n';
	return at;
}
