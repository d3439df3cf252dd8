/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flow_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

/* Positions only grow; a block lies in slot position % slots. */
struct shared {
	_Alignas(NR_CACHE_LINE) _Atomic uint64_t written; /* the writer's */
	_Atomic uint64_t lent; /* one more than the last position that was lent: it may hold rows */
	_Alignas(NR_CACHE_LINE) _Atomic uint64_t read; /* the reader's */
};

struct nr_flow_ring {
	struct shared *shared;
	char *blocks;
	size_t mapped, slot_bytes;
	uint32_t slots;
	uint64_t read; /* the reader's own: what is shared of it is for the writer */
	int wake;
};

#define SHARED_BYTES 4096
_Static_assert(sizeof(struct shared) <= SHARED_BYTES, "a page holds the positions");

int nr_flow_ring_new(uint64_t bytes, struct nr_flow_ring **ret_ring, struct nr_error *error)
{
	NR_AUTO(nr_flow_ring_freep) struct nr_flow_ring *ring = calloc(1, sizeof *ring);
	if (!ring)
		return nr_fail(error, -ENOMEM, "out of memory");
	ring->wake = -1;
	ring->slot_bytes = (nr_flow_block_bytes(NR_FLOW_ROOM) + 4095) / 4096 * 4096;
	uint64_t slots = NR_MIN(bytes / ring->slot_bytes, 1u << 20);
	ring->slots = (uint32_t)NR_MAX(slots, 2u);
	ring->mapped = SHARED_BYTES + ring->slots * ring->slot_bytes;
	void *memory = mmap(NULL, ring->mapped, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return nr_fail(error, -errno, "%zu MB for the queue of flows: %s", ring->mapped >> 20,
			strerror(errno));
	ring->shared = memory;
	ring->blocks = (char *)memory + SHARED_BYTES;
	ring->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->wake < 0)
		return nr_fail(error, -errno, "eventfd: %s", strerror(errno));
	*ret_ring = nr_steal(&ring);
	return 0;
}

void nr_flow_ring_free(struct nr_flow_ring *ring)
{
	if (!ring)
		return;
	if (ring->shared)
		munmap(ring->shared, ring->mapped);
	nr_close_fd(&ring->wake);
	free(ring);
}

void nr_flow_ring_freep(struct nr_flow_ring **ring)
{
	nr_flow_ring_free(*ring);
}

static struct nr_flow_block *block_at(const struct nr_flow_ring *ring, uint64_t position)
{
	return (struct nr_flow_block *)(ring->blocks + position % ring->slots * ring->slot_bytes);
}

/* ---- writer ---- */

uint32_t nr_flow_ring_waiting(const struct nr_flow_ring *ring)
{
	uint64_t written = atomic_load_explicit(&ring->shared->written, memory_order_relaxed);
	return (uint32_t)(written - atomic_load_explicit(&ring->shared->read, memory_order_acquire));
}

static void publish(struct nr_flow_ring *ring, uint64_t written)
{
	const uint64_t one = 1;
	atomic_store_explicit(&ring->shared->written, written + 1, memory_order_release);
	(void)!write(ring->wake, &one, sizeof one); /* full: the reader is awake */
}

uint32_t nr_flow_ring_attach(struct nr_flow_ring *ring)
{
	uint64_t written = atomic_load(&ring->shared->written), read = atomic_load(&ring->shared->read);
	if (written - read > ring->slots) {
		atomic_store(&ring->shared->written, read);
		return 0;
	}
	const struct nr_flow_block *block = block_at(ring, written);
	if (atomic_load(&ring->shared->lent) != written + 1 || written - read == ring->slots ||
		block->room != NR_FLOW_ROOM || !block->count ||
		!nr_flow_block_is_sound(block, ring->slot_bytes))
		return 0;
	uint32_t count = block->count;
	publish(ring, written);
	return count;
}

struct nr_flow_block *nr_flow_ring_lend(struct nr_flow_ring *ring)
{
	uint64_t written = atomic_load_explicit(&ring->shared->written, memory_order_relaxed);
	struct nr_flow_block *block = block_at(ring, written);
	if (atomic_load_explicit(&ring->shared->lent, memory_order_relaxed) == written + 1)
		return block;
	if (nr_flow_ring_waiting(ring) >= ring->slots)
		return NULL;
	nr_flow_block_init(block, NR_FLOW_ROOM);
	atomic_store_explicit(&ring->shared->lent, written + 1, memory_order_release);
	return block;
}

void nr_flow_ring_publish(struct nr_flow_ring *ring)
{
	uint64_t written = atomic_load_explicit(&ring->shared->written, memory_order_relaxed);
	if (atomic_load_explicit(&ring->shared->lent, memory_order_relaxed) == written + 1 &&
		block_at(ring, written)->count)
		publish(ring, written);
}

/* ---- reader ---- */

int nr_flow_ring_socket(const struct nr_flow_ring *ring)
{
	return ring->wake;
}

/* The head first: what is copied then is decided by numbers that nobody else can change. */
static int copy(const struct nr_flow_ring *ring, const struct nr_flow_block *from, struct nr_flow_block *into)
{
	memcpy(into, from, offsetof(struct nr_flow_block, streams));
	if (into->room != NR_FLOW_ROOM || into->count > into->room || into->stream_count > NR_FLOW_STREAMS ||
		into->present >> NR_FLOW_COLUMNS)
		return -EBADMSG;
	memcpy(into->streams, from->streams, into->stream_count * sizeof *into->streams);
	for (uint64_t left = into->present; left; left &= left - 1) {
		unsigned column = (unsigned)__builtin_ctzll(left);
		const struct nr_flow_column_info *info = &nr_flow_columns[column];
		memcpy(nr_flow_column_at(into, column),
			(const char *)(from + 1) + (size_t)NR_FLOW_ROOM * info->before,
			(size_t)into->count * info->width);
	}
	return nr_flow_block_is_sound(into, ring->slot_bytes) ? 0 : -EBADMSG;
}

int nr_flow_ring_take(struct nr_flow_ring *ring, struct nr_flow_block *into)
{
	uint64_t count, written = atomic_load_explicit(&ring->shared->written, memory_order_acquire);
	if (written == ring->read) {
		(void)!read(ring->wake, &count, sizeof count);
		/* what was published since then wakes again, or is seen now */
		written = atomic_load_explicit(&ring->shared->written, memory_order_acquire);
		if (written == ring->read)
			return 0;
	}
	bool possible = written - ring->read <= ring->slots;
	int e = possible ? copy(ring, block_at(ring, ring->read), into) : -EBADMSG;
	ring->read = possible ? ring->read + 1 : written;
	if (e)
		nr_flow_block_init(into, NR_FLOW_ROOM);
	atomic_store_explicit(&ring->shared->read, ring->read, memory_order_release);
	return e ? e : 1;
}
