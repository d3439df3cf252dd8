/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/traffic_sums.h"

#include <errno.h>
#include <string.h>

#define SLOTS (NR_FLOW_SUMS_ROOM * 2u)

int nr_flow_sums_init(struct nr_flow_sums *sums)
{
	*sums = (struct nr_flow_sums){.items = calloc(NR_FLOW_SUMS_ROOM, sizeof *sums->items),
		.slots = calloc(SLOTS, sizeof *sums->slots)};
	return sums->items && sums->slots ? 0 : -ENOMEM;
}

void nr_flow_sums_fini(struct nr_flow_sums *sums)
{
	free(sums->items);
	free(sums->slots);
	*sums = (struct nr_flow_sums){0};
}

void nr_flow_sums_clear(struct nr_flow_sums *sums)
{
	memset(sums->slots, 0, SLOTS * sizeof *sums->slots);
	sums->count = sums->recent = 0;
	sums->other = (struct nr_flow_amount){0};
}

static uint32_t slot_of(const struct nr_flow_sums *sums, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t slot = (uint32_t)(mixed >> 40) & (SLOTS - 1);
	while (sums->slots[slot] && sums->items[sums->slots[slot] - 1].key != key)
		slot = (slot + 1) & (SLOTS - 1);
	return slot;
}

static int by_bytes(const void *a, const void *b)
{
	const struct nr_flow_key_sum *x = a, *y = b;
	if (x->amount.bytes != y->amount.bytes)
		return x->amount.bytes > y->amount.bytes ? -1 : 1;
	if (x->amount.flows != y->amount.flows)
		return x->amount.flows > y->amount.flows ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void find_again(struct nr_flow_sums *sums)
{
	memset(sums->slots, 0, SLOTS * sizeof *sums->slots);
	for (uint32_t i = 0; i < sums->count; i++)
		sums->slots[slot_of(sums, sums->items[i].key)] = i + 1;
}

void nr_flow_sums_sort(struct nr_flow_sums *sums)
{
	qsort(sums->items, sums->count, sizeof *sums->items, by_bytes);
	find_again(sums);
}

static void merge_smaller(struct nr_flow_sums *sums)
{
	qsort(sums->items, sums->count, sizeof *sums->items, by_bytes);
	for (uint32_t i = NR_FLOW_SUMS_ROOM / 2; i < sums->count; i++)
		nr_flow_amount_add(&sums->other, &sums->items[i].amount);
	sums->merged += sums->count - NR_FLOW_SUMS_ROOM / 2;
	sums->count = NR_FLOW_SUMS_ROOM / 2;
	find_again(sums);
}

void nr_flow_sums_add(struct nr_flow_sums *sums, uint64_t key, const struct nr_flow_amount *amount)
{
	if (sums->recent < sums->count && sums->items[sums->recent].key == key) {
		nr_flow_amount_add(&sums->items[sums->recent].amount, amount);
		return;
	}
	uint32_t slot = slot_of(sums, key);
	if (!sums->slots[slot]) {
		if (sums->count == NR_FLOW_SUMS_ROOM) {
			merge_smaller(sums);
			slot = slot_of(sums, key);
		}
		sums->items[sums->count] = (struct nr_flow_key_sum){.key = key};
		sums->slots[slot] = ++sums->count;
	}
	sums->recent = sums->slots[slot] - 1;
	nr_flow_amount_add(&sums->items[sums->recent].amount, amount);
}
