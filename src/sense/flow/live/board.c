/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/live/board.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define TRIES 8

/* Two sheets: the one of the serial's parity is whole, the other one is being written. */
struct page {
	_Atomic uint64_t serial; /* 0: nothing was ever written */
	_Atomic uint64_t lengths[2];
};

struct shared {
	struct nr_flow_numbers numbers;
	struct page pages[NR_FLOW_BOARD_PAGES];
};

struct nr_flow_board {
	struct shared *shared;
	size_t mapped;
};

#define SHARED_BYTES 4096
_Static_assert(sizeof(struct shared) <= SHARED_BYTES, "a page of memory holds the numbers");

int nr_flow_board_new(struct nr_flow_board **ret_board, struct nr_error *error)
{
	struct nr_flow_board *board = calloc(1, sizeof *board);
	if (!board)
		return nr_fail(error, -ENOMEM, "out of memory");
	board->mapped = SHARED_BYTES + 2 * NR_FLOW_BOARD_PAGES * NR_FLOW_BOARD_PAGE;
	board->shared = mmap(NULL, board->mapped, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (board->shared == MAP_FAILED) {
		int code = errno;
		free(board);
		return nr_fail(error, -code, "shared memory: %s", strerror(code));
	}
	*ret_board = board;
	return 0;
}

void nr_flow_board_free(struct nr_flow_board *board)
{
	if (!board)
		return;
	munmap(board->shared, board->mapped);
	free(board);
}

struct nr_flow_numbers *nr_flow_board_numbers(struct nr_flow_board *board)
{
	return &board->shared->numbers;
}

static char *sheet(const struct nr_flow_board *board, enum nr_flow_board_page page, uint64_t serial)
{
	return (char *)board->shared + SHARED_BYTES + (2 * (size_t)page + (serial & 1)) * NR_FLOW_BOARD_PAGE;
}

uint64_t nr_flow_board_serial(const struct nr_flow_board *board, enum nr_flow_board_page page)
{
	return atomic_load_explicit(&board->shared->pages[page].serial, memory_order_acquire);
}

bool nr_flow_board_put(
	struct nr_flow_board *board, enum nr_flow_board_page page, const void *bytes, size_t length)
{
	struct page *p = &board->shared->pages[page];
	uint64_t serial = atomic_load_explicit(&p->serial, memory_order_relaxed) + 1;
	if (length > NR_FLOW_BOARD_PAGE) {
		atomic_fetch_add_explicit(&board->shared->numbers.unsaid, 1, memory_order_relaxed);
		return false;
	}
	memcpy(sheet(board, page, serial), bytes, length);
	atomic_store_explicit(&p->lengths[serial & 1], length, memory_order_relaxed);
	atomic_store_explicit(&p->serial, serial, memory_order_release);
	return true;
}

int nr_flow_board_get(
	struct nr_flow_board *board, enum nr_flow_board_page page, uint8_t **ret_bytes, size_t *ret_length)
{
	const struct page *p = &board->shared->pages[page];
	*ret_bytes = NULL;
	*ret_length = 0;
	for (int i = 0; i < TRIES; i++) {
		uint64_t serial = atomic_load_explicit(&p->serial, memory_order_acquire);
		if (!serial)
			return 0;
		uint64_t length = atomic_load_explicit(&p->lengths[serial & 1], memory_order_relaxed);
		length = NR_MIN(length, NR_FLOW_BOARD_PAGE);
		uint8_t *bytes = malloc(length + 1);
		if (!bytes)
			return -ENOMEM;
		memcpy(bytes, sheet(board, page, serial), length);
		bytes[length] = '\0';
		atomic_thread_fence(memory_order_acquire);
		/* The next one is written into the other sheet; only the one after it into this. */
		if (atomic_load_explicit(&p->serial, memory_order_relaxed) == serial) {
			*ret_bytes = bytes;
			*ret_length = length;
			return 0;
		}
		free(bytes);
	}
	return -EAGAIN;
}
