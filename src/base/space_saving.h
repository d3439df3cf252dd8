/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SpaceSaving (Metwally, Agrawal, El Abbadi 2005): the most frequent of very many keys in a fixed number of
 * counters. After N additions a key's count is at most N / counters too high and never too low, and every key
 * that was added more often than that has a counter. Used by one thread; no pointers, so it may lie anywhere.
 */
#ifndef NR_BASE_SPACE_SAVING_H
#define NR_BASE_SPACE_SAVING_H

#include "base/base.h"

struct nr_space_counter {
	uint64_t key, count;
	uint64_t error; /* the count may be too high by so much */
};

struct nr_space_saving {
	uint64_t added; /* N */
	uint64_t seed;  /* keys are chosen by strangers */
	uint32_t capacity, used, slots;
	/* behind it: counters (a heap, the least first), the slot of each, and slots: counter + 1, 0 = empty
	 */
};

size_t nr_space_saving_bytes(uint32_t capacity);
/* At memory of that many bytes; seed: random. */
void nr_space_saving_init(struct nr_space_saving *saving, uint32_t capacity, uint64_t seed);
/* Makes one sound whose process ended while it added, at the cost of that addition. */
void nr_space_saving_resume(struct nr_space_saving *saving, uint32_t capacity);
/* Answers the key's counter, until the next addition. */
const struct nr_space_counter *nr_space_saving_add(
	struct nr_space_saving *saving, uint64_t key, uint64_t count);
/* NULL: none has it. */
const struct nr_space_counter *nr_space_saving_find(const struct nr_space_saving *saving, uint64_t key);
/* Counter `index` of saving->used, in no order. */
const struct nr_space_counter *nr_space_saving_at(const struct nr_space_saving *saving, uint32_t index);

#endif
