/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of blocks: two processes, a writer that dies at any moment, and one that was taken over. */
#include "model/flow_ring.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka needs the two above before it */
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

struct rig {
	struct nr_flow_ring *ring;
	struct nr_flow_block *mine;
};

static void rig_init(struct rig *rig, unsigned blocks)
{
	struct nr_error error = {0};
	*rig = (struct rig){0};
	uint64_t bytes = (nr_flow_block_bytes(NR_FLOW_ROOM) / 4096 + 1) * 4096 * blocks;
	assert_int_equal(nr_flow_ring_new(bytes, &rig->ring, &error), 0);
	assert_int_equal(nr_flow_block_new(NR_FLOW_ROOM, &rig->mine, &error), 0);
}

static void rig_fini(struct rig *rig)
{
	nr_flow_ring_free(rig->ring);
	nr_flow_block_free(rig->mine);
}

/* Rows that number on from *next, in two columns that must agree. */
static void write_rows(struct nr_flow_block *block, uint32_t count, uint64_t *next)
{
	const struct nr_flow_stream stream = {nr_address_from_ipv4(1), (uint32_t)(*next % 5), NR_FLOW_IPFIX};
	int at = nr_flow_block_stream(block, &stream);
	nr_flow_rows_open(block, count, NR_FLOW_BIT(BYTES) | NR_FLOW_BIT(PACKETS) | NR_FLOW_BIT(STREAM));
	uint64_t *bytes = (uint64_t *)nr_flow_column_at(block, NR_FLOW_BYTES) + block->count;
	uint64_t *packets = (uint64_t *)nr_flow_column_at(block, NR_FLOW_PACKETS) + block->count;
	uint16_t *streams = (uint16_t *)nr_flow_column_at(block, NR_FLOW_STREAM) + block->count;
	for (uint32_t i = 0; i < count; i++) {
		bytes[i] = *next;
		packets[i] = ~*next;
		streams[i] = (uint16_t)at;
		++*next;
	}
	nr_flow_rows_close(block, count);
}

/* Every row that is there is a whole one, and they go on from *next; gaps are counted. */
static void check_rows(const struct nr_flow_block *block, uint64_t *next, uint64_t *gaps)
{
	for (uint32_t i = 0; i < block->count; i++) {
		uint64_t bytes = nr_flow_value(block, NR_FLOW_BYTES, i);
		assert_int_equal(nr_flow_value(block, NR_FLOW_PACKETS, i), ~bytes);
		assert_true(nr_flow_value(block, NR_FLOW_STREAM, i) < block->stream_count);
		assert_true(bytes >= *next);
		*gaps += bytes - *next;
		*next = bytes + 1;
	}
}

static bool readable(const struct rig *rig)
{
	struct pollfd file = {.fd = nr_flow_ring_socket(rig->ring), .events = POLLIN};
	return poll(&file, 1, 0) == 1;
}

static void test_order(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	uint64_t next = 0, seen = 0, gaps = 0;
	(void)state;
	rig_init(&rig, 3);
	assert_int_equal(nr_flow_ring_attach(rig.ring), 0);
	assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 0);
	assert_false(readable(&rig));
	for (int turn = 0; turn < 20; turn++) {
		for (int i = 0; i < 3; i++) {
			struct nr_flow_block *block = nr_flow_ring_lend(rig.ring);
			assert_non_null(block);
			nr_flow_ring_publish(rig.ring); /* without rows: nothing */
			assert_ptr_equal(nr_flow_ring_lend(rig.ring), block);
			write_rows(block, 100 + (uint32_t)turn, &next);
			assert_ptr_equal(nr_flow_ring_lend(rig.ring), block);
			nr_flow_ring_publish(rig.ring);
		}
		assert_int_equal(nr_flow_ring_waiting(rig.ring), 3);
		assert_null(nr_flow_ring_lend(rig.ring)); /* full, and it says so at once */
		assert_true(readable(&rig));
		for (int i = 0; i < 3; i++) {
			assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 1);
			assert_int_equal(rig.mine->count, 100 + turn);
			check_rows(rig.mine, &seen, &gaps);
		}
		assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 0);
		assert_false(readable(&rig));
	}
	assert_int_equal(gaps, 0);
	assert_int_equal(seen, next);
}

/* The rows that a dead writer had closed are published by the next one. */
static void test_taken_over(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	uint64_t next = 0, seen = 0, gaps = 0;
	(void)state;
	rig_init(&rig, 2);
	write_rows(nr_flow_ring_lend(rig.ring), 7, &next);
	nr_flow_ring_publish(rig.ring);
	write_rows(nr_flow_ring_lend(rig.ring), 11, &next);
	assert_int_equal(nr_flow_ring_attach(rig.ring), 11);
	assert_int_equal(nr_flow_ring_attach(rig.ring), 0);
	assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 1);
	check_rows(rig.mine, &seen, &gaps);
	assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 1);
	check_rows(rig.mine, &seen, &gaps);
	assert_int_equal(seen, 18);
	assert_int_equal(gaps, 0);
	/* the next block is the reader's old one: not published a second time */
	assert_int_equal(nr_flow_ring_attach(rig.ring), 0);
	assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 0);
}

/* ---- kill -9 ---- */

#define LIVES 200

static void write_until_killed(struct rig *rig, _Atomic uint64_t *closed)
{
	nr_flow_ring_attach(rig->ring);
	for (;;) {
		struct nr_flow_block *block = nr_flow_ring_lend(rig->ring);
		if (!block)
			continue;
		uint64_t next = *closed;
		for (uint32_t i = 0; i < 40; i++) {
			*closed = next + 25; /* before: no number is given out twice */
			write_rows(block, 25, &next);
		}
		nr_flow_ring_publish(rig->ring);
	}
}

static void read_for(struct rig *rig, unsigned blocks, uint64_t *seen, uint64_t *gaps)
{
	for (unsigned i = 0; i < blocks;) {
		int rc = nr_flow_ring_take(rig->ring, rig->mine);
		assert_true(rc >= 0);
		if (rc)
			check_rows(rig->mine, seen, gaps);
		i += rc == 1;
	}
}

static void test_killed(void **state)
{
	NR_AUTO(rig_fini) struct rig rig;
	uint64_t seen = 0, gaps = 0;
	(void)state;
	rig_init(&rig, 4);
	_Atomic uint64_t *closed =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned life = 0; life < LIVES; life++) {
		pid_t pid = fork();
		if (pid == 0)
			write_until_killed(&rig, closed);
		read_for(&rig, 1 + life % 7, &seen, &gaps);
		nanosleep(&(struct timespec){.tv_nsec = life * 7919 % 50000}, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	nr_flow_ring_attach(rig.ring);
	for (int rc; (rc = nr_flow_ring_take(rig.ring, rig.mine)) != 0;) {
		assert_int_equal(rc, 1);
		check_rows(rig.mine, &seen, &gaps);
	}
	/* All rows that were closed have arrived: each death costs at most the 25 that were being written. */
	assert_true(gaps <= LIVES * 25);
	assert_true(seen <= *closed && seen + 25 >= *closed);
	munmap((void *)closed, 4096);
}

/* ---- a writer that is not what it was ---- */

static void break_room(struct nr_flow_block *block)
{
	block->room = 64;
}
static void break_count(struct nr_flow_block *block)
{
	block->count = NR_FLOW_ROOM + 1;
}
static void break_streams(struct nr_flow_block *block)
{
	block->stream_count = UINT32_MAX;
}
static void break_present(struct nr_flow_block *block)
{
	block->present = UINT64_MAX;
}
static void break_index(struct nr_flow_block *block)
{
	((uint16_t *)nr_flow_column_at(block, NR_FLOW_STREAM))[3] = (uint16_t)block->stream_count;
}

static void test_hostile(void **state)
{
	static void (*const breaks[])(struct nr_flow_block *) = {
		break_room, break_count, break_streams, break_present, break_index};
	NR_AUTO(rig_fini) struct rig rig;
	uint64_t next = 0, seen = 0, gaps = 0;
	(void)state;
	rig_init(&rig, 2);
	for (size_t i = 0; i < NR_COUNT(breaks); i++) {
		write_rows(nr_flow_ring_lend(rig.ring), 10, &next);
		breaks[i](nr_flow_ring_lend(rig.ring));
		nr_flow_ring_publish(rig.ring);
		assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), -EBADMSG);
		assert_int_equal(rig.mine->count, 0);
		write_rows(nr_flow_ring_lend(rig.ring), 10, &next);
		nr_flow_ring_publish(rig.ring);
		assert_int_equal(nr_flow_ring_take(rig.ring, rig.mine), 1);
		check_rows(rig.mine, &seen, &gaps);
		/* nor is what it left taken over */
		write_rows(nr_flow_ring_lend(rig.ring), 10, &next);
		breaks[i](nr_flow_ring_lend(rig.ring));
		assert_int_equal(nr_flow_ring_attach(rig.ring), 0);
		nr_flow_block_init(nr_flow_ring_lend(rig.ring), NR_FLOW_ROOM);
	}
	assert_int_equal(gaps, NR_COUNT(breaks) * 10 + (NR_COUNT(breaks) - 1) * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
