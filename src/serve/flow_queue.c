/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/flow_queue.h"

#include <time.h>

int nr_flow_queue_init(struct nr_flow_queue *q, struct nr_error *error)
{
	pthread_condattr_t monotonic;
	*q = (struct nr_flow_queue){.open = false};
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&q->filled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (unsigned i = 0; i < NR_FLOW_QUEUE_BLOCKS; i++) {
		int rc = nr_flow_block_new(NR_FLOW_ROOM, &q->blocks[i], error);
		if (rc)
			return rc;
		q->free[q->free_count++] = i;
	}
	return 0;
}

void nr_flow_queue_fini(struct nr_flow_queue *q)
{
	for (unsigned i = 0; i < NR_FLOW_QUEUE_BLOCKS; i++)
		nr_flow_block_free(q->blocks[i]);
	pthread_cond_destroy(&q->filled);
	pthread_mutex_destroy(&q->lock);
}

/* A block with room for `count` rows; NULL: none. */
static struct nr_flow_block *place_for(struct nr_flow_queue *q, uint32_t count, bool fresh)
{
	if (q->full_count && !fresh) {
		unsigned last = (q->full_first + q->full_count - 1) % NR_FLOW_QUEUE_BLOCKS;
		struct nr_flow_block *block = q->blocks[q->full[last]];
		if (block->room - block->count >= count)
			return block;
	}
	if (!q->free_count)
		return NULL;
	unsigned number = q->free[--q->free_count];
	q->full[(q->full_first + q->full_count++) % NR_FLOW_QUEUE_BLOCKS] = number;
	nr_flow_block_clear(q->blocks[number]);
	return q->blocks[number];
}

static bool put_rows(
	struct nr_flow_queue *q, const struct nr_flow_block *block, uint32_t from, uint32_t count)
{
	struct nr_flow_block *into = place_for(q, count, false);
	if (into && nr_flow_rows_copy(into, block, from, count) != 0) { /* too many streams */
		into = place_for(q, count, true);
		if (into && nr_flow_rows_copy(into, block, from, count) != 0)
			return false;
	}
	if (!into)
		return false;
	if (into->count == count)
		into->received_first = block->received_first;
	into->received_last = block->received_last;
	q->flows += count;
	return true;
}

void nr_flow_queue_put(struct nr_flow_queue *q, const struct nr_flow_block *block)
{
	pthread_mutex_lock(&q->lock);
	for (uint32_t from = 0; q->open && from < block->count;) {
		uint32_t count = NR_MIN(block->count - from, (uint32_t)NR_FLOW_ROOM);
		if (!put_rows(q, block, from, count))
			q->dropped += count;
		from += count;
	}
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

struct nr_flow_block *nr_flow_queue_take(struct nr_flow_queue *q)
{
	struct nr_flow_block *block = NULL;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&q->lock);
	if (!q->full_count)
		pthread_cond_timedwait(&q->filled, &q->lock, &until);
	if (q->full_count) {
		block = q->blocks[q->full[q->full_first]];
		q->full_first = (q->full_first + 1) % NR_FLOW_QUEUE_BLOCKS;
		q->full_count--;
		q->flows -= block->count;
		q->taken = block->count;
	}
	pthread_mutex_unlock(&q->lock);
	return block;
}

void nr_flow_queue_give(struct nr_flow_queue *q, struct nr_flow_block *block)
{
	unsigned number = 0;
	while (q->blocks[number] != block)
		number++;
	pthread_mutex_lock(&q->lock);
	q->free[q->free_count++] = number;
	q->taken = 0;
	pthread_mutex_unlock(&q->lock);
}

void nr_flow_queue_open(struct nr_flow_queue *q, bool open)
{
	pthread_mutex_lock(&q->lock);
	q->open = open;
	pthread_mutex_unlock(&q->lock);
}

void nr_flow_queue_wake(struct nr_flow_queue *q)
{
	pthread_mutex_lock(&q->lock);
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

void nr_flow_queue_state(struct nr_flow_queue *q, uint64_t *ret_waiting, uint64_t *ret_dropped)
{
	pthread_mutex_lock(&q->lock);
	*ret_waiting = q->flows + q->taken;
	*ret_dropped = q->dropped;
	pthread_mutex_unlock(&q->lock);
}
