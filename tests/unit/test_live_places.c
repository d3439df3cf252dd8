/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions in a ring that a dead reader left, which may have been taken over: whatever they say, and
 * whatever blocks and descriptors say, nothing outside the ring is read, and reading goes on. The rings are
 * made here, with pages behind them that may not be touched.
 */
#include "net/live_inside.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define BLOCK   65536u
#define BLOCKS  4u
#define PACKETS 100u /* of each block that the kernel has handed over */
#define STRIDE  256u
#define FRAMES  64u

static struct nr_live live;
static struct nr_live_ring ring;

static uint8_t *map_guarded(size_t bytes)
{
	uint8_t *all = mmap(NULL, bytes + 2 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(all, MAP_FAILED);
	assert_int_equal(mprotect(all + BLOCK, bytes, PROT_READ | PROT_WRITE), 0);
	return all + BLOCK;
}

static void make_live(const struct nr_live_way *way, size_t bytes)
{
	live = (struct nr_live){.way = way, .ethernet = true, .count = 1, .rings = &ring};
	live.block_bytes = BLOCK;
	live.block_count = BLOCKS;
	live.shared = calloc(1, sizeof *live.shared + sizeof *live.shared->places + NR_CACHE_LINE);
	ring = (struct nr_live_ring){.socket = -1, .memory = map_guarded(bytes), .bytes = bytes};
}

static void free_live(void)
{
	munmap(ring.memory - BLOCK, ring.bytes + 2 * BLOCK);
	free(live.shared);
}

/* ---- AF_PACKET ---- */

static struct tpacket_block_desc *block_at(uint64_t number)
{
	return (void *)(ring.memory + number * BLOCK);
}

static struct tpacket3_hdr *packet_at(uint64_t block, uint32_t number)
{
	return (void *)(ring.memory + block * BLOCK + sizeof(struct tpacket_block_desc) + number * STRIDE);
}

/* As the kernel leaves it. */
static void fill_block(uint64_t number, uint64_t sequence)
{
	struct tpacket_hdr_v1 *head = &block_at(number)->hdr.bh1;
	memset(block_at(number), 0, BLOCK);
	head->num_pkts = PACKETS;
	head->offset_to_first_pkt = sizeof(struct tpacket_block_desc);
	head->seq_num = sequence;
	head->block_status = TP_STATUS_USER;
	for (uint32_t i = 0; i < PACKETS; i++)
		*packet_at(number, i) = (struct tpacket3_hdr){.tp_next_offset = i + 1 < PACKETS ? STRIDE : 0,
			.tp_snaplen = 100,
			.tp_len = 100,
			.tp_mac = 82,
			.tp_net = 96};
}

static void make_blocks(void)
{
	make_live(&nr_live_packet, (size_t)BLOCK * BLOCKS);
	for (uint64_t i = 0; i < BLOCKS; i++)
		fill_block(i, i + 1);
}

/* All that is there; each byte is looked at, so that what lies outside the ring ends the test. */
static size_t read_all(void)
{
	struct nr_frame frames[NR_LIVE_BATCH];
	struct nr_loss loss = {0};
	size_t all = 0, n;
	volatile uint8_t sum = 0;
	for (int turns = 0; (n = nr_live_read(&live, 0, frames, NR_LIVE_BATCH, &loss)) > 0; turns++) {
		assert_true(turns < 1000); /* it comes to an end */
		for (size_t i = 0; i < n; i++) {
			assert_true(
				frames[i].data >= ring.memory &&
				frames[i].captured <= (size_t)(ring.memory + ring.bytes - frames[i].data));
			for (uint32_t k = 0; k < frames[i].captured; k++)
				sum = (uint8_t)(sum ^ frames[i].data[k]);
		}
		all += n;
	}
	return all;
}

#define OPENED 1u

/* What was left, and the frames that are read after it. */
static const struct {
	const char *what;
	struct nr_live_place place;
	size_t frames;
} packet_cases[] = {
	{"nothing", {.at = 0}, 400},
	{"in the middle of a block",
		{.at = 2u | OPENED, .sequence = 2, .count = PACKETS, .done = 40, .offset = 48 + 40 * STRIDE},
		360},
	{"frames that were being looked at",
		{.at = OPENED,
			.sequence = 1,
			.count = PACKETS,
			.offset = 48,
			.busy = 64,
			.busy_done = 64,
			.busy_offset = 48 + 64 * STRIDE},
		336},
	{"a block that does not exist", {.at = UINT64_MAX - 1}, 400},
	{"an open block that does not exist",
		{.at = 2u * BLOCKS | OPENED, .sequence = 1, .count = 10, .offset = 48}, 400},
	{"more packets than fit a block", {.at = OPENED, .sequence = 1, .count = UINT32_MAX, .offset = 48},
		300},
	{"more dealt with than there are",
		{.at = OPENED, .sequence = 1, .count = PACKETS, .done = PACKETS + 1, .offset = 48}, 300},
	{"an offset beyond the block",
		{.at = 6u | OPENED, .sequence = 4, .count = PACKETS, .offset = BLOCK - 8}, 300},
	{"an offset far beyond the ring",
		{.at = OPENED, .sequence = 1, .count = PACKETS, .offset = UINT32_MAX - 7}, 300},
	{"an offset in the block's head", {.at = OPENED, .sequence = 1, .count = PACKETS, .offset = 8}, 300},
	{"an offset that is none", {.at = OPENED, .sequence = 1, .count = PACKETS, .offset = 49}, 300},
	{"frames beyond the block",
		{.at = OPENED,
			.sequence = 1,
			.count = PACKETS,
			.offset = 48,
			.busy = 64,
			.busy_done = 64,
			.busy_offset = BLOCK * 2},
		300},
	{"frames that run backwards",
		{.at = OPENED,
			.sequence = 1,
			.count = PACKETS,
			.done = 50,
			.offset = 48,
			.busy = 1,
			.busy_done = 3,
			.busy_offset = 48},
		300},
	{"more frames than were ever given out",
		{.at = OPENED,
			.sequence = 1,
			.count = PACKETS,
			.offset = 48,
			.busy = UINT32_MAX,
			.busy_done = 64,
			.busy_offset = 48 + 64 * STRIDE},
		336},
	{"a block of another time", {.at = OPENED, .sequence = 99, .count = PACKETS, .offset = 48}, 400},
};

static void test_packet_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(packet_cases); i++) {
		make_blocks();
		live.shared->places[0] = packet_cases[i].place;
		nr_live_resume(&live);
		size_t frames = read_all();
		if (frames != packet_cases[i].frames)
			fail_msg("%s: %zu frames", packet_cases[i].what, frames);
		struct nr_live_statistics statistics;
		nr_live_statistics(&live, &statistics);
		assert_true(statistics.interrupted <= NR_LIVE_BATCH);
		for (uint64_t k = 0; k < BLOCKS; k++)
			assert_int_equal(block_at(k)->hdr.bh1.block_status, TP_STATUS_KERNEL);
		/* the kernel goes on, and so does who reads */
		fill_block(live.shared->places[0].at >> 1, 100);
		assert_int_equal(read_all(), PACKETS);
		free_live();
	}
}

/* A block that the kernel is filling is not read, whatever was left about it. */
static void test_packet_not_ours(void **state)
{
	(void)state;
	make_blocks();
	block_at(0)->hdr.bh1.block_status = TP_STATUS_KERNEL;
	live.shared->places[0] =
		(struct nr_live_place){.at = OPENED, .sequence = 1, .count = PACKETS, .offset = 48};
	nr_live_resume(&live);
	assert_int_equal(read_all(), 300);
	free_live();
}

/* What blocks say, as a reader that was taken over may have written it. */
static void test_packet_blocks(void **state)
{
	(void)state;
	for (int what = 0; what < 7; what++) {
		make_blocks();
		struct tpacket3_hdr *packet =
			packet_at(3, 10); /* of the last block: behind it nothing may be read */
		struct tpacket_hdr_v1 *head = &block_at(3)->hdr.bh1;
		size_t expected = 310;
		if (what == 0) /* back into a packet: lies about what it has, and stays within the block */
			packet_at(3, 9)->tp_next_offset = UINT32_MAX - 15, expected = 400;
		else if (what == 1)
			packet_at(3, 9)->tp_next_offset = BLOCK;
		else if (what == 2)
			packet->tp_snaplen = BLOCK;
		else if (what == 3)
			packet->tp_mac = 65535, packet->tp_snaplen = 65535;
		else if (what == 4)
			packet_at(3, 9)->tp_next_offset = 3;
		else if (what == 5)
			head->offset_to_first_pkt = BLOCK - 8, expected = 300;
		else
			head->num_pkts = UINT32_MAX, expected = 300 + BLOCK / sizeof(struct tpacket3_hdr);
		nr_live_resume(&live);
		assert_int_equal(read_all(), expected);
		assert_int_equal(head->block_status, TP_STATUS_KERNEL);
		free_live();
	}
}

/* ---- AF_XDP ---- */

static struct nr_live_xdp xdp;
static struct xdp_desc descriptors[FRAMES];
static uint64_t free_frames[FRAMES];
static uint32_t receive_producer, receive_consumer, fill_producer;

static void make_xdp(void)
{
	make_live(&nr_live_xdp, FRAMES * 2048);
	xdp = (struct nr_live_xdp){.receive = {&receive_producer, &receive_consumer, descriptors, NULL, 0},
		.fill = {&fill_producer, NULL, free_frames, NULL, 0},
		.mask = FRAMES - 1};
	ring.xdp = &xdp;
	receive_producer = 40;
	receive_consumer = fill_producer = 0;
	for (uint32_t i = 0; i < FRAMES; i++)
		descriptors[i] = (struct xdp_desc){.addr = i * 2048 + 256, .len = 100};
	assert_int_equal(nr_live_filter_compile(NULL, true, &live.filter, NULL), 0);
}

static const struct {
	const char *what;
	struct nr_live_place place;
	struct xdp_desc broken; /* instead of the last descriptor, where len is not 0 */
	size_t frames, interrupted;
} xdp_cases[] = {
	{"nothing", {0}, {0}, 40, 0},
	{"frames that were being looked at", {.busy = 8, .receive_at = 0}, {0}, 32, 8},
	{"more than were ever given out", {.busy = UINT32_MAX, .receive_at = 0}, {0}, 40, 0},
	{"on their way back, more than could be", {.busy = 65, .returning = 1, .fill_at = 7}, {0}, 40, 0},
	{"an address outside", {0}, {.addr = FRAMES * 2048, .len = 1}, 39, 1},
	{"an address far outside", {0}, {.addr = UINT64_MAX - 4, .len = 100}, 39, 1},
	{"a length that passes the end", {0}, {.addr = FRAMES * 2048 - 50, .len = 100}, 39, 1},
	{"a length that cannot be", {0}, {.addr = 256, .len = UINT32_MAX}, 39, 1},
};

static void test_xdp_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < NR_COUNT(xdp_cases); i++) {
		make_xdp();
		live.shared->places[0] = xdp_cases[i].place;
		if (xdp_cases[i].broken.len)
			descriptors[39] = xdp_cases[i].broken;
		nr_live_resume(&live);
		size_t frames = read_all();
		if (frames != xdp_cases[i].frames)
			fail_msg("%s: %zu frames", xdp_cases[i].what, frames);
		struct nr_live_statistics statistics;
		nr_live_statistics(&live, &statistics);
		assert_int_equal(statistics.interrupted, xdp_cases[i].interrupted);
		assert_int_equal(receive_consumer, receive_producer);
		free(live.filter.filter);
		free_live();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_places),
		cmocka_unit_test(test_packet_not_ours),
		cmocka_unit_test(test_packet_blocks),
		cmocka_unit_test(test_xdp_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
