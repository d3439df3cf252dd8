/* SPDX-License-Identifier: Apache-2.0 */
#include "sense/flow/detect/table/sketch.h"

#include <math.h>

/* Of 32 bits: 6 choose the register, the zeros that begin the other 26 are its rank. */
static bool add_register(struct nr_flow_sketch *sketch, uint32_t item)
{
	uint32_t index = item >> 26;
	uint8_t rank = (uint8_t)(__builtin_clz(item << 6 | 1u << 5) + 1);
	if (sketch->registers[index] >= rank)
		return false;
	sketch->registers[index] = rank;
	return true;
}

static void become_many(struct nr_flow_sketch *sketch)
{
	struct nr_flow_sketch many = {.few = {0}};
	for (unsigned i = 0; i < NR_FLOW_FEW; i++)
		add_register(&many, sketch->few[i]);
	*sketch = many;
}

static bool add_item(struct nr_flow_sketch *sketch, uint8_t *few, uint32_t item)
{
	if (*few == NR_FLOW_MANY)
		return add_register(sketch, item);
	bool found = false;
	for (unsigned i = 0; i < NR_FLOW_FEW; i++) /* without a branch: four comparisons of 16 bytes */
		found |= sketch->few[i] == item;
	if (found)
		return false;
	if (*few < NR_FLOW_FEW) {
		sketch->few[(*few)++] = item;
		return true;
	}
	become_many(sketch);
	*few = NR_FLOW_MANY;
	add_register(sketch, item);
	return true;
}

bool nr_flow_sketch_add(struct nr_flow_sketch *sketch, uint8_t *few, uint64_t hash)
{
	uint32_t item = (uint32_t)(hash >> 32);
	return add_item(sketch, few, item ? item : 1); /* 0 is an empty place */
}

double nr_flow_sketch_count(const struct nr_flow_sketch *sketch, uint8_t few)
{
	if (few != NR_FLOW_MANY)
		return few;
	double sum = 0;
	unsigned zeros = 0;
	for (unsigned i = 0; i < NR_FLOW_REGISTERS; i++) {
		sum += ldexp(1, -sketch->registers[i]);
		zeros += !sketch->registers[i];
	}
	double m = NR_FLOW_REGISTERS, estimate = 0.709 * m * m / sum;
	return estimate <= 2.5 * m && zeros ? m * log(m / zeros) : estimate;
}

void nr_flow_sketch_merge(
	struct nr_flow_sketch *into, uint8_t *into_few, const struct nr_flow_sketch *from, uint8_t few)
{
	if (few == NR_FLOW_MANY && *into_few != NR_FLOW_MANY) {
		struct nr_flow_sketch items = *into;
		uint8_t count = *into_few;
		*into = *from;
		*into_few = NR_FLOW_MANY;
		for (unsigned i = 0; i < count; i++)
			add_register(into, items.few[i]);
		return;
	}
	for (unsigned i = 0; few == NR_FLOW_MANY && i < NR_FLOW_REGISTERS; i++)
		into->registers[i] = NR_MAX(into->registers[i], from->registers[i]);
	for (unsigned i = 0; few != NR_FLOW_MANY && i < few; i++)
		add_item(into, into_few, from->few[i]);
}
