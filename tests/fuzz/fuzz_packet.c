/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of one frame. Input: link type (2 bytes, big-endian), flags (1: no time, 2: every address is a
 * tunnel end), one byte more on the wire, then the frame. Beside memory errors it checks that the short cut
 * for common frames gives what the long way gives.
 */
#include "base/prefix_table.h"
#include "wire/link.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_HEADER 4

static const struct nr_prefix_table *everything(void)
{
	static struct nr_prefix_table *table;
	if (!table) {
		struct nr_prefix all = {0};
		if (nr_prefix_table_new(&table, NULL) < 0 || nr_prefix_table_add(table, &all, 1, NULL) < 0 ||
			nr_prefix_table_seal(table, NULL) < 0)
			abort();
	}
	return table;
}

static void check_packet(const struct nr_frame *frame, const struct nr_packet *packet, size_t count)
{
	assert(count == 1 || count == 2);
	assert(count < 2 || (packet[0].marks & NR_MARK_QUOTES));
	assert(!!(packet[0].marks & NR_MARK_TIMELESS) == (frame->time == NR_TIME_MIN));
	assert(!(packet[0].marks & NR_MARK_FRAGMENT_LATER) ||
		!(packet[0].marks & (NR_MARK_PORTS | NR_MARK_FLAGS)));
	assert(packet[0].kind == NR_PACKET_IPV4 || packet[0].kind == NR_PACKET_IPV6);
	assert((packet[0].kind == NR_PACKET_IPV4) == nr_address_is_ipv4(&packet[0].destination) ||
		packet[0].kind == NR_PACKET_IPV6);
	assert(packet[0].wire == frame->wire);
	if (count == 2) {
		assert(packet[1].kind == NR_PACKET_QUOTE);
		assert(nr_address_equal(&packet[1].destination, &packet[0].destination));
	}
}

/* The same IP packet without its Ethernet header never takes the short cut. */
static void check_long_way(const struct nr_frame *ethernet, const struct nr_packet *packet)
{
	struct nr_frame raw = *ethernet;
	raw.data += NR_ETHERNET_HEADER;
	raw.captured -= NR_ETHERNET_HEADER;
	raw.link = NR_LINK_RAW;
	struct nr_packet again[2];
	size_t count;
	assert(nr_packet_decode(&raw, NULL, again, &count) == NR_DROP_NONE);
	assert(memcmp(&again[0], packet, sizeof again[0]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < INPUT_HEADER)
		return 0;
	struct nr_frame frame = {
		.data = data + INPUT_HEADER,
		.captured = (uint32_t)(size - INPUT_HEADER),
		.wire = (uint32_t)(size - INPUT_HEADER) + data[3],
		.time = data[2] & 1 ? NR_TIME_MIN : INT64_C(1700000000) * NR_SECOND,
		.link = (uint16_t)(data[0] << 8 | data[1]),
	};
	struct nr_packet packet[2];
	memset(packet, 0xa5, sizeof packet);
	size_t count = 77;
	const struct nr_prefix_table *tunnel_ends = data[2] & 2 ? everything() : NULL;
	enum nr_drop drop = nr_packet_decode(&frame, tunnel_ends, packet, &count);
	assert(drop < NR_DROP_COUNT && nr_drop_names[drop]);
	assert((drop == NR_DROP_NONE) == (count != 0));
	if (drop != NR_DROP_NONE)
		return 0;
	check_packet(&frame, packet, count);
	if (frame.link == NR_LINK_ETHERNET && !tunnel_ends && frame.data[12] == 0x08 && frame.data[13] == 0)
		check_long_way(&frame, packet);
	return 0;
}
